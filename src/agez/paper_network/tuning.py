"""The search for a network's sizes: trials in rounds, chosen by Optuna, trained in parallel, stopped early, resumable.

The tree-structured Parzen estimator (Bergstra et al. 2011, NeurIPS 24, 2546) as Optuna has it (Akiba et al. 2019,
KDD, 2623) proposes candidates from the trials so far.  A round's candidates are proposed together, whatever the number
of workers: those of the round that are not known yet count as bad, so that they differ ("constant liar").  What is
proposed follows from the finished rounds, the seed and the trial's number alone.  So a search gives the same trials
however many processes train them and however often it was interrupted, and only finished trials need be stored.

They are stored in a JSON file of our own, written whole after every trial, and not in Optuna's database: that would
hold half-proposed trials, which could not be finished in the same way, and takes longer to open than a small search.
"""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from importlib import metadata
from typing import Any

import numpy as np

from agez.errors import AgezError
from agez.paper_network.jobs import TrainedNetwork, TrainingJob, TrainingSettings
from agez.paper_network.kept import job_digest
from agez.paper_network.pool import Trainer
from agez.paper_network.prepared import PreparedSplit
from agez.paper_network.search_space import Candidate, SearchSpace
from agez.paper_network.trials import Search, Trial, read_trials, write_trials
from agez.runtime.files import make_folder
from agez.runtime.optional_packages import check_installed
from agez.targets import PAPER_TARGETS
from agez.types import Floats

__all__ = ["Candidate", "Search", "SearchSpace", "Trial", "check_optuna", "give_up_limits", "search"]


def check_optuna() -> None:
    """AgezError with what to install if Optuna is missing."""
    check_installed("optuna", extra="tune", purpose="the search for hyperparameters")


def give_up_limits(curves: Sequence[Floats], *, n_startup: int, n_warmup: int) -> Floats | None:
    """Validation MSE by epoch above which a trial is given up: the median of the lowest so far of others.

    Optuna's median rule, but for the others' lowest MSE up to an epoch instead of that at the epoch, which is noisier.
    A curve that has ended keeps its last value.

    Parameters
    ----------
    curves : sequence of (epochs,) float
        Lowest validation MSE so far, of trials that were not given up.
    n_startup : int
        With fewer curves there is no limit yet.
    n_warmup : int
        In so many first epochs there is none.

    Returns
    -------
    (longest,) float or None
    """
    if len(curves) < max(n_startup, 1):
        return None
    longest = max(len(curve) for curve in curves)
    table = np.stack([np.append(curve, np.full(longest - len(curve), curve[-1])) for curve in curves])
    limits = np.median(table, axis=0)
    limits[:n_warmup] = np.inf
    return np.asarray(limits)


