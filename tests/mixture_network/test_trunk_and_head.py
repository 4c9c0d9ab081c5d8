"""Trunk and head against an independent implementation in JAX and against integrals; a trunk of one's own."""

import numpy as np
import pytest

from agez.distributions.mixture import log_density, moments
from agez.errors import AgezError
from agez.mixture_network import trunks
from agez.mixture_network.mixture_head import MAX_LOG_PRECISION, mixture_of, n_outputs, read_head
from agez.mixture_network.told_library import without_libraries
from agez.mixture_network.trunks import (
    NetworkShape,
    Trunk,
    first_stage,
    forward,
    initial_parameters,
    register_trunk,
)

MEAN, STD = np.array([9.3, -0.4, 1.0]), np.array([0.6, 0.3, 2.0])


def full(covariance, d):
    """(d, d) matrix of a lower triangle."""
    out = np.zeros((d, d))
    out[np.tril_indices(d)] = covariance
    return out + np.tril(out, -1).T


@pytest.fixture(scope="module", params=[1, 2, 3])
def network(request):
    shape = NetworkShape(40, (32, 24, 16), 4, request.param)
    rng = np.random.default_rng(6)
    parameters = {
        key: array + (0.05 * rng.standard_normal(array.shape)).astype(np.float32)
        for key, array in initial_parameters(shape, rng).items()
    }
    return shape, parameters


@pytest.fixture(scope="module")
def inputs():
    return np.random.default_rng(7).standard_normal((200, 40)).astype(np.float32)


