"""Gradients in numpy against JAX's, for odd sizes; its optimisers against JAX's; a training against JAX's."""

from dataclasses import replace

import numpy as np
import odd_networks
import pytest

jax = pytest.importorskip("jax")
import jax.numpy as jnp  # noqa: E402

from agez.errors import AgezError  # noqa: E402
from agez.paper_network import fit, fit_numpy, network  # noqa: E402
from agez.paper_network.architecture import PAPER_ARCHITECTURES, Architecture, initial_parameters  # noqa: E402
from agez.paper_network.gradient_numpy import FlatParameters, GradientTile, Layout  # noqa: E402
from agez.paper_network.jobs import TrainingJob, TrainingSettings  # noqa: E402
from agez.paper_network.optimizers import make_optimizer  # noqa: E402

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
    value_and_gradient = jax.jit(
        jax.value_and_grad(lambda p, x, y: jnp.mean((network.forward_obvious(p, x, architecture) - y) ** 2))
    )
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
    expected = jax.grad(lambda p: jnp.mean((network.forward_obvious(p, x, architecture) - y) ** 2))(values)
    for name in expected:
        np.testing.assert_allclose(gradient[name], expected[name], atol=1e-6, err_msg=name)


@pytest.mark.parametrize("name", ["rmsprop", "adam"])
def test_optimisers_are_those_of_jax(name, rng):
    p = rng.normal(size=50).astype(np.float32)
    optimizer = make_optimizer(name)
    theirs, state, update = jnp.asarray(p), optimizer.initial(jnp.asarray(p)), fit_numpy.make_update(name, 50)
    for step in range(20):
        g = (rng.normal(size=50) * 10.0 ** rng.uniform(-6, 2)).astype(np.float32)
        rate = 1e-2 / (1 + step)
        theirs, state = optimizer.update(theirs, state, jnp.asarray(g), rate)
        update(p, g, rate)
        np.testing.assert_allclose(p, theirs, atol=2e-6)


@pytest.mark.parametrize("optimizer", ["rmsprop", "adam"])
def test_a_training_is_that_of_jax(optimizer, rng):
    x = rng.normal(size=(1500, 34)).astype(np.float32)
    y = (np.tanh(x[:, 3] - x[:, 4]) + 0.3 * x[:, 9]).astype(np.float32)
    settings = TrainingSettings(optimizer=optimizer, max_epochs=4, schedule="cosine")
    architecture = PAPER_ARCHITECTURES["mh_lw"]
    job = TrainingJob(x, y, np.arange(1000), np.arange(1000, 1500), architecture, settings, seed=4)
    ours, theirs = fit_numpy.train_one(job), fit.train_one(job)
    np.testing.assert_allclose(ours.train_mse, theirs.train_mse, rtol=1e-3)
    np.testing.assert_allclose(ours.validation_mse, theirs.validation_mse, rtol=1e-3)
    np.testing.assert_allclose(ours.parameters["output_kernel"], theirs.parameters["output_kernel"], atol=1e-3)
    with pytest.raises(AgezError, match="diverged"):
        fit_numpy.train_one(replace(job, settings=replace(settings, learning_rate=1e30)))
