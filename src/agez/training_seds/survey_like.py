"""Training galaxies that follow the relations of CALIFA: spaxels as the mock survey draws them, and whole galaxies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from agez.mocks.galaxies import draw_populations
from agez.mocks.observation import HALPHA_CONTINUUM, LightGrid
from agez.mocks.plan import survey_plan
from agez.mocks.relations import draw_stars
from agez.mocks.spaxels import Spaxels
from agez.training_seds.libraries import Library, common_wave
from agez.types import Floats

#: Spaxels that are taken of a galaxy.
PER_GALAXY = 10
#: What the families of such histories are called.
SURVEY_FAMILY, GALAXY_FAMILY = "mock survey", "whole galaxies"
#: Share of centres among whole galaxies: catalogues have large apertures and small ones.
CENTRE_SHARE = 0.4
#: Rms by which drawn values depart from the measured ones [dex; A_V: ln].  Real ages and metallicities are of one fit
#: with one template library; others differ by as much (docs/trust.md), and a prior must not be narrower than that.
AGE_SCATTER, MH_SCATTER, LOG_AV_SCATTER = 0.12, 0.12, 0.3
#: A_V [mag] of galaxies that were measured to have none: exponential with this mean.
AV_OF_NONE = 0.05


def draw_survey_weights(n: int, library: Library, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """Histories of ``n`` spaxels of new galaxies of the mock survey.

    Weights (n, n_age, n_mh) are fractions of the stellar mass formed; then (n,) [M/H] of the youngest stars, and (n,)
    A_V of the stars [mag].
    """
    return _drawn(n, library, rng, None)


def draw_galaxy_weights(n: int, library: Library, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """Histories of ``n`` galaxies, or centres of galaxies, as real ones are: ages, metallicities, dust and H-alpha.

    They have the distributions and correlations that eCALIFA measured (:func:`agez.mocks.relations.draw_stars`); the
    histories that lead to them are those of the mock survey.  Returns as :func:`draw_survey_weights`.
    """
    return _drawn(n, library, rng, _as_galaxies)


def _as_galaxies(spaxels: Spaxels, morphology: str, rng: np.random.Generator) -> Spaxels:
    """Spaxels of which each stands for a galaxy of that morphology, or its centre."""
    n = len(spaxels.log_age)
    part = "centre" if rng.uniform() < CENTRE_SHARE else "whole"
    stars = draw_stars(f"{part} {morphology}", n, rng)
    av = stars["av"] * np.exp(LOG_AV_SCATTER * rng.standard_normal(n)) + rng.exponential(AV_OF_NONE, n)
    return replace(
        spaxels, av=av, ew_ha=10 ** stars["log_ew_ha"],
        log_age=stars["log_age_lw"] + AGE_SCATTER * rng.standard_normal(n),
        mh=stars["mh_lw"] + MH_SCATTER * rng.standard_normal(n),
    )  # fmt: skip


def _drawn(
    n: int, library: Library, rng: np.random.Generator,
    changed: Callable[[Spaxels, str, np.random.Generator], Spaxels] | None,
) -> tuple[Floats, Floats, Floats]:  # fmt: skip
    wave = common_wave()
    red = np.any([(wave >= low) & (wave <= high) for low, high in HALPHA_CONTINUUM], axis=0)
    lights = LightGrid(library, library.light, library.flux[..., red].mean(axis=-1, dtype=float))
    galaxies = -(-n // PER_GALAXY)
    plan = survey_plan(galaxies, n, seed=int(rng.integers(2**31)))
    drawn = [draw_populations(plan, k, lights, changed) for k in range(galaxies)]
    weights = np.concatenate([one.weights for one in drawn])
    weights = np.maximum(weights, 0) / weights.sum(axis=(1, 2), keepdims=True)
    av = np.concatenate([one.spaxels.av for one in drawn])
    youngest = weights * (np.cumsum(weights.sum(axis=2), axis=1) <= 0.05)[..., None]
    youngest[:, 0] += 1e-12
    mh_young = (youngest * library.mh).sum(axis=(1, 2)) / youngest.sum(axis=(1, 2))
    order = rng.permutation(len(weights))[:n]
    return weights[order], mh_young[order], av[order]
