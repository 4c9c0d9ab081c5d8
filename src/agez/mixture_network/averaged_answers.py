"""Predictions for rows with weak bands or unknown redshifts: averages over versions, and wider distributions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from agez.distributions.marginals import quantiles
from agez.distributions.mixture import average, moments, rescale
from agez.mixture_network.mixture_model import MixtureNetwork
from agez.mixture_network.redshift_inside import UNKNOWN_STRETCH
from agez.mixture_network.row_answers import RowAnswers, RowInputs, levels
from agez.models.weak_bands import versions
from agez.types import Floats, Ints


def averaged_answers(
    network: MixtureNetwork, inputs: RowInputs, weights: Floats | None, probabilities: Floats, *, least_bands: int,
    unknown_stretch: float = UNKNOWN_STRETCH, run: Callable[[RowInputs], RowAnswers],
) -> RowAnswers:  # fmt: skip
    """Predictions of rows with weighted bands; wider where the redshift is unknown.

    Distributions and their moments are averages over the versions of a row; the out-of-distribution score and chi2,
    which take the errors into account, use all bands of non-zero weight.

    Parameters
    ----------
    inputs : RowInputs
        ``covered`` is false where a weight is 0.
    weights : (n, b) float, or None
        From :func:`agez.models.weak_bands.band_weights`.
    least_bands : int
        Versions with fewer bands are left out.
    unknown_stretch : float
        By which distributions of rows of unknown redshift are stretched.
    run : callable
        Predicts rows at full weight of all bands, by numpy or by compiled kernels.
    """
    averaged = _averaged(network, inputs, weights, probabilities, least_bands, run)
    unknown = np.flatnonzero(np.isnan(inputs.redshift))
    return _stretched(averaged, unknown, unknown_stretch) if unknown.size and unknown_stretch != 1 else averaged


def _stretched(given: RowAnswers, rows: Ints, stretch: float) -> RowAnswers:
    """The distributions and quantiles of some rows stretched about their mean."""
    d = given.mixture.n_targets
    mixture = rescale(given.mixture.take(rows), shift=np.zeros(d), factor=np.full(d, stretch))
    wide = np.array(given.quantiles)
    mean = given.mean[rows].T[:, None]
    wide[..., rows] = mean + stretch * (wide[..., rows] - mean)
    return given._replace(mixture=given.mixture.with_rows(rows, mixture), quantiles=wide)


def _averaged(
    network: MixtureNetwork, inputs: RowInputs, weights: Floats | None, probabilities: Floats, least_bands: int,
    run: Callable[[RowInputs], RowAnswers],
) -> RowAnswers:  # fmt: skip
    """Predictions, averaged over versions for rows that have weak bands."""
    n = len(inputs.flux)
    further = None if weights is None else versions(np.where(inputs.covered, weights, 0.0))
    if further is None or not len(further.row):
        return run(inputs)
    of = further.row
    copies = RowInputs(*(np.concatenate([column, column[of]]) for column in inputs))
    enough = inputs.allowed[of] & (further.covered.sum(axis=1) >= least_bands)
    both = run(copies._replace(
        covered=np.concatenate([inputs.covered, further.covered]), allowed=np.concatenate([inputs.allowed, enough])
    ))  # fmt: skip
    rows, place = np.unique(of, return_inverse=True)
    chosen = both.mixture.take(np.concatenate([rows, np.arange(n, n + len(of))]))
    share = np.concatenate([further.own_share[rows], further.share])
    mixture = average(chosen, np.concatenate([np.arange(len(rows)), place]), share, len(rows))
    mean, _, correlation = moments(mixture)
    by_target = np.array(both.quantiles[..., :n])
    for t, level in enumerate(levels(network, probabilities)):
        by_target[t][:, rows] = quantiles(mixture, level, t).T
    first: list[Any] = [both.mixture.take(slice(0, n)), *(one[:n] for one in both[1:3]), by_target]
    own = RowAnswers(*first, *(one[:n] for one in both[4:]))
    return own._replace(
        mixture=own.mixture.with_rows(rows, mixture), mean=_replaced(own.mean, rows, mean),
        correlation=_replaced(own.correlation, rows, correlation),
    )  # fmt: skip


def _replaced(values: Floats, rows: Ints, new: Floats) -> Floats:
    out = np.array(values)
    out[rows] = new
    return out
