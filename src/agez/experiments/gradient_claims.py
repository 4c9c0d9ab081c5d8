"""What the abstract and sections 4.2, 4.3 and 5 say of gradients (figures 7, 9), and table 1 beside Set A."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from agez.experiments.claims import MIN_GALAXIES, Claim
from agez.experiments.decisions import (
    Decision,
    above,
    below,
    correlation_interval,
    error_of_median,
    error_of_scatter,
    judged,
    log_interval,
    ratio_of_scatters,
)
from agez.experiments.paper import ROUNDING, TABLE_1
from agez.experiments.set_claims import (
    SMALL_BIAS,
    WORDS,
    Summary,
    details,
    n_galaxies,
    pcc_text,
    run_sets,
    scatter_as_published,
    small_scatter,
    to_text,
)
from agez.experiments.set_details import CENTRAL_DEX

#: A correlation that can be seen in a figure (a medium effect: Cohen 1988).
VISIBLE = 0.3


def claims(summary: Summary) -> list[Claim]:
    """Judge the claims of figures 7 and 9, and that of table 1 beside Set A; see :func:`set_claims.claims`."""
    known, found = run_sets(summary), list[Claim | None]()
    if "set_a" in known:
        found += [_gradients(summary), _scatter_a(summary), _central(summary), _uncorrelated(summary)]
    if "set_b" in known:
        found.append(_scatter_b(summary))
    if len(known) == 2:
        found += [_gradients_worse(summary), _early_behind_set_a(summary)]
    return [claim for claim in found if claim is not None]


def _scatter_a(summary: Summary) -> Claim:
    scores = {word: (found["sigma_mad"], n) for word, (found, n) in _gradients_of(summary, "set_a").items()}
    paper = {word: summary["paper"]["set_a"]["gradient"][word]["sigma_mad"] for word in WORDS}
    return small_scatter("gradient_scatter_a", scores, paper, n_galaxies(summary), "dex/Re")


def _scatter_b(summary: Summary) -> Claim:
    scores = {word: (found["sigma_mad"], n) for word, (found, n) in _gradients_of(summary, "set_b").items()}
    paper = {word: summary["paper"]["set_b"]["gradient"][word]["sigma_mad"] for word in WORDS}
    ranges = {word: (value - ROUNDING, value + ROUNDING) for word, value in paper.items()}
    return scatter_as_published("gradient_scatter_b", scores, ranges, "dex/Re")


def _gradients(summary: Summary) -> Claim:
    decisions, told, limits = list[Decision](), [], []
    for word, (scores, n) in _gradients_of(summary, "set_a").items():
        value, bias = scores["sigma_mad"], scores["bias"]
        accurate, poor = (summary["paper"][s]["gradient"][word]["sigma_mad"] for s in ("set_a", "set_b"))
        limit = math.sqrt(accurate * poor)
        limits.append(f"{limit:.3f}")
        if value is None or bias is None or n < MIN_GALAXIES or not value > 0:
            decisions.append(None)
            told.append(f"{word}: {n} galaxies are too few")
            continue
        decisions.append(below(value, limit, error_of_scatter(value, n)))
        decisions.append(below(abs(bias), SMALL_BIAS * value, error_of_median(value, n)))
        told.append(f"{word} sigma_mad {value:.3f}, bias {bias:+.3f} dex/Re ({n} galaxies)")
    return judged("gradients", decisions, told, limits=" and ".join(limits), small_bias=SMALL_BIAS)


def _central(summary: Summary) -> Claim:
    found = details(summary, "set_a")["gradient_differences"]
    n, decisions, told = found["n_galaxies"], list[Decision](), []
    for word in WORDS:
        share = found[word]["central_share"]
        if share is None or n < MIN_GALAXIES:
            decisions.append(None)
            continue
        decisions.append(above(share, 0.5, math.sqrt(max(share * (1 - share), 1 / n) / n)))
        told.append(f"{word} {share:.0%}")
    return judged("central", decisions, told, n=n, central=CENTRAL_DEX, width=2 * CENTRAL_DEX)


def _uncorrelated(summary: Summary) -> Claim:
    found = details(summary, "set_a")["gradient_differences"]
    n, value = found["n_galaxies"], found["pcc"]
    interval = correlation_interval(value, n)
    decision: Decision = None
    if interval is not None:
        if max(abs(interval[0]), abs(interval[1])) < VISIBLE:
            decision = True
        elif abs(value) >= VISIBLE and interval[0] * interval[1] > 0:
            decision = False
    return judged("uncorrelated", decision, pcc_text(value, interval), n=n, visible=VISIBLE)


def _gradients_worse(summary: Summary) -> Claim:
    decisions, told, published = list[Decision](), [], []
    of_b = _gradients_of(summary, "set_b")
    for word, (a, n) in _gradients_of(summary, "set_a").items():
        paper_b, paper_a = (summary["paper"][which]["gradient"][word]["sigma_mad"] for which in ("set_b", "set_a"))
        published.append(f"{word} {paper_b / paper_a:.1f}")
        ratio = ratio_of_scatters(a["sigma_mad"], of_b[word][0]["sigma_mad"], n)
        if ratio is None:
            decisions.append(None)
            told.append(f"{word}: {n} galaxies are too few")
            continue
        decisions.append(above(math.log(ratio[0]), 0.0, ratio[1]))
        told.append(f"{word} {ratio[0]:.2f} ({to_text(log_interval(*ratio))})")
    return judged("gradients_worse", decisions, told, published="; ".join(published))


def _early_behind_set_a(summary: Summary) -> Claim | None:
    measured = summary.get("table1", {}).get("measured", {})
    if not measured or "not_run" in measured:
        return None
    decisions, told, published = list[Decision](), [], []
    for word in WORDS:
        cell, own = measured[word]["early-early"], summary["set_a"][word]["sigma_mad"]
        paper = summary["paper"]["set_a"][word]["sigma_mad"]
        published.append(f"{word} {TABLE_1[word]['early-early']:.2f} against {paper:.2f}")
        if None in (cell["sigma_mad"], cell["err"], own):
            decisions.append(None)
            continue
        error = math.hypot(cell["err"], error_of_scatter(own, n_galaxies(summary)))
        larger = above(cell["sigma_mad"], own, error)
        # an error that shorter trainings alone might have is no finding
        decisions.append(None if larger and summary["preset"] != "full" else larger)
        told.append(f"{word} {cell['sigma_mad']:.3f} +- {cell['err']:.3f} against {own:.3f} dex")
    return judged("early_behind_set_a", decisions, told, published="; ".join(published))


def _gradients_of(summary: Summary, which: str) -> dict[str, tuple[Mapping[str, Any], int]]:
    """Scores of a set's gradients and their number of galaxies, by quantity."""
    found = {word: summary[which]["gradient"][word] for word in WORDS}
    return {word: (scores, int(scores["n_galaxies"] or 0)) for word, scores in found.items()}
