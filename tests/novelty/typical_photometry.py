"""Photometry of the training SEDs that a shipped model keeps as representatives: realistic rows without any library."""

from dataclasses import replace

import numpy as np

from agez.mixture_network.mixture_model import network_of
from agez.types import Photometry, Rows


def typical_photometry(model, n, *, snr, seed=1, redshift_index=None):
    """``n`` noisy rows of centroids of common galaxies, all bands of one error, exact redshifts."""
    rng = np.random.default_rng(seed)
    novelty = network_of(model).novelty
    subspaces, centroids = novelty.subspaces, novelty.centroids
    nodes, clusters, q = len(subspaces.redshift), subspaces.n_clusters, centroids.coefficients.shape[2]
    node = rng.integers(0, nodes, n) if redshift_index is None else np.full(n, redshift_index)
    chosen = centroids.coefficients[node * clusters, rng.integers(0, centroids.coefficients.shape[1], n)].astype(float)
    basis = subspaces.basis[node * clusters].astype(float)
    flux = basis[:, -1] + np.einsum("nq,nqb->nb", chosen, basis[:, :q])
    error = np.broadcast_to(np.abs(flux).mean(axis=1, keepdims=True) / snr, flux.shape)
    covered = np.isfinite(subspaces.residual_variance[node * clusters])
    flux, error = (np.where(covered, part, np.nan) for part in (flux + error * rng.standard_normal(flux.shape), error))
    return Photometry(
        model.bands, flux, error, covered, Rows.numbered(n), subspaces.redshift[node].astype(float),
        np.zeros(n, np.int32), {"source": "tests"}, redshift_err=np.zeros(n),
    )  # fmt: skip


def at_redshifts(rows, z, error):
    """The rows at given redshifts, one or (n,), of one error."""
    n = len(rows)
    return replace(rows, redshift=np.broadcast_to(z, n).astype(float), redshift_err=np.full(n, error))
