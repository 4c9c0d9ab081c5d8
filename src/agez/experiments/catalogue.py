"""The experiments of the paper, in its order, then those past it, and the names by which they can be asked for."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np

from agez.errors import AgezError
from agez.experiments import (
    dependence,
    diversity,
    hyperparameters,
    mass_gradients,
    peers,
    table1,
    training_size,
    uncertainty,
)
from agez.experiments.stage import Experiment, Stage
from agez.paper_network.tuning import check_optuna
from agez.types import Floats

#: Set A and Set B: what several experiments need.
SETS_KEY = "sets"
SETS_SHOWN_IN = ("fig1", *(f"fig{number}" for number in range(3, 10)))

EXPERIMENTS: tuple[Experiment, ...] = (
    Experiment(
        "hyperparameters",
        ("fig2",),
        needs_sets=False,
        run=lambda stage: hyperparameters.hyperparameters(
            stage.sample,
            stage.trainer,
            size=stage.preset.search,
            settings=stage.preset.short_training,
            seed=stage.seed,
            folder=stage.folder / "search",
        ),
        claims=hyperparameters.claims,
        check=check_optuna,
    ),
    Experiment(
        "dependence",
        ("fig10", "fig11", "fig12", "bulge_fraction"),
        needs_sets=True,
        run=lambda stage: dependence.dependence(stage.sample, _predicted(stage), rng=_rng(stage, 10)),
        claims=dependence.claims,
    ),
    Experiment(
        "table1",
        ("table1",),
        needs_sets=False,
        run=lambda stage: table1.table1(
            stage.sample,
            stage.trainer,
            settings=stage.preset.short_training,
            n_draws=stage.preset.table1_draws,
            seed=stage.seed,
        ),
        claims=table1.claims,
    ),
    Experiment(
        "training_size",
        ("fig13",),
        needs_sets=False,
        run=lambda stage: training_size.training_size(
            stage.sample, stage.trainer, grid=stage.preset.training_grid, seed=stage.seed
        ),
        claims=training_size.claims,
    ),
    Experiment(
        "mass_gradients",
        ("fig14",),
        needs_sets=True,
        run=lambda stage: mass_gradients.mass_gradients(stage.sample, stage.sets, rng=_rng(stage, 14)),
        claims=mass_gradients.claims,
    ),
    Experiment(
        "diversity",
        ("diversity",),
        needs_sets=False,
        run=lambda stage: diversity.diversity(
            stage.trainer,
            size=stage.preset.diversity,
            templates=stage.templates,
            seed=stage.seed,
            workers=stage.workers,
        ),
        claims=diversity.claims,
    ),
    Experiment(
        "peers",
        ("peers",),
        needs_sets=True,
        run=lambda stage: peers.peers(
            stage.sample,
            {name: peers.network_answers(run, stage.sample) for name, run in stage.runs.items()},
            splits={name: run.splits for name, run in stage.runs.items()},
            sizes=stage.preset.peers,
            templates=stage.templates,
            seed=stage.seed,
            workers=stage.workers,
        ),
        claims=peers.claims,
    ),
    Experiment(
        "uncertainty",
        ("calibration",),
        needs_sets=True,
        run=lambda stage: uncertainty.uncertainty(
            stage.sample,
            _predicted(stage),
            splits={name: run.splits for name, run in stage.runs.items()},
            start=uncertainty.shipped_start(stage.sample),
            size=stage.preset.uncertainty,
            seed=stage.seed,
            workers=stage.workers,
        ),
        claims=uncertainty.claims,
    ),
)


def _predicted(stage: Stage) -> dict[str, Floats]:
    return {name: found.predicted for name, found in stage.sets.items()}


def _rng(stage: Stage, number: int) -> np.random.Generator:
    """Chance of its own for each experiment, so that one run alone gives what it gives in the whole."""
    return np.random.default_rng([stage.seed, number])


def find_experiments(names: Sequence[str]) -> tuple[str, ...]:
    """Keys of the experiments called ``names``, in the paper's order; all if there are none.

    Parameters
    ----------
    names : sequence of str
        Keys (``training_size``), figures or tables (``fig13``, ``figure 13``, ``table1``), several in one with commas.

    Raises
    ------
    AgezError
        If a name is unknown.
    """
    known = {name: SETS_KEY for name in (SETS_KEY, "set_a", "set_b", *SETS_SHOWN_IN)}
    for experiment in EXPERIMENTS:
        known |= dict.fromkeys((experiment.key, *experiment.shown_in), experiment.key)
    if not names:
        return tuple(dict.fromkeys(known.values()))
    spelled, chosen = {name.replace("_", ""): key for name, key in known.items()}, set()
    for name in ",".join(names).split(","):
        plain = re.sub(r"[-_. ]", "", name.strip().lower()).replace("figure", "fig")
        if plain not in spelled:
            raise AgezError(f"--only {name.strip()!r} is none of the experiments; choose from {', '.join(known)}")
        chosen.add(spelled[plain])
    return tuple(key for key in dict.fromkeys(known.values()) if key in chosen)


#: What the paper has in words or in a table, between figures.
PAPER_WITHOUT_FIGURE = {"bulge fraction": 12.2, "table 1": 12.5}
#: What the paper does not show, in the order of the report.
PAST_THE_PAPER = ("diversity", "peers", "calibration")


def place_in_paper(shown_in: str) -> float:
    """Where ``figure 13`` or ``table 1`` stands among the figures; at the end what the paper does not show."""
    if shown_in in PAPER_WITHOUT_FIGURE:
        return PAPER_WITHOUT_FIGURE[shown_in]
    number = re.search(r"\d+", shown_in)
    if number:
        return float(number[0])
    return 1000.0 + PAST_THE_PAPER.index(shown_in) if shown_in in PAST_THE_PAPER else math.inf
