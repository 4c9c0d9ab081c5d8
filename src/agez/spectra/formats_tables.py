"""Tables with wavelength, flux and error columns: what each column means; FITS tables (text: formats_text).

Columns are known by name, in any case, with ``-`` and blanks read as ``_``:

==========  ==============================================================================================
wavelength  wave, wavelength, wavelengths, lambda, lam, wl; log10 of it: loglam, log_lambda, loglambda,
            log_wave, logwave, log_wavelength
f_lambda    flux, f_lambda, flambda, flam, flux_lambda, flux_density, fluxdensity, spec, spectrum
f_nu        f_nu, fnu, flux_nu (these need a unit)
error       error, err, errors, sigma, sig, unc, uncertainty, std, stddev, noise, e_flux, eflux, dflux, and
            the flux column's name with ``_err``, ``_error``, ``_unc``, ``_uncertainty``, ``_sigma``, ``_std``
variance    var, variance, flux_var; inverse variance: ivar, invvar, inverse_variance, flux_ivar
mask        mask, bad, badpix, bad_pixel, and_mask, dq: not zero = bad
per row     spec_id (or specid, spectrum_id), galaxy_id, x, y, redshift
==========  ==============================================================================================

Units come from the table, from the name (``wave_nm``, ``flux_ujy``, ``wave_air``), or from brackets in a text
header (``wave [nm]``).  A text file without names has wavelength, flux, error (and mask) in that order.
A column ``spec_id`` makes a long table of several spectra on one grid; vector columns make a row a spectrum.
Without a unit, wavelengths are Angstrom and fluxes erg/s/cm2/Angstrom; without a word on it, in vacuum.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from agez.errors import AgezError
from agez.spectra.formats_common import (
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
from agez.spectra.formats_units import FluxUnit, flux_unit_of, parse_unit, wavelength_factor
from agez.types import Bools, Floats, Medium, Rows, Spectra

WAVE_NAMES = ("wave", "wavelength", "wavelengths", "lambda", "lam", "wl")
LOG_WAVE_NAMES = ("loglam", "log_lambda", "loglambda", "log_wave", "logwave", "log_wavelength")
FLUX_NAMES = (
    *("flux", "f_lambda", "flambda", "flam", "flux_lambda", "flux_density", "fluxdensity", "spec", "spectrum"),
    *("f_nu", "fnu", "flux_nu"),
)
NU_NAMES = ("f_nu", "fnu", "flux_nu")
ERROR_NAMES = (
    *("error", "err", "errors", "sigma", "sig", "unc", "uncertainty", "std", "stddev", "noise"),
    *("e_flux", "eflux", "dflux", "fluxerr", "flux_err"),
)
ERROR_SUFFIXES = ("_err", "_error", "_unc", "_uncertainty", "_sigma", "_std")
VARIANCE_NAMES = ("var", "variance", "flux_var")
IVAR_NAMES = ("ivar", "invvar", "inverse_variance", "flux_ivar")
MASK_NAMES = ("mask", "bad", "badpix", "bad_pixel", "and_mask", "dq")
MAGNITUDE_NAMES = ("mag", "magnitude", "abmag", "ab_mag", "mag_ab")
ID_NAMES = ("spec_id", "specid", "spectrum_id")
_NAME_UNITS = {
    **{word: "Angstrom" for word in ("angstrom", "angstroms", "aa", "a")},
    **{"nm": "nm", "um": "um", "micron": "um", "microns": "um"},
    **{"jy": "Jy", "mjy": "mJy", "ujy": "uJy", "mujy": "uJy", "njy": "nJy"},
}
MISSING_WORDS = {"", "nan", "--", "null", "none", "n/a", "na", "masked"}


@dataclass(frozen=True)
class Columns:
    """A table before its columns have a meaning: values and units by simplified name, and its header words."""

    values: Mapping[str, Any]
    units: Mapping[str, str]
    header: Mapping[str, Any]


def simplified(name: str) -> str:
    """Lower case, blanks and dashes as underscores."""
    return re.sub(r"[\s\-]+", "_", name.strip().lower())


# ---------------------------------------------------------------- meaning of columns


def _split_suffixes(name: str) -> tuple[str, str | None, Medium | None]:
    """``wave_nm_air`` as ('wave', 'nm', 'air')."""
    unit: str | None = None
    medium: Medium | None = None
    while "_" in name:
        base, _, last = name.rpartition("_")
        if last in _NAME_UNITS and unit is None:
            unit = _NAME_UNITS[last]
        elif last in ("air", "vac", "vacuum") and medium is None:
            medium = "air" if last == "air" else "vacuum"
        else:
            break
        name = base
    return name, unit, medium


@dataclass(frozen=True)
class _Found:
    """A column of a known role."""

    column: str
    base: str
    unit: str | None
    medium: Medium | None


def _find(columns: Columns, names: Sequence[str]) -> _Found | None:
    """The first of ``names`` that is a column, with the unit that the table or the name gives."""
    known = {}
    for column in columns.values:
        if column in names:
            known.setdefault(column, _Found(column, column, columns.units.get(column), None))
            continue
        base, unit, medium = _split_suffixes(column)
        known.setdefault(base, _Found(column, base, columns.units.get(column) or unit, medium))
    return next((known[name] for name in names if name in known), None)


def recognised(names: Sequence[str]) -> bool:
    """True if these column names hold a wavelength and a flux."""
    columns = Columns({simplified(name): None for name in names}, {}, {})
    return _find(columns, (*WAVE_NAMES, *LOG_WAVE_NAMES)) is not None and _find(columns, FLUX_NAMES) is not None


def _required(options: Options, columns: Columns, names: Sequence[str], what: str) -> _Found:
    found = _find(columns, names)
    if found is not None:
        return found
    present = ", ".join(list(columns.values)[:12]) or "none"
    if what == "flux" and _find(columns, MAGNITUDE_NAMES):
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
        return native_float(values.astype(kind).filled(np.nan))
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
    """Spectra of a table whose columns are named as this file's first page says."""
    wave_at = _required(options, columns, (*WAVE_NAMES, *LOG_WAVE_NAMES), "wavelength")
    flux_at = _required(options, columns, FLUX_NAMES, "flux")
    wave = _numbers(options, columns, wave_at.column).astype(float)
    flux = _numbers(options, columns, flux_at.column)
    if flux.size == 0:
        raise AgezError(f"{options.path}: the table is empty; check that it is the right file")
    unit = _flux_unit(options, columns, flux_at)
    error, bad = _error(options, columns, flux_at, unit)
    mask_at = _find(columns, MASK_NAMES)
    if mask_at is not None:
        bad = bad | mask_from(_numbers(options, columns, mask_at.column))
    wave, assumed = _wavelengths(options, wave, wave_at)
    wave, flux, error, bad, first = _one_grid(options, columns, wave, flux, error, bad)
    medium = options.medium or header_medium(columns.header) or wave_at.medium
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


