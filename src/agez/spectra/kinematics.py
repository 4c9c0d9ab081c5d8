"""Velocity and dispersion of the stars in many spectra at once, by Gauss-Newton steps on shared normal equations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.polynomial.legendre import legvander

from agez.spectra.lines import SPEED_OF_LIGHT_KMS
from agez.spectra.template_basis import SIGMA_GRID_KMS, TemplateBasis
from agez.spectra.weighted import shared_gram, solve_ridge
from agez.types import Bools, Floats

#: Leading basis spectra that the kinematic fit uses; the rest only adds freedom to follow noise.
_COLUMNS = 8
#: Order of the additive and of the multiplicative (on the first basis spectrum) polynomials.
_CONTINUUM_ORDER = 6
_START_SIGMA_KMS = 120.0
_SEARCH_KMS = 600.0
_ITERATIONS = 4
#: A velocity less certain than this is no measurement.
_USELESS_ERROR_KMS = 150.0

#: Gives flux, weight (1/variance, 0 where bad) in the fit's pixels for rows shifted by velocities [km/s].
Shifted = Callable[[Floats], tuple[Floats, Floats]]


@dataclass(frozen=True, eq=False)
class Kinematics:
    """Velocity and dispersion with 1-sigma errors [km/s], and where they were measured; all (n,)."""

    velocity_kms: Floats
    velocity_err_kms: Floats
    sigma_kms: Floats
    sigma_err_kms: Floats
    measured: Bools


def _columns(basis: TemplateBasis, sigma_index: int) -> Floats:
    """(q, c) leading basis spectra, and polynomials times the mean spectrum, at one dispersion."""
    spectra = basis.spectra[sigma_index].astype(float)
    x = np.linspace(-1.0, 1.0, len(spectra))
    mean = spectra @ basis.coefficients.mean(axis=1)
    return np.concatenate([spectra[:, :_COLUMNS], mean[:, None] * legvander(x, _CONTINUUM_ORDER)[:, 1:]], axis=1)


@dataclass(frozen=True, eq=False)
class _Design:
    """What all spectra share in a step: orthonormal columns (q, c) and their derivatives.

    Orthonormal, because the normal equations are then well conditioned in single precision.
    """

    columns: Floats
    by_velocity: Floats  # per km/s
    by_sigma: Floats  # per km/s


@lru_cache(maxsize=256)
def _design(basis: TemplateBasis, sigma_index: int) -> _Design:
    left, singular, right = np.linalg.svd(_columns(basis, sigma_index), full_matrices=False)
    keep = singular > 1e-5 * singular[0]
    columns = left[:, keep]
    below, above = max(sigma_index - 1, 0), min(sigma_index + 1, len(SIGMA_GRID_KMS) - 1)
    spacing = SIGMA_GRID_KMS[above] - SIGMA_GRID_KMS[below]
    by_sigma = (_columns(basis, above) - _columns(basis, below)) @ (right[keep].T / singular[keep]) / spacing
    # the data lie at v + dv, so the model must move to longer wavelength
    by_velocity = -np.gradient(columns, axis=0) / basis.velocity_step_kms
    return _Design(*(a.astype(np.float32) for a in (columns, by_velocity, by_sigma)))


def nearest_sigma(sigma_kms: Floats) -> np.ndarray:
    """Index in ``SIGMA_GRID_KMS`` of the nearest dispersion for each row."""
    return np.abs(sigma_kms[:, None] - SIGMA_GRID_KMS).argmin(axis=1)


def fit_kinematics(shifted: Shifted, basis: TemplateBasis, n: int) -> Kinematics:
    """Fit velocity and dispersion of ``n`` spectra.

    A linear combination of a few broadened templates and polynomials is fitted for whole-pixel
    shifts on a grid; from the best one, Gauss-Newton steps in (velocity, dispersion) follow, in
    which the linear parameters are solved jointly.  The data, not the templates, are moved, so
    every spectrum shares one design (the method of penalised pixel fitting, Cappellari &
    Emsellem 2004, PASP 116, 138, with the loops turned into matrix products).

    Parameters
    ----------
    shifted : callable
        ``shifted(velocity_kms (n,)) -> flux (n, q), weight (n, q)`` in the basis' pixels.
    """
    start = int(np.abs(SIGMA_GRID_KMS - _START_SIGMA_KMS).argmin())
    velocity = _coarse_velocity(shifted, _design(basis, start).columns, basis.velocity_step_kms, n)
    sigma = np.full(n, SIGMA_GRID_KMS[start])
    covariance = np.full((n, 2, 2), np.inf)
    for _ in range(_ITERATIONS):
        flux, weight = shifted(velocity)
        step = np.zeros((n, 2))
        index = nearest_sigma(sigma)
        for i in np.unique(index):
            rows = np.flatnonzero(index == i)
            step[rows], covariance[rows] = _gauss_newton(flux[rows], weight[rows], _design(basis, int(i)))
        velocity = velocity + np.clip(step[:, 0], -150.0, 150.0)
        sigma = np.clip(SIGMA_GRID_KMS[index] + np.clip(step[:, 1], -60.0, 60.0), SIGMA_GRID_KMS[0], SIGMA_GRID_KMS[-1])
    error = np.sqrt(np.maximum(np.einsum("nii->ni", covariance), 0.0))
    measured = np.isfinite(velocity) & (error[:, 0] < _USELESS_ERROR_KMS) & (np.abs(velocity) < 1.5 * _SEARCH_KMS)
    return Kinematics(velocity, error[:, 0], sigma, error[:, 1], measured)


def _coarse_velocity(shifted: Shifted, design: Floats, step_kms: float, n: int) -> Floats:
    """Best whole-pixel shift [km/s] of each row within the search range."""
    reach = int(np.ceil(_SEARCH_KMS / step_kms))
    best, velocity = np.full(n, -np.inf), np.zeros(n)
    flux, weight = shifted(np.zeros(n))
    # a galaxy that recedes faster than assumed has its lines at longer wavelengths:
    # compare pixel i + offset with template pixel i
    inner = slice(reach, len(design) - reach)
    for offset in range(-reach, reach + 1):
        y = np.roll(flux, -offset, axis=1)[:, inner]
        w = np.roll(weight, -offset, axis=1)[:, inner]
        right = (w * y) @ design[inner]
        solution = solve_ridge(shared_gram(design[inner], w), right.astype(float))
        explained = np.einsum("nc,nc->n", solution, right)
        # the pixels that enter differ slightly from shift to shift, so compare chi2 per pixel
        score = (explained - np.einsum("nq,nq,nq->n", w, y, y)) / np.maximum((w > 0).sum(axis=1), 1)
        better = score > best
        best, velocity = np.where(better, score, best), np.where(better, offset * step_kms, velocity)
    return velocity


def _gauss_newton(flux: Floats, weight: Floats, design: _Design) -> tuple[Floats, Floats]:
    """One step (n, 2) in velocity and dispersion, and the covariance (n, 2, 2) of the two."""
    columns = design.columns
    gram = shared_gram(columns, weight)
    linear = solve_ridge(gram, ((weight * flux) @ columns).astype(float)).astype(np.float32)
    # from here on only residuals meet the data, so single precision in the large products does no harm
    weighted = weight * (flux - linear @ columns.T)
    right = (weighted @ columns).astype(float)
    slope_velocity, slope_sigma = linear @ design.by_velocity.T, linear @ design.by_sigma.T
    own = np.stack([slope_velocity, slope_sigma], axis=2)  # (n, q, 2)
    cross = np.stack([(weight * own[:, :, k]) @ columns for k in range(2)], axis=1).astype(float)  # (n, 2, c)
    block = np.einsum("nqk,nq,nql->nkl", own, weight, own, optimize=True).astype(float)
    own_right = np.einsum("nqk,nq->nk", own, weighted).astype(float)
    # eliminate the linear parameters (Schur complement)
    half = solve_ridge(gram, np.swapaxes(cross, 1, 2))  # (n, c, 2)
    schur = block - cross @ half
    residual = own_right - np.einsum("nck,nc->nk", half, right)
    schur = schur + np.eye(2) * 1e-12
    covariance = np.linalg.inv(schur)
    return np.einsum("nkl,nl->nk", covariance, residual), covariance


def velocity_stretch(velocity_kms: Floats) -> Floats:
    """Observed over emitted wavelength for a velocity, 1 + v/c to first order as pixel shifts have it: exp(v/c)."""
    return np.exp(velocity_kms / SPEED_OF_LIGHT_KMS)
