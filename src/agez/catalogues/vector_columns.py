"""Settle at opening how a catalogue's photometry is laid out: a column a band, or vectors in an order of filters."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np

from agez.catalogues.catalogue import Catalogue
from agez.catalogues.fits_files import filter_order
from agez.catalogues.read_partition import (
    first_rows,
    head_rows,
    photometry_layout,
    read_partition,
    scalar_columns,
    vector_columns,
)
from agez.errors import AgezError
from agez.photometry.band_columns import band_names, has_bands, lonely_errors
from agez.photometry.filters import FilterSet
from agez.photometry.survey_names import most_bands
from agez.photometry.survey_units import seen_units, unclear_columns, with_said_unit
from agez.photometry.vector_columns import choose_vector_photometry, default_order, find_vector_photometry
from agez.tables.table_files import read_table
from agez.types import Bands


def find_vectors(
    catalogue: Catalogue,
    *,
    photometry: str | None = None,
    filter_table: str | os.PathLike[str] | None = None,
    filters: str | Bands | FilterSet | None = None,
    unit: str | None = None,
) -> Catalogue:
    """The catalogue with its vector columns and the order of their elements, if its photometry is in vectors.

    The order is that of ``filter_table``, of a table of filters in the same FITS file, or the survey's as agez knows
    it (``filters`` decides between surveys of as many bands), and then the user is told.

    Raises
    ------
    AgezError
        If there is no photometry at all, or an option is for vectors and there are none.
    """
    catalogue = with_units(catalogue, unit)
    vectors = vector_columns(catalogue)
    found = find_vector_photometry(dict.fromkeys(vectors, 2))
    scalar = [name for name in band_names(catalogue.columns) if catalogue.types.get(name) != "vector"]
    n_scalars = most_bands(scalar_columns(catalogue))
    of_survey = n_scalars > 0 and not (found and n_scalars < _length(catalogue, found[0].value))
    if not found or of_survey or (scalar and photometry is None and has_bands(scalar)):
        if filter_table is not None or (photometry is not None and not of_survey):
            raise AgezError(
                f"{catalogue.path} has neither vector columns of photometry nor a survey's columns by aperture, which "
                "--aperture and --filter-table are for; drop the option"
            )
        if of_survey:
            return replace(catalogue, bands=(), vectors=(), aperture=photometry)
        if not band_names(catalogue.columns):
            photometry_layout(catalogue)  # says so
        alone = [name for name in lonely_errors(catalogue.columns) if catalogue.types.get(name) != "vector"]
        said = (f"{', '.join(alone)}: errors without their values, left out",) if alone else ()
        return replace(catalogue, bands=(), vectors=(), remarks=(*catalogue.remarks, *said))
    chosen = choose_vector_photometry(found, source=catalogue.path, photometry=photometry)
    value, length = chosen.value, _length(catalogue, chosen.value)
    remarks = list(catalogue.remarks)
    if filter_table is not None:
        order = filter_order(read_table(filter_table).as_array(), source=str(filter_table))
        if not order:
            raise AgezError(
                f"{filter_table} has no column 'name' (or filter_name); expected the survey's table of filters"
            )
    elif catalogue.bands:
        order = catalogue.bands
    else:
        known = default_order(length, source=catalogue.path, column=value, meta=catalogue.meta, filters=filters)
        order = known.bands
        remarks.append(
            f"order of the {length} values of {value}: taken to be {known.name}'s ({', '.join(order[:3])} ... "
            f"{order[-1]}); a table of filters makes sure"
        )
    if len(order) != length:
        raise AgezError(
            f"{catalogue.path}: column {value} has {length} values a row, the table of filters {len(order)} "
            "filters; give that of the same survey and data release"
        )
    columns = (value,) if chosen.error is None else (value, chosen.error)
    ways = sorted({one.value for one in found})
    if photometry is None and len(ways) > 1:
        remarks.append(f"photometry: {value} of {', '.join(ways)}")
    settled = replace(
        catalogue,
        bands=tuple(order),
        vectors=columns,
        remarks=tuple(remarks),
    )
    photometry_layout(settled, filters=filters)  # whatever is wrong with units and bands is said now
    return settled


def with_units(catalogue: Catalogue, unit: str | None) -> Catalogue:
    """The catalogue with units of photometry that says none: ``unit``, or what the first rows look like."""
    names = scalar_columns(catalogue)
    if unit is not None:
        units = with_said_unit(names, catalogue.units, unit, source=catalogue.path, vectors=vector_columns(catalogue))
        return replace(catalogue, units=units)
    unclear = unclear_columns(names, catalogue.units)
    head = head_rows(catalogue, [name for one in unclear for name in (one.name, one.error) if name is not None])
    if head is None:
        return catalogue
    seen, remarks = seen_units(head, unclear, source=catalogue.path)
    return replace(catalogue, units={**catalogue.units, **seen}, remarks=(*catalogue.remarks, *remarks))


def _length(catalogue: Catalogue, name: str) -> int:
    """Elements of a vector column, by its first rows."""
    few = first_rows(catalogue)
    return 0 if few is None else int(np.ma.getdata(read_partition(catalogue, few, [name])[name]).shape[1])
