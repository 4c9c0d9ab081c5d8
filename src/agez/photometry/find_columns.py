"""Which columns of a table are its photometry: agez's own, a survey's, or vectors; and in which units."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from agez.errors import AgezError
from agez.photometry.band_columns import BandColumn, has_bands, named_columns
from agez.photometry.filters import FilterSet
from agez.photometry.survey_columns import survey_bands, survey_photometry, survey_remarks
from agez.photometry.survey_units import HEAD_ROWS, seen_units, unclear_columns, with_said_unit
from agez.photometry.vector_columns import (
    choose_vector_photometry,
    default_order,
    find_vector_photometry,
    vector_band_columns,
)
from agez.surveys.record import SurveyRecord
from agez.surveys.registry import find_survey
from agez.tables.table_columns import PlainTable, text_column
from agez.types import Bands

#: Column of a table whose format has no header (CSV): the filter set, alike in each row.
FILTER_SET_COLUMN = "filter_set"


@dataclass(frozen=True)
class FoundPhotometry:
    """Which columns of a table are its photometry."""

    bands: Bands
    columns: tuple[BandColumn, ...]
    survey: SurveyRecord | None = None  #: Whose names the columns have; None: agez's own.
    remarks: tuple[str, ...] = ()


def with_units(table: PlainTable, unit: str | None, *, source: str) -> tuple[PlainTable, list[str]]:
    """The table with units of photometry that says none: ``unit``, or what the first rows look like; and remarks."""
    names = scalars_of(table)
    vectors = [name for name in table.colnames if np.ndim(table[name]) == 2]
    if unit is not None:
        return replace(table, units=with_said_unit(names, table.units, unit, source=source, vectors=vectors)), []
    unclear = unclear_columns(names, table.units)
    seen, remarks = seen_units(table, unclear, source=source) if unclear else ({}, [])
    return replace(table, units={**table.units, **seen}), remarks


def scalars_of(table: PlainTable) -> list[str]:
    """Columns of one value a row."""
    return [name for name in table.colnames if np.ndim(table[name]) == 1]


def number_columns(table: PlainTable) -> list[str]:
    """Columns of one number a row."""
    return [name for name in scalars_of(table) if table[name].dtype.kind in "iuf"]


def first_rows_of(table: PlainTable) -> PlainTable:
    """The first rows."""
    few = min(len(table), HEAD_ROWS)
    return replace(table, columns={name: one[:few] for name, one in table.columns.items()}, n_rows=few)


def find_photometry(
    table: PlainTable,
    *,
    source: str,
    filters: str | Bands | FilterSet | None = None,
    model: Bands | None = None,
    aperture: str | None = None,
) -> FoundPhotometry:
    """The bands of a table and their columns: one a band, by agez's names or a survey's, or else vector columns."""
    meta = {**table.meta, **filter_set_column(table, source=source)}
    scalars = scalars_of(table)
    of_survey = survey_photometry(scalars, source=source, meta=meta, filters=filters, model=model, aperture=aperture)
    lengths = {name: table[name].shape[1] for name in table.colnames if np.ndim(table[name]) == 2}
    vectors = find_vector_photometry(lengths)
    if of_survey is not None and not (vectors and len(of_survey.columns) < vectors[0].length):
        bands, columns = survey_bands(of_survey, source=source, units=table.units, filters=filters, model=model)
        said = survey_remarks(of_survey, table.colnames)
        return FoundPhotometry(bands, columns, find_survey(bands.filter_set) or of_survey.survey, tuple(said))
    if vectors and (of_survey is not None or not has_bands(scalars)):
        chosen = choose_vector_photometry(vectors, source=source, photometry=aperture)
        order = default_order(chosen.length, source=source, column=chosen.value, meta=meta, filters=filters)
        bands, columns = vector_band_columns(
            chosen, order.bands, source=source, units=table.units, meta=meta, filters=filters, model=model
        )
        return FoundPhotometry(bands, columns, find_survey(bands.filter_set))
    if aperture is not None:
        raise AgezError(
            f"{source}: --aperture is {aperture!r}, but no columns are named as a survey's apertures; drop the option"
        )
    return FoundPhotometry(
        *named_columns(table.colnames, source=source, units=table.units, meta=meta, filters=filters, model=model)
    )


def filter_set_column(table: PlainTable, *, source: str) -> dict[str, str]:
    """The filter set that the rows' column ``filter_set`` says, as a header would; nothing without that column.

    It is what CSV has in place of a header.  AgezError if rows are of several sets.
    """
    if FILTER_SET_COLUMN not in table.colnames or not len(table):
        return {}
    names = sorted(set(text_column(table, FILTER_SET_COLUMN).tolist()) - {""})
    if len(names) > 1:
        raise AgezError(f"{source}: column {FILTER_SET_COLUMN} says {' and '.join(names[:3])}; give a table of each")
    return {"FILTERS": names[0]} if names else {}
