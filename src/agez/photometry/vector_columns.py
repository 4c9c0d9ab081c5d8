"""Catalogues whose photometry is in vector columns, a value a band: CEFCA's J-PAS, miniJPAS and J-PLUS tables.

Tables ``MagABDualObj``, ``FNuDualObj`` and ``FLambdaDualObj`` hold for each way of measuring a vector of values and
one of errors: ``MAG_AUTO`` and ``MAG_ERR_AUTO``, ``FLUX_PSFCOR`` and ``FLUX_RELERR_PSFCOR`` (error / flux).  Elements
are in the order of ``filter_id`` in the survey's table of filters; without one, in that of the survey's record
(:mod:`agez.surveys.record`).  Column names may be in any case, and may have the table's name in front
(``FLambdaDualObj.FLUX_AUTO``), as downloads from archive.cefca.es have it.

The meaning of FLAGS and MASK_FLAGS is written from memory.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agez.errors import AgezError
from agez.photometry.band_columns import BandColumn, band_column, band_names, has_bands, known_bands
from agez.photometry.filters import FilterSet
from agez.photometry.names import find_band
from agez.photometry.survey_names import has_survey_columns
from agez.surveys.record import SurveyRecord, VectorOrder
from agez.surveys.registry import all_bands, surveys, surveys_in_text
from agez.types import Bands

#: Which way of measuring is taken, unless said: total fluxes first, then those that are made for colours.
PREFERENCE = ("AUTO", "PSFCOR", "PETRO", "APER_COR_6_0", "APER_COR_3_0", "ISO")
#: SExtractor's bits that make a band unusable: saturated, truncated, aperture incomplete (not: neighbours, blended).
BAD_FLAGS = 4 | 8 | 16
_VALUE = re.compile(r"(?P<prefix>(?:\w+\.)?)(?P<kind>FLUX|MAG)_(?P<way>(?!ERR|RELERR)\w+)", re.IGNORECASE)

#: From this likeness on a table is taken for photometry without a second thought.
SURE = 3


@dataclass(frozen=True)
class VectorPhotometry:
    """Vector columns of values and errors that belong together."""

    way: str  #: How it was measured: ``AUTO``, ``APER_COR_3_0``.
    value: str
    error: str | None
    magnitude: bool
    relative_error: bool
    length: int  #: Elements.


def find_vector_photometry(lengths: Mapping[str, int]) -> list[VectorPhotometry]:
    """Pairs of value and error among vector columns; ``lengths`` is the number of elements of each vector column."""
    by_upper = {name.upper(): name for name in lengths}
    found = []
    for name, length in lengths.items():
        match = _VALUE.fullmatch(name)
        if match is None or length < 2 or find_band(match["way"], all_bands()):
            continue
        way, kind, prefix = match["way"].upper(), match["kind"].upper(), match["prefix"].upper()
        plain = way.replace("_COR_", "_")  # corrected magnitudes may come with the errors of uncorrected ones
        error, relative = None, False
        for word, is_relative in (("ERR", False), ("RELERR", True)):
            for which in (way, plain):
                if error is None and f"{prefix}{kind}_{word}_{which}" in by_upper:
                    error, relative = by_upper[f"{prefix}{kind}_{word}_{which}"], is_relative
        found.append(VectorPhotometry(way, name, error, kind == "MAG", relative, length))
    return found


def choose_vector_photometry(
    found: Sequence[VectorPhotometry], *, source: str, photometry: str | None = None
) -> VectorPhotometry:
    """The one that ``photometry`` names (``AUTO``, ``MAG_AUTO``), or the first of :data:`PREFERENCE`."""
    if photometry is None:
        order = {way: number for number, way in enumerate(PREFERENCE)}
        return min(found, key=lambda one: (order.get(one.way, len(order)), not one.magnitude))
    wanted = photometry.upper()
    for one in found:
        if wanted in (one.way, one.value.upper(), one.value.upper().rpartition(".")[2]):
            return one
    raise AgezError(
        f"{source}: photometry {photometry!r} is not there; there are {', '.join(one.value for one in found)}"
    )


def default_order(
    length: int, *, source: str, column: str, meta: Mapping[str, Any], filters: str | Bands | FilterSet | None = None
) -> VectorOrder:
    """The order of vectors of this length; AgezError if no survey has as many bands, or several and none is named."""
    orders = _orders(length, source=source, meta=meta, filters=filters)
    if len(orders) == 1:
        return orders[0][1]
    every = orders or [(survey, order) for survey in surveys() for order in survey.vector_orders]
    listed = ", ".join(f"{order.name}: {len(order.bands)}" for _, order in every)
    whose = "several surveys have" if orders else "no survey that agez knows has"
    say = f"--filters {' or '.join(survey.name for survey, _ in orders)}, or " if orders else ""
    raise AgezError(
        f"{source}: column {column} has {length} values a row, and {whose} as many bands ({listed}); give {say}the "
        "survey's table of filters (filter_id, name)"
    )


def _orders(
    length: int, *, source: str, meta: Mapping[str, Any], filters: str | Bands | FilterSet | None = None
) -> list[tuple[SurveyRecord, VectorOrder]]:
    """Orders of this length: of the survey that ``filters`` or the file's FILTERS names, else of those that words of
    the file's name, EXTNAME or SURVEY name, else all."""
    upper = {str(key).upper(): str(value) for key, value in meta.items()}
    filters = filters.bands if isinstance(filters, FilterSet) else filters
    said = filters.filter_set if isinstance(filters, Bands) else filters or upper.get("FILTERS", "").strip()
    words = " ".join([re.split(r"[/\\]", source)[-1], upper.get("EXTNAME", ""), upper.get("SURVEY", "")])
    orders = [(one, order) for one in surveys() for order in one.vector_orders if len(order.bands) == length]
    for named in ({said}, surveys_in_text(words, words=True)):
        orders = [pair for pair in orders if pair[0].name in named] or orders
    return orders


