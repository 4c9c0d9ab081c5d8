"""CSV as people write it: what parts its columns, where its rows begin, and of which kind each column is.

A cell is text until all cells of its column say otherwise: an identifier must come out as it went in, so ``007``,
``1e3``, ``True`` and integers of more than 64 bits stay text.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from agez.errors import AgezError
from agez.tables.arrow_columns import to_numpy
from agez.tables.column_metadata import words_of
from agez.tables.table_columns import MISSING_WORDS, usable_names

#: What may part columns; the first wins where a header has as many of several.
DELIMITERS = (",", ";", "\t", "|")
#: Bytes from the beginning in which the names of columns must be.
HEAD_BYTES = 1 << 20
#: Columns that are text whatever they hold, and words in the names of those that are never taken for broken numbers.
_ALWAYS_TEXT = ("id", "spec_id", "galaxy_id", "name", "band", "quantity", "reason", "morphology")
_IDENTIFIERS = {"id", "ids", "name", "number", "num", "ident", "identifier", "designation", "source", "object", "key",
                "objid", "objectid", "sourceid", "specobjid", "photoobjid", "thingid", "targetid"}  # fmt: skip
_BOMS = ((codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"),
         (codecs.BOM_UTF16_BE, "utf-16"))  # fmt: skip
_INTEGER = r"^(?:0|-?[1-9][0-9]*)$"
#: With a point, or an exponent that has its sign: so programs write numbers, and hardly anybody names things.
_FLOAT = r"^[+-]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$|^-0$|^[+-]?[0-9]+[eE][+-][0-9]+$"
_LOOSE = r"^[+-]?[0-9]+(?:[eE][+-]?[0-9]+)?$"
_INFINITE = r"^[+-]?(?:inf|Inf|INF|infinity|Infinity)$"
_EXACT = 2**53


@dataclass(frozen=True)
class Dialect:
    """How a CSV file is written; plain data."""

    names: tuple[str, ...]  #: Of all columns, in order and all different; '' of those that are left out.
    delimiter: str
    begin: int  #: Where in the content the rows begin [bytes].
    #: The content is to be taken from :func:`rewritten`, since the file itself cannot be read by stretches.
    rewritten: bool = False
    twice: tuple[str, ...] = ()  #: Names that two columns have, which are left out.

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that can be read."""
        return tuple(name for name in self.names if name)

    @property
    def unique(self) -> list[str]:
        """A name for each column, also for those that are left out."""
        return [name or f"\x00{k}" for k, name in enumerate(self.names)]


def needs_rewriting(head: bytes) -> bool:
    """Whether content that begins so is in another encoding than UTF-8, or has the line ends of old Macs."""
    return head.startswith(tuple(bom for bom, _ in _BOMS)) or (b"\r" in head and b"\n" not in head)


def rewritten(content: bytes, *, source: object) -> bytes:
    """The same table in UTF-8, with the line ends of today and without lines of comment between its rows."""
    encoding = next((name for bom, name in _BOMS if content.startswith(bom)), "utf-8-sig")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise AgezError(f"{source} cannot be read as CSV: {error}; save it as UTF-8") from error
    if "\n" not in text:
        text = text.replace("\r", "\n")
    data = text.encode()
    dialect = read_dialect(data[:HEAD_BYTES], source=source)
    number = len(dialect.names)
    rows = data[dialect.begin :].splitlines(keepends=True)
    kept, quotes = [data[: dialect.begin]], 0
    for row in rows:
        if quotes % 2 or not _is_comment(row, dialect.delimiter, number):
            kept.append(row)
            quotes += row.count(b'"')
    return b"".join(kept)


def _is_comment(line: bytes, delimiter: str, n_columns: int) -> bool:
    """A line that begins with # is a comment unless it has a cell for each column."""
    if not line.startswith(b"#"):
        return False
    return len(_cells(line.decode("utf-8", "replace"), delimiter)) < n_columns or n_columns == 1


def read_dialect(head: bytes, *, source: object) -> Dialect:
    """The dialect of content that begins so.

    Lines that begin with # before the names are comments, but the first of them that has as many cells as the row below
    it, which holds a number, is the line of names: so ``#id,ra`` is.

    Raises
    ------
    AgezError
        If there is no line of names, or a column of agez's own is there twice.
    """
    comments: list[str] = []
    for begin, end, line in _lines(head):
        if line.startswith("#"):
            comments.append(line.lstrip("#").strip())
            continue
        said = re.fullmatch(r'"?sep=(.)"?', line.strip())
        if said and said[1] in DELIMITERS:
            continue
        for names in comments:
            delimiter = _delimiter(names)
            n = len(_cells(names, delimiter))
            row = _cells(line, delimiter)
            if n > 1 and n == len(row) and any(_is_number(one) for one in row):
                return _dialect(names, delimiter, row, begin, source)
        delimiter = _delimiter(line)
        first = next((row for _, _, row in _lines(head[end:]) if not row.startswith("#")), "")
        return _dialect(line, delimiter, _cells(first, delimiter), end, source)
    raise AgezError(f"{source} has no line of column names")


