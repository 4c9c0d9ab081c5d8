"""Catalogues in CSV: where rows end is found once, then any range of rows is read by its bytes."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import numpy as np

from agez.catalogues.catalogue import Catalogue, Partition
from agez.catalogues.file_bytes import read_bytes
from agez.errors import AgezError
from agez.runtime.files import open_content
from agez.tables.column_metadata import words_of
from agez.tables.csv_tables import (
    HEAD_BYTES,
    Dialect,
    Seen,
    look_at,
    needs_rewriting,
    parse_rows,
    read_dialect,
    rewritten,
)
from agez.tables.table_columns import PlainTable, said_twice

_BLOCK_BYTES = 16 << 20
#: Bytes by which the kinds of columns are judged at first.
_SAMPLE_BYTES = 1 << 18
_NEWLINE, _QUOTE, _RETURN = 10, 34, 13


def open_csv(path: Path, rows: int) -> Catalogue:
    """A table with a header line, in any dialect of :mod:`agez.tables.csv_tables`; quotes may hold line breaks."""
    try:
        with open_content(path) as file:
            head = file.read(HEAD_BYTES)
        again = needs_rewriting(head)
        if again:
            head = _rewritten(str(path), path.stat().st_mtime_ns)[:HEAD_BYTES]
        dialect = replace(read_dialect(head, source=path), rewritten=again)
        ends = _index(path, rows, dialect)
        if ends is None:  # lines of comment between rows
            whole = _rewritten(str(path), path.stat().st_mtime_ns)
            dialect = replace(read_dialect(whole[:HEAD_BYTES], source=path), rewritten=True)
            ends = _index(path, rows, dialect) or []
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise AgezError(f"{path} cannot be read as CSV: {error}; make or copy it again") from error
    partitions, first, begin = [], 0, dialect.begin
    for number, (end, n) in enumerate(ends):
        partitions.append(
            Partition(number, f"part-{number:05d}", str(path), "csv", first, first + n, first, (begin, end))
        )
        begin, first = end, first + n
    if not partitions:
        partitions = [Partition(0, "part-00000", str(path), "csv", 0, 0, 0, (begin, begin))]
    names = dialect.columns
    seen: dict[str, Seen] = {name: Seen() for name in names}
    sample = _sample(path, partitions[0], dialect)
    look_at(seen, sample, dialect, names, source=path)
    types = {name: seen[name].kind(name) for name in names}
    texts = [name for name in names if types[name] == "text"]
    cells = parse_rows(sample, dialect, texts, {}, source=path) if sample.strip() else {}
    types |= {name: "vector" for name in texts if _looks_like_vector(cells.get(name, ()))}
    return Catalogue(
        str(path), "csv", names, tuple(partitions), types=types, csv=dialect, remarks=said_twice(dialect.twice)
    )


def with_kinds(catalogue: Catalogue, columns: Sequence[str]) -> Catalogue:
    """The catalogue with the kinds of some columns as all of their cells say, not the first thousand alone.

    Whatever part of a catalogue is read then, a column is of one kind: text, if a single cell is.  Parts that cannot be
    read are passed over: whoever reads them says so.
    """
    if catalogue.csv is None:
        return catalogue
    open_ones = [
        name
        for name in columns
        if catalogue.types.get(name) not in ("text", "vector") and not words_of(name)[1]  # what agez reads is a number
    ]
    seen: dict[str, Seen] = {}
    for partition in catalogue.partitions if open_ones else ():
        with suppress(AgezError):
            look_at(seen, _bytes(partition, catalogue.csv), catalogue.csv, open_ones, source=catalogue.path)
    return replace(catalogue, types={**catalogue.types, **{name: one.kind(name) for name, one in seen.items()}})


@lru_cache(maxsize=1)
def _rewritten(path: str, _modified: int) -> bytes:
    with open_content(path) as file:
        return rewritten(file.read(), source=path)


def _bytes(partition: Partition, dialect: Dialect) -> bytes:
    """The rows of a partition as they are written."""
    begin, end = partition.bytes_range
    if not dialect.rewritten:
        return read_bytes(partition.path, begin, end - begin)
    return _rewritten(partition.path, Path(partition.path).stat().st_mtime_ns)[begin:end]


def _index(path: Path, rows: int, dialect: Dialect) -> list[tuple[int, int]] | None:
    """Of each partition its end in bytes and its number of rows; None if a line begins with # and may be a comment."""
    ends: list[tuple[int, int]] = []
    n = last = 0  # rows since the last partition's end; end of the last line that is not blank
    again = io.BytesIO(_rewritten(str(path), path.stat().st_mtime_ns)) if dialect.rewritten else None
    with again or open_content(path) as file:
        file.seek(dialect.begin)
        for stops in _line_ends(file, dialect.begin, comments=dialect.rewritten):
            if stops is None:
                return None
            at = 0
            while len(stops) - at >= rows - n:
                at += rows - n
                ends.append((int(stops[at - 1]), rows))
                n = 0
            n += len(stops) - at
            last = int(stops[-1]) if len(stops) else last
    if n:
        ends.append((last, n))
    return ends


