"""What the abstract and sections 3.2 to 4.3 and 5 say of Set A and Set B (figures 4, 6, 8), judged by a summary.

Each sentence of the paper that says what was found is a claim (``data/claims.toml``), with its section and the
published number.  The limits are ours; they are the constants below.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import stdtrit

from agez.experiments.claims import MIN_GALAXIES, Claim
from agez.experiments.decisions import (
    SIGNIFICANT,
    Decision,
    above,
    below,
    correlation_interval,
    error_of_median,
    error_of_scatter,
    interval_above,
    interval_below,
    judged,
    log_interval,
    meets,
    ratio_of_scatters,
    with_interval,
)
from agez.experiments.paper import FACTORS_OF_SECTION_5, ROUNDING, SET_B_AGE, SETS, TABLE_1, set_title
from agez.experiments.set_details import METAL_POOR

#: Squared error over that of random guesses below which a quantity is recovered.  Random guesses have twice the
#: labels' variance: a quarter of their error is half of the variance explained.
RECOVERED = 0.25
#: Largest bias, in sigma_mad, of what is recovered; a bias that is certainly nearer to zero than the second is none.
SMALL_BIAS, NO_BIAS = 0.5, 0.25
#: Part of the way from random guesses to the last training error that is gone "quickly", in a tenth of the epochs.
QUICKLY = 0.9
#: Spectra are rare below this share.
RARE = 0.1
#: A group of galaxies, such as the early types, is judged from so many on.
MIN_IN_GROUP = 10
#: Set B's sigma_mad over Set A's from which the effect is called dramatic.
DRAMATIC = 2.0
#: A weak correlation is below this (a large effect: Cohen 1988).
WEAK = 0.5
#: Scatter and errors are comparable within this factor.
COMPARABLE = 2.0
#: Correlations count as the same, or as no worse, if they certainly differ by less than this.
SAME_PCC = 0.25
WORDS = ("age", "metallicity")

Summary = Mapping[str, Any]
#: A scatter and its number of galaxies, by quantity.
Scores = Mapping[str, tuple[float | None, int]]


def claims(summary: Summary) -> list[Claim]:
    """Judge the claims of figures 4, 6 and 8; those of a set that was not run are left out.

    Parameters
    ----------
    summary : mapping
        To the contract of ``summary.json``: ``sample``, ``set_a``, ``set_b``, ``random_baseline``, ``paper`` and
        ``set_details``.
    """
    known, found = run_sets(summary), list[Claim]()
    if "set_a" in known:
        found += [_recovered(summary), _scatter_a(summary), *_beside_errors(summary)]
        found += [_weak_anticorrelation(summary), _no_worse_than_the_fit(summary)]
    if "set_b" in known:
        found += [_scatter_b(summary), _low_ages(summary), _metal_poor(summary), _rare(summary)]
        found += [_early_better(summary), _less_in_early_types(summary, "wider", "labels"), _alike(summary)]
    if len(known) == 2:
        found += [_quickly(summary), *_gaps(summary), *_ratios(summary), _same_pcc(summary)]
    return found


def run_sets(summary: Summary) -> set[str]:
    """Which of Set A and Set B were run."""
    return {name for name in SETS if isinstance(summary.get(name), Mapping) and summary[name]}


# ---- figure 4: training


def _quickly(summary: Summary) -> Claim:
    start = summary["random_baseline"]["age"]["mse"]
    told, decisions = [], list[Decision]()
    for name in SETS:
        found = details(summary, name)["learning"]
        pairs = [
            (early, last) for early, last in zip(found["early_mse"], found["last_mse"], strict=True) if early and last
        ]
        if start is None or not pairs or n_galaxies(summary) < MIN_GALAXIES:
            decisions.append(None)
            continue
        gone = min((start - early) / (start - last) for early, last in pairs)
        decisions.append(gone >= QUICKLY)
        told.append(f"{set_title(name)} {gone:.1%}")
    return judged("quickly", decisions, told, quickly=QUICKLY)


def _gaps(summary: Summary) -> list[Claim]:
    """Of the validation error over the training error: above 1 in both sets, and smaller in Set A."""
    a, b = (_log_gap(summary, name) for name in SETS)
    told = f"Set A {_times(a)}; Set B {_times(b)}"
    above_one = [None if gap is None else _sign(*gap) for gap in (a, b)]
    smaller = None if a is None or b is None else _sign(b[0] - a[0], math.hypot(a[1], b[1]), min(a[2], b[2]))
    return [judged("validation", above_one, told), judged("small_gap", smaller, told)]


def _sign(value: float, error: float, n: int) -> Decision:
    """Whether a mean over ``n`` folds is above zero, at 95 % by Student's t."""
    return value > 0 if abs(value) > float(stdtrit(n - 1, 0.975)) * error else None


