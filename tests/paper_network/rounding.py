"""What rounding may do to a convolutional network's output in float32, whatever the order of its sums.

A sum of n products is computed with n roundings, each off by at most u, the unit roundoff, times a partial sum, and
so by u sum |w x|: together by gamma_n sum |w x| (Higham 2002, Accuracy and Stability of Numerical Algorithms,
sect. 3.1).  Roundings are of either sign and know nothing of each other: the standard deviation is at most
sqrt(n) u sum |w x| (Higham & Mary 2019, SIAM J. Sci. Comput. 41, A2815).  A layer hands on the variances of its inputs
by the squares of its weights; ReLU and maximum are 1-Lipschitz.  The bound that takes all roundings of all layers to
be of the worst sign is some fifty times this one, and would find no fault.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from agez.paper_network.network_numpy import Prepared

ROUNDOFF = 2.0**-24
#: Standard deviations that are allowed.
SIGMAS = 4.0


class Uncertain(NamedTuple):
    """Values in float64, and the largest variance that float32 may give them."""

    value: np.ndarray
    variance: np.ndarray

    def windows(self, low, high):
        """Some positions of (n, positions, channels), as one row each."""
        n, _, channels = self.value.shape
        return Uncertain(*(one[:, low:high].reshape(n, (high - low) * channels) for one in self))

    def relu(self):
        """Units that are surely off are surely zero."""
        off = self.value < -SIGMAS * np.sqrt(self.variance)
        return Uncertain(np.maximum(self.value, 0), np.where(off, 0, self.variance))

    def pooled(self, n_pooled, pool):
        """The maximum of each window, flat."""
        n, _, channels = self.value.shape
        shape = n, n_pooled, pool, channels
        each = (one[:, : n_pooled * pool].reshape(shape).max(axis=2) for one in self)
        return Uncertain(*(one.reshape(n, n_pooled * channels) for one in each))


def _layer(x, weights, bias):
    sizes = np.abs(x.value) @ np.abs(weights) + np.abs(bias)
    new = (len(weights) + 1) * (ROUNDOFF * sizes) ** 2
    return Uncertain(x.value @ weights + bias, x.variance @ weights**2 + new)


def _convolution(x, kernel, bias):
    """'Same' padding, the shorter side first; taps beyond the ends are left out."""
    width, n = len(kernel), x.value.shape[1]
    left, out = (width - 1) // 2, []
    for at in range(n):
        low, high = max(0, at - left), min(n, at - left + width)
        taps = kernel[low - at + left : high - at + left].reshape(-1, kernel.shape[2])
        out.append(_layer(x.windows(low, high), taps, bias))
    return Uncertain(np.stack([one.value for one in out], 1), np.stack([one.variance for one in out], 1))


def exact_outputs(network: Prepared, inputs: np.ndarray) -> Uncertain:
    """Outputs (n,) of a network in float64, and the variances that float32 may give them."""
    p = {name: np.asarray(array, float) for name, array in network.parameters.items()}
    x = Uncertain(inputs.astype(float)[:, :, None], np.zeros((*inputs.shape, 1)))
    x = _convolution(x, p["conv1_kernel"], p["conv1_bias"]).relu()
    x = _convolution(x, p["conv2_kernel"], p["conv2_bias"]).relu()
    x = x.pooled(network.n_pooled, network.architecture.pool)
    x = _layer(_layer(x, p["dense_kernel"], p["dense_bias"]).relu(), p["output_kernel"], p["output_bias"])
    return Uncertain(x.value[:, 0], x.variance[:, 0])
