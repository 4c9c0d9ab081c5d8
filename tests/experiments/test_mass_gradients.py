"""Figure 14 against plain loops, and with planted answers."""

import json
from dataclasses import replace

import numpy as np
import pytest
from fake_run import fake_sample
from scipy import stats

from agez.analysis.gradients import GradientTable
from agez.analysis.metrics import sigma_mad
from agez.analysis.trends import holm
from agez.errors import AgezError
from agez.experiments.mass_gradients import claims, mass_gradients
from agez.experiments.result import SetResult
from agez.targets import PAPER_TARGETS

WORDS = ("age", "metallicity")


def table(ids, slope):
    counts, reason = np.full(slope.shape, 30), np.where(np.isfinite(slope), "", "too few")
    scatter = np.abs(slope) * 0.1
    return GradientTable(ids, PAPER_TARGETS, slope, scatter * 2, scatter, slope * 0, scatter, counts, counts, reason)


def survey(rng, *, n=160, early_error=0.1, late_error=0.1, shift=0.0, tilt=0.0):
    """Label gradients that fall with mass, and two sets that follow them with errors, a shift and a tilt."""
    sample = fake_sample(rng, n=2 * n, n_galaxies=n)
    mass = rng.uniform(9, 11.5, n)
    sample = replace(sample, galaxies=replace(sample.galaxies, log_mass=mass))
    ids = np.unique(sample.rows.galaxy_id)
    at = np.searchsorted(sample.galaxies.galaxy_id, ids)
    mass, early = mass[at], sample.galaxies.morphology[at] == "early"
    labels = -0.1 * (mass - 10)[:, None] + rng.normal(0, 0.15, (len(ids), 2))
    error = np.where(early, early_error, late_error)[:, None]

    def one():
        predicted = labels + error * rng.normal(size=labels.shape) + shift + tilt * (mass - 10)[:, None]
        return SetResult(np.empty((0, 2)), np.empty(0, int), (), table(ids, labels), table(ids, predicted))

    return sample, {"set_a": one(), "set_b": one()}


def verdicts(block):
    """Of the three claims that a mock survey can judge."""
    judged, of_the_fit = claims(block)[:3], claims(block)[3:]
    assert [claim.verdict for claim in of_the_fit[2:]] == ["cannot tell"] * 2  # they need other people's gradients
    assert [claim.figure for claim in judged] == ["figure 7", "figure 14", "figure 14"]
    return dict(zip(("irrespective", "follows", "departs"), (claim.verdict for claim in judged), strict=True))


