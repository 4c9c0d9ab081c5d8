"""Columns of a table as the plain arrays that agez works with: numbers, text, and what identifies a row."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
from astropy import units as u
from astropy.table import Table

from agez.errors import AgezError
from agez.tables.column_metadata import words_of
from agez.types import Bools, Floats, Index, Rows, Strings


@dataclass(frozen=True, eq=False)
class PlainTable:
    """Columns as arrays, without what astropy's Table does at each touch; the functions below take either."""

    #: (n,) or, of vector columns, (n, k); a masked array where entries may be missing. Text as str, bytes or objects.
    columns: Mapping[str, Any]
    n_rows: int
    #: units, descriptions, ucds: Of the columns that have one.
    units: Mapping[str, str] = field(default_factory=dict)
    descriptions: Mapping[str, str] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)  #: Header of the table.
    first_row: int = 0  #: Number of the first row in the whole table that this is a part of, from 0.
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

    def take(self, index: Index) -> PlainTable:
        """The same columns with only the rows of ``index`` (slice, mask or integers)."""
        n = len(np.arange(self.n_rows)[index])
        return replace(self, columns={name: column[index] for name, column in self.columns.items()}, n_rows=n)

    @classmethod
    def concatenate(cls, parts: Sequence[PlainTable]) -> PlainTable:
        """Rows of all parts, which have the same columns, one after another."""
        columns: dict[str, Any] = {
            name: np.ma.concatenate([part[name] for part in parts])  # type: ignore[no-untyped-call]
            for name in parts[0].colnames
        }
        plain = {name: column if np.ma.is_masked(column) else column.data for name, column in columns.items()}
        return replace(parts[0], columns=plain, n_rows=sum(part.n_rows for part in parts))

    @classmethod
    def of(cls, table: Table) -> PlainTable:
        """The columns of an astropy table, not copied."""
        units = {name: str(table[name].unit) for name in table.colnames if getattr(table[name], "unit", None)}
        words = {name: table[name].info.description for name in table.colnames if table[name].info.description}
        ucds = {n: str(meta["ucd"]) for n in table.colnames if "ucd" in (meta := getattr(table[n], "meta", {}))}
        columns = {name: masked_column(table[name]) for name in table.colnames}
        arrays = {name: column for name, column in columns.items() if isinstance(column, np.ndarray)}
        return cls(arrays, len(table), units, words, dict(table.meta), ucds=ucds)

    def to_table(self) -> Table:
        """The same as an astropy table."""
        table = Table({name: _as_text(values) for name, values in self.columns.items()}, meta=dict(self.meta))
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
#: Nothing but nines, in other spellings (99.9, 999.99): codes as well, but not of the documented ones.
_NINES = (99.9, 99.99, 99.999, 999.9, 999.99, 9999.0, 9999.9, 99999.0, 999999.0)
#: Spellings of angles that astropy does not know.
_ANGLES = {'"': "arcsec", "asec": "arcsec", "'": "arcmin", "degree": "deg"}
#: What stands for nothing where numbers are written as text.
MISSING_WORDS = frozenset(
    ("", "nan", "NaN", "NAN", "-nan", "-NaN", "null", "NULL", "Null", "none", "None", "NONE", "NA", "N/A", "n/a",
     "#N/A", "#NA", "<NA>", "-", "--", "---", "\\N", "1.#QNAN", "-1.#QNAN", "1.#IND", "-1.#IND")
)  # fmt: skip


def _as_text(column: Any) -> Any:
    """A column of objects that are all text as an array of text, which every format has."""
    if column.dtype.kind != "O" or not all(isinstance(one, str) for one in np.ma.getdata(column).tolist()):
        return column
    text = np.ma.getdata(column).astype(str)
    return np.ma.MaskedArray(text, mask=column.mask) if isinstance(column, np.ma.MaskedArray) else text


AnyTable: TypeAlias = Any  # Table | PlainTable: astropy has no types


def has_columns(*wanted: str) -> Callable[[Sequence[str]], int]:
    """How a table is known by columns that it must have, in any case: 1 if it has them all, else 0."""
    return lambda names: int(set(wanted) <= {name.strip().lower() for name in names})


def need_columns(table: Table, names: Sequence[str], *, source: str, made_by: str) -> None:
    """AgezError unless the table has the columns and at least one row."""
    missing = [name for name in names if name not in table.colnames]
    if missing:
        raise AgezError(f"{source}: column(s) {', '.join(missing)} missing; it is not a table that {made_by!r} wrote")
    if len(table) == 0:
        raise AgezError(f"{source} has no rows; make it again with {made_by!r}")


#: Names of columns of agez's outputs that tables of others have, too, and that are of no use to agez there.
_OF_OTHERS = frozenset(
    ("ra", "dec", "name", "mass", "light", "factor", "band", "fwhm", "sky", "gain", "fold", "pivot", "quantity",
     "reason")
)  # fmt: skip


