"""The report of a run: one self-contained page of HTML with tables, figures and where everything comes from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from html import escape
from typing import Any

from agez.experiments.paper import CITATION
from agez.experiments.result import RunResult
from agez.report.captions import FigureKey
from agez.report.cells import WORDS, look_up
from agez.report.chapters import CHAPTERS, Part, chapter, claims_table, contents, not_run
from agez.report.citations import citations
from agez.report.numbers import duration, number
from agez.report.plain_page import page_html
from agez.report.tables import baseline_table, measured_table, pairs_table, truth_table
from agez.runtime.files import check_input, whole_file


def write_report(
    path: str | os.PathLike[str], result: RunResult, figure_paths: Mapping[FigureKey, str | os.PathLike[str]]
) -> None:
    """Write ``report.html``: no other file and no network is needed to read it.

    Parameters
    ----------
    path
        The page; whole or not at all.
    figure_paths : mapping of figure key to PNG
        As :func:`agez.report.figures.make_figures` returns.

    Raises
    ------
    AgezError
        If a figure is missing or the page cannot be written.
    """
    images = {key: check_input(name).read_bytes() for key, name in figure_paths.items()}
    page = _page(result, images)
    with whole_file(path) as part:
        part.write_text(page, encoding="utf-8")


def _page(result: RunResult, images: Mapping[FigureKey, bytes]) -> str:
    summary = result.summary
    title = "Ages and metallicities from narrow-band photometry"
    content = {**summary, **result.blocks}
    parts = [part for part in (chapter(one, content, images, result.claims) for one in CHAPTERS) if part is not None]
    numbers = measured_table(summary) + baseline_table(summary)
    sections = [Part("run", "What was run", pairs_table("The run", _run_facts(result)) + not_run(content))]
    if result.claims:
        sections.append(Part("claims", "The paper's claims", claims_table(result.claims, parts)))
    if any(summary.get(which) for which in ("set_a", "set_b")):
        sections.append(Part("measured", "Measured against published", numbers))
        sections.append(Part("truth", "Against truth", truth_table(summary)))
    sections += parts
    sections.append(Part("words", "Words", pairs_table("Definitions", list(WORDS["glossary"].items()))))
    sources = pairs_table("Data and definitions of this run", _provenance(result))
    sources += pairs_table("Please cite", citations(**_cited(result)))
    sections.append(Part("sources", "Where it comes from", sources))
    body = [
        f"<header><h1>{title}</h1>",
        f"<p>The experiment of {escape(CITATION)}, run by agez {escape(str(summary['version']))}.</p>",
        f'<p class="lead">{_headline(summary)}</p></header>',
        contents(sections),
        *(f'<section id="{part.anchor}">\n<h2>{escape(part.title)}</h2>\n{part.body}</section>' for part in sections),
    ]
    return page_html(title, "\n".join(body))


def _headline(summary: Mapping[str, Any]) -> str:
    """One sentence a set: the scatter found, beside the paper's."""
    sentences = []
    for which, words in (
        ("set_a", "For spectra of galaxies seen in training (Set A)"),
        ("set_b", "For unseen galaxies (Set B)"),
    ):
        if not summary.get(which):
            continue
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
    counts = [
        f"{len(one.curves)} for {name}" for name, one in (("Set A", result.set_a), ("Set B", result.set_b)) if one
    ]
    networks = [("networks", ", ".join(counts))] if counts else []
    return [
        ("preset, seed", f"{summary['preset']}, {summary['seed']}"),
        (
            "sample",
            f"{sample['source']}: {sample['n_spectra']} spectra of {sample['n_galaxies']} galaxies "
            f"({sample['n_early']} early, {sample['n_late']} late types)",
        ),
        ("bands", f"{sample['n_bands']} ({result.sample.photometry.bands.filter_set})"),
        *networks,
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
