"""The report chapter by chapter: the paper's figures and table in its order, then ours, each with its claims."""

from __future__ import annotations

import base64
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from typing import Any

from agez.experiments.claims import Claim
from agez.report import experiment_tables as tables
from agez.report.captions import CAPTIONS, FigureKey
from agez.report.cells import table

#: How chapters begin that show what the paper does not.
OURS = "Beyond the paper"
Table = Callable[[Mapping[str, Any]], str]
#: Anchors of places that are called otherwise: what the paper says of the networks' sizes stands by the search.
_ANCHOR_OF = {"figure 2": "table-hyperparameters", "bulge fraction": "figure-bulge_fraction",
              "diversity": "table-diversity"}  # fmt: skip
_SIGNS = {"supported": "\N{CHECK MARK}", "not supported": "\N{MULTIPLICATION X}", "cannot tell": "?"}


@dataclass(frozen=True)
class Chapter:
    """What stands in one section of the page."""

    anchor: str
    title: str
    experiment: str  #: Key in the summary of what must have been run; '' for none.
    only: str  #: How ``agez reproduce --only`` calls it.
    figures: tuple[FigureKey, ...]
    table: tuple[str, str, Table] | None = None  #: (anchor, title, function) Made of the experiment's block.
    needs: tuple[str, ...] = ()  #: Keys of the summary of which one must be there, where there is no experiment.


@dataclass(frozen=True)
class Part:
    """A finished section: its name in links, its title, its HTML, and the (anchor, title) of what is in it."""

    anchor: str
    title: str
    body: str
    items: tuple[tuple[str, str], ...] = ()


def _chapters(entries: Sequence[Mapping[str, Any]]) -> tuple[Chapter, ...]:
    """Those of ``data/chapters.toml``."""
    found = []
    for one in entries:
        words = {name: one.get(name, "") for name in ("anchor", "title", "experiment", "only")}
        anchor, title, make = one.get("table", ("", "", ""))
        shown = (anchor, title, getattr(tables, make)) if make else None
        found.append(Chapter(**words, figures=tuple(one.get("figures", ())), table=shown,
                             needs=tuple(one.get("needs", ()))))  # fmt: skip
    return tuple(found)


CHAPTERS = _chapters(
    tomllib.loads((files("agez") / "report/data/chapters.toml").read_text(encoding="utf-8"))["chapter"]
)


def chapter(
    one: Chapter, content: Mapping[str, Any], images: Mapping[FigureKey, bytes], claims: Sequence[Claim]
) -> Part | None:
    """The section of a chapter; None if nothing of it was run.

    Parameters
    ----------
    content : mapping
        The summary, with whole blocks under the experiments' keys.
    images : mapping of figure key to PNG
    """
    if (one.experiment and one.experiment not in content) or (one.needs and not any(map(content.get, one.needs))):
        return None
    body, items = "", []
    shown = [key for key in one.figures if key in images]
    places = {_figure_anchor(key) for key in shown} | ({one.table[0]} if one.table else set())
    own = [claim for claim in claims if _home(claim) == one.anchor]
    reason = content[one.experiment]["measured"].get("not_run") if one.experiment else None
    if reason is not None:
        places = set()
        body += f"<p>Not run: {escape(str(reason))}.</p>\n".replace("..<", ".<")
    # claims of several figures, or of one that is not there, stand first
    body += "".join(_claim(claim) for claim in own if len(_anchors(claim)) != 1 or _anchors(claim)[0] not in places)
    for key in shown:
        anchor = _figure_anchor(key)
        body += _figure(key, images[key]) + "".join(_claim(claim) for claim in own if _anchors(claim) == [anchor])
        items.append((anchor, _figure_title(key)))
    if one.table is not None and reason is None:
        anchor, title, make = one.table
        body += make(content) + "".join(_claim(claim) for claim in own if _anchors(claim) == [anchor])
        items.append((anchor, title))
    return Part(one.anchor, one.title, body, tuple(items)) if body else None


def not_run(content: Mapping[str, Any]) -> str:
    """One line on what was not run and how to get it; nothing where all was."""
    missing = [
        one
        for one in CHAPTERS
        if (one.experiment and one.experiment not in content) or (one.needs and not any(map(content.get, one.needs)))
    ]
    if not missing:
        return ""
    titles = {one.only: one.title.removeprefix(f"{OURS}: ") for one in reversed(missing)}  # the first of each name
    told = "; ".join(f"{titles[only]} (<code>agez reproduce --only {only}</code>)" for only in reversed(titles))
    return f'<p id="not-run">Not run: {told}.</p>\n'


