"""Which columns of a table are the photometry: a column a band, or vector columns of all bands (CEFCA's catalogues)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from agez.errors import AgezError, NoPhotometryError, UnclearFiltersError, some_of
from agez.hints import named_among
from agez.photometry.error_columns import error_column
from agez.photometry.filters import FilterSet, load_filters
from agez.photometry.flux_units import error_factor, scale_of
from agez.photometry.names import find_band
from agez.photometry.unknown_columns import how_to_rename
from agez.surveys.registry import all_bands, filter_sets
from agez.types import Bands

#: What narrow bands are called: a column of such a name that is not taken is said.
_LIKE_A_BAND = re.compile(r"[JF]\d{3,4}|[ugrizyJHK]|[ugriz](SDSS|JAVA)", re.IGNORECASE)


@dataclass(frozen=True)
class BandColumn:
    """Where a table has the values of a band and their errors; plain data."""

    band: str
    value: str  #: Column.
    error: str | None  #: Column.
    magnitude: bool  #: Magnitudes, else fluxes.
    #: factor, factor_err: To microjansky; of errors of magnitudes, to magnitudes.
    factor: float = 1.0
    factor_err: float = 1.0
    element: int | None = None  #: Of vector columns, which element.
    relative_error: bool = False  #: The error column is error / flux.
    offset: float = 0.0  #: To be added to magnitudes to make them AB.


def named_columns(
    names: Sequence[str],
    *,
    source: str,
    units: Mapping[str, str],
    meta: Mapping[str, Any],
    filters: str | Bands | FilterSet | None = None,
    model: Bands | None = None,
) -> tuple[Bands, tuple[BandColumn, ...]]:
    """The bands of columns ``flux_<band>`` or ``mag_<band>``, in the order of their set.

    Columns of no band of the set are left alone; :func:`left_out` tells of those that look like one.

    Raises
    ------
    AgezError
        If there are none, two are of the same band, the set is not clear, or a unit is none of a flux or a magnitude.
    """
    given = given_bands(filters)
    among = all_bands().union(*(one.names for one in (given, model) if one is not None))
    found = {column: spelled for column, spelled in band_names(names).items() if find_band(spelled, among)}
    if not found:
        near = _near_misses(names, sorted(among))
        hint = f"; did you mean {', '.join(near.values())}?" if near else ""
        rename = how_to_rename(names, source=source) if not near else ""
        none = f"{source}: no column flux_<band> or mag_<band>"
        if rename:
            raise AgezError(f"{none}, nor one named as in a survey's tables; {rename}")
        own = list(band_names(names))
        if own and given is None and not near:
            raise NoPhotometryError(
                f"{source}: {some_of(own, 3)} are of no known filter set: --filters FOLDER|FILE says theirs"
            )
        raise NoPhotometryError(
            f"{none}; its columns are {named_among(names)}; rename the photometry to flux_<band> and flux_<band>_err, "
            f"or mag_<band> and mag_<band>_err{hint}"
        )
    known = known_bands(list(found.values()), source=source, meta=meta, filters=given, model=model)
    by_lower = {name.lower(): name for name in names}
    columns: dict[str, BandColumn] = {}
    for column, spelled in found.items():
        band = find_band(spelled, known.names)
        if band is None:
            continue
        if band in columns:
            raise AgezError(f"{source}: columns {columns[band].value} and {column} are both of band {band}; keep one")
        error = error_column(column, by_lower)
        columns[band] = band_column(
            band, column, error, source=source, units=units, pivot_angstrom=known.pivot_angstrom[known.index([band])[0]]
        )
    inside = [name for name in known.names if name in columns]
    if not inside:
        raise AgezError(
            f"{source}: none of the columns {', '.join(list(found)[:6])} is of a band of {known.filter_set!r}, which "
            f"are {', '.join(known.names)}; give the --filters of the table"
        )
    return known.select(inside), tuple(columns[name] for name in inside)


def band_column(
    band: str, value: str, error: str | None, *, source: str, units: Mapping[str, str], pivot_angstrom: float,
    magnitude: bool | None = None,
) -> BandColumn:  # fmt: skip
    """The column of a band, its numbers understood by its unit; ``magnitude``: what they are if it has none."""
    by_name = value.lower().startswith("mag_") if magnitude is None else magnitude
    unit = units.get(value)
    scale = scale_of(unit, magnitude=by_name, source=source, column=value, pivot_angstrom=pivot_angstrom)
    factor_err = scale.factor
    if error is not None:
        factor_err = error_factor(
            units.get(error), scale, value_has_unit=bool(unit), source=source, column=error,
            pivot_angstrom=pivot_angstrom,
        )  # fmt: skip
    return BandColumn(band, value, error, scale.magnitude, scale.factor, factor_err, offset=scale.offset)


def band_names(names: Sequence[str]) -> dict[str, str]:
    """Columns ``flux_<...>`` and ``mag_<...>`` that may be of a band, and how they spell it."""
    found = {}
    for name in names:
        lower = name.lower()
        if lower.startswith(("flux_", "mag_")) and not lower.endswith("_err"):
            found[name] = name.split("_", 1)[1]
    return found


def has_bands(names: Sequence[str], also: Sequence[str] = ()) -> bool:
    """Whether any column is of a band of a set that agez knows, or of one of ``also``."""
    every = all_bands().union(also)
    return any(find_band(spelled, every) for spelled in band_names(names).values())


def left_out(names: Sequence[str], bands: Bands, *, of_set: Sequence[str]) -> list[str]:
    """What is to be said of columns ``flux_<...>`` and ``mag_<...>`` that look like a band but were not taken.

    Parameters
    ----------
    bands : Bands
        That were found.
    of_set : sequence of str
        All bands that the table could have.
    """
    lacking = [name for name in of_set if name not in bands.names]
    others = {
        column: spelled for column, spelled in band_names(names).items() if find_band(spelled, bands.names) is None
    }
    near = _near_misses(list(others), lacking)
    remarks = [f"column {column} matches no band; ignored; did you mean {name}?" for column, name in near.items()]
    plain = [
        column
        for column, spelled in others.items()
        if column not in near and (_LIKE_A_BAND.fullmatch(spelled) or find_band(spelled, all_bands()))
    ]
    if plain:
        remarks.append(f"{', '.join(plain)}: no band of {bands.filter_set!r}; ignored")
    return remarks


def _near_misses(names: Sequence[str], bands: Sequence[str]) -> dict[str, str]:
    """Columns whose band is nearly one of ``bands``, and that column's right name."""
    by_lower = {band.lower(): band for band in bands}
    near = {}
    for column, spelled in band_names(names).items():
        if find_band(spelled, all_bands()):
            continue  # a band of another set
        word = spelled.lower().strip("_")
        found = get_close_matches(word, by_lower, n=len(by_lower) or 1, cutoff=0.75)
        if found:  # of several alike, the one that begins alike: J0400 for J0401, not J0410
            best = max(found, key=lambda one: (_alike_letters(one, word), -found.index(one)))
            near[column] = f"{column.split('_', 1)[0]}_{by_lower[best]}"
    return near


