"""A complete mixture network: ensemble, calibration and novelty score, as arrays of one file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agez.distributions.mixture import Mixture, combine
from agez.errors import AgezError
from agez.mixture_network.calibration import IntervalCalibration, calibrate, leading_calibration
from agez.mixture_network.mixture_head import mixture_of, outputs_of_leading
from agez.mixture_network.redshift_search import Search, search_redshift
from agez.mixture_network.trunks import (
    FURTHER,
    NetworkShape,
    Parameters,
    dense_layers,
    first_stage,
    forward,
    outputs_of_stages,
    second_stage,
)
from agez.models.feature_scaling import FeatureScaling
from agez.models.features import NormalisedPhotometry, features
from agez.models.model import Model
from agez.models.model_file import below
from agez.novelty.novelty_score import Novelty
from agez.targets import Target
from agez.types import Bools, Floats, Ints

#: With which names of arrays of the network for rows of unknown redshift begin.
OF_UNKNOWN = "unknown_redshift."
#: The same of the network that finds redshifts.
FINDER = "finder."


@dataclass(frozen=True, eq=False)
class Network:
    """A network of the ensemble, with the scaling of its features and labels."""

    scaling: FeatureScaling
    shape: NetworkShape
    parameters: Parameters

    def answer(self, seds: NormalisedPhotometry, redshift: Floats, redshift_err: Floats) -> Mixture:
        """The distribution of each row, in the units of the targets."""
        raw = forward(self.shape, self.parameters, features(seds, redshift, redshift_err, self.scaling))
        return mixture_of(raw, self.shape.components, self.scaling.label_mean, self.scaling.label_std)


@dataclass(frozen=True, eq=False)
class MixtureNetwork:
    """Everything that a prediction needs: ensemble, calibration of its intervals, and novelty score."""

    members: tuple[Network, ...]
    calibration: IntervalCalibration
    novelty: Novelty
    redshift_target: int | None = None  #: Which of the targets is the redshift.
    #: Answers rows of unknown redshift, and of larger errors than ``most_redshift_err``, in place of this one; it has
    #: the same targets and novelty score.
    of_unknown: MixtureNetwork | None = None
    most_redshift_err: float = np.inf
    #: Finds redshifts for rows of such redshifts where there is no ``of_unknown``; it has targets of its own.
    finder: MixtureNetwork | None = None
    #: False: answers as if redshifts were unknown are multiplied by the given ones.
    shown_redshifts: bool = True
    #: Of a network that is not shown redshifts: the one that answers at those that it finds.
    at_found: MixtureNetwork | None = None

    @property
    def n_targets(self) -> int:
        """Number of targets."""
        return self.members[0].shape.n_targets

    def uncalibrated(self, seds: NormalisedPhotometry, redshift: Floats, redshift_err: Floats) -> Mixture:
        """The mixture of the ensemble before calibration."""
        return ensemble(self.members, seds, redshift, redshift_err)

    def answer(self, seds: NormalisedPhotometry, redshift: Floats, redshift_err: Floats) -> Mixture:
        """The calibrated mixture."""
        mixture = calibrate(self.calibration, self.uncalibrated(seds, *self.shown(redshift, redshift_err)), seds)
        mixture = self.with_given(mixture, redshift, redshift_err)
        if self.at_found is not None:
            from agez.mixture_network.found_redshift import at_found  # broad redshifts alone

            return at_found(self, mixture, seds, redshift, redshift_err)
        if self.of_unknown is None:
            return mixture
        others = np.flatnonzero(self.for_others(redshift, redshift_err))
        if not others.size:
            return mixture
        some = seds.take(others)
        return mixture.with_rows(others, self.of_unknown.answer(some, redshift[others], redshift_err[others]))

    def shown(self, redshift: Floats, redshift_err: Floats) -> tuple[Floats, Floats]:
        """Redshifts and errors (n,) as the members see them."""
        if self.shown_redshifts:
            return redshift, redshift_err
        nothing = np.full(len(redshift), np.nan)
        return nothing, nothing

    def for_others(self, redshift: Floats, redshift_err: Floats) -> Bools:
        """(n,) rows that ``of_unknown`` answers, if there is one."""
        with np.errstate(invalid="ignore"):
            return np.asarray(np.isnan(redshift) | np.isposinf(redshift_err) | (redshift_err > self.most_redshift_err))

    def with_given(self, mixture: Mixture, redshift: Floats, redshift_err: Floats) -> Mixture:
        """Answers times given redshifts, where there are any and this network was not shown them."""
        if self.shown_redshifts or self.redshift_target is None or np.isnan(redshift).all():
            return mixture
        from agez.mixture_network.given_redshift import times_given  # broad redshifts alone

        limits = self.members[0].scaling.redshift_range
        return times_given(mixture, self.redshift_target, redshift, redshift_err, limits)

    def searched(self, mixture: Mixture, redshift: Floats, redshift_err: Floats) -> Search:
        """Redshifts and errors at which the novelty score looks for rows of these answers."""
        limits = self.members[0].scaling.redshift_range
        return search_redshift(mixture, self.redshift_target, redshift, redshift_err, limits)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Arrays of the model file."""
        out = self._own_arrays() | {f"typicality.{key}": array for key, array in self.novelty.to_arrays().items()}
        if self.of_unknown is not None:
            out |= {OF_UNKNOWN + key: array for key, array in self.of_unknown._own_arrays().items()}
        if self.finder is not None:
            out |= {FINDER + key: array for key, array in self.finder._own_arrays().items()}
        return out

    def _own_arrays(self) -> dict[str, NDArray[Any]]:
        """Arrays of networks and calibration."""
        out: dict[str, NDArray[Any]] = {}
        for number, member in enumerate(self.members):
            for key, array in member.scaling.to_arrays().items():
                out[f"member{number}.standard.{key}"] = array
            out |= {f"member{number}.{key}": array for key, array in member.parameters.items()}
        return out | {f"recalibration.{key}": array for key, array in self.calibration.to_arrays().items()}


