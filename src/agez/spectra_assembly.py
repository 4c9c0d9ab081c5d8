"""Spectra with the guarantees that readers give: options, words of headers, and the cleaning of pixels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy import constants

from agez.arguments import LARGEST_REDSHIFT, LEAST_REDSHIFT
from agez.errors import AgezError
from agez.flags import Flag, set_flag
from agez.spectral_units import FluxUnit, nu_to_lambda
from agez.types import Bools, Floats, Ints, Medium, Rows, Spectra, Strings
from agez.wavelength_gaps import with_missing_pixels

_SPEED_OF_LIGHT_KMS = constants.c.to_value("km/s")
#: Wavelengths [Angstrom] without a unit are inside; spectra that reach in nowhere are of no use.
OPTICAL_ANGSTROM = (900.0, 60000.0)
#: Rows that are cleaned together.
_ROWS_AT_ONCE = 512
#: Where pixels of a spectrum, an X-ray line or a millimetre wave, may lie at all [Angstrom].
_POSSIBLE_ANGSTROM = (10.0, 1e8)


@dataclass(frozen=True)
class Options:
    """What the caller of :func:`agez.spectra.readers.read_spectra` says; it goes before what the file says."""

    path: Path
    redshift: float | None = None
    medium: Medium | None = None
    flux_unit: str | None = None


def one_galaxy_rows(
    spec_id: Strings | list[str], galaxy_id: str, x: Floats | None = None, y: Floats | None = None
) -> Rows:
    """Rows of one galaxy; unknown positions are NaN."""
    n = len(spec_id)
    nan = np.full(n, np.nan)
    return Rows(
        np.asarray(spec_id, dtype=str),
        np.full(n, galaxy_id, dtype=f"<U{max(1, len(galaxy_id))}"),
        nan if x is None else np.asarray(x, dtype=float),
        nan.copy() if y is None else np.asarray(y, dtype=float),
    )


# ---------------------------------------------------------------- words of headers


def header_text(header: Mapping[str, Any], *names: str) -> str | None:
    """The first of ``names`` that the header has as non-empty text."""
    for name in names:
        value = header.get(name)
        if value is not None and str(value).strip():
            return str(value).strip()
    return None


def header_number(header: Mapping[str, Any], *names: str) -> float:
    """The first of ``names`` that the header has as a finite number (text such as ``'0.0037'`` included); NaN."""
    for name in names:
        try:
            value = float(header[name])
        except (KeyError, TypeError, ValueError):
            continue
        if np.isfinite(value):
            return value
    return float("nan")


def header_redshift(header: Mapping[str, Any]) -> float:
    """Redshift from REDSHIFT, Z or ZSPEC, or from CALIFA's MED_VEL = cz [km/s]; NaN where there is none."""
    z = header_number(header, "REDSHIFT", "redshift", "Z", "z", "ZSPEC", "Z_SPEC")
    if not np.isfinite(z):
        z = header_number(header, "MED_VEL") / _SPEED_OF_LIGHT_KMS
    # outside: a code for 'unknown', such as -9999
    return z if LEAST_REDSHIFT <= z <= LARGEST_REDSHIFT else float("nan")


#: What keywords of air and vacuum say, by the first letters of the word.
_AIR_OR_VACUUM: dict[str, Medium] = {"air": "air", "vac": "vacuum"}
_IN_VACUUM: dict[str, Medium] = {
    **dict.fromkeys(("t", "true", "1", "yes", "y"), "vacuum"),
    **dict.fromkeys(("f", "false", "0", "no", "n"), "air"),
}


def header_medium(header: Mapping[str, Any], *axes: int) -> Medium | None:
    """Air or vacuum as a header says: AIRORVAC, MEDIUM or VACUUM, else CTYPEn of one of ``axes``; None where silent.

    Axis types are those of the FITS standard: AWAV is in air, WAVE in vacuum, with any algorithm (AWAV-LOG).
    """
    words = {str(key).lower(): str(value).strip().lower() for key, value in header.items()}
    for keyword in ("airorvac", "medium", "vacuum"):
        word = words.get(keyword, "")
        said = _AIR_OR_VACUUM.get(word[:3]) or (_IN_VACUUM.get(word) if keyword == "vacuum" else None)
        if said:
            return said
    for axis in axes:
        kind = words.get(f"ctype{axis}", "").partition("-")[0]
        if kind in ("awav", "wave"):
            return "air" if kind == "awav" else "vacuum"
    return None


# ---------------------------------------------------------------- the guarantee


def native_float(values: Any) -> Floats:
    """Native float32 if the values are float32, native float64 otherwise."""
    array = np.asarray(values)
    kind = np.float32 if array.dtype.kind == "f" and array.dtype.itemsize <= 4 else np.float64
    return np.ascontiguousarray(array, dtype=kind)


