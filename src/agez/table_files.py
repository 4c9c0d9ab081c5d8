"""Tables to and from files, for every room: FITS, ECSV, CSV and Parquet, and from VOTables, by the extension."""

from __future__ import annotations

import gzip
import io
import json
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from xml.etree.ElementTree import iterparse

import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.units import Unit

from agez.column_words import describe_columns
from agez.errors import AgezError
from agez.files import check_input, check_output, is_gzipped, open_content, whole_file

FORMATS = {".fits": "fits", ".fit": "fits", ".ecsv": "ascii.ecsv", ".csv": "ascii.csv", ".parquet": "parquet"}
VOTABLES = (".vot", ".votable", ".xml")
#: What can be read, too.
READABLE = {**FORMATS, ".parq": "parquet", ".pq": "parquet", **dict.fromkeys(VOTABLES, "votable")}
#: Keys of a Parquet field's metadata that hold its unit and description (ours, then VOParquet's and others').
UNIT_KEYS, WORDS_KEYS = (b"unit", b"units"), (b"description", b"doc")
#: Columns that stay text where a format does not say so, so that leading zeros are kept.
_IDENTIFIERS = ("id", "spec_id", "galaxy_id")


def extension(path: Path) -> str:
    """The extension by which a table's kind is known: the one before ``.gz``."""
    suffixes = [s.lower() for s in path.suffixes if s.lower() != ".gz"]
    return suffixes[-1] if suffixes else ""


def table_format(path: str | os.PathLike[str], *, also: Sequence[str] = ()) -> str:
    """Astropy's name of the format that the extension says (``.gz`` after it is fine); AgezError if unknown.

    Extensions of ``also`` are fine, too, and are given back as they are.
    """
    suffix = extension(Path(path))
    return suffix if suffix in also else _kind(path, FORMATS, also)


def _kind(path: str | os.PathLike[str], formats: Mapping[str, str], also: Sequence[str] = ()) -> str:
    suffix = extension(Path(path))
    if suffix not in formats:
        raise AgezError(f"{path}: unknown kind of table {suffix!r}; use one of {', '.join([*formats, *also])}")
    kind = formats[suffix]
    if kind == "parquet":
        try:
            import pyarrow  # noqa: F401
        except ImportError as error:
            raise AgezError(f"{path}: Parquet needs pyarrow; run: pip install 'agez[parquet]'") from error
    return kind


def check_table_output(path: str | os.PathLike[str], *, also: Sequence[str] = ()) -> Path:
    """The path of a table that can be written, its kind known by the extension; to be called before long work."""
    if not Path(path).is_dir():
        table_format(path, also=also)
    return check_output(path)


def check_fits_output(path: str | os.PathLike[str]) -> Path:
    """The path of a FITS file that can be written; to be called before long work."""
    path = Path(path)
    if path.is_dir() or FORMATS.get(extension(path)) == "fits":
        return check_output(path)
    raise AgezError(f"output {path}: this is written as FITS; give a name that ends in .fits")


def table_hdu(table: Table, *, name: str = "", header: Mapping[str, Any] | None = None) -> fits.BinTableHDU:
    """A FITS table with agez's units, each column's comment as TCOMMn, and ``header`` (or the table's own).

    A value of ``header`` may be (value, comment).
    """
    plain = describe_columns(Table(table, copy=True))
    comments = [plain[column].description for column in plain.colnames]
    for column in plain.colnames:
        plain[column].description = None  # astropy would write a block of YAML for them
    cards = dict(plain.meta if header is None else header)
    plain.meta = {}
    plain.convert_unicode_to_bytestring()  # UTF-8: an identifier need not be ASCII
    hdu = fits.table_to_hdu(plain, name=name or None)
    for number, comment in enumerate(comments, start=1):
        if comment:
            hdu.header.set(f"TCOMM{number}", comment, after=f"TFORM{number}")
    for key, value in cards.items():
        value, comment = value if isinstance(value, tuple) else (value, "")
        if value is not None and key.upper() != "EXTNAME":
            keyword = key.upper() if len(key) <= 8 else f"HIERARCH {key}"
            hdu.header[keyword] = (card_value(value), comment)
    return hdu


