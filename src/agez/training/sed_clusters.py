"""Two kinds of galaxies at each redshift, the usual and the rest: strong emission lines are no noise about the usual.

One Gaussian for all galaxies is as wide as the few with lines of hundreds of Angstroms need, and lets everything pass
that is wrong with the others.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from agez.novelty.nearest_template import representatives
from agez.novelty.sed_subspace import LEAST_SEDS, fit_plane
from agez.types import Bools, Floats

#: Shares of the kinds, from the usual to the strangest; who is usual is asked this many times.
SHARES, ROUNDS = (0.8, 0.2), 2
#: -2 ln of the shares.
KIND_COST = tuple(float(-2 * np.log(share)) for share in SHARES)
#: Relative error of a band that matters, for telling who is usual.
NOTICED = 0.02


class Kind(NamedTuple):
    """A plane and its representatives: as :func:`fit_plane` and :func:`representatives` give them."""

    basis: Floats
    left: Floats
    centres: Floats
    precision: Floats


def fit_kinds(flux: Floats, present: Bools, pivot_angstrom: Floats, rng: np.random.Generator) -> list[Kind]:
    """A plane for each of the kinds; with few galaxies, or other bands, that of all for any.

    Parameters
    ----------
    flux, present : (n, b)
        Noise-free SEDs of one redshift.
    """
    whole = fit_plane(flux, present, pivot_angstrom, rng)
    parts = [whole] * len(SHARES)
    if min(SHARES) * len(flux) >= LEAST_SEDS:
        usual = whole
        for _ in range(ROUNDS):
            off = _distance(flux, present, usual[0], usual[1])
            inside = off <= np.quantile(off, SHARES[0])
            usual = fit_plane(flux[inside], present[inside], pivot_angstrom, rng)
        rank = np.argsort(np.argsort(off, kind="stable")) / len(off)
        number = np.searchsorted(np.cumsum(SHARES)[:-1], rank, side="right")
        for kind in range(len(SHARES)):
            rows = number == kind
            one = fit_plane(flux[rows], present[rows], pivot_angstrom, rng)
            if (np.isfinite(one[1]) == np.isfinite(whole[1])).all():
                parts[kind] = one
    out = []
    for basis, left, coefficients in parts:
        centres, precision = representatives(coefficients, np.linalg.norm(basis[:-1], axis=1), rng)
        out.append(Kind(basis, left, centres, precision))
    return out


def _distance(flux: Floats, present: Bools, basis: Floats, left: Floats) -> Floats:
    """(n,) squared distance of SEDs from the mean one, in the plane's covariance, for each band that is present."""
    known = np.isfinite(left)
    b = basis[:, known].astype(float)
    covariance = b[:-1].T @ b[:-1] + np.diag(left[known] + NOTICED**2 * b[-1] ** 2 + 1e-8)
    seen = present[:, known]
    amplitude = np.where(seen, flux[:, known] * b[-1], 0).sum(axis=1) / np.where(seen, b[-1] ** 2, 1e-20).sum(axis=1)
    off = np.where(seen, flux[:, known] / np.maximum(amplitude, 1e-3)[:, None] - b[-1], 0)
    return np.asarray(np.einsum("nb,bc,nc->n", off, np.linalg.inv(covariance), off) / np.maximum(seen.sum(axis=1), 1))
