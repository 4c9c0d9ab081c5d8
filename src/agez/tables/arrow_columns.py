"""Columns of Arrow, and so of Parquet, as plain arrays; and what their metadata say of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from agez.errors import AgezError
from agez.tables.table_columns import PlainTable

#: Keys of a field's metadata that hold its unit and description (ours, then VOParquet's and others').
UNIT_KEYS, WORDS_KEYS, UCD_KEYS = (b"unit", b"units"), (b"description", b"doc"), (b"ucd",)


def said(metadata: Any, keys: Sequence[bytes]) -> str:
    """What a field's metadata have under the first of these keys that is there."""
    return next((metadata[key].decode() for key in keys if metadata and key in metadata), "")


def table_meta(metadata: Any) -> dict[str, Any]:
    """Header of the table: plain keys, and what astropy writes as YAML (its units, too)."""
    if not metadata:
        return {}
    known = {key.decode(): value for key, value in metadata.items()}
    yaml = known.pop("table_meta_yaml", None)
    known = {key: value.decode("utf-8", "replace") for key, value in known.items() if key not in _NOT_META}
    if yaml is not None:
        from astropy.table.meta import get_header_from_yaml

        try:
            header = get_header_from_yaml(yaml.decode().split("\n"))
        except Exception:  # another program's, or damaged: the columns are there all the same
            return dict(known)
        known.update(header.get("meta", {}))
        known["_units"] = {one["name"]: str(one["unit"]) for one in header["datatype"] if one.get("unit")}
        known["_words"] = {one["name"]: one["description"] for one in header["datatype"] if one.get("description")}
        known["_ucds"] = {one["name"]: one["meta"]["ucd"] for one in header["datatype"] if "ucd" in one.get("meta", {})}
    return dict(known)


_NOT_META = ("ARROW:schema", "pandas", "huggingface")


def kind_of_arrow(type_: Any) -> str:
    import pyarrow.types as kinds

    if kinds.is_dictionary(type_):
        return kind_of_arrow(type_.value_type)
    if kinds.is_integer(type_) or kinds.is_floating(type_) or kinds.is_decimal(type_):
        return "number"
    if kinds.is_string(type_) or kinds.is_large_string(type_) or kinds.is_binary(type_) or kinds.is_large_binary(type_):
        return "text"
    if kinds.is_boolean(type_):
        return "truth"
    if kinds.is_null(type_):
        return "null"
    is_list = kinds.is_list(type_) or kinds.is_large_list(type_) or kinds.is_fixed_size_list(type_)
    return "vector" if is_list and kind_of_arrow(type_.value_type) == "number" else "other"


def to_numpy(column: Any, name: str, source: object, first_row: int = 0) -> Any:
    """An Arrow column as a plain array: masked where integers, truths or text are missing, NaN where floats are."""
    import pyarrow as pa
    import pyarrow.types as kinds

    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array, pa.ChunkedArray):
        array = array.chunk(0) if array.num_chunks == 1 else pa.concat_arrays(array.chunks)
    if kinds.is_dictionary(array.type):
        array = array.dictionary_decode()
    if kinds.is_decimal(array.type):
        array = _of_decimals(array)
    kind = kind_of_arrow(array.type)  # after decimals have become what they can be
    if kind == "null":
        return np.full(len(array), np.nan)
    if kind == "vector":
        return _vectors(array, name, source, first_row)
    if kind in ("number", "truth") and array.null_count and not kinds.is_floating(array.type):
        missing = np.asarray(array.is_null())
        return np.ma.MaskedArray(np.asarray(array.fill_null(False if kind == "truth" else 0)), mask=missing)
    if kind == "text" or (kind == "other" and not (kinds.is_timestamp(array.type) or kinds.is_date(array.type))):
        is_text = kinds.is_string(array.type) or kinds.is_large_string(array.type)
        text = np.asarray(array.to_numpy(zero_copy_only=False), dtype=object) if is_text else _as_text(array)
        if not array.null_count:
            return text
        missing = np.asarray(array.is_null())
        text[missing] = ""
        return np.ma.MaskedArray(text, mask=missing)
    return array.to_numpy(zero_copy_only=False)


