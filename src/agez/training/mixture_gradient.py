"""The loss of a mixture network and its gradient, by hand: dense products are all that training costs."""

from __future__ import annotations

import numpy as np

from agez.mixture_network.dense_trunk import MAX_LOG_PRECISION, Parameters, head
from agez.types import Floats


def loss_and_raw_gradient(raw: Floats, target: Floats, components: int) -> tuple[Floats, Floats]:
    """Negative log density of each row's label under its mixture, and its gradient by the raw outputs.

    Parameters
    ----------
    raw : (n, 6 k) float
    target : (n, 2) float
        Standardised labels.

    Returns
    -------
    loss : (n,) float
        Bishop 1994 (Mixture Density Networks, Aston NCRG/94/004), with full covariances, without the constant log 2 pi.
    gradient : (n, 6 k) float
    """
    h = head(raw, components)
    a, b = np.exp(h.la), np.exp(h.lb)
    d1, d2 = target[:, :1] - h.m1, target[:, 1:] - h.m2
    u1, v = a * d1, b * d2
    u2 = h.c * d1 + v
    log_joint = h.log_weight + h.la + h.lb - 0.5 * (u1 * u1 + u2 * u2)
    top = log_joint.max(axis=1, keepdims=True)
    shares = np.exp(log_joint - top)
    total = shares.sum(axis=1, keepdims=True)
    r = shares / total
    loss = -(top + np.log(total))[:, 0]
    k = components
    gradient = np.empty_like(raw)
    gradient[:, :k] = np.exp(h.log_weight) - r
    gradient[:, k : 2 * k] = -r * (u1 * a + u2 * h.c)
    gradient[:, 2 * k : 3 * k] = -r * (u2 * b)
    gradient[:, 3 * k : 4 * k] = np.where(raw[:, 3 * k : 4 * k] < MAX_LOG_PRECISION, -r * (1 - u1 * u1), 0)
    gradient[:, 4 * k : 5 * k] = np.where(raw[:, 4 * k : 5 * k] < MAX_LOG_PRECISION, -r * (1 - u2 * v), 0)
    gradient[:, 5 * k :] = r * u2 * d1
    return loss, gradient


def loss_and_gradient(
    parameters: Parameters, inputs: Floats, target: Floats, components: int
) -> tuple[float, Parameters]:
    """Mean loss of a batch, and its gradient by every weight and bias."""
    activations = [inputs]
    for weight, bias in parameters[:-1]:
        x = activations[-1] @ weight
        x += bias
        np.maximum(x, 0.0, out=x)
        activations.append(x)
    weight, bias = parameters[-1]
    raw = activations[-1] @ weight + bias
    loss, gradient = loss_and_raw_gradient(raw, target, components)
    back = gradient / np.float32(len(inputs))
    out: Parameters = []
    for number in range(len(parameters) - 1, -1, -1):
        out.append((activations[number].T @ back, back.sum(axis=0)))
        if number:
            back = back @ parameters[number][0].T
            back *= activations[number] > 0
    return float(loss.mean()), out[::-1]
