"""Predictions as a table in a file: FITS, ECSV, CSV or Parquet by the extension."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np
from astropy.table import Table

from agez.analysis.gradient_files import SEDS_OF
from agez.distributions.mixture import Mixture, pack, packed_names, unpack
from agez.tables.column_metadata import OF_PREDICTIONS, describe_columns
from agez.tables.table_columns import integer_column, meta_json, need_columns, number_column, rows_columns, table_rows
from agez.tables.table_files import read_table, write_table
from agez.types import Prediction

#: Name of the table in a FITS file.
EXTENSION = "PREDICTIONS"


def prediction_to_table(prediction: Prediction) -> Table:
    """The table that :func:`write_prediction` writes: the input's identifying columns, then the answers."""
    table = Table(rows_columns(prediction.rows, id_name="id"))
    for name in prediction.column_names():
        table[name] = getattr(prediction, name)
    table["good"] = prediction.good
    if prediction.mixture is not None:
        numbers = pack(prediction.mixture)
        for k, name in enumerate(packed_names(prediction.mixture.n_components)):
            table[name] = numbers[:, k]
    table.meta.update(
        {key: prediction.meta[key] for key in ("model", "version", "ood_threshold") if key in prediction.meta}
    )
    if "seds_of" in prediction.meta:
        table.meta[SEDS_OF] = prediction.meta["seds_of"]
    # what the numbers are: weighting, normalisation band, templates, solar scale
    table.meta["LABLMETA"] = json.dumps(dict(prediction.meta.get("labels", {})))
    if "corrections" in prediction.meta:
        table.meta["CORRMETA"] = json.dumps(prediction.meta["corrections"])  # of the photometry, before it was answered
    return describe_columns(table, special=OF_PREDICTIONS)


def write_prediction(path: str | os.PathLike[str], prediction: Prediction) -> None:
    """Write predictions, whole or not at all."""
    write_table(path, prediction_to_table(prediction), name=EXTENSION)


def read_prediction(path: str | os.PathLike[str]) -> Prediction:
    """Read what :func:`write_prediction` wrote."""
    table, source = read_table(path, prefer=(EXTENSION,)), str(path)
    need_columns(table, Prediction.REQUIRED, source=source, made_by="agez predict")
    there = [name for name in Prediction.OPTIONAL if name in table.colnames]
    values: dict[str, Any] = {
        name: number_column(table, name, source=source) for name in (*Prediction.REQUIRED, *there)
    }
    values["flags"] = integer_column(table, "flags")
    values["mixture"] = _mixture(table, source)
    labels = meta_json(table, "LABLMETA")
    about = ("LABLMETA", "CORRMETA")
    meta = {str(key).lower(): value for key, value in table.meta.items() if key not in about} | {"labels": labels}
    if "CORRMETA" in table.meta:
        meta["corrections"] = meta_json(table, "CORRMETA")
    return Prediction(rows=table_rows(table, source=source), meta=meta, **values)


def _mixture(table: Table, source: str) -> Mixture | None:
    """The distributions, where the table has them."""
    k = 0
    while packed_names(k + 1)[-1] in table.colnames:
        k += 1
    if k == 0:
        return None
    return unpack(np.stack([number_column(table, name, source=source) for name in packed_names(k)], axis=1), k)
