"""A template grid made ready for fitting: compressed, on the fit's log grid, at the data's resolution."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.interpolate import CubicSpline

from agez.photometry.air import to_medium
from agez.spectra.broadening import broaden_and_bin
from agez.spectra.formats_common import FWHM_PER_SIGMA
from agez.spectra.lines import SPEED_OF_LIGHT_KMS
from agez.spectra.rebin import log_grid
from agez.spectra.templates import SSPGrid
from agez.types import Floats, Medium

#: Dispersions of the stars for which broadened templates are kept [km/s].
SIGMA_GRID_KMS = np.array([5, 40, 70, 95, 120, 145, 170, 195, 220, 250, 280, 320, 360, 400], dtype=float)
#: Fine pixels in one pixel of the fit while broadening.
_OVERSAMPLING = 4
#: Wavelengths, evenly spaced in the logarithm over the fit's range, at which the data's resolution is given.
RESOLUTION_KNOTS = 12
#: Basis spectra kept: 30 give E-MILES back to 0.1 % rms.
_RANK = 30
#: Populations younger than this [log yr] count for less in the choice of the basis.  They differ most in the
#: continuum, which polynomials take up; at full weight they would take the leading places, by which the motion of old
#: stars is measured, from the lines that it is measured by.
YOUNG_LOG_AGE, _YOUNG_WEIGHT = 7.75, 0.1


@dataclass(frozen=True, eq=False)
class TemplateBasis:
    """Templates T = coefficients' U: m SSPs of unit light in a basis of r spectra, broadened."""

    wave_angstrom: Floats  #: (q,) Centres of the fit's pixels, rest frame, in the data's medium.
    edges_angstrom: Floats  #: (q + 1,)
    velocity_step_kms: float
    #: (n_sigma, q, r) float32: Basis spectra at the data's resolution broadened by each of ``SIGMA_GRID_KMS``.
    spectra: Floats
    coefficients: Floats  #: (r, m) Each column makes an SSP whose mean flux in the normalisation band is 1.
    grid: SSPGrid
    medium: Medium  #: Of the wavelengths.
    instrument_sigma_kms: Floats  #: (q,) The data's resolution, their own pixel included, the fit's pixel not.
    #: Where the templates are coarser than the data, the dispersion of stars below which the model stays as it is, and
    #: nothing can be measured (median over the pixels; 0 where the templates are finer).
    sigma_floor_kms: float


@lru_cache(maxsize=4)
def _compressed(grid: SSPGrid, low: float, high: float) -> tuple[SSPGrid, Floats, Floats]:
    """The part of the grid that is needed, and its best basis of few spectra (singular vectors)."""
    part = grid.cut(low, high)
    unit_light = (part.flux / grid.light[..., None]).reshape(-1, len(part.wave_angstrom)).astype(float)
    rank = min(_RANK, len(unit_light))
    counts = np.where(np.repeat(grid.log_age, len(grid.mh)) < YOUNG_LOG_AGE, _YOUNG_WEIGHT, 1.0)
    left, singular, right = np.linalg.svd(unit_light.T * counts, full_matrices=False)
    return part, left[:, :rank] * singular[0], (singular[:rank, None] / singular[0]) * right[:rank] / counts


def starting_light(grid: SSPGrid) -> Floats:
    """(m,) equal light fractions of all but young populations, where a fit may start: bluer ones take it too far off.

    Of a grid of young populations alone, all.
    """
    old = np.repeat(grid.log_age >= YOUNG_LOG_AGE, len(grid.mh))
    chosen = old if old.any() else np.ones_like(old)
    return chosen / chosen.sum()


def known_fwhm(wave_angstrom: Floats, fwhm_angstrom: Floats) -> Floats:
    """The data's FWHM (p,): where it is NaN or not positive the nearest known one; where none is known, two pixels."""
    known = np.isfinite(fwhm_angstrom) & (fwhm_angstrom > 0)
    if not known.any():
        return 2.0 * np.gradient(wave_angstrom)
    return np.interp(wave_angstrom, wave_angstrom[known], fwhm_angstrom[known])


