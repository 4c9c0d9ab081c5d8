"""Photometry in tables: FITS, ECSV, CSV and Parquet, to and from :class:`agez.types.Photometry`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.table import Column, Table

from agez.errors import AgezError
from agez.flags import Flag, set_flag
from agez.photometry.filters import FILTER_SETS, FilterSet, load_filters
from agez.photometry.names import canonical_band_name
from agez.photometry.synthesis import ab_magnitude, flux_from_ab_magnitude
from agez.table_columns import number_column, rows_columns, table_rows
from agez.table_files import read_table, write_table
from agez.types import Bands, Bools, Floats, Photometry

#: Name of the table in a FITS file.
EXTENSION = "PHOTOMETRY"
#: Values that surveys write where nothing was measured.
SURVEY_CODES = (-99.0, 99.0, -999.0, 999.0, -9999.0)
#: Those that may also be a flux: in a flux column they count as codes only beside an error that is no error.
_POSSIBLE_FLUX = (99.0, 999.0)


def read_photometry(
    path: str | Path,
    *,
    filters: str | Bands | FilterSet | None = None,
    redshift: float | None = None,
    redshift_err: float | None = None,
) -> Photometry:
    """Read a table of photometry; the format goes by the extension (.fits[.gz], .ecsv, .csv, .parquet).

    Columns: optional ``id``, ``galaxy_id``, ``x``, ``y``, ``redshift``, ``redshift_err``; for each band ``flux_<band>``
    and ``flux_<band>_err`` (f_nu, any unit that astropy turns into Jy; microjansky where none is said), or
    ``mag_<band>`` and ``mag_<band>_err`` (AB).  Other columns are left alone.

    Not observed is NaN, masked, or a survey's code (-99, 99, -999).  In flux columns 99 is a code only if its
    error is one, or missing: it may be a flux.  A negative code as the error is an unknown error.
    A magnitude of 99 with a limit in its error column is a band in which nothing was detected: flux 0,
    with the limit's flux as the 1-sigma error.  (Surveys write limits of 1 to 5 sigma; taken as 1 sigma
    it claims the least.)  An error that is not positive makes its band not observed, and flags the row BAD_ERROR;
    an infinite flux likewise, NON_FINITE.  An unknown error is NaN, and is no fault.

    Parameters
    ----------
    path : path
    filters : str, Bands or FilterSet, optional
        The set that the bands belong to.  Without it, the set that the file says (key ``FILTERS``),
        else the first of jpas, jplus, splus, alhambra that has them all.
    redshift : float, optional
        At which the bands see the objects, if the table has no such column.  With neither, the SEDs are
        taken as rest-frame (redshift 0).
    redshift_err : float, optional
        1-sigma error of all redshifts, if the table has no such column.  In the column, NaN, masked, a survey's code
        or a negative number is an error not given, and 0 an exact redshift.

    Returns
    -------
    Photometry
        Only the bands that the table has, in the order of the set.  ``meta['redshift_assumed']`` is True
        where neither a column nor an argument said the redshift.
    """
    table = read_table(path, prefer=(EXTENSION,))
    return table_to_photometry(table, source=str(path), filters=filters, redshift=redshift, redshift_err=redshift_err)


@dataclass(frozen=True)
class _BandColumns:
    """The column of a band, of its error, and whether they are magnitudes."""

    band: str
    value: str
    error: str | None
    magnitude: bool


def table_to_photometry(
    table: Table,
    *,
    source: str = "table",
    filters: str | Bands | FilterSet | None = None,
    redshift: float | None = None,
    redshift_err: float | None = None,
) -> Photometry:
    """The photometry of a table or a chunk of one; columns, codes and errors as in :func:`read_photometry`."""
    n = len(table)
    if n == 0:
        raise AgezError(f"{source}: the table is empty; expected a row for each object")
    bands, columns = _find_bands(table, source, filters)
    flux = np.full((n, len(bands)), np.nan)
    flux_err = flux.copy()
    infinite, bad_error = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    for k, names in enumerate(columns):
        value, given = _numbers(table, names.value, source)
        error, error_given = (np.full(n, np.nan), np.zeros(n, dtype=bool))
        if names.error is not None:
            error, error_given = _numbers(table, names.error, source)
        if names.magnitude:
            result = _from_magnitudes(value, given, error, error_given)
        else:
            factor = _to_microjansky(table, names.value, source)
            factor_err = factor if names.error is None else _to_microjansky(table, names.error, source, default=factor)
            result = _from_fluxes(value, given, error, error_given, factor, factor_err)
        flux[:, k], flux_err[:, k] = result.flux, result.flux_err
        infinite |= result.infinite
        bad_error |= result.bad_error
    covered = np.isfinite(flux)
    seen_at, assumed = _redshift(table, source, redshift)
    seen_at_err = _redshift_err(table, source, redshift_err, seen_at, assumed)
    flags = np.zeros(n, dtype=np.int32)
    if "flags" in table.colnames and np.issubdtype(table["flags"].dtype, np.integer):
        flags = np.asarray(np.ma.filled(table["flags"], 0), dtype=np.int32)
    flags = set_flag(flags, ~covered.any(axis=1), Flag.NO_DATA)
    flags = set_flag(flags, infinite, Flag.NON_FINITE)
    flags = set_flag(flags, bad_error, Flag.BAD_ERROR)
    meta = {"source": source, "filter_set": bands.filter_set, "redshift_assumed": assumed}
    rows = table_rows(table, source=source)
    return Photometry(bands, flux, flux_err, covered, rows, seen_at, flags, meta, redshift_err=seen_at_err)


def _find_bands(table: Table, source: str, filters: str | Bands | FilterSet | None) -> tuple[Bands, list[_BandColumns]]:
    """The bands that the table has, in the set's order, with their columns."""
    found = {}
    for name in table.colnames:
        lower = name.lower()
        if lower.startswith(("flux_", "mag_")) and not lower.endswith("_err"):
            found[name] = name.split("_", 1)[1]
    if not found:
        raise AgezError(
            f"{source}: no column flux_<band> or mag_<band>; found {', '.join(table.colnames[:12])}; "
            "rename the columns to the survey's band names, for example flux_J0400"
        )
    known = _known_bands(table, source, filters, list(found.values()))
    by_lower = {name.lower(): name for name in table.colnames}
    columns: dict[str, _BandColumns] = {}
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
        columns[band] = _BandColumns(band, column, error, column.lower().startswith("mag_"))
    names = [name for name in known.names if name in columns]
    return known.select(names), [columns[name] for name in names]


