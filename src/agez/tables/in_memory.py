"""Tables in memory, whoever's they are, as plain columns: astropy, pandas, polars, Arrow, numpy records, dicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.table import Column, Row, Table

from agez.arguments import described
from agez.errors import AgezError
from agez.tables.table_columns import PlainTable

#: What is said where something else is given.
TABLES = "an astropy Table, a pandas or polars DataFrame, a numpy record array or a dict of arrays"


def plain_table(data: Any, *, source: str = "table") -> PlainTable | None:
    """A table in memory as plain columns; None if it is none that agez knows.

    Quantities keep their units.  In a dict, single values stand for all rows.  Levels of a pandas index that have a
    name are columns.

    Raises
    ------
    AgezError
        If columns of a dict differ in length, or a column has no plain form.
    """
    if isinstance(data, PlainTable):
        return data
    if isinstance(data, Row):
        data = data.table[data.index : data.index + 1]
    if isinstance(data, Table):
        return PlainTable.of(data)
    package, name = type(data).__module__.partition(".")[0], type(data).__name__
    if package in ("pandas", "nested_pandas") and hasattr(data, "columns"):
        named = [one for one in data.index.names if one is not None]
        data = data.reset_index() if named else data
        return _of_columns({str(one): data[one] for one in data.columns}, source)
    if package == "polars" and name in ("DataFrame", "LazyFrame"):
        data = data.collect() if name == "LazyFrame" else data
        return _of_columns({one: data[one] for one in data.columns}, source)
    if package == "pyarrow" and hasattr(data, "column_names"):
        from agez.tables.arrow_columns import to_numpy

        columns = {one: to_numpy(data[one], one, source) for one in data.column_names}
        return _of_columns(columns, source)
    if isinstance(data, np.ndarray | np.void) and data.dtype.names:
        records = np.atleast_1d(data) if isinstance(data, np.ndarray) else np.array([data], dtype=data.dtype)
        return _of_columns({one: records[one] for one in data.dtype.names}, source)
    if isinstance(data, Mapping):
        return _of_columns({str(one): values for one, values in data.items()}, source)
    return None


def plain_column(values: Any, *, name: str, source: str) -> tuple[Any, str]:
    """A column as numpy's, masked where entries are missing, and its unit; of a list, a Series, a Quantity."""
    unit = str(getattr(values, "unit", None) or "")
    package = type(values).__module__.partition(".")[0]
    missing: Any = None
    if package == "polars":
        missing = values.is_null().to_numpy() if values.null_count() else None
        is_number = values.dtype.is_numeric() or str(values.dtype) == "Boolean"
        values = values.fill_null(0).to_numpy() if is_number else values.to_list()
    elif package in ("pandas", "nested_pandas"):
        missing = np.asarray(values.isna()) if getattr(values.isna(), "any", lambda: False)() else None
        kind = getattr(values.dtype, "numpy_dtype", values.dtype)  # of pandas' own integers with gaps
        if getattr(kind, "kind", "O") in "iufb":
            values = values.fillna(kind.type(0)).to_numpy(kind) if missing is not None else values.to_numpy(kind)
        else:
            values = values.tolist()
    elif isinstance(values, Column) or hasattr(values, "unmasked") or hasattr(values, "to_value"):
        table = PlainTable.of(Table({name: np.atleast_1d(values)}))
        return table[name], unit
    if not isinstance(values, np.ndarray):
        values = _array(values, missing)
    if missing is None or not missing.any() or values.ndim > 1:
        return values, unit
    if values.dtype.kind == "f":
        return np.where(missing, np.nan, values), unit
    return np.ma.MaskedArray(values, mask=missing), unit


def _array(values: Any, missing: Any) -> Any:
    """A list as an array; text stays text, and lists of one length become vectors."""
    if isinstance(values, list) and missing is not None:
        known = next((one for one, gap in zip(values, missing, strict=True) if not gap), "")
        empty = np.full(np.shape(known), np.nan) if np.ndim(known) else type(known)()
        values = [empty if gap else one for one, gap in zip(values, missing, strict=True)]
    return np.asarray(values)


def _of_columns(columns: Mapping[str, Any], source: str) -> PlainTable:
    arrays: dict[str, Any] = {}
    units: dict[str, str] = {}
    for name, values in columns.items():
        try:
            column, unit = plain_column(values, name=name, source=source)
        except (TypeError, ValueError) as error:
            raise AgezError(
                f"{source}: column {name} is {described(values)}, of which no array can be made: {error}"
            ) from error
        if unit:
            units[name] = unit
        arrays[name] = column
    lengths = {name: len(column) for name, column in arrays.items() if np.ndim(column)}
    n = next(iter(lengths.values()), 1 if arrays else 0)
    odd = next((name for name, length in lengths.items() if length != n), None)
    if odd is not None:
        first = next(iter(lengths))
        raise AgezError(f"{source}: column {odd} has {lengths[odd]} rows, {first} has {n}; expected as many in each")
    arrays = {name: column if np.ndim(column) else np.full(n, column) for name, column in arrays.items()}
    return PlainTable(arrays, n, units)
