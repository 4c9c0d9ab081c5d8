"""Units of fluxes and magnitudes, in the spellings in use, and what brings them to microjansky or to AB."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units as u

from agez.errors import AgezError
from agez.photometry.synthesis import AB_ZERO_POINT_MICROJANSKY

_F_LAMBDA = u.erg / (u.s * u.cm**2 * u.Angstrom)
_MAGGY = 10 ** (0.4 * AB_ZERO_POINT_MICROJANSKY) * u.microjansky
#: What tables and headers write, and how astropy spells it: A is ampere there.
_SPELLINGS = (
    (re.compile(r"(?<![A-Za-z])(A|AA|Ang|ang|angstroms?)(?![A-Za-z])"), "Angstrom"),
    (re.compile(r"\bergs\b"), "erg"),
    (re.compile(r"\b(micro|mu)[ -]?(?=J(y|ansky)\b)"), "u"),
    (re.compile(r"\bnano[ -]?(magg(y|ies)|mgys?)\b|\bn-?mgys?\b", re.IGNORECASE), "nmgy"),
    (re.compile(r"\bmagg(y|ies)\b|\bmgys?\b", re.IGNORECASE), "mgy"),
)
_AB = {"magab", "abmag", "abmags", "magsab", "abmagnitude", "abmagnitudes"}
_ST = {"magst", "stmag", "stmags", "stmagnitude", "stmagnitudes"}
#: What is written where there is no unit.
_NONE = {"none", "dimensionless", "unitless", "-", "--", "---"}
_MAG = {"mag", "mags", "magnitude", "magnitudes"}
_EXPECTED = "expected f_nu (uJy, Jy, nanomaggy), f_lambda (erg / (s cm2 Angstrom)) or AB or ST magnitudes"


@dataclass(frozen=True)
class Scale:
    """What numbers of a unit mean."""

    magnitude: bool  #: They are magnitudes; else fluxes.
    factor: float = 1.0  #: To microjansky; 1 for magnitudes.
    offset: float = 0.0  #: To be added to magnitudes to make them AB.


def parse_unit(text: str) -> Any:
    """The unit that a text says, in any spelling in use; None if it is none."""
    spelled = text.strip()
    for pattern, word in _SPELLINGS:
        spelled = pattern.sub(word, spelled)
    for how in (None, "fits", "vounit"):
        try:
            with warnings.catch_warnings(action="ignore"):
                return u.Unit(spelled, format=how)
        except (ValueError, TypeError):
            continue
    return None


def flux_equivalencies(pivot_angstrom: float) -> Any:
    """What makes f_lambda and maggies of a band of this pivot wavelength f_nu."""
    return [*u.spectral_density(pivot_angstrom * u.AA), *u.zero_point_flux(_MAGGY)]


def scale_of(unit: str | None, *, magnitude: bool, source: str, column: str, pivot_angstrom: float) -> Scale:
    """What the numbers of a column are, by its unit; without one, AB magnitudes or microjansky.

    Parameters
    ----------
    magnitude : bool
        What the column's name says, which counts if there is no unit.
    pivot_angstrom : float
        Of the band: f_lambda and ST magnitudes become f_nu and AB there.

    Raises
    ------
    AgezError
        That names column and unit, if it is neither a flux density nor a magnitude of a known zero point.
    """
    text = _text(unit)
    if not text:
        return Scale(magnitude)
    word = _word(text)
    if word in _MAG or word in _AB or (magnitude and word == "ab"):
        return Scale(True)
    if "vega" in word:
        raise AgezError(f"{source}: column {column} is in {text}; convert it to AB magnitudes, or to f_nu such as uJy")
    parsed = parse_unit("mag(ST)" if word in _ST or (magnitude and word == "st") else text)
    if isinstance(parsed, u.MagUnit):
        factor = _factor(parsed.physical_unit, pivot_angstrom)
        if factor is not None:
            return Scale(True, offset=AB_ZERO_POINT_MICROJANSKY - 2.5 * float(np.log10(factor)))
    factor = _factor(parsed, pivot_angstrom)
    if factor is None:
        raise AgezError(f"{source}: column {column} is in {text}, which is no flux density; {_EXPECTED}")
    return Scale(False, factor)


def error_factor(
    unit: str | None, of: Scale, *, value_has_unit: bool, source: str, column: str, pivot_angstrom: float
) -> float:
    """What brings errors to microjansky, or to magnitudes; without a unit they have that of their values.

    Raises
    ------
    AgezError
        If they are errors of another quantity than the values: fluxes of magnitudes, say.
    """
    text = _text(unit)
    if not text:
        return of.factor
    parsed = parse_unit(text)
    if of.magnitude:
        in_mag = _in_magnitudes(text, parsed)
        if in_mag is None:
            raise AgezError(f"{source}: column {column} is in {text}, but its values are magnitudes; expected mag")
        return in_mag
    factor = None if _in_magnitudes(text, parsed) is not None else _factor(parsed, pivot_angstrom)
    if factor is None:
        raise AgezError(f"{source}: column {column} is in {text}, but its values are fluxes; expected their unit")
    if not value_has_unit and not np.isclose(factor, of.factor, rtol=1e-9):
        raise AgezError(f"{source}: column {column} is in {text}, but its values have no unit; say that of both")
    return factor


def _text(unit: str | None) -> str:
    text = "" if unit is None else str(unit).strip()
    return "" if text.lower() in _NONE else text


def _word(text: str) -> str:
    return re.sub(r"[\s_()\[\]\-.]", "", text.lower())


def _in_magnitudes(text: str, parsed: Any) -> float | None:
    """Magnitudes for a value of 1, where a unit is one of errors of magnitudes, of whatever zero point."""
    word = _word(text)
    if word in {"mmag", "mmags", "millimag"}:
        return 0.001
    return 1.0 if word in _MAG | _AB | _ST or isinstance(parsed, u.MagUnit) else None


def _factor(unit: Any, pivot_angstrom: float) -> float | None:
    """Microjansky for a value of 1 of a unit of f_nu, f_lambda or maggies; None if it is another."""
    if unit is None or isinstance(unit, u.function.FunctionUnitBase):
        return None
    maggies = u.zero_point_flux(_MAGGY)
    if not (unit.is_equivalent(u.Jy, maggies) or unit.is_equivalent(_F_LAMBDA)):
        return None
    return float((1 * unit).to(u.microjansky, flux_equivalencies(pivot_angstrom)).value)
