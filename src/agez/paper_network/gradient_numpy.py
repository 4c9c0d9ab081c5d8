"""The paper's network and its gradient in numpy, for training on CPUs: matrix products in memory allocated once.

A minibatch is too little work for a general framework to run near the machine's limit.  Here every step of it is
one of seven matrix products, or elementwise work on what is still in the processor's cache:

1. The first layer has one input channel: one product with a matrix from bands to (position, filter).
2. The second one is, for each position, a product of the kernel with a window of the first one's output; windows are
   overlapping views (strides), so nothing is copied, and positions that pooling leaves out are never computed.
3. The gradient with respect to the first layer's output is a convolution of the second one's gradient
   with the reversed kernel: again windows, of a zero-padded array.
4. The gradient of the first kernel is the sum along the diagonals of the gradient of its matrix: again a view.
5. Parameters and gradient are each one vector, so the optimiser works on two arrays.

Values and gradients agree with JAX's own convolution and gradient to float32 rounding; tests compare them.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.lib.stride_tricks import as_strided

from agez.paper_network.architecture import Architecture
from agez.types import Floats


class FlatParameters:
    """All parameters of a network in one float32 vector ``flat``; ``[name]`` is a view of it in its own shape."""

    def __init__(self, architecture: Architecture, n_bands: int) -> None:
        shapes = architecture.shapes(n_bands)
        sizes = [int(np.prod(shape)) for shape in shapes.values()]
        self.flat = np.zeros(sum(sizes), np.float32)
        parts = np.split(self.flat, np.cumsum(sizes)[:-1])
        self._views = {name: part.reshape(shapes[name]) for name, part in zip(shapes, parts, strict=True)}

    def __getitem__(self, name: str) -> Floats:
        return self._views[name]

    def set(self, values: Mapping[str, Floats]) -> None:
        """Copy ``values`` in."""
        for name, view in self._views.items():
            view[...] = values[name]

    def copy(self) -> dict[str, Floats]:
        """The parameters by name, in memory of their own."""
        return {name: view.copy() for name, view in self._views.items()}


class Layout:
    """Where the positions of both convolutions stand, and the kernels laid out as matrices.

    ``first`` is (bands, real positions x filters), ``second`` (window x filters, filters) and ``backward``
    the second for the way back.  :meth:`refresh` fills them from the parameters.
    """

    def __init__(self, parameters: FlatParameters, architecture: Architecture, n_bands: int) -> None:
        self.parameters, self.pool, self.n_bands = parameters, architecture.pool, n_bands
        (self.filters1, self.filters2), (self.width1, self.width2) = architecture.filters, architecture.widths
        self.n_pooled = n_bands // self.pool
        self.n_outputs = self.n_pooled * self.pool
        self.before1, self.before2 = (self.width1 - 1) // 2, (self.width2 - 1) // 2
        #: Positions of the first layer that any output sees; the other positions are its zero padding.
        self.n_real = min(n_bands, self.n_outputs + self.width2 - 1 - self.before2)
        self._padded_first, self.first, self._first_kernels = self.first_layer_memory()
        self.first_bias = np.zeros((self.n_real, self.filters1), np.float32)
        self.second = parameters["conv2_kernel"].reshape(-1, self.filters2)
        self.backward = np.zeros((self.width2 * self.filters2, self.filters1), np.float32)

    def first_layer_memory(self) -> tuple[Floats, Floats, Floats]:
        """Zeros for the first layer's matrix: with bands before and after, without, and its (position, tap) view."""
        row = self.n_real * self.filters1
        padded = np.zeros((self.n_bands + self.width1 - 1, row), np.float32)
        shape, strides = (self.n_real, self.width1, self.filters1), (4 * (row + self.filters1), 4 * row, 4)
        return padded, padded[self.before1 : self.before1 + self.n_bands], as_strided(padded, shape, strides)

    def refresh(self) -> None:
        """Make the matrices of the parameters as they are now (``second`` is a view of them)."""
        self._first_kernels[...] = self.parameters["conv1_kernel"][:, 0]
        self.first_bias[...] = self.parameters["conv1_bias"]
        reverse = self.parameters["conv2_kernel"][::-1].transpose(0, 2, 1)
        self.backward.reshape(reverse.shape)[...] = reverse


def _windows(rows: Floats, n: int, step: int, length: int) -> Floats:
    """(n, rows, length) overlapping views of each row, one every ``step`` numbers."""
    return as_strided(rows, (n, len(rows), length), (4 * step, rows.strides[0], 4))


