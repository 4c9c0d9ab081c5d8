"""Redshifts, E(B-V) and identifiers by the names that surveys give them, in tables whose photometry is a survey's.

Spectroscopic redshifts come before distributions (:mod:`agez.photometry.redshift_columns`), and those before
photometric redshifts that are numbers; among these, those with an error before those without, then in the order of the
survey's record.  Spectroscopic redshifts and E(B-V) are passed over where the first rows, or none that can be seen, do
not have them.  What is taken is said, and how to take another; options and a column ``redshift`` or ``id`` come before
all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from agez.arguments import LARGEST_REDSHIFT, LEAST_REDSHIFT
from agez.photometry.redshift_columns import IF_OF_THESE_BANDS, chosen_distribution
from agez.photometry.row_values import RowOptions, bounds_like, column_of
from agez.surveys.record import SurveyRecord, TableFacts
from agez.tables.join_suffixes import SUFFIXES
from agez.tables.table_columns import PlainTable, number_column

#: Share of the first rows that must have a spectroscopic redshift, or E(B-V): a row without is lost.
_ENOUGH = 0.95
#: E(B-V) of the Milky Way's dust away from its disc [mag].
_LARGEST_EBV = 5.0


@dataclass(frozen=True)
class TakenColumns:
    """What was taken of a survey's table without being asked."""

    options: RowOptions
    ebv: str | None = None  #: Column; None if there is none, or something was said.
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Named:
    column: str
    kind: str
    errors: str | None


def taken_columns(
    options: RowOptions,
    survey: SurveyRecord,
    names: Sequence[str],
    *,
    head: PlainTable | None = None,
    numbers: Sequence[str] | None = None,
    ebv: float | str | None = None,
) -> TakenColumns:
    """The options, filled in where nothing was said and the survey's tables have a column for it.

    Parameters
    ----------
    names : sequence of str
        All columns of the table.
    head : PlainTable, optional
        Its first rows: at least the columns that :func:`judged_columns` names.
    numbers : sequence of str, optional
        Columns that hold a number a row; all, unless given.
    ebv : float or str, optional
        What was said of E(B-V).
    """
    facts = survey.tables
    words = _Words(names if numbers is None else [name for name in names if name in set(numbers)])
    remarks: list[str] = []
    if options.redshift is None and column_of("redshift", names) is None:
        options, said = _redshift(options, survey, names, words, head)
        remarks += said
    if options.id is None and not {"id", "spec_id"} & set(names):
        found = _identifier(facts, _Words(names))
        if found is not None:
            options = replace(options, id=found)
            remarks.append(f"id: column {found.replace(',', ' with ')}, as {survey.title} has it; --id takes another")
    column = None
    if ebv is None:
        column = _ebv_column(facts, words)
    if column is not None and not _has_enough(column, head, (0.0, _LARGEST_EBV)):
        remarks.append(f"E(B-V): column {column} has values in few of the first rows: --ebv {column} takes it")
        column = None
    if column is not None:
        remarks.append(
            f"E(B-V): column {column}; fluxes are dereddened with it, since {survey.title} publishes them as observed; "
            "--ebv 0 leaves them"
        )
    return TakenColumns(options, column, tuple(remarks))


def judged_columns(survey: SurveyRecord, names: Sequence[str]) -> list[str]:
    """Columns that are taken only where the first rows have values: spectroscopic redshifts, and E(B-V)."""
    words = _Words(names)
    found = [words.find(name) for name in survey.tables.spectroscopic] + [_ebv_column(survey.tables, words)]
    return list(dict.fromkeys(one for one in found if one))


