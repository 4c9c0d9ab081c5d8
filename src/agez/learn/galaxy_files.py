"""The galaxy table: reading it from what users have, and writing it."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from astropy.table import Column, Table

from agez.errors import AgezError
from agez.table_files import read_table, write_table
from agez.types import Floats, Galaxies, Strings

#: Units of the columns, as FITS spells them.
GALAXY_UNITS = {"re_arcsec": "arcsec", "inclination": "deg", "pa": "deg", "av": "mag", "log_mass": "dex(solMass)",
                "log_ssfr": "dex(yr-1)"}  # fmt: skip
_TEXT = ("galaxy_id", "morphology")


def unknown_galaxies(galaxy_id: Strings) -> Galaxies:
    """A galaxy table in which nothing but the names is known."""
    blank = {name: np.full(len(galaxy_id), np.nan) for name in Galaxies._row_fields if name not in _TEXT}
    return Galaxies(galaxy_id=galaxy_id, morphology=np.full(len(galaxy_id), "", dtype="<U5"), **blank)


def galaxies_to_table(galaxies: Galaxies) -> Table:
    """The table that :func:`write_galaxies` writes."""
    table = Table()
    for name in Galaxies._row_fields:
        table[name] = Column(getattr(galaxies, name), unit=GALAXY_UNITS.get(name))
    return table


def table_to_galaxies(table: Table, *, source: str) -> Galaxies:
    """Galaxies of a table: ``galaxy_id`` is required, other columns may be missing (NaN)."""
    if "galaxy_id" not in table.colnames:
        raise AgezError(
            f"{source}: no column galaxy_id among {', '.join(table.colnames[:12])}; rename the one that names galaxies"
        )
    n = len(table)
    if n == 0:
        raise AgezError(f"{source}: the galaxy table has no rows")
    values: dict[str, Any] = {}
    for name in Galaxies._row_fields:
        if name in _TEXT:
            values[name] = _text(table, name, n)
        else:
            values[name] = _numbers(table, name, n, source)
    return Galaxies(**values)


def write_galaxies(path: str | os.PathLike[str], galaxies: Galaxies) -> None:
    """Write the galaxy table; the format (FITS, ECSV, CSV, Parquet) goes by the extension."""
    write_table(path, galaxies_to_table(galaxies))


def read_galaxies(path: str | os.PathLike[str]) -> Galaxies:
    """Read a galaxy table (FITS, ECSV, CSV, Parquet): ``galaxy_id`` and any columns of :class:`agez.types.Galaxies`."""
    return table_to_galaxies(read_table(path), source=str(path))


def _text(table: Table, name: str, n: int) -> Strings:
    if name not in table.colnames:
        return np.full(n, "", dtype="<U5")
    column = table[name]
    values = column.filled("") if hasattr(column, "filled") and column.dtype.kind in "SUO" else column
    return np.char.strip(np.asarray(values).astype(str))


def _numbers(table: Table, name: str, n: int, source: str) -> Floats:
    if name not in table.colnames:
        return np.full(n, np.nan)
    column = table[name]
    try:
        values = np.ma.asarray(column).astype(float)
    except (TypeError, ValueError) as error:
        raise AgezError(f"{source}: column {name} holds text; expected numbers") from error
    return np.asarray(np.ma.filled(values, np.nan))
