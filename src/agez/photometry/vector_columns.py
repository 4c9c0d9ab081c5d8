"""Catalogues whose photometry is in vector columns, a value a band: CEFCA's J-PAS, miniJPAS and J-PLUS tables.

Tables ``MagABDualObj``, ``FNuDualObj`` and ``FLambdaDualObj`` hold for each way of measuring a vector of values and
one of errors: ``MAG_AUTO`` and ``MAG_ERR_AUTO``, ``FLUX_PSFCOR`` and ``FLUX_RELERR_PSFCOR`` (error / flux).  Elements
are in the order of ``filter_id`` in the survey's table of filters.  Column names may be in any case, and may have the
table's name in front (``FLambdaDualObj.FLUX_AUTO``), as downloads from archive.cefca.es have it.

What is known from where: names of tables and columns, FITS downloads, and the scale 1e-19 erg / (s cm2 A) of
FLambdaDualObj from scripts that are public; J-PLUS' order of filters from another (DR3), and the scale 1e-30
erg / (s cm2 Hz) of FNuDualObj, too (it is multiplied by 1e-7 there to give Jy).  The orders of miniJPAS and J-PAS, and
the meaning of FLAGS and MASK_FLAGS, are written from memory: give the table of filters to be sure of the order.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agez.errors import AgezError
from agez.photometry.band_columns import BandColumn, band_column, known_bands
from agez.photometry.filters import FilterSet
from agez.photometry.names import BANDS_OF_SET, JPAS_NARROW, canonical_band_name
from agez.types import Bands

#: Orders of elements by their number, where no table of filters says it.
DEFAULT_ORDERS: dict[int, tuple[str, tuple[str, ...]]] = {
    12: ("J-PLUS", ("rSDSS", "gSDSS", "iSDSS", "zSDSS", "uJAVA", "J0378", "J0395", "J0410", "J0430", "J0515", "J0660",
                    "J0861")),
    56: ("J-PAS", ("uJAVA", *JPAS_NARROW, "J1007")),
    57: ("J-PAS", ("uJAVA", *JPAS_NARROW, "J1007", "iSDSS")),
    60: ("miniJPAS", ("uJAVA", *JPAS_NARROW, "J1007", "uJPAS", "gSDSS", "rSDSS", "iSDSS")),
}  # fmt: skip
#: Which way of measuring is taken, unless said: total fluxes first, then those that are made for colours.
PREFERENCE = ("AUTO", "PSFCOR", "PETRO", "APER_COR_6_0", "APER_COR_3_0", "ISO")
#: Fluxes of these tables come without a unit that can be parsed.
UNIT_OF_TABLE = {"FNU": "1e-30 erg / (s cm2 Hz)", "FLAMBDA": "1e-19 erg / (s cm2 Angstrom)"}
#: SExtractor's bits that make a band unusable: saturated, truncated, aperture incomplete (not: neighbours, blended).
BAD_FLAGS = 4 | 8 | 16
_BANDS = {band for bands in BANDS_OF_SET.values() for band in bands}
_VALUE = re.compile(r"(?P<prefix>(?:\w+\.)?)(?P<kind>FLUX|MAG)_(?P<way>(?!ERR|RELERR)\w+)", re.IGNORECASE)


@dataclass(frozen=True)
class VectorPhotometry:
    """Vector columns of values and errors that belong together.

    Attributes
    ----------
    way : str
        How it was measured: ``AUTO``, ``APER_COR_3_0``.
    value : str
    error : str or None
    magnitude, relative_error : bool
    length : int
        Elements.
    """

    way: str
    value: str
    error: str | None
    magnitude: bool
    relative_error: bool
    length: int


def find_vector_photometry(lengths: Mapping[str, int]) -> list[VectorPhotometry]:
    """Pairs of value and error among vector columns; ``lengths`` is the number of elements of each vector column."""
    by_upper = {name.upper(): name for name in lengths}
    found = []
    for name, length in lengths.items():
        match = _VALUE.fullmatch(name)
        if match is None or length < 2 or canonical_band_name(match["way"]) in _BANDS:
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


def default_order(length: int, *, source: str, column: str) -> tuple[str, tuple[str, ...]]:
    """Survey and bands of vectors of this length; AgezError if no survey that agez knows has as many."""
    if length not in DEFAULT_ORDERS:
        raise AgezError(
            f"{source}: column {column} has {length} values a row, and no survey that agez knows has as many bands "
            f"({', '.join(map(str, DEFAULT_ORDERS))}); give the survey's table of filters (filter_id, name)"
        )
    return DEFAULT_ORDERS[length]


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

    Raises
    ------
    AgezError
        If the order has another number of bands than the vectors, or fluxes have no unit that could be known.
    """
    if len(order) != chosen.length:
        raise AgezError(
            f"{source}: column {chosen.value} has {chosen.length} values a row, the table of filters {len(order)} "
            "filters; give that of the same survey and data release"
        )
    survey = DEFAULT_ORDERS.get(chosen.length, ("", ()))[0]
    if filters is None and "FILTERS" not in {str(key).upper() for key in meta} and survey in ("J-PLUS",):
        filters = "jplus"  # S-PLUS has bands of the same names
    known = known_bands(list(order), source=source, meta=meta, filters=filters, model=model)
    element = {}
    for number, spelled in enumerate(order):
        band = canonical_band_name(spelled)
        if band in known.names and band not in element:
            element[band] = number
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


def _flux_unit(chosen: VectorPhotometry, *, source: str, units: Mapping[str, str], meta: Mapping[str, Any]) -> str:
    """Of fluxes in vectors, by the table that they are from (named in the column, header or file), or the column's."""
    names = [chosen.value, str(meta.get("EXTNAME", "")), str(meta.get("name", "")), source.replace("\\", "/")]
    for name in names:
        flat = name.upper().rpartition("/")[2].replace("_", "")
        for word, unit in UNIT_OF_TABLE.items():
            if f"{word}DUALOBJ" in flat or f"{word}SINGLEOBJ" in flat:
                return unit
    unit = units.get(chosen.value, "")
    if unit:
        return unit
    raise AgezError(
        f"{source}: column {chosen.value} says no unit, and nothing says whether it is of FNuDualObj or "
        "FLambdaDualObj; name the file so (FNuDualObj.fits), or take magnitudes"
    )
