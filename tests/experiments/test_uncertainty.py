"""Distributions in the networks' folds: what is measured is true, verdicts follow, and small samples are told so."""

import copy
import json
from dataclasses import replace
from functools import lru_cache

import fake_blocks
import numpy as np
import pytest
from made_up_posterior import small_model, small_photometry
from made_up_sample import made_up_sample
from scipy.special import ndtri

from agez.analysis.metrics import evaluate, sigma_mad
from agez.distributions.mixture import Mixture
from agez.experiments import uncertainty as module
from agez.experiments.result import target_columns
from agez.experiments.uncertainty import HeldOut, UncertaintySize, claims, pit_of_intervals, shipped_start, uncertainty
from agez.mixture_network.calibration import IntervalCalibration, calibrated_probabilities
from agez.samples.splits import make_splits

SIZE = UncertaintySize(steps=60, n_bootstrap=20)
KINDS = {"set_a": "within", "set_b": "by-galaxy"}


def splits_of(sample):
    return {name: make_splits(sample, kind=kind, rng=np.random.default_rng(4)) for name, kind in KINDS.items()}


@lru_cache
def made():
    """A small sample, invented predictions of networks, and the block."""
    sample = made_up_sample(420, n_galaxies=12, missing=0.02)
    labels = target_columns(sample.labels)
    theirs = {name: labels + 0.1 * np.random.default_rng(k).normal(size=labels.shape) for k, name in enumerate(KINDS)}
    theirs["set_b"][:5] = np.nan
    return sample, theirs, uncertainty(sample, theirs, splits=splits_of(sample), size=SIZE, seed=3, workers=1)


def test_the_block_is_whole_and_strict_json():
    sample, theirs, block = made()
    found = json.loads(json.dumps(block, allow_nan=False))
    assert found.keys() == {"published", "measured", "points"}
    assert found["published"] == {}
    measured = found["measured"]
    assert measured["start"] == ""
    assert measured["n_galaxies"] == 12
    labels = target_columns(sample.labels)
    for name in KINDS:
        assert -1 <= measured[name]["correlation"] <= 1
        for k, word in enumerate(("age", "metallicity")):
            scores, overall = measured[name][word], found["points"][name][word]["overall"]
            assert scores["n"] == overall["n"] == 420
            for key in ("coverage_68", "coverage_95", "crps", "sharpness"):
                assert scores[key] == overall[key]
                assert scores[key]["err"] > 0
            assert scores["network_sigma_mad"] == pytest.approx(sigma_mad((theirs[name] - labels)[:, k]))
            gain = scores["gain"]
            assert gain["low"] <= gain["high"]
            assert scores["ratio"] == pytest.approx(1 - gain["difference"] / scores["network_sigma_mad"])
            assert set(found["points"][name][word]["bins"]) == {"snr", "n_bands", "log_age_lw", "mh_lw", "av"}


def test_the_folds_and_workers_are_those_that_were_given():
    sample, theirs, block = made()
    again = uncertainty(sample, theirs, splits=splits_of(sample), size=SIZE, seed=3, workers=2)
    assert again == block
    only = uncertainty(sample, theirs, splits={"set_b": splits_of(sample)["set_b"]}, size=SIZE, seed=3, workers=1)
    assert only["measured"]["set_b"]["age"]["sigma_mad"] == block["measured"]["set_b"]["age"]["sigma_mad"]
    assert "set_a" not in only["measured"]


def test_calibration_covers_held_out_rows():
    measured = made()[2]["measured"]
    for name in KINDS:
        for word in ("age", "metallicity"):
            assert measured[name][word]["coverage_68"]["value"] == pytest.approx(0.68, abs=0.1)
            assert measured[name][word]["coverage_95"]["value"] == pytest.approx(0.95, abs=0.05)


@pytest.mark.parametrize("tail", [0.7, 1.0, 1.6])
def test_pit_is_that_of_the_intervals_that_are_reported(tail):
    """The place of a reported quantile is its probability, however tails are stretched."""
    nominal = np.linspace(0.005, 0.995, 61)
    recalibration = replace(IntervalCalibration.none(np.zeros(2), np.ones(2)), tail=np.full(2, tail))
    values = ndtri(calibrated_probabilities(recalibration, nominal, 0))
    n = len(values)
    mixture = Mixture(np.ones((n, 1)), np.zeros((n, 1, 2)), np.tile([1.0, 0.0, 1.0], (n, 1, 1)))
    found = pit_of_intervals(HeldOut(mixture, np.full((n, 2), tail)), np.stack([values, values], axis=1))
    np.testing.assert_allclose(found, np.stack([nominal, nominal], axis=1), atol=1e-9)


