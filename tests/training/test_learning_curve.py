"""The learning curve: a start that knows pays, the more the fewer galaxies; the same seed gives the same numbers."""

import json
from dataclasses import replace

import numpy as np
import pytest
from made_up_posterior import small_parts
from made_up_sample import made_up_model, made_up_sample

from agez.errors import AgezError
from agez.mixture_network.build_model import build_model
from agez.mixture_network.calibration import IntervalCalibration
from agez.mixture_network.mixture_model import MixtureNetwork, Network
from agez.mixture_network.trunks import NetworkShape
from agez.models.features import n_features
from agez.models.model_card import curve_lines
from agez.targets import TARGET_WORDS
from agez.training.cross_fitting import FRESH_SETTINGS, TUNED_SETTINGS, settings_for
from agez.training.learning_curve import (
    FRESH,
    TUNED,
    _drawn,
    _means,
    _point,
    _Scores,
    curve_sizes,
    learning_curve,
    n_trainings,
)
from agez.training.mixture_fit import FitSettings, fit
from agez.training.sample_batches import SampleBatches, sample_rows, scaling_of_sample


def knowing(n=2500):
    """A model that has seen many galaxies of the same invented kind."""
    data = sample_rows(made_up_sample(n, n_galaxies=60, seed=11))
    rows = np.arange(len(data))
    standard = scaling_of_sample(data, rows, (0.0, 0.002))
    layers = NetworkShape(n_features(len(data.bands)), (48, 32), 2)
    batches = SampleBatches(data, rows, standard)
    trained = fit(batches, layers, FitSettings(500, 256, 3e-3), np.random.default_rng(0))
    parts = MixtureNetwork(
        (Network(standard, layers, trained.parameters),),
        IntervalCalibration.none(standard.label_mean, standard.label_std), small_parts().novelty,
    )  # fmt: skip
    return build_model(
        parts, data.bands, targets=data.targets, name="knowing",
        label_range=np.stack([data.labels.min(axis=0), data.labels.max(axis=0)]),
        redshift_range=(0.0, 0.002), least_bands=3, least_snr=3.0, frame="rest", labels={}, training={},
        calibration={}, scores={},
    )  # fmt: skip


@pytest.fixture(scope="module")
def start():
    return knowing()


@pytest.fixture(scope="module")
def sample():
    return made_up_sample(320, n_galaxies=16, seed=4)


@pytest.fixture(scope="module")
def curve(sample, start):
    done = []
    made = learning_curve(sample, start, numbers=(6, 100), n_draws=2, steps=40, workers=1, progress=done.append)
    assert sum(done) == n_trainings(sample, (6, 100), n_draws=2) == 8
    return made


def test_a_start_that_knows_gains(curve):
    assert [point["n_galaxies"] for point in curve["points"]] == [6, 12]
    assert curve["n_test_galaxies"] == 4
    for point in curve["points"]:
        assert point["age"]["gain"] > 0
        assert point["steps"] == {FRESH: 40, TUNED: 40}
        assert point["n_spectra"] == 20 * point["n_galaxies"]
        assert all(
            0.3 < point[word][way]["coverage_68"] < 1 for word in TARGET_WORDS.values() for way in (FRESH, TUNED)
        )
    # what it says before it has seen the sample is no worse than what 40 steps from nothing give
    assert curve["as_it_is"]["age"]["sigma_mad"] < curve["points"][0]["age"][FRESH]["sigma_mad"]


def test_the_same_seed_gives_the_same_numbers_with_any_workers(sample, start, curve):
    again = learning_curve(sample, start, numbers=(6, 100), n_draws=2, steps=40, workers=2)
    assert again == curve
    other = learning_curve(sample, start, numbers=(), n_draws=1, steps=40, seed=2, workers=1)
    assert other["points"][-1]["age"][FRESH] != curve["points"][-1]["age"][FRESH]


