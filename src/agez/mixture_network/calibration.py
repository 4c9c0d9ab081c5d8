"""Intervals that hold what they promise: distributions are moved and stretched by what held-out galaxies show.

A network's own widths are right for galaxies like those it was trained on, and too narrow for unseen ones.  On
held-out rows the residuals in units of the predicted sigma say by how much, and how that depends on what is known of
a row: its signal-to-noise ratio, how many bands it has, and the answer itself.  Median and 68 % quantile of
those residuals are fitted by quantile regression (Koenker & Bassett 1978, Econometrica 46, 33), as
conformalised quantile regression does (Romano, Patterson & Candes 2019, NeurIPS 32), and a last factor makes
the overall coverage of the held-out rows exact (Vovk, Gammerman & Shafer 2005).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import ndtr, ndtri

from agez.distributions.marginals import marginal_cdf
from agez.distributions.mixture import Mixture, moments, rescale
from agez.mixture_network.features import Scaled
from agez.types import TARGETS, Floats

#: Numbers of a row's circumstances.
N_CIRCUMSTANCES = 9
#: Probability of the central interval of one standard deviation, and of two.
ONE_SIGMA, TWO_SIGMA = 0.6826894921, 0.9544997361
#: Normal scores beyond this are put there: a label nowhere near its distribution.
LARGEST_SCORE = 6.0
#: Tails are not drawn in further: quantiles would lose their order.
LEAST_TAIL = 0.7
#: Penalty on every slope, in units of the loss of one row, divided by the number of galaxies: ten galaxies can move an
#: interval as a whole, not learn how it depends on five things.
PENALTY = 1.0
#: Rounding of the corner of the quantile loss.
CORNER = 0.02


@dataclass(frozen=True, eq=False)
class Recalibration:
    """How distributions are moved and stretched.

    Attributes
    ----------
    shift : (2, N_CIRCUMSTANCES) float
        Of log age and of [M/H], in units of each row's sigma: a linear function of its circumstances.
    log_factor : (2, N_CIRCUMSTANCES) float
        ln of the factor by which the distribution is stretched.
    tail : (2,) float
        How much further out than twice the 1-sigma point the 2-sigma point lies.
    center, width : (2,) float
        Means and widths of the labels, by which answers enter the circumstances.
    """

    shift: Floats
    log_factor: Floats
    tail: Floats
    center: Floats
    width: Floats

    def to_arrays(self) -> dict[str, Floats]:
        """Arrays of the model file."""
        return {name: np.asarray(getattr(self, name)) for name in ("shift", "log_factor", "tail", "center", "width")}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Recalibration:
        """What :meth:`to_arrays` gave."""
        return cls(**{name: arrays[name] for name in ("shift", "log_factor", "tail", "center", "width")})

    @classmethod
    def none(cls, center: Floats, width: Floats) -> Recalibration:
        """The one that changes nothing."""
        zero = np.zeros((2, N_CIRCUMSTANCES))
        return cls(zero, zero, np.ones(2), np.asarray(center, float), np.asarray(width, float))


def signal_to_noise(seds: Scaled) -> Floats:
    """(n,) median signal-to-noise ratio over the observed bands; NaN without any."""
    ratio = np.where(seds.covered, seds.flux / seds.flux_err, np.nan)
    out = np.full(len(ratio), np.nan)
    some = seds.covered.any(axis=1)
    out[some] = np.nanmedian(ratio[some], axis=1)
    return out


def circumstances(mixture: Mixture, seds: Scaled, center: Floats, width: Floats) -> Floats:
    """(n, N_CIRCUMSTANCES) what the stretching may depend on: a constant and seven functions of a row, bounded.

    log S/N and its square, the share of bands that are there, the answers and their squares, and their product.
    """
    mean, _, _ = moments(mixture)
    snr = np.log10(np.clip(np.nan_to_num(signal_to_noise(seds), nan=1.0), 1.0, 300.0)) - 1.25
    bands = np.log10(np.maximum(seds.covered.mean(axis=1), 0.05)) + 0.3
    answer = np.clip(np.nan_to_num((mean - center) / width), -2.5, 2.5)
    a, m = answer.T
    return np.stack([np.ones(len(a)), snr, snr**2, bands, a, a**2 - 1, m, m**2 - 1, a * m], axis=1)


def learn_recalibration(
    mixture: Mixture, labels: Floats, seds: Scaled, *, n_galaxies: int, center: Floats, width: Floats
) -> Recalibration:
    """Learn from rows of galaxies that the networks have not seen.

    Parameters
    ----------
    mixture : Mixture
        What the networks say of ``n`` held-out rows.
    labels : (n, 2) float
    seds : Scaled
        Of the same rows.
    n_galaxies : int
        That they come from: the fewer, the less may the stretching depend on circumstances.
    center, width : (2,) float
        Of the labels.
    """
    mean, _, _ = moments(mixture)
    x = circumstances(mixture, seds, center, width)
    good = np.isfinite(mean).all(axis=1) & np.isfinite(labels).all(axis=1)
    x, penalty = x[good], PENALTY / max(n_galaxies, 1)
    used, truth = mixture.take(np.flatnonzero(good)), labels[good]
    # normal scores, not distances in sigma: between two peaks far apart the median of those is anywhere
    places = normal_scores(used, truth)
    shift = np.stack([_quantile_fit(x, places[:, t], 0.5, penalty) for t in range(len(TARGETS))])
    log_factor, tail = np.zeros_like(shift), np.ones(len(TARGETS))
    for _ in range(2):  # the second time on distributions that are nearly right: mixtures are not Gaussians
        trial = Recalibration(shift, log_factor, tail, np.asarray(center), np.asarray(width))
        scores = np.abs(normal_scores(_stretched(trial, used, x), truth))
        for t in range(len(TARGETS)):
            log_factor[t] += _quantile_fit(x, np.log(np.maximum(scores[:, t], 1e-3)), ONE_SIGMA, penalty)
    trial = Recalibration(shift, log_factor, tail, np.asarray(center), np.asarray(width))
    scores = np.abs(normal_scores(_stretched(trial, used, x), truth))
    for t in range(len(TARGETS)):
        one, two = (_upper_quantile(scores[:, t], p) for p in (ONE_SIGMA, TWO_SIGMA))
        log_factor[t, 0] += np.log(one)
        tail[t] = two / one / 2
    return Recalibration(shift, log_factor, tail, np.asarray(center, float), np.asarray(width, float))


def exact_overall(recalibration: Recalibration, answers: Mixture, labels: Floats) -> Recalibration:
    """The same with constants that make the overall coverage of both intervals exact.

    Parameters
    ----------
    answers : Mixture
        Of rows that are to be covered, each calibrated on others than its own galaxy: intervals fit the galaxies
        that they were learned from better than new ones.
    labels : (n, 2) float
        Of the same rows.
    """
    scores = np.abs(normal_scores(answers, labels))
    good = np.isfinite(scores).all(axis=1)
    log_factor, tail = np.array(recalibration.log_factor), np.ones(len(TARGETS))
    for t in range(len(TARGETS)):
        one, two = (_upper_quantile(scores[good, t], p) for p in (ONE_SIGMA, TWO_SIGMA))
        log_factor[t, 0] += np.log(one)
        tail[t] = max(two / one / 2, LEAST_TAIL)
    return replace(recalibration, log_factor=log_factor, tail=tail)


def recalibrate(recalibration: Recalibration, mixture: Mixture, seds: Scaled) -> Mixture:
    """The distributions that are reported."""
    x = circumstances(mixture, seds, recalibration.center, recalibration.width)
    return _stretched(recalibration, mixture, x)


def _stretched(recalibration: Recalibration, mixture: Mixture, x: Floats) -> Mixture:
    _, sigma, _ = moments(mixture)
    shift = sigma * np.clip(x @ recalibration.shift.T, -3, 3)
    return rescale(mixture, shift=shift, factor=np.exp(np.clip(x @ recalibration.log_factor.T, -2, 2)))


def normal_scores(mixture: Mixture, labels: Floats) -> Floats:
    """(n, 2) each label's place in its distribution, as the place in a normal one: Phi^-1 of the PIT."""
    tiny = ndtr(-LARGEST_SCORE)
    pit = np.stack([marginal_cdf(mixture, labels[:, t], t) for t in range(len(TARGETS))], axis=1)
    return np.asarray(ndtri(np.clip(pit, tiny, 1 - tiny)))


