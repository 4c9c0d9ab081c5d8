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

from agez.analysis.metrics import evaluate, json_number, residual_pcc, sigma_mad
from agez.errors import AgezError
from agez.experiments.claims import Claim, all_of, verdict_of
from agez.experiments.library_fit import ERROR_FLOOR, LibraryFit, fit_library
from agez.experiments.paper import published
from agez.experiments.peer_methods import METHODS, TreeSizes, TreeTask, run_task, why_not
from agez.experiments.population_library import line_bands, make_library
from agez.experiments.result import target_columns
from agez.learn.cross_validation import CrossValidation
from agez.learn.normalisation import normalise
from agez.learn.prepared import PreparedSplit, TrainingData, prepare_split, training_data
from agez.learn.splits import Split, SplitKind, make_splits
from agez.photometry.filters import load_filters
from agez.progress import progress
from agez.spectra.templates import load_templates
from agez.types import TARGET_WORDS, TARGETS, Floats, Sample
from agez.worker_pool import each_done

#: How each set deals spectra into folds.
_KINDS: dict[str, SplitKind] = {"set_a": "within", "set_b": "by-galaxy"}
LIBRARY = "library_fit"
ALL_METHODS = (*METHODS, LIBRARY)
#: A library at rest frame is for SEDs at most so far from it: 5 A of a band of 145 A.
_REST_FRAME = 1e-3
#: A pivot further off than this is another filter of the same name [Angstrom].
_SAME_PIVOT = 5.0


@dataclass(frozen=True)
class PeerSizes:
    """How much is spent on each method.

    Attributes
    ----------
    trees : TreeSizes
    n_models : int
        Of the library.
    floor : float
        Error floor of the library fit, as a fraction of the flux.
    n_bootstrap : int
        Resamplings of the galaxies, for the errors of differences.
    """

    trees: TreeSizes = field(default_factory=TreeSizes)
    n_models: int = 30_000
    floor: float = ERROR_FLOOR
    n_bootstrap: int = 100


@dataclass(frozen=True, eq=False)
class Answers:
    """What one method says of every row of a sample in one set.

    Attributes
    ----------
    predicted : (n, 2) float
        log_age_lw and mh_lw; NaN where it says nothing.
    seconds_to_train : float
        Seconds of one core, all folds together; NaN if not known.
    seconds_per_sed : float
        Seconds of one core, from fluxes to both targets; NaN if not known.
    """

    predicted: Floats
    seconds_to_train: float = np.nan
    seconds_per_sed: float = np.nan


