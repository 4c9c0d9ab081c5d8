"""What an experiment is, and what it is given to work with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from agez.experiments.presets import Preset
from agez.experiments.result import SetResult
from agez.label_types import Sample
from agez.paper_network.cross_validation import CrossValidation
from agez.paper_network.pool import Trainer
from agez.samples.splits import Split
from agez.types import Floats

#: What an experiment gives: strict JSON with ``published``, ``measured`` and ``points`` (what only figures need).
Block = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Stage:
    """What is at hand when an experiment begins."""

    sample: Sample
    preset: Preset
    seed: int
    workers: int  #: Processes, for work that does not go through ``trainer``.
    templates: str  #: Library of template spectra.
    folder: Path  #: Where an experiment may leave what it needs to go on after an interruption.
    trainer: Trainer
    #: runs, sets: By set; empty for an experiment that does not ask for them.
    runs: Mapping[str, CrossValidation]
    sets: Mapping[str, SetResult]

    @property
    def predicted(self) -> dict[str, Floats]:
        """Out-of-sample answers (n, 2) of each set."""
        return {name: found.predicted for name, found in self.sets.items()}

    @property
    def splits(self) -> dict[str, Sequence[Split]]:
        """Folds of each set."""
        return {name: run.splits for name, run in self.runs.items()}

    def rng(self, number: int) -> np.random.Generator:
        """Chance of its own for each experiment, so that one run alone gives what it gives in the whole."""
        return np.random.default_rng([self.seed, number])


@dataclass(frozen=True)
class Experiment:
    """One section of the paper; ``claims(block)`` of its module gives the paper's claims, judged."""

    module: Any
    shown_in: tuple[str, ...]  #: Figures and tables: other names for ``--only``.
    run: Callable[[Stage], Block]  #: ``run(stage)`` gives the block.
    needs_sets: bool = False  #: Whether the cross-validations of Set A and Set B must have run.
    #: Raises AgezError if something is not installed; called before any long work.
    check: Callable[[], None] | None = None

    @property
    def key(self) -> str:
        """In ``summary.json``, and for ``--only``: the module's name."""
        return str(self.module.__name__).rpartition(".")[2]
