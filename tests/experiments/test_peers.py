"""The comparison with other methods: same folds, same rows, scores as a direct calculation gives them."""

import importlib
import json
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from made_up_sample import made_up_cross_validation, made_up_sample

from agez.analysis.metrics import evaluate, sigma_mad
from agez.errors import AgezError
from agez.experiments.peer_methods import TreeSizes
from agez.experiments.peer_scores import Answers, differences
from agez.experiments.peers import ALL_METHODS, PeerSizes, claims, network_answers, peers
from agez.experiments.population_library import make_library
from agez.experiments.result import target_columns
from agez.paper_network.prepared import prepare_split, training_data
from agez.photometry.filters import PAPER_BANDS, load_filters
from agez.samples.splits import make_splits
from agez.spectra.templates import made_up_grid

pytest.importorskip("sklearn", reason="the extra agez[peers] is not installed")
pytest.importorskip("lightgbm", reason="the extra agez[peers] is not installed")

TREES = TreeSizes(forest_trees=6, boosting_rounds=20, lightgbm_rounds=40)
SIZES = PeerSizes(TREES, n_models=800, floor=0.05, n_bootstrap=20)
FILTERS = load_filters("jpas").select(PAPER_BANDS)


@lru_cache
def j_pas_sample(n=160):
    """A sample whose SEDs are composite populations of the invented templates in the paper's bands."""
    rng = np.random.default_rng(3)
    sample = made_up_sample(n, n_galaxies=8, n_bands=34, seed=1)
    library = make_library(made_up_grid(), FILTERS, n_models=n, rng=rng)
    flux = library.flux * (1 + 0.01 * rng.normal(size=library.flux.shape))
    photometry = replace(
        sample.photometry, bands=FILTERS.bands, flux=flux, flux_err=0.01 * library.flux, covered=flux == flux
    )
    age, mh = library.means.T
    labels = replace(sample.labels, log_age_lw=age + 0.05 * rng.normal(size=n), mh_lw=mh + 0.05 * rng.normal(size=n))
    return replace(sample, photometry=photometry, labels=labels, truth=replace(sample.truth, log_age_lw=age, mh_lw=mh))


def pretended(sample, spread, seed=9):
    """Predictions of a network that is off by ``spread`` dex."""
    labels = target_columns(sample.labels)
    return Answers(labels + spread * np.random.default_rng(seed).normal(size=labels.shape), 2.0, 1e-5)


@lru_cache
def block():
    sample = j_pas_sample()
    networks = {"set_a": pretended(sample, 0.01), "set_b": pretended(sample, 0.02)}
    return peers(sample, networks, sizes=SIZES, templates="made-up", seed=5, workers=1)


def without_seconds(value):
    if isinstance(value, dict):
        return {key: without_seconds(one) for key, one in value.items() if not key.startswith("seconds")}
    return value


def test_the_block_is_whole_and_strict_json():
    found = json.loads(json.dumps(block(), allow_nan=False))
    assert found.keys() == {"published", "measured", "points"}
    assert found["published"]["set_b"]["age"]["sigma_mad"] == 0.14
    methods = found["measured"]["methods"]
    assert tuple(methods) == ("network", *ALL_METHODS)
    assert found["measured"]["skipped"] == {}
    for row in methods.values():
        assert row["title"]
        assert row["learns_from"]
        assert row["seconds_per_sed"] > 0
        assert row["seconds_to_train"] > 0
        for set_name in ("set_a", "set_b"):
            for scores in (row[set_name], row[set_name]["truth"]):
                assert scores.keys() >= {"age", "metallicity", "residual_pcc"}
                assert scores["age"].keys() == {"sigma_mad", "bias", "rmse", "n"}
                assert scores["age"]["n"] == 160
    library = found["measured"]["library"]
    assert library["n_models"] == 800
    assert library["n_fitted"] == 160
    assert "J0490" in library["masked"]
    assert 1 <= library["n_effective"]["p05"] <= library["n_effective"]["p50"]


def test_methods_learn_something():
    labels = target_columns(j_pas_sample().labels)
    for name, row in block()["measured"]["methods"].items():
        for set_name in ("set_a", "set_b"):
            assert row[set_name]["age"]["rmse"] < 0.9 * labels[:, 0].std(), name
    one = block()["measured"]["methods"]["library_fit"]
    assert one["set_a"] == one["set_b"]


