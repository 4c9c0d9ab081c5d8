"""Kernel of the quantiles of one target in mixtures of Gaussians: as :func:`agez.distributions.marginals.quantiles`.

Halley's method for F(x) = p from the Cornish-Fisher expansion of the mixture's first four moments, in the same bracket
and with the same halving of it where a step goes astray; two or three steps are enough.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import math

import numpy as np

from agez.distributions.marginals import MAX_STEPS, STEP_DEX
from agez.runtime.compiled import kernel, part_of_kernels
from agez.runtime.compiled_math import exp64, tail_ratio

#: Rows that are solved together.
LANES = 64
_ROOT_2PI = math.sqrt(2 * math.pi)
_STEP, _MOST_STEPS = float(STEP_DEX), int(MAX_STEPS)


@kernel
def quantile_rows(weights, mean, covariance, levels, scores, out):
    """Quantiles of every target.

    Parameters
    ----------
    weights, mean, covariance : (n, k), (n, k, d), (n, k, d (d + 1) / 2)
        Of clean mixtures: rows that are NaN in their first weight stay NaN.
    levels, scores : (d, p)
        Ascending probabilities for each target, and their normal scores.
    out : (d, p, n), filled
    """
    n, k = weights.shape
    lanes = min(n, LANES)
    w, mu, inverse, height = (
        np.empty((k, lanes)), np.empty((k, lanes)), np.empty((k, lanes)), np.empty((k, lanes)),
    )  # fmt: skip
    start, sums, enough = np.empty((4, lanes)), np.empty((3, lanes)), np.empty(lanes)
    x, low, high, step = np.empty(lanes), np.empty(lanes), np.empty(lanes), np.empty(lanes)
    is_open = np.empty(lanes, np.int64)
    for first in range(0, n, lanes):
        count = min(lanes, n - first)
        for t in range(len(levels)):
            for place in range(lanes):
                i = first + min(place, count - 1)
                good = not math.isnan(weights[i, 0])
                narrowest = math.inf
                for j in range(k):
                    s = math.sqrt(covariance[i, j, t * (t + 1) // 2 + t]) if good else 1.0
                    w[j, place] = weights[i, j] if good else 1.0 / k
                    mu[j, place] = mean[i, j, t] if good else 0.0
                    inverse[j, place] = 1.0 / s
                    height[j, place] = w[j, place] * inverse[j, place] / _ROOT_2PI
                    narrowest = min(narrowest, s)
                enough[place] = math.sqrt(_STEP * narrowest)
            _moments(w, mu, inverse, start)
            for p in range(levels.shape[1]):
                _begin(scores[t, p], mu, inverse, start, x, low, high, step, is_open)
                for _ in range(_MOST_STEPS):
                    _sums(x, w, mu, inverse, height, sums)
                    if _move(levels[t, p], sums, enough, x, low, high, step, is_open) == 0:
                        break
                for place in range(count):
                    found = x[place] if not math.isnan(weights[first + place, 0]) else math.nan
                    if p > 0:
                        found = max(found, out[t, p - 1, first + place])
                    out[t, p, first + place] = found


@part_of_kernels
def _moments(w, mu, inverse, start):
    """Mean, standard deviation, skewness and excess kurtosis (4, lanes) of mixtures."""
    k, lanes = w.shape
    for place in range(lanes):
        mean, second, third, fourth = 0.0, 0.0, 0.0, 0.0
        for j in range(k):
            mean += w[j, place] * mu[j, place]
        for j in range(k):
            d, v = mu[j, place] - mean, 1.0 / (inverse[j, place] * inverse[j, place])
            second += w[j, place] * (v + d * d)
            third += w[j, place] * d * (3 * v + d * d)
            fourth += w[j, place] * (3 * v * v + 6 * v * d * d + d * d * d * d)
        sigma = math.sqrt(second)
        start[0, place], start[1, place] = mean, sigma
        start[2, place], start[3, place] = third / (second * sigma), fourth / (second * second) - 3


@part_of_kernels
def _begin(z, mu, inverse, start, x, low, high, step, is_open):
    """Brackets of a quantile and where to start in them (Cornish & Fisher 1938, Rev. Int. Stat. Inst. 5, 307)."""
    for place in range(len(x)):
        low[place], high[place] = math.inf, -math.inf
        for j in range(len(mu)):
            end = mu[j, place] + z / inverse[j, place]
            low[place], high[place] = min(low[place], end), max(high[place], end)
        skew, kurtosis = start[2, place], start[3, place]
        best = z + skew * (z * z - 1) / 6 + kurtosis * (z * z * z - 3 * z) / 24
        best -= skew * skew * (2 * z * z * z - 5 * z) / 36
        x[place] = min(max(start[0, place] + start[1, place] * best, low[place]), high[place])
        step[place] = high[place] - low[place]
        is_open[place] = 1


@part_of_kernels
def _sums(x, w, mu, inverse, height, sums):
    """Cumulative distribution, density and its slope (3, lanes) at x."""
    k, lanes = w.shape
    for m in range(3):
        for place in range(lanes):
            sums[m, place] = 0.0
    cumulative, density, slope = sums[0], sums[1], sums[2]
    for j in range(k):
        own_w, own_mu, own_inverse, own_height = w[j], mu[j], inverse[j], height[j]
        for place in range(lanes):
            t = (x[place] - own_mu[place]) * own_inverse[place]
            bell = exp64(-0.5 * t * t)
            tail = bell * tail_ratio(abs(t))
            cumulative[place] += own_w[place] * (tail if t < 0 else 1.0 - tail)
            density[place] += own_height[place] * bell
            slope[place] -= own_height[place] * bell * t * own_inverse[place]


@part_of_kernels
def _move(level, sums, enough, x, low, high, step, is_open):
    """One step of all rows that are still open; how many remain so."""
    left = 0
    for place in range(len(x)):
        if is_open[place] == 0:
            continue
        here, off = x[place], sums[0, place] - level
        if off >= 0:
            high[place] = here
        else:
            low[place] = here
        newton = off / sums[1, place]
        move = newton / max(1.0 - 0.5 * newton * sums[2, place] / sums[1, place], 0.5)
        new = here - move
        inside = new >= low[place] and new <= high[place] and abs(move) <= 0.5 * abs(step[place])
        fine = inside or abs(move) <= _STEP
        new = new if fine else 0.5 * (low[place] + high[place])
        new = min(max(new, low[place]), high[place])
        step[place] = new - here
        x[place] = new
        more = abs(step[place]) > (enough[place] if fine else _STEP) and high[place] - low[place] > _STEP
        is_open[place] = 1 if more else 0
        left += is_open[place]
    return left
