"""Of a small network on made-up templates: information over the prior, and scores beside the exact posterior."""

import importlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

import agez.training.recipe_seds as recipe_seds
import agez.training.shipped_training as training
from agez.errors import AgezError
from agez.mixture_network.mixture_model import network_of
from agez.models.model_file import load_model
from agez.spectra.templates import made_up_grid
from agez.training.mixture_fit import FitSettings
from agez.training.recipes import SHIPPED, Recipe, recipe
from agez.training_seds.libraries import library_of
from agez.training_seds.observe import Survey

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
NAMES = ("log_age_lw", "mh_lw", "redshift_phot", "log_mass")
RECIPE = Recipe(
    "small", "jpas", tuple(f"J0{k}" for k in range(420, 860, 40)), targets=NAMES, redshift_range=(0.02, 0.2),
    age_margin=1.1, hidden=(64, 48), components=3, libraries={"made-up": 1.0}, members=1, survey_share=0.0,
    settings=FitSettings(700, 256, 3e-3), n_seds=6000, n_calibration=3000,
    survey=Survey(snr=(3.0, 200.0), redshift_known=0.6, redshift_unknown=0.2),
)  # fmt: skip


@pytest.fixture(scope="module")
def scripts():
    sys.path.insert(0, str(BENCHMARKS))
    try:
        return [importlib.import_module(name) for name in ("bayes_limit", "information")]
    finally:
        sys.path.remove(str(BENCHMARKS))


@pytest.fixture(scope="module")
def model():
    patch = pytest.MonkeyPatch()
    with patch.context() as one:
        one.setattr(recipe_seds, "load_libraries", lambda names: [library_of(made_up_grid())])
        one.setattr(training, "star_seds", lambda filters, rng: None)
        yield training.finished_model(RECIPE, (training.trained_network(RECIPE),))


def test_a_network_for_unknown_redshifts_finds_them_better(model):
    patch, both = pytest.MonkeyPatch(), replace(RECIPE, unknown_seds=6000, unknown_steps=700)
    assert Recipe.from_dict(both.to_dict()) == both
    with patch.context() as one:
        one.setattr(recipe_seds, "load_libraries", lambda names: [library_of(made_up_grid())])
        one.setattr(training, "star_seds", lambda filters, rng: None)
        member = training.trained_network(both.of_unknown, training.NUMBER_OF_UNKNOWN)
        other = training.finished_model(both, network_of(model).members, of_unknown=member)
    for key, array in model.arrays.items():
        if not key.startswith("typicality."):  # which depends on the redshifts that are found
            np.testing.assert_array_equal(array, other.arrays[key], err_msg=key)
    unknown = other.header["scores"]["snr 30, redshift unknown"]["redshift"]
    assert 0.63 < unknown["coverage_68"] < 0.74
    with patch.context() as one:
        one.setattr(recipe_seds, "load_libraries", lambda names: [library_of(made_up_grid())])
        scores = training.scores_of(both, replace(network_of(other), of_unknown=network_of(model)))
    assert unknown["sigma_mad"] < scores["snr 30, redshift unknown"]["redshift"]["sigma_mad"]


@pytest.mark.parametrize("name", SHIPPED)
def test_recipes_are_what_model_files_say(scripts, name):
    for one in (recipe(name), replace(recipe(name), bands=("J0400",), age_margin=None, survey=Survey())):
        assert Recipe.from_dict(one.to_dict()) == one
    written = load_model(name).header["training"]["recipe"]
    assert json.loads(json.dumps(Recipe.from_dict(written).to_dict())) == written
    assert scripts[0].recipe_of(load_model(name), name) == recipe(name)


def test_a_recipe_of_another_version_is_refused():
    with pytest.raises(AgezError, match=r"recipe 'jpas' is of another version of agez: .*'moons'"):
        Recipe.from_dict(recipe("jpas").to_dict() | {"moons": 3})


