"""Two SED clusters at each redshift, common galaxies and the rest, such as those with strong emission lines.

A single Gaussian would be as wide as the few galaxies with lines of hundreds of Angstroms need, and would accept
corrupted SEDs of all others.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from agez.novelty.novelty_score import SHARES
from agez.training.sed_subspaces import LEAST_SEDS, fit_subspace
from agez.types import Bools, Floats

#: Iterations of the selection of common galaxies.
ROUNDS = 2
#: Relative error of a band in the selection of common galaxies.
NOTICED = 0.02


#: Centroids of each subspace.
N_CENTRES = 192
#: Rounds of Lloyd's algorithm.
N_ROUNDS = 6


class Kind(NamedTuple):
    """A subspace and its centroids, from :func:`fit_subspace` and :func:`representatives`."""

    basis: Floats
    left: Floats
    centres: Floats
    precision: Floats


def fit_clusters(flux: Floats, present: Bools, pivot_angstrom: Floats, rng: np.random.Generator) -> list[Kind]:
    """A subspace for each cluster; with few galaxies, or other bands, that of all galaxies for each.

    ``flux`` and ``present`` (n, b) are noise-free SEDs of one redshift.
    """
    whole = fit_subspace(flux, present, pivot_angstrom, rng)
    parts = [whole] * len(SHARES)
    if min(SHARES) * len(flux) >= LEAST_SEDS:
        usual = whole
        for _ in range(ROUNDS):
            off = _distance(flux, present, usual[0], usual[1])
            inside = off <= np.quantile(off, SHARES[0])
            usual = fit_subspace(flux[inside], present[inside], pivot_angstrom, rng)
        rank = np.argsort(np.argsort(off, kind="stable")) / len(off)
        number = np.searchsorted(np.cumsum(SHARES)[:-1], rank, side="right")
        for kind in range(len(SHARES)):
            rows = number == kind
            one = fit_subspace(flux[rows], present[rows], pivot_angstrom, rng)
            if (np.isfinite(one[1]) == np.isfinite(whole[1])).all():
                parts[kind] = one
    out = []
    for basis, left, coefficients in parts:
        centres, precision = representatives(coefficients, np.linalg.norm(basis[:-1], axis=1), rng)
        out.append(Kind(basis, left, centres, precision))
    return out


def _distance(flux: Floats, present: Bools, basis: Floats, left: Floats) -> Floats:
    """(n,) squared Mahalanobis distance of SEDs from the mean SED, per band that is present."""
    known = np.isfinite(left)
    b = basis[:, known].astype(float)
    covariance = b[:-1].T @ b[:-1] + np.diag(left[known] + NOTICED**2 * b[-1] ** 2 + 1e-8)
    seen = present[:, known]
    amplitude = np.where(seen, flux[:, known] * b[-1], 0).sum(axis=1) / np.where(seen, b[-1] ** 2, 1e-20).sum(axis=1)
    off = np.where(seen, flux[:, known] / np.maximum(amplitude, 1e-3)[:, None] - b[-1], 0)
    return np.asarray(np.einsum("nb,bc,nc->n", off, np.linalg.inv(covariance), off) / np.maximum(seen.sum(axis=1), 1))


def representatives(coefficients: Floats, size: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Centroids of training SEDs (Lloyd's k-means) and the inverse covariance around them.

    Parameters
    ----------
    coefficients : (n, q) float
        Unit variance each.
    size : (q,) float
        Length of each component in flux: distances are those of SEDs.

    Returns
    -------
    centres : (N_CENTRES, q) float16
        With fewer SEDs than ``N_CENTRES`` some are repeated.
    precision : (q, q) float32
    """
    n, q = coefficients.shape
    x = coefficients * size
    start = rng.permutation(n)[:N_CENTRES]
    centres = x[start]
    for _ in range(N_ROUNDS):
        member = np.argmin((centres**2).sum(axis=1) - 2 * x @ centres.T, axis=1)
        count = np.bincount(member, minlength=len(centres))
        total = np.stack([np.bincount(member, x[:, j], minlength=len(centres)) for j in range(q)], axis=1)
        centres = np.where(count[:, None] > 0, total / np.maximum(count, 1)[:, None], centres)
    member = np.argmin((centres**2).sum(axis=1) - 2 * x @ centres.T, axis=1)
    safe = np.where(size > 0, size, 1.0)
    out = centres / safe
    off = coefficients - out[member]
    # the mean of few members is nearer to them than to other members of the cluster
    count = np.bincount(member, minlength=len(centres))[member]
    off = off * np.sqrt((count + 1) / np.maximum(count - 1, 1))[:, None]
    covariance = off.T @ off / n + 1e-3 * np.eye(q)
    out = np.resize(out, (N_CENTRES, q))
    return np.clip(out, -6e4, 6e4).astype(np.float16), np.linalg.inv(covariance).astype(np.float32)
