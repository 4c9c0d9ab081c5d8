"""How CALIFA sees a spectrum: motion, instrumental resolution, sampling, noise, bad pixels, flux calibration."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from scipy import fft
from scipy.sparse import csr_matrix

from agez.photometry.air import vacuum_to_air
from agez.spectra.formats_common import FWHM_PER_SIGMA
from agez.spectra.lines import SPEED_OF_LIGHT_KMS, line_waves
from agez.spectra.templates import SSPGrid
from agez.types import Bools, Floats

#: The V500 setup of CALIFA (Sanchez et al. 2012, A&A 538, A8): 3745-7500 A in steps of 2 A (air), FWHM 6 A.
WAVE_ANGSTROM = 3745.0 + 2.0 * np.arange(1878)
FWHM_ANGSTROM = 6.0
#: Redshifts that mock galaxies may have: the selection of CALIFA (Walcher et al. 2014, A&A 569, A1).
REDSHIFT_RANGE = (0.005, 0.03)
#: Step of the logarithmic grid that motion is applied on [km/s]; margin at its ends for shift and broadening.
STEP_KMS = 40.0
MARGIN = 0.014
SIGMA_PER_FWHM = 1.0 / float(FWHM_PER_SIGMA)
#: Narrowest kernel that samples the logarithmic grid without aliasing [Angstrom].
MIN_KERNEL_ANGSTROM = 0.8

#: Errors of the flux calibration: rms of Legendre terms of order 0 to 5 over the range (0 = grey, absolute), for a
#: galaxy and for a spaxel; together 3 % rms in colour for a galaxy and 1 % for a spaxel.  And the rms of an error that
#: grows quadratically from BLUE_ANGSTROM to the blue end.  Spectrophotometric accuracy of CALIFA: 3 % relative, 5-6 %
#: absolute, worse in the blue: Garcia-Benito et al. 2015, A&A 576, A135 (DR2), Sanchez et al. 2016, A&A 594, A36 (DR3).
GALAXY_CALIBRATION = (0.05, 0.020, 0.015, 0.012, 0.010, 0.008)
SPAXEL_CALIBRATION = (0.0, 0.006, 0.005, 0.004, 0.003, 0.003)
BLUE_CALIBRATION, BLUE_ANGSTROM = 0.04, 4300.0

#: Residuals of the night-sky line [O I] 5577 are masked over this range; share of pixels that cosmic rays spoil.
SKY_LINE_ANGSTROM = (5569.0, 5586.0)
COSMIC_RAY_SHARE = 1.0e-3


@dataclass(frozen=True, eq=False)
class LightGrid:
    """All that stellar populations need of a template grid."""

    grid: Any  #: SSPGrid, or what has its nodes ``log_age`` and ``mh``
    light: Floats  #: (n_age, n_mh) Mean f_lambda in the normalisation band, before dust: what light weights are.
    red_light: Floats  #: (n_age, n_mh) The same in two bands of continuum around H-alpha.


@dataclass(frozen=True, eq=False)
class PreparedGrid(LightGrid):
    """A template grid made ready for mocks: on a logarithmic rest-frame grid, in air."""

    grid: SSPGrid  #: What it was made from.
    wave_angstrom: Floats  #: (p,) Rest frame, air, constant step in the logarithm.
    step_kms: float
    flux: Floats  #: (n_age * n_mh, p) float32
    red_pixels: Bools  #: (p,)
    fwhm_angstrom: float


#: Continuum on both sides of H-alpha and [NII] [Angstrom, rest].
HALPHA_CONTINUUM = ((6480.0, 6530.0), (6600.0, 6650.0))


def near_halpha(wave_angstrom: Floats) -> Bools:
    """Pixels of the continuum that the equivalent width of H-alpha is defined against."""
    return np.asarray(
        np.any([(wave_angstrom >= low) & (wave_angstrom <= high) for low, high in HALPHA_CONTINUUM], axis=0)
    )


@lru_cache(maxsize=16)
def prepare_grid(grid: SSPGrid) -> PreparedGrid:
    """Resample a template grid for mocks (cached); AgezError if it does not reach over CALIFA's range."""
    low = WAVE_ANGSTROM[0] / (1 + REDSHIFT_RANGE[1]) * (1 - MARGIN)
    return prepare_range(grid, low, WAVE_ANGSTROM[-1] / (1 + REDSHIFT_RANGE[0]) * (1 + MARGIN))


