"""One self-contained HTML page of sections: lines as a command prints them, and figures."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path

from agez.runtime.files import whole_file


def write_plain_page(path: Path, title: str, introduction: str, sections: Mapping[str, str]) -> Path:
    """Write the page, whole or not at all; ``sections`` are the HTML of each, by the name that the contents show."""
    contents = "".join(f'<li><a href="#{escape(name)}">{escape(name)}</a></li>' for name in sections)
    body = "\n".join(f'<section id="{escape(name)}">\n{one}</section>' for name, one in sections.items())
    header = f"<header><h1>{escape(title)}</h1>\n<p>{escape(introduction)}</p></header>"
    page = page_html(title, f"{header}\n<nav><ul>{contents}</ul></nav>\n{body}")
    with whole_file(path) as part:
        part.write_text(page, encoding="utf-8")
    return path


def page_html(title: str, body: str) -> str:
    """A whole page around its body, with the style that all pages of reports have."""
    style = (files("agez") / "report/data/report.css").read_text(encoding="utf-8")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>agez: {escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        f"{body}\n</body>\n</html>\n"
    )


def figure_html(path: Path, caption: str) -> str:
    """A figure that the page holds."""
    content = base64.b64encode(path.read_bytes()).decode("ascii")
    return (
        f'<figure><img src="data:image/png;base64,{content}" alt="{escape(caption)}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def lines_html(lines: Sequence[str]) -> str:
    """Headings, tables and sentences of the lines that a command prints."""
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