def _alike_letters(one: str, other: str) -> int:
    """How many letters two words begin with alike."""
    return next((k for k, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def lonely_errors(names: Sequence[str]) -> list[str]:
    """Columns ``flux_<band>_err`` and ``mag_<band>_err`` whose band has no column of values."""
    there = {name.lower() for name in names}
    return [
        name
        for name in names
        if name.lower().startswith(("flux_", "mag_"))
        and name.lower().endswith("_err")
        and name.lower().removesuffix("_err") not in there
    ]


def given_bands(filters: str | Bands | FilterSet | None) -> Bands | None:
    """The bands that ``filters`` names, loads or is; None without it."""
    if filters is None or isinstance(filters, Bands):
        return filters
    return filters.bands if isinstance(filters, FilterSet) else load_filters(filters).bands


def known_bands(
    spelled: Sequence[str],
    *,
    source: str,
    meta: Mapping[str, Any],
    filters: str | Bands | FilterSet | None = None,
    model: Bands | None = None,
) -> Bands:
    """The set that bands belong to: the one that is given, that the file says, or that alone has most of them.

    Where several sets have as many of them (J-PLUS and S-PLUS have the same twelve names), it is that of ``model``.

    Raises
    ------
    UnclearFiltersError
        If nothing tells.
    AgezError
        If the file says a set that is not known.
    """
    given = given_bands(filters)
    if given is not None:
        return given
    said = str({str(key).upper(): value for key, value in meta.items()}.get("FILTERS", "")).strip()
    if said in filter_sets():
        return load_filters(said).bands
    if model is not None and said == model.filter_set:
        return model
    if re.fullmatch(r"[\w.\-]+", said):
        raise AgezError(
            f"{source}: it says that its filter set is {said!r}, which does not come with agez; give the curves with "
            f"--filters PATH, or one of {', '.join(filter_sets())}"
        )
    sets = [load_filters(name).bands for name in filter_sets()]
    count = {one.filter_set: sum(find_band(name, one.names) is not None for name in spelled) for one in sets}
    most = max(count.values())
    if model is not None and sum(find_band(name, model.names) is not None for name in spelled) >= max(most, 1):
        return model
    best = [one for one in sets if count[one.filter_set] == most]
    if len(best) == 1:
        return best[0]
    names = [one.filter_set for one in best]
    if model is not None and model.filter_set in names:
        return best[names.index(model.filter_set)]
    if model is not None:
        raise UnclearFiltersError(
            f"{source}: the model has {len(model)} bands, of {model.filter_set!r}, and the table's {len(set(spelled))} "
            f"({', '.join(spelled[:3])}, ...) are those of {' or '.join(names)}: give "
            f"--model {' or --model '.join(names)}",
            tuple(names),
        )
    raise UnclearFiltersError(
        f"{source}: bands of these names ({', '.join(spelled[:3])}, ...) are in the filter sets "
        f"{', '.join(names)}, and the file does not say which it is; give --filters, one of them",
        tuple(names),
    )
