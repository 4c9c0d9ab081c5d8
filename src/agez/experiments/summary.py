"""The numbers of a run, to the contract of ``summary.json`` (schema ``agez.summary/1``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

import agez
from agez.analysis.gradients import GradientTable
from agez.analysis.metrics import evaluate, json_number, random_baseline_mse, residual_pcc
from agez.experiments.paper import published
from agez.experiments.result import SetResult, scores_by_word, target_columns
from agez.label_types import Sample
from agez.targets import PAPER_TARGETS, TARGET_WORDS
from agez.types import Floats

SCHEMA = "agez.summary/1"
#: The steps whose time the contract names; a step that was not run took 0 s.
STEPS = ("mock", "synth", "label", "train", "total")


def build_summary(
    sample: Sample,
    set_a: SetResult | None,
    set_b: SetResult | None,
    *,
    preset: str,
    seed: int,
    seconds: Mapping[str, float],
    peak_rss_mb: float,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """All numbers of a run as strict JSON: plain types, None instead of NaN.

    Parameters
    ----------
    set_a, set_b : SetResult or None
        None where they were not run: their keys are then missing.
    seconds : mapping of step to float
        Wall-clock seconds; further steps than the contract's are kept.
    peak_rss_mb : float
        Largest resident memory of the run, all processes together [MB].
    rng : numpy.random.Generator
        Draws the random guesses.

    Returns
    -------
    dict
        Differences in dex (dex/Re for gradients), predicted minus reference.  ``against_truth`` holds
        scores with ``n`` 0 where the sample has no truth.
    """
    labels = target_columns(sample.labels)
    truth = np.full_like(labels, np.nan) if sample.truth is None else target_columns(sample.truth)
    guesses = {w: random_baseline_mse(labels[:, k], rng) for k, w in enumerate(TARGET_WORDS[t] for t in PAPER_TARGETS)}
    sets = {name: found for name, found in (("set_a", set_a), ("set_b", set_b)) if found is not None}
    against_truth = {"labels": scores_by_word(labels, truth)}
    for name, found in sets.items():
        if name == "set_a":  # the labels' gradients are the same in both
            against_truth["labels"]["gradient"] = _gradients(found.label_gradients, found.truth_gradients)
        gradient = {"gradient": _gradients(found.predicted_gradients, found.truth_gradients)}
        against_truth[name] = scores_by_word(found.predicted, truth) | gradient
    return {
        "schema": SCHEMA,
        "version": agez.__version__,
        "preset": preset,
        "seed": int(seed),
        "sample": _sample_block(sample),
        **{name: _set_block(found, labels) for name, found in sets.items()},
        "random_baseline": {word: {"mse": json_number(mse)} for word, mse in guesses.items()},
        "against_truth": against_truth,
        "paper": published(),
        "seconds": {step: 0.0 for step in STEPS} | {step: round(float(s), 3) for step, s in seconds.items()},
        "peak_rss_mb": round(float(peak_rss_mb), 1),
    }


def _sample_block(sample: Sample) -> dict[str, Any]:
    ids = np.unique(sample.rows.galaxy_id)
    morphology = sample.galaxies.morphology[np.isin(sample.galaxies.galaxy_id, ids)]
    return {
        "source": str(sample.meta.get("source", "sample")),
        "n_spectra": len(sample),
        "n_galaxies": len(ids),
        "n_early": int((morphology == "early").sum()),
        "n_late": int((morphology == "late").sum()),
        "n_bands": len(sample.photometry.bands),
    }


def _set_block(result: SetResult, labels: Floats) -> dict[str, Any]:
    residual = result.predicted - labels
    return {
        **scores_by_word(result.predicted, labels),
        "residual_pcc": json_number(residual_pcc(residual[:, 0], residual[:, 1])),
        "gradient": _gradients(result.predicted_gradients, result.label_gradients),
    }


def _gradients(predicted: GradientTable, reference: GradientTable | None) -> dict[str, Any]:
    block = {}
    for k, target in enumerate(PAPER_TARGETS):
        against = np.full(len(predicted), np.nan) if reference is None else reference.slope[:, k]
        scores = evaluate(predicted.slope[:, k], against)
        block[TARGET_WORDS[target]] = {
            "sigma_mad": json_number(scores.sigma_mad),
            "bias": json_number(scores.bias),
            "n_galaxies": scores.n,
        }
    return block
