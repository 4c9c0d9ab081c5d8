"""Models of the paper's kind: one number from each network, with errors from a cross-validation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from agez.errors import AgezError
from agez.flags import Flag, set_flag
from agez.models.asked import Asked
from agez.models.model import Model
from agez.models.model_file import below
from agez.models.weak_bands import band_weights
from agez.paper_network.architecture import Architecture
from agez.paper_network.network_numpy import Prepared, prepare, run
from agez.paper_network.normalisation import Normalisation, NormalisedRows, filling_spread, normalise
from agez.types import Bools, Floats, Ints, Photometry, Prediction

#: Rows whose median signal-to-noise ratio over the bands is below this are flagged LOW_SNR: networks that were trained
#: on nearly noiseless photometry cannot tell noise, and the errors do not contain it.
MIN_BAND_SNR = 10.0


@dataclass(frozen=True, eq=False)
class Member:
    """One fold's part of a model: its normalisation and a network for each target."""

    normalisation: Normalisation
    networks: Mapping[str, Prepared]
    label_center: Floats
    label_scale: Floats


def members_of(model: Model) -> list[Member]:
    """The members of a model's ensemble."""
    header = model.header
    architectures = {target: Architecture.from_dict(header["architecture"][target]) for target in header["targets"]}
    out = []
    for number in range(int(header["folds"])):
        normalisation = Normalisation.from_arrays(below(model.arrays, f"fold{number}.normalisation."))
        networks = {
            target: prepare(below(model.arrays, f"fold{number}.{target}."), architectures[target], len(model.bands))
            for target in header["targets"]
        }
        center, scale = model.arrays["label_center"][number], model.arrays["label_scale"][number]
        out.append(Member(normalisation, networks, center, scale))
    return out


class PaperKind:
    """The paper's convolutional networks (:class:`agez.models.model.ModelKind`)."""

    word = "convolutional"
    gives_distribution = False
    onnx_module = "agez.onnx.onnx_convolutional"

    def __init__(self, model: Model) -> None:
        self.model = model
        self.network: list[Member] = members_of(model)

    def most_missing(self) -> int:
        """How many of the model's bands a row may lack."""
        return int(self.model.header["normalisation"]["max_missing"])

    def card_lines(self) -> list[str]:
        """Two sentences for the model card."""
        folds = self.model.header["folds"]
        return [
            f"The paper's networks, one for each of {folds} folds and each target.",
            "Rows may lack a few bands, which are filled.",
        ]

    def expected(self, photometry: Photometry) -> tuple[Floats, Floats]:
        """AgezError: these networks know no SEDs."""
        raise AgezError(
            f"model {self.model.name!r} is of the paper's kind, which does not say what fluxes it "
            "expects: zero points cannot be estimated with it; give --model another"
        )

    def answer(self, photometry: Photometry, *, compiled: bool = False, asked: Asked | None = None) -> Prediction:
        """Predict rows whose bands are the model's, in its order; no part is compiled, nothing hangs on distances."""
        wanted = (asked or Asked()).targets(self.model)
        photometry = _believed(photometry)
        model, header, members = self.model, self.model.header, self.network
        n, names = len(photometry), list(header["targets"])
        low, high = header["redshift_range"]
        tolerance = header["redshift_tolerance"]
        with np.errstate(invalid="ignore"):
            outside = (photometry.redshift < low - tolerance) | (photometry.redshift > high + tolerance)
        answers, variances = np.zeros((n, len(names))), np.zeros((n, len(names)))
        ood, flags, answered = np.zeros(n), np.array(photometry.flags, np.int32), ~outside
        for member in members:
            rows = normalise(member.normalisation, photometry.flux, photometry.covered, max_missing=self.most_missing())
            flags = row_flags(flags, rows)
            answered &= rows.usable
            ood += rows.ood / len(members)
            usable = np.flatnonzero(rows.usable)
            for t, target in enumerate(names):
                output = run(member.networks[target], rows.inputs[usable])
                answers[usable, t] += (output * member.label_scale[t] + member.label_center[t]) / len(members)
                spread = _variance_of_filling(member, rows, target) * member.label_scale[t] ** 2
                variances[:, t] += spread / len(members)
        flags = set_flag(flags, np.isnan(photometry.redshift), Flag.REDSHIFT_UNKNOWN)
        flags = set_flag(flags, outside, Flag.REDSHIFT_OUTSIDE_MODEL)
        flags = set_flag(flags, _signal_to_noise(photometry) < MIN_BAND_SNR, Flag.LOW_SNR)
        answers[~answered], ood[~answered] = np.nan, np.nan
        with np.errstate(invalid="ignore"):
            flags = set_flag(flags, ood > header["ood_threshold"], Flag.OUT_OF_DISTRIBUTION)
            flags = set_flag(flags, _out_of_range(model, answers), Flag.OUT_OF_RANGE)
        kept = [t for t, name in enumerate(names) if name in wanted]
        quantiles = [
            _quantiles(answers[:, t], variances[:, t], header["calibration"][target]) for t, target in enumerate(names)
        ]
        return Prediction(
            photometry.rows, tuple(model.targets[t] for t in kept), answers[:, kept],
            np.stack(quantiles, axis=1)[:, kept], ood, flags, {**photometry.meta, **model.answer_meta},
        )  # fmt: skip


def row_flags(flags: Ints, rows: NormalisedRows, index: Ints | slice = slice(None)) -> NDArray[np.int32]:
    """``flags`` with BAND_FILLED, TOO_FEW_BANDS and NO_DATA as the normalisation found them."""
    usable, too_few = rows.usable[index], rows.too_few[index]
    filled = usable & ~rows.present[index].all(axis=1)
    flags = set_flag(np.asarray(flags, np.int32), filled, Flag.BAND_FILLED)
    flags = set_flag(flags, too_few, Flag.TOO_FEW_BANDS)
    return set_flag(flags, ~usable & ~too_few, Flag.NO_DATA)


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


def _variance_of_filling(member: Member, rows: NormalisedRows, target: str) -> Floats:
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


def _quantiles(answer: Floats, variance: Floats, calibration: Mapping[str, float]) -> Floats:
    """(n, 3) the calibration's quantiles about an answer, widened by the variance of filling."""
    middle = answer + calibration["p50"]
    below = np.hypot(calibration["p50"] - calibration["p16"], np.sqrt(variance))
    above = np.hypot(calibration["p84"] - calibration["p50"], np.sqrt(variance))
    return np.stack([middle - below, middle, middle + above], axis=1)
