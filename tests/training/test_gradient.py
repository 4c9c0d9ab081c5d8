"""The gradient by hand against finite differences and jax.grad, and the loss against the mixture's own density."""

import numpy as np
import pytest

from agez.distributions.mixture import log_density
from agez.mixture_network.mixture_head import MAX_LOG_PRECISION, mixture_of, n_outputs
from agez.mixture_network.trunks import NetworkShape, forward, initial_parameters
from agez.training.dense_gradient import loss_and_gradient
from agez.training.mixture_loss import loss_and_raw_gradient

K = 3


@pytest.fixture(params=[1, 2, 3, 5])
def batch(request, rng):
    shape = NetworkShape(7, (6, 5), K, request.param)
    parameters = {
        key: array.astype(float) + (0.1 * rng.standard_normal(array.shape) if key.startswith("bias") else 0)
        for key, array in initial_parameters(shape, rng).items()
    }
    return shape, parameters, rng.standard_normal((20, 7)), rng.standard_normal((20, request.param))


def test_the_loss_is_the_negative_log_density_of_the_mixture(batch):
    shape, parameters, inputs, target = batch
    d = shape.n_targets
    raw = forward(shape, parameters, inputs)
    loss, _ = loss_and_raw_gradient(raw, target, K)
    mean, std = np.linspace(9.0, -0.2, d), np.linspace(0.5, 0.3, d)
    density = log_density(mixture_of(raw, K, mean, std), target * std + mean)
    np.testing.assert_allclose(loss, -density - 0.5 * d * np.log(2 * np.pi) - np.log(std).sum(), rtol=1e-9)
    assert loss_and_gradient(parameters, inputs, target, K)[0] == pytest.approx(loss.mean())


@pytest.mark.parametrize("d", [1, 2, 3])
def test_the_raw_gradient_is_that_of_finite_differences(rng, d):
    raw, target = rng.normal(0, 1, (6, n_outputs(K, d))), rng.normal(0, 1, (6, d))
    raw[0, (1 + d) * K], raw[1, 2 * d * K] = MAX_LOG_PRECISION + 1, MAX_LOG_PRECISION + 1  # beyond the cut: flat
    target[0] += 1e-3
    _, gradient = loss_and_raw_gradient(raw, target, K)
    step = 1e-6
    for column in range(raw.shape[1]):
        up, down = raw.copy(), raw.copy()
        up[:, column] += step
        down[:, column] -= step
        slow = (loss_and_raw_gradient(up, target, K)[0] - loss_and_raw_gradient(down, target, K)[0]) / (2 * step)
        np.testing.assert_allclose(gradient[:, column], slow, rtol=2e-4, atol=2e-4, err_msg=str(column))
    assert gradient[0, (1 + d) * K] == 0
    assert gradient[1, 2 * d * K] == 0


def test_the_gradient_of_every_weight_is_that_of_finite_differences(batch, rng):
    _, parameters, inputs, target = batch
    _, gradient = loss_and_gradient(parameters, inputs, target, K)
    assert gradient.keys() == parameters.keys()
    for key, values in parameters.items():
        for at in rng.integers(0, values.size, 6):
            flat = values.reshape(-1)
            kept, losses = flat[at], []
            for step in (1e-6, -1e-6):
                flat[at] = kept + step
                losses.append(loss_and_gradient(parameters, inputs, target, K)[0])
            flat[at] = kept
            slow = (losses[0] - losses[1]) / 2e-6
            assert gradient[key].reshape(-1)[at] == pytest.approx(slow, rel=2e-4, abs=1e-6)


def test_the_gradient_is_that_of_jax(batch):
    jax = pytest.importorskip("jax", reason="JAX is not installed: pip install 'agez[train]'")
    import jax.numpy as jnp

    from agez.training.jax_fit import log_density as jax_density

    shape, parameters, inputs, target = batch

    def loss(own):
        x = jnp.asarray(inputs, jnp.float32)
        for layer in range(2):
            x = jax.nn.relu(x @ own[f"weight{layer}"] + own[f"bias{layer}"])
        raw = x @ own["weight2"] + own["bias2"]
        return -jax_density(jnp, raw, jnp.asarray(target, jnp.float32), shape.components).mean()

    as_float32 = {key: jnp.asarray(array, jnp.float32) for key, array in parameters.items()}
    with jax.default_matmul_precision("highest"):
        value, expected = jax.value_and_grad(loss)(as_float32)
    got_value, got = loss_and_gradient(parameters, inputs, target, K)
    assert got_value == pytest.approx(float(value), abs=1e-4)
    for key, one in got.items():
        np.testing.assert_allclose(one, np.asarray(expected[key]), rtol=1e-3, atol=1e-4)


def test_labels_far_away_give_finite_gradients():
    raw = np.zeros((4, n_outputs(K, 2)), np.float32)
    raw[:, 3 * K : 5 * K] = 6.9
    target = np.array([[0, 0], [50, 0], [0, -50], [30, 30]], np.float32)
    loss, gradient = loss_and_raw_gradient(raw, target, K)
    assert np.isfinite(loss).all()
    assert np.isfinite(gradient).all()
    assert loss[1] > loss[0]