def _known_bands(table: Table, source: str, filters: str | Bands | FilterSet | None, spelled: Sequence[str]) -> Bands:
    if isinstance(filters, Bands):
        return filters
    if isinstance(filters, FilterSet):
        return filters.bands
    if filters is not None:
        return load_filters(filters).bands
    said = {str(key).upper(): value for key, value in table.meta.items()}.get("FILTERS")
    if said in FILTER_SETS:
        return load_filters(str(said)).bands
    sets = [load_filters(name).bands for name in FILTER_SETS]

    def belong(bands: Bands) -> int:
        return sum(canonical_band_name(name) in bands.names for name in spelled)

    return max(sets, key=belong)  # the first of the best; the column that does not fit is named by the caller


def _numbers(table: Table, name: str, source: str) -> tuple[Floats, Bools]:
    """A column as floats, NaN where masked, and where it says anything at all."""
    values = number_column(table, name, source=source)
    return values, ~np.isnan(values)


def _to_microjansky(table: Table, name: str, source: str, *, default: float = 1.0) -> float:
    unit = table[name].unit
    if unit is None or str(unit) == "":
        return default
    try:
        return float(u.Unit(unit).to(u.microjansky))
    except (ValueError, TypeError, u.UnitConversionError) as error:
        raise AgezError(
            f"{source}: column {name} is in {unit}, which is not f_nu; expected a unit such as uJy, nJy or Jy"
        ) from error


@dataclass(frozen=True, eq=False)
class _Measured:
    """One band's fluxes and errors [microjansky], and the rows in which something was wrong."""

    flux: Floats
    flux_err: Floats
    infinite: Bools
    bad_error: Bools


def _is_code(value: Floats) -> Bools:
    return np.isin(value, SURVEY_CODES)


def _from_fluxes(
    value: Floats, given: Bools, error: Floats, error_given: Bools, factor: float, factor_err: float
) -> _Measured:
    error_usable = (error > 0) & np.isfinite(error) & ~(_is_code(error) & (error == value))
    observed = given & ~(_is_code(value) & ~(np.isin(value, _POSSIBLE_FLUX) & error_usable))
    infinite = observed & ~np.isfinite(value)
    error_given = error_given & ~(_is_code(error) & (error < 0))
    bad_error = observed & error_given & ~((error > 0) & np.isfinite(error))
    good = observed & ~infinite & ~bad_error
    flux = np.where(good, value * factor, np.nan)
    return _Measured(flux, np.where(good & error_given, error * factor_err, np.nan), infinite, bad_error)


