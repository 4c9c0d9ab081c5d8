"""Summaries: tables with a row a galaxy, of maps and of labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy.table import Column, Table

from agez.errors import counted
from agez.tables.column_metadata import Words
from agez.targets import KNOWN_TARGETS, PAPER_TARGETS

#: Name of the table of many rows in a summary, and of one in a file of maps.
EXTENSION = "SUMMARY"
#: Its file, in a folder of maps or of labels.
SUMMARY_FILE = "summary.fits"
#: Numbers of a gradient, by the end of their column.
#: Galaxies that are told one by one.
_FEW = 10
_SLOPES = {"_slope": "slope", "_slope_err": "slope_err", "_slope_scatter": "slope_scatter"}
#: What columns of a summary mean that mean another thing in other tables.
OF_SUMMARIES = {
    "name": Words(None, "galaxy", "meta.id;meta.main"),
    "n_regions": Words(None, "regions of the map", "meta.number"),
    "snr_band": Words(None, "S/N of a region in the band region_band, median", "stat.snr;stat.median"),
}


def slope_columns(name: str, gradients: Sequence[Mapping[str, Any]]) -> dict[str, list[float]]:
    """The columns of a quantity's gradient, of one row; NaN where there is none.

    ``gradients`` is what :meth:`agez.analysis.gradients.GradientTable.to_json` gives for the galaxy.
    """
    found = next((one for one in gradients if one["quantity"] == name), {})
    values = {name + end: found.get(key) for end, key in _SLOPES.items()}
    return {column: [np.nan if value is None else float(value)] for column, value in values.items()}


def galaxy_lines(table: Table) -> list[str]:
    """The galaxies of a summary in lines for a person, where they are few."""
    if len(table) > _FEW:
        return []
    lines = []
    for row in table:
        words = [
            f"{KNOWN_TARGETS[name].symbol_alone} {row[name]:.2f} +- {row[f'{name}_err']:.2f}"
            for name in PAPER_TARGETS
            if name in table.colnames
        ]
        of_regions = "n_regions" in table.colnames
        number = counted(row["n_regions"], "region") if of_regions else counted(row["n_spectra"], "spectrum", "spectra")
        lines.append(f"  {row['name']}: {', '.join([*words, number])}")
    return lines


def join_rows(tables: Sequence[Table]) -> Table:
    """One table of the rows of several, whose columns may differ: what a row lacks is NaN, 0, or ''."""
    first: dict[str, Any] = {}
    for table in tables:
        for name in table.colnames:
            first.setdefault(name, table[name])
    out = Table()
    for name, column in first.items():
        nothing = np.nan if column.dtype.kind == "f" else column.dtype.type()
        parts = [table[name] if name in table.colnames else np.full(len(table), nothing) for table in tables]
        out[name] = Column(np.concatenate(parts), unit=column.unit, description=column.description, meta=column.meta)
    alike = tables[0].meta.items() if tables else ()
    out.meta = {key: value for key, value in alike if all(table.meta.get(key) == value for table in tables)}
    return out
