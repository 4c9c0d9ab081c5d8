"""Fitting subspaces to noise-free training SEDs, redshift by redshift."""

from __future__ import annotations

import numpy as np

from agez.errors import AgezError
from agez.novelty.sed_subspace import CALIBRATION, STEP
from agez.training_seds.observe import smooth_waves
from agez.types import Bools, Floats, Ints

#: Components of a subspace: lines, dust, ages, metallicities and smooth calibration errors.
N_COMPONENTS = 14
#: Least training SEDs of a subspace.
LEAST_SEDS = 40


def redshift_nodes(redshift_range: tuple[float, float]) -> Floats:
    """(m,) redshifts of the subspaces: both ends of the range and about every ``STEP`` between."""
    low, high = redshift_range
    return np.linspace(low, high, 1 + int(np.ceil((high - low) / STEP - 1e-9)))


def near_node(redshift: Floats, nodes: Floats, k: int) -> Ints:
    """Rows of training SEDs whose redshift belongs to node ``k``: those within a step, or if too few the nearest."""
    distance = np.abs(redshift - nodes[k])
    step = nodes[1] - nodes[0] if len(nodes) > 1 else np.inf
    rows = np.flatnonzero(distance <= 0.75 * step)
    return rows if len(rows) >= LEAST_SEDS else np.argsort(distance, kind="stable")[:LEAST_SEDS]


def fit_subspace(
    flux: Floats, present: Bools, pivot_angstrom: Floats, rng: np.random.Generator
) -> tuple[Floats, Floats, Floats]:
    """Mean, components and residual variance of noise-free SEDs.

    Principal components after smooth calibration errors have been added, with bands that are absent from some
    filled iteratively from the subspace itself.

    Parameters
    ----------
    flux, present : (n, b)

    Returns
    -------
    basis : (q + 1, b) float32
    left : (b,) float32
    coefficients : (n, q) float32
        Of the training SEDs, unit variance.

    Raises
    ------
    AgezError
        With fewer than ``LEAST_SEDS`` SEDs.
    """
    if len(flux) < LEAST_SEDS:
        raise AgezError(
            f"{len(flux)} training SEDs at one redshift: at least {LEAST_SEDS} are needed to know what is typical"
        )
    waves = smooth_waves(pivot_angstrom)
    factor = 1 + CALIBRATION * rng.standard_normal((len(flux), len(waves))) @ waves
    x = np.where(present, flux * factor, 0.0)
    known = present.any(axis=0)
    mean = x.sum(axis=0) / np.maximum(present.sum(axis=0), 1)
    q = min(N_COMPONENTS, int(known.sum()) - 1, len(flux) // 4)
    guess = np.broadcast_to(mean, x.shape)
    complete = bool(present[:, known].all())
    for _ in range(1 if complete else 6):
        amplitude = (x * mean).sum(axis=1) / np.maximum((present * mean**2).sum(axis=1), 1e-30)
        filled = np.where(present, x / amplitude[:, None], guess)
        mean = filled.mean(axis=0)
        _, value, vector = np.linalg.svd(filled - mean, full_matrices=False)
        vector = vector[:q]
        coefficients = (filled - mean) @ vector.T
        guess = mean + coefficients @ vector
    spread = np.maximum(value[:q] / np.sqrt(len(x)), 1e-6)
    error = np.where(present, filled - guess, 0.0)
    left = (error**2).sum(axis=0) / np.maximum(present.sum(axis=0), 1)
    basis = np.concatenate([vector * spread[:, None], mean[None]])
    basis = np.concatenate([basis[:q], np.zeros((N_COMPONENTS - q, basis.shape[1])), basis[q:]])
    out = np.zeros((len(x), N_COMPONENTS))
    out[:, :q] = coefficients / spread
    return basis.astype(np.float32), np.where(known, left, np.inf).astype(np.float32), out.astype(np.float32)
