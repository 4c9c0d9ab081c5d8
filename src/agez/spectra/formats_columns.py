"""Columns of tables of spectra: which names mean wavelength, flux, error and the rest.

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
header (``wave [nm]``).  A text file without names has wavelength, flux, error (and mask) in that order; a
fourth column that is nowhere zero is no mask, and is left out.
A column ``spec_id`` makes a long table of several spectra on one grid; vector columns make a row a spectrum.
Without a unit, wavelengths are Angstrom and fluxes erg/s/cm2/Angstrom; without a word on it, in vacuum.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agez.types import Medium

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
class Found:
    """A column of a known role."""

    column: str
    base: str
    unit: str | None
    medium: Medium | None


def find(columns: Columns, names: Sequence[str]) -> Found | None:
    """The first of ``names`` that is a column, with the unit that the table or the name gives."""
    known: dict[str, Found] = {}
    for column in columns.values:
        if column in names:
            known.setdefault(column, Found(column, column, columns.units.get(column), None))
            continue
        base, unit, medium = _split_suffixes(column)
        known.setdefault(base, Found(column, base, columns.units.get(column) or unit, medium))
    return next((known[name] for name in names if name in known), None)


def recognised(names: Sequence[str]) -> bool:
    """True if these column names hold a wavelength and a flux."""
    columns = Columns({simplified(name): None for name in names}, {}, {})
    return find(columns, (*WAVE_NAMES, *LOG_WAVE_NAMES)) is not None and find(columns, FLUX_NAMES) is not None
