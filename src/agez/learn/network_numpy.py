"""The network's forward pass in numpy alone: what prediction uses, so that users need no JAX."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from agez.learn.architecture import Architecture
from agez.types import Floats


def forward(parameters: Mapping[str, Floats], inputs: Floats, architecture: Architecture) -> Floats:
    """Outputs (n,) float32 of the network for normalised SEDs ``inputs`` (n, b).

    Agrees with :func:`agez.learn.network.forward` to float32 rounding.  Bias and ReLU of the
    second layer follow the pooling, with which they commute.
    """
    x = np.ascontiguousarray(inputs, np.float32)[:, :, None]
    n, n_bands, _ = x.shape
    kept = n_bands // architecture.pool * architecture.pool
    x = np.maximum(_convolve(x, parameters["conv1_kernel"], n_bands) + parameters["conv1_bias"], 0.0)
    x = _convolve(x, parameters["conv2_kernel"], kept)
    x = x.reshape(n, kept // architecture.pool, architecture.pool, -1).max(axis=2)
    x = np.maximum(x + parameters["conv2_bias"], 0.0).reshape(n, -1)
    x = np.maximum(x @ parameters["dense_kernel"] + parameters["dense_bias"], 0.0)
    return np.asarray((x @ parameters["output_kernel"] + parameters["output_bias"])[:, 0])


def _convolve(x: Floats, kernel: Floats, length: int) -> Floats:
    """First ``length`` positions of the 'same' correlation of x (n, b, in) with kernel (width, in, out)."""
    width, channels, filters = kernel.shape
    left = (width - 1) // 2
    padded = np.pad(x, ((0, 0), (left, width - 1 - left), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, width, axis=1)[:, :length]  # (n, length, in, width)
    rows = windows.transpose(0, 1, 3, 2).reshape(-1, width * channels)
    return np.asarray(rows @ kernel.reshape(-1, filters)).reshape(len(x), length, filters)
