"""What a user's table (``--galaxies``) says of a galaxy: redshift, place, disc and Galactic dust, by its name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from agez.arguments import named_among
from agez.errors import AgezError
from agez.samples.galaxy_files import plain_name
from agez.tables.table_columns import AnyTable, angle_column, is_missing, number_column, text_column
from agez.tables.table_files import read_table

#: Names of each column, in any case; the first that is there counts.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "name": ("galaxy_id", "name", "galaxy", "object", "id"),
    "redshift": ("redshift", "z"),
    "redshift_err": ("redshift_err", "z_err"),
    "re_arcsec": ("re_arcsec", "re"),
    "inclination_deg": ("inclination", "inclination_deg", "incl", "inc"),
    "pa_deg": ("pa", "pa_deg"),
    "ebv": ("ebv", "e_bv", "e(b-v)", "e_b_v"),
    "ra_deg": ("ra", "ra_deg"),
    "dec_deg": ("dec", "dec_deg"),
}
_ANGLES = {"re_arcsec": "arcsec", **dict.fromkeys(("inclination_deg", "pa_deg", "ra_deg", "dec_deg"), "deg")}


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
    known = {str(name).strip().lower(): name for name in reversed(table.colnames)}
    columns = {what: next((known[name] for name in names if name in known), None) for what, names in COLUMNS.items()}
    if columns["name"] is None:
        raise AgezError(
            f"{source}: no column galaxy_id among {named_among(table.colnames, 'galaxy_id')}; rename the one that "
            "names galaxies"
        )
    if len(table) == 0:
        raise AgezError(f"{source}: the galaxy table has no rows")
    values: dict[str, Any] = {}
    for what, column in columns.items():
        if what != "name" and column is not None:
            unit = _ANGLES.get(what)
            numbers = (
                number_column(table, column, source=source) if unit is None
                else angle_column(table, column, source=source, unit=unit)
            )  # fmt: skip
            values[what] = np.where(_is_none(what, numbers), np.nan, numbers).tolist()
    names = text_column(table, columns["name"]).tolist()
    return GalaxyTable(
        source,
        tuple(
            GalaxyFacts(str(name).strip(), **{what: float(numbers[row]) for what, numbers in values.items()})
            for row, name in enumerate(names)
        ),
    )


def _is_none(what: str, numbers: Any) -> Any:
    """Codes, and numbers that the quantity cannot have."""
    with np.errstate(invalid="ignore"):
        if what in ("re_arcsec", "pa_deg", "ra_deg", "dec_deg"):  # 99 is an angle like others
            beyond = np.abs(numbers) > 90 if what == "dec_deg" else (numbers <= 0) & (what == "re_arcsec")
            return (np.abs(numbers) >= 999) | (numbers == -99) | beyond
        if what == "inclination_deg":
            return (numbers < 0) | (numbers >= 90)
        return is_missing(numbers) | (numbers <= (-1 if what == "redshift" else -1e-12))
