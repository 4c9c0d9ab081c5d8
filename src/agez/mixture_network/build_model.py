"""The model of a mixture network: its arrays, and the header that says what it was made of and for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import agez
from agez.mixture_network.mixture_model import MixtureNetwork
from agez.models.model import MIXTURE_SCHEMA, Model
from agez.targets import Target, header_of_targets
from agez.types import Bands, Floats

#: Value of the header's key ``kind``.
KIND = "posterior"
#: Tolerance at the ends of a model's redshift range.
REDSHIFT_TOLERANCE = 0.002


def build_model(
    network: MixtureNetwork,
    bands: Bands,
    *,
    targets: Sequence[Target],
    label_range: Floats,
    name: str,
    redshift_range: tuple[float, float],
    least_bands: int,
    least_snr: float,
    frame: str,
    main_targets: Sequence[str] | None = None,
    libraries: Sequence[str] = (),
    knows_unknown_redshift: bool = False,
    uses_redshift: bool = True,
    labels: Mapping[str, Any],
    training: Mapping[str, Any],
    calibration: Mapping[str, Any],
    scores: Mapping[str, Any],
) -> Model:
    """Assemble a model with its header.

    Parameters
    ----------
    targets : sequence of Target
        In the order of the distribution's dimensions.
    label_range : (2, d) float
        Lowest and highest of each label in training.
    redshift_range : (low, high)
        Of the redshifts that the model predicts.
    least_bands : int
        Rows with fewer have no prediction.
    least_snr : float
        Rows with a lower median signal-to-noise ratio are flagged.
    frame : 'rest' or 'observed'
    main_targets : sequence of str, optional
        Those that are predicted where no others are asked for; default: all.
    libraries : sequence of str
        Template libraries that the networks may be told of, in the order of their inputs.
    knows_unknown_redshift : bool
        Whether the networks were trained on rows of unknown redshift, too.
    uses_redshift : bool
        False: no row of the training had one, and none is asked for.
    labels, training, calibration, scores : mapping
        JSON-able, for the header.
    """
    header = {
        "schema": MIXTURE_SCHEMA,
        "kind": KIND,
        "version": agez.__version__,
        "name": name,
        **header_of_targets(targets),
        "members": len(network.members),
        "architecture": network.members[0].shape.to_dict(),
        "bands": bands.to_dict(),
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
        **({} if main_targets is None else {"main_targets": list(main_targets)}),
        **({"libraries": list(libraries)} if libraries else {}),
        **({"knows_unknown_redshift": True} if knows_unknown_redshift else {}),
        **({"most_redshift_err": network.most_redshift_err} if np.isfinite(network.most_redshift_err) else {}),
        **({"answers_at_found_redshift": True} if answers_at_found_redshift(network) else {}),
        **({} if network.finder is None else {"finder": _described(network.finder)}),
        **({} if uses_redshift else {"uses_redshift": False}),
    }
    return Model(network.to_arrays() | {"label_range": np.asarray(label_range)}, header)


def answers_at_found_redshift(network: MixtureNetwork) -> bool:
    """Whether the network for known redshifts answers at those that the other finds."""
    return network.of_unknown is not None and network.of_unknown.at_found is not None


def _described(finder: MixtureNetwork) -> dict[str, Any]:
    """What is read back with the arrays of a network that finds redshifts, the last of its targets."""
    return {"architecture": finder.members[0].shape.to_dict(), "n_targets": finder.n_targets}
