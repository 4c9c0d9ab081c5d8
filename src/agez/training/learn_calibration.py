"""Fitting the calibration of distributions to rows that the networks have not seen.

On held-out rows the residuals in units of the predicted sigma tell how much too narrow the distributions are, and how
that depends on a row's signal-to-noise ratio, number of bands and answer.  Median and 68 % quantile of those residuals
are fitted by quantile regression (Koenker & Bassett 1978, Econometrica 46, 33), as conformalised quantile regression
does (Romano, Patterson & Candes 2019, NeurIPS 32), and a last factor makes the overall coverage of the held-out rows
exact (Vovk, Gammerman & Shafer 2005).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from agez.distributions.mixture import Mixture, each_marginal, moments
from agez.mixture_network.calibrated_scores import Censoring, normal_scores
from agez.mixture_network.calibration import (
    ONE_SIGMA,
    REFERENCE_TARGETS,
    TWO_SIGMA,
    IntervalCalibration,
    covariates,
    stretched,
)
from agez.models.features import NormalisedPhotometry
from agez.types import Bools, Floats

#: Lower bound of the tail factor: below, quantiles would lose their order.
LEAST_TAIL = 0.7
#: Penalty on every slope, in units of the loss of one row, divided by the number of galaxies: ten galaxies can shift an
#: interval as a whole, but not constrain its dependence on five covariates.
PENALTY = 1.0
#: Rounding of the corner of the quantile loss.
CORNER = 0.02


def learn_calibration(
    mixture: Mixture, labels: Floats, seds: NormalisedPhotometry, *, n_galaxies: int, center: Floats, width: Floats,
    blur: Floats | None = None, censoring: Censoring | None = None,
) -> IntervalCalibration:  # fmt: skip
    """Learn from rows of galaxies that the networks have not seen.

    Parameters
    ----------
    mixture : Mixture
        The networks' answers for ``n`` held-out rows.
    labels : (n, d) float
    seds : NormalisedPhotometry
        Of the same rows.
    n_galaxies : int
        That they come from: the fewer, the less may the stretching depend on covariates.
    center, width : (d,) float
        Of the labels.
    blur : (d,) float, optional
        Widths of the errors that labels had in training, which are to be taken out; default: none are.
    censoring : Censoring, optional
        Of the labels; default: all are exact.
    """
    d = labels.shape[1]
    blur = np.zeros(d) if blur is None else blur
    limits, places = censoring or Censoring(np.full(d, -np.inf), np.ones(len(labels)))
    mean, _, _ = moments(mixture)
    x = covariates(mixture, seds, center, width)
    good = np.isfinite(mean).all(axis=1) & np.isfinite(labels).all(axis=1)
    x, penalty = x[good], PENALTY / max(n_galaxies, 1)
    found = [
        _of_target(part, labels[good, t], x, penalty, blur[t], Censoring(limits[[t]], places[good]))
        for t, part in enumerate(each_marginal(mixture.take(np.flatnonzero(good))))
    ]
    shift, log_factor, tail = (np.array(column) for column in zip(*found, strict=True))
    return IntervalCalibration(shift, log_factor, tail, np.asarray(center, float), np.asarray(width, float), blur)


def _of_target(
    part: Mixture, truth: Floats, x: Floats, penalty: float, blur: float, censoring: Censoring
) -> tuple[Floats, Floats, float]:
    """Coefficients of shift and stretch, and the tail factor, of one target's distribution."""
    nothing = np.zeros((1, x.shape[1]))

    def scores(shift: Floats, log_factor: Floats) -> Floats:
        trial = IntervalCalibration(shift, log_factor, np.ones(1), np.zeros(1), np.ones(1), np.array([blur]))
        return normal_scores(stretched(trial, part, x), truth[:, None], censoring)[:, 0]

    # normal scores, not distances in sigma: between two peaks far apart the median of those is anywhere
    shift = _quantile_fit(x, scores(nothing, nothing), 0.5, penalty)[None]
    log_factor = nothing.copy()
    for _ in range(2):  # the second time on distributions that are nearly right: mixtures are not Gaussians
        size = np.abs(scores(shift, log_factor))
        log_factor[0] += _quantile_fit(x, np.log(np.maximum(size, 1e-3)), ONE_SIGMA, penalty)
    size = np.abs(scores(shift, log_factor))
    one, two = (_upper_quantile(size, p) for p in (ONE_SIGMA, TWO_SIGMA))
    log_factor[0, 0] += np.log(one)
    return shift[0], log_factor[0], two / one / 2


