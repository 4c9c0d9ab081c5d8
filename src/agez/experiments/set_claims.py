"""What the abstract and sections 3.2 to 4.3 and 5 say of Set A and Set B (figures 4, 6, 8), judged by a summary.

Each sentence of the paper that says what was found is a claim, with its section and the published number.  The limits
are ours; they are the constants below.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import stdtrit

from agez.experiments.claims import MIN_GALAXIES, Claim, all_of, verdict_of
from agez.experiments.decisions import (
    SIGNIFICANT,
    Decision,
    above,
    below,
    correlation_interval,
    error_of_median,
    error_of_scatter,
    few,
    interval_above,
    interval_below,
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
        found += [_recovered(summary), _scatter_a(summary), _comparable(summary), _below_errors(summary)]
        found += [_weak_anticorrelation(summary), _no_worse_than_the_fit(summary)]
    if "set_b" in known:
        found += [_scatter_b(summary), _low_ages(summary), _metal_poor(summary), _rare(summary)]
        found += [_early_better(summary), _wider(summary), _alike(summary)]
    if len(known) == 2:
        found += [
            _quickly(summary),
            _validation(summary),
            _small_gap(summary),
            _worse(summary),
            _dramatic(summary),
            _factors(summary),
        ]
        found.append(_same_pcc(summary))
    return found


def run_sets(summary: Summary) -> set[str]:
    """Which of Set A and Set B were run."""
    return {name for name in SETS if isinstance(summary.get(name), Mapping) and summary[name]}


# ---- figure 4: training


def _quickly(summary: Summary) -> Claim:
    start = summary["random_baseline"]["age"]["mse"]
    told, decisions = [], list[Decision]()
    for name in ("set_a", "set_b"):
        found = details(summary, name)["learning"]
        pairs = [
            (early, last) for early, last in zip(found["early_mse"], found["last_mse"], strict=True) if early and last
        ]
        if start is None or not pairs or n_galaxies(summary) < MIN_GALAXIES:
            decisions.append(None)
            continue
        gone = [(start - early) / (start - last) for early, last in pairs]
        decisions.append(min(gone) >= QUICKLY)
        told.append(f"{set_title(name)} {min(gone):.1%}")
    text = "The training error converges quickly, in both sets"
    how = (
        "Of the fall from random guesses to the last epoch's training error of the age networks, gone after a tenth of "
    )
    how += f"the epochs (the slowest fold): {'; '.join(told) or 'not known'}. Needed: {QUICKLY:.0%}"
    return Claim("figure 4", text, verdict_of(all_of(decisions)), how, "3.2", measured="; ".join(told))


def _validation(summary: Summary) -> Claim:
    decisions, told = [], []
    for name in ("set_a", "set_b"):
        gap = _log_gap(summary, name)
        decisions.append(None if gap is None else _sign(*gap))
        told.append(f"{set_title(name)} {_times(gap)}")
    text = "Networks for the age come nearer to their training spectra than to validation spectra, in both sets"
    how = f"Validation MSE over training MSE at the kept epoch, mean of the folds +- its error: {'; '.join(told)}. "
    return Claim("figure 4", text, verdict_of(all_of(decisions)), how + "Needed: certainly above 1", "3.2",
                 measured="; ".join(told))  # fmt: skip


def _small_gap(summary: Summary) -> Claim:
    a, b = (_log_gap(summary, name) for name in ("set_a", "set_b"))
    decision = None if a is None or b is None else _sign(b[0] - a[0], math.hypot(a[1], b[1]), min(a[2], b[2]))
    told = f"Set A {_times(a)}; Set B {_times(b)}"
    how = f"Validation MSE over training MSE of the age networks: {told}. Needed: certainly smaller than in Set B"
    text = "The difference between the training and the validation error is small in Set A"
    return Claim("figure 4", text, verdict_of(decision), how, "3.2", measured=told)


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
    n = n_galaxies(summary)
    decisions: list[Decision] = []
    told = []
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
    how = f"{'; '.join(told)}. Needed: squared error below {RECOVERED:.0%} of that of random guesses (half of the "
    how += f"variance explained), |bias| certainly below {SMALL_BIAS:g} sigma_mad{few(n)}"
    claim = "Age and metallicity are recovered consistently from each SED of known galaxies (Set A)"
    return Claim("figure 6", claim, verdict_of(all_of(decisions)), how, "abstract, 4.1", measured="; ".join(told))


def _scatter_a(summary: Summary) -> Claim:
    text = "Set A's robust scatter about the labels is 0.03 dex in age and in metallicity"
    return small_scatter(summary, "figure 6", text, "4.1, 5", "0.03 dex in both", lambda word: (
        summary["set_a"][word]["sigma_mad"], summary["paper"]["set_a"][word]["sigma_mad"], n_galaxies(summary)
    ), "dex")  # fmt: skip


def small_scatter(
    summary: Summary, figure: str, text: str, section: str, published: str,
    numbers: Callable[[str], tuple[float | None, float, int]], unit: str,
) -> Claim:  # fmt: skip
    """A scatter that rounds to the published one, or is smaller."""
    decisions: list[Decision] = []
    told = []
    for word in WORDS:
        value, paper, n = numbers(word)
        if value is None or n < MIN_GALAXIES:
            decisions.append(None)
            told.append(f"{word} {'unknown' if value is None else f'{value:.3f}'}")
            continue
        error, highest = error_of_scatter(value, n), paper + ROUNDING
        decisions.append(True if value <= highest else below(value, highest, error))
        told.append(f"{word} {value:.3f} +- {error:.3f} {unit}")
    how = f"sigma_mad: {'; '.join(told)}. Needed: a value that rounds to the published one or less; 'cannot tell' "
    how += f"within {SIGNIFICANT:g} errors above it{few(n_galaxies(summary))}"
    return Claim(figure, text, verdict_of(all_of(decisions)), how, section, published, "; ".join(told))


def _scatter_b(summary: Summary) -> Claim:
    text = "Set B's robust scatter about the labels is 0.14 to 0.16 dex in age and 0.16 dex in metallicity"
    low, high = SET_B_AGE
    metallicity = summary["paper"]["set_b"]["metallicity"]["sigma_mad"]
    ranges = {"age": (low - ROUNDING, high + ROUNDING), "metallicity": (metallicity - ROUNDING, metallicity + ROUNDING)}
    published = "age 0.16 dex (section 4.3), 0.14 (figure 8, table 1); metallicity 0.16 dex"
    scores = {word: (summary["set_b"][word]["sigma_mad"], n_galaxies(summary)) for word in WORDS}
    return scatter_as_published("figure 8", text, "4.3", published, scores, ranges, "dex")


def scatter_as_published(
    figure: str, text: str, section: str, published: str, scores: Mapping[str, tuple[float | None, int]],
    ranges: Mapping[str, tuple[float, float]], unit: str,
) -> Claim:  # fmt: skip
    """A scatter that is the published one, within its error."""
    decisions: list[Decision] = []
    told, fewest = [], min(n for _, n in scores.values())
    for word, (value, n) in scores.items():
        if value is None or n < MIN_GALAXIES:
            decisions.append(None)
            told.append(f"{word} unknown" if value is None else f"{word} {value:.3f} {unit}")
            continue
        error = error_of_scatter(value, n)
        decisions.append(meets(value - SIGNIFICANT * error, value + SIGNIFICANT * error, *ranges[word]))
        told.append(f"{word} {value:.3f} +- {error:.3f} {unit}")
    how = f"sigma_mad: {'; '.join(told)}. Needed: within {SIGNIFICANT:g} errors of what is published{few(fewest)}"
    return Claim(figure, text, verdict_of(all_of(decisions)), how, section, published, "; ".join(told))


def _comparable(summary: Summary) -> Claim:
    n, decisions, told = n_galaxies(summary), list[Decision](), []
    for word in WORDS:
        value, err = summary["set_a"][word]["sigma_mad"], details(summary, "labels")["err"][word]
        ratio = ratio_of_scatters(err, value, n)
        if ratio is None:
            decisions.append(None)
            continue
        low, high = log_interval(*ratio)
        within = low >= 1 / COMPARABLE and high <= COMPARABLE
        decisions.append(True if within else False if high < 1 / COMPARABLE or low > COMPARABLE else None)
        told.append(f"{word} {value:.3f} dex of errors of {err:.3f}")
    how = f"{'; '.join(told) or 'not known'}. Needed: certainly the same within a factor of {COMPARABLE:g}{few(n)}"
    text = "The scatter of Set A is comparable to the errors of the spectral fit itself"
    return Claim("figure 6", text, verdict_of(all_of(decisions)), how, "4.1", measured="; ".join(told))


def _below_errors(summary: Summary) -> Claim:
    """Section 4.1 says this beside "comparable": of the errors that are reported elsewhere."""
    n, decisions, told = n_galaxies(summary), list[Decision](), []
    for word in WORDS:
        value, err = summary["set_a"][word]["sigma_mad"], details(summary, "labels")["err"][word]
        if value is None or err is None or n < MIN_GALAXIES:
            decisions.append(None)
            continue
        decisions.append(below(value, err, error_of_scatter(value, n)))
        told.append(f"{word} {value:.3f} dex, errors {err:.3f}")
    how = f"{'; '.join(told) or 'not known'} (median over spectra). Needed: certainly below{few(n)}"
    text = "The scatter of Set A is smaller than the statistical errors of spectral fits"
    return Claim("figure 6", text, verdict_of(all_of(decisions)), how, "4.1", measured="; ".join(told))


def _weak_anticorrelation(summary: Summary) -> Claim:
    n, value = n_galaxies(summary), summary["set_a"]["residual_pcc"]
    interval = correlation_interval(value, n)
    decision: Decision = None
    if interval is not None:
        negative = True if interval[1] < 0 else False if interval[0] > 0 else None
        weak = True if interval[0] > -WEAK else False if interval[1] < -WEAK else None
        decision = all_of([negative, weak])
    paper = summary["paper"]["set_a"]["residual_pcc"]
    how = f"Pearson's correlation {pcc_text(value, interval)} for {n} galaxies (published {paper:+.2f}). Needed: "
    how += f"certainly below zero, and certainly above {-WEAK:g}{few(n)}"
    text = "Errors in age and metallicity are weakly anticorrelated (Set A)"
    return Claim("figure 6", text, verdict_of(decision), how, "4.1", f"r = {paper:+.2f}", pcc_text(value, interval))


def _same_pcc(summary: Summary) -> Claim:
    n = n_galaxies(summary)
    a, b = (summary[name]["residual_pcc"] for name in ("set_a", "set_b"))
    decision: Decision = None
    told = f"Set A {pcc_text(a, correlation_interval(a, n))}; Set B {pcc_text(b, correlation_interval(b, n))}"
    if None not in (a, b) and n >= MIN_GALAXIES and max(abs(a), abs(b)) < 1:
        difference, error = abs(math.atanh(a) - math.atanh(b)), math.sqrt(2 / (n - 3))
        apart = difference > SIGNIFICANT * error
        decision = False if apart else True if SIGNIFICANT * error < SAME_PCC else None
    paper = summary["paper"]["set_b"]["residual_pcc"]
    text = "The correlation of the errors in age and metallicity is the same in Set B as in Set A"
    how = f"Pearson's correlation: {told}. Needed: no difference (of Fisher's z), where one of {SAME_PCC:g} would be "
    how += "certain"
    return Claim("figure 8", text, verdict_of(decision), f"{how}{few(n)}", "4.3", f"r = {paper:+.2f} in both", told)


def _no_worse_than_the_fit(summary: Summary) -> Claim:
    found = details(summary, "set_a")["truth_pcc"]
    decision = None if n_galaxies(summary) < MIN_GALAXIES else interval_above(found["minus_labels"], -SAME_PCC)
    label = details(summary, "labels")["truth_pcc"]
    told = "no truth is known" if found["value"] is None or label is None else (
        f"correlation of the errors against truth: Set A {found['value']:+.2f}, fit {label:+.2f}")  # fmt: skip
    how = f"{told}; difference {with_interval(found['minus_labels'], '{:+.2f}')}. Needed: certainly above {-SAME_PCC:g}"
    text = "Networks are no more affected by the age-metallicity degeneracy than the spectral fit (Set A)"
    return Claim("figure 6", text, verdict_of(decision), how, "4.1", measured=told)


def _worse(summary: Summary) -> Claim:
    text = "Unseen galaxies (Set B) are recovered worse than known ones (Set A)"
    return _ratios(summary, "figure 8", text, "4.3, 5", lambda ratio, error, _: above(math.log(ratio), 0.0, error),
                   "certainly above 1")  # fmt: skip


def _dramatic(summary: Summary) -> Claim:
    text = "The diversity of the training data has a dramatic effect on the recovery"
    return _ratios(
        summary, "figure 8", text, "abstract", lambda ratio, error, _: above(math.log(ratio / DRAMATIC), 0.0, error),
        f"certainly above {DRAMATIC:g}",
    )  # fmt: skip


def _factors(summary: Summary) -> Claim:
    text = "Set B is worse than Set A by factors of about 7 (age) and 8 (metallicity)"

    def decide(ratio: float, error: float, word: str) -> Decision:
        # the published numbers themselves give less than the sentence does
        lowest = summary["paper"]["set_b"][word]["sigma_mad"] / summary["paper"]["set_a"][word]["sigma_mad"]
        return meets(*log_interval(ratio, error), lowest, FACTORS_OF_SECTION_5[word])

    return _ratios(summary, "figure 8", text, "5", decide, "an interval that meets what is published")


def _ratios(
    summary: Summary, figure: str, text: str, section: str, decide: Callable[[float, float, str], Decision], needed: str
) -> Claim:
    """A claim on sigma_mad of Set B over that of Set A."""
    n = n_galaxies(summary)
    decisions, told, published = list[Decision](), [], []
    for word in WORDS:
        a, b = (summary[name][word]["sigma_mad"] for name in ("set_a", "set_b"))
        paper = summary["paper"]["set_b"][word]["sigma_mad"] / summary["paper"]["set_a"][word]["sigma_mad"]
        published.append(f"{word} {FACTORS_OF_SECTION_5[word]:g} (section 5), {paper:.1f} (figures 6 and 8)")
        ratio = ratio_of_scatters(a, b, n)
        decisions.append(None if ratio is None else decide(*ratio, word))
        if ratio is not None:
            told.append(f"{word} {ratio[0]:.2f} ({to_text(log_interval(*ratio))})")
    how = f"sigma_mad of Set B over Set A: {'; '.join(told) or 'not known'}. Needed: {needed}{few(n)}"
    return Claim(figure, text, verdict_of(all_of(decisions)), how, section, "; ".join(published), "; ".join(told))


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
    how = f"Bias of the age in Set B: {told}. Needed: certainly below zero; refuted where it is certainly less than "
    how += f"{NO_BIAS:g} of the scatter{few(n)}"
    return Claim("figure 8", "Ages of unseen galaxies (Set B) are systematically too low", verdict_of(decision), how,
                 "4.3", measured=told)  # fmt: skip


def _metal_poor(summary: Summary) -> Claim:
    found = details(summary, "set_b")["metal_poor"]
    ratio = found["rms_ratio"]
    enough = n_galaxies(summary) >= MIN_GALAXIES and found["n_galaxies"] >= MIN_IN_GROUP
    decision = interval_above(ratio, 1.0) if enough else None
    told = f"{with_interval(ratio)}; {found['n_spectra']} spectra of {found['n_galaxies']} galaxies below"
    text = f"Metallicities of unseen galaxies become less accurate below [M/H] = {METAL_POOR:g} (Set B)"
    how = f"rms of the metallicity residuals below over that above (95 %): {told}. Needed: certainly above 1, "
    how += f"{MIN_IN_GROUP} galaxies with such spectra"
    return Claim("figure 8", text, verdict_of(decision), how, "4.3", measured=told)


def _rare(summary: Summary) -> Claim:
    share = details(summary, "labels")["metal_poor_share"]
    told = "unknown" if share is None else f"{share:.1%}"
    decision = None if share is None or n_galaxies(summary) < MIN_GALAXIES else share < RARE
    text = f"Spectra below [M/H] = {METAL_POOR:g} are rare in the training set"
    how = f"Their share by the labels: {told}. Needed: below {RARE:.0%}"
    return Claim("figure 8", text, verdict_of(decision), how, "4.3", measured=told)


def _less_in_early_types(summary: Summary, which: str) -> tuple[Decision, str]:
    """Whether early types scatter less than late ones in both quantities, and the ratios; None with few of a type."""
    found, decisions, told = details(summary, which)["by_morphology"], list[Decision](), []
    for word in WORDS:
        ratio, fewest = found[word]["early_over_late"], min(found[word]["n_galaxies"].values())
        enough = n_galaxies(summary) >= MIN_GALAXIES and fewest >= MIN_IN_GROUP
        decisions.append(interval_below(ratio, 1.0) if enough else None)
        told.append(f"{word} {with_interval(ratio)}")
    return all_of(decisions), "; ".join(told)


def _wider(summary: Summary) -> Claim:
    decision, told = _less_in_early_types(summary, "labels")
    text = "Late types have a wider range of stellar populations than early types"
    how = f"sigma_mad of the labels, early over late types (95 %): {told}. Needed: certainly below 1"
    return Claim("table 1", text, verdict_of(decision), how, "4.4, 5", measured=told)


def _early_better(summary: Summary) -> Claim:
    decision, told = _less_in_early_types(summary, "set_b")
    published = "; ".join(f"{w} {TABLE_1[w]['early-early'] / TABLE_1[w]['late-late']:.2f}" for w in WORDS)
    published += " (table 1, trained on the same type)"
    text = "Early types are recovered with smaller errors than late types in Set B"
    how = f"sigma_mad of early over late types (95 %): {told}. Needed: certainly below 1"
    return Claim("figure 8", text, verdict_of(decision), how, "5", published, told)


def _alike(summary: Summary) -> Claim:
    found = details(summary, "set_b")["alike"]
    enough = n_galaxies(summary) >= MIN_GALAXIES
    decisions = [interval_above(found[word], 0.0) if enough else None for word in WORDS]
    told = "; ".join(f"{word} {with_interval(found[word])}" for word in WORDS)
    text = "Stellar populations of one galaxy are more alike than those of different galaxies of equal age and [M/H]"
    how = f"Share of the variance of Set B's residuals that spectra of a galaxy have in common (95 %): {told}, "
    how += "what their calibration has in common included. "
    return Claim("figure 8", text, verdict_of(all_of(decisions)), how + "Needed: certainly above 0", "4.3, 4.5",
                 measured=told)  # fmt: skip


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
