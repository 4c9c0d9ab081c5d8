"""Training of the shipped models on training SEDs."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from agez.mixture_network.build_model import build_model
from agez.mixture_network.calibration import REFERENCE_TARGETS
from agez.mixture_network.mixture_model import MixtureNetwork, Network, leading, redshift_target
from agez.mixture_network.redshift_search import Search
from agez.mixture_network.told_library import with_library_biases
from agez.mixture_network.trunks import NetworkShape
from agez.models.features import REDSHIFT_FLOOR, NormalisedPhotometry, n_features
from agez.models.model import Model
from agez.runtime.files import whole_file
from agez.runtime.worker_pool import Workers, say
from agez.training.learn_calibration import Widening, widened, widening
from agez.training.learn_novelty import learn_novelty
from agez.training.mixture_fit import fit, fit_stages
from agez.training.recipe_seds import many_seds, seds_of_recipe
from agez.training.recipes import Recipe
from agez.training.sed_batches import LABEL_JITTER, SedBatches, scaling_of_seds
from agez.training.shipped_scores import shipped_scores, unknown_scores
from agez.training.star_subspace import star_seds
from agez.training.unknown_libraries import calibration_of, scores_left_out
from agez.types import Floats

#: Rows with a median signal-to-noise ratio below this are flagged LOW_SNR: noisier than any that was trained on.
LEAST_SNR = 2.0
#: Number of the network for rows of unknown redshift, from which its chance follows.
NUMBER_OF_UNKNOWN = 100


@dataclass(frozen=True, eq=False)
class _Job:
    recipe: Recipe
    number: int
    left_out: str = ""  #: The template library that the network is not to see.


def _train(job: _Job, *, workers: int) -> Network:
    return trained_network(job.recipe, job.number, workers=workers)


def trained_network(recipe: Recipe, number: int = 0, *, workers: int = 1) -> Network:
    """One network of a recipe's ensemble, trained on training SEDs of its own."""
    sky = many_seds(recipe, recipe.n_seds, (recipe.seed, number), workers=workers)
    rng = np.random.default_rng((recipe.seed, number))
    scaling = scaling_of_seds(sky, recipe.redshift_range, rng, survey=recipe.survey)
    told = recipe.libraries_told
    n, d = n_features(len(sky.bands)), len(sky.targets)
    shape = NetworkShape(
        n + len(told), recipe.hidden, recipe.components, d, first_targets=recipe.first_targets,
        further_hidden=recipe.further_hidden,
    )  # fmt: skip
    batches = SedBatches(sky, scaling, recipe.survey, told)
    if recipe.first_targets:
        trained = fit_stages(batches, shape, recipe.settings, recipe.further_steps, rng, progress=say)
    else:
        trained = fit(batches, shape, recipe.settings, rng, progress=say)
    parameters = trained.parameters
    if told:
        parameters = with_library_biases(parameters, n, n + len(told))
    return Network(scaling, replace(shape, inputs=n), parameters)


def train_shipped(
    recipe: Recipe, *, workers: int = 2, kept: Path | None = None, progress: Callable[[float], object] | None = None
) -> Model:  # fmt: skip
    """Make the model of a recipe; the same recipe gives the same model, bit for bit, on the same machine.

    Each network is trained on its own galaxies; see :func:`finished_model` for the rest.

    Parameters
    ----------
    kept : Path, optional
        A folder for trained networks: those that an earlier run has left there are taken, others put there.
    progress : callable, optional
        Called with the mean loss of each hundredth of the steps of each stage, of the networks as they are trained.
    """
    own = recipe.of_known if recipe.known_alone else recipe
    first = [_Job(own, number) for number in range(recipe.members)]
    unknown = None if recipe.of_unknown is None else _Job(recipe.of_unknown, NUMBER_OF_UNKNOWN)
    left_out = _jobs_left_out(recipe)
    found = _trained([*first, *([] if unknown is None else [unknown]), *left_out], workers, kept, progress)
    return finished_model(
        recipe, tuple(found[job] for job in first), of_unknown=None if unknown is None else found[unknown],
        left_out={job.left_out: found[job] for job in left_out}, workers=workers,
    )  # fmt: skip


def networks_left_out(
    recipe: Recipe, *, workers: int = 2, kept: Path | None = None, progress: Callable[[float], object] | None = None
) -> dict[str, Network]:  # fmt: skip
    """Small networks that have not seen one of the recipe's template libraries, by its name, as of a model's making."""
    jobs = _jobs_left_out(recipe)
    found = _trained(jobs, workers, kept, progress)
    return {job.left_out: found[job] for job in jobs}


def _jobs_left_out(recipe: Recipe) -> list[_Job]:
    names = recipe.main_libraries if recipe.left_out_steps else ()
    return [_Job(recipe.without(name), 0, name) for name in names]


