"""Gradients in numpy against JAX's, for odd sizes; optimisers against their equations; a training written out."""

from dataclasses import replace

import numpy as np
import odd_networks
import pytest

pytest.importorskip("jax")
import jax_network

from agez.errors import AgezError
from agez.paper_network import fit_numpy
from agez.paper_network.architecture import PAPER_ARCHITECTURES, Architecture, initial_parameters
from agez.paper_network.gradient_numpy import FlatParameters, GradientTile, Layout
from agez.paper_network.jobs import TrainingJob, TrainingSettings

#: Gradients of the smallest network, too.
CASES = [*odd_networks.CASES, (Architecture((3, 2), (1, 1), 1, 2), 3)]


@pytest.mark.parametrize(("architecture", "n_bands"), CASES)
def test_value_and_gradient_are_those_of_jax(architecture, n_bands, rng):
    values = initial_parameters(architecture, n_bands, rng)
    values = {k: v + rng.normal(0, 0.1, v.shape).astype(np.float32) for k, v in values.items()}
    parameters, gradient = FlatParameters(architecture, n_bands), FlatParameters(architecture, n_bands)
    parameters.set(values)
    layout = Layout(parameters, architecture, n_bands)
    layout.refresh()
    tile = GradientTile(layout, 9)
    value_and_gradient = jax_network.value_and_gradient(architecture)
    for _ in range(2):  # a tile is used again and again: nothing may stay behind
        x = rng.normal(size=(9, n_bands)).astype(np.float32)
        y = rng.normal(size=9).astype(np.float32)
        total = tile.gradient(x, y, gradient)
        value, expected = value_and_gradient(values, x, y)
        assert total / 9 == pytest.approx(float(value), rel=1e-5)
        for name in expected:
            np.testing.assert_allclose(gradient[name], expected[name], atol=1e-5, rtol=1e-5, err_msg=name)


def test_dead_filters_and_equal_positions(rng):
    """Where a whole window is zero, all positions are the largest: the gradient is JAX's all the same."""
    architecture, n_bands = Architecture((4, 4), (3, 4), 4, 5), 12
    values = initial_parameters(architecture, n_bands, rng)
    values["conv1_bias"] = np.full(4, -1.0, np.float32)
    values["conv2_bias"] = np.full(4, 0.5, np.float32)
    x = (rng.normal(size=(40, n_bands)) * (np.arange(n_bands) < 5)).astype(np.float32)
    y = rng.normal(size=40).astype(np.float32)
    parameters, gradient = FlatParameters(architecture, n_bands), FlatParameters(architecture, n_bands)
    parameters.set(values)
    layout = Layout(parameters, architecture, n_bands)
    layout.refresh()
    tile = GradientTile(layout, 40)
    tile.gradient(x, y, gradient)
    assert (tile.is_highest.sum(1) > 1).any()
    _, expected = jax_network.value_and_gradient(architecture)(values, x, y)
    for name in expected:
        np.testing.assert_allclose(gradient[name], expected[name], atol=1e-6, err_msg=name)


@pytest.mark.parametrize("name", ["rmsprop", "adam"])
def test_optimisers_follow_their_equations(name, rng):
    start = rng.normal(size=50).astype(np.float32)
    gradients = [(rng.normal(size=50) * 10.0 ** rng.uniform(-6, 2)).astype(np.float32) for _ in range(20)]
    rates = [1e-2 / (1 + step) for step in range(20)]
    ours, update = start.copy(), fit_numpy.make_update(name, 50)
    for n, (gradient, rate) in enumerate(zip(gradients, rates, strict=True), start=1):
        update(ours, gradient, rate)
        expected = jax_network.OPTIMIZERS[name](start, gradients[:n], rates[:n])
        np.testing.assert_allclose(ours, expected, atol=2e-6)


@pytest.mark.parametrize("optimizer", ["rmsprop", "adam"])
def test_a_training_is_the_one_written_out(optimizer, rng):
    x = rng.normal(size=(1500, 34)).astype(np.float32)
    y = (np.tanh(x[:, 3] - x[:, 4]) + 0.3 * x[:, 9]).astype(np.float32)
    settings = TrainingSettings(optimizer=optimizer, max_epochs=4, schedule="cosine")
    architecture = PAPER_ARCHITECTURES["mh_lw"]
    job = TrainingJob(x, y, np.arange(1000), np.arange(1000, 1500), architecture, settings, seed=4)
    ours, (after, train_mse, validation_mse) = fit_numpy.train_one(job), jax_network.train(job)
    np.testing.assert_allclose(ours.train_mse, train_mse, rtol=1e-3)
    np.testing.assert_allclose(ours.validation_mse, validation_mse, rtol=1e-3)
    parameters = after[ours.best_epoch]
    np.testing.assert_allclose(ours.parameters["output_kernel"], parameters["output_kernel"], atol=1e-3)
    with pytest.raises(AgezError, match="diverged"):
        fit_numpy.train_one(replace(job, settings=replace(settings, learning_rate=1e30)))
