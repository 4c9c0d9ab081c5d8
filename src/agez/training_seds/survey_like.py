"""Stellar populations as the mock survey draws them: training galaxies that follow the relations of CALIFA."""

from __future__ import annotations

import numpy as np

from agez.mocks.galaxies import draw_populations
from agez.mocks.observation import HALPHA_CONTINUUM, LightGrid
from agez.mocks.plan import survey_plan
from agez.training_seds.libraries import Library, common_wave
from agez.types import Floats

#: Spaxels that are taken of a galaxy.
PER_GALAXY = 10
#: What the family of such histories is called.
SURVEY_FAMILY = "mock survey"


def draw_survey_weights(n: int, library: Library, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """Histories of ``n`` spaxels of new galaxies of the mock survey.

    Weights (n, n_age, n_mh) are fractions of the stellar mass formed; then (n,) [M/H] of the youngest stars, and (n,)
    A_V of the stars [mag].
    """
    wave = common_wave()
    red = np.any([(wave >= low) & (wave <= high) for low, high in HALPHA_CONTINUUM], axis=0)
    lights = LightGrid(library, library.light, library.flux[..., red].mean(axis=-1, dtype=float))
    galaxies = -(-n // PER_GALAXY)
    plan = survey_plan(galaxies, n, seed=int(rng.integers(2**31)))
    drawn = [draw_populations(plan, k, lights) for k in range(galaxies)]
    weights = np.concatenate([one.weights for one in drawn])
    weights = np.maximum(weights, 0) / weights.sum(axis=(1, 2), keepdims=True)
    av = np.concatenate([one.spaxels.av for one in drawn])
    youngest = weights * (np.cumsum(weights.sum(axis=2), axis=1) <= 0.05)[..., None]
    youngest[:, 0] += 1e-12
    mh_young = (youngest * library.mh).sum(axis=(1, 2)) / youngest.sum(axis=(1, 2))
    order = rng.permutation(len(weights))[:n]
    return weights[order], mh_young[order], av[order]
