"""Photometry in tables: FITS, ECSV, CSV and Parquet, to and from :class:`agez.types.Photometry`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import Column, Table

from agez.errors import AgezError
from agez.flags import Flag, is_good, set_flag
from agez.photometry.band_columns import BandColumn, band_names, named_columns
from agez.photometry.filters import FilterSet
from agez.photometry.likeness import likeness
from agez.photometry.measured import Measured, from_fluxes, from_magnitudes
from agez.photometry.synthesis import ab_magnitude
from agez.photometry.vector_columns import (
    BAD_FLAGS,
    choose_vector_photometry,
    default_order,
    find_vector_photometry,
    vector_band_columns,
)
from agez.table_columns import SURVEY_CODES, PlainTable, is_code, no_angles, number_column, rows_columns, table_rows
from agez.table_files import read_table, write_table
from agez.types import Bands, Bools, Floats, Photometry

__all__ = [
    "EXTENSION",
    "SURVEY_CODES",
    "find_photometry",
    "photometry_to_table",
    "read_photometry",
    "rows_to_photometry",
    "table_to_photometry",
    "write_photometry",
]

#: Name of the table in a FITS file.
EXTENSION = "PHOTOMETRY"
#: With these a table is agez's own, and its ``flags`` are ours; what others mean by their bits is not known.
_OWN = {"id", "galaxy_id", "x", "y", "flags"}
#: Rows whose photometry is worked out at a time: in 60 bands they fit a core's cache.
_BLOCK_ROWS = 512


def read_photometry(
    path: str | Path | Table,
    *,
    filters: str | Bands | FilterSet | None = None,
    redshift: float | None = None,
    redshift_err: float | None = None,
) -> Photometry:
    """Read a table of photometry; the format goes by the extension (.fits[.gz], .ecsv, .csv[.gz], .parquet, .vot).

    Columns: optional ``id``, ``galaxy_id``, ``x``, ``y``, ``redshift``, ``redshift_err`` (these two in any case; a
    table with ``galaxy_id``, ``x`` and ``y`` is agez's own, and its ``flags`` are kept); for each band ``flux_<band>``
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
    path : path, or Table
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
    if isinstance(path, Table):
        return table_to_photometry(path, filters=filters, redshift=redshift, redshift_err=redshift_err)
    table = read_table(path, prefer=(EXTENSION,), likeness=likeness)
    return table_to_photometry(table, source=str(path), filters=filters, redshift=redshift, redshift_err=redshift_err)


def table_to_photometry(
    table: Table,
    *,
    source: str = "table",
    filters: str | Bands | FilterSet | None = None,
    redshift: float | None = None,
    redshift_err: float | None = None,
) -> Photometry:
    """The photometry of a table or a chunk of one; columns, codes and errors as in :func:`read_photometry`."""
    if len(table) == 0:
        raise AgezError(f"{source}: the table is empty; expected a row for each object")
    plain = PlainTable.of(table)
    bands, columns = find_photometry(plain, source=source, filters=filters)
    return rows_to_photometry(plain, bands, columns, source=source, redshift=redshift, redshift_err=redshift_err)


def find_photometry(
    table: PlainTable, *, source: str, filters: str | Bands | FilterSet | None = None
) -> tuple[Bands, tuple[BandColumn, ...]]:
    """The bands of a table and their columns: one a band, or, where there are none, vector columns."""
    if not band_names([name for name in table.colnames if np.ndim(table[name]) == 1]):
        lengths = {name: table[name].shape[1] for name in table.colnames if np.ndim(table[name]) == 2}
        vectors = find_vector_photometry(lengths)
        if vectors:
            chosen = choose_vector_photometry(vectors, source=source)
            _, order = default_order(chosen.length, source=source, column=chosen.value)
            return vector_band_columns(
                chosen, order, source=source, units=table.units, meta=table.meta, filters=filters
            )
    return named_columns(table.colnames, source=source, units=table.units, meta=table.meta, filters=filters)


def rows_to_photometry(
    table: PlainTable,
    bands: Bands,
    columns: Sequence[BandColumn],
    *,
    source: str,
    redshift: float | None = None,
    redshift_err: float | None = None,
) -> Photometry:
    """The photometry of any number of rows, none included; each row's depends on that row alone.

    ``columns`` says where each of ``bands`` is.  The one place where values of tables become fluxes: values are taken
    some thousand rows at a time, so that they stay in the processor's cache.
    """
    n = len(table)
    flux, flux_err = np.empty((n, len(bands))), np.empty((n, len(bands)))
    infinite: Bools = np.zeros(n, dtype=bool)
    bad_error: Bools = np.zeros(n, dtype=bool)
    groups = [_Group.of(table, columns, magnitude, source) for magnitude in (False, True)]
    for start in range(0, n, _BLOCK_ROWS):
        rows = slice(start, min(start + _BLOCK_ROWS, n))
        for group in groups:
            if len(group.at):
                measured = group.measured(rows)
                # a group of all bands is written in one go, not band by band
                where = (rows, slice(None)) if len(group.at) == len(bands) else (rows, group.at)
                flux[where], flux_err[where] = measured.flux.T, measured.flux_err.T
                infinite[rows] |= measured.infinite.any(axis=0)
                bad_error[rows] |= measured.bad_error.any(axis=0)
    covered = np.isfinite(flux)
    seen_at, assumed = _redshift(table, source, redshift)
    seen_at_err = _redshift_err(table, source, redshift_err, seen_at, assumed)
    flags = np.zeros(n, dtype=np.int32)
    if set(table.colnames) >= _OWN and table["flags"].ndim == 1 and np.issubdtype(table["flags"].dtype, np.integer):
        flags = np.asarray(np.ma.filled(table["flags"], 0), dtype=np.int32)
    flags = set_flag(flags, np.asarray(~covered.any(axis=1)), Flag.NO_DATA)
    flags = set_flag(flags, infinite, Flag.NON_FINITE)
    flags = set_flag(flags, bad_error, Flag.BAD_ERROR)
    meta: dict[str, Any] = {"source": source, "filter_set": bands.filter_set, "redshift_assumed": assumed}
    rows_of_table = table_rows(table, source=source)
    if no_angles(table):
        meta["position_unit"] = no_angles(table)
    return Photometry(bands, flux, flux_err, covered, rows_of_table, seen_at, flags, meta, redshift_err=seen_at_err)


@dataclass(frozen=True, eq=False)
class _Group:
    """The bands of a table that are fluxes, or those that are magnitudes, in the order of ``at``."""

    at: list[int]
    columns: list[BandColumn]
    values: list[Any]
    errors: list[Any]
    masked: _MaskedBands

    @classmethod
    def of(cls, table: PlainTable, columns: Sequence[BandColumn], magnitude: bool, source: str) -> _Group:
        at = [k for k, one in enumerate(columns) if one.magnitude == magnitude]
        ours = [columns[k] for k in at]
        plain: dict[str, Any] = {}
        for name in (name for one in ours for name in (one.value, one.error) if name is not None):
            if name not in plain:
                plain[name] = _as_floats(table, name, source, vector=ours[0].element is not None)
        values, errors = (
            [plain[one.value] for one in ours],
            [None if one.error is None else plain[one.error] for one in ours],
        )
        return cls(at, ours, values, errors, _MaskedBands.of(table, ours))

    def measured(self, rows: slice) -> Measured:
        """Fluxes and errors (bands, rows)."""
        value, error = self._block(self.values, rows), self._block(self.errors, rows)
        for k, one in enumerate(self.columns):
            if one.relative_error:
                code = is_code(error[k]) | is_code(value[k])
                error[k] = np.where(code, error[k], np.abs(value[k]) * error[k])
            unusable = self.masked.element(rows, one)
            if unusable is not None:
                value[k, unusable] = np.nan
        if self.columns[0].magnitude:
            return from_magnitudes(value, error)
        factor, factor_err = (
            np.array([[getattr(one, name)] for one in self.columns]) for name in ("factor", "factor_err")
        )
        return from_fluxes(value, error, factor=factor, factor_err=factor_err)

    def _block(self, arrays: list[Any], rows: slice) -> Floats:
        block = np.empty((len(arrays), rows.stop - rows.start))
        if self.columns[0].element is not None and arrays[0] is not None:
            block[:] = arrays[0][rows].T[[one.element for one in self.columns]]
            return block
        for k, array in enumerate(arrays):
            block[k] = np.nan if array is None else array[rows]
        return block


def _as_floats(table: PlainTable, name: str, source: str, *, vector: bool) -> Any:
    """A column as floats, NaN where masked; not copied if it is so already."""
    column = table[name]
    plain = column.dtype.kind == "f" and not isinstance(column, np.ma.MaskedArray)
    if vector:
        return np.asarray(column) if plain else np.asarray(np.ma.filled(column.astype(float), np.nan))
    return np.asarray(column) if plain and column.ndim == 1 else number_column(table, name, source=source)


@dataclass(frozen=True, eq=False)
class _MaskedBands:
    """Vector columns of flags a band, where photometry is in vectors: which elements are not to be used."""

    flags: Any
    mask: Any

    @classmethod
    def of(cls, table: PlainTable, columns: Sequence[BandColumn]) -> _MaskedBands:
        if not columns or columns[0].element is None:
            return cls(None, None)
        length = table[columns[0].value].shape[1]
        by_name = {name.upper().rpartition(".")[2]: name for name in table.colnames}

        def vector(name: str) -> Any:
            found = table[by_name[name]] if name in by_name else None
            usable = found is not None and found.shape[1:] == (length,) and found.dtype.kind in "iu"
            return found if usable else None

        return cls(vector("FLAGS"), vector("MASK_FLAGS"))

    def element(self, rows: slice, one: BandColumn) -> Bools | None:
        if self.flags is None and self.mask is None:
            return None
        bad: Bools = np.zeros(rows.stop - rows.start, dtype=bool)
        if self.flags is not None:
            bad |= (np.ma.getdata(self.flags[rows, one.element]) & BAD_FLAGS) != 0
        if self.mask is not None:
            bad |= np.ma.getdata(self.mask[rows, one.element]) != 0
        return bad


def column_of(name: str, names: Sequence[str]) -> str | None:
    """The column of that name, else the only one that is spelled so in another case; None if there is none."""
    if name in names:
        return name
    found = [one for one in names if one.lower() == name]
    return found[0] if len(found) == 1 else None


def _redshift(table: PlainTable, source: str, redshift: float | None) -> tuple[Floats, bool]:
    column = column_of("redshift", table.colnames)
    if column is not None:
        if redshift is not None:
            raise AgezError(f"{source} has a column {column}; drop the option redshift, or the column")
        values = number_column(table, column, source=source)
        values = np.where(is_code(values) | ~np.isfinite(values), np.nan, values)
        if (values <= -1).any():
            row = int(np.argmax(values <= -1))
            row_of_table = table.first_row + row + 1
            raise AgezError(f"{source}: {column} in row {row_of_table} is {values[row]:g}; expected above -1, or NaN")
        return values, False
    if redshift is not None and not (np.isfinite(redshift) and redshift > -1):
        raise AgezError(f"redshift is {redshift}; expected a finite number above -1")
    return np.full(len(table), 0.0 if redshift is None else float(redshift)), redshift is None


def _redshift_err(table: PlainTable, source: str, given: float | None, redshift: Floats, assumed: bool) -> Floats:
    """Errors of the redshifts (n,), NaN where none is given or the redshift itself is unknown."""
    column = column_of("redshift_err", table.colnames)
    if column is not None and given is not None:
        raise AgezError(f"{source} has a column {column}; drop the option redshift_err, or the column")
    if given is not None and not (np.isfinite(given) and given >= 0):
        raise AgezError(f"redshift_err is {given}; expected a finite number, 0 or more")
    if column is not None:
        values = number_column(table, column, source=source)
    else:
        values = np.full(len(table), np.nan if given is None else float(given))
    unknown = is_code(values) | ~np.isfinite(values) | (values < 0) | np.isnan(redshift)
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
    table["good"] = is_good(photometry.flags)
    table.meta["FILTERS"] = photometry.bands.filter_set
    return table


def write_photometry(path: str | Path, photometry: Photometry, *, magnitudes: bool = False) -> None:
    """Write photometry as a table, whole or not at all; the format goes by the extension.

    Columns as in :func:`read_photometry`, with ``flags`` added; NaN where not observed.  With ``magnitudes``, a
    flux that is not positive becomes 99 with its limit in the error column: its value is lost.
    CSV keeps no units: fluxes are in microjansky.
    """
    write_table(path, photometry_to_table(photometry, magnitudes=magnitudes), name=EXTENSION)
