"""The nearest training SED: a few hundred representatives at each redshift, with the spread of those around each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from agez.novelty.sed_subspace import Fit, eliminate
from agez.types import Floats

#: Representative SEDs of each plane.
N_CENTRES = 192
#: Rounds of Lloyd's algorithm.
N_ROUNDS = 6


@dataclass(frozen=True, eq=False)
class Centres:
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
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Centres:
        """What :meth:`to_arrays` gave."""
        return cls(arrays["centre_coefficients"], arrays["centre_precision"])


def representatives(coefficients: Floats, size: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Centres of training SEDs (Lloyd's k-means) and the inverse covariance around them.

    Parameters
    ----------
    coefficients : (n, q) float
        Unit variance each.
    size : (q,) float
        Length of each component in flux: distances are those of SEDs.

    Returns
    -------
    centres : (N_CENTRES, q) float16
        With fewer SEDs than ``N_CENTRES`` some are repeated.
    precision : (q, q) float32
    """
    n, q = coefficients.shape
    x = coefficients * size
    start = rng.permutation(n)[:N_CENTRES]
    centres = x[start]
    for _ in range(N_ROUNDS):
        member = np.argmin((centres**2).sum(axis=1) - 2 * x @ centres.T, axis=1)
        count = np.bincount(member, minlength=len(centres))
        total = np.stack([np.bincount(member, x[:, j], minlength=len(centres)) for j in range(q)], axis=1)
        centres = np.where(count[:, None] > 0, total / np.maximum(count, 1)[:, None], centres)
    member = np.argmin((centres**2).sum(axis=1) - 2 * x @ centres.T, axis=1)
    safe = np.where(size > 0, size, 1.0)
    out = centres / safe
    off = coefficients - out[member]
    # a mean taken from few members lies nearer to them than to others of their kind
    count = np.bincount(member, minlength=len(centres))[member]
    off = off * np.sqrt((count + 1) / np.maximum(count - 1, 1))[:, None]
    covariance = off.T @ off / n + 1e-3 * np.eye(q)
    out = np.resize(out, (N_CENTRES, q))
    return np.clip(out, -6e4, 6e4).astype(np.float16), np.linalg.inv(covariance).astype(np.float32)


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
