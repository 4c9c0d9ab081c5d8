"""The search gives the same trials however it is run or interrupted, and gives up what it should."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("optuna")
from hypothesis import given
from hypothesis import strategies as st
from made_up_sample import made_up_sample

from agez.errors import AgezError
from agez.paper_network import tuning
from agez.paper_network.architecture import PAPER_ARCHITECTURES, Architecture
from agez.paper_network.jobs import TrainedNetwork, TrainingSettings
from agez.paper_network.kept import KeptNetworks
from agez.paper_network.pool import Trainer
from agez.paper_network.prepared import prepare_split, training_data
from agez.paper_network.tuning import Candidate, SearchSpace, Trial, check_optuna, give_up_limits, search
from agez.samples.splits import make_splits

SMALL = SearchSpace(filters=(4,), widths=(3,), pool=(2,), dense=(5,), batch=(32, 128))
SETTINGS = TrainingSettings(optimizer="adam", learning_rate=5e-3, max_epochs=6, schedule="cosine")
FIRST = Candidate(Architecture((16, 16), (6, 8), 8, 40), 128)


@pytest.fixture(scope="module")
def prepared():
    sample = made_up_sample(300, n_galaxies=6)
    return prepare_split(training_data(sample), make_splits(sample, kind="within", rng=np.random.default_rng(1))[0])


class Invented:
    """In place of a trainer: learning curves that follow from a network's sizes; it may stop working."""

    def __init__(self, *, backwards=False, fails_after=None):
        self.jobs, self.backwards, self.left = [], backwards, fails_after

    def train_each(self, jobs):
        jobs = list(enumerate(jobs))
        for number, job in reversed(jobs) if self.backwards else jobs:
            if self.left == 0:
                raise KeyboardInterrupt
            self.left = None if self.left is None else self.left - 1
            self.jobs.append(job)
            yield number, invented_network(job)


class Found:
    """In place of a trainer: what was kept, and nothing else."""

    def __init__(self, kept):
        self.kept = kept

    def train_each(self, jobs):
        for number, job in enumerate(jobs):
            network = self.kept.find(job)
            assert network is not None
            yield number, network


def invented_network(job):
    sizes = job.architecture
    floor = 0.1 + ((sizes.filters[0] - 30) / 60) ** 2 + ((sizes.widths[1] - 10) / 20) ** 2 + sizes.pool / 20
    curve = floor + np.exp(-np.arange(job.settings.max_epochs) * job.settings.batch_size / 300)
    limits = np.full(len(curve), np.inf)
    if job.give_up_above is not None:
        limits[: len(job.give_up_above)] = job.give_up_above
    above = np.flatnonzero(np.minimum.accumulate(curve) > limits)
    end = above[0] + 1 if len(above) else len(curve)
    return TrainedNetwork({}, sizes, curve[:end], curve[:end], end - 1, False, 0.5, job.tags, bool(len(above)))


def run(prepared, folder, trainer=None, *, n_trials=30, **more):
    trainer = trainer or Invented()
    rules = {"settings": SETTINGS, "first": FIRST, "n_startup": 6, "n_warmup": 2, "round_size": 4, "seed": 5} | more
    return search(prepared, "log_age_lw", trainer, folder=folder, n_trials=n_trials, **rules)


def told(found):
    return [(t.number, t.candidate, t.curve.tolist(), t.pruned) for t in found.trials]


def test_the_paper_s_space_is_that_of_the_paper():
    space = SearchSpace()
    assert space.size == 13**2 * 4**2 * 7 * 5 * 3
    for architecture in PAPER_ARCHITECTURES.values():
        space.positions(Candidate(architecture, 128))


@given(st.data())
def test_candidates_and_positions_are_each_other_s_inverse(data):
    space = SearchSpace()
    positions = {name: data.draw(st.integers(0, len(values) - 1)) for name, values in space.axes.items()}
    candidate = space.candidate(positions)
    assert space.positions(candidate) == positions
    a, values = candidate.architecture, list(space.axes.values())
    assert [*a.filters, *a.widths, a.pool, a.dense, candidate.batch_size] == [
        v[i] for v, i in zip(values, positions.values(), strict=True)
    ]


@pytest.mark.parametrize(
    "bad", [{"filters": ()}, {"widths": (6, 6)}, {"pool": (4, 2)}, {"dense": (0, 3)}, {"batch": (-1,)}]
)
def test_a_space_without_order_is_refused(bad):
    with pytest.raises(AgezError, match="search space"):
        SearchSpace(**bad)


