"""Other methods on the paper's data: tree ensembles, and a Bayesian fit of a template library (not in the paper).

The paper compares its networks with no other method.  Here each method is given what they were given: the same folds,
and (those that learn) the same normalised SEDs, with the normalisation of the training rows; and is scored on the same
rows.  The library fit learns nothing, so its answers in Set A and Set B are the same.  Its reference is the templates'
own scale: its bias against labels is the price of knowing nothing of them, and sigma_mad leaves it out.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from agez.analysis.metrics import json_number
from agez.errors import AgezError
from agez.experiments.claims import MIN_GALAXIES, Claim
from agez.experiments.decisions import interval_below, judged
from agez.experiments.library_fit import ERROR_FLOOR
from agez.experiments.paper import SETS, published, set_title
from agez.experiments.peer_library import library_answers
from agez.experiments.peer_methods import METHODS, TreeSizes, TreeTask, run_task, why_not
from agez.experiments.peer_scores import Answers, differences, scores_of
from agez.experiments.result import target_columns
from agez.label_types import Sample
from agez.paper_network.cross_validation import CrossValidation
from agez.paper_network.normalisation import normalise
from agez.paper_network.prepared import PreparedSplit, TrainingData, prepare_split, training_data
from agez.runtime.progress import progress
from agez.runtime.worker_pool import each_done
from agez.samples.splits import Split, make_splits
from agez.targets import PAPER_TARGETS
from agez.types import Floats

LIBRARY = "library_fit"
ALL_METHODS = (*METHODS, LIBRARY)
#: Galaxies of J-PAS (section 1 of the paper, after Benitez et al. 2014, arXiv:1403.5237).
JPAS_GALAXIES = 9e7
#: "Multiple pixels per galaxy": the paper's sample has 104 spectra a galaxy.
SEDS_A_GALAXY = 100


@dataclass(frozen=True)
class PeerSizes:
    """How much is spent on each method."""

    trees: TreeSizes = field(default_factory=TreeSizes)
    n_models: int = 30_000  #: Of the library.
    floor: float = ERROR_FLOOR  #: Error floor of the library fit, as a fraction of the flux.
    n_bootstrap: int = 100  #: Resamplings of the galaxies, for the errors of differences.


def network_answers(run: CrossValidation, sample: Sample) -> Answers:
    """The networks' own row of the table: predictions that exist, and their time, measured once more."""
    data = training_data(sample, bands=run.bands.names, max_missing=run.max_missing)
    folds = [prepare_split(data, split) for split in run.splits]
    start = time.thread_time()
    for number, fold in enumerate(folds):
        for network in run.networks[number * len(PAPER_TARGETS) : (number + 1) * len(PAPER_TARGETS)]:
            fold.predict(network)
    seconds = time.thread_time() - start
    n = sum(len(fold.test) for fold in folds)
    return Answers(
        run.predicted, sum(one.seconds for one in run.networks), seconds / n + _seconds_to_normalise(data, folds)
    )