def assemble(
    options: Options,
    *,
    wave_angstrom: Floats,
    flux: Floats,
    error: Floats,
    bad: Bools,
    rows: Rows,
    medium: Medium,
    unit: FluxUnit,
    redshift: float | Floats,
    fwhm_angstrom: float | Floats,
    assumed: Iterable[str] = (),
    flags: Ints | None = None,
    meta: Mapping[str, Any] | None = None,
    in_place: bool = False,
) -> Spectra:
    """Spectra with the guarantees of readers.

    Where mask is False, flux is finite and flux_err is finite and positive; where it is True, flux is 0 and
    flux_err 1, so that arithmetic stays finite.  Rows with NaN or infinite flux carry NON_FINITE, rows with
    errors that are not positive BAD_ERROR, both only for pixels that the file did not mark bad itself; rows
    without a usable pixel carry NO_DATA.  Pixels whose rows the file leaves out are there, masked.

    Parameters
    ----------
    wave_angstrom : (p,) float
    flux, error : (n, p) float
        In ``unit``; f_nu is converted to f_lambda here.
    bad : (n, p) bool
        Pixels that the file marks unusable.
    redshift : float or (n,) float
        What the file says; ``options.redshift`` goes before it.
    fwhm_angstrom : float or (p,) float
    assumed : names of what the file does not say (``medium``, ``flux_unit``, ``fwhm``)
    in_place : bool
        ``flux``, ``error`` and ``bad`` are the caller's own, and may become those of the spectra.
    """
    path = options.path
    if flux.ndim != 2 or error.shape != flux.shape or bad.shape != flux.shape or wave_angstrom.ndim != 1:
        raise AgezError(
            f"{path}: flux, error and mask have shapes {flux.shape}, {error.shape} and {bad.shape}; they must be alike"
        )
    n, p = flux.shape
    if p != len(wave_angstrom):
        raise AgezError(f"{path}: the flux has {p} pixels but there are {len(wave_angstrom)} wavelengths")
    if n == 0:
        raise AgezError(f"{path}: holds no spectra; check that it is the right file")
    wave = np.ascontiguousarray(wave_angstrom, dtype=np.float64)
    check_wavelengths(path, wave)
    if unit.kind == "nu":
        factor = nu_to_lambda(wave, medium) * unit.scale / 1e-16
        flux, error = native_float(flux) * factor, native_float(error) * factor
        unit = FluxUnit("lambda", 1e-16, unit.assumed)
    flux, error, mask, flags = _cleaned(native_float(flux), native_float(error), bad, flags, in_place=in_place)
    z = np.full(n, redshift if options.redshift is None else options.redshift, dtype=float)
    guessed = [*assumed, *(["flux_unit"] if unit.assumed else [])]
    said = {"medium": options.medium, "flux_unit": options.flux_unit}
    spectra = Spectra(
        wave_angstrom=wave,
        flux=flux,
        flux_err=error,
        mask=mask,
        medium=medium,
        rows=rows,
        redshift=z,
        fwhm_angstrom=np.array(np.broadcast_to(np.asarray(fwhm_angstrom, dtype=float), (p,))),
        flux_unit=unit.name,
        flags=flags,
        meta={
            "source": str(path),
            **(meta or {}),
            "assumed": tuple(word for word in dict.fromkeys(guessed) if said.get(word) is None),
        },
    )
    return with_missing_pixels(spectra)


def _cleaned(
    flux: Floats, error: Floats, bad: Bools, flags: Ints | None, *, in_place: bool
) -> tuple[Floats, Floats, Bools, Ints]:
    """Flux, error, mask and flags with the guarantees; some rows at a time, so that a cube is not there twice."""
    mask = bad if in_place else bad.copy()
    new_flux, new_error = (flux, error) if in_place else (np.empty_like(flux), np.empty_like(error))
    found = np.zeros((3, len(flux)), dtype=bool)
    for start in range(0, len(flux), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        with np.errstate(invalid="ignore"):
            not_finite = ~np.isfinite(flux[rows]) & ~mask[rows]
            bad_error = ~(np.isfinite(error[rows]) & (error[rows] > 0)) & ~mask[rows]
        mask[rows] |= not_finite | bad_error
        new_flux[rows] = np.where(mask[rows], flux.dtype.type(0), flux[rows])
        new_error[rows] = np.where(mask[rows], error.dtype.type(1), error[rows])
        found[:, rows] = not_finite.any(axis=1), bad_error.any(axis=1), mask[rows].all(axis=1)
    flags = np.zeros(len(flux), dtype=np.int32) if flags is None else np.asarray(flags, dtype=np.int32)
    for where, flag in zip(found, (Flag.NON_FINITE, Flag.BAD_ERROR, Flag.NO_DATA), strict=True):
        flags = set_flag(flags, where, flag)
    return new_flux, new_error, mask, flags


def check_wavelengths(path: Path, wave_angstrom: Floats) -> None:
    """AgezError for wavelengths that are not finite, positive and increasing (with the pixel), or cannot be."""
    if len(wave_angstrom) < 2:
        raise AgezError(f"{path}: a spectrum needs at least 2 wavelength pixels, found {len(wave_angstrom)}")
    wrong = ~np.isfinite(wave_angstrom) | (wave_angstrom <= 0)
    if wrong.any():
        at = int(np.argmax(wrong))
        raise AgezError(f"{path}: wavelength of pixel {at + 1} is {wave_angstrom[at]:g}; remove that pixel")
    low, high = float(wave_angstrom.min()), float(wave_angstrom.max())
    apart = high < OPTICAL_ANGSTROM[0] or low > OPTICAL_ANGSTROM[1]
    if apart or low < _POSSIBLE_ANGSTROM[0] or high > _POSSIBLE_ANGSTROM[1]:
        raise AgezError(
            f"{path}: its wavelengths run from {low:g} to {high:g} A, which are not those of an optical spectrum; "
            "check their unit (CUNIT, or that of the column), step and reference pixel"
        )
    step = np.diff(wave_angstrom)
    if np.all(step > 0):
        return
    at = int(np.argmax(step <= 0))
    word = "a duplicate of" if step[at] == 0 else "below"
    raise AgezError(
        f"{path}: wavelengths must increase: pixel {at + 2} ({wave_angstrom[at + 1]:.10g} A) is {word} "
        f"pixel {at + 1} ({wave_angstrom[at]:.10g} A); sort the file by wavelength and remove duplicates"
    )
