"""All figures of a run, each by its own function: those that it has something for."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from agez.experiments.result import RunResult, target_columns
from agez.paper_network.architecture import PAPER_ARCHITECTURES
from agez.report.captions import CAPTIONS, FigureKey
from agez.runtime.files import make_folder
from agez.runtime.optional_packages import check_installed
from agez.targets import PAPER_TARGETS, TARGET_WORDS
from agez.types import Strings

Drawing = Callable[[Path], Any]
#: The property of the galaxies in figures 10 to 12, and in ours.
DEPENDENCE_FIGURES: dict[FigureKey, str] = {
    10: "log_ssfr",
    11: "inclination",
    12: "av",
    "bulge_fraction": "bulge_fraction",
}


def make_figures(folder: str | os.PathLike[str], result: RunResult) -> dict[FigureKey, Path]:
    """Draw every figure that ``result`` has something for, as ``figure_<key>.png`` in ``folder``.

    Returns
    -------
    dict of figure key to path
        Keys are the paper's numbers, and words for what is ours; in the order of the page.  Missing are those of
        experiments that were not run, figure 1 where the run has no example spectrum, and figures 3 and 5 where no
        spectrum has a position, or no galaxy a gradient.

    Raises
    ------
    AgezError
        If matplotlib is not installed or the folder cannot be written.
    """
    check_installed("matplotlib", extra="report", purpose="the drawing of figures")
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
    """Figures 3 to 9, and ours of the sets."""
    from agez.report.figure_gradients import figure_gradient_differences, figure_gradients
    from agez.report.figure_learning import figure_all_curves, figure_learning
    from agez.report.figure_predictions import figure_predictions, figure_residuals
    from agez.report.figure_profiles import figure_profiles, typical_profile
    from agez.report.figure_subsets import figure_subsets, four_galaxies

    labels = target_columns(result.sample.labels)
    sets = {"set_a": ("Set A", "spectra within galaxies", result.set_a, 6),
            "set_b": ("Set B", "unseen galaxies", result.set_b, 8)}  # fmt: skip
    curves, folds, drawings = {}, {}, dict[FigureKey, Drawing]()
    for key, (name, what, found, number) in sets.items():
        if found is None:
            continue
        curves[name], folds[key], title, letter = found.curves, found.fold, f"{name} ({what})", key[-1]
        gradients: dict[str, Any] = {"labels": found.label_gradients, "predicted": found.predicted_gradients}
        both: dict[str, Any] = {"labels": labels, "predicted": found.predicted}
        drawings[number] = partial(figure_predictions, **both, title=title)
        drawings[number + 1] = partial(figure_gradient_differences, **gradients, title=title)
        drawings[f"residuals_{letter}"] = partial(figure_residuals, **both, title=f"{title}: residuals")
        drawings[f"gradients_{letter}"] = partial(
            figure_gradients, **gradients, morphology=_morphology(result, found.label_gradients.galaxy_id),
            title=f"{title}: radial gradients inside $R_e$",
        )  # fmt: skip
    if curves:
        mse = {t: result.summary["random_baseline"][TARGET_WORDS[t]]["mse"] for t in PAPER_TARGETS}
        drawings[4] = partial(figure_learning, curves=curves, random_mse=mse["log_age_lw"])
        drawings["learning"] = partial(figure_all_curves, curves=curves, random_mse=mse)
    if folds and (galaxies := four_galaxies(result.sample, folds)):
        drawings[3] = partial(figure_subsets, sample=result.sample, folds=folds, galaxies=galaxies)
    if result.set_a is not None and (profile := typical_profile(result.sample, result.set_a)) is not None:
        drawings[5] = partial(figure_profiles, profile=profile)
    return drawings


def _of_the_experiments(blocks: Mapping[str, Mapping[str, Any]]) -> dict[FigureKey, Drawing]:
    """Figures 10 to 14, and ours, of the experiments that were run."""
    from agez.report.figure_calibration import figure_calibration
    from agez.report.figure_dependence import figure_dependence
    from agez.report.figure_diversity import figure_diversity
    from agez.report.figure_mass_gradients import figure_mass_gradients
    from agez.report.figure_search import figure_search
    from agez.report.figure_training_size import figure_training_size, figure_training_size_of_both

    drawings: dict[FigureKey, Drawing] = {}
    single: list[tuple[FigureKey, str, Callable[..., Any]]] = [
        (13, "training_size", figure_training_size),
        (14, "mass_gradients", figure_mass_gradients),
        ("search", "hyperparameters", figure_search),
        ("training_size", "training_size", figure_training_size_of_both),
        ("metallicity_gradients", "mass_gradients", partial(figure_mass_gradients, target="mh_lw")),
        ("diversity", "diversity", figure_diversity),
    ]
    for key, name in DEPENDENCE_FIGURES.items():
        single.append((key, "dependence", partial(figure_dependence, property_name=name)))
    for key, name, draw in single:
        if (block := was_run(blocks, name)) is not None:
            drawings[key] = partial(draw, block=block)
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
