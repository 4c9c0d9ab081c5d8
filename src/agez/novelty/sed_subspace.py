"""Low-dimensional subspaces of noise-free training SEDs at each redshift, and chi2 of rows against them.

An SED in units of its own scale is x = A (mu + W^T c) + noise + residual of the subspace.  With D the summed variances
of noise and residual, F = W D^-1 W^T, g = W D^-1 x and x D^-1 x are sufficient statistics of c: chi2 of any
combination follows from them (Woodbury's identity), for any missing bands (D infinite).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from agez.models.features import NormalisedPhotometry
from agez.types import Bools, Floats, Ints

#: Redshift step of the subspaces: 100-A bands are sensitive to lines that move by more than 15 A.
STEP = 0.005
#: Rms of a survey's multiplicative calibration errors, independent from band to band and (as large) smooth in
#: wavelength, as in :class:`agez.training_seds.observe.Survey`.
CALIBRATION = 0.0124
#: Bounds of a row's amplitude in units of its scale.
AMPLITUDE_RANGE = (0.2, 5.0)
#: Relative error added for the amplitude of a row, so that no band dominates it.
AMPLITUDE_FLOOR = 0.1
#: Rows processed at once: the working arrays stay in the processor's cache.
CHUNK = 512


@dataclass(frozen=True, eq=False)
class SedSubspace:
    """Subspaces of noise-free SEDs at ``m`` redshifts, one for each SED cluster."""

    redshift: Floats  #: (m,) Ascending, evenly spaced.
    #: (m * n_clusters, q + 1, b) float32. The q components, each scaled by the spread of its coefficient, and the mean
    #: SED last; clusters of a redshift are adjacent.
    basis: Floats
    #: (m * n_clusters, b) float32. Variance around the subspace, infinite for a band that no training SED has at this
    #: redshift.
    residual_variance: Floats

    @property
    def n_components(self) -> int:
        """Dimensions q of the subspaces."""
        return self.basis.shape[1] - 1

    @property
    def n_clusters(self) -> int:
        """SED clusters, and subspaces, at each redshift."""
        return len(self.basis) // len(self.redshift)

    @property
    def step(self) -> float:
        """Redshift step between subspaces."""
        return float(self.redshift[1] - self.redshift[0]) if len(self.redshift) > 1 else STEP

    def to_arrays(self) -> dict[str, Floats]:
        """Arrays of the model file."""
        return {"plane_redshift": self.redshift, "plane_basis": self.basis, "plane_left": self.residual_variance}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> SedSubspace:
        """Inverse of :meth:`to_arrays`."""
        return cls(arrays["plane_redshift"], arrays["plane_basis"], arrays["plane_left"])


class NodeRows(NamedTuple):
    """Rows compatible with the redshift of a node: their indices (n,) and chi2 of the node's redshift (n,)."""

    node: int
    rows: Ints
    penalty: Floats


def rows_of_nodes(subspaces: SedSubspace, redshift: Floats, redshift_err: Floats) -> Iterator[NodeRows]:
    """For each redshift node the rows that are compatible with it.

    An exact redshift (error 0 or NaN) belongs to the nearest node, one with an error to all nodes within three sigma,
    and an unknown one (NaN) to all.  Redshifts outside the range belong to the nearest end.
    """
    nodes = subspaces.redshift
    z = np.clip(np.asarray(redshift, float), nodes[0], nodes[-1])
    nearest = np.where(np.isfinite(z), np.rint((np.nan_to_num(z) - nodes[0]) / subspaces.step), -1)
    error = np.nan_to_num(np.asarray(redshift_err, float), nan=0.0, posinf=1e9)
    for k, node in enumerate(nodes):
        beyond = np.maximum(np.abs(z - node) - subspaces.step / 2, 0.0)
        rows = np.flatnonzero(~np.isfinite(z) | (nearest == k) | (beyond < 3 * error))
        off = np.nan_to_num(beyond[rows], nan=0.0)
        penalty = np.where(nearest[rows] == k, 0.0, (off / np.maximum(error[rows], 1e-9)) ** 2)
        yield NodeRows(k, rows, np.where(np.isfinite(z[rows]), penalty, 0.0).astype(np.float32))


class Weighed(NamedTuple):
    """Rows relative to a subspace, bands first: residual and inverse variance (b, n), amplitude (n,)."""

    residual: Floats
    weight: Floats
    amplitude: Floats

    def take(self, rows: Ints) -> Weighed:
        """Some of the rows."""
        return Weighed(self.residual[:, rows], self.weight[:, rows], self.amplitude[rows])


