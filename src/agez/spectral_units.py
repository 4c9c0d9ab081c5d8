"""Units of fluxes and wavelengths as FITS headers and tables write them."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from astropy import constants
from astropy import units as u

from agez.errors import AgezError
from agez.types import Floats, Medium

F_LAMBDA = u.erg / u.s / u.cm**2 / u.AA
F_NU = u.erg / u.s / u.cm**2 / u.Hz
#: Refractive index of air in the optical, good to 1e-5 from 3500 to 10000 Angstrom: enough for a flux scale.
AIR_INDEX = 1.000277

FluxKind = Literal["lambda", "nu"]


@dataclass(frozen=True)
class FluxUnit:
    """A flux-density unit: ``scale`` times erg/s/cm2/Angstrom (lambda) or erg/s/cm2/Hz (nu)."""

    kind: FluxKind
    scale: float
    assumed: bool = False

    @property
    def name(self) -> str:
        """The unit as astropy reads it."""
        base = "erg / (s cm2 Angstrom)" if self.kind == "lambda" else "erg / (s cm2 Hz)"
        return base if self.scale == 1.0 else f"{self.scale:.12g} {base}"


_LEADING_SCALE = re.compile(
    r"""^\s*(?:x\s*)?(?:
        (?P<number>[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)(?!\s*(?:\*\*|\^))(?![\d.])
      | 10\s*(?:\*\*|\^)\s*[({]?\s*(?P<power>[+-]?\d+)\s*[)}]?
    )\s*\*?\s*(?P<rest>[a-zA-Z].*)$""",
    re.VERBOSE,
)
#: ``FLAM16`` is 1e-16 erg/s/cm2/Angstrom in KCWI's cubes.
_FLAM = re.compile(r"flam\s*-?(?P<power>\d{0,2})", re.IGNORECASE)
_SQUARED = re.compile(r"\(\s*(?P<inner>.+?)\s*\)\s*(?:\*\*|\^)\s*\(?(?P<power>-?2)\)?")
_PER_ELEMENT = re.compile(r"\s*/\s*(?:spaxel|fiber|fibre|pixel|pix)\b", re.IGNORECASE)
_WORDS = (
    (re.compile(r"\b(?:angstroms?|ang|aa|a)(?=\b|[-+\d^*])", re.IGNORECASE), "Angstrom"),
    (re.compile(r"\bergs\b", re.IGNORECASE), "erg"),
    (re.compile(r"\bsec\b", re.IGNORECASE), "s"),
    (re.compile(r"\bmicro?jansk(?:y|ys)\b|\bmicrojy\b", re.IGNORECASE), "uJy"),
)


def parse_unit(text: str) -> u.UnitBase:
    """An astropy unit from what FITS headers and tables write, such as ``1E-17 erg/cm^2/s/Ang/spaxel`` or ``FLAM16``.

    Raises ValueError if it is not a unit.
    """
    rest, scale = text.strip(), 1.0
    squared, flam = _SQUARED.fullmatch(rest), _FLAM.fullmatch(rest)
    if squared:
        return u.Unit(parse_unit(squared["inner"]) ** int(squared["power"]))
    if flam:
        return u.Unit(10.0 ** -int(flam["power"] or 0) * F_LAMBDA)
    found = _LEADING_SCALE.match(rest)
    if found:
        scale = float(found["number"]) if found["number"] else 10.0 ** int(found["power"])
        rest = found["rest"]
    rest = _PER_ELEMENT.sub("", rest)
    for pattern, word in _WORDS:
        rest = pattern.sub(word, rest)
    try:
        with warnings.catch_warnings(action="ignore", category=u.UnitsWarning):
            unit = u.Unit(rest)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{text!r} is not a unit") from error
    if isinstance(unit, u.UnrecognizedUnit) or not isinstance(unit, u.UnitBase):  # ``(m, s)`` is a structure
        raise ValueError(f"{text!r} is not a unit")
    return u.Unit(scale * unit) if scale != 1.0 else unit


def flux_unit_of(
    source: Path, text: str | None, *, default: str | None, per_angstrom_implied: bool = False
) -> FluxUnit:
    """Scale and kind of a flux unit.

    Parameters
    ----------
    source : Path
        For messages.
    text : str or None
        What the file or the caller says.
    default : str or None
        What the format's definition says where the file is silent; None raises.
    per_angstrom_implied : bool
        True for formats whose headers leave ``/Angstrom`` away (CALIFA's pipeline units).

    Raises
    ------
    AgezError
        Not a unit, magnitudes, or not a flux density.
    """
    remedy = "give flux_unit, for example '1e-16 erg / (s cm2 Angstrom)' or 'uJy', or correct the file"
    assumed = text is None or not text.strip()
    if assumed:
        if default is None:
            raise AgezError(f"{source}: the flux has no unit; {remedy}")
        text = default
    assert text is not None
    if re.search(r"\bmag", text, re.IGNORECASE):
        raise AgezError(
            f"{source}: the flux unit is {text!r}, a magnitude; spectra must be flux densities: convert them"
        )
    try:
        unit = parse_unit(text)
    except ValueError:
        raise AgezError(f"{source}: the flux unit {text!r} is not understood; {remedy}") from None
    if unit.is_equivalent(F_LAMBDA):
        return FluxUnit("lambda", _tidy(unit.to(F_LAMBDA)), assumed)
    if unit.is_equivalent(F_NU):
        return FluxUnit("nu", _tidy(unit.to(F_NU)), assumed)
    if per_angstrom_implied and unit.is_equivalent(F_LAMBDA * u.AA):
        return FluxUnit("lambda", _tidy(unit.to(F_LAMBDA * u.AA)), True)
    raise AgezError(f"{source}: the flux unit is {text!r}, which is not a flux density (f_lambda or f_nu); {remedy}")


def _tidy(scale: float) -> float:
    """Without the last digits that unit conversion adds."""
    return float(f"{scale:.12g}")


def wavelength_factor(source: Path, text: str) -> float:
    """Angstrom per unit of ``text``; AgezError if that is not a length."""
    try:
        return _tidy(parse_unit(text).to(u.AA))
    except (ValueError, u.UnitConversionError):
        raise AgezError(
            f"{source}: the wavelength unit {text!r} is not a length; expected Angstrom, nm or um"
        ) from None


def nu_to_lambda(wave_angstrom: Floats, medium: Medium) -> Floats:
    """f_lambda [erg/s/cm2/Angstrom] per f_nu [erg/s/cm2/Hz]: c / (n lambda^2), with n the refractive index."""
    index = AIR_INDEX if medium == "air" else 1.0
    return constants.c.to_value(u.AA / u.s) / (index * wave_angstrom**2)


def line_flux_unit(flux_unit: str) -> str:
    """Unit of an integrated line: that of the flux density times Angstrom.

    Words put side by side would not do: astropy reads ``a / (b c) Angstrom`` as a / (b c Angstrom).
    """
    try:
        with warnings.catch_warnings(action="ignore"):
            return str((u.Unit(flux_unit) * u.AA).to_string())
    except (ValueError, TypeError):
        return f"{flux_unit} * Angstrom"