def peers(
    sample: Sample,
    networks: Mapping[str, Answers],
    *,
    splits: Mapping[str, Sequence[Split]] | None = None,
    max_missing: int | None = None,
    methods: Sequence[str] = ALL_METHODS,
    sizes: PeerSizes | None = None,
    templates: str = "emiles",
    seed: int = 1,
    workers: int = 2,
) -> dict[str, Any]:
    """Score every method on the folds of the networks.

    Parameters
    ----------
    networks : mapping of 'set_a', 'set_b' to Answers
        Of the networks, which have run already: see :func:`network_answers`.
    splits : mapping, optional
        The folds of each set; default those that ``cross_validate(sample, seed=seed)`` makes.
    max_missing
        As it was given to ``cross_validate``.
    methods : sequence of str
        Of ``ALL_METHODS``.
    templates : str
        Library of the library fit.
    workers : int
        Processes (threads for the library fit); the numbers do not depend on it, seconds apart.

    Returns
    -------
    dict
        ``published``, ``measured`` and ``points``, strict JSON.  ``measured`` holds ``methods`` (for each its title,
        what it ``learns_from``, ``seconds_per_sed``, ``seconds_to_train`` of a set's folds, and for each set its
        scores against labels, and under ``truth`` against truth), ``skipped`` (methods that could not be run, and
        why), ``differences`` (network minus method: sigma_mad, and its 95 % interval over galaxies) and ``library``
        (how well the library samples the posterior), and ``n_galaxies``.
    """
    sizes = sizes or PeerSizes()
    unknown = [name for name in methods if name not in ALL_METHODS]
    if unknown or not networks or not set(networks) <= set(SETS):
        raise AgezError(
            f"peers: methods {', '.join(methods)} for the sets {', '.join(networks)}; choose the methods among "
            f"{', '.join(ALL_METHODS)} and the sets among {', '.join(SETS)}"
        )
    for name, one in networks.items():
        if one.predicted.shape != (len(sample), len(PAPER_TARGETS)):
            raise AgezError(f"peers: {name} has predictions of shape {one.predicted.shape} for {len(sample)} spectra")
    data = training_data(sample, max_missing=max_missing)
    folds = {}
    for name in networks:
        dealt = None if splits is None else splits[name]
        dealt = dealt or make_splits(sample, kind=SETS[name], rng=np.random.default_rng(seed))
        folds[name] = [prepare_split(data, split) for split in dealt]
    skipped = {name: reason for name in methods if name in METHODS and (reason := why_not(name)) is not None}
    trees = [name for name in methods if name in METHODS and name not in skipped]
    answers = {"network": dict(networks), **_tree_answers(data, folds, trees, sizes.trees, seed, workers)}
    library: dict[str, Any] | None = None
    if LIBRARY in methods:
        try:
            found, library = library_answers(
                sample, data.bands, n_models=sizes.n_models, floor=sizes.floor, templates=templates, seed=seed,
                workers=workers,
            )  # fmt: skip
            answers[LIBRARY] = dict.fromkeys(networks, found)
        except AgezError as error:
            skipped[LIBRARY] = str(error)

    references = {"labels": target_columns(sample.labels)}
    if sample.truth is not None:
        references["truth"] = target_columns(sample.truth)
    compared = {
        kind: differences(
            answers, reference, sample.rows.galaxy_id,
            n_bootstrap=sizes.n_bootstrap, rng=np.random.default_rng([seed, 5]),
        )
        for kind, reference in references.items()
    }  # fmt: skip
    return {
        "published": {name: published()[name] for name in SETS},
        "measured": {
            "methods": {name: _row(name, by_set, networks, references) for name, by_set in answers.items()},
            "skipped": skipped,
            "differences": compared,
            "n_galaxies": len(np.unique(sample.rows.galaxy_id)),
            "library": library,
        },
        "points": {},
    }


def _tree_answers(
    data: TrainingData,
    folds: Mapping[str, Sequence[PreparedSplit]],
    methods: Sequence[str],
    sizes: TreeSizes,
    seed: int,
    workers: int,
) -> dict[str, dict[str, Answers]]:
    """The answers of each method in each set; all tasks in one pool."""
    tasks = [
        _task(method, set_name, number, fold, sizes, seed)
        for method in methods
        for set_name, of_set in folds.items()
        for number, fold in enumerate(of_set)
    ]
    predicted = {(m, s): np.full((len(data), len(PAPER_TARGETS)), np.nan) for m in methods for s in folds}
    seconds = {key: np.zeros(2) for key in predicted}
    done = each_done(run_task, tasks, workers=workers) if tasks else iter(())
    for task, answer in progress(done, total=len(tasks), title="tree ensembles"):
        fold, key = folds[task.set_name][task.fold], (task.method, task.set_name)
        predicted[key][fold.test] = answer.predicted * fold.scale + fold.center
        seconds[key] += answer.seconds_to_train, answer.seconds_to_predict
    found: dict[str, dict[str, Answers]] = {method: {} for method in methods}
    inputs = {name: _seconds_to_normalise(data, of_set) for name, of_set in folds.items()} if methods else {}
    for (method, set_name), (to_train, to_predict) in seconds.items():
        n = sum(len(fold.test) for fold in folds[set_name])
        found[method][set_name] = Answers(
            predicted[method, set_name], float(to_train), float(to_predict) / max(n, 1) + inputs[set_name]
        )
    return found


