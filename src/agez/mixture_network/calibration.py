"""Calibration of intervals: shift and stretch as functions of the noise, the bands and the prediction of a row.

A network's widths are right for galaxies like those of its training set, and too narrow for unseen ones.
:mod:`agez.training.learn_calibration` fits the correction to held-out rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

from agez.distributions.mixture import Mixture, moments, rescale
from agez.errors import AgezError
from agez.models.features import NormalisedPhotometry
from agez.types import Floats

#: Probabilities of the central intervals of one and of two standard deviations.
ONE_SIGMA, TWO_SIGMA = 0.6826894921, 0.9544997361
#: Shift and stretch of every target depend on the predictions of the first so many: age, metallicity, redshift.
REFERENCE_TARGETS = 3
#: Lower bound of the share of a variance that is left without that of the labels' errors in training.
LEAST_UNBLURRED = 0.05


@dataclass(frozen=True, eq=False)
class IntervalCalibration:
    """Shift and stretch of the distributions."""

    #: (d, n_covariates) Of each target, in units of each row's sigma: a linear function of its covariates.
    shift: Floats
    log_factor: Floats  #: (d, n_covariates) ln of the factor by which the distribution is stretched.
    tail: Floats  #: (d,) Ratio of the distance of the 2-sigma point to twice that of the 1-sigma point.
    #: center, width: (d,) Means and widths of the labels, which standardise predictions in the covariates.
    center: Floats
    width: Floats
    #: (d,) Width of the error that labels had in training, where it is taken out of the distributions; else 0.
    blur: Floats

    def to_arrays(self) -> dict[str, Floats]:
        """Arrays of the model file."""
        return {one.name: np.asarray(getattr(self, one.name)) for one in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> IntervalCalibration:
        """Inverse of :meth:`to_arrays`; in older files nothing is taken out."""
        arrays = {"blur": np.zeros(len(arrays["tail"])), **arrays}
        return cls(**{one.name: arrays[one.name] for one in fields(cls)})

    @classmethod
    def none(cls, center: Floats, width: Floats) -> IntervalCalibration:
        """The identity."""
        d = len(center)
        zero = np.zeros((d, n_covariates(d)))
        return cls(zero, zero, np.ones(d), np.asarray(center, float), np.asarray(width, float), np.zeros(d))


def n_covariates(d: int) -> int:
    """Number of covariates of a row with ``d`` targets."""
    r = min(d, REFERENCE_TARGETS)
    return 4 + 2 * r + r * (r - 1) // 2


def leading_calibration(calibration: IntervalCalibration, p: int) -> IntervalCalibration:
    """The calibration of the first ``p`` targets; of fewer than :data:`REFERENCE_TARGETS` only if there are no more.

    AgezError if shift and stretch of the ``p`` targets depend on others.
    """
    d = len(calibration.tail)
    if n_covariates(p) != n_covariates(d):
        raise AgezError(f"{p} of {d} targets: calibrated intervals depend on the first {min(d, REFERENCE_TARGETS)}")
    return IntervalCalibration(*(getattr(calibration, field.name)[:p] for field in fields(calibration)))


def signal_to_noise(seds: NormalisedPhotometry) -> Floats:
    """(n,) median signal-to-noise ratio over the observed bands; NaN without any."""
    ratio = np.where(seds.covered, seds.flux / seds.flux_err, np.nan)
    out = np.full(len(ratio), np.nan)
    some = seds.covered.any(axis=1)
    out[some] = np.nanmedian(ratio[some], axis=1)
    return out


def covariates(mixture: Mixture, seds: NormalisedPhotometry, center: Floats, width: Floats) -> Floats:
    """(n, n_covariates) bounded covariates of shift and stretch.

    A constant; log S/N and its square; the logarithm of the share of bands; the standardised predictions of the first
    :data:`REFERENCE_TARGETS` targets, their squares, and the products of two of them.
    """
    mean, _, _ = moments(mixture)
    snr = np.log10(np.clip(np.nan_to_num(signal_to_noise(seds), nan=1.0), 1.0, 300.0)) - 1.25
    bands = np.log10(np.maximum(seds.covered.mean(axis=1), 0.05)) + 0.3
    predicted = np.clip(np.nan_to_num((mean - center) / width), -2.5, 2.5).T[:REFERENCE_TARGETS]
    single = [column for value in predicted for column in (value, value**2 - 1)]
    products = [predicted[j] * predicted[i] for i in range(len(predicted)) for j in range(i)]
    return np.stack([np.ones(len(snr)), snr, snr**2, bands, *single, *products], axis=1)


def calibrate(calibration: IntervalCalibration, mixture: Mixture, seds: NormalisedPhotometry) -> Mixture:
    """The calibrated distributions."""
    x = covariates(mixture, seds, calibration.center, calibration.width)
    return stretched(calibration, mixture, x)


def stretched(calibration: IntervalCalibration, mixture: Mixture, x: Floats) -> Mixture:
    """The calibrated distributions, given the covariates."""
    _, sigma, _ = moments(mixture)
    share = 1 - (calibration.blur / np.maximum(sigma, np.finfo(float).tiny)) ** 2
    unblurred = np.sqrt(np.maximum(share, LEAST_UNBLURRED))
    shift = sigma * unblurred * np.clip(x @ calibration.shift.T, -3, 3)
    return rescale(mixture, shift=shift, factor=unblurred * np.exp(np.clip(x @ calibration.log_factor.T, -2, 2)))


def calibrated_probabilities(calibration: IntervalCalibration, probabilities: Floats, target: int) -> Floats:
    """Probability levels of the stretched mixture at which the calibrated quantiles lie, with longer tails.

    Up to one sigma nothing changes; up to two sigma the stretch of the normal score grows to ``tail``.
    """
    score = ndtri(np.asarray(probabilities, float))
    fraction = np.clip(np.abs(score) - 1, 0, 1)
    return np.asarray(ndtr(score * (1 + (calibration.tail[target] - 1) * fraction)))
