"""The report of a run: one self-contained page of HTML with tables, figures and where everything comes from."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from html import escape
from typing import Any

from agez.experiments.paper import CITATION
from agez.experiments.result import RunResult
from agez.files import check_input, whole_file
from agez.report.captions import CAPTIONS
from agez.report.citations import citations
from agez.report.numbers import duration, number
from agez.report.tables import baseline_table, look_up, measured_table, pairs_table, truth_table

_CSS = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; color: #1b1b1b;
  background: #fff; margin: 0 auto; padding: 1rem; max-width: 62rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: .5rem 0; }
h2 { font-size: 1.25rem; margin: 2.2rem 0 .6rem; border-bottom: 1px solid #ccc; }
.lead { font-size: 1.08rem; }
.wide { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: .93rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: .3rem 0; color: #444; position: sticky; left: 0; max-width: calc(100vw - 2rem); }
tbody th { min-width: 8rem; }
th, td { padding: .22rem .7rem; border-bottom: 1px solid #e2e2e2; vertical-align: top; }
td { text-align: right; }
td.text { text-align: left; overflow-wrap: anywhere; }
th { text-align: left; font-weight: 500; }
thead th { text-align: right; font-weight: 600; border-bottom: 2px solid #888; }
tr.group th { font-weight: 700; background: #f3f3f3; }
figure { margin: 1.5rem 0 2.2rem; }
figure img { display: block; max-width: 100%; height: auto; }
figcaption { font-size: .93rem; color: #333; margin-top: .5rem; }
@media print { body { max-width: none; font-size: 11pt; } figure, table { break-inside: avoid; } }
"""
_GLOSSARY = (
    ("Set A", "cross-validation in which each galaxy's spectra are dealt into the four folds"),
    ("Set B", "cross-validation in which whole galaxies are dealt, so that the tested galaxies are unseen"),
    ("label", "what the spectral fit says of a spectrum: light-weighted mean log10 age [yr] and [M/H] [dex]"),
    ("truth", "what a mock galaxy was made with; real galaxies have none"),
    ("σ_MAD, bias", "1.4826 × median(|d − median(d)|) and median(d), with d = predicted − reference"),
    ("gradient", "slope of a straight line in R/Re over the spectra inside Re: mean over 100 random subsets of 75 %"),
    ("random guesses", "permutations of the labels themselves; their expected squared error is twice the variance"),
)


def write_report(
    path: str | os.PathLike[str], result: RunResult, figure_paths: Mapping[int, str | os.PathLike[str]]
) -> None:
    """Write ``report.html``: no other file and no network is needed to read it.

    Parameters
    ----------
    path
        The page; whole or not at all.
    result : RunResult
    figure_paths : mapping of figure number to PNG
        As :func:`agez.report.figures.make_figures` returns.

    Raises
    ------
    AgezError
        If a figure is missing or the page cannot be written.
    """
    images = {number_: check_input(figure_paths[number_]).read_bytes() for number_ in sorted(figure_paths)}
    page = _page(result, images)
    with whole_file(path) as part:
        part.write_text(page, encoding="utf-8")


def _page(result: RunResult, images: Mapping[int, bytes]) -> str:
    summary = result.summary
    title = "Ages and metallicities from narrow-band photometry"
    body = [
        f"<header><h1>{title}</h1>",
        f"<p>The experiment of {escape(CITATION)}, run by agez {escape(str(summary['version']))}.</p>",
        f'<p class="lead">{_headline(summary)}</p></header>',
        _section("What was run", pairs_table("The run", _run_facts(result))),
        _section("Measured against published", measured_table(summary) + baseline_table(summary)),
        _section("Against truth", truth_table(summary)),
        _section("Figures", "".join(_figure(number_, image) for number_, image in images.items())),
        _section("Words", pairs_table("Definitions", _GLOSSARY)),
        _section(
            "Where it comes from",
            pairs_table("Data and definitions of this run", _provenance(result))
            + pairs_table("Please cite", citations(**_cited(result))),
        ),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>agez: {title}</title>\n<style>{_CSS}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def _section(title: str, content: str) -> str:
    return f"<section>\n<h2>{escape(title)}</h2>\n{content}</section>"


def _headline(summary: Mapping[str, Any]) -> str:
    """One sentence a set: the scatter found, beside the paper's."""
    sentences = []
    for which, words in (
        ("set_a", "For spectra of galaxies seen in training (Set A)"),
        ("set_b", "For unseen galaxies (Set B)"),
    ):
        parts = []
        for word in ("age", "metallicity"):
            found = number(look_up(summary, f"{which}.{word}.sigma_mad"), "{:.3f}")
            published = number(look_up(summary, f"paper.{which}.{word}.sigma_mad"), "{:.2f}")
            parts.append(f"{found} dex in {word} (paper: {published})")
        sentences.append(f"{words} the networks agree with the spectral fit to {' and '.join(parts)}.")
    return escape(" ".join(sentences))


def _run_facts(result: RunResult) -> list[tuple[str, str]]:
    summary = result.summary
    sample, seconds = summary["sample"], summary["seconds"]
    steps = ", ".join(f"{step} {duration(value)}" for step, value in seconds.items() if step != "total" and value > 0)
    return [
        ("preset, seed", f"{summary['preset']}, {summary['seed']}"),
        (
            "sample",
            f"{sample['source']}: {sample['n_spectra']} spectra of {sample['n_galaxies']} galaxies "
            f"({sample['n_early']} early, {sample['n_late']} late types)",
        ),
        ("bands", f"{sample['n_bands']} ({result.sample.photometry.bands.filter_set})"),
        ("networks", f"{len(result.set_a.curves)} for Set A, {len(result.set_b.curves)} for Set B"),
        ("time", f"{duration(seconds['total'])}" + (f" ({steps})" if steps else "")),
        ("largest memory", f"{summary['peak_rss_mb']:.0f} MB"),
        ("versions", ", ".join(f"{name} {version}" for name, version in result.versions.items())),
    ]


def _provenance(result: RunResult) -> list[tuple[str, str]]:
    sample = result.sample
    parts = (("sample", sample.meta), ("labels", sample.labels.meta), ("photometry", sample.photometry.meta))
    facts = [
        (f"{name}: {key.replace('_', ' ')}", _text(value))
        for name, meta in parts
        for key, value in meta.items()
        if _short(value)
    ]
    return [*facts, ("bands", ", ".join(sample.photometry.bands.names))]


def _short(value: Any) -> bool:
    """Whether a piece of provenance is worth a line: a word, a number, a few of them."""
    if isinstance(value, list | tuple):
        return len(value) <= 8 and all(_short(item) for item in value)
    return isinstance(value, str | int | float | bool) or value is None


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_text(item) for item in value)
    return "-" if value is None or value == "" else f"{value:g}" if isinstance(value, float) else str(value)


def _cited(result: RunResult) -> dict[str, Any]:
    return {
        "source": str(result.summary["sample"]["source"]),
        "templates": str(result.sample.labels.meta.get("templates", "")),
        "versions": result.versions,
    }


def _figure(figure_number: int, image: bytes) -> str:
    caption = CAPTIONS[figure_number]
    data = base64.b64encode(image).decode("ascii")
    return (
        f'<figure id="figure-{figure_number}">\n'
        f'<img alt="{escape(caption.alt)}" src="data:image/png;base64,{data}">\n'
        f"<figcaption><strong>Figure {figure_number}. {escape(caption.title)}.</strong> "
        f"{escape(caption.text)}</figcaption>\n"
        "</figure>\n"
    )
