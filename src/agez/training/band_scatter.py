"""The scatter of noise-free SEDs about the prediction of each band from the others."""

from __future__ import annotations

import numpy as np

from agez.novelty.leave_one_band_out import left_out_bands
from agez.novelty.novelty_score import CLUSTER_COST, LOOSENESS
from agez.novelty.sed_subspace import (
    SedSubspace,
    fit_chi2,
    log_variance,
    normal_matrix,
    rows_of_nodes,
    subspace_products,
    weigh,
)
from agez.training_seds.seds import TrainingSeds
from agez.types import Floats, Ints

#: Relative error of each band of the noise-free SEDs: that of good photometry.
GOOD_ERROR = 0.01
#: Half of this quantile of the deviations is the scatter: deviations have longer tails than a Gaussian, of which it is
#: 0.82 standard deviations.
QUANTILE = 0.9
#: SEDs of so many redshift nodes on each side are taken together; of fewer than ``LEAST_SEDS`` no scatter is known.
NODES_AROUND, LEAST_SEDS = 3, 30


def band_scatter(subspaces: SedSubspace, sky: TrainingSeds) -> Floats:
    """(m * n_clusters, b) float16 scatter, in units of the mean SED, of SEDs that each subspace fits best.

    ``sky`` are others than the SEDs that subspaces were fitted to, which deviate less.
    """
    clusters, (m, b) = subspaces.n_clusters, subspaces.residual_variance.shape
    node, cluster, deviations = _deviations(subspaces, sky)
    out = np.zeros((m, b), np.float16)
    for number in range(m):
        k, own = divmod(number, clusters)
        rows = deviations[(cluster == own) & (np.abs(node - k) <= NODES_AROUND)]
        there = np.isfinite(rows).sum(axis=0) >= LEAST_SEDS
        out[number, there] = np.nanquantile(rows[:, there], QUANTILE, axis=0) / 2
    return out


def _deviations(subspaces: SedSubspace, sky: TrainingSeds) -> tuple[Ints, Ints, Floats]:
    """Nearest node and cluster of most evidence (n,), and how far bands are from what others say (n, b), else NaN."""
    clusters, n = subspaces.n_clusters, len(sky)
    node, cluster = np.zeros((2, n), int)
    deviations = np.full(sky.flux.shape, np.nan, np.float32)
    for k, rows, _ in rows_of_nodes(subspaces, sky.redshift, np.zeros(n)):
        present = sky.present[rows]
        flux = np.where(present, sky.flux[rows], 0).astype(np.float32)
        error = np.where(present, GOOD_ERROR * np.abs(flux), 1).astype(np.float32)
        evidence, each = [], []
        for number in range(clusters * k, clusters * (k + 1)):
            products = subspace_products(subspaces.basis[number])
            weighed = weigh(flux, error, present, products.basis[-1], subspaces.residual_variance[number])
            found = fit_chi2(normal_matrix(products, weighed), LOOSENESS)
            evidence.append(found.chi2 + found.log_det + log_variance(weighed) + CLUSTER_COST[number % clusters])
            off, rest = left_out_bands(products, weighed)
            each.append(np.where(weighed.weight > 0, np.abs(off) / rest, np.nan).T)
        node[rows], cluster[rows] = k, np.argmin(evidence, axis=0)
        deviations[rows] = np.stack(each)[cluster[rows], np.arange(len(rows))]
    return node, cluster, deviations