def resolution_at_rest(
    wave_angstrom: Floats, fwhm_angstrom: Floats, *, redshift: float, fit_range_angstrom: tuple[float, float]
) -> Floats:
    """The data's FWHM in the rest frame at the knots that :func:`prepare_basis` wants.

    The FWHM is that of the data as they are, their own pixel included.  Rebinning takes the flux as constant over a
    pixel of the data, which convolves them with a box (variance pixel^2 / 12); this is added in quadrature.  For an
    unknown FWHM see :func:`known_fwhm`.

    Parameters
    ----------
    wave_angstrom, fwhm_angstrom : (p,) float
        Observed frame; the FWHM may be NaN.
    fit_range_angstrom : (float, float)
        Rest frame.

    Returns
    -------
    (RESOLUTION_KNOTS,) float
    """
    knots = np.geomspace(*fit_range_angstrom, RESOLUTION_KNOTS) * (1 + redshift)
    pixel_there = np.interp(knots, wave_angstrom, np.gradient(wave_angstrom))
    fwhm = np.interp(knots, wave_angstrom, known_fwhm(wave_angstrom, fwhm_angstrom))
    return np.hypot(fwhm, FWHM_PER_SIGMA / np.sqrt(12.0) * pixel_there) / (1 + redshift)


def prepare_basis(
    grid: SSPGrid,
    *,
    fit_range_angstrom: tuple[float, float],
    velocity_step_kms: float,
    fwhm_rest_angstrom: float | Floats,
    medium: Medium,
) -> TemplateBasis:
    """Broaden and rebin the grid; the result is cached, since whole surveys share a few resolutions.

    The templates are convolved with the Gaussian that makes up the difference in quadrature between the data's
    resolution and their own, and with that of the stars' motion.  Where the templates are coarser than the data the
    difference is negative, and is taken off the motion's variance: dispersions above ``sigma_floor_kms`` come
    out right, lower ones cannot be measured.

    Parameters
    ----------
    fwhm_rest_angstrom : float or (RESOLUTION_KNOTS,) float
        Resolution of the data in the rest frame, at knots evenly spaced in the logarithm over the range
        (:func:`resolution_at_rest`).  It is rounded to 0.02 A so that galaxies at neighbouring redshifts share a basis.
    medium : 'air' or 'vacuum'
        Of the data; the templates' wavelengths are converted to it.
    """
    knots = np.broadcast_to(np.asarray(fwhm_rest_angstrom, dtype=float), (RESOLUTION_KNOTS,))
    return _prepare(grid, fit_range_angstrom, round(velocity_step_kms, 1), rounded_fwhm(knots), medium)


def rounded_fwhm(fwhm_angstrom: Floats) -> tuple[float, ...]:
    """Rounded to 0.02 A, so that galaxies at neighbouring redshifts share what is made for a resolution."""
    return tuple(float(fwhm) for fwhm in np.round(fwhm_angstrom / 0.02) * 0.02)


@lru_cache(maxsize=32)
def _prepare(
    grid: SSPGrid, fit_range: tuple[float, float], velocity_step: float, fwhm_knots: tuple[float, ...], medium: Medium
) -> TemplateBasis:
    wave, edges = log_grid(*fit_range, velocity_step)
    fwhm = np.interp(wave, np.geomspace(*fit_range, RESOLUTION_KNOTS), fwhm_knots)
    kms_per_angstrom = SPEED_OF_LIGHT_KMS / FWHM_PER_SIGMA / wave
    instrument = kms_per_angstrom * fwhm
    # what the data's resolution adds to the templates' own: negative where the templates are the coarser ones
    added = instrument**2 - (kms_per_angstrom * grid.fwhm_angstrom) ** 2
    variance = np.maximum(added + SIGMA_GRID_KMS[:, None] ** 2, 0.0)
    # room for the widest kernel on both sides
    pad = int(np.ceil(5.0 * np.sqrt(variance.max()) / velocity_step)) * _OVERSAMPLING
    fine_step = velocity_step / _OVERSAMPLING
    log_step = fine_step / SPEED_OF_LIGHT_KMS
    fine_wave = wave[0] * np.exp(log_step * np.arange(-pad, _OVERSAMPLING * (len(wave) - 1) + pad + 1))
    part, basis, coefficients = _compressed(grid, float(fine_wave[0]) - 5.0, float(fine_wave[-1]) + 5.0)
    fine = CubicSpline(to_medium(part.wave_angstrom, part.medium, medium), basis)(fine_wave).T
    broadened = broaden_and_bin(fine, variance / fine_step**2, first=pad, factor=_OVERSAMPLING)
    return TemplateBasis(
        wave_angstrom=wave,
        edges_angstrom=edges,
        velocity_step_kms=velocity_step,
        spectra=np.stack([one.astype(np.float32) for one in broadened]),
        coefficients=coefficients,
        grid=grid,
        medium=medium,
        instrument_sigma_kms=instrument,
        sigma_floor_kms=float(np.sqrt(max(-np.median(added), 0.0))),
    )