def _of_decimals(array: Any) -> Any:
    """Decimals as floats; those that are whole, and may identify rows, as integers, or text if those may not do."""
    import pyarrow as pa

    if array.type.scale > 0:
        return array.cast(pa.float64())
    return array.cast(pa.int64() if array.type.precision - array.type.scale <= 18 else pa.string())


def _as_text(array: Any) -> Any:
    """What tables have no type for (bytes, structures, lists of text, times of day), as JSON or as it reads."""

    def read(one: Any) -> str | None:
        if one is None or isinstance(one, str):
            return one
        if isinstance(one, bytes):
            return one.decode("utf-8", "replace")
        return json.dumps(one, default=str) if isinstance(one, dict | list | tuple) else str(one)

    return np.array([read(one) for one in array.to_pylist()], dtype=object)


def _vectors(array: Any, name: str, source: object, first_row: int) -> Any:
    """A list column as (n, k); rows that have none are NaN."""
    import pyarrow.compute as pc
    import pyarrow.types as kinds

    n = len(array)
    if n == 0:
        return np.zeros((0, 0))
    if kinds.is_fixed_size_list(array.type) and not array.null_count:
        return to_numpy(array.flatten(), name, source).reshape(n, -1)
    lengths = np.asarray(pc.list_value_length(array).fill_null(-1))
    length = int(lengths.max())
    odd = (lengths != length) & (lengths > 0)
    if odd.any():
        row = int(np.argmax(odd))
        raise AgezError(
            f"{source}: column {name} has {lengths[row]} values in row {first_row + row + 1}, "
            f"{length} in others; expected as many in each"
        )
    flat = to_numpy(pc.list_flatten(array), name, source)
    if not (lengths <= 0).any():
        return flat.reshape(n, length)
    whole = flat.dtype.kind in "iu"
    shape = (n, max(length, 0))
    full: Any = np.ma.MaskedArray(np.zeros(shape, flat.dtype), mask=True) if whole else np.full(shape, np.nan)
    full[lengths > 0] = flat.reshape(-1, length) if length > 0 else full[lengths > 0]
    return full


def masks_of(schema: Any) -> list[str]:
    """Columns of a schema that are masks of others, as astropy writes masked columns: ``NAME`` and ``NAME.mask``."""
    import pyarrow as pa

    names = set(schema.names)
    return [
        field.name for field in schema
        if field.name.endswith(".mask") and field.name[:-5] in names and field.type == pa.bool_()
    ]  # fmt: skip


def without_masked(arrow: Any) -> Any:
    """A table of Arrow's with nothing where ``NAME.mask`` is true, and without these masks."""
    import pyarrow as pa

    masks = masks_of(arrow.schema)
    for mask in masks:
        at = arrow.column_names.index(mask[:-5])
        hidden = arrow.column(mask).combine_chunks().fill_null(False).to_numpy(zero_copy_only=False)
        cells = arrow.column(at).take(pa.array(np.arange(len(hidden)), mask=hidden))
        arrow = arrow.set_column(at, arrow.schema.field(at).with_nullable(True), cells)
    return arrow.drop_columns(masks) if masks else arrow


def parquet_table(arrow: Any, *, source: object) -> PlainTable:
    """A table of Arrow's, with the units, comments and header that its metadata have."""
    arrow = without_masked(arrow)
    meta = table_meta(arrow.schema.metadata)
    units = dict(meta.pop("_units", {}))
    units |= {field.name: found for field in arrow.schema if (found := said(field.metadata, UNIT_KEYS))}
    words = dict(meta.pop("_words", {}))
    words |= {field.name: found for field in arrow.schema if (found := said(field.metadata, WORDS_KEYS))}
    ucds = dict(meta.pop("_ucds", {}))
    ucds |= {field.name: found for field in arrow.schema if (found := said(field.metadata, UCD_KEYS))}
    columns = {name: to_numpy(arrow.column(name), name, source) for name in arrow.column_names}
    return PlainTable(columns, arrow.num_rows, units, words, meta, ucds=ucds)