def _from_magnitudes(value: Floats, given: Bools, error: Floats, error_given: Bools) -> _Measured:
    limit_known = error_given & np.isfinite(error) & (error > 0) & ~_is_code(error)
    undetected = given & (value == 99.0) & limit_known
    observed = given & ~_is_code(value)
    infinite = observed & ~np.isfinite(value)
    error_given = error_given & ~_is_code(error)
    bad_error = observed & error_given & ~((error > 0) & np.isfinite(error))
    good = observed & ~infinite & ~bad_error
    flux, flux_err = flux_from_ab_magnitude(np.where(good, value, np.nan), np.where(good & error_given, error, np.nan))
    limit, _ = flux_from_ab_magnitude(np.where(undetected, error, np.nan))
    return _Measured(np.where(undetected, 0.0, flux), np.where(undetected, limit, flux_err), infinite, bad_error)


def _redshift(table: Table, source: str, redshift: float | None) -> tuple[Floats, bool]:
    if "redshift" in table.colnames:
        if redshift is not None:
            raise AgezError(f"{source} has a column redshift; drop the option redshift, or the column")
        values, _ = _numbers(table, "redshift", source)
        values = np.where(_is_code(values) | ~np.isfinite(values), np.nan, values)
        if (values <= -1).any():
            row = int(np.argmax(values <= -1))
            raise AgezError(f"{source}: redshift in row {row + 1} is {values[row]:g}; expected above -1, or NaN")
        return values, False
    if redshift is not None and not (np.isfinite(redshift) and redshift > -1):
        raise AgezError(f"redshift is {redshift}; expected a finite number above -1")
    return np.full(len(table), 0.0 if redshift is None else float(redshift)), redshift is None


def _redshift_err(table: Table, source: str, given: float | None, redshift: Floats, assumed: bool) -> Floats:
    """Errors of the redshifts (n,), NaN where none is given or the redshift itself is unknown."""
    in_table = "redshift_err" in table.colnames
    if in_table and given is not None:
        raise AgezError(f"{source} has a column redshift_err; drop the option redshift_err, or the column")
    if given is not None and not (np.isfinite(given) and given >= 0):
        raise AgezError(f"redshift_err is {given}; expected a finite number, 0 or more")
    if in_table:
        values, _ = _numbers(table, "redshift_err", source)
    else:
        values = np.full(len(table), np.nan if given is None else float(given))
    unknown = _is_code(values) | ~np.isfinite(values) | (values < 0) | np.isnan(redshift)
    if assumed and not unknown.all():
        raise AgezError(
            f"{source}: errors of redshifts, but no redshifts; add a column redshift, or give the option redshift "
            "(0 for rest-frame SEDs)"
        )
    return np.where(unknown, np.nan, values)


def photometry_to_table(photometry: Photometry, *, magnitudes: bool = False) -> Table:
    """The table that :func:`write_photometry` writes."""
    table = Table(rows_columns(photometry.rows, id_name="id"))
    table["redshift"] = photometry.redshift
    if np.isfinite(photometry.redshift_err).any():
        table["redshift_err"] = photometry.redshift_err
    values, errors = photometry.flux, photometry.flux_err
    kind, unit = "flux", u.microjansky
    if magnitudes:
        kind, unit = "mag", u.mag
        undetected = photometry.covered & ~(photometry.flux > 0)
        values, errors = ab_magnitude(photometry.flux, photometry.flux_err)
        # A magnitude cannot say a flux of zero or less: 99, with the magnitude of flux + error as the limit.
        limit, _ = ab_magnitude(np.maximum(photometry.flux, 0.0) + photometry.flux_err)
        values, errors = np.where(undetected, 99.0, values), np.where(undetected, limit, errors)
    for k, name in enumerate(photometry.bands.names):
        table[f"{kind}_{name}"] = Column(values[:, k], unit=unit)
        table[f"{kind}_{name}_err"] = Column(errors[:, k], unit=unit)
    table["flags"] = photometry.flags
    table.meta["FILTERS"] = photometry.bands.filter_set
    return table


def write_photometry(path: str | Path, photometry: Photometry, *, magnitudes: bool = False) -> None:
    """Write photometry as a table, whole or not at all; the format goes by the extension.

    Columns as in :func:`read_photometry`, with ``flags`` added; NaN where not observed.  With ``magnitudes``, a
    flux that is not positive becomes 99 with its limit in the error column: its value is lost.
    CSV keeps no units: fluxes are in microjansky.
    """
    write_table(path, photometry_to_table(photometry, magnitudes=magnitudes), name=EXTENSION)
