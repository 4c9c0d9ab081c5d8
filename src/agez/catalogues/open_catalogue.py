"""Open a catalogue of photometry: find its files, columns and partitions, and say at once what is wrong with it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from agez.catalogues import csv_files, fits_files, hats_files, parquet_files, whole_files
from agez.catalogues.catalogue import Catalogue, Partition
from agez.catalogues.read_partition import with_filter_set
from agez.catalogues.vector_columns import find_vectors
from agez.errors import AgezError
from agez.photometry.filters import FilterSet
from agez.runtime.files import check_input
from agez.tables.table_columns import PlainTable
from agez.types import Bands

#: Rows of a partition unless said otherwise: 100 000 rows of 60 bands are 100 MB of fluxes and errors.
ROWS_PER_PARTITION = 100_000


def open_catalogue(
    path: str | os.PathLike[str],
    *,
    rows_per_partition: int = ROWS_PER_PARTITION,
    photometry: str | None = None,
    filter_table: str | os.PathLike[str] | None = None,
    filters: str | Bands | FilterSet | None = None,
    unit: str | None = None,
) -> Catalogue:
    """Find the files, columns and partitions of a catalogue; nothing but headers (of CSV: ends of lines) is read.

    Understood are FITS tables (``.fits``, ``.fits.gz``), CSV (``.csv``, ``.csv.gz``), Parquet (a file, or a folder of
    files), HATS catalogues (a folder with ``hats.properties``), and, read whole as one partition, ECSV and VOTable.

    Parameters
    ----------
    rows_per_partition : int
        At most this many rows a partition; files and row groups of Parquet a little larger are not cut.
    photometry : str, optional
        Which aperture of a survey's tables: ``AUTO``, ``APER_COR_3_0``, ``aper_6``, as in the names of its columns, be
        they vectors (:mod:`agez.catalogues.vector_columns`) or of a band each (:mod:`agez.photometry.survey_columns`).
    filter_table : path, optional
        The survey's table of filters (columns ``filter_id`` and ``name``), which says the order of vector columns.
    filters : str, Bands or FilterSet, optional
        The set that the bands belong to: decides where the vectors of several surveys have as many elements.
    unit : str, optional
        Of the columns of photometry that say none.

    Raises
    ------
    AgezError
        If there is no such catalogue, it holds no photometry, its files have different columns, or nothing in it
        can be read.  Single files of a folder that cannot be read are partitions with a ``fault``.
    """
    if rows_per_partition < 1:
        raise AgezError(f"rows per partition is {rows_per_partition}; expected at least 1")
    path = Path(path)
    catalogue = _open(path, rows_per_partition)
    if not any(len(one) for one in catalogue.partitions) and not any(one.fault for one in catalogue.partitions):
        raise AgezError(f"{path}: the catalogue is empty; expected a row for each object")
    catalogue = with_filter_set(replace(catalogue, path=str(path)))
    return find_vectors(catalogue, photometry=photometry, filter_table=filter_table, filters=filters, unit=unit)


def open_table(table: PlainTable, *, source: str, **options: Any) -> Catalogue:
    """A table in memory as a catalogue of one partition; ``options`` and errors as of :func:`open_catalogue`."""
    if not len(table):
        raise AgezError(f"{source}: the table is empty; expected a row for each object")
    kinds = {name: whole_files.kind_of(table[name]) for name in table.colnames}
    partition = Partition(0, "table", source, "memory", 0, len(table), table=table)
    catalogue = Catalogue(source, "memory", tuple(table.colnames), (partition,), table.units, table.meta, kinds)
    return find_vectors(with_filter_set(catalogue), **options)


def _open(path: Path, rows: int) -> Catalogue:
    if path.is_dir():
        root = hats_files.catalogue_root(path)
        return parquet_files.open_folder(path, rows) if root is None else hats_files.open_hats(root, rows)
    check_input(path)
    name = path.name.lower().removesuffix(".gz")
    if name.endswith((".fits", ".fit")):
        return fits_files.open_fits_table(path, rows)
    if name.endswith((".parquet", ".parq", ".pq")):
        return parquet_files.open_files(path, "parquet", [(path, "")], rows)
    if name.endswith(".csv"):
        return csv_files.open_csv(path, rows)
    if name.endswith(whole_files.EXTENSIONS):
        return whole_files.open_whole(path)
    raise AgezError(
        f"{path}: unknown kind of catalogue; use .fits[.gz], .csv[.gz], .parquet, .ecsv, .vot, or a folder of Parquet "
        "files or of a HATS catalogue"
    )
