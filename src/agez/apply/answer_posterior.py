"""Answers of models that give a distribution: what the columns of a prediction are made of."""

from __future__ import annotations

from typing import Any

import numpy as np

from agez.flags import Flag, set_flag
from agez.posterior.inputs import scaled
from agez.posterior.marginals import quantiles
from agez.posterior.mixture import Mixture, moments
from agez.posterior.parts import PosteriorParts, parts_of
from agez.posterior.recalibration import calibrated_probabilities, signal_to_noise
from agez.posterior.typicality import score
from agez.types import TARGETS, Bools, Floats, Model, Photometry, Prediction

#: Suffixes of the columns of quantiles, and their probabilities.
QUANTILES = {"p025": 0.025, "p16": 0.1586552539, "p50": 0.5, "p84": 0.8413447461, "p975": 0.975}


def answer(model: Model, photometry: Photometry) -> Prediction:
    """Predict rows whose bands are the model's, in its order; see :func:`agez.apply.predict.predict`."""
    header, parts = model.header, parts_of(model)
    seds = scaled(photometry.flux, photometry.flux_err, photometry.covered)
    outside = _outside(photometry, header)
    few = photometry.covered.sum(axis=1) < int(header["least_bands"])
    nothing = ~(np.where(photometry.covered, photometry.flux, 0).sum(axis=1) > 0)
    answered = ~(outside | few | nothing)
    flags = set_flag(np.array(photometry.flags, np.int32), outside, Flag.REDSHIFT_OUTSIDE_MODEL)
    flags = set_flag(flags, few, Flag.TOO_FEW_BANDS)
    flags = set_flag(flags, nothing & ~few, Flag.NO_DATA)
    flags = set_flag(flags, np.isnan(photometry.redshift), Flag.REDSHIFT_UNKNOWN)
    flags = set_flag(flags, seds.assumed, Flag.ERROR_ASSUMED)
    with np.errstate(invalid="ignore"):
        flags = set_flag(flags, signal_to_noise(seds) < float(header["least_snr"]), Flag.LOW_SNR)
    mixture = _only(parts.answer(seds, photometry.redshift, photometry.redshift_err), answered)
    found = score(parts.typicality, seds, photometry.redshift, photometry.redshift_err)
    mean, _, correlation = moments(mixture)
    ood, chi2, nearest = (np.where(answered, one, np.nan) for one in (found.ood, found.chi2, found.nearest))
    with np.errstate(invalid="ignore"):
        flags = set_flag(flags, ood > float(header["ood_threshold"]), Flag.OUT_OF_DISTRIBUTION)
        low, high = model.arrays["label_range"]
        flags = set_flag(flags, ((mean < low) | (mean > high)).any(axis=1), Flag.OUT_OF_RANGE)
    return Prediction(
        rows=photometry.rows, ood=ood, flags=flags, correlation=correlation, chi2=chi2, chi2_nearest=nearest,
        mixture=mixture, meta={**photometry.meta, **model_meta(model)}, **_columns(parts, mixture, mean),
    )  # fmt: skip


def model_meta(model: Model) -> dict[str, Any]:
    """What a prediction says of the model that made it."""
    header = model.header
    return {
        "model": header.get("name", ""),
        "version": header["version"],
        "ood_threshold": header["ood_threshold"],
        "labels": header["labels"],
    }


def _outside(photometry: Photometry, header: Any) -> Bools:
    """Rows whose redshift, within twice its error, is not in the model's range."""
    low, high = header["redshift_range"]
    slack = float(header["redshift_tolerance"]) + 2 * np.nan_to_num(photometry.redshift_err)
    with np.errstate(invalid="ignore"):
        return np.asarray((photometry.redshift < low - slack) | (photometry.redshift > high + slack))


def _only(mixture: Mixture, answered: Bools) -> Mixture:
    """The same with NaN in the rows that are not answered."""
    keep = np.where(answered, 1.0, np.nan)
    return Mixture(
        mixture.weights * keep[:, None], mixture.mean * keep[:, None, None], mixture.covariance * keep[:, None, None]
    )


def _columns(parts: PosteriorParts, mixture: Mixture, mean: Floats) -> dict[str, Any]:
    """Mean, quantiles and errors of both targets."""
    out: dict[str, Any] = {}
    for t, target in enumerate(TARGETS):
        levels = calibrated_probabilities(parts.recalibration, np.array(list(QUANTILES.values())), t)
        values = quantiles(mixture, levels, t)
        out |= {f"{target}_{name}": values[:, k] for k, name in enumerate(QUANTILES)}
        out[target] = mean[:, t]
        out[f"{target}_err"] = (out[f"{target}_p84"] - out[f"{target}_p16"]) / 2
    return out
