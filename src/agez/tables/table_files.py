"""Tables to and from files, for every room: FITS, ECSV, CSV and Parquet, and from VOTables, by the extension."""

from __future__ import annotations

import gzip
import io
import json
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from xml.etree.ElementTree import iterparse

import numpy as np
from astropy.io import fits
from astropy.table import Column, Table

from agez.errors import AgezError
from agez.runtime.files import check_input, check_output, is_gzipped, open_content, whole_file
from agez.runtime.optional_packages import need
from agez.tables.arrow_columns import parquet_table
from agez.tables.column_metadata import describe_columns
from agez.tables.csv_tables import HEAD_BYTES, Seen, look_at, needs_rewriting, parse_rows, read_dialect, rewritten
from agez.tables.table_columns import even_rows, usable_names

FORMATS = {".fits": "fits", ".fit": "fits", ".ecsv": "ascii.ecsv", ".csv": "ascii.csv", ".parquet": "parquet"}
VOTABLES = (".vot", ".votable", ".xml")
#: What can be read, too.
READABLE = {**FORMATS, ".parq": "parquet", ".pq": "parquet", **dict.fromkeys(VOTABLES, "votable")}


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
        need("pyarrow", extra="parquet", purpose=f"{path}: Parquet")
    return kind


def check_table_output(path: str | os.PathLike[str], *, also: Sequence[str] = (), option: str = "-o/--out") -> Path:
    """The path of a table that can be written, its kind known by the extension; to be called before long work."""
    if not Path(path).is_dir():
        table_format(path, also=also)
    return check_output(path, option=option)


def check_fits_output(path: str | os.PathLike[str]) -> Path:
    """The path of a FITS file that can be written; to be called before long work."""
    path = Path(path)
    if path.is_dir() or FORMATS.get(extension(path)) == "fits":
        return check_output(path)
    raise AgezError(f"output {path}: this is written as FITS; give a name that ends in .fits")


def table_hdu(table: Table, *, name: str = "", header: Mapping[str, Any] | None = None) -> fits.BinTableHDU:
    """A FITS table with agez's units, each column's comment as TCOMMn and UCD as TUCDn, and ``header`` (or its own).

    A value of ``header`` may be (value, comment).
    """
    return _described_hdu(describe_columns(Table(table, copy=True)), name=name, header=header)


def _described_hdu(plain: Table, *, name: str, header: Mapping[str, Any] | None = None) -> fits.BinTableHDU:
    """A FITS table of a copy, whose columns are described already."""
    words = [(plain[column].description, plain[column].meta.get("ucd")) for column in plain.colnames]
    logarithms = [column for column in plain.colnames if "dex" in str(plain[column].unit or "")]
    units = {column: str(plain[column].unit) for column in logarithms}
    for column in plain.colnames:
        plain[column].description = None  # astropy would write a block of YAML for them
        plain[column].meta.clear()
        if column in units:
            plain[column].unit = None  # astropy does not write what the standard lacks
    cards = dict(plain.meta if header is None else header)
    plain.meta = {}
    plain.convert_unicode_to_bytestring()  # UTF-8: an identifier need not be ASCII
    hdu = fits.table_to_hdu(plain)
    if name:
        hdu.name = name
    for column, unit in units.items():
        hdu.columns[column].unit = unit
    for number, (comment, ucd) in enumerate(words, start=1):
        if ucd:
            hdu.header.set(f"TUCD{number}", ucd, after=f"TFORM{number}")
        if comment:
            hdu.header.set(f"TCOMM{number}", card_value(comment), after=f"TFORM{number}")
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
    primary.header[N_EXTENSIONS] = (len(hdus), "extensions of the whole file, as agez wrote it")
    with whole_file(path) as part:
        fits.HDUList([primary, *hdus]).writeto(part, overwrite=True)


