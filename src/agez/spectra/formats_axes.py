"""Wavelength axes of FITS headers: where a pixel lies in Angstrom, however the header writes it."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from agez.errors import AgezError
from agez.spectra.formats_common import OPTICAL_ANGSTROM, header_text
from agez.spectral_units import wavelength_factor
from agez.types import Floats

#: Axes that are no wavelengths, by the first letters of CTYPE.
_NOT_WAVELENGTH = {
    **dict.fromkeys(("FREQ",), "frequencies"),
    **dict.fromkeys(("ENER", "WAVN"), "energies or wave numbers"),
    **dict.fromkeys(("VRAD", "VOPT", "VELO", "FELO", "ZOPT", "BETA"), "velocities"),
    **dict.fromkeys(("RA--", "DEC-", "GLON", "GLAT"), "sky positions"),
}
#: Units such as ``log10(Angstrom)``.
LOG_UNIT = re.compile(r"\s*(?P<log>log10|log|dex|ln)\s*[\[(]\s*(?P<unit>.+?)\s*[\])]\s*", re.IGNORECASE)
#: A relative difference of steps below this is rounding.
_SAME = 1e-6


def wavelength_axis(path: Path, header: Mapping[str, Any], axis: int, n_pixels: int) -> Floats:
    """Wavelengths [Angstrom] of a FITS axis, in the medium that the header says.

    The step is CDi_i, or CDELTi times PCi_i; the unit CUNITi.  Without a unit, wavelengths are Angstrom if they can
    be, else metres where CTYPEi is WAVE or AWAV (FITS' default).  Axes with an algorithm (``WAVE-LOG``, ``AWAV-F2W``)
    go by astropy's WCS (Greisen et al. 2006, A&A 446, 747).  DC-FLAG = 1, a unit ``log(...)``, or a logarithmic CTYPE
    whose CRVALi is between 1 and 12 and has no other unit mean log10 of the wavelength, or its natural logarithm where
    that alone is optical (in Angstrom the two never are both); a unit ``ln(...)`` says so.

    Raises
    ------
    AgezError
        No axis, steps that disagree, frequencies, velocities, or wavelengths that cannot be.
    """
    start, step, reference = _linear_part(path, header, axis)
    kind = str(header.get(f"CTYPE{axis}", "")).strip().upper()
    unit = header_text(header, f"CUNIT{axis}")
    for code, what in _NOT_WAVELENGTH.items():
        if kind.startswith(code):
            raise AgezError(
                f"{path}: its axis {axis} holds {what} (CTYPE{axis} = {kind!r}), not wavelengths; resample the "
                "spectra onto wavelengths"
            )
    linear = start + step * (np.arange(1, n_pixels + 1, dtype=float) - reference)
    inner = LOG_UNIT.fullmatch(unit or "")
    in_angstrom = unit is None or wavelength_factor(path, inner["unit"] if inner else unit) == 1.0
    if inner or header.get("DC-FLAG") in (1, "1") or ("LOG" in kind and 1.0 < start < 12.0 and in_angstrom):
        natural = (inner is not None and inner["log"].lower() == "ln") or (in_angstrom and _is_natural_log(linear))
        if np.abs(linear).max() > (12.0 if natural else 10.0):
            raise AgezError(
                f"{path}: its axis {axis} should be log10 of wavelengths, but runs from {linear[0]:g} to "
                f"{linear[-1]:g}; correct CRVAL{axis}, CDELT{axis} or DC-FLAG"
            )
        wave = np.exp(linear) if natural else 10.0**linear
        return wave * _angstrom_per_unit(path, axis, inner["unit"] if inner else unit, kind, wave)
    if re.fullmatch(r"(WAVE|AWAV)-[A-Z0-9]{3}", kind):
        factor = _angstrom_per_unit(path, axis, unit, kind, np.array([start]))
        return _by_wcs(path, header, axis, kind, (start * factor, step * factor, reference), n_pixels)
    return linear * _angstrom_per_unit(path, axis, unit, kind, linear)


def _is_natural_log(values: Floats) -> bool:
    """Whether exp of the values, and not 10 to their power, is optical wavelengths [Angstrom]."""
    low, high = np.log(OPTICAL_ANGSTROM)
    return bool(values.min() >= low and values.max() <= high)


def has_wavelength_axis(header: Mapping[str, Any], axis: int) -> bool:
    """Whether a header has a grid along an axis that is none of the sky; :func:`wavelength_axis` judges what it is."""
    kind = str(header.get(f"CTYPE{axis}", "")).strip().upper()
    sky = any(kind.startswith(code) for code, what in _NOT_WAVELENGTH.items() if what == "sky positions")
    step = any(key in header for key in (f"CDELT{axis}", f"CD{axis}_{axis}", f"PC{axis}_{axis}"))
    return f"CRVAL{axis}" in header and step and not sky


def _angstrom_per_unit(path: Path, axis: int, unit: str | None, kind: str, wave: Floats) -> float:
    """Angstrom per unit of an axis; AgezError if the header says none and the wavelengths do not tell."""
    if unit is not None:
        return wavelength_factor(path, unit)
    low, high = float(np.min(wave)), float(np.max(wave))
    if low >= OPTICAL_ANGSTROM[0] and high <= OPTICAL_ANGSTROM[1]:
        return 1.0
    if kind[:4] in ("WAVE", "AWAV") and 1e10 * low >= OPTICAL_ANGSTROM[0] and 1e10 * high <= OPTICAL_ANGSTROM[1]:
        return 1e10  # metres, the unit of these axes where none is said
    raise AgezError(
        f"{path}: its axis {axis} runs from {low:g} to {high:g} without a unit; these are not optical wavelengths in "
        f"Angstrom: set CUNIT{axis} (Angstrom, nm, um, m)"
    )


def _linear_part(path: Path, header: Mapping[str, Any], axis: int) -> tuple[float, float, float]:
    """CRVAL, step and CRPIX of an axis; AgezError where they are missing or contradict one another."""

    def number(keyword: str) -> float | None:
        value = header.get(keyword)
        return None if value is None else float(value)

    try:
        start, cdelt = number(f"CRVAL{axis}"), number(f"CDELT{axis}")
        cd, pc = number(f"CD{axis}_{axis}"), number(f"PC{axis}_{axis}")
        reference = float(header.get(f"CRPIX{axis}", 1.0))
        others = {
            key: number(key) or 0.0
            for key in (f"{word}{i}_{j}" for word in ("CD", "PC") for i in range(1, 5) for j in range(1, 5))
            if (f"{axis}_" in key or key.endswith(f"_{axis}")) and not key.endswith(f"{axis}_{axis}")
        }
        if start is None or (cdelt is None and cd is None and pc is None):
            raise ValueError
    except (TypeError, ValueError):
        raise AgezError(
            f"{path}: the header has no wavelength axis: CRVAL{axis} and CDELT{axis} (or CD{axis}_{axis}) are needed"
        ) from None
    step = (1.0 if cdelt is None else cdelt) * (1.0 if pc is None else pc) if cd is None else cd
    turned = [key for key, value in others.items() if abs(value) > _SAME * abs(cd or pc or 1.0)]
    if turned:
        raise AgezError(
            f"{path}: {turned[0]} = {others[turned[0]]:g} mixes wavelength with another axis; resample the cube so "
            "that all its spaxels share one wavelength grid"
        )
    # a CDELT of 1 (or 0) beside a CD matrix is the default of a keyword that is not in use
    if cd is not None and cdelt is not None and cdelt not in (0.0, 1.0) and abs(cdelt / (cd or np.nan) - 1.0) > _SAME:
        raise AgezError(
            f"{path}: CD{axis}_{axis} = {cd:g} and CDELT{axis} = {cdelt:g} disagree on the step; remove the wrong one"
        )
    return start, step, reference


def _by_wcs(
    path: Path, header: Mapping[str, Any], axis: int, kind: str, linear: tuple[float, float, float], n_pixels: int
) -> Floats:
    """Wavelengths of an axis with an algorithm by astropy's WCS; ``linear`` and the answer are in Angstrom."""
    words: dict[str, Any] = {"CTYPE1": kind, "CRVAL1": linear[0], "CDELT1": linear[1], "CRPIX1": linear[2]}
    words["CUNIT1"] = "Angstrom"
    for keyword in ("RESTWAV", "RESTFRQ"):
        if keyword in header:
            words[keyword] = header[keyword]
    words |= {f"PV1_{m}": header[f"PV{axis}_{m}"] for m in range(7) if f"PV{axis}_{m}" in header}
    try:
        with warnings.catch_warnings(action="ignore"):  # of keywords that astropy corrects
            metres = WCS(fits.Header(words)).wcs_pix2world(np.arange(n_pixels, dtype=float), 0)[0]
    except Exception as error:  # wcslib has an exception of its own for each way in which a header is wrong
        reason = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
        raise AgezError(
            f"{path}: its axis {axis} ({kind}) cannot be understood: {reason}; write the wavelengths as a table"
        ) from error
    return np.asarray(metres) * 1e10