def _trained(
    jobs: Sequence[_Job], workers: int, kept: Path | None, progress: Callable[[float], object] | None
) -> dict[_Job, Network]:
    found: dict[_Job, Network] = {}
    with Workers(min(workers, max(len(jobs), 1))) as pool:
        known, work = partial(_kept_network, kept), partial(_train, workers=max(workers // max(len(jobs), 1), 1))
        for job, member in pool.each_done(work, jobs, known=known, hear=progress):
            found[job] = member
            if kept is not None:
                _keep(kept, job, member)
    return found


def _kept_network(folder: Path | None, job: _Job) -> Network | None:
    path = None if folder is None else _place(folder, job)
    if path is None or not path.exists():
        return None
    network: Network = pickle.loads(path.read_bytes())
    return network


def _keep(folder: Path, job: _Job, network: Network) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with whole_file(_place(folder, job)) as path:
        path.write_bytes(pickle.dumps(network))


def _place(folder: Path, job: _Job) -> Path:
    """The name changes with all that the network depends on."""
    digest = sha256(json.dumps(job.recipe.to_dict(), sort_keys=True).encode()).hexdigest()[:12]
    return folder / f"{job.recipe.name}-{job.number}-{digest}.pickle"


def finished_model(
    recipe: Recipe, members: tuple[Network, ...], *, of_unknown: Network | None = None,
    left_out: Mapping[str, Network] | None = None, workers: int = 1,
) -> Model:  # fmt: skip
    """A model of trained networks, and of one for rows of unknown and broad redshift where the recipe has one.

    New training SEDs, observed once, calibrate the distributions and the novelty score; networks that have not seen one
    library, ``left_out``, widen the distributions.  Scores are from further SEDs.
    """
    rng = np.random.default_rng((recipe.seed, 1000))
    sky = many_seds(recipe, recipe.n_calibration, (recipe.seed, 1000), workers=workers)
    at = redshift_target(sky.targets)
    calibration, labels = calibration_of(members, sky, recipe.of_known, rng)
    more = None
    if left_out:
        others = scores_left_out(recipe, left_out, like=members[0], workers=workers)
        more = widening(others, redshift_target=at)
        calibration = widened(calibration, more)
    unlearned: Any = None  # novelty, which depends on the networks' redshifts
    parts = MixtureNetwork(members, calibration, unlearned, at)
    if of_unknown is not None:
        other = network_of_unknown(recipe, of_unknown, more, workers=workers)
        parts = replace(parts, of_unknown=other, most_redshift_err=recipe.most_redshift_err or np.inf)
    first = parts
    if at is not None and REFERENCE_TARGETS <= at + 1 < len(sky.targets):  # no need of all targets for the redshift
        first = leading(parts, at + 1)

    def search(seen: NormalisedPhotometry, z: Floats, z_err: Floats) -> Search:
        return first.searched(first.answer(seen, z, z_err), z, z_err)

    novelty = learn_novelty(
        sky, rng, redshift_range=recipe.redshift_range, survey=recipe.survey,
        stars=star_seds(recipe.filters(), rng), search=search,
    )  # fmt: skip
    parts = replace(parts, novelty=novelty)
    if parts.of_unknown is not None:
        at_found = replace(parts, of_unknown=None) if recipe.known_alone else None
        parts = replace(parts, of_unknown=replace(parts.of_unknown, novelty=novelty, at_found=at_found))
    scores = scores_of(recipe, parts)
    return build_model(
        parts, sky.bands, targets=sky.targets, name=recipe.name,
        label_range=np.stack([labels.min(axis=0), labels.max(axis=0)]), redshift_range=recipe.redshift_range,
        main_targets=recipe.main_targets or None, libraries=recipe.libraries_told,
        knows_unknown_redshift=recipe.survey.redshift_unknown > 0,
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


def network_of_unknown(
    recipe: Recipe, network: Network, more: Widening | None = None, *, workers: int = 1
) -> MixtureNetwork:  # fmt: skip
    """The network for rows of unknown redshift, calibrated on training SEDs that it has not seen, observed once.

    Widened, ``more``, as that of known redshifts: which library is true is as little known.

    Without novelty score, which it has in common with the first network.
    """
    own = recipe.of_unknown
    assert own is not None
    network = replace(network, scaling=network.scaling.of_unknown())
    sky = many_seds(own, recipe.n_calibration // 2, (recipe.seed, 1001), workers=workers)
    rng = np.random.default_rng((recipe.seed, 1001))
    at, (low, high) = redshift_target(sky.targets), recipe.redshift_range
    # in units of half of the range the labels' errors are no smaller than those of redshifts from good photometry
    of_redshift = REDSHIFT_FLOOR * (2 + low + high) / (high - low)
    jitter = np.hypot(LABEL_JITTER * network.scaling.label_std, of_redshift) * (np.arange(len(sky.targets)) == at)
    calibration, _ = calibration_of((network,), sky, own, rng, blur=jitter)
    calibration = calibration if more is None else widened(calibration, more)
    unlearned: Any = None
    return MixtureNetwork((network,), calibration, unlearned, at, shown_redshifts=False)


def scores_of(recipe: Recipe, network: MixtureNetwork) -> dict[str, Any]:
    """Scores of a model's network on SEDs that neither training nor calibration has seen."""
    rng = np.random.default_rng((recipe.seed, 1002))
    sky = seds_of_recipe(recipe, recipe.n_calibration // 4, rng)
    scores = shipped_scores(network, recipe, sky, rng)
    if network.of_unknown is not None:
        own = recipe.of_unknown
        assert own is not None
        sky = seds_of_recipe(own, recipe.n_calibration // 8, rng)
        scores |= unknown_scores(network, own, sky, rng)
    return scores
