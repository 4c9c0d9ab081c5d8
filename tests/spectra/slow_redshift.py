"""The search for a redshift done slowly: one shift after another, by bounded least squares."""

import numpy as np
from scipy.optimize import lsq_linear

from agez.spectra.redshift_basis import RedshiftBasis
from agez.spectra.redshift_inputs import ReadySpectra


def slow_gain(ready: ReadySpectra, row: int, basis: RedshiftBasis, shift: int) -> float:
    """By how much chi2 and prior fall below chi2 without features, with lines' amplitudes that are not negative."""
    k, q = len(basis.stars), ready.residual.shape[1]
    design = np.zeros((q, k + len(basis.lines)))
    for i in range(q):
        j = ready.first + i - shift - basis.first
        if 0 <= j < basis.stars.shape[1]:
            design[i, :k] = ready.continuum[row, i] * basis.stars[:, j]
            design[i, k:] = basis.lines[:, j]
    root = np.sqrt(ready.weight[row])
    prior = np.diag(np.sqrt(basis.prior_precision))
    matrix = np.concatenate([root[:, None] * design, np.pad(prior, ((0, 0), (0, len(basis.lines))))])
    right = np.concatenate([root * ready.residual[row], prior @ basis.prior_mean])
    size = np.maximum(np.sqrt((matrix**2).sum(axis=0)), 1e-30)
    lowest = np.r_[np.full(k, -np.inf), np.zeros(len(basis.lines))]
    found = lsq_linear(matrix / size, right, bounds=(lowest, np.inf), tol=1e-12)
    return float(np.sum(ready.weight[row] * ready.residual[row] ** 2) - 2 * found.cost)


def slow_local_line(flux: np.ndarray, weight: np.ndarray, sigma: float, *, reach: float = 4.0) -> np.ndarray:
    """A weighted straight line through the neighbours of each pixel of one spectrum."""
    out = np.zeros(len(flux))
    x = np.arange(len(flux), dtype=float)
    for i in range(len(flux)):
        near = (np.abs(x - i) <= np.ceil(reach * sigma)) & (weight > 0)
        if near.any():
            w = np.sqrt(weight[near] * np.exp(-0.5 * ((x[near] - i) / sigma) ** 2))
            # what little is taken off the slope: see local_line
            ridge = np.sqrt(1e-3 * np.sum(w**2))
            matrix = np.stack([np.r_[w, 0.0], np.r_[w * (x[near] - i) / sigma, ridge]], axis=1)
            out[i] = np.linalg.lstsq(matrix, np.r_[w * flux[near], 0.0], rcond=None)[0][0]
    return out
