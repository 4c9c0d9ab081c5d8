"""Compiled features: as :mod:`agez.models.features`, row by row and without intermediate arrays."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import math

import numpy as np

from agez.models.features import (
    ASSUMED_ERROR,
    CONTRAST_FLOOR,
    ERROR_RANGE,
    EXACT_REDSHIFT,
    LINEAR_UP_TO,
    SCALE_FLOOR,
    TINY,
    TURNS,
)
from agez.runtime.compiled import kernel
from agez.runtime.compiled_math import arcsinh32, log32

_ASSUMED, _FLOOR = np.float32(ASSUMED_ERROR), np.float32(SCALE_FLOOR)
_LOWEST, _HIGHEST = (float(limit) for limit in ERROR_RANGE)
_CONTRAST = np.float32(CONTRAST_FLOOR**2)
_LINEAR = np.float32(LINEAR_UP_TO)
_TINY = np.float32(TINY)
_LOG10 = np.float32(1 / math.log(10.0))
_ZERO, _UNIT, _LEAST_AROUND = np.float32(0), np.float32(1), np.float32(1e-3)
_INFINITE = np.float32(np.inf)
_LEAST_WEIGHT, _MOST_WIDTHS = np.float32(1e-20), np.float32(4)
_TURNS = tuple(float(2 * math.pi / turn) for turn in TURNS)
_EXACT = float(EXACT_REDSHIFT)


@kernel
def scale_rows(flux, flux_err, covered, scaled, error, log_error, pulled, assumed, nothing):
    """As :func:`agez.models.features.normalised`.

    Parameters
    ----------
    flux, flux_err, covered : (n, b)
    scaled, error, log_error : (n, b) float32, filled
        Fluxes and errors in units of the row's scale, and log10 of those errors.
    pulled : (2, n, b) float32, filled
        Weights of the contrasts' local means, and those times fluxes.
    assumed, nothing : (n,) bool, filled
        Rows of unknown errors, and those without positive flux in all.
    """
    n, b = flux.shape
    for i in range(n):
        f, e, c = flux[i], flux_err[i], covered[i]
        out_f, out_e, out_log = scaled[i], error[i], log_error[i]
        weight, product = pulled[0, i], pulled[1, i]
        total, net, count = 0.0, 0.0, 0
        for j in range(b):
            value = f[j] if c[j] else 0.0
            total += abs(value)
            net += value
            count += c[j]
        nothing[i] = not net > 0
        count = max(count, 1)
        unit = total / count
        if not unit > 0:
            unit = 1.0
        mean = _ZERO
        for j in range(b):
            out_f[j] = np.float32((f[j] if c[j] else 0.0) / unit)
            mean += out_f[j]
        typical = abs(np.float32(mean / np.float32(b))) * np.float32(b / count)
        least = _FLOOR * typical * (_FLOOR * typical)
        unknown = 0
        for j in range(b):
            known = e[j] > 0
            unknown += c[j] and not known
            ratio = min(max((e[j] if c[j] and known else unit) / unit, _LOWEST), _HIGHEST)
            out_e[j] = _ASSUMED * typical if c[j] and not known else np.float32(ratio)
        assumed[i] = unknown > 0
        weights = _ZERO
        for j in range(b):
            weight[j] = _UNIT / max(out_e[j] * out_e[j] + least, _TINY) if c[j] else _ZERO
            weights += weight[j]
        weights = max(weights, _TINY)
        noise, scale = _ZERO, _ZERO
        for j in range(b):
            share = weight[j] / weights
            scale += share * out_f[j]
            noise += share * out_e[j] * (share * out_e[j])
        scale = max(scale, max(np.sqrt(noise), _TINY))
        for j in range(b):
            out_f[j] = out_f[j] / scale
            out_e[j] = out_e[j] / scale if c[j] else _UNIT
            weight[j] = _UNIT / (out_e[j] * out_e[j] + _CONTRAST) if c[j] else _ZERO
            product[j] = weight[j] * out_f[j]
        for j in range(b):
            out_log[j] = log32(max(out_e[j], _TINY)) * _LOG10


@kernel
def median_ratios(scaled, error, covered, out):
    """As :func:`agez.mixture_network.calibration.signal_to_noise`: (n,) float32, filled.

    Many rows are sorted side by side (Batcher 1968, AFIPS 32, 307): no step depends on the numbers.
    """
    n, b = scaled.shape
    lanes = min(n, 64)
    values = np.empty((b, lanes), np.float32)
    counts = np.empty(lanes, np.int64)
    for start in range(0, n, lanes):
        for place in range(lanes):
            i = min(start + place, n - 1)
            counts[place] = 0
            for j in range(b):
                ratio = scaled[i, j] / error[i, j]
                known = covered[i, j] and not math.isnan(ratio)
                values[j, place] = ratio if known else _INFINITE
                counts[place] += known
        p = 1
        while p < b:
            k = p
            while k >= 1:
                for j in range(k % p, b - k, 2 * k):
                    for i in range(j, min(j + k, b - k)):
                        if i // (2 * p) == (i + k) // (2 * p):
                            low, high = values[i], values[i + k]
                            for place in range(lanes):
                                one, other = low[place], high[place]
                                low[place] = one if one < other else other
                                high[place] = other if one < other else one
                k //= 2
            p *= 2
        for place in range(min(lanes, n - start)):
            count = counts[place]
            out[start + place] = math.nan
            if count > 0:
                out[start + place] = (values[(count - 1) // 2, place] + values[count // 2, place]) / np.float32(2)


@kernel
def fill_contrasts(scaled, covered, around, signals):
    """As :func:`agez.models.features.signals`.

    Parameters
    ----------
    scaled, covered : (n, b)
    around : (2, n, k, b) float32
        Summed weights around each band, one block for each width, and those times fluxes.
    signals : (n, 1 + k, b) float32, filled
    """
    n, b = scaled.shape
    for i in range(n):
        for j in range(b):
            signals[i, 0, j] = scaled[i, j]
        for k in range(around.shape[2]):
            for j in range(b):
                mean = around[1, i, k, j] / max(around[0, i, k, j], _LEAST_WEIGHT)
                ratio = (scaled[i, j] - mean) / max(abs(mean), _LEAST_AROUND)
                signals[i, k + 1, j] = min(max(ratio, -_UNIT), _UNIT) if covered[i, j] else _ZERO


@kernel
def fill_redshift_features(redshift, redshift_err, low, high, out):
    """The last columns of :func:`agez.models.features.features`: (n, 3 + 2 len(TURNS)) float32."""
    middle, half = (low + high) / 2, max((high - low) / 2, 1e-3)
    turns = len(_TURNS)
    for i in range(len(redshift)):
        known = math.isfinite(redshift[i])
        z = redshift[i] if known else middle
        error = half
        if known:
            error = 0.0 if math.isnan(redshift_err[i]) else redshift_err[i]
        out[i, 0] = (z - middle) / half
        out[i, 1] = math.log10(max(error, _EXACT)) + 3
        out[i, 2] = error > _EXACT
        place = math.log10(1 + z)
        for k in range(turns):
            out[i, 3 + k] = math.sin(place * _TURNS[k])
            out[i, 3 + turns + k] = math.cos(place * _TURNS[k])


@kernel
def fill_features(
    signals, log_error, covered, redshift, rest, center, width, low, high, error_mean, error_std, out
):  # fmt: skip
    """As :func:`agez.models.features.features`.

    Parameters
    ----------
    signals : (n, s) float32
        With s the number of signals times that of bands b, of :func:`fill_contrasts`.
    log_error, covered : (n, b)
    redshift : (n,) float
    rest : (n, r) float32
        Of :func:`fill_redshift_features`.
    center, width : (nodes + 1, s) float32
        Of the feature scaling; ``low``, ``high`` its redshifts, ``error_mean`` and ``error_std`` float32.
    out : (n, s + 2 b + r) float32, filled
    """
    n, s = signals.shape
    b = log_error.shape[1]
    nodes = len(center) - 1
    for i in range(n):
        left, right, part = nodes, nodes, _ZERO
        if math.isfinite(redshift[i]):
            place = min(max((redshift[i] - low) / max(high - low, 1e-9), 0.0), 1.0) * (nodes - 1)
            left = min(int(place), max(nodes - 2, 0))
            right = min(left + 1, nodes - 1)
            part = np.float32(place - left)
        x, row, e, c = signals[i], out[i], log_error[i], covered[i]
        c0, c1, w0, w1 = center[left], center[right], width[left], width[right]
        for j in range(s):
            middle = c0[j] + part * (c1[j] - c0[j])
            wide = _LINEAR * (w0[j] + part * (w1[j] - w0[j]))
            row[j] = _LINEAR * arcsinh32((x[j] - middle) / wide)
        for j in range(b):
            row[s + j] = min(max((e[j] - error_mean) / error_std, -_MOST_WIDTHS), _MOST_WIDTHS)
        for j in range(b):
            row[s + b + j] = _UNIT
        for k in range(s // b + 2):
            for j in range(b):
                row[k * b + j] = row[k * b + j] if c[j] else _ZERO
        for j in range(rest.shape[1]):
            row[s + 2 * b + j] = rest[i, j]


@kernel
def add_bias_and_clip(x, bias):
    """A layer's bias and ReLU, in place; (n, units) and (units,) float32."""
    for i in range(len(x)):
        row = x[i]
        for j in range(len(bias)):
            row[j] = max(row[j] + bias[j], _ZERO)
