"""Tables of spectra: from columns (named as formats_columns says) to Spectra; FITS tables."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from agez.errors import AgezError
from agez.spectra.formats_columns import (
    ERROR_NAMES,
    ERROR_SUFFIXES,
    FLUX_NAMES,
    ID_NAMES,
    IVAR_NAMES,
    LOG_WAVE_NAMES,
    MAGNITUDE_NAMES,
    MASK_NAMES,
    MISSING_WORDS,
    NU_NAMES,
    VARIANCE_NAMES,
    WAVE_NAMES,
    Columns,
    Found,
    find,
    recognised,
    simplified,
)
from agez.spectra.formats_common import (
    OPTICAL_ANGSTROM,
    Format,
    Options,
    assemble,
    error_from_ivar,
    galaxy_name,
    header_medium,
    header_number,
    header_redshift,
    mask_from,
    native_float,
)
from agez.spectral_units import FluxUnit, flux_unit_of, parse_unit, wavelength_factor
from agez.tables.table_columns import angle_factor
from agez.types import Bools, Floats, Rows, Spectra


def _required(options: Options, columns: Columns, names: Sequence[str], what: str) -> Found:
    found = find(columns, names)
    if found is not None:
        return found
    present = ", ".join(list(columns.values)[:12]) or "none"
    if what == "flux" and find(columns, MAGNITUDE_NAMES):
        raise AgezError(
            f"{options.path}: it holds magnitudes, not fluxes (columns: {present}); convert them to flux densities"
        )
    raise AgezError(
        f"{options.path}: no {what} column among its columns ({present}); name it one of: {', '.join(names[:6])}"
    )


def _numbers(options: Options, columns: Columns, name: str) -> Floats:
    """A column as floats; masked entries become NaN."""
    values = columns.values[name]
    if np.ma.isMaskedArray(values):
        if values.dtype.kind not in "fiub":
            raise AgezError(f"{options.path}: column {name!r} does not hold numbers")
        kind = values.dtype if values.dtype.kind == "f" else np.dtype(float)
        return native_float(np.ma.filled(values.astype(kind), np.nan))
    array = np.asarray(values)
    if array.dtype.kind in "fiub":
        return native_float(array)
    if array.dtype.kind in "US":
        return _text_numbers(options, name, array)
    raise AgezError(f"{options.path}: column {name!r} does not hold numbers")


def _text_numbers(options: Options, name: str, words: NDArray[Any]) -> Floats:
    words = words.astype(str)
    with contextlib.suppress(ValueError):
        return words.astype(np.float64)
    result = np.empty(words.shape)
    for at, word in np.ndenumerate(words):
        text = str(word).strip()
        lower = text.lower()
        if lower in MISSING_WORDS:
            result[at] = np.nan
            continue
        if lower in ("true", "false"):
            result[at] = lower == "true"
            continue
        try:
            result[at] = float(re.sub(r"(?<=[\d.])d(?=[+-]?\d)", "e", lower))  # Fortran writes 1.0D-16
        except ValueError:
            raise AgezError(
                f"{options.path}: data row {at[0] + 1}, column {name!r}: {text!r} is not a number"
            ) from None
    return result


def spectra_from_columns(options: Options, columns: Columns, kind: str) -> Spectra:
    """Spectra of a table whose columns are named as :mod:`agez.spectra.formats_columns` says."""
    wave_at = _required(options, columns, (*WAVE_NAMES, *LOG_WAVE_NAMES), "wavelength")
    flux_at = _required(options, columns, FLUX_NAMES, "flux")
    wave = _numbers(options, columns, wave_at.column).astype(float)
    flux = _numbers(options, columns, flux_at.column)
    if flux.size == 0:
        raise AgezError(f"{options.path}: the table is empty; check that it is the right file")
    unit = _flux_unit(options, columns, flux_at)
    error, bad = _error(options, columns, flux_at, unit)
    mask_at = find(columns, MASK_NAMES)
    if mask_at is not None:
        bad = bad | mask_from(_numbers(options, columns, mask_at.column))
    wave, assumed = _wavelengths(options, wave, wave_at)
    wave, flux, error, bad, first = _one_grid(options, columns, wave, flux, error, bad)
    medium = options.medium or wave_at.medium or header_medium(columns.header, 1, 2, 3)
    rows, redshift = _row_words(options, columns, first)
    return assemble(
        options,
        wave_angstrom=wave,
        flux=flux,
        error=error,
        bad=bad,
        rows=rows,
        medium=medium or "vacuum",
        unit=unit,
        redshift=redshift,
        fwhm_angstrom=header_number(columns.header, "fwhm_angstrom"),
        assumed=assumed + ([] if medium else ["medium"]),
        meta={"format": kind, "survey": str(columns.header.get("SURVEY", columns.header.get("survey", "")))},
    )


def _wavelengths(options: Options, wave: Floats, found: Found) -> tuple[Floats, list[str]]:
    """Wavelengths in Angstrom, and ``['wave_unit']`` if that was assumed."""
    logarithmic = found.base in LOG_WAVE_NAMES
    if logarithmic:
        if np.any(np.abs(wave[np.isfinite(wave)]) > 10):
            raise AgezError(f"{options.path}: column {found.column!r} should be log10 of a wavelength, but exceeds 10")
        wave = 10.0**wave
    unit = found.unit
    if unit and logarithmic:
        inner = re.fullmatch(r"\s*(?:log10|log|dex)\s*\(\s*(.+?)\s*\)\s*", unit)
        unit = inner[1] if inner else None
    if unit:
        return wave * wavelength_factor(options.path, unit), []
    good = wave[np.isfinite(wave)]
    if len(good) and (good.min() < OPTICAL_ANGSTROM[0] or good.max() > OPTICAL_ANGSTROM[1]):
        raise AgezError(
            f"{options.path}: column {found.column!r} runs from {good.min():g} to {good.max():g} without a unit; these "
            "are not optical wavelengths in Angstrom: name the unit (a unit in the table, or a name such as wave_nm)"
        )
    return wave, ["wave_unit"]


def _flux_unit(options: Options, columns: Columns, found: Found) -> FluxUnit:
    text = options.flux_unit or found.unit
    default = None if found.base in NU_NAMES else "erg / (s cm2 Angstrom)"
    if text is None:
        text = columns.header.get("BUNIT") or columns.header.get("flux_unit")
    unit = flux_unit_of(options.path, None if text is None else str(text), default=default)
    if found.base in NU_NAMES and unit.kind == "lambda":
        raise AgezError(
            f"{options.path}: column {found.column!r} is f_nu by its name but its unit is {text!r}; rename it"
        )
    return unit


def _error(options: Options, columns: Columns, flux_at: Found, unit: FluxUnit) -> tuple[Floats, Bools]:
    """Errors in the unit of the flux, and pixels of zero inverse variance."""
    stems = dict.fromkeys((flux_at.base, flux_at.column))
    names = (*(stem + suffix for stem in stems for suffix in ERROR_SUFFIXES), *ERROR_NAMES)
    found = find(columns, names)
    if found is not None:
        error = _numbers(options, columns, found.column)
        return error * _error_factor(options, found, flux_at, unit, 1), np.zeros(error.shape, dtype=bool)
    found = find(columns, VARIANCE_NAMES)
    if found is not None:
        variance = _numbers(options, columns, found.column)
        with np.errstate(invalid="ignore"):
            error = np.sqrt(variance)
        return error * _error_factor(options, found, flux_at, unit, 2), np.zeros(error.shape, dtype=bool)
    found = find(columns, IVAR_NAMES)
    if found is not None:
        error, bad = error_from_ivar(_numbers(options, columns, found.column))
        return error * _error_factor(options, found, flux_at, unit, -2), bad
    raise AgezError(
        f"{options.path}: no error column among its columns ({', '.join(list(columns.values)[:12])}); agez needs "
        "1-sigma errors: add a column 'flux_err' (or 'ivar')"
    )


def _error_factor(options: Options, found: Found, flux_at: Found, unit: FluxUnit, power: int) -> float:
    """From the error column's own unit (of an error, a variance or an inverse variance) to the flux's."""
    if found.unit is None or found.unit == flux_at.unit or options.flux_unit is not None:
        return 1.0  # a flux_unit of the caller holds for both columns
    text = found.unit
    if power != 1:
        with contextlib.suppress(ValueError):
            text = (parse_unit(text) ** (1.0 / power)).to_string()
    other = flux_unit_of(options.path, text, default=None)
    if other.kind != unit.kind:
        raise AgezError(
            f"{options.path}: the error column {found.column!r} is in {found.unit!r} and the flux is not; use one unit"
        )
    return other.scale / unit.scale


# ---------------------------------------------------------------- rows


def _one_grid(
    options: Options, columns: Columns, wave: Floats, flux: Floats, error: Floats, bad: Bools
) -> tuple[Floats, Floats, Floats, Bools, NDArray[np.intp] | None]:
    """Arrays as (p,), (n, p); and the table row from which each spectrum's id, position and redshift come."""
    if not flux.shape == error.shape == bad.shape:
        raise AgezError(f"{options.path}: flux, error and mask columns differ in shape: {flux.shape}, {error.shape}")
    if flux.ndim == 2:  # a row is a spectrum
        if wave.shape != flux.shape:
            raise AgezError(f"{options.path}: wavelength and flux columns differ in shape: {wave.shape}, {flux.shape}")
        _same_grid(options, wave, [str(i + 1) for i in range(len(wave))])
        return wave[0], flux, error, bad, np.arange(len(flux))
    if flux.ndim != 1 or wave.shape != flux.shape:
        raise AgezError(f"{options.path}: wavelength and flux columns differ in shape: {wave.shape}, {flux.shape}")
    ids_at = find(columns, ID_NAMES)
    if ids_at is None:
        return wave, flux[None, :], error[None, :], bad[None, :], None
    words = np.asarray(columns.values[ids_at.column]).astype(str)
    names, first, number, count = np.unique(words, return_index=True, return_inverse=True, return_counts=True)
    if len(set(count.tolist())) > 1:
        odd = int(np.argmax(count != np.median(count)))
        raise AgezError(
            f"{options.path}: spectrum {names[odd]!r} has {count[odd]} pixels and others {int(np.median(count))}; "
            "all spectra of one file must share one wavelength grid: write one file for each grid"
        )
    appearance = np.argsort(first)  # spectra in the order of the file
    rank = np.empty(len(names), dtype=int)
    rank[appearance] = np.arange(len(names))
    order = np.argsort(rank[number.ravel()], kind="stable")
    shape = (len(names), int(count[0]))
    wave, flux, error = (array[order].reshape(shape) for array in (wave, flux, error))
    bad = bad[order].reshape(shape)
    _same_grid(options, wave, [str(name) for name in names[appearance]])
    return wave[0], flux, error, bad, first[appearance]


