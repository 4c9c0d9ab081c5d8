"""A posterior model taken apart and put together: networks, calibration and typicality as arrays of one file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

import agez
from agez.distributions.mixture import Mixture, combine
from agez.mixture_network.calibration import Recalibration, recalibrate
from agez.mixture_network.dense_trunk import Layers, Parameters, forward, head
from agez.mixture_network.feature_scaling import Standard
from agez.mixture_network.features import Scaled, features
from agez.models.model_file import POSTERIOR_SCHEMA, below
from agez.novelty.novelty import Typicality
from agez.types import TARGETS, Bands, Floats, Model

#: What the header calls models of this kind.
KIND = "posterior"
#: Redshifts this near to a model's range are taken as inside it.
REDSHIFT_TOLERANCE = 0.002


@dataclass(frozen=True, eq=False)
class Member:
    """One network of the ensemble, with the means and widths that it was trained with."""

    standard: Standard
    layers: Layers
    parameters: Parameters

    def answer(self, seds: Scaled, redshift: Floats, redshift_err: Floats) -> Mixture:
        """What this network says of each row [dex]."""
        raw = forward(self.parameters, features(seds, redshift, redshift_err, self.standard))
        return mixture_of(raw, self.layers.components, self.standard.label_mean, self.standard.label_std)


@dataclass(frozen=True, eq=False)
class PosteriorParts:
    """All that answers a row: the ensemble, how its intervals are corrected, and what it takes as usual."""

    members: tuple[Member, ...]
    recalibration: Recalibration
    typicality: Typicality

    def uncalibrated(self, seds: Scaled, redshift: Floats, redshift_err: Floats) -> Mixture:
        """The ensemble's mixture as the networks give it."""
        return ensemble(self.members, seds, redshift, redshift_err)

    def answer(self, seds: Scaled, redshift: Floats, redshift_err: Floats) -> Mixture:
        """The mixture that is reported."""
        return recalibrate(self.recalibration, self.uncalibrated(seds, redshift, redshift_err), seds)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Arrays of the model file."""
        out: dict[str, NDArray[Any]] = {}
        for number, member in enumerate(self.members):
            for key, array in member.standard.to_arrays().items():
                out[f"member{number}.standard.{key}"] = array
            for layer, (weight, bias) in enumerate(member.parameters):
                out[f"member{number}.weight{layer}"], out[f"member{number}.bias{layer}"] = weight, bias
        out |= {f"recalibration.{key}": array for key, array in self.recalibration.to_arrays().items()}
        return out | {f"typicality.{key}": array for key, array in self.typicality.to_arrays().items()}


def mixture_of(raw: Floats, components: int, label_mean: Floats, label_std: Floats) -> Mixture:
    """The mixture [dex] that raw outputs of a network stand for.

    With M = [[a, 0], [c, b]] the inverse covariance is M^T M, so the covariance is M^-1 M^-T.
    """
    h = head(raw.astype(float), components)
    s1, s2 = np.exp(-h.la), np.exp(-h.lb)
    tilt = -h.c * s1 * s2
    covariance = np.stack([s1 * s1, tilt * s1, tilt * tilt + s2 * s2], axis=-1)
    sx, sy = label_std
    return Mixture(
        np.exp(h.log_weight),
        np.stack([h.m1 * sx + label_mean[0], h.m2 * sy + label_mean[1]], axis=-1),
        covariance * np.array([sx * sx, sx * sy, sy * sy]),
    )


def build_model(
    parts: PosteriorParts,
    bands: Bands,
    *,
    label_range: Floats,
    name: str,
    redshift_range: tuple[float, float],
    least_bands: int,
    least_snr: float,
    frame: str,
    labels: Mapping[str, Any],
    training: Mapping[str, Any],
    calibration: Mapping[str, Any],
    scores: Mapping[str, Any],
) -> Model:
    """The model that goes into a file.

    Parameters
    ----------
    label_range : (2, 2) float
        Lowest and highest of each label that was learned from.
    redshift_range : (low, high)
        At which rows are answered.
    least_bands : int
        Rows with fewer are not answered.
    least_snr : float
        Rows with a lower median signal-to-noise ratio are flagged.
    frame : 'rest' or 'observed'
    labels, training, calibration, scores : mapping
        JSON-able, for the header.
    """
    header = {
        "schema": POSTERIOR_SCHEMA,
        "kind": KIND,
        "version": agez.__version__,
        "name": name,
        "targets": list(TARGETS),
        "members": len(parts.members),
        "architecture": parts.members[0].layers.to_dict(),
        "bands": {key: value if isinstance(value, str) else list(value) for key, value in asdict(bands).items()},
        "frame": frame,
        "redshift_range": list(redshift_range),
        "redshift_tolerance": REDSHIFT_TOLERANCE,
        "least_bands": least_bands,
        "least_snr": least_snr,
        "ood_threshold": 1.0,
        "labels": dict(labels),
        "training": dict(training),
        "calibration": dict(calibration),
        "scores": dict(scores),
    }
    return Model(parts.to_arrays() | {"label_range": label_range}, header)


def parts_of(model: Model) -> PosteriorParts:
    """The parts of a posterior model; kept for the last few models, since rows come in chunks."""
    return _parts(_Same(model))


@dataclass(frozen=True)
class _Same:
    """A model by identity, so that it can be the key of a cache."""

    model: Model

    def __hash__(self) -> int:
        return id(self.model)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.model is self.model


@lru_cache(maxsize=8)
def _parts(same: _Same) -> PosteriorParts:
    arrays, header = same.model.arrays, same.model.header
    layers = Layers.from_dict(header["architecture"])
    members = tuple(_member(below(arrays, f"member{k}."), layers) for k in range(int(header["members"])))
    return PosteriorParts(
        members,
        Recalibration.from_arrays(below(arrays, "recalibration.")),
        Typicality.from_arrays(below(arrays, "typicality.")),
    )


def _member(arrays: Mapping[str, NDArray[Any]], layers: Layers) -> Member:
    parameters = [(arrays[f"weight{k}"], arrays[f"bias{k}"]) for k in range(len(layers.sizes) - 1)]
    return Member(Standard.from_arrays(below(arrays, "standard.")), layers, parameters)


def ensemble(members: Sequence[Member], seds: Scaled, redshift: Floats, redshift_err: Floats) -> Mixture:
    """What several networks say together."""
    return combine([member.answer(seds, redshift, redshift_err) for member in members])
