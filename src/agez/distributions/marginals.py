"""The distribution of one target alone in a mixture of Gaussians: cumulative distribution, quantiles, CRPS.

The marginal distribution of a mixture of Gaussians is the mixture of its components' marginals.
NaN rows stay NaN, as :mod:`agez.distributions.mixture` says.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from agez.arrays import Floats
from agez.distributions.mixture import Mixture, clean, diagonal, points_of_rows
from agez.errors import AgezError

#: A quantile is found when it is expected to be this close [dex]; a tenth of what is promised.
STEP_DEX = 1e-7
#: Halving a bracket of any sensible width takes 30 steps; Newton's take about four.
MAX_STEPS = 120
#: Rows solved at once: few enough that all their numbers stay in the processor's cache.
_CHUNK_ROWS = 2048
_ROOT_2PI = math.sqrt(2 * math.pi)


def marginal_cdf(m: Mixture, values: ArrayLike, target: int) -> Floats:
    """Probability that a target lies at or below ``values``; of true values, the probability integral transform.

    Parameters
    ----------
    values : (n,) or (n, p) float
        In the target's unit; NaN gives NaN.
    target : int
        Its number, from 0.

    Returns
    -------
    (n,) or (n, p) float
        Of the shape of ``values``.
    """
    x = np.asarray(values, dtype=float)
    if x.ndim not in (1, 2) or len(x) != len(m):
        raise AgezError(f"values have shape {x.shape}; expected ({len(m)},) or ({len(m)}, p)")
    w, mu, s = _marginal(m, target)
    wide = x.reshape(len(x), -1) if x.size else np.zeros((len(x), 0))
    found = np.zeros(wide.shape)
    for j in range(w.shape[1]):
        found += w[:, j, None] * ndtr((wide - mu[:, j, None]) / s[:, j, None])
    return np.minimum(found, 1.0).reshape(x.shape)


def quantiles(m: Mixture, probabilities: ArrayLike, target: int) -> Floats:
    """Where the cumulative distribution of a target reaches ``probabilities``, to 1e-6 dex.

    A mixture's quantile lies between the smallest and the largest of its components' quantiles.  In that bracket
    Newton's method solves Phi^-1(F(x)) = Phi^-1(p), which is a straight line for one Gaussian and nearly one in
    the tails; a step that leaves the bracket or is more than half of the last is replaced by halving the bracket.

    Parameters
    ----------
    probabilities : (p,) float
        Above 0 and below 1, in any order.
    target : int
        Its number, from 0.

    Returns
    -------
    (n, p) float
        [dex]; never falls where the probability grows.
    """
    p = np.asarray(probabilities, dtype=float)
    if p.ndim != 1 or not np.all((p > 0) & (p < 1)):
        raise AgezError(f"quantiles: probabilities are {p.tolist()}; expected (p,) numbers above 0 and below 1")
    w, mu, s = _marginal(m, target)
    found = np.full((len(w), p.size), np.nan)
    good = np.flatnonzero(np.isfinite(w[:, 0]))
    for start in range(0, good.size if p.size else 0, _CHUNK_ROWS):
        rows = good[start : start + _CHUNK_ROWS]
        found[rows] = _solve(w[rows].T, mu[rows].T, s[rows].T, p)
    order = np.argsort(p, kind="stable")
    found[:, order] = np.maximum.accumulate(found[:, order], axis=1)
    return found


def crps(m: Mixture, points: ArrayLike) -> Floats:
    """Continuous ranked probability score of each target: the integral of (F(x) - [x >= truth])^2 over x.

    In closed form for mixtures of Gaussians (Grimit et al. 2006, Q. J. R. Meteorol. Soc. 132, 2925)::

        CRPS = sum_j w_j A(y - mu_j, s_j^2) - 1/2 sum_ij w_i w_j A(mu_i - mu_j, s_i^2 + s_j^2)
        A(d, s^2) = 2 s phi(d / s) + d (2 Phi(d / s) - 1)

    Parameters
    ----------
    points : (n, d) float
        True values.

    Returns
    -------
    (n, d) float
        In the targets' units; smaller is better, and a distribution of no width has |y - mu|.
    """
    y = points_of_rows(points, len(m), m.n_targets, "points")
    found = np.zeros(y.shape)
    for target in range(m.n_targets):
        w, mu, s = (part.T.copy() for part in _marginal(m, target))
        for i in range(len(w)):
            found[:, target] += w[i] * (_mean_distance(y[:, target] - mu[i], s[i]) - w[i] * s[i] / math.sqrt(math.pi))
            for j in range(i):
                found[:, target] -= w[i] * w[j] * _mean_distance(mu[i] - mu[j], np.hypot(s[i], s[j]))
    return found


def _marginal(m: Mixture, target: int) -> tuple[Floats, Floats, Floats]:
    """Weights, means and standard deviations (n, k) of one target; NaN rows where the mixture is none."""
    if target not in range(m.n_targets):
        raise AgezError(f"target is {target}; expected 0 to {m.n_targets - 1}, for the {m.n_targets} of the mixture")
    m = clean(m)
    return m.weights, m.mean[..., target], np.sqrt(m.covariance[..., diagonal(m.n_targets)[target]])


def _mean_distance(d: Floats, s: Floats) -> Floats:
    """A(d, s^2): the mean of abs(X) for X Gaussian of mean d and standard deviation s."""
    t = d / s
    return 2 * s * np.exp(-0.5 * t * t) / _ROOT_2PI + d * (2 * ndtr(t) - 1)


def _solve(w: Floats, mu: Floats, s: Floats, p: Floats) -> Floats:
    """Quantiles (n, p) of mixtures whose parts are (k, n)."""
    n = w.shape[1]
    z = np.tile(ndtri(p), n)
    wanted = np.tile(p, n)
    w, mu, s = (np.repeat(part, p.size, axis=1) for part in (w, mu, s))
    ends = mu + s * z
    low, high = ends.min(axis=0), ends.max(axis=0)
    mean = (w * mu).sum(axis=0)
    x = np.clip(mean + np.sqrt((w * (s * s + (mu - mean) ** 2)).sum(axis=0)) * z, low, high)
    inverse: Floats = 1 / s
    step = high - low
    height: Floats = w * inverse / _ROOT_2PI
    # Newton's step d leaves an error of about d^2 over the scale on which the slope changes: a width
    enough = np.sqrt(STEP_DEX * s.min(axis=0))
    found = x.copy()
    left = np.arange(x.size)  # the quantiles that are still looked for
    with np.errstate(all="ignore"):  # far from the solution F is 0 or 1 in float64: those steps are halvings
        for _ in range(MAX_STEPS):
            t = (x - mu) * inverse
            cdf = (w * ndtr(t)).sum(axis=0)
            t *= t
            t *= -0.5
            density = (height * np.exp(t, out=t)).sum(axis=0)
            above = cdf >= wanted
            low, high = np.where(above, low, x), np.where(above, x, high)
            reached = ndtri(cdf)
            newton = (reached - z) * np.exp(-0.5 * reached * reached) / (_ROOT_2PI * density)
            inside = (x - newton >= low) & (x - newton <= high) & (np.abs(newton) <= 0.5 * np.abs(step))
            fine = inside | (np.abs(newton) <= STEP_DEX)
            new = np.clip(np.where(fine, x - newton, 0.5 * (low + high)), low, high)
            step = new - x
            x = new
            open_ = (np.abs(step) > np.where(fine, enough, STEP_DEX)) & (high - low > STEP_DEX)
            if open_.all():
                continue
            found[left[~open_]] = x[~open_]  # and left alone from now on: a row's answer does not depend on others
            if not open_.any():
                return found.reshape(n, p.size)
            keep = np.flatnonzero(open_)
            left = left[keep]
            x, step, low, high, z, wanted, enough = (a[keep] for a in (x, step, low, high, z, wanted, enough))
            w, mu, inverse, height = (a.take(keep, axis=1) for a in (w, mu, inverse, height))
        found[left] = x
    return found.reshape(n, p.size)
