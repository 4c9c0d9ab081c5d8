"""Table 1: draws, cells against trainings by hand, and what is made of the differences."""

import json
from dataclasses import replace

import numpy as np
import pytest
from made_up_sample import made_up_sample
from scipy import stats

from agez.errors import AgezError
from agez.experiments.paper import TABLE_1
from agez.experiments.table1 import (
    CELLS,
    _cell,
    _differences,
    claims,
    draw_splits,
    n_training_galaxies,
    table1,
)
from agez.paper_network.architecture import Architecture
from agez.paper_network.jobs import TrainingSettings
from agez.paper_network.pool import Trainer
from agez.paper_network.prepared import prepare_split, training_data
from agez.samples.splits import row_morphology
from agez.targets import PAPER_TARGETS

SMALL = dict.fromkeys(PAPER_TARGETS, Architecture((4, 4), (6, 6), 4, 10))
FEW = TrainingSettings(optimizer="adam", learning_rate=5e-3, batch_size=64, max_epochs=3, schedule="cosine")


@pytest.fixture(scope="module")
def sample():
    whole = made_up_sample(480, n_galaxies=20, missing=0.01)  # 5 early and 15 late types
    morphology = whole.galaxies.morphology.copy()
    morphology[-1] = ""
    return replace(whole, galaxies=replace(whole.galaxies, morphology=morphology))


@pytest.fixture(scope="module")
def run(sample):
    with Trainer(1) as trainer:
        block = table1(sample, trainer, settings=FEW, n_draws=2, seed=3, architectures=SMALL)
    json.dumps(block, allow_nan=False)
    return block


def test_the_papers_numbers_come_from_the_papers_sample():
    assert (n_training_galaxies("early", 44), n_training_galaxies("late", 146)) == (33, 114)
    assert [n_training_galaxies("early", n) for n in (4, 5, 8)] == [3, 4, 6]


def test_a_draw_keeps_galaxies_whole_and_tests_all_networks_on_the_same(sample, rng):
    ids, morphology = sample.rows.galaxy_id, row_morphology(sample)
    splits = draw_splits(ids, morphology, {"early": 4, "late": 11}, rng)
    for name, split in splits.items():
        parts = [set(ids[rows]) for rows in (split.train, split.validation, split.test)]
        assert len(set.union(*parts)) == sum(len(part) for part in parts)
        assert np.array_equal(split.test, splits["full"].test)
        assert len(parts[2]) == 1 + 3
        assert len(parts[0] | parts[1]) == {"early": 4, "late": 11, "full": 15}[name]
        assert set(morphology[np.r_[split.train, split.validation]]) == (
            {name} if name != "full" else {"early", "late"}
        )
        assert parts[1]
    for part in ("train", "validation"):
        both = np.sort(np.concatenate([getattr(splits[kind], part) for kind in ("early", "late")]))
        assert np.array_equal(both, getattr(splits["full"], part))


def test_cells_are_those_of_trainings_by_hand(sample, run):
    ids, morphology, data = sample.rows.galaxy_id, row_morphology(sample), training_data(sample)
    slow = {word: {cell: [] for cell in CELLS} for word in ("age", "metallicity")}
    with Trainer(1) as trainer:
        for draw in range(2):
            rng = np.random.default_rng(np.random.SeedSequence((3, draw, 1)))
            splits = draw_splits(ids, morphology, {"early": 4, "late": 11}, rng)
            residual = {}
            for s, name in enumerate(("early", "late", "full")):
                prepared = prepare_split(data, splits[name])
                for t, target in enumerate(PAPER_TARGETS):
                    seed = int(np.random.SeedSequence((3, draw, s + 2, t + 1)).generate_state(1)[0])
                    job = prepared.job(target, architecture=SMALL[target], settings=FEW, seed=seed)
                    said = prepared.predict(trainer.train([job])[0])
                    for row, value in zip(prepared.test, said, strict=True):
                        residual[name, t, row] = value - data.labels[row, t]
            for t, word in enumerate(("age", "metallicity")):
                for cell in CELLS:
                    trained, _, applied = cell.partition("-")
                    d = [v for (name, k, row), v in residual.items()
                         if name == trained and k == t and (not applied or morphology[row] == applied)]  # fmt: skip
                    slow[word][cell].append(1.4826 * np.median(np.abs(np.array(d) - np.median(d))))
    for word, cells in slow.items():
        for cell, values in cells.items():
            assert run["points"][word][cell]["sigma_mad"] == pytest.approx(values, rel=1e-6)
            found = run["measured"][word][cell]
            assert found["sigma_mad"] == pytest.approx(np.mean(values), rel=1e-6)
            assert found["spread"] == pytest.approx(np.std(values, ddof=1), rel=1e-6, abs=1e-9)
            assert found["err"] is None  # two draws have none
            assert found["n_draws"] == 2


