"""What makes Set B bad: mock galaxies that differ from each other as real ones do, one difference at a time.

The paper's networks do 4.7 (age) and 5.3 (metallicity) times worse on unseen galaxies than on known ones, and the
paper takes the diversity of galaxies for the cause (sections 4.3, 4.5 and 5).  The standard mock survey makes its
spectra with the very library that fits them.  Here galaxies depart from it, all labelled with that library as ever:

- ``libraries``: each galaxy is made with one of several template libraries;
- ``abundances``: galaxies have an [alpha/Fe] of their own (no library at hand has an IMF or abundances as a parameter;
  the libraries of the first step differ in their IMF);
- ``calibration``: errors of the flux calibration twice as large, and residuals of night-sky lines twice the noise;
- ``stars_and_gas``: stars younger than the library has, nebular continuum, active nuclei;
- ``fewer``: the standard survey with a quarter of its galaxies;
- ``all``: all of these but the last.

Every survey has the same plan, so galaxies are the same in all else.  Each is cross-validated as Set A and as Set B.
How Set B falls with the number of galaxies is measured in ``standard`` and ``all``, with a quarter, a half and all of
them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from agez.analysis.galaxy_bootstrap import interval_over_galaxies, rows_by_galaxy
from agez.analysis.metrics import bias, json_number, sigma_mad
from agez.errors import AgezError
from agez.experiments.claims import MIN_GALAXIES, Claim, all_of
from agez.experiments.decisions import interval_rises, judged, meets, with_interval
from agez.experiments.diverse_galaxies import YOUNG_LIBRARY, DiverseGalaxies, installed_libraries
from agez.experiments.mock_sample import MockSurvey, make_mock_samples
from agez.experiments.paper import SETS, published
from agez.experiments.result import target_columns
from agez.label_types import Sample
from agez.mocks.departures import Departures
from agez.mocks.survey import survey_plan
from agez.paper_network.cross_validation import cross_validate
from agez.paper_network.jobs import TrainingSettings
from agez.paper_network.pool import Trainer
from agez.photometry.filters import PAPER_BANDS, load_filters
from agez.runtime.progress import progress
from agez.targets import PAPER_TARGETS, TARGET_WORDS
from agez.types import Floats, Ints

#: What each step is called in tables and claims.
STEPS = {
    "standard": "the standard mock survey",
    "libraries": "several template libraries",
    "abundances": "[alpha/Fe] of their own",
    "calibration": "calibration and sky, twice the errors",
    "stars_and_gas": "younger stars, nebular light, active nuclei",
    "fewer": "a quarter of the galaxies",
    "all": "all differences together",
}
#: Surveys that are measured with a part of their galaxies, too.
WITH_FEWER_GALAXIES = {"standard": "standard survey", "all": "all differences"}
#: Those that are surveys of their own: ``fewer`` is part of ``standard``.
SURVEYS = tuple(name for name in STEPS if name != "fewer")
#: Twice the standard errors of the calibration; residuals of the sky are twice the noise.
TWICE = Departures(calibration=2.0, sky_residual=2.0)
#: One galaxy in five has an active nucleus, about as many as of all bright galaxies (Kauffmann et al. 2003, MNRAS 346,
#: 1055).
GAS = Departures(nebular_continuum=True, active_share=0.2)
ABUNDANCES = Departures(abundances=True)
EVERYTHING = Departures(True, TWICE.calibration, TWICE.sky_residual, GAS.nebular_continuum, GAS.active_share)
#: Shares of the galaxies at which Set B is measured.
SHARES = (0.25, 0.5, 1.0)
#: Fewer galaxies have no folds by galaxy: a part of the survey has at least so many.
LEAST_GALAXIES = 5
#: Set B is as good as Set A where its scatter is larger by no more than this factor.
AS_GOOD = 1.2
#: A ratio that is certainly higher by less than this factor has hardly risen.
LITTLE = 1.1
#: No number of galaxies is extrapolated to that is more than this many times the largest one measured.
FURTHEST = 100.0
#: Labels of this library alone are like those of the paper.
FIT_LIBRARY = "emiles"


@dataclass(frozen=True)
class DiversitySize:
    """How large the surveys are, and how their networks are trained."""

    #: n_galaxies, n_spectra: Of each survey.
    n_galaxies: int
    n_spectra: int
    settings: TrainingSettings
    n_bootstrap: int = 300  #: Resamplings of the galaxies, for the intervals.
    surveys: tuple[str, ...] = SURVEYS  #: Which of ``SURVEYS`` are made; ``standard`` and ``all`` among them.

    def __post_init__(self) -> None:
        if self.n_galaxies < 2 * LEAST_GALAXIES:
            raise AgezError(f"diversity: {self.n_galaxies} galaxies; expected at least {2 * LEAST_GALAXIES}")
        if not {"standard", "all"} <= set(self.surveys) <= set(SURVEYS):
            raise AgezError(f"diversity: surveys are {self.surveys}; expected standard, all, and others of {SURVEYS}")


def diversity(trainer: Trainer, *, size: DiversitySize, templates: str, seed: int, workers: int) -> dict[str, Any]:
    """Make the surveys, cross-validate each as Set A and Set B, and compare.

    Parameters
    ----------
    trainer : Trainer
        If it keeps networks, an interrupted run has them.
    templates : str
        Library that labels, and that makes the standard galaxies.
    workers : int
        Processes for making and labelling spectra.

    Returns
    -------
    dict
        ``published``: the paper's ratios.  ``measured``: ``steps``, for each of ``STEPS`` that was run ``n_spectra``,
        ``n_galaxies`` and, for each quantity, ``set_a`` and ``set_b`` (sigma_mad [dex] against labels and, under
        ``truth``, against truth), ``labels`` (of labels about truth) and ``ratio`` of Set B to Set A with its 95 %
        interval over galaxies; ``galaxies``, how Set B goes with their number; ``nearest``, the step whose ratios are
        nearest to the paper's; ``rise``, for each quantity the ratio of ``all`` over that of ``standard``, with its
        interval over the galaxies of both; ``libraries`` used and ``skipped``, with the reason.
    """
    try:
        surveys, libraries, skipped = _surveys(size, templates, seed)
        filters = load_filters("jpas").select(PAPER_BANDS)
        samples, _ = make_mock_samples(list(surveys.values()), filters, templates=templates, workers=workers)
    except AgezError as error:
        return {"published": PUBLISHED, "measured": {"not_run": str(error)}, "points": {}}
    made = dict(zip(surveys, samples, strict=True))
    parts = {name: _nested_parts(made[name], seed) for name in WITH_FEWER_GALAXIES}
    tasks: dict[tuple[str, float], Sample] = {(name, 1.0): sample for name, sample in made.items()}
    tasks |= {(name, share): parts[name][share] for name in parts for share in SHARES if share < 1}
    results: dict[tuple[str, float], dict[str, Any]] = {}
    residuals: dict[tuple[str, float], _Residuals] = {}
    for (name, share), sample in progress(tasks.items(), total=len(tasks), title="diversity: Set A and Set B"):
        rng = np.random.default_rng([seed, 15])  # the same galaxies are drawn for each step
        try:
            residuals[name, share] = _residuals(sample, trainer, size.settings, seed)
            results[name, share] = _compared(sample, residuals[name, share], size.n_bootstrap, rng)
        except AgezError as error:  # few galaxies may lack a band, or spectra
            skipped[name if share == 1 else f"{name}, {share:.0%} of the galaxies"] = str(error)
    found = {name: (name, 1.0) for name in made} | {"fewer": ("standard", min(SHARES))}
    steps = {name: results[found[name]] for name in STEPS if name in found and found[name] in results}
    if not {"standard", "all"} <= set(steps):
        return {"published": PUBLISHED, "measured": {"not_run": "; ".join(skipped.values())}, "points": {}}
    measured = {
        "libraries": list(libraries),
        "skipped": skipped,
        "steps": steps,
        "galaxies": {
            name: _with_galaxies([results[name, share] for share in SHARES if (name, share) in results])
            for name in parts
        },
        "nearest": nearest_step(steps),
        "rise": _rise(residuals["standard", 1.0], residuals["all", 1.0], size.n_bootstrap, seed),
    }
    return {"published": PUBLISHED, "measured": measured, "points": {}}


def _ratios_published() -> dict[str, float]:
    paper = published()
    return {w: round(paper["set_b"][w]["sigma_mad"] / paper["set_a"][w]["sigma_mad"], 2) for w in TARGET_WORDS.values()}


#: Set B's sigma_mad over Set A's, from the captions and table 1.
PUBLISHED: dict[str, Any] = {"ratio": _ratios_published()}


def _surveys(
    size: DiversitySize, templates: str, seed: int
) -> tuple[dict[str, MockSurvey], tuple[str, ...], dict[str, str]]:
    """The surveys by step, the libraries of ``libraries``, and what could not be had."""
    plan = survey_plan(size.n_galaxies, size.n_spectra, seed=seed)
    libraries: tuple[str, ...] = (templates,)
    skipped: dict[str, str] = {}
    if templates == FIT_LIBRARY:
        libraries, skipped = installed_libraries()
    else:
        skipped["libraries"] = f"galaxies of other libraries are labelled with {FIT_LIBRARY!r} only, not {templates!r}"
    young = templates == FIT_LIBRARY and YOUNG_LIBRARY in libraries
    if not young:
        skipped["stars_and_gas"] = f"without younger stars, which are those of {YOUNG_LIBRARY!r} beside {FIT_LIBRARY!r}"
    own = {
        "standard": MockSurvey(plan),
        "abundances": MockSurvey(plan, DiverseGalaxies((templates,), departing=ABUNDANCES)),
        "calibration": MockSurvey(plan, DiverseGalaxies((templates,), departing=TWICE)),
        "stars_and_gas": MockSurvey(plan, DiverseGalaxies((templates,), young, GAS)),
        "all": MockSurvey(plan, DiverseGalaxies(libraries, young, EVERYTHING)),
    }
    if len(libraries) > 1:
        own["libraries"] = MockSurvey(plan, DiverseGalaxies(libraries))
    return {name: own[name] for name in size.surveys if name in own}, libraries, skipped


def _nested_parts(sample: Sample, seed: int) -> dict[float, Sample]:
    """The sample with fewer galaxies, by share; the smaller parts lie inside the larger ones, types as in the whole."""
    ids = np.unique(sample.rows.galaxy_id)
    morphology = np.asarray(sample.galaxies.morphology[sample.galaxies.rows_of(ids)], dtype=str)
    rank = np.zeros(len(ids))
    rng = np.random.default_rng([seed, 16])
    for kind in np.unique(morphology):
        own = np.flatnonzero(morphology == kind)
        rank[own] = (rng.permutation(len(own)) + 0.5) / len(own)
    out = {}
    for share in SHARES:
        kept = ids[np.argsort(rank, kind="stable")[: max(round(share * len(ids)), LEAST_GALAXIES)]]
        out[share] = sample.take(np.flatnonzero(np.isin(sample.rows.galaxy_id, kept)))
    return out


class _Residuals(NamedTuple):
    """Predicted minus label of each spectrum, by quantity and set, and the rows of each galaxy by its name."""

    of: Mapping[str, Mapping[str, Floats]]
    rows: Mapping[str, Ints]


def _residuals(sample: Sample, trainer: Trainer, settings: TrainingSettings, seed: int) -> _Residuals:
    """Both cross-validations of one survey."""
    labels = target_columns(sample.labels)
    predicted = {
        name: cross_validate(sample, split=split, settings=settings, seed=seed, trainer=trainer).predicted
        for name, split in SETS.items()
    }
    of = {TARGET_WORDS[target]: {name: values[:, t] - labels[:, t] for name, values in predicted.items()}
          for t, target in enumerate(PAPER_TARGETS)}  # fmt: skip
    ids = np.unique(sample.rows.galaxy_id).tolist()
    return _Residuals(of, dict(zip(ids, rows_by_galaxy(sample.rows.galaxy_id), strict=True)))


def _compared(sample: Sample, residuals: _Residuals, n_bootstrap: int, rng: np.random.Generator) -> dict[str, Any]:
    """Scores of both sets on one survey, and their ratios."""
    assert sample.truth is not None
    error = target_columns(sample.labels) - target_columns(sample.truth)
    groups = list(residuals.rows.values())
    block: dict[str, Any] = {
        "n_spectra": len(sample), "n_galaxies": len(groups), "n_rejected": int(sample.meta["rejected_chi2"]),
    }  # fmt: skip
    drawn = rng.integers(len(groups), size=(n_bootstrap, len(groups)))
    for t, (word, against_labels) in enumerate(residuals.of.items()):
        against_truth = {name: values + error[:, t] for name, values in against_labels.items()}
        cell: dict[str, Any] = {"labels": _scores(error[:, t])}
        for name in SETS:
            cell[name] = _scores(against_labels[name]) | {"truth": _scores(against_truth[name])}
        cell["ratio"] = _ratio(against_labels, groups, drawn) | {"truth": _ratio(against_truth, groups, drawn)}
        block[word] = cell
    return block


def _rise(before: _Residuals, after: _Residuals, n_bootstrap: int, seed: int) -> dict[str, Any]:
    """By how much the ratio of Set B to Set A is larger: the same galaxies are drawn in both surveys."""
    both = [name for name in before.rows if name in after.rows]
    drawn = np.random.default_rng([seed, 18]).integers(len(both), size=(n_bootstrap, len(both)))

    def rise(word: str, galaxies: Ints) -> float:
        new, old = (_b_over_a(one.of[word], [one.rows[both[g]] for g in galaxies]) for one in (after, before))
        return new / old

    return {word: interval_over_galaxies(partial(rise, word), drawn, len(both)) for word in before.of}


def _scores(difference: Floats) -> dict[str, float | None]:
    return {"sigma_mad": json_number(sigma_mad(difference)), "bias": json_number(bias(difference))}


def _ratio(difference: Mapping[str, Floats], groups: Sequence[Ints], drawn: Ints) -> dict[str, float | None]:
    """sigma_mad of Set B over that of Set A, with the 95 % interval over bootstrap samples of galaxies."""
    return interval_over_galaxies(
        lambda galaxies: _b_over_a(difference, [groups[g] for g in galaxies]), drawn, len(groups)
    )


def _b_over_a(difference: Mapping[str, Floats], groups: Sequence[Ints]) -> float:
    """sigma_mad of Set B over that of Set A, of the rows of some galaxies."""
    rows = np.concatenate(groups)
    a, b = (sigma_mad(difference[name][rows]) for name in SETS)
    return b / a if a > 0 else math.nan


def _with_galaxies(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """How Set B falls with the number of galaxies: the numbers, and the law that they follow."""
    n = [one["n_galaxies"] for one in results]
    out: dict[str, Any] = {"n_galaxies": n}
    for word in TARGET_WORDS.values():
        a = [one[word]["set_a"]["sigma_mad"] for one in results]
        b = [one[word]["set_b"]["sigma_mad"] for one in results]
        out[word] = {"set_a": a, "set_b": b} | galaxies_needed(n, b, floor=a[-1] if a else None)
    return out


def galaxies_needed(n: Sequence[int], set_b: Sequence[float | None], *, floor: float | None) -> dict[str, float | None]:
    """The power law of Set B's excess variance, ``sigma_b**2 - floor**2 = c n**-p``, and where Set B is ``AS_GOOD``.

    Parameters
    ----------
    n : sequence of int
        Numbers of galaxies.
    set_b : sequence of float
        sigma_mad of Set B at each [dex].
    floor : float
        sigma_mad of Set A [dex], which a very large training set would reach.

    Returns
    -------
    dict
        ``power`` p, and ``needed``, the n at which sigma_b is ``AS_GOOD`` times the floor; None where the excess is not
        positive at every n, does not fall, or falls so slowly that n would be ``FURTHEST`` times the largest or more.
    """
    if floor is None or None in set_b:
        return {"power": None, "needed": None}
    excess = np.asarray(set_b, dtype=float) ** 2 - floor**2
    if len(excess) < 2 or not (np.isfinite(excess).all() and (excess > 0).all()):
        return {"power": None, "needed": None}
    slope, constant = np.polyfit(np.log(n), np.log(excess), 1)
    if slope >= 0:
        return {"power": json_number(-float(slope)), "needed": None}
    needed = (math.log((AS_GOOD**2 - 1) * floor**2) - constant) / slope
    known = needed < math.log(FURTHEST * max(n))
    return {"power": json_number(-float(slope)), "needed": json_number(math.exp(needed)) if known else None}


def nearest_step(steps: Mapping[str, Any]) -> dict[str, Any] | None:
    """The step whose ratios are nearest to the paper's: the mean over both quantities of abs(ln(ratio / published))."""
    distance = {}
    for name, step in steps.items():
        ratios = [step[word]["ratio"]["value"] for word in PUBLISHED["ratio"]]
        if None not in ratios:
            logs = [abs(math.log(r / p)) for r, p in zip(ratios, PUBLISHED["ratio"].values(), strict=True)]
            distance[name] = sum(logs) / len(logs)
    if not distance:
        return None
    best = min(distance, key=lambda name: distance[name])
    return {"step": best, "distance": distance[best], "distances": distance}


