"""Which columns of a table are the photometry: a column a band, or vector columns of all bands (CEFCA's catalogues)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from astropy import units as u

from agez.errors import AgezError
from agez.photometry.filters import FILTER_SETS, FilterSet, load_filters
from agez.photometry.names import canonical_band_name
from agez.types import Bands

SPEED_OF_LIGHT_ANGSTROM_S = 2.99792458e18
_F_LAMBDA = u.erg / (u.s * u.cm**2 * u.Angstrom)


@dataclass(frozen=True)
class BandColumn:
    """Where a table has the values of a band and their errors; plain data.

    Attributes
    ----------
    band : str
    value : str
        Column.
    error : str or None
        Column.
    magnitude : bool
        AB magnitudes, else fluxes.
    factor, factor_err : float
        To microjansky.
    element : int or None
        Of vector columns, which element.
    relative_error : bool
        The error column is error / flux.
    """

    band: str
    value: str
    error: str | None
    magnitude: bool
    factor: float = 1.0
    factor_err: float = 1.0
    element: int | None = None
    relative_error: bool = False


def named_columns(
    names: Sequence[str],
    *,
    source: str,
    units: Mapping[str, str],
    meta: Mapping[str, Any],
    filters: str | Bands | FilterSet | None = None,
) -> tuple[Bands, tuple[BandColumn, ...]]:
    """The bands of columns ``flux_<band>`` or ``mag_<band>``, in the order of their set.

    Raises
    ------
    AgezError
        If there are none, one is of an unknown band, two are of the same, or a unit is not f_nu.
    """
    found = band_names(names)
    if not found:
        raise AgezError(
            f"{source}: no column flux_<band> or mag_<band>; found {', '.join(names[:12])}; "
            "rename the columns to the survey's band names, for example flux_J0400"
        )
    known = known_bands(list(found.values()), meta=meta, filters=filters)
    by_lower = {name.lower(): name for name in names}
    columns: dict[str, BandColumn] = {}
    for column, spelled in found.items():
        try:
            band = canonical_band_name(spelled, known.names)
        except AgezError:
            raise AgezError(
                f"{source}: column {column} is of an unknown band; those of {known.filter_set!r} are "
                f"{', '.join(known.names)}"
            ) from None
        if band in columns:
            raise AgezError(f"{source}: columns {columns[band].value} and {column} are both of band {band}; keep one")
        error = by_lower.get(f"{column.lower()}_err")
        if column.lower().startswith("mag_"):
            columns[band] = BandColumn(band, column, error, True)
            continue
        factor = _to_microjansky(column, units.get(column), source)
        factor_err = factor if error is None else _to_microjansky(error, units.get(error), source, default=factor)
        columns[band] = BandColumn(band, column, error, False, factor, factor_err)
    inside = [name for name in known.names if name in columns]
    return known.select(inside), tuple(columns[name] for name in inside)


def band_names(names: Sequence[str]) -> dict[str, str]:
    """Columns ``flux_<band>`` and ``mag_<band>``, and how they spell the band."""
    found = {}
    for name in names:
        lower = name.lower()
        if lower.startswith(("flux_", "mag_")) and not lower.endswith("_err"):
            found[name] = name.split("_", 1)[1]
    return found


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


def known_bands(
    spelled: Sequence[str], *, meta: Mapping[str, Any], filters: str | Bands | FilterSet | None = None
) -> Bands:
    """The set that bands belong to: the one that is given, that the header says, or that has most of them."""
    if isinstance(filters, Bands):
        return filters
    if isinstance(filters, FilterSet):
        return filters.bands
    if filters is not None:
        return load_filters(filters).bands
    said = {str(key).upper(): value for key, value in meta.items()}.get("FILTERS")
    if said in FILTER_SETS:
        return load_filters(str(said)).bands
    sets = [load_filters(name).bands for name in FILTER_SETS]

    def belong(bands: Bands) -> int:
        return sum(canonical_band_name(name) in bands.names for name in spelled)

    return max(sets, key=belong)  # the first of the best; the column that does not fit is named by the caller


def flux_factor(unit: str, *, source: str, column: str, pivot_angstrom: float) -> float:
    """What brings a flux in ``unit``, f_nu or f_lambda, to microjansky, in a band of this pivot wavelength."""
    try:
        parsed = u.Unit(unit)
        if parsed.is_equivalent(_F_LAMBDA):
            per_hertz = float(parsed.to(_F_LAMBDA)) * pivot_angstrom**2 / SPEED_OF_LIGHT_ANGSTROM_S
            return per_hertz * 1e29  # 1 microjansky is 1e-29 erg / (s cm2 Hz)
    except (ValueError, TypeError):
        pass  # said by what follows
    return _to_microjansky(column, unit, source)


def _to_microjansky(column: str, unit: str | None, source: str, *, default: float = 1.0) -> float:
    if unit is None or str(unit) == "":
        return default
    try:
        return float(u.Unit(unit).to(u.microjansky))
    except (ValueError, TypeError, u.UnitConversionError) as error:
        raise AgezError(
            f"{source}: column {column} is in {unit}, which is not f_nu; expected a unit such as uJy, nJy or Jy"
        ) from error
