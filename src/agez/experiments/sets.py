"""Sections 4.1 to 4.3: both cross-validations, within galaxies (Set A) and by galaxy (Set B), and their gradients."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from agez.experiments.paper import SETS
from agez.experiments.result import SetResult, make_set_result
from agez.flags import is_good
from agez.label_types import Sample
from agez.paper_network.cross_validation import CrossValidation, cross_validate
from agez.paper_network.jobs import TrainingSettings
from agez.paper_network.pool import Trainer
from agez.runtime.progress import progress
from agez.samples.splits import N_FOLDS
from agez.tables.table_files import write_table
from agez.targets import PAPER_TARGETS


def run_sets(data: Sample, trainer: Trainer, *, settings: TrainingSettings, seed: int) -> dict[str, CrossValidation]:
    """Cross-validate Set A and Set B with the paper's networks; the bar counts epochs."""
    runs = {}
    for name, split in SETS.items():
        networks = len(PAPER_TARGETS) * N_FOLDS
        with progress(total=networks * settings.max_epochs, title=f"training {name.replace('_', ' ')}") as bar:
            done = [0] * networks

            def tell(number: int, epoch: int, _: float, *, done: list[int] = done, bar: Any = bar) -> None:
                bar.update(epoch + 1 - done[number])
                done[number] = epoch + 1

            runs[name] = cross_validate(data, split=split, settings=settings, seed=seed, trainer=trainer, progress=tell)
    return runs


def evaluate_sets(data: Sample, runs: Mapping[str, CrossValidation], *, seed: int) -> dict[str, SetResult]:
    """Predictions and radial gradients of each set, on the same bootstrap subsets."""
    return {
        name: make_set_result(data, run.predicted, run.fold, run.curves, rng=np.random.default_rng([seed, 2]))
        for name, run in runs.items()
    }


def write_predictions(path: Path, data: Sample, runs: Mapping[str, CrossValidation]) -> None:
    """A row a spectrum: identity, labels, and what each set's unseen networks say."""
    rows, labels = data.rows, data.labels
    table = Table(
        {
            "galaxy_id": rows.galaxy_id,
            "spec_id": rows.spec_id,
            "x": rows.x,
            "y": rows.y,
            "r_re": data.r_re,
            "label_log_age_lw": labels.log_age_lw,
            "label_mh_lw": labels.mh_lw,
        }
    )
    for name, run in runs.items():
        table[f"{name}_log_age_lw"], table[f"{name}_mh_lw"] = run.predicted.T
        table[f"{name}_ood"], table[f"{name}_flags"], table[f"{name}_fold"] = run.ood, run.flags, run.fold
        table[f"{name}_good"] = is_good(run.flags)
    table.meta["LABLMETA"] = json.dumps(dict(labels.meta))  # weighting, normalisation band, templates, solar scale
    write_table(path, table, name="PREDICTIONS")
