"""Training SEDs as a recipe describes them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agez.errors import AgezError
from agez.runtime.worker_pool import each_done
from agez.targets import KNOWN_TARGETS
from agez.training.recipes import Recipe
from agez.training_seds.complete_library import load_libraries
from agez.training_seds.seds import TrainingSeds, make_training_seds
from agez.training_seds.spaxel_seds import spaxel_seds

#: SEDs that one process makes at a time.
PIECE = 50_000


def many_seds(recipe: Recipe, n: int, seed: Sequence[int], *, workers: int = 1) -> TrainingSeds:
    """Training SEDs of a recipe, made in pieces by worker processes; they do not depend on the number of these."""
    pieces = [
        (recipe, min(PIECE, n - start), (*seed, number)) for number, start in enumerate(range(0, n, PIECE))
    ]  # fmt: skip
    made = {key[-1]: seds for (_, _, key), seds in each_done(_piece, pieces, workers=workers)}
    return TrainingSeds.concatenate([made[number] for number in range(len(pieces))])


def _piece(job: tuple[Recipe, int, tuple[int, ...]]) -> TrainingSeds:
    recipe, n, seed = job
    return seds_of_recipe(recipe, n, np.random.default_rng(seed))


def seds_of_recipe(recipe: Recipe, n: int, rng: np.random.Generator) -> TrainingSeds:
    """Training SEDs of a recipe."""
    names = list(recipe.libraries)
    n_spaxels = round(recipe.spaxel_share * n)
    if n_spaxels and recipe.targets != Recipe.targets:
        raise AgezError(
            f"recipe {recipe.name!r}: spaxel_share {recipe.spaxel_share:g}, but photometry of the mock survey's "
            "spectra has ages and metallicities alone"
        )
    parts = []
    if n_spaxels < n:
        parts.append(make_training_seds(
            recipe.filters(), load_libraries(names), n - n_spaxels, rng,
            shares=[recipe.libraries[name] for name in names], survey_share=recipe.survey_share,
            redshift_range=recipe.redshift_range, rest_share=recipe.rest_share, near_share=recipe.near_share,
            blend_share=recipe.blend_share, age_margin=recipe.age_margin, galaxy_share=recipe.galaxy_share,
            metal_poor_share=recipe.metal_poor_share, families=recipe.families,
            targets=[KNOWN_TARGETS[name] for name in recipe.targets],
        ))  # fmt: skip
    if n_spaxels:
        parts.append(spaxel_seds(recipe.filters(), names, n_spaxels, rng))
    return TrainingSeds.concatenate(parts)
