"""The gradient by hand against finite differences and jax.grad, and the loss against the mixture's own density."""

import numpy as np
import pytest

from agez.distributions.mixture import log_density
from agez.mixture_network.dense_trunk import MAX_LOG_PRECISION, PER_COMPONENT, Layers, forward, initial_parameters
from agez.mixture_network.mixture_model import mixture_of
from agez.training.mixture_gradient import loss_and_gradient, loss_and_raw_gradient

K = 3
LAYERS = Layers(7, (6, 5), K)


@pytest.fixture
def batch(rng):
    parameters = [(w.astype(float), b + 0.1 * rng.standard_normal(b.shape)) for w, b in initial_parameters(LAYERS, rng)]
    return parameters, rng.standard_normal((20, 7)), rng.standard_normal((20, 2))


def test_the_loss_is_the_negative_log_density_of_the_mixture(batch):
    parameters, inputs, target = batch
    raw = forward(parameters, inputs)
    loss, _ = loss_and_raw_gradient(raw, target, K)
    mean, std = np.array([9.0, -0.2]), np.array([0.5, 0.3])
    density = log_density(mixture_of(raw, K, mean, std), target * std + mean)
    np.testing.assert_allclose(loss, -density - np.log(2 * np.pi) - np.log(std).sum(), rtol=1e-9)
    assert loss_and_gradient(parameters, inputs, target, K)[0] == pytest.approx(loss.mean())


def test_the_raw_gradient_is_that_of_finite_differences(rng):
    raw, target = rng.normal(0, 1, (6, PER_COMPONENT * K)), rng.normal(0, 1, (6, 2))
    raw[0, 3 * K], raw[1, 4 * K] = MAX_LOG_PRECISION + 1, MAX_LOG_PRECISION + 1  # beyond the cut: flat
    target[0] += 1e-3
    _, gradient = loss_and_raw_gradient(raw, target, K)
    step = 1e-6
    for column in range(raw.shape[1]):
        up, down = raw.copy(), raw.copy()
        up[:, column] += step
        down[:, column] -= step
        slow = (loss_and_raw_gradient(up, target, K)[0] - loss_and_raw_gradient(down, target, K)[0]) / (2 * step)
        np.testing.assert_allclose(gradient[:, column], slow, rtol=1e-4, atol=1e-5, err_msg=str(column))
    assert gradient[0, 3 * K] == 0
    assert gradient[1, 4 * K] == 0


def test_the_gradient_of_every_weight_is_that_of_finite_differences(batch, rng):
    parameters, inputs, target = batch
    _, gradient = loss_and_gradient(parameters, inputs, target, K)
    for layer, pair in enumerate(parameters):
        for kind, values in enumerate(pair):
            for at in rng.integers(0, values.size, 6):
                flat = values.reshape(-1)
                kept, losses = flat[at], []
                for step in (1e-6, -1e-6):
                    flat[at] = kept + step
                    losses.append(loss_and_gradient(parameters, inputs, target, K)[0])
                flat[at] = kept
                slow = (losses[0] - losses[1]) / 2e-6
                assert gradient[layer][kind].reshape(-1)[at] == pytest.approx(slow, rel=2e-4, abs=1e-7)


def test_the_gradient_is_that_of_jax(batch):
    jax = pytest.importorskip("jax", reason="JAX is not installed: pip install 'agez[train]'")
    import jax.numpy as jnp
    from jax.scipy.special import logsumexp

    parameters, inputs, target = batch

    def loss(parameters):
        x = jnp.asarray(inputs, jnp.float32)
        for weight, bias in parameters[:-1]:
            x = jax.nn.relu(x @ weight + bias)
        raw = x @ parameters[-1][0] + parameters[-1][1]
        logit, m1, m2, la, lb, c = jnp.split(raw, PER_COMPONENT, axis=1)
        d1, d2 = target[:, :1] - m1, target[:, 1:] - m2
        squares = (jnp.exp(la) * d1) ** 2 + (c * d1 + jnp.exp(lb) * d2) ** 2
        return -logsumexp(jax.nn.log_softmax(logit) + la + lb - 0.5 * squares, axis=1).mean()

    as_float32 = [(jnp.asarray(w, jnp.float32), jnp.asarray(b, jnp.float32)) for w, b in parameters]
    with jax.default_matmul_precision("highest"):
        value, expected = jax.value_and_grad(loss)(as_float32)
    got_value, got = loss_and_gradient(parameters, inputs, target, K)
    assert got_value == pytest.approx(float(value), abs=1e-5)
    for pair, other in zip(got, expected, strict=True):
        for one, two in zip(pair, other, strict=True):
            np.testing.assert_allclose(one, np.asarray(two), rtol=1e-4, atol=1e-5)


def test_labels_far_away_give_finite_gradients():
    raw = np.zeros((4, PER_COMPONENT * K), np.float32)
    raw[:, 3 * K : 5 * K] = 6.9
    target = np.array([[0, 0], [50, 0], [0, -50], [30, 30]], np.float32)
    loss, gradient = loss_and_raw_gradient(raw, target, K)
    assert np.isfinite(loss).all()
    assert np.isfinite(gradient).all()
    assert loss[1] > loss[0]
