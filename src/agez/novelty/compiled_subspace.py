"""Compiled kernels of :mod:`agez.novelty.sed_subspace`: bands first, rows along the last axis.

All arrays are float32, and the compiler vectorises over rows, eight at a time; symmetric matrices are stored as upper
triangles, row by row.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import math

import numpy as np

from agez.novelty.sed_subspace import AMPLITUDE_FLOOR, AMPLITUDE_RANGE, CALIBRATION
from agez.novelty.vector_rows import LANES, subtract_row
from agez.runtime.compiled import kernel, part_of_kernels
from agez.runtime.compiled_math import log32

_FLOOR, _CALIBRATION = np.float32(AMPLITUDE_FLOOR**2), np.float32(CALIBRATION**2)
_FAINTEST, _BRIGHTEST = (np.float32(limit) for limit in AMPLITUDE_RANGE)
_ZERO, _UNIT, _TWO = np.float32(0), np.float32(1), np.float32(2)
_LEAST, _LEAST_SQUARE = np.float32(1e-20), np.float32(1e-4)


@kernel
def rows_at_nodes(redshift, redshift_err, nodes, step, first, rows, penalty):
    """As :func:`agez.novelty.sed_subspace.rows_of_nodes`: first counts, then lists, the pairs of row and node.

    Parameters
    ----------
    redshift, redshift_err : (n,) float
    nodes : (m,) float
        ``step`` apart.
    first : (m + 1,) int64
        If ``rows`` is empty, filled with the number of rows of each node; else the offset of each node's rows, which is
        advanced to their end.
    rows, penalty : (total,) int32 and float32, filled
    """
    m, counting = len(nodes), len(rows) == 0
    for i in range(len(redshift)):
        z = redshift[i]
        known = not math.isnan(z)
        z = min(max(z, nodes[0]), nodes[m - 1]) if known else 0.0
        nearest = int(np.rint((z - nodes[0]) / step))
        error = 0.0 if math.isnan(redshift_err[i]) else redshift_err[i]
        for k in range(m):
            beyond = max(abs(z - nodes[k]) - step / 2, 0.0)
            if known and k != nearest and not beyond < 3 * error:
                continue
            if not counting:
                rows[first[k]] = i
                off = beyond / max(error, 1e-9) if known and k != nearest else 0.0
                penalty[first[k]] = off * off
            first[k] += 1


@kernel
def gather_rows(flux, flux_err, covered, rows, x, e, counted):
    """Some rows of (n, b) arrays as (b, w) columns; surplus columns are bands that are not covered.

    ``counted`` is 1 where covered, else 0.
    """
    b, width = x.shape
    for start in range(0, width, 16):  # few rows at a time: columns far apart share their places in the cache
        for j in range(b):
            for place in range(start, min(start + 16, len(rows))):
                i = rows[place]
                x[j, place] = flux[i, j]
                e[j, place] = flux_err[i, j]
                counted[j, place] = _UNIT if covered[i, j] else _ZERO
    for j in range(b):
        for place in range(len(rows), width):
            x[j, place] = e[j, place] = _UNIT
            counted[j, place] = _ZERO


@kernel
def weigh_rows(x, e, counted, mean, residual_variance, residual, weight, pulled, square, log_variance, spare):
    """As :func:`agez.novelty.sed_subspace.weigh` and ``log_variance``, of the columns of :func:`gather_rows`.

    Parameters
    ----------
    mean, residual_variance : (b,) float32
        The mean SED, and the variance around the subspace: infinite for bands without training SEDs.
    residual, weight, pulled : (b, w), filled
        ``pulled`` is their product.
    square, log_variance : (w,), filled
        ``square`` is the weighted sum of squared residuals.
    spare : (2, w)
    """
    b, width = x.shape
    above, below = spare[0], spare[1]
    above[:] = _ZERO
    below[:] = _ZERO
    square[:] = _ZERO
    log_variance[:] = _ZERO
    for j in range(b):
        m = mean[j]
        if not math.isfinite(residual_variance[j]):
            continue
        for k in range(width):
            first = m * counted[j, k] / (e[j, k] * e[j, k] + _FLOOR)
            above[k] += first * x[j, k]
            below[k] += first * m
    for k in range(width):
        amplitude = min(max(above[k] / max(below[k], _LEAST), _FAINTEST), _BRIGHTEST)
        above[k] = _TWO * log32(amplitude)
        below[k] = _UNIT / amplitude
    for j in range(b):
        m, remains = mean[j], residual_variance[j]
        if not math.isfinite(remains):
            for k in range(width):
                residual[j, k] = weight[j, k] = pulled[j, k] = _ZERO
            continue
        for k in range(width):
            flux, error = x[j, k] * below[k], e[j, k] * below[k]
            variance = error * error + remains + _CALIBRATION * max(flux * flux, _LEAST_SQUARE)
            weight[j, k] = counted[j, k] / variance
            residual[j, k] = counted[j, k] * (flux - m)
            log_variance[k] += counted[j, k] * (log32(variance) + above[k])
        for k in range(width):
            pulled[j, k] = weight[j, k] * residual[j, k]
            square[k] += pulled[j, k] * residual[j, k]


@part_of_kernels
def _load(work, products, projected, square, start, size):
    """The normal matrix (size + 1, size + 1, LANES) of some rows, upper triangle: basis SEDs, then the residual."""
    pair, lanes = 0, work.shape[2]
    for i in range(size):
        for j in range(i, size):
            for k in range(lanes):
                work[i, j, k] = products[pair, start + k]
            pair += 1
        for k in range(lanes):
            work[i, size, k] = projected[i, start + k]
    for k in range(lanes):
        work[size, size, k] = square[start + k]


@kernel
def fit_rows(products, projected, square, chi2, log_det):
    """As :func:`agez.novelty.sed_subspace.fit_chi2` with looseness 1.

    Parameters
    ----------
    products : ((q + 1) (q + 2) / 2, w)
        Weighted products of basis SEDs, the mean last.
    projected : (q + 1, w)
        Of basis SEDs with the residual.
    square : (w,)
        Of the residual with itself.
    chi2, log_det : (w,), filled
    """
    size, width = projected.shape
    lanes = min(width, LANES)  # LANES: not known to the compiler, which would then unroll instead of using vectors
    q = size - 1
    work = np.empty((size + 1, size + 1, lanes), np.float32)
    flat, share = work.reshape(-1), np.empty(lanes, np.float32)
    for start in range(0, width, lanes):
        _load(work, products, projected, square, start, size)
        total = log_det[start : start + lanes]
        total[:] = _ZERO
        for p in range(q):
            for k in range(lanes):
                work[p, p, k] += _UNIT
        for p in range(q):
            for k in range(lanes):
                total[k] += log32(work[p, p, k])
            for i in range(p + 1, size + 1):
                for k in range(lanes):
                    share[k] = work[p, i, k] / work[p, p, k]
                at, of = (i * (size + 1) + i) * lanes, (p * (size + 1) + i) * lanes
                subtract_row(flat, at, flat, of, share, size + 1 - i)
        for k in range(lanes):
            mixed = work[q, size, k]
            rest = work[size, size, k] - mixed * mixed / max(work[q, q, k], _LEAST)
            chi2[start + k] = max(rest, _ZERO)


@kernel
def sweep_rows(products, projected, square, prior, count, one_less, inverse, solved, rest, log_det):
    """Solve for the first ``count`` basis SEDs under a Gaussian prior with the sweep operator.

    (Goodnight 1979, Am. Stat. 33, 149.)  With A the first ``count`` rows and columns of the normal matrix plus the
    prior, and B the rest of these rows:

    Parameters
    ----------
    products, projected, square
        As of :func:`fit_rows`.
    prior : (count, count)
    inverse : (count (count + 1) / 2, w), filled
        A^-1, or 1 - A^-1 if ``one_less``.
    solved : (count, size + 1 - count, w), filled
        A^-1 B.
    rest : (pairs, w), filled
        Schur complement, upper triangle.
    log_det : (w,), filled
        Log of the determinant of A.
    """
    size, width = projected.shape
    lanes = min(width, LANES)  # LANES: not known to the compiler, which would then unroll instead of using vectors
    work = np.empty((size + 1, size + 1, lanes))
    column = np.empty((size + 1, lanes))
    share, part = np.empty(lanes), np.empty(lanes)
    flat, flat_column = work.reshape(-1), column.reshape(-1)
    for start in range(0, width, lanes):
        _load(work, products, projected, square, start, size)
        total = log_det[start : start + lanes]
        total[:] = _ZERO
        for i in range(count):
            for j in range(i, count):
                value = prior[i, j]
                for k in range(lanes):
                    work[i, j, k] += value
        for p in range(count):
            for k in range(lanes):
                total[k] += log32(np.float32(work[p, p, k]))
                share[k] = _UNIT / work[p, p, k]
            for i in range(p):
                for k in range(lanes):
                    column[i, k] = work[i, p, k]
            for i in range(p + 1, size + 1):
                for k in range(lanes):
                    column[i, k] = work[p, i, k]
            for k in range(lanes):
                work[p, p, k] = -share[k]
                column[p, k] = 0.0  # the pivot's own column is done
            for i in range(p):
                for k in range(lanes):
                    part[k] = column[i, k] * share[k]
                for k in range(lanes):
                    work[i, p, k] = part[k]
                subtract_row(flat, (i * (size + 1) + i) * lanes, flat_column, i * lanes, part, size + 1 - i)
            for i in range(p + 1, size + 1):
                for k in range(lanes):
                    part[k] = column[i, k] * share[k]
                for k in range(lanes):
                    work[p, i, k] = part[k]
                subtract_row(flat, (i * (size + 1) + i) * lanes, flat_column, i * lanes, part, size + 1 - i)
        pair = 0
        for i in range(count):
            for j in range(i, count):
                own = 1.0 if one_less and i == j else 0.0
                sign = 1.0 if one_less else -1.0
                for k in range(lanes):
                    inverse[pair, start + k] = own + sign * work[i, j, k]
                pair += 1
            for j in range(count, size + 1):
                for k in range(lanes):
                    solved[i, j - count, start + k] = work[i, j, k]
        pair = 0
        for i in range(count, size + 1):
            for j in range(i, size + 1):
                for k in range(lanes):
                    rest[pair, start + k] = work[i, j, k]
                pair += 1