def _lines(head: bytes) -> Iterator[tuple[int, int, str]]:
    """Lines that are not blank, each with the places of its beginning and end; a break in quotes ends none."""
    end, held = 0, b""
    for line in head.splitlines(keepends=True):
        end += len(line)
        held += line
        if held.count(b'"') % 2 and not held.startswith(b"#") and end < len(head):
            continue
        begin = end - len(held)
        text = held.decode("utf-8" if begin else "utf-8-sig", "replace")
        held = b""
        if text.strip():
            yield begin, end, text


def _delimiter(line: str) -> str:
    bare = re.sub(r'"[^"]*"', "", line)
    return max(DELIMITERS, key=bare.count)


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader(io.StringIO(line, newline=""), delimiter=delimiter, strict=False), [])
    except csv.Error:
        return []


def _dialect(line: str, delimiter: str, first_row: Sequence[str], begin: int, source: object) -> Dialect:
    names = [name.strip() for name in _cells(line, delimiter)]
    if len(first_row) == len(names) + 1 and not first_row[-1].strip():
        names.append("")  # rows that end with what parts columns
    elif len(first_row) == len(names) - 1 and not names[-1]:
        names.pop()
    at_end = len(names) > 1 and not names[-1]
    usable = usable_names(names, source=source)
    twice = tuple(dict.fromkeys(name for name, found in zip(names, usable, strict=True) if name and not found))
    return Dialect((*usable[:-1], "") if at_end else usable, delimiter, begin, twice=twice)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


@dataclass
class Seen:
    """What the cells of a column have been so far."""

    integers: bool = False
    floats: bool = False
    loose: bool = False
    infinite: bool = False
    missing: bool = False
    other: bool = False
    least: int = 0
    most: int = 0

    def add(self, cells: Any) -> None:
        """More cells of the same column: a numpy array of str, or Arrow's."""
        left = _distinct(cells)
        integers, left = _parted(left, _INTEGER)
        self.integers |= bool(integers)
        for value in map(int, integers):
            self.least, self.most = min(self.least, value), max(self.most, value)
        floats, left = _parted(left, _FLOAT)
        infinite, left = _parted(left, _INFINITE)
        loose, left = _parted(left, _LOOSE)
        self.floats |= bool(floats)
        self.infinite |= bool(infinite)
        self.loose |= bool(loose)
        self.missing |= any(one and one in MISSING_WORDS for one in left)
        self.other |= any(one not in MISSING_WORDS for one in left)

    def kind(self, name: str) -> str:
        """``integer`` or ``unsigned`` (64 bits), ``number`` or ``text``."""
        if self.other or name.lower() in _ALWAYS_TEXT:
            return "text"
        identifies = bool(_IDENTIFIERS & set(re.split(r"[^a-z]+", name.lower())))
        whole = self.least >= -(2**63) and (self.most < 2**63 or (self.most < 2**64 and self.least >= 0))
        integer = "integer" if self.most < 2**63 else "unsigned"
        only_integers = self.integers and not (self.floats or self.infinite or self.loose)
        if words_of(name)[1]:  # what agez itself reads is a number, however it is written
            return integer if only_integers and whole else "number"
        if self.loose:
            return "text"
        if only_integers:
            return integer if whole and not (identifies and self.missing) else "text"
        if identifies:
            return "text"
        if self.integers and max(-self.least, self.most) > _EXACT:
            return "text"
        return "number" if self.floats or not self.infinite else "text"


def _distinct(cells: Any) -> list[str]:
    """The cells without space around them, each once; of integers of up to 15 digits only the least and the most."""
    try:
        import pyarrow as pa
        import pyarrow.compute as pc
    except ImportError:
        return sorted({str(one).strip() for one in cells.tolist()})
    array = cells if isinstance(cells, pa.ChunkedArray) else pa.array(cells, pa.string())
    trimmed = pc.utf8_trim_whitespace(array).unique()
    small = pc.match_substring_regex(trimmed, r"^(?:0|-?[1-9][0-9]{0,14})$")
    numbers = pc.cast(trimmed.filter(small), pa.int64())
    plain = pc.match_substring_regex(trimmed, r"^-?[0-9]+\.[0-9]+$")
    ends = [str(one) for one in pc.min_max(numbers).as_py().values() if one is not None]
    some = trimmed.filter(plain)[:1].to_pylist()
    return [*ends, *some, *trimmed.filter(pc.invert(pc.or_(small, plain))).to_pylist()]


