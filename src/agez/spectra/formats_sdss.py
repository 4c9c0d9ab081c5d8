"""Single-fibre SDSS spectra: spec-*.fits, spSpec-*.fit, and tables of one spectrum with SDSS's columns.

SDSS wavelengths are in vacuum, fluxes in 1e-17 erg/s/cm2/Angstrom, on a log10 grid of 1e-4 per pixel.
Mask bits: SPPIXMASK of Stoughton et al. 2002, AJ 123, 485, Table 11.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from agez.errors import AgezError
from agez.spectra.formats_common import (
    FWHM_PER_SIGMA,
    Format,
    Options,
    assemble,
    error_from_ivar,
    fwhm_from_resolving_power,
    galaxy_name,
    header_medium,
    header_number,
    header_redshift,
    header_text,
    native_float,
    one_galaxy_rows,
)
from agez.spectra.formats_fits import image
from agez.spectral_units import flux_unit_of
from agez.types import Floats, Medium, Spectra

SDSS_FLUX_UNIT = "1e-17 erg / (s cm2 Angstrom)"
#: Bits that make a pixel unusable: LOWFLAT 17, FULLREJECT 18, SCATTEREDLIGHT 20, CROSSTALK 21, NOSKY 22,
#: BRIGHTSKY 23, NODATA 24, COMBINEREJ 25, BADFLUXFACTOR 26, BADSKYCHI 27.  Bits that only inform (whole-fibre
#: bits, NEARBADPIXEL, PARTIALREJECT, REDMONSTER) are left alone.
BAD_BITS = sum(1 << bit for bit in (17, 18, 20, 21, 22, 23, 24, 25, 26, 27))
#: R = lambda / FWHM where the file has no dispersion: SDSS quotes 1850-2200 (2.76 Angstrom at 5500).
TYPICAL_RESOLVING_POWER = 2000.0
_PIXEL_LOG10 = 1e-4


def _columns(hdu: Any) -> dict[str, str]:
    """Lower-case column name to the name in the file; empty for what is not a table."""
    if not isinstance(hdu, fits.BinTableHDU):
        return {}
    return {name.lower(): name for name in hdu.columns.names}


def _coadd_of(hdus: fits.HDUList) -> Any | None:
    """The table with flux, wavelength, inverse variance and and_mask, under SDSS's names; None if there is none."""
    for hdu in hdus:
        names = _columns(hdu)
        if (
            "flux" in names
            and "and_mask" in names
            and ("loglam" in names or "wavelength" in names)
            and ("ivar" in names or "inverse_variance" in names)
        ):
            return hdu
    return None


def _is_spspec(hdus: fits.HDUList) -> bool:
    """An image of rows on a log10 grid in the primary HDU, as before data release 8."""
    header = hdus[0].header
    return header.get("NAXIS") == 2 and "COEFF0" in header and "COEFF1" in header and header["NAXIS2"] >= 4


def _identifier(header: Mapping[str, Any]) -> str:
    words = [header_text(header, *names) for names in (("PLATEID", "PLATE"), ("MJD",), ("FIBERID", "FIBER"))]
    return "-".join(word for word in words if word) or "0"


def _medium(options: Options, header: Mapping[str, Any]) -> Medium:
    return options.medium or header_medium(header) or "vacuum"


