"""The galaxy table: reading it from what users have, and writing it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from astropy.table import Table

from agez.errors import AgezError
from agez.hints import named_among
from agez.label_types import Galaxies
from agez.tables.table_columns import AnyTable, angle_column, is_missing, number_column, text_column
from agez.tables.table_files import read_table, write_table
from agez.types import Bools, Floats, Strings

#: Name of the table in a FITS file.
EXTENSION = "GALAXIES"
#: Names of each column, as :func:`plain_column` spells them; the first that is there counts.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "name": ("galaxy_id", "name", "galaxy", "object", "id"),
    "redshift": ("redshift", "z"),
    "redshift_err": ("redshift_err", "z_err"),
    "re_arcsec": ("re_arcsec", "re"),
    "inclination_deg": ("inclination", "inclination_deg", "incl", "inc"),
    "pa_deg": ("pa", "pa_deg"),
    "ebv": ("ebv", "e_bv", "e(b_v)", "e_b_v"),
    "ra_deg": ("ra", "ra_deg"),
    "dec_deg": ("dec", "dec_deg"),
}
#: Units of angles, these and others of lists of galaxies; a column in another one is converted.
_ANGLES = {
    **dict.fromkeys(("inclination_deg", "pa_deg", "ra_deg", "dec_deg"), "deg"),
    **dict.fromkeys(("re_arcsec", "size", "psf", "max_psf"), "arcsec"),
}  # fmt: skip
#: What 99 is a code for; it is a radius, an angle, or a signal-to-noise ratio like others.
_NEVER_99 = ("redshift", "redshift_err", "inclination_deg", "ebv", "av", "log_mass", "log_ssfr", "bulge_fraction")
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


def plain_column(name: str) -> str:
    """A column's name as it is compared with others."""
    return name.strip().lower().replace("-", "_").replace(" ", "_")


def columns_of(table: AnyTable, source: str) -> dict[str, str]:
    """Those of :data:`COLUMNS` that a table has; AgezError if none names its galaxies, or there are no rows."""
    known = {plain_column(name): name for name in reversed(table.colnames)}
    found = {what: known[name] for what, names in COLUMNS.items() for name in reversed(names) if name in known}
    if "name" not in found:
        raise AgezError(
            f"{source}: no column galaxy_id among {named_among(table.colnames, 'galaxy_id')}; rename the one that "
            "names galaxies"
        )
    if len(table) == 0:
        raise AgezError(f"{source}: the galaxy table has no rows")
    return found


def numbers_of(table: AnyTable, column: str, what: str, source: str) -> Floats:
    """A column in the unit of what it holds; NaN where it has a code, or is not there."""
    if what in _ANGLES:
        numbers = angle_column(table, column, source=source, unit=_ANGLES[what])
    else:
        numbers = number_column(table, column, source=source)
    return np.where(is_none(what, numbers), np.nan, numbers)


def is_none(what: str, numbers: Floats) -> Bools:
    """Where a number is a code that stands for none."""
    none = is_missing(numbers)
    return none if what in _NEVER_99 else none & (numbers != 99)


def table_to_galaxies(table: Table, *, source: str) -> Galaxies:
    """Galaxies of a table, by the names of :data:`COLUMNS`; all but a name may be missing (NaN, or a survey's code).

    Morphologies are ``early`` or ``late``, in capitals or not; AgezError for another word: it would count as neither.
    """
    columns = columns_of(table, source)
    values: dict[str, Any] = {
        "galaxy_id": text_column(table, columns["name"]),
        "morphology": _morphology(text_column(table, "morphology"), source),
    }
    for name in Galaxies._row_fields:
        if name not in _TEXT:
            what = f"{name}_deg" if name in ("inclination", "pa") else name
            values[name] = numbers_of(table, columns.get(what, name), what, source)
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
