"""The gradient of the dense trunk, by hand: on a CPU dense products are all that training costs."""

from __future__ import annotations

import numpy as np

from agez.mixture_network.trunks import Parameters, dense_layers
from agez.training.mixture_loss import loss_and_raw_gradient
from agez.types import Floats


def loss_and_gradient(
    parameters: Parameters, inputs: Floats, target: Floats, components: int
) -> tuple[float, Parameters]:
    """Mean loss of a batch, and its gradient by every weight and bias."""
    layers = dense_layers(parameters)
    activations = [inputs]
    for weight, bias in layers[:-1]:
        x = activations[-1] @ weight
        x += bias
        np.maximum(x, 0.0, out=x)
        activations.append(x)
    weight, bias = layers[-1]
    raw = activations[-1] @ weight + bias
    loss, gradient = loss_and_raw_gradient(raw, target, components)
    back = gradient / np.float32(len(inputs))
    out: Parameters = {}
    for number in range(len(layers) - 1, -1, -1):
        out[f"weight{number}"], out[f"bias{number}"] = activations[number].T @ back, back.sum(axis=0)
        if number:
            back = back @ layers[number][0].T
            back *= activations[number] > 0
    return float(loss.mean()), out