class _Words:
    """Columns by their letters alone, without a table's name in front."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self.by_word: dict[str, str] = {}
        for name in names:
            self.by_word.setdefault(_plain(name), name)

    def find(self, name: str, suffixes: Sequence[str] = SUFFIXES) -> str | None:
        """The column of that name, also with a suffix of a join."""
        for one in suffixes:
            column = self.by_word.get(_plain(name + one))
            if column is not None and column.lower().endswith(one):  # "idx" is no "id" with a suffix
                return column
        return None

    def spelled(self, name: str) -> str | None:
        """The column of exactly that name, in any case, also with a suffix."""
        lower = {one.rpartition(".")[2].lower(): one for one in reversed(self.names)}
        return next((lower[word] for one in SUFFIXES if (word := name.lower() + one) in lower), None)

    def suffix_of(self, column: str, name: str) -> str:
        """With which suffix a column has a name."""
        return next(one for one in SUFFIXES if _plain(name + one) == _plain(column))


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.rpartition(".")[2].lower())


def _redshift(
    options: RowOptions, survey: SurveyRecord, names: Sequence[str], words: _Words, head: PlainTable | None
) -> tuple[RowOptions, list[str]]:
    spectroscopic = _all_named(survey.tables.spectroscopic, "spectroscopic", survey.tables, words)
    photometric = _all_named(survey.tables.photometric, "photometric", survey.tables, words)
    photometric.sort(key=lambda one: one.errors is None)  # stable: in the order of the record
    few = [one for one in spectroscopic if not _has_enough(one.column, head, (LEAST_REDSHIFT, LARGEST_REDSHIFT))]
    left = [f"{one.column} has values in few of the first rows: --redshift {one.column} takes it" for one in few]
    candidates = [one for one in spectroscopic if one not in few]
    if chosen_distribution(names, None, options.redshift_err) is None:
        candidates += photometric
    if not candidates:
        return options, left
    taken = candidates[0]
    errors = options.redshift_err if options.redshift_err is not None else taken.errors
    words_of_errors = f", errors {errors}" if isinstance(errors, str) else ""
    others = [one.column for one in (*spectroscopic, *photometric) if one not in (taken, *few)]
    also = f"; also there: {', '.join(others)} (--redshift {others[0]})" if others else ""
    own = f"; {IF_OF_THESE_BANDS}" if taken in photometric else ""
    remark = f"redshift: column {taken.column}, {taken.kind}{words_of_errors}, as {survey.title} has it{also}{own}"
    return replace(options, redshift=taken.column, redshift_err=errors), [remark, *left]


def _all_named(wanted: Sequence[str], kind: str, facts: TableFacts, words: _Words) -> list[_Named]:
    found: dict[str, _Named] = {}
    for name in wanted:
        column = words.find(name)
        if column is not None and column not in found:
            found[column] = _Named(column, kind, _errors_of(column, name, facts.redshift_errors, words))
    return list(found.values())


def _errors_of(column: str, name: str, by_name: Mapping[str, str], words: _Words) -> str | None:
    """``--redshift-err`` for a column: by the survey's record, with the same suffix, else by what it is called."""
    if name in by_name:
        suffix = words.suffix_of(column, name)
        found = [words.find(one, (suffix,)) for one in by_name[name].split(",")]
        if all(found):
            return ",".join(one for one in found if one)
    return bounds_like(column, words.names) or None


def _identifier(facts: TableFacts, words: _Words) -> str | None:
    for wanted in facts.ids:
        found = [words.find(one) for one in wanted.split(",")]
        if all(found):
            return ",".join(one for one in found if one)
    return None


def _ebv_column(facts: TableFacts, words: _Words) -> str | None:
    """E(B-V), by its spelling: ``e_B_V`` is the error of a colour."""
    return next((one for name in facts.ebv if (one := words.spelled(name))), None)


def _has_enough(column: str, head: PlainTable | None, between: tuple[float, float]) -> bool:
    """Whether nearly all of the first rows have a value; a redshift of 0 is none."""
    if head is None or column not in head.colnames or not len(head):
        return False
    values = number_column(head, column, source="")
    with np.errstate(invalid="ignore"):
        inside = (values >= between[0]) & (values <= between[1]) & ((values != 0) | (between[0] == 0))
    return bool(inside.mean() >= _ENOUGH)
