"""Figures 10-12 against plain loops, and with planted answers."""

import json
from dataclasses import replace

import numpy as np
import pytest
from fake_run import fake_sample
from scipy import stats

from agez.analysis.metrics import sigma_mad
from agez.analysis.trends import holm
from agez.errors import AgezError
from agez.experiments.dependence import MIN_SPECTRA, PROPERTIES, claims, dependence

WORDS = ("age", "metallicity")


def sample_and_labels(rng, *, n=4000, n_galaxies=100):
    sample = fake_sample(rng, n=n, n_galaxies=n_galaxies)
    g = n_galaxies
    galaxies = replace(
        sample.galaxies,
        log_ssfr=rng.normal(-11, 1, g),
        inclination=90 * rng.random(g),
        av=rng.random(g),
        bulge_fraction=rng.random(g),
    )
    sample = replace(sample, galaxies=galaxies)
    return sample, np.stack([sample.labels.log_age_lw, sample.labels.mh_lw], axis=1)


def noise(rng, labels, scatter):
    return labels + scatter * rng.normal(size=labels.shape)


def test_numbers_are_those_of_plain_loops(rng):
    sample, labels = sample_and_labels(rng, n=600, n_galaxies=30)
    few = sample.rows.galaxy_id == "MOCK0003"
    sample = replace(
        sample, galaxies=replace(sample.galaxies, av=np.where(np.arange(30) == 7, np.nan, sample.galaxies.av))
    )
    predicted = noise(rng, labels, 0.1)
    predicted[few, 1] = np.nan
    block = dependence(sample, {"set_a": predicted, "set_b": labels + 0.1}, rng=rng, n_bootstrap=20)
    json.dumps(block, allow_nan=False)
    for t, word in enumerate(WORDS):
        x, y, s = [], [], []
        for g, name in enumerate(sample.galaxies.galaxy_id):
            own = [
                predicted[i, t] - labels[i, t]
                for i in range(len(labels))
                if sample.rows.galaxy_id[i] == name and np.isfinite(predicted[i, t])
            ]
            at = block["points"]["galaxy_id"].index(name)
            found = block["points"]["set_a"][word]
            if len(own) < MIN_SPECTRA:
                assert found["median"][at] is None
                assert found["sigma_mad"][at] is None
                continue
            assert found["median"][at] == pytest.approx(np.median(own))
            assert found["sigma_mad"][at] == pytest.approx(1.4826 * np.median(np.abs(own - np.median(own))))
            if np.isfinite(sample.galaxies.av[g]):
                x.append(sample.galaxies.av[g])
                y.append(np.median(own))
                s.append(sigma_mad(own))
        measured = block["measured"]["set_a"][word]["av"]
        assert measured["n_galaxies"] == len(x) == 29 - t
        for statistic, values in (("median", y), ("sigma_mad", s)):
            expected = stats.spearmanr(x, values)
            assert measured[statistic]["rho"] == pytest.approx(expected.statistic)
            assert measured[statistic]["p_value"] == pytest.approx(expected.pvalue)
            order = np.argsort(x)
            bins = [np.array(values)[order[:16]], np.array(values)[order[16:]]]
            medians = [np.median(one) for one in bins]
            found = block["points"]["bins"]["set_a"][word]["av"]
            assert found[statistic] == pytest.approx(medians)
            assert found[f"{statistic}_spread"] == pytest.approx([sigma_mad(one) for one in bins])
            assert measured[statistic]["change_dex"] == pytest.approx(max(medians) - min(medians))
            third = len(x) // 3
            ends = np.array(values)[order]
            assert measured[statistic]["difference_dex"] == pytest.approx(
                np.median(ends[-third:]) - np.median(ends[:third])
            )
        assert block["measured"]["sigma_mad"]["set_a"][word] == pytest.approx(sigma_mad(predicted[:, t] - labels[:, t]))


def test_noise_has_no_trend_and_the_claims_hold(rng):
    sample, labels = sample_and_labels(rng)
    block = dependence(sample, {"set_a": noise(rng, labels, 0.03), "set_b": noise(rng, labels, 0.15)}, rng=rng)
    tests = [block["measured"][s][w][p][k] for s in ("set_a", "set_b") for w in WORDS for p in PROPERTIES
             for k in ("median", "sigma_mad")]  # fmt: skip
    assert len(tests) == 32
    assert {test["trend"] for test in tests} == {False}
    assert [test["p_holm"] for test in tests] == pytest.approx(holm([test["p_value"] for test in tests]))
    assert max(test["p_holm"] for test in tests) == 1
    assert all(test["rho_limit"] == max(abs(test["low"]), abs(test["high"])) for test in tests)
    growing, *steady = claims(block)
    assert growing.verdict == "cannot tell"  # a hundred galaxies could hide the slight rise that the paper has
    assert [claim.verdict for claim in steady] == ["supported"] * 4
    assert all("could hide" in claim.how for claim in steady)
    assert [claim.figure for claim in claims(block)] == [
        "figure 10", "figure 10", "figure 11", "figure 12", "bulge fraction",
    ]  # fmt: skip


