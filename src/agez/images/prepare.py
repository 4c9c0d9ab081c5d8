"""From images as they were read to images that can be measured: background, noise, stars, PSF, in this order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from agez.arguments import takes
from agez.errors import AgezError
from agez.images.alignment import pixel_size_arcsec
from agez.images.background import Background, subtract_background
from agez.images.detection import DeepImage, deep_image, source_mask
from agez.images.image_set import ImageSet
from agez.images.psf import match_psf
from agez.images.psf_stars import measure_psf
from agez.images.sky_level import sky_remarks, without_far_levels
from agez.images.sky_noise import Noise, empirical_noise
from agez.images.stars import galaxy_centre, mask_stars
from agez.runtime.finished_work import input_record
from agez.sky_offsets import pixels_of_sky


@dataclass(frozen=True)
class ImageSettings:
    """What is done to images before regions are measured.

    Attributes
    ----------
    background : 'auto', 'none', 'constant' or 'map'
        See :func:`agez.images.background.subtract_background`.
    noise : 'auto', 'given' or 'measure'
        See :func:`agez.images.sky_noise.empirical_noise`.
    stars : bool
        Whether to look for stars and mask them.
    star_catalogue : path or None
        Stars to be masked in any case: see :func:`agez.images.stars.mask_stars`.
    center : (ra, dec) or None
        Of the galaxy [degree]; None: found.
    match_psf : bool
        Whether all bands get the PSF of the worst.
    max_psf_arcsec : float or None
        Bands with a wider PSF are left out.
    """

    background: Background = "auto"
    noise: Noise = "auto"
    stars: bool = True
    star_catalogue: str | Path | None = None
    center: tuple[float, float] | None = None
    match_psf: bool = True
    max_psf_arcsec: float | None = None


@takes("prepare_images", images="ImageSet")
def prepare(images: ImageSet, *, settings: ImageSettings | None = None) -> ImageSet:
    """Background off, noise measured, stars masked, PSFs matched.

    Parameters
    ----------
    images : ImageSet
        As read.

    Returns
    -------
    ImageSet
        ``meta`` says what was done (``background``, ``noise``, ``stars``, ``psf``, ``remarks``) and has the galaxy's
        ``centre`` (x, y) [pixel] and whether it was ``given`` or ``found`` (``centre_from``).

    Raises
    ------
    AgezError
        As the steps do; also if the galaxy is not on the image, or its extent is below the worst PSF's FWHM.

    Examples
    --------
    >>> import numpy as np
    >>> import agez
    >>> filters = agez.load_filters("splus").select(["J0410", "J0430", "gSDSS", "J0515", "rSDSS", "J0660", "iSDSS"])
    >>> tiles = agez.galaxy_tiles(agez.survey_plan(1, 200), 0, agez.load_templates("made-up"), filters, redshift=0.03)
    >>> see = dict(pixel_arcsec=1.0, shape=(48, 48), psf_fwhm_arcsec=1.5, snr=30, rng=np.random.default_rng(1))
    >>> made = agez.make_mock_images(tiles, filters, **see)
    >>> images = agez.prepare_images(made.images)
    >>> sorted(images.meta)[:4]
    ['background', 'centre', 'centre_from', 'noise']
    """
    settings = settings or ImageSettings()
    if images.mask.all():
        raise AgezError(f"{images.sources[0]} and the other bands' images have no usable pixel: all are masked")
    if settings.max_psf_arcsec is not None:
        images = _without_wide_psf(images, settings.max_psf_arcsec)
    deep = deep_image(images)
    level = without_far_levels(images, deep.sigma)
    sources = source_mask(level, deep=deep if level is images else deep_image(level, sigma=deep.sigma))
    done = subtract_background(
        images, how=settings.background, sources=None if settings.background == "none" else sources
    )
    remarks = [*done.meta.get("remarks", []), *sky_remarks(images, done, sources, deep.sigma), *_small_psf(images)]
    images = replace(done, meta={**done.meta, "remarks": remarks})
    images = empirical_noise(images, how=settings.noise, sources=None if settings.noise == "given" else sources)
    if settings.match_psf and not np.isfinite(images.psf_fwhm_arcsec).all():
        images = measure_psf(images)
    deep = deep_image(images)
    centre = _centre(images, settings.center, deep)
    how = "found" if settings.center is None else "given"
    images = replace(images, meta={**images.meta, "centre": centre, "centre_from": how})
    if settings.stars or settings.star_catalogue is not None:
        images = mask_stars(images, catalogue=settings.star_catalogue, keep=centre, find=settings.stars, deep=deep)
    if settings.star_catalogue is not None:
        inputs = [*images.meta.get("inputs", []), input_record(settings.star_catalogue, "stars")]
        images = replace(images, meta={**images.meta, "inputs": inputs})
    if settings.match_psf:
        deep = deep_image(images) if images.meta.get("stars") else deep
        _check_galaxy_is_resolved(images, deep, centre)
        images = match_psf(images, deep=deep)
    return images


def select_bands(images: ImageSet, names: list[str]) -> ImageSet:
    """Only some bands, in that order."""
    at = images.bands.index(names)
    return replace(
        images, bands=images.bands.select(names), flux=images.flux[at], flux_err=images.flux_err[at],
        mask=images.mask[at], psf_fwhm_arcsec=images.psf_fwhm_arcsec[at],
        noise=tuple(images.noise[i] for i in at), sources=tuple(images.sources[i] for i in at),
    )  # fmt: skip


def _small_psf(images: ImageSet) -> list[str]:
    """That PSFs are smaller than a pixel, which no telescope's images are sampled by."""
    size, fwhm = pixel_size_arcsec(images.wcs), images.psf_fwhm_arcsec
    small = [name for name, one in zip(images.bands.names, fwhm, strict=True) if one < size]
    if not small:
        return []
    return [
        f"the PSF of {len(small)} of {len(fwhm)} bands ({', '.join(small)}; {np.nanmin(fwhm):.2f} arcsec) is smaller "
        f"than a pixel of {size:.2f} arcsec: check the scale of the WCS, and the PSF's unit"
    ]


