"""Expected photometry: the flux of each band predicted from the other bands of the row."""

from __future__ import annotations

import numpy as np

from agez.models.features import NormalisedPhotometry
from agez.novelty.leave_one_band_out import AMPLITUDE_WIDTH, COEFFICIENT_WIDTH
from agez.novelty.novelty_score import Novelty, score
from agez.novelty.sed_subspace import CHUNK, subspace_products, usable, weigh
from agez.types import Floats


def expected(
    novelty: Novelty, seds: NormalisedPhotometry, redshift: Floats, redshift_err: Floats
) -> tuple[Floats, Floats]:
    """Flux of each band predicted from the other bands of the row, with its error.

    Coefficients and amplitude c have a Gaussian prior; with S their posterior covariance given all bands,
    p = w . c the fit to a band of basis vector w, inverse variance v and residual r, and h = w^T S w, the prediction
    without that band is (p - v h r) / (1 - v h), of variance h / (1 - v h).  The residual variance of the subspace in
    that band is added; its noise is not.

    Parameters
    ----------
    seds : NormalisedPhotometry
        (n, b); where its redshift is not known exactly, a row is placed at the best-fitting node.

    Returns
    -------
    flux, err : (n, b) float
        In units of the row's scale; NaN where no training SED has the band, and in rows with fewer than two bands.
    """
    n, b = seds.flux.shape
    flux, err = np.full((n, b), np.nan), np.full((n, b), np.nan)
    node = score(novelty, seds, redshift, redshift_err).node
    counted = usable(seds)
    x, e = np.where(counted, seds.flux, 0.0), np.where(counted, seds.flux_err, 1.0)
    for k in np.unique(node[node >= 0]):
        basis = novelty.subspaces.basis[k].astype(float)
        residual_variance = novelty.subspaces.residual_variance[k].astype(float)
        products = subspace_products(basis)
        prior = np.diag(np.append(np.full(len(basis) - 1, COEFFICIENT_WIDTH**-2.0), AMPLITUDE_WIDTH**-2.0))
        rows = np.flatnonzero(node == k)
        for start in range(0, len(rows), CHUNK):
            chunk = rows[start : start + CHUNK]
            weighed = weigh(x[chunk], e[chunk], counted[chunk], basis[-1], residual_variance)
            weight, residual = weighed.weight.T, weighed.residual.T
            normal = (weight @ products.pairs.T)[:, products.place]
            covariance = np.linalg.inv(normal + prior)
            fitted = np.einsum("nj,njk->nk", (weight * residual) @ basis.T, covariance) @ basis
            leverage = np.einsum("jb,njk,kb->nb", basis, covariance, basis, optimize=True)
            rest = np.maximum(1 - weight * leverage, 1e-9)
            amplitude = weighed.amplitude[:, None]
            prediction = basis[-1] + (fitted - weight * leverage * residual) / rest
            variance = leverage / rest + residual_variance
            known = np.isfinite(residual_variance)
            flux[chunk] = np.where(known, amplitude * prediction, np.nan)
            err[chunk] = np.where(known, amplitude * np.sqrt(variance), np.nan)
    return flux, err