def _log_gap(summary: Summary, name: str) -> tuple[float, float, int] | None:
    """Mean of ln(validation / training MSE) over the folds, its error and the folds; None with fewer than two."""
    found = details(summary, name)["learning"]
    pairs = zip(found["train_mse"], found["validation_mse"], strict=True)
    logs = [math.log(validation / train) for train, validation in pairs if train and validation]
    if len(logs) < 2 or n_galaxies(summary) < MIN_GALAXIES:
        return None
    return float(np.mean(logs)), float(np.std(logs, ddof=1) / math.sqrt(len(logs))), len(logs)


def _times(gap: tuple[float, float, int] | None) -> str:
    return "unknown" if gap is None else f"{math.exp(gap[0]):.2f} +- {math.exp(gap[0]) * gap[1]:.2f}"


# ---- figures 6 and 8: values


def _recovered(summary: Summary) -> Claim:
    n, decisions, told = n_galaxies(summary), list[Decision](), []
    for word in WORDS:
        scores = summary["set_a"][word]
        guess = summary["random_baseline"][word]["mse"]
        sigma, bias, rmse = scores["sigma_mad"], scores["bias"], scores["rmse"]
        if n < MIN_GALAXIES or None in (sigma, bias, rmse, guess) or not sigma > 0 or not guess > 0:
            decisions.append(None)
            told.append(f"{word} unknown" if None in (sigma, bias, rmse, guess) else f"{word} bias {bias:+.3f}")
            continue
        part = rmse**2 / guess
        decisions += [part < RECOVERED, below(abs(bias), SMALL_BIAS * sigma, error_of_median(sigma, n))]
        told.append(f"{word} bias {bias:+.3f} dex of a scatter of {sigma:.3f}, squared error {part:.1%} of random")
    return judged("recovered", decisions, told, n=n, recovered=RECOVERED, small_bias=SMALL_BIAS)


def _scatter_a(summary: Summary) -> Claim:
    n = n_galaxies(summary)
    scores = {word: (summary["set_a"][word]["sigma_mad"], n) for word in WORDS}
    return small_scatter("scatter_a", scores, {w: summary["paper"]["set_a"][w]["sigma_mad"] for w in WORDS}, n, "dex")


def small_scatter(key: str, scores: Scores, paper: Mapping[str, float], n_galaxies: int, unit: str) -> Claim:
    """A scatter that rounds to the published one, or is smaller."""
    decisions, told = list[Decision](), []
    for word, (value, n) in scores.items():
        if value is None or n < MIN_GALAXIES:
            decisions.append(None)
            told.append(f"{word} {'unknown' if value is None else f'{value:.3f}'}")
            continue
        error, highest = error_of_scatter(value, n), paper[word] + ROUNDING
        decisions.append(True if value <= highest else below(value, highest, error))
        told.append(f"{word} {value:.3f} +- {error:.3f} {unit}")
    return judged(key, decisions, told, n=n_galaxies)


def _scatter_b(summary: Summary) -> Claim:
    low, high = SET_B_AGE
    metallicity = summary["paper"]["set_b"]["metallicity"]["sigma_mad"]
    ranges = {"age": (low - ROUNDING, high + ROUNDING), "metallicity": (metallicity - ROUNDING, metallicity + ROUNDING)}
    scores = {word: (summary["set_b"][word]["sigma_mad"], n_galaxies(summary)) for word in WORDS}
    return scatter_as_published("scatter_b", scores, ranges, "dex")


def scatter_as_published(key: str, scores: Scores, ranges: Mapping[str, tuple[float, float]], unit: str) -> Claim:
    """A scatter that is the published one, within its error."""
    decisions, told = list[Decision](), []
    for word, (value, n) in scores.items():
        if value is None or n < MIN_GALAXIES:
            decisions.append(None)
            told.append(f"{word} unknown" if value is None else f"{word} {value:.3f} {unit}")
            continue
        error = error_of_scatter(value, n)
        decisions.append(meets(value - SIGNIFICANT * error, value + SIGNIFICANT * error, *ranges[word]))
        told.append(f"{word} {value:.3f} +- {error:.3f} {unit}")
    return judged(key, decisions, told, n=min(n for _, n in scores.values()))