def ensemble(
    members: Sequence[Network], seds: NormalisedPhotometry, redshift: Floats, redshift_err: Floats
) -> Mixture:  # fmt: skip
    """The combined distribution of several networks."""
    return combine([member.answer(seds, redshift, redshift_err) for member in members])


def leading(network: MixtureNetwork, p: int) -> MixtureNetwork:
    """The same network for its first ``p`` targets alone: its distribution without the others, at less work.

    M, the factor of the inverse covariance, is lower-triangular, and so is its inverse W: the covariance W W^T of the
    first ``p`` targets follows from the first ``p`` rows and columns of M.  The trunk's last layer need not compute the
    rest.  AgezError for a trunk other than the dense one.
    """
    shape, d = network.members[0].shape, network.n_targets
    if p == d:
        return network
    if shape.trunk != "dense" or not 0 < p < d:
        raise AgezError(f"{p} of {d} targets of the trunk {shape.trunk!r}: only the dense trunk answers for a part")
    members = [leading_member(member, p) for member in network.members]
    at, unknown = network.redshift_target, network.of_unknown
    return replace(
        network, members=tuple(members), calibration=leading_calibration(network.calibration, p),
        redshift_target=None if at is None or at >= p else at,
        of_unknown=None if unknown is None else leading(unknown, p),
        at_found=None if network.at_found is None else leading(network.at_found, p),
    )  # fmt: skip


def leading_member(member: Network, p: int) -> Network:
    """One network of the ensemble for its first ``p`` targets alone, of the dense trunk."""
    scaling = member.scaling
    scaling = replace(scaling, label_mean=scaling.label_mean[:p], label_std=scaling.label_std[:p])
    return Network(scaling, *_leading_stages(member.shape, member.parameters, p))


def _leading_stages(shape: NetworkShape, parameters: Parameters, p: int) -> tuple[NetworkShape, Parameters]:
    """The stages that the first ``p`` targets need, without the last layer's other outputs."""
    k, first = shape.components, shape.first.n_targets
    if p <= first:
        kept = outputs_of_leading(k, first, p)
        return replace(shape.first, n_targets=p), _with_outputs(first_stage(parameters), kept)
    own = replace(shape, n_targets=p)
    of_further = outputs_of_stages(shape)[1]
    kept = np.searchsorted(of_further, np.intersect1d(of_further, outputs_of_leading(k, shape.n_targets, p)))
    further = _with_outputs(second_stage(parameters), kept)
    return own, {**first_stage(parameters), **{FURTHER + name: array for name, array in further.items()}}


def _with_outputs(parameters: Parameters, kept: Ints) -> Parameters:
    """A dense trunk with some of its outputs."""
    last = len(dense_layers(parameters)) - 1
    weight, bias = (parameters[f"{kind}{last}"] for kind in ("weight", "bias"))
    return {**parameters, f"weight{last}": np.ascontiguousarray(weight[:, kept]), f"bias{last}": bias[kept]}


def network_of(model: Model) -> MixtureNetwork:
    """The network of a model, built once (:attr:`agez.models.model.Model.kind`)."""
    network: MixtureNetwork = model.kind.network
    return network


def read_network(model: Model) -> MixtureNetwork:
    """Build the network from the arrays of a model."""
    arrays, header = model.arrays, model.header
    shape = NetworkShape.from_dict(header["architecture"], n_targets=len(header["targets"]))
    novelty, at = Novelty.from_arrays(below(arrays, "typicality.")), redshift_target(model.targets)

    def own(
        arrays: Mapping[str, NDArray[Any]], count: int, shape: NetworkShape = shape, at: int | None = at
    ) -> MixtureNetwork:
        members = []
        for k in range(count):
            found = below(arrays, f"member{k}.")
            scaling = FeatureScaling.from_arrays(below(found, "standard."))
            members.append(Network(scaling, shape, {n: a for n, a in found.items() if not n.startswith("standard.")}))
        calibration = IntervalCalibration.from_arrays(below(arrays, "recalibration."))
        return MixtureNetwork(tuple(members), calibration, novelty, at)

    network, further = own(arrays, int(header["members"])), below(arrays, OF_UNKNOWN)
    if "finder" in header:
        n = int(header["finder"]["n_targets"])
        of_finder = NetworkShape.from_dict(header["finder"]["architecture"], n_targets=n)
        most = float(header["most_redshift_err"])
        finder = own(below(arrays, FINDER), 1, of_finder, n - 1)
        finder = replace(finder, shown_redshifts=False, most_redshift_err=most)
        return replace(network, finder=finder, most_redshift_err=most)
    if not further:
        return network
    at_found = network if header.get("answers_at_found_redshift") else None
    of_unknown = replace(own(further, 1), shown_redshifts=False, at_found=at_found)
    return replace(network, of_unknown=of_unknown, most_redshift_err=float(header.get("most_redshift_err", np.inf)))


def redshift_target(targets: Sequence[Target]) -> int | None:
    """Which of the targets is the redshift, learned as a departure from the given one."""
    return next((t for t, target in enumerate(targets) if target.scale == "redshift"), None)