def write_table(path: str | os.PathLike[str], table: Table, *, name: str = "", describe: bool = True) -> None:
    """Write a table, whole or not at all.  CSV keeps neither units nor header; NaN is an empty cell there.

    ``name`` is that of the table inside a FITS file.  ``describe`` says what each column is by its name; a table that
    has columns of somebody else's, too, is to be described before they are put in.
    """
    path = check_table_output(path)
    kind = table_format(path)
    if kind == "fits":
        make = table_hdu if describe else _described_hdu
        write_fits(path, [make(Table(table, copy=True), name=name)])
        return
    table = Table(table, copy=True)
    if describe:
        describe_columns(table)
    if kind == "ascii.ecsv" and table.colnames and any(str(one).startswith("#") for one in table.columns[0]):
        raise AgezError(f"{path}: a row that begins with '#' would be lost as a comment in ECSV; write .fits or .csv")
    with whole_file(path) as part:
        if kind == "ascii.csv":
            table.meta = {}
            for name in table.colnames:
                if table[name].dtype.kind == "b":  # as Parquet's tools write and read them
                    table[name] = np.where(table[name], "true", "false")
            numbers = [name for name in table.colnames if table[name].dtype.kind == "f"]
            empty = [("nan", "", *numbers)] if numbers else []  # an object may be called nan
            table.write(part, format=kind, overwrite=True, fill_values=empty)
        else:
            table.write(part, format=kind, overwrite=True)


#: Keyword of the primary header: a file that ends between two extensions is no damaged one to any reader of FITS.
N_EXTENSIONS = "AGEZNEXT"


@contextmanager
def open_fits(path: str | os.PathLike[str], *, what: str = "table") -> Iterator[fits.HDUList]:
    """The HDUs of a FITS file; whatever goes wrong inside the ``with`` for the file's sake is one AgezError.

    ``what`` it is, for the message.
    """
    path = check_input(path)
    with _one_clear_line(path, "fits", what), _unpacked(path) as file, fits.open(file, memmap=False) as hdus:
        found = len(hdus) - 1  # reads on to the end, so that a file cut short anywhere is noticed
        whole = hdus[0].header.get(N_EXTENSIONS, found)
        if found < whole:
            raise AgezError(f"{path} has {found} of its {whole} extensions: it was cut short; make or copy it again")
        yield hdus


def _unpacked(path: Path) -> IO[bytes]:
    """The file, or the whole content of a gzipped one: astropy takes one that is cut short for a shorter one."""
    return io.BytesIO(gzip.decompress(path.read_bytes())) if is_gzipped(path) else path.open("rb")


@contextmanager
def _one_clear_line(path: Path, kind: str, what: str = "table") -> Iterator[None]:
    try:
        with warnings.catch_warnings(action="ignore"):  # odd units or keywords in what is not ours are no concern
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


def hdu_to_table(hdu: Any, *, source: object = "table") -> Table:
    """The table of a FITS extension: header in ``meta``, comments and UCDs of columns as theirs.

    Columns of variable length become plain ones, or vectors, if all rows that have values have as many.  Columns of
    the same name are left out: see :func:`agez.tables.table_columns.usable_names`.
    """
    names = usable_names(fits_names(hdu.header), source=source)
    for number, name in enumerate(names, start=1):
        hdu.header[f"TTYPE{number}"] = name or f"double_{number}"
    table = Table.read(hdu, mask_invalid=False)
    for number, name in enumerate(hdu.columns.names, start=1):
        comment, ucd = (table.meta.pop(f"{key}{number}", None) for key in ("TCOMM", "TUCD"))
        if comment:
            table[name].description = comment
        if ucd:
            table[name].meta["ucd"] = ucd
        if "dex" in str(table[name].unit or ""):
            table[name].unit = str(table[name].unit)  # known to astropy, if not to its reader of FITS
    table.remove_columns([f"double_{number}" for number, name in enumerate(names, start=1) if not name])
    return _with_even_rows(table, source)


def fits_names(header: fits.Header) -> list[str]:
    """Names of the columns of a FITS table as its header has them, '' of those without."""
    return [str(header.get(f"TTYPE{k}", "")).strip() for k in range(1, header["TFIELDS"] + 1)]


def _with_even_rows(table: Table, source: object) -> Table:
    """The table with arrays in place of columns that hold one array a row."""
    for name in table.colnames:
        if table[name].dtype.kind == "O" and table[name].ndim == 1:
            values = even_rows(table[name], name=name, source=source)
            if values is not None:
                column = table[name]
                table[name] = Column(values, unit=column.unit, description=column.description, meta=column.meta)
    return table