def card_value(value: Any) -> Any:
    """A value as a FITS header can hold it: a number, or one line of ASCII."""
    if isinstance(value, bool | int | float | np.bool_ | np.integer | np.floating) and np.isfinite(value):
        return value.item() if isinstance(value, np.generic) else value
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text.encode("ascii", "backslashreplace").decode().replace("\n", " ")


def write_fits(path: str | os.PathLike[str], hdus: Sequence[Any], *, header: Mapping[str, Any] | None = None) -> None:
    """Write an empty primary HDU with ``header``, and the others, whole or not at all."""
    primary = fits.PrimaryHDU()
    primary.header.update(header or {})
    with whole_file(path) as part:
        fits.HDUList([primary, *hdus]).writeto(part, overwrite=True)


def write_table(path: str | os.PathLike[str], table: Table, *, name: str = "") -> None:
    """Write a table, whole or not at all.  CSV keeps neither units nor header; NaN is an empty cell there.

    ``name`` is that of the table inside a FITS file.
    """
    path = check_table_output(path)
    kind = table_format(path)
    if kind == "fits":
        write_fits(path, [table_hdu(table, name=name)])
        return
    table = describe_columns(Table(table, copy=True))
    if kind == "ascii.ecsv" and table.colnames and any(str(one).startswith("#") for one in table.columns[0]):
        raise AgezError(f"{path}: a row that begins with '#' would be lost as a comment in ECSV; write .fits or .csv")
    with whole_file(path) as part:
        if kind == "ascii.csv":
            table.meta = {}
            table.write(part, format=kind, overwrite=True, fill_values=[("nan", "")])
        else:
            table.write(part, format=kind, overwrite=True)


@contextmanager
def open_fits(path: str | os.PathLike[str], *, what: str = "table") -> Iterator[fits.HDUList]:
    """The HDUs of a FITS file; whatever goes wrong inside the ``with`` for the file's sake is one AgezError.

    ``what`` it is, for the message.
    """
    path = check_input(path)
    with _one_clear_line(path, "fits", what), _unpacked(path) as file, fits.open(file, memmap=False) as hdus:
        len(hdus)  # reads on to the end, so that a file cut short anywhere is noticed
        yield hdus


def _unpacked(path: Path) -> IO[bytes]:
    """The file, or the whole content of a gzipped one: astropy takes one that is cut short for a shorter one."""
    return io.BytesIO(gzip.decompress(path.read_bytes())) if is_gzipped(path) else path.open("rb")


@contextmanager
def _one_clear_line(path: Path, kind: str, what: str = "table") -> Iterator[None]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd units or keywords in what is not ours are no concern
            warnings.filterwarnings("error", message="(?s).*(truncated|corrupted)")  # all else is there, but not whole
            yield
    except AgezError:
        raise
    except Exception as error:  # each reader has its own exceptions for a damaged file
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise AgezError(
            f"{path} cannot be read as a {kind.removeprefix('ascii.')} {what}: {reason}; "
            "it may be cut short or of another kind: make or copy it again"
        ) from error


def hdu_to_table(hdu: Any) -> Table:
    """The table of a FITS extension: header in ``meta``, comments of columns as their descriptions."""
    table = Table.read(hdu, mask_invalid=False)
    for number, name in enumerate(hdu.columns.names, start=1):
        comment = table.meta.pop(f"TCOMM{number}", None)
        if comment:
            table[name].description = comment
    return table


