"""Row-independent arrays of the novelty score for the compiled kernels.

The prior of coefficients around centroids has the precision P = R^T R.  In whitened coordinates, with components R^-T W
in place of W and centroids R c in place of c, this prior is the unit matrix, and F = W D^-1 W^T with the scatter around
a centroid as part of the covariance, F - F (F + P)^-1 F, is 1 - (F + 1)^-1: one inverse serves both statistics.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from agez.novelty.leave_one_band_out import AMPLITUDE_WIDTH, COEFFICIENT_WIDTH
from agez.novelty.nearest_template import Centroids
from agez.novelty.novelty_score import Novelty
from agez.novelty.sed_subspace import SedSubspace
from agez.types import Floats


class PreparedSubspace(NamedTuple):
    """A subspace of q components in b bands; all float32.

    ``mean``, ``residual_variance`` (b,).
    ``basis`` (q + 1, b) and ``pairs`` (pairs, b): the original basis, for the best fit.
    ``whitened_basis``, ``whitened_pairs``: in coordinates of unit scatter around centroids; ``band_pairs``
    (b, pairs): the same with off-diagonal pairs counted twice; ``identity`` (q, q): their prior.
    ``band_prior`` (q + 1, q + 1): prior of whitened coefficients and amplitude for the worst-band statistic.
    ``centroids`` (k, q) and ``centroid_pairs`` (k, q (q + 1) / 2): whitened.
    """

    mean: Floats
    residual_variance: Floats
    basis: Floats
    pairs: Floats
    whitened_basis: Floats
    whitened_pairs: Floats
    band_pairs: Floats
    identity: Floats
    band_prior: Floats
    centroids: Floats
    centroid_pairs: Floats


class PreparedNovelty(NamedTuple):
    """Subspaces of galaxies and of stars (or None), the redshift nodes, and thresholds in float64.

    ``band_scatter`` (subspaces, b) float32: of galaxies.
    """

    subspaces: tuple[PreparedSubspace, ...]
    stars: PreparedSubspace | None
    band_scatter: Floats
    redshift: Floats
    step: float
    n_clusters: int
    thresholds: Floats
    threshold: float


def prepared_novelty(novelty: Novelty) -> PreparedNovelty:
    """Precompute everything that does not depend on rows."""
    subspaces, centroids = novelty.subspaces, novelty.centroids
    stars = None
    if novelty.stars is not None and novelty.star_centroids is not None:
        stars = _prepared(novelty.stars, novelty.star_centroids, 0)
    return PreparedNovelty(
        tuple(_prepared(subspaces, centroids, k) for k in range(len(subspaces.basis))), stars,
        np.asarray(novelty.band_scatter, np.float32),
        np.asarray(subspaces.redshift, float), subspaces.step, subspaces.n_clusters,
        np.asarray(novelty.thresholds, float), float(novelty.threshold),
    )  # fmt: skip


def _prepared(subspaces: SedSubspace, centroids: Centroids, k: int) -> PreparedSubspace:
    basis, mean = np.asarray(subspaces.basis[k][:-1], float), subspaces.basis[k][-1]
    precision = np.asarray(centroids.precision[k], float)
    # components of zero length pad subspaces of fewer bands than components
    kept = np.abs(basis).sum(axis=1) > 0
    # they may go only if their prior does not correlate them with the others
    kept |= np.abs(precision - np.diag(np.diag(precision)))[kept].max(axis=0, initial=0) > 0
    basis, precision, coefficients = (
        basis[kept],
        precision[np.ix_(kept, kept)],
        np.asarray(centroids.coefficients[k], float)[:, kept],
    )
    root = np.linalg.cholesky(precision).T
    whitened = np.linalg.solve(root.T, basis) if len(basis) else basis
    whole, whitened_whole = np.vstack([basis, mean]), np.vstack([whitened, mean])
    inverse = np.linalg.inv(root)
    band_prior = np.zeros((len(whole), len(whole)))
    band_prior[:-1, :-1], band_prior[-1, -1] = inverse.T @ inverse * COEFFICIENT_WIDTH**-2.0, AMPLITUDE_WIDTH**-2.0
    coefficients = coefficients @ root.T
    first, second = np.triu_indices(len(basis))
    row, column = np.triu_indices(len(whole))
    twice = np.where(first == second, 1, 2)
    whitened_pairs = whitened_whole[row] * whitened_whole[column]
    arrays = (
        mean, subspaces.residual_variance[k], whole, whole[row] * whole[column], whitened_whole, whitened_pairs,
        (whitened_pairs * np.where(row == column, 1, 2)[:, None]).T, np.eye(len(basis)), band_prior, coefficients,
        coefficients[:, first] * coefficients[:, second] * twice,
    )  # fmt: skip
    return PreparedSubspace(*(np.ascontiguousarray(array, np.float32) for array in arrays))
