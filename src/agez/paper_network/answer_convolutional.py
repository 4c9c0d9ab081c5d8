"""Answers of models of the paper's kind: one number from each network, with errors from a cross-validation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from agez.flags import Flag, set_flag
from agez.mixture_network.weak_bands import band_weights
from agez.models.model_file import Member
from agez.paper_network import network_compiled, network_numpy
from agez.paper_network.cross_validation import row_flags
from agez.paper_network.network_numpy import Prepared
from agez.paper_network.normalisation import NormalisedRows, filling_spread, normalise
from agez.types import Bools, Floats, Model, Photometry, Prediction

#: Rows whose median signal-to-noise ratio over the bands is below this are flagged LOW_SNR: networks that have seen
#: nearly noiseless photometry know nothing of noise, and the errors do not contain it.
MIN_BAND_SNR = 10.0


def answer(model: Model, members: Sequence[Member], photometry: Photometry, *, compiled: bool = False) -> Prediction:
    """Predict rows whose bands are the model's, in its order; see :func:`agez.models.predict.predict`.

    ``members`` are the model's (:func:`agez.models.model_file.members_of`), prepared once for all chunks of rows.
    ``compiled`` runs the networks in compiled code, which is to float32 rounding the same.
    """
    photometry = _believed(photometry)
    run = network_compiled.run if compiled else network_numpy.run
    header = model.header
    n, targets = len(photometry), list(header["targets"])
    low, high = header["redshift_range"]
    tolerance = header["redshift_tolerance"]
    with np.errstate(invalid="ignore"):
        outside = (photometry.redshift < low - tolerance) | (photometry.redshift > high + tolerance)
    answers, variances = np.zeros((n, len(targets))), np.zeros((n, len(targets)))
    ood, flags, answered = np.zeros(n), np.array(photometry.flags, np.int32), ~outside
    limit = int(header["normalisation"]["max_missing"])
    for member in members:
        rows = normalise(member.normalisation, photometry.flux, photometry.covered, max_missing=limit)
        flags = row_flags(flags, rows)
        answered &= rows.usable
        ood += rows.ood / len(members)
        usable = np.flatnonzero(rows.usable)
        for t, target in enumerate(targets):
            output = run(member.networks[target], rows.inputs[usable])
            answers[usable, t] += (output * member.label_scale[t] + member.label_center[t]) / len(members)
            spread = _variance_of_filling(run, member, rows, target) * member.label_scale[t] ** 2
            variances[:, t] += spread / len(members)
    flags = set_flag(flags, np.isnan(photometry.redshift), Flag.REDSHIFT_UNKNOWN)
    flags = set_flag(flags, outside, Flag.REDSHIFT_OUTSIDE_MODEL)
    flags = set_flag(flags, np.isnan(photometry.redshift), Flag.REDSHIFT_UNKNOWN)
    flags = set_flag(flags, _signal_to_noise(photometry) < MIN_BAND_SNR, Flag.LOW_SNR)
    answers[~answered], ood[~answered] = np.nan, np.nan
    with np.errstate(invalid="ignore"):
        flags = set_flag(flags, ood > header["ood_threshold"], Flag.OUT_OF_DISTRIBUTION)
        flags = set_flag(flags, _out_of_range(model, answers), Flag.OUT_OF_RANGE)
    columns: dict[str, Any] = {}
    for t, target in enumerate(targets):
        columns.update(_with_errors(target, answers[:, t], variances[:, t], header["calibration"][target]))
    meta = {
        "model": header.get("name", ""),
        "version": header["version"],
        "ood_threshold": header["ood_threshold"],
        "labels": header["labels"],
    }
    return Prediction(rows=photometry.rows, ood=ood, flags=flags, meta={**photometry.meta, **meta}, **columns)


def _believed(photometry: Photometry) -> Photometry:
    """The same without bands whose errors say that they know nothing: networks are not shown errors.

    These are far noisier than the row's other bands, and than the networks can take.
    """
    weights = band_weights(photometry.flux, photometry.flux_err, photometry.covered)
    if weights is None:
        return photometry
    light = np.where(photometry.covered, np.abs(photometry.flux), 0.0)
    typical = light.sum(axis=1, keepdims=True) / np.maximum(photometry.covered.sum(axis=1, keepdims=True), 1)
    with np.errstate(invalid="ignore"):
        noisy = photometry.flux_err * MIN_BAND_SNR > typical
    covered = photometry.covered & ~((weights < 0.5) & noisy)
    flux, flux_err = (np.where(covered, part, np.nan) for part in (photometry.flux, photometry.flux_err))
    return replace(photometry, flux=flux, flux_err=flux_err, covered=covered)


def _variance_of_filling(
    run: Callable[[Prepared, Floats], Floats], member: Member, rows: NormalisedRows, target: str
) -> Floats:
    """(n,) variance of a network's output due to filled bands, by central differences along each spread.

    Predictions take the mean over members, which is that of a single network: on the wide side for their mean.
    """
    variance = np.zeros(len(rows.inputs))
    network = member.networks[target]
    for members, steps in filling_spread(member.normalisation, rows):
        for step in steps:
            up = run(network, rows.inputs[members] + step)
            down = run(network, rows.inputs[members] - step)
            variance[members] += ((up - down) / 2.0).astype(float) ** 2
    return variance


def _signal_to_noise(photometry: Photometry) -> Floats:
    """Median S/N over the bands (n,); infinite where no error is known."""
    known = photometry.covered & (photometry.flux_err > 0)
    snr = np.full(photometry.flux.shape, np.nan)
    np.divide(photometry.flux, photometry.flux_err, out=snr, where=known)
    snr[~known.any(axis=1)] = np.inf
    return np.asarray(np.nanmedian(snr, axis=1))


def _out_of_range(model: Model, answers: Floats) -> Bools:
    lowest, highest = model.arrays["label_range"].min(axis=(0, 1)), model.arrays["label_range"].max(axis=(0, 1))
    return np.asarray(((answers < lowest) | (answers > highest)).any(axis=1))


def _with_errors(target: str, answer: Floats, variance: Floats, calibration: dict[str, float]) -> dict[str, Floats]:
    """The columns of one target: the calibration's quantiles, widened by the variance of filling."""
    middle = answer + calibration["p50"]
    below = np.hypot(calibration["p50"] - calibration["p16"], np.sqrt(variance))
    above = np.hypot(calibration["p84"] - calibration["p50"], np.sqrt(variance))
    return {
        target: answer,
        f"{target}_err": np.where(np.isfinite(answer), (below + above) / 2, np.nan),
        f"{target}_p16": middle - below,
        f"{target}_p50": middle,
        f"{target}_p84": middle + above,
    }
