"""Cells, rows and tables of HTML; every cell carries the key of the number that it shows."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any

from agez.report.numbers import number

#: Words of the report: definitions, references, captions and titles of tables.
WORDS: Mapping[str, Any] = tomllib.loads((files("agez") / "report/data/words.toml").read_text(encoding="utf-8"))
#: A cell where there is nothing to say.
EMPTY = "<td></td>"


def find(content: Any, key: str) -> Any:
    """What stands under a dotted key, ``set_a.age.sigma_mad``; a number counts in a list; None where nothing is."""
    value = content
    for part in key.split("."):
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(value, list | tuple) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value


def look_up(content: Mapping[str, Any], key: str) -> float | None:
    """The number under a dotted key; None where there is none."""
    value = find(content, key)
    return float(value) if isinstance(value, int | float) else None


def cell(content: Mapping[str, Any], key: str, form: str) -> str:
    """The number under ``key``."""
    return f'<td data-key="{escape(key)}">{number(look_up(content, key), form)}</td>'


def cells(content: Mapping[str, Any], base: str, keys: Sequence[str], form: str) -> str:
    """The numbers under several keys below ``base``, in one format."""
    return "".join(cell(content, f"{base}.{key}", form) for key in keys)


def with_error(content: Mapping[str, Any], key: str, error_key: str, form: str) -> str:
    """The number under ``key`` with its error behind."""
    error = number(look_up(content, error_key), form.replace("+", ""))
    return (
        f'<td><span data-key="{escape(key)}">{number(look_up(content, key), form)}</span> ± '
        f'<span data-key="{escape(error_key)}">{error}</span></td>'
    )


def interval(content: Mapping[str, Any], base: str, form: str, *, value: str = "rho") -> str:
    """A number of a block, by default the rho of a test, with its interval."""
    keys = [f"{base}.{part}" for part in (value, "low", "high")]
    shown, low, high = (f'<span data-key="{escape(k)}">{number(look_up(content, k), form)}</span>' for k in keys)
    return f"<td>{shown} ({low} to {high})</td>"


def words(text: str) -> str:
    """A cell of plain text."""
    return f'<td class="text">{escape(text)}</td>'


def yes_no(content: Mapping[str, Any], key: str, *, none: str = "?") -> str:
    """A cell of a decision."""
    value = find(content, key)
    return words(none if value is None else "yes" if value else "no")


def row(label: str, cells: str) -> str:
    """A row; ``label`` and ``cells`` are HTML."""
    return f'<tr><th scope="row">{label}</th>{cells}</tr>'


def group(label: str, columns: int) -> str:
    """A heading over the rows that follow."""
    return f'<tr class="group"><th scope="rowgroup" colspan="{columns + 1}">{label}</th></tr>'


def head(*titles: str) -> str:
    """A line of column titles (HTML) behind an empty corner."""
    return "<tr><td></td>" + "".join(f'<th scope="col">{title}</th>' for title in titles) + "</tr>"


def named_table(key: str, rows: Sequence[str], *, before: Sequence[str] = (), **values: str) -> str:
    """The table ``key`` of ``data/words.toml``; ``values`` fill its caption, columns ``before`` precede its own."""
    known = WORDS["tables"][key]
    over, lead, columns = known.get("over", []), known.get("lead", []), known["columns"]
    groups = "".join(f'<th scope="colgroup" colspan="{len(columns)}">{title}</th>' for title in over)
    top = f"<tr>{EMPTY * (1 + len(lead))}{groups}</tr>" if over else ""
    titles = head(*before, *lead, *(columns * max(len(over), 1)))
    return table(known["caption"].format(**values), top + titles, rows, anchor=known.get("anchor", ""))


def table(caption: str, head_rows: str, rows: Sequence[str], *, anchor: str = "") -> str:
    """A table that scrolls sideways where the page is narrow; ``caption`` and the rest are HTML."""
    body = "\n".join(rows)
    top = f"<thead>{head_rows}</thead>" if head_rows else ""
    name = f' id="{escape(anchor)}"' if anchor else ""
    return f'<div class="wide"{name}><table><caption>{caption}</caption>{top}<tbody>\n{body}\n</tbody></table></div>\n'
