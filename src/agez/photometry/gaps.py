"""Bridging short gaps of masked pixels by straight lines, with the exact error of the result."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from agez.photometry.response import ResponseMatrix
from agez.types import Bools, Floats


@dataclass(frozen=True, eq=False)
class Bridge:
    """What the bridged pixels add to the (n, b) sums over good pixels: flux, variance and weight."""

    flux: Floats
    variance: Floats
    weight: Floats


def bridge_gaps(
    good: Bools, flux: Floats, variance: Floats, to_f_nu: Floats, matrix: ResponseMatrix, *, wanted: Bools
) -> Bridge:
    """What linear interpolation in f_nu across gaps adds to each band.

    A bridged pixel is a mean of the good pixels on its two sides, so its weight w goes to them:
    their weights W become W + e, the flux grows by e f and the variance by ((W + e)^2 - W^2) v.
    Gaps in which no wanted band has weight are passed over.  (Interpolation runs over pixel
    number, which within a short gap is linear in wavelength on any usual grid.)

    Parameters
    ----------
    good : (n, p) bool
    flux, variance : (n, p) float
        f_lambda and its variance; 0 where not good.
    to_f_nu : (p,) float
        f_nu per f_lambda.
    wanted : (n, b) bool
        Bands that will be used.
    """
    n, p = good.shape
    b = len(matrix.weights)
    pixel = np.arange(p)
    left = np.maximum.accumulate(np.where(good, pixel, -1), axis=1)
    right = np.minimum.accumulate(np.where(good, pixel, p)[:, ::-1], axis=1)[:, ::-1]
    matters = wanted.astype(np.float32) @ (matrix.weights > 0).astype(np.float32) > 0
    row, at = np.nonzero(~good & (left >= 0) & (right < p) & matters)
    zero = np.zeros((n, b))
    if not len(row):
        return Bridge(zero, zero, zero)
    low, high = left[row, at], right[row, at]
    fraction = (at - low) / (high - low)
    key = np.concatenate([row * p + low, row * p + high])
    nodes, where = np.unique(key, return_inverse=True)
    shares = sparse.csr_matrix(
        (np.concatenate([1 - fraction, fraction]), (where, np.concatenate([at, at]))), shape=(len(nodes), p)
    )
    extra = (shares @ sparse.csr_matrix(matrix.weights.T)).tocoo()
    node_row, node_pixel = np.divmod(nodes[extra.row], p)
    cell = node_row * b + extra.col
    e, w, k = extra.data, matrix.weights[extra.col, node_pixel], to_f_nu[node_pixel]

    def summed(values: Floats) -> Floats:
        return np.asarray(np.bincount(cell, weights=values, minlength=n * b).reshape(n, b), dtype=float)

    return Bridge(
        summed(e * k * flux[node_row, node_pixel]),
        summed((2 * w + e) * e * k**2 * variance[node_row, node_pixel]),
        summed(e),
    )