@pytest.mark.parametrize(("set_name", "kind"), [("set_a", "within"), ("set_b", "by-galaxy")])
def test_the_forest_is_the_one_made_by_hand(set_name, kind):
    """Fold by fold with scikit-learn's own class, from the splits that cross_validate makes."""
    from sklearn.ensemble import RandomForestRegressor

    sample = j_pas_sample()
    data = training_data(sample)
    predicted = np.full((len(sample), 2), np.nan)
    for number, split in enumerate(make_splits(sample, kind=kind, rng=np.random.default_rng(5))):
        fold = prepare_split(data, split)
        rows = np.concatenate([fold.train, fold.validation])
        assert np.intersect1d(rows, fold.test).size == 0
        seed = int(np.random.SeedSequence((5, 4, number)).generate_state(1)[0]) % 2**31
        forest = RandomForestRegressor(6, min_samples_leaf=3, max_features=1 / 3, random_state=seed)
        forest.fit(fold.rows.inputs[rows], (data.labels[rows] - fold.center) / fold.scale)
        predicted[fold.test] = forest.predict(fold.rows.inputs[fold.test]) * fold.scale + fold.center
    row = block()["measured"]["methods"]["random_forest"][set_name]
    for k, word in enumerate(("age", "metallicity")):
        assert row[word] == pytest.approx(evaluate(predicted[:, k], data.labels[:, k]).to_json())
        truth = target_columns(sample.truth)[:, k]
        assert row["truth"][word] == pytest.approx(evaluate(predicted[:, k], truth).to_json())


def test_differences_are_between_common_rows():
    sample = j_pas_sample()
    measured = block()["measured"]
    for set_name, spread in (("set_a", 0.01), ("set_b", 0.02)):
        own = pretended(sample, spread).predicted - target_columns(sample.labels)
        for k, word in enumerate(("age", "metallicity")):
            for name, one in measured["differences"]["labels"][set_name][word].items():
                other = measured["methods"][name][set_name][word]["sigma_mad"]
                assert one["difference"] == pytest.approx(sigma_mad(own[:, k]) - other)
                assert one["low"] <= one["high"] < 0
    assert measured["n_galaxies"] == 8
    assert [claim.verdict for claim in claims(block())[1:]] == ["cannot tell"] * 2
    assert "8 galaxies are too few" in claims(block())[2].how
    assert claims({"measured": {**measured, "n_galaxies": 20}})[1].verdict == "supported"


def test_pairs_are_compared_on_the_rows_that_both_answer():
    """A method without some rows changes its own comparison alone; the interval is that of resampled galaxies."""
    draws = np.random.default_rng(12)
    rng = np.random.default_rng(11)
    galaxy = np.repeat([f"G{i}" for i in range(12)], 10)
    reference = rng.normal(size=(120, 2))
    made = {name: reference + spread * rng.normal(size=(120, 2)) for name, spread in (("a", 0.2), ("b", 0.3))}
    network = reference + 0.1 * rng.normal(size=(120, 2))
    made["b"][:50] = np.nan
    answers = {"network": {"set_a": Answers(network)}} | {name: {"set_a": Answers(one)} for name, one in made.items()}
    found = differences(answers, reference, galaxy, n_bootstrap=50, rng=np.random.default_rng(12))["set_a"]["age"]
    whole = [sigma_mad((one - reference)[:, 0]) for one in (network, made["a"])]
    part = [sigma_mad((one - reference)[50:, 0]) for one in (network, made["b"])]
    assert found["a"]["difference"] == pytest.approx(whole[0] - whole[1])
    assert found["b"]["difference"] == pytest.approx(part[0] - part[1])
    slow = []
    for _ in range(50):
        chosen = np.unique(galaxy)[draws.integers(12, size=12)]
        rows = np.concatenate([np.flatnonzero(galaxy == name) for name in chosen])
        slow.append(sigma_mad((network - reference)[rows, 0]) - sigma_mad((made["a"] - reference)[rows, 0]))
    assert [found["a"]["low"], found["a"]["high"]] == pytest.approx(np.percentile(slow, [2.5, 97.5]))


def test_folds_are_those_of_the_cross_validation():
    sample, run = made_up_cross_validation()
    networks = {"set_b": network_answers(run, sample)}
    arguments = {"methods": ["random_forest"], "sizes": SIZES, "seed": run.seed, "workers": 1, "max_missing": 2}
    dealt = peers(sample, networks, splits={"set_b": run.splits}, **arguments)
    own = peers(sample, networks, **arguments)
    assert without_seconds(dealt) == without_seconds(own)
    network = dealt["measured"]["methods"]["network"]
    labels = target_columns(sample.labels)
    assert network["set_b"]["age"] == evaluate(run.predicted[:, 0], labels[:, 0]).to_json()
    assert network["seconds_to_train"] == pytest.approx(sum(one.seconds for one in run.networks))
    assert 0 < network["seconds_per_sed"] < 0.01
    other = dealt["measured"]["methods"]["random_forest"]
    assert other["set_b"]["age"]["n"] == network["set_b"]["age"]["n"]


def test_only_rows_that_the_network_answers_are_scored():
    sample = j_pas_sample()
    answers = pretended(sample, 0.01)
    answers.predicted[:7] = np.nan
    found = peers(sample, {"set_a": answers}, methods=["gradient_boosting", "library_fit"], sizes=SIZES,
                  templates="made-up", workers=1)["measured"]["methods"]  # fmt: skip
    assert {row["set_a"]["age"]["n"] for row in found.values()} == {153}