def _line_ends(file: IO[bytes], at: int, *, comments: bool) -> Iterator[Any]:
    """Ends in bytes of the lines that are not blank, block by block; line breaks in quotes end no line.

    None where a line begins with #, unless ``comments`` says that those are rows.
    """
    begin = at
    quotes = 0
    left = b"\n"  # the last byte before a block: to tell whether a line is blank
    while block := file.read(_BLOCK_BYTES):
        if not comments and (b"\n#" in block or (left == b"\n" and block[:1] == b"#")):
            yield None
        data = np.frombuffer(block, np.uint8)
        ends = np.flatnonzero(data == _NEWLINE)
        found = np.flatnonzero(data == _QUOTE) if b'"' in block else np.zeros(0, dtype=int)
        if quotes or len(found):
            ends = ends[(quotes + np.searchsorted(found, ends)) % 2 == 0]
            quotes = (quotes + len(found)) % 2
        stops = ends + 1 + at
        begins = np.concatenate([[begin], stops[:-1]]) if len(stops) else stops
        length = stops - begins
        before = np.where(ends > 0, data[ends - 1], left[-1]) if len(ends) else ends
        blank = (length == 1) | ((length == 2) & (before == _RETURN))
        yield stops[~blank]
        begin = int(stops[-1]) if len(stops) else begin
        at += len(block)
        left = block[-1:]
    if at > begin and left != b"\r":
        yield np.array([at])  # the last line may lack its end


def _sample(path: Path, partition: Partition, dialect: Dialect) -> bytes:
    """The first rows, by which columns are judged."""
    begin, end = partition.bytes_range
    few = replace(partition, bytes_range=(begin, min(end, begin + _SAMPLE_BYTES)))
    data = _bytes(few, dialect)
    if end - begin <= _SAMPLE_BYTES:
        return data
    cut = data.rfind(b"\n") + 1
    while cut and data.count(b'"', 0, cut) % 2:
        cut = data.rfind(b"\n", 0, cut - 1) + 1
    return data[:cut]


def first_rows(catalogue: Catalogue, partition: Partition, n: int) -> Partition:
    """The first ``n`` rows of a partition, or all that a sample of it holds."""
    assert catalogue.csv is not None
    sample = _sample(Path(partition.path), partition, catalogue.csv)
    begin = partition.bytes_range[0]
    stops = [stop for found in _line_ends(io.BytesIO(sample), begin, comments=True) for stop in found.tolist()][:n]
    if not stops or len(stops) >= len(partition):
        return partition
    return replace(partition, stop=partition.start + len(stops), bytes_range=(begin, stops[-1]))


def read_rows(catalogue: Catalogue, partition: Partition, columns: Sequence[str]) -> PlainTable:
    """These columns of a partition."""
    assert catalogue.csv is not None
    data = _bytes(partition, catalogue.csv)
    if not data.strip():
        return PlainTable({name: np.zeros(0) for name in columns}, 0, first_row=partition.first_row)
    arrays = parse_rows(
        data, catalogue.csv, columns, catalogue.types, source=partition.path, first_row=partition.first_row
    )
    n = len(next(iter(arrays.values()))) if arrays else len(partition)
    if n != len(partition):
        raise AgezError(
            f"{partition.path}: rows {partition.start + 1} to {partition.stop} are {n} on reading; "
            "a quotation mark is missing, or the file has changed"
        )
    for name in columns:
        if catalogue.types.get(name) == "vector":
            arrays[name] = parse_vectors(arrays[name], name, partition)
    return PlainTable(arrays, n, first_row=partition.first_row)


def _looks_like_vector(column: Any) -> bool:
    first = next((one for one in list(column[:100]) if one), "")
    text = str(first).strip()
    return len(text) > 1 and text[0] + text[-1] in ("{}", "[]", "()")


def parse_vectors(column: Any, name: str, partition: Partition) -> Any:
    """Arrays that are written as text, ``{1.0,2.0}``, ``[1.0, 2.0]`` or ``(1.0 2.0)``, as (n, k); none at all is NaN.

    Raises
    ------
    AgezError
        If rows have different numbers of values, or one is no number.
    """
    rows = [str(one).strip().strip("{}[]()").replace(",", " ").split() for one in np.ma.getdata(column).tolist()]
    length = max((len(one) for one in rows), default=0)
    for number, one in enumerate(rows):
        if len(one) not in (0, length):
            raise AgezError(
                f"{partition.path}: column {name} has {len(one)} values in row {partition.start + number + 1}, "
                f"{length} in others; expected as many in each"
            )
    nothing = ["nan"] * length
    flat = [value for one in rows for value in (one or nothing)]
    try:
        values = np.array(flat, dtype=float)
    except ValueError:
        values = np.array([np.nan if one.lower() in ("null", "none", "--") else _number(one, name, partition)
                           for one in flat])  # fmt: skip
    values = values.reshape(len(rows), length)
    whole = bool(flat) and all(one.lstrip("+-").isdigit() for one in flat)
    return values.astype(np.int64) if whole else values


def _number(text: str, name: str, partition: Partition) -> float:
    try:
        return float(text)
    except ValueError:
        raise AgezError(f"{partition.path}: column {name} holds {text!r}; expected numbers") from None
