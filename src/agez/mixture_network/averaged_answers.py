"""Answers for rows of which less is known: means over versions with and without weak bands; unknown redshifts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from agez.distributions.marginals import quantiles
from agez.distributions.mixture import Mixture, average, moments, rescale
from agez.mixture_network.mixture_model import MixtureNetwork
from agez.mixture_network.redshift_inside import UNKNOWN_STRETCH
from agez.mixture_network.row_answers import RowAnswers, RowInputs, levels
from agez.models.weak_bands import versions
from agez.types import Floats, Ints


def averaged_answers(
    network: MixtureNetwork, seen: RowInputs, weights: Floats | None, probabilities: Floats, *, least_bands: int,
    run: Callable[[RowInputs], RowAnswers],
) -> RowAnswers:  # fmt: skip
    """Answers of rows with a weight of each band; wider where the redshift is unknown.

    Means over versions are those of the distribution and what follows from it; the out-of-distribution score and chi2,
    which know the errors, are those of all bands with a weight.

    Parameters
    ----------
    seen : RowInputs
        ``covered`` is false where a weight is 0.
    weights : (n, b) float, or None
        Of :func:`agez.models.weak_bands.band_weights`.
    least_bands : int
        Versions with fewer bands do not count.
    run : callable
        Answers rows whose bands are all believed: by numpy or by compiled kernels.
    """
    found = _averaged(network, seen, weights, probabilities, least_bands, run)
    unknown = np.flatnonzero(np.isnan(seen.redshift))
    return _stretched(found, unknown) if unknown.size else found


def _stretched(found: RowAnswers, rows: Ints) -> RowAnswers:
    """The same with the distributions of some rows, and so their quantiles, stretched about their mean."""
    d = found.mixture.n_targets
    mixture = rescale(found.mixture.take(rows), shift=np.zeros(d), factor=np.full(d, UNKNOWN_STRETCH))
    wide = np.array(found.quantiles)
    mean = found.mean[rows].T[:, None]
    wide[..., rows] = mean + UNKNOWN_STRETCH * (wide[..., rows] - mean)
    return found._replace(mixture=_with_rows(found.mixture, rows, mixture), quantiles=wide)


def _averaged(
    network: MixtureNetwork, seen: RowInputs, weights: Floats | None, probabilities: Floats, least_bands: int,
    run: Callable[[RowInputs], RowAnswers],
) -> RowAnswers:  # fmt: skip
    """Answers with the means over versions of the rows that have some."""
    n = len(seen.flux)
    further = None if weights is None else versions(np.where(seen.covered, weights, 0.0))
    if further is None or not len(further.row):
        return run(seen)
    of = further.row
    copies = RowInputs(*(np.concatenate([column, column[of]]) for column in seen))
    enough = seen.allowed[of] & (further.covered.sum(axis=1) >= least_bands)
    both = run(copies._replace(
        covered=np.concatenate([seen.covered, further.covered]), allowed=np.concatenate([seen.allowed, enough])
    ))  # fmt: skip
    rows, place = np.unique(of, return_inverse=True)
    chosen = both.mixture.take(np.concatenate([rows, np.arange(n, n + len(of))]))
    share = np.concatenate([further.own_share[rows], further.share])
    mixture = average(chosen, np.concatenate([np.arange(len(rows)), place]), share, len(rows))
    mean, _, correlation = moments(mixture)
    by_target = np.array(both.quantiles[..., :n])
    for t, level in enumerate(levels(network, probabilities)):
        by_target[t][:, rows] = quantiles(mixture, level, t).T
    return RowAnswers(
        _with_rows(both.mixture.take(slice(0, n)), rows, mixture), _replaced(both.mean[:n], rows, mean),
        _replaced(both.correlation[:n], rows, correlation), by_target, both.ood[:n], both.chi2[:n], both.nearest[:n],
        both.snr[:n], both.assumed[:n], both.nothing[:n],
    )  # fmt: skip


def _with_rows(whole: Mixture, rows: Ints, new: Mixture) -> Mixture:
    return Mixture(
        _replaced(whole.weights, rows, new.weights), _replaced(whole.mean, rows, new.mean),
        _replaced(whole.covariance, rows, new.covariance),
    )  # fmt: skip


def _replaced(values: Floats, rows: Ints, new: Floats) -> Floats:
    out = np.array(values)
    out[rows] = new
    return out
