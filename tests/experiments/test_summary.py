"""The summary against direct computation, and against the schema's keys."""

import json

import numpy as np
import pytest
from fake_run import fake_run, fake_sample, fake_set

from agez.analysis.gradients import radial_gradient
from agez.errors import AgezError
from agez.experiments.paper import TABLE_1, published
from agez.experiments.result import ExampleSpectrum, make_set_result

SCORES = {"sigma_mad", "bias", "rmse", "n"}
GRADIENT = {"sigma_mad", "bias", "n_galaxies"}


def check_set(block):
    assert set(block) == {"age", "metallicity", "residual_pcc", "gradient"}
    for word in ("age", "metallicity"):
        assert set(block[word]) == SCORES
        assert set(block["gradient"][word]) == GRADIENT


@pytest.fixture(scope="module")
def run():
    return fake_run()


def test_every_key_of_the_contract_is_there_and_it_is_strict_json(run):
    summary = run.summary
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    assert list(summary)[:5] == ["schema", "version", "preset", "seed", "sample"]
    assert summary["schema"] == "agez.summary/1"
    assert summary["sample"] == {
        "source": "mock", "n_spectra": 3600, "n_galaxies": 24, "n_early": 6, "n_late": 18, "n_bands": 34,
    }  # fmt: skip
    for block in (summary["set_a"], summary["set_b"], published()["set_a"], published()["set_b"]):
        check_set(block)
    assert set(summary["random_baseline"]["metallicity"]) == {"mse"}
    assert set(summary["against_truth"]) == {"labels", "set_a", "set_b"}
    for block in summary["against_truth"].values():
        assert set(block["age"]) == SCORES == set(block["metallicity"])
    assert summary["paper"] == published()
    assert summary["seconds"] == {"mock": 1.5, "synth": 0.0, "label": 0.0, "train": 0.0, "total": 42.0}
    assert summary["peak_rss_mb"] == 812.4


def test_numbers_equal_those_computed_by_hand(run):
    sample, summary = run.sample, run.summary
    d = run.set_b.predicted - np.stack([sample.labels.log_age_lw, sample.labels.mh_lw], axis=1)
    for k, word in enumerate(("age", "metallicity")):
        good = d[np.isfinite(d[:, k]), k]
        scores = summary["set_b"][word]
        assert scores["n"] == len(good) == 3600 - k
        assert scores["bias"] == pytest.approx(np.median(good))
        assert scores["sigma_mad"] == pytest.approx(1.4826 * np.median(abs(good - np.median(good))))
        assert scores["rmse"] == pytest.approx(np.sqrt(np.mean(good**2)))
    both = np.all(np.isfinite(d), axis=1)
    assert summary["set_b"]["residual_pcc"] == pytest.approx(np.corrcoef(d[both].T)[0, 1])
    age = sample.labels.log_age_lw
    assert summary["random_baseline"]["age"]["mse"] == pytest.approx(2 * np.var(age), rel=0.02)
    off = age - sample.truth.log_age_lw
    assert summary["against_truth"]["labels"]["age"]["rmse"] == pytest.approx(np.sqrt(np.mean(off**2)))


def test_gradient_scores_equal_one_galaxy_at_a_time(run):
    """Another draw of subsets moves a slope by far less than its scatter among galaxies."""
    sample = run.sample
    difference = []
    for galaxy in sample.galaxies.galaxy_id:
        here = sample.rows.galaxy_id == galaxy
        label = radial_gradient(sample.r_re[here], sample.labels.log_age_lw[here])
        predicted = radial_gradient(sample.r_re[here], run.set_b.predicted[here, 0])
        difference.append(predicted.slope - label.slope)
    scores = run.summary["set_b"]["gradient"]["age"]
    assert scores["n_galaxies"] == 24
    assert scores["bias"] == pytest.approx(np.median(difference), abs=0.02)
    assert scores["sigma_mad"] == pytest.approx(1.4826 * np.median(abs(difference - np.median(difference))), rel=0.25)


def test_a_sample_without_truth_has_empty_scores_not_numbers():
    summary = fake_run(with_truth=False).summary
    json.dumps(summary, allow_nan=False)
    for block in summary["against_truth"].values():
        assert block["age"] == {"sigma_mad": None, "bias": None, "rmse": None, "n": 0}
        assert block["gradient"]["age"]["n_galaxies"] == 0


def test_the_papers_numbers_are_the_published_ones():
    paper = published()
    assert paper["set_a"]["age"]["sigma_mad"] == paper["set_a"]["metallicity"]["sigma_mad"] == 0.03
    assert paper["set_b"]["age"]["sigma_mad"] == TABLE_1["age"]["full"] == 0.14
    assert paper["set_b"]["metallicity"]["sigma_mad"] == TABLE_1["metallicity"]["full"] == 0.16
    assert paper["set_b"]["gradient"]["age"]["sigma_mad"] == 0.15
    paper["set_a"]["age"]["sigma_mad"] = 7
    assert published()["set_a"]["age"]["sigma_mad"] == 0.03


def test_mismatched_pieces_are_refused(rng):
    sample = fake_sample(rng, n=300, n_galaxies=4)
    good = fake_set(sample, rng, 0.1)
    with pytest.raises(AgezError, match="300 spectra"):
        make_set_result(sample, good.predicted[:-1], good.fold, [], rng=rng)
    run = fake_run(n=300, n_galaxies=4)
    with pytest.raises(AgezError, match="33 curves for 34 bands"):
        ExampleSpectrum(run.example.spectrum, run.example.photometry, run.example.band_curves[:-1])
