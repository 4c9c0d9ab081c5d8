"""The network in numpy against the obvious one in JAX, for odd sizes, and against a convolution by hand."""

import numpy as np
import pytest
from odd_networks import CASES

jax = pytest.importorskip("jax")
import jax_network  # noqa: E402

from agez.errors import AgezError  # noqa: E402
from agez.paper_network import network_numpy  # noqa: E402
from agez.paper_network.architecture import PAPER_ARCHITECTURES, Architecture, initial_parameters  # noqa: E402


def some_parameters(architecture, n_bands, rng):
    """Random weights with biases that are not zero."""
    parameters = initial_parameters(architecture, n_bands, rng)
    return {k: v + rng.normal(0, 0.1, v.shape).astype(np.float32) for k, v in parameters.items()}


@pytest.mark.parametrize(("architecture", "n_bands"), CASES)
def test_network_equals_the_obvious_one(architecture, n_bands, rng):
    parameters = some_parameters(architecture, n_bands, rng)
    x = rng.normal(size=(9, n_bands)).astype(np.float32)
    slow = jax.jit(jax_network.forward, static_argnums=2)(parameters, x, architecture)
    np.testing.assert_allclose(network_numpy.forward(parameters, x, architecture), slow, atol=2e-6)


def test_convolution_written_out_by_hand():
    """One filter of width 2 picks the next band ('same' padding is on the right); pool 2 takes the larger."""
    architecture = Architecture((1, 1), (2, 1), 2, 1)
    one = np.ones
    parameters = {
        "conv1_kernel": np.array([0.0, 1.0], np.float32).reshape(2, 1, 1), "conv1_bias": np.zeros(1, np.float32),
        "conv2_kernel": one((1, 1, 1), np.float32), "conv2_bias": np.zeros(1, np.float32),
        "dense_kernel": np.array([[1.0], [10.0]], np.float32), "dense_bias": np.zeros(1, np.float32),
        "output_kernel": one((1, 1), np.float32), "output_bias": np.array([0.5], np.float32),
    }  # fmt: skip
    x = np.array([[9.0, 2.0, 3.0, 4.0, 7.0]], np.float32)  # shifted: 2 3 4 7 0 -> pairs (2 3) (4 7), the fifth dropped
    for forward in (jax_network.forward, network_numpy.forward):
        assert float(forward(parameters, x, architecture)[0]) == 3 + 70 + 0.5


def test_architecture_round_trip_and_bad_sizes():
    for architecture in PAPER_ARCHITECTURES.values():
        assert Architecture.from_dict(architecture.to_dict()) == architecture
    with pytest.raises(AgezError, match="5 bands are fewer than the pooling length 8"):
        Architecture().shapes(5)
    with pytest.raises(AgezError, match="architecture"):
        Architecture(filters=(0, 8))


def test_initial_parameters_are_glorot(rng):
    parameters = initial_parameters(Architecture((64, 64), (8, 8), 2, 40), 34, rng)
    kernel = parameters["conv2_kernel"]
    limit = np.sqrt(6 / (8 * 128))
    assert np.abs(kernel).max() <= limit
    assert kernel.std() == pytest.approx(limit / np.sqrt(3), rel=0.02)
    assert not parameters["dense_bias"].any()
