"""A partition of a catalogue: its columns, its photometry, and what is kept of it beside the answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from agez.catalogues import csv_files, fits_files, parquet_files, whole_files
from agez.catalogues.catalogue import Catalogue, Partition
from agez.errors import AgezError
from agez.hints import named_among
from agez.photometry.band_columns import BandColumn, band_names, named_columns
from agez.photometry.filters import FilterSet
from agez.photometry.find_columns import FILTER_SET_COLUMN, filter_set_column
from agez.photometry.row_values import RowOptions
from agez.photometry.survey_columns import SurveyPhotometry, survey_bands, survey_photometry
from agez.photometry.survey_names import has_survey_columns
from agez.photometry.survey_units import HEAD_ROWS
from agez.photometry.tables import rows_to_photometry
from agez.photometry.vector_columns import find_vector_photometry, vector_band_columns
from agez.tables.join_suffixes import SUFFIXES
from agez.tables.table_columns import PlainTable
from agez.types import Bands, Photometry

#: Columns by which rows are known, in any case and with a table's name in front: they are always kept.
IDENTIFYING = (
    "id", "spec_id", "galaxy_id", "obj_id", "object_id", "source_id", "tile_id", "number", "x", "y", "ra", "dec",
    "alpha_j2000", "delta_j2000", "raj2000", "dej2000", "ra_icrs", "de_icrs", "redshift", "redshift_err",
    "_healpix_29", "_healpix_19",
)  # fmt: skip
#: Columns beside the photometry that photometry is made with.
_WITH_PHOTOMETRY = ("id", "spec_id", "galaxy_id", "x", "y", "flags")


def read_partition(catalogue: Catalogue, partition: Partition, columns: Sequence[str] | None = None) -> PlainTable:
    """Columns of a partition as plain arrays; all of them unless ``columns`` says which.

    Raises
    ------
    AgezError
        If the file is damaged or has changed; it names the file.
    """
    if partition.fault:
        raise AgezError(partition.fault)
    names = list(catalogue.columns if columns is None else columns)
    missing = [name for name in names if name not in catalogue.columns]
    if missing:
        raise AgezError(
            f"{catalogue.path} has no column {missing[0]}; it has {named_among(catalogue.columns, missing[0])}"
        )
    if partition.table is not None:
        table = partition.table.select(names).take(slice(partition.start, partition.stop))
    elif partition.kind == "fits":
        table = fits_files.read_rows(partition, names)
    elif partition.kind == "csv":
        table = csv_files.read_rows(catalogue, partition, names)
    elif partition.kind == "table":
        table = whole_files.read_rows(partition, names)
    else:
        table = parquet_files.read_rows(partition, names)
    units = {name: catalogue.units[name] for name in names if name in catalogue.units}
    return replace(table, units=units, meta=catalogue.meta, first_row=partition.first_row)


def head_rows(catalogue: Catalogue, columns: Sequence[str]) -> PlainTable | None:
    """Columns of the first rows (:data:`HEAD_ROWS`), by which columns are judged; None if they cannot be read."""
    few = next((one for one in catalogue.partitions if len(one) and not one.fault), None)
    if few is None or not columns:
        return None
    if few.kind == "csv":
        few = csv_files.first_rows(catalogue, few, HEAD_ROWS)
    elif few.kind != "table":
        few = replace(few, stop=min(few.stop, few.start + HEAD_ROWS))
    try:
        return read_partition(catalogue, few, list(dict.fromkeys(columns)))
    except AgezError:
        return None  # a damaged file is said when its partition is read


def first_rows(catalogue: Catalogue) -> Partition | None:
    """The first hundred rows (of CSV, of ECSV and the like a partition) that can be read; None without any."""
    for partition in catalogue.partitions:
        if len(partition) and not partition.fault:
            whole = partition.kind in ("csv", "table")
            return partition if whole else replace(partition, stop=min(partition.stop, partition.start + 100))
    return None


def photometry_layout(
    catalogue: Catalogue, *, filters: str | Bands | FilterSet | None = None, model: Bands | None = None
) -> tuple[Bands, tuple[BandColumn, ...]]:
    """The bands of a catalogue and their columns; those of ``model`` decide between sets of the same names."""
    source = catalogue.path
    if catalogue.vectors:
        (chosen,) = (
            one
            for one in find_vector_photometry({name: len(catalogue.bands) for name in vector_columns(catalogue)})
            if one.value == catalogue.vectors[0]
        )
        return vector_band_columns(
            chosen, catalogue.bands, source=source, units=catalogue.units, meta=catalogue.meta, filters=filters,
            model=model,
        )  # fmt: skip
    of_survey = survey_layout(catalogue, filters=filters, model=model)
    if of_survey is not None:
        return survey_bands(of_survey, source=source, units=catalogue.units, filters=filters, model=model)
    return named_columns(
        catalogue.columns, source=source, units=catalogue.units, meta=catalogue.meta, filters=filters, model=model
    )


def survey_layout(
    catalogue: Catalogue, *, filters: str | Bands | FilterSet | None = None, model: Bands | None = None
) -> SurveyPhotometry | None:
    """The photometry of a catalogue with a column a band that is named as a survey's; None if it is not."""
    if catalogue.vectors:
        return None
    return survey_photometry(
        scalar_columns(catalogue), source=catalogue.path, meta=catalogue.meta, filters=filters, model=model,
        aperture=catalogue.aperture,
    )  # fmt: skip


