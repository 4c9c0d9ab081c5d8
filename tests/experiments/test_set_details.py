"""Further numbers of Set A and Set B against plain loops, and with planted answers."""

import json
from dataclasses import replace

import numpy as np
import pytest
from fake_run import fake_sample, fake_set

from agez.analysis.galaxy_bootstrap import interval_over_galaxies, rows_by_galaxy
from agez.analysis.metrics import residual_pcc, sigma_mad
from agez.experiments.result import target_columns
from agez.experiments.set_details import set_details


@pytest.fixture(scope="module")
def made():
    rng = np.random.default_rng(6)
    sample = fake_sample(rng, n=1500, n_galaxies=24)
    labels = replace(sample.labels, mh_lw=np.where(np.arange(1500) % 40 == 0, -1.0, sample.labels.mh_lw))
    sample = replace(sample, labels=labels)
    sets = {"set_a": fake_set(sample, rng, 0.03), "set_b": fake_set(sample, rng, 0.12)}
    details = set_details(sample, sets, rng=np.random.default_rng(1))
    json.dumps(details, allow_nan=False)
    return sample, sets, details


def test_numbers_are_those_of_plain_loops(made):
    sample, sets, details = made
    labels, truth = target_columns(sample.labels), target_columns(sample.truth)
    kind = {str(g): str(m) for g, m in zip(sample.galaxies.galaxy_id, sample.galaxies.morphology, strict=True)}
    kinds = np.array([kind[name] for name in sample.rows.galaxy_id])
    for name, found in sets.items():
        d = found.predicted - labels
        for k, word in enumerate(("age", "metallicity")):
            one = details[name]["by_morphology"][word]
            early, late = (sigma_mad(d[kinds == which, k]) for which in ("early", "late"))
            assert (one["early"], one["late"]) == pytest.approx((early, late))
            assert one["n_galaxies"] == {"early": 6, "late": 18}
            assert one["early_over_late"]["value"] == pytest.approx(early / late)
            assert one["early_over_late"]["low"] < one["early_over_late"]["value"] < one["early_over_late"]["high"]
        good = np.isfinite(d[:, 1])
        poor, rich = (d[good & ((labels[:, 1] < -0.75) == which), 1] for which in (True, False))
        metal_poor = details[name]["metal_poor"]
        assert metal_poor["n_spectra"] == len(poor)
        assert metal_poor["rms_ratio"]["value"] == pytest.approx(np.sqrt(np.mean(poor**2) / np.mean(rich**2)))
        slopes = found.predicted_gradients.slope - found.label_gradients.slope
        slopes = slopes[np.isfinite(slopes).all(axis=1)]
        assert details[name]["gradient_differences"]["pcc"] == pytest.approx(np.corrcoef(slopes.T)[0, 1])
        share = np.mean(np.abs(slopes[:, 0]) < 0.05)
        assert details[name]["gradient_differences"]["age"]["central_share"] == pytest.approx(share)
        errors = found.predicted - truth
        own = residual_pcc(errors[:, 0], errors[:, 1])
        assert details[name]["truth_pcc"]["value"] == pytest.approx(own)
        age = [curve for curve in found.curves if curve.target == "log_age_lw"]
        kept = [curve.validation_mse.min() for curve in age]
        learning = details[name]["learning"]
        assert learning["validation_mse"] == pytest.approx(kept)
        first = [curve.train_mse[int(np.ceil(len(curve.train_mse) / 10)) - 1] for curve in age]
        assert learning["early_mse"] == pytest.approx(first)
        assert learning["last_mse"] == pytest.approx([curve.train_mse[-1] for curve in age])
    assert details["labels"]["err"] == {"age": 0.05, "metallicity": 0.05}
    assert details["labels"]["metal_poor_share"] == pytest.approx(np.mean(labels[:, 1] < -0.75))
    spread = sigma_mad(labels[kinds == "early", 0]), sigma_mad(labels[kinds == "late", 0])
    found = details["labels"]["by_morphology"]["age"]
    assert (found["early"], found["late"]) == pytest.approx(spread)


def test_what_spectra_of_a_galaxy_share_is_found():
    """The variance of the galaxies' part over the whole, planted."""
    rng = np.random.default_rng(2)
    sample = fake_sample(rng, n=6000, n_galaxies=120)
    galaxy = np.unique(sample.rows.galaxy_id, return_inverse=True)[1]
    result = fake_set(sample, rng, 0.1)
    shared = 0.06 * rng.normal(size=(120, 2))[galaxy] + 0.08 * rng.normal(size=(6000, 2))
    labels = target_columns(sample.labels)
    details = set_details(sample, {"set_b": replace(result, predicted=labels + shared)}, rng=rng)
    for word in ("age", "metallicity"):
        found = details["set_b"]["alike"][word]
        assert found["value"] == pytest.approx(0.36, abs=0.08)
        assert found["low"] < 0.36 < found["high"]
    alone = labels + 0.1 * rng.normal(size=(6000, 2))
    details = set_details(sample, {"set_b": replace(result, predicted=alone)}, rng=rng)
    assert details["set_b"]["alike"]["age"]["value"] == pytest.approx(0.0, abs=0.01)


def test_a_sample_without_truth_has_no_errors_against_it():
    rng = np.random.default_rng(3)
    sample = fake_sample(rng, n=400, n_galaxies=12, with_truth=False)
    details = set_details(sample, {"set_a": fake_set(sample, rng, 0.05)}, rng=rng)
    assert details["labels"]["truth_pcc"] is None
    assert details["set_a"]["truth_pcc"] == {"value": None, "minus_labels": dict.fromkeys(("value", "low", "high"))}


def test_intervals_over_galaxies_are_a_plain_bootstrap():
    ids = np.array(["b", "a", "b", "c", "d", "e", "a"])
    values = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0])
    groups = rows_by_galaxy(ids)
    assert [group.tolist() for group in groups] == [[1, 6], [0, 2], [3], [4], [5]]
    draws = np.random.default_rng(1).integers(5, size=(200, 5))

    def mean(galaxies):
        return float(np.mean(np.concatenate([values[groups[g]] for g in galaxies])))

    found = interval_over_galaxies(mean, draws, 5)
    assert found["value"] == pytest.approx(4.0)
    slow = [np.mean([values[i] for g in draw for i in groups[g]]) for draw in draws]
    assert (found["low"], found["high"]) == pytest.approx(tuple(np.quantile(slow, [0.025, 0.975])))
    assert interval_over_galaxies(mean, draws[:, :3] % 3, 3)["low"] is None

    def of_one_galaxy(galaxies):
        return 1.0 if 4 in galaxies else np.nan

    assert interval_over_galaxies(of_one_galaxy, draws, 5) == {"value": 1.0, "low": None, "high": None}
