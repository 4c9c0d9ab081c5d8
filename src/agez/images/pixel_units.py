"""From what the pixels of an image are stored in to microjansky per pixel."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units as u

from agez.errors import AgezError
from agez.photometry.flux_units import flux_equivalencies, parse_unit
from agez.photometry.synthesis import AB_ZERO_POINT_MICROJANSKY
from agez.surveys.registry import image_keywords

#: Keywords of an AB zero point: a pixel value of 1 has this magnitude.
ZERO_POINT_KEYWORDS = ("MAGZP", "MAG_ZP", "ZP", "PHOTZP", "ZEROPT", "ZEROPNT", "MAGZPT", "MAGZERO", "ZPAB")
#: Words in BUNIT for what only a zero point can turn into fluxes; those of electrons have Poisson noise as they are.
_ELECTRONS = ("electrons", "electron", "photoelectrons", "photoelectron", "photons", "photon", "e-", "e")
_DIGITAL = ("adu", "counts", "count", "cts", "ct", "dn", "du", "none", "arbitrary", "")
_PER = r"(seconds?|secs?|s|pixels?|pix)"
_COUNTS = re.compile(
    rf"(?P<what>{'|'.join(map(re.escape, (*_ELECTRONS, *_DIGITAL)))})"
    rf"(?P<per>(\s*(/|\bper\b)\s*{_PER}(\s+{_PER})*|[\s.*]+{_PER}\s*(\^|\*\*)?\s*-1)*)\s*",
    re.IGNORECASE,
)
_PER_SECOND = re.compile(r"(?<![a-z])s(ec|econds?|ecs)?(?![a-z])", re.IGNORECASE)
#: Units of which no sum can be made.
_LOGARITHM = re.compile(
    r"(?<![a-z])(m?mags?|(ab|st|vega)[ _-]?mags?|mags?[ _-]?(ab|st|vega)|magnitudes?|dex|db|decibels?|log(10)?|ln)"
    r"(?![a-z])",
    re.IGNORECASE,
)
#: Keywords of the exposure time [s].
EXPOSURE_KEYWORDS = ("TEXPOSED", "EXPTIME", "EXPOSURE")
#: Electrons a unit above which GAIN is no detector's, but that of counts a second of a coadd, as SWarp writes it: a
#: converter of 16 bits that gave 20 electrons a step would hold 1.3 million, more than a pixel does.
_LARGEST_DETECTOR_GAIN = 20.0


@dataclass(frozen=True)
class PixelUnit:
    """What the pixels of an image are stored in."""

    microjansky: float  #: f_nu of a pixel with the value 1.
    words: str  #: How that is known.
    counted: str = ""  #: 'electrons', 'counts', or '' of a flux.
    per_second: bool = False  #: Of what is counted.


def pixel_unit(
    source: str,
    headers: Sequence[Mapping[str, Any]],
    *,
    zero_point: float | None,
    pivot_angstrom: float,
    pixel_arcsec2: float,
) -> PixelUnit:
    """What a pixel's value is to be multiplied by to become f_nu [microjansky] of the pixel, and in words how.

    ``BUNIT`` is taken if astropy can turn it into Jy: f_nu, f_lambda at the band's pivot wavelength
    (f_nu = f_lambda pivot**2 / c), either by solid angle, too (times the pixel's area).  Counts of any kind need an
    AB zero point, m = zero_point - 2.5 log10(pixel value): the user's, or one of :data:`ZERO_POINT_KEYWORDS`.  Of any
    other unit only the user can say that it goes with a zero point.

    Raises
    ------
    AgezError
        If neither is there, if a zero point is given for an image whose unit needs none, if the unit is unknown and
        no zero point is given, or if keywords differ.
    """
    text = next((str(h["BUNIT"]).strip() for h in headers if h.get("BUNIT") not in (None, "")), "")
    refuse_logarithms(source, text)
    counts = _COUNTS.fullmatch(re.sub(r"[()\[\]]", " ", text).strip())
    factor = None if counts else _physical(text, pivot_angstrom, pixel_arcsec2)
    if factor is not None:
        if zero_point is not None:
            raise AgezError(f"{source}: its unit is {text!r}, but --zero-points has its band, too; take that out")
        return PixelUnit(factor, f"BUNIT {text}")
    where = "given"
    if zero_point is None:
        if counts is None:
            raise AgezError(
                f"{source}: its unit (BUNIT) is {text!r}, neither a flux such as uJy nor counts; correct it, or give "
                "--zero-points TABLE, columns band and zero_point (AB magnitude of a pixel value of 1)"
            )
        zero_point, where = _zero_point_in(source, headers)
    if zero_point is None:
        said = f"the unit is {text!r}" if text else "the header says no unit (BUNIT)"
        raise AgezError(
            f"{source}: {said}, and there is no zero point ({', '.join(ZERO_POINT_KEYWORDS[:4])}, ...); give "
            "--zero-points TABLE, columns band and zero_point (AB magnitude of a pixel value of 1)"
        )
    if not np.isfinite(zero_point) or not -50 < zero_point < 60:
        raise AgezError(f"{source}: the zero point is {zero_point}; expected an AB magnitude such as 25.3")
    words = f"AB zero point {zero_point:g} ({where})"
    factor = 10 ** (0.4 * (AB_ZERO_POINT_MICROJANSKY - zero_point))
    if counts is None:
        return PixelUnit(factor, f"{words} of unit {text!r}")
    counted = "electrons" if counts["what"].lower() in _ELECTRONS else "counts"
    return PixelUnit(factor, words, counted, _PER_SECOND.search(counts["per"]) is not None)


def electrons_per_unit(unit: PixelUnit, headers: Sequence[Mapping[str, Any]]) -> tuple[float, str]:
    """Electrons that a pixel value of 1 stands for, NaN where unknown, and in words why: of Poisson noise.

    Electrons are counted as they are; counts by ``GAIN``.  A second of either has them times the exposure, but where
    ``GAIN`` is that of the coadd already.  Pixels in a flux are no longer what ``GAIN`` was of.
    """
    gain = first_number(headers, ("GAIN",))
    if not unit.counted:
        return np.nan, f"GAIN {gain:g} is of counts, and the pixels are fluxes ({unit.words})" if gain > 0 else ""
    per_count, words = (1.0, "electrons") if unit.counted == "electrons" else (gain, f"gain {gain:g}")
    if not per_count > 0:
        return np.nan, ""
    if unit.per_second and not (unit.counted == "counts" and gain > _LARGEST_DETECTOR_GAIN):
        exposure = first_number(headers, EXPOSURE_KEYWORDS)
        if not exposure > 0:
            return np.nan, f"the pixels are {unit.counted} a second, and no keyword says the exposure"
        return per_count * exposure, f"{words} times {exposure:g} s"
    return per_count, words


def first_number(headers: Sequence[Mapping[str, Any]], keywords: Sequence[str]) -> float:
    """The first number that the headers have under one of the keywords; NaN if none."""
    for keyword in keywords:
        for header in headers:
            value = header.get(keyword)
            if isinstance(value, int | float) and not isinstance(value, bool) and np.isfinite(value):
                return float(value)
    return np.nan


def refuse_logarithms(source: str, unit: str) -> None:
    """AgezError for pixels in magnitudes, dex or other logarithms: sums and means of these are no fluxes."""
    if _LOGARITHM.search(unit):
        raise AgezError(
            f"{source}: its unit (BUNIT) is {unit!r}, a logarithm; write the image in fluxes, such as uJy, or "
            "counts with an AB zero point"
        )


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
            raise AgezError(f"{source}: the zero point is in the system {system}; give --zero-points in AB magnitudes")
    if max(found.values()) - min(found.values()) > 0.001:
        said = ", ".join(f"{key} {value:g}" for key, value in found.items())
        raise AgezError(f"{source}: the header has several zero points ({said}); say with --zero-points which to take")
    keyword = next(iter(found))
    return found[keyword], keyword