def partition_photometry(
    catalogue: Catalogue,
    partition: Partition,
    *,
    filters: str | Bands | FilterSet | None = None,
    model: Bands | None = None,
    options: RowOptions | None = None,
) -> Photometry:
    """The photometry of a partition, by the rules of :func:`agez.read_photometry`; empty partitions have no rows.

    Only the columns that it is made of are read.
    """
    photometry, _ = partition_rows(catalogue, partition, keep=(), filters=filters, model=model, options=options)
    return photometry


def partition_rows(
    catalogue: Catalogue,
    partition: Partition,
    *,
    keep: Sequence[str],
    filters: str | Bands | FilterSet | None = None,
    model: Bands | None = None,
    options: RowOptions | None = None,
) -> tuple[Photometry, PlainTable]:
    """The photometry of a partition and the columns ``keep`` (see :func:`kept_columns`), the file being read once."""
    options = options or RowOptions()
    bands, columns = photometry_layout(catalogue, filters=filters, model=model)
    needed = [name for name in _WITH_PHOTOMETRY if name in catalogue.columns]
    needed += options.columns(catalogue.columns, source=catalogue.path)
    needed += [name for one in columns for name in (one.value, one.error) if name is not None]
    if catalogue.vectors:
        needed += [name for name in vector_columns(catalogue) if _bare(name) in ("flags", "mask_flags")]
    table = read_partition(catalogue, partition, list(dict.fromkeys([*needed, *keep])))
    if catalogue.vectors and len(table):
        _check_lengths(catalogue, table)
    with_photometry = table.select([name for name in dict.fromkeys(needed) if len(table) or table[name].ndim == 1])
    if not len(table):
        empty = {
            name: np.zeros((0, len(catalogue.bands))) for one in columns for name in (one.value, one.error) if name
        }
        if catalogue.vectors:
            with_photometry = PlainTable({**with_photometry.columns, **empty}, 0)
    photometry = rows_to_photometry(with_photometry, bands, columns, source=partition.path, options=options)
    return photometry, table.select(list(keep))


def _check_lengths(catalogue: Catalogue, table: PlainTable) -> None:
    for name in catalogue.vectors:
        if name and table[name].shape[1:] != (len(catalogue.bands),):
            raise AgezError(
                f"{catalogue.path}: column {name} has {table[name].shape[-1]} values a row; expected "
                f"{len(catalogue.bands)}, one a filter"
            )


def with_filter_set(catalogue: Catalogue) -> Catalogue:
    """The catalogue with the filter set of its column ``filter_set``, if it has one, as a header would say it."""
    first = next((one for one in catalogue.partitions if len(one) and not one.fault), None)
    if FILTER_SET_COLUMN not in catalogue.columns or first is None:
        return catalogue
    said = filter_set_column(read_partition(catalogue, first, [FILTER_SET_COLUMN]), source=catalogue.path)
    return replace(catalogue, meta={**catalogue.meta, **said})


def scalar_columns(catalogue: Catalogue) -> list[str]:
    """Names of the columns that hold one value a row."""
    return [name for name in catalogue.columns if catalogue.types.get(name) not in ("vector", "other")]


def vector_columns(catalogue: Catalogue) -> list[str]:
    """Names of the columns that hold a vector of numbers a row."""
    return [name for name in catalogue.columns if catalogue.types.get(name) == "vector"]


def kept_columns(catalogue: Catalogue, also: Sequence[str] | str = ()) -> tuple[str, ...]:
    """Columns of the input that go beside the answers, in the order of the input.

    Those that identify a row are always among them (:data:`IDENTIFYING`, in surveys' tables also with the suffix of a
    join, ``RA_dual``; of HATS, its own position columns).

    Parameters
    ----------
    also : sequence of str, or 'all'
        Further columns; AgezError if there is none of that name.
    """
    if also == "all":
        return catalogue.columns
    wanted = [also] if isinstance(also, str) else list(also)
    missing = [name for name in wanted if name not in catalogue.columns]
    if missing:
        raise AgezError(
            f"{catalogue.path} has no column {missing[0]} to be kept; its columns are "
            f"{named_among(catalogue.columns, missing[0])}"
        )
    hats = catalogue.meta.get("hats", {})
    own = {hats.get("hats_col_ra"), hats.get("hats_col_dec"), hats.get("hats_col_healpix")}
    bands = set() if catalogue.vectors else set(band_names(catalogue.columns))
    joined = has_survey_columns(scalar_columns(catalogue))
    return tuple(
        name
        for name in catalogue.columns
        if name in wanted
        or name in own
        or (_identifies(name, joined=joined) and name not in bands and catalogue.types.get(name) != "vector")
    )


def _identifies(name: str, *, joined: bool) -> bool:
    bare = _bare(name)
    suffixes = [one for one in SUFFIXES if one and bare.endswith(one)] if joined else []
    return bare in IDENTIFYING or any(bare.removesuffix(one) in IDENTIFYING for one in suffixes)


def _bare(name: str) -> str:
    return name.rpartition(".")[2].lower()
