"""Calibration of a recipe's networks, and how it fails for galaxies of template libraries that no network has seen.

Real galaxies follow no library exactly.  So each library is left out in turn: a small network that has not seen it is
asked about its galaxies, and how far the truth lies outside those answers widens the intervals of the network that has
seen them all (:func:`agez.training.learn_calibration.widening`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from agez.distributions.mixture import Mixture
from agez.mixture_network.calibrated_scores import Censoring, normal_scores
from agez.mixture_network.calibration import IntervalCalibration, calibrate, covariates
from agez.mixture_network.mixture_model import Network, ensemble
from agez.models.features import NormalisedPhotometry
from agez.runtime.worker_pool import each_done
from agez.targets import zero_limits
from agez.training.learn_calibration import Scored, learn_calibration
from agez.training.recipe_seds import seds_of_recipe
from agez.training.recipes import Recipe
from agez.training.sed_batches import labels_as_seen, seen_by
from agez.training_seds.observe import observe_redshift
from agez.training_seds.seds import TrainingSeds
from agez.types import Floats

#: Part of the recipe's galaxies for calibration that are of each library left out, and with which its network is
#: calibrated.
SHARE_LEFT_OUT = 0.1


def answers_as_seen(
    members: Sequence[Network], sky: TrainingSeds, recipe: Recipe, rng: np.random.Generator, *, exact: bool = False
) -> tuple[Mixture, Floats, NormalisedPhotometry]:
    """Answers of networks about SEDs observed once, the labels (n, d) as these see them, and the photometry.

    ``exact`` is for :func:`agez.training.sed_batches.labels_as_seen`.
    """
    seds = seen_by(sky, rng, recipe.survey)
    z, z_err = observe_redshift(sky.redshift, recipe.redshift_range, rng, survey=recipe.survey)
    raw = ensemble(members, seds, z, z_err)
    return raw, labels_as_seen(sky, seds, z, z_err, recipe.redshift_range, rng, exact=exact), seds


def calibration_of(
    members: Sequence[Network], sky: TrainingSeds, recipe: Recipe, rng: np.random.Generator, *,
    blur: Floats | None = None,
) -> tuple[IntervalCalibration, Floats]:  # fmt: skip
    """The calibration of networks on SEDs observed once, and the labels (n, d) as networks see them.

    ``blur`` (d,) is for :func:`agez.training.learn_calibration.learn_calibration`; with it labels have no errors here.
    """
    raw, labels, seds = answers_as_seen(members, sky, recipe, rng, exact=blur is not None)
    center, width = members[0].scaling.label_mean, members[0].scaling.label_std
    found = learn_calibration(
        raw, labels, seds, n_galaxies=len(labels), center=center, width=width, blur=blur,
        censoring=_censoring(sky, rng),
    )  # fmt: skip
    return found, labels


def _censoring(sky: TrainingSeds, rng: np.random.Generator) -> Censoring:
    """Labels that mean zero, such as no star formation; ``rng`` draws the same afterwards as without it."""
    return Censoring(zero_limits(sky.targets), rng.spawn(1)[0].uniform(size=len(sky)))


def scores_left_out(
    recipe: Recipe, networks: Mapping[str, Network], *, like: Network, workers: int = 1
) -> list[Scored]:  # fmt: skip
    """How far off the answers about galaxies of each library are that a network gives which has not seen it.

    Parameters
    ----------
    recipe : Recipe
        Of the network that has seen all libraries; galaxies are seen as it says of rows of known redshift.
    networks : mapping of str to Network
        By the library left out, of :meth:`agez.training.recipes.Recipe.without`.
    like : Network
        That has seen all, by whose labels covariates are standardised.
    """
    jobs = [(recipe, name, network, like) for name, network in networks.items()]
    found = {name: scored for (_, name, _, _), scored in each_done(_scores_left_out, jobs, workers=workers)}
    return [found[name] for name in networks]


def _scores_left_out(job: tuple[Recipe, str, Network, Network]) -> Scored:
    recipe, name, network, like = job
    known, n = recipe.of_known, round(SHARE_LEFT_OUT * recipe.n_calibration)
    own, alone = replace(known, libraries=recipe.libraries_without(name)), known.of_library(name)
    rng = np.random.default_rng((recipe.seed, 1003, recipe.main_libraries.index(name)))
    calibration, _ = calibration_of((network,), seds_of_recipe(own, n, rng), own, rng)
    sky = seds_of_recipe(alone, n, rng)
    raw, labels, seds = answers_as_seen((network,), sky, known, rng)
    scores = normal_scores(calibrate(calibration, raw, seds), labels, _censoring(sky, rng))
    return Scored(scores, covariates(raw, seds, like.scaling.label_mean, like.scaling.label_std))
