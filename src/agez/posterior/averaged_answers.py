"""Answers of rows some of whose bands are believed by half: means over versions of the row with and without them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from agez.posterior.answers import Answers, Seen, levels
from agez.posterior.marginals import quantiles
from agez.posterior.mixture import Mixture, average, moments
from agez.posterior.parts import PosteriorParts
from agez.posterior.weak_bands import versions
from agez.types import Floats, Ints


def averaged_answers(
    parts: PosteriorParts, seen: Seen, weights: Floats | None, probabilities: Floats, *, least_bands: int,
    run: Callable[[Seen], Answers],
) -> Answers:  # fmt: skip
    """Answers of rows with a weight of each band.

    Means over versions are those of the distribution and what follows from it; the out-of-distribution score and chi2,
    which know the errors, are those of all bands with a weight.

    Parameters
    ----------
    seen : Seen
        ``covered`` is false where a weight is 0.
    weights : (n, b) float, or None
        Of :func:`agez.posterior.weak_bands.band_weights`.
    least_bands : int
        Versions with fewer bands do not count.
    run : callable
        Answers rows whose bands are all believed: by numpy or by compiled kernels.
    """
    if weights is None:
        return run(seen)
    further = versions(np.where(seen.covered, weights, 0.0))
    if not len(further.row):
        return run(seen)
    n, of = len(seen.flux), further.row
    copies = Seen(*(np.concatenate([column, column[of]]) for column in seen))
    enough = seen.allowed[of] & (further.covered.sum(axis=1) >= least_bands)
    both = run(copies._replace(
        covered=np.concatenate([seen.covered, further.covered]), allowed=np.concatenate([seen.allowed, enough])
    ))  # fmt: skip
    rows, place = np.unique(of, return_inverse=True)
    versions_of_rows = both.mixture.take(np.concatenate([rows, np.arange(n, n + len(of))]))
    share = np.concatenate([further.own_share[rows], further.share])
    mixture = average(versions_of_rows, np.concatenate([np.arange(len(rows)), place]), share, len(rows))
    mean, _, correlation = moments(mixture)
    own = both.mixture.take(slice(0, n))
    of_rows = np.array(both.quantiles[..., :n])
    for t, level in enumerate(levels(parts, probabilities)):
        of_rows[t][:, rows] = quantiles(mixture, level, t).T
    return Answers(
        Mixture(
            _replaced(own.weights, rows, mixture.weights), _replaced(own.mean, rows, mixture.mean),
            _replaced(own.covariance, rows, mixture.covariance),
        ),
        _replaced(both.mean[:n], rows, mean), _replaced(both.correlation[:n], rows, correlation), of_rows,
        both.ood[:n], both.chi2[:n], both.nearest[:n], both.snr[:n], both.assumed[:n], both.nothing[:n],
    )  # fmt: skip


def _replaced(values: Floats, rows: Ints, new: Floats) -> Floats:
    out = np.array(values)
    out[rows] = new
    return out