@pytest.mark.parametrize(("size", "tiny", "verdict"), [(0.15, False, "not supported"), (0.02, True, "supported")])
def test_a_planted_trend_is_found_and_a_tiny_one_called_so(rng, size, tiny, verdict):
    sample, labels = sample_and_labels(rng, n=20000)
    names = sample.galaxies.galaxy_id
    x = sample.galaxies.bulge_fraction[np.searchsorted(names, sample.rows.galaxy_id)]
    b = noise(rng, labels, 0.15)
    b[:, 0] += size * x
    block = dependence(sample, {"set_a": noise(rng, labels, 0.03), "set_b": b}, rng=rng)
    found = block["measured"]["set_b"]["age"]["bulge_fraction"]["median"]
    if not tiny:
        assert found["trend"] is True
        assert found["difference_dex"] == pytest.approx(size * 2 / 3, abs=4 * found["difference_err"])
    assert found["tiny"] is tiny
    assert found["share"] == pytest.approx(found["difference_dex"] / block["measured"]["sigma_mad"]["set_b"]["age"])
    judged = dict(zip(PROPERTIES, claims(block)[1:], strict=True))
    assert judged["bulge_fraction"].verdict == verdict
    assert judged["inclination"].verdict == "supported"


def test_few_galaxies_or_unknown_properties_cannot_tell(rng):
    sample, labels = sample_and_labels(rng, n=400, n_galaxies=12)
    nothing = np.full(12, np.nan)
    sample = replace(sample, galaxies=replace(sample.galaxies, **dict.fromkeys(PROPERTIES[:3], nothing)))
    block = dependence(sample, {"set_a": noise(rng, labels, 0.03), "set_b": np.full_like(labels, np.nan)}, rng=rng)
    json.dumps(block, allow_nan=False)
    measured = block["measured"]
    assert measured["set_a"]["age"]["av"]["n_galaxies"] == 0
    assert measured["set_a"]["age"]["av"]["median"]["rho"] is None
    assert measured["set_a"]["age"]["bulge_fraction"]["n_galaxies"] == 12
    assert measured["set_a"]["age"]["bulge_fraction"]["median"]["change_dex"] is None
    assert measured["set_b"]["age"]["bulge_fraction"]["n_galaxies"] == 0
    assert measured["sigma_mad"]["set_b"]["age"] is None
    assert [claim.verdict for claim in claims(block)] == ["cannot tell"] * 5


def test_a_perfect_order_of_five_galaxies_is_no_trend(rng):
    sample, labels = sample_and_labels(rng, n=200, n_galaxies=5)
    galaxy = np.unique(sample.rows.galaxy_id, return_inverse=True)[1]
    sample = replace(sample, galaxies=replace(sample.galaxies, av=np.arange(5.0)))
    off = labels + 0.1 * galaxy[:, None] + noise(rng, np.zeros_like(labels), 0.01)
    block = dependence(sample, {"set_a": off, "set_b": off}, rng=rng)
    found = block["measured"]["set_a"]["age"]["av"]["median"]
    assert found["rho"] == pytest.approx(1)
    assert found["trend"] is None
    assert {claim.verdict for claim in claims(block)} == {"cannot tell"}


def test_predictions_of_other_rows_are_refused(rng):
    sample, labels = sample_and_labels(rng, n=100, n_galaxies=5)
    with pytest.raises(AgezError, match=r"set_b have shape \(99, 2\)"):
        dependence(sample, {"set_b": labels[1:]}, rng=rng)


def test_a_scatter_that_grows_with_star_formation_is_the_papers(rng):
    sample, labels = sample_and_labels(rng, n=8000)
    names = sample.galaxies.galaxy_id
    x = sample.galaxies.log_ssfr[np.searchsorted(names, sample.rows.galaxy_id)]
    growing = 0.05 * np.exp(0.4 * (x + 11))[:, None]
    predicted = labels + growing * rng.normal(size=labels.shape)
    block = dependence(sample, {"set_a": predicted, "set_b": predicted}, rng=rng)
    grows, medians, *_ = claims(block)
    assert (grows.verdict, medians.verdict) == ("supported", "supported")
    falling = labels + 0.05**2 / growing * rng.normal(size=labels.shape)
    block = dependence(sample, {"set_a": falling, "set_b": falling}, rng=rng)
    assert claims(block)[0].verdict == "not supported"