def test_numbers_are_those_of_plain_loops(rng):
    sample, results = survey(rng, n=70)
    results["set_b"].predicted_gradients.slope[5, 0] = np.nan
    results["set_a"].label_gradients.slope[9, 1] = np.nan
    sample.galaxies.log_mass[11] = np.nan
    sample.galaxies.morphology[12] = ""
    block = mass_gradients(sample, results, rng=rng, n_bootstrap=30)
    json.dumps(block, allow_nan=False)
    ids = results["set_a"].label_gradients.galaxy_id
    mass = dict(zip(sample.galaxies.galaxy_id, sample.galaxies.log_mass, strict=True))
    kind_of = dict(zip(sample.galaxies.galaxy_id, sample.galaxies.morphology, strict=True))
    label = results["set_a"].label_gradients.slope
    a, b = (results[s].predicted_gradients.slope for s in ("set_a", "set_b"))
    assert block["points"]["set_b"]["age"]["slope"][5] is None
    for t, word in enumerate(WORDS):
        for kind, size in (("early", 6), ("late", 10)):
            own = [g for g in range(len(ids)) if kind_of[ids[g]] == kind and np.isfinite(mass[ids[g]])
                   and np.isfinite(label[g, t] + a[g, t] + b[g, t])]  # fmt: skip
            own.sort(key=lambda g: mass[ids[g]])
            bins = [own[i : i + size] for i in range(0, len(own), size)]
            if 2 * len(bins[-1]) < size:
                bins[-2:] = [bins[-2] + bins[-1]]
            for name, slope in (("labels", label), ("set_a", a), ("set_b", b)):
                found = block["measured"][name][word][kind]
                x, y = [mass[ids[g]] for g in own], [slope[g, t] for g in own]
                assert found["n_galaxies"] == len(own)
                assert found["spearman"]["rho"] == pytest.approx(stats.spearmanr(x, y).statistic)
                assert found["mean_gradient"] == pytest.approx(np.mean(y))
                assert found["mean_gradient_err"] == pytest.approx(stats.sem(y))
                line = stats.linregress(x, y)
                assert (found["mass_slope"], found["mass_slope_err"]) == pytest.approx((line.slope, line.stderr))
                assert found["bins"]["n"] == [len(members) for members in bins]
                assert found["bins"]["mean"] == pytest.approx([np.mean([slope[g, t] for g in m]) for m in bins])
                assert found["bins"]["err"] == pytest.approx([stats.sem([slope[g, t] for g in m]) for m in bins])
                assert found["bins"]["log_mass"] == pytest.approx([np.mean([mass[ids[g]] for g in m]) for m in bins])
            for name, slope in (("set_a", a), ("set_b", b)):
                one = block["measured"]["against_labels"][name][word][kind]
                d = [[slope[g, t] - label[g, t] for g in members] for members in bins]
                pulls = [np.mean(m) / stats.sem(m) for m in d]
                assert one["rms_in_errors"] == pytest.approx(np.sqrt(np.mean(np.square(pulls))))
                assert one["rms_dex"] == pytest.approx(np.sqrt(np.mean([np.mean(m) ** 2 for m in d])))
                assert one["scatter"] == pytest.approx(sigma_mad(np.concatenate(d)))
                assert one["spread"] == pytest.approx(sigma_mad([label[g, t] for g in own]))
                assert one["mass_slope"] == pytest.approx(
                    block["measured"][name][word][kind]["mass_slope"]
                    - block["measured"]["labels"][word][kind]["mass_slope"]
                )


def test_p_values_are_corrected_for_all_comparisons(rng):
    against = mass_gradients(*survey(rng, n=60), rng=rng, n_bootstrap=2)["measured"]["against_labels"]
    ones = [against[s][w][k] for s in ("set_a", "set_b") for w in WORDS for k in ("early", "late")]
    assert [one["p_holm"] for one in ones] == pytest.approx(holm([one["p_value"] for one in ones]))


def test_sets_that_follow_the_labels_are_supported():
    rng = np.random.default_rng(1)  # one seed in twenty finds a difference, as it should
    block = mass_gradients(*survey(rng, n=480), rng=rng)
    assert verdicts(block) == {"irrespective": "supported", "follows": "supported", "departs": "not supported"}
    assert block["measured"]["labels"]["age"]["late"]["mass_slope"] == pytest.approx(-0.1, abs=0.06)
    one = block["measured"]["against_labels"]["set_a"]["age"]["late"]
    assert 0.3 < one["rms_in_errors"] < 1.8


@pytest.mark.parametrize("wrong", [{"shift": 0.15}, {"tilt": 0.2}])
def test_a_shift_or_a_tilt_is_found(rng, wrong):
    block = mass_gradients(*survey(rng, **wrong), rng=rng)
    found = verdicts(block)
    assert (found["follows"], found["departs"]) == ("not supported", "supported")
    found = block["measured"]["against_labels"]["set_a"]["age"]["late"]
    assert found["mass_slope"] == pytest.approx(wrong.get("tilt", 0.0), abs=4 * found["mass_slope_err"])


def test_types_of_different_accuracy_are_found(rng):
    block = mass_gradients(*survey(rng, early_error=0.3), rng=rng)
    assert verdicts(block)["irrespective"] == "not supported"


