"""All of a novelty that does not change from row to row, for the compiled road.

Near the nearest SEDs coefficients are held by a precision P = R^T R.  With components R^-T W in place of W and centres
R c in place of c that prior is the unit matrix, and what is left of F = W D^-1 W^T once the spread around a centre is
taken as an error, F - F (F + P)^-1 F, is 1 - (F + 1)^-1: one inverse gives all that both statistics need.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from agez.novelty.leave_one_band_out import AMPLITUDE_WIDTH, COEFFICIENT_WIDTH
from agez.novelty.nearest_template import Centroids
from agez.novelty.novelty_score import Novelty
from agez.novelty.sed_subspace import SedSubspace
from agez.types import Floats


class PreparedSubspace(NamedTuple):
    """A plane of q components in b bands; float32 all.

    ``mean``, ``left`` (b,): mean SED and remainder.
    ``basis`` (q + 1, b) and ``pairs`` (pairs, b): as they are, for the best fit.
    ``near_basis``, ``near_pairs``: in coordinates in which the spread around centres is one; ``band_pairs``
    (b, pairs): the same with those of two different ones twice; ``unit`` (q, q) their prior.
    ``loose`` (q + 1, q + 1): prior of the coefficients in these coordinates and of the amplitude, for the worst bands.
    ``centres`` (k, q) and ``centre_pairs`` (k, q (q + 1) / 2): in these coordinates.
    """

    mean: Floats
    left: Floats
    basis: Floats
    pairs: Floats
    near_basis: Floats
    near_pairs: Floats
    band_pairs: Floats
    unit: Floats
    loose: Floats
    centres: Floats
    centre_pairs: Floats


class PreparedNovelty(NamedTuple):
    """Subspaces and those of stars (none or one), thresholds in float64, and the redshifts of the planes."""

    planes: tuple[PreparedSubspace, ...]
    star: PreparedSubspace | None
    redshift: Floats
    step: float
    kinds: int
    thresholds: Floats
    threshold: float


def prepared_novelty(novelty: Novelty) -> PreparedNovelty:
    """Everything of it that can be worked out before rows come."""
    planes, centres = novelty.planes, novelty.centres
    star = None
    if novelty.stars is not None and novelty.star_centres is not None:
        star = _prepared(novelty.stars, novelty.star_centres, 0)
    return PreparedNovelty(
        tuple(_prepared(planes, centres, k) for k in range(len(planes.basis))), star,
        np.asarray(planes.redshift, float), planes.step, planes.kinds,
        np.asarray(novelty.thresholds, float), float(novelty.threshold),
    )  # fmt: skip


def _prepared(planes: SedSubspace, centres: Centroids, k: int) -> PreparedSubspace:
    basis, mean = np.asarray(planes.basis[k][:-1], float), planes.basis[k][-1]
    precision = np.asarray(centres.precision[k], float)
    # components of no length, where there are fewer bands than components, say nothing
    some = np.abs(basis).sum(axis=1) > 0
    # what they are held by must then not hang together with the others
    some |= np.abs(precision - np.diag(np.diag(precision)))[some].max(axis=0, initial=0) > 0
    basis, precision, c = (
        basis[some],
        precision[np.ix_(some, some)],
        np.asarray(centres.coefficients[k], float)[:, some],
    )
    root = np.linalg.cholesky(precision).T
    near = np.linalg.solve(root.T, basis) if len(basis) else basis
    whole, near_whole = np.vstack([basis, mean]), np.vstack([near, mean])
    back = np.linalg.inv(root)
    loose = np.zeros((len(whole), len(whole)))
    loose[:-1, :-1], loose[-1, -1] = back.T @ back * COEFFICIENT_WIDTH**-2.0, AMPLITUDE_WIDTH**-2.0
    c = c @ root.T
    first, second = np.triu_indices(len(basis))
    one, other = np.triu_indices(len(whole))
    twice = np.where(first == second, 1, 2)
    near_pairs = near_whole[one] * near_whole[other]
    found = (
        mean, planes.left[k], whole, whole[one] * whole[other], near_whole, near_pairs,
        (near_pairs * np.where(one == other, 1, 2)[:, None]).T, np.eye(len(basis)), loose, c,
        c[:, first] * c[:, second] * twice,
    )  # fmt: skip
    return PreparedSubspace(*(np.ascontiguousarray(array, np.float32) for array in found))