def weigh(flux: Floats, flux_err: Floats, covered: Bools, mean: Floats, residual_variance: Floats) -> Weighed:
    """Scale rows (n, b) to the mean SED; variances are the sum of noise, residual and calibration variances."""
    x, e = np.ascontiguousarray(flux.T), np.ascontiguousarray(flux_err.T)
    modelled = np.isfinite(residual_variance)
    counted = np.ascontiguousarray((covered & modelled).T)
    column = mean[:, None]
    first = np.where(counted, 1 / (e * e + AMPLITUDE_FLOOR**2), np.float32(0))
    amplitude = (first * column * x).sum(axis=0) / np.maximum((first * column * column).sum(axis=0), 1e-20)
    amplitude = np.clip(amplitude, *AMPLITUDE_RANGE)
    x, e = x / amplitude, e / amplitude
    variance = e * e + np.where(modelled, residual_variance, 0)[:, None] + CALIBRATION**2 * np.maximum(x * x, 1e-4)
    weight = np.where(counted, 1 / variance, np.float32(0))
    return Weighed(np.where(counted, x - column, np.float32(0)), weight, amplitude)


class SubspaceProducts(NamedTuple):
    """Products of the basis SEDs of a subspace, one row a pair, and the index of each pair; the same for all rows."""

    basis: Floats  # (q + 1, b)
    pairs: Floats  # (pairs, b)
    place: Ints  # (q + 1, q + 1) row of ``pairs``


def subspace_products(basis: Floats) -> SubspaceProducts:
    """Products of the basis SEDs of a subspace."""
    size = len(basis)
    j, k = np.triu_indices(size)
    place = np.empty((size, size), np.intp)
    place[j, k] = place[k, j] = np.arange(len(j))
    return SubspaceProducts(basis, basis[j] * basis[k], place)


def normal_matrix(products: SubspaceProducts, weighed: Weighed) -> Floats:
    """(q + 2, q + 2, n) weighted products of the components, the mean SED and the residual, in this order."""
    size = len(products.basis)
    out = np.empty((size + 1, size + 1, weighed.weight.shape[1]), np.float32)
    out[:size, :size] = (products.pairs @ weighed.weight)[products.place]
    pulled = weighed.weight * weighed.residual
    out[:size, size] = out[size, :size] = products.basis @ pulled
    out[size, size] = (pulled * weighed.residual).sum(axis=0)
    return out


def eliminate(matrix: Floats, count: int) -> tuple[Floats, Floats]:
    """Schur complement of the first ``count`` rows and columns of symmetric positive matrices.

    Takes (k, k, n), which is overwritten; gives (k - count, k - count, n), and the log determinant of the eliminated
    block (n,).
    """
    determinant = np.zeros(matrix.shape[2], matrix.dtype)
    for j in range(count):
        column = matrix[j, j + 1 :]
        determinant += np.log(matrix[j, j])
        share = column / matrix[j, j]
        for i in range(len(column)):
            matrix[j + 1 + i, j + 1 :] -= column[i] * share
    return matrix[count:, count:], determinant


class Fit(NamedTuple):
    """chi2 (n,), and the log determinant (n,) of its covariance."""

    chi2: Floats
    log_det: Floats


def fit_chi2(normal: Floats, looseness: float) -> Fit:
    """chi2 of the best-fitting combination at free amplitude; Gaussian prior of width ``looseness`` on coefficients.

    The determinant is relative to that of the bands' variances.
    """
    q = len(normal) - 2
    work = normal.copy()
    work[np.arange(q), np.arange(q)] += np.float32(1 / looseness**2)
    rest, log_det = eliminate(work, q)
    chi2 = np.maximum(rest[1, 1] - rest[0, 1] ** 2 / np.maximum(rest[0, 0], 1e-20), 0)
    return Fit(chi2, log_det + np.float32(2 * q * np.log(looseness)))


def log_variance(weighed: Weighed) -> Floats:
    """(n,) sum of the log variances of the bands of a row, in units of its scale."""
    weight = weighed.weight
    total = -np.log(np.where(weight > 0, weight, 1)).sum(axis=0)
    return np.asarray(total + 2 * (weight > 0).sum(axis=0) * np.log(weighed.amplitude))


def usable(seds: NormalisedPhotometry) -> Bools:
    """(n, b) bands with data: covered, with finite flux and error."""
    return seds.covered & np.isfinite(seds.flux) & np.isfinite(seds.flux_err) & (seds.flux_err >= 0)
