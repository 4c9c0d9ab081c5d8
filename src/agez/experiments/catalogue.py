"""The experiments of the paper, in its order, then those past it, and the names by which they can be asked for."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

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
from agez.experiments.stage import Experiment
from agez.paper_network.tuning import check_optuna

#: Set A and Set B: what several experiments need.
SETS_KEY = "sets"
SETS_SHOWN_IN = ("fig1", *(f"fig{number}" for number in range(3, 10)))

EXPERIMENTS: tuple[Experiment, ...] = (
    Experiment(
        hyperparameters, ("fig2",), check=check_optuna,
        run=lambda stage: hyperparameters.hyperparameters(
            stage.sample, stage.trainer, size=stage.preset.search, settings=stage.preset.short_training,
            seed=stage.seed, folder=stage.folder / "search",
        ),
    ),
    Experiment(
        dependence, ("fig10", "fig11", "fig12", "bulge_fraction"), needs_sets=True,
        run=lambda stage: dependence.dependence(stage.sample, stage.predicted, rng=stage.rng(10)),
    ),
    Experiment(
        table1, ("table1",),
        run=lambda stage: table1.table1(
            stage.sample, stage.trainer, settings=stage.preset.short_training, n_draws=stage.preset.table1_draws,
            seed=stage.seed,
        ),
    ),
    Experiment(
        training_size, ("fig13",),
        run=lambda stage: training_size.training_size(
            stage.sample, stage.trainer, grid=stage.preset.training_grid, seed=stage.seed
        ),
    ),
    Experiment(
        mass_gradients, ("fig14",), needs_sets=True,
        run=lambda stage: mass_gradients.mass_gradients(stage.sample, stage.sets, rng=stage.rng(14)),
    ),
    Experiment(
        diversity, ("diversity",),
        run=lambda stage: diversity.diversity(
            stage.trainer, size=stage.preset.diversity, templates=stage.templates, seed=stage.seed,
            workers=stage.workers,
        ),
    ),
    Experiment(
        peers, ("peers",), needs_sets=True,
        run=lambda stage: peers.peers(
            stage.sample, {name: peers.network_answers(run, stage.sample) for name, run in stage.runs.items()},
            splits=stage.splits, sizes=stage.preset.peers, templates=stage.templates, seed=stage.seed,
            workers=stage.workers,
        ),
    ),
    Experiment(
        uncertainty, ("calibration",), needs_sets=True,
        run=lambda stage: uncertainty.uncertainty(
            stage.sample, stage.predicted, splits=stage.splits, start=uncertainty.shipped_start(stage.sample),
            size=stage.preset.uncertainty, seed=stage.seed, workers=stage.workers,
        ),
    ),
)  # fmt: skip


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
