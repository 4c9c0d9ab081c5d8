"""Kernels from the networks' raw outputs to the mixture that is reported: heads, ensemble and recalibration in one.

Row by row what :func:`agez.mixture_network.mixture_model.mixture_of`, :func:`agez.distributions.mixture.combine` and
:func:`agez.mixture_network.calibration.recalibrate` do with arrays.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import math

import numpy as np

from agez.mixture_network.calibration import N_CIRCUMSTANCES
from agez.mixture_network.dense_trunk import MAX_LOG_PRECISION, PER_COMPONENT
from agez.runtime.compiled import kernel, part_of_kernels

_PER, _MOST = PER_COMPONENT, float(MAX_LOG_PRECISION)
_N = N_CIRCUMSTANCES
#: Numbers of a component in the work arrays below: weight, means, variances and, between those, the covariance.
_NUMBERS = 6


@part_of_kernels
def _read(raw, label_mean, label_std, parts):
    """A network's mixture of one row (k, _NUMBERS), components by age; whether it is a distribution."""
    k = len(parts)
    top = -math.inf
    for j in range(k):
        if not math.isfinite(raw[j]):
            return False
        top = max(top, raw[j])
    total = 0.0
    for j in range(k):
        total += math.exp(raw[j] - top)
    for j in range(k):
        s1 = math.exp(-min(float(raw[3 * k + j]), _MOST))
        s2 = math.exp(-min(float(raw[4 * k + j]), _MOST))
        tilt = -float(raw[5 * k + j]) * s1 * s2
        age = raw[k + j] * label_std[0] + label_mean[0]
        at = j
        while at > 0 and parts[at - 1, 1] > age:
            for m in range(_NUMBERS):
                parts[at, m] = parts[at - 1, m]
            at -= 1
        parts[at, 0] = math.exp(raw[j] - top) / total
        parts[at, 1] = age
        parts[at, 2] = raw[2 * k + j] * label_std[1] + label_mean[1]
        parts[at, 3] = s1 * s1 * (label_std[0] * label_std[0])
        parts[at, 4] = tilt * s1 * (label_std[0] * label_std[1])
        parts[at, 5] = (tilt * tilt + s2 * s2) * (label_std[1] * label_std[1])
    return _usable(parts)


@part_of_kernels
def _usable(parts):
    """Whether the components are a distribution: as :func:`agez.distributions.mixture.usable`."""
    for j in range(len(parts)):
        total = 0.0
        for m in range(_NUMBERS):
            total += parts[j, m] * 0.0
        v1, c, v2 = parts[j, 3], parts[j, 4], parts[j, 5]
        if total != 0.0 or not (v1 > 0 and v2 > 0 and c * c < v1 * v2):
            return False
    return True


@part_of_kernels
def _merge(each, merged):
    """The j-th components of all networks (members, k, _NUMBERS) as one Gaussian each."""
    members, k, _ = each.shape
    for j in range(k):
        weight = 0.0
        for a in range(members):
            weight += each[a, j, 0]
        for m in range(_NUMBERS):
            merged[j, m] = 0.0
        merged[j, 0] = weight / members
        for a in range(members):
            share = each[a, j, 0] / weight if weight > 0 else 1.0 / members
            merged[j, 1] += share * each[a, j, 1]
            merged[j, 2] += share * each[a, j, 2]
        for a in range(members):
            share = each[a, j, 0] / weight if weight > 0 else 1.0 / members
            d1, d2 = each[a, j, 1] - merged[j, 1], each[a, j, 2] - merged[j, 2]
            merged[j, 3] += share * (each[a, j, 3] + d1 * d1)
            merged[j, 4] += share * (each[a, j, 4] + d1 * d2)
            merged[j, 5] += share * (each[a, j, 5] + d2 * d2)


@part_of_kernels
def _total(parts, whole):
    """Means and covariance (5,) of the whole mixture."""
    for m in range(5):
        whole[m] = 0.0
    for j in range(len(parts)):
        whole[0] += parts[j, 0] * parts[j, 1]
        whole[1] += parts[j, 0] * parts[j, 2]
    for j in range(len(parts)):
        d1, d2 = parts[j, 1] - whole[0], parts[j, 2] - whole[1]
        whole[2] += parts[j, 0] * (parts[j, 3] + d1 * d1)
        whole[3] += parts[j, 0] * (parts[j, 4] + d1 * d2)
        whole[4] += parts[j, 0] * (parts[j, 5] + d2 * d2)


