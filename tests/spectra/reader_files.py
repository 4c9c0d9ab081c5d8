"""Small spectrum files in the real surveys' layouts, with known content, for the tests of readers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.io import fits


def califa_cube(path: Path, rng: np.random.Generator, *, setup: str = "V500", celestial: bool = True, **header) -> dict:
    """A cube of (p, 4, 5): (0, 0) empty, (1, 2) with a bad pixel, (2, 3) with a NaN, (3, 4) with a zero error."""
    start, step, p = {"V500": (3749.0, 2.0, 60), "COMB": (3701.0, 2.0, 60), "V1200": (3650.0, 0.7, 60)}[setup]
    flux = (1.0 + rng.uniform(0, 1, (p, 4, 5))).astype(np.float32)
    error = (0.01 + 0.01 * rng.uniform(0, 1, flux.shape)).astype(np.float32)
    bad = np.zeros(flux.shape, np.uint8)
    flux[:, 0, 0], error[:, 0, 0], bad[:, 0, 0] = 0.0, 1e10, 1
    error[7, 1, 2], bad[7, 1, 2] = 1e10, 1
    flux[9, 2, 3] = np.nan
    error[11, 3, 4] = 0.0
    card = fits.Header()
    card["OBJECT"] = "NGC0001"
    if celestial:
        card["CTYPE1"], card["CTYPE2"], card["CTYPE3"] = "RA---TAN", "DEC--TAN", "AWAV"
        card["CRVAL1"], card["CRVAL2"] = 1.8, 27.7
        card["CD1_1"], card["CD2_2"] = -1 / 3600, 1 / 3600
        card["CD3_3"] = step
    else:
        card["CDELT1"], card["CDELT2"], card["CDELT3"] = 1.0, 1.0, step
        card["CTYPE3"] = "WAVELENGTH"
    card["CRPIX1"], card["CRPIX2"], card["CRPIX3"] = 3.0, 2.0, 1.0
    card["CRVAL3"] = start
    card["CUNIT3"] = "Angstrom"
    card["BUNIT"] = "10^-16 erg/s/cm^2/Angstrom"
    card["MED_VEL"] = 4500.0
    for key, value in header.items():
        if value is None:
            card.remove(key, ignore_missing=True)
        else:
            card[key] = value
    hdus = fits.HDUList(
        [
            fits.PrimaryHDU(flux, card),
            fits.ImageHDU(error, name="ERROR"),
            fits.ImageHDU(np.ones_like(error), name="ERRWEIGHT"),
            fits.ImageHDU(bad, name="BADPIX"),
            fits.ImageHDU(np.full(flux.shape[1:], 3, np.uint8), name="FIBCOVER"),
        ]
    )
    hdus.writeto(path)
    return {"wave": start + step * np.arange(p), "flux": flux, "error": error}


def manga_cube(path: Path, rng: np.random.Generator) -> dict:
    """A LOGCUBE of (p, 3, 4) with two spaxels outside the hexagon and one foreground star."""
    p = 50
    wave = 10.0 ** (3.5589 + 1e-4 * np.arange(p))
    flux = (2.0 + rng.uniform(0, 1, (p, 3, 4))).astype(np.float32)
    ivar = np.full(flux.shape, 100.0, np.float32)
    mask = np.zeros(flux.shape, np.int32)
    for y, x in ((0, 0), (2, 3)):
        flux[:, y, x], ivar[:, y, x], mask[:, y, x] = 0.0, 0.0, 1 | 2 | 1024
    mask[:, 1, 1] |= 8 | 1024
    ivar[5, 1, 2], mask[5, 1, 2] = 0.0, 1024
    primary = fits.PrimaryHDU()
    primary.header["PLATEIFU"] = "7443-12703"
    primary.header["OBJRA"], primary.header["OBJDEC"] = 229.5, 42.75
    head = fits.Header()
    head["CTYPE1"], head["CTYPE2"], head["CTYPE3"] = "RA---TAN", "DEC--TAN", "WAVE-LOG"
    head["CRPIX1"], head["CRPIX2"] = 2.0, 2.0
    head["CRVAL1"], head["CRVAL2"] = 229.5, 42.75 + 1.0 / 3600
    head["CD1_1"], head["CD2_2"] = -0.5 / 3600, 0.5 / 3600
    head["BUNIT"] = "1E-17 erg/s/cm^2/Ang/spaxel"
    power = np.full(p, 2000.0)
    power[3] = 0.0
    fits.HDUList(
        [
            primary,
            fits.ImageHDU(flux, head, name="FLUX"),
            fits.ImageHDU(ivar, name="IVAR"),
            fits.ImageHDU(mask, name="MASK"),
            fits.ImageHDU(wave, name="WAVE"),
            fits.ImageHDU(power, name="SPECRES"),
        ]
    ).writeto(path)
    return {"wave": wave, "flux": flux, "mask": mask}


def sdss_spec(path: Path, rng: np.random.Generator, *, redshift: float = 0.0123) -> dict:
    """A spec file with loglam in float32, a pixel without data, one bright-sky and one merely informed of."""
    p = 300
    loglam = (3.58 + 1e-4 * np.arange(p)).astype(np.float32)
    flux = (10 + rng.uniform(0, 1, p)).astype(np.float32)
    ivar = np.full(p, 4.0, np.float32)
    and_mask = np.zeros(p, np.int32)
    ivar[10], and_mask[10] = 0.0, 1 << 24
    and_mask[20] = 1 << 23
    and_mask[30] = 1 << 28 | 1 << 11
    wdisp = np.full(p, 1.0, np.float32)
    primary = fits.PrimaryHDU()
    for key, value in {"PLATEID": 266, "MJD": 51630, "FIBERID": 9, "VACUUM": True}.items():
        primary.header[key] = value
    primary.header["BUNIT"] = "1E-17 erg/cm^2/s/Ang"
    columns = [("flux", "E", flux), ("loglam", "E", loglam), ("ivar", "E", ivar), ("and_mask", "J", and_mask)]
    columns += [("or_mask", "J", and_mask), ("wdisp", "E", wdisp)]
    coadd = fits.BinTableHDU.from_columns([fits.Column(n, f, array=a) for n, f, a in columns], name="COADD")
    z = [("Z", "E", np.array([redshift])), ("ZWARNING", "J", np.array([0]))]
    spall = fits.BinTableHDU.from_columns([fits.Column(n, f, array=a) for n, f, a in z], name="SPECOBJ")
    fits.HDUList([primary, coadd, spall]).writeto(path)
    return {"wave": 10.0 ** (3.58 + 1e-4 * np.arange(p)), "flux": flux}


def sdss_spspec(path: Path, rng: np.random.Generator) -> dict:
    """A spSpec file: rows flux, continuum-subtracted, error, mask, and one more."""
    p = 200
    flux = rng.uniform(5, 6, p).astype(np.float32)
    rows = np.stack([flux, flux - 5, np.full(p, 0.2), np.zeros(p), np.ones(p)]).astype(np.float32)
    rows[2, 4] = 0.0
    rows[3, 8] = 0x800000
    hdu = fits.PrimaryHDU(rows)
    cards = {"COEFF0": 3.5806, "COEFF1": 1e-4, "CRVAL1": 3.5806, "CD1_1": 1e-4, "CRPIX1": 1, "DC-FLAG": 1}
    cards |= {"CTYPE1": "LINEAR", "BUNIT": "1.0E-17 erg/cm/s/Ang", "Z": 0.034, "VACUUM": True}
    cards |= {"PLATEID": 267, "MJD": 51608, "FIBERID": 25}
    for key, value in cards.items():
        hdu.header[key] = value
    hdu.writeto(path)
    return {"wave": 10.0 ** (3.5806 + 1e-4 * np.arange(p)), "flux": flux}
