"""Quantiles of a statistic as smooth functions of a row's noise, number of bands, redshift and redshift error."""

from __future__ import annotations

import numpy as np

from agez.novelty.threshold_surface import COARSE_COUNT_KNOTS, COARSE_SNR_KNOTS, COUNT_KNOTS, N_TRAITS, SNR_KNOTS
from agez.types import Floats

#: Weight of the smoothness, in rows; rounds of reweighting.
SMOOTH, ROUNDS = 3.0, 40


def _roughness() -> Floats:
    """(r, k) second differences (and faint first ones) along both axes of the grid, and of the rest its size."""
    shape = (len(SNR_KNOTS), len(COUNT_KNOTS))
    index = np.arange(shape[0] * shape[1]).reshape(shape)
    n_loose = len(COARSE_SNR_KNOTS) * N_TRAITS * len(COARSE_COUNT_KNOTS)
    rows = []
    for lines in (index, index.T):
        for line in lines:
            for step in range(len(line) - 1):
                one = np.zeros(index.size + n_loose)
                one[line[step]], one[line[step + 1]] = -0.3, 0.3
                rows.append(one)
            for step in range(1, len(line) - 1):
                one = np.zeros(index.size + n_loose)
                one[line[step - 1]], one[line[step]], one[line[step + 1]] = 1.0, -2.0, 1.0
                rows.append(one)
    for k in range(n_loose):
        one = np.zeros(index.size + n_loose)
        one[index.size + k] = 0.3
        rows.append(one)
    return np.array(rows)


def fit_quantile(design: Floats, values: Floats, level: float) -> Floats:
    """(k,) coefficients with which ``design @ coefficients`` has ``level`` of the values below it everywhere.

    The tilted absolute loss (Koenker & Bassett 1978, Econometrica 46, 33) by reweighted least squares.
    """
    design, values = np.asarray(design, float), np.asarray(values, float)
    penalty = _roughness()
    penalty = SMOOTH * penalty.T @ penalty + 1e-6 * np.eye(design.shape[1])
    out: Floats = np.zeros(design.shape[1])
    start = np.quantile(values, level)
    width = max(float(np.std(values)), 1e-6)
    off = values - start
    for round_number in range(ROUNDS):
        least = max(width * 0.7**round_number, 1e-3 * width)
        weight = np.where(off > 0, level, 1 - level) / np.maximum(np.abs(off), least) * width
        out = np.linalg.solve((design.T * weight) @ design + penalty, (design.T * weight) @ (values - start))
        off = values - start - design @ out
    # the grid's functions sum to one
    out[: len(SNR_KNOTS) * len(COUNT_KNOTS)] += start
    return out.astype(np.float32)
