"""Any table to and from a file, the format chosen by the extension: FITS, ECSV, CSV, Parquet."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

from astropy.io import fits
from astropy.table import Table

from agez.errors import AgezError
from agez.files import check_input, check_output, whole_file

FORMATS = {".fits": "fits", ".fit": "fits", ".ecsv": "ascii.ecsv", ".csv": "ascii.csv", ".parquet": "parquet"}


def table_format(path: str | os.PathLike[str]) -> str:
    """Astropy's name of the format that the extension says (``.gz`` after it is fine); AgezError if unknown."""
    path = Path(path)
    suffixes = [s.lower() for s in path.suffixes if s.lower() != ".gz"]
    suffix = suffixes[-1] if suffixes else ""
    if suffix not in FORMATS:
        raise AgezError(f"{path}: unknown kind of table {suffix!r}; use one of {', '.join(FORMATS)}")
    kind = FORMATS[suffix]
    if kind == "parquet":
        try:
            import pyarrow  # noqa: F401
        except ImportError as error:
            raise AgezError(f"{path}: Parquet needs pyarrow; run: pip install 'agez[parquet]'") from error
    return kind


def write_table(path: str | os.PathLike[str], table: Table) -> None:
    """Write a table, whole or not at all.  CSV keeps neither units nor header; NaN is an empty cell there."""
    path = check_output(path)
    kind = table_format(path)
    with whole_file(path) as part, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # remarks on units and long header cards
        if kind == "ascii.csv":
            plain = Table(table, copy=False)
            plain.meta = {}
            plain.write(part, format=kind, overwrite=True, fill_values=[("nan", "")])
        else:
            table.write(part, format=kind, overwrite=True)


def read_table(path: str | os.PathLike[str]) -> Table:
    """Read a table; identifiers (``id``, ``spec_id``, ``galaxy_id``) stay text, so leading zeros are kept."""
    path = check_input(path)
    kind = table_format(path)
    text = {"converters": {"id": str, "spec_id": str, "galaxy_id": str}} if kind == "ascii.csv" else {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Table.read(path, format=kind, **text)
    except Exception as error:  # each reader has its own exceptions for a damaged file
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise AgezError(f"{path} cannot be read as a {kind.removeprefix('ascii.')} table: {reason}") from error


def column_names(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Names of the columns of a file's tables, read from its header; none if it holds no table."""
    path = check_input(path)
    name = path.name.lower().removesuffix(".gz")
    try:
        if name.endswith((".fits", ".fit")):
            with warnings.catch_warnings(), fits.open(path) as hdus:
                warnings.simplefilter("ignore")
                return tuple(c for hdu in hdus if isinstance(hdu, fits.BinTableHDU) for c in hdu.columns.names)
        if name.endswith(".parquet"):
            from pyarrow.parquet import read_schema

            return tuple(read_schema(path).names)
        if name.endswith((".ecsv", ".csv", ".txt", ".dat")):
            with path.open(encoding="utf-8") as lines:
                first = next((line for line in lines if line.strip() and not line.startswith("#")), "")
            return tuple(word.strip('"') for word in first.replace(",", " ").split())
    except Exception:
        return ()  # a damaged file: whoever reads it says what is wrong
    return ()
