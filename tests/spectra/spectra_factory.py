"""Spectra with known stars for the tests of fitting: built slowly and directly, one at a time."""

import numpy as np
from scipy.ndimage import gaussian_filter1d

from agez.spectra.templates import SSPGrid
from agez.types import Rows, Spectra

LIGHT_KMS = 299792.458


def light_fractions(grid: SSPGrid, n: int, rng: np.random.Generator) -> np.ndarray:
    """Smooth light fractions (n, n_age, n_mh), each a Gaussian blob on the grid."""
    age = rng.uniform(grid.log_age[1], grid.log_age[-2], n)[:, None, None]
    mh = rng.uniform(grid.mh[1], grid.mh[-1], n)[:, None, None]
    weights = np.exp(-0.5 * ((grid.log_age[:, None] - age) / 0.3) ** 2 - 0.5 * ((grid.mh - mh) / 0.3) ** 2)
    return weights / weights.sum(axis=(1, 2), keepdims=True)


def observe(
    grid: SSPGrid,
    fractions: np.ndarray,
    *,
    velocity_kms: np.ndarray,
    sigma_kms: np.ndarray,
    snr: float,
    rng: np.random.Generator,
    redshift: float = 0.01,
    continuum: np.ndarray | None = None,
) -> Spectra:
    """CALIFA-like spectra (3745-7500 A, 2 A) of the given stars; ``grid`` must have the data's resolution."""
    wave = np.arange(3745.0, 7500.1, 2.0)
    step = 10.0 / LIGHT_KMS
    log_wave = np.arange(np.log(3400.0), np.log(8000.0), step)
    flux = np.empty((len(fractions), len(wave)))
    for i, part in enumerate(fractions):
        rest = np.tensordot(part / grid.light, grid.flux, axes=2)
        fine = np.interp(np.exp(log_wave), grid.wave_angstrom, rest)
        fine = gaussian_filter1d(fine, sigma_kms[i] / 10.0)
        stretch = (1 + redshift) * np.exp(velocity_kms[i] / LIGHT_KMS)
        # mean over each pixel, as a detector has it
        sub = wave[:, None] + np.linspace(-0.9, 0.9, 10)
        flux[i] = np.interp(sub, np.exp(log_wave) * stretch, fine).mean(axis=1)
    if continuum is not None:
        flux *= continuum
    error = np.median(flux, axis=1, keepdims=True) / (snr * np.sqrt(2.0)) * np.ones_like(flux)
    n = len(flux)
    return Spectra(
        wave_angstrom=wave,
        flux=(flux + error * rng.normal(size=flux.shape)).astype(np.float32),
        flux_err=error.astype(np.float32),
        mask=np.zeros(flux.shape, dtype=bool),
        medium="air",
        rows=Rows.numbered(n, galaxy_id="G1"),
        redshift=np.full(n, redshift),
        fwhm_angstrom=np.full(len(wave), grid.fwhm_angstrom * (1 + redshift)),
        flux_unit="1e-16 erg / (s cm2 Angstrom)",
        flags=np.zeros(n, dtype=np.int32),
        meta={"source": "made for a test"},
    )
