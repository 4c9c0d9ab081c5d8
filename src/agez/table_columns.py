"""Columns of a table as the plain arrays that agez works with: numbers, text, and what identifies a row."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from astropy.table import Table

from agez.errors import AgezError
from agez.types import Floats, Rows, Strings


def need_columns(table: Table, names: Sequence[str], *, source: str, made_by: str) -> None:
    """AgezError unless the table has the columns and at least one row."""
    missing = [name for name in names if name not in table.colnames]
    if missing:
        raise AgezError(f"{source}: column(s) {', '.join(missing)} missing; it is not a table that {made_by!r} wrote")
    if len(table) == 0:
        raise AgezError(f"{source} has no rows; make it again with {made_by!r}")


def native(column: Any) -> Any:
    """A column as a plain array in this machine's byte order; text as str, masked entries '' or NaN."""
    if isinstance(column, np.ma.MaskedArray):
        masked = np.ma.getmaskarray(column)
        if not masked.any():
            column = column.data
        elif column.dtype.kind in "iuf":
            column = np.ma.filled(column.astype(float), np.nan)
        else:
            column = np.where(masked, False if column.dtype.kind == "b" else "", column.astype(object).data)
    array = np.asarray(column)
    if array.dtype.kind == "S":
        return np.char.decode(array, "utf-8", "replace")
    if array.dtype.kind == "O":
        array = np.array([v.decode("utf-8", "replace") if isinstance(v, bytes) else v for v in array.tolist()])
    return array.astype(array.dtype.newbyteorder("="))


def text_column(table: Table, name: str) -> Strings:
    """A column as text, '' where masked, and in each row where the table has no such column."""
    if name not in table.colnames:
        return np.full(len(table), "", dtype="<U1")
    column = table[name]
    masked = np.ma.getmaskarray(column) if isinstance(column, np.ma.MaskedArray) else False
    plain = native(column.data.data if isinstance(column, np.ma.MaskedArray) else column)
    return np.where(masked, "", np.char.strip(plain.astype(str)))


def number_column(table: Table, name: str, *, source: str) -> Floats:
    """A column as floats: NaN where masked, and in each row where the table has no such column.

    Raises
    ------
    AgezError
        If an entry is no number, or a row holds several.
    """
    if name not in table.colnames:
        return np.full(len(table), np.nan)
    column = table[name]
    if getattr(column, "ndim", 1) != 1:
        raise AgezError(f"{source}: column {name} holds {column.shape[1:]} values a row; expected one number")
    try:
        values = np.ma.asarray(column).astype(float)
    except (TypeError, ValueError):
        bad = next((i for i, value in enumerate(column) if not _is_number(value)), 0)
        raise AgezError(f"{source}: column {name}, row {bad + 1} is {str(column[bad])!r}; expected a number") from None
    return np.asarray(np.ma.filled(values, np.nan))


def _is_number(value: object) -> bool:
    try:
        float(str(value))
    except ValueError:
        return False
    return True


def integer_column(table: Table, name: str) -> Any:
    """A column of quality bits as int32: 0 where masked, and in each row where the table has no such column."""
    if name not in table.colnames:
        return np.zeros(len(table), dtype=np.int32)
    column = table[name]
    filled = column.filled(0) if hasattr(column, "filled") else column
    return np.asarray(filled).astype(np.int32)


def rows_columns(rows: Rows, *, id_name: str) -> dict[str, Any]:
    """The columns that say what each row is: identifiers and position."""
    return {id_name: rows.spec_id, "galaxy_id": rows.galaxy_id, "x": rows.x, "y": rows.y}


def table_rows(table: Table, *, source: str) -> Rows:
    """What each row is, from ``id`` or ``spec_id``, ``galaxy_id``, ``x`` and ``y``; numbered where there is no id."""
    name = next((name for name in ("id", "spec_id") if name in table.colnames), None)
    return Rows(
        Rows.numbered(len(table)).spec_id if name is None else text_column(table, name),
        text_column(table, "galaxy_id"),
        number_column(table, "x", source=source),
        number_column(table, "y", source=source),
    )


def meta_json(table: Table, key: str) -> dict[str, Any]:
    """What a header keyword holds as JSON; nothing if there is none or it is damaged."""
    try:
        content = json.loads(table.meta.get(key, "{}"))
    except (json.JSONDecodeError, TypeError):
        return {}
    return content if isinstance(content, dict) else {}
