"""LSDB: a model on a HATS catalogue that is opened lazily, pixel by pixel, with the schema said beforehand."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from agez.apply.corrections import Corrections
from agez.arguments import check_type
from agez.catalogues.catalogue import Catalogue, Partition
from agez.catalogues.open_catalogue import open_catalogue
from agez.catalogues.read_partition import kept_columns
from agez.catalogues.write_pieces import arrow_array
from agez.engine.answer import AnswerJob, answer_rows, make_job, photometry_of
from agez.models.asked import Asked
from agez.runtime.optional_packages import need
from agez.tables.arrow_columns import to_numpy
from agez.tables.table_columns import PlainTable

if TYPE_CHECKING:
    import pandas as pd


def predict_hats(
    catalogue: Any,
    model: str | os.PathLike[str] = "jpas",
    *,
    keep: Sequence[str] | str = (),
    filters: str | None = None,
    redshift: float | str | None = None,
    corrections: Corrections | None = None,
    distribution: bool = False,
    asked: Asked | None = None,
) -> Any:
    """A catalogue of LSDB with a row of answers for each of its rows; nothing is computed yet.

    The columns are those of ``agez predict``; the positions that HATS needs are kept, so that the result can be
    crossmatched, computed, and written with ``write_catalog``.  Pixels without rows give none.

    Parameters
    ----------
    catalogue : lsdb.Catalog, or path of a HATS catalogue
        Opened, it must have its photometry: ``lsdb.open_catalog(path, columns="all")``.
    model : path or name
        Workers elsewhere must see the same file.
    keep : sequence of str, or 'all'
        Columns of the catalogue that the answers have beside them, too.
    filters, redshift, corrections, distribution, asked
        See :class:`agez.engine.answer.AnswerJob`.

    Raises
    ------
    AgezError
        If the catalogue has no photometry that the model knows, or LSDB is not installed.

    Examples
    --------
    >>> import agez
    >>> import lsdb
    >>> import numpy as np
    >>> import pandas as pd
    >>> sky = {"ra": [10.0, 200.0], "dec": [5.0, -30.0], "redshift": [0.02, 0.03]}
    >>> flux = {f"flux_{band}": [10.0, 12.0] for band in agez.load_filters("splus").bands.names}
    >>> catalogue = lsdb.from_dataframe(pd.DataFrame(sky | flux), margin_threshold=None)
    >>> "log_age_lw" in agez.predict_hats(catalogue, "splus").columns  # nothing is computed yet
    True
    """
    if not hasattr(catalogue, "hc_structure"):
        check_type("predict_hats", "catalogue", catalogue, "path")
    lsdb = need("lsdb", extra="hats", purpose="a HATS catalogue by LSDB")
    if isinstance(catalogue, str | os.PathLike):
        known = open_catalogue(catalogue, filters=filters).without_partitions()
        catalogue = lsdb.open_catalog(str(catalogue), columns="all")
    else:
        known = _described(catalogue)
    info = catalogue.hc_structure.catalog_info
    sky = [info.ra_column, info.dec_column]
    wanted = keep if isinstance(keep, str) else [*keep, *sky]
    there = set(_empty(catalogue).columns)  # the spatial index is that of the rows
    known = replace(known, columns=tuple(name for name in known.columns if name in there))
    job = make_job(
        known, model, keep=kept_columns(known, wanted), filters=filters, redshift=redshift,
        corrections=corrections or Corrections(), distribution=distribution,
        asked=asked or Asked(),
    )  # fmt: skip
    return catalogue.map_partitions(answer_frame, job=job, meta=answer_frame(_empty(catalogue), job=job))


def answer_frame(frame: pd.DataFrame, *, job: AnswerJob) -> pd.DataFrame:
    """The answers of the rows of a data frame, with its index; of no rows, the columns."""
    import nested_pandas as npd

    partition = Partition(0, "frame", job.catalogue.path, "hats", 0, len(frame))
    table = _plain(frame, partition)
    answered = answer_rows(job, photometry_of(job, table), table, partition)
    columns = {name: _series(answered.table[name], frame.index) for name in answered.table.colnames}
    return npd.NestedFrame(columns, index=frame.index)


def _series(column: Any, index: Any) -> Any:
    """A column as pandas has Arrow's: by way of Arrow, so that large integers beside missing ones stay as they are."""
    import pandas as pd
    import pyarrow as pa

    is_float = column.dtype.kind == "f"
    array = pa.array(np.ma.filled(column, np.nan), from_pandas=True) if is_float else arrow_array(column)
    array = array.cast(pa.large_string()) if column.dtype.kind in "SUO" else array  # of no rows, too
    return pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([array])), index=index)


def _plain(frame: pd.DataFrame, partition: Partition) -> PlainTable:
    import pyarrow as pa

    arrays = {}
    for name in frame.columns:
        column = pa.chunked_array(pa.array(frame[name], from_pandas=True))
        arrays[name] = to_numpy(column, name, partition.path)
    return PlainTable(arrays, len(frame))


def _empty(catalogue: Any) -> pd.DataFrame:
    """A frame of no rows with the columns of a catalogue of LSDB."""
    frame: pd.DataFrame = catalogue.meta if hasattr(catalogue, "meta") else catalogue._ddf._meta  # from LSDB 0.11 on
    return frame.iloc[:0]


def _described(catalogue: Any) -> Catalogue:
    """What the engine needs to know of an opened catalogue's columns: one band each."""
    empty = _empty(catalogue)
    kinds = {name: _kind(str(empty[name].dtype)) for name in empty.columns}
    name = str(getattr(catalogue.hc_structure.catalog_info, "catalog_name", "") or "catalogue")
    return Catalogue(name, "hats", tuple(empty.columns), (), types=kinds)


def _kind(dtype: str) -> str:
    if "list" in dtype or "nested" in dtype or "struct" in dtype:
        return "other"
    return "text" if "str" in dtype or dtype == "object" else "number"