def read_table(
    path: str | os.PathLike[str], *, prefer: Sequence[str] = (), likeness: Callable[[Sequence[str]], int] | None = None
) -> Table:
    """Read a table; identifiers stay as they are written: see :mod:`agez.tables.csv_tables`.

    The kinds that are written (``.gz`` after the extension is fine), ``.parq``, ``.pq``, and VOTables (``.vot``,
    ``.votable``, ``.xml``).  Of a FITS file with several tables, it is the first that ``prefer`` names; else the first
    whose names of columns have the highest ``likeness`` to what is wanted; else the first.
    """
    path = check_input(path)
    kind = _kind(path, READABLE)
    if kind == "fits":
        with open_fits(path) as hdus:
            tables = [hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU | fits.TableHDU)]
            if not tables:
                raise AgezError(f"{path} holds no table; give a file that does")
            by_name = {hdu.name: hdu for hdu in reversed(tables)}
            best = tables[0] if likeness is None else max(tables, key=lambda hdu: likeness(fits_names(hdu.header)))
            return hdu_to_table(next((by_name[name] for name in prefer if name in by_name), best), source=path)
    with _one_clear_line(path, kind):
        if kind == "ascii.csv":
            return _read_csv(path)
        if kind == "votable":
            with open_content(path) as content:
                usable_names(list(_votable_names(content)), source=path)
            return _with_even_rows(Table.read(path, format=kind, use_names_over_ids=True), path)
        if kind == "parquet":
            return _read_parquet(path)
        return Table.read(path, format=kind)


def _read_parquet(path: Path) -> Table:
    import pyarrow.parquet

    names = usable_names(pyarrow.parquet.read_schema(path).names, source=path)
    arrow = pyarrow.parquet.ParquetFile(path).read(columns=[name for name in names if name])
    return parquet_table(arrow, source=path).to_table()


def _read_csv(path: Path) -> Table:
    with open_content(path) as file:
        content = file.read()
    if needs_rewriting(content[:HEAD_BYTES]) or b"\n#" in content:
        content = rewritten(content, source=path)
    dialect = read_dialect(content[:HEAD_BYTES], source=path)
    rows = content[dialect.begin :]
    if not rows.strip():
        return Table({name: np.zeros(0) for name in dialect.columns})
    seen: dict[str, Seen] = {}
    look_at(seen, rows, dialect, dialect.columns, source=path)
    kinds = {name: seen[name].kind(name) for name in dialect.columns}
    columns = parse_rows(rows, dialect, dialect.columns, kinds, source=path)
    texts = {name: values.astype(str) for name, values in columns.items() if values.dtype.kind == "O"}
    return Table({**columns, **texts})


def named_hdu(hdus: fits.HDUList, name: str, path: str | os.PathLike[str], *, made_by: str) -> Any:
    """The extension of that name; AgezError if there is none."""
    if name not in hdus:
        raise AgezError(f"{path} has no table {name}; it is not a file that {made_by!r} wrote")
    return hdus[name]


def column_names(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Names of the columns of a file's tables, read from its header; none if it holds no table."""
    path = check_input(path)
    suffix = extension(path)
    kind = READABLE.get(suffix)
    try:
        if kind == "fits":
            with warnings.catch_warnings(action="ignore"), path.open("rb") as file, fits.open(file) as hdus:
                tables = [hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU | fits.TableHDU)]
                return tuple(name for hdu in tables for name in fits_names(hdu.header) if name)
        if kind == "parquet":
            from pyarrow.parquet import read_schema

            return tuple(read_schema(path).names)
        if kind == "votable":
            with open_content(path) as content:
                return tuple(_votable_names(content))
        if kind == "ascii.csv":
            with open_content(path) as content:
                head = content.read(HEAD_BYTES)
                if needs_rewriting(head):
                    head = rewritten(head + content.read(), source=path)
            return read_dialect(head[:HEAD_BYTES], source=path).columns
        if suffix in (".ecsv", ".txt", ".dat"):
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
