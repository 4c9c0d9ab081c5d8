"""Training: reproducible, right on toys whose answer is known, and unharmed by wild inputs."""

import numpy as np
import pytest

from agez.distributions.mixture import moments
from agez.errors import AgezError
from agez.mixture_network.mixture_head import mixture_of
from agez.mixture_network.trunks import NetworkShape, forward, initial_parameters
from agez.training.mixture_fit import FitSettings, fit
from agez.training.mixture_loss import loss_and_raw_gradient

QUICK = FitSettings(steps=700, batch=128, learning_rate=5e-3)


class Toy:
    """Three inputs; targets by a function of inputs and generator, drawn anew each time."""

    def __init__(self, target, n=5000, seed=0):
        self.x = np.random.default_rng(seed).normal(size=(n, 3)).astype(np.float32)
        self.target = target

    def __len__(self):
        return len(self.x)

    def draw(self, rows, rng):
        x = self.x[rows]
        return x, self.target(x, rng).astype(np.float32)


def linear(x, rng):
    """Means x0 and (x0 - x1) / 2, errors of 0.2 and 0.1, correlated by 0.8."""
    e = rng.standard_normal((len(x), 2))
    return np.stack(
        [x[:, 0] + 0.2 * e[:, 0], 0.5 * (x[:, 0] - x[:, 1]) + 0.1 * (0.8 * e[:, 0] + 0.6 * e[:, 1])], axis=1
    )


def two_branches(x, rng):
    sign = rng.choice([-1.0, 1.0], len(x))
    return np.stack([sign + 0.1 * rng.standard_normal(len(x)), sign * x[:, 0]], axis=1) + 0.05 * rng.standard_normal(
        (len(x), 2)
    )


def answer(trained, shape, x):
    return mixture_of(forward(shape, trained.parameters, x), shape.components, np.zeros(2), np.ones(2))


def test_the_same_seed_gives_the_same_weights_bit_for_bit():
    shape = NetworkShape(3, (16,), 2)
    settings = FitSettings(steps=60, batch=32)
    one, other, third = (fit(Toy(linear), shape, settings, np.random.default_rng(s)) for s in (1, 1, 2))
    for key, array in one.parameters.items():
        np.testing.assert_array_equal(array, other.parameters[key])
    assert one.losses == other.losses
    assert (one.parameters["weight0"] != third.parameters["weight0"]).any()


@pytest.mark.parametrize("components", [1, 3])
def test_mean_error_and_correlation_of_a_linear_toy_come_out(components):
    shape = NetworkShape(3, (32, 16), components)
    trained = fit(Toy(linear), shape, QUICK, np.random.default_rng(1))
    x = np.random.default_rng(9).uniform(-1, 1, (400, 3)).astype(np.float32)
    mean, sigma, correlation = moments(answer(trained, shape, x))
    truth = np.stack([x[:, 0], 0.5 * (x[:, 0] - x[:, 1])], axis=1)
    assert np.sqrt(((mean - truth) ** 2).mean(axis=0)) == pytest.approx([0, 0], abs=0.06)
    assert np.median(sigma, axis=0) == pytest.approx([0.2, 0.1], rel=0.12)
    assert np.median(correlation) == pytest.approx(0.8, abs=0.08)
    assert trained.losses[-1] < trained.losses[0] - 0.5
    # no network can be better than the truth's own entropy
    entropy = 1 + np.log(0.2 * 0.1 * 0.6)
    assert entropy - 0.05 < trained.losses[-1] < entropy + 0.25


def test_two_peaks_are_found_where_there_are_two_and_one_gaussian_cannot():
    toy, losses = Toy(two_branches), {}
    for k in (1, 2):
        shape = NetworkShape(3, (32, 16), k)
        trained = fit(toy, shape, QUICK, np.random.default_rng(4))
        losses[k] = trained.losses[-1]
    assert losses[2] < losses[1] - 0.7
    x = np.array([[0.8, 0, 0], [-0.8, 0, 0]], np.float32)
    m = answer(trained, shape, x)
    order = np.argsort(m.mean[:, :, 0], axis=1)
    np.testing.assert_allclose(np.take_along_axis(m.mean[:, :, 0], order, 1), [[-1, 1], [-1, 1]], atol=0.15)
    np.testing.assert_allclose(np.take_along_axis(m.mean[:, :, 1], order, 1), [[-0.8, 0.8], [0.8, -0.8]], atol=0.2)
    assert m.weights == pytest.approx(np.full((2, 2), 0.5), abs=0.15)


