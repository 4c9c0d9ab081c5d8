"""Rows of a table as the bytes of a FITS binary table, and the header that belongs to them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from astropy import units as u
from astropy.io import fits

from agez.errors import AgezError
from agez.tables.table_columns import PlainTable
from agez.tables.table_files import card_value

BLOCK = 2880
_CODES = {"b1": "L", "u1": "B", "i2": "I", "i4": "J", "i8": "K", "u8": "K", "f4": "E", "f8": "D"}
#: TZERO of unsigned 64-bit integers: they are stored as signed ones, with the first bit turned over.
UNSIGNED_ZERO = 1 << 63
#: Of an integer or a number with a fraction, as text.
_NUMBER_WIDTH = 25
_STORED = {"L": "S1", "B": "u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8"}


@dataclass(frozen=True)
class Field:
    """A column of a FITS table; plain data.

    ``size`` is the width of text, and otherwise the number of values a row.  ``null`` stands for a missing integer.
    ``zero`` is TZERO: :data:`UNSIGNED_ZERO` of unsigned 64-bit integers, else 0.
    """

    name: str
    code: str
    size: int
    null: int | None = None
    unit: str = ""
    words: str = ""
    ucd: str = ""
    zero: int = 0

    @property
    def stored(self) -> Any:
        """How numpy calls it."""
        if self.code == "A":
            return f"S{self.size}"
        return _STORED[self.code] if self.size == 1 else (_STORED[self.code], (self.size,))


def storable(column: Any) -> Any:
    """A column in a type that FITS has: text as bytes (UTF-8), integers signed, dates as text.

    No value changes: integers with missing ones among them become wider where one of them has the value that FITS would
    write for nothing, at last text.  Missing text is ''; missing integers and truths stay masked.
    """
    data, mask = np.ma.getdata(column), np.ma.getmaskarray(column) if np.ma.isMaskedArray(column) else None
    kind = data.dtype.kind
    if kind == "M":
        data = np.where(np.isnat(data), "", np.datetime_as_string(data)) if len(data) else data.astype("S1")
        kind = "U"
    if kind == "O":
        texts = ["" if one is None else one if isinstance(one, bytes) else str(one) for one in data.tolist()]
        data = np.array([one if isinstance(one, bytes) else one.encode() for one in texts], dtype="S")
    elif kind == "U":
        data = np.char.encode(data, "utf-8") if len(data) else data.astype("S1")
    if data.dtype.kind == "S":
        if mask is not None and mask.any():
            data = np.where(mask, b"", data)
        return data if data.dtype.itemsize else data.astype("S1")
    if kind == "b":
        return np.ma.MaskedArray(data, mask=mask) if mask is not None and mask.any() else data
    if kind == "f":
        data = data.astype(np.float32) if data.dtype.itemsize == 2 else data
        return np.where(mask, np.nan, data).astype(data.dtype) if mask is not None and mask.any() else data
    wider = {np.dtype(np.int8): np.int16, np.dtype(np.uint16): np.int32, np.dtype(np.uint32): np.int64}
    data = data.astype(wider.get(data.dtype, data.dtype))
    return data if mask is None or not mask.any() else _with_null(data, mask)


def _with_null(data: Any, mask: Any) -> Any:
    """Masked integers of a type of which one value is free to stand for nothing; text if there is none."""
    for kind in (data.dtype, np.int16, np.int32, np.int64):
        limits, there = np.iinfo(kind), data[~mask]
        wide = np.dtype(kind).itemsize >= data.dtype.itemsize and np.dtype(kind) != np.uint64
        if wide and not len(there):
            return np.ma.MaskedArray(data.astype(kind), mask=mask)
        if wide and int(there.max()) <= limits.max and int(there.min()) >= limits.min:
            values = np.where(mask, 0, data).astype(kind)
            if not (values[~mask] == _null(_CODES[np.dtype(kind).str[1:]])).any():
                return np.ma.MaskedArray(values, mask=mask)
    if data.ndim == 2:
        return np.where(mask, np.nan, data.astype(float))
    return np.where(mask, b"", np.array([str(one).encode() for one in data.tolist()]))


def fields_of(table: PlainTable) -> tuple[Field, ...]:
    """The FITS columns that hold a table whose columns are :func:`storable`; names are made legal and unique."""
    fields: list[Field] = []
    for name in table.colnames:
        column = table[name]
        array = np.ma.getdata(column)
        if array.ndim > 2:
            raise AgezError(f"column {name} has {array.ndim - 1} dimensions a row; leave it out, or write Parquet")
        unit, words, ucd = (about.get(name, "") for about in (table.units, table.descriptions, table.ucds))
        size = array.shape[1] if array.ndim == 2 else 1
        code = _CODES.get(array.dtype.str[1:], "")
        if array.dtype.kind == "S":
            code, size = "A", array.dtype.itemsize
        if not code or (array.dtype.kind == "S" and array.ndim == 2):
            raise AgezError(f"column {name} holds {array.dtype}, which FITS tables cannot; leave it out")
        masked = np.ma.isMaskedArray(column) and array.dtype.kind in "iu"
        zero = UNSIGNED_ZERO if array.dtype.kind == "u" and code == "K" else 0
        null = _null(code) if masked else None
        fields.append(Field(_legal(name, fields), code, size, null, _fits_unit(unit), words, ucd, zero))
    return tuple(fields)


def _legal(name: str, before: Sequence[Field]) -> str:
    """Letters, digits and underscores; no name twice, also in another case."""
    legal = re.sub(r"[^A-Za-z0-9_]", "_", name) or "column"
    taken = {one.name.lower() for one in before}
    number = 2
    unique = legal
    while unique.lower() in taken:
        unique, number = f"{legal}_{number}", number + 1
    return unique


def _null(code: str) -> int:
    return 255 if code == "B" else int(np.iinfo(_STORED[code]).min)


def _fits_unit(unit: str) -> str:
    """A unit as FITS spells it; as it is where it is none that astropy knows."""
    try:
        return str(u.Unit(unit).to_string("fits")) if unit else ""
    except (ValueError, TypeError):
        return unit


def merged(one: Field, other: Field) -> Field:
    """A column that holds what both hold: wider text, wider numbers, text where one is text."""
    if one.code == "A" or other.code == "A":
        width = max(field.size if field.code == "A" else _NUMBER_WIDTH for field in (one, other))
        return replace(one, code="A", size=width, null=None, zero=0)
    if one.size != other.size:
        raise AgezError(f"column {one.name} has {one.size} values a row in one part and {other.size} in another")
    wide = np.promote_types(_plain(one), _plain(other))
    code = _CODES[wide.str[1:]]
    if code == "D" and "K" in (one.code, other.code) and one.size == 1:  # a float has not all integers of 64 bits
        return replace(one, code="A", size=_NUMBER_WIDTH, null=None, zero=0)
    has_null = (one.null is not None or other.null is not None) and code in "BIJK"
    return replace(one, code=code, null=_null(code) if has_null else None)


def _plain(field: Field) -> np.dtype[Any]:
    if field.zero:
        return np.dtype(np.uint64)
    return np.dtype(bool if field.code == "L" else _STORED[field.code]).newbyteorder("=")


def encode(table: PlainTable, fields: Sequence[Field]) -> bytes:
    """Rows of a table whose columns are :func:`storable`, in the order of ``fields``."""
    kind = np.dtype({"names": [f.name for f in fields], "formats": [f.stored for f in fields]})
    rows = np.zeros(len(table), dtype=kind)
    for name, field in zip(table.colnames, fields, strict=True):
        column = table[name]
        if field.code == "L":
            values = np.where(np.ma.getmaskarray(column), b"", np.where(np.ma.getdata(column), b"T", b"F"))
        elif field.code == "A" and np.ma.getdata(column).dtype.kind != "S":
            values = np.ma.getdata(column).astype("S")
        elif field.zero:
            values = (np.asarray(column, dtype=np.uint64) ^ np.uint64(UNSIGNED_ZERO)).view(np.int64)
        elif np.ma.isMaskedArray(column):
            values = np.ma.filled(column.astype(_plain(field)), np.nan if field.null is None else field.null)
        else:
            values = column
        rows[field.name] = values
    return rows.tobytes()


def header_of(fields: Sequence[Field], n_rows: int, *, meta: Mapping[str, Any], name: str) -> fits.Header:
    """Header of a binary table of these columns."""
    width = sum(np.dtype(one.stored).itemsize for one in fields)
    header = fits.Header()
    for key, value, comment in (
        ("XTENSION", "BINTABLE", "binary table"), ("BITPIX", 8, ""), ("NAXIS", 2, ""),
        ("NAXIS1", width, "bytes of a row"), ("NAXIS2", n_rows, "rows"), ("PCOUNT", 0, ""), ("GCOUNT", 1, ""),
        ("TFIELDS", len(fields), "columns"),
    ):  # fmt: skip
        header.append((key, value, comment), end=True)
    if name:
        header.append(("EXTNAME", name), end=True)
    for k, one in enumerate(fields, start=1):
        cards: list[tuple[str, Any]] = [(f"TTYPE{k}", one.name), (f"TFORM{k}", f"{one.size}{one.code}")]
        if one.unit:
            cards.append((f"TUNIT{k}", card_value(one.unit)))
        if one.zero:
            cards.append((f"TZERO{k}", one.zero))
        if one.null is not None:
            cards.append((f"TNULL{k}", one.null))
        if one.words:
            cards.append((f"TCOMM{k}", card_value(one.words)))
        if one.ucd:
            cards.append((f"TUCD{k}", card_value(one.ucd)))
        for card in cards:
            header.append(card, end=True)
    for key, value in meta.items():
        if value is not None and key.upper() not in header and not isinstance(value, Mapping):
            keyword = key.upper() if len(key) <= 8 else f"HIERARCH {key}"
            header.append((keyword, card_value(value)), end=True)
    return header


def header_bytes(header: fits.Header) -> bytes:
    """The header in its blocks."""
    return header.tostring(sep="", endcard=True, padding=True).encode("ascii")


def padding(n_bytes: int) -> bytes:
    """What fills the last block of data."""
    return b"\0" * (-n_bytes % BLOCK)


def meta_text(meta: Mapping[str, Any]) -> dict[str, str]:
    """A header as text, as Parquet has it."""
    return {key: value if isinstance(value, str) else json.dumps(value, default=str) for key, value in meta.items()}