def test_json_and_table(curve):
    content = json.loads(json.dumps(curve, allow_nan=False))
    assert content["start"] == "knowing"
    for point in content["points"]:
        for word in TARGET_WORDS.values():
            one = point[word]
            assert one["gain"] == pytest.approx(one["fresh"]["sigma_mad"] - one["from_model"]["sigma_mad"])
            assert one["gain_err"] > 0
    lines = curve_lines(content)
    assert len(lines) == 2 + 2 * (1 + 2)
    assert "from knowing" in lines[1]
    assert len({len(line.split("+-")[0].rstrip()) for line in lines[3:5]}) == 1


def test_gain_by_hand():
    fresh = [_Scores((sigma,) * 2, (held,) * 2, 5) for sigma, held in ((0.10, 0.6), (0.12, 0.7), (0.14, 0.8))]
    tuned = [_Scores((sigma,) * 2, (0.7,) * 2, 5) for sigma in (0.05, 0.06, 0.07)]
    words = list(TARGET_WORDS.values())
    point = _point(words, fresh, tuned)["metallicity"]
    assert (point["gain"], point["gain_err"]) == pytest.approx((0.06, 0.01 / np.sqrt(3)))
    assert point[FRESH] == pytest.approx({"sigma_mad": 0.12, "coverage_68": 0.7})
    one = {"n_galaxies": 10, "n_spectra": 110} | _point(words, tuned[:1], fresh[:1])
    assert one["age"]["gain_err"] is None  # one draw tells no error
    as_it_is = {word: _means(fresh, t) for t, word in enumerate(words)}
    content = {"start": "m", "n_draws": 1, "n_test_galaxies": 3, "as_it_is": as_it_is, "points": [one]}
    assert curve_lines(content)[-1].endswith("-0.050")


def test_galaxies_are_dealt_by_morphology(rng):
    kind = np.array(["early"] * 12 + ["late"] * 28)
    counts = rng.integers(50, 150, 40)
    for seed in range(20):
        order, test = _drawn(kind, counts, np.random.default_rng(seed))
        assert sorted([*order, *test]) == list(range(40))
        assert len(test) == 10
        assert 2 <= (kind[test] == "early").sum() <= 4
        for n in (10, 20):
            assert abs((kind[order[:n]] == "early").sum() - 0.3 * n) <= 1.5
    one, other = (_drawn(kind, counts, np.random.default_rng(seed))[0].tolist() for seed in (1, 2))
    assert one != other


def test_fine_tuning_is_gentler_for_fewer_rows():
    found = [settings_for(n, from_model=True) for n in (10, 1000, 4000, 15_000, 10**6)]
    assert found[-1] == found[-2] == TUNED_SETTINGS
    for name in ("steps", "learning_rate"):
        values = [getattr(one, name) for one in found]
        assert values == sorted(values)
        assert 0 < values[0] < values[2] < values[3]
    assert settings_for(10, from_model=False) == FRESH_SETTINGS


def test_sizes_are_those_that_the_sample_allows(sample):
    assert curve_sizes(sample) == (10, 12)
    assert curve_sizes(sample, ()) == (12,)
    assert curve_sizes(made_up_sample(100, n_galaxies=8)) == (6,)


def test_what_cannot_be_is_refused_in_one_line(sample, start):
    with pytest.raises(AgezError, match="7 galaxies are too few for a learning curve"):
        learning_curve(made_up_sample(100, n_galaxies=7), start)
    with pytest.raises(AgezError, match="at 3 galaxies: expected at least 5"):
        learning_curve(sample, start, numbers=(3, 10))
    with pytest.raises(AgezError, match="needs a model that gives distributions"):
        learning_curve(sample, made_up_model())
    with pytest.raises(AgezError, match="n_draws is 0"):
        learning_curve(sample, start, n_draws=0)
    far = replace(sample, photometry=replace(sample.photometry, redshift=np.full(len(sample), 0.4)))
    with pytest.raises(AgezError, match="redshifts outside"):
        learning_curve(far, start)