def test_two_processes_give_the_same_numbers():
    sample = j_pas_sample()
    networks = {"set_a": pretended(sample, 0.01), "set_b": pretended(sample, 0.02)}
    two = peers(sample, networks, sizes=SIZES, templates="made-up", seed=5, workers=2)
    assert without_seconds(two) == without_seconds(block())


def test_what_is_not_installed_is_skipped(monkeypatch):
    real = importlib.import_module

    def refuse(name, *args):
        if name == "lightgbm":
            raise ModuleNotFoundError(name=name)
        if name == "sklearn":
            raise OSError("libomp.dylib not found")
        return real(name, *args)

    monkeypatch.setattr(importlib, "import_module", refuse)
    sample = made_up_sample(80)
    found = peers(sample, {"set_a": pretended(sample, 0.01)}, sizes=SIZES, workers=1)
    skipped = found["measured"]["skipped"]
    assert tuple(found["measured"]["methods"]) == ("network",)
    assert "pip install 'agez[peers]'" in skipped["lightgbm"]
    assert "libomp.dylib not found" in skipped["random_forest"]
    assert "made-up" in skipped["library_fit"]  # bands that no shipped set has
    assert claims(found)[1].verdict == "cannot tell"
    assert all(json.dumps(one) for one in skipped.values())


def test_why_there_is_no_library_fit():
    sample = j_pas_sample()
    arguments = {"methods": ["library_fit"], "sizes": SIZES, "workers": 1}
    networks = {"set_a": pretended(sample, 0.01)}

    def reason(data, **more):
        measured = peers(data, networks, **(arguments | {"templates": "made-up"} | more))["measured"]
        assert measured["library"] is None
        return measured["skipped"]["library_fit"]

    assert "neither a known library" in reason(sample, templates="no such library")
    photometry = sample.photometry
    away = replace(sample, photometry=replace(photometry, redshift=np.full(len(sample), 0.3)))
    assert "redshifts up to 0.300" in reason(away)
    moved = replace(photometry.bands, pivot_angstrom=tuple(p + 9 for p in photometry.bands.pivot_angstrom))
    assert "9 A from" in reason(replace(sample, photometry=replace(photometry, bands=moved)))


def test_a_real_survey_has_no_truth():
    sample = replace(j_pas_sample(), truth=None)
    found = peers(sample, {"set_a": pretended(sample, 0.01)}, methods=["library_fit"], sizes=SIZES,
                  templates="made-up", workers=1)  # fmt: skip
    assert "truth" not in found["measured"]["methods"]["library_fit"]["set_a"]
    assert tuple(found["measured"]["differences"]) == ("labels",)
    assert found["measured"]["library"]["within_error"]["age"] > 0.3


def test_bad_arguments():
    sample = made_up_sample(80)
    good = {"set_a": pretended(sample, 0.1)}
    with pytest.raises(AgezError, match="choose the methods among random_forest"):
        peers(sample, good, methods=["forest"])
    with pytest.raises(AgezError, match="the sets among set_a, set_b"):
        peers(sample, {"set_c": pretended(sample, 0.1)})
    with pytest.raises(AgezError, match="for 80 spectra"):
        peers(sample, {"set_a": Answers(np.zeros((3, 2)))})


def invented(low, high, other=(-0.2, -0.1)):
    """A block with one interval of its own and one that lies below zero."""
    intervals = {"random_forest": (low, high), "library_fit": other}
    by_method = {name: {"difference": 0.5 * (a + b), "low": a, "high": b} for name, (a, b) in intervals.items()}
    methods = {name: {"title": name.replace("_", " ")} for name in by_method}
    differences_ = {"labels": {"set_b": {"age": by_method}}}
    return {"measured": {"n_galaxies": 190, "methods": methods, "differences": differences_}}


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [((-0.02, -0.01), "supported"), ((0.01, 0.02), "not supported"), ((-0.01, 0.01), "cannot tell")],
)
def test_the_claim_follows_the_intervals(interval, verdict):
    rapid, claim = claims(invented(*interval))
    assert rapid.verdict == "cannot tell"  # no network was timed
    assert claim.verdict == verdict
    assert claim.figure == "peers"
    assert "against random forest" in claim.how  # the best of the others
    assert f"{0.5 * sum(interval):+.3f}" in claim.how


@pytest.mark.parametrize(("seconds", "verdict"), [(1e-5, "supported"), (1e-3, "not supported"), (None, "cannot tell")])
def test_a_survey_in_a_week_is_rapid(seconds, verdict):
    block = invented(-0.02, -0.01)
    block["measured"]["methods"]["network"] = {"title": "network", "seconds_per_sed": seconds}
    rapid = claims(block)[0]
    assert (rapid.verdict, rapid.section) == (verdict, "4.1, 5")
