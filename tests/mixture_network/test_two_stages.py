"""Networks in two stages, and networks that may be told the template library."""

from dataclasses import replace

import numpy as np
import pytest
from made_up_posterior import SURVEY, small_sky

from agez.errors import AgezError
from agez.mixture_network.mixture_head import outputs_of_leading
from agez.mixture_network.told_library import told_library, with_library_biases
from agez.mixture_network.trunks import (
    FURTHER,
    NetworkShape,
    forward,
    initial_further,
    initial_parameters,
    outputs_of_stages,
)
from agez.models.features import n_features
from agez.training.dense_gradient import further_loss_and_gradient
from agez.training.mixture_fit import FitSettings, fit, fit_stages
from agez.training.mixture_loss import loss_and_raw_gradient
from agez.training.sed_batches import LIBRARY_SHOWN, SedBatches, scaling_of_seds

SHAPE = NetworkShape(7, (6, 5), 3, 4, first_targets=2, further_hidden=(8,))


def parameters_of(shape, rng):
    first = {key: array.astype(float) for key, array in initial_parameters(shape, rng).items()}
    further = {
        key: array + 0.1 * rng.standard_normal(array.shape) for key, array in initial_further(shape, rng).items()
    }
    return first, further


def test_the_first_stage_does_not_know_of_the_second(rng):
    first, further = parameters_of(SHAPE, rng)
    features = rng.standard_normal((9, 7))
    whole = forward(SHAPE, first | {FURTHER + key: array for key, array in further.items()}, features)
    of_first, of_further = outputs_of_stages(SHAPE)
    np.testing.assert_allclose(whole[:, of_first], forward(SHAPE.first, first, features), rtol=1e-6)
    assert sorted([*of_first, *of_further]) == list(range(SHAPE.outputs))
    np.testing.assert_array_equal(of_first, outputs_of_leading(3, 4, 2))


def test_the_gradient_of_the_second_stage_is_that_of_finite_differences(rng):
    first, further = parameters_of(SHAPE, rng)
    inputs, target = rng.standard_normal((20, 7)), rng.standard_normal((20, 4))
    loss, gradient = further_loss_and_gradient(further, first, inputs, target, SHAPE)
    assert gradient.keys() == further.keys()
    raw = forward(SHAPE, first | {FURTHER + key: array for key, array in further.items()}, inputs)
    assert loss == pytest.approx(loss_and_raw_gradient(raw, target, 3)[0].mean(), rel=1e-5)
    for key, values in further.items():
        for at in rng.integers(0, values.size, 6):
            flat, losses = values.reshape(-1), []
            kept = flat[at]
            for step in (1e-5, -1e-5):
                flat[at] = kept + step
                losses.append(further_loss_and_gradient(further, first, inputs, target, SHAPE)[0])
            flat[at] = kept
            assert gradient[key].reshape(-1)[at] == pytest.approx((losses[0] - losses[1]) / 2e-5, rel=1e-3, abs=1e-6)


class Toy:
    """Labels that are noisy sums of the inputs."""

    def __len__(self):
        return 4000

    def draw(self, rows, rng):
        inputs = rng.standard_normal((len(rows), 7))
        noise = 0.3 * rng.standard_normal((len(rows), 4))
        return inputs.astype(np.float32), (inputs[:, :4] + inputs[:, 3:] + noise).astype(np.float32)


def test_training_in_stages_leaves_the_first_as_it_would_be_alone(rng):
    settings, heard = FitSettings(300, 64, 1e-2), []
    both = fit_stages(Toy(), SHAPE, settings, 400, np.random.default_rng(3), progress=heard.append)

    class First(Toy):
        def draw(self, rows, rng):
            inputs, labels = super().draw(rows, rng)
            return inputs, labels[:, :2]

    alone = fit(First(), SHAPE.first, settings, np.random.default_rng(3))
    for key, array in alone.parameters.items():
        np.testing.assert_array_equal(both.parameters[key], array)
    assert both.losses == heard
    of_all = both.losses[len(alone.losses) :]
    assert len(of_all) == 100
    assert np.mean(of_all[-10:]) < np.mean(of_all[:10]) - 1.0


def test_two_stages_are_not_trained_as_one(rng):
    with pytest.raises(AgezError, match="fit_stages"):
        fit(Toy(), SHAPE, FitSettings(10, 8), rng)


@pytest.mark.parametrize(
    "wrong",
    [{"first_targets": 2}, {"further_hidden": (4,)}, {"first_targets": 4, "further_hidden": (4,)},
     {"first_targets": 1, "further_hidden": (4,), "trunk": "other"}],
)  # fmt: skip
def test_stages_need_targets_and_layers(wrong):
    with pytest.raises(AgezError, match="stage"):
        NetworkShape(5, (4,), 2, 4, **wrong)


def test_the_shape_survives_its_header():
    assert NetworkShape.from_dict(SHAPE.to_dict(), n_targets=4) == SHAPE


def test_a_told_library_is_what_its_input_adds(rng):
    shape = replace(SHAPE, inputs=9)  # seven features, two libraries
    first, further = parameters_of(shape, rng)
    trained = {key: array.astype(np.float32) for key, array in first.items()}
    trained |= {FURTHER + key: array.astype(np.float32) for key, array in further.items()}
    kept = with_library_biases(trained, 7, 9)
    features = rng.standard_normal((5, 7)).astype(np.float32)
    for number, told in ((None, (0, 0)), (0, (1, 0)), (1, (0, 1))):
        inputs = np.concatenate([features, np.tile(np.float32(told), (5, 1))], axis=1)
        own = kept if number is None else told_library(kept, number)
        np.testing.assert_allclose(forward(SHAPE, own, features), forward(shape, trained, inputs), rtol=1e-4, atol=1e-5)


def test_networks_are_told_of_some_rows_libraries_and_never_of_blends(rng):
    sky = small_sky()
    sky = replace(sky, library=np.where(np.arange(len(sky)) % 2, 0, -1), libraries=("made-up+other",))
    batches = SedBatches(sky, scaling_of_seds(sky, (0.0, 0.02), rng), SURVEY, ("another", "made-up"))
    inputs, _ = batches.draw(np.arange(len(sky)), rng)
    told = inputs[:, n_features(len(sky.bands)) :]
    assert told.shape == (len(sky), 2)
    assert not told[:, 0].any()
    assert not told[sky.library < 0].any()
    assert told[sky.library >= 0, 1].mean() == pytest.approx(LIBRARY_SHOWN, abs=0.06)