def usable_names(names: Sequence[str], *, source: object) -> tuple[str, ...]:
    """Names of a file's columns: ``col3`` where the third has none, '' where two have the same, which are left out.

    Raises
    ------
    AgezError
        If one that is there twice is of the kind that agez reads.
    """
    double = {name for name in names if name and names.count(name) > 1} if len(set(names)) != len(names) else set()
    for name in names:
        if name in double and words_of(name.lower())[1] and name.lower() not in _OF_OTHERS:
            raise AgezError(f"{source}: column {name} is there twice; keep one")
    return tuple("" if name in double else name or f"col{k}" for k, name in enumerate(names, start=1))


def said_twice(names: Sequence[str]) -> tuple[str, ...]:
    """The remark on columns that :func:`usable_names` left out, if there are any."""
    return (f"left out, since two columns have the same name: {', '.join(names)}",) if names else ()


def masked_column(column: Any) -> Any:
    """A column of astropy's as an array of numpy's, masked where it is: Quantities and Masked ones lose their unit."""
    if hasattr(column, "unmasked"):
        data = np.asarray(getattr(column.unmasked, "value", column.unmasked))
        return np.ma.MaskedArray(data, mask=np.asarray(column.mask))
    is_quantity = isinstance(column, np.ndarray) and hasattr(column, "to_value")
    return np.asarray(getattr(column, "value", column)) if is_quantity else column


def even_rows(column: Any, *, name: str, source: object) -> Any:
    """A column that holds an array a row as (n, k), or as (n,) where k is 1; rows without values are NaN, or ''.

    So columns of variable length become those of fixed length, as archives mean them.  None if it holds no arrays.
    Where rows have different numbers of values, they become text (JSON).

    Raises
    ------
    AgezError
        If rows have different numbers of values, and the column is of the kind that agez reads.
    """
    cells = [None if one is np.ma.masked else one for one in column]
    if not any(isinstance(one, np.ndarray) for one in cells):
        return None
    rows: list[Any] = [np.zeros(0) if one is None else np.ma.array(one, ndmin=1, subok=True) for one in cells]
    lengths = np.array([one.size for one in rows])
    length = int(lengths.max())
    if any(one.dtype.kind in "SU" for one in rows if one.size):
        return np.array(["".join(native(one).tolist()).rstrip() for one in rows], dtype=str)
    odd = (lengths != length) & (lengths > 0)
    if odd.any() and not words_of(name.lower())[1]:  # nothing that is read
        return np.array([json.dumps(one.tolist()) for one in rows], dtype=str)
    if odd.any():
        row = int(np.argmax(odd))
        raise AgezError(
            f"{source}: column {name} has {lengths[row]} values in row {row + 1}, {length} in others; expected as many "
            "in each"
        )
    kind = np.result_type(*(one.dtype for one in rows if one.size)) if length else np.dtype(float)
    gaps = (lengths == 0).any() or any(np.ma.is_masked(one) for one in rows)
    values: Any = np.ma.MaskedArray(np.zeros((len(rows), length), dtype=kind), mask=True)
    for row, one in enumerate(rows):
        if one.size:
            values[row] = one.reshape(-1)
    values = values[:, 0] if length == 1 else values
    if not gaps:
        return values.data
    return values.filled(np.nan) if kind.kind == "f" else values


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
        values = [v.decode("utf-8", "replace") if isinstance(v, bytes) else v for v in array.tolist()]
        array = np.array(values)
        if array.dtype.kind == "O" or (array.dtype.kind == "f" and any(isinstance(v, int) for v in values)):
            array = np.array([str(v) for v in values])  # integers of more than 64 bits, or not all are numbers
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


def joined_ids(columns: Sequence[Any]) -> Any:
    """Columns that identify rows together as one, ``-`` between them; one alone as it is."""
    if len(columns) == 1:
        return columns[0]
    table = PlainTable({str(k): column for k, column in enumerate(columns)}, len(columns[0]))
    texts = [text_column(table, name) for name in table.colnames]
    joined = texts[0]
    for one in texts[1:]:
        joined = np.char.add(np.char.add(joined, "-"), one)
    return joined


def number_column(table: AnyTable, name: str, *, source: str) -> Floats:
    """A column as floats: NaN where masked, and in each row where the table has no such column.

    Raises
    ------
    AgezError
        If an entry is no number, or a row holds several.
    """
    if name not in table.colnames:
        return np.full(len(table), np.nan)
    column = masked_column(table[name])
    if getattr(column, "ndim", 1) != 1:
        raise AgezError(f"{source}: column {name} holds {column.shape[1:]} values a row; expected one number")
    data = np.asarray(np.ma.getdata(column))
    if data.dtype.kind in "SUO":
        data = _numbers_of_text(data, np.ma.getmaskarray(column), name, source, getattr(table, "first_row", 0))
    try:
        values = data.astype(float)
    except (TypeError, ValueError):
        raise AgezError(f"{source}: column {name} holds {data.dtype}; expected numbers") from None
    return np.where(column.mask, np.nan, values) if isinstance(column, np.ma.MaskedArray) else values


