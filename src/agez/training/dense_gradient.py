"""The gradient of the dense trunk, by hand: on a CPU dense products are all that training costs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agez.mixture_network.trunks import NetworkShape, Parameters, activations, dense_layers, outputs_of_stages
from agez.training.mixture_loss import loss_and_raw_gradient
from agez.types import Floats


def loss_and_gradient(
    parameters: Parameters, inputs: Floats, target: Floats, components: int
) -> tuple[float, Parameters]:
    """Mean loss of a batch, and its gradient by every weight and bias."""
    *layers, raw = activations(parameters, inputs)
    loss, gradient = loss_and_raw_gradient(raw, target, components)
    return float(loss.mean()), _backward(parameters, layers, gradient / np.float32(len(inputs)))


def further_loss_and_gradient(
    further: Parameters, first: Parameters, inputs: Floats, target: Floats, shape: NetworkShape
) -> tuple[float, Parameters]:
    """Mean loss of a batch for all targets, and its gradient by the weights of the second stage alone.

    Parameters
    ----------
    further, first : Parameters
        Of the two stages, each named as a trunk of its own.
    inputs : (n, shape.inputs) float32
    target : (n, d) float
        Standardised labels.
    """
    *_, hidden, raw_first = activations(first, inputs)
    *layers, raw_further = activations(further, np.concatenate([inputs, hidden], axis=1))
    of_first, of_further = outputs_of_stages(shape)
    raw = np.empty((len(inputs), shape.outputs), raw_first.dtype)
    raw[:, of_first], raw[:, of_further] = raw_first, raw_further
    loss, gradient = loss_and_raw_gradient(raw, target, shape.components)
    back = gradient[:, of_further] / np.float32(len(inputs))
    return float(loss.mean()), _backward(further, layers, back)


def _backward(parameters: Parameters, layers: Sequence[Floats], back: Floats) -> Parameters:
    """Gradient by every weight and bias, given ``back``, that by the raw outputs."""
    out: Parameters = {}
    for number, (weight, _) in reversed(list(enumerate(dense_layers(parameters)))):
        out[f"weight{number}"], out[f"bias{number}"] = layers[number].T @ back, back.sum(axis=0)
        if number:
            back = back @ weight.T
            back *= layers[number] > 0
    return out