def read_spec(hdus: fits.HDUList, options: Options) -> Spectra:
    """spec-*.fits (data release 8 and later; lite or full), or one table with the same columns.

    The redshift is that of the SPECOBJ (SPALL) table, else of the headers.
    """
    path = options.path
    hdu = _coadd_of(hdus)
    if hdu is None:
        raise AgezError(f"{path}: no table with flux, loglam, ivar and and_mask: not an SDSS spec file")
    names, table = _columns(hdu), hdu.data
    if len(table) == 0:
        raise AgezError(f"{path}: its table of the spectrum is empty")
    header = fits.Header(hdus[0].header, copy=True)
    header.update(hdu.header if hdu is not hdus[0] else {})
    if "loglam" in names:
        wave = 10.0 ** _exact_grid(np.asarray(table[names["loglam"]], dtype=float))
    else:
        wave = np.asarray(table[names["wavelength"]], dtype=float)
    flux = native_float(table[names["flux"]])
    error, bad = error_from_ivar(native_float(table[names.get("ivar", names.get("inverse_variance", ""))]))
    bad |= (np.asarray(table[names["and_mask"]], dtype=np.int64) & BAD_BITS) != 0
    if "wdisp" in names:
        fwhm, assumed = _fwhm_from_dispersion(wave, np.asarray(table[names["wdisp"]], dtype=float)), []
    else:
        fwhm, assumed = wave / TYPICAL_RESOLVING_POWER, ["fwhm"]
    redshift = _catalogue_redshift(hdus)
    return assemble(
        options,
        wave_angstrom=wave,
        flux=flux[None, :],
        error=error[None, :],
        bad=np.asarray(bad, dtype=bool)[None, :],
        rows=one_galaxy_rows([_identifier(header)], galaxy_name(path, header)),
        medium=_medium(options, header),
        unit=flux_unit_of(path, options.flux_unit or header_text(header, "BUNIT"), default=SDSS_FLUX_UNIT),
        redshift=redshift if np.isfinite(redshift) else header_redshift(header),
        fwhm_angstrom=fwhm,
        assumed=assumed,
        meta={"format": "sdss", "survey": "SDSS"},
    )


def _exact_grid(loglam: Floats) -> Floats:
    """log10 wavelengths freed from the rounding of float32 (5e-7 dex), where they lie on SDSS's grid of 1e-4."""
    rounded = np.round(loglam, 4)
    return rounded if np.all(np.abs(loglam - rounded) < 1e-6) else loglam


def _fwhm_from_dispersion(wave: Floats, dispersion: Floats) -> Floats:
    """FWHM [Angstrom] from wdisp, sigma in pixels of 1e-4 dex; zeros are bridged."""
    with np.errstate(divide="ignore", invalid="ignore"):
        power = 1.0 / (FWHM_PER_SIGMA * dispersion * _PIXEL_LOG10 * np.log(10.0))
    return fwhm_from_resolving_power(wave, power)


def _catalogue_redshift(hdus: fits.HDUList) -> float:
    """Z of the one-row table that the spectrum's file carries; NaN if there is none."""
    for hdu in hdus:
        names = _columns(hdu)
        if "z" in names and "zwarning" in names and hdu.header["NAXIS2"] == 1:
            return header_redshift({"Z": float(hdu.data[names["z"]][0])})
    return float("nan")


def read_spspec(hdus: fits.HDUList, options: Options) -> Spectra:
    """spSpec-*.fit (data releases 1 to 7): rows 0, 2 and 3 of the primary image are flux, error and mask."""
    path = options.path
    header = hdus[0].header
    rows: NDArray[Any] = image(path, hdus, hdus[0].name)
    start, step = header_number(header, "COEFF0"), header_number(header, "COEFF1")
    if not (np.isfinite(start) and step > 0):
        raise AgezError(f"{path}: COEFF0 = {header['COEFF0']!r} and COEFF1 = {header['COEFF1']!r} are no log10 grid")
    wave = 10.0 ** (start + step * np.arange(rows.shape[1]))
    # These headers write erg/cm/s/Ang where erg/cm^2/s/Ang is meant.
    unit = re.sub(r"/cm(?=/)", "/cm^2", header_text(header, "BUNIT") or "")
    error = native_float(rows[2])
    # An error of exactly zero is how these files mark a bad pixel.
    bad = (error == 0) | ((rows[3].astype(np.int64) & BAD_BITS) != 0)
    return assemble(
        options,
        wave_angstrom=wave,
        flux=native_float(rows[0])[None, :],
        error=error[None, :],
        bad=bad[None, :],
        rows=one_galaxy_rows([_identifier(header)], galaxy_name(path, {})),
        medium=_medium(options, header),
        unit=flux_unit_of(path, options.flux_unit or unit, default=SDSS_FLUX_UNIT),
        redshift=header_redshift(header),
        fwhm_angstrom=wave / TYPICAL_RESOLVING_POWER,
        assumed=["fwhm"],
        meta={"format": "sdss-old", "survey": "SDSS"},
    )


SDSS = (
    Format("sdss-old", "SDSS spSpec-*.fit of data releases 1 to 7", _is_spspec, read_spspec),
    Format(
        "sdss", "SDSS spec-*.fits, or a table with its columns: flux, loglam, ivar, and_mask",
        lambda hdus: _coadd_of(hdus) is not None, read_spec,
    ),
)  # fmt: skip