def contents(parts: Sequence[Part]) -> str:
    """The list of sections, figures and tables, with links."""
    entries = []
    for part in parts:
        inner = "".join(f"<li>{_link(anchor, title)}</li>\n" for anchor, title in part.items)
        entries.append(f"<li>{_link(part.anchor, part.title)}" + (f"\n<ul>\n{inner}</ul>" if inner else "") + "</li>\n")
    return f'<nav aria-label="Contents">\n<h2>Contents</h2>\n<ul>\n{"".join(entries)}</ul>\n</nav>'


def claims_table(claims: Sequence[Claim], parts: Sequence[Part]) -> str:
    """All claims with their verdicts; where a claim belongs to is a link if it is on the page."""
    there = {part.anchor: {anchor for anchor, _ in part.items} for part in parts}
    rows, count = [], dict.fromkeys(_SIGNS, 0)
    for claim in claims:
        count[claim.verdict] += 1
        home, anchors = _home(claim), _anchors(claim)
        alone = len(anchors) == 1 and anchors[0] in there.get(
            home, ()
        )  # then it stands there, else at the chapter's head
        place = _link(anchors[0] if alone else home, claim.figure) if home in there else escape(claim.figure)
        cells = "".join(f'<td class="text">{escape(one) or "-"}</td>' for one in
                        (claim.section, claim.published, claim.measured))  # fmt: skip
        rows.append(
            f'<tr><th scope="row">{place}</th><td class="text claimed">{escape(claim.claim)}</td>{cells}'
            f'<td class="text">{_verdict(claim)}</td></tr>'
        )
    told = ", ".join(f"{n} {verdict}" for verdict, n in count.items())
    return table(
        f"{len(rows)} claims, judged by this run: {told}. How each was decided is told where it is linked to. "
        "“Cannot tell”: the errors or the size of this run do not allow a decision. Sections are the paper's.",
        "<tr><td></td>"
        + "".join(
            f'<th scope="col" class="text">{title}</th>'
            for title in ("claim", "section", "published", "this run", "verdict")
        )
        + "</tr>",
        rows,
    )


def _claim(claim: Claim) -> str:
    how = escape(claim.how).replace("\n", "<br>")
    source = escape(_source(claim))
    return (
        f'<div class="claim"><p>{_verdict(claim)} <strong>{escape(claim.claim)}</strong> ({source})</p>\n'
        f'<p class="how">How decided: {how}</p></div>\n'
    )


def _source(claim: Claim) -> str:
    """Where a claim stands in the paper, with the published number."""
    section = "ours" if claim.section == "ours" else f"{claim.figure}; {_sections(claim.section)}"
    return section + (f"; published: {claim.published}" if claim.published else "")


def _sections(section: str) -> str:
    return section if section.startswith("abstract") else f"section {section}"


def _verdict(claim: Claim) -> str:
    kind = claim.verdict.replace(" ", "-")
    return f'<span class="verdict {kind}">{_SIGNS[claim.verdict]} {claim.verdict}</span>'


def _anchors(claim: Claim) -> list[str]:
    """Anchors of the figures or the table that a claim names: ``figures 10-12``, ``table 1``, ``peers``."""
    place = claim.figure.strip().lower()
    if place in _ANCHOR_OF:
        return [_ANCHOR_OF[place]]
    if found := re.fullmatch(r"(?:figures?|fig\.?) ?(\d+)(?: ?[-\N{EN DASH}] ?(\d+))?", place):
        first, last = int(found[1]), int(found[2] or found[1])
        return [_figure_anchor(key) for key in range(first, last + 1)]
    return [re.sub(r"[^a-z0-9]+", "-", place)]


def _home(claim: Claim) -> str:
    """Anchor of the chapter that a claim belongs to; '' if none."""
    first = _ANCHOR_OF.get(claim.figure, _anchors(claim)[0])
    for one in CHAPTERS:
        if first in map(_figure_anchor, one.figures) or (one.table and first == one.table[0]):
            return one.anchor
    return ""


def _figure_anchor(key: FigureKey) -> str:
    return f"figure-{key}"


def _figure_title(key: FigureKey) -> str:
    return f"Figure {key}: {CAPTIONS[key].title}" if isinstance(key, int) else CAPTIONS[key].title


def _link(anchor: str, title: str) -> str:
    return f'<a href="#{escape(anchor)}">{escape(title)}</a>'


def _figure(key: FigureKey, image: bytes) -> str:
    caption, data = CAPTIONS[key], base64.b64encode(image).decode("ascii")
    name = f"Figure {key}. " if isinstance(key, int) else ""
    return (
        f'<figure id="{_figure_anchor(key)}">\n'
        f'<img alt="{escape(caption.alt)}" src="data:image/png;base64,{data}">\n'
        f"<figcaption><strong>{name}{escape(caption.title)}.</strong> {escape(caption.text)}</figcaption>\n"
        "</figure>\n"
    )
