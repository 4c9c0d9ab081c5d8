"""Compiled kernels of the novelty score: the best subspace, the nearest centroid, the worst bands, and the score."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import math

import numpy as np

from agez.novelty.leave_one_band_out import LEAST_REST
from agez.novelty.novelty_score import FEW_BANDS, LEAST_STAR_PREFERENCE, MOST_OF_NO_STAR, NO_STAR
from agez.novelty.threshold_surface import (
    COARSE_COUNT_KNOTS,
    COARSE_SNR_KNOTS,
    COUNT_KNOTS,
    FAR_KNOTS,
    N_TRAITS,
    NODE_KNOTS,
    SNR_KNOTS,
)
from agez.runtime.compiled import kernel, part_of_kernels

_ZERO, _UNIT, _TWO = np.float32(0), np.float32(1), np.float32(2)
_LEAST, _LEAST_REST, _HUGE = np.float32(1e-20), np.float32(LEAST_REST), np.float32(3e38)
_SNR, _COUNT, _NODES, _FAR = (np.array(k) for k in (SNR_KNOTS, COUNT_KNOTS, NODE_KNOTS, FAR_KNOTS))
_COARSE_SNR, _COARSE_COUNT = np.array(COARSE_SNR_KNOTS), np.array(COARSE_COUNT_KNOTS)
_FEW_BANDS = int(FEW_BANDS)
_GRID, _TRAITS = len(SNR_KNOTS) * len(COUNT_KNOTS), N_TRAITS
_LEAST_LOG, _NO_STAR = -6.0, float(NO_STAR)
_LEAST_STAR, _MOST_OF_NO_STAR = float(LEAST_STAR_PREFERENCE), float(MOST_OF_NO_STAR)


@kernel
def keep_better(rows, penalty, cost, chi2, log_det, log_variance, is_common, number, common, best):
    """Update the best subspace of rows where another one has more evidence.

    Parameters
    ----------
    rows, penalty : (r,)
        chi2 of the redshift; ``cost`` is -2 ln of the cluster's share.
    chi2, log_det, log_variance : (w,) float32
        Of :func:`agez.novelty.compiled_subspace.fit_rows`, w >= r.
    is_common : bool
        Whether this is the cluster of common galaxies, whose total log determinant is stored in ``common`` (w,).
    best : tuple of (n,)
        ``evidence`` (-2 ln), ``node``, ``chi2``, and ``reference``, the log determinant of the common cluster.
    """
    evidence, node, best_chi2, reference = best
    for place in range(len(rows)):
        i, total = rows[place], log_det[place] + log_variance[place]
        if is_common:
            common[place] = total
        value = chi2[place] + total + penalty[place] + cost
        if value < evidence[i]:
            evidence[i], node[i], best_chi2[i], reference[i] = value, number, chi2[place], common[place]


@kernel
def nearest_of(s_s, both, rest, chi2):
    """The last steps of :func:`agez.novelty.nearest_template.nearest_chi2`.

    Parameters
    ----------
    s_s : (centroids, w)
    both : (centroids, 2, w)
        Of each centroid with the mean SED, and with the residual.
    rest : (3, w)
        Of the mean SED with itself, of both, and of the residual with itself.
    chi2 : (w,), filled
    """
    chi2[:] = _HUGE
    for c in range(len(s_s)):
        for k in range(s_s.shape[1]):
            s, s_m, s_r = s_s[c, k], both[c, 0, k], both[c, 1, k]
            v_r = rest[1, k] + s_r - s_m - s
            v_v = rest[0, k] + _TWO * s_m + s
            r_r = rest[2, k] - _TWO * s_r + s
            chi2[k] = min(chi2[k], r_r - v_r * v_r / max(v_v, _LEAST))
    for k in range(s_s.shape[1]):
        chi2[k] = max(chi2[k], _ZERO)


@kernel
def worst_of(residual, weight, fitted, leverage, scatter, worst, band, sigma, spare):
    """The last steps of :func:`agez.novelty.leave_one_band_out.worst_bands`; ``leverage`` is over the bands' weights.

    ``worst`` (w,) and ``sigma`` (w,) float32 and ``band`` (w,) int32 are filled; ``spare`` (2, w).
    """
    second, third = spare[0], spare[1]
    worst[:] = _ZERO
    band[:] = 0
    sigma[:] = _ZERO
    second[:] = _ZERO
    third[:] = _ZERO
    for j in range(len(residual)):
        variance = scatter[j] * scatter[j]
        for k in range(residual.shape[1]):
            off = residual[j, k] - fitted[j, k]
            rest = max(_UNIT - leverage[j, k] * weight[j, k], _LEAST_REST)
            value = off * off * weight[j, k] / (rest * (_UNIT + variance * weight[j, k] * rest))
            better = value > worst[k]
            band[k] = j if better else band[k]
            sigma[k] = off if better else sigma[k]
            a = min(worst[k], value)
            worst[k] = max(worst[k], value)
            b = min(second[k], a)
            second[k] = max(second[k], a)
            third[k] = max(third[k], b)
    for k in range(residual.shape[1]):
        sigma[k] = math.copysign(math.sqrt(worst[k]), sigma[k])
        worst[k] += second[k] + third[k]


@part_of_kernels
def _between(x, knots):
    """The knot at or below x, and the fraction of the way to the next."""
    last = len(knots) - 1
    x = min(max(x, knots[0]), knots[last])
    k = 0
    while k < last - 1 and x >= knots[k + 1]:
        k += 1
    return k, (x - knots[k]) / (knots[k + 1] - knots[k])


@part_of_kernels
def _of_trait(line, trait, coarse_snr, coarse_count):
    """What a trait adds to a threshold where it is fully there; the number of bands has two knots."""
    k, part = coarse_snr
    _, share = coarse_count
    at, width = _GRID + 2 * (k * _TRAITS + trait), 2 * _TRAITS
    low = (1 - share) * line[at] + share * line[at + 1]
    return (1 - part) * low + part * ((1 - share) * line[at + width] + share * line[at + width + 1])


@part_of_kernels
def _at(line, snr, count, coarse_snr, coarse_count, nodes, far):
    """A threshold at the conditions of a row: :func:`agez.novelty.threshold_surface.conditions` times ``line``."""
    k, part = snr
    m, share = count
    width = len(_COUNT)
    at = k * width + m
    low = (1 - share) * line[at] + share * line[at + 1]
    high = (1 - share) * line[at + width] + share * line[at + width + 1]
    total = (1 - part) * low + part * high
    m, share = nodes
    if m > 0:
        total += (1 - share) * _of_trait(line, m - 1, coarse_snr, coarse_count)
    total += share * _of_trait(line, m, coarse_snr, coarse_count)
    return total + far[1] * _of_trait(line, _TRAITS - 1, coarse_snr, coarse_count)


@kernel
def score_rows(
    log_error, covered, n_nodes, redshift, best, near, near_log_det, worst, star_log, with_stars, thresholds, threshold,
    ood, chi2_out, nearest_out,
):  # fmt: skip
    """As :func:`agez.novelty.novelty_score.score`, from statistics.

    Parameters
    ----------
    log_error, covered : (n, b)
    n_nodes, redshift : (n,)
        Compatible redshift nodes, and the redshift of the best one.
    best : tuple of (n,)
        Of :func:`keep_better`.
    near, near_log_det, worst, star_log : (n,) float32
        ``star_log``: chi2 plus log determinant of the nearest star.
    ood, chi2_out, nearest_out : (n,) float64, filled
    """
    evidence, node, chi2, reference = best
    n, b = log_error.shape
    values = np.zeros(3)
    for i in range(n):
        count, total = 0, 0.0
        for j in range(b):
            if covered[i, j]:
                count += 1
                total += max(log_error[i, j], _LEAST_LOG)
        if count < 2 or node[i] < 0:
            ood[i] = chi2_out[i] = nearest_out[i] = math.nan
            continue
        free = count - 1
        log_snr = min(max(-total / count, -3.0), 6.0)
        subspace_misfit = max(evidence[i] - reference[i], _ZERO) / free
        values[0], values[1] = math.log(subspace_misfit + 0.05), math.log(worst[i] + 0.05)
        star = (near[i] + near_log_det[i]) - star_log[i]
        values[2] = max(math.asinh(star / 2), _NO_STAR)
        places = _between(log_snr, _SNR), _between(math.log10(count), _COUNT)
        coarse = _between(log_snr, _COARSE_SNR), _between(math.log10(count), _COARSE_COUNT)
        traits = _between(math.log2(max(n_nodes[i], 1)), _NODES), _between(redshift[i], _FAR)
        top = _at(thresholds[-1], places[0], places[1], coarse[0], coarse[1], traits[0], traits[1])
        of_one = max(top, 0.1) * threshold
        largest = -math.inf
        for k in range(3 if with_stars else 2):
            if k == 1 and count <= _FEW_BANDS:
                continue
            median = _at(thresholds[2 * k], places[0], places[1], coarse[0], coarse[1], traits[0], traits[1])
            top = _at(thresholds[2 * k + 1], places[0], places[1], coarse[0], coarse[1], traits[0], traits[1])
            part = (values[k] - median) / max(top - median, 0.05)
            if k == 2 and 2 * count < b and star < _LEAST_STAR:
                part = min(part, _MOST_OF_NO_STAR * of_one)
            largest = max(largest, part)
        ood[i] = max(largest / of_one, 0.0)
        chi2_out[i], nearest_out[i] = chi2[i] / free, near[i] / free
