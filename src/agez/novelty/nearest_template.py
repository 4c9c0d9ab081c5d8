"""The nearest training SED: a few hundred representatives at each redshift, with the spread of those around each."""

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
    """Representative SEDs in the coefficients of ``m`` planes.

    Attributes
    ----------
    coefficients : (m, k, q) float16
    precision : (m, q, q) float32
        Inverse covariance of training SEDs around the centre nearest to them.
    """

    coefficients: Floats
    precision: Floats

    def to_arrays(self) -> dict[str, Floats]:
        """Arrays of the model file."""
        return {"centre_coefficients": self.coefficients, "centre_precision": self.precision}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Centroids:
        """What :meth:`to_arrays` gave."""
        return cls(arrays["centre_coefficients"], arrays["centre_precision"])


def nearest_chi2(normal: Floats, centres: Floats, precision: Floats) -> Fit:
    """chi2 of the nearest centre with any amplitude; the spread around centres counts as an error.

    The determinant is over that of the bands' own variances.

    Parameters
    ----------
    normal : (q + 2, q + 2, n) float32
        As :func:`agez.novelty.sed_subspace.normal_matrix` gives it.
    centres : (k, q) float
    precision : (q, q) float32
    """
    q = len(precision)
    total = len(normal)
    work = np.empty((q + total, q + total, normal.shape[2]), np.float32)
    work[:q, :q] = normal[:q, :q] + precision[:, :, None]
    work[:q, q:], work[q:, :q], work[q:, q:] = normal[:q], normal[:, :q], normal
    rest, log_det = eliminate(work, q)
    # with v = mean + components . c and s = components . c:  r.r, v.r and v.v once s is taken from the residual r
    j, k = np.triu_indices(q)
    c = centres.astype(np.float32)
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


def star_fit(stars: SedSubspace, centres: Centroids, flux: Floats, flux_err: Floats, counted: Bools) -> Floats:
    """(n,) chi2 of the nearest star plus the log of its covariance's determinant; rows (n, b) in units of their
    scale.
    """
    products, left = subspace_products(stars.basis[0]), stars.left[0]
    out = np.empty(len(flux), np.float32)
    for start in range(0, len(flux), CHUNK):
        part = slice(start, start + CHUNK)
        weighed = weigh(flux[part], flux_err[part], counted[part], products.basis[-1], left)
        found = nearest_chi2(normal_matrix(products, weighed), centres.coefficients[0], centres.precision[0])
        out[part] = found.chi2 + found.log_det + log_variance(weighed)
    return out
