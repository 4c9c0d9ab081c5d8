"""Scores of a model on unseen galaxies of its training population: the numbers of its card."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from agez.analysis.metrics import evaluate
from agez.analysis.pit import share_inside
from agez.distributions.mixture import moments
from agez.mixture_network.calibrated_scores import pit_in_intervals
from agez.mixture_network.calibration import ONE_SIGMA, TWO_SIGMA
from agez.models.features import normalised, redshift_unit
from agez.novelty.novelty_score import score_as_answered
from agez.targets import zero_limits
from agez.training.sed_batches import labels_as_seen
from agez.training_seds.observe import observe, observe_redshift
from agez.training_seds.seds import TrainingSeds

if TYPE_CHECKING:
    from agez.mixture_network.mixture_model import MixtureNetwork
    from agez.training.recipes import Recipe

#: Median signal-to-noise ratios of a band at which scores are given.
SNRS = (10, 30, 100)


def shipped_scores(
    parts: MixtureNetwork, recipe: Recipe, sky: TrainingSeds, rng: np.random.Generator
) -> dict[str, Any]:
    """Scores by signal-to-noise ratio with all bands, with half of them, and as the recipe's survey sees.

    For each way of seeing, for age and metallicity: ``sigma_mad``, ``bias``, ``rmse``, ``n``, ``coverage_68``,
    ``coverage_95``; and ``flagged``, the share above the out-of-distribution threshold.
    """
    known = replace(recipe.survey, redshift_known=1.0, redshift_unknown=0.0)
    ways = {f"snr {snr}": known.even(snr) for snr in SNRS}
    out: dict[str, Any] = {name: _scores(parts, sky, recipe, survey, rng) for name, survey in ways.items()}
    out["snr 30, half of the bands"] = _scores(parts, sky, recipe, ways["snr 30"], rng, keep=0.5)
    out["as trained"] = _scores(parts, sky, recipe, recipe.survey, rng)
    return out


def unknown_scores(
    parts: MixtureNetwork, recipe: Recipe, sky: TrainingSeds, rng: np.random.Generator
) -> dict[str, Any]:
    """The same with all bands of rows of unknown redshift, whose ``recipe`` is that of their network."""
    return {"snr 30, redshift unknown": _scores(parts, sky, recipe, recipe.survey.even(30), rng, exact=True)}


def _scores(
    parts: MixtureNetwork,
    sky: TrainingSeds,
    recipe: Recipe,
    survey: Any,
    rng: np.random.Generator,
    *,
    keep: float = 1.0,
    exact: bool = False,
) -> dict[str, Any]:
    seen = observe(sky.flux, sky.present, np.array(sky.bands.pivot_angstrom), rng, survey=survey)
    covered = seen.covered & (rng.uniform(size=seen.covered.shape) < keep)
    z, z_err = observe_redshift(sky.redshift, recipe.redshift_range, rng, survey=survey)
    seds = normalised(seen.flux, seen.flux_err, covered)
    mixture = parts.answer(seds, z, z_err)
    mean, _, _ = moments(mixture)
    labels = labels_as_seen(sky, seds, z, z_err, recipe.redshift_range, rng, exact=exact)
    out: dict[str, Any] = {}
    tails = np.tile(parts.calibration.tail, (len(labels), 1))
    if parts.of_unknown is not None:
        tails[parts.for_others(z, z_err)] = parts.of_unknown.calibration.tail
    limits = zero_limits(sky.targets)
    pit, zero = pit_in_intervals(mixture, np.maximum(labels, limits), tails), labels <= limits
    inside = {p: np.nanmean(share_inside(pit, p, censored=zero), axis=0) for p in (ONE_SIGMA, TWO_SIGMA)}
    _, redshift_width = redshift_unit(z, z_err, recipe.redshift_range)
    for t, target in enumerate(sky.targets):
        unit = redshift_width if target.scale == "redshift" else 1.0
        out[target.word] = {
            **evaluate(mean[:, t] * unit, labels[:, t] * unit).to_json(),
            "coverage_68": float(inside[ONE_SIGMA][t]),
            "coverage_95": float(inside[TWO_SIGMA][t]),
        }
    search = parts.searched(mixture, z, z_err)
    out["flagged"] = float(
        np.mean(score_as_answered(parts.novelty, seds, *search, least_bands=recipe.least_bands).ood > 1.0)
    )
    return out
