"""The trials of a search, and the file that they are kept in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from agez.errors import AgezError
from agez.paper_network.architecture import Architecture
from agez.paper_network.search_space import Candidate, SearchSpace
from agez.runtime.files import write_json
from agez.runtime.finished_work import read_json
from agez.types import Floats


@dataclass(frozen=True, eq=False)
class Trial:
    """One candidate, trained."""

    number: int  #: From 0.
    candidate: Candidate
    #: (epochs,) Lowest validation MSE so far after each epoch, in units of the training labels' variance.
    curve: Floats
    pruned: bool  #: Whether it was given up as worse than half of the others.
    seconds: float  #: Its training took.

    @property
    def mse(self) -> float:
        """Lowest validation MSE, in units of the training labels' variance."""
        return float(self.curve[-1])


@dataclass(frozen=True, eq=False)
class Search:
    """What :func:`search` gives back."""

    trials: tuple[Trial, ...]  #: In the order of their numbers.
    label_variance: float  #: Of the training labels [dex^2]: what MSEs of trials are to be multiplied by.

    @property
    def best(self) -> Trial:
        """The trial with the lowest validation MSE."""
        return self.ranked[0]

    @property
    def ranked(self) -> tuple[Trial, ...]:
        """Trials that were not pruned, best first, each candidate once."""
        chosen: dict[Candidate, Trial] = {}
        for trial in sorted((t for t in self.trials if not t.pruned), key=lambda t: (t.mse, t.number)):
            chosen.setdefault(trial.candidate, trial)
        return tuple(chosen.values())

    @property
    def n_pruned(self) -> int:
        """Trials that were given up."""
        return sum(trial.pruned for trial in self.trials)

    @property
    def epochs(self) -> int:
        """Epochs that were trained."""
        return sum(len(trial.curve) for trial in self.trials)

    @property
    def epochs_saved(self) -> int:
        """Epochs that pruned trials would have taken, had each run as long as the median of the others."""
        usual = float(np.median([len(trial.curve) for trial in self.trials if not trial.pruned]))
        return sum(max(0, round(usual - len(trial.curve))) for trial in self.trials if trial.pruned)


def write_trials(path: Path, trials: Mapping[int, Trial]) -> None:
    """Write finished trials, whole or not at all."""
    rows = [
        {
            "number": trial.number,
            **trial.candidate.to_json(),
            "pruned": trial.pruned,
            "seconds": trial.seconds,
            "lowest_mse": trial.curve.tolist(),
        }
        for _, trial in sorted(trials.items())
    ]
    write_json(path, {"schema": "agez.search/1", "trials": rows})


def read_trials(path: Path, space: SearchSpace) -> dict[int, Trial]:
    """The finished trials of a search; none if there is no file or it is damaged."""
    content, trials = read_json(path) or {}, dict[int, Trial]()
    try:
        for row in content["trials"]:
            candidate = Candidate(Architecture.from_dict(row), int(row["batch"]))
            space.positions(candidate)
            trial = Trial(
                int(row["number"]),
                candidate,
                np.array(row["lowest_mse"], float),
                bool(row["pruned"]),
                float(row["seconds"]),
            )
            if not np.isfinite(trial.curve).all() or trial.curve.ndim != 1 or not len(trial.curve):
                return {}
            trials[trial.number] = trial
    except (ValueError, KeyError, TypeError, IndexError, AgezError):
        return {}
    return trials