def test_chance_bins_are_called_different_as_often_as_they_should():
    """The p-value of equal relations is uniform: one in ten below 0.1."""
    rng = np.random.default_rng(2)
    p = []
    for _ in range(40):
        against = mass_gradients(*survey(rng, n=60), rng=rng, n_bootstrap=2)["measured"]["against_labels"]
        p += [against[s][w][k]["p_value"] for s in against for w in WORDS for k in ("early", "late")]
    assert np.mean(np.array(p) < 0.1) == pytest.approx(0.1, abs=0.05)


@pytest.mark.parametrize("missing", ["early", "late"])
def test_one_type_missing_cannot_tell(rng, missing):
    sample, results = survey(rng, n=40)
    kept = "late" if missing == "early" else "early"
    sample = replace(sample, galaxies=replace(sample.galaxies, morphology=np.full(40, kept)))
    block = mass_gradients(sample, results, rng=rng, n_bootstrap=10)
    json.dumps(block, allow_nan=False)
    empty = block["measured"]["labels"]["age"][missing]
    assert (empty["n_galaxies"], empty["mean_gradient"], empty["bins"]["n"]) == (0, None, [])
    assert {claim.verdict for claim in claims(block)[:3]} == {"cannot tell"}


def test_no_gradients_or_masses_at_all_cannot_tell(rng):
    sample, results = survey(rng, n=20)
    sample = replace(sample, galaxies=replace(sample.galaxies, log_mass=np.full(20, np.nan)))
    block = mass_gradients(sample, results, rng=rng, n_bootstrap=10)
    json.dumps(block, allow_nan=False)
    assert {claim.verdict for claim in claims(block)[:3]} == {"cannot tell"}


def test_truth_is_there_where_there_is_one(rng):
    sample, results = survey(rng, n=40)
    results["set_a"] = replace(results["set_a"], truth_gradients=results["set_a"].label_gradients)
    measured = mass_gradients(sample, results, rng=rng, n_bootstrap=10)["measured"]
    assert measured["truth"]["age"]["late"]["bins"] == measured["labels"]["age"]["late"]["bins"]


def test_other_galaxies_are_refused(rng):
    sample, results = survey(rng, n=20)
    _, others = survey(rng, n=15)
    with pytest.raises(AgezError, match="set_b"):
        mass_gradients(sample, {"set_a": results["set_a"], "set_b": others["set_b"]}, rng=rng)
    with pytest.raises(AgezError, match="no set"):
        mass_gradients(sample, {}, rng=rng)


def test_trends_of_the_fit_are_judged_on_real_galaxies_alone(rng):
    """Late types lie lower above log mass 10.5 and rise to smaller masses, as in the paper; a mock says nothing."""
    sample, results = survey(rng, n=240)
    ids = results["set_a"].label_gradients.galaxy_id
    at = np.searchsorted(sample.galaxies.galaxy_id, ids)
    mass, early = sample.galaxies.log_mass[at], sample.galaxies.morphology[at] == "early"
    planted = np.where(early, 0.2, np.where(mass < 10.5, 0.3 * (10.5 - mass), 0.0)) + rng.normal(0, 0.03, len(ids))
    for result in results.values():
        result.label_gradients.slope[:, 0] = planted
        result.predicted_gradients.slope[:, 0] = planted
    block = mass_gradients(sample, results, rng=rng, n_bootstrap=10)
    assert [claim.verdict for claim in claims(block)[3:5]] == ["supported"] * 2
    results["set_a"].label_gradients.slope[:, 0] = results["set_b"].label_gradients.slope[:, 0] = -planted
    turned = mass_gradients(sample, results, rng=rng, n_bootstrap=10)
    assert [claim.verdict for claim in claims(turned)[3:5]] == ["not supported"] * 2
    mock = {name: replace(one, truth_gradients=one.label_gradients) for name, one in results.items()}
    block = mass_gradients(sample, mock, rng=rng, n_bootstrap=10)
    assert [claim.verdict for claim in claims(block)[3:]] == ["cannot tell"] * 4
