"""The paper's convolutional network in JAX, a peer of agez's own: a slow obvious form and a fast one.

Liew-Cain et al. (2021, MNRAS 502, 1355): Conv1D, Conv1D, max pooling, dense, one linear output.
Both forms compute the same function.

The fast form rests on three facts.

1. A convolution is a product with a block-Toeplitz matrix.  The second layer's input is cut into
   blocks of ``OUTPUTS_PER_ROW`` positions; a row of the product makes that many neighbouring
   output positions at once, which gives a matrix product large enough to run near the
   machine's limit where a convolution routine does not.
2. The first layer has one input channel, so one dense matrix from bands to (position, channel)
   is cheaper than any gathering; its columns are laid out so that the result already carries
   the zero padding that the second layer needs.
3. Adding a bias and ReLU commute with the maximum, so both are done after pooling, on
   fewer numbers; and positions that pooling leaves out are never computed.
"""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from agez.paper_network.architecture import Architecture

Parameters = Mapping[str, jax.Array]

#: Neighbouring output positions made by one row of the matrix product; 4 measured fastest on CPUs.
OUTPUTS_PER_ROW = 4


def forward_obvious(parameters: Parameters, inputs: jax.Array, architecture: Architecture) -> jax.Array:
    """The network as the paper draws it, by JAX's own convolution.

    Parameters
    ----------
    parameters : mapping
        As :func:`agez.paper_network.architecture.initial_parameters` makes them.
    inputs : (n, b)
        Normalised SEDs.

    Returns
    -------
    (n,) outputs
    """
    x = inputs[:, :, None]
    for layer in ("conv1", "conv2"):
        kernel = parameters[f"{layer}_kernel"]
        left = (kernel.shape[0] - 1) // 2
        x = jax.lax.conv_general_dilated(
            x, kernel, (1,), [(left, kernel.shape[0] - 1 - left)], dimension_numbers=("NWC", "WIO", "NWC")
        )
        x = jax.nn.relu(x + parameters[f"{layer}_bias"])
    pool = architecture.pool
    x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, pool, 1), (1, pool, 1), "VALID")
    return _dense_layers(parameters, x.reshape(len(x), -1))


def forward(parameters: Parameters, inputs: jax.Array, architecture: Architecture) -> jax.Array:
    """The same network, fast; arguments and result as :func:`forward_obvious`."""
    n, n_bands = inputs.shape
    kernel2 = parameters["conv2_kernel"]
    width2, filters1, filters2 = kernel2.shape
    left2 = (width2 - 1) // 2
    n_pooled = n_bands // architecture.pool
    n_blocks = -(-n_pooled * architecture.pool // OUTPUTS_PER_ROW)
    blocks_per_window = -(-(OUTPUTS_PER_ROW + width2 - 1) // OUTPUTS_PER_ROW)
    n_padded = (n_blocks + blocks_per_window - 1) * OUTPUTS_PER_ROW

    matrix1 = first_layer_matrix(parameters["conv1_kernel"], n_bands=n_bands, n_padded=n_padded, left=left2)
    real = np.zeros((n_padded, 1), np.float32)
    real[left2 : left2 + n_bands] = 1.0  # zero padding must stay zero: no bias there
    x = inputs @ matrix1.reshape(n_bands, -1) + (real * parameters["conv1_bias"]).reshape(-1)
    x = jax.nn.relu(x).reshape(n, n_blocks + blocks_per_window - 1, OUTPUTS_PER_ROW * filters1)

    windows = jnp.concatenate([x[:, i : i + n_blocks] for i in range(blocks_per_window)], axis=-1)
    matrix2 = block_toeplitz_matrix(kernel2, blocks_per_window=blocks_per_window)
    x = windows.reshape(n * n_blocks, -1) @ matrix2
    x = x.reshape(n, n_blocks * OUTPUTS_PER_ROW, filters2)[:, : n_pooled * architecture.pool]
    x = x.reshape(n, n_pooled, architecture.pool, filters2).max(axis=2)
    x = jax.nn.relu(x + parameters["conv2_bias"])
    return _dense_layers(parameters, x.reshape(n, -1))


def _dense_layers(parameters: Parameters, x: jax.Array) -> jax.Array:
    x = jax.nn.relu(x @ parameters["dense_kernel"] + parameters["dense_bias"])
    return (x @ parameters["output_kernel"] + parameters["output_bias"])[:, 0]


def first_layer_matrix(kernel: jax.Array, *, n_bands: int, n_padded: int, left: int) -> jax.Array:
    """(bands, padded positions, filters) matrix of a 'same' convolution of one channel.

    Output position ``o`` stands at padded position ``o + left``; padded positions outside
    the bands, and bands past the end of the padding, have zero columns.
    """
    width = kernel.shape[0]
    before = (width - 1) // 2
    offset = np.arange(n_bands)[:, None] - (np.arange(n_padded)[None, :] - left) + before
    position = np.arange(n_padded) - left
    inside = (offset >= 0) & (offset < width) & ((position >= 0) & (position < n_bands))[None, :]
    # A constant 0/1 tensor (band, position, tap) makes the gradient a matrix product as well.
    selector = (offset[..., None] == np.arange(width)) & inside[..., None]
    return jnp.tensordot(selector.astype(np.float32), kernel[:, 0, :], axes=1)


def block_toeplitz_matrix(kernel: jax.Array, *, blocks_per_window: int) -> jax.Array:
    """Shifted copies of a (width, in, out) kernel: (window position x in, OUTPUTS_PER_ROW x out)."""
    width, channels, filters = kernel.shape
    length = blocks_per_window * OUTPUTS_PER_ROW
    shifted = [jnp.pad(kernel, ((s, length - width - s), (0, 0), (0, 0))) for s in range(OUTPUTS_PER_ROW)]
    return jnp.stack(shifted, axis=2).reshape(length * channels, OUTPUTS_PER_ROW * filters)
