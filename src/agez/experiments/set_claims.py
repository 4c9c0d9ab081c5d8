"""Claims of figures 4-9: what the paper says of Set A (known galaxies) and Set B (unseen ones), judged by a summary.

We do not have the paper's full text: the claims are those of its abstract, with the numbers of its figures.
Spectra of one galaxy are not independent, so the number of galaxies stands for the number of independent errors
everywhere; for Set A that is careful.  Standard errors are those of Gaussian errors: 1.167 sigma / sqrt(n) of a
sigma_mad and 1.253 sigma / sqrt(n) of a median (Maronna, Martin & Yohai 2006, Robust Statistics); a correlation has
Fisher's interval.  Everything is decided at two standard errors, and "cannot tell" is what lies between.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from agez.experiments.claims import MIN_GALAXIES, Claim, all_of, verdict_of
from agez.experiments.paper import set_title

#: Standard errors that a decision needs.
SIGNIFICANT = 2.0
#: Relative error of sigma_mad, and error of the median in sigma, times sqrt(n).
_OF_SIGMA_MAD, _OF_MEDIAN = 1.167, 1.253
#: Squared error over that of random guesses below which a quantity is recovered.  Random guesses have twice the
#: labels' variance: a quarter of their error is half of the variance explained.
RECOVERED = 0.25
#: Largest bias, in sigma_mad.
SMALL_BIAS = 0.5
#: Published figures have two decimals.
ROUNDING = 0.005
#: Set B's sigma_mad over Set A's from which the effect is called dramatic; the paper has 4.7 and 5.3.
DRAMATIC = 2.0
_WORDS = ("age", "metallicity")


def claims(summary: Mapping[str, Any]) -> list[Claim]:
    """Judge the claims of figures 4-9; those of a set that was not run are left out.

    Parameters
    ----------
    summary : mapping
        To the contract of ``summary.json``: ``sample``, ``set_a``, ``set_b``, ``random_baseline``, ``paper``.
    """
    out: list[Claim] = []
    known = {name for name in ("set_a", "set_b") if isinstance(summary.get(name), Mapping) and summary[name]}
    if "set_a" in known:
        out += [_recovered(summary), _scatter(summary), _anticorrelation(summary, "set_a", 5), _gradients(summary)]
    if known == {"set_a", "set_b"}:
        out += _unseen_are_worse(summary)
    if "set_b" in known:
        out.append(_anticorrelation(summary, "set_b", 8))
    if known == {"set_a", "set_b"}:
        out.append(_gradients_are_worse(summary))
    return out


def _recovered(summary: Mapping[str, Any]) -> Claim:
    n = _n_galaxies(summary)
    decisions: list[bool | None] = []
    told = []
    for word in _WORDS:
        scores = summary["set_a"][word]
        guess = summary["random_baseline"][word]["mse"]
        sigma, bias, rmse = scores["sigma_mad"], scores["bias"], scores["rmse"]
        if n < MIN_GALAXIES or None in (sigma, bias, rmse, guess) or not sigma > 0 or not guess > 0:
            decisions.append(None)
            told.append(f"{word} unknown" if None in (sigma, bias, rmse, guess) else f"{word} bias {bias:+.3f}")
            continue
        part, shift, error = rmse**2 / guess, abs(bias) / sigma, _OF_MEDIAN / math.sqrt(n)
        decisions += [part < RECOVERED, _below(shift, SMALL_BIAS, error)]
        told.append(f"{word} bias {bias:+.3f} dex of a scatter of {sigma:.3f}, squared error {part:.1%} of random")
    how = f"{'; '.join(told)}. Needed: squared error below {RECOVERED:.0%} of that of random guesses (half of the "
    how += f"variance explained), |bias| certainly below {SMALL_BIAS:g} sigma_mad{_few(n)}"
    claim = "Age and metallicity are recovered consistently from each SED of known galaxies (Set A)"
    return Claim("figure 4", claim, verdict_of(all_of(decisions)), how)


def _scatter(summary: Mapping[str, Any]) -> Claim:
    n, published = _n_galaxies(summary), summary["paper"]["set_a"]
    decisions: list[bool | None] = []
    told = []
    for word in _WORDS:
        value, paper = summary["set_a"][word]["sigma_mad"], published[word]["sigma_mad"]
        if value is None or n < MIN_GALAXIES:
            decisions.append(None)
            told.append(f"{word} {'unknown' if value is None else f'{value:.3f}'}")
            continue
        error = value * _OF_SIGMA_MAD / math.sqrt(n)
        highest = paper + ROUNDING
        decisions.append(None if value - SIGNIFICANT * error <= highest < value else value <= highest)
        told.append(f"{word} {value:.3f} +- {error:.3f} dex")
    paper = published["age"]["sigma_mad"]
    how = f"sigma_mad: {'; '.join(told)}. Needed: at most {paper + ROUNDING:.3f}, which rounds to the published "
    how += f"{paper:.2f}; 'cannot tell' within {SIGNIFICANT:g} errors above it{_few(n)}"
    claim = f"Set A's robust scatter about the labels is {paper:.2f} dex in age and in metallicity"
    return Claim("figure 4", claim, verdict_of(all_of(decisions)), how)


def _anticorrelation(summary: Mapping[str, Any], which: str, figure: int) -> Claim:
    n, value = _n_galaxies(summary), summary[which]["residual_pcc"]
    paper, name = summary["paper"][which]["residual_pcc"], set_title(which)
    decision, how = None, "the correlation is not known"
    if value is not None:
        how = f"Pearson's correlation {value:+.2f} (published {paper:+.2f})"
        if n >= MIN_GALAXIES and abs(value) < 1:
            half = SIGNIFICANT / math.sqrt(n - 3)
            low, high = math.tanh(math.atanh(value) - half), math.tanh(math.atanh(value) + half)
            decision = True if high < 0 else False if low > 0 else None
            inside = "inside" if low <= paper <= high else "outside"
            how += f", interval {low:+.2f} to {high:+.2f} for {n} galaxies; the published value is {inside}. "
            how += "Needed: the whole interval below zero"
        how += _few(n)
    claim = f"Errors in age and metallicity are anticorrelated ({name}): too old goes with too metal-poor"
    return Claim(f"figure {figure}", claim, verdict_of(decision), how)


def _gradients(summary: Mapping[str, Any]) -> Claim:
    decisions: list[bool | None] = []
    told, limits = [], []
    for word in _WORDS:
        scores, n = _gradient(summary, "set_a", word)
        value, bias = scores["sigma_mad"], scores["bias"]
        accurate, poor = (summary["paper"][s]["gradient"][word]["sigma_mad"] for s in ("set_a", "set_b"))
        limit = math.sqrt(accurate * poor)
        limits.append(f"{limit:.3f}")
        if value is None or bias is None or n < MIN_GALAXIES or not value > 0:
            decisions.append(None)
            told.append(f"{word}: {n} galaxies are too few")
            continue
        error = value * _OF_SIGMA_MAD / math.sqrt(n)
        decisions += [_below(value, limit, error), _below(abs(bias), SMALL_BIAS * value, _OF_MEDIAN * value / n**0.5)]
        told.append(f"{word} sigma_mad {value:.3f} +- {error:.3f}, bias {bias:+.3f} dex/Re ({n} galaxies)")
    how = f"{'; '.join(told)}. Needed: certainly nearer (in ratio) to the published 0.02 of Set A than to Set B's 0.15 "
    how += f"and 0.16, hence below {' and '.join(limits)}; |bias| certainly below {SMALL_BIAS:g} sigma_mad. "
    how += "Early against late types: figure 14"
    return Claim("figure 6", "Radial gradients of known galaxies are recovered accurately (Set A)",
                 verdict_of(all_of(decisions)), how)  # fmt: skip


def _unseen_are_worse(summary: Mapping[str, Any]) -> list[Claim]:
    n = _n_galaxies(summary)
    worse: list[bool | None] = []
    dramatic: list[bool | None] = []
    told = []
    for word in _WORDS:
        ratio, error = _ratio(summary["set_a"][word]["sigma_mad"], summary["set_b"][word]["sigma_mad"], n)
        if ratio is None:
            worse.append(None)
            dramatic.append(None)
            continue
        paper = summary["paper"]["set_b"][word]["sigma_mad"] / summary["paper"]["set_a"][word]["sigma_mad"]
        worse.append(_above(ratio, 1.0, error))
        dramatic.append(_above(ratio, DRAMATIC, error))
        told.append(f"{word} {ratio:.2f} ({_interval(ratio, error)}; published {paper:.1f})")
    how = f"sigma_mad of Set B over Set A: {'; '.join(told) or 'not known'}"
    return [
        Claim("figure 7", "Unseen galaxies (Set B) are recovered worse than known ones (Set A)",
              verdict_of(all_of(worse)), f"{how}. Needed: certainly above 1{_few(n)}"),
        Claim("figure 7", "The diversity of the training data has a dramatic effect on the recovery",
              verdict_of(all_of(dramatic)), f"{how}. Needed: certainly above {DRAMATIC:g}{_few(n)}"),
    ]  # fmt: skip


def _gradients_are_worse(summary: Mapping[str, Any]) -> Claim:
    decisions: list[bool | None] = []
    told = []
    for word in _WORDS:
        (a, n), (b, _) = (_gradient(summary, which, word) for which in ("set_a", "set_b"))
        ratio, error = _ratio(a["sigma_mad"], b["sigma_mad"], n)
        if ratio is None:
            decisions.append(None)
            told.append(f"{word}: {n} galaxies are too few")
            continue
        paper = (summary["paper"][which]["gradient"][word]["sigma_mad"] for which in ("set_b", "set_a"))
        decisions.append(_above(ratio, 1.0, error))
        told.append(f"{word} {ratio:.2f} ({_interval(ratio, error)}; published {next(paper) / next(paper):.1f})")
    how = f"sigma_mad of the gradient differences, Set B over Set A: {'; '.join(told)}. Needed: certainly above 1"
    return Claim("figure 9", "Gradients of unseen galaxies (Set B) are recovered worse than those of known ones",
                 verdict_of(all_of(decisions)), how)  # fmt: skip


def _n_galaxies(summary: Mapping[str, Any]) -> int:
    return int(summary["sample"]["n_galaxies"])


def _gradient(summary: Mapping[str, Any], which: str, word: str) -> tuple[Mapping[str, Any], int]:
    scores = summary[which]["gradient"][word]
    return scores, int(scores["n_galaxies"] or 0)


def _ratio(a: float | None, b: float | None, n: int) -> tuple[float | None, float]:
    """b / a and the error of its logarithm; None where it is not known or there are too few galaxies."""
    if a is None or b is None or not a > 0 or not b > 0 or n < MIN_GALAXIES:
        return None, math.nan
    return b / a, math.sqrt(2.0 / n) * _OF_SIGMA_MAD


def _interval(ratio: float, error: float) -> str:
    return f"{ratio * math.exp(-SIGNIFICANT * error):.2f} to {ratio * math.exp(SIGNIFICANT * error):.2f}"


def _above(ratio: float, limit: float, error: float) -> bool | None:
    """Whether a ratio with an error of its logarithm is above ``limit``; None within two errors."""
    distance = math.log(ratio / limit)
    return distance > 0 if abs(distance) > SIGNIFICANT * error else None


def _below(value: float, limit: float, error: float) -> bool | None:
    return value < limit if abs(value - limit) > SIGNIFICANT * error else None


def _few(n: int) -> str:
    return f"; {n} galaxies are too few for any decision" if n < MIN_GALAXIES else ""
