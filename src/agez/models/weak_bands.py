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


def band_weights(flux: Floats, flux_err: Floats, covered: Bools) -> Floats | None:
    """Weight of each band, from 1 (believed) to 0 (as if not observed), linear in the logarithm of its error.

    A band is poor if its error is far above the row's reference.  Where neighbouring bands have larger errors, too, as
    red galaxies of one signal-to-noise ratio have where they are bright, theirs are the reference, as far as relative
    errors are not above those of the row.

    Parameters
    ----------
    flux, flux_err : (n, b) float
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
    if not suspect.size or flux.shape[1] < 3:
        return None
    errors, light, known = flux_err[suspect], np.abs(flux[suspect]), known[suspect]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        relative = np.nan_to_num(_reference(errors / light, known) * light, nan=0.0, posinf=0.0)
        around = np.minimum(_neighbours(np.where(known, errors, np.inf)), relative)
        excess = np.log(errors / np.maximum(_reference(errors, known), around))
    weight = np.clip((np.log(UNSEEN) - excess) / np.log(UNSEEN / BELIEVED), 0.0, 1.0)
    weights = covered.astype(float)
    weights[suspect] = np.where(known, weight, covered[suspect])
    return weights if bool((weights < covered).any()) else None


def _reference(errors: Floats, known: Bools) -> Floats:
    """(n, 1) the error with which those of a row's known bands are compared; infinite with fewer than three.

    Bands of more than UNSEEN times the third smallest error are no part of it, and it is never less than that error: so
    that no band that counts as not observed moves it, and the others are judged as if such bands were missing.
    """
    rising = np.sort(np.where(known, errors, np.inf), axis=1)
    third = rising[:, 2:3]
    with np.errstate(invalid="ignore"):
        last = np.maximum((rising <= UNSEEN * third).sum(axis=1, keepdims=True) - 1, 0)
    middle, low = (np.take_along_axis(rising, last // part, axis=1) for part in (2, 4))
    return np.asarray(np.maximum(third, np.minimum(middle, QUARTILES * low)))


def _neighbours(errors: Floats) -> Floats:
    """(n, b) the second smallest error of the two bands on either side of each, infinite where there is none."""
    n, b = errors.shape
    wide = np.full((n, b + 4), np.inf)
    wide[:, 2:-2] = errors
    return np.asarray(np.sort([wide[:, k : k + b] for k in (0, 1, 3, 4)], axis=0)[1])


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
