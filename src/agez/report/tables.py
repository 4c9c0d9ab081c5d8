"""The tables of the report, from the summary alone: every cell carries the key of the number that it shows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from agez.report.cells import cell, group, look_up, named_table, row, table
from agez.report.numbers import number

_SCORE_ROWS = (
    ("sigma_mad", "robust scatter σ<sub>MAD</sub> [dex]", "{:.3f}"),
    ("bias", "bias (median) [dex]", "{:+.3f}"),
    ("rmse", "RMSE [dex]", "{:.3f}"),
    ("n", "spectra", "{:.0f}"),
)
_GRADIENT_ROWS = (
    ("sigma_mad", "gradient difference, σ<sub>MAD</sub> [dex/R<sub>e</sub>]", "{:.3f}"),
    ("bias", "gradient difference, bias [dex/R<sub>e</sub>]", "{:+.3f}"),
    ("n_galaxies", "galaxies with a gradient", "{:.0f}"),
)
WORDS = ("age", "metallicity")


def measured_table(summary: Mapping[str, Any]) -> str:
    """Measured beside published figures, Set A and Set B."""
    rows = []
    for word in WORDS:
        rows.append(group(word.capitalize(), 4))
        rows += [row(label, _four(summary, f"{word}.{key}", form)) for key, label, form in _SCORE_ROWS]
        rows += [row(label, _four(summary, f"gradient.{word}.{key}", form)) for key, label, form in _GRADIENT_ROWS]
    rows.append(group("Both", 4))
    rows.append(row("correlation of age and metallicity residuals", _four(summary, "residual_pcc", "{:+.2f}")))
    return named_table("measured", rows)


def baseline_table(summary: Mapping[str, Any]) -> str:
    """Mean squared error of random guesses beside the networks' own."""
    rows = []
    for word in WORDS:
        rmse = {which: look_up(summary, f"{which}.{word}.rmse") for which in ("set_a", "set_b")}
        squared = [f"<td>{number(None if v is None else v**2, '{:.4f}')}</td>" for v in rmse.values()]
        key = f"random_baseline.{word}.mse"
        cells = cell(summary, key, "{:.3f}") + cell(summary, f"paper.{key}", "{:.3f}") + "".join(squared)
        rows.append(row(word, cells))
    return named_table("baseline", rows)


def truth_table(summary: Mapping[str, Any]) -> str:
    """Labels and predictions against what the mock galaxies were made with; a sentence where there is no truth."""
    if not look_up(summary, "against_truth.labels.age.n"):
        return (
            "<p>The sample is not a mock survey: nobody knows its truth, and only the labels can be compared with.</p>"
        )
    names = (("labels", "labels (spectral fit)"), ("set_a", "networks, Set A"), ("set_b", "networks, Set B"))
    rows = []
    for word in WORDS:
        rows.append(group(word.capitalize(), 6))
        for which, label in names:
            base = f"against_truth.{which}"
            cells = [cell(summary, f"{base}.{word}.{key}", form) for key, _, form in _SCORE_ROWS]
            cells += [cell(summary, f"{base}.gradient.{word}.{key}", form) for key, _, form in _GRADIENT_ROWS[:2]]
            rows.append(row(label, "".join(cells)))
    shown = named_table("truth", rows)
    return shown + "".join(f"<p>{sentence}</p>" for sentence in map(escape, nearest_to_truth(summary)))


def nearest_to_truth(summary: Mapping[str, Any]) -> list[str]:
    """One plain sentence a quantity: which is nearer to the truth, and by how much."""
    names = {"labels": "the spectral fit", "set_a": "the Set A networks", "set_b": "the Set B networks"}
    sentences = []
    for word in WORDS:
        rmse = {which: look_up(summary, f"against_truth.{which}.{word}.rmse") for which in names}
        known = {which: value for which, value in rmse.items() if value is not None and math.isfinite(value)}
        if len(known) < 2:
            continue
        first, *others = sorted(known, key=lambda which: known[which])
        beside = " and ".join(f"{number(known[o], '{:.3f}')} dex for {names[o]}" for o in others)
        sentences.append(
            f"{word.capitalize()}: nearest to the truth is {names[first]}, with an RMSE of "
            f"{number(known[first], '{:.3f}')} dex, against {beside}."
        )
    return sentences


def pairs_table(caption: str, pairs: Sequence[tuple[str, str]]) -> str:
    """A two-column table of plain text."""
    rows = [row(escape(name), f'<td class="text">{escape(value)}</td>') for name, value in pairs]
    return table(escape(caption), "", rows)


def _four(summary: Mapping[str, Any], key: str, form: str) -> str:
    wide = "{:.2f}" if form == "{:.3f}" else form  # the paper prints two decimals
    return "".join(
        cell(summary, f"{which}.{key}", form) + cell(summary, f"paper.{which}.{key}", wide)
        for which in ("set_a", "set_b")
    )
