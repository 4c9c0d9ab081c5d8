"""Predictions as a table in a file: FITS, ECSV, CSV or Parquet by the extension."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np
from astropy.table import Table

from agez.distributions.mixture import Mixture, pack, packed_names, unpack
from agez.tables.column_metadata import OF_PREDICTIONS, describe_columns, words_of_components, words_of_targets
from agez.tables.table_columns import (
    integer_column,
    meta_json,
    need_columns,
    number_column,
    rows_columns,
    table_rows,
    text_column,
)
from agez.tables.table_files import read_table, write_table
from agez.targets import KNOWN_TARGETS, SHIPPED_TARGETS, Target
from agez.types import QUANTILES, Prediction

#: Name of the table in a FITS file.
EXTENSION = "PREDICTIONS"
#: Keyword for the origin of the SEDs: images or spectra.
SEDS_OF = "SEDSOF"


def prediction_to_table(prediction: Prediction) -> Table:
    """The table that :func:`write_prediction` writes: the input's identifying columns, then the answers."""
    table = Table(rows_columns(prediction.rows, id_name="id"))
    for name in prediction.column_names():
        table[name] = getattr(prediction, name)
    table["good"] = prediction.good
    if prediction.mixture is not None:
        numbers = pack(prediction.mixture)
        names = [target.name for target in prediction.targets if not target.sum_of]
        for k, name in enumerate(packed_names(prediction.mixture.n_components, names)):
            table[name] = numbers[:, k]
    table.meta.update(
        {key: prediction.meta[key] for key in ("model", "version", "ood_threshold") if key in prediction.meta}
    )
    table.meta.update({key: prediction.meta[key] for key in ("library", "cosmology") if key in prediction.meta})
    if "seds_of" in prediction.meta:
        table.meta[SEDS_OF] = prediction.meta["seds_of"]
    # what the numbers are: weighting, normalisation band, templates, solar scale
    table.meta["LABLMETA"] = json.dumps(dict(prediction.meta.get("labels", {})))
    if "corrections" in prediction.meta:
        table.meta["CORRMETA"] = json.dumps(prediction.meta["corrections"])  # of the photometry, before it was answered
    special = OF_PREDICTIONS | words_of_targets(prediction.targets)
    if prediction.mixture is not None:
        special |= words_of_components(prediction.mixture.n_components, prediction.targets)
    return describe_columns(table, special=special)


def write_prediction(path: str | os.PathLike[str], prediction: Prediction) -> None:
    """Write predictions, whole or not at all."""
    write_table(path, prediction_to_table(prediction), name=EXTENSION)


def read_prediction(path: str | os.PathLike[str]) -> Prediction:
    """Read what :func:`write_prediction` wrote."""
    table, source = read_table(path, prefer=(EXTENSION,)), str(path)
    targets = _targets(table)
    required = Prediction.required_columns(targets)
    need_columns(table, required, source=source, made_by="agez predict")
    wide = (*Prediction.wide_columns(targets), *Prediction.spread_columns(targets))
    more = (*wide, *(name for name in Prediction.OPTIONAL if name != "worst_band"))
    there = (*required, *(name for name in more if name in table.colnames))
    columns: dict[str, Any] = {name: number_column(table, name, source=source) for name in there}
    columns["flags"] = integer_column(table, "flags")
    if "worst_band" in table.colnames:
        columns["worst_band"] = text_column(table, "worst_band")
    labels = meta_json(table, "LABLMETA")
    about = ("LABLMETA", "CORRMETA")
    meta = {str(key).lower(): value for key, value in table.meta.items() if key not in about} | {"labels": labels}
    if "CORRMETA" in table.meta:
        meta["corrections"] = meta_json(table, "CORRMETA")
    mixture = _mixture(table, [target.name for target in targets if not target.sum_of], source)
    return Prediction.of_columns(table_rows(table, source=source), targets, columns, meta=meta, mixture=mixture)


def _targets(table: Table) -> tuple[Target, ...]:
    """The targets that a table has columns of, in its order; those of the shipped models if it has none."""
    suffixes = ("_err", *(f"_{name}" for name in QUANTILES))
    names = [name for name in table.colnames if all(name + end in table.colnames for end in suffixes)]
    known = [
        KNOWN_TARGETS.get(name)
        or Target(name, None if table[name].unit is None else str(table[name].unit), table[name].description or "")
        for name in names
    ]
    return tuple(known) or SHIPPED_TARGETS


def _mixture(table: Table, targets: list[str], source: str) -> Mixture | None:
    """The distributions, where the table has them."""
    k = 0
    while packed_names(k + 1, targets)[-1] in table.colnames:
        k += 1
    if k == 0:
        return None
    columns = [number_column(table, name, source=source) for name in packed_names(k, targets)]
    return unpack(np.stack(columns, axis=1), k, len(targets))