def search(
    prepared: PreparedSplit,
    target: str,
    trainer: Trainer,
    *,
    folder: str | os.PathLike[str],
    n_trials: int,
    settings: TrainingSettings,
    space: SearchSpace | None = None,
    first: Candidate | None = None,
    n_startup: int = 10,
    n_warmup: int = 5,
    round_size: int = 8,
    seed: int = 1,
    tell: Callable[[Trial], None] | None = None,
) -> Search:
    """Look for the network with the lowest MSE on a split's validation rows.  Test rows are not looked at.

    Parameters
    ----------
    target : str
        One of ``PAPER_TARGETS``.
    folder : path
        Finished trials are kept there, in a file named by all that decides the search; the same search then goes on
        from it, and one with more trials begins with them.
    settings : TrainingSettings
        Of every trial, its batch size apart.  With the 'cosine' schedule trials can be compared at equal epochs.
    space : SearchSpace
        Default: the paper's.
    first : Candidate, optional
        The first trial: what is to be improved upon.
    n_startup : int
        So many trials are random, and so many must have run to their end before any is given up.
    n_warmup : int
        No trial is given up in so many epochs.
    round_size : int
        Trials that are proposed together and trained in parallel.
    seed : int
        Of the proposals and of every trial's training (the same for all: equal candidates have equal results).
    tell : callable, optional
        Called with every trial as it is finished, or found.

    Raises
    ------
    AgezError
        If Optuna is not installed, ``first`` is not in the space, pooling would leave nothing of the bands, or a
        number is not positive.
    """
    check_optuna()
    space = space or SearchSpace()
    if min(n_trials, n_startup, round_size) < 1 or n_warmup < 0:
        raise AgezError(
            f"search: {n_trials} trials, {n_startup} to start with, {n_warmup} epochs to warm up, "
            f"rounds of {round_size}; expected at least 1 (epochs: 0)"
        )
    n_bands = prepared.rows.inputs.shape[1]
    Candidate(replace(space.candidate(dict.fromkeys(space.axes, 0)).architecture, pool=space.pool[-1]), 1).work(n_bands)
    start = None if first is None else space.positions(first)

    def job_of(candidate: Candidate, limits: Floats | None = None) -> TrainingJob:
        own = replace(settings, batch_size=candidate.batch_size)
        job = prepared.job(target, architecture=candidate.architecture, settings=own, seed=seed)
        return replace(job, give_up_above=limits)

    rules = {"first": start, "n_startup": n_startup, "n_warmup": n_warmup, "round_size": round_size, "seed": seed}
    digest = job_digest(job_of(space.candidate(dict.fromkeys(space.axes, 0))))
    told = {"data": digest, "space": asdict(space), "optuna": metadata.version("optuna"), **rules}
    path = make_folder(folder) / f"{hashlib.blake2b(json.dumps(told).encode(), digest_size=10).hexdigest()}.json"
    trials = read_trials(path, space)
    for number in sorted(trials):
        if tell is not None and number < n_trials:
            tell(trials[number])
    for begin in range(0, n_trials, round_size):
        numbers = range(begin, min(begin + round_size, n_trials))
        if all(number in trials for number in numbers):
            continue
        earlier = [trials[number] for number in range(begin)]
        proposed = _propose(earlier, numbers, space, start=start, n_startup=n_startup, seed=seed)
        missing = [number for number in numbers if number not in trials]
        # the longest first, so that no worker is left with one when the others have nothing more to do
        missing.sort(key=lambda number: -proposed[number].work(n_bands))
        limits = give_up_limits([t.curve for t in earlier if not t.pruned], n_startup=n_startup, n_warmup=n_warmup)
        jobs = [job_of(proposed[number], limits) for number in missing]
        for at, network in trainer.train_each(jobs):
            trial = _trial(missing[at], proposed[missing[at]], network)
            trials[trial.number] = trial
            write_trials(path, trials)
            if tell is not None:
                tell(trial)
    variance = float(prepared.scale[PAPER_TARGETS.index(target)] ** 2)
    return Search(tuple(trials[number] for number in range(n_trials)), variance)


def _trial(number: int, candidate: Candidate, network: TrainedNetwork) -> Trial:
    lowest = np.fmin.accumulate(np.append(np.finfo(float).max, network.validation_mse))[1:]
    return Trial(number, candidate, lowest, network.gave_up, network.seconds)


def _propose(
    earlier: Sequence[Trial],
    numbers: Sequence[int],
    space: SearchSpace,
    *,
    start: Mapping[str, int] | None,
    n_startup: int,
    seed: int,
) -> dict[int, Candidate]:
    """The candidates of a round, from the trials of earlier rounds."""
    import optuna

    # positions, not values: neighbours on an axis are alike, and the estimator smooths over whole numbers
    axes: dict[str, Any] = {
        name: optuna.distributions.IntDistribution(0, len(values) - 1) for name, values in space.axes.items()
    }
    proposed = {}
    with _quiet():
        study = optuna.create_study()
        study.add_trials([_for_optuna(trial, space, axes) for trial in earlier])
        for number in numbers:
            own_seed = int(np.random.SeedSequence((seed, number)).generate_state(1)[0])
            study.sampler = optuna.samplers.TPESampler(
                n_startup_trials=n_startup, multivariate=True, constant_liar=True, seed=own_seed
            )
            if number == 0 and start is not None:
                study.enqueue_trial(dict(start))
            proposed[number] = space.candidate(study.ask(axes).params)
    return proposed


def _for_optuna(trial: Trial, space: SearchSpace, axes: Mapping[str, Any]) -> Any:
    """A finished trial as Optuna knows it: pruned ones rank below the others, by how far they came."""
    import optuna

    if trial.pruned:
        last = {len(trial.curve) - 1: trial.mse}
        result: dict[str, Any] = {"state": optuna.trial.TrialState.PRUNED, "intermediate_values": last}
    else:
        result = {"state": optuna.trial.TrialState.COMPLETE, "value": trial.mse}
    return optuna.trial.create_trial(params=space.positions(trial.candidate), distributions=dict(axes), **result)


@contextmanager
def _quiet() -> Iterator[None]:
    """Optuna's messages off, and its warnings that options used here are experimental in some versions."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings(action="ignore", category=optuna.exceptions.ExperimentalWarning):
            yield
    finally:
        optuna.logging.set_verbosity(before)
