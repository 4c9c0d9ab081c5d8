"""Noise-free training SEDs of one redshift lie near a plane of few dimensions: the plane, and how far rows are off.

An SED in units of its own scale is x = A (mu + W^T c) + noise + what the plane leaves.  With D the variances of
noise and remainder, all that a row says of c is in F = W D^-1 W^T, g = W D^-1 x and x D^-1 x: chi2 of any
combination follows from them alone (Woodbury's identity), whichever bands are missing (D infinite).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from agez.models.features import NormalisedPhotometry
from agez.types import Bools, Floats, Ints

#: Distance of the redshifts at which planes are kept: 100-A bands notice lines that move by more than 15 A.
STEP = 0.005
#: Rms of multiplicative errors of life with a survey, from band to band and (as much) smooth in wavelength: the rms of
#: those of :class:`agez.training_seds.observe.Survey`.
CALIBRATION = 0.0124
#: A row's amplitude is found within this factor of its scale.
AMPLITUDE_RANGE = (0.2, 5.0)
#: Relative error that is added in a row's first amplitude: no band rules it.
AMPLITUDE_FLOOR = 0.1
#: Rows worked on at once: the working arrays stay in the processor's cache.
CHUNK = 512


@dataclass(frozen=True, eq=False)
class SedSubspace:
    """Subspaces of noise-free SEDs at ``m`` redshifts, for each of one or more kinds of them.

    Attributes
    ----------
    redshift : (m,) float
        Ascending, evenly spaced.
    basis : (m * kinds, q + 1, b) float32
        The q components, each with the spread of its coefficient, and the mean SED last; a redshift's kinds together.
    left : (m * kinds, b) float32
        Variance that the plane leaves, infinite for a band that no training SED has at this redshift.
    """

    redshift: Floats
    basis: Floats
    left: Floats

    @property
    def n_components(self) -> int:
        """Dimensions q of the planes."""
        return self.basis.shape[1] - 1

    @property
    def kinds(self) -> int:
        """Subspaces at each redshift."""
        return len(self.basis) // len(self.redshift)

    @property
    def step(self) -> float:
        """Distance of neighbouring redshifts."""
        return float(self.redshift[1] - self.redshift[0]) if len(self.redshift) > 1 else STEP

    def to_arrays(self) -> dict[str, Floats]:
        """Arrays of the model file."""
        return {"plane_redshift": self.redshift, "plane_basis": self.basis, "plane_left": self.left}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> SedSubspace:
        """What :meth:`to_arrays` gave."""
        return cls(arrays["plane_redshift"], arrays["plane_basis"], arrays["plane_left"])


class NodeRows(NamedTuple):
    """Rows seen at one node: their numbers (n,) and the penalty of the node's redshift (n,), a chi2."""

    node: int
    rows: Ints
    penalty: Floats


def rows_of_nodes(planes: SedSubspace, redshift: Floats, redshift_err: Floats) -> Iterator[NodeRows]:
    """For each node the rows whose redshift may be there.

    An exact redshift (error 0 or NaN) belongs to the nearest node, one with an error to all within three of it, and
    an unknown one (NaN) to all.  Redshifts outside the range belong to the nearest end.
    """
    nodes = planes.redshift
    z = np.clip(np.asarray(redshift, float), nodes[0], nodes[-1])
    nearest = np.where(np.isfinite(z), np.rint((np.nan_to_num(z) - nodes[0]) / planes.step), -1)
    error = np.nan_to_num(np.asarray(redshift_err, float), nan=0.0)
    for k, node in enumerate(nodes):
        beyond = np.maximum(np.abs(z - node) - planes.step / 2, 0.0)
        rows = np.flatnonzero(~np.isfinite(z) | (nearest == k) | (beyond < 3 * error))
        off = np.nan_to_num(beyond[rows], nan=0.0)
        penalty = np.where(nearest[rows] == k, 0.0, (off / np.maximum(error[rows], 1e-9)) ** 2)
        yield NodeRows(k, rows, np.where(np.isfinite(z[rows]), penalty, 0.0).astype(np.float32))


