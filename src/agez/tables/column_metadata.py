"""The columns of agez's tables: unit, comment and UCD of each, in one place."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import NamedTuple

from astropy.table import Table

from agez.targets import KNOWN_TARGETS, SHIPPED_TARGETS, Target


class Words(NamedTuple):
    """What a table says of a column.

    ``unit`` is spelled as FITS does, with ``dex`` for decimal logarithms, which the standard lacks and every reader
    shows; None where there is none.  ``ucd`` is of the IVOA's vocabulary UCD1+ (TUCDn in FITS, ``ucd`` in the metadata
    of a column elsewhere).
    """

    unit: str | None
    comment: str
    ucd: str


def _read_words() -> dict[str, Words]:
    lines = (files("agez") / "tables/data/columns.csv").read_text(encoding="utf-8").splitlines()
    return {row["name"]: Words(row["unit"] or None, row["comment"], row["ucd"]) for row in csv.DictReader(lines)}


#: Of columns that the tables of agez have.
_WORDS = _read_words()


def words_of_targets(targets: Sequence[Target]) -> dict[str, Words]:
    """Unit, comment and UCD of the columns of targets; those of their errors and quantiles follow from them.

    A comment fits into one card of a FITS header, with the words for errors and quantiles before it.
    """
    brief = {name: words.comment for name, words in _WORDS.items() if name in KNOWN_TARGETS}  # others' are their own
    return {one.name: Words(one.unit, brief.get(one.name, one.description), one.ucd) for one in targets}


#: By the name of the column, in any table.
WORDS = _WORDS | words_of_targets(SHIPPED_TARGETS)
#: What a prediction has under names that mean another thing in labels.
OF_PREDICTIONS: dict[str, Words] = {
    "chi2": Words(None, "reduced chi2 of the SED: best combination of training SEDs", "stat.fit.chi2"),
    "chi2_nearest": Words(None, "reduced chi2 of the SED: nearest training SED", "stat.fit.chi2"),
}


_PREFIXES = {
    "true_": ("truth of the mock: ", ""),
    "label_": ("label: ", ""),
    "set_a_": ("Set A: ", ""),
    "set_b_": ("Set B: ", ""),
    "var_": ("variance of ", "stat.variance"),
}
_SUFFIXES = {
    "_err": ("1-sigma error of ", "stat.error"),
    "_library_spread": ("spread over libraries of ", "stat.stdev"),
    "_scatter": ("robust scatter of ", "stat.mad"),
    "_p025": ("2.5 % quantile of ", "stat.percentile"),
    "_p16": ("16 % quantile of ", "stat.percentile"),
    "_p50": ("median of ", "stat.percentile"),
    "_p84": ("84 % quantile of ", "stat.percentile"),
    "_p975": ("97.5 % quantile of ", "stat.percentile"),
}
_COMPONENT = re.compile(r"mix(\d+)_(weight|cov|cov_\w+|var_\w+|\w+)")
_NOTHING = Words(None, "", "")


def words_of(name: str, special: Mapping[str, Words] | None = None) -> Words:
    """Unit, comment and UCD of a column; ``(None, "", "")`` if it is not one of agez's.

    ``special`` has the columns that mean another thing in this table.
    """
    for known in (special or {}, WORDS):
        if name in known:
            return known[name]
    if name.endswith("_slope") and (of := words_of(name.removesuffix("_slope"), special)).comment:
        return of._replace(comment=f"slope per Re of {of.comment}", ucd=f"stat.fit.param;{of.ucd.partition(';')[0]}")
    for suffix, (what, ucd) in _SUFFIXES.items():
        if name.endswith(suffix):
            return _of(what, ucd, words_of(name.removesuffix(suffix), special))
    for prefix, (what, ucd) in _PREFIXES.items():
        if name.startswith(prefix):
            return _of(what, ucd, words_of(name.removeprefix(prefix), special))
    component = _COMPONENT.fullmatch(name)
    if component is not None:
        return _of_component(component[1], component[2], special)
    kind, _, band = name.partition("_")
    if band and kind == "flux":
        return Words("uJy", f"f_nu in band {band}; NaN: not observed", "phot.flux.density")
    if band and kind == "mag":
        return Words("mag", f"AB magnitude in band {band}; 99: see the error", "phot.mag")
    return _NOTHING


def _of(what: str, ucd: str, of: Words) -> Words:
    """Words of a statistic of a column, or of the column in another role (no ``ucd``)."""
    if not of.comment:
        return _NOTHING
    unit = f"{of.unit}2" if what.startswith("variance") and of.unit else of.unit
    return Words(unit, what + of.comment, ";".join(filter(None, (ucd, of.ucd.partition(";")[0]))) if ucd else of.ucd)


def _of_component(number: str, part: str, special: Mapping[str, Words] | None) -> Words:
    """Words of a column of a prediction's whole distribution."""
    if part == "weight":
        return Words(None, f"weight of component {number} of the distribution", "stat.weight")
    if part == "cov":
        return Words("dex2", f"component {number}: covariance of log age and [M/H]", "stat.covariance")
    if part.startswith("cov_"):
        return Words(None, f"component {number}: covariance of {part[4:]}", "stat.covariance")
    words = words_of(part, special)
    return words._replace(comment=f"component {number}: {words.comment}") if words.comment else _NOTHING


def words_of_components(n_components: int, targets: Sequence[Target]) -> dict[str, Words]:
    """Words of columns of whole distributions that do not follow from those of their targets.

    They are columns of targets whose inverse hyperbolic sine is learned; and of two targets the covariance, which no
    name tells of.
    """
    own = [target for target in targets if not target.sum_of]
    out = {}
    for k in range(1, n_components + 1):
        for target in own:
            if target.scale == "arcsinh":
                words = f"component {k}: arcsinh of {target.name}"
                out[f"mix{k}_{target.name}"] = Words(None, words, target.ucd)
                out[f"mix{k}_var_{target.name}"] = Words(None, f"{words}, variance", "stat.variance")
        if len(own) == 2 and [target.name for target in own] != [one.name for one in SHIPPED_TARGETS]:
            both = f"component {k}: covariance of {own[0].name} and {own[1].name}"
            out[f"mix{k}_cov"] = Words(None, both, "stat.covariance")
    return out


def describe_columns(
    table: Table, *, special: Mapping[str, Words] | None = None, only: Sequence[str] | None = None
) -> Table:
    """The same table, each column (of ``only``) with unit, comment and UCD where agez knows them and it has none."""
    for name in table.colnames if only is None else [one for one in only if one in table.colnames]:
        words = words_of(name, special)
        column = table[name]
        if words.unit is not None and column.unit is None:
            column.unit = words.unit
        if words.comment and not column.description:
            column.description = words.comment
        if words.ucd:
            column.meta.setdefault("ucd", words.ucd)
    return table
