"""Catalogues in FITS: a binary table read by ranges of rows, only the columns that are needed kept."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import numpy as np
from astropy.io import fits

from agez.catalogues.catalogue import Catalogue, Partition
from agez.catalogues.file_bytes import read_bytes
from agez.catalogues.fits_rows import BLOCK, Field
from agez.catalogues.whole_files import open_whole
from agez.errors import AgezError
from agez.photometry.tables import EXTENSION
from agez.photometry.vector_columns import SURE, likeness
from agez.runtime.files import is_gzipped, open_content
from agez.tables.table_columns import PlainTable, said_twice, usable_names
from agez.tables.table_files import fits_names

#: Bytes that are read at a time; of them only the columns needed are kept.
BLOCK_BYTES = 8 << 20
_TYPES = {"L": "S1", "B": "u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8", "C": ">c8", "M": ">c16"}
#: TZERO by which FITS writes unsigned (and signed 8-bit) integers.
_UNSIGNED = {("I", 32768): np.uint16, ("J", 2147483648): np.uint32, ("K", 9223372036854775808): np.uint64,
             ("B", -128): np.int8}  # fmt: skip
_STRUCTURAL = re.compile(
    r"XTENSION|BITPIX|NAXIS\d*|PCOUNT|GCOUNT|TFIELDS|T(TYPE|FORM|UNIT|COMM|DIM|NULL|SCAL|ZERO|DISP|UCD|INDX)\d+|"
    r"COMMENT|HISTORY|CHECKSUM|DATASUM|END|^$"
)


@dataclass(frozen=True)
class _Column:
    """A column of the file: how it is stored, and what brings it to values."""

    name: str
    code: str
    repeat: int
    scale: float
    zero: float
    null: int | None


@dataclass(frozen=True, eq=False)
class _Layout:
    """Where a table's rows are in the file's content, and what is in a row."""

    offset: int
    n_rows: int
    row_bytes: int
    dtype: np.dtype[Any]
    columns: Mapping[str, _Column]
    units: Mapping[str, str]
    descriptions: Mapping[str, str]
    ucds: Mapping[str, str]
    meta: Mapping[str, Any]
    band_order: tuple[str, ...]
    twice: tuple[str, ...] = ()
    whole: bool = False


def open_fits_table(path: Path, rows: int) -> Catalogue:
    """The table ``PHOTOMETRY``, or the first that looks like one; a table of filters gives the order of vectors.

    Of a gzipped file no table is looked for behind the first that looks like photometry.  Tables in text (XTENSION
    TABLE), and with columns of variable length, are read whole.
    """
    layout = _layout(str(path), path.stat().st_mtime_ns)
    if layout.whole:
        return replace(open_whole(path), bands=layout.band_order, remarks=said_twice(layout.twice))
    if not is_gzipped(path):
        ends, size = layout.offset + layout.n_rows * layout.row_bytes, path.stat().st_size
        if size < ends:
            raise AgezError(f"{path} is cut short: it has {size} bytes of {ends}; make or copy it again")
    edges = range(0, max(layout.n_rows, 1), rows)
    partitions = tuple(
        Partition(k, f"part-{k:05d}", str(path), "fits", a, min(a + rows, layout.n_rows), a)
        for k, a in enumerate(edges)
    )
    kinds = {name: _kind(column) for name, column in layout.columns.items()}
    return Catalogue(
        str(path), "fits", tuple(layout.columns), partitions, layout.units, layout.meta, kinds, layout.band_order,
        remarks=said_twice(layout.twice),
    )  # fmt: skip


def _kind(column: _Column) -> str:
    if column.code == "A":
        return "text"
    if column.repeat == 1:
        return {"L": "truth", "C": "other", "M": "other"}.get(column.code, "number")
    return "vector" if column.code in "BIJKED" else "other"


def layout_of(path: Path) -> _Layout:
    """Where a file has its table, and what is in it."""
    return _layout(str(path), path.stat().st_mtime_ns)


def fields_of(layout: _Layout) -> list[Field]:
    """The columns of a table that agez wrote, as they are to be written again."""
    return [
        Field(one.name, one.code, one.repeat, one.null, layout.units.get(one.name, ""),
              layout.descriptions.get(one.name, ""), layout.ucds.get(one.name, ""), int(one.zero))
        for one in layout.columns.values()
    ]  # fmt: skip


@lru_cache(maxsize=8)
def _layout(path: str, _modified: int) -> _Layout:
    try:
        # what is odd in other extensions is no concern
        with warnings.catch_warnings(action="ignore"), open_content(path) as file:
            return _found(file, path)
    except AgezError:
        raise
    except Exception as error:  # astropy raises whatever the damage leads to
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise AgezError(f"{path} cannot be read as FITS: {reason}; make or copy it again") from error


def _found(file: IO[bytes], path: str) -> _Layout:
    """The headers one after another, without the data between them."""
    chosen: tuple[fits.Header, int] | None = None
    best = -1
    order: tuple[str, ...] = ()
    at = 0
    while True:
        try:
            file.seek(at)
            header = fits.Header.fromfile(file, padding=False)
        except EOFError:
            break
        at = file.tell() + (-file.tell() % BLOCK)
        kind = str(header.get("XTENSION", "")).strip()
        table = kind in ("BINTABLE", "A3DTABLE", "TABLE") and not header.get("ZIMAGE", False)
        name = str(header.get("EXTNAME", "")).strip().upper()
        if table and "FILTER" in name and kind != "TABLE":
            layout = _of_header(header, at, path, ())
            rows = read_bytes(path, at, layout.n_rows * layout.row_bytes)
            order = filter_order(np.frombuffer(rows, layout.dtype), source=path) or order
        like = -1 if not table else SURE + 1 if name == EXTENSION else likeness(fits_names(header))
        if like > best:
            chosen, best = (header, at), like
        if best >= SURE and is_gzipped(path):
            break  # further ones are behind all of its rows
        size = abs(header["BITPIX"]) // 8 * header.get("GCOUNT", 1)
        axes = [header[f"NAXIS{k}"] for k in range(1, header["NAXIS"] + 1)]
        size *= header.get("PCOUNT", 0) + (int(np.prod(axes)) if axes else 0)
        at += size + (-size % BLOCK)
    if chosen is None:
        raise AgezError(f"{path} holds no table; give a file that does")
    return _of_header(*chosen, path, order)


def _of_header(header: fits.Header, offset: int, path: str, order: tuple[str, ...]) -> _Layout:
    """The layout of the table that a header describes."""
    fields: list[tuple[str, Any, int]] = []
    columns: dict[str, _Column] = {}
    units: dict[str, str] = {}
    words: dict[str, str] = {}
    ucds: dict[str, str] = {}
    at = 0
    names = fits_names(header)
    usable = usable_names(names, source=path)
    whole = str(header["XTENSION"]).strip() == "TABLE"
    for k, name in enumerate(usable if not whole else (), start=1):
        match = re.match(r"\s*(\d*)([A-Z])", header[f"TFORM{k}"])
        if match is None:
            raise AgezError(f"{path}: column {name} is of the unknown kind {header[f'TFORM{k}']!r}")
        repeat, code = int(match[1] or 1), match[2]
        size = _bytes(code, repeat)
        whole |= code in "PQ" and repeat > 0
        if name and (code in _TYPES or code == "A"):
            kind = f"S{repeat}" if code == "A" else (_TYPES[code], (repeat,)) if repeat != 1 else _TYPES[code]
            if repeat:
                fields.append((name, kind, at))
                columns[name] = _Column(
                    name, code, repeat, float(header.get(f"TSCAL{k}", 1)), header.get(f"TZERO{k}", 0),
                    header.get(f"TNULL{k}"),
                )  # fmt: skip
                if header.get(f"TUNIT{k}", "").strip():
                    units[name] = header[f"TUNIT{k}"].strip()
                if header.get(f"TCOMM{k}"):
                    words[name] = header[f"TCOMM{k}"]
                if header.get(f"TUCD{k}"):
                    ucds[name] = header[f"TUCD{k}"]
        at += size
    dtype = np.dtype(
        {"names": [f[0] for f in fields], "formats": [f[1] for f in fields], "offsets": [f[2] for f in fields],
         "itemsize": header["NAXIS1"]}
    )  # fmt: skip
    meta = {key: value for key, value in header.items() if not _STRUCTURAL.match(key)}
    return _Layout(
        offset, header["NAXIS2"], header["NAXIS1"], dtype, columns, units, words, ucds, meta, order,
        tuple(dict.fromkeys(name for name, found in zip(names, usable, strict=True) if not found)), whole,
    )  # fmt: skip


def _bytes(code: str, repeat: int) -> int:
    if code == "X":
        return (repeat + 7) // 8
    if code in "PQ":
        return repeat * (8 if code == "P" else 16)
    return repeat * (1 if code == "A" else np.dtype(_TYPES[code]).itemsize) if code == "A" or code in _TYPES else 0


def filter_order(table: Any, *, source: str) -> tuple[str, ...]:
    """Names of filters by ``filter_id`` (as they come if there is none); nothing if the table has no names."""
    names = {str(name).upper().rpartition(".")[2]: name for name in table.dtype.names}
    column = next((names[word] for word in ("NAME", "FILTER_NAME", "FILTER", "BAND") if word in names), None)
    if column is None:
        return ()
    text = [one.decode() if isinstance(one, bytes) else str(one) for one in np.asarray(table[column]).tolist()]
    number = next((names[word] for word in ("FILTER_ID", "ID") if word in names), None)
    order = range(len(text)) if number is None else np.argsort(np.asarray(table[number]), kind="stable")
    return tuple(text[int(k)].strip() for k in order)


def read_rows(partition: Partition, columns: Sequence[str]) -> PlainTable:
    """These columns of a partition."""
    layout = _layout(partition.path, Path(partition.path).stat().st_mtime_ns)
    n = len(partition)
    fields: Any = layout.dtype.fields or {}
    raw = {name: np.empty((n, *fields[name][0].shape), fields[name][0].base.newbyteorder("=")) for name in columns}
    step = max(1, BLOCK_BYTES // layout.row_bytes)
    for a in range(0, n, step):
        b = min(a + step, n)
        at = layout.offset + (partition.start + a) * layout.row_bytes
        block = np.frombuffer(read_bytes(partition.path, at, (b - a) * layout.row_bytes), layout.dtype)
        for name in columns:
            raw[name][a:b] = block[name]
    arrays = {name: _values(raw[name], layout.columns[name]) for name in columns}
    return PlainTable(
        arrays, n, {name: unit for name, unit in layout.units.items() if name in arrays},
        {name: words for name, words in layout.descriptions.items() if name in arrays}, first_row=partition.first_row,
        ucds={name: ucd for name, ucd in layout.ucds.items() if name in arrays},
    )  # fmt: skip


def _values(raw: Any, column: _Column) -> Any:
    """Stored numbers as values: truths, scaled and unsigned integers, missing ones masked."""
    if column.code == "L":
        return np.ma.MaskedArray(raw == b"T", mask=raw == b"") if (raw == b"").any() else raw == b"T"
    if column.code in "AEDCM":
        return raw if (column.scale, column.zero) == (1.0, 0) else raw * column.scale + column.zero
    missing = None if column.null is None else raw == column.null
    unsigned = _UNSIGNED.get((column.code, int(column.zero)))
    if column.scale == 1.0 and unsigned is not None:
        # TZERO is half the range: adding it is turning the first bit over
        values = (raw ^ np.array(1 << (8 * raw.itemsize - 1)).astype(raw.dtype)).view(unsigned)
    elif (column.scale, column.zero) != (1.0, 0):
        values = raw * column.scale + column.zero
    else:
        values = raw
    return values if missing is None or not missing.any() else np.ma.MaskedArray(values, mask=missing)