@part_of_kernels
def _bounded(x, most):
    return min(max(x, -most), most)


@part_of_kernels
def _stretch(parts, whole, snr, share, shift, log_factor, center, width, x):
    """Move and stretch the mixture by its circumstances ``x``, which are filled."""
    noise = math.log10(min(max(1.0 if math.isnan(snr) else snr, 1.0), 300.0)) - 1.25
    a = _bounded((whole[0] - center[0]) / width[0], 2.5)
    m = _bounded((whole[1] - center[1]) / width[1], 2.5)
    x[0], x[1], x[2], x[3] = 1.0, noise, noise * noise, math.log10(max(share, 0.05)) + 0.3
    x[4], x[5], x[6], x[7], x[8] = a, a * a - 1, m, m * m - 1, a * m
    factors = (0.0, 0.0)
    moves = (0.0, 0.0)
    for t in range(2):
        move, log = 0.0, 0.0
        for c in range(_N):
            move += x[c] * shift[t, c]
            log += x[c] * log_factor[t, c]
        move = math.sqrt(whole[2 + 2 * t]) * _bounded(move, 3.0)
        factor = math.exp(_bounded(log, 2.0))
        factors = (factor, 0.0) if t == 0 else (factors[0], factor)
        moves = (move, 0.0) if t == 0 else (moves[0], move)
    for j in range(len(parts)):
        parts[j, 1] = whole[0] + moves[0] + factors[0] * (parts[j, 1] - whole[0])
        parts[j, 2] = whole[1] + moves[1] + factors[1] * (parts[j, 2] - whole[1])
        parts[j, 3] *= factors[0] * factors[0]
        parts[j, 4] *= factors[0] * factors[1]
        parts[j, 5] *= factors[1] * factors[1]


@kernel
def mix_rows(
    raw, label_mean, label_std, answered, snr, share_of_bands, shift, log_factor, center, width,
    weights, mean, covariance, whole_mean, correlation,
):  # fmt: skip
    """The mixtures that are reported.

    Parameters
    ----------
    raw : (members, n, 6 k) float32
        Outputs of the networks; ``label_mean`` and ``label_std`` (members, 2) their labels' means and widths.
    answered : (n,) bool
        Other rows are NaN.
    snr, share_of_bands : (n,)
        Median signal-to-noise ratio, NaN without any, and the part of the bands that is there.
    shift, log_factor, center, width
        Of :class:`agez.mixture_network.calibration.Recalibration`.
    weights, mean, covariance : (n, k), (n, k, 2), (n, k, 3) float64, filled
    whole_mean, correlation : (n, 2) and (n,) float64, filled
        Moments of the whole mixture.
    """
    members, n, outputs = raw.shape
    k = outputs // _PER
    each, merged = np.empty((members, k, _NUMBERS)), np.empty((k, _NUMBERS))
    whole, x = np.empty(5), np.empty(_N)
    for i in range(n):
        good = answered[i]
        for a in range(members):
            good = good and _read(raw[a, i], label_mean[a], label_std[a], each[a])
        if good:
            _merge(each, merged)
            _total(merged, whole)
            good = _usable(merged)
        if good:
            _stretch(merged, whole, snr[i], share_of_bands[i], shift, log_factor, center, width, x)
            _total(merged, whole)
            good = _usable(merged)
        if not good:
            merged[:] = math.nan
            whole[:] = math.nan
        for j in range(k):
            weights[i, j] = merged[j, 0]
            mean[i, j, 0], mean[i, j, 1] = merged[j, 1], merged[j, 2]
            covariance[i, j, 0], covariance[i, j, 1], covariance[i, j, 2] = merged[j, 3], merged[j, 4], merged[j, 5]
        whole_mean[i, 0], whole_mean[i, 1] = whole[0], whole[1]
        correlation[i] = whole[3] / math.sqrt(whole[2] * whole[4]) if good else math.nan
        if good:
            correlation[i] = _bounded(correlation[i], 1.0)
