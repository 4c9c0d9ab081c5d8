"""What a posterior model says of rows, apart from flags: by numpy here, by compiled kernels in ``fast_answer``."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from agez.distributions.marginals import quantiles
from agez.distributions.mixture import Mixture, moments
from agez.mixture_network.calibration import calibrated_probabilities, signal_to_noise
from agez.mixture_network.features import scaled
from agez.mixture_network.mixture_model import PosteriorParts
from agez.novelty.novelty import score
from agez.types import TARGETS, Bools, Floats


class Seen(NamedTuple):
    """Rows (n, b) in the model's bands, as of :class:`agez.types.Photometry`; ``allowed`` (n,): rows to be answered."""

    flux: Floats
    flux_err: Floats
    covered: Bools
    redshift: Floats
    redshift_err: Floats
    allowed: Bools


class Answers(NamedTuple):
    """What is said of n rows, NaN in rows that are not answered.

    ``mixture``; its ``mean`` (n, 2) and ``correlation`` (n,); ``quantiles`` (2, p, n) of both targets; ``ood``,
    ``chi2`` and ``nearest`` (n,) of :class:`agez.novelty.novelty.Scores`; and of all rows ``snr`` (n,), the median
    signal-to-noise ratio, ``assumed`` (n,), rows with unknown errors, and ``nothing`` (n,), rows without any flux.
    """

    mixture: Mixture
    mean: Floats
    correlation: Floats
    quantiles: Floats
    ood: Floats
    chi2: Floats
    nearest: Floats
    snr: Floats
    assumed: Bools
    nothing: Bools


def levels(parts: PosteriorParts, probabilities: Floats) -> Floats:
    """(2, p) probabilities of both targets' mixtures at which the quantiles of ``probabilities`` lie."""
    return np.stack([calibrated_probabilities(parts.recalibration, probabilities, t) for t in range(len(TARGETS))])


def answers(parts: PosteriorParts, seen: Seen, probabilities: Floats) -> Answers:
    """What the parts of a model say of rows; numpy only.

    Parameters
    ----------
    probabilities : (p,) float
        Ascending: those of the quantiles.
    """
    seds = scaled(seen.flux, seen.flux_err, seen.covered)
    nothing = ~(np.where(seen.covered, seen.flux, 0).sum(axis=1) > 0)
    answered = seen.allowed & ~nothing
    mixture = _only(parts.answer(seds, seen.redshift, seen.redshift_err), answered)
    found = score(parts.typicality, seds, seen.redshift, seen.redshift_err)
    mean, _, correlation = moments(mixture)
    ood, chi2, nearest = (np.where(answered, one, np.nan) for one in (found.ood, found.chi2, found.nearest))
    each = [quantiles(mixture, level, t).T for t, level in enumerate(levels(parts, probabilities))]
    return Answers(
        mixture, mean, correlation, np.stack(each), ood, chi2, nearest, signal_to_noise(seds), seds.assumed, nothing
    )


def _only(mixture: Mixture, answered: Bools) -> Mixture:
    """The same with NaN in the rows that are not answered."""
    keep = np.where(answered, 1.0, np.nan)
    return Mixture(
        mixture.weights * keep[:, None], mixture.mean * keep[:, None, None], mixture.covariance * keep[:, None, None]
    )
