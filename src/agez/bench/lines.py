"""A set's block as lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agez.bench.spectra_text import spectra_lines
from agez.bench.table_text import table_lines
from agez.bench.text import bar_lines


def lines_of(block: Mapping[str, Any]) -> list[str]:
    """A set's block in words: its scores, and the bars."""
    scores = table_lines(block) if block["kind"] == "photometry" else spectra_lines(block)
    return [f"## {block['set']}: {block['title']}", "", *scores, *bar_lines(block["bars"])]
