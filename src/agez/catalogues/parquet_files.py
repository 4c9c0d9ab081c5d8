"""Catalogues in Parquet: one file cut by its row groups, or a folder of files of one schema."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from agez.catalogues.catalogue import Catalogue, Kind, Partition
from agez.errors import AgezError, some_of
from agez.runtime.optional_packages import need
from agez.tables.arrow_columns import (
    UCD_KEYS,
    UNIT_KEYS,
    WORDS_KEYS,
    kind_of_arrow,
    masks_of,
    said,
    table_meta,
    to_numpy,
    without_masked,
)
from agez.tables.table_columns import PlainTable, said_twice, usable_names

#: A file or a row group is cut only if it has more than this many times the rows of a partition.
SLACK = 2.0
#: Rows that are decoded at a time from a row group that is cut.
_BATCH_ROWS = 50_000


def need_pyarrow(path: object) -> Any:
    """The module pyarrow.parquet; AgezError that says how to get it."""
    return need("pyarrow.parquet", extra="parquet", purpose=f"{path}: Parquet")


def open_folder(path: Path, rows: int) -> Catalogue:
    """A folder, searched to any depth, of Parquet files of one schema; hidden files and ``_metadata`` are left out."""
    files = sorted(one for one in path.rglob("*") if one.suffix in (".parquet", ".parq", ".pq") and _is_data(one, path))
    if not files:
        some = some_of(sorted(one.name for one in path.iterdir() if one.is_file()), 3) or "it has no file"
        raise AgezError(
            f"{path}: no Parquet file in this folder ({some}); give one file; of many spectra or cubes make photometry "
            "first: agez synth FOLDER -o PHOT.fits"
        )
    return open_files(path, "parquet", [(one, "") for one in files], rows)


def _is_data(path: Path, root: Path) -> bool:
    return path.is_file() and not any(part.startswith((".", "_")) for part in path.relative_to(root).parts)


def open_files(
    path: Path, kind: Kind, files: Sequence[tuple[Path, str]], rows: int, *, skip: Iterable[str] = ()
) -> Catalogue:
    """A catalogue of many files, each with the name of its partition (or '': numbered).

    A file that cannot be read becomes a partition with a fault.  AgezError if none can, or two differ in schema.
    """
    found: list[Partition] = []
    first_row = 0
    first: tuple[Path, _Footer] | None = None
    faults: list[str] = []
    for file, name in files:
        try:
            footer = _footer(file)
        except AgezError as error:
            faults.append(str(error))
            number = len(found)
            found.append(
                Partition(number, name or f"part-{number:05d}", str(file), kind, 0, 0, first_row, fault=faults[-1])
            )
            continue
        if first is None:
            first = (file, footer)
        _same_schema(first, (file, footer), skip=set(skip))
        pieces = _cut(footer.group_rows, rows)
        for k, (start, stop) in enumerate(pieces):
            label = (name if len(pieces) == 1 else f"{name}.{k:03d}") if name else f"part-{len(found):05d}"
            found.append(Partition(len(found), label, str(file), kind, start, stop, first_row))
            first_row += stop - start
    if first is None:
        many = f"{path}: none of {len(files)} files can be read; the first: " if len(files) > 1 else ""
        raise AgezError(f"{many}{faults[0]}")
    some = f" and {len(faults) - 1} others" if len(faults) > 1 else ""
    remarks = (f"set aside: {faults[0]}{some}",) if faults else ()
    return _catalogue(path, kind, found, first[1], remarks)


@dataclass(frozen=True, eq=False)
class _Footer:
    """What the end of a file says of it."""

    schema: Any
    group_rows: tuple[int, ...]
    twice: tuple[str, ...] = ()


def _footer(path: Path) -> _Footer:
    parquet = need_pyarrow(path)
    try:
        with parquet.ParquetFile(path) as file:
            meta = file.metadata
            found = _Footer(file.schema_arrow, tuple(meta.row_group(k).num_rows for k in range(meta.num_row_groups)))
    except Exception as error:  # pyarrow raises whatever the damage leads to
        raise AgezError(
            f"{path} cannot be read as Parquet: {_reason(error)}; it may be cut short or of another kind: "
            "make or copy it again"
        ) from error
    usable, masks = usable_names(found.schema.names, source=path), masks_of(found.schema)
    if all(usable) and not masks:
        return found
    import pyarrow as pa

    fields = [f for f, name in zip(found.schema, usable, strict=True) if name and name not in masks]
    twice = tuple(dict.fromkeys(field.name for field, name in zip(found.schema, usable, strict=True) if not name))
    return replace(found, schema=pa.schema(fields, found.schema.metadata), twice=twice)


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(". ")


def _cut(group_rows: Sequence[int], rows: int) -> list[tuple[int, int]]:
    """Ranges of rows: whole row groups together up to ``rows``; large ones are cut into equal parts."""
    pieces: list[tuple[int, int]] = []
    start = at = 0
    for n in group_rows:
        if n > SLACK * rows:
            if at > start:
                pieces.append((start, at))
            parts = -(-n // rows)
            edges = [at + n * k // parts for k in range(parts + 1)]
            pieces += list(pairwise(edges))
            start = at + n
        elif at + n - start > rows and at > start:
            pieces.append((start, at))
            start = at
        at += n
    if at > start or not pieces:
        pieces.append((start, at))
    return pieces


def _catalogue(
    path: Path, kind: Kind, partitions: Sequence[Partition], footer: _Footer, remarks: tuple[str, ...]
) -> Catalogue:
    schema = footer.schema
    units = {field.name: found for field in schema if (found := said(field.metadata, UNIT_KEYS))}
    meta = table_meta(schema.metadata)
    for key in ("_words", "_ucds"):
        meta.pop(key, None)
    for name, unit in meta.pop("_units", {}).items():
        units.setdefault(name, unit)
    types = {field.name: kind_of_arrow(field.type) for field in schema}
    return Catalogue(
        str(path), kind, tuple(schema.names), tuple(partitions), units, meta, types,
        remarks=(*remarks, *said_twice(footer.twice)),
    )  # fmt: skip


def _same_schema(first: tuple[Path, _Footer], other: tuple[Path, _Footer], *, skip: set[str]) -> None:
    """AgezError that names the file and the column if a file has other columns than the first, or of another type."""
    ours, theirs = (
        {f.name: kind_of_arrow(f.type) for f in one[1].schema if f.name not in skip} for one in (first, other)
    )
    for name in ours:
        if name not in theirs:
            raise AgezError(
                f"{other[0]} has no column {name}, which {first[0]} has; files of a catalogue must be alike"
            )
        if ours[name] != theirs[name] and "null" not in (ours[name], theirs[name]):
            raise AgezError(
                f"{other[0]}: column {name} holds {theirs[name]}, that of {first[0]} holds {ours[name]}; "
                "files of a catalogue must be alike"
            )
    more = [name for name in theirs if name not in ours]
    if more:
        raise AgezError(
            f"{other[0]} has a column {more[0]}, which {first[0]} has not; files of a catalogue must be alike"
        )


def read_rows(partition: Partition, columns: Sequence[str]) -> PlainTable:
    """These columns of a partition, decoded from the row groups that it needs."""
    parquet = need_pyarrow(partition.path)
    try:
        table = without_masked(_read(parquet, partition, list(columns)))
    except Exception as error:
        raise AgezError(
            f"{partition.path} cannot be read as Parquet: {_reason(error)}; it may be damaged: make or copy it again"
        ) from error
    if table.num_rows != len(partition):
        raise AgezError(f"{partition.path} has changed while it was read: it has other rows than at first")
    arrays = {name: to_numpy(table.column(name), name, partition.path, partition.start) for name in columns}
    words, ucds = (
        {f.name: found for f in table.schema if (found := said(f.metadata, keys))} for keys in (WORDS_KEYS, UCD_KEYS)
    )
    return PlainTable(arrays, len(partition), descriptions=words, first_row=partition.first_row, ucds=ucds)


#: The last row group that was cut, and the batches still to come: partitions in order go on where the last one ended.
_going_on: dict[tuple[Any, ...], tuple[int, Iterator[Any], Any]] = {}


def _read(parquet: Any, partition: Partition, columns: list[str]) -> Any:
    import pyarrow as pa

    with parquet.ParquetFile(partition.path, pre_buffer=True) as file:  # four times as fast
        columns = [*columns, *(one for one in masks_of(file.schema_arrow) if one[:-5] in columns)]
        edges = np.cumsum([0] + [file.metadata.row_group(k).num_rows for k in range(file.metadata.num_row_groups)])
        groups = [k for k in range(len(edges) - 1) if edges[k] < partition.stop and edges[k + 1] > partition.start]
        if not groups:
            return file.schema_arrow.empty_table().select(columns)
        if edges[groups[0]] == partition.start and edges[groups[-1] + 1] == partition.stop:
            return file.read_row_groups(groups, columns=columns, use_threads=False)
    # part of a large row group: batch after batch, never the whole of it
    key = (partition.path, Path(partition.path).stat().st_mtime_ns, groups[0], tuple(columns))
    at, batches, left = _going_on.pop(key, (0, None, None))
    start = partition.start - int(edges[groups[0]])
    if batches is None or at > start:
        at, left = 0, None
        file = parquet.ParquetFile(partition.path, memory_map=True)
        batches = file.iter_batches(_BATCH_ROWS, row_groups=[groups[0]], columns=columns, use_threads=False)
    taken, need = [], len(partition)
    while need:
        if left is None or left.num_rows == 0:
            left = next(batches)
        if at < start:
            skip = min(start - at, left.num_rows)
            left, at = left.slice(skip), at + skip
            continue
        take = min(need, left.num_rows)
        taken.append(left.slice(0, take))
        left, at, need = left.slice(take), at + take, need - take
    _going_on.clear()
    _going_on[key] = (at, batches, left)
    return pa.Table.from_batches(taken)
