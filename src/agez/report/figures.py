"""All figures of a run: numbers 1, 3, 4, 5, 6, 7, 8 and 9 of the paper, each by its own function."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from agez.errors import AgezError
from agez.experiments.result import RunResult, target_columns
from agez.files import make_folder
from agez.types import TARGET_WORDS, TARGETS, Strings


def make_figures(folder: str | os.PathLike[str], result: RunResult) -> dict[int, Path]:
    """Draw every figure of ``result`` as ``figure_<number>.png`` in ``folder``.

    Returns
    -------
    dict of figure number to path
        Figure 1 is missing where the run has no example spectrum.

    Raises
    ------
    AgezError
        If matplotlib is not installed or the folder cannot be written.
    """
    try:
        from agez.report.figure_gradients import figure_gradients
        from agez.report.figure_learning import figure_learning
        from agez.report.figure_predictions import figure_predictions, figure_residuals
        from agez.report.figure_spectrum import figure_example
    except ModuleNotFoundError as error:
        raise AgezError(f"figures need {error.name}, which is not installed: pip install 'agez[report]'") from error
    folder = make_folder(folder)
    paths = {number: folder / f"figure_{number}.png" for number in (1, 3, 4, 5, 6, 7, 8, 9)}
    labels = target_columns(result.sample.labels)
    if result.example is None:
        del paths[1]
    else:
        figure_example(paths[1], result.example)
    baseline = result.summary["random_baseline"]
    figure_learning(
        paths[3],
        {"Set A": result.set_a.curves, "Set B": result.set_b.curves},
        random_mse={target: baseline[TARGET_WORDS[target]]["mse"] for target in TARGETS},
    )
    sets = (("Set A (spectra within galaxies)", result.set_a, 4), ("Set B (unseen galaxies)", result.set_b, 7))
    for name, found, first in sets:
        figure_predictions(paths[first], labels, found.predicted, title=f"{name}: predictions against labels")
        figure_residuals(paths[first + 1], labels, found.predicted, title=f"{name}: residuals")
        figure_gradients(
            paths[first + 2],
            found.label_gradients,
            found.predicted_gradients,
            _morphology(result, found.label_gradients.galaxy_id),
            title=f"{name}: radial gradients inside $R_e$",
        )
    return paths


def _morphology(result: RunResult, galaxy_id: Strings) -> Strings:
    """Morphology of the galaxies of a gradient table, in its order."""
    galaxies = result.sample.galaxies
    order = np.argsort(galaxies.galaxy_id)
    return galaxies.morphology[order[np.searchsorted(galaxies.galaxy_id, galaxy_id, sorter=order)]]
