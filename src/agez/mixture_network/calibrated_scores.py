"""Where labels lie in calibrated distributions: normal scores and PITs, those of left-censored labels, too."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri

from agez.distributions.marginals import marginal_cdf
from agez.distributions.mixture import Mixture, each_marginal
from agez.types import Floats

#: Bound of normal scores, for labels far outside their distribution.
LARGEST_SCORE = 6.0


class Censoring(NamedTuple):
    """Labels that are known to be at or below a limit, and no more.

    ``limits`` (d,), -inf where all labels are exact.  ``places`` (n,) between 0 and 1, drawn uniformly: at which share
    of the probability below the limit a row's label is put, so that PITs of the right distribution are uniform
    (randomised quantile residuals: Dunn & Smyth 1996, J. Comput. Graph. Stat. 5, 236).
    """

    limits: Floats
    places: Floats


def normal_scores(mixture: Mixture, labels: Floats, censoring: Censoring | None = None) -> Floats:
    """(n, d) normal score of each label in its distribution: Phi^-1 of the PIT."""
    tiny = ndtr(-LARGEST_SCORE)
    told = labels if censoring is None else np.maximum(labels, censoring.limits)
    pit = np.stack([marginal_cdf(one, told[:, t], 0) for t, one in enumerate(each_marginal(mixture))], axis=1)
    if censoring is not None:
        pit = np.where(labels <= censoring.limits, pit * censoring.places[:, None], pit)
    return np.asarray(ndtri(np.clip(pit, tiny, 1 - tiny)))


def pit_in_intervals(mixture: Mixture, labels: Floats, tail: Floats) -> Floats:
    """Probability integral transforms (n, d) of labels in the calibrated intervals, of ``tail`` (d,) or (n, d).

    The inverse of :func:`agez.mixture_network.calibration.calibrated_probabilities`: a normal score s of the mixture
    lies at z of the intervals, ``abs(s) = z (1 + (tail - 1) (z - 1))`` between one and two sigma, s itself below, and
    ``s / tail`` above.
    """
    score = normal_scores(mixture, labels)
    distance, more = np.abs(score), np.asarray(tail) - 1
    root = np.sqrt(np.maximum((1 - more) ** 2 + 4 * more * distance, 0))
    between = 2 * distance / (1 - more + root)
    z = np.where(distance <= 1, distance, np.where(distance < 2 + 2 * more, between, distance / (1 + more)))
    return np.asarray(ndtr(np.sign(score) * z))