def vector_band_columns(
    chosen: VectorPhotometry,
    order: Sequence[str],
    *,
    source: str,
    units: Mapping[str, str],
    meta: Mapping[str, Any],
    filters: str | Bands | FilterSet | None = None,
    model: Bands | None = None,
) -> tuple[Bands, tuple[BandColumn, ...]]:
    """A column a band for the elements of vectors; bands that the filter set does not have are left out.

    AgezError if no band is of the set, or fluxes have no unit that could be known.
    """
    if filters is None and "FILTERS" not in {str(key).upper() for key in meta}:
        filters = _of_same_names(order, source=source, meta=meta)
    known = known_bands(list(order), source=source, meta=meta, filters=filters, model=model)
    element: dict[str, int] = {}
    for number, spelled in enumerate(order):
        band = find_band(spelled, known.names)
        if band is not None:
            element.setdefault(band, number)
    inside = [name for name in known.names if name in element]
    if not inside:
        raise AgezError(f"{source}: none of the filters {', '.join(order[:6])} is of the set {known.filter_set!r}")
    bands = known.select(inside)
    if not chosen.magnitude:
        unit = _flux_unit(chosen, source=source, units=units, meta=meta)
        if unit != units.get(chosen.value):  # the table's, of values and errors alike
            units = {chosen.value: unit}
    if chosen.relative_error and chosen.error is not None:
        units = {name: unit for name, unit in units.items() if name != chosen.error}  # of the ratio, which has none
    columns = []
    for name, pivot in zip(bands.names, bands.pivot_angstrom, strict=True):
        found = band_column(
            name, chosen.value, chosen.error, source=source, units=units, pivot_angstrom=pivot,
            magnitude=chosen.magnitude,
        )  # fmt: skip
        columns.append(replace(found, element=element[name], relative_error=chosen.relative_error))
    return bands, tuple(columns)


def _of_same_names(order: Sequence[str], *, source: str, meta: Mapping[str, Any]) -> str | None:
    """The only survey with as many elements, if others have bands of the same names, so that names do not tell."""
    names = {survey.name for survey, _ in _orders(len(order), source=source, meta=meta)}
    for survey in surveys():
        alike = any(one.bands == survey.bands for one in surveys() if one is not survey)
        if alike and names == {survey.name} and all(find_band(band, survey.bands) for band in order):
            return survey.name
    return None


def _flux_unit(chosen: VectorPhotometry, *, source: str, units: Mapping[str, str], meta: Mapping[str, Any]) -> str:
    """Of fluxes in vectors, by the table that they are from (named in the column, header or file), or the column's."""
    names = [chosen.value, str(meta.get("EXTNAME", "")), str(meta.get("name", "")), source.replace("\\", "/")]
    tables = {table: unit for survey in surveys() for table, unit in survey.table_units.items()}
    for name in names:
        flat = name.upper().rpartition("/")[2].replace("_", "")
        for table, unit in tables.items():
            if table in flat:
                return unit
    unit = units.get(chosen.value, "")
    if unit:
        return unit
    raise AgezError(
        f"{source}: column {chosen.value} says no unit, and nothing says whether it is of FNuDualObj or "
        "FLambdaDualObj; name the file so (FNuDualObj.fits), or take magnitudes"
    )


def likeness(names: Sequence[str]) -> int:
    """How much a table looks like photometry: 3 with a column of a known band, 1 of another or of vectors, else 0."""
    if has_bands([name.lower().removesuffix("_err") for name in names]) or has_survey_columns(names):
        return SURE
    return int(bool(band_names(names) or find_vector_photometry(dict.fromkeys(names, 2))))