def calibrated_probabilities(recalibration: Recalibration, probabilities: Floats, target: int) -> Floats:
    """At which probability of the stretched mixture the quantile of each probability lies: tails are drawn out.

    Up to one sigma nothing changes; to two sigma the normal score is stretched more and more, up to ``tail``.
    """
    score = ndtri(np.asarray(probabilities, float))
    part = np.clip(np.abs(score) - 1, 0, 1)
    return np.asarray(ndtr(score * (1 + (recalibration.tail[target] - 1) * part)))


def pit_in_intervals(mixture: Mixture, labels: Floats, tail: Floats) -> Floats:
    """Probability integral transforms (n, 2) of labels in the intervals that are reported.

    The inverse of :func:`calibrated_probabilities`: a normal score s of the mixture lies at z of the intervals,
    ``abs(s) = z (1 + (tail - 1) (z - 1))`` between one and two sigma, s itself below, and ``s / tail`` above.

    Parameters
    ----------
    tail : (2,) or (n, 2) float
        Of the recalibration.
    """
    score = normal_scores(mixture, labels)
    distance, more = np.abs(score), np.asarray(tail) - 1
    root = np.sqrt(np.maximum((1 - more) ** 2 + 4 * more * distance, 0))
    between = 2 * distance / (1 - more + root)
    z = np.where(distance <= 1, distance, np.where(distance < 2 + 2 * more, between, distance / (1 + more)))
    return np.asarray(ndtr(np.sign(score) * z))


def _quantile_fit(x: Floats, y: Floats, probability: float, penalty: float) -> Floats:
    """Coefficients of the linear function below which y lies with ``probability``; ``penalty`` holds slopes back."""
    start = np.zeros(x.shape[1])
    start[0] = np.quantile(y, probability)

    def loss(theta: Floats) -> tuple[float, Floats]:
        off = y - x @ theta
        size = np.abs(off)
        soft = np.where(size < CORNER, off**2 / (2 * CORNER) + CORNER / 2, size)
        slope = np.where(size < CORNER, off / CORNER, np.sign(off))
        value = 0.5 * soft.mean() + (probability - 0.5) * off.mean() + 0.5 * penalty * (theta[1:] ** 2).sum()
        gradient = -(x * (0.5 * slope + probability - 0.5)[:, None]).mean(axis=0)
        gradient[1:] += penalty * theta[1:]
        return float(value), gradient

    found = minimize(loss, start, jac=True, method="L-BFGS-B")
    return np.asarray(found.x)


def _upper_quantile(values: Floats, probability: float) -> float:
    """The conformal quantile: rank ceil((n + 1) p)."""
    ordered = np.sort(values)
    return float(ordered[min(int(np.ceil((len(ordered) + 1) * probability)), len(ordered)) - 1])
