"""Leave-one-band-out residuals: each band of a row against its prediction from the other bands, to detect wrong bands.

Coefficients and amplitude c have a Gaussian prior.  With S their posterior covariance given all bands, w_b a band's
basis vector, v_b its inverse variance, r_b its residual from the mean SED and h_b = v_b w_b^T S w_b its leverage, the
residual from the prediction without that band is (r_b - w_b^T S g) / (1 - h_b), of variance 1 / (v_b (1 - h_b)), and
r . v (r - w^T S g) is chi2 including the prior.  SEDs are no Gaussian combinations of few components: the scatter that
noise-free training SEDs have about the same prediction is added to its error, most where lines are strong.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from agez.novelty.sed_subspace import SubspaceProducts, Weighed
from agez.types import Bools, Floats, Ints

#: Widths of the Gaussian priors of the coefficients (in units of their spread) and of the amplitude (around one).
COEFFICIENT_WIDTH, AMPLITUDE_WIDTH = 1.0, 2.0
#: Number of bands summed in the worst-band statistic, and lower bound of 1 - h.
N_WORST, LEAST_REST = 3, 1e-3
#: A band further than this from what the other bands say of it, in units of its error and theirs, is left out.
CONTRADICTED_SIGMA = 4.0


class LeftOut(NamedTuple):
    """Each (b, n): residual from the fit to all bands, and 1 - h; ``off / rest`` is that from the fit to the others."""

    off: Floats
    rest: Floats


def left_out_bands(products: SubspaceProducts, weighed: Weighed) -> LeftOut:
    """Residuals of each band from the fit of the subspace, with it and without it."""
    size = len(products.basis)
    prior = np.append(np.full(size - 1, COEFFICIENT_WIDTH**-2.0), AMPLITUDE_WIDTH**-2.0)
    normal = (weighed.weight.T @ products.pairs.T)[:, products.place]
    normal[:, np.arange(size), np.arange(size)] += prior.astype(normal.dtype)
    covariance = np.linalg.inv(normal)
    pulled = (weighed.weight * weighed.residual).T @ products.basis.T
    fitted = products.basis.T @ np.matmul(covariance, pulled[:, :, None])[:, :, 0].T
    j, k = np.triu_indices(size)
    twice = np.where(j == k, 1, 2).astype(normal.dtype)
    leverage = products.pairs.T @ (covariance[:, j, k] * twice).T * weighed.weight
    return LeftOut(weighed.residual - fitted, np.maximum(1 - leverage, LEAST_REST))


def contradicted(sigma: Floats, covered: Bools, least_bands: int) -> Bools:
    """(n,) rows whose worst band, at ``sigma`` (n,), is left out: they have more bands (n, b) than ``least_bands``."""
    with np.errstate(invalid="ignore"):
        return np.asarray((np.abs(sigma) > CONTRADICTED_SIGMA) & (covered.sum(axis=1) > least_bands))


class WorstBands(NamedTuple):
    """Leave-one-band-out residuals of n rows, in units of their errors.

    ``chi2`` (n,): sum of the ``N_WORST`` largest squares; ``band`` (n,): index of the largest, and ``sigma`` (n,) that
    residual, above zero where the band is brighter than the others say.
    """

    chi2: Floats
    band: Ints
    sigma: Floats


def worst_bands(products: SubspaceProducts, weighed: Weighed, scatter: Floats) -> WorstBands:
    """The bands that deviate most from what the others say of them; ``scatter`` (b,) is added to the error of that."""
    off, rest = left_out_bands(products, weighed)
    squared = off**2 * weighed.weight / (rest * (1 + scatter[:, None] ** 2 * weighed.weight * rest))
    band = np.argmax(squared, axis=0)
    own = np.arange(len(band))
    sigma = np.sign(off[band, own]) * np.sqrt(squared[band, own])
    if len(squared) > N_WORST:
        squared = np.partition(squared, len(squared) - N_WORST, axis=0)[-N_WORST:]
    return WorstBands(np.asarray(squared.sum(axis=0)), band, sigma)
