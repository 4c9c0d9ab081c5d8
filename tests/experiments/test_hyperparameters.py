"""The search of section 3.1: its numbers against trainings by hand, its errors, its claims."""

import json
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("optuna")
from made_up_sample import made_up_sample

from agez.analysis.metrics import sigma_mad
from agez.errors import AgezError
from agez.experiments import hyperparameters as section
from agez.experiments.finalists import gain_of, verdict_on
from agez.experiments.hyperparameters import SearchSize, claims, hyperparameters
from agez.paper_network.architecture import Architecture
from agez.paper_network.fit_numpy import train_one
from agez.paper_network.jobs import TrainingJob, TrainingSettings
from agez.paper_network.kept import KeptNetworks
from agez.paper_network.pool import Trainer
from agez.paper_network.prepared import prepare_split, training_data
from agez.paper_network.search_space import Candidate, SearchSpace
from agez.paper_network.trials import Search, Trial
from agez.samples.splits import make_splits
from agez.targets import PAPER_TARGETS

SIZE = SearchSize(
    n_trials=3, epochs=3, final_epochs=4, n_finalists=2, n_final_seeds=2, n_startup=2, n_warmup=1, round_size=2
)
SETTINGS = TrainingSettings(optimizer="adam", learning_rate=5e-3, schedule="cosine")
#: One network, three batch sizes: little to compile.
ONE = Architecture((6, 6), (3, 3), 2, 8)
CASES = [(name, word) for name in ("set_a", "set_b") for word in ("age", "metallicity")]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The block of a small sample, the sample, and the folder."""
    sample, folder = made_up_sample(240, n_galaxies=8), tmp_path_factory.mktemp("search")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(section, "HAND_SET", dict.fromkeys(PAPER_TARGETS, Candidate(ONE, 64)))
        patch.setattr(section, "SPACE", SearchSpace((6,), (3,), (2,), (8,), (32, 64)))
        with Trainer(2, kept=KeptNetworks(folder / "networks")) as trainer:
            block = hyperparameters(sample, trainer, size=SIZE, settings=SETTINGS, seed=4, folder=folder / "trials")
            again = hyperparameters(sample, trainer, size=SIZE, settings=SETTINGS, seed=4, folder=folder / "trials")
    assert again == block
    return block, sample, folder


def test_the_block_is_strict_json_and_whole(run):
    block = run[0]
    assert json.loads(json.dumps(block, allow_nan=False)) == block
    assert block["published"]["age"] == {"filters": [16, 16], "widths": [6, 8], "pool": 8, "dense": 40, "batch": 128}
    assert block["published"]["metallicity"]["filters"] == [20, 20]
    for name, word in CASES:
        case, points = block["measured"][name][word], block["points"][name][word]
        assert case["n_trials"] == len(points["trials"]) == 3
        assert case["n_pruned"] == sum(trial["pruned"] for trial in points["trials"])
        assert case["epochs"] == sum(trial["epochs"] for trial in points["trials"])
        finished = [trial["validation_mse"] for trial in points["trials"] if not trial["pruned"]]
        assert case["best_validation_mse"] == min(finished)
        assert points["trials"][0]["batch"] == 64  # the authors' first
        best = min(points["finalists"], key=lambda one: one["validation_mse"])
        assert {key: best[key] for key in case["chosen"]} == case["chosen"]
        assert case["searched"]["validation_mse"] == best["validation_mse"] <= case["hand_set"]["validation_mse"]
        if case["chosen_is_hand_set"]:
            assert (case["gain_mse"], case["gain_mse_err"], case["verdict"]) == (0, 0, "the authors' own")
        assert case["at_least_as_good"] == (case["gain_mse"] >= 0)


def test_the_numbers_are_those_of_trainings_by_hand(run):
    block, sample, _ = run
    data = training_data(sample)
    # a case whose choice is not the authors', if there is one
    name, word = min(CASES, key=lambda one: block["measured"][one[0]][one[1]]["chosen_is_hand_set"])
    s, t = ("set_a", "set_b").index(name), ("age", "metallicity").index(word)
    kind = ("within", "by-galaxy")[s]
    prepared = prepare_split(data, make_splits(sample, kind=kind, rng=np.random.default_rng(4))[0])
    case = block["measured"][name][word]
    assert (case["n_train"], case["n_test"]) == (len(prepared.train), len(prepared.test))
    seed = int(np.random.SeedSequence((4, 31, s, t)).generate_state(1)[0])
    target = (data.labels[:, t] - prepared.center[t]) / prepared.scale[t]
    squares = {}
    for key, batch in (("hand_set", 64), ("searched", case["chosen"]["batch"])):
        residuals, validation = [], []
        for k in range(2):
            network = train_one(TrainingJob(
                prepared.rows.inputs, target.astype(np.float32), prepared.split.train, prepared.split.validation, ONE,
                replace(SETTINGS, batch_size=batch, max_epochs=4),
                int(np.random.SeedSequence((seed, k)).generate_state(1)[0]), {"target": PAPER_TARGETS[t]},
            ))  # fmt: skip
            residuals.append(prepared.predict(network) - data.labels[prepared.test, t])
            validation.append(network.validation_mse.min() * prepared.scale[t] ** 2)
        scores = {"mse": [np.mean(r**2) for r in residuals], "sigma_mad": [sigma_mad(r) for r in residuals]}
        for score, values in {**scores, "validation_mse": validation}.items():
            assert case[key][score] == pytest.approx(sum(values) / 2, rel=1e-4)
            assert case[key][f"{score}_err"] == pytest.approx(abs(values[0] - values[1]) / 2, rel=1e-2, abs=1e-6)
        squares[key] = np.mean(scores["mse"])
    assert case["gain_mse"] == pytest.approx(squares["hand_set"] - squares["searched"], rel=1e-3, abs=1e-7)


def test_validation_rows_choose_and_test_rows_do_not(run):
    """Of three invented finalists one is the best on validation rows, and another by far on test rows."""
    sample = run[1]
    data = training_data(sample)
    prepared = prepare_split(data, make_splits(sample, kind="within", rng=np.random.default_rng(4))[0])
    case = section.Case(prepared, PAPER_TARGETS[0], sample.rows.galaxy_id, 1)
    rows, sizes = len(prepared.test), [Candidate(ONE, batch) for batch in (64, 32, 128)]
    finalists = [
        section.Finalist(size, np.array([validation, validation + 0.01]), np.full((2, rows), residual))
        for size, validation, residual in zip(sizes, (0.3, 0.2, 0.4), (0.2, 0.3, 0.01), strict=True)
    ]
    found = Search((Trial(0, sizes[0], np.array([0.5]), False, 1.0),), 1.0)
    measured, _ = section._judge(case, found, finalists)
    assert measured["chosen"] == sizes[1].to_json()
    assert measured["gain_mse"] == pytest.approx(0.2**2 - 0.3**2)
    assert (measured["at_least_as_good"], measured["verdict"]) == (False, "worse")


def test_thinned_rows_are_of_every_galaxy_and_the_test_stays(run):
    sample = run[1]
    data = training_data(sample)
    for name, kind in (("set_a", "within"), ("set_b", "by-galaxy")):
        whole = make_splits(sample, kind=kind, rng=np.random.default_rng(4))[0]
        thin = section._prepare(sample, data, name, replace(SIZE, max_rows=90), 4)
        assert len(thin.train) + len(thin.validation) == pytest.approx(90, abs=8)
        np.testing.assert_array_equal(thin.split.test, whole.test)
        assert set(thin.split.train) < set(whole.train)
        assert set(thin.split.validation) < set(whole.validation)
        galaxies = sample.rows.galaxy_id
        assert set(galaxies[thin.split.train]) == set(galaxies[whole.train])
        assert section._is_thinned(thin, sample)
        assert not section._is_thinned(section._prepare(sample, data, name, SIZE, 4), sample)


def test_a_sample_that_is_too_small_says_so(tmp_path):
    few = made_up_sample(60, n_galaxies=3)
    with Trainer(1) as trainer:
        block = hyperparameters(few, trainer, size=SIZE, settings=SETTINGS, seed=1, folder=tmp_path)
        assert "3 galaxies are too few" in block["measured"]["not_run"]
        narrow = made_up_sample(60, n_galaxies=8, n_bands=6)
        block = hyperparameters(narrow, trainer, size=SIZE, settings=SETTINGS, seed=1, folder=tmp_path)
        assert "6 bands are fewer than the pooling length 8" in block["measured"]["not_run"]
    json.dumps(block, allow_nan=False)
    claim, _ = claims(block)
    assert (claim.verdict, "Not run" in claim.how) == ("cannot tell", True)


def test_the_gain_is_the_mean_difference_and_its_error_that_of_many_experiments(rng):
    """Over many invented experiments the gain scatters as its error says."""
    n_galaxies, n_seeds, sizes = 40, 4, rng.integers(5, 30, 40)
    galaxy = np.repeat(np.arange(n_galaxies), sizes)
    names = np.array([f"G{g}" for g in galaxy])
    gains, errors = [], []
    for _ in range(150):
        common = rng.normal(0, 0.1, n_galaxies)[galaxy] + rng.normal(0, 0.1, len(galaxy))
        one, other = (
            common + rng.normal(0, s, n_galaxies)[galaxy] + rng.normal(0, 0.02, (n_seeds, 1)) for s in (0.1, 0.08)
        )
        gain, error = gain_of(one, other, names, rng=rng, n_bootstrap=100)
        assert gain == pytest.approx(np.mean(np.mean(one**2, axis=1) - np.mean(other**2, axis=1)))
        gains.append(gain)
        errors.append(error)
    assert np.mean(errors) == pytest.approx(np.std(gains), rel=0.25)
    assert np.mean(gains) == pytest.approx(0.1**2 - 0.08**2, abs=3 * np.std(gains) / np.sqrt(150))


def test_the_error_of_few_galaxies():
    residual = np.array([[0.1, 0.2, 0.3], [0.2, 0.2, 0.2]])
    assert np.isnan(gain_of(residual, 0 * residual, np.array(["A"] * 3), rng=np.random.default_rng(1))[1])
    assert gain_of(residual, residual, np.array(["A", "A", "B"]), rng=np.random.default_rng(1)) == (0.0, 0.0)


def test_verdicts():
    assert verdict_on(3.0, 1.0) == "better"
    assert verdict_on(-3.0, 1.0) == "worse"
    assert verdict_on(2.0, 1.0) == verdict_on(-1.0, 1.0) == "equal within errors"
    assert verdict_on(0.0, 0.0, same=True) == "the authors' own"
    assert verdict_on(1.0, float("nan")) == "cannot tell"


def invented(gains, error=0.001, *, shortened=False):
    """A block with a gain for each of the four cases."""
    measured = {"n_final_seeds": 3, "shortened": shortened, "final_epochs": 12, "set_a": {}, "set_b": {}}
    for (name, word), gain in zip(CASES, gains, strict=True):
        measured[name][word] = {
            "gain_mse": gain, "gain_mse_err": error, "at_least_as_good": gain >= 0, "hand_set": {"mse": 0.02},
            "chosen_is_hand_set": gain == 0,
        }  # fmt: skip
    return {"published": section.PUBLISHED, "measured": measured, "points": {}}


@pytest.mark.parametrize(
    ("gains", "error", "verdict"),
    [
        ((0.003, 0.004, 0.005, 0.003), 0.001, "supported"),
        ((0.003, 0.004, 0.0, 0.003), 0.001, "cannot tell"),
        ((0.003, 0.004, 0.001, 0.003), 0.001, "cannot tell"),
        ((0.001, 0.004, -0.003, 0.003), 0.001, "not supported"),
        ((0.001, 0.004, -0.003, 0.003), None, "cannot tell"),
    ],
)
def test_claims_of_invented_blocks(gains, error, verdict):
    claim, layers = claims(invented(gains, error))
    assert layers.verdict == "cannot tell"  # agez has one architecture
    assert (claim.figure, claim.verdict) == ("figure 2", verdict)
    assert "Set A metallicity +20.0" in claim.how
    assert ("their own sizes" in claim.how) == (0 in gains)


def test_shortened_trainings_are_not_judged(run):
    for gain in (0.01, -0.01):
        claim, _ = claims(invented([gain] * 4, shortened=True))
        assert claim.verdict == "cannot tell"
        assert "for 12 epochs only" in claim.how
    assert run[0]["measured"]["shortened"] is True


@pytest.mark.parametrize(
    "bad", [{"n_trials": 0}, {"epochs": 0}, {"n_final_seeds": 1}, {"max_rows": 0}, {"final_epochs": 0}]
)
def test_bad_sizes_are_refused(bad):
    with pytest.raises(AgezError, match="search"):
        replace(SIZE, **bad)
