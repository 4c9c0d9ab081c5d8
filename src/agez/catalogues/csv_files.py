"""Catalogues in CSV: where rows end is found once, then any range of rows is read by its bytes."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agez.catalogues import parquet_files
from agez.catalogues.catalogue import Catalogue, Partition
from agez.catalogues.file_bytes import read_bytes
from agez.catalogues.whole_files import kind_of
from agez.errors import AgezError
from agez.files import open_content
from agez.table_columns import PlainTable, check_distinct

#: Columns that stay text, so that leading zeros are kept.
IDENTIFIERS = ("id", "spec_id", "galaxy_id")
_BLOCK_BYTES = 16 << 20
#: Bytes by which the kinds of columns are judged at first.
_SAMPLE_BYTES = 1 << 18
_NEWLINE, _QUOTE, _RETURN = 10, 34, 13


def open_csv(path: Path, rows: int) -> Catalogue:
    """A comma-separated table with a line of names; quoted text may hold line breaks."""
    try:
        names, begin, ends = _index(path, rows)
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise AgezError(f"{path} cannot be read as CSV: {error}; make or copy it again") from error
    check_distinct(names, source=path)
    partitions, first = [], 0
    for number, (end, n) in enumerate(ends):
        partitions.append(
            Partition(number, f"part-{number:05d}", str(path), "csv", first, first + n, first, (begin, end))
        )
        begin, first = end, first + n
    if not partitions:
        partitions = [Partition(0, "part-00000", str(path), "csv", 0, 0, 0, (begin, begin))]
    sample = _sample(path, partitions[0], names)
    types = {name: kind_of(sample[name]) for name in names}
    for name in names:
        if types[name] == "text" and _looks_like_vector(sample[name]):
            types[name] = "vector"
    return Catalogue(str(path), "csv", tuple(names), tuple(partitions), types=types)


def _index(path: Path, rows: int) -> tuple[list[str], int, list[tuple[int, int]]]:
    """Names of columns, where rows begin, and of each partition its end in bytes and its number of rows."""
    header: tuple[int, int] | None = None
    ends: list[tuple[int, int]] = []
    n = last = 0  # rows since the last partition's end; end of the last line that is not blank
    for begins, stops in _lines(path):
        if header is None and len(stops):
            header, begins, stops = (int(begins[0]), int(stops[0])), begins[1:], stops[1:]
        at = 0
        while len(stops) - at >= rows - n:
            at += rows - n
            ends.append((int(stops[at - 1]), rows))
            n = 0
        n += len(stops) - at
        last = int(stops[-1]) if len(stops) else last
    if header is None:
        raise AgezError(f"{path} has no line of column names")
    if n:
        ends.append((last, n))
    line = read_bytes(path, header[0], header[1] - header[0]).decode("utf-8-sig")
    return [name.strip() for name in next(csv.reader(io.StringIO(line)))], header[1], ends


def _lines(path: Path) -> Iterator[tuple[Any, Any]]:
    """Begins and ends in bytes of the lines that are not blank, block by block; line breaks in quotes end no line."""
    at = begin = 0
    quotes = 0
    left = b""  # the beginning of a line, if it is short: to tell whether it is blank
    with open_content(path) as file:
        while block := file.read(_BLOCK_BYTES):
            data = np.frombuffer(block, np.uint8)
            ends = np.flatnonzero(data == _NEWLINE)
            found = np.flatnonzero(data == _QUOTE) if b'"' in block else np.zeros(0, dtype=int)
            if quotes or len(found):
                ends = ends[(quotes + np.searchsorted(found, ends)) % 2 == 0]
                quotes = (quotes + len(found)) % 2
            stops = ends + 1 + at
            begins = np.concatenate([[begin], stops[:-1]]) if len(stops) else stops
            length = stops - begins
            before = np.where(ends > 0, data[ends - 1], left[-1] if left else 0) if len(ends) else ends
            blank = (length == 1) | ((length == 2) & (before == _RETURN))
            yield begins[~blank], stops[~blank]
            begin = int(stops[-1]) if len(stops) else begin
            at += len(block)
            left = block[-1:]
    if at > begin and left != b"\r":
        yield np.array([begin]), np.array([at])  # the last line may lack its end


def _sample(path: Path, partition: Partition, names: Sequence[str]) -> PlainTable:
    """The first rows, by which columns are judged."""
    begin, end = partition.bytes_range
    data = read_bytes(path, begin, min(end - begin, _SAMPLE_BYTES))
    if end - begin > _SAMPLE_BYTES:
        data = data[: data.rfind(b"\n") + 1]
    return _parsed(data, names, names, path, partition.first_row)


def read_rows(
    partition: Partition, columns: Sequence[str], *, names: Sequence[str], vectors: Sequence[str] = (),
    text: Sequence[str] = (),
) -> PlainTable:  # fmt: skip
    """These columns of a partition; ``names`` are those of all, ``vectors`` those that hold arrays as text.

    Those of ``text`` stay as they are written: identifiers with leading zeros.
    """
    begin, end = partition.bytes_range
    data = read_bytes(partition.path, begin, end - begin)
    table = _parsed(data, names, columns, Path(partition.path), partition.first_row, text=[*vectors, *text])
    if len(table) != len(partition):
        raise AgezError(
            f"{partition.path}: rows {partition.start + 1} to {partition.stop} are {len(table)} on reading; "
            "a quotation mark is missing, or the file has changed"
        )
    arrays = dict(table.columns)
    for name in columns:
        if name in vectors:
            arrays[name] = parse_vectors(arrays[name], name, partition)
    return PlainTable(arrays, len(table), first_row=partition.first_row)


def _parsed(
    data: bytes, names: Sequence[str], columns: Sequence[str], path: Path, first_row: int, *, text: Sequence[str] = ()
) -> PlainTable:
    """Columns of lines of CSV without its first one; text where entries are no numbers."""
    if not data.strip():
        return PlainTable({name: np.zeros(0) for name in columns}, 0, first_row=first_row)
    as_text = [name for name in columns if name.lower() in IDENTIFIERS or name in text]
    try:
        import pyarrow.csv
    except ImportError:
        return _parsed_by_astropy(data, names, columns, path, first_row, as_text)
    import pyarrow as pa

    try:
        table = pyarrow.csv.read_csv(
            pa.BufferReader(data),
            read_options=pyarrow.csv.ReadOptions(
                column_names=list(names), block_size=len(data) + 1, use_threads=False
            ),
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=b'"' in data),
            convert_options=pyarrow.csv.ConvertOptions(
                include_columns=list(columns), column_types=dict.fromkeys(as_text, pa.string()),
                timestamp_parsers=["never"],
            ),
        )  # fmt: skip
    except pa.ArrowException as error:
        reason = str(error).splitlines()[0].rstrip(". ")
        raise AgezError(
            f"{path} cannot be read as CSV (from row {first_row + 1} on): {reason}; make or copy it again"
        ) from error
    whole = Partition(0, "", str(path), "csv", 0, 0)
    arrays = {}
    for name in columns:
        column = table.column(name)
        if str(column.type).startswith(("date", "time", "duration")):
            column = column.cast(pa.string())
        arrays[name] = parquet_files.to_numpy(column, name, whole)
    return PlainTable(arrays, table.num_rows, first_row=first_row)


def _parsed_by_astropy(
    data: bytes, names: Sequence[str], columns: Sequence[str], path: Path, first_row: int, as_text: Sequence[str]
) -> PlainTable:
    """The same without pyarrow: slower."""
    from astropy.table import Table

    try:
        table = Table.read(
            data.decode("utf-8"), format="ascii.no_header", delimiter=",", names=list(names),
            include_names=list(columns), converters=dict.fromkeys(as_text, str), fill_values=[("", "0"), ("nan", "0")],
        )  # fmt: skip
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise AgezError(
            f"{path} cannot be read as CSV (from row {first_row + 1} on): {reason}; make or copy it again"
        ) from error
    return PlainTable({name: table[name] for name in columns}, len(table), first_row=first_row)


def _looks_like_vector(column: Any) -> bool:
    first = next((one for one in np.ma.getdata(column)[:100].tolist() if one), "")
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
    return values.astype(np.int64) if _all_whole(flat) else values


def _all_whole(flat: Sequence[str]) -> bool:
    return bool(flat) and all(one.lstrip("+-").isdigit() for one in flat)


def _number(text: str, name: str, partition: Partition) -> float:
    try:
        return float(text)
    except ValueError:
        raise AgezError(f"{partition.path}: column {name} holds {text!r}; expected numbers") from None
