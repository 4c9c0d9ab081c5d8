"""The rows of one partition as a file of their own, in the format of the output."""

from __future__ import annotations

import gzip
import os
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from astropy.io import fits
from astropy.table import Table

from agez.catalogues import fits_rows
from agez.catalogues.parquet_files import need_pyarrow
from agez.errors import AgezError
from agez.runtime.files import whole_file
from agez.tables.table_columns import PlainTable
from agez.tables.table_files import table_format, write_table

#: Name of the table in FITS files, unless said otherwise.
TABLE_NAME = "PREDICTIONS"


def is_folder_output(output: str | os.PathLike[str]) -> bool:
    """Whether an output is to be a folder of Parquet files (a HATS catalogue, of HATS): its name has no extension."""
    return Path(output).is_dir() or not Path(output).suffix


def piece_extension(output: str | os.PathLike[str]) -> str:
    """Extension of the pieces that an output is put together of; AgezError if it is of no kind that can be.

    ``.fits``, ``.csv`` or ``.parquet`` as the output has it (also ``.fits.gz``); a folder is made of Parquet files.
    """
    if is_folder_output(output):
        need_pyarrow(output)
        return ".parquet"
    name = Path(output).name.lower()
    if name.endswith((".fits", ".fit", ".fits.gz")):
        return ".fits"
    if name.endswith((".csv", ".ecsv", ".parquet")):
        table_format(output)  # says what is missing for it
        return Path(name).suffix
    raise AgezError(f"{output}: unknown kind of output; use .fits, .csv, .parquet, .ecsv, or the name of a folder")


def write_piece(path: str | os.PathLike[str], table: Table | PlainTable, *, name: str = TABLE_NAME) -> None:
    """Write rows, whole or not at all; the format goes by the extension, as :func:`piece_extension` knows them.

    Columns have the unit, comment and UCD that the table says.  One of a kind that the format has not becomes text.
    """
    plain = table if isinstance(table, PlainTable) else PlainTable.of(table)
    kind = piece_extension(path)
    if kind == ".fits":
        with whole_file(path) as part, opened(part) as file:
            file.write(fits_rows.header_bytes(fits.PrimaryHDU().header))
            ready = fits_ready(plain)
            fields = fits_rows.fields_of(ready)
            file.write(fits_rows.header_bytes(fits_rows.header_of(fields, len(ready), meta=ready.meta, name=name)))
            rows = fits_rows.encode(ready, fields)
            file.write(rows)
            file.write(fits_rows.padding(len(rows)))
    elif kind == ".parquet":
        parquet = need_pyarrow(path)
        with whole_file(path) as part:
            arrow = arrow_table(plain)
            parquet.write_table(arrow, part, use_dictionary=text_names(arrow.schema), row_group_size=1 << 20)
    elif kind == ".csv":
        with whole_file(path) as part:
            _write_csv(part, plain)
    else:
        write_table(path, plain.to_table(), name=name, describe=False)


def opened(part: Path) -> IO[bytes]:
    """A file to write bytes to, compressed if its name says so."""
    if part.name.lower().endswith(".gz"):
        return gzip.open(part, "wb", compresslevel=4)  # type: ignore[return-value]
    return part.open("wb")


def fits_ready(table: PlainTable) -> PlainTable:
    """The table with columns that FITS can hold."""
    return PlainTable(
        {name: fits_rows.storable(table[name]) for name in table.colnames}, len(table), table.units,
        table.descriptions, table.meta, table.first_row, table.ucds,
    )  # fmt: skip


def arrow_table(table: PlainTable) -> Any:
    """As Arrow's: unit, description, UCD in each field's metadata; the header in the schema's and astropy's."""
    import pyarrow as pa
    from astropy.table.meta import get_yaml_from_table

    fields, arrays, empty = [], [], Table()
    for name in table.colnames:
        array = arrow_array(table[name])
        unit, words, ucd = (said.get(name, "") for said in (table.units, table.descriptions, table.ucds))
        about = {key: text for key, text in (("unit", unit), ("description", words), ("ucd", ucd)) if text}
        fields.append(pa.field(name, array.type, metadata=about or None))
        arrays.append(array)
        data = np.ma.getdata(table[name])
        empty[name] = np.zeros(0, dtype="<U1" if data.dtype.kind in "SUOM" else data.dtype)
        if unit:
            empty[name].unit = unit
        empty[name].description = words or None
        if ucd:
            empty[name].meta["ucd"] = ucd
    header = {key: value for key, value in table.meta.items() if key != "hats"}
    empty.meta = dict(header)
    schema = pa.schema(fields, metadata=fits_rows.meta_text(header))
    yaml = "\n".join(get_yaml_from_table(empty))
    schema = schema.with_metadata({**(schema.metadata or {}), b"table_meta_yaml": yaml.encode()})
    return pa.Table.from_arrays(arrays, schema=schema)


def arrow_array(column: Any) -> Any:
    """A column as Arrow has it: missing where it is masked."""
    import pyarrow as pa

    data = np.ma.getdata(column)
    mask = np.ma.getmaskarray(column) if np.ma.isMaskedArray(column) else None
    data = np.asarray(data)
    if data.dtype.kind == "S":
        data = np.char.decode(data, "utf-8", "replace")
    if data.ndim == 2:
        flat = np.ascontiguousarray(data).reshape(-1)
        gaps = None if mask is None else np.ascontiguousarray(mask).reshape(-1)
        values = pa.array(flat.astype(flat.dtype.newbyteorder("=")), mask=gaps)
        return pa.FixedSizeListArray.from_arrays(values, data.shape[1])
    if data.dtype.kind in "UO":
        return pa.array(data.tolist() if data.dtype.kind == "U" else data, mask=mask)
    return pa.array(data.astype(data.dtype.newbyteorder("="), copy=False), mask=mask)


def text_names(schema: Any) -> list[str]:
    """Columns in which values repeat, so that a dictionary makes them small: text.  Numbers only grow by one."""
    import pyarrow.types as kinds

    return [field.name for field in schema if kinds.is_string(field.type) or kinds.is_large_string(field.type)]


def _write_csv(path: Path, table: PlainTable) -> None:
    """Comma-separated, NaN and missing values as empty cells, vectors as ``{1.0,2.0}``."""

    def in_braces(row: Sequence[Any]) -> str:
        return "{" + ",".join("nan" if one is None else repr(one) for one in row) + "}"

    columns = {
        name: np.array([in_braces(row) for row in table[name].tolist()]) if np.ndim(table[name]) == 2 else table[name]
        for name in table.colnames
    }
    try:
        import pyarrow.csv
    except ImportError:
        write_table(path, PlainTable(columns, len(table)).to_table(), describe=False)
        return
    import pyarrow as pa

    arrays = []
    for column in columns.values():
        array = arrow_array(column)
        if pa.types.is_floating(array.type):
            array = pa.array(np.asarray(np.ma.filled(column, np.nan)).astype(float), from_pandas=True)
        arrays.append(array)
    try:
        options = pyarrow.csv.WriteOptions(quoting_style="needed", quoting_header="needed")
    except TypeError:  # an older pyarrow quotes every name
        options = pyarrow.csv.WriteOptions(quoting_style="needed")
    pyarrow.csv.write_csv(pa.Table.from_arrays(arrays, names=list(columns)), path, options)