class Weighed(NamedTuple):
    """Rows ready for a plane, bands first: residual from the mean SED and inverse variances (b, n), amplitude (n,)."""

    residual: Floats
    weight: Floats
    amplitude: Floats

    def take(self, rows: Ints) -> Weighed:
        """Some of the rows."""
        return Weighed(self.residual[:, rows], self.weight[:, rows], self.amplitude[rows])


def weigh(flux: Floats, flux_err: Floats, covered: Bools, mean: Floats, left: Floats) -> Weighed:
    """Bring rows (n, b) to the amplitude of the mean SED; variances are noise, remainder and calibration."""
    x, e = np.ascontiguousarray(flux.T), np.ascontiguousarray(flux_err.T)
    seen = np.ascontiguousarray((covered & np.isfinite(left)).T)
    column = mean[:, None]
    first = np.where(seen, 1 / (e * e + AMPLITUDE_FLOOR**2), np.float32(0))
    amplitude = (first * column * x).sum(axis=0) / np.maximum((first * column * column).sum(axis=0), 1e-20)
    amplitude = np.clip(amplitude, *AMPLITUDE_RANGE)
    x, e = x / amplitude, e / amplitude
    variance = e * e + np.where(np.isfinite(left), left, 0)[:, None] + CALIBRATION**2 * np.maximum(x * x, 1e-4)
    weight = np.where(seen, 1 / variance, np.float32(0))
    return Weighed(np.where(seen, x - column, np.float32(0)), weight, amplitude)


class SubspaceProducts(NamedTuple):
    """What does not change from row to row at one node: products of basis SEDs, one row a pair, and their places."""

    basis: Floats  # (q + 1, b)
    pairs: Floats  # (pairs, b)
    place: Ints  # (q + 1, q + 1) row of ``pairs``


def subspace_products(basis: Floats) -> SubspaceProducts:
    """Products of a plane's basis SEDs."""
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
    """What is left of a symmetric positive matrix (k, k, n) when its first ``count`` unknowns are solved for: the
    Schur complement (k - count, k - count, n), and the log of their determinant (n,).  ``matrix`` is overwritten."""
    determinant = np.zeros(matrix.shape[2], matrix.dtype)
    for j in range(count):
        column = matrix[j, j + 1 :]
        determinant += np.log(matrix[j, j])
        share = column / matrix[j, j]
        for i in range(len(column)):
            matrix[j + 1 + i, j + 1 :] -= column[i] * share
    return matrix[count:, count:], determinant


class Fit(NamedTuple):
    """chi2 (n,), and the log (n,) of the determinant of the covariance that it was had with."""

    chi2: Floats
    log_det: Floats


def fit_chi2(normal: Floats, looseness: float) -> Fit:
    """That of the best combination with any amplitude, coefficients held by a Gaussian of width ``looseness``.

    The determinant is over that of the bands' own variances.
    """
    q = len(normal) - 2
    work = normal.copy()
    work[np.arange(q), np.arange(q)] += np.float32(1 / looseness**2)
    rest, log_det = eliminate(work, q)
    chi2 = np.maximum(rest[1, 1] - rest[0, 1] ** 2 / np.maximum(rest[0, 0], 1e-20), 0)
    return Fit(chi2, log_det + np.float32(2 * q * np.log(looseness)))


def log_variance(weighed: Weighed) -> Floats:
    """(n,) sum of the logs of the variances of a row's bands, in units of its scale."""
    weight = weighed.weight
    total = -np.log(np.where(weight > 0, weight, 1)).sum(axis=0)
    return np.asarray(total + 2 * (weight > 0).sum(axis=0) * np.log(weighed.amplitude))


def usable(seds: NormalisedPhotometry) -> Bools:
    """(n, b) bands that count: covered, with a finite flux and error."""
    return seds.covered & np.isfinite(seds.flux) & np.isfinite(seds.flux_err) & (seds.flux_err >= 0)
