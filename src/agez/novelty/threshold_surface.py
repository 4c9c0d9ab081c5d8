"""Basis of the threshold surfaces: quantiles of a statistic over S/N, number of bands and redshift uncertainty."""

from __future__ import annotations

import numpy as np

from agez.types import Floats

#: Knots of log10 of the signal-to-noise ratio and of log10 of the number of bands; constant beyond.
SNR_KNOTS = (0.2, 0.7, 1.1, 1.5, 2.0, 2.6)
COUNT_KNOTS = (0.3, 0.6, 0.9, 1.2, 1.5, 1.8)
#: Knots of log2 of the number of compatible redshift nodes, and of log10 S/N at each of them.
NODE_KNOTS = (0.0, 1.0, 2.5, 4.5)
COARSE_SNR_KNOTS = (0.5, 1.2, 2.2)
#: As so many nodes counts a row whose redshift the network has estimated, however few of them were tried: it may be
#: wrong, and the rest of the range was not searched.
ESTIMATED_NODES = 23


def _hats(x: Floats, knots: tuple[float, ...]) -> Floats:
    """(n, k) hat functions: weights of linear interpolation between ``knots``."""
    return np.stack([np.interp(x, knots, row) for row in np.eye(len(knots))], axis=-1)


def _product(a: Floats, b: Floats) -> Floats:
    return np.asarray((a[:, :, None] * b[:, None, :]).reshape(len(a), a.shape[1] * b.shape[1]))


def conditions(snr: Floats, n_bands: Floats, n_nodes: Floats) -> Floats:
    """(n, k) basis functions of S/N per band, bands and compatible redshift nodes; thresholds are linear in them."""
    log_snr = np.log10(np.clip(snr, 1e-3, 1e6))
    grid = _product(_hats(log_snr, SNR_KNOTS), _hats(np.log10(np.maximum(n_bands, 1)), COUNT_KNOTS))
    by_nodes = _product(_hats(log_snr, COARSE_SNR_KNOTS), _hats(np.log2(np.maximum(n_nodes, 1)), NODE_KNOTS)[:, 1:])
    return np.concatenate([grid, by_nodes], axis=1)
