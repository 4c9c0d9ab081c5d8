"""The galaxy table: reading it from what users have, and writing it."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import Any

import numpy as np
from astropy.table import Table

from agez.arguments import named_among
from agez.errors import AgezError
from agez.label_types import Galaxies
from agez.tables.table_columns import is_missing, number_column, text_column
from agez.tables.table_files import read_table, write_table
from agez.types import Strings

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
    """Galaxies of a table: ``galaxy_id`` is required, other columns may be missing (NaN, or a survey's code).

    Morphologies are ``early`` or ``late``, in capitals or not; AgezError for another word: it would count as neither.
    """
    if "galaxy_id" not in table.colnames:
        raise AgezError(
            f"{source}: no column galaxy_id among {named_among(table.colnames, 'galaxy_id')}; rename the one that "
            "names galaxies"
        )
    if len(table) == 0:
        raise AgezError(f"{source}: the galaxy table has no rows")
    values: dict[str, Any] = {
        name: text_column(table, name) if name in _TEXT else number_column(table, name, source=source)
        for name in Galaxies._row_fields
    }
    for name, numbers in values.items():
        if name not in _TEXT:
            # 99 arcsec and 99 degrees are a radius and an angle like others
            none = np.abs(numbers) >= 999 if name in ("re_arcsec", "pa") else is_missing(numbers)
            values[name] = np.where(none, np.nan, numbers)
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


def named_as(galaxies: Galaxies, names: Strings) -> Galaxies:
    """The table with its galaxies named as in ``names``: ``NGC 1`` and ``ngc1`` are ``NGC0001`` if that is asked for.

    Names are the same if they are so without blanks, capitals, and zeros before numbers; those of the table
    that are in ``names`` as they are stay.
    """
    wanted = {plain_name(name): name for name in np.unique(names).tolist()}
    taken = set(galaxies.galaxy_id.tolist())
    new = [
        name if (other := wanted.get(plain_name(name), name)) in taken else other
        for name in galaxies.galaxy_id.tolist()
    ]
    if len(set(new)) < len(set(galaxies.galaxy_id.tolist())):
        return galaxies  # two rows would have one name: leave them as they are
    return replace(galaxies, galaxy_id=np.array(new))


def plain_name(name: str) -> str:
    """A galaxy's name without blanks, capitals, and zeros before numbers."""
    return re.sub(r"(?<=[A-Z])0+(?=\d)", "", re.sub(r"[\s_]+", "", name).upper())


def write_galaxies(path: str | os.PathLike[str], galaxies: Galaxies) -> None:
    """Write the galaxy table; the format (FITS, ECSV, CSV, Parquet) goes by the extension."""
    write_table(path, galaxies_to_table(galaxies), name=EXTENSION)


def read_galaxies(path: str | os.PathLike[str]) -> Galaxies:
    """Read a galaxy table (FITS, ECSV, CSV, Parquet): ``galaxy_id`` and any columns of ``Galaxies``."""
    return table_to_galaxies(read_table(path, prefer=(EXTENSION,)), source=str(path))
