"""Answers of models that give a distribution: what the columns of a prediction are made of."""

from __future__ import annotations

from typing import Any

import numpy as np

from agez.flags import Flag, set_flag
from agez.mixture_network.averaged_answers import averaged_answers
from agez.mixture_network.mixture_model import parts_of
from agez.mixture_network.redshift_inside import LEAST_ANSWERED, LEAST_TRUSTED, inside_redshift
from agez.mixture_network.row_answers import Answers, Seen, answers
from agez.mixture_network.weak_bands import band_weights
from agez.types import TARGETS, Model, Photometry, Prediction

#: Suffixes of the columns of quantiles, and their probabilities.
QUANTILES = {"p025": 0.025, "p16": 0.1586552539, "p50": 0.5, "p84": 0.8413447461, "p975": 0.975}


def answer(model: Model, photometry: Photometry, *, compiled: bool = False) -> Prediction:
    """Predict rows whose bands are the model's, in its order; see :func:`agez.models.predict.predict`.

    ``compiled``: by kernels that numba compiles, which must be there.
    """
    header = model.header
    inside = inside_redshift(
        photometry.redshift, photometry.redshift_err, header["redshift_range"],
        tolerance=float(header["redshift_tolerance"]),
    )  # fmt: skip
    least_bands = int(header["least_bands"])
    weights = band_weights(photometry.flux, photometry.flux_err, photometry.covered)
    covered = photometry.covered if weights is None else photometry.covered & (weights > 0)
    few = covered.sum(axis=1) < least_bands
    with np.errstate(invalid="ignore"):
        outside = inside.share < LEAST_ANSWERED
        doubtful = inside.share < LEAST_TRUSTED
    seen = Seen(
        photometry.flux, photometry.flux_err, covered, inside.redshift, inside.redshift_err, ~(outside | few)
    )  # fmt: skip
    parts, probabilities = parts_of(model), np.array(list(QUANTILES.values()))

    def run(rows: Seen) -> Answers:
        if compiled:
            from agez.mixture_network.compiled_answers import fast_answers

            return fast_answers(parts, rows, probabilities)
        return answers(parts, rows, probabilities)

    found = averaged_answers(parts, seen, weights, probabilities, least_bands=least_bands, run=run)
    flags = set_flag(np.array(photometry.flags, np.int32), doubtful, Flag.REDSHIFT_OUTSIDE_MODEL)
    flags = set_flag(flags, np.asarray((covered < photometry.covered).any(axis=1)), Flag.BAND_NOT_COVERED)
    flags = set_flag(flags, few, Flag.TOO_FEW_BANDS)
    flags = set_flag(flags, found.nothing & ~few, Flag.NO_DATA)
    flags = set_flag(flags, np.isnan(inside.redshift), Flag.REDSHIFT_UNKNOWN)
    flags = set_flag(flags, found.assumed, Flag.ERROR_ASSUMED)
    with np.errstate(invalid="ignore"):
        flags = set_flag(flags, found.snr < float(header["least_snr"]), Flag.LOW_SNR)
        flags = set_flag(flags, found.ood > float(header["ood_threshold"]), Flag.OUT_OF_DISTRIBUTION)
        low, high = model.arrays["label_range"]
        flags = set_flag(flags, ((found.mean < low) | (found.mean > high)).any(axis=1), Flag.OUT_OF_RANGE)
    return Prediction(
        rows=photometry.rows, ood=found.ood, flags=flags, correlation=found.correlation, chi2=found.chi2,
        chi2_nearest=found.nearest, redshift_inside=inside.share, mixture=found.mixture,
        meta={**photometry.meta, **model_meta(model)}, **_columns(found),
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


def _columns(found: Answers) -> dict[str, Any]:
    """Mean, quantiles and errors of both targets."""
    out: dict[str, Any] = {}
    for t, target in enumerate(TARGETS):
        out |= {f"{target}_{name}": found.quantiles[t, k] for k, name in enumerate(QUANTILES)}
        out[target] = found.mean[:, t]
        out[f"{target}_err"] = (out[f"{target}_p84"] - out[f"{target}_p16"]) / 2
    return out
