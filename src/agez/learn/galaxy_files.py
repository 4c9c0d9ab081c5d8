"""The galaxy table: reading it from what users have, and writing it."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from astropy.table import Table

from agez.errors import AgezError
from agez.table_columns import number_column, text_column
from agez.table_files import read_table, write_table
from agez.types import Galaxies, Strings

#: Name of the table in a FITS file.
EXTENSION = "GALAXIES"
_TEXT = ("galaxy_id", "morphology")
#: Words that stand for no morphology.
_UNKNOWN = ("nan", "none", "unknown", "--", "?")


def unknown_galaxies(galaxy_id: Strings) -> Galaxies:
    """A galaxy table in which nothing but the names is known."""
    blank = {name: np.full(len(galaxy_id), np.nan) for name in Galaxies._row_fields if name not in _TEXT}
    return Galaxies(galaxy_id=galaxy_id, morphology=np.full(len(galaxy_id), "", dtype="<U5"), **blank)


def galaxies_to_table(galaxies: Galaxies) -> Table:
    """The table that :func:`write_galaxies` writes."""
    return Table({name: getattr(galaxies, name) for name in Galaxies._row_fields})


def table_to_galaxies(table: Table, *, source: str) -> Galaxies:
    """Galaxies of a table: ``galaxy_id`` is required, other columns may be missing (NaN).

    Morphologies are ``early`` or ``late``, in capitals or not; AgezError for another word: it would count as neither.
    """
    if "galaxy_id" not in table.colnames:
        raise AgezError(
            f"{source}: no column galaxy_id among {', '.join(table.colnames[:12])}; rename the one that names galaxies"
        )
    if len(table) == 0:
        raise AgezError(f"{source}: the galaxy table has no rows")
    values: dict[str, Any] = {
        name: text_column(table, name) if name in _TEXT else number_column(table, name, source=source)
        for name in Galaxies._row_fields
    }
    values["morphology"] = _morphology(values["morphology"], source)
    return Galaxies(**values)


def _morphology(words: Strings, source: str) -> Strings:
    lower = np.char.lower(words)
    lower = np.where(np.isin(lower, _UNKNOWN), "", lower)
    strange = ~np.isin(lower, ("early", "late", ""))
    if strange.any():
        row = int(np.argmax(strange))
        raise AgezError(
            f"{source}: column morphology, row {row + 1} is {str(words[row])!r}; expected early, late or nothing"
        )
    return np.asarray(lower, dtype="<U5")


def write_galaxies(path: str | os.PathLike[str], galaxies: Galaxies) -> None:
    """Write the galaxy table; the format (FITS, ECSV, CSV, Parquet) goes by the extension."""
    write_table(path, galaxies_to_table(galaxies), name=EXTENSION)


def read_galaxies(path: str | os.PathLike[str]) -> Galaxies:
    """Read a galaxy table (FITS, ECSV, CSV, Parquet): ``galaxy_id`` and any columns of :class:`agez.types.Galaxies`."""
    return table_to_galaxies(read_table(path, prefer=(EXTENSION,)), source=str(path))
