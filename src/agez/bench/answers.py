"""Answers about the rows of a set: a model's predictions, or a table that any other code has made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from agez.errors import AgezError
from agez.flags import count_flags
from agez.tables.table_columns import number_column, text_column
from agez.tables.table_files import read_table
from agez.types import Bools, Floats, Prediction, Strings

#: What ``--columns`` calls the columns of another code's table, and their names in agez's own.
COLUMNS = {
    "age": "log_age_lw", "age_err": "log_age_lw_err", "mh": "mh_lw", "mh_err": "mh_lw_err", "mass": "log_mass",
    "absmag": "absmag_r", "av": "av", "chi2": "chi2", "good": "good", "id": "id",
}  # fmt: skip
#: Median log ages [log10 yr] of any sample of galaxies; others are in another unit.
LOG_AGES = (6.0, 10.5)
#: Numbers from here on, of either sign, stand for no answer (-99, 999): none of the quantities reaches them.
CODES = 90.0


@dataclass(frozen=True, eq=False)
class Answers:
    """Ages and metallicities of n rows, by agez's names of columns; NaN where there is no answer."""

    values: Mapping[str, Floats]  #: (n,) each.
    good: Bools  #: (n,) Rows without a fault.
    flags: Mapping[str, int]  #: How many rows carry each flag.
    source: str

    def __len__(self) -> int:
        return len(self.good)

    def __getitem__(self, name: str) -> Floats:
        """A column; NaN in all rows if there is none."""
        return self.values.get(name, np.full(len(self), np.nan))

    def has(self, name: str) -> bool:
        """Whether a column has a value in some row."""
        return bool(np.isfinite(self[name]).any())


def answers_of(prediction: Prediction, *, source: str) -> Answers:
    """The answers of a model."""
    names = [one.name for one in prediction.targets]
    values = {column: getattr(prediction, column) for name in names for column in (name, f"{name}_err")}
    if prediction.chi2 is not None:
        values["chi2"] = prediction.chi2
    return Answers(values, prediction.good, count_flags(prediction.flags), source)


def parse_columns(text: str | None) -> dict[str, str]:
    """Columns of another code's table by agez's names, from ``age=COL,mh=COL``; those not named keep agez's."""
    found = dict(COLUMNS)
    for part in (text or "").split(",") if text else ():
        key, equals, column = part.partition("=")
        if not equals or key.strip() not in COLUMNS or not column.strip():
            raise AgezError(
                f"--columns {text}: {part!r} is not understood; expected NAME=COLUMN, of {', '.join(COLUMNS)}"
            )
        found[key.strip()] = column.strip()
    return {COLUMNS[key]: column for key, column in found.items()}


def read_answers(path: str | Path, names: Strings, *, columns: str | None = None) -> Answers:
    """Another code's answers about rows of some names.

    Rows are matched by the table's column ``id``, where it has one; else the table must have as many rows, in order.

    Parameters
    ----------
    names : (n,) str
        Of the rows that are judged.
    columns : str, optional
        ``age=COL,mh=COL,...``: see :data:`COLUMNS`.

    Raises
    ------
    AgezError
        If a column that was named, or that of ages, is not there, rows do not match, or ages are in another unit.
    """
    table, of = read_table(path), parse_columns(columns)
    asked = {part.partition("=")[2].strip() for part in (columns or "").split(",") if part}
    missing = [name for name in (*sorted(asked), of["log_age_lw"], of["mh_lw"]) if name not in table.colnames]
    if missing:
        raise AgezError(
            f"{path}: no column {missing[0]!r}; it has {', '.join(table.colnames[:20])}: give --columns age=COL,mh=COL"
        )
    at = _matched(text_column(table, of["id"]) if of["id"] in table.colnames else None, len(table), names, str(path))
    values: dict[str, Floats] = {}
    for name, column in of.items():
        if name not in ("id", "good") and column in table.colnames:
            said = number_column(table, column, source=str(path))[at]
            values[name] = np.where((at >= 0) & (np.abs(said) < CODES), said, np.nan)
    if np.isfinite(values["log_age_lw"]).any():
        middle = float(np.nanmedian(values["log_age_lw"]))
        if not LOG_AGES[0] < middle < LOG_AGES[1]:
            raise AgezError(
                f"{path}: column {of['log_age_lw']} has a median of {middle:g}; expected log10 of ages in years, "
                f"{LOG_AGES[0]:g} to {LOG_AGES[1]:g}"
            )
    good = np.isfinite(values["log_age_lw"])
    if of["good"] in table.colnames:
        said = np.nan_to_num(number_column(table, of["good"], source=str(path)))[at] != 0
        good = good & said & (at >= 0)
    return Answers(values, good, {}, str(path))


def _matched(ids: Strings | None, n_table: int, names: Strings, source: str) -> np.ndarray:
    """(n,) the table's row of each name; -1 where it has none."""
    if ids is None:
        if n_table != len(names):
            raise AgezError(
                f"{source} has {n_table} rows, the set {len(names)}, and no column id; add "
                "one, or name it: --columns id=COL"
            )
        return np.arange(n_table)
    if len(set(ids.tolist())) < len(ids):
        raise AgezError(f"{source}: its column of identifiers names some rows twice; keep one of each")
    place = {name: k for k, name in enumerate(ids.tolist())}
    at = np.array([place.get(name, -1) for name in names.tolist()], dtype=int)
    if not (at >= 0).any():
        raise AgezError(
            f"{source}: none of its identifiers ({ids[0]}, ...) is one of the set's ({names[0]}, ...); name the column "
            "that holds them: --columns id=COL"
        )
    return at
