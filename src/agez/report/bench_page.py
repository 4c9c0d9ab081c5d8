"""The page of a benchmark on real data: one self-contained HTML file with scores, bars and figures."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from agez.bench.lines import lines_of
from agez.report.bench_figures import table_figures
from agez.report.bench_spectra_figures import spectra_figures
from agez.runtime.files import make_folder, whole_file

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
    parts = []
    for name, block in result["sets"].items():
        drawn = table_figures(figures, block) if block["kind"] == "photometry" else spectra_figures(figures, block)
        pictures = "\n".join(_figure(path, CAPTIONS[key]) for key, path in drawn.items())
        parts.append(
            f'<section id="{escape(name)}">\n{_html(lines_of(block))}\n{pictures}\n{_sources(block)}</section>'
        )
    style = (files("agez") / "report/data/report.css").read_text(encoding="utf-8")
    contents = "".join(f'<li><a href="#{escape(name)}">{escape(name)}</a></li>' for name in result["sets"])
    page = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>agez: {_TITLE}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        f"<header><h1>{_TITLE}</h1>\n<p>agez {escape(str(result['version']))}, seed {result['seed']}</p></header>\n"
        f"<nav><ul>{contents}</ul></nav>\n" + "\n".join(parts) + "\n</body>\n</html>\n"
    )
    path = folder / "bench.html"
    with whole_file(path) as part:
        part.write_text(page, encoding="utf-8")
    return path


def _figure(path: Path, caption: str) -> str:
    content = base64.b64encode(path.read_bytes()).decode("ascii")
    return (
        f'<figure><img src="data:image/png;base64,{content}" alt="{escape(caption)}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _sources(block: Mapping[str, Any]) -> str:
    words = "; ".join(word for word in (block["citation"], block["licence"]) if word)
    return f'<p class="how">Data: {escape(words)}.</p>\n' if words else ""


def _html(lines: list[str]) -> str:
    """Headings, tables and sentences of the lines that the command prints."""
    out: list[str] = []
    rows: list[list[str]] = []
    for line in [*lines, ""]:
        if line.startswith("|"):
            rows.append([cell.strip() for cell in line.strip("|").split("|")])
            continue
        if rows:
            out.append(_table(rows))
            rows = []
        if line.startswith("## "):
            out.append(f"<h2>{escape(line[3:])}</h2>")
        elif line:
            out.append(f"<p>{_words(line)}</p>")
    return "\n".join(out)


def _words(text: str) -> str:
    """Text with what stands between ** and ` as strong and code."""
    strong = [f"<strong>{part}</strong>" if k % 2 else part for k, part in enumerate(escape(text).split("**"))]
    return "".join(f"<code>{part}</code>" if k % 2 else part for k, part in enumerate("".join(strong).split("`")))


def _table(rows: list[list[str]]) -> str:
    header, _, *body = rows  # the second is the rule
    head = "".join(f'<th scope="col" class="text">{_words(cell)}</th>' for cell in header)
    cells = "".join(
        "<tr>" + "".join(f'<td class="text">{_words(cell)}</td>' for cell in row) + "</tr>\n" for row in body
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead>\n<tbody>\n{cells}</tbody></table></div>'
