"""Predictions as a table in a file: FITS, ECSV, CSV or Parquet by the extension."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from astropy.table import Table

from agez.arguments import takes
from agez.distributions.mixture import Mixture, pack, packed_names, unpack
from agez.errors import AgezError
from agez.runtime.optional_packages import need
from agez.tables.column_metadata import OF_PREDICTIONS, describe_columns, words_of_components, words_of_targets
from agez.tables.table_columns import (
    PlainTable,
    integer_column,
    meta_json,
    need_columns,
    no_angles,
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
#: Keyword for the command that made the answers: its input and options.
RUN = "RUNMETA"
#: Columns of the output that say what each row is, whatever the input calls them.
ROWS = ("id", "galaxy_id", "x", "y")
#: Columns of the input that mean what agez's do, whoever made them; of others nothing is said that the input does not.
UNDERSTOOD = ("redshift", "redshift_err")


def seds_of(header: Mapping[str, Any]) -> str:
    """Whether answers are to photometry of ``spectra`` or of ``images``, as their header says."""
    return "spectra" if str(header.get(SEDS_OF, "")).strip() == "spectra" else "images"


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
    if prediction.meta.get("run"):  # no quote that ends a FITS string where a long one is continued
        table.meta[RUN] = json.dumps(prediction.meta["run"], sort_keys=True).replace("'", r"\u0027")
    special = OF_PREDICTIONS | words_of_targets(prediction.targets)
    if prediction.mixture is not None:
        special |= words_of_components(prediction.mixture.n_components, prediction.targets)
    return describe_columns(table, special=special)


def table_of_answers(prediction: Prediction, *, distribution: bool = False) -> Table:
    """The table that ``agez predict`` writes, columns of the input beside the answers; see ``Prediction.to_table``."""
    if distribution and prediction.mixture is None:
        raise AgezError("distribution: this prediction has none; its model is of the paper's kind, or left it out")
    answers = prediction_to_table(prediction if distribution else replace(prediction, mixture=None))
    if "remarks" in prediction.meta:
        answers.meta["remarks"] = list(prediction.meta["remarks"])
    kept = None if prediction.input is None else prediction.input.columns
    table = answers if kept is None else with_columns(answers, kept)
    table.convert_bytestring_to_unicode()  # which tables in memory may hold
    return table


def frame_of_answers(prediction: Prediction, *, distribution: bool = False) -> Any:
    """The same as a pandas DataFrame, with the index of the one that was answered; columns of vectors are of lists."""
    need("pandas", extra="parquet", purpose="to_pandas")
    table = table_of_answers(prediction, distribution=distribution)
    vectors = {name: list(table[name]) for name in table.colnames if table[name].ndim > 1}
    frame = table[[name for name in table.colnames if name not in vectors]].to_pandas()
    for name, values in vectors.items():
        frame[name] = values
    if prediction.input is not None and prediction.input.index is not None:
        frame.index = prediction.input.index
    return frame[table.colnames]


def identified(kept: PlainTable, ids: Sequence[Any]) -> PlainTable:
    """Columns of the input in which ``id`` is the column that identifies the rows: integers that stay as they were.

    Of other kinds, and of several columns that identify rows together, the answers have the text.
    """
    one = ids[0]
    whole = len(ids) == 1 and one.dtype.kind in "iu" and one.ndim == 1 and not np.ma.getmaskarray(one).any()
    others = {name: column for name, column in kept.columns.items() if name != "id"}
    return replace(kept, columns={**others, "id": np.ma.getdata(one)} if whole else others)


def with_columns(answers: Table, kept: PlainTable) -> Table:
    """What identifies the rows, then columns of the input, then the answers.

    Columns of the input that have an answer's name get ``input_`` before it, and so do positions in a unit that is no
    angle: ``x`` and ``y`` are in arcsec, or unknown.  Identifiers that are numbers stay so.
    """
    table = Table({name: answers[name] for name in ROWS}, meta=answers.meta)
    there = kept.to_table()
    if "id" in kept.colnames and there["id"].dtype.kind in "iuf" and not np.ma.getmaskarray(there["id"]).any():
        described = table["id"]
        table["id"] = there["id"]
        table["id"].description, table["id"].meta = described.description, described.meta
    taken = {*answers.colnames, *kept.colnames}
    again = {"x", "y"} if no_angles(kept) else set()
    for name in kept.colnames:
        if name not in ROWS or name in again:
            new = name
            while new in answers.colnames or (new != name and new in taken):
                new = f"input_{new}"
            table[new] = there[name]
            taken.add(new)
    describe_columns(table, only=UNDERSTOOD)
    for name in answers.colnames:
        if name not in ROWS:
            table[name] = answers[name]
    return table


@takes(path="path", prediction="Prediction")
def write_prediction(path: str | os.PathLike[str], prediction: Prediction) -> None:
    """Write predictions, whole or not at all.

    Examples
    --------
    >>> import agez
    >>> flux = {f"flux_{band}": [10.0] for band in agez.load_filters("splus").bands.names}
    >>> prediction = agez.predict(flux, model="splus", redshift=0.02)
    >>> agez.write_prediction("answers.fits", prediction)
    >>> agez.read_prediction("answers.fits").meta["model"]
    'splus'
    """
    write_table(path, prediction_to_table(prediction), name=EXTENSION)


@takes(path="path")
def read_prediction(path: str | os.PathLike[str]) -> Prediction:
    """Read what :func:`write_prediction` wrote.

    Examples
    --------
    >>> import agez
    >>> flux = {f"flux_{band}": [10.0] for band in agez.load_filters("splus").bands.names}
    >>> prediction = agez.predict(flux, model="splus", redshift=0.02)
    >>> agez.write_prediction("answers.ecsv", prediction)
    >>> again = agez.read_prediction("answers.ecsv")
    >>> bool((again.log_age_lw == prediction.log_age_lw).all())
    True
    """
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
    about = ("LABLMETA", "CORRMETA", RUN)
    meta = {str(key).lower(): value for key, value in table.meta.items() if key not in about} | {"labels": labels}
    if "CORRMETA" in table.meta:
        meta["corrections"] = meta_json(table, "CORRMETA")
    if RUN in table.meta:
        meta["run"] = meta_json(table, RUN)
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
