"""Tables as Arrow's and back, and Parquet files of them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from agez.column_words import words_of
from agez.errors import AgezError
from agez.files import whole_file
from agez.packages import need
from agez.table_columns import PlainTable

#: Keys of a field's metadata that hold its unit and description (ours, then VOParquet's and others').
UNIT_KEYS, WORDS_KEYS = (b"unit", b"units"), (b"description", b"doc")
#: Where astropy looks for a table's header, and for the length of the longest text of a column.
_HEADER, _LENGTH = b"table_meta_yaml", b"table::len::"
_NOT_META = ("ARROW:schema", "pandas", "huggingface")


def need_pyarrow(path: object) -> Any:
    """The module pyarrow.parquet; AgezError that says how to get it."""
    return need("pyarrow.parquet", extra="parquet", what=f"{path}: Parquet")


def write_parquet(path: str | os.PathLike[str], table: PlainTable) -> None:
    """Write a table, whole or not at all.  Columns that agez knows get their unit and comment."""
    parquet, arrow = need_pyarrow(path), arrow_table(table)
    with whole_file(path) as part:
        # astropy's own writer looks for repeated values also in numbers, which have none: it takes four times as long
        parquet.write_table(arrow, part, use_dictionary=text_names(arrow.schema), row_group_size=1 << 20)


def read_parquet(path: Path) -> Table:
    """The table of a file; entries of integers, truths and text that are missing are masked, of floats NaN."""
    with need_pyarrow(path).ParquetFile(path) as file:
        arrow = file.read()
    header = (arrow.schema.metadata or {}).get(_HEADER, b"")
    if b"__serialized_columns__" in header:  # as astropy writes columns that are masked, or times, or places
        return Table.read(path, format="parquet")
    meta, units, words = header_of(arrow.schema)
    columns = {name: _whole_column(arrow.column(name), name, str(path)) for name in arrow.column_names}
    return PlainTable(columns, len(arrow), units, words, meta if header else {}).to_table()


def _whole_column(column: Any, name: str, source: str) -> Any:
    """Like :func:`to_numpy`, but text as an array of text, and lists of any lengths as they are."""
    import pyarrow.types as kinds

    if kinds.is_list(column.type) or kinds.is_large_list(column.type):
        return column.to_numpy()
    values = to_numpy(column, name, source=source)
    inner = getattr(column.type, "value_type", column.type)
    if kinds.is_binary(inner) or kinds.is_large_binary(inner):
        return values.astype("S")
    return values.astype(str) if _is_text(inner) else values


def arrow_table(table: PlainTable) -> Any:
    """The table as Arrow's: unit and description in each field's metadata, the header in the schema's and astropy's."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from astropy.table.meta import get_yaml_from_table

    fields, arrays, empty = [], [], Table()
    lengths: dict[bytes, bytes] = {}
    for name in table.colnames:
        array = arrow_array(table[name])
        values = array.flatten() if pa.types.is_fixed_size_list(array.type) else array
        if _is_text(values.type):
            longest = pc.max(pc.utf8_length(values)).as_py() or 1
            lengths[_LENGTH + name.encode()] = b"%d" % max(longest, 4 if values.null_count else 1)  # None, in astropy
        unit, words = words_of(name)
        unit = table.units.get(name, unit or "")
        words = table.descriptions.get(name, words)
        about = {key: text for key, text in (("unit", unit), ("description", words)) if text}
        fields.append(pa.field(name, array.type, metadata=about or None))
        arrays.append(array)
        data = np.ma.getdata(table[name])
        empty[name] = np.zeros(0, dtype="<U1" if data.dtype.kind in "SUOM" else data.dtype)
        if unit:
            empty[name].unit = unit
        empty[name].description = words or None
    header = {key: value for key, value in table.meta.items() if key != "hats"}
    empty.meta = dict(header)
    yaml = "\n".join(get_yaml_from_table(empty))
    schema = pa.schema(fields, metadata={**meta_text(header), _HEADER: yaml.encode(), **lengths})
    return pa.Table.from_arrays(arrays, schema=schema)


def joined_metadata(schemas: Sequence[Any]) -> dict[bytes, bytes]:
    """Metadata of tables that become one: the first one's, with the longest text of any."""
    found = dict(schemas[0].metadata or {})
    for key in [one for one in found if one.startswith(_LENGTH)]:
        lengths = [int((one.metadata or {}).get(key, 0)) for one in schemas]
        if all(lengths):
            found[key] = b"%d" % max(lengths)
        else:
            del found[key]
    return found


def arrow_array(column: Any) -> Any:
    """A column as Arrow's, text as UTF-8; what is masked is missing.  Of several values a row: lists of one length."""
    import pyarrow as pa

    data = np.asarray(np.ma.getdata(column))
    mask = np.ma.getmaskarray(column) if np.ma.isMaskedArray(column) else None
    if data.ndim > 1:
        size = int(np.prod(data.shape[1:]))
        flat = arrow_array(data.reshape(-1) if mask is None else np.ma.MaskedArray(data, mask).reshape(-1))
        return pa.FixedSizeListArray.from_arrays(flat, size)
    if data.dtype.kind == "S":
        data = np.char.decode(data, "utf-8", "replace")
    if data.dtype.kind == "U":
        return pa.array(data.tolist(), pa.string(), mask=mask)
    if data.dtype.kind == "O":
        return pa.array(data, mask=mask)
    return pa.array(data.astype(data.dtype.newbyteorder("="), copy=False), mask=mask)