@pytest.mark.parametrize(("n", "n_galaxies"), [(120, 12), (400, 6)])
def test_too_small_a_sample_is_told_so(n, n_galaxies):
    sample = made_up_sample(n, n_galaxies=n_galaxies)
    block = uncertainty(sample, {}, splits=splits_of(sample), size=SIZE)
    assert "too few" in block["measured"]["not_run"]
    assert {claim.verdict for claim in claims(block)} == {"cannot tell"}
    assert block["points"] == {}


def test_a_label_that_is_nan_is_told_and_does_not_end_the_run():
    sample = made_up_sample(300, n_galaxies=12)
    broken = replace(sample, labels=replace(sample.labels, mh_lw=np.where(np.arange(300) == 7, np.nan, 0.0)))
    block = uncertainty(broken, {}, splits=splits_of(sample), size=SIZE)
    assert "NaN" in block["measured"]["not_run"]


def verdicts(block):
    return [claim.verdict for claim in claims(block)]


def test_verdicts_follow_the_numbers():
    good = fake_blocks.uncertainty(np.random.default_rng(1), n=4000)
    assert verdicts(good) == ["supported"] * 3
    assert all(claim.section == "ours" for claim in claims(good))
    narrow = fake_blocks.uncertainty(np.random.default_rng(1), n=4000, width=0.7)
    assert verdicts(narrow)[0] == "not supported"
    worse = copy.deepcopy(good)
    worse["measured"]["set_a"]["age"]["gain"] = {"difference": -0.02, "low": -0.03, "high": -0.01}
    assert verdicts(worse) == ["supported", "not supported", "supported"]
    worse["measured"]["set_a"]["age"]["gain"] = {"difference": -0.02, "low": -0.05, "high": 0.01}
    assert verdicts(worse)[1] == "cannot tell"
    few = copy.deepcopy(good)
    few["measured"]["n_galaxies"] = 12
    assert verdicts(few) == ["cannot tell"] * 3
    unknown = copy.deepcopy(good)
    unknown["measured"]["set_b"]["age"]["coverage_95"] = {"value": None, "err": None}
    assert verdicts(unknown)[0] == "cannot tell"


def test_a_start_knows_the_samples_bands_and_redshifts(monkeypatch, tmp_path):
    photometry, _ = small_photometry(60)
    sample = made_up_sample(60, n_galaxies=8)
    sample = replace(sample, photometry=replace(photometry, rows=sample.rows))
    monkeypatch.setattr(module, "available_models", dict)
    assert shipped_start(sample) is None
    monkeypatch.setattr(module, "available_models", lambda: {"paper": tmp_path})
    monkeypatch.setattr(module, "load_model", lambda path: small_model())
    assert shipped_start(sample) is small_model()
    far = replace(sample, photometry=replace(sample.photometry, redshift=np.full(60, 0.5)))
    assert shipped_start(far) is None
    assert shipped_start(made_up_sample(60)) is None


def test_networks_go_on_from_a_start():
    photometry, labels = small_photometry(400)
    sample = made_up_sample(400, n_galaxies=12)
    own = replace(sample.labels, log_age_lw=labels[:, 0], mh_lw=labels[:, 1])
    sample = replace(sample, photometry=replace(photometry, rows=sample.rows), labels=own, truth=None)
    few = replace(SIZE, steps=20)
    block = uncertainty(
        sample, {name: labels for name in KINDS}, splits=splits_of(sample), start=small_model(), size=few, workers=1
    )
    assert block["measured"]["start"] == "small"
    assert block["measured"]["set_b"]["age"]["ratio"] is None  # networks without any error
    spread = evaluate(np.full(400, labels[:, 0].mean()), labels[:, 0]).rmse
    assert block["measured"]["set_b"]["age"]["rmse"] < spread