def prepare_range(grid: SSPGrid, low: float, high: float) -> PreparedGrid:
    """The same for a range of rest-frame wavelengths [Angstrom, air], with the margins that motion needs."""
    from scipy.interpolate import CubicSpline

    n_pixel = fft.next_fast_len(int(np.ceil(np.log(high / low) / (STEP_KMS / SPEED_OF_LIGHT_KMS))), real=True)
    wave = np.geomspace(low, high, n_pixel)
    part = grid.cut(low - 10.0, high + 10.0)
    part_wave = part.wave_angstrom if part.medium == "air" else vacuum_to_air(part.wave_angstrom)
    flux = np.asarray(CubicSpline(part_wave, part.flux, axis=-1)(wave), dtype=np.float32)
    red = near_halpha(wave)
    return PreparedGrid(
        grid=grid,
        wave_angstrom=wave,
        step_kms=float(SPEED_OF_LIGHT_KMS * np.log(wave[1] / wave[0])),
        flux=flux.reshape(-1, n_pixel),
        light=grid.light,
        red_light=flux[..., red].mean(axis=-1, dtype=float),
        red_pixels=red,
        fwhm_angstrom=grid.fwhm_angstrom,
    )


def line_spread(wave_angstrom: Floats, redshift: float, *, template_fwhm: float) -> tuple[csr_matrix, float]:
    """The matrix that takes rest-frame spectra on ``wave_angstrom`` to CALIFA's pixels, and the final FWHM.

    Each row is a Gaussian, normalised to 1, whose width makes up the difference in quadrature between
    the templates' resolution, stretched by 1 + z, and CALIFA's.  Templates that are coarser stay as they are.

    Returns
    -------
    (1878, p) sparse float32, float [Angstrom, observed frame]
    """
    have = template_fwhm * (1 + redshift)
    sigma = np.sqrt(max(FWHM_ANGSTROM**2 - have**2, 0.0)) * SIGMA_PER_FWHM
    sigma = max(sigma, MIN_KERNEL_ANGSTROM)
    observed = wave_angstrom * (1 + redshift)
    first = np.searchsorted(observed, WAVE_ANGSTROM - 4.5 * sigma)
    reach = int(np.max(np.searchsorted(observed, WAVE_ANGSTROM + 4.5 * sigma) - first))
    column = np.minimum(first[:, None] + np.arange(reach), len(observed) - 1)
    value = np.exp(-0.5 * ((observed[column] - WAVE_ANGSTROM[:, None]) / sigma) ** 2) * observed[column]
    value /= value.sum(axis=1, keepdims=True)
    start = np.arange(len(WAVE_ANGSTROM) + 1) * reach
    matrix = csr_matrix(
        (value.ravel().astype(np.float32), column.ravel(), start), shape=(len(WAVE_ANGSTROM), len(observed))
    )
    return matrix, float(np.hypot(sigma / SIGMA_PER_FWHM, have))


def add_lines(
    flux: Floats, fluxes: Floats, *, redshift: float, velocity_kms: Floats, sigma_kms: Floats, fwhm_angstrom: float
) -> None:
    """Add emission lines, Gaussians of motion and instrument, to observed spectra, in place.

    Parameters
    ----------
    flux : (n, 1878) float32
        f_lambda; changed.
    fluxes : (n, n_lines) float
        Line fluxes, in the unit of ``flux`` times Angstrom, in the order of ``LINE_NAMES``.
    velocity_kms, sigma_kms : (n,) float
        Of the gas.
    """
    step = WAVE_ANGSTROM[1] - WAVE_ANGSTROM[0]
    for number, rest in enumerate(line_waves(medium="air")):
        if not np.any(fluxes[:, number]):
            continue
        centre = rest * (1 + redshift) * (1 + velocity_kms / SPEED_OF_LIGHT_KMS)
        sigma = np.hypot(fwhm_angstrom * SIGMA_PER_FWHM, centre * sigma_kms / SPEED_OF_LIGHT_KMS)
        first = int((centre.min() - 6 * sigma.max() - WAVE_ANGSTROM[0]) / step)
        last = int((centre.max() + 6 * sigma.max() - WAVE_ANGSTROM[0]) / step) + 1
        window = slice(max(first, 0), max(min(last, len(WAVE_ANGSTROM)), 0))
        distance = (WAVE_ANGSTROM[window] - centre[:, None]) / sigma[:, None]
        height = fluxes[:, number] / (np.sqrt(2 * np.pi) * sigma)
        flux[:, window] += (height[:, None] * np.exp(-0.5 * distance**2)).astype(np.float32)


