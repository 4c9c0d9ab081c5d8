"""What an experiment is, and what it is given to work with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agez.experiments.claims import Claim
from agez.experiments.presets import Preset
from agez.experiments.result import SetResult
from agez.paper_network.cross_validation import CrossValidation
from agez.paper_network.pool import Trainer
from agez.types import Sample

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
    runs: Mapping[str, CrossValidation]
    #: Both empty for an experiment that does not ask for them.
    sets: Mapping[str, SetResult]


@dataclass(frozen=True)
class Experiment:
    """One section of the paper."""

    key: str  #: In ``summary.json``, and for ``--only``.
    shown_in: tuple[str, ...]  #: Figures and tables: other names for ``--only``.
    needs_sets: bool  #: Whether the cross-validations of Set A and Set B must have run.
    run: Callable[[Stage], Block]  #: ``run(stage)`` gives the block.
    claims: Callable[[Block], Sequence[Claim]]  #: ``claims(block)`` gives the claims of the paper, judged.
    #: Raises AgezError if something is not installed; called before any long work.
    check: Callable[[], None] | None = None
