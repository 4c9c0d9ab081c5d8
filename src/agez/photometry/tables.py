"""Photometry in tables: FITS, ECSV, CSV and Parquet, to and from :class:`agez.types.Photometry`."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import Column, Table

from agez.arguments import described, number_in, takes
from agez.errors import AgezError, AgezWarning, UnclearFiltersError
from agez.flags import Flag, is_good, set_flag
from agez.photometry.band_columns import BandColumn, left_out
from agez.photometry.band_values import BandGroup
from agez.photometry.error_columns import error_remarks, zero_errors
from agez.photometry.filters import FilterSet, load_filters
from agez.photometry.find_columns import (
    FILTER_SET_COLUMN,
    find_photometry,
    first_rows_of,
    number_columns,
    scalars_of,
    with_units,
)
from agez.photometry.redshift_columns import redshift_columns
from agez.photometry.row_values import RowOptions, check_redshift_column, id_columns, redshifts_of_rows
from agez.photometry.survey_rows import TakenColumns, taken_columns
from agez.photometry.survey_units import HEAD_ROWS, check_plausible, without_unit
from agez.photometry.swapped_columns import check_swapped
from agez.photometry.synthesis import ab_magnitude
from agez.photometry.told import PLACEHOLDER, count_remarks, redshift_remarks
from agez.photometry.vector_columns import likeness
from agez.surveys.registry import filter_sets
from agez.tables.in_memory import TABLES, plain_table
from agez.tables.table_columns import PlainTable, joined_ids, no_angles, rows_columns, table_rows
from agez.tables.table_files import read_table, table_format, write_table
from agez.types import Bands, Bools, Photometry

#: Name of the table in a FITS file.
EXTENSION = "PHOTOMETRY"
#: With these a table is agez's own, and its ``flags`` are ours; what others mean by their bits is not known.
_OWN = {"id", "galaxy_id", "x", "y", "flags"}
#: Rows whose photometry is worked out at a time: in 60 bands they fit a core's cache.
_BLOCK_ROWS = 512


def read_photometry(
    path: Any,
    *,
    filters: str | Bands | FilterSet | None = None,
    redshift: float | str | None = None,
    redshift_err: float | str | None = None,
    id: str | None = None,
    redshift_grid: str | Sequence[float] | None = None,
    model: Bands | None = None,
    aperture: str | None = None,
    unit: str | None = None,
) -> Photometry:
    """Read a table of photometry; the format goes by the extension (.fits[.gz], .ecsv, .csv[.gz], .parquet, .vot).

    Columns: optional ``id``, ``galaxy_id``, ``x``, ``y``, ``redshift``, ``redshift_err`` (these two in any case; a
    table with ``galaxy_id``, ``x`` and ``y`` is agez's own, and its ``flags`` are kept), ``filter_set``; for each band
    ``flux_<band>`` and ``flux_<band>_err``, or ``mag_<band>`` and ``mag_<band>_err``.  Other columns are left alone.

    *Tables of surveys* are read as the archives give them, a column for each band (``r_auto`` and ``e_r_auto``,
    ``MAG_AUTO_J0378``) or vectors of all bands.  Where they name redshifts, their errors and identifiers, these are
    taken, and ``meta['remarks']`` says so; E(B-V) is only named there.  See :mod:`agez.photometry.survey_columns` and
    :mod:`agez.photometry.survey_rows`.

    *Units* are those that the file says of each column: f_nu, f_lambda, nanomaggies, AB or ST magnitudes; the last
    ones, and f_lambda, at the band's pivot wavelength.  Without one a ``flux_`` is in microjansky, a ``mag_`` in AB.
    See :mod:`agez.photometry.flux_units`.

    *Not observed* is NaN, masked, or a survey's code (-99, 99, -999).  In flux columns 99 is a code only if its
    error is one, or missing: it may be a flux.  A negative code as the error is an unknown error.  What no galaxy
    has is a placeholder, and not observed: magnitudes beyond 40, errors of 10 mag and more, fluxes or errors beyond
    AB magnitude -40 or a million times the row's other bands; ``meta['counted']`` says how many, by band.
    A magnitude of 99 with a limit in its error column is a band in which nothing was detected: flux 0,
    with the limit's flux as the 1-sigma error.  (Surveys write limits of 1 to 5 sigma; taken as 1 sigma
    it claims the least.)  An error that is not positive makes its band not observed, and flags the row BAD_ERROR;
    an infinite flux likewise, NON_FINITE.  An unknown error is NaN, and is no fault.

    Parameters
    ----------
    path : path, or table
        Tables in memory are astropy's, pandas and polars data frames, Arrow tables, numpy record arrays, and dicts of
        arrays.
    filters : str, Bands or FilterSet, optional
        The set that the bands belong to.  Without it, the set that the file says (key ``FILTERS``, or column
        ``filter_set``), else the survey that has most of them.  Where several have
        (J-PLUS and S-PLUS have the same twelve names), the first is taken, with an AgezWarning.
    redshift : float or str, optional
        At which the bands see the objects: of all of them (0: SEDs in the rest frame), if the table has no such
        column; or the name of a column.  With neither, and where the column holds nothing that is one (a survey's
        code, NaN, below -0.01), it is unknown: NaN, flagged REDSHIFT_UNKNOWN.
    redshift_err : float or str, optional
        1-sigma error of the redshifts: of all, if the table has no such column; the name of a column; or
        ``"LOWER,UPPER"``, the columns with the bounds of their 68 % interval, half of whose difference it is.
        In a column, NaN, masked, a survey's code or a negative number is an error not given, and 0 an exact redshift.
        Without both, distributions of the redshift are taken where the table has them
        (:mod:`agez.photometry.redshift_columns`); ``redshift="PDF_Means"`` takes those of that column.
    id : str, optional
        Column that identifies the rows, in place of ``id``; several with commas between identify them together.
    redshift_grid : str or sequence of float, optional
        Redshifts of the densities in a column ``redshift_pdf``, or ``"LOW,HIGH"`` of an even grid.
    model : Bands, optional
        Of the model that is to answer (``model.bands``): decides where several sets have bands of the table's names.
    aperture : str, optional
        Way of measuring, where a survey's table has several: ``petro``, ``aper_6``, ``APER_COR_3_0``, in any case.
        Without it, the one that the survey recommends for galaxies.
    unit : str, optional
        Of the columns of photometry that say none: ``nanomaggy``, ``1e-19 erg / (s cm2 Angstrom)``, ``mag``.
        Without it they are microjansky, or AB magnitudes, by their names.  A median outside AB magnitudes 5 to 30 is
        refused.

    Returns
    -------
    Photometry
        Only the bands that the table has, in the order of the set.  ``meta['remarks']`` tells what had to be assumed
        or left out.

    Raises
    ------
    AgezError
        That names file, column, unit or row, if the table has no photometry or something in it is not understood.

    Examples
    --------
    >>> import agez
    >>> from astropy.table import Table
    >>> table = Table({"flux_g": [10.0], "flux_g_err": [0.5], "mag_r": [20.0], "mag_r_err": [0.02]})
    >>> seds = agez.read_photometry(table, filters="splus", redshift=0.02)
    >>> seds.bands.names, seds.flux.round(2).tolist()  # [microjansky]
    (('gSDSS', 'rSDSS'), [[10.0, 36.31]])
    """
    redshift, redshift_err = (
        number_in(value, "redshift", name=f"agez.read_photometry: {name}", optional=True)
        for name, value in (("redshift", redshift), ("redshift_err", redshift_err))
    )
    is_path = isinstance(path, str | Path)
    table = read_table(path, prefer=(EXTENSION,), likeness=likeness) if is_path else plain_table(path)
    if table is None:
        raise AgezError(f"agez.read_photometry: path is {described(path)}; expected the path of a file, or {TABLES}")
    return table_to_photometry(
        table, source=str(path) if is_path else "table", filters=filters, redshift=redshift,
        redshift_err=redshift_err, id=id, redshift_grid=redshift_grid, model=model, aperture=aperture, unit=unit,
    )  # fmt: skip


def table_to_photometry(
    table: Table | PlainTable,
    *,
    source: str = "table",
    filters: str | Bands | FilterSet | None = None,
    redshift: float | str | None = None,
    redshift_err: float | str | None = None,
    id: str | None = None,
    redshift_grid: str | Sequence[float] | None = None,
    model: Bands | None = None,
    aperture: str | None = None,
    unit: str | None = None,
    ask: bool = False,
) -> Photometry:
    """The photometry of a table or a chunk of one; columns, codes and errors as in :func:`read_photometry`.

    With ``ask``, a filter set that is not clear is an error.
    """
    if len(table) == 0:
        raise AgezError(f"{source}: the table is empty; expected a row for each object")
    plain = table if isinstance(table, PlainTable) else PlainTable.of(table)
    own = bool({FILTER_SET_COLUMN, "FILTERS"} & {*plain.colnames, *map(str, plain.meta)})  # agez's, in microjansky
    silent = [] if own else without_unit(scalars_of(plain), plain.units)
    silent = [] if unit is not None else silent
    plain, seen = with_units(plain, unit, source=source)
    options = RowOptions(redshift, redshift_err, id, redshift_grid)
    try:
        found = find_photometry(plain, source=source, filters=filters, model=model, aperture=aperture)
    except UnclearFiltersError as error:
        if ask:
            raise
        filters = error.candidates[0]
        warnings.warn(f"{error}; taken as {filters}", AgezWarning, stacklevel=2)
        found = find_photometry(plain, source=source, filters=filters, model=model, aperture=aperture)
    bands, columns = found.bands, found.columns
    taken = TakenColumns(options)
    if found.survey is not None:
        taken = taken_columns(
            options, found.survey, plain.colnames, head=first_rows_of(plain), numbers=number_columns(plain)
        )
        options = taken.options
    options.columns(plain.colnames, source=source)
    check_redshift_column(first_rows_of(plain), options, source=source)
    swapped = check_swapped(first_rows_of(plain), columns, source=source, silent=() if found.survey else silent)
    photometry = rows_to_photometry(plain, bands, columns, source=source, options=options)
    check_plausible(
        photometry.take(slice(0, HEAD_ROWS)), columns, source=source, silent=None if found.survey else silent
    )
    not_applied = [] if taken.ebv is None else [f"E(B-V): column {taken.ebv} is not used; fluxes are as in the table"]
    remarks = [
        *found.remarks, *seen, *swapped, *zero_errors(first_rows_of(plain), columns, source=source),
        *[one for one in taken.remarks if not one.startswith("E(B-V)")], *not_applied,
        *redshift_remarks(plain.colnames, options),
        *left_out(plain.colnames, bands, of_set=set_names(bands, filters)), *error_remarks(plain.colnames, columns),
        *count_remarks(photometry.meta["counted"]),
    ]  # fmt: skip
    return replace(photometry, meta={**photometry.meta, "remarks": remarks})


def set_names(bands: Bands, filters: str | Bands | FilterSet | None = None) -> tuple[str, ...]:
    """All bands of the set that some bands are of, as far as it is known."""
    if isinstance(filters, Bands | FilterSet):
        return filters.names
    if filters is None:
        return load_filters(bands.filter_set).names if bands.filter_set in filter_sets() else bands.names
    return load_filters(filters).names


def rows_to_photometry(
    table: PlainTable,
    bands: Bands,
    columns: Sequence[BandColumn],
    *,
    source: str,
    options: RowOptions | None = None,
) -> Photometry:
    """The photometry of any number of rows, none included; each row's depends on that row alone.

    ``columns`` says where each of ``bands`` is.  The one place where values of tables become fluxes: values are taken
    some thousand rows at a time, so that they stay in the processor's cache.
    """
    n = len(table)
    flux, flux_err = np.empty((n, len(bands))), np.empty((n, len(bands)))
    infinite: Bools = np.zeros(n, dtype=bool)
    bad_error: Bools = np.zeros(n, dtype=bool)
    n_placeholders = np.zeros(len(bands), dtype=int)
    options = options or RowOptions()
    groups = [BandGroup.of(table, columns, magnitude, source) for magnitude in (False, True)]
    for start in range(0, n, _BLOCK_ROWS):
        rows = slice(start, min(start + _BLOCK_ROWS, n))
        for group in groups:
            if len(group.at):
                measured = group.measured(rows, zero_is_unknown=options.zero_errors_are_unknown)
                # a group of all bands is written in one go, not band by band
                where = (rows, slice(None)) if len(group.at) == len(bands) else (rows, group.at)
                flux[where], flux_err[where] = measured.flux.T, measured.flux_err.T
                infinite[rows] |= measured.infinite.any(axis=0)
                bad_error[rows] |= measured.bad_error.any(axis=0)
                n_placeholders[group.at] += measured.placeholder.sum(axis=1)
    covered = np.isfinite(flux)
    seen_at = redshifts_of_rows(table, options, source=source)
    flags = np.zeros(n, dtype=np.int32)
    if set(table.colnames) >= _OWN and table["flags"].ndim == 1 and np.issubdtype(table["flags"].dtype, np.integer):
        flags = np.asarray(np.ma.filled(table["flags"], 0), dtype=np.int32)
        if options.redshift is not None:
            flags = (flags & ~np.int32(int(Flag.REDSHIFT_UNKNOWN))).astype(np.int32)  # of what the file knew
    flags = set_flag(flags, np.asarray(~covered.any(axis=1)), Flag.NO_DATA)
    flags = set_flag(flags, infinite, Flag.NON_FINITE)
    flags = set_flag(flags, bad_error, Flag.BAD_ERROR)
    flags = set_flag(flags, np.isnan(seen_at.value), Flag.REDSHIFT_UNKNOWN)
    placeholders = {
        f"{PLACEHOLDER}{name}": int(count) for name, count in zip(bands.names, n_placeholders, strict=True) if count
    }
    meta: dict[str, object] = {
        "source": source, "filter_set": bands.filter_set, "redshift_known": seen_at.given,
        "counted": {**seen_at.counted, **placeholders},
    }  # fmt: skip
    if no_angles(table):
        meta["position_unit"] = no_angles(table)
    if options.id is not None:
        columns_of_id = [table[name] for name in id_columns(options.id, table.colnames, source=source)]
        table = replace(table, columns={**table.columns, "id": joined_ids(columns_of_id)})
    rows_of_table = table_rows(table, source=source)
    return Photometry(
        bands, flux, flux_err, covered, rows_of_table, seen_at.value, flags, meta, redshift_err=seen_at.error,
        redshift_mixture=seen_at.mixture,
    )  # fmt: skip


def photometry_to_table(photometry: Photometry, *, magnitudes: bool = False) -> Table:
    """The table that :func:`write_photometry` writes."""
    table = Table(rows_columns(photometry.rows, id_name="id"))
    table["redshift"] = photometry.redshift
    if np.isfinite(photometry.redshift_err).any():
        table["redshift_err"] = photometry.redshift_err
    for name, vectors in redshift_columns(photometry).items():
        table[name] = vectors
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


@takes(path="path", photometry="Photometry")
def write_photometry(path: str | Path, photometry: Photometry, *, magnitudes: bool = False) -> None:
    """Write photometry as a table, whole or not at all; the format goes by the extension.

    Columns as in :func:`read_photometry`, with ``flags`` added; NaN where not observed.  With ``magnitudes``, a
    flux that is not positive becomes 99 with its limit in the error column: its value is lost.
    The header says the filter set (``FILTERS``).  CSV keeps neither header nor units: a column ``filter_set`` says it
    there, and fluxes are in microjansky.

    Examples
    --------
    >>> import agez
    >>> from astropy.table import Table
    >>> table = Table({"flux_g": [10.0, 12.0], "flux_g_err": [0.5, 0.6]})
    >>> agez.write_photometry("seds.fits", agez.read_photometry(table, filters="splus", redshift=0.02))
    >>> Table.read("seds.fits").colnames[-4:]
    ['flux_gSDSS', 'flux_gSDSS_err', 'flags', 'good']
    """
    table = photometry_to_table(photometry, magnitudes=magnitudes)
    if table_format(path) == "ascii.csv" and photometry.bands.filter_set:
        table[FILTER_SET_COLUMN] = np.full(len(table), photometry.bands.filter_set)
    if table_format(path) == "ascii.csv":
        for name, vectors in redshift_columns(photometry).items():
            table[name] = [str(row) for row in vectors.tolist()]
    write_table(path, table, name=EXTENSION)
