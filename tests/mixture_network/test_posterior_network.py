"""The numpy network and its mixture against an independent implementation in JAX, and against integrals."""

import numpy as np
import pytest

from agez.distributions.mixture import log_density, moments
from agez.errors import AgezError
from agez.mixture_network.dense_trunk import MAX_LOG_PRECISION, PER_COMPONENT, Layers, forward, head, initial_parameters
from agez.mixture_network.mixture_model import mixture_of

MEAN, STD = np.array([9.3, -0.4]), np.array([0.6, 0.3])


@pytest.fixture(scope="module")
def network():
    layers = Layers(40, (32, 24, 16), 4)
    rng = np.random.default_rng(6)
    parameters = [
        (
            w + 0.05 * rng.standard_normal(w.shape).astype(np.float32),
            b + 0.1 * rng.standard_normal(b.shape).astype("f4"),
        )
        for w, b in initial_parameters(layers, rng)
    ]
    return layers, parameters


@pytest.fixture(scope="module")
def inputs():
    return np.random.default_rng(7).standard_normal((200, 40)).astype(np.float32)


def jax_answer(parameters, inputs, k):
    """Weights, means and covariances [dex] of the mixtures, in float64, one row at a time, by matrix inversion."""
    jax = pytest.importorskip("jax", reason="JAX is not installed: pip install 'agez[train]'")
    import jax.numpy as jnp

    def one(x):
        for weight, bias in parameters[:-1]:
            x = jax.nn.relu(jnp.asarray(weight, jnp.float32).T @ x + bias)
        weight, bias = parameters[-1]
        logit, m1, m2, la, lb, c = jnp.reshape(jnp.asarray(weight).T @ x + bias, (PER_COMPONENT, k))
        la, lb = jnp.minimum(la, MAX_LOG_PRECISION), jnp.minimum(lb, MAX_LOG_PRECISION)
        zero = jnp.zeros(k)
        factor = jnp.stack([jnp.stack([jnp.exp(la), zero], -1), jnp.stack([c, jnp.exp(lb)], -1)], -2)
        covariance = jnp.linalg.inv(jnp.swapaxes(factor, -1, -2) @ factor) * jnp.outer(STD, STD)
        mean = jnp.stack([m1, m2], -1) * STD + MEAN
        return jax.nn.softmax(logit), mean, covariance

    with jax.default_matmul_precision("highest"):
        return [np.asarray(part, float) for part in jax.jit(jax.vmap(one))(jnp.asarray(inputs))]


def test_the_numpy_predictor_agrees_with_jax_to_1e_5(network, inputs):
    layers, parameters = network
    weight, mean, covariance = jax_answer(parameters, inputs, layers.components)
    got = mixture_of(forward(parameters, inputs), layers.components, MEAN, STD)
    np.testing.assert_allclose(got.weights, weight, atol=1e-5)
    np.testing.assert_allclose(got.mean, mean, atol=1e-5)
    for part, (i, j) in enumerate([(0, 0), (0, 1), (1, 1)]):
        scale = np.sqrt(covariance[..., i, i] * covariance[..., j, j])
        assert np.abs((got.covariance[..., part] - covariance[..., i, j]) / scale).max() < 1e-4
        np.testing.assert_allclose(got.covariance[..., part], covariance[..., i, j], atol=1e-5)


def test_the_shipped_models_agree_with_jax_to_1e_5():
    """A real network: its weights are larger than made-up ones."""
    from agez.mixture_network.mixture_model import parts_of
    from agez.models.model_file import available_models, is_posterior, load_model

    models = [load_model(name) for name in available_models()]
    posterior = [model for model in models if is_posterior(model)]
    if not posterior:
        pytest.skip("no posterior model comes with this version")
    for model in posterior:
        for member in parts_of(model).members:
            x = np.random.default_rng(0).standard_normal((50, member.layers.inputs)).astype(np.float32)
            weight, mean, _ = jax_answer(member.parameters, x, member.layers.components)
            got = mixture_of(forward(member.parameters, x), member.layers.components, MEAN, STD)
            np.testing.assert_allclose(got.weights, weight, atol=1e-5)
            np.testing.assert_allclose(got.mean, mean, atol=1e-5)


def test_the_covariance_is_the_inverse_of_m_transposed_m(rng):
    k = 3
    raw = rng.normal(0, 1, (20, PER_COMPONENT * k))
    h = head(raw, k)
    got = mixture_of(raw, k, np.zeros(2), np.ones(2))
    for i in range(20):
        for j in range(k):
            m = np.array([[np.exp(h.la[i, j]), 0], [h.c[i, j], np.exp(h.lb[i, j])]])
            expected = np.linalg.inv(m.T @ m)
            assert got.covariance[i, j].tolist() == pytest.approx([expected[0, 0], expected[0, 1], expected[1, 1]])
            assert got.mean[i, j].tolist() == pytest.approx([h.m1[i, j], h.m2[i, j]])


def test_densities_integrate_to_one_on_a_grid(network, inputs):
    layers, parameters = network
    m = mixture_of(forward(parameters, inputs[:5]), layers.components, MEAN, STD)
    center, sigma, _ = moments(m)
    wide = 12 * max(sigma.max(), 0.1)
    side = np.linspace(-wide, wide, 601)
    age, mh = np.meshgrid(side, side, indexing="ij")
    for row in range(5):
        points = np.stack([age.ravel(), mh.ravel()], axis=1) + center[row]
        density = np.exp(log_density(m.take(np.full(len(points), row)), points))
        assert density.sum() * (side[1] - side[0]) ** 2 == pytest.approx(1, abs=2e-3)


def test_weights_sum_to_one_however_large_the_logits(rng):
    raw = np.concatenate([rng.normal(0, 1, (5, 12)), rng.normal(0, 300, (5, 12))]).astype(np.float32)
    h = head(raw, 2)
    np.testing.assert_allclose(np.exp(h.log_weight).sum(axis=1), 1, rtol=1e-5)
    assert (h.la <= MAX_LOG_PRECISION).all()
    assert (h.lb <= MAX_LOG_PRECISION).all()


def test_new_networks(rng):
    layers = Layers(30, (64, 32), 3)
    one, other = (initial_parameters(layers, np.random.default_rng(3)) for _ in range(2))
    assert [w.shape for w, _ in one] == [(30, 64), (64, 32), (32, 18)]
    for (w, b), (v, c) in zip(one, other, strict=True):
        np.testing.assert_array_equal(w, v)
        np.testing.assert_array_equal(b, c)
        assert w.dtype == b.dtype == np.float32
    # He et al. 2015: variance 2 / inputs
    assert one[0][0].std() == pytest.approx(np.sqrt(2 / 30), rel=0.05)
    m = mixture_of(forward(one, rng.standard_normal((300, 30)).astype("f4")), 3, np.zeros(2), np.ones(2))
    assert np.abs(m.weights - 1 / 3).max() < 0.25
    assert np.diff(m.mean[:, :, 0].mean(axis=0)).min() > 0.5  # components begin apart


def test_sizes():
    assert Layers.from_dict(Layers(5, (4,), 2).to_dict()) == Layers(5, (4,), 2)
    assert Layers(5, (4,), 2).sizes == (5, 4, 12)
    for bad in ((0, (4,), 2), (5, (), 2), (5, (4, 0), 2), (5, (4,), 0)):
        with pytest.raises(AgezError, match="must be at least 1"):
            Layers(*bad)