def network_answers(run: CrossValidation, sample: Sample) -> Answers:
    """The networks' own row of the table: predictions that exist, and their time, measured once more."""
    data = training_data(sample, bands=run.bands.names, max_missing=run.max_missing)
    folds = [prepare_split(data, split) for split in run.splits]
    start = time.thread_time()
    for number, fold in enumerate(folds):
        for network in run.networks[number * len(TARGETS) : (number + 1) * len(TARGETS)]:
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
    bands: Sequence[str] | None = None,
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
    sample : Sample
    networks : mapping of 'set_a', 'set_b' to Answers
        Of the networks, which have run already: see :func:`network_answers`.
    splits : mapping, optional
        The folds of each set; default those that ``cross_validate(sample, seed=seed)`` makes.
    bands, max_missing
        As they were given to ``cross_validate``.
    methods : sequence of str
        Of ``ALL_METHODS``.
    sizes : PeerSizes, optional
    templates : str
        Library of the library fit.
    seed : int
    workers : int
        Processes (threads for the library fit); the numbers do not depend on it, seconds apart.

    Returns
    -------
    dict
        ``published``, ``measured`` and ``points``, strict JSON.  ``measured`` holds ``methods`` (for each its title,
        what it ``learns_from``, ``seconds_per_sed``, ``seconds_to_train`` of a set's folds, and for each set its
        scores against labels, and under ``truth`` against truth), ``skipped`` (methods that could not be run, and
        why), ``differences`` (network minus method: sigma_mad, and its 95 % interval over galaxies) and ``library``
        (how well the library samples the posterior).
    """
    sizes = sizes or PeerSizes()
    unknown = [name for name in methods if name not in ALL_METHODS]
    if unknown or not networks or not set(networks) <= set(_KINDS):
        raise AgezError(
            f"peers: methods {', '.join(methods)} for the sets {', '.join(networks)}; choose the methods among "
            f"{', '.join(ALL_METHODS)} and the sets among {', '.join(_KINDS)}"
        )
    for name, one in networks.items():
        if one.predicted.shape != (len(sample), len(TARGETS)):
            raise AgezError(f"peers: {name} has predictions of shape {one.predicted.shape} for {len(sample)} spectra")
    data = training_data(sample, bands=bands, max_missing=max_missing)
    folds = {}
    for name in networks:
        dealt = None if splits is None else splits[name]
        dealt = dealt or make_splits(sample, kind=_KINDS[name], rng=np.random.default_rng(seed))
        folds[name] = [prepare_split(data, split) for split in dealt]
    skipped = {name: reason for name in methods if name in METHODS and (reason := why_not(name)) is not None}
    trees = [name for name in methods if name in METHODS and name not in skipped]
    answers = {"network": dict(networks), **_tree_answers(data, folds, trees, sizes.trees, seed, workers)}
    library: dict[str, Any] | None = None
    if LIBRARY in methods:
        try:
            found, library = _library_answers(sample, data, sizes, templates, seed, workers)
            answers[LIBRARY] = dict.fromkeys(networks, found)
        except AgezError as error:
            skipped[LIBRARY] = str(error)

    references = {"labels": target_columns(sample.labels)}
    if sample.truth is not None:
        references["truth"] = target_columns(sample.truth)
    rng = np.random.default_rng([seed, 5])
    return {
        "published": {name: published()[name] for name in _KINDS},
        "measured": {
            "methods": {name: _scored(name, by_set, networks, references) for name, by_set in answers.items()},
            "skipped": skipped,
            "differences": _differences(sample, answers, references, sizes.n_bootstrap, rng),
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
    predicted = {(m, s): np.full((len(data), len(TARGETS)), np.nan) for m in methods for s in folds}
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


def _library_answers(
    sample: Sample, data: TrainingData, sizes: PeerSizes, templates: str, seed: int, workers: int
) -> tuple[Answers, dict[str, Any]]:
    """The library fit of every row, and how well its library samples the posteriors."""
    photometry = sample.photometry.select_bands(data.bands.names)
    redshift = photometry.redshift[np.isfinite(photometry.redshift)]
    if redshift.size and np.abs(redshift).max() > _REST_FRAME:
        raise AgezError(
            f"the SEDs are not at rest frame (redshifts up to {redshift.max():.3f}) and the library is; "
            "make them with 'agez synth', which brings spectra to redshift 0"
        )
    filters = load_filters(data.bands.filter_set).select(data.bands.names)
    off = np.abs(np.subtract(filters.bands.pivot_angstrom, data.bands.pivot_angstrom))
    if off.max() > _SAME_PIVOT:
        name = data.bands.names[int(off.argmax())]
        raise AgezError(f"the sample's {name} is {off.max():.0f} A from that of the shipped set {filters.name!r}")
    start = time.thread_time()
    rng = np.random.default_rng([seed, 6])
    library = make_library(load_templates(templates), filters, n_models=sizes.n_models, rng=rng)
    made = time.thread_time() - start
    masked = line_bands(filters)
    fit = fit_library(photometry, library, floor=sizes.floor, masked=masked, workers=workers)
    fitted = int(np.isfinite(fit.chi2).sum())
    if fitted == 0:
        raise AgezError(f"no SED has enough bands outside emission lines, which {', '.join(masked)} are masked for")
    about = {
        "templates": templates,
        "n_models": len(library),
        "error_floor": sizes.floor,
        "masked": list(masked),
        "n_fitted": fitted,
    }
    return Answers(fit.mean, made, fit.seconds / fitted), about | _quality(fit, sample)


def _quality(fit: LibraryFit, sample: Sample) -> dict[str, Any]:
    """Effective number of models, best chi2, and the median posterior width, over the rows that were fitted.

    ``within_error`` is the share of truth (of labels, where there is none) within one standard deviation: 0.68 if
    errors are right and there is no bias.
    """
    good = np.isfinite(fit.chi2)
    reference = target_columns(sample.labels if sample.truth is None else sample.truth)
    inside = np.abs(fit.mean - reference) <= fit.std
    words = [TARGET_WORDS[target] for target in TARGETS]
    return {
        "n_effective": {f"p{q:02d}": json_number(float(np.percentile(fit.n_effective[good], q))) for q in (5, 50, 95)},
        "chi2_per_band": json_number(float(np.median(fit.chi2[good] / fit.n_bands[good]))),
        "posterior_std": {word: json_number(float(np.median(fit.std[good, k]))) for k, word in enumerate(words)},
        "within_error": {word: json_number(float(inside[good, k].mean())) for k, word in enumerate(words)},
    }


_TITLES = {"network": "convolutional networks (this work)", LIBRARY: "Bayesian fit of a template library"}
_LEARNS = {"network": "training rows, stopped by validation rows", LIBRARY: "nothing: broad priors and templates"}


def _scored(
    name: str, by_set: Mapping[str, Answers], networks: Mapping[str, Answers], references: Mapping[str, Floats]
) -> dict[str, Any]:
    """One method's row of the table."""
    tree = METHODS.get(name)
    row: dict[str, Any] = {
        "title": tree.title if tree else _TITLES[name],
        "learns_from": tree.learns_from if tree else _LEARNS[name],
        "seconds_per_sed": json_number(float(np.mean([one.seconds_per_sed for one in by_set.values()]))),
        "seconds_to_train": json_number(float(np.mean([one.seconds_to_train for one in by_set.values()]))),
    }
    for set_name, one in by_set.items():
        # the rows that the networks answer: the same for all
        predicted = np.where(np.isfinite(networks[set_name].predicted), one.predicted, np.nan)
        blocks = {kind: _scores(predicted, reference) for kind, reference in references.items()}
        row[set_name] = blocks.pop("labels") | blocks
    return row


