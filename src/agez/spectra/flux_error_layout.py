"""Which extensions of a file are flux, errors, masks and wavelengths, and what they mean: MUSE, KCWI, SAMI and others.

One spectrum (1 axis), rows of spectra (2) or a cube (3).  Layouts: Weilbacher et al. 2020, A&A 641, A28 (MUSE: DATA,
STAT, DQ); KCWI_DRP (primary, UNCERT, MASK, FLAGS); Croom et al. 2021, MNRAS 505, 991 (SAMI: primary, VARIANCE); the
FITS convention HDUCLASS = 'ESO' (SCIDATA, ERRDATA, QUALDATA, HDUCLAS3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from astropy.io import fits

from agez.errors import AgezError
from agez.spectra.formats_axes import LOG_UNIT, has_wavelength_axis, wavelength_axis
from agez.spectra.formats_columns import LOG_WAVE_NAMES, WAVE_NAMES, Columns, find, simplified
from agez.spectra.formats_common import (
    Options,
    header_medium,
    header_number,
    header_text,
)
from agez.spectral_units import FluxUnit, flux_unit_of, parse_unit, wavelength_factor
from agez.types import Floats, Medium

Kind = Literal["error", "variance", "inverse variance"]
#: Extensions by what they hold; the first that is there counts.
_FLUX = ("DATA", "SCI", "FLUX", "SIGNAL", "SPECTRUM", "SPECTRA")
_ERRORS: dict[str, Kind] = {
    **dict.fromkeys(("STAT", "VAR", "VARIANCE"), "variance"),
    **dict.fromkeys(("ERR", "ERROR", "ERRORS", "UNCERT", "STD", "STDDEV", "SIGMA", "NOISE", "RMS"), "error"),
    **dict.fromkeys(("IVAR", "INVVAR"), "inverse variance"),
}
MASKS = ("MASK", "DQ", "BADPIX", "FLAGS", "QUALITY")
_WAVES = ("WAVE", "WAVELENGTH", "WAVELENGTHS", "LAMBDA", "LAM", "LOGLAM", "WCS-TABLE", "WCS-TAB")
#: What headers say of errors: astropy's UTYPE, and HDUCLAS3 of HDUCLASS = 'ESO'.
_SAID_KINDS: dict[str, Kind] = {
    **dict.fromkeys(("STDDEVUNCERTAINTY", "STD", "RMSE"), "error"),
    **dict.fromkeys(("VARIANCEUNCERTAINTY", "VAR", "MSE"), "variance"),
    **dict.fromkeys(("INVERSEVARIANCE", "IVAR", "INVMSE"), "inverse variance"),
}
#: R of KCWI's gratings with the large slicer; twice with the medium one, four times with the small one (Morrissey et
#: al. 2018, ApJ 864, 93, table 2).
_KCWI_POWER = {"BL": 900.0, "BM": 2000.0, "BH1": 4500.0, "BH2": 4500.0, "BH3": 4500.0}
_KCWI_SLICER = {"LARGE": 1.0, "MEDIUM": 2.0, "SMALL": 4.0}
FLUX_UNIT = "erg / (s cm2 Angstrom)"


@dataclass(frozen=True, eq=False)
class Layout:
    """Which extensions of a file are which."""

    flux: Any
    error: Any
    masks: tuple[Any, ...]
    wave: Any | None

    @property
    def n_axes(self) -> int:
        """1, 2 or 3."""
        return int(self.flux.header["NAXIS"])

    @property
    def axis(self) -> int:
        """Number of the FITS axis of wavelengths."""
        return 3 if self.n_axes == 3 else 1


def shape_of(hdu: Any) -> tuple[int, ...]:
    """FITS axes; empty for a table or no data."""
    if not hdu.is_image:
        return ()
    return tuple(int(hdu.header[f"NAXIS{axis}"]) for axis in range(1, int(hdu.header.get("NAXIS", 0)) + 1))


def layout_of(hdus: fits.HDUList) -> Layout | None:
    """The extensions by their names, or by those that the flux names in ERRDATA and QUALDATA; None without errors."""
    named = {hdu.name.upper(): hdu for hdu in reversed(hdus) if hdu.name}
    named.setdefault("PRIMARY", hdus[0])
    flux = next(
        (named[name] for name in (*_FLUX, "PRIMARY") if name in named and len(shape_of(named[name])) in (1, 2, 3)), None
    )
    if flux is None:
        return None
    shape = shape_of(flux)

    def linked(keyword: str) -> list[str]:
        return [word.strip().upper() for word in str(flux.header.get(keyword, "")).split(",") if word.strip()]

    def like_flux(names: tuple[str, ...]) -> list[Any]:
        return [named[name] for name in names if name in named and named[name] is not flux]

    errors = [hdu for hdu in like_flux((*linked("ERRDATA"), *_ERRORS)) if shape_of(hdu) == shape]
    if not errors:
        return None
    of_sky = shape[:2] if len(shape) == 3 else None
    masks = [hdu for hdu in like_flux((*linked("QUALDATA"), *MASKS)) if shape_of(hdu) in (shape, of_sky)]
    table = str(flux.header.get(f"PS{len(shape) if len(shape) == 3 else 1}_0", "")).strip().upper()
    wave = next((hdu for hdu in like_flux((table, *_WAVES)) if _is_wave(hdu)), None)
    return Layout(flux, errors[0], tuple(dict.fromkeys(masks)), wave)


def _is_wave(hdu: Any) -> bool:
    return len(shape_of(hdu)) == 1 or isinstance(hdu, fits.BinTableHDU | fits.TableHDU)


def is_flux_error(hdus: fits.HDUList) -> bool:
    """A flux with errors of its shape, and wavelengths in the header or in an extension."""
    layout = layout_of(hdus)
    return layout is not None and (layout.wave is not None or has_wavelength_axis(layout.flux.header, layout.axis))


# ---------------------------------------------------------------- what the parts mean


def wavelengths_of(layout: Layout, options: Options, p: int) -> tuple[Floats, Medium | None]:
    """Wavelengths [Angstrom], and the medium that an extension of wavelengths says itself."""
    path, header, hdu = options.path, layout.flux.header, layout.wave
    if hdu is None:
        return wavelength_axis(path, header, layout.axis, p), None
    if shape_of(hdu):
        values, name = np.asarray(hdu.data, dtype=float), simplified(hdu.name)
        unit, medium = header_text(hdu.header, "BUNIT", "CUNIT1", "TUNIT1"), header_medium(hdu.header)
    else:
        columns = Columns(
            {simplified(column): None for column in hdu.columns.names},
            {simplified(column.name): column.unit for column in hdu.columns if column.unit}, {},
        )  # fmt: skip
        said = simplified(str(header.get(f"PS{layout.axis}_1", "")))
        found = find(columns, (*((said,) if said else ()), *WAVE_NAMES, *LOG_WAVE_NAMES))
        if found is None:
            raise AgezError(
                f"{path}: its table {hdu.name} has no column of wavelengths ({', '.join(hdu.columns.names)}); name it "
                "wavelength"
            )
        at = [simplified(column) for column in hdu.columns.names].index(found.column)
        values, name = np.asarray(hdu.data.field(at), dtype=float).ravel(), found.base
        unit, medium = found.unit, found.medium
    if len(values) != p:
        raise AgezError(f"{path}: extension {hdu.name} has {len(values)} wavelengths, but the flux {p} pixels")
    inner = LOG_UNIT.fullmatch(unit or "")
    if inner or name in LOG_WAVE_NAMES:
        natural = inner is not None and inner["log"].lower() == "ln"
        values, unit = np.exp(values) if natural else 10.0**values, inner["unit"] if inner else unit
    return values * (1.0 if unit is None else wavelength_factor(path, unit)), medium


def flux_unit_in(header: fits.Header, options: Options) -> FluxUnit:
    """Of the flux.  KCWI_DRP writes the factor that fluxes were multiplied by, 1e+16, where their unit is 1e-16."""
    unit = flux_unit_of(options.path, options.flux_unit or header_text(header, "BUNIT"), default=FLUX_UNIT)
    if options.flux_unit is None and unit.scale > 1.0 and "KCWI" in str(header.get("INSTRUME", "")).upper():
        return FluxUnit(unit.kind, 1.0 / unit.scale, unit.assumed)
    return unit


def _kind_by_name(name: str) -> Kind:
    for end, kind in _ERRORS.items():
        if name == end or name.endswith(f"_{end}"):
            return kind
    return "error"


def error_kind(layout: Layout, options: Options) -> tuple[Kind, float]:
    """What the errors are, and the factor that brings 1 sigma to the unit of the flux.

    By UTYPE or HDUCLAS3; else by a unit that is the square, or its inverse, of the flux'; else by the extension's name.
    """
    header, flux, name = layout.error.header, layout.flux.header, layout.error.name.upper()
    word = header_text(header, "UTYPE") or (header_text(header, "HDUCLAS3") if "HDUCLASS" in header else None)
    said = _SAID_KINDS.get((word or "").upper())
    kind = _kind_by_name(name) if said is None else said
    text, flux_text = header_text(header, "BUNIT"), header_text(flux, "BUNIT")
    if text is None or flux_text is None or text == flux_text or options.flux_unit is not None:
        return kind, 1.0
    try:
        unit, flux_unit = parse_unit(text), parse_unit(flux_text)
    except ValueError:
        return kind, 1.0
    if unit.is_equivalent(flux_unit) and kind != "error":
        return kind, 1.0  # the unit of the flux, copied beside variances
    powers: dict[Kind, int] = {"error": 1, "variance": 2, "inverse variance": -2}
    for one, power in powers.items():
        if unit.is_equivalent(flux_unit**power):
            return (one, float(unit.to(flux_unit**power) ** (1.0 / power))) if said in (None, one) else (said, 1.0)
    raise AgezError(
        f"{options.path}: extension {layout.error.name} is in {text!r} and the flux in {flux_text!r}; store both in "
        "one unit"
    )


def resolution_of(header: fits.Header, wave: Floats) -> tuple[Floats | float, list[str]]:
    """FWHM [Angstrom] as the header says (SPECRES), else as is known of the instrument, then with ``['fwhm']``."""
    said = header_number(header, "SPECRES", "FWHM_ANGSTROM")
    instrument = str(header.get("INSTRUME", "")).upper()
    if said > 0:
        return said, []
    if "MUSE" in instrument:  # Bacon et al. 2017, A&A 608, A1, equation 8
        return 5.866e-8 * wave**2 - 9.187e-4 * wave + 6.040, ["fwhm"]
    if "KCWI" in instrument:
        power = _KCWI_POWER.get(str(header_text(header, "BGRATNAM", "GRATNAM") or "").upper())
        slicer = _KCWI_SLICER.get(str(header_text(header, "IFUNAM") or "").upper())
        if power and slicer:
            return wave / (power * slicer), ["fwhm"]
    return float("nan"), []


def words_of(hdus: fits.HDUList, flux: Any) -> fits.Header:
    """The primary header with what the flux' own says, but for the object: MUSE's is 'NAME (DATA)' there."""
    words = fits.Header(hdus[0].header, copy=True)
    for key in flux.header:
        if key not in ("", "COMMENT", "HISTORY", "OBJECT") or (key == "OBJECT" and "OBJECT" not in words):
            words[key] = flux.header[key]
    return words
