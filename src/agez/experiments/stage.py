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
    """What is at hand when an experiment begins.

    Attributes
    ----------
    workers : int
        Processes, for work that does not go through ``trainer``.
    templates : str
        Library of template spectra.
    folder : Path
        Where an experiment may leave what it needs to go on after an interruption.
    runs : mapping of set to CrossValidation
    sets : mapping of set to SetResult
        Both empty for an experiment that does not ask for them.
    """

    sample: Sample
    preset: Preset
    seed: int
    workers: int
    templates: str
    folder: Path
    trainer: Trainer
    runs: Mapping[str, CrossValidation]
    sets: Mapping[str, SetResult]


@dataclass(frozen=True)
class Experiment:
    """One section of the paper.

    Attributes
    ----------
    key : str
        In ``summary.json``, and for ``--only``.
    shown_in : tuple of str
        Figures and tables: other names for ``--only``.
    needs_sets : bool
        Whether the cross-validations of Set A and Set B must have run.
    run : callable
        ``run(stage)`` gives the block.
    claims : callable
        ``claims(block)`` gives the claims of the paper, judged.
    check : callable, optional
        Raises AgezError if something is not installed; called before any long work.
    """

    key: str
    shown_in: tuple[str, ...]
    needs_sets: bool
    run: Callable[[Stage], Block]
    claims: Callable[[Block], Sequence[Claim]]
    check: Callable[[], None] | None = None
