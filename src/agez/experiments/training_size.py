"""Figure 13: how accuracy grows with the training set, for known galaxies (Set A) and unseen ones (Set B).

Liew-Cain et al. (2021, MNRAS 502, 1355) train on 5 to 75 per cent of the data, a hundred random times each, and show
the mean and the scatter of sigma_mad of the age, beside the standard deviation of random guesses.  Here the metallicity
and the mean squared error are measured as well, and one repeat deals a quarter of the
spectra (Set A) or galaxies (Set B) as the test, and thins out the rest: the smaller training sets of a repeat lie
inside its larger ones, so that sizes are compared on the same test.  A fifth of each training set watches the training.
Repeats share galaxies: differences are judged with the errors of :mod:`agez.analysis.repeats`.

Small training sets need more passes through them: the number of epochs grows with the inverse square root of the
fraction, up to twice that of the largest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from scipy.special import fdtri

from agez.analysis.metrics import json_number, json_numbers, random_baseline_mse, sigma_mad
from agez.analysis.repeats import mean_over_divisions
from agez.analysis.trends import COVERAGE
from agez.errors import AgezError
from agez.experiments.claims import MIN_GALAXIES, Claim
from agez.experiments.decisions import judged
from agez.experiments.paper import SETS, published, set_title
from agez.label_types import Sample
from agez.paper_network.architecture import PAPER_ARCHITECTURES
from agez.paper_network.jobs import TrainingJob, TrainingSettings
from agez.paper_network.pool import Trainer
from agez.paper_network.prepared import PreparedSplit, TrainingData, prepare_split, training_data
from agez.runtime.progress import progress
from agez.samples.splits import make_splits, row_morphology, thin_split, thinning_order
from agez.targets import PAPER_TARGETS, TARGET_WORDS
from agez.types import Floats

#: The paper's smallest and largest training sets, and its number of repeats.
PUBLISHED: dict[str, Any] = {
    "random_mse": {word: published()["random_baseline"][word]["mse"] for word in TARGET_WORDS.values()},
    "fraction_range": [0.05, 0.75],
    "n_repeats": 100,
}
#: What is not set aside for the test: the largest training set.
LARGEST = 0.75
SCORES = ("mse", "sigma_mad")
#: Fewer repeats have no scatter worth the name.
MIN_REPEATS = 3
#: A change by less than this many times the scatter of single repeats is "about one sigma" at most.
MOST_SIGMA = 2.0


@dataclass(frozen=True)
class TrainingGrid:
    """Which training sets are tried."""

    fractions: tuple[float, ...]  #: Training rows (or galaxies), validation included, over all of the sample's.
    n_repeats: int  #: Random draws of each.
    settings: TrainingSettings  #: Of the largest fraction; smaller ones get more epochs (:meth:`settings_at`).

    def __post_init__(self) -> None:
        if not self.fractions or not all(0 < fraction <= LARGEST for fraction in self.fractions):
            raise AgezError(f"training-set fractions are {self.fractions}; expected some above 0 and up to {LARGEST}")
        if list(self.fractions) != sorted(set(self.fractions)) or self.n_repeats < 1:
            raise AgezError(f"training-set fractions must grow and be repeated at least once: {self}")

    def settings_at(self, fraction: float) -> TrainingSettings:
        """How a network on that fraction is trained."""
        more = min(2.0, float(np.sqrt(LARGEST / fraction)))
        return replace(self.settings, max_epochs=round(self.settings.max_epochs * more))


def training_size(sample: Sample, trainer: Trainer, *, grid: TrainingGrid, seed: int) -> dict[str, Any]:
    """Train on every fraction of every repeat, and score on the repeat's test rows.

    Parameters
    ----------
    trainer : Trainer
        If it keeps networks, an interrupted run goes on where it was.

    Returns
    -------
    dict
        ``published``; ``measured`` with, for each set and quantity, mean and standard deviation over the repeats of the
        MSE [dex^2] and of sigma_mad [dex], and the mean number of training rows; ``points`` with the values of each
        repeat.  None where a training set is too small to be learned from.
    """
    data = training_data(sample)
    n = len(grid.fractions), grid.n_repeats
    found = {
        (name, t): {key: np.full(n, np.nan) for key in (*SCORES, "n_train")} for name in SETS for t in PAPER_TARGETS
    }
    # what a network is scored on when it comes back; its job and split are let go by then
    waiting: dict[int, PreparedSplit] = {}
    total = n[0] * n[1] * len(SETS) * len(PAPER_TARGETS)
    with progress(total=total, title="figure 13: networks") as bar:
        for number, network in trainer.train_each(_jobs(sample, data, grid, seed, waiting)):
            prepared = waiting.pop(number)
            target = str(network.tags["target"])
            difference = prepared.predict(network) - data.labels[prepared.test, PAPER_TARGETS.index(target)]
            cell, at = found[network.tags["set"], target], (network.tags["fraction"], network.tags["repeat"])
            cell["mse"][at], cell["sigma_mad"][at] = np.mean(difference**2), sigma_mad(difference)
            cell["n_train"][at] = len(prepared.train) + len(prepared.validation)
            bar.update()
    rng = np.random.default_rng([seed, 3])  # the same guesses as those of the whole run
    guesses = {TARGET_WORDS[t]: random_baseline_mse(data.labels[:, k], rng) for k, t in enumerate(PAPER_TARGETS)}
    return {
        "published": PUBLISHED,
        "measured": {
            "n_repeats": grid.n_repeats,
            "n_galaxies": len(np.unique(sample.rows.galaxy_id)),
            "fractions": list(grid.fractions),
            "random_mse": {word: json_number(mse) for word, mse in guesses.items()},
            **{name: {TARGET_WORDS[t]: _summary(found[name, t]) for t in PAPER_TARGETS} for name in SETS},
        },
        "points": {
            name: {
                TARGET_WORDS[t]: {key: [json_numbers(row) for row in found[name, t][key]] for key in SCORES}
                for t in PAPER_TARGETS
            }
            for name in SETS
        },
    }


def _jobs(
    sample: Sample, data: TrainingData, grid: TrainingGrid, seed: int, waiting: dict[int, PreparedSplit]
) -> Iterator[TrainingJob]:
    """Repeat after repeat, so that what an interrupted run has done are whole repeats; the largest sets first."""
    kinds = row_morphology(sample)
    number = 0
    for repeat in range(grid.n_repeats):
        for s, (name, kind) in enumerate(SETS.items()):
            rng = np.random.default_rng([seed, 13, s, repeat])
            split = make_splits(sample, kind=kind, rng=rng)[0]
            order = thinning_order(
                split, galaxy_id=sample.rows.galaxy_id, kinds=kinds, by_galaxy=kind == "by-galaxy", rng=rng
            )
            for f in reversed(range(len(grid.fractions))):
                fraction = grid.fractions[f]
                try:
                    prepared = prepare_split(data, thin_split(split, order, fraction / LARGEST))
                except AgezError:  # so few rows that nothing can be learned: the cell stays empty
                    continue
                for target in PAPER_TARGETS:
                    waiting[number] = prepared
                    yield prepared.job(
                        target,
                        architecture=PAPER_ARCHITECTURES[target],
                        settings=grid.settings_at(fraction),
                        seed=int(rng.integers(2**32)),
                        tags={"set": name, "fraction": f, "repeat": repeat},
                    )
                    number += 1


def _summary(cell: Mapping[str, Floats]) -> dict[str, list[float | None]]:
    """Mean and standard deviation over the repeats that have a value; None where none, or one, has."""
    out = {"n_train": [_over_repeats(row, np.mean, 1) for row in cell["n_train"]]}
    for key in SCORES:
        out[f"{key}_mean"] = [_over_repeats(row, np.mean, 1) for row in cell[key]]
        out[f"{key}_std"] = [_over_repeats(row, partial(np.std, ddof=1), 2) for row in cell[key]]
    return out


def _over_repeats(row: Floats, statistic: Callable[[Floats], Any], at_least: int) -> float | None:
    there = row[np.isfinite(row)]
    return float(statistic(there)) if len(there) >= at_least else None


def claims(block: Mapping[str, Any]) -> list[Claim]:
    """What section 4.5 says of sigma_mad of the age."""
    measured, points = block["measured"], block["points"]

    def scatter(name: str, fraction: int) -> Floats:
        return np.array(points[name]["age"]["sigma_mad"][fraction], float)

    # the fractions of which every repeat could be trained
    enough = measured["n_galaxies"] >= MIN_GALAXIES
    whole = [f for f in range(len(measured["fractions"])) if all(np.isfinite(scatter(name, f)).all() for name in SETS)]
    if len(whole) < 2 or not enough:
        why = f"{measured['n_galaxies']} galaxies are too few for any decision"
        why = "fewer than two sizes could be trained in all repeats" if enough else why
        return [judged("growing_accuracy", None, how=why)]
    first, last = whole[0], whole[-1]
    small, large = (f"{measured['fractions'][f]:.0%}" for f in (first, last))
    mse = measured["random_mse"]["age"]  # of random guesses, the red line of figure 13
    random = None if mse is None else float(np.sqrt(mse))
    a, b = ({f: scatter(name, f) for f in (first, last)} for name in SETS)
    over_random = {} if random is None else {
        f"{set_title(name)}, {word}": random - found[f]
        for name, found in zip(SETS, (a, b), strict=True)
        for f, word in ((first, small), (last, large))
    }  # fmt: skip
    sizes = {"small": small, "large": large, "repeats": len(b[first])}
    return [
        _positive("better_than_random", over_random, random="unknown" if random is None else f"{random:.3f}"),
        _positive("worse_with_less", {"Set B": b[first] - b[last]}, **sizes),
        _less_certain(b[first], b[last], sizes),
        _about_one_sigma(a[first], a[last], sizes),
        _positive("known_with_less", {"age": b[last] - a[first]}, **sizes),
    ]


def _less_certain(smallest: Floats, largest: Floats, sizes: Mapping[str, Any]) -> Claim:
    """An F test of the two variances over the repeats, 95 %, one-sided."""
    n, decision = len(smallest), None
    told = "fewer than three repeats"
    if n >= MIN_REPEATS:
        ratio = float(np.var(smallest, ddof=1) / np.var(largest, ddof=1))
        told = f"standard deviation {np.std(smallest, ddof=1):.3f} against {np.std(largest, ddof=1):.3f} dex"
        limit = float(fdtri(n - 1, n - 1, COVERAGE))
        decision = True if ratio > limit else False if ratio < 1 / limit else None
    return judged("less_certain", decision, told, **sizes)


def _about_one_sigma(smallest: Floats, largest: Floats, sizes: Mapping[str, Any]) -> Claim:
    """The paper's own measure: the change against the scatter of single repeats."""
    decision, told = None, "fewer than three repeats"
    if len(smallest) >= MIN_REPEATS:
        change = float(np.mean(smallest) - np.mean(largest))
        sigma = float(np.hypot(np.std(smallest, ddof=1), np.std(largest, ddof=1)))
        told = f"{change:+.3f} dex, {change / sigma:.1f} sigma" if sigma > 0 else f"{change:+.3f} dex"
        decision = abs(change) < MOST_SIGMA * sigma
    return judged("about_one_sigma", decision, told, most_sigma=MOST_SIGMA, **sizes)


def _positive(key: str, differences: Mapping[str, Floats], **values: Any) -> Claim:
    """A claim that all ``differences`` (one value a repeat each) are positive."""
    decided, told = [], []
    for name, each in differences.items():
        over = mean_over_divisions(each, test_to_train=(1 - LARGEST) / LARGEST)
        decided.append(True if over.low > 0 else False if over.high < 0 else None)
        interval = "no error" if np.isnan(over.low) else f"{over.low:+.3f} to {over.high:+.3f}"
        told.append(f"{name} {over.mean:+.3f} ({interval})")
    return judged(key, decided, told, **{"repeats": len(next(iter(differences.values()), ())), **values})
