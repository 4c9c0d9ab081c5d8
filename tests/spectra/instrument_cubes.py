"""Cubes in memory as files in the layouts of MUSE and KCWI, with axes of any unit and algorithm."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.nddata import CCDData, StdDevUncertainty

from agez.types import Spectra

MUSE_UNIT = "10**(-20)*erg/s/cm**2/Angstrom"


def planes(spectra: Spectra, values: np.ndarray) -> np.ndarray:
    """(p, ny, nx) of values of all spaxels."""
    ny, nx = spectra.meta["cube_shape"]
    return np.ascontiguousarray(values.T.reshape(-1, ny, nx))


def part(spectra: Spectra, low: float, high: float) -> Spectra:
    """The same between two wavelengths."""
    from dataclasses import replace

    use = (spectra.wave_angstrom >= low) & (spectra.wave_angstrom <= high)
    return replace(
        spectra, wave_angstrom=spectra.wave_angstrom[use], fwhm_angstrom=spectra.fwhm_angstrom[use],
        flux=spectra.flux[:, use], flux_err=spectra.flux_err[:, use], mask=spectra.mask[:, use],
    )  # fmt: skip


def sky(header: fits.Header, shape: tuple[int, int], *, pixel_arcsec: float = 0.2) -> fits.Header:
    """Celestial axes whose reference is not the middle of the cube, turned by 30 degrees."""
    ny, nx = shape
    size, turn = pixel_arcsec / 3600, np.radians(30.0)
    header.update(
        CTYPE1="RA---TAN", CTYPE2="DEC--TAN", CUNIT1="deg", CUNIT2="deg", CRVAL1=201.5, CRVAL2=-30.25,
        CRPIX1=nx // 2 + 3.0, CRPIX2=ny // 2 - 1.0, CD1_1=-size * np.cos(turn), CD1_2=size * np.sin(turn),
        CD2_1=size * np.sin(turn), CD2_2=size * np.cos(turn),
    )  # fmt: skip
    return header


def axis(wave: np.ndarray, unit: str = "Angstrom", kind: str = "AWAV", step: str = "CD3_3") -> dict[str, object]:
    """A linear axis 3."""
    start, pixel = ((np.array([wave[0], wave[1] - wave[0]]) * u.AA).to_value(unit)).tolist()
    return {"CTYPE3": kind, "CUNIT3": unit, "CRVAL3": start, step: pixel, "CRPIX3": 1.0}


def write_muse(path: Path, spectra: Spectra, *, mask: bool = True, **words: object) -> Path:
    """MUSE: an empty primary, DATA, STAT (variance), DQ as an option; the keywords of axis 3 may be replaced."""
    primary = fits.Header({"OBJECT": str(spectra.rows.galaxy_id[0]), "INSTRUME": "MUSE", "RA": 201.5, "DEC": -30.25})
    card = sky(fits.Header(), spectra.meta["cube_shape"])
    card.update(axis(spectra.wave_angstrom) | {"BUNIT": MUSE_UNIT, "OBJECT": f"{primary['OBJECT']} (DATA)"})
    card.update(HDUCLASS="ESO", HDUDOC="DICD", HDUCLAS1="IMAGE", HDUCLAS2="DATA", ERRDATA="STAT")
    for key, value in words.items():
        if value is None:
            card.remove(key, ignore_missing=True)
        else:
            card[key] = value
    stat = card.copy()
    stat.update(BUNIT=f"({card['BUNIT']})**2", HDUCLAS2="ERROR", HDUCLAS3="MSE", SCIDATA="DATA")
    scale = 1e4  # from 1e-16 to 1e-20
    bad = planes(spectra, spectra.mask)
    nan = np.float32(np.nan)
    hdus = [
        fits.PrimaryHDU(header=primary),
        fits.ImageHDU(np.where(bad, nan, planes(spectra, spectra.flux * scale)).astype(np.float32), card, name="DATA"),
        fits.ImageHDU(
            np.where(bad, nan, planes(spectra, (spectra.flux_err * scale) ** 2)).astype(np.float32), stat, name="STAT"
        ),
    ]
    if mask:
        hdus.append(fits.ImageHDU(bad.astype(np.int32) << 30, name="DQ"))
        hdus[1].header["QUALDATA"] = "DQ"
    fits.HDUList(hdus).writeto(path, overwrite=True)
    return path


def write_kcwi(path: Path, spectra: Spectra, **words: object) -> Path:
    """KCWI_DRP's icubes: CCDData as astropy writes it (its unit 1e+16 and all), and FLAGS."""
    header = sky(
        fits.Header({"OBJECT": str(spectra.rows.galaxy_id[0]), "INSTRUME": "KCWI"}), spectra.meta["cube_shape"]
    )
    header.update(axis(spectra.wave_angstrom) | {"IFUNAM": "Medium", "BGRATNAM": "BL"})
    data = CCDData(
        planes(spectra, spectra.flux).astype(float), unit=1e16 * u.Unit("erg / (s cm2 AA)"), meta=header,
        uncertainty=StdDevUncertainty(planes(spectra, spectra.flux_err).astype(float)),
        mask=planes(spectra, spectra.mask).astype(np.uint8),
    )  # fmt: skip
    hdus = data.to_hdu()
    hdus.append(fits.ImageHDU(np.zeros(data.shape, np.uint8), name="FLAGS"))
    for key, value in words.items():
        hdus[0].header[key] = value
    hdus.writeto(path, overwrite=True)
    return path