def _same_grid(options: Options, wave: Floats, names: list[str]) -> None:
    differs = ~np.isclose(wave, wave[0], rtol=1e-9, atol=0, equal_nan=True).all(axis=1)
    if differs.any():
        raise AgezError(
            f"{options.path}: spectrum {names[int(np.argmax(differs))]!r} has other wavelengths than {names[0]!r}; all "
            "spectra of one file must share one wavelength grid: write one file for each grid"
        )


def _row_words(
    options: Options, columns: Columns, first: NDArray[np.intp] | None
) -> tuple[Rows, float | NDArray[np.float64]]:
    """Ids, positions and redshifts of the spectra; ``first`` is None for a table of one spectrum."""
    at = np.zeros(1, dtype=np.intp) if first is None else first

    def words(names: Sequence[str], default: list[str]) -> NDArray[np.str_]:
        found = find(columns, names)
        if found is None:
            return np.asarray(default, dtype=str)
        return np.char.strip(np.asarray(columns.values[found.column])[at].astype(str))

    def numbers(name: str) -> NDArray[np.float64] | None:
        if name not in columns.values:
            return None
        return np.asarray(_numbers(options, columns, name)[at], dtype=float)

    galaxy = str(columns.header.get("galaxy_id", "") or galaxy_name(options.path, columns.header))
    nan = np.full(len(at), np.nan)

    def position(name: str) -> NDArray[np.float64] | None:
        values, factor = numbers(name), angle_factor(columns.units.get(name, ""))
        return None if values is None or factor is None else values * factor  # pixels are no angle: not known

    x, y, redshift = position("x"), position("y"), numbers("redshift")
    rows = Rows(
        words(ID_NAMES, [str(i) for i in range(len(at))]),
        words(("galaxy_id",), [galaxy] * len(at)),
        nan if x is None else x,
        nan.copy() if y is None else y,
    )
    return rows, header_redshift(columns.header) if redshift is None else redshift