def _beside_errors(summary: Summary) -> list[Claim]:
    """Set A's scatter beside the errors of the labels: the same within a factor, and below them."""
    n, comparable, smaller = n_galaxies(summary), list[Decision](), list[Decision]()
    told_comparable, told_smaller = [], []
    for word in WORDS:
        value, err = summary["set_a"][word]["sigma_mad"], details(summary, "labels")["err"][word]
        ratio = ratio_of_scatters(err, value, n)
        if ratio is None:
            comparable.append(None)
        else:
            low, high = log_interval(*ratio)
            within = low >= 1 / COMPARABLE and high <= COMPARABLE
            comparable.append(True if within else False if high < 1 / COMPARABLE or low > COMPARABLE else None)
            told_comparable.append(f"{word} {value:.3f} dex of errors of {err:.3f}")
        if value is None or err is None or n < MIN_GALAXIES:
            smaller.append(None)
        else:
            smaller.append(below(value, err, error_of_scatter(value, n)))
            told_smaller.append(f"{word} {value:.3f} dex, errors {err:.3f}")
    return [judged("comparable", comparable, told_comparable, n=n, comparable=COMPARABLE),
            judged("below_errors", smaller, told_smaller, n=n)]  # fmt: skip


def _weak_anticorrelation(summary: Summary) -> Claim:
    n, value = n_galaxies(summary), summary["set_a"]["residual_pcc"]
    interval = correlation_interval(value, n)
    decisions: list[Decision] = []
    if interval is not None:
        decisions.append(True if interval[1] < 0 else False if interval[0] > 0 else None)
        decisions.append(True if interval[0] > -WEAK else False if interval[1] < -WEAK else None)
    paper = summary["paper"]["set_a"]["residual_pcc"]
    return judged("weak_anticorrelation", decisions, pcc_text(value, interval), n=n, paper=paper, weak=WEAK)


def _same_pcc(summary: Summary) -> Claim:
    n = n_galaxies(summary)
    a, b = (summary[name]["residual_pcc"] for name in SETS)
    decision: Decision = None
    told = f"Set A {pcc_text(a, correlation_interval(a, n))}; Set B {pcc_text(b, correlation_interval(b, n))}"
    if None not in (a, b) and n >= MIN_GALAXIES and max(abs(a), abs(b)) < 1:
        difference, error = abs(math.atanh(a) - math.atanh(b)), math.sqrt(2 / (n - 3))
        apart = difference > SIGNIFICANT * error
        decision = False if apart else True if SIGNIFICANT * error < SAME_PCC else None
    paper = summary["paper"]["set_b"]["residual_pcc"]
    return judged("same_pcc", decision, told, n=n, paper=paper, same_pcc=SAME_PCC)


def _no_worse_than_the_fit(summary: Summary) -> Claim:
    found = details(summary, "set_a")["truth_pcc"]
    decision = None if n_galaxies(summary) < MIN_GALAXIES else interval_above(found["minus_labels"], -SAME_PCC)
    label = details(summary, "labels")["truth_pcc"]
    told = "no truth is known" if found["value"] is None or label is None else (
        f"correlation of the errors against truth: Set A {found['value']:+.2f}, fit {label:+.2f}")  # fmt: skip
    difference = with_interval(found["minus_labels"], "{:+.2f}")
    return judged("no_worse_than_the_fit", decision, told, difference=difference, same_pcc=SAME_PCC)


def _ratios(summary: Summary) -> list[Claim]:
    """Of sigma_mad of Set B over that of Set A: above 1, above ``DRAMATIC``, and as large as section 5 says."""
    n, told, published = n_galaxies(summary), [], []
    decisions: dict[str, list[Decision]] = {"worse": [], "dramatic": [], "factors": []}
    for word in WORDS:
        a, b = (summary[name][word]["sigma_mad"] for name in SETS)
        # the published numbers themselves give less than the sentence does
        paper = summary["paper"]["set_b"][word]["sigma_mad"] / summary["paper"]["set_a"][word]["sigma_mad"]
        published.append(f"{word} {FACTORS_OF_SECTION_5[word]:g} (section 5), {paper:.1f} (figures 6 and 8)")
        found = ratio_of_scatters(a, b, n)
        if found is None:
            for of_claim in decisions.values():
                of_claim.append(None)
            continue
        ratio, error = found
        decisions["worse"].append(above(math.log(ratio), 0.0, error))
        decisions["dramatic"].append(above(math.log(ratio / DRAMATIC), 0.0, error))
        decisions["factors"].append(meets(*log_interval(ratio, error), paper, FACTORS_OF_SECTION_5[word]))
        told.append(f"{word} {ratio:.2f} ({to_text(log_interval(ratio, error))})")
    return [judged(key, of_claim, told, n=n, published="; ".join(published), dramatic=DRAMATIC)
            for key, of_claim in decisions.items()]  # fmt: skip