def test_the_block_says_its_sizes_and_two_draws_cannot_tell(run):
    measured = run["measured"]
    assert (measured["n_draws"], measured["n_train_early"], measured["n_train_late"]) == (2, 4, 11)
    assert (measured["n_test_early"], measured["n_test_late"]) == (1, 3)
    assert run["published"] == TABLE_1
    assert [claim.verdict for claim in claims(run)] == ["cannot tell"] * 5


@pytest.mark.parametrize("missing", ["early", "late"])
def test_a_missing_type_is_said_and_nothing_is_trained(sample, missing):
    kept = "late" if missing == "early" else "early"
    other = replace(sample, galaxies=replace(sample.galaxies, morphology=np.full(20, kept)))
    block = table1(other, None, settings=FEW, n_draws=2, seed=1)
    assert block["measured"]["not_run"].startswith(f"only 0 {missing} types")
    assert block["points"] == {}
    assert [claim.verdict for claim in claims(block)] == ["cannot tell"] * 5


def test_networks_that_cannot_be_trained_leave_their_cells_empty(sample):
    """No early type has the first band, which networks of both types learn from nevertheless."""
    photometry = sample.photometry
    covered = photometry.covered.copy()
    covered[row_morphology(sample) == "early", 0] = False
    flux, error = (np.where(covered, values, np.nan) for values in (photometry.flux, photometry.flux_err))
    other = replace(sample, photometry=replace(photometry, flux=flux, flux_err=error, covered=covered))
    with Trainer(1) as trainer:
        block = table1(other, trainer, settings=FEW, n_draws=1, seed=1, architectures=SMALL)
    json.dumps(block, allow_nan=False)
    age = block["measured"]["age"]
    assert {cell: one["n_draws"] for cell, one in age.items()} == {
        "early-early": 0, "early-late": 0, "late-early": 1, "late-late": 1, "full": 1,
    }  # fmt: skip
    assert age["early-early"]["sigma_mad"] is None
    assert age["late-early"]["sigma_mad"] > 0
    assert [claim.verdict for claim in claims(block)] == ["cannot tell"] * 5


def test_no_draws_are_refused(sample):
    with pytest.raises(AgezError, match="n_draws is 0"):
        table1(sample, None, settings=FEW, n_draws=0, seed=1)


def judged(cells, *, n_draws=20, noise=0.004):
    rng = np.random.default_rng(4)
    measured = {"differences": {}, "n_train_early": 33, "n_train_late": 114, "n_test_early": 11, "n_test_late": 32}
    for word in ("age", "metallicity"):
        found = {cell: cells[word][cell] + noise * rng.normal(size=n_draws) for cell in CELLS}
        measured["differences"][word] = _differences(found, TABLE_1[word], 43 / 147)
        measured[word] = {cell: _cell(v, v * 0, test_to_train=43 / 147) for cell, v in found.items()}
    return measured["differences"], [claim.verdict for claim in claims({"measured": measured})]


def test_the_published_table_bears_out_its_claims():
    differences, verdicts = judged(TABLE_1, noise=0.002)
    assert verdicts == ["supported"] * 5
    one = differences["age"]["early_own"]
    assert one["published"] == pytest.approx(0.04)
    assert one["mean"] == pytest.approx(0.04, abs=0.005)


def test_a_table_without_differences_does_not():
    same = {word: dict.fromkeys(CELLS, 0.12) for word in TABLE_1}
    # own type, best, 0.10 dex, late types by early ones, full
    assert judged(same, noise=0.002)[1] == [
        "not supported", "not supported", "not supported", "supported", "not supported",
    ]  # fmt: skip
    worse = {word: dict(cells, **{"early-late": cells["late-late"] + 0.1}) for word, cells in same.items()}
    assert judged(worse)[1][3] == "not supported"


def test_large_errors_cannot_tell():
    assert judged(TABLE_1, noise=0.3)[1] == ["cannot tell"] * 5
    assert judged(TABLE_1, n_draws=2)[1] == ["cannot tell"] * 5


def test_the_error_is_nadeau_and_bengios():
    values = {cell: np.full(5, 0.1) for cell in CELLS}
    values["early-late"] = np.array([0.15, 0.17, 0.16, 0.14, 0.18])
    found = _differences(values, TABLE_1["age"], 0.3)["late_own"]
    error = np.std(values["early-late"], ddof=1) * np.sqrt(1 / 5 + 0.3)
    assert found["err"] == pytest.approx(error)
    assert found["low"] == pytest.approx(0.06 - stats.t.ppf(0.975, 4) * error)


def test_the_error_of_a_cell_knows_that_draws_share_galaxies():
    cell = _cell(np.array([0.1, 0.2, 0.3]), np.zeros(3), test_to_train=0.29)
    assert cell["sigma_mad"] == pytest.approx(0.2)
    assert cell["spread"] == pytest.approx(0.1)
    assert cell["err"] == pytest.approx(0.1 * (1 / 3 + 0.29) ** 0.5)