def claims(block: Mapping[str, Any]) -> list[Claim]:
    """Do galaxies that differ more make Set B worse, and does any of these differences explain the paper?

    The paper's reason is the diversity of star-formation histories (sections 4.3, 4.5, 5); here galaxies differ in
    other ways, too, so both claims are ours.  The first is supported where the ratio of the survey with all differences
    is certainly (95 %, both quantities) above that of the standard one, refuted where it is certainly higher by less
    than ``LITTLE``.  The second is supported where one step's intervals hold the published ratios, and are not so wide
    that they would hold anything.
    """
    measured = block["measured"]
    paper = ", ".join(f"{word} {ratio:.1f}" for word, ratio in PUBLISHED["ratio"].items())
    if "not_run" in measured:
        how = f"Not run: {measured['not_run']}"
        return [judged(key, None, how=how, published=paper) for key in ("diversity_cause", "diversity_enough")]
    steps = measured["steps"]
    few = steps["standard"]["n_galaxies"] < MIN_GALAXIES
    raised, told = list[bool | None](), []
    for word, rise in measured["rise"].items():
        raised.append(None if few else interval_rises(rise, 1.0, LITTLE))
        before, after = (steps[name][word]["ratio"]["value"] for name in ("standard", "all"))
        told.append(f"{word} {_value(before)} -> {_value(after)}, higher by a factor {with_interval(rise)}")
    holding = [
        all_of([_holds(step[w]["ratio"], p, step["n_galaxies"]) for w, p in PUBLISHED["ratio"].items()])
        for step in steps.values()
    ]
    reached = None if few else True if True in holding else None if None in holding else False
    best = measured["nearest"]
    nearest = "no ratio is known" if best is None else f"nearest: {STEPS[best['step']]} (" + ", ".join(
        f"{word} {with_interval(steps[best['step']][word]['ratio'])}" for word in PUBLISHED["ratio"]) + ")"  # fmt: skip
    return [
        judged("diversity_cause", raised, told, little=LITTLE),
        judged("diversity_enough", reached, nearest, published=paper),
    ]


def _holds(ratio: Mapping[str, Any], value: float, n_galaxies: int) -> bool | None:
    if ratio["low"] is None or n_galaxies < MIN_GALAXIES:
        return None
    return meets(ratio["low"], ratio["high"], value, value)


def _value(ratio: float | None) -> str:
    return "unknown" if ratio is None else f"{ratio:.2f}"
