"""A number for each band, from a mapping, from a table, or one for all."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import numpy as np

from agez.errors import AgezError
from agez.hints import named_among
from agez.photometry.names import find_band
from agez.tables.table_columns import number_column, text_column
from agez.tables.table_files import read_table

ByBand = Mapping[str, float] | str | os.PathLike[str] | float
#: Other names of a column.
_ALSO = {
    "zero_point": ("zero_point", "zp", "magzp", "zeropoint", "mag_zp"),
    "psf_fwhm": ("psf_fwhm", "psf_fwhm_arcsec", "fwhm", "psffwhm", "seeing"),
}


def band_numbers(given: ByBand | None, column: str, known: Sequence[str]) -> dict[str, float]:
    """``{band: number}`` by the survey's own names; empty for None.

    Parameters
    ----------
    given : number, mapping, path of a table (.ecsv, .csv, .fits, .parquet), or None
        A table has the columns ``band`` and ``column``; bands of other filter sets are left out of account.
    column : 'zero_point' or 'psf_fwhm'
    known : sequence of str
        The bands there are.

    Raises
    ------
    AgezError
        If the table lacks a column, a band occurs twice or is unknown, or a value is no number.
    """
    if given is None:
        return {}
    if isinstance(given, int | float):
        return dict.fromkeys(known, _number(float(given), column, column))
    if isinstance(given, Mapping):
        pairs, source = [(str(band), float(value)) for band, value in given.items()], column
    else:
        source = str(given)
        table = read_table(given)
        names = {name.lower(): name for name in table.colnames}
        found = next((names[name] for name in _ALSO[column] if name in names), None)
        band_column = next((names[name] for name in ("band", "filter") if name in names), None)
        if found is None or band_column is None:
            raise AgezError(
                f"{source}: expected the columns band and {column}; found {named_among(table.colnames, column)}"
            )
        values = number_column(table, found, source=source)
        pairs = list(zip(text_column(table, band_column).tolist(), values.tolist(), strict=True))
    numbers: dict[str, float] = {}
    for name, value in pairs:
        band = find_band(name, known)
        if band is None:
            if isinstance(given, Mapping):
                raise AgezError(f"{column}: band {name!r} is unknown; the bands are {', '.join(known)}")
            continue  # of a table that serves more than this filter set
        if band in numbers:
            raise AgezError(f"{source}: band {band} occurs twice; keep one row for each band")
        numbers[band] = _number(value, column, f"{source}, band {band}")
    if pairs and not numbers:
        raise AgezError(f"{source}: none of its bands is among {', '.join(known)}")
    return numbers


def _number(value: float, column: str, source: str) -> float:
    if not np.isfinite(value) or (column == "psf_fwhm" and not value > 0):
        raise AgezError(
            f"{source}: {column} is {value}; expected a {'positive ' if column == 'psf_fwhm' else ''}number"
        )
    return value
