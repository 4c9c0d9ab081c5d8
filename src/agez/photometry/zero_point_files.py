"""Zero points in a small table, one row a band."""

from __future__ import annotations

import json
import os

import numpy as np
from astropy.table import Table

from agez.errors import AgezError
from agez.hints import named_among
from agez.photometry.zero_points import ZeroPoints
from agez.tables.table_columns import meta_json, number_column, text_column
from agez.tables.table_files import read_table, write_table
from agez.types import Bands, Floats


def write_zero_points(path: str | os.PathLike[str], zero_points: ZeroPoints) -> None:
    """Write zero points as a table (.ecsv, or .fits, .csv, .parquet), whole or not at all.

    Columns: ``band``, ``pivot``, ``fwhm`` [Angstrom], ``factor`` (fluxes are multiplied by it), ``factor_err``,
    ``magnitude_offset`` (is added to magnitudes), ``magnitude_offset_err``, ``n_rows``.
    """
    bands = zero_points.bands
    table = Table(
        {
            "band": np.array(bands.names, dtype=str),
            "pivot": np.array(bands.pivot_angstrom, dtype=float),
            "fwhm": np.array(bands.fwhm_angstrom, dtype=float),
            "factor": zero_points.factor,
            "factor_err": zero_points.factor_err,
            "magnitude_offset": zero_points.magnitude_offset,
            "magnitude_offset_err": zero_points.magnitude_offset_err,
            "n_rows": zero_points.n,
        }
    )
    table.meta = {"FILTERS": bands.filter_set, "AGEZMETA": json.dumps(dict(zero_points.meta))}
    write_table(path, table, name="ZEROPOINTS")


def read_zero_points(path: str | os.PathLike[str]) -> ZeroPoints:
    """Read zero points: agez's, or any table with ``band`` and ``factor``, or ``band`` and ``magnitude_offset``.

    Raises
    ------
    AgezError
        If a column is missing, a band occurs twice, or a factor is no number above 0.
    """
    table = read_table(path, prefer=("ZEROPOINTS",))
    source = str(path)
    if "band" not in table.colnames or not {"factor", "magnitude_offset"} & set(table.colnames):
        raise AgezError(
            f"{source} is no table of zero points: expected the columns band, and factor or magnitude_offset; found "
            f"{named_among(table.colnames, 'magnitude_offset' if 'band' in table.colnames else 'band')}"
        )
    names = tuple(text_column(table, "band").tolist())
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise AgezError(f"{source}: band {twice[0]} occurs twice; keep one row for each band")

    def numbers(name: str) -> Floats:
        return number_column(table, name, source=source)

    factor, error = numbers("factor"), numbers("factor_err")
    if "factor" not in table.colnames:
        factor = 10 ** (-0.4 * numbers("magnitude_offset"))
        error = 0.4 * np.log(10) * factor * numbers("magnitude_offset_err")
    bands = Bands(names, tuple(numbers("pivot")), tuple(numbers("fwhm")), str(table.meta.get("FILTERS", "")))
    rows = numbers("n_rows")
    try:
        return ZeroPoints(bands, factor, error, np.where(rows > 0, rows, 0).astype(int), meta_json(table, "AGEZMETA"))
    except AgezError as problem:
        raise AgezError(f"{source}: {problem}") from None
