"""Basis of the threshold surfaces: quantiles of a statistic over S/N, number of bands, redshift and its uncertainty."""

from __future__ import annotations

import numpy as np

from agez.errors import AgezError
from agez.types import Floats

#: Knots of log10 of the signal-to-noise ratio and of log10 of the number of bands; constant beyond.
SNR_KNOTS = (0.2, 0.7, 1.1, 1.5, 2.0, 2.6)
COUNT_KNOTS = (0.3, 0.6, 0.9, 1.2, 1.5, 1.8)
#: Knots of log2 of the number of compatible redshift nodes, and of the redshift of the best-fitting one: near
#: galaxies, of which training sets have more, and the rest.
NODE_KNOTS = (0.0, 1.0, 2.5, 4.5)
FAR_KNOTS = (0.05, 0.15)
#: One column for each of these knots but the first of both, at which the grid alone holds.
N_TRAITS = len(NODE_KNOTS) + len(FAR_KNOTS) - 2
#: Knots of log10 S/N and (two) of log10 of the number of bands at each of these columns.  Without the number of bands
#: and the redshift 8.9 % of complete new galaxies of `jpas` at S/N 30 were flagged at known redshifts, 2.3 % at
#: unknown ones; with both 6.6 and 4.1 %.
COARSE_SNR_KNOTS = (0.5, 1.2, 2.2)
COARSE_COUNT_KNOTS = (0.9, 1.75)
#: As so many nodes counts a row whose redshift the network has estimated, however few of them were tried: it may be
#: wrong, and the rest of the range was not searched.
ESTIMATED_NODES = 23


def _hats(x: Floats, knots: tuple[float, ...]) -> Floats:
    """(n, k) hat functions: weights of linear interpolation between ``knots``."""
    return np.stack([np.interp(x, knots, row) for row in np.eye(len(knots))], axis=-1)


def _product(a: Floats, b: Floats) -> Floats:
    return np.asarray((a[:, :, None] * b[:, None, :]).reshape(len(a), a.shape[1] * b.shape[1]))


def conditions(snr: Floats, n_bands: Floats, n_nodes: Floats, redshift: Floats) -> Floats:
    """(n, k) basis functions of S/N per band, bands, compatible redshift nodes and best redshift, for thresholds."""
    log_snr, log_count = np.log10(np.clip(snr, 1e-3, 1e6)), np.log10(np.maximum(n_bands, 1))
    grid = _product(_hats(log_snr, SNR_KNOTS), _hats(log_count, COUNT_KNOTS))
    nodes, far = _hats(np.log2(np.maximum(n_nodes, 1)), NODE_KNOTS), _hats(redshift, FAR_KNOTS)
    traits = np.concatenate([nodes[:, 1:], far[:, 1:]], axis=1)
    by_traits = _product(_product(_hats(log_snr, COARSE_SNR_KNOTS), traits), _hats(log_count, COARSE_COUNT_KNOTS))
    return np.concatenate([grid, by_traits], axis=1)


def expanded_thresholds(thresholds: Floats) -> Floats:
    """(q, k) coefficients; those of older files, without the redshift and bands at each number of nodes, say the same.

    AgezError for coefficients of other conditions.
    """
    q, width = thresholds.shape
    grid, coarse, nodes = len(SNR_KNOTS) * len(COUNT_KNOTS), len(COARSE_SNR_KNOTS), len(NODE_KNOTS) - 1
    if width == grid + coarse * N_TRAITS * len(COARSE_COUNT_KNOTS):
        return thresholds
    if width != grid + coarse * nodes:
        raise AgezError(f"thresholds of {width} conditions: the model is of another version of agez")
    out = np.zeros((q, coarse, N_TRAITS, len(COARSE_COUNT_KNOTS)), thresholds.dtype)
    out[:, :, :nodes] = thresholds[:, grid:].reshape(q, coarse, nodes, 1)
    return np.concatenate([thresholds[:, :grid], out.reshape(q, -1)], axis=1)
