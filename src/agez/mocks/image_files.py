"""Mock images in a folder: a FITS file a band as surveys write them, and the truth kept beside."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table

from agez.label_types import Galaxies
from agez.mocks.image_light import galaxy_tiles
from agez.mocks.images import MockImages, make_mock_images
from agez.mocks.plan import SurveyPlan
from agez.mocks.survey_files import GALAXIES_FILE, galaxy_columns
from agez.photometry.filters import FilterSet
from agez.photometry.synthesis import AB_ZERO_POINT_MICROJANSKY
from agez.runtime.files import make_folder, whole_file
from agez.runtime.progress import progress
from agez.spectra.templates import SSPGrid
from agez.tables.table_files import table_hdu, write_fits

TRUTH_FOLDER = "truth"
#: What the images of a survey of this command are like: pixels of J-PLUS and S-PLUS; sizes and PSFs near theirs
#: (Cenarro et al. 2019, A&A 622, A176: FWHM 1.1 arcsec in r, most below 1.5).
PIXEL_ARCSEC, SHAPE, PSF_RANGE_ARCSEC, PSF_BETA = 0.55, (100, 100), (1.0, 1.6), 3.5
#: Redshifts, effective radii [arcsec] of galaxies that are resolved and fit on the image, S/N at 1 Re, stars.
REDSHIFTS, RE_ARCSEC, SNR_RANGE, MAX_STARS = (0.02, 0.05), (6.0, 10.0), (5.0, 50.0), 4
#: Sigma of the kernel that shares noise [pixel], share of bad pixels, rms of the background [sigma], AB zero points.
NOISE_KERNEL, BAD_SHARE, SKY_SIGMA, ZERO_POINTS = 0.5, 5e-4, 0.1, (23.0, 26.0)
#: Units of the maps of the truth, light a pixel.
_UNITS = {"light": "1e-16 erg / (s cm2 Angstrom)", "log_age_lw": "dex", "mh_lw": "dex", "av": "mag"}
#: Tiles that a galaxy is painted with, on average.
TILES = 400


def make_survey_images(
    plan: SurveyPlan,
    index: int,
    grid: SSPGrid,
    filters: FilterSet,
    *,
    snr: float | None = None,
    shape: tuple[int, int] = SHAPE,
    reference: str | None = None,
) -> MockImages:
    """Galaxy ``index`` of a mock survey as images, with all that differs from one to the next drawn for it.

    Redshift, size, PSF of each band, background left, zero points, number of stars and, unless given, S/N (evenly in
    its logarithm) are drawn: a function of the arguments alone.
    """
    rng = np.random.default_rng([plan.seed, 3, index])
    redshift = float(rng.uniform(*REDSHIFTS))
    drawn = 10 ** rng.uniform(*np.log10(SNR_RANGE))
    psf = rng.uniform(*PSF_RANGE_ARCSEC, len(filters))
    zero_point, sky = rng.uniform(*ZERO_POINTS, len(filters)), rng.normal(0, SKY_SIGMA, len(filters))
    n_stars = int(rng.integers(MAX_STARS + 1))
    re_arcsec = float(rng.uniform(*RE_ARCSEC))
    tiles = galaxy_tiles(plan, index, grid, filters, redshift=redshift, re_arcsec=re_arcsec)
    return make_mock_images(
        tiles, filters, pixel_arcsec=PIXEL_ARCSEC, shape=shape, psf_fwhm_arcsec=psf, psf_beta=PSF_BETA,
        snr=drawn if snr is None else snr, reference=reference, rng=rng, sky=sky, noise_kernel=NOISE_KERNEL,
        n_stars=n_stars, bad_share=BAD_SHARE, zero_point=zero_point,
    )  # fmt: skip


def write_image_survey(
    folder: str | os.PathLike[str],
    plan: SurveyPlan,
    grid: SSPGrid,
    filters: FilterSet,
    *,
    indices: Sequence[int] | None = None,
    snr: float | None = None,
    shape: tuple[int, int] = SHAPE,
) -> list[Path]:
    """Make galaxies as images and write them: a folder a galaxy, ``galaxies.fits``, and ``truth/`` a file a galaxy.

    Returns
    -------
    list of Path
        The galaxies' folders.
    """
    folder = make_folder(folder)
    truth = make_folder(folder / TRUTH_FOLDER)
    wanted = list(range(len(plan))) if indices is None else list(indices)
    written, galaxies = [], []
    for index in progress(wanted, title="mock images"):
        made = make_survey_images(plan, index, grid, filters, snr=snr, shape=shape)
        name = str(made.galaxies.galaxy_id[0])
        write_mock_images(folder / name, made)
        write_truth_maps(truth / f"{name}.fits", made)
        written.append(folder / name)
        galaxies.append(made.galaxies)
    about: dict[str, object] = {"SEED": (plan.seed, "of the mock survey"), "TEMPLATE": (grid.name[:60], "")}
    table = Table(galaxy_columns(Galaxies.concatenate(galaxies)))
    write_fits(folder / GALAXIES_FILE, [table_hdu(table, name="GALAXIES", header=about)])
    return written


def write_mock_images(folder: str | os.PathLike[str], made: MockImages) -> list[Path]:
    """Write a FITS file a band, as surveys do: SCI in counts, WEIGHT (inverse variance of the sky), MASK (1 = bad).

    The header has the band, the AB zero point, the gain (photons of the source are not in the weights), FWHM and
    exponent of the PSF, and the WCS.  The noise of neighbours is shared, and nothing says so, as in surveys' files.
    """
    folder = make_folder(folder)
    images, name = made.images, str(made.galaxies.galaxy_id[0])
    written = []
    for b, band in enumerate(images.bands.names):
        counts = float(10 ** (0.4 * (made.zero_point[b] - AB_ZERO_POINT_MICROJANSKY)))  # of a microjansky
        header = images.wcs.to_header()
        header["OBJECT"] = name
        header["SURVEY"] = (images.meta["survey"], "made by agez: not observed")
        header["FILTER"] = band
        header["BUNIT"] = "adu"
        header["MAGZP"] = (float(made.zero_point[b]), "[mag] AB")
        header["MAGSYS"] = "AB"
        header["GAIN"] = (float(made.model.gain[b] / counts), "photons a count")
        header["PSFFWHM"] = (float(images.psf_fwhm_arcsec[b]), "[arcsec]")
        if made.psf_beta is not None:
            header["PSFBETA"] = (made.psf_beta, "exponent of its Moffat profile")
        weight = np.where(images.mask[b], 0.0, (made.model.sky[b] * counts) ** -2.0)
        parts = fits.HDUList(
            [
                fits.PrimaryHDU(),
                fits.ImageHDU((images.flux[b] * counts).astype(np.float32), header, name="SCI"),
                fits.ImageHDU(weight.astype(np.float32), images.wcs.to_header(), name="WEIGHT"),
                fits.ImageHDU(images.mask[b].astype(np.uint8), images.wcs.to_header(), name="MASK"),
            ]
        )
        written.append(folder / f"{name}_{band}.fits")
        with whole_file(written[-1]) as part:
            parts.writeto(part)
    return written


def write_truth_maps(path: str | os.PathLike[str], made: MockImages) -> None:
    """Write what is true of a mock galaxy's images.

    Image extensions: ``LIGHT`` (at 5500 A, behind dust), ``LOG_AGE_LW``, ``MH_LW``, ``AV`` before the atmosphere, the
    same with ``_SEEN`` through the widest PSF, ``R_RE``; ``FLUX``, a cube, the galaxy alone in each band through
    its PSF [microjansky]; tables ``BANDS`` (PSF, sky, zero point, noise), ``STARS`` and ``GALAXIES``.
    """
    images = made.images
    header = images.wcs.to_header()
    parts: list[fits.ImageHDU] = []
    for suffix, truth in (("", made.truth), ("_SEEN", made.truth_seen)):
        for name in ("light", "log_age_lw", "mh_lw", "av"):
            parts.append(fits.ImageHDU(getattr(truth, name), header, name=name.upper() + suffix))
            parts[-1].header["BUNIT"] = _UNITS[name]
    parts.append(fits.ImageHDU(made.r_re, header, name="R_RE"))
    parts.append(fits.ImageHDU(made.noiseless.astype(np.float32), header, name="FLUX"))
    parts[-1].header["BUNIT"] = "uJy"
    bands = {
        "band": np.array(images.bands.names),
        "psf_fwhm": images.psf_fwhm_arcsec,
        "sky": made.sky,
        "sky_sigma": made.model.sky,
        "gain": made.model.gain,
        "zero_point": made.zero_point,
    }
    sky = images.wcs.pixel_to_world(made.stars.x_pixel, made.stars.y_pixel)
    stars = {
        "x_pixel": made.stars.x_pixel,
        "y_pixel": made.stars.y_pixel,
        "ra": sky.ra.deg,
        "dec": sky.dec.deg,
        "flux": made.stars.flux,
    }
    tables = [("BANDS", bands), ("STARS", stars), ("GALAXIES", galaxy_columns(made.galaxies))]
    write_fits(path, [*parts, *(table_hdu(Table(columns), name=name) for name, columns in tables)])