def jax_answer(parameters, inputs, k, mean, std):
    """Weights, means and full covariances of the mixtures, in float64, by matrix inversion."""
    jax = pytest.importorskip("jax", reason="JAX is not installed: pip install 'agez[train]'")
    import jax.numpy as jnp

    d, layers = len(mean), len(parameters) // 2

    def one(x):
        for layer in range(layers):
            x = jnp.asarray(parameters[f"weight{layer}"]).T @ x + parameters[f"bias{layer}"]
            x = jax.nn.relu(x) if layer < layers - 1 else x
        blocks = jnp.reshape(x, (-1, k))
        factor = jnp.zeros((k, d, d))
        for i in range(d):
            diagonal = jnp.exp(jnp.minimum(blocks[1 + d + i], MAX_LOG_PRECISION))
            factor = factor.at[:, i, i].set(diagonal)
            for j in range(i):
                factor = factor.at[:, i, j].set(blocks[1 + 2 * d + i * (i - 1) // 2 + j])
        covariance = jnp.linalg.inv(jnp.swapaxes(factor, -1, -2) @ factor) * jnp.outer(std, std)
        return jax.nn.softmax(blocks[0]), blocks[1 : 1 + d].T * std + mean, covariance

    with jax.default_matmul_precision("highest"):
        return [np.asarray(part, float) for part in jax.jit(jax.vmap(one))(jnp.asarray(inputs))]


def test_numpy_agrees_with_jax_to_1e_5(network, inputs):
    shape, parameters = network
    d = shape.n_targets
    weight, mean, covariance = jax_answer(parameters, inputs, shape.components, MEAN[:d], STD[:d])
    got = mixture_of(forward(shape, parameters, inputs), shape.components, MEAN[:d], STD[:d])
    np.testing.assert_allclose(got.weights, weight, atol=1e-5)
    np.testing.assert_allclose(got.mean, mean, atol=2e-5)
    for part, (i, j) in enumerate(zip(*np.tril_indices(d), strict=True)):
        scale = np.sqrt(covariance[..., i, i] * covariance[..., j, j])
        assert np.abs((got.covariance[..., part] - covariance[..., i, j]) / scale).max() < 3e-4


def test_the_shipped_models_agree_with_jax_to_1e_5():
    """A real network: its weights are larger than made-up ones."""
    from agez.mixture_network.mixture_model import network_of
    from agez.models.model_file import available_models, load_model

    for name in available_models():
        model = load_model(name)
        assert model.gives_distribution
        for member in network_of(model).members:
            shape, parameters = member.shape.first, without_libraries(first_stage(member.parameters))
            x = np.random.default_rng(0).standard_normal((50, shape.inputs)).astype(np.float32)
            scaling = np.zeros(shape.n_targets), np.ones(shape.n_targets)
            weight, mean, _ = jax_answer(parameters, x, shape.components, *scaling)
            got = mixture_of(forward(shape, parameters, x), shape.components, *scaling)
            np.testing.assert_allclose(got.weights, weight, atol=1e-5)
            np.testing.assert_allclose(got.mean, mean, atol=1e-5)


@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_the_covariance_is_the_inverse_of_m_transposed_m(rng, d):
    k = 3
    raw = rng.normal(0, 1, (20, n_outputs(k, d)))
    head = read_head(raw, k, d)
    got = mixture_of(raw, k, np.zeros(d), np.ones(d))
    for i in range(20):
        for j in range(k):
            m = np.diag([np.exp(head.log_diagonal[i, t, j]) for t in range(d)])
            for t in range(d):
                for u in range(t):
                    m[t, u] = head.below[t][i, u, j]
            np.testing.assert_allclose(full(got.covariance[i, j], d), np.linalg.inv(m.T @ m), rtol=1e-8, atol=1e-8)
            np.testing.assert_array_equal(got.mean[i, j], head.mean[i, :, j])


def test_densities_integrate_to_one_on_a_grid(network, inputs):
    shape, parameters = network
    d = shape.n_targets
    if d > 2:
        pytest.skip("too many points for a grid")
    m = mixture_of(forward(shape, parameters, inputs[:5]), shape.components, MEAN[:d], STD[:d])
    center, sigma, _ = moments(m)
    wide = 12 * max(sigma.max(), 0.1)
    side = np.linspace(-wide, wide, 601)
    grid = np.stack([one.ravel() for one in np.meshgrid(*[side] * d, indexing="ij")], axis=1)
    for row in range(5):
        points = grid + center[row]
        density = np.exp(log_density(m.take(np.full(len(points), row)), points))
        assert density.sum() * (side[1] - side[0]) ** d == pytest.approx(1, abs=2e-3)


def test_weights_sum_to_one_however_large_the_logits(rng):
    raw = np.concatenate([rng.normal(0, 1, (5, 12)), rng.normal(0, 300, (5, 12))]).astype(np.float32)
    head = read_head(raw, 2, 2)
    np.testing.assert_allclose(np.exp(head.log_weight).sum(axis=1), 1, rtol=1e-5)
    assert (head.log_diagonal <= MAX_LOG_PRECISION).all()


def test_new_networks(rng):
    shape = NetworkShape(30, (64, 32), 3)
    one, other = (initial_parameters(shape, np.random.default_rng(3)) for _ in range(2))
    assert [one[f"weight{layer}"].shape for layer in range(3)] == [(30, 64), (64, 32), (32, 18)]
    for key, array in one.items():
        np.testing.assert_array_equal(array, other[key])
        assert array.dtype == np.float32
    # He et al. 2015: variance 2 / inputs
    assert one["weight0"].std() == pytest.approx(np.sqrt(2 / 30), rel=0.05)
    raw = forward(shape, one, rng.standard_normal((300, 30)).astype("f4"))
    m = mixture_of(raw, 3, np.zeros(2), np.ones(2))
    assert np.abs(m.weights - 1 / 3).max() < 0.25
    assert np.diff(m.mean[:, :, 0].mean(axis=0)).min() > 0.5  # components begin apart


def test_sizes():
    shape = NetworkShape(5, (4,), 2)
    assert NetworkShape.from_dict(shape.to_dict()) == shape
    assert shape.to_dict() == {"inputs": 5, "hidden": [4], "components": 2}
    assert shape.outputs == 12
    assert NetworkShape(5, (4,), 2, 3).outputs == 20
    for bad in ((0, (4,), 2), (5, (), 2), (5, (4, 0), 2), (5, (4,), 0), (5, (4,), 2, 0)):
        with pytest.raises(AgezError, match="must be at least 1"):
            NetworkShape(*bad)


def residual_initial(shape, start, rng):
    """Parameters of a residual trunk: one layer in, one block around which its input is added, one layer out."""
    units = shape.hidden[0]
    sizes = {"in": (shape.inputs, units), "block": (units, units), "out": (units, shape.outputs)}
    made = {key: (rng.standard_normal(size) / np.sqrt(size[0])).astype(np.float32) for key, size in sizes.items()}
    return {**made, "out": 0.1 * made["out"], "bias": start.astype(np.float32)}


def residual_forward(xp, parameters, features):
    x = xp.tanh(features @ parameters["in"])
    x = x + xp.tanh(x @ parameters["block"])
    return x @ parameters["out"] + parameters["bias"]


def test_a_trunk_is_two_functions(tmp_path, monkeypatch):
    """A trunk that agez does not know is trained on a sample by JAX, saved, loaded, and answers on both roads."""
    pytest.importorskip("optax", reason="optax is not installed: pip install 'agez[train]'")
    from made_up_sample import made_up_sample

    import agez
    from agez.mixture_network.mixture_model import network_of
    from agez.models.model_file import save_model
    from agez.models.predict import predict
    from agez.onnx.export_onnx import export_onnx
    from agez.training.learn_sample import learn_sample
    from agez.training.mixture_fit import FitSettings

    monkeypatch.setattr(trunks, "TRUNKS", dict(trunks.TRUNKS))
    register_trunk(Trunk("residual", residual_initial, residual_forward))
    sample = made_up_sample(800)
    learned = learn_sample(sample, settings=FitSettings(300, 128, 3e-3), members=1, trunk="residual", workers=1)
    assert learned.model.header["architecture"]["trunk"] == "residual"
    labels = np.stack([sample.labels.log_age_lw, sample.labels.mh_lw], axis=1)
    spread = np.abs(moments(learned.held_out)[0] - labels).mean(axis=0)
    assert (spread < 0.9 * np.abs(labels - labels.mean(axis=0)).mean(axis=0)).all()
    save_model(tmp_path / "m.safetensors", learned.model)
    loaded = agez.load_model(tmp_path / "m.safetensors")
    assert network_of(loaded).members[0].shape.trunk == "residual"
    answers = [predict(loaded, sample.photometry, compiled=compiled) for compiled in (False, True)]
    np.testing.assert_allclose(answers[0].mean, answers[1].mean, atol=1e-4)
    np.testing.assert_array_equal(answers[0].flags, answers[1].flags)
    with pytest.raises(AgezError, match="only networks with the dense trunk have an ONNX form, not 'residual'"):
        export_onnx(tmp_path / "m.onnx", loaded)
    trunks.TRUNKS.pop("residual")
    with pytest.raises(AgezError, match="network trunk 'residual' is unknown; there are dense"):
        agez.load_model(tmp_path / "m.safetensors").predict(sample.photometry)
