"""Text tables of spectra (ECSV, CSV, separated by blanks): from text to named columns."""

from __future__ import annotations

import csv
import re
import warnings
from typing import Any

import numpy as np
from astropy.table import Table

from agez.errors import AgezError
from agez.spectra.formats_columns import MISSING_WORDS, Columns, recognised, simplified
from agez.spectra.formats_common import Format, Options
from agez.spectra.formats_tables import TABLE, spectra_from_columns
from agez.types import Spectra

_UNIT_IN_NAME = re.compile(r"^(?P<name>[^\[(]+?)\s*[\[(](?P<unit>.+)[\])]\s*$")


def read_text(text: str, options: Options) -> Spectra:
    """Spectra of an ECSV, CSV or whitespace-separated table."""
    columns = _read_ecsv(text, options) if text.lstrip().startswith("# %ECSV") else _read_plain(text, options)
    return spectra_from_columns(options, columns, "table-ecsv" if text.lstrip().startswith("# %ECSV") else "table-text")


def _read_ecsv(text: str, options: Options) -> Columns:
    try:
        with warnings.catch_warnings(action="ignore"):
            table = Table.read(text.splitlines(), format="ascii.ecsv")
    except Exception as error:  # astropy and yaml raise many kinds
        reason = str(error).strip().splitlines()
        raise AgezError(
            f"{options.path} is not a valid ECSV table ({reason[0] if reason else type(error).__name__}); "
            "correct or write it again"
        ) from error
    values = {simplified(name): table[name] for name in table.colnames}
    plain = {
        name: np.ma.asarray(column) if np.ma.isMaskedArray(column) else np.asarray(getattr(column, "value", column))
        for name, column in values.items()
    }
    units = {name: str(column.unit) for name, column in values.items() if column.unit is not None}
    meta = {str(key): value for key, value in table.meta.items()}
    return Columns(plain, units, meta)


def _number(word: str) -> float | None:
    """The number that a cell holds, in Fortran's spelling, too; None for none."""
    try:
        return float(word.strip().lower().replace("d", "e"))
    except ValueError:
        return None


def _is_number(word: str) -> bool:
    """Whether a cell is of a column of numbers: one, or a word for a missing one."""
    return _number(word) is not None or word.strip().lower() in MISSING_WORDS


def _cells(line: str, separator: str | None) -> list[str]:
    if separator is None:
        return line.split()
    return [cell.strip() for cell in next(csv.reader([line], delimiter=separator, skipinitialspace=True))]


def _read_plain(text: str, options: Options) -> Columns:
    """Names from the first line, or from the last comment before the data, or the fixed order without names."""
    path = options.path
    header: dict[str, Any] = {}
    comment = ""
    lines: list[tuple[int, str]] = []
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), start=1):
        line = line.strip()
        if line.startswith("#"):
            remark = line.lstrip("#").strip()
            word = re.fullmatch(r"(\w+)\s*[:=]\s*(\S.*)", remark)
            if word:
                header[word[1].lower()] = word[2].strip()
            elif not lines and remark:
                comment = remark
        elif line:
            lines.append((number, line))
    if not lines:
        raise AgezError(f"{path}: the table is empty; expected columns wavelength, flux, flux_err")
    separator = next((mark for mark in (",", "\t", ";") if mark in lines[0][1]), None)
    try:
        table = [(number, _cells(line, separator)) for number, line in lines]
    except csv.Error as error:
        raise AgezError(f"{path}: not a table ({error}); expected columns wavelength, flux, flux_err") from error
    first = table[0][1]
    if not all(_is_number(word) for word in first):
        names = first
        table = table[1:]
        bare = _without_units(names)
        if not recognised(bare):  # what is missing is said where columns get their meaning
            return Columns({simplified(name): np.zeros(0) for name in bare}, {}, header)
        if not table:
            raise AgezError(f"{path}: the table has a header but no rows; check that it is the right file")
    else:
        names = _names_of_comment(comment, separator, len(first))
        if not names and len(first) not in (3, 4):
            raise AgezError(
                f"{path}: {len(first)} columns without names; without a header line the columns must be "
                "wavelength, flux, error (and mask): add a header line"
            )
        names = names or ["wavelength", "flux", "error", _fourth(table)][: len(first)]
    for number, cells in table:
        if len(cells) != len(names):
            raise AgezError(
                f"{path}: line {number} has {len(cells)} columns, expected {len(names)}; correct it (cut short?)"
            )
    values: dict[str, Any] = {}
    units: dict[str, str] = {}
    for at, name in enumerate(names):
        found = _UNIT_IN_NAME.match(name)
        key = simplified(found["name"] if found else name)
        if key in values:
            raise AgezError(f"{path}: two columns are named {key!r}; rename one")
        values[key] = np.array([cells[at] for _, cells in table], dtype=str)
        if found:
            units[key] = found["unit"].strip()
    return Columns(values, units, header)


def _fourth(table: list[tuple[int, list[str]]]) -> str:
    """The name of the fourth of columns without names: a mask, unless it would mask every row, as weights of 1 do."""
    cells = [row[3] for _, row in table if len(row) > 3]
    everywhere = cells and all(_number(cell) not in (0.0, None) for cell in cells)
    return "weight" if everywhere else "mask"


def _names_of_comment(comment: str, separator: str | None, n: int) -> list[str]:
    """The words of a comment above the data, if they name the columns."""
    for mark in dict.fromkeys((separator, None, ",")):
        try:
            words = _cells(comment, mark) if comment else []
        except csv.Error:
            continue
        if len(words) == n and recognised(_without_units(words)):
            return words
    return []


def _without_units(names: list[str]) -> list[str]:
    """``wave [nm]`` as ``wave``."""
    return [(_UNIT_IN_NAME.match(name) or {"name": name})["name"] for name in names]


def _begins_as_spectra(text: str) -> bool:
    """Whether the first lines name columns of wavelength and flux, or have numbers of three or four columns alone."""
    comments = [line.lstrip("# \t") for line in text.removeprefix("\ufeff").splitlines() if line.startswith("#")]
    first = next((line for line in text.removeprefix("\ufeff").splitlines() if line.strip() and line[0] != "#"), "")
    separator = next((mark for mark in (",", "\t", ";") if mark in first), None)
    try:
        cells = _cells(first, separator)
    except csv.Error:
        return False
    if cells and all(_number(word) is not None for word in cells):
        return len(cells) in (3, 4) or bool(_names_of_comment(comments[-1] if comments else "", separator, len(cells)))
    return recognised(_without_units(cells))


TEXT_TABLE = Format(
    TABLE.name, TABLE.description, lambda text: True, read_text, lambda text: True, content="text",
    is_one_of_many=_begins_as_spectra,
)  # fmt: skip