class Tile:
    """The forward pass of a fixed number of SEDs at a time."""

    def __init__(self, layout: Layout, n_rows: int) -> None:
        self.layout = layout
        f1, f2, width2 = layout.filters1, layout.filters2, layout.width2
        padded = np.zeros((n_rows, (layout.n_outputs + width2 - 1) * f1), np.float32)
        self.hidden1 = padded[:, layout.before2 * f1 : (layout.before2 + layout.n_real) * f1]
        self.windows = _windows(padded, layout.n_outputs, f1, width2 * f1)
        # Positions come before SEDs here, so that pooling runs along memory.
        self.outputs = np.zeros((layout.n_outputs, n_rows, f2), np.float32)
        self.to_pool = self.outputs.reshape(layout.n_pooled, layout.pool, -1)
        self.highest = np.zeros((layout.n_pooled, n_rows * f2), np.float32)
        self.pooled: Floats = np.zeros((n_rows, layout.n_pooled, f2), np.float32)
        self.dense: Floats = np.zeros(0, np.float32)

    def forward(self, inputs: Floats) -> Floats:
        """Outputs (n,) for ``inputs`` (n, b); the layers' values stay for the gradient."""
        layout, p = self.layout, self.layout.parameters
        np.matmul(inputs, layout.first, out=self.hidden1)
        self.hidden1 += layout.first_bias.reshape(-1)
        np.maximum(self.hidden1, 0, out=self.hidden1)
        np.matmul(self.windows, layout.second, out=self.outputs)
        np.max(self.to_pool, axis=1, out=self.highest)
        # Bias and ReLU commute with the maximum.
        np.add(_swapped(self.highest, self.pooled), p["conv2_bias"], out=self.pooled)
        np.maximum(self.pooled, 0, out=self.pooled)
        self.dense = self.pooled.reshape(len(inputs), -1) @ p["dense_kernel"]
        self.dense += p["dense_bias"]
        np.maximum(self.dense, 0, out=self.dense)
        return np.asarray((self.dense @ p["output_kernel"])[:, 0] + p["output_bias"])


def _swapped(by_position: Floats, like: Floats) -> Floats:
    """(n, positions, filters) view, as ``like``, of (positions, n x filters)."""
    n, positions, filters = like.shape
    return by_position.reshape(positions, n, filters).transpose(1, 0, 2)


class GradientTile(Tile):
    """Forward and backward pass of a fixed number of SEDs at a time."""

    def __init__(self, layout: Layout, n_rows: int) -> None:
        super().__init__(layout, n_rows)
        f1, f2, width2 = layout.filters1, layout.filters2, layout.width2
        self.is_highest = np.zeros(self.to_pool.shape, bool)
        self.by_highest = np.zeros_like(self.highest)
        self.outputs_gradient = np.zeros_like(self.outputs)
        front = width2 - 1 - layout.before2
        padded = np.zeros((n_rows, max(layout.n_real + width2 - 1, front + layout.n_outputs), f2), np.float32)
        self.outputs_gradient_padded = padded[:, front : front + layout.n_outputs]
        self.back_windows = _windows(padded.reshape(n_rows, -1), layout.n_real, f2, width2 * f2)
        self.hidden1_gradient = np.zeros((n_rows, layout.n_real * f1), np.float32)
        self.hidden1_by_position = self.hidden1_gradient.reshape(n_rows, layout.n_real, f1).transpose(1, 0, 2)
        self.kernel2_gradients = np.zeros((layout.n_outputs, *layout.second.shape), np.float32)
        _, self.first_gradient, self.kernel1_gradients = layout.first_layer_memory()

    def gradient(self, inputs: Floats, target: Floats, gradient: FlatParameters) -> float:
        """Sum of squared errors of the rows; ``gradient`` is overwritten by that of their MEAN squared error."""
        layout, p, g, n = self.layout, self.layout.parameters, gradient, len(inputs)
        error = self.forward(inputs) - target
        flat = self.pooled.reshape(n, -1)
        by_output = (2 / n * error)[:, None]
        np.matmul(self.dense.T, by_output, out=g["output_kernel"])
        by_output.sum(0, out=g["output_bias"])
        by_dense = by_output @ p["output_kernel"].T
        by_dense *= self.dense > 0
        np.matmul(flat.T, by_dense, out=g["dense_kernel"])
        by_dense.sum(0, out=g["dense_bias"])
        by_pooled = by_dense @ p["dense_kernel"].T
        by_pooled *= flat > 0
        by_pooled = by_pooled.reshape(self.pooled.shape)
        by_pooled.sum((0, 1), out=g["conv2_bias"])
        _swapped(self.by_highest, self.pooled)[...] = by_pooled
        # Positions that share the maximum get all of the gradient each.  They do so where the layer before is zero
        # in all of them, and there nothing comes of it.
        np.equal(self.to_pool, self.highest[:, None], out=self.is_highest)
        np.multiply(self.is_highest, self.by_highest[:, None], out=self.outputs_gradient.reshape(self.to_pool.shape))
        np.matmul(self.windows.transpose(0, 2, 1), self.outputs_gradient, out=self.kernel2_gradients)
        self.kernel2_gradients.sum(0, out=g["conv2_kernel"].reshape(layout.second.shape))
        self.outputs_gradient_padded[...] = self.outputs_gradient.transpose(1, 0, 2)
        np.matmul(self.back_windows, layout.backward, out=self.hidden1_by_position)
        self.hidden1_gradient *= self.hidden1 > 0
        np.matmul(inputs.T, self.hidden1_gradient, out=self.first_gradient)
        self.kernel1_gradients.sum(0, out=g["conv1_kernel"][:, 0])
        self.hidden1_gradient.sum(0).reshape(layout.n_real, -1).sum(0, out=g["conv1_bias"])
        return float(error @ error)
