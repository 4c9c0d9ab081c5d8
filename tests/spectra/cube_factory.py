"""Cubes of a galaxy of exponential brightness, in memory and as CALIFA files, for the tests of binning."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.io import fits

from agez.spectra.formats_califa import pixel_ids
from agez.types import Rows, Spectra

UNIT = "1e-16 erg / (s cm2 Angstrom)"


def brightness(ny: int, nx: int, *, peak: float, scale: float) -> np.ndarray:
    """(ny, nx) exponential disc around pixel (ny // 2, nx // 2), flattened to 0.7."""
    y, x = np.mgrid[:ny, :nx]
    return peak * np.exp(-np.hypot(x - nx // 2, (y - ny // 2) / 0.7) / scale)


def cube(
    rng: np.random.Generator,
    *,
    ny: int = 20,
    nx: int = 24,
    peak_snr: float = 20.0,
    scale: float = 4.0,
    n_wave: int = 120,
    redshift: float = 0.01,
    noise: bool = True,
    survey: str = "CALIFA",
    sky: np.ndarray | None = None,
) -> Spectra:
    """All spaxels of a cube whose error is 1 a pixel of 2 Angstrom; ``peak_snr`` is per Angstrom, ``sky`` (ny, nx, p)
    is the noise (white where not given).

    Wavelengths around 5500 Angstrom; a linear spectrum.
    """
    wave = 5400.0 + 2.0 * np.arange(n_wave)
    light = brightness(ny, nx, peak=peak_snr * np.sqrt(2.0), scale=scale).reshape(-1, 1)
    flux = light * np.linspace(0.9, 1.1, n_wave)
    if noise:
        flux = flux + (rng.normal(size=flux.shape) if sky is None else sky.reshape(flux.shape))
    y, x = np.divmod(np.arange(ny * nx), nx)
    n = len(y)
    rows = Rows(np.array(pixel_ids(y, x)), np.full(n, "NGC0001"), x - float(nx // 2), y - float(ny // 2))
    return Spectra(
        wave_angstrom=wave,
        flux=flux.astype(np.float32),
        flux_err=np.ones(flux.shape, dtype=np.float32),
        mask=np.zeros(flux.shape, dtype=bool),
        medium="air",
        rows=rows,
        redshift=np.full(n, redshift),
        fwhm_angstrom=np.full(n_wave, 6.0),
        flux_unit=UNIT,
        flags=np.zeros(n, dtype=np.int32),
        meta={
            "source": "made.fits",
            "format": "califa-cube",
            "survey": survey,
            "cube_shape": (ny, nx),
            "pixel_y": y,
            "pixel_x": x,
            "wcs": {},
        },
    )


def write_califa(path: Path, spectra: Spectra) -> Path:
    """A CALIFA file of a cube in memory, with celestial axes: 1 arcsec a spaxel, reference at the centre."""
    ny, nx = spectra.meta["cube_shape"]

    def first(values: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(values.T.reshape(-1, ny, nx))

    card = fits.Header()
    card["OBJECT"] = str(spectra.rows.galaxy_id[0])
    card["CTYPE1"], card["CTYPE2"], card["CTYPE3"] = "RA---TAN", "DEC--TAN", "AWAV"
    card["CUNIT1"], card["CUNIT2"], card["CUNIT3"] = "deg", "deg", "Angstrom"
    card["CRPIX1"], card["CRPIX2"], card["CRPIX3"] = nx // 2 + 1.0, ny // 2 + 1.0, 1.0
    card["CRVAL1"], card["CRVAL2"], card["CRVAL3"] = 1.8, 27.7, spectra.wave_angstrom[0]
    card["CD1_1"], card["CD2_2"], card["CD3_3"] = -1 / 3600, 1 / 3600, 2.0
    card["BUNIT"] = "10^-16 erg/s/cm^2/Angstrom"
    card["MED_VEL"] = float(spectra.redshift[0]) * 299792.458
    error = np.where(spectra.mask, np.float32(1e10), spectra.flux_err)
    fits.HDUList(
        [
            fits.PrimaryHDU(first(spectra.flux), card),
            fits.ImageHDU(first(error), name="ERROR"),
            fits.ImageHDU(first(spectra.mask).astype(np.uint8), name="BADPIX"),
        ]
    ).writeto(path)
    return path