def test_wild_inputs_and_labels_do_not_end_in_nan():
    def wild(x, rng):
        y = linear(x, rng)
        y[::7] *= 30
        return y

    toy = Toy(wild)
    toy.x[::11] *= 100
    toy.x[:, 2] = 0.0
    trained = fit(toy, NetworkShape(3, (16, 16), 3), FitSettings(300, 64, 1e-2), np.random.default_rng(0))
    assert all(np.isfinite(array).all() for array in trained.parameters.values())
    assert np.isfinite(trained.losses).all()


def test_it_goes_on_from_given_weights_and_leaves_them_alone():
    shape = NetworkShape(3, (16,), 2)
    start = initial_parameters(shape, np.random.default_rng(5))
    kept = {key: array.copy() for key, array in start.items()}
    trained = fit(Toy(linear), shape, FitSettings(1, 16, 1e-6), np.random.default_rng(0), start=start)
    for key, array in trained.parameters.items():
        np.testing.assert_array_equal(start[key], kept[key])
        np.testing.assert_allclose(array, kept[key], atol=1e-5)
    assert any((array != kept[key]).any() for key, array in trained.parameters.items())


def test_jax_takes_the_steps_that_are_taken_by_hand():
    pytest.importorskip("optax", reason="optax is not installed: pip install 'agez[train]'")
    shape, settings = NetworkShape(3, (16,), 2), FitSettings(steps=40, batch=64, weight_decay=0.1)
    by_hand, by_jax = (
        fit(Toy(linear), shape, settings, np.random.default_rng(1), by_jax=by_jax) for by_jax in (False, True)
    )
    for key, array in by_hand.parameters.items():
        np.testing.assert_allclose(array, by_jax.parameters[key], atol=2e-4, err_msg=key)
    np.testing.assert_allclose(by_hand.losses, by_jax.losses, rtol=1e-3)


def test_every_row_is_shown_once_before_any_is_shown_twice():
    seen = []

    class Counting(Toy):
        def draw(self, rows, rng):
            seen.append(rows)
            return super().draw(rows, rng)

    fit(Counting(linear, n=50), NetworkShape(3, (4,), 1), FitSettings(7, 20), np.random.default_rng(0))
    rows = np.concatenate(seen)
    assert len(rows) == 140
    for start in (0, 50):
        assert sorted(rows[start : start + 50]) == list(range(50))


def test_batches_larger_than_the_data():
    trained = fit(Toy(linear, n=5), NetworkShape(3, (4,), 1), FitSettings(250, 16), np.random.default_rng(0))
    assert np.isfinite(trained.losses).all()


def test_losses_are_those_of_other_rows():
    shape = NetworkShape(3, (16,), 2)
    trained = fit(Toy(linear), shape, QUICK, np.random.default_rng(1))
    x, y = Toy(linear, seed=3).draw(np.arange(2000), np.random.default_rng(0))
    loss, _ = loss_and_raw_gradient(forward(shape, trained.parameters, x), y, shape.components)
    assert loss.mean() == pytest.approx(trained.losses[-1], abs=0.25)


@pytest.mark.parametrize("bad", [{"steps": 0}, {"batch": 0}, {"learning_rate": 0.0}, {"learning_rate": float("nan")}])
def test_bad_settings(bad):
    with pytest.raises(AgezError, match="must be positive"):
        FitSettings(**bad)


def test_only_the_dense_trunk_has_its_gradient_by_hand():
    shape = NetworkShape(3, (16,), 2, trunk="another")
    with pytest.raises(AgezError, match=r"another.*leave by_jax out"):
        fit(Toy(linear), shape, FitSettings(1, 16), np.random.default_rng(0), start={"a": np.zeros(1)}, by_jax=False)