def _scores(predicted: Floats, reference: Floats) -> dict[str, Any]:
    difference = predicted - reference
    scores: dict[str, Any] = {
        TARGET_WORDS[target]: evaluate(predicted[:, k], reference[:, k]).to_json() for k, target in enumerate(TARGETS)
    }
    return scores | {"residual_pcc": json_number(residual_pcc(difference[:, 0], difference[:, 1]))}


def _differences(
    sample: Sample,
    answers: Mapping[str, Mapping[str, Answers]],
    references: Mapping[str, Floats],
    n_bootstrap: int,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """sigma_mad of the network minus that of each other method, on common rows, with 95 % intervals over galaxies."""
    _, galaxy = np.unique(sample.rows.galaxy_id, return_inverse=True)
    order = np.argsort(galaxy, kind="stable")
    groups = np.split(order, np.cumsum(np.bincount(galaxy))[:-1])
    draws = [
        np.concatenate([groups[at] for at in rng.integers(len(groups), size=len(groups))]) for _ in range(n_bootstrap)
    ]
    others = [name for name in answers if name != "network"]
    found: dict[str, Any] = {kind: {} for kind in references}
    for kind, reference in references.items():
        for set_name in answers["network"]:
            residuals = {name: by_set[set_name].predicted - reference for name, by_set in answers.items()}
            common = np.all([np.isfinite(one).all(axis=1) for one in residuals.values()], axis=0)
            residuals = {name: np.where(common[:, None], one, np.nan) for name, one in residuals.items()}
            of_set: dict[str, Any] = {}
            for k, target in enumerate(TARGETS):
                whole = {name: sigma_mad(one[:, k]) for name, one in residuals.items()}
                drawn = {name: np.array([sigma_mad(one[rows, k]) for rows in draws]) for name, one in residuals.items()}
                of_set[TARGET_WORDS[target]] = {
                    name: _interval(whole["network"] - whole[name], drawn["network"] - drawn[name]) for name in others
                }
            found[kind][set_name] = of_set
    return found


def _interval(value: float, drawn: Floats) -> dict[str, float | None]:
    drawn = drawn[np.isfinite(drawn)]
    low, high = np.percentile(drawn, [2.5, 97.5]) if drawn.size else (np.nan, np.nan)
    return {"difference": json_number(value), "low": json_number(float(low)), "high": json_number(float(high))}


def claims(block: Mapping[str, Any]) -> list[Claim]:
    """What a reader asks, though the paper does not claim it: are networks better than the other methods?

    Yes if every difference in sigma_mad against the labels (each set, target and method) is below zero with 95 %
    confidence; no if one is above zero with that confidence.
    """
    measured = block["measured"]
    decisions: list[bool | None] = []
    words = []
    for set_name, by_target in measured["differences"]["labels"].items():
        parts = []
        for word, by_method in by_target.items():
            known = {name: one for name, one in by_method.items() if one["low"] is not None}
            decisions += [_below(one["low"], one["high"]) for one in known.values()]
            if known:
                name, one = max(known.items(), key=lambda item: item[1]["difference"])
                parts.append(
                    f"{word} {one['difference']:+.3f} ({one['low']:+.3f} to {one['high']:+.3f}) "
                    f"against {name.replace('_', ' ')}"
                )
        if parts:
            words.append(f"Set {set_name[-1].upper()}: {', '.join(parts)}")
    how = "no other method could be run"
    if words:
        how = "sigma_mad of the network minus that of the best other method [dex, 95 % over galaxies]; " + "; ".join(
            words
        )
    claim = "a reader's question: networks do better than tree ensembles and a template-library fit on the same data"
    return [Claim("peers", claim, verdict_of(all_of(decisions)), how)]


def _below(low: float, high: float) -> bool | None:
    """Whether an interval lies below zero; None if it holds it."""
    return True if high < 0 else False if low > 0 else None
