"""Photometric cubes: all bands of a galaxy in one file, as S-PLUS's S-Cubes are."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.io import fits

from agez.errors import AgezError
from agez.images.band_of_file import sets_in_headers
from agez.images.image_set import ImageSet
from agez.images.noise_correlation import WHITE
from agez.images.pixel_units import refuse_logarithms
from agez.photometry.filters import FilterSet, load_filters
from agez.photometry.names import canonical_band_name, find_band
from agez.runtime.files import check_input
from agez.runtime.finished_work import input_record
from agez.sky_offsets import celestial_wcs
from agez.surveys.registry import surveys
from agez.tables.table_columns import number_column, text_column
from agez.tables.table_files import hdu_to_table, open_fits
from agez.types import Floats

#: Names of the parts, in S-Cubes of all versions and in files alike.
_DATA = ("DATA", "FLUX", "SCI")
_ERRORS = ("ERRORS", "ERROR", "ERR", "STAT_ERR")
_MASKS = ("WEIMASK", "MASK", "DQ")
_TABLES = ("METADATA", "FILTERS", "BANDS")
_BAND_COLUMNS = ("filter", "band", "name")
#: Wavelength with which a cube's f_lambda was made from magnitudes, in this order.
_WAVE_COLUMNS = ("pivotwave", "pivot_wave", "pivot", "wave_eff", "centralwave", "centwave")
_FWHM_COLUMNS = ("psffwhm", "psf_fwhm", "fwhm")
_BETA_COLUMNS = ("psfbeta", "psf_beta", "fwhmbeta")
#: A PSF outside of these is none (0 and -99 are written for unknown).
_ARCSEC_LIMITS = (0.1, 60.0)


def is_photometric_cube(path: str | os.PathLike[str]) -> bool:
    """Whether a FITS file holds one image for each of a few bands, and a table that names the bands.

    A cube of spectra has a third axis of wavelengths (``CTYPE3`` such as WAVE, AWAV or VELO) and no such table.  A
    file that cannot be read is none.
    """
    try:
        with warnings.catch_warnings(action="ignore"), fits.open(path, memmap=True) as hdus:
            table, data = _part(hdus, _TABLES), _part(hdus, _DATA)
            if table is None or data is None or data.header.get("NAXIS") != 3:
                return False
            columns = {str(name).lower() for name in table.columns.names}
            bands = next((name for name in _BAND_COLUMNS if name in columns), None)
            return bands is not None and len(table.data) == data.header["NAXIS3"]
    except Exception:
        return False  # whoever reads it says what is wrong


def read_photometric_cube(
    path: str | os.PathLike[str], *, filters: str | FilterSet | None = None, redshift: float | None = None,
    model_set: str | None = None,
) -> ImageSet:  # fmt: skip
    """Read an S-Cube, or a file of the same layout.

    The layout (of the programs ``scubes`` and ``splusdata``): the primary header with the galaxy's name (``GALAXY`` or
    ``OBJECT``), ``TILE``, ``RA``, ``DEC``; image extensions ``DATA`` and ``ERRORS`` (band, y, x) in ``BUNIT``
    (f_lambda; scaled by BSCALE) with the WCS; ``WEIMASK`` (y, x), the number of bands in which a pixel's weight is
    negative, or (band, y, x); and the table ``METADATA`` with ``FILTER``, ``PIVOTWAVE`` (or ``WAVE_EFF``) and
    ``PSFFWHM`` [arcsec].

    S-Cubes were made from images in AB f_nu by f_lambda = f_nu c / wavelength**2 with the table's wavelength; so the
    same wavelength takes them back, whatever the filter curves say.  Where there is none, it is the filter's pivot.

    A pixel is masked where value or error is not finite, the error not positive, or the mask is not 0.  A ``WEIMASK``
    counts bands without saying which: a pixel that it counts is masked in all bands; but where these were more than
    half of the image, only pixels that it counts in all bands, with a remark.

    Parameters
    ----------
    filters : str or FilterSet, optional
        None: the set that the header's survey, instrument or telescope says; else the one whose pivots the table's
        wavelengths are; else ``model_set``, or the first survey that has the bands, S-PLUS before others.
    model_set : str, optional
        Filter set of the model that is to answer.

    Raises
    ------
    AgezError
        That names the file and what is missing or unusable.
    """
    path = check_input(path)
    with open_fits(path, what="photometric cube") as hdus:
        table_hdu, data = _part(hdus, _TABLES), _part(hdus, _DATA)
        if table_hdu is None or data is None or data.header.get("NAXIS") != 3:
            raise AgezError(
                f"{path}: no photometric cube; expected an image DATA (band, y, x) and a table METADATA with FILTER"
            )
        table = hdu_to_table(table_hdu)
        flux = np.asarray(data.data, dtype=float)
        errors_hdu, mask_hdu = _part(hdus, _ERRORS), _part(hdus, _MASKS)
        errors = None if errors_hdu is None else np.asarray(errors_hdu.data, dtype=float)
        counted = None if mask_hdu is None else np.asarray(mask_hdu.data)
        wcs = celestial_wcs(data.header, path)
        primary, header = hdus[0].header.copy(), data.header.copy()
        unit = str(header.get("BUNIT", ""))
    columns = {name.lower(): name for name in table.colnames}
    words = _column(columns, _BAND_COLUMNS)
    if words is None:
        raise AgezError(f"{path}: its table {table_hdu.name} has no column FILTER; found {', '.join(table.colnames)}")
    written = [name.strip() for name in text_column(table, words).tolist()]
    if len(written) != len(flux):
        raise AgezError(f"{path}: {len(flux)} images in DATA, but {len(written)} bands in {table_hdu.name}")
    if errors is not None and errors.shape != flux.shape:
        raise AgezError(f"{path}: ERRORS has shape {errors.shape}; DATA has {flux.shape}")
    given_wave, given_fwhm, beta = (
        _numbers(table, columns, names, path) for names in (_WAVE_COLUMNS, _FWHM_COLUMNS, _BETA_COLUMNS)
    )
    filter_set = _filter_set(filters, written, path, wave=given_wave, model_set=model_set, headers=(primary, header))
    names = [canonical_band_name(name, filter_set.names) for name in written]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise AgezError(f"{path}: band {twice[0]} occurs twice in {table_hdu.name}")
    pivots = _pivots(filter_set, names)
    wave = pivots if given_wave is None else np.where(given_wave > 0, given_wave, pivots)
    far = np.abs(wave / pivots - 1) > 0.1
    if far.any():
        first = int(np.argmax(far))
        raise AgezError(
            f"{path}: band {written[first]} has the wavelength {wave[first]:g} in {table_hdu.name}, but {names[first]} "
            f"is at {pivots[first]:.0f} Angstrom; check names and unit (Angstrom)"
        )
    factor = _factors(unit, wave, path)
    mask = ~np.isfinite(flux)
    if errors is not None:
        mask |= ~(np.isfinite(errors) & (errors > 0))
    remarks = [] if errors is not None else [f"{path}: no ERRORS; the noise is to be measured"]
    if counted is not None:
        mask |= _masked(counted, flux.shape, path, remarks)
    flux = flux * factor[:, None, None]
    error = np.full(flux.shape, np.nan) if errors is None else errors * factor[:, None, None]
    empty = mask.all(axis=(1, 2))
    if empty.all():
        raise AgezError(f"{path}: no band has a usable pixel (all values or errors are bad)")
    for b in np.flatnonzero(empty):
        remarks.append(f"band {names[b]} is left out: no usable pixel in {path}")
    wanted = [name for name in filter_set.names if name in names and not empty[names.index(name)]]
    at = [names.index(name) for name in wanted]
    fwhm = np.full(len(names), np.nan) if given_fwhm is None else given_fwhm
    fwhm = np.where((fwhm > _ARCSEC_LIMITS[0]) & (fwhm < _ARCSEC_LIMITS[1]), fwhm, np.nan)
    meta: dict[str, Any] = {
        "object": str(primary.get("GALAXY") or primary.get("OBJECT") or "").strip(),
        "redshift": redshift,
        "survey": str(primary.get("TILE", "")).strip(),
        "units": {name: f"BUNIT {unit} at {wave[names.index(name)]:g} Angstrom" for name in wanted},
        "inputs": [input_record(path, "cube of bands")],
        "missing_bands": [name for name in filter_set.names if name not in wanted],
        "psf_beta": {}
        if beta is None
        else {n: float(beta[names.index(n)]) for n in wanted if beta[names.index(n)] > 1},
        "remarks": remarks,
    }
    return ImageSet(
        filter_set.bands.select(wanted),
        np.where(mask & ~np.isfinite(flux), np.nan, flux)[at].astype(np.float32),
        np.where(mask, np.nan, error)[at].astype(np.float32), mask[at], wcs, fwhm[at], (WHITE,) * len(at),
        tuple(f"{path}[{written[i]}]" for i in at), meta,
    )  # fmt: skip


def _part(hdus: Any, names: tuple[str, ...]) -> Any:
    by_name = {hdu.name.upper(): hdu for hdu in reversed(list(hdus))}
    return next((by_name[name] for name in names if name in by_name), None)


def _column(columns: dict[str, str], names: tuple[str, ...]) -> str | None:
    return next((columns[name] for name in names if name in columns), None)


def _numbers(table: Any, columns: dict[str, str], names: tuple[str, ...], path: Path) -> Floats | None:
    column = _column(columns, names)
    return None if column is None else np.asarray(number_column(table, column, source=str(path)), dtype=float)


def _filter_set(
    filters: str | FilterSet | None, written: list[str], path: Path, *, wave: Floats | None, model_set: str | None,
    headers: Sequence[Mapping[str, Any]],
) -> FilterSet:  # fmt: skip
    """The filter set given, or that of the bands' names, headers and wavelengths; AgezError if there is none."""
    if isinstance(filters, FilterSet):
        return filters
    said = sets_in_headers(headers)
    if filters is not None or len(said) == 1:
        sets = [load_filters(filters or said.pop())]
    else:  # those that publish such cubes first
        records = sorted(surveys(), key=lambda one: not one.images.cubes)
        sets = [load_filters(one.name) for one in records if not one.part_of]
    found = [one for one in sets if all(find_band(band, one.names) for band in written)]
    if not found:
        strange = next(band for band in written if find_band(band, sets[0].names) is None)
        raise AgezError(
            f"{path}: band {strange!r} is unknown; the bands are {', '.join(sets[0].names)}; give --filters"
        )
    if wave is not None and len(found) > 1:
        off = [float(np.median(np.abs(wave - _pivots(one, written)))) for one in found]
        best, second = np.argsort(off)[:2]
        if off[best] < off[second] / 2:
            return found[best]
    return next((one for one in found if one.name == model_set), found[0])