def read_table(path: str | os.PathLike[str], *, prefer: Sequence[str] = (), text: Sequence[str] = ()) -> Table:
    """Read a table; identifiers (``id``, ``spec_id``, ``galaxy_id``, ``text``) stay text, so leading zeros are kept.

    The kinds that are written (``.gz`` after the extension is fine), ``.parq``, ``.pq``, and VOTables (``.vot``,
    ``.votable``, ``.xml``).  Of a FITS file with several tables, it is the first that ``prefer`` names, else the first.
    """
    path = check_input(path)
    kind = _kind(path, READABLE)
    if kind == "fits":
        with open_fits(path) as hdus:
            tables = [hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU | fits.TableHDU)]
            if not tables:
                raise AgezError(f"{path} holds no table; give a file that does")
            by_name = {hdu.name: hdu for hdu in reversed(tables)}
            return hdu_to_table(next((by_name[name] for name in prefer if name in by_name), tables[0]))
    how: dict[str, Any] = {}
    if kind == "ascii.csv":
        how = {"converters": dict.fromkeys((*_IDENTIFIERS, *text), str)}
    elif kind == "votable":
        how = {"use_names_over_ids": True}
    with _one_clear_line(path, kind):
        table = Table.read(path, format=kind, **how)
        return _with_units_of_fields(table, path) if kind == "parquet" else table


def _with_units_of_fields(table: Table, path: Path) -> Table:
    """The table of a Parquet file with the units that its fields' metadata say, which astropy does not read."""
    from pyarrow.parquet import read_schema

    for field in read_schema(path):
        unit = said_of_field(field.metadata, UNIT_KEYS)
        if unit and field.name in table.colnames and table[field.name].unit is None:
            table[field.name].unit = Unit(unit, parse_strict="silent")
    return table


def said_of_field(metadata: Any, keys: Sequence[bytes]) -> str:
    return next((metadata[key].decode() for key in keys if metadata and key in metadata), "")


def named_hdu(hdus: fits.HDUList, name: str, path: str | os.PathLike[str], *, made_by: str) -> Any:
    """The extension of that name; AgezError if there is none."""
    if name not in hdus:
        raise AgezError(f"{path} has no table {name}; it is not a file that {made_by!r} wrote")
    return hdus[name]


def read_tables(path: str | os.PathLike[str], names: Sequence[str], *, made_by: str) -> dict[str, Table]:
    """The named tables of a FITS file that ``made_by`` wrote; AgezError if one is missing."""
    with open_fits(path) as hdus:
        return {name: hdu_to_table(named_hdu(hdus, name, path, made_by=made_by)) for name in names}


def column_names(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Names of the columns of a file's tables, read from its header; none if it holds no table."""
    path = check_input(path)
    suffix = extension(path)
    kind = READABLE.get(suffix)
    try:
        if kind == "fits":
            with warnings.catch_warnings(), path.open("rb") as file, fits.open(file) as hdus:
                warnings.simplefilter("ignore")
                return tuple(c for hdu in hdus if isinstance(hdu, fits.BinTableHDU) for c in hdu.columns.names)
        if kind == "parquet":
            from pyarrow.parquet import read_schema

            return tuple(read_schema(path).names)
        if kind == "votable":
            with open_content(path) as content:
                return tuple(_votable_names(content))
        if suffix in (".ecsv", ".csv", ".txt", ".dat"):
            with open_content(path) as content, io.TextIOWrapper(content, encoding="utf-8-sig") as lines:
                first = next((line for line in lines if line.strip() and not line.startswith("#")), "")
            return tuple(word.strip('"') for word in first.replace(",", " ").split())
    except Exception:
        return ()  # a damaged file: whoever reads it says what is wrong
    return ()


def _votable_names(file: IO[bytes]) -> Iterator[str]:
    """Names of the columns of a VOTable's first table; nothing after its header is read."""
    for _, element in iterparse(file, events=("start",)):
        tag = element.tag.rpartition("}")[2]
        if tag == "FIELD":
            yield element.get("name") or element.get("ID") or ""
        elif tag == "DATA":
            return
