"""Velocity and dispersion of the stars in many spectra at once, by Gauss-Newton steps on shared normal equations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from scipy.ndimage import correlate1d

from agez.spectra.kinematic_design import Design, prepare_design
from agez.spectra.lines import SPEED_OF_LIGHT_KMS
from agez.spectra.template_basis import SIGMA_GRID_KMS, TemplateBasis
from agez.spectra.weighted import shared_gram, solve_ridge
from agez.types import Bools, Floats, Ints

#: Leading basis spectra of the fit, and of the search; each is held to what mixtures of templates have of it.
_COLUMNS = 8
_SEARCH_COLUMNS = 4
#: Order of the polynomials times the mean spectrum that go with them.
_CONTINUUM_ORDER = 6
_SEARCH_CONTINUUM_ORDER = 4
_START_SIGMA_KMS = 120.0
#: Velocities up to this one are found; a catalogue's redshift is often wrong by 300 km/s, and galaxies rotate.
_SEARCH_KMS = 800.0
_ITERATIONS = 3
#: Longest step in velocity [km/s].
_LONGEST_STEP_KMS = 150.0
#: Pixels this many times the row's median flux, or this many sigma off, are left out: at first, and in each step.
_SATURATED = 20.0
_SEARCH_CLIP_SIGMA, _CLIP_SIGMA = 8.0, 5.0
#: ... unless they are off by less than this part of the median flux, as strong lines are while the velocity is wrong.
_SEARCH_TOLERANCE, _TOLERANCE = 0.3, 0.05
#: A masked window is opened for the last step where nothing of this dispersion [km/s] is seen at this many sigma.
_GAS_SIGMA_KMS, _QUIET_SIGMA = 100.0, 2.0
#: A velocity less certain than this is no measurement.
_USELESS_ERROR_KMS = 150.0

#: Gives flux, weight (1/variance, 0 where bad) in the fit's pixels for rows shifted by velocities [km/s].
Shifted = Callable[[Floats], tuple[Floats, Floats]]


@dataclass(frozen=True, eq=False)
class Kinematics:
    """Velocity and dispersion with 1-sigma errors [km/s], and where they were measured; all (n,).

    Dispersions lie between the ends of ``SIGMA_GRID_KMS``.  At the upper end ``sigma_err_kms`` is infinite: nothing
    bounds the dispersion from above.  Near the lower one it reaches as far up as the data allow, and is infinite where
    the templates are too coarse to tell.
    """

    velocity_kms: Floats
    velocity_err_kms: Floats
    sigma_kms: Floats
    sigma_err_kms: Floats
    measured: Bools

    def replaced(self, where: Bools, other: Kinematics) -> Kinematics:
        """The same with the rows of ``other`` where ``where`` (n,) is true."""
        return Kinematics(*(np.where(where, getattr(other, f.name), getattr(self, f.name)) for f in fields(self)))


def nearest_sigma(sigma_kms: Floats) -> Ints:
    """Index in ``SIGMA_GRID_KMS`` of the nearest dispersion for each row."""
    return np.abs(sigma_kms[:, None] - SIGMA_GRID_KMS).argmin(axis=1)


def fit_kinematics(
    shifted: Shifted,
    basis: TemplateBasis,
    n: int,
    *,
    usable: Bools | None = None,
    correlation: Floats | None = None,
) -> Kinematics:
    """Fit velocity and dispersion of ``n`` spectra.

    A linear combination of a few broadened templates and polynomials is fitted for whole-pixel
    shifts on a grid; from the best one, Gauss-Newton steps in velocity and in the square of the dispersion follow, in
    which the linear parameters are solved jointly and outliers are left out.  For the last step a masked window is
    opened in the rows that show no line in it.  The data, not the templates, are moved, so every spectrum shares one
    design (the method of penalised pixel fitting, Cappellari & Emsellem 2004, PASP 116, 138, with the loops turned
    into matrix products).

    Parameters
    ----------
    shifted : callable
        ``shifted(velocity_kms (n,)) -> flux (n, q), weight (n, q)`` in the basis' pixels; fluxes in units of each row's
        median.
    usable : (q,) bool, optional
        Pixels of the rest frame away from emission lines.  Unlike a mask within ``shifted``, it moves with the
        velocity during the search.
    correlation : (q,) float, optional
        See :func:`agez.spectra.rebin.noise_correlation`; without it errors of neighbouring pixels are taken as
        independent.
    """
    q = len(basis.wave_angstrom)
    usable = np.ones(q, dtype=bool) if usable is None else usable
    independent = (1.0 / (np.ones(q) if correlation is None else correlation)).astype(np.float32)
    used = np.broadcast_to(usable, (n, q))
    line_sigma = float(np.hypot(np.median(basis.instrument_sigma_kms), _GAS_SIGMA_KMS)) / basis.velocity_step_kms
    start = int(np.abs(SIGMA_GRID_KMS - _START_SIGMA_KMS).argmin())
    design = prepare_design(basis, start, _SEARCH_COLUMNS, _SEARCH_CONTINUUM_ORDER)
    velocity = _coarse_velocity(shifted, design, usable, basis.velocity_step_kms, n)
    variance = np.full(n, SIGMA_GRID_KMS[start] ** 2)
    covariance = np.full((n, 2, 2), np.inf)
    highest = SIGMA_GRID_KMS[-1] ** 2
    for iteration in range(_ITERATIONS):
        flux, weight = shifted(velocity)
        weight = _unsaturated(flux, weight)
        step, residual = np.zeros((n, 2)), np.empty_like(flux)
        index = nearest_sigma(np.sqrt(variance))
        for i in np.unique(index):
            rows = np.flatnonzero(index == i)
            step[rows], covariance[rows], residual[rows] = _gauss_newton(
                flux[rows],
                weight[rows],
                used[rows],
                usable,
                independent,
                prepare_design(basis, int(i), _COLUMNS, _CONTINUUM_ORDER),
            )
        if iteration == _ITERATIONS - 2:
            used = usable | _quiet(residual, weight * independent, usable, line_sigma)
        step = np.where(np.isfinite(step), step, 0.0)
        velocity = velocity + np.clip(step[:, 0], -_LONGEST_STEP_KMS, _LONGEST_STEP_KMS)
        variance = np.clip(SIGMA_GRID_KMS[index] ** 2 + step[:, 1], 0.0, highest)
    # windows are opened for what their noise looks like: what they add to the precision is not counted
    weight = weight * independent
    closed = np.maximum(np.sum(weight, axis=1, where=usable), 1e-30)
    opened = np.maximum(np.sum(weight, axis=1, where=used) / closed, 1.0)
    error = np.sqrt(np.maximum(np.einsum("nii->ni", covariance) * opened[:, None], 0.0))
    sigma = np.sqrt(np.maximum(variance, SIGMA_GRID_KMS[0] ** 2))
    measured = np.isfinite(velocity) & (error[:, 0] < _USELESS_ERROR_KMS) & (np.abs(velocity) < 1.25 * _SEARCH_KMS)
    return Kinematics(velocity, error[:, 0], sigma, _sigma_error(sigma, error[:, 1]), measured)


def _sigma_error(sigma: Floats, variance_error: Floats) -> Floats:
    """Error of a dispersion whose square has a given error: half the interval, and near zero all of what lies above.

    Infinite where nothing bounds it within the range: at the upper edge, and below the templates' own width.
    """
    up = np.sqrt(sigma**2 + variance_error) - sigma
    down = sigma - np.sqrt(np.maximum(sigma**2 - variance_error, 0.0))
    error = np.maximum(up, 0.5 * (up + down))
    return np.where((sigma >= SIGMA_GRID_KMS[-1]) | (error > SIGMA_GRID_KMS[-1]), np.inf, error)


def _coarse_velocity(shifted: Shifted, design: Design, usable: Bools, step_kms: float, n: int) -> Floats:
    """Best shift [km/s] of each row within the search range: the best whole pixel, and the parabola through it."""
    reach = int(np.ceil(_SEARCH_KMS / step_kms))
    flux, weight = shifted(np.zeros(n))
    weight = _unsaturated(flux, weight)
    for _ in range(2):
        residual, _, _ = _linear_fit(flux, weight * usable, design)
        weight = _clipped(residual, weight, usable, _SEARCH_CLIP_SIGMA, _SEARCH_TOLERANCE)
    square = weight * flux**2
    # a galaxy that recedes faster than assumed has its lines at longer wavelengths:
    # compare pixel i + offset with template pixel i
    inner = slice(reach, len(usable) - reach)
    columns, inside = design.columns[inner] * usable[inner, None], usable[inner].astype(np.float32)
    offsets = np.arange(-reach, reach + 1)
    score = np.empty((len(offsets), n))
    for at, offset in zip(score, offsets, strict=True):
        there = slice(reach + offset, len(usable) - reach + offset)
        w = weight[:, there]
        right = ((w * flux[:, there]) @ columns).astype(float)
        solution = solve_ridge(shared_gram(columns, w) + design.precision, right)
        # the pixels that enter differ slightly from shift to shift, so compare chi2 per pixel
        at[:] = (np.einsum("nc,nc->n", solution, right) - square[:, there] @ inside) / np.maximum((w > 0) @ inside, 1)
    best = np.clip(score.argmax(axis=0), 1, len(offsets) - 2)
    below, top, above = (score[best + k, np.arange(n)] for k in (-1, 0, 1))
    curvature = np.maximum(2 * top - below - above, 1e-30)
    return (offsets[best] + np.clip(0.5 * (above - below) / curvature, -1.0, 1.0)) * step_kms


def _linear_fit(flux: Floats, weight: Floats, design: Design) -> tuple[Floats, Floats, Floats]:
    """Residuals (n, q) of the best combination of columns, its factors (n, c), and the normal matrices (n, c, c)."""
    gram = shared_gram(design.columns, weight) + design.precision
    linear = solve_ridge(gram, ((weight * flux) @ design.columns).astype(float)).astype(np.float32)
    return flux - linear @ design.columns.T, linear, gram


def _unsaturated(flux: Floats, weight: Floats) -> Floats:
    """Weights, 0 where a pixel is so bright that a fit would follow it alone."""
    return np.where(np.abs(flux) < _SATURATED, weight, 0)


def _clipped(residual: Floats, weight: Floats, usable: Bools, sigmas: float, tolerance: float) -> Floats:
    """Weights, 0 where a residual is above ``tolerance`` and too many times its error.

    Or too many times the row's typical residual, if that is larger.
    """
    deviation = np.abs(residual) * np.sqrt(weight)
    typical = 1.4826 * np.median(deviation[:, usable], axis=1, keepdims=True)
    outlier = (deviation > sigmas * np.maximum(typical, 1.0)) & (np.abs(residual) > tolerance)
    return np.where(outlier, 0, weight)


def _quiet(residual: Floats, weight: Floats, usable: Bools, line_sigma_pixels: float) -> Bools:
    """(n, q) pixels of the masked windows in which a row shows no emission line."""
    reach = int(np.ceil(3 * line_sigma_pixels))
    profile = np.exp(-0.5 * (np.arange(-reach, reach + 1) / line_sigma_pixels) ** 2)
    amplitude = correlate1d(weight * residual, profile, axis=1, mode="constant")
    noise = np.sqrt(correlate1d(weight, profile**2, axis=1, mode="constant"))
    seen = np.abs(amplitude) > _QUIET_SIGMA * noise
    starts = np.flatnonzero(np.diff(usable, prepend=not usable[0]))
    quiet = ~np.logical_or.reduceat(seen, starts, axis=1)
    return np.asarray(np.repeat(quiet, np.diff(starts, append=len(usable)), axis=1) & ~usable)


def _gauss_newton(
    flux: Floats, weight: Floats, used: Bools, usable: Bools, independent: Floats, design: Design
) -> tuple[Floats, Floats, Floats]:
    """One step (n, 2) in velocity and squared dispersion, the covariance (n, 2, 2) of the two, and residuals (n, q)."""
    columns = design.columns
    weight_used = weight * used
    residual, linear, gram = _linear_fit(flux, weight_used * independent, design)
    clipped = _clipped(residual, weight_used, usable, _CLIP_SIGMA, _TOLERANCE)
    again = np.flatnonzero(np.any(clipped != weight_used, axis=1))
    if len(again):
        residual[again], linear[again], gram[again] = _linear_fit(flux[again], clipped[again] * independent, design)
    chi2 = np.einsum("nq,nq,nq->n", clipped, residual, residual) / np.maximum(np.count_nonzero(clipped, axis=1), 1)
    weight = clipped * independent
    # from here on only residuals meet the data, so single precision in the large products does no harm
    slopes = [linear @ slope.T for slope in (design.by_velocity, design.by_variance)]
    heavy = [weight * slope for slope in slopes]
    cross = np.stack([one @ columns for one in heavy], axis=2).astype(float)  # (n, c, 2)
    block = np.stack([[np.einsum("nq,nq->n", a, b) for b in slopes] for a in heavy]).astype(float)
    own_right = np.stack([np.einsum("nq,nq->n", one, residual) for one in heavy], axis=1).astype(float)
    # eliminate the linear parameters (Schur complement); their own equations hold already
    half = solve_ridge(gram, cross)
    schur = np.moveaxis(block, 2, 0) - np.swapaxes(cross, 1, 2) @ half
    # a row without information gets a huge error and no step
    scale = np.sqrt(np.maximum(np.einsum("nii->ni", schur), 1e-30))
    covariance = np.linalg.inv(schur / scale[:, :, None] / scale[:, None, :] + 1e-9 * np.eye(2))
    covariance = covariance / scale[:, :, None] / scale[:, None, :]
    step = np.einsum("nkl,nl->nk", covariance, own_right)
    # where the model is wrong the residuals say how much larger than the noise errors are
    return step, covariance * np.maximum(chi2, 1.0)[:, None, None], residual


def to_nearest_node(
    flux: Floats, weight: Floats, basis: TemplateBasis, sigma_kms: Floats, *, usable: Bools | None = None
) -> tuple[Ints, Floats]:
    """The node of ``SIGMA_GRID_KMS`` next to each row's dispersion, and what the stars' light differs by because of it.

    A spectrum less this difference looks as if its stars had the node's dispersion; a model at the node plus the
    difference is one at the row's own.  The difference is (sigma^2 - node^2) times the slope of the best combination
    of templates, which a linear fit gives.  Without it a mismatch of 10 km/s moves [M/H] by 0.02 dex.

    Parameters
    ----------
    flux, weight : (n, q)
        At the rows' velocities; weight 0 where bad.
    sigma_kms : (n,) float
    usable : (q,) bool, optional
        Pixels away from emission lines.

    Returns
    -------
    index : (n,) int
    difference : (n, q) float32
    """
    index = nearest_sigma(sigma_kms)
    usable = np.ones(flux.shape[1], dtype=bool) if usable is None else usable
    weight = _unsaturated(flux, weight)
    change = (sigma_kms**2 - SIGMA_GRID_KMS[index] ** 2).astype(np.float32)
    difference = np.zeros(flux.shape, dtype=np.float32)
    for i in np.unique(index):
        rows, design = np.flatnonzero(index == i), prepare_design(basis, int(i), _COLUMNS, _CONTINUUM_ORDER)
        residual, linear, _ = _linear_fit(flux[rows], weight[rows] * usable, design)
        clipped = _clipped(residual, weight[rows], usable, _CLIP_SIGMA, _TOLERANCE)
        again = np.flatnonzero(np.any((clipped != weight[rows])[:, usable], axis=1))
        if len(again):
            linear[again] = _linear_fit(flux[rows[again]], clipped[again] * usable, design)[1]
        difference[rows] = change[rows, None] * (linear @ design.by_variance.T)
    return index, difference


def velocity_stretch(velocity_kms: Floats) -> Floats:
    """Observed over emitted wavelength for a velocity, 1 + v/c to first order as pixel shifts have it: exp(v/c)."""
    return np.exp(velocity_kms / SPEED_OF_LIGHT_KMS)
