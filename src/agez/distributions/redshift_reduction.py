"""The fewest Gaussians whose cumulative distribution is that of a row's redshift, within a tolerance.

Neighbours in a row's ordered cells or components are merged, always those whose merger costs least by the bound of
Runnalls (2007, IEEE Trans. Aerosp. Electron. Syst. 43, 989), which keeps mean and variance of the whole.  What is left
of cells, which have edges where Gaussians have none, starts a fixed number of steps of expectation maximisation, which
keeps mean and variance, too.  Every row goes its own way: no other row changes it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from agez.arrays import Floats, Index

#: Gaussians of a row at most: each costs an answer.
MOST_COMPONENTS = 6
#: Largest difference of cumulative distributions at which fewer Gaussians will do.
TOLERANCE = 0.02
#: Steps of expectation maximisation, rows at a time, and the least variance that has a logarithm.
_STEPS, _ROWS, _LEAST = 20, 1024, 1e-14


class Gaussians(NamedTuple):
    """Weights, means and variances, each (n, k)."""

    weights: Floats
    means: Floats
    variances: Floats

    def cdf(self, points: Floats) -> Floats:
        """(n, p) cumulative distribution at points (n, p)."""
        found = np.zeros(points.shape)
        for w, mu, v in zip(*(one.T[..., None] for one in self), strict=True):
            found += w * ndtr((points - mu) / np.sqrt(np.maximum(v, _LEAST)))
        return found

    def rows(self, index: Index) -> Gaussians:
        """Some of the rows."""
        return Gaussians(*(one[index] for one in self))


def cdf_error(found: Gaussians, points: Floats, cdf: Floats) -> Floats:
    """(n,) largest difference from the cumulative distribution (n, p) at points (n, p)."""
    return np.asarray(np.abs(found.cdf(points) - cdf).max(axis=1, initial=0.0))


def reduced(given: Gaussians, points: Floats, cdf: Floats, *, refine: bool) -> Gaussians:
    """The fewest Gaussians within :data:`TOLERANCE`, else :data:`MOST_COMPONENTS`: (n, MOST_COMPONENTS).

    Parameters
    ----------
    given : Gaussians
        Cells or components of each row, (n, c) in the order of their means, with weights that sum to 1, 0 allowed.
    points, cdf : (n, p) float
        Where cumulative distributions are compared, and that of each row.
    refine : bool
        Whether expectation maximisation follows the mergers.
    """
    n = len(given.weights)
    out = np.zeros((3, n, MOST_COMPONENTS))
    for start in range(0, n, _ROWS):
        block = slice(start, start + _ROWS)
        out[:, block] = _reduced(given.rows(block), points[block], cdf[block], refine)
    return Gaussians(*out)


def _reduced(given: Gaussians, points: Floats, cdf: Floats, refine: bool) -> Floats:
    merged, steps = given, {}
    while merged.weights.shape[1] > 1:
        if merged.weights.shape[1] <= MOST_COMPONENTS:
            steps[merged.weights.shape[1]] = merged
        merged = _cheapest_merged(merged)
    steps[1] = merged
    out = np.zeros((3, len(points), MOST_COMPONENTS))
    rows = np.arange(len(points))
    for k in sorted(steps):
        found = steps[k].rows(rows)
        error = cdf_error(found, points[rows], cdf[rows])
        if refine and k > 1:
            better = _refined(found, given.rows(rows))
            error_then = cdf_error(better, points[rows], cdf[rows])
            chosen = (error_then < error)[:, None]
            found = Gaussians(*(np.where(chosen, new, old) for new, old in zip(better, found, strict=True)))
            error = np.minimum(error, error_then)
        enough = (error <= TOLERANCE) | (k == max(steps))
        out[:, rows[enough], :k] = np.stack(found)[:, enough]
        rows = rows[~enough]
    return out


def _cheapest_merged(g: Gaussians) -> Gaussians:
    """In each row the two neighbours whose merger costs least as one."""
    n, k = g.weights.shape
    one, two = (Gaussians(*(c[:, part] for c in g)) for part in (slice(None, -1), slice(1, None)))
    weight = one.weights + two.weights
    share = np.where(weight > 0, one.weights / np.where(weight > 0, weight, 1.0), 0.5)
    mean = share * one.means + (1 - share) * two.means
    apart = one.means - two.means
    variance = share * one.variances + (1 - share) * two.variances + share * (1 - share) * apart**2
    cost = weight * _log(variance) - one.weights * _log(one.variances) - two.weights * _log(two.variances)
    at, rows = np.argmin(cost, axis=1), np.arange(n)
    kept = np.arange(k - 1) + (np.arange(k - 1) > at[:, None])
    columns = []
    for column, new in zip(g, (weight, mean, variance), strict=True):
        left = np.take_along_axis(column, kept, axis=1)
        left[rows, at] = new[rows, at]
        columns.append(left)
    return Gaussians(*columns)


def _log(variance: Floats) -> Floats:
    return np.asarray(np.log(np.maximum(variance, _LEAST)))


def _refined(start: Gaussians, cells: Gaussians) -> Gaussians:
    """Expectation maximisation, of cells that have a width of their own."""
    w, mu, v = start
    weight, mean, variance = (one[:, None, :] for one in cells)
    for _ in range(_STEPS):
        safe = np.maximum(v, _LEAST)
        log = np.log(np.maximum(w, 1e-300)) - 0.5 * np.log(safe)
        power = log[..., None] - 0.5 * ((mean - mu[..., None]) ** 2 + variance) / safe[..., None]
        share = np.exp(power - power.max(axis=1, keepdims=True))
        share *= weight / share.sum(axis=1, keepdims=True)
        w = share.sum(axis=2)
        part = share / np.where(w > 0, w, 1.0)[..., None]
        mu = np.where(w > 0, (part * mean).sum(axis=2), mu)
        v = np.where(w > 0, (part * ((mean - mu[..., None]) ** 2 + variance)).sum(axis=2), v)
    return Gaussians(w, mu, v)