def text_names(schema: Any) -> list[str]:
    """Columns in which values repeat, so that a dictionary makes them small: text.  Numbers only grow by one."""
    return [field.name for field in schema if _is_text(field.type)]


def _is_text(type_: Any) -> bool:
    import pyarrow.types as kinds

    return bool(kinds.is_string(type_) or kinds.is_large_string(type_))


def said_of_fields(schema: Any, keys: Sequence[bytes]) -> dict[str, str]:
    """What the columns' metadata say under the first of the keys that is there, by column."""
    found = {one.name: next((one.metadata[key] for key in keys if key in (one.metadata or {})), b"") for one in schema}
    return {name: words.decode() for name, words in found.items() if words}


def header_of(schema: Any) -> tuple[dict[str, Any], dict[str, str], dict[str, str]]:
    """Header of a table, and units and descriptions of columns: what Arrow has of them, and what astropy as YAML."""
    known = {key.decode(): value for key, value in (schema.metadata or {}).items() if not key.startswith(_LENGTH)}
    yaml = known.pop(_HEADER.decode(), None)
    meta: dict[str, Any] = {k: value.decode("utf-8", "replace") for k, value in known.items() if k not in _NOT_META}
    units, words = said_of_fields(schema, UNIT_KEYS), said_of_fields(schema, WORDS_KEYS)
    if yaml is not None:
        from astropy.table.meta import get_header_from_yaml

        try:
            header = get_header_from_yaml(yaml.decode().split("\n"))
        except Exception:  # another program's, or damaged: the columns are there all the same
            return meta, units, words
        meta.update(header.get("meta", {}))
        units = {one["name"]: str(one["unit"]) for one in header["datatype"] if one.get("unit")} | units
        words = {one["name"]: one["description"] for one in header["datatype"] if one.get("description")} | words
    return meta, units, words


def kind_of(type_: Any) -> str:
    """What a column of this type of Arrow's holds: number, truth, text, vector (of numbers), null or other."""
    import pyarrow.types as kinds

    if kinds.is_dictionary(type_):
        return kind_of(type_.value_type)
    if kinds.is_integer(type_) or kinds.is_floating(type_) or kinds.is_decimal(type_):
        return "number"
    if kinds.is_string(type_) or kinds.is_large_string(type_) or kinds.is_binary(type_) or kinds.is_large_binary(type_):
        return "text"
    if kinds.is_boolean(type_):
        return "truth"
    if kinds.is_null(type_):
        return "null"
    is_list = kinds.is_list(type_) or kinds.is_large_list(type_) or kinds.is_fixed_size_list(type_)
    return "vector" if is_list and kind_of(type_.value_type) == "number" else "other"


def to_numpy(column: Any, name: str, *, source: str, first_row: int = 0) -> Any:
    """An Arrow column as a plain array: masked where integers, truths or text are missing, NaN where floats are."""
    import pyarrow as pa
    import pyarrow.types as kinds

    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array, pa.ChunkedArray):
        array = array.chunk(0) if array.num_chunks == 1 else pa.concat_arrays(array.chunks)
    if kinds.is_dictionary(array.type):
        array = array.dictionary_decode()
    if kinds.is_decimal(array.type):
        array = array.cast(pa.float64())
    kind = kind_of(array.type)
    if kind == "null":
        return np.full(len(array), np.nan)
    if kinds.is_fixed_size_list(array.type) and not array.null_count:
        flat = to_numpy(array.flatten(), name, source=source, first_row=first_row)
        return flat.reshape(len(array), array.type.list_size)
    if kind == "vector":
        return _vectors(array, name, source, first_row)
    if kind in ("number", "truth") and array.null_count and not kinds.is_floating(array.type):
        missing = np.asarray(array.is_null())
        return np.ma.MaskedArray(np.asarray(array.fill_null(False if kind == "truth" else 0)), mask=missing)
    if kind == "text":
        text = np.asarray(array.to_numpy(zero_copy_only=False), dtype=object)
        if not array.null_count:
            return text
        missing = np.asarray(array.is_null())
        text[missing] = ""
        return np.ma.MaskedArray(text, mask=missing)
    return array.to_numpy(zero_copy_only=False)


def _vectors(array: Any, name: str, source: str, first_row: int) -> Any:
    """A list column as (n, k); rows that have none are NaN."""
    import pyarrow.compute as pc

    n = len(array)
    if n == 0:
        return np.zeros((0, 0))
    lengths = np.asarray(pc.list_value_length(array).fill_null(-1))
    length = int(lengths.max())
    odd = (lengths != length) & (lengths > 0)
    if odd.any():
        row = int(np.argmax(odd))
        raise AgezError(
            f"{source}: column {name} has {lengths[row]} values in row {first_row + row + 1}, "
            f"{length} in others; expected as many in each"
        )
    flat = to_numpy(pc.list_flatten(array), name, source=source)
    if not (lengths <= 0).any():
        return flat.reshape(n, length)
    full = np.full((n, max(length, 0)), np.nan)
    full[lengths > 0] = flat.reshape(-1, length) if length > 0 else full[lengths > 0]
    return full


def meta_text(meta: Mapping[str, Any]) -> dict[str, str]:
    """A header as text, as Parquet has it."""
    return {key: value if isinstance(value, str) else json.dumps(value, default=str) for key, value in meta.items()}