def _low_ages(summary: Summary) -> Claim:
    n, scores = n_galaxies(summary), summary["set_b"]["age"]
    bias, sigma = scores["bias"], scores["sigma_mad"]
    decision: Decision = None
    told = "unknown"
    if None not in (bias, sigma) and n >= MIN_GALAXIES and sigma > 0:
        error = error_of_median(sigma, n)
        told = f"{bias:+.3f} +- {error:.3f} dex of a scatter of {sigma:.3f}"
        decision = (
            True if bias < -SIGNIFICANT * error else False if bias - SIGNIFICANT * error > -NO_BIAS * sigma else None
        )
    return judged("low_ages", decision, told, n=n, no_bias=NO_BIAS)


def _metal_poor(summary: Summary) -> Claim:
    found = details(summary, "set_b")["metal_poor"]
    ratio = found["rms_ratio"]
    enough = n_galaxies(summary) >= MIN_GALAXIES and found["n_galaxies"] >= MIN_IN_GROUP
    told = f"{with_interval(ratio)}; {found['n_spectra']} spectra of {found['n_galaxies']} galaxies below"
    decision = interval_above(ratio, 1.0) if enough else None
    return judged("metal_poor", decision, told, metal_poor=METAL_POOR, least=MIN_IN_GROUP)


def _rare(summary: Summary) -> Claim:
    share = details(summary, "labels")["metal_poor_share"]
    told = "unknown" if share is None else f"{share:.1%}"
    decision = None if share is None or n_galaxies(summary) < MIN_GALAXIES else share < RARE
    return judged("rare", decision, told, metal_poor=METAL_POOR, rare=RARE)


def _less_in_early_types(summary: Summary, key: str, which: str, published: str = "") -> Claim:
    """That early types scatter less than late ones in both quantities; undecided with few of a type."""
    found, decisions, told = details(summary, which)["by_morphology"], list[Decision](), []
    for word in WORDS:
        ratio, fewest = found[word]["early_over_late"], min(found[word]["n_galaxies"].values())
        enough = n_galaxies(summary) >= MIN_GALAXIES and fewest >= MIN_IN_GROUP
        decisions.append(interval_below(ratio, 1.0) if enough else None)
        told.append(f"{word} {with_interval(ratio)}")
    return judged(key, decisions, told, published=published)


def _early_better(summary: Summary) -> Claim:
    published = "; ".join(f"{w} {TABLE_1[w]['early-early'] / TABLE_1[w]['late-late']:.2f}" for w in WORDS)
    published += " (table 1, trained on the same type)"
    return _less_in_early_types(summary, "early_better", "set_b", published)


def _alike(summary: Summary) -> Claim:
    found = details(summary, "set_b")["alike"]
    enough = n_galaxies(summary) >= MIN_GALAXIES
    decisions = [interval_above(found[word], 0.0) if enough else None for word in WORDS]
    return judged("alike", decisions, [f"{word} {with_interval(found[word])}" for word in WORDS])


def n_galaxies(summary: Summary) -> int:
    """Galaxies of the sample."""
    return int(summary["sample"]["n_galaxies"])


def details(summary: Summary, name: str) -> Mapping[str, Any]:
    """Further numbers of a set, or of the labels."""
    found: Mapping[str, Any] = summary["set_details"][name]
    return found


def pcc_text(value: float | None, interval: Sequence[float] | None) -> str:
    """A correlation with its interval."""
    if value is None:
        return "unknown"
    return f"{value:+.2f}" if interval is None else f"{value:+.2f} ({interval[0]:+.2f} to {interval[1]:+.2f})"


def to_text(interval: tuple[float, float]) -> str:
    """``1.09 to 1.75``."""
    return f"{interval[0]:.2f} to {interval[1]:.2f}"
