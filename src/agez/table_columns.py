"""Columns of a table as the plain arrays that agez works with: numbers, text, and what identifies a row."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
from astropy.table import Table

from agez.errors import AgezError
from agez.types import Bools, Floats, Rows, Strings


@dataclass(frozen=True, eq=False)
class PlainTable:
    """Columns as arrays, without what astropy's Table does at each touch; the functions below take either.

    Attributes
    ----------
    columns : mapping of str to array
        (n,) or, of vector columns, (n, k); a masked array where entries may be missing.  Text as str, bytes or objects.
    n_rows : int
    units, descriptions, ucds : mapping of str to str
        Of the columns that have one.
    meta : mapping
        Header of the table.
    first_row : int
        Number of the first row in the whole table that this is a part of, from 0.
    """

    columns: Mapping[str, Any]
    n_rows: int
    units: Mapping[str, str] = field(default_factory=dict)
    descriptions: Mapping[str, str] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)
    first_row: int = 0
    ucds: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return self.n_rows

    def __getitem__(self, name: str) -> Any:
        return self.columns[name]

    @property
    def colnames(self) -> list[str]:
        """Names of the columns, in order."""
        return list(self.columns)

    def select(self, names: Sequence[str]) -> PlainTable:
        """The same rows with only these columns, in that order."""
        return replace(self, columns={name: self.columns[name] for name in names})

    @classmethod
    def of(cls, table: Table) -> PlainTable:
        """The columns of an astropy table, not copied."""
        units = {name: str(table[name].unit) for name in table.colnames if getattr(table[name], "unit", None)}
        words = {n: table[n].description for n in table.colnames if getattr(table[n], "description", None)}
        ucds = {n: str(meta["ucd"]) for n in table.colnames if "ucd" in (meta := getattr(table[n], "meta", {}))}
        columns = {name: table[name] for name in table.colnames}
        return cls(columns, len(table), units, words, dict(table.meta), ucds=ucds)

    def to_table(self) -> Table:
        """The same as an astropy table."""
        table = Table({name: values for name, values in self.columns.items()}, meta=dict(self.meta))
        for name in table.colnames:
            if name in self.units:
                table[name].unit = self.units[name]
            if name in self.descriptions:
                table[name].description = self.descriptions[name]
            if name in self.ucds:
                table[name].meta["ucd"] = self.ucds[name]
        return table


#: Values that surveys write where nothing was measured.
SURVEY_CODES = (-99.0, 99.0, -999.0, 999.0, -9999.0)
AnyTable: TypeAlias = Any  # Table | PlainTable: astropy has no types


def need_columns(table: Table, names: Sequence[str], *, source: str, made_by: str) -> None:
    """AgezError unless the table has the columns and at least one row."""
    missing = [name for name in names if name not in table.colnames]
    if missing:
        raise AgezError(f"{source}: column(s) {', '.join(missing)} missing; it is not a table that {made_by!r} wrote")
    if len(table) == 0:
        raise AgezError(f"{source} has no rows; make it again with {made_by!r}")


def check_distinct(names: Sequence[str], *, source: object) -> None:
    """AgezError that names the first column that is there twice."""
    if len(set(names)) != len(names):
        double = next(name for name in names if names.count(name) > 1)
        raise AgezError(f"{source}: column {double} is there twice; keep one")


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


def text_column(table: AnyTable, name: str) -> Strings:
    """A column as text, '' where masked, and in each row where the table has no such column."""
    if name not in table.colnames:
        return np.full(len(table), "", dtype="<U1")
    column = table[name]
    masked = np.ma.getmaskarray(column) if isinstance(column, np.ma.MaskedArray) else np.False_
    plain = native(np.ma.getdata(column))
    text = plain.astype(str) if plain.dtype.kind in "biuf" else np.char.strip(plain.astype(str))
    return np.where(masked, "", text) if masked.any() else text


def number_column(table: AnyTable, name: str, *, source: str) -> Floats:
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
        if not isinstance(column, np.ma.MaskedArray):
            return np.asarray(column).astype(float)
        values = np.ma.asarray(column).astype(float)
    except (TypeError, ValueError):
        bad = next((i for i, value in enumerate(column) if not _is_number(value)), 0)
        row = getattr(table, "first_row", 0) + bad + 1
        raise AgezError(f"{source}: column {name}, row {row} is {str(column[bad])!r}; expected a number") from None
    return np.asarray(np.ma.filled(values, np.nan))


def is_code(value: Floats) -> Bools:
    """Where a value is one of :data:`SURVEY_CODES`."""
    return np.isin(value, SURVEY_CODES)


def is_missing(value: Floats) -> Bools:
    """Where a value that is no flux stands for none: a survey code, nines as such, or what is next to infinite."""
    with np.errstate(invalid="ignore"):
        return np.asarray(is_code(value) | np.isin(value, (9999.0, -99999.0, 99999.0)) | (np.abs(value) > 1e30))


def _is_number(value: object) -> bool:
    try:
        float(str(value))
    except ValueError:
        return False
    return True


def integer_column(table: AnyTable, name: str) -> Any:
    """A column of quality bits as int32: 0 where masked, and in each row where the table has no such column."""
    if name not in table.colnames:
        return np.zeros(len(table), dtype=np.int32)
    column = table[name]
    filled = column.filled(0) if hasattr(column, "filled") else column
    return np.asarray(filled).astype(np.int32)


def rows_columns(rows: Rows, *, id_name: str) -> dict[str, Any]:
    """The columns that say what each row is: identifiers and position."""
    return {id_name: rows.spec_id, "galaxy_id": rows.galaxy_id, "x": rows.x, "y": rows.y}


def table_rows(table: AnyTable, *, source: str) -> Rows:
    """What each row is, from ``id`` or ``spec_id``, ``galaxy_id``, ``x`` and ``y``; numbered where there is no id."""
    name = next((name for name in ("id", "spec_id") if name in table.colnames), None)
    first = getattr(table, "first_row", 0)
    return Rows(
        np.arange(first, first + len(table)).astype(str) if name is None else text_column(table, name),
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
