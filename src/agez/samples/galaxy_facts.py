"""What a user's table (``--galaxies``) says of a galaxy: redshift, place, disc and Galactic dust, by its name."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from agez.errors import AgezError
from agez.samples.galaxy_files import columns_of, numbers_of, plain_name
from agez.tables.table_columns import AnyTable, text_column
from agez.tables.table_files import read_table

#: The least and the largest number that is taken; what is beyond stands for none.
_LIMITS = {
    "redshift": (np.nextafter(-1, 0), np.inf), "redshift_err": (0, np.inf), "ebv": (0, np.inf), "dec_deg": (-90, 90),
    "re_arcsec": (np.nextafter(0, 1), np.inf), "inclination_deg": (0, np.nextafter(90, 0)),
}  # fmt: skip


@dataclass(frozen=True)
class GalaxyFacts:
    """Numbers of one galaxy; NaN where the table has none, or one that cannot be."""

    name: str
    redshift: float = np.nan
    redshift_err: float = np.nan
    re_arcsec: float = np.nan  #: Effective radius along the major axis.
    inclination_deg: float = np.nan  #: 0 = face-on.
    pa_deg: float = np.nan  #: Of the major axis, north through east.
    ebv: float = np.nan  #: E(B-V) [mag] of the map of Schlegel et al. (1998).
    ra_deg: float = np.nan  #: ra_deg, dec_deg: Of the centre, ICRS.
    dec_deg: float = np.nan

    @property
    def centre_deg(self) -> tuple[float, float] | None:
        """(ra, dec), where both are known."""
        return (self.ra_deg, self.dec_deg) if np.isfinite(self.ra_deg) and np.isfinite(self.dec_deg) else None


@dataclass(frozen=True)
class GalaxyTable:
    """The galaxies of a table."""

    source: str
    rows: tuple[GalaxyFacts, ...]

    def of(self, *names: str) -> GalaxyFacts | None:
        """The galaxy that has the first of ``names`` that the table knows; None if it knows none.

        Blanks, capitals and zeros before numbers do not matter: ``NGC 1`` is ``ngc0001``.

        Raises
        ------
        AgezError
            If two rows of that name differ.
        """
        for name in names:
            found = [row for row in self.rows if plain_name(row.name) == plain_name(name)] if name.strip() else []
            alike = {str({**asdict(row), "name": ""}) for row in found}
            if len(alike) > 1:
                raise AgezError(f"{self.source}: {len(found)} rows of {name} differ; leave one")
            if found:
                return found[0]
        return None

    def need(self, *names: str) -> GalaxyFacts:
        """As :meth:`of`; AgezError where the table knows none of the names."""
        found = self.of(*names)
        if found is None:
            some = ", ".join(row.name for row in self.rows[:5]) + (", ..." if len(self.rows) > 5 else "")
            which = " or ".join(dict.fromkeys(filter(None, names)))
            raise AgezError(
                f"{self.source}: no row of {which} among its {len(self.rows)} galaxies ({some}); add one, or leave "
                "--galaxies out"
            )
        return found

    def as_json(self) -> list[dict[str, Any]]:
        """All rows, for fingerprints."""
        return [asdict(row) for row in self.rows]


def read_galaxy_facts(path: str | os.PathLike[str]) -> GalaxyTable:
    """Read a table of galaxies (FITS, ECSV, CSV, Parquet).

    Parameters
    ----------
    path : path
        Columns as :data:`COLUMNS` names them: that of names, and any of the others.  Angles in the unit of the
        column, else arcsec (Re) and degrees.

    Raises
    ------
    AgezError
        No rows, no column of names, or a column that holds no numbers.

    Examples
    --------
    >>> from astropy.table import Table
    >>> Table({"name": ["NGC 1"], "z": [0.0152], "Re": [0.2], "ebv": [0.03]}, units={"Re": "arcmin"}).write("g.ecsv")
    >>> facts = read_galaxy_facts("g.ecsv").need("ngc0001")
    >>> facts.redshift, facts.re_arcsec, facts.pa_deg
    (0.0152, 12.0, nan)
    """
    return galaxy_facts_of(read_table(path, prefer=("GALAXIES",)), source=str(path))


def galaxy_facts_of(table: AnyTable, *, source: str) -> GalaxyTable:
    """The same of a table that is read already."""
    columns = columns_of(table, source)
    names = text_column(table, columns.pop("name")).tolist()
    values: dict[str, Any] = {}
    for what, column in columns.items():
        numbers = numbers_of(table, column, what, source)
        low, high = _LIMITS.get(what, (-np.inf, np.inf))
        values[what] = np.where((numbers >= low) & (numbers <= high), numbers, np.nan).tolist()
    return GalaxyTable(
        source,
        tuple(
            GalaxyFacts(str(name).strip(), **{what: float(numbers[row]) for what, numbers in values.items()})
            for row, name in enumerate(names)
        ),
    )
