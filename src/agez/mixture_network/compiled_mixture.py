"""Compiled kernel from raw network outputs to calibrated mixtures: head, ensemble and calibration in one.

It computes row by row what :func:`agez.mixture_network.mixture_head.mixture_of`,
:func:`agez.distributions.mixture.combine` and :func:`agez.mixture_network.calibration.calibrate` compute on arrays.
The number of targets d is the length of a tuple, ``dims``, and so part of its type: loops over targets are unrolled.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import math

import numpy as np

from agez.mixture_network.calibration import LEAST_UNBLURRED, REFERENCE_TARGETS
from agez.mixture_network.mixture_head import MAX_LOG_PRECISION
from agez.runtime.compiled import kernel, part_of_kernels

_MOST = float(MAX_LOG_PRECISION)
_REFERENCES, _LEAST_UNBLURRED = int(REFERENCE_TARGETS), float(LEAST_UNBLURRED)


@part_of_kernels
def _read(raw, label_mean, label_std, dims, parts, inverse):
    """Mixture of one network for one row (k, numbers), sorted by the first target; True if it is a valid distribution.

    The numbers of a component are its weight, d means and the lower triangle of its covariance; ``inverse`` (d, d) is
    workspace for the inverse of the precision factor.
    """
    k, d = len(parts), len(dims)
    top = -math.inf
    for j in range(k):
        if not math.isfinite(raw[j]):
            return False
        top = max(top, raw[j])
    total = 0.0
    for j in range(k):
        total += math.exp(raw[j] - top)
    for j in range(k):
        for a in range(d):
            inverse[a, a] = math.exp(-min(float(raw[(1 + d + a) * k + j]), _MOST))
            for b in range(a):
                rest = 0.0
                for c in range(b, a):
                    rest += float(raw[(1 + 2 * d + a * (a - 1) // 2 + c) * k + j]) * inverse[c, b]
                inverse[a, b] = -rest * inverse[a, a]
        first = raw[k + j] * label_std[0] + label_mean[0]
        at = j
        while at > 0 and parts[at - 1, 1] > first:
            for m in range(parts.shape[1]):
                parts[at, m] = parts[at - 1, m]
            at -= 1
        parts[at, 0] = math.exp(raw[j] - top) / total
        for a in range(d):
            parts[at, 1 + a] = raw[(1 + a) * k + j] * label_std[a] + label_mean[a]
            for b in range(a + 1):
                product = 0.0
                for c in range(b + 1):
                    product += inverse[a, c] * inverse[b, c]
                parts[at, 1 + d + a * (a + 1) // 2 + b] = product * (label_std[a] * label_std[b])
    return _usable(parts, dims, inverse)


@part_of_kernels
def _usable(parts, dims, factor):
    """True for a valid distribution: as :func:`agez.distributions.mixture.usable`; ``factor`` is workspace."""
    d = len(dims)
    for j in range(len(parts)):
        total = 0.0
        for m in range(parts.shape[1]):
            total += parts[j, m] * 0.0
        if total != 0.0:
            return False
        for a in range(d):
            for b in range(a + 1):
                rest = parts[j, 1 + d + a * (a + 1) // 2 + b]
                for c in range(b):
                    rest -= factor[a, c] * factor[b, c] / factor[c, c]
                factor[a, b] = rest
            if not factor[a, a] > 0:
                return False
    return True


@part_of_kernels
def _merge(each, dims, merged):
    """Merge the j-th components of all networks (members, k, numbers) into one Gaussian."""
    members, k, numbers = each.shape
    d = len(dims)
    for j in range(k):
        weight = 0.0
        for a in range(members):
            weight += each[a, j, 0]
        for m in range(numbers):
            merged[j, m] = 0.0
        merged[j, 0] = weight / members
        for a in range(members):
            share = each[a, j, 0] / weight if weight > 0 else 1.0 / members
            for t in range(d):
                merged[j, 1 + t] += share * each[a, j, 1 + t]
        for a in range(members):
            share = each[a, j, 0] / weight if weight > 0 else 1.0 / members
            place = 1 + d
            for t in range(d):
                off = each[a, j, 1 + t] - merged[j, 1 + t]
                for u in range(t + 1):
                    merged[j, place] += share * (each[a, j, place] + off * (each[a, j, 1 + u] - merged[j, 1 + u]))
                    place += 1


@part_of_kernels
def _total(parts, dims, whole):
    """Means and covariance of the whole mixture: d means and a lower triangle."""
    d = len(dims)
    for m in range(len(whole)):
        whole[m] = 0.0
    for j in range(len(parts)):
        for t in range(d):
            whole[t] += parts[j, 0] * parts[j, 1 + t]
    for j in range(len(parts)):
        place = d
        for t in range(d):
            off = parts[j, 1 + t] - whole[t]
            for u in range(t + 1):
                whole[place] += parts[j, 0] * (parts[j, 1 + place] + off * (parts[j, 1 + u] - whole[u]))
                place += 1


@part_of_kernels
def _bounded(x, most):
    return min(max(x, -most), most)


@part_of_kernels
def _stretch(parts, whole, snr, share, shift, log_factor, center, width, blur, dims, x, factors, shifts):
    """Shift and stretch the mixture by its covariates; ``x``, ``factors`` and ``shifts`` are filled."""
    d = len(dims)
    noise = math.log10(min(max(1.0 if math.isnan(snr) else snr, 1.0), 300.0)) - 1.25
    x[0], x[1], x[2], x[3] = 1.0, noise, noise * noise, math.log10(max(share, 0.05)) + 0.3
    references = min(d, _REFERENCES)
    place = 4 + 2 * references
    for t in range(references):
        predicted = _bounded((whole[t] - center[t]) / width[t], 2.5)
        x[4 + 2 * t], x[5 + 2 * t] = predicted, predicted * predicted - 1
        for u in range(t):
            x[place] = x[4 + 2 * u] * predicted
            place += 1
    for t in range(d):
        sigmas, log = 0.0, 0.0
        for c in range(len(x)):
            sigmas += x[c] * shift[t, c]
            log += x[c] * log_factor[t, c]
        variance = whole[d + t * (t + 1) // 2 + t]
        unblurred = math.sqrt(max(1.0 - blur[t] * blur[t] / variance, _LEAST_UNBLURRED))
        shifts[t] = math.sqrt(variance) * unblurred * _bounded(sigmas, 3.0)
        factors[t] = unblurred * math.exp(_bounded(log, 2.0))
    for j in range(len(parts)):
        place = 1 + d
        for t in range(d):
            parts[j, 1 + t] = whole[t] + shifts[t] + factors[t] * (parts[j, 1 + t] - whole[t])
            for u in range(t + 1):
                parts[j, place] *= factors[t] * factors[u]
                place += 1


@kernel
def mix_rows(
    raw, label_mean, label_std, answered, snr, share_of_bands, shift, log_factor, center, width, blur, dims,
    weights, mean, covariance, whole_mean, correlation,
):  # fmt: skip
    """The calibrated mixtures.

    Parameters
    ----------
    raw : (members, n, outputs) float32
        Raw outputs of the networks; ``label_mean`` and ``label_std`` (members, d): scaling of their labels.
    answered : (n,) bool
        False: NaN.
    snr, share_of_bands : (n,)
        Median signal-to-noise ratio, NaN without any, and the share of observed bands.
    shift, log_factor, center, width, blur
        Of :class:`agez.mixture_network.calibration.IntervalCalibration`.
    dims : tuple of d int
    weights, mean, covariance : (n, k), (n, k, d), (n, k, d (d + 1) / 2) float64, filled
    whole_mean, correlation : (n, d) and (n,) float64, filled
        Moments of the whole mixture.
    """
    members, n, _ = raw.shape
    k, d = weights.shape[1], len(dims)
    triangle = d * (d + 1) // 2
    each, merged = np.empty((members, k, 1 + d + triangle)), np.empty((k, 1 + d + triangle))
    whole, x, square = np.empty(d + triangle), np.empty(shift.shape[1]), np.empty((d, d))
    factors, shifts = np.empty(d), np.empty(d)
    for i in range(n):
        good = answered[i]
        for a in range(members):
            good = good and _read(raw[a, i], label_mean[a], label_std[a], dims, each[a], square)
        if good:
            _merge(each, dims, merged)
            _total(merged, dims, whole)
            good = _usable(merged, dims, square)
        if good:
            _stretch(
                merged, whole, snr[i], share_of_bands[i], shift, log_factor, center, width, blur, dims, x, factors,
                shifts,
            )  # fmt: skip
            _total(merged, dims, whole)
            good = _usable(merged, dims, square)
        if not good:
            merged[:] = math.nan
            whole[:] = math.nan
        for j in range(k):
            weights[i, j] = merged[j, 0]
            for t in range(d):
                mean[i, j, t] = merged[j, 1 + t]
            for m in range(triangle):
                covariance[i, j, m] = merged[j, 1 + d + m]
        for t in range(d):
            whole_mean[i, t] = whole[t]
        correlation[i] = math.nan
        if good and d > 1:
            correlation[i] = _bounded(whole[d + 1] / math.sqrt(whole[d] * whole[d + 2]), 1.0)
