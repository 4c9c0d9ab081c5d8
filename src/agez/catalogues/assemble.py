"""The pieces of an output as one file or folder: streamed, and there whole or not at all."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from astropy.io import fits
from astropy.table import TableMergeError, vstack

from agez.catalogues import fits_files, fits_rows, hats_tree
from agez.catalogues.catalogue import Catalogue, Partition
from agez.catalogues.output_place import check_place, mark_folder
from agez.catalogues.parquet_files import need_pyarrow
from agez.catalogues.write_pieces import TABLE_NAME, fits_ready, is_folder_output, opened, text_names
from agez.errors import AgezError
from agez.runtime.files import whole_file
from agez.tables.table_columns import PlainTable
from agez.tables.table_files import read_table, write_table

_COPY_BYTES = 8 << 20


def assemble(
    output: str | os.PathLike[str],
    pieces: Sequence[tuple[Partition, str | os.PathLike[str]]],
    *,
    catalogue: Catalogue,
) -> None:
    """Put the pieces that :func:`agez.catalogues.write_pieces.write_piece` wrote together, in the order of partitions.

    Pieces stay where they are.  A column that is of different kinds in different pieces (of CSV) becomes one that
    holds both.  A folder gets a Parquet file a partition; of a HATS catalogue it is a HATS catalogue of the same
    pixels.

    Parameters
    ----------
    output : path
        A file, or a name without extension for a folder.
    pieces : sequence of (Partition, path)
    catalogue : Catalogue
        What was answered.

    Raises
    ------
    AgezError
        If there are no pieces, they do not fit together, or the output cannot be written.
    """
    ordered = [(one, Path(path)) for one, path in sorted(pieces, key=lambda pair: pair[0].number)]
    if not ordered:
        raise AgezError(f"{output}: nothing to write")
    output = Path(output)
    if is_folder_output(output):
        _folder(output, ordered, catalogue)
        return
    join: dict[str, Callable[[Path, list[Path]], None]] = {".fits": _fits, ".parquet": _parquet, ".csv": _csv}
    paths = [path for _, path in ordered]
    kind = paths[0].suffix
    if kind not in join:
        try:
            joined = vstack([read_table(path) for path in paths], metadata_conflicts="silent")
        except TableMergeError as error:
            raise AgezError(f"{output}: {error}; write .csv, .fits or .parquet") from error
        write_table(output, joined, name=TABLE_NAME, describe=False)
        return
    with whole_file(output) as part:
        join[kind](part, paths)


def _fits(part: Path, paths: list[Path]) -> None:
    layouts = [fits_files.layout_of(path) for path in paths]
    columns = [tuple(fits_files.fields_of(layout)) for layout in layouts]
    fields = list(columns[0])
    for number, others in enumerate(columns[1:], start=1):
        if [one.name for one in others] != [one.name for one in fields]:
            raise AgezError(f"{paths[number]} has other columns than {paths[0]}; run it again with --overwrite")
        fields = [
            one if one == other else fits_rows.merged(one, other) for one, other in zip(fields, others, strict=True)
        ]
    n = sum(layout.n_rows for layout in layouts)
    header = fits_rows.header_of(fields, n, meta=layouts[0].meta, name=TABLE_NAME)
    size = 0
    with opened(part) as file:
        file.write(fits_rows.header_bytes(fits.PrimaryHDU().header))
        file.write(fits_rows.header_bytes(header))
        for path, layout, own in zip(paths, layouts, columns, strict=True):
            if all((a.code, a.size, a.zero) == (b.code, b.size, b.zero) for a, b in zip(own, fields, strict=True)):
                size += _copy(path, layout.offset, layout.n_rows * layout.row_bytes, file)
            else:
                whole = Partition(0, "", str(path), "fits", 0, layout.n_rows)
                table = fits_ready(fits_files.read_rows(whole, list(layout.columns)))
                size += file.write(fits_rows.encode(_as_text(table, fields), fields))
        file.write(fits_rows.padding(size))


def _as_text(table: PlainTable, fields: Sequence[fits_rows.Field]) -> PlainTable:
    """Numbers as text where another piece has text."""
    columns = {}
    for name, field in zip(table.colnames, fields, strict=True):
        column = table[name]
        if field.code == "A" and np.ma.getdata(column).dtype.kind != "S":
            text = np.ma.getdata(column).astype(str)
            missing = np.ma.getmaskarray(column) | (np.char.lower(text) == "nan")
            column = np.char.encode(np.where(missing, "", text), "utf-8")
        columns[name] = column
    return PlainTable(columns, len(table))


def _copy(path: Path, start: int, length: int, file: IO[bytes]) -> int:
    with path.open("rb") as source:
        source.seek(start)
        left = length
        while left:
            block = source.read(min(left, _COPY_BYTES))
            if not block:
                raise AgezError(f"{path} is cut short; run it again")
            file.write(block)
            left -= len(block)
    return length


def _csv(part: Path, paths: list[Path]) -> None:
    with part.open("wb") as file:
        first = b""
        for path in paths:
            with path.open("rb") as source:
                names = source.readline()
                if not first:
                    first = names
                    file.write(names)
                elif names != first:
                    raise AgezError(f"{path} has other columns than {paths[0]}; run it again with --overwrite")
                shutil.copyfileobj(source, file, _COPY_BYTES)


def _schema(paths: Sequence[Path]) -> Any:
    """The schema that holds what all pieces hold."""
    parquet = need_pyarrow(paths[0])
    import pyarrow as pa

    schemas = [parquet.read_schema(path) for path in paths]
    if all(one.equals(schemas[0]) for one in schemas[1:]):
        return schemas[0]
    try:
        found = pa.unify_schemas(schemas, promote_options="permissive")
    except pa.ArrowException:
        fields = []
        for fields_of_name in zip(*schemas, strict=True):
            types = {field.type for field in fields_of_name}
            fields.append(fields_of_name[0] if len(types) == 1 else fields_of_name[0].with_type(pa.string()))
        found = pa.schema(fields)
    for k, field in enumerate(found):
        types = {schema.field(k).type for schema in schemas}
        if pa.types.is_floating(field.type) and types & {pa.int64(), pa.uint64()}:
            found = found.set(k, field.with_type(pa.string()))  # a float has not all integers of 64 bits
    return found.with_metadata(schemas[0].metadata)


def _parquet(part: Path, paths: list[Path]) -> None:
    parquet = need_pyarrow(part)
    schema = _schema(paths)
    with parquet.ParquetWriter(part, schema, use_dictionary=text_names(schema)) as writer:
        _stream(writer, paths, schema)


def _stream(writer: Any, paths: Sequence[Path], schema: Any) -> None:
    parquet = need_pyarrow("")
    for path in paths:
        with parquet.ParquetFile(path) as piece:
            for group in range(piece.metadata.num_row_groups):
                writer.write_table(piece.read_row_group(group, use_threads=False).cast(schema))


def _folder(output: Path, pieces: list[tuple[Partition, Path]], catalogue: Catalogue) -> None:
    """Files of partitions in a folder that is made beside its place and renamed."""
    parquet = need_pyarrow(output)
    hats = catalogue.kind == "hats"
    check_place(output, catalogue)
    output = Path(os.path.realpath(output))  # through a link, to the folder itself
    output.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=".part-", suffix=f"-{output.name}", dir=output.parent))
    try:
        schema = _schema([path for _, path in pieces])
        root = made / "dataset" if hats else made
        footers = []
        for name, group in itertools.groupby(pieces, key=lambda pair: hats_tree.pixel_name(pair[0].name)):
            target = root / f"{name}.parquet"
            target.parent.mkdir(parents=True, exist_ok=True)
            paths = [path for _, path in group]
            if len(paths) == 1 and parquet.read_schema(paths[0]).equals(schema):
                _link(paths[0], target)
            else:
                with parquet.ParquetWriter(target, schema, use_dictionary=text_names(schema)) as writer:
                    _stream(writer, paths, schema)
            footer = parquet.read_metadata(target)
            footer.set_file_path(f"{name}.parquet")
            footers.append(footer)
        parquet.write_metadata(schema, root / "_common_metadata")
        parquet.write_metadata(schema, root / "_metadata", metadata_collector=footers)
        if hats:
            hats_tree.write_properties(made, output.name, catalogue, sum(footer.num_rows for footer in footers))
        mark_folder(made)
        made.chmod(0o755)
        _take_place(made, output)
    except OSError as error:
        raise AgezError(f"{output} cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _take_place(made: Path, output: Path) -> None:
    """Give a folder its name; what had it goes, but comes back if that fails."""
    if not output.exists():
        made.replace(output)
        return
    old = made.with_name(made.name + "-old")
    output.replace(old)
    try:
        made.replace(output)
    except OSError:
        old.replace(output)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk, or one that has no links
        shutil.copyfile(source, target)