def _parted(cells: list[str], pattern: str) -> tuple[list[str], list[str]]:
    """Those that match, and the others."""
    match = re.compile(pattern).match
    return [one for one in cells if match(one)], [one for one in cells if not match(one)]


def look_at(seen: dict[str, Seen], data: bytes, dialect: Dialect, columns: Sequence[str], *, source: object) -> None:
    """See what the cells of some columns are in more rows of a file; columns that are text already are passed over."""
    open_ones = [name for name in columns if not (name in seen and seen[name].other)]
    if not open_ones or not data.strip():
        return
    table = _arrow_table(data, dialect, dict.fromkeys(open_ones, "text"))
    cells = text_columns(data, dialect, open_ones, source=source) if table is None else table
    for name in open_ones:
        seen.setdefault(name, Seen()).add(cells[name])


def parse_rows(
    data: bytes,
    dialect: Dialect,
    columns: Sequence[str],
    kinds: Mapping[str, str],
    *,
    source: object,
    first_row: int = 0,
) -> dict[str, Any]:
    """Columns of lines of CSV; a column whose cells are not of the kind that was expected is text."""
    table = _arrow_table(data, dialect, {name: kinds.get(name, "text") for name in columns})
    if table is not None:
        return {name: to_numpy(table.column(name), name, source) for name in columns}
    cells = text_columns(data, dialect, columns, source=source, first_row=first_row)
    return {name: _typed(cells[name], kinds.get(name, "text")) for name in columns}


def _arrow_table(data: bytes, dialect: Dialect, kinds: Mapping[str, str]) -> Any:
    """Columns of these kinds by Arrow; None where it cannot read them, or is not there: the other road says why."""
    try:
        import pyarrow as pa
        import pyarrow.csv
    except ImportError:
        return None
    types = {"number": pa.float64(), "integer": pa.int64(), "unsigned": pa.uint64()}
    try:
        return pyarrow.csv.read_csv(
            pa.BufferReader(data),
            read_options=pyarrow.csv.ReadOptions(
                column_names=dialect.unique, block_size=len(data) + 1, use_threads=False
            ),
            parse_options=pyarrow.csv.ParseOptions(delimiter=dialect.delimiter, newlines_in_values=b'"' in data),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types={name: types.get(kind, pa.string()) for name, kind in kinds.items()},
                include_columns=list(kinds), null_values=sorted(MISSING_WORDS),
            ),
        )  # fmt: skip
    except pa.ArrowException:
        return None


def text_columns(
    data: bytes, dialect: Dialect, columns: Sequence[str], *, source: object, first_row: int = 0
) -> dict[str, Any]:
    """Cells of some columns as they are written; AgezError that names the row that has more or fewer cells."""
    table = _arrow_table(data, dialect, dict.fromkeys(columns, "text"))
    if table is not None:
        return {name: np.asarray(table[name].to_numpy(), dtype=object) for name in columns}
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise AgezError(f"{source} cannot be read as CSV: {error}; save it as UTF-8") from error
    n = len(dialect.names)
    rows: list[list[str]] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=dialect.delimiter)
    try:
        for row in reader:
            if row and len(row) != n and (n > 1 or len(row) > 1):
                raise AgezError(
                    f"{source} cannot be read as CSV: row {first_row + len(rows) + 1} has {len(row)} cells, the line "
                    f"of column names {n}; mend that row"
                )
            if row:
                rows.append(row)
    except csv.Error as error:
        raise AgezError(f"{source} cannot be read as CSV: row {first_row + len(rows) + 1}: {error}") from error
    at = {name: k for k, name in enumerate(dialect.names)}
    found = {}
    for name in columns:
        found[name] = np.empty(len(rows), dtype=object)
        found[name][:] = [row[at[name]] for row in rows]
    return found


def _typed(cells: Any, kind: str) -> Any:
    """Text as numbers, if it is all numbers of that kind; else as it is."""
    if kind == "text":
        return cells
    stripped = [str(one).strip() for one in cells.tolist()]
    missing = np.array([one in MISSING_WORDS for one in stripped], dtype=bool)
    if kind in ("integer", "unsigned"):
        whole = [0 if gone else _whole(one) for one, gone in zip(stripped, missing, strict=True)]
        dtype = np.int64 if kind == "integer" else np.uint64
        limits = np.iinfo(dtype)
        if all(one is not None and limits.min <= one <= limits.max for one in whole):
            values = np.array(whole, dtype=dtype)
            return np.ma.MaskedArray(values, mask=missing) if missing.any() else values
        kind = "number"
    try:
        return np.where(missing, "nan", np.array(stripped, dtype=str)).astype(float)
    except ValueError:
        return cells


def _whole(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[+-]?[0-9]+", text) else None