def of_reference(target: int, d: int) -> Bools:
    """(n_covariates,) which covariates the prediction of one of the reference targets enters."""
    r = min(d, REFERENCE_TARGETS)
    alone = [own for one in range(r) for own in (one == target,) * 2]
    products = [target in (j, i) for i in range(r) for j in range(i)]
    return np.array([False] * 4 + alone + products)


class Scored(NamedTuple):
    """Rows whose truth is known: normal scores (n, d) in calibrated distributions, and the covariates (n, c)."""

    scores: Floats
    covariates: Floats


class Widening(NamedTuple):
    """How distributions are widened: ln of the factor (d, c), and their tails (d,), NaN where they stay as they are."""

    log_factor: Floats
    tail: Floats


def widening(left_out: Sequence[Scored], *, redshift_target: int | None) -> Widening:
    """Learn by how much distributions must be wider for rows that follow none of the libraries of the training.

    68 and 95 % intervals are to hold as much of galaxies whose library was left out, as many of each library (groups
    left out: Roberts et al. 2017, Ecography 40, 913); of galaxies of known libraries they then hold a little more.  The
    factor depends on all covariates but those of the redshift, whose own intervals stay as they are.
    """
    each = min(len(one.scores) for one in left_out)
    scores, x = (
        np.concatenate(columns) for columns in zip(*([c[:each] for c in one] for one in left_out), strict=True)
    )
    d = scores.shape[1]
    if redshift_target is not None and redshift_target < REFERENCE_TARGETS:
        x = x * ~of_reference(redshift_target, d)
    good = np.isfinite(scores).all(axis=1)
    size, x = np.maximum(np.abs(scores[good]), 1e-3), x[good]
    log_factor, tail = np.zeros((d, x.shape[1])), np.full(d, np.nan)
    for t in range(d):
        if t == redshift_target:
            continue
        log_factor[t] = _quantile_fit(x, np.log(size[:, t]), ONE_SIGMA, PENALTY / len(size))
        rest = size[:, t] * np.exp(-x @ log_factor[t])
        one, two = (_upper_quantile(rest, p) for p in (ONE_SIGMA, TWO_SIGMA))
        log_factor[t, 0] += np.log(one)
        tail[t] = max(two / one / 2, LEAST_TAIL)
    return Widening(log_factor, tail)


def widened(calibration: IntervalCalibration, more: Widening) -> IntervalCalibration:
    """The same with wider distributions."""
    tail = np.where(np.isnan(more.tail), calibration.tail, more.tail)
    return replace(calibration, log_factor=calibration.log_factor + more.log_factor, tail=tail)


def exact_overall(calibration: IntervalCalibration, answers: Mixture, labels: Floats) -> IntervalCalibration:
    """The same with constants that make the overall coverage of both intervals exact.

    ``answers`` are of the rows of ``labels`` (n, d) that are to be covered, each calibrated on others than its own
    galaxy: intervals fit the galaxies that they were learned from better than new ones.
    """
    scores, d = np.abs(normal_scores(answers, labels)), answers.n_targets
    good = np.isfinite(scores).all(axis=1)
    log_factor, tail = np.array(calibration.log_factor), np.ones(d)
    for t in range(d):
        one, two = (_upper_quantile(scores[good, t], p) for p in (ONE_SIGMA, TWO_SIGMA))
        log_factor[t, 0] += np.log(one)
        tail[t] = max(two / one / 2, LEAST_TAIL)
    return replace(calibration, log_factor=log_factor, tail=tail)


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
