"""What the abstract and sections 4.2, 4.3 and 5 say of gradients (figures 7, 9), and table 1 beside Set A."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from agez.experiments.claims import MIN_GALAXIES, Claim, all_of, verdict_of
from agez.experiments.decisions import (
    Decision,
    above,
    below,
    correlation_interval,
    error_of_median,
    error_of_scatter,
    few,
    log_interval,
    ratio_of_scatters,
)
from agez.experiments.paper import ROUNDING, TABLE_1
from agez.experiments.set_claims import (
    SMALL_BIAS,
    WORDS,
    Summary,
    details,
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
    text = "Gradients of Set A agree with those of the fit to 0.02 dex/Re in age and in metallicity"
    published = "0.02 dex/Re in both (section 4.2, figure 7; section 5 says 0.0)"
    return small_scatter(summary, "figure 7", text, "4.2, 5", published, lambda word: (
        _gradient(summary, "set_a", word)[0]["sigma_mad"],
        summary["paper"]["set_a"]["gradient"][word]["sigma_mad"],
        _gradient(summary, "set_a", word)[1],
    ), "dex/Re")  # fmt: skip


def _scatter_b(summary: Summary) -> Claim:
    text = "Gradients of Set B differ from those of the fit by 0.15 dex/Re in age and 0.16 dex/Re in metallicity"
    ranges, scores = {}, {}
    for word in WORDS:
        paper = summary["paper"]["set_b"]["gradient"][word]["sigma_mad"]
        ranges[word] = paper - ROUNDING, paper + ROUNDING
        found, n = _gradient(summary, "set_b", word)
        scores[word] = found["sigma_mad"], n
    published = "age 0.15, metallicity 0.16 dex/Re"
    return scatter_as_published("figure 9", text, "4.3", published, scores, ranges, "dex/Re")


def _gradients(summary: Summary) -> Claim:
    decisions: list[Decision] = []
    told, limits = [], []
    for word in WORDS:
        scores, n = _gradient(summary, "set_a", word)
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
    how = f"{'; '.join(told)}. Needed: certainly nearer (in ratio) to the published 0.02 of Set A than to Set B's 0.15 "
    how += f"and 0.16, hence below {' and '.join(limits)}; |bias| certainly below {SMALL_BIAS:g} sigma_mad"
    return Claim("figure 7", "Radial gradients of known galaxies are recovered accurately (Set A)",
                 verdict_of(all_of(decisions)), how, "abstract, 4.2, 5", measured="; ".join(told))  # fmt: skip


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
    text = f"Differences of the gradients cluster in the central {2 * CENTRAL_DEX:g} dex/Re (Set A)"
    how = f"Galaxies within {CENTRAL_DEX:g} dex/Re of zero: {'; '.join(told) or 'not known'}, of {n}. Needed: "
    return Claim("figure 7", text, verdict_of(all_of(decisions)), f"{how}certainly above half{few(n)}", "4.2",
                 measured="; ".join(told))  # fmt: skip


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
    text = "Differences of the age gradients do not go with those of the metallicity gradients (Set A)"
    how = f"Pearson's correlation {pcc_text(value, interval)}, {n} galaxies. Needed: an interval within {VISIBLE:g} "
    how += f"of zero; refuted where it does not hold zero and the value is beyond {VISIBLE:g}{few(n)}"
    return Claim("figure 7", text, verdict_of(decision), how, "4.2", "no clear correlation", pcc_text(value, interval))


def _gradients_worse(summary: Summary) -> Claim:
    decisions: list[Decision] = []
    told, published = [], []
    for word in WORDS:
        (a, n), (b, _) = (_gradient(summary, which, word) for which in ("set_a", "set_b"))
        paper = (summary["paper"][which]["gradient"][word]["sigma_mad"] for which in ("set_b", "set_a"))
        published.append(f"{word} {next(paper) / next(paper):.1f}")
        ratio = ratio_of_scatters(a["sigma_mad"], b["sigma_mad"], n)
        if ratio is None:
            decisions.append(None)
            told.append(f"{word}: {n} galaxies are too few")
            continue
        decisions.append(above(math.log(ratio[0]), 0.0, ratio[1]))
        told.append(f"{word} {ratio[0]:.2f} ({to_text(log_interval(*ratio))})")
    how = f"sigma_mad of the gradient differences, Set B over Set A: {'; '.join(told)}. Needed: certainly above 1"
    return Claim("figure 9", "Gradients of unseen galaxies (Set B) are recovered worse than those of known ones",
                 verdict_of(all_of(decisions)), how, "4.3, 5", "; ".join(published), "; ".join(told))  # fmt: skip


def _early_behind_set_a(summary: Summary) -> Claim | None:
    measured = summary.get("table1", {}).get("measured", {})
    if not measured or "not_run" in measured:
        return None
    decisions: list[Decision] = []
    told, published = [], []
    for word in WORDS:
        cell, own = measured[word]["early-early"], summary["set_a"][word]["sigma_mad"]
        paper = summary["paper"]["set_a"][word]["sigma_mad"]
        published.append(f"{word} {TABLE_1[word]['early-early']:.2f} against {paper:.2f}")
        if None in (cell["sigma_mad"], cell["err"], own):
            decisions.append(None)
            continue
        error = math.hypot(cell["err"], error_of_scatter(own, int(summary["sample"]["n_galaxies"])))
        larger = above(cell["sigma_mad"], own, error)
        # an error that shorter trainings alone might have is no finding
        decisions.append(None if larger and summary["preset"] != "full" else larger)
        told.append(f"{word} {cell['sigma_mad']:.3f} +- {cell['err']:.3f} against {own:.3f} dex")
    how = f"sigma_mad, trained on early types and applied to them, against Set A: {'; '.join(told) or 'not known'}. "
    how += "Needed: certainly larger, in the full preset: in the others trainings of table 1 are shorter than Set A's"
    return Claim("table 1", "Early types, trained on early types alone, are still recovered worse than in Set A",
                 verdict_of(all_of(decisions)), how, "4.4", "; ".join(published), "; ".join(told))  # fmt: skip


def _gradient(summary: Summary, which: str, word: str) -> tuple[Mapping[str, Any], int]:
    scores = summary[which]["gradient"][word]
    return scores, int(scores["n_galaxies"] or 0)
