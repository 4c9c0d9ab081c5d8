"""The prior on light fractions over the template grid, and how strong the data of each spectrum want it."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from agez.spectra.fit_settings import FitSettings
from agez.spectra.nonnegative import SmoothPrior, second_differences
from agez.spectra.template_basis import TemplateBasis
from agez.spectra.templates import SSPGrid
from agez.types import Floats

#: A mild pull of weights to zero in units of the prior in [M/H].
_RIDGE = 0.0025
#: Spacing in log age and [M/H] of the grid for which the strengths of the prior are quoted (E-MILES) [dex].
_REFERENCE_STEPS = (0.1, 0.386)
#: Factors on the prior that cross-validation chooses among.
STRENGTHS = 10.0 ** np.linspace(-1.0, 1.0, 9)
#: Expected scatter of its logarithm: cross-validation is uncertain where the data say little.
_STRENGTH_SCATTER = 0.3


@lru_cache(maxsize=64)
def smooth_prior(basis: TemplateBasis, settings: FitSettings, penalty: float) -> SmoothPrior:
    """The prior on a grid of any spacing h, in age (a) and [M/H] (m).

    What is penalised is the integral over the plane of the squared second derivative of the
    light's density f.  With fractions w = f h_a h_m that is sum (D_a w)^2 / (h_a^5 h_m), and the same with a and m
    exchanged, so a strength means the same on a coarse grid as on the reference one.
    """
    grid = basis.grid
    along_age, along_mh = second_differences(len(grid.log_age), len(grid.mh))
    age_step, mh_step = (
        float(np.mean(np.diff(nodes))) / reference if len(nodes) > 1 else 1.0
        for nodes, reference in zip((grid.log_age, grid.mh), _REFERENCE_STEPS, strict=True)
    )
    root = np.concatenate(
        [
            np.sqrt(settings.smoothness_age / (age_step**5 * mh_step)) * along_age,
            np.sqrt(settings.smoothness_mh / (mh_step**5 * age_step)) * along_mh,
            np.sqrt(_RIDGE * settings.smoothness_mh / (age_step * mh_step)) * np.eye(basis.coefficients.shape[1]),
        ]
    )
    return SmoothPrior(root, basis.coefficients, penalty=penalty)


def mean_mh(light: Floats, grid: SSPGrid) -> Floats:
    """Mean [M/H] (n,) of light fractions (n, m)."""
    return np.asarray((light @ np.tile(grid.mh, len(grid.log_age))) / np.maximum(light.sum(axis=1), 1e-30))


def spread_cost(centre: Floats, total: Floats, grid: SSPGrid, settings: FitSettings) -> Floats:
    """What each weight (n, m) costs for lying away from the [M/H] ``centre`` (n,).

    Stars of one place have a narrow distribution of [M/H]; smoothness alone prefers a broad one, and since lines grow
    faster than [M/H], a broad one that fits the lines has too low a mean.  The prior exp(-spread_mh v) on the
    variance v, linearised about the mean, is a cost that is linear in the weights.  (STECKMAP goes
    further: one metallicity at each age; Ocvirk et al. 2006, MNRAS 365, 46.)

    Parameters
    ----------
    total : (n,)
        Sum of the weights.
    """
    mh = np.tile(grid.mh, len(grid.log_age))
    return np.asarray(settings.spread_mh * (mh - centre[:, None]) ** 2 / np.maximum(total, 1e-30)[:, None])


@lru_cache(maxsize=16)
def _compressed_prior(basis: TemplateBasis, settings: FitSettings) -> Floats:
    """L with B P^-1 B' = L L'."""
    inverse = np.linalg.inv(smooth_prior(basis, settings, 1.0).precision)
    covariance = basis.coefficients @ inverse @ basis.coefficients.T
    values, vectors = np.linalg.eigh(0.5 * (covariance + covariance.T))
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))


def choose_strength(
    gram: Floats, right: Floats, misfit: Floats, freedom: Floats, basis: TemplateBasis, settings: FitSettings
) -> Floats:
    """The factor on the prior of each row that minimises generalised cross-validation.

    GCV(s) = chi2(s) / (N - tr H(s))^2 (Golub, Heath & Wahba 1979, Technometrics 21, 215), for the weights
    without the constraint of positivity, whose solution for every s follows from one eigen-decomposition.  What is
    minimised is N log GCV(s) + (log10 s / 0.3)^2: of strengths that predict equally well, the usual one.

    Parameters
    ----------
    gram : (n, r, r), right : (n, r)
        Equations G c = b of the stars, everything else eliminated.
    misfit : (n,)
        chi2 at c = 0.
    freedom : (n,)
        Number of pixels less all parameters but the stars'.

    Returns
    -------
    (n,) float, among ``STRENGTHS``.
    """
    root = _compressed_prior(basis, settings)
    # a row whose fit has run off must not stop the others: it has no answer anyway
    lost = ~(np.isfinite(gram).all(axis=(1, 2)) & np.isfinite(right).all(axis=1) & np.isfinite(misfit))
    if lost.any():
        gram, right, misfit = (np.where(lost.reshape(-1, *(1,) * (a.ndim - 1)), 0.0, a) for a in (gram, right, misfit))
    values, vectors = np.linalg.eigh(root.T @ gram @ root)
    values = np.maximum(values, 0.0)[:, None, :]
    projected = (np.swapaxes(vectors, 1, 2) @ (right @ root)[..., None])[..., 0][:, None, :] ** 2
    damped = 1.0 / (values + STRENGTHS[:, None])  # (n, s, r)
    chi2 = misfit[:, None] + np.sum((values * damped - 2.0) * damped * projected, axis=2)
    left = np.maximum(freedom[:, None] - np.sum(values * damped, axis=2), 1.0)
    score = freedom[:, None] * np.log(np.maximum(chi2, 1e-30) / left**2)
    return np.asarray(STRENGTHS[np.argmin(score + (np.log10(STRENGTHS) / _STRENGTH_SCATTER) ** 2, axis=1)])