def test_work_counts_multiplications():
    bands, (f1, f2), (w1, w2), pool, dense = 34, (3, 5), (4, 2), 8, 7
    counted = sum(bands * w1 for _ in range(f1)) + sum(bands * w2 * f1 for _ in range(f2))
    counted += (bands // pool) * f2 * dense + dense
    assert Candidate(Architecture((f1, f2), (w1, w2), pool, dense), 32).work(bands) == counted


def test_limits_are_the_median_by_hand():
    curves = [np.array([9.0, 5.0, 4.0, 1.0]), np.array([8.0, 6.0]), np.array([7.0, 7.0, 2.0])]
    limits = give_up_limits(curves, n_startup=3, n_warmup=1)
    # the second stopped at 6, the third at 2
    assert limits.tolist() == [np.inf, 6.0, 4.0, 2.0]
    assert give_up_limits(curves, n_startup=4, n_warmup=1) is None
    assert give_up_limits([], n_startup=1, n_warmup=1) is None


@given(st.lists(st.lists(st.floats(0, 10), min_size=1, max_size=6), min_size=1, max_size=7), st.integers(0, 3))
def test_limits_against_a_slow_calculation(lists, n_warmup):
    curves = [np.minimum.accumulate(one) for one in lists]
    limits = give_up_limits(curves, n_startup=1, n_warmup=n_warmup)
    assert len(limits) == max(map(len, curves))
    for epoch, limit in enumerate(limits):
        values = sorted(float(curve[min(epoch, len(curve) - 1)]) for curve in curves)
        middle = (values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2
        assert limit == (np.inf if epoch < n_warmup else pytest.approx(middle))


def test_trials_are_given_up_by_the_rule_and_only_by_it(prepared, tmp_path):
    trainer = Invented()
    found = run(prepared, tmp_path, trainer)
    assert found.trials[0].candidate == FIRST
    assert [t.number for t in found.trials] == list(range(30))
    assert 3 <= found.n_pruned < 24
    saved = 0
    for trial in found.trials:
        assert SearchSpace().positions(trial.candidate)  # in the space
        before = [t for t in found.trials[: 4 * (trial.number // 4)] if not t.pruned]
        curve = invented_network(trainer_job(trainer, trial)).validation_mse
        if len(before) < 6:
            assert not trial.pruned
        if trial.pruned:
            end = len(trial.curve) - 1
            at_end = sorted(float(t.curve[min(end, len(t.curve) - 1)]) for t in before)
            assert trial.curve[-1] > np.median(at_end)
            assert end >= 2
            saved += SETTINGS.max_epochs - len(trial.curve)
        else:
            assert len(trial.curve) == SETTINGS.max_epochs
        np.testing.assert_array_equal(trial.curve, curve)
    for begin in range(0, 30, 4):
        limits = give_up_limits([t.curve for t in found.trials[:begin] if not t.pruned], n_startup=6, n_warmup=2)
        for job in trainer.jobs[begin : begin + 4]:
            np.testing.assert_array_equal(job.give_up_above, limits)
    assert (found.epochs_saved, found.epochs) == (saved, 30 * SETTINGS.max_epochs - saved)
    best = min((t for t in found.trials if not t.pruned), key=lambda t: t.mse)
    assert found.best.mse == best.mse < found.trials[0].mse
    ranked = [t.mse for t in found.ranked]
    assert ranked == sorted(ranked)
    assert len({t.candidate for t in found.ranked}) == len(ranked)
    assert found.label_variance == pytest.approx(np.var(prepared.labels[prepared.train, 0]))


def trainer_job(trainer, trial):
    """The job of a trial: equal candidates of one round have equal jobs."""
    return next(
        j
        for j in trainer.jobs
        if (j.architecture, j.settings.batch_size) == (trial.candidate.architecture, trial.candidate.batch_size)
        and invented_network(j).gave_up == trial.pruned
    )


def test_it_does_better_than_chance(prepared, tmp_path):
    guided = [run(prepared, tmp_path, seed=seed).best.mse for seed in range(5)]
    chance = [run(prepared, tmp_path, seed=seed, n_startup=30).best.mse for seed in range(5)]
    assert np.mean(guided) < np.mean(chance)


def test_seeds_and_rounds_differ_and_the_order_of_finishing_does_not_matter(prepared, tmp_path):
    one = told(run(prepared, tmp_path / "one"))
    assert told(run(prepared, tmp_path / "two", Invented(backwards=True))) == one
    assert told(run(prepared, tmp_path / "one", seed=6)) != one  # same folder, another search


@pytest.mark.parametrize("stops", [1, 4, 6, 9, 29])
def test_an_interrupted_search_goes_on_as_if_it_had_not_been(prepared, tmp_path, stops):
    whole = run(prepared, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(prepared, tmp_path / "cut", Invented(fails_after=stops, backwards=stops % 2 == 0))
    rest, seen = Invented(), []
    again = run(prepared, tmp_path / "cut", rest, tell=seen.append)
    assert told(again) == told(whole)
    assert len(rest.jobs) == 30 - stops  # none is trained twice
    assert sorted(t.number for t in seen) == list(range(30))
    idle = Invented()
    assert told(run(prepared, tmp_path / "cut", idle)) == told(whole)
    assert idle.jobs == []


def test_a_longer_search_begins_with_the_shorter(prepared, tmp_path):
    short = run(prepared, tmp_path, n_trials=10)
    more = Invented()
    assert told(run(prepared, tmp_path, more, n_trials=22))[:10] == told(short)
    assert len(more.jobs) == 12
    assert told(run(prepared, tmp_path, Invented(fails_after=0), n_trials=10)) == told(short)
    assert told(run(prepared, tmp_path, Invented(fails_after=0), n_trials=22)) == told(
        run(prepared, tmp_path / "other", n_trials=22)
    )


@pytest.mark.parametrize("damage", ["cut", "empty", "other", "values"])
def test_a_damaged_file_counts_as_absent(prepared, tmp_path, damage):
    first = run(prepared, tmp_path, n_trials=6)
    path = next(tmp_path.iterdir())
    text = path.read_text()
    content = json.loads(text)
    content["trials"][2]["dense"] = 41
    path.write_text({"cut": text[:300], "empty": "", "other": "[1]", "values": json.dumps(content)}[damage])
    trainer = Invented()
    assert told(run(prepared, tmp_path, trainer, n_trials=6)) == told(first)
    assert len(trainer.jobs) == 6


def test_real_networks_one_or_two_workers(prepared, tmp_path):
    more = {"space": SMALL, "first": None, "n_startup": 2, "n_warmup": 1, "n_trials": 6, "round_size": 2, "seed": 1}
    found, kept = [], KeptNetworks(tmp_path / "networks")
    for workers in (1, 2):
        with Trainer(workers, kept=kept if workers == 2 else None) as trainer:
            found.append(run(prepared, tmp_path / str(workers), trainer, **more))
    assert told(found[0]) == told(found[1])
    assert found[1].n_pruned > 0
    # without the search's own file, its networks come back
    assert told(run(prepared, tmp_path / "again", Found(kept), **more)) == told(found[0])
    limit = give_up_limits([t.curve for t in found[0].trials[:2]], n_startup=2, n_warmup=1)
    for trial in found[0].trials[2:4]:  # the same networks, stopped where they pass the limit
        passed = trial.curve > limit[: len(trial.curve)]
        assert passed[-1] == trial.pruned
        assert not passed[:-1].any()


def test_killed_at_any_moment(prepared, tmp_path):
    """kill -9 in the middle of a search, in a process of its own."""
    program = f"""
        import sys, time
        sys.path[:0] = [{str(Path(__file__).parent)!r}, {str(Path(__file__).parents[1])!r}]
        from test_tuning import Invented, made_up_sample, make_splits, np, prepare_split, run, training_data

        class Slow(Invented):
            def train_each(self, jobs):
                for one in super().train_each(jobs):
                    time.sleep(0.02)
                    print("trial", flush=True)
                    yield one

        sample = made_up_sample(300, n_galaxies=6)
        split = make_splits(sample, kind="within", rng=np.random.default_rng(1))[0]
        run(prepare_split(training_data(sample), split), {str(tmp_path / "killed")!r}, Slow())
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    for _ in range(11):
        assert process.stdout.readline() == b"trial\n"
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    rest = Invented()
    assert told(run(prepared, tmp_path / "killed", rest)) == told(run(prepared, tmp_path / "whole"))
    assert 0 < len(rest.jobs) <= 20


def test_bad_arguments_are_told(prepared, tmp_path, monkeypatch):
    with pytest.raises(AgezError, match="dense 41 is not among"):
        run(prepared, tmp_path, first=Candidate(Architecture((16, 16), (6, 8), 8, 41), 128))
    with pytest.raises(AgezError, match="12 bands are fewer than the pooling length 16"):
        run(prepared, tmp_path, space=SearchSpace(pool=(8, 16)))
    for name in ("n_trials", "n_startup", "round_size"):
        with pytest.raises(AgezError, match="expected at least 1"):
            run(prepared, tmp_path, **{name: 0})
    monkeypatch.setattr("agez.runtime.optional_packages.is_installed", lambda name: False)
    with pytest.raises(AgezError, match=r"pip install 'agez\[tune\]'"):
        check_optuna()


def test_optuna_stays_silent_and_as_it_was(prepared, tmp_path, capfd):
    import optuna

    before = optuna.logging.get_verbosity()
    run(prepared, tmp_path, n_trials=9)
    assert optuna.logging.get_verbosity() == before
    assert capfd.readouterr() == ("", "")


def test_epochs_before_the_first_finite_one_are_no_good():
    curve = np.array([np.nan, 3.0, np.nan, 2.0, 5.0])
    network = TrainedNetwork({}, FIRST.architecture, curve, curve, 3, False, 1.0)
    trial = tuning._trial(0, FIRST, network)
    assert isinstance(trial, Trial)
    assert trial.curve[0] > 1e300
    assert trial.curve[1:].tolist() == [3.0, 3.0, 2.0, 2.0]
