"""Images of a galaxy, one file a band, on one grid of pixels and in microjansky per pixel."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from agez.arguments import check_paths, number_in
from agez.errors import AgezError
from agez.images.alignment import most_common_grid, not_aligned
from agez.images.band_images import BandImage, cut_out, in_microjansky, psf_in_header
from agez.images.band_of_file import band_of_file, filter_set_of
from agez.images.band_tables import ByBand, band_numbers
from agez.images.image_extensions import Role
from agez.images.image_files import (
    ImageHeaders,
    headers_of,
    image_files,
    read_raw_image,
    role_in_name,
    siblings,
    stem_without_role,
)
from agez.images.image_set import ImageSet
from agez.images.noise_correlation import WHITE
from agez.images.resampling import resample
from agez.photometry.filters import FilterSet, load_filters
from agez.runtime.finished_work import input_record
from agez.types import Floats

Paths = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]


def read_images(
    inputs: Paths,
    *,
    filters: str | FilterSet | None = None,
    zero_points: ByBand | None = None,
    psf_fwhm: ByBand | None = None,
    band_of: Mapping[str, str] | None = None,
    extension: str | None = None,
    center: tuple[float, float] | None = None,
    size_arcsec: float | None = None,
    reproject: bool = False,
    source_noise: bool = True,
    redshift: float | None = None,
    model_set: str | None = None,
) -> ImageSet:
    """Read one FITS image for each band (``.fits``, ``.fits.gz``, compressed ``.fz``), coadds or cut-outs.

    *Which band* a file is: see :func:`agez.images.band_of_file.band_of_file`.

    *What belongs to an image*: extensions of its file, and files in its folder whose names differ only by a word,
    say weight (inverse variance), error, variance or mask (not 0: do not use): see
    :data:`agez.images.image_extensions.ROLE_WORDS`.  Pixels that are not finite, have a weight or variance that is not
    positive, or are in a mask, are masked.  Weights are inverse variances of the background, as SWarp makes them for
    J-PLUS and S-PLUS: of counts whose header has a ``GAIN``, and of electrons, the noise of the source itself,
    max(value, 0) / electrons a unit, is added, as S-PLUS's own S-Cubes do
    (:func:`agez.images.pixel_units.electrons_per_unit`); ``source_noise=False`` leaves that.

    *Units*: see :func:`agez.images.pixel_units.pixel_unit`.

    Parameters
    ----------
    inputs : path, or sequence of paths
        A folder, or files.
    filters : str or FilterSet, optional
        The filter set; None: as the headers say (survey, instrument), or by bands that only one set has.
    zero_points : mapping of band to number, or path of a table, optional
        AB magnitude of a pixel value of 1; the table has the columns ``band`` and ``zero_point``.
    psf_fwhm : number, mapping or path of a table, optional
        FWHM of the PSF [arcsec], of all bands or of each (columns ``band``, ``psf_fwhm``); it counts before the
        header's.
    band_of : mapping, optional
        File name to band, where neither header nor name say it.
    extension : str, optional
        The science image in every file, where names do not tell: a name, ``NAME,VERSION``, or a number (0: primary).
    center, size_arcsec : (ra, dec) [degree] and float, optional
        Read only a square of that size around that place.
    reproject : bool
        Resample images that are not on the grid that most of them share, instead of refusing them.
    redshift : float, optional
        Of the galaxy, kept in ``meta``.
    model_set : str, optional
        Filter set of the model that is to answer: taken where nothing says the images' and their bands are in it.

    Returns
    -------
    ImageSet
        ``flux_err`` is NaN in bands without weight or error; ``psf_fwhm_arcsec`` is NaN where nothing says it;
        ``meta``: ``object``, ``redshift``, ``units``, ``missing_bands``, ``remarks``, ``psf_beta``, and ``inputs``:
        name, size and SHA-256 of each file that was read.

    Raises
    ------
    AgezError
        That names the file: an unknown band, two files of one band, no unit, no WCS, another size or WCS, an image
        that cannot be read; also if nothing is left that could be used.

    Examples
    --------
    >>> import numpy as np
    >>> import agez
    >>> filters = agez.load_filters("splus").select(["J0410", "J0430", "gSDSS", "J0515", "rSDSS", "J0660", "iSDSS"])
    >>> tiles = agez.galaxy_tiles(agez.survey_plan(1, 200), 0, agez.load_templates("made-up"), filters, redshift=0.03)
    >>> see = dict(pixel_arcsec=1.0, shape=(48, 48), psf_fwhm_arcsec=1.5, snr=30, rng=np.random.default_rng(1))
    >>> made = agez.make_mock_images(tiles, filters, **see)
    >>> from agez.mocks.image_files import write_mock_images
    >>> paths = write_mock_images("ngc1", made)
    >>> images = agez.read_images("ngc1", filters="splus", redshift=0.03)
    >>> images.bands.names[:3]
    ('J0410', 'J0430', 'gSDSS')
    """
    size_arcsec = number_in(size_arcsec, "arcsec", name="size_arcsec", optional=True)
    redshift = number_in(redshift, "redshift", name="redshift", optional=True)
    if (center is None) != (size_arcsec is None):
        raise AgezError("images: the square to read needs --centre and --size; give both or none")
    known_headers = ImageHeaders()
    paths = image_files(check_paths("read_images", "inputs", inputs), known_headers)
    science = [path for path in paths if role_in_name(path) is None]
    if not science:
        raise AgezError(f"{paths[0]}: only weights, errors or masks are given; give the images, too")
    headers = [headers_of(path, known_headers, extension=extension) for path in science]
    named = filter_set_of(science, headers, model_set=model_set) if filters is None else filters
    filter_set = load_filters(named) if isinstance(named, str) else named
    files = _by_band(science, headers, filter_set, band_of or {})
    beside = _beside(science, [path for path in paths if role_in_name(path) is not None])
    zero_point = band_numbers(zero_points, "zero_point", filter_set.names)
    fwhm = band_numbers(psf_fwhm, "psf_fwhm", filter_set.names)
    remarks: list[str] = []
    inputs_read = [
        input_record(table, what)
        for table, what in ((zero_points, "zero points"), (psf_fwhm, "PSFs"))
        if isinstance(table, str | os.PathLike)
    ]
    read: list[BandImage] = []
    for name in (one for one in filter_set.names if one in files):
        others = beside[files[name]]
        raw = read_raw_image(files[name], known_headers, beside=others, extension=extension)
        inputs_read.append(input_record(files[name], f"image of {name}"))
        inputs_read += [input_record(other, f"{role} of {name}") for role, other in others.items()]
        if center is not None and size_arcsec is not None:
            raw = cut_out(raw, center, size_arcsec)
        pivot = filter_set.bands.pivot_angstrom[filter_set.names.index(name)]
        band = in_microjansky(
            name, raw, zero_point=zero_point.get(name), pivot_angstrom=pivot, source_noise=source_noise
        )
        if band.mask.all():
            remarks.append(f"band {name} is left out: {raw.path} has no usable pixel (weights or values are all bad)")
        else:
            read.append(band)
            remarks += [band.remark] if band.remark else []
    if not read:
        raise AgezError(f"{science[0].parent}: no image has a usable pixel; {remarks[0]}")
    images = _on_one_grid(read, filter_set, remarks=remarks, reproject=reproject)
    psf, beta = _psf(read, fwhm)
    known = {band.name for band in read}
    meta: dict[str, Any] = {
        "object": _common([band.raw.headers for band in read], "OBJECT"),
        "redshift": redshift,
        "units": {band.name: band.unit for band in read},
        "inputs": inputs_read,
        "beside": {band.name: list(band.raw.beside) for band in read},
        "missing_bands": [name for name in filter_set.names if name not in known],
        "psf_beta": beta,
        "remarks": remarks,
    }
    return replace(images, psf_fwhm_arcsec=psf, meta=meta)


def _by_band(
    science: Sequence[Path], headers: Sequence[Sequence[Any]], filter_set: FilterSet, band_of: Mapping[str, str]
) -> dict[str, Path]:
    """The one science image of each band; AgezError that names both files where there are two."""
    unused = [name for name in band_of if name not in {str(p) for p in science} | {p.name for p in science}]
    if unused:
        raise AgezError(f"--band-of names {unused[0]}, which is none of the images")
    files: dict[str, Path] = {}
    for path, of_file in zip(science, headers, strict=True):
        band = band_of_file(path, of_file, filter_set.names, band_of=band_of)
        if band in files:
            raise AgezError(f"{path} and {files[band]} are both of band {band}; keep one")
        files[band] = path
    return files


def _beside(science: Sequence[Path], others: Sequence[Path]) -> dict[Path, dict[Role, Path]]:
    """What stands beside each image: files of its folder, and those that the user lists, wherever they are."""
    found = siblings(science)
    by_stem = {stem_without_role(path): path for path in science}
    for other in others:
        image = by_stem.get(stem_without_role(other))
        role = role_in_name(other)
        if image is None and role == "mask" and all(set(stem_without_role(other)) <= set(stem) for stem in by_stem):
            for layers in found.values():  # no word of its name is of one band alone: it is the mask of all
                layers.setdefault("mask", other)
            continue
        if image is None or role is None:
            raise AgezError(
                f"{other}: its name says {role}, and no image has the same name without that word; rename it after its "
                f"image (IMAGE_{role}.fits), or leave it out"
            )
        if found[image].setdefault(role, other) != other:
            raise AgezError(f"{image}: two files of {role}: {found[image][role]} and {other}; keep one")
    return found


def _on_one_grid(read: Sequence[BandImage], filter_set: FilterSet, *, remarks: list[str], reproject: bool) -> ImageSet:
    """All bands on the grid that most of them share: the others are resampled, or refused."""
    first = most_common_grid([band.raw.wcs for band in read], [band.flux.shape for band in read])
    shape, wcs = read[first].flux.shape, read[first].raw.wcs
    flux = np.empty((len(read), *shape), dtype=np.float32)
    error = np.empty_like(flux)
    mask = np.empty(flux.shape, dtype=bool)
    noise: list[Floats] = []
    for number, band in enumerate(read):
        like = str(read[first].raw.path)
        problem = not_aligned(str(band.raw.path), band.flux.shape, band.raw.wcs, like, shape, wcs)
        if problem is not None and not reproject:
            raise problem
        if problem is None:
            flux[number], variance, mask[number] = band.flux, band.variance, band.mask
            noise.append(WHITE)
        else:
            done = resample(band.flux, band.variance, band.mask, band.raw.wcs, wcs, shape, source=str(band.raw.path))
            flux[number], variance, mask[number] = done.flux, done.variance, done.mask
            noise.append(done.noise)
            remarks.append(
                f"band {band.name} is resampled onto the pixels of {like}: variance of a pixel times "
                f"{done.variance_factor:.3f}, noise of neighbours correlated"
            )
        error[number] = np.sqrt(variance)
    return ImageSet(
        filter_set.bands.select([band.name for band in read]), flux, error, mask, wcs, np.full(len(read), np.nan),
        tuple(noise), tuple(str(band.raw.path) for band in read),
    )  # fmt: skip


def _psf(read: Sequence[BandImage], given: Mapping[str, float]) -> tuple[Floats, dict[str, float]]:
    """FWHM [arcsec] of each band, and the Moffat exponents that headers say."""
    fwhm, beta = np.full(len(read), np.nan), {}
    for number, band in enumerate(read):
        in_header, exponent = psf_in_header(band.raw)
        fwhm[number] = given.get(band.name, in_header)
        if np.isfinite(exponent) and band.name not in given:
            beta[band.name] = exponent
    return fwhm, beta


def _common(headers: Sequence[Sequence[Any]], keyword: str) -> str:
    """What the headers of all files say alike under a keyword; '' otherwise."""
    found = {str(next((h[keyword] for h in of_file if keyword in h), "")).strip() for of_file in headers}
    return found.pop() if len(found) == 1 else ""
