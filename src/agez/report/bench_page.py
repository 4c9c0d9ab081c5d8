"""The page of a benchmark on real data: one self-contained HTML file with scores, bars and figures."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from agez.bench.lines import lines_of
from agez.report.bench_figures import table_figures
from agez.report.bench_spectra_figures import spectra_figures
from agez.report.plain_page import figure_html, lines_html, write_plain_page
from agez.runtime.files import make_folder

_TITLE = "Ages and metallicities of real galaxies"
#: What is to be seen, by the name of the figure.
CAPTIONS = {
    "ages": "Light-weighted ages by type.",
    "luminosity": "Ages against absolute magnitude: dots are galaxies, lines running medians, shades 16 to 84 %.",
    "mass": "Metallicity against stellar mass.  Answers are means of distributions as wide as the differences of "
    "galaxies, so they show a part of these, the gain, measured on mocks; dotted: the published relation seen so.",
    "halves": "Each galaxy answered twice, from every second band and from the others.  Both answers share what the "
    "model took for granted, so their difference is smaller than their errors; mocks say by how much.",
    "bands": "Each band against what the model expects of it from the others: offsets are errors of zero points.",
    "fit": "A network on synthetic photometry of each spectrum against the full spectral fit of the same spectrum.",
    "surveys": "The same galaxies through the bands of other surveys, each answered by its own model.",
    "order": "Mean spectra by type: ages must fall from left to right, and dust rise along the starbursts.",
}


def write_bench_page(folder: Path, result: Mapping[str, Any]) -> Path:
    """Write ``bench.html`` and its figures (``figures/*.png``, which the page holds, too) into a folder; the page."""
    figures = make_folder(folder / "figures")
    sections = {}
    for name, block in result["sets"].items():
        drawn = table_figures(figures, block) if block["kind"] == "photometry" else spectra_figures(figures, block)
        pictures = "\n".join(figure_html(path, CAPTIONS[key]) for key, path in drawn.items())
        sections[name] = f"{lines_html(lines_of(block))}\n{pictures}\n{_sources(block)}"
    introduction = f"agez {result['version']}, seed {result['seed']}"
    return write_plain_page(folder / "bench.html", _TITLE, introduction, sections)


def _sources(block: Mapping[str, Any]) -> str:
    words = "; ".join(word for word in (block["citation"], block["licence"]) if word)
    return f'<p class="how">Data: {escape(words)}.</p>\n' if words else ""