def test_a_small_network_is_near_the_limit(scripts, model):
    targets = ("log_age_lw", "mh_lw", "log_mass")
    scores = scripts[0].bayes_limit(
        model, scripts[0].recipe_of(model, None), redshift=0.1, n_library=6000, n_test=60, snrs=(10.0,),
        targets=targets, seed=1, workers=1,
    )  # fmt: skip
    assert scores["10"]["n"] == 60
    assert scores["10"]["n_used"] > 40
    for name in targets:
        one = scores["10"]["targets"][name]
        assert 0.9 < one["crps_ratio"] < 1.6, name
        assert -0.15 < one["log_density_difference"] < 1.0, name
        assert f"| 10 | {name} | {one['crps_network']:.4f} |" in scripts[0].table(scores)


def test_questions_without_an_answer_are_refused(scripts, model):
    ask = {"redshift": 0.1, "n_library": 10, "n_test": 2, "snrs": (10.0,), "seed": 1, "workers": 1}
    with pytest.raises(AgezError, match=r"--redshift 0\.3: the recipe 'small' has 0\.02 to 0\.2"):
        scripts[0].bayes_limit(model, RECIPE, **ask | {"redshift": 0.3}, targets=["mh_lw"])
    with pytest.raises(AgezError, match="--targets av: the recipe 'small' has log_age_lw"):
        scripts[0].bayes_limit(model, RECIPE, **ask, targets=["av"])
    with pytest.raises(AgezError, match="redshift is exactly known"):
        scripts[0].bayes_limit(model, RECIPE, **ask, targets=["redshift_phot"])
    with pytest.raises(AgezError, match="other targets than the recipe 'jpas'"):
        scripts[1].information(model, recipe("jpas"), n=4000, snrs=(3.0,), unknown_snr=30.0, seed=1, workers=1)
    with pytest.raises(AgezError, match="--galaxies 100: expected at least 800"):
        scripts[1].information(model, RECIPE, n=100, snrs=(3.0,), unknown_snr=30.0, seed=1, workers=1)


def test_information_grows_with_the_signal(scripts, model):
    found = scripts[1].information(model, RECIPE, n=8000, snrs=(3.0, 100.0), unknown_snr=100.0, seed=1, workers=1)
    low, high, unknown = (found[way] for way in ("S/N 3", "S/N 100", "S/N 100, redshift unknown"))
    for name in ("log_age_lw", "log_mass"):  # of few ages many are equal, which a small network does not learn
        assert low[name]["bits"] + 0.2 < high[name]["bits"], name
    assert high["log_mass"]["bits"] > 1
    assert low["log_mass"]["bits"] > 0.3
    # of an exact redshift there is nothing to learn
    assert abs(high["redshift_phot"]["bits"]) < 0.1
    assert 0.5 < unknown["log_mass"]["bits"] < high["log_mass"]["bits"]
    assert "| `redshift_phot` | " in scripts[1].table(found, NAMES)


def test_the_prior_is_the_density_of_labels(scripts):
    rng = np.random.default_rng(0)
    # a third of the labels are bounds
    x = np.where(rng.uniform(size=20000) < 1 / 3, 0.01 * rng.standard_normal(20000), 3 + rng.standard_normal(20000))
    density = norm.pdf(x, 0, 0.01) / 3 + norm.pdf(x, 3, 1) * 2 / 3
    found = scripts[1].held_out_log_density(x[:, None], rng)
    assert np.mean(found[:, 0]) == pytest.approx(np.mean(np.log(density)), abs=0.015)
    assert scripts[1].log_histogram_density(x, np.array([-50.0, 50.0])).max() < -1


def test_redshifts_are_those_of_the_training_seds(scripts):
    near = replace(RECIPE, redshift_range=(0.0, 1.0), near_share=0.3, rest_share=0.1)
    exact = Survey(redshift_known=0.0, redshift_unknown=1.0)
    labels = scripts[1].redshift_labels(near, 40000, exact, np.random.default_rng(1))
    z = 0.5 + 0.5 * labels
    assert np.mean(np.abs(z) < 0.005) == pytest.approx(0.1 + 0.9 * (0.3 * 0.05 + 0.7 * 0.005), abs=0.02)
    assert np.mean(z < 0.1) == pytest.approx(0.1 + 0.9 * (0.3 + 0.7 * 0.1), abs=0.02)
