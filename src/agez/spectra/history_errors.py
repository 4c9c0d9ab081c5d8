"""Errors of star-formation histories and of the [M/H] of each age, from the curvature that gives the labels' errors."""

from __future__ import annotations

import numpy as np

from agez.analysis.age_bins import log_bin_edges
from agez.label_types import HistoryErrors
from agez.spectra.histories import MIN_LIGHT
from agez.spectra.template_basis import YOUNG_LOG_AGE
from agez.spectra.templates import SSPGrid
from agez.types import Floats

#: Calibration on mock spectra (``python benchmarks/label_histories.py``).  Of the mass that had formed before an age: a
#: factor on the curvature's error and, in quadrature, what a blur of the ages [dex] makes of the history.  The
#: curvature knows nothing of the prior's bias or of weights that positivity holds at zero.
FACTOR, BLUR_DEX, OLD_BLUR = 1.2, 0.08, 0.2
#: The blur grows by ``OLD_BLUR`` a dex beyond this log age: old populations hardly change.
OLD_LOG_AGE = 9.5
#: Of the mass formed in single ages: the factor, and a part of the mass itself, since galaxies are less smooth than the
#: prior; of [M/H] at single ages: the factor, and a floor [dex], since the prior draws all ages to one [M/H].
BIN_FACTOR, BIN_SHARE = 0.5, 0.6
MH_FACTOR, MH_FLOOR_DEX = 0.6, 0.18
#: Beyond this log age single ages cannot be told apart: part and floor both grow by ``OLDEST_SLOPE`` a dex.
OLDEST_LOG_AGE, OLDEST_SLOPE = 9.9, 3.0
#: Blur of ages younger than E-MILES knows [dex]: what libraries differ by there (``label_means.YOUNG_ERRORS``).
YOUNG_BLUR_DEX = 0.65


def mass_columns(grid: SSPGrid) -> Floats:
    """(m, 2 n_age): what a light fraction adds to the mass of each age, and to that mass times its [M/H]."""
    mass_per_light = 1.0 / np.asarray(grid.light, dtype=float)
    mass_per_light /= mass_per_light.mean()
    ages = np.eye(len(grid.log_age))
    amounts = (mass_per_light, mass_per_light * grid.mh)
    return np.concatenate([(ages[:, None, :] * one[..., None]).reshape(-1, len(ages)) for one in amounts], axis=1)


def curvature_errors(light: Floats, covariance: Floats, grid: SSPGrid) -> HistoryErrors:
    """Errors to first order of the parts of a history, not calibrated; NaN where there is no mass.

    With M_k the mass of age k and Z_k that mass times its [M/H], both linear in the weights, the quantities are
    M_k / sum M, sum_(l >= k) M_l / sum M, and Z_k / M_k.

    Parameters
    ----------
    light : (n, m) float
        Light fractions, in any unit.
    covariance : (n, 2 n_age, 2 n_age) float
        Of the products of ``light`` with :func:`mass_columns`.
    """
    n_age = len(grid.log_age)
    amounts = light @ mass_columns(grid)
    mass, metals = amounts[:, :n_age], amounts[:, n_age:]
    of_mass = covariance[:, :n_age, :n_age]
    with np.errstate(invalid="ignore", divide="ignore"):
        total = mass.sum(axis=1)[:, None, None]
        ages = np.eye(n_age)
        errors = []
        for chosen in (ages, np.triu(np.ones((n_age, n_age)))):
            share = mass @ chosen.T / total[:, :, 0]
            slopes = (chosen - share[:, :, None]) / total
            errors.append(np.sqrt(np.maximum(np.sum((slopes @ of_mass) * slopes, axis=2), 0.0)))
        mh = metals / mass
        variance, cross, own = (
            np.einsum("nkk->nk", part)
            for part in (covariance[:, n_age:, n_age:], covariance[:, :n_age, n_age:], of_mass)
        )
        mh_err = np.sqrt(np.maximum(variance - 2 * mh * cross + mh**2 * own, 0.0)) / mass
    return HistoryErrors(errors[0], errors[1], np.where(mass > 0, mh_err, np.nan))


def calibrated(raw: HistoryErrors, weights: Floats, grid: SSPGrid, chi2: Floats) -> HistoryErrors:
    """The errors with what the curvature does not know: see the constants of this file.

    A reduced chi2 above 1 multiplies them by its root.

    Parameters
    ----------
    weights : (n, n_age, n_mh) float
        Light fractions.
    chi2 : (n,) float
    """
    light = np.asarray(weights, dtype=float)
    mass = (light / grid.light).sum(axis=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = mass / mass.sum(axis=1, keepdims=True)
        seen = light.sum(axis=2) / light.sum(axis=(1, 2))[:, None] >= MIN_LIGHT
    edges = log_bin_edges(grid.log_age)
    rate = share / np.diff(edges)
    at_edge = np.concatenate([rate[:, :1], 0.5 * (rate[:, 1:] + rate[:, :-1])], axis=1)
    blur = BLUR_DEX + OLD_BLUR * np.maximum(edges[:-1] - OLD_LOG_AGE, 0.0)
    blur = np.where(edges[:-1] < YOUNG_LOG_AGE, YOUNG_BLUR_DEX, blur)
    oldest = OLDEST_SLOPE * np.maximum(grid.log_age - OLDEST_LOG_AGE, 0.0)
    worse = np.sqrt(np.maximum(chi2, 1.0))[:, None]
    before = np.hypot(FACTOR * raw.formed_before, blur * at_edge) * worse
    before[:, 0] = 0.0  # all has formed before the first edge
    return HistoryErrors(
        np.hypot(BIN_FACTOR * raw.mass_fraction, (BIN_SHARE + oldest) * share) * worse,
        np.where(np.isfinite(share), before, np.nan),
        np.where(seen, np.hypot(MH_FACTOR * raw.mh, MH_FLOOR_DEX + oldest) * worse, np.nan),
    )