# ---------------------------------------------------------------- files


def table_hdu_of(hdus: fits.HDUList) -> Any | None:
    """The first binary table with a wavelength and a flux column; else the first binary table; None."""
    tables = [hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU | fits.TableHDU)]
    good = [hdu for hdu in tables if recognised(hdu.columns.names)]
    return (good or tables or [None])[0]


def read_fits_table(hdus: fits.HDUList, options: Options) -> Spectra:
    """Spectra of the first FITS table that has a wavelength and a flux column."""
    hdu = table_hdu_of(hdus)
    if hdu is None:
        raise AgezError(f"{options.path}: holds no table; expected columns wavelength, flux, flux_err")
    names = hdu.columns.names
    values = {}
    for name in names:
        column = hdu.data[name]
        null = hdu.columns[name].null
        values[simplified(name)] = np.ma.masked_equal(column, null) if null is not None else column
    units = {simplified(column.name): column.unit for column in hdu.columns if column.unit}
    header = fits.Header(hdus[0].header, copy=True)
    header.update(hdu.header)
    return spectra_from_columns(options, Columns(values, units, header), "table-fits")


def _is_recognised(hdus: fits.HDUList) -> bool:
    hdu = table_hdu_of(hdus)
    return hdu is not None and recognised(hdu.columns.names)


TABLE = Format(
    "table", "table with wavelength, flux and error columns: ECSV, FITS, CSV, text", _is_recognised, read_fits_table,
    also_reads=lambda hdus: table_hdu_of(hdus) is not None,
)  # fmt: skip
