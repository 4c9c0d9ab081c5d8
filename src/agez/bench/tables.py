"""Photometry and known values of a table, whatever its columns are called, by a small description."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from astropy.table import Table

from agez.bench.rows import BenchRows, Known
from agez.errors import AgezError
from agez.photometry.filters import load_filters
from agez.photometry.names import find_band
from agez.photometry.tables import read_photometry
from agez.tables.table_columns import number_column, text_column
from agez.tables.table_files import read_table
from agez.types import Bands, Floats, Strings

#: Thickness of a disc over its diameter, with which axis ratios become inclinations (Holmberg 1958; 0.13 to 0.2 fit
#: spirals, Giovanelli et al. 1994, AJ 107, 2036).
DISC_THICKNESS = 0.2
#: Columns of known numbers that a description may name.
KNOWN_NUMBERS = ("log_age", "log_age_err", "mh", "mh_err", "gas_oh", "inclination")


@dataclass(frozen=True)
class TableColumns:
    """What the columns of a table are.

    Attributes
    ----------
    filters : str
        Filter set.
    magnitude, error : str
        Names of columns with ``{band}`` in the place of the band, in any spelling of the survey; empty: the columns are
        named as in every table of photometry.
    redshift, redshift_err : float or str
        As the options of ``agez predict``.
    id : str
        Column of names.
    kind : str or mapping of str to str
        The column of classes; or, by class, the column that is 1 (or true) for its members.
    known : mapping of str to str
        Columns of :data:`KNOWN_NUMBERS`.
    axis_ratio : str
        Column of b/a, for inclinations; a disc has :data:`DISC_THICKNESS`.
    repeat : str
        Column that names the object of repeated observations.
    """

    filters: str
    magnitude: str = ""
    error: str = ""
    redshift: float | str | None = None
    redshift_err: float | str | None = None
    id: str = ""
    kind: str | Mapping[str, str] = ""
    known: Mapping[str, str] = field(default_factory=dict)
    axis_ratio: str = ""
    repeat: str = ""

    def columns(self) -> tuple[str, ...]:
        """Those that must be there, beside those of bands and redshifts."""
        kinds = tuple(self.kind.values()) if isinstance(self.kind, Mapping) else (self.kind,)
        return tuple(name for name in (self.id, *kinds, *self.known.values(), self.axis_ratio, self.repeat) if name)


def rows_of_table(path: Path, columns: TableColumns) -> BenchRows:
    """Photometry and what is known of it; AgezError that names file and column for a column that is not there."""
    table = read_table(path)
    missing = [name for name in columns.columns() if name not in table.colnames]
    if missing:
        raise AgezError(f"{path}: no column {missing[0]!r}; it has {', '.join(table.colnames[:20])}")
    photometry = read_photometry(
        with_band_names(table, columns, source=str(path)), filters=columns.filters, redshift=columns.redshift,
        redshift_err=columns.redshift_err, id=columns.id or None,
    )  # fmt: skip
    return BenchRows(known_of_table(table, columns, source=str(path)), photometry, meta={"source": str(path)})


def with_band_names(table: Table, columns: TableColumns, *, source: str) -> Table:
    """The table with columns ``mag_BAND`` and ``mag_BAND_err`` of its columns of magnitudes."""
    if not columns.magnitude:
        return table
    bands = load_filters(columns.filters).bands
    out = table.copy(copy_data=False)
    for pattern, ending in ((columns.magnitude, ""), (columns.error, "_err")):
        found = _bands_of(pattern, table.colnames, bands)
        if not found:
            raise AgezError(f"{source}: no column is like {pattern!r}; it has {', '.join(table.colnames[:20])}")
        for band, name in found.items():
            out[f"mag_{band}{ending}"] = number_column(table, name, source=source)
    return out


def _bands_of(pattern: str, names: list[str], bands: Bands) -> dict[str, str]:
    """By band, the column that a pattern means."""
    start, _, end = pattern.partition("{band}")
    shape = re.compile(f"{re.escape(start)}(.+){re.escape(end)}")
    found = {}
    for name in names:
        match = shape.fullmatch(name)
        band = find_band(match[1], bands.names) if match else None
        if band is not None:
            found[band] = name
    return found


def known_of_table(table: Table, columns: TableColumns, *, source: str) -> Known:
    """What a table says about its objects; those without a name are numbered."""
    n = len(table)
    numbers = {key: number_column(table, name, source=source) for key, name in columns.known.items()}
    if columns.axis_ratio:
        numbers["inclination"] = inclination_of(number_column(table, columns.axis_ratio, source=source))
    return Known.of(
        text_column(table, columns.id) if columns.id else np.arange(n).astype(str),
        kind=_kinds(table, columns, source=source),
        repeat=text_column(table, columns.repeat) if columns.repeat else np.full(n, ""),
        **numbers,
    )


def _kinds(table: Table, columns: TableColumns, *, source: str) -> Strings:
    if isinstance(columns.kind, str):
        return text_column(table, columns.kind) if columns.kind else np.full(len(table), "")
    width = max(map(len, columns.kind))
    out = np.full(len(table), "", dtype=f"<U{width}")
    for kind, name in columns.kind.items():
        out[number_column(table, name, source=source) == 1] = kind
    return out


def inclination_of(axis_ratio: Floats) -> Floats:
    """Inclination [degree] of a disc of some axis ratio b/a: cos^2 i = (q^2 - t^2) / (1 - t^2); 90 below t.

    Hubble (1926, ApJ 64, 321), with t of :data:`DISC_THICKNESS`; NaN outside 0 to 1.
    """
    q = np.where((axis_ratio >= 0) & (axis_ratio <= 1), axis_ratio, np.nan)
    square = (q**2 - DISC_THICKNESS**2) / (1 - DISC_THICKNESS**2)
    return np.asarray(np.degrees(np.arccos(np.sqrt(np.clip(square, 0, 1)))))
