"""The network: a few dense layers from an SED to a mixture of Gaussians over age and metallicity.  Numpy only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from agez.errors import AgezError
from agez.types import Floats

#: Numbers of one component: weight, two means, and three of the factor of the inverse covariance.
PER_COMPONENT = 6
#: Largest log of one over the standard deviation, in units of the labels' own: a thousandth.
MAX_LOG_PRECISION = 7.0


@dataclass(frozen=True)
class Layers:
    """Sizes of a network.

    Attributes
    ----------
    inputs : int
    hidden : tuple of int
        Units of each hidden layer (ReLU).
    components : int
        Gaussians of the mixture.
    """

    inputs: int
    hidden: tuple[int, ...] = (384, 384, 256)
    components: int = 4

    def __post_init__(self) -> None:
        if min((self.inputs, self.components, *self.hidden)) < 1 or not self.hidden:
            raise AgezError(f"network {self}: every size must be at least 1, with one hidden layer or more")

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units from the input to the output."""
        return (self.inputs, *self.hidden, PER_COMPONENT * self.components)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return {"inputs": self.inputs, "hidden": list(self.hidden), "components": self.components}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Layers:
        """What :meth:`to_dict` described."""
        return cls(int(content["inputs"]), tuple(int(h) for h in content["hidden"]), int(content["components"]))


#: Weight (inputs, units) and bias (units,) of each layer.
Parameters = list[tuple[Floats, Floats]]


def initial_parameters(layers: Layers, rng: np.random.Generator) -> Parameters:
    """He et al. (2015, ICCV) normal weights, zero biases; a small last layer with components apart from each other."""
    sizes = layers.sizes
    out: Parameters = []
    for number, (before, after) in enumerate(pairwise(sizes)):
        last = number == len(sizes) - 2
        width = (0.1 if last else np.sqrt(2.0)) / np.sqrt(before)
        out.append(((width * rng.standard_normal((before, after))).astype(np.float32), np.zeros(after, np.float32)))
    bias = out[-1][1].reshape(PER_COMPONENT, layers.components)
    bias[1] = np.linspace(-1.0, 1.0, layers.components) if layers.components > 1 else 0.0
    return out


def forward(parameters: Parameters, inputs: Floats) -> Floats:
    """(n, 6 k) raw outputs of the network, float32: all logits, then all first means, and so on."""
    x = inputs
    for weight, bias in parameters[:-1]:
        x = x @ weight
        x += bias
        np.maximum(x, 0.0, out=x)
    weight, bias = parameters[-1]
    return np.asarray(x @ weight + bias)


class Head(NamedTuple):
    """The mixture in standardised labels; every array (n, k).

    ``log_weight``; means ``m1``, ``m2``; and the factor of the inverse covariance, M = [[exp(la), 0], [c, exp(lb)]],
    inverse covariance = M^T M.
    """

    log_weight: Floats
    m1: Floats
    m2: Floats
    la: Floats
    lb: Floats
    c: Floats


def head(raw: Floats, components: int) -> Head:
    """Read the raw outputs as a mixture: weights sum to one, precisions are at most exp(``MAX_LOG_PRECISION``)."""
    logit, m1, m2, la, lb, c = (raw[:, j * components : (j + 1) * components] for j in range(PER_COMPONENT))
    top = logit.max(axis=1, keepdims=True)
    log_weight = logit - (top + np.log(np.exp(logit - top).sum(axis=1, keepdims=True)))
    return Head(log_weight, m1, m2, np.minimum(la, MAX_LOG_PRECISION), np.minimum(lb, MAX_LOG_PRECISION), c)