def noise_level(flux: Floats, level: Floats, snr: Floats) -> Floats:
    """1-sigma error of each pixel.

    Parameters
    ----------
    flux : (n, 1878) float32
        Noiseless f_lambda.
    level : (n,) float
        f_lambda at 5500 A.
    snr : (n,) float
        Signal-to-noise ratio per Angstrom at 5500 A; a pixel of 2 A has sqrt(2) times as much.

    Returns
    -------
    (n, 1878) float32
        TrainingSeds and detector (60 % of the variance at 5500 A) and photons of the source (40 %), over
        V500's sensitivity, which halves from 4100 to 3800 A (Sanchez et al. 2016, A&A 594, A36, figures 5 and 11).
    """
    response = (
        1 + 2.2 * np.exp(-(WAVE_ANGSTROM - 3745.0) / 350.0) + 0.3 * np.clip((WAVE_ANGSTROM - 6700) / 800, 0, 1) ** 2
    )
    response = (response / np.interp(5500.0, WAVE_ANGSTROM, response)).astype(np.float32)
    relative = np.maximum(flux / level[:, None].astype(np.float32), 0)
    step = WAVE_ANGSTROM[1] - WAVE_ANGSTROM[0]
    scale = (level / (snr * np.sqrt(step))).astype(np.float32)
    return np.asarray(scale[:, None] * response * np.sqrt(np.float32(0.6) + np.float32(0.4) * relative))


def _legendre() -> Floats:
    """(6, 1878) Legendre polynomials over the range, each of unit rms."""
    position = np.linspace(-1, 1, len(WAVE_ANGSTROM))
    order = len(GALAXY_CALIBRATION)
    basis = np.polynomial.legendre.legvander(position, order - 1).T
    return np.asarray(basis * np.sqrt(2 * np.arange(order) + 1)[:, None])


def calibration_errors(n_spaxels: Floats, rng: np.random.Generator) -> Floats:
    """(n, 1878) float32 factors that the flux calibration of one galaxy's n spectra is wrong by.

    The part that differs from spaxel to spaxel averages down in bins of ``n_spaxels`` (n,).
    """
    n = len(n_spaxels)
    basis = _legendre()
    blue = np.clip((BLUE_ANGSTROM - WAVE_ANGSTROM) / (BLUE_ANGSTROM - WAVE_ANGSTROM[0]), 0, None) ** 2
    common = (rng.standard_normal(len(basis)) * GALAXY_CALIBRATION) @ basis
    common = common + BLUE_CALIBRATION * rng.standard_normal() * blue
    terms = rng.standard_normal((n, len(basis))) * SPAXEL_CALIBRATION / np.sqrt(n_spaxels)[:, None]
    own = terms.astype(np.float32) @ basis.astype(np.float32)
    return np.asarray(np.exp(own + common.astype(np.float32)))


def spoil_pixels(flux: Floats, flux_err: Floats, rng: np.random.Generator) -> Bools:
    """Mask the night-sky line and hit random pixels with cosmic rays (in place); the mask of all of them."""
    n, p = flux.shape
    mask = np.zeros((n, p), dtype=bool)
    (low, high), wave = SKY_LINE_ANGSTROM, WAVE_ANGSTROM
    mask[:, (wave >= low) & (wave <= high)] = True
    number = rng.binomial(n * p, COSMIC_RAY_SHARE)
    hit = rng.integers(0, n * p, number)
    flux.reshape(-1)[hit] += flux_err.reshape(-1)[hit] * rng.uniform(20, 200, number).astype(np.float32)
    mask.reshape(-1)[hit] = True
    return mask