def _wavelengths(options: Options, wave: Floats, found: _Found) -> tuple[Floats, list[str]]:
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
    if len(good) and (good.min() < 900.0 or good.max() > 60000.0):
        raise AgezError(
            f"{options.path}: column {found.column!r} runs from {good.min():g} to {good.max():g} without a unit; these "
            "are not optical wavelengths in Angstrom: name the unit (a unit in the table, or a name such as wave_nm)"
        )
    return wave, ["wave_unit"]


def _flux_unit(options: Options, columns: Columns, found: _Found) -> FluxUnit:
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


def _error(options: Options, columns: Columns, flux_at: _Found, unit: FluxUnit) -> tuple[Floats, Bools]:
    """Errors in the unit of the flux, and pixels of zero inverse variance."""
    stems = dict.fromkeys((flux_at.base, flux_at.column))
    names = (*(stem + suffix for stem in stems for suffix in ERROR_SUFFIXES), *ERROR_NAMES)
    found = _find(columns, names)
    if found is not None:
        error = _numbers(options, columns, found.column)
        return error * _error_factor(options, found, flux_at, unit, 1), np.zeros(error.shape, dtype=bool)
    found = _find(columns, VARIANCE_NAMES)
    if found is not None:
        variance = _numbers(options, columns, found.column)
        with np.errstate(invalid="ignore"):
            error = np.sqrt(variance)
        return error * _error_factor(options, found, flux_at, unit, 2), np.zeros(error.shape, dtype=bool)
    found = _find(columns, IVAR_NAMES)
    if found is not None:
        error, bad = error_from_ivar(_numbers(options, columns, found.column))
        return error * _error_factor(options, found, flux_at, unit, -2), bad
    raise AgezError(
        f"{options.path}: no error column among its columns ({', '.join(list(columns.values)[:12])}); agez needs "
        "1-sigma errors: add a column 'flux_err' (or 'ivar')"
    )


def _error_factor(options: Options, found: _Found, flux_at: _Found, unit: FluxUnit, power: int) -> float:
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
    ids_at = _find(columns, ID_NAMES)
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
    wave, flux, error, bad = (array[order].reshape(shape) for array in (wave, flux, error, bad))
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
        found = _find(columns, names)
        if found is None:
            return np.asarray(default, dtype=str)
        return np.char.strip(np.asarray(columns.values[found.column])[at].astype(str))

    def numbers(name: str) -> NDArray[np.float64] | None:
        if name not in columns.values:
            return None
        return np.asarray(_numbers(options, columns, name)[at], dtype=float)

    galaxy = str(columns.header.get("galaxy_id", "") or galaxy_name(options.path, columns.header))
    nan = np.full(len(at), np.nan)
    x, y, redshift = numbers("x"), numbers("y"), numbers("redshift")
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