def is_code(value: Floats) -> Bools:
    """Where a value is one of :data:`SURVEY_CODES`."""
    return np.isin(value, SURVEY_CODES)


def is_nines(value: Floats) -> Bools:
    """Where a value is a code in another spelling: nothing but nines, also if it was stored in single precision."""
    size = np.abs(value)
    found = np.zeros(np.shape(value), dtype=bool)
    for one in _NINES:
        found |= np.abs(size - one) < 1e-7 * one
    return found


def is_missing(value: Floats) -> Bools:
    """Where a value that is no flux stands for none: a survey code, nines as such, or what is next to infinite."""
    with np.errstate(invalid="ignore"):
        return np.asarray(is_code(value) | np.isin(value, (9999.0, -99999.0, 99999.0)) | (np.abs(value) > 1e30))


def _numbers_of_text(data: Any, masked: Any, name: str, source: str, first_row: int) -> Floats:
    """Numbers that are written as text; words for nothing are NaN."""
    text = [one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one) for one in data.tolist()]
    values = np.full(len(text), np.nan)
    for row, one in enumerate(text):
        if masked[row] or one.strip() in MISSING_WORDS:
            continue
        try:
            values[row] = float(one)
        except ValueError:
            comma = ", with a point for its decimals" if re.fullmatch(r"\s*[+-]?\d+,\d+\s*", one) else ""
            raise AgezError(
                f"{source}: column {name}, row {first_row + row + 1} is {one!r}; expected a number{comma}"
            ) from None
    return values


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


def angle_column(table: AnyTable, name: str, *, source: str, unit: str = "arcsec") -> Floats:
    """A column of angles in ``unit``, which is what numbers without one are in; NaN as in :func:`number_column`.

    Raises
    ------
    AgezError
        If it is in a unit that is no angle.
    """
    values, own = number_column(table, name, source=source), unit_of(table, name) if name in table.colnames else ""
    factor = angle_factor(own, unit=unit)
    if factor is None:
        raise AgezError(f"{source}: column {name!r} is in {own}; expected an angle such as {unit}")
    return values if factor == 1.0 else values * factor


def angle_factor(own: str, *, unit: str = "arcsec") -> float | None:
    """What brings angles in a unit, or without one, to ``unit``; None if it is no angle (pixels, kiloparsec)."""
    if own in ("", unit):
        return 1.0
    for spelled in (own, own.strip().lower(), own.strip().lower().removesuffix("s")):  # ARCSEC, arcseconds
        try:
            return float(u.Unit(_ANGLES.get(spelled, spelled)).to(unit))
        except (u.UnitConversionError, ValueError, TypeError):
            continue
    return None


def unit_of(table: AnyTable, name: str) -> str:
    """The unit of a column as text, '' where it has none."""
    if isinstance(table, PlainTable):
        return table.units.get(name, "")
    return str(getattr(table[name], "unit", None) or "")


def no_angles(table: AnyTable) -> str:
    """The unit of positions ``x`` and ``y`` that are no angles, such as pixels or kiloparsec; '' if they are angles."""
    units = [unit_of(table, name) for name in ("x", "y") if name in table.colnames]
    return next((unit for unit in units if angle_factor(unit) is None), "")


def table_rows(table: AnyTable, *, source: str) -> Rows:
    """What each row is, from ``id`` or ``spec_id``, ``galaxy_id``, ``x`` and ``y``; numbered where there is no id.

    Positions become arcsec.  In pixels, or in any other unit that is no angle, they are NaN: unknown.
    """
    name = next((name for name in ("id", "spec_id") if name in table.colnames), None)
    first = getattr(table, "first_row", 0)
    unknown = no_angles(table)
    return Rows(
        np.arange(first, first + len(table)).astype(str) if name is None else text_column(table, name),
        text_column(table, "galaxy_id"),
        *(
            np.full(len(table), np.nan) if unknown or name not in table.colnames
            else angle_column(table, name, source=source)
            for name in ("x", "y")
        ),
    )  # fmt: skip


def meta_json(table: Table, key: str) -> dict[str, Any]:
    """What a header keyword holds as JSON; nothing if there is none or it is damaged."""
    try:
        content = json.loads(table.meta.get(key, "{}"))
    except (json.JSONDecodeError, TypeError):
        return {}
    return content if isinstance(content, dict) else {}
