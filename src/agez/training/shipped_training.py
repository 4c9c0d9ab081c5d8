"""Training of the shipped models on training SEDs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from agez.errors import AgezError
from agez.mixture_network.mixture_model import MixtureNetwork, Network, build_model, ensemble
from agez.mixture_network.trunks import NetworkShape
from agez.models.features import n_features, normalised
from agez.models.model import Model
from agez.runtime.worker_pool import each_done
from agez.targets import KNOWN_TARGETS
from agez.training.learn_calibration import learn_calibration
from agez.training.learn_novelty import learn_novelty
from agez.training.mixture_fit import fit
from agez.training.recipes import Recipe
from agez.training.sed_batches import SedBatches, labels_as_seen, scaling_of_seds
from agez.training.shipped_scores import shipped_scores
from agez.training.star_subspace import star_seds
from agez.training_seds.complete_library import load_libraries
from agez.training_seds.observe import observe, observe_redshift
from agez.training_seds.seds import TrainingSeds, make_training_seds
from agez.training_seds.spaxel_seds import spaxel_seds

#: Rows with a median signal-to-noise ratio below this are flagged LOW_SNR: noisier than any that was trained on.
LEAST_SNR = 2.0


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
            blend_share=recipe.blend_share, age_margin=recipe.age_margin,
            targets=[KNOWN_TARGETS[name] for name in recipe.targets],
        ))  # fmt: skip
    if n_spaxels:
        parts.append(spaxel_seds(recipe.filters(), names, n_spaxels, rng))
    return TrainingSeds.concatenate(parts)


def _train(job: tuple[Recipe, int]) -> Network:
    recipe, number = job
    rng = np.random.default_rng((recipe.seed, number))
    sky = seds_of_recipe(recipe, recipe.n_seds, rng)
    scaling = scaling_of_seds(sky, recipe.redshift_range, rng, survey=recipe.survey)
    shape = NetworkShape(n_features(len(sky.bands)), recipe.hidden, recipe.components, len(sky.targets))
    trained = fit(SedBatches(sky, scaling, recipe.survey), shape, recipe.settings, rng)
    return Network(scaling, shape, trained.parameters)


def train_shipped(recipe: Recipe, *, workers: int = 2, progress: Callable[[int], object] | None = None) -> Model:
    """Make the model of a recipe; the same recipe gives the same model, bit for bit, on the same machine.

    Each network of the ensemble is trained on its own galaxies, and ``progress`` called with 1 when it is done; see
    :func:`finished_model` for the rest.
    """
    found: dict[int, Network] = {}
    jobs = [(recipe, number) for number in range(recipe.members)]
    for (_, number), member in each_done(_train, jobs, workers=workers):
        found[number] = member
        if progress is not None:
            progress(1)
    return finished_model(recipe, tuple(found[number] for number in range(recipe.members)))


def finished_model(recipe: Recipe, members: tuple[Network, ...]) -> Model:
    """A model of trained networks.

    New training SEDs, observed once, calibrate the distributions and the novelty score.
    Scores are from further ones.
    """
    rng = np.random.default_rng((recipe.seed, 1000))
    sky = seds_of_recipe(recipe, recipe.n_calibration, rng)
    seen = observe(sky.flux, sky.present, np.array(sky.bands.pivot_angstrom), rng, survey=recipe.survey)
    z, z_err = observe_redshift(sky.redshift, recipe.redshift_range, rng, survey=recipe.survey)
    seds = normalised(*seen)
    raw = ensemble(members, seds, z, z_err)
    labels = labels_as_seen(sky, seds, z, z_err, recipe.redshift_range, rng)
    center, width = members[0].scaling.label_mean, members[0].scaling.label_std
    calibration = learn_calibration(raw, labels, seds, n_galaxies=len(sky), center=center, width=width)
    novelty = learn_novelty(
        sky, rng, redshift_range=recipe.redshift_range, survey=recipe.survey,
        stars=star_seds(recipe.filters(), rng),
    )  # fmt: skip
    parts = MixtureNetwork(members, calibration, novelty)
    scores = shipped_scores(parts, recipe, seds_of_recipe(recipe, recipe.n_calibration // 4, rng), rng)
    return build_model(
        parts, sky.bands, targets=sky.targets, name=recipe.name,
        label_range=np.stack([labels.min(axis=0), labels.max(axis=0)]), redshift_range=recipe.redshift_range,
        main_targets=recipe.main_targets or None, knows_unknown_redshift=recipe.survey.redshift_unknown > 0,
        least_bands=recipe.least_bands, least_snr=LEAST_SNR, frame="observed", scores=scores,
        labels={
            "weighting": "light",
            "norm_band_angstrom": [5450.0, 5550.0],
            "definition": "mean of log10 age and of [M/H], weights f_lambda in the normalisation band before dust",
            "templates": ", ".join(recipe.libraries),
            "solar_scale": "each library's own",
            "source": "truth of mock galaxies",
        },
        training={"source": "sky", "recipe": recipe.to_dict()},
        calibration={"method": "quantile regression on held-out galaxies", "n_galaxies": recipe.n_calibration},
    )  # fmt: skip
