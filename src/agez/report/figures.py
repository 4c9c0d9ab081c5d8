"""All figures of a run, each by its own function: those that it has something for."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from agez.errors import AgezError
from agez.experiments.result import RunResult, target_columns
from agez.files import make_folder
from agez.learn.architecture import PAPER_ARCHITECTURES
from agez.report.captions import CAPTIONS, FigureKey
from agez.types import TARGET_WORDS, TARGETS, Strings

Drawing = Callable[[Path], Any]
#: Properties of the galaxies in figures 10-12.
DEPENDENCE_FIGURES: dict[FigureKey, tuple[str, ...]] = {
    10: ("log_ssfr",),
    11: ("inclination", "av"),
    12: ("bulge_fraction",),
}


def make_figures(folder: str | os.PathLike[str], result: RunResult) -> dict[FigureKey, Path]:
    """Draw every figure that ``result`` has something for, as ``figure_<key>.png`` in ``folder``.

    Returns
    -------
    dict of figure key to path
        Keys are the paper's numbers, ``search`` and ``calibration``; in the order of the page.  Missing are those of
        experiments that were not run, and figure 1 where the run has no example spectrum.

    Raises
    ------
    AgezError
        If matplotlib is not installed or the folder cannot be written.
    """
    if find_spec("matplotlib") is None:
        raise AgezError("figures need matplotlib, which is not installed: pip install 'agez[report]'")
    folder = make_folder(folder)
    drawings = {**_of_the_sample(result), **_of_the_sets(result), **_of_the_experiments(result.blocks)}
    paths = {}
    for key in (one for one in CAPTIONS if one in drawings):
        paths[key] = folder / f"figure_{key}.png"
        drawings[key](paths[key])
    return paths


def _of_the_sample(result: RunResult) -> dict[FigureKey, Drawing]:
    """Figures 1 and 2."""
    from agez.report.figure_network import figure_network
    from agez.report.figure_spectrum import figure_example

    block = was_run(result.blocks, "hyperparameters")
    n_bands = len(result.sample.photometry.bands)
    drawings: dict[FigureKey, Drawing] = {}
    if result.example is not None:
        drawings[1] = partial(figure_example, example=result.example)
    if n_bands >= max(one.pool for one in PAPER_ARCHITECTURES.values()):  # fewer bands have no such network
        drawings[2] = partial(figure_network, n_bands=n_bands, block=block)
    return drawings


def _of_the_sets(result: RunResult) -> dict[FigureKey, Drawing]:
    """Figures 3 to 9."""
    from agez.report.figure_gradients import figure_gradients
    from agez.report.figure_learning import figure_learning
    from agez.report.figure_predictions import figure_predictions, figure_residuals

    labels = target_columns(result.sample.labels)
    sets = (("Set A", "spectra within galaxies", result.set_a, 4), ("Set B", "unseen galaxies", result.set_b, 7))
    curves, drawings = {}, dict[FigureKey, Drawing]()
    for name, what, found, first in sets:
        if found is None:
            continue
        curves[name], title = found.curves, f"{name} ({what})"
        predicted = found.predicted
        drawings[first] = partial(
            figure_predictions, labels=labels, predicted=predicted, title=f"{title}: predictions against labels"
        )
        drawings[first + 1] = partial(figure_residuals, labels=labels, predicted=predicted, title=f"{title}: residuals")
        drawings[first + 2] = partial(
            figure_gradients,
            labels=found.label_gradients,
            predicted=found.predicted_gradients,
            morphology=_morphology(result, found.label_gradients.galaxy_id),
            title=f"{title}: radial gradients inside $R_e$",
        )
    if curves:
        baseline = result.summary["random_baseline"]
        mse = {target: baseline[TARGET_WORDS[target]]["mse"] for target in TARGETS}
        drawings[3] = partial(figure_learning, curves=curves, random_mse=mse)
    return drawings


def _of_the_experiments(blocks: Mapping[str, Mapping[str, Any]]) -> dict[FigureKey, Drawing]:
    """Figures 10 to 14, the search and the calibration, of the experiments that were run."""
    from agez.report.figure_calibration import figure_calibration
    from agez.report.figure_dependence import figure_dependence
    from agez.report.figure_mass_gradients import figure_mass_gradients
    from agez.report.figure_search import figure_search
    from agez.report.figure_training_size import figure_training_size

    drawings: dict[FigureKey, Drawing] = {}
    single = (("search", "hyperparameters", figure_search), (13, "training_size", figure_training_size),
              (14, "mass_gradients", figure_mass_gradients))  # fmt: skip
    for key, name, draw in single:
        if (block := was_run(blocks, name)) is not None:
            drawings[key] = partial(draw, block=block)
    if (block := was_run(blocks, "dependence")) is not None:
        for key, properties in DEPENDENCE_FIGURES.items():
            drawings[key] = partial(figure_dependence, block=block, properties=properties)
    if (block := was_run(blocks, "uncertainty")) is not None and "set_b" in block["points"]:
        drawings["calibration"] = partial(figure_calibration, block=block["points"]["set_b"])
    return drawings


def was_run(blocks: Mapping[str, Mapping[str, Any]], name: str) -> Mapping[str, Any] | None:
    """The block of an experiment that was run; None where it was not, or could not be."""
    block = blocks.get(name)
    return None if block is None or "not_run" in block["measured"] else block


def _morphology(result: RunResult, galaxy_id: Strings) -> Strings:
    """Morphology of the galaxies of a gradient table, in its order."""
    galaxies = result.sample.galaxies
    return galaxies.morphology[galaxies.rows_of(galaxy_id)]
