"""The tables of a report (HTML) as Markdown, so that pages show the very tables that a report shows."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from markdown_tables import join_table

#: How pages write what a report sets with subscripts and signs.
_PLAIN = (("σ<sub>MAD</sub>", "sigma_mad"), ("R<sub>e</sub>", "Re"), ("A<sub>V</sub>", "A_V"), ("\N{MINUS SIGN}", "-"))


def markdown_of(page: str) -> str:
    """Every table of a piece of HTML: its caption, and its lines; the heading over rows becomes their first column."""
    for fancy, plain in _PLAIN:
        page = page.replace(fancy, plain)
    reader = _Reader()
    reader.feed(page)
    return "\n\n".join(reader.tables)


class _Reader(HTMLParser):
    """Reads what :mod:`agez.report.cells` writes."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[str] = []
        self._caption = self._group = ""
        self._head: list[list[str]] = []
        self._rows: list[list[str]] = []
        self._line: list[str] = []
        self._width, self._is_group, self._in_head = 1, False, False
        self._text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "table":
            self._caption, self._group, self._head, self._rows = "", "", [], []
        elif tag in ("thead", "tbody"):
            self._in_head = tag == "thead"
        elif tag == "tr":
            self._line, self._is_group = [], found.get("class") == "group"
        elif tag in ("td", "th"):
            self._width = int(found.get("colspan") or 1)
        if tag in ("td", "th", "caption"):
            self._text = []

    def handle_data(self, data: str) -> None:
        self._text.append(data)

    def handle_endtag(self, tag: str) -> None:
        text = re.sub(r"\s+", " ", "".join(self._text)).strip().replace("|", r"\|")
        if tag == "caption":
            self._caption = text
        elif tag in ("td", "th"):
            self._line += [text] if self._is_group else [text] * self._width
        elif tag == "tr" and self._is_group:
            self._group = self._line[0]
        elif tag == "tr" and self._in_head:
            self._head.append(self._line)
        elif tag == "tr":
            self._rows.append([self._group, *self._line])
        elif tag == "table":
            self.tables.append(self._table())

    def _table(self) -> str:
        columns = max(len(row) for row in [*self._rows, *(["", *line] for line in self._head)])
        header = [""] * columns
        for line in self._head:
            for at, word in enumerate(line, start=1):
                header[at] = f"{header[at]}: {word}" if header[at] and word else header[at] or word
        rows = [row + [""] * (columns - len(row)) for row in self._rows]
        if not any(row[0] for row in rows):  # no headings over rows
            header, rows = header[1:], [row[1:] for row in rows]
        return "\n\n".join(part for part in (self._caption, join_table(header, rows)) if part)