def _pivots(found: FilterSet, written: list[str]) -> Floats:
    return np.array(
        [found.bands.pivot_angstrom[found.names.index(canonical_band_name(b, found.names))] for b in written]
    )


def _factors(unit: str, wave: Floats, path: Path) -> Floats:
    """Microjansky for a value of 1, at each wavelength."""
    refuse_logarithms(str(path), unit)
    try:
        with warnings.catch_warnings(action="ignore"):
            one = u.Unit(unit)
        return np.array([(1 * one).to_value(u.uJy, u.spectral_density(w * u.AA)) for w in wave])
    except (ValueError, TypeError, u.UnitConversionError) as error:
        raise AgezError(
            f"{path}: its unit (BUNIT) is {unit!r}; expected f_lambda or f_nu, such as 'erg / (Angstrom s cm2)'"
        ) from error


def _masked(counted: Any, shape: tuple[int, ...], path: Path, remarks: list[str]) -> Any:
    if counted.shape == shape:
        return np.nan_to_num(counted.astype(float), nan=1.0) != 0
    if counted.shape != shape[1:]:
        raise AgezError(f"{path}: its mask has shape {counted.shape}; DATA has {shape}")
    bad = counted > 0
    if bad.mean() > 0.5:
        remarks.append(
            f"{path}: its mask counts bad bands in {100 * bad.mean():.0f} % of the pixels without saying which; only "
            "those bad in all bands are masked"
        )
        bad = counted >= shape[0]
    return np.broadcast_to(bad, shape)
