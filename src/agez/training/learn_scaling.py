"""What is usual of features at each redshift, learned from rows of high signal-to-noise ratio."""

from __future__ import annotations

import numpy as np

from agez.models.feature_scaling import FeatureScaling
from agez.types import Bools, Floats

#: Steps of redshift between which means and widths are interpolated: a third of a narrow band.
NODE_STEP = 0.01
#: Rows that a node needs for means and widths of its own; with fewer it takes those of all.
LEAST_ROWS = 50
#: Least width, in units of a row's scale.
LEAST_WIDTH = 2e-3


def feature_scaling_of(
    signals: Floats, covered: Bools, log_error: tuple[float, float], redshift: Floats, labels: Floats,
    redshift_range: tuple[float, float],
) -> FeatureScaling:  # fmt: skip
    """What is usual among rows of high signal-to-noise ratio.

    Parameters
    ----------
    signals : (n, signals, b) float
    covered : (n, b) bool
    log_error : (mean, standard deviation)
        Of log10 of the scaled errors that are to be expected.
    redshift : (n,) float
    labels : (n, d) float
    """
    low, high = redshift_range
    nodes = np.linspace(low, high, 1 + max(round((high - low) / NODE_STEP), 1))
    values = np.where(covered[:, None], signals, np.nan)
    everywhere = _robust(values)
    centers, widths = [], []
    for node in nodes:
        near = np.abs(redshift - node) <= 0.75 * NODE_STEP
        center, width = _robust(values[near]) if near.sum() >= LEAST_ROWS else everywhere
        centers.append(np.where(np.isfinite(center), center, everywhere[0]))
        widths.append(np.where(np.isfinite(width), width, everywhere[1]))
    center, width = (
        np.nan_to_num(np.array([*rows, whole])) for rows, whole in zip((centers, widths), everywhere, strict=True)
    )
    return FeatureScaling(
        center.astype(np.float32), np.maximum(width, LEAST_WIDTH).astype(np.float32), *log_error, redshift_range,
        labels.mean(axis=0), labels.std(axis=0),
    )  # fmt: skip


def _robust(values: Floats) -> tuple[Floats, Floats]:
    """Median and 1.4826 times the median absolute deviation of each column; NaN in columns of fewer than 2 numbers."""
    enough = np.isfinite(values).sum(axis=0) >= 2
    filled = np.where(enough, values, 0.0)
    center = np.nanmedian(filled, axis=0)
    width = 1.4826 * np.nanmedian(np.abs(filled - center), axis=0)
    return np.where(enough, center, np.nan), np.where(enough, width, np.nan)
