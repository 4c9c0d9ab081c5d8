"""How far each band of a row is believed: one whose error is far above the row's others counts as not observed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from agez.types import Bools, Floats, Ints

#: Errors, in units of the row's reference error, up to which a band is believed as it stands, and from which it counts
#: as not observed.  Networks were trained on noise that varies smoothly from band to band; a single band with an error
#: of three to five times the others' is worth as much as none (mean log density of truths, 56 and 12 bands, S/N 10 to
#: 100: ``benchmarks/less_known.py``), beyond that it misleads.
BELIEVED, UNSEEN = 2.5, 6.0
#: The reference is the median error, or this times the lower quartile if that is less: most bands may be poor ones.
QUARTILES = 2.0
#: Bands beyond a gap, of a factor UNSEEN from error to next larger error, are no part of the reference, which is found
#: anew without them, so many times at most: else other bands would be believed more than if these were missing.  Errors
#: that rise without a gap, as those of red galaxies at one S/N do, keep their reference.
PASSES = 4


def band_weights(flux_err: Floats, covered: Bools) -> Floats | None:
    """Weight of each band, from 1 (believed) to 0 (as if not observed), linear in the logarithm of its error.

    Parameters
    ----------
    flux_err : (n, b) float
        In one unit within a row; unknown errors (NaN, zero or negative) leave their band believed.
    covered : (n, b) bool

    Returns
    -------
    (n, b) float, or None if every observed band of every row is believed
    """
    known = covered & (flux_err > 0)
    highest = np.where(known, flux_err, 0.0).max(axis=1, initial=0.0)
    lowest = np.where(known, flux_err, np.inf).min(axis=1, initial=np.inf)
    suspect = np.flatnonzero(highest > BELIEVED * lowest)
    if not suspect.size:
        return None
    errors, known = flux_err[suspect], known[suspect]
    excess = np.zeros(errors.shape)
    judged = known
    for _ in range(PASSES):
        reference = _reference(errors, judged)[:, None]
        rising = np.sort(np.where(judged, errors, np.inf), axis=1)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            excess = np.log(errors / reference)
            gap = rising[:, 1:] > UNSEEN * np.maximum(rising[:, :-1], reference)
        below = np.where(gap, rising[:, :-1], np.inf).min(axis=1, initial=np.inf)
        left = judged & (errors <= below[:, None])
        if (left == judged).all():
            break
        judged = left
    weight = np.clip((np.log(UNSEEN) - excess) / np.log(UNSEEN / BELIEVED), 0.0, 1.0)
    weights = covered.astype(float)
    weights[suspect] = np.where(known, weight, covered[suspect])
    return weights if bool((weights < covered).any()) else None


def _reference(errors: Floats, known: Bools) -> Floats:
    """(n,) the error with which those of a row's known bands are compared."""
    rising = np.sort(np.where(known, errors, np.inf), axis=1)
    last = known.sum(axis=1) - 1
    row = np.arange(len(errors))
    return np.minimum(rising[row, last // 2], QUARTILES * rising[row, last // 4])


class Versions(NamedTuple):
    """Rows with bands that are half believed, each as several versions whose answers are to be averaged.

    ``covered`` (m, b): the bands of each further version; ``row`` (m,): the row that it is of; ``share`` (m,): its
    share of the answer; ``own_share`` (n,): that of the row itself, which has all bands of some weight.
    """

    covered: Bools
    row: Ints
    share: Floats
    own_share: Floats


def versions(weights: Floats) -> Versions:
    """The answer as a mean over nested sets of bands, in which every band has its weight.

    With the weights of a row's bands in rising order, w_1 < w_2 < ... < 1, its answer is w_1 times that of all bands,
    w_2 - w_1 times that without the first, and so on: continuous in every weight, and at 0 exactly that of the band
    missing.
    """
    half = np.where((weights > 0) & (weights < 1), weights, 1.0)
    rising = np.sort(half, axis=1)
    own_share = rising[:, 0].copy()
    covered, row, share = [], [], []
    for k in range(weights.shape[1]):
        following = rising[:, k + 1] if k + 1 < weights.shape[1] else np.ones(len(weights))
        rows = np.flatnonzero((rising[:, k] < 1) & (following > rising[:, k]))
        if not rows.size:
            continue
        covered.append((weights[rows] > 0) & (weights[rows] > rising[rows, k][:, None]))
        row.append(rows)
        share.append(following[rows] - rising[rows, k])
    if not row:
        return Versions(np.zeros((0, weights.shape[1]), bool), np.zeros(0, int), np.zeros(0), own_share)
    return Versions(np.concatenate(covered), np.concatenate(row), np.concatenate(share), own_share)
