"""chi2 of the nearest template: centroids of the training SEDs at each redshift, and the scatter around them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from agez.novelty.sed_subspace import (
    CHUNK,
    Fit,
    SedSubspace,
    eliminate,
    log_variance,
    normal_matrix,
    subspace_products,
    weigh,
)
from agez.types import Bools, Floats


@dataclass(frozen=True, eq=False)
class Centroids:
    """Centroids of training SEDs, as coefficients in ``m`` subspaces."""

    coefficients: Floats  #: (m, k, q) float16
    precision: Floats  #: (m, q, q) float32. Inverse covariance of training SEDs around their nearest centroid.

    def to_arrays(self) -> dict[str, Floats]:
        """Arrays of the model file."""
        return {"centre_coefficients": self.coefficients, "centre_precision": self.precision}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Centroids:
        """Inverse of :meth:`to_arrays`."""
        return cls(arrays["centre_coefficients"], arrays["centre_precision"])


def nearest_chi2(normal: Floats, centroids: Floats, precision: Floats) -> Fit:
    """chi2 of the nearest centroid at free amplitude; the scatter around centroids is part of the covariance.

    The determinant is relative to that of the bands' variances.

    Parameters
    ----------
    normal : (q + 2, q + 2, n) float32
        From :func:`agez.novelty.sed_subspace.normal_matrix`.
    centroids : (k, q) float
    precision : (q, q) float32
    """
    q = len(precision)
    total = len(normal)
    work = np.empty((q + total, q + total, normal.shape[2]), np.float32)
    work[:q, :q] = normal[:q, :q] + precision[:, :, None]
    work[:q, q:], work[q:, :q], work[q:, q:] = normal[:q], normal[:, :q], normal
    rest, log_det = eliminate(work, q)
    # with s = components . c and v = mean + s: r.r, v.r and v.v after subtracting s from the residual r
    j, k = np.triu_indices(q)
    c = centroids.astype(np.float32)
    pairs = c[:, j] * c[:, k] * np.where(j == k, 1, 2).astype(np.float32)
    s_s = pairs @ np.ascontiguousarray(rest[j, k])
    s_r = c @ np.ascontiguousarray(rest[:q, q + 1])
    s_m = c @ np.ascontiguousarray(rest[:q, q])
    r_r = rest[q + 1, q + 1] - 2 * s_r + s_s
    v_r = rest[q, q + 1] + s_r
    v_r -= s_m
    v_r -= s_s
    v_v = s_s
    v_v += 2 * s_m
    v_v += rest[q, q]
    chi2 = np.maximum((r_r - v_r * v_r / np.maximum(v_v, 1e-20)).min(axis=0), 0)
    return Fit(chi2, log_det - np.float32(np.linalg.slogdet(precision)[1]))


def star_fit(stars: SedSubspace, centroids: Centroids, flux: Floats, flux_err: Floats, counted: Bools) -> Floats:
    """(n,) chi2 of the nearest star plus the log determinant of its covariance; rows (n, b) in units of their scale."""
    products = subspace_products(stars.basis[0])
    out = np.empty(len(flux), np.float32)
    for start in range(0, len(flux), CHUNK):
        chunk = slice(start, start + CHUNK)
        weighed = weigh(flux[chunk], flux_err[chunk], counted[chunk], products.basis[-1], stars.residual_variance[0])
        nearest = nearest_chi2(normal_matrix(products, weighed), centroids.coefficients[0], centroids.precision[0])
        out[chunk] = nearest.chi2 + nearest.log_det + log_variance(weighed)
    return out
