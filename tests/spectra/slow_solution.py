"""The slow obvious solution of a non-negative smooth problem, one spectrum at a time."""

import numpy as np
from scipy.optimize import nnls


def solve_one(design, data, prior_root):
    """Minimise over w >= 0:  ||design w - data||^2 + ||prior_root w||^2  (scipy's active set on the stacked system)."""
    stacked = np.concatenate([design, prior_root])
    return nnls(stacked, np.concatenate([data, np.zeros(len(prior_root))]), maxiter=100 * design.shape[1])[0]
