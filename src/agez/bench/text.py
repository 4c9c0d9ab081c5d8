"""Scores as lines: tables in Markdown, which terminals and documents show alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

#: Words of the judged quantities.
WORDS = {"log_age_lw": "log age", "mh_lw": "[M/H]"}
#: Kinds in words, where the set's are letters.
KINDS = {"E": "ellipticals", "S": "spirals", "U": "uncertain"}
_MET = {True: "yes", False: "**no**", None: "-"}


def kind_words(kind: str) -> str:
    """A kind as a reader calls it."""
    return KINDS.get(kind, kind)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table in Markdown, its columns of even width."""
    everything = [header, *rows]
    widths = [max(len(row[k]) for row in everything) for k in range(len(header))]
    padded = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in everything]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    first, *rest = [f"| {' | '.join(row)} |" for row in padded]
    return [first, rule, *rest]


def section(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A line above a table; nothing without a row."""
    return [title, "", *table(header, rows), ""] if rows else []


def number(value: Any, form: str = ".3f") -> str:
    """A number, or a dash where there is none."""
    return "-" if value is None else format(value, form)


def measured(content: Mapping[str, Any] | None, form: str = ".3f") -> str:
    """A value with its error, or a dash."""
    if content is None or content.get("value") is None:
        return "-"
    value, err = content["value"], content.get("err")
    return format(value, form) + ("" if err is None else f" ± {format(err, form.replace('+', ''))}")


def percent(content: Mapping[str, Any] | None) -> str:
    """A share in per cent, with its error where it has one."""
    if content is None or content.get("value") is None:
        return "-"
    error = "" if content["err"] is None else f" ± {100 * content['err']:.1f}"
    return f"{100 * content['value']:.1f}{error} %"


def bar_lines(bars: Sequence[Mapping[str, Any]]) -> list[str]:
    """What is demanded of a set, and whether it is met."""
    rows = [(bar["what"], bar["demanded"], bar["measured"], _MET[bar["met"]]) for bar in bars]
    return section("**Bars**", ("what", "demanded", "measured", "met"), rows)
