"""Tables in Markdown that benchmarks print: found, thinned out, and put together again."""

from __future__ import annotations

import math

Table = tuple[str, list[str], list[list[str]]]


def cells(line: str) -> list[str]:
    """The cells of one line of a table."""
    return [one.strip() for one in line.strip().strip("|").split("|")]


def read_tables(text: str) -> list[Table]:
    """Title (the last line of text before it), header and rows of each table."""
    found: list[Table] = []
    title, inside = "", False
    for line in text.splitlines():
        if not line.startswith("|"):
            inside = False
            title = line.strip() or title
        elif not inside:
            inside = True
            found.append((title, cells(line), []))
        elif set(line) - set("|-: "):
            found[-1][2].append(cells(line))
    return found


def join_table(header: list[str], rows: list[list[str]]) -> str:
    """The lines of a table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def says_something(cell: str) -> bool:
    """Whether a cell holds more than a dash, NaN, or a count of nothing."""
    try:
        number = float(cell)
    except ValueError:
        return cell not in ("", "-")
    return math.isfinite(number) and cell != "0"


def groups_of(header: list[str]) -> list[int]:
    """The group of each column: a new one begins at a name such as ``code: what``, 0 is what stands before them."""
    group, code = 0, ""
    groups = []
    for word in header:
        if ": " in word and word.split(": ")[0] != code:
            group, code = group + 1, word.split(": ")[0]
        groups.append(group)
    return groups


def first_groups(header: list[str], rows: list[list[str]], count: int) -> tuple[list[str], list[list[str]]]:
    """A table with the first ``count`` groups of columns only."""
    keep = [i for i, group in enumerate(groups_of(header)) if group <= count]
    return [header[i] for i in keep], [[row[i] for i in keep] for row in rows]


def drop_empty(header: list[str], rows: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """A table without the groups of columns in which no cell says anything, and then without such rows."""
    groups = groups_of(header)
    alive = {0} | {g for row in rows for g, cell in zip(groups, row, strict=True) if says_something(cell)}
    keep = [i for i, g in enumerate(groups) if g in alive]
    rest = [i for i in keep if groups[i] > 0]
    rows = [row for row in rows if not rest or any(says_something(row[i]) for i in rest)]
    return [header[i] for i in keep], [[row[i] for i in keep] for row in rows]
