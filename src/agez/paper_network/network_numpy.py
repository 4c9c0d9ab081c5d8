"""The network's forward pass in numpy alone: what prediction uses, so that users need no JAX.

Liew-Cain et al. (2021, MNRAS 502, 1355): Conv1D, Conv1D, max pooling, dense, one linear output.  Here three matrix
products: bands to the padded output of the first layer, windows of that to the second layer by a block-Toeplitz matrix,
which makes ``OUTPUTS_PER_ROW`` neighbouring positions at once, and the dense layers.  The matrices are made once for
each network (:func:`prepare`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from agez.paper_network.architecture import Architecture
from agez.types import Floats

#: Neighbouring output positions made by one row of the second product.
OUTPUTS_PER_ROW = 4
#: Rows of one product: intermediates stay in the processor's cache.
TILE_ROWS = 256


@dataclass(frozen=True, eq=False)
class Prepared:
    """A network's parameters laid out as matrices."""

    parameters: Mapping[str, Floats]
    architecture: Architecture
    matrix1: Floats
    bias1: Floats
    matrix2: Floats
    n_blocks: int
    blocks_per_window: int
    n_pooled: int


def prepare(parameters: Mapping[str, Floats], architecture: Architecture, n_bands: int) -> Prepared:
    """Matrices of both convolutions, for SEDs of ``n_bands``."""
    kernel1, kernel2 = parameters["conv1_kernel"], parameters["conv2_kernel"]
    (width1, _, filters1), (width2, _, filters2) = kernel1.shape, kernel2.shape
    left1, left2 = (width1 - 1) // 2, (width2 - 1) // 2
    n_pooled = n_bands // architecture.pool
    n_blocks = -(-n_pooled * architecture.pool // OUTPUTS_PER_ROW)
    per_window = -(-(OUTPUTS_PER_ROW + width2 - 1) // OUTPUTS_PER_ROW)
    n_padded = (n_blocks + per_window - 1) * OUTPUTS_PER_ROW

    matrix1 = np.zeros((n_bands, n_padded, filters1), np.float32)
    bias1 = np.zeros((n_padded, filters1), np.float32)
    for position in range(min(n_bands, n_padded - left2)):
        for tap in range(width1):
            band = position + tap - left1
            if 0 <= band < n_bands:
                matrix1[band, position + left2] = kernel1[tap, 0]
        bias1[position + left2] = parameters["conv1_bias"]
    matrix2 = np.zeros((per_window * OUTPUTS_PER_ROW, filters1, OUTPUTS_PER_ROW, filters2), np.float32)
    for shift in range(OUTPUTS_PER_ROW):
        matrix2[shift : shift + width2, :, shift] = kernel2
    return Prepared(
        parameters, architecture, matrix1.reshape(n_bands, -1), bias1.reshape(-1),
        matrix2.reshape(-1, OUTPUTS_PER_ROW * filters2), n_blocks, per_window, n_pooled,
    )  # fmt: skip


def forward(parameters: Mapping[str, Floats], inputs: Floats, architecture: Architecture) -> Floats:
    """Outputs (n,) float32 of the network for normalised SEDs ``inputs`` (n, b), tile by tile."""
    return run(prepare(parameters, architecture, inputs.shape[1]), inputs)


def run(network: Prepared, inputs: Floats) -> Floats:
    """Outputs (n,) of a prepared network."""
    out = np.empty(len(inputs), np.float32)
    inputs = np.ascontiguousarray(inputs, np.float32)
    for start in range(0, len(inputs), TILE_ROWS):
        out[start : start + TILE_ROWS] = _tile(network, inputs[start : start + TILE_ROWS])
    return out


def _tile(network: Prepared, inputs: Floats) -> Floats:
    p, n, n_blocks, pool = network.parameters, len(inputs), network.n_blocks, network.architecture.pool
    x = inputs @ network.matrix1
    x += network.bias1
    np.maximum(x, 0.0, out=x)
    x = x.reshape(n, n_blocks + network.blocks_per_window - 1, -1)
    size = x.shape[2]
    windows = np.empty((n, n_blocks, network.blocks_per_window * size), np.float32)
    for i in range(network.blocks_per_window):
        windows[:, :, i * size : (i + 1) * size] = x[:, i : i + n_blocks]
    x = windows.reshape(n * n_blocks, -1) @ network.matrix2
    filters2 = len(p["conv2_bias"])
    x = x.reshape(n, n_blocks * OUTPUTS_PER_ROW, filters2)[:, : network.n_pooled * pool]
    x = x.reshape(n, network.n_pooled, pool, filters2)
    pooled = x[:, :, 0]
    for i in range(1, pool):
        pooled = np.maximum(pooled, x[:, :, i])
    # Bias and ReLU commute with the maximum.
    x = np.maximum(pooled + p["conv2_bias"], 0.0).reshape(n, -1)
    x = np.maximum(x @ p["dense_kernel"] + p["dense_bias"], 0.0)
    return np.asarray((x @ p["output_kernel"] + p["output_bias"])[:, 0])