def _without_wide_psf(images: ImageSet, limit: float) -> ImageSet:
    """Without the bands whose PSF is known to be wider than the limit [arcsec], with a remark for each."""
    wide = images.psf_fwhm_arcsec > limit
    if not wide.any():
        return images
    if wide.all():
        raise AgezError(f"{images.sources[0]}: all bands have a PSF wider than {limit:g} arcsec (--max-psf)")
    remarks = list(images.meta.get("remarks", []))
    names = images.bands.names
    for b in np.flatnonzero(wide):
        remarks.append(
            f"band {names[b]} is left out: PSF of {images.psf_fwhm_arcsec[b]:.2f} arcsec in {images.sources[b]}"
        )
    kept = select_bands(images, [name for name, out in zip(names, wide, strict=True) if not out])
    missing = [*images.meta.get("missing_bands", []), *(names[b] for b in np.flatnonzero(wide))]
    return replace(kept, meta={**images.meta, "remarks": remarks, "missing_bands": missing})


def _centre(images: ImageSet, given: tuple[float, float] | None, deep: DeepImage) -> tuple[float, float]:
    if given is None:
        return galaxy_centre(images, deep=deep)
    from astropy.coordinates import SkyCoord

    x, y = (float(part) for part in pixels_of_sky(images.wcs, SkyCoord(*given, unit="deg")))
    ny, nx = images.shape
    if not (-0.5 <= x < nx - 0.5 and -0.5 <= y < ny - 0.5):
        raise AgezError(f"{images.sources[0]}: the galaxy's centre {given[0]:.5f} {given[1]:+.5f} is not on the images")
    return x, y


def _check_galaxy_is_resolved(images: ImageSet, deep: DeepImage, centre: tuple[float, float]) -> None:
    """AgezError that names the file of the worst PSF, if the galaxy's extent is no larger than that."""
    if not np.isfinite(images.psf_fwhm_arcsec).all():
        return  # match_psf says what is missing
    worst = int(np.argmax(images.psf_fwhm_arcsec))
    target = float(images.psf_fwhm_arcsec[worst])
    extent = galaxy_extent_arcsec(images, deep, centre)
    if extent is not None and target > extent:
        raise AgezError(
            f"{images.sources[worst]}: with this band all are brought to a PSF of {target:.2f} arcsec FWHM, wider than "
            f"the galaxy ({extent:.1f} arcsec across); leave the band out (--max-psf), or map another galaxy"
        )


def galaxy_extent_arcsec(images: ImageSet, deep: DeepImage, centre: tuple[float, float]) -> float | None:
    """Diameter [arcsec] of a circle with the area of the source around the centre; None if there is none."""
    from scipy import ndimage

    labels, _ = ndimage.label(source_mask(images, deep=deep, grow=0))
    label = labels[round(centre[1]), round(centre[0])]
    if not label:
        return None
    return float(2 * np.sqrt((labels == label).sum() / np.pi) * pixel_size_arcsec(images.wcs))
