"""From what the pixels of an image are stored in to microjansky per pixel."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy import units as u

from agez.errors import AgezError
from agez.photometry.flux_units import flux_equivalencies, parse_unit
from agez.photometry.synthesis import AB_ZERO_POINT_MICROJANSKY
from agez.surveys.registry import image_keywords

#: Keywords of an AB zero point: a pixel value of 1 has this magnitude.
ZERO_POINT_KEYWORDS = ("MAGZP", "MAG_ZP", "ZP", "PHOTZP", "ZEROPT", "ZEROPNT", "MAGZPT", "MAGZERO", "ZPAB")
#: Words in BUNIT for what only a zero point can turn into fluxes: counts, electrons, also a second.
_COUNTS = frozenset(
    ("", "adu", "count", "counts", "ct", "cts", "dn", "electron", "electrons", "e-", "e", "photon", "none", "arbitrary")
)
#: Units of which no sum can be made.
_LOGARITHM = re.compile(
    r"(?<![a-z])(m?mags?|(ab|st|vega)[ _-]?mags?|mags?[ _-]?(ab|st|vega)|magnitudes?|dex|db|decibels?|log(10)?|ln)"
    r"(?![a-z])",
    re.IGNORECASE,
)
_PER_SECOND = ("/s", " s-1", " s^-1", "/sec", "/second", " s**-1")


def microjansky_per_unit(
    source: str,
    headers: Sequence[Mapping[str, Any]],
    *,
    zero_point: float | None,
    pivot_angstrom: float,
    pixel_arcsec2: float,
) -> tuple[float, str]:
    """What a pixel's value is to be multiplied by to become f_nu [microjansky] of the pixel, and in words how.

    ``BUNIT`` is taken if astropy can turn it into Jy: f_nu, f_lambda at the band's pivot wavelength
    (f_nu = f_lambda pivot**2 / c), either by solid angle, too (times the pixel's area).  Counts of any kind need an
    AB zero point, m = zero_point - 2.5 log10(pixel value): the user's, or one of :data:`ZERO_POINT_KEYWORDS`.

    Raises
    ------
    AgezError
        If neither is there, if a zero point is given for an image whose unit needs none, or if keywords differ.
    """
    text = next((str(h["BUNIT"]).strip() for h in headers if h.get("BUNIT") not in (None, "")), "")
    refuse_logarithms(source, text)
    factor = None if _is_counts(text) else _physical(text, pivot_angstrom, pixel_arcsec2)
    if factor is not None:
        if zero_point is not None:
            raise AgezError(f"{source}: its unit is {text!r}, but a zero point is given, too; take that out")
        return factor, f"BUNIT {text}"
    if zero_point is None:
        zero_point, where = _zero_point_in(source, headers)
    else:
        where = "given"
    if zero_point is None:
        said = f"the unit is {text!r}" if text else "the header says no unit (BUNIT)"
        raise AgezError(
            f"{source}: {said}, and there is no zero point ({', '.join(ZERO_POINT_KEYWORDS[:4])}, ...); give "
            "zero_points, a table with the columns band and zero_point (AB magnitude of a pixel value of 1)"
        )
    if not np.isfinite(zero_point) or not -50 < zero_point < 60:
        raise AgezError(f"{source}: the zero point is {zero_point}; expected an AB magnitude such as 25.3")
    return 10 ** (0.4 * (AB_ZERO_POINT_MICROJANSKY - zero_point)), f"AB zero point {zero_point:g} ({where})"


def refuse_logarithms(source: str, unit: str) -> None:
    """AgezError for pixels in magnitudes, dex or other logarithms: sums and means of these are no fluxes."""
    if _LOGARITHM.search(unit):
        raise AgezError(
            f"{source}: its unit (BUNIT) is {unit!r}, a logarithm; write the image in fluxes, such as uJy, or "
            "counts with an AB zero point"
        )


def _is_counts(text: str) -> bool:
    word = text.lower()
    for end in _PER_SECOND:
        word = word.removesuffix(end)
    return word.strip() in _COUNTS


def _physical(text: str, pivot_angstrom: float, pixel_arcsec2: float) -> float | None:
    """Microjansky for a value of 1 in this unit; None if it is no flux."""
    unit = parse_unit(text)
    if unit is None:
        return None
    pixel = u.def_unit("agez_pixel_area", pixel_arcsec2 * u.arcsec**2)
    at = flux_equivalencies(pivot_angstrom)
    for one in (unit, unit * u.pix, unit * pixel):
        try:
            value = float((1 * one).to(u.uJy, at).value)
        except u.UnitConversionError:
            continue
        return value
    return None


def _zero_point_in(source: str, headers: Sequence[Mapping[str, Any]]) -> tuple[float | None, str]:
    """The zero point that a header says, and its keyword."""
    found: dict[str, float] = {}
    for keyword in (*image_keywords("zero_point"), *ZERO_POINT_KEYWORDS):
        for header in headers:
            value = header.get(keyword)
            if isinstance(value, bool):
                continue
            try:
                number = float(value)  # type: ignore[arg-type]
            except (TypeError, ValueError):
                continue
            if np.isfinite(number):
                found.setdefault(keyword, number)
    if not found:
        return None, ""
    for header in headers:
        system = str(header.get("MAGSYS", header.get("PHOTSYS", ""))).strip().upper()
        if system and not system.startswith("AB"):
            raise AgezError(f"{source}: the zero point is in the system {system}; give zero_points in AB magnitudes")
    if max(found.values()) - min(found.values()) > 0.001:
        said = ", ".join(f"{key} {value:g}" for key, value in found.items())
        raise AgezError(f"{source}: the header has several zero points ({said}); say with zero_points which to take")
    keyword = next(iter(found))
    return found[keyword], keyword
