"""Trunks: the part of a network from features to raw outputs; a trunk is two functions registered under a name.

``initial`` makes the parameters and ``forward`` computes the raw outputs.  The first argument of ``forward`` is the
array module: numpy for predictions, jax.numpy for training.  The dense trunk has a hand-written gradient
(:mod:`agez.training.dense_gradient`), which is faster on a CPU; all others are differentiated by JAX
(:mod:`agez.training.jax_fit`).

Networks of many targets are best in two stages: a first trunk for the targets that matter most, and a second one for
the further targets, which sees the features and what the first has made of them.  The answer to the first targets is
then neither worse nor later for the others (Caruana 1997, Mach. Learn. 28, 41, describes when sharing helps and hurts).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from agez.arrays import Floats, Ints
from agez.errors import AgezError
from agez.mixture_network.mixture_head import n_outputs, outputs_of_leading, starting_outputs

#: Arrays of a trunk by name, as in the model file.
Parameters = dict[str, Floats]
#: With which names of arrays of a second stage begin.
FURTHER = "further."


@dataclass(frozen=True)
class NetworkShape:
    """Architecture of a network."""

    inputs: int  #: Features.
    hidden: tuple[int, ...] = (384, 384, 256)  #: Units of each hidden layer.
    components: int = 4  #: Gaussians of the mixture.
    n_targets: int = 2  #: Dimensions of the mixture.
    trunk: str = "dense"  #: Name in :data:`TRUNKS`.
    first_targets: int = 0  #: Targets of the first stage; 0: all, in one stage.
    further_hidden: tuple[int, ...] = ()  #: Units of each hidden layer of the second stage.

    def __post_init__(self) -> None:
        sizes = (self.inputs, self.components, self.n_targets, *self.hidden, *self.further_hidden)
        if min(sizes) < 1 or not self.hidden:
            raise AgezError(f"network {self}: every size must be at least 1, with one hidden layer or more")
        if bool(self.first_targets) != bool(self.further_hidden) or not 0 <= self.first_targets < self.n_targets:
            raise AgezError(f"network {self}: a second stage has hidden layers, and targets beyond first_targets")
        if self.first_targets and self.trunk != "dense":
            raise AgezError(f"network {self}: only the dense trunk has two stages")

    @property
    def outputs(self) -> int:
        """Raw outputs of the network."""
        return n_outputs(self.components, self.n_targets)

    @property
    def first(self) -> NetworkShape:
        """The first stage, as a network of its own."""
        return replace(self, n_targets=self.first_targets or self.n_targets, first_targets=0, further_hidden=())

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form; the number of targets is that of the header's ``targets``."""
        content: dict[str, Any] = {"inputs": self.inputs, "hidden": list(self.hidden), "components": self.components}
        if self.trunk != "dense":
            content["trunk"] = self.trunk
        if self.first_targets:
            content |= {"first_targets": self.first_targets, "further_hidden": list(self.further_hidden)}
        return content

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], *, n_targets: int = 2) -> NetworkShape:
        """The shape that :meth:`to_dict` described."""
        hidden, further = (tuple(int(n) for n in content.get(key, ())) for key in ("hidden", "further_hidden"))
        return cls(
            int(content["inputs"]), hidden, int(content["components"]), n_targets, str(content.get("trunk", "dense")),
            int(content.get("first_targets", 0)), further,
        )  # fmt: skip


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
    """Parameters of an untrained network; of one in two stages those of the first."""
    first = shape.first
    start = starting_outputs(first.components, first.n_targets)
    return trunk_of(first.trunk).initial(first, start, rng)


def initial_further(shape: NetworkShape, rng: np.random.Generator) -> Parameters:
    """Parameters of an untrained second stage: those of a dense trunk of its own."""
    start = starting_outputs(shape.components, shape.n_targets)[outputs_of_stages(shape)[1]]
    return _dense_parameters((shape.inputs + shape.hidden[-1], *shape.further_hidden, len(start)), start, rng)


def outputs_of_stages(shape: NetworkShape) -> tuple[Ints, Ints]:
    """Indices of the raw outputs that the first and the second stage give."""
    first = outputs_of_leading(shape.components, shape.n_targets, shape.first.n_targets)
    return first, np.setdiff1d(np.arange(shape.outputs), first)


def first_stage(parameters: Parameters) -> Parameters:
    """Arrays of the first stage alone."""
    return {name: array for name, array in parameters.items() if not name.startswith(FURTHER)}


def second_stage(parameters: Parameters) -> Parameters:
    """Arrays of the second stage, named as those of a trunk of its own."""
    return {name.removeprefix(FURTHER): array for name, array in parameters.items() if name.startswith(FURTHER)}


def forward(shape: NetworkShape, parameters: Parameters, features: Floats) -> Floats:
    """(n, outputs) raw outputs, float32."""
    if not shape.first_targets:
        return np.asarray(trunk_of(shape.trunk).forward(np, parameters, features))
    *_, hidden, first = activations(parameters, features)
    out = np.empty((len(features), shape.outputs), np.float32)
    of_first, of_further = outputs_of_stages(shape)
    out[:, of_first] = first
    out[:, of_further] = _dense_forward(np, second_stage(parameters), np.concatenate([features, hidden], axis=1))
    return out


def activations(parameters: Parameters, features: Floats) -> list[Floats]:
    """Features, the outputs of each hidden layer, and raw outputs of the dense trunk."""
    *hidden, (weight, bias) = dense_layers(parameters)
    out = [features]
    for own_weight, own_bias in hidden:
        x = out[-1] @ own_weight
        x += own_bias
        np.maximum(x, 0.0, out=x)
        out.append(x)
    return [*out, out[-1] @ weight + bias]


def dense_layers(parameters: Parameters) -> list[tuple[Floats, Floats]]:
    """Weight (inputs, units) and bias (units,) of each layer of the dense trunk, or of its first stage."""
    count = sum(name.startswith("weight") for name in parameters)
    return [(parameters[f"weight{k}"], parameters[f"bias{k}"]) for k in range(count)]


def _dense_initial(shape: NetworkShape, start: Floats, rng: np.random.Generator) -> Parameters:
    return _dense_parameters((shape.inputs, *shape.hidden, shape.outputs), start, rng)


def _dense_parameters(sizes: Sequence[int], start: Floats, rng: np.random.Generator) -> Parameters:
    """Normal weights of He et al. (2015, ICCV), zero biases; a small last layer."""
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