def _task(method: str, set_name: str, number: int, fold: PreparedSplit, sizes: TreeSizes, seed: int) -> TreeTask:
    inputs = fold.rows.inputs
    labels = (fold.labels - fold.center) / fold.scale
    own_seed = int(np.random.SeedSequence((seed, 4, number)).generate_state(1)[0]) % 2**31
    return TreeTask(
        method, set_name, number, inputs[fold.train], labels[fold.train], inputs[fold.validation],
        labels[fold.validation], inputs[fold.test], sizes, own_seed,
    )  # fmt: skip


def _seconds_to_normalise(data: TrainingData, folds: Sequence[PreparedSplit]) -> float:
    """Seconds a row that it takes to make inputs of fluxes, which all that learn have in common."""
    fold = folds[0]
    with threadpool_limits(1, user_api="blas"):
        start = time.thread_time()
        normalise(fold.normalisation, data.flux, data.present, max_missing=data.max_missing)
        return (time.thread_time() - start) / max(len(data), 1)


_TITLES = {"network": "convolutional networks (the paper's)", LIBRARY: "Bayesian fit of a template library"}
_LEARNS = {"network": "training rows, stopped by validation rows", LIBRARY: "nothing: broad priors and templates"}


def _row(
    name: str, by_set: Mapping[str, Answers], networks: Mapping[str, Answers], references: Mapping[str, Floats]
) -> dict[str, Any]:
    """One method's row of the table."""
    tree = METHODS.get(name)
    return {
        "title": tree.title if tree else _TITLES[name],
        "learns_from": tree.learns_from if tree else _LEARNS[name],
        "seconds_per_sed": json_number(float(np.mean([one.seconds_per_sed for one in by_set.values()]))),
        "seconds_to_train": json_number(float(np.mean([one.seconds_to_train for one in by_set.values()]))),
    } | {
        set_name: scores_of(one.predicted, references, networks[set_name].predicted) for set_name, one in by_set.items()
    }


def claims(block: Mapping[str, Any]) -> list[Claim]:
    """Whether a trained network is fast enough for a survey (section 4.1), and what a reader asks beside: is it better?

    For each set: yes if every difference in sigma_mad against the labels (each target and method) is below zero with
    95 % confidence; no if one is above zero with that confidence; not told by fewer than ``MIN_GALAXIES``.
    """
    measured = block["measured"]
    better = [
        _claim(set_title(name), by_target, measured) for name, by_target in measured["differences"]["labels"].items()
    ]
    return [_rapid(measured), *better]


def _rapid(measured: Mapping[str, Any]) -> Claim:
    """All SEDs of J-PAS within a week on one core."""
    seconds = measured["methods"].get("network", {}).get("seconds_per_sed")
    told = "unknown" if seconds is None else f"{seconds:.1e} s an SED on one core"
    whole = JPAS_GALAXIES * SEDS_A_GALAXY
    days = None if seconds is None else seconds * whole / 86400
    return judged(
        "rapid", None if days is None else days < 7, told, days="unknown" if days is None else f"{days:.2g}",
        galaxies=JPAS_GALAXIES, seds=SEDS_A_GALAXY,
    )  # fmt: skip


def _claim(title: str, by_target: Mapping[str, Any], measured: Mapping[str, Any]) -> Claim:
    enough = measured["n_galaxies"] >= MIN_GALAXIES
    decisions: list[bool | None] = []
    told = []
    for word, by_method in by_target.items():
        known = {name: one for name, one in by_method.items() if one["low"] is not None}
        decisions += [interval_below(one, 0.0) if enough else None for one in known.values()]
        if known:
            name, one = max(known.items(), key=lambda item: item[1]["difference"])
            against = measured["methods"][name]["title"]
            told.append(f"{word} {one['difference']:+.3f} ({one['low']:+.3f} to {one['high']:+.3f}) against {against}")
    how = "No other method could be run."
    if told:
        how = f"sigma_mad of the network minus that of the best other method [dex, 95 %]: {'; '.join(told)}."
        how += "" if enough else f"  {measured['n_galaxies']} galaxies are too few for any decision."
    return judged("better_than_peers", decisions, told, how=how, title=title)
