"""Trunks: the part of a network from features to raw outputs; a trunk is two functions registered under a name.

``initial`` makes the parameters and ``forward`` computes the raw outputs.  The first argument of ``forward`` is the
array module: numpy for predictions, jax.numpy for training.  The dense trunk has a hand-written gradient
(:mod:`agez.training.dense_gradient`), which is faster on a CPU; all others are differentiated by JAX
(:mod:`agez.training.jax_fit`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from agez.arrays import Floats
from agez.errors import AgezError
from agez.mixture_network.mixture_head import n_outputs, starting_outputs

#: Arrays of a trunk by name, as in the model file.
Parameters = dict[str, Floats]


@dataclass(frozen=True)
class NetworkShape:
    """Architecture of a network."""

    inputs: int  #: Features.
    hidden: tuple[int, ...] = (384, 384, 256)  #: Units of each hidden layer.
    components: int = 4  #: Gaussians of the mixture.
    n_targets: int = 2  #: Dimensions of the mixture.
    trunk: str = "dense"  #: Name in :data:`TRUNKS`.

    def __post_init__(self) -> None:
        if min((self.inputs, self.components, self.n_targets, *self.hidden)) < 1 or not self.hidden:
            raise AgezError(f"network {self}: every size must be at least 1, with one hidden layer or more")

    @property
    def outputs(self) -> int:
        """Raw outputs of the trunk."""
        return n_outputs(self.components, self.n_targets)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form; the number of targets is that of the header's ``targets``."""
        content: dict[str, Any] = {"inputs": self.inputs, "hidden": list(self.hidden), "components": self.components}
        return content if self.trunk == "dense" else {**content, "trunk": self.trunk}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], *, n_targets: int = 2) -> NetworkShape:
        """The shape that :meth:`to_dict` described."""
        hidden = tuple(int(units) for units in content["hidden"])
        trunk = str(content.get("trunk", "dense"))
        return cls(int(content["inputs"]), hidden, int(content["components"]), n_targets, trunk)


@dataclass(frozen=True)
class Trunk:
    """A trunk."""

    name: str
    #: ``initial(shape, start, rng)`` gives the parameters before training; ``start`` (outputs,) are the raw outputs of
    #: the untrained network, up to small random deviations.
    initial: Callable[[NetworkShape, Floats, np.random.Generator], Parameters]
    #: ``forward(xp, parameters, features)`` gives raw outputs (n, outputs) of features (n, inputs), float32; ``xp`` is
    #: numpy or jax.numpy.
    forward: Callable[[Any, Parameters, Any], Any]


def trunk_of(name: str) -> Trunk:
    """Look up a trunk by name; AgezError if it is unknown."""
    if name not in TRUNKS:
        raise AgezError(
            f"network trunk {name!r} is unknown; there are {', '.join(TRUNKS)}: register it, or install the version of "
            "agez or the package that it comes with"
        )
    return TRUNKS[name]


def register_trunk(trunk: Trunk) -> None:
    """Register a trunk for training and for loaded models."""
    TRUNKS[trunk.name] = trunk


def initial_parameters(shape: NetworkShape, rng: np.random.Generator) -> Parameters:
    """Parameters of an untrained network."""
    start = starting_outputs(shape.components, shape.n_targets)
    return trunk_of(shape.trunk).initial(shape, start, rng)


def forward(shape: NetworkShape, parameters: Parameters, features: Floats) -> Floats:
    """(n, outputs) raw outputs, float32."""
    return np.asarray(trunk_of(shape.trunk).forward(np, parameters, features))


def dense_layers(parameters: Parameters) -> list[tuple[Floats, Floats]]:
    """Weight (inputs, units) and bias (units,) of each layer of the dense trunk."""
    return [(parameters[f"weight{k}"], parameters[f"bias{k}"]) for k in range(len(parameters) // 2)]


def _dense_initial(shape: NetworkShape, start: Floats, rng: np.random.Generator) -> Parameters:
    """Normal weights of He et al. (2015, ICCV), zero biases; a small last layer."""
    sizes = (shape.inputs, *shape.hidden, shape.outputs)
    out: Parameters = {}
    for number, (before, after) in enumerate(pairwise(sizes)):
        last = number == len(sizes) - 2
        width = (0.1 if last else np.sqrt(2.0)) / np.sqrt(before)
        out[f"weight{number}"] = (width * rng.standard_normal((before, after))).astype(np.float32)
        out[f"bias{number}"] = start.astype(np.float32) if last else np.zeros(after, np.float32)
    return out


def _dense_forward(xp: Any, parameters: Parameters, features: Any) -> Any:
    """Dense layers with ReLU between them."""
    *hidden, (weight, bias) = dense_layers(parameters)
    x = features
    for own_weight, own_bias in hidden:
        x = xp.maximum(x @ own_weight + own_bias, 0.0)
    return x @ weight + bias


#: Registered trunks by name.
TRUNKS: dict[str, Trunk] = {"dense": Trunk("dense", _dense_initial, _dense_forward)}
