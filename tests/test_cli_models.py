"""agez train, from scratch and from a model, with its learning curve; agez models and cards; the models that ship."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from cli_road import agez, done, refused
from made_up_posterior import small_model, small_photometry
from made_up_sample import made_up_sample

import agez as agez_package
from agez.models.model_card import card_lines
from agez.models.model_file import available_models, load_model, save_model
from agez.samples.sample_files import write_sample
from agez.training.recipes import SHIPPED, recipe

MODELS = available_models()
TRAIN = ("--steps", 3, "--workers", 1)


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    path = tmp_path_factory.mktemp("sample") / "sample.fits"
    write_sample(path, made_up_sample(260, n_galaxies=9, n_bands=6))
    return path


@pytest.fixture(scope="module")
def trained(sample):
    path = sample.with_name("fresh.safetensors")
    return path, done("train", sample, "-o", path, *TRAIN, "--json").json


def test_training_from_scratch_makes_a_posterior_model(trained):
    path, answer = trained
    assert answer["network"] == "posterior"
    assert answer["init"] is None
    assert "learning_curve" not in answer
    assert {"sigma_mad", "bias", "coverage_68", "coverage_95"} <= set(answer["scores"]["age"])
    model = load_model(path)
    assert model.header["kind"] == "posterior"
    assert model.header["training"]["start"] == ""
    assert model.header["training"]["settings"]["steps"] == 3


def same_models(one, other):
    assert one.header == other.header
    assert set(one.arrays) == set(other.arrays)
    for name, array in one.arrays.items():
        np.testing.assert_array_equal(array, other.arrays[name], err_msg=name)


def test_training_in_python_is_training_on_the_command_line(sample, trained, tmp_path):
    path, _ = trained
    made = agez_package.train(agez_package.read_sample(sample), steps=3, workers=1, name="fresh")
    save_model(tmp_path / "python.safetensors", made)
    same_models(load_model(tmp_path / "python.safetensors"), load_model(path))


def test_the_papers_networks_in_python_are_those_of_the_command_line(tmp_path):
    write_sample(tmp_path / "sample.fits", made_up_sample(120))
    options = ("--network", "paper", "--max-epochs", 1, "--workers", 1)
    done("train", tmp_path / "sample.fits", "-o", tmp_path / "m.safetensors", *options)
    data = agez_package.read_sample(tmp_path / "sample.fits")
    made = agez_package.train(data, network="paper", max_epochs=1, workers=1, name="m")
    save_model(tmp_path / "python.safetensors", made)
    same_models(load_model(tmp_path / "python.safetensors"), load_model(tmp_path / "m.safetensors"))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"network": "cnn"}, "network is 'cnn'; expected posterior or paper"),
        ({"split": "by_galaxy"}, "split is 'by_galaxy'"),
        ({"steps": 0}, "steps is 0"),
        ({"network": "paper", "steps": 3}, "of the posterior network"),
        ({"max_epochs": 3}, "of the paper's network"),
        ({"learning_curve": True}, "give --init"),
        ({"init": "jpass"}, "no model is called 'jpass'"),
    ],
)
def test_options_in_python_that_cannot_be(options, says):
    with pytest.raises(agez_package.AgezError, match=says):
        agez_package.train(made_up_sample(30, n_bands=6), **options)


def test_going_on_from_a_model_with_its_learning_curve(sample, trained, tmp_path):
    start, _ = trained
    out = tmp_path / "tuned.safetensors"
    answer = done("train", sample, "-o", out, "--init", start, "--learning-curve", *TRAIN, "--json").json
    header = load_model(out).header
    assert header["training"]["start"] == "fresh"
    curve = answer["learning_curve"]
    assert header["training"]["learning_curve"] == curve
    assert [point["n_galaxies"] for point in curve["points"]] == [6]
    assert (curve["start"], curve["n_test_galaxies"], curve["n_draws"]) == ("fresh", 3, 3)
    one = curve["points"][0]["age"]
    assert one["gain"] == pytest.approx(one["fresh"]["sigma_mad"] - one["from_model"]["sigma_mad"])
    card = done("models", out).out
    assert "- Fine-tuned from the model fresh." in card
    assert "3 unseen galaxies, 3 draws" in card
    assert "`python tools/make_models.py" not in card


def test_options_that_do_not_go_together(sample, trained, road, tmp_path):
    out, (start, _) = tmp_path / "m.safetensors", trained
    for options, words in (
        (("--max-epochs", 2), "--steps"),
        (("--network", "paper", "--steps", 2), "--steps are of the posterior network"),
        (("--network", "paper", "--init", start), "--init and --steps"),
        (("--learning-curve",), "give --init MODEL"),
        (("--learning-curve", "--init", start, "--split", "within"), "--split within"),
        (("--init", "nobody"), "no model is called 'nobody'"),
    ):
        refused("train", sample, "-o", out, *options, says=words, output=out)
    refused("train", sample, "-o", start, "--init", start, *TRAIN, says="input", output=start)
    refused("train", sample, "-o", out, "--init", road.model, says="is of the paper's kind", output=out)
    few = tmp_path / "few.fits"
    write_sample(few, made_up_sample(210, n_galaxies=6, n_bands=6))
    refused("train", few, "-o", out, "--init", start, "--learning-curve", *TRAIN,
            says="6 galaxies are too few for a learning curve", output=out)  # fmt: skip


def test_cards_of_both_kinds(road):
    card = card_lines(load_model(road.model))
    assert card[0] == "# model"
    assert any(line.startswith("| age") for line in card)
    assert "## Not to be used for" in card
    assert card_lines(small_model())[0] == "# small"  # a model without scores has a card, too


def test_models_lists_and_shows(monkeypatch, tmp_path):
    path = tmp_path / "small.safetensors"
    save_model(path, small_model())
    monkeypatch.setattr("agez.models.model_file.available_models", lambda: {"small": path})
    (line,) = done("models").out.splitlines()
    for words in ("small", "16 bands of jpas", "z 0-0.02", "MB", "no scores"):
        assert words in line
    one = done("models", "--json").json["models"]["small"]
    assert (one["n_bands"], one["path"], one["size_bytes"]) == (16, str(path), path.stat().st_size)
    assert done("models", "small").out.splitlines() == card_lines(small_model())
    answer = done("models", "small", "--json").json
    assert answer["path"] == str(path)
    assert answer["least_bands"] == 5
    refused("models", "nobody", says="no model is called 'nobody'")
    assert agez("models", path).out == agez("models", "small").out


def test_the_package_takes_the_models_along():
    project = Path(__file__).resolve().parents[1] / "pyproject.toml"
    assert '"models/*.safetensors"' in project.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", SHIPPED)
def test_models_that_ship(name):
    """They are there, small, as their recipes say, and answer where there is no JAX."""
    if name not in MODELS:
        pytest.skip(f"model {name} has not been made yet: python tools/make_models.py {name}")
    assert MODELS[name].stat().st_size < 15e6
    model = load_model(name)
    assert model.header["name"] == name
    made_by = json.loads(json.dumps(recipe(name).to_dict()))
    assert model.header["training"]["recipe"] == made_by, f"run: python tools/make_models.py {name}"
    assert model.bands.names == recipe(name).filters().bands.names
    card = "\n".join(card_lines(model))
    for words in ("half of the bands", f"tools/make_models.py {name}", "emiles", "## Labels", "## Cite"):
        assert words in card
    code = f"""
        import sys
        sys.modules["jax"] = None  # an import of it fails
        import numpy as np, agez
        from agez.types import Photometry, Rows
        model = agez.load_model("{name}")
        n, b = 3, len(model.bands)
        flux = np.linspace(1, 2, b) * np.ones((n, 1))
        covered = np.ones((n, b), bool)
        covered[1, ::2] = False
        flux[~covered] = np.nan
        p = Photometry(model.bands, flux, flux / 30, covered, Rows.numbered(n), np.zeros(n), np.zeros(n, np.int32))
        print(*np.isfinite(model.predict(p).log_age_lw))
    """
    found = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True, timeout=120
    )
    assert found.stdout.split() == ["True"] * 3


def test_the_same_rows_are_answered_by_a_loaded_model(tmp_path):
    save_model(tmp_path / "small.safetensors", small_model())
    photometry, _ = small_photometry(20)
    one, two = (model.predict(photometry) for model in (small_model(), load_model(tmp_path / "small.safetensors")))
    assert np.array_equal(one.log_age_lw, two.log_age_lw, equal_nan=True)


@pytest.mark.skipif(not MODELS, reason="no models have been made yet: python tools/make_models.py")
def test_page_of_models_is_that_of_the_models(monkeypatch):
    root = Path(__file__).resolve().parents[1]
    monkeypatch.syspath_prepend(str(root / "tools"))
    from write_docs import models_page

    page = root / "docs" / "shipped_models.md"
    assert page.read_text(encoding="utf-8") == models_page(), "run: python tools/write_docs.py"
    sys.modules.pop("write_docs")
