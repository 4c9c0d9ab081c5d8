"""Predictions as a table in a file: FITS, ECSV, CSV or Parquet by the extension."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from astropy.table import Column, Table

from agez.errors import AgezError
from agez.table_files import read_table, write_table
from agez.types import Prediction, Rows

#: The input's identifying columns, spelled as in tables of photometry.
_IDENTITY = {"id": "spec_id", "galaxy_id": "galaxy_id", "x": "x", "y": "y"}


def prediction_to_table(prediction: Prediction) -> Table:
    """The table that :func:`write_prediction` writes."""
    table = Table()
    for column, name in _IDENTITY.items():
        table[column] = Column(getattr(prediction.rows, name), unit="arcsec" if column in "xy" else None)
    for name in Prediction.column_names():
        dex = "dex" if name.startswith(("log_age", "mh_")) else None
        if name.startswith("log_age") and not name.endswith("_err"):
            dex = "dex(yr)"
        table[name] = Column(getattr(prediction, name), unit=dex)
    table.meta.update(
        {key: prediction.meta[key] for key in ("model", "version", "ood_threshold") if key in prediction.meta}
    )
    return table


def write_prediction(path: str | os.PathLike[str], prediction: Prediction) -> None:
    """Write predictions, whole or not at all."""
    write_table(path, prediction_to_table(prediction))


def read_prediction(path: str | os.PathLike[str]) -> Prediction:
    """Read what :func:`write_prediction` wrote."""
    table = read_table(path)
    missing = [name for name in Prediction.column_names() if name not in table.colnames]
    if missing:
        raise AgezError(f"{path}: column(s) {', '.join(missing)} missing; it is not a table that 'agez predict' wrote")

    def column(name: str, empty: Any) -> Any:
        if name not in table.colnames:
            return np.full(len(table), empty)
        values = table[name]
        if hasattr(values, "filled"):
            values = values.filled("" if values.dtype.kind in "SUO" else np.nan)
        array = np.asarray(values)
        return array.astype(str) if array.dtype.kind in "SUO" else array.astype(array.dtype.newbyteorder("="))

    rows = Rows(column("id", ""), column("galaxy_id", ""), column("x", np.nan), column("y", np.nan))
    values = {name: column(name, np.nan) for name in Prediction.column_names()}
    values["flags"] = np.asarray(table["flags"]).astype(np.int32)
    return Prediction(rows=rows, meta={str(k).lower(): v for k, v in table.meta.items()}, **values)
