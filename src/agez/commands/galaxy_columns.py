"""The columns of a list of galaxies: which option of ``agez map`` each is, and what its cells say."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from astropy.table import Table

from agez.errors import AgezError
from agez.samples.galaxy_files import COLUMNS, numbers_of, plain_column
from agez.tables.table_columns import number_column, text_column

#: Columns that say what is read; of the options that are columns, those of numbers, truths, words, and paths.
INPUTS = ("folder", "files")
NUMBERS = (
    "redshift", "redshift_err", "re", "inclination", "pa", "ebv", "error_floor", "snr", "pixel_snr", "size", "psf",
    "max_psf", "seed",
)  # fmt: skip
TRUTHS = ("no_psf_match", "no_source_noise", "no_stars", "reproject")
WORDS = ("name", "columns", "cosmology", "library", "extension", "band_of", "centre")
PATHS = ("model", "filters", "zero_points", "star_table", "segments", "galaxies")
CHOICES: Mapping[str, tuple[str, ...]] = {
    "bins": ("voronoi", "pixels", "segments", "annuli"), "background": ("auto", "none", "constant", "map"),
    "noise": ("auto", "given", "measure"),
}  # fmt: skip
#: Options of the run, which no column has.
OF_THE_RUN = (
    "command",
    "command_line",
    "json",
    "quiet",
    "input",
    "out",
    "images",
    "pictures",
    "page",
    "workers",
    "scheduler",
    "fresh",
)
#: By the option, what a table of galaxies calls it.
_FACTS = {what.removesuffix("_deg").removesuffix("_arcsec"): what for what in COLUMNS}
#: Names that other tables have for a column, in the order in which they are taken where it is not there itself.
ALSO_CALLED: Mapping[str, tuple[str, ...]] = {
    **{option: COLUMNS[what] for option, what in _FACTS.items()},
    "folder": ("path",), "files": ("file", "cube"), "centre": ("center",),
}  # fmt: skip
KNOWN = (*INPUTS, *NUMBERS, *TRUTHS, *WORDS, *PATHS, *CHOICES, "ra", "dec")
#: How alike a name is to a known one that was probably meant.
_ALIKE = 0.8
_TRUE, _FALSE = ("true", "t", "1", "yes"), ("false", "f", "0", "no")
NAMED = 12


def columns_of_list(table: Table, path: str) -> tuple[dict[str, str], list[str]]:
    """Which column of the table is which of the list's, and remarks; AgezError for one that looks misspelt."""
    plain: dict[str, str] = {}
    for column in table.colnames:
        if plain_column(column) in plain:
            raise AgezError(f"{path}: columns {plain[plain_column(column)]} and {column} are one by name; remove one")
        plain[plain_column(column)] = column
    found = {name: plain[name] for name in KNOWN if name in plain}
    remarks = []
    for name, others in ALSO_CALLED.items():
        other = next((one for one in others if one in plain and plain[one] not in found.values()), None)
        if name not in found and other is not None:
            found[name] = plain[other]
            remarks.append(f"column {plain[other]} is taken as {name}")
    unused = [column for column in table.colnames if column not in found.values()]
    also = {other for others in ALSO_CALLED.values() for other in others}
    for column in unused:
        if plain_column(column) in OF_THE_RUN:
            raise AgezError(f"{path}: column {column}: that option is of the whole run, not of a galaxy; remove it")
        near = difflib.get_close_matches(plain_column(column), KNOWN, n=1, cutoff=_ALIKE)
        if near and plain_column(column) not in also:
            raise AgezError(
                f"{path}: column {column!r} is no option of a galaxy, but looks like {near[0]!r}; correct its name, or "
                "remove it"
            )
    if unused:
        more = f" and {len(unused) - NAMED} more" if len(unused) > NAMED else ""
        remarks.append(f"columns that are no options, and are not used: {', '.join(unused[:NAMED])}{more}")
    return found, remarks


def cells_of(table: Table, column: str, name: str, path: str) -> list[Any]:
    """The values of a column, None where a cell is empty."""
    if name in NUMBERS or name in ("ra", "dec"):
        return _numbers(table, column, name, path)
    texts = [str(one) for one in text_column(table, column)]
    convert = _CONVERT.get(name)
    out: list[Any] = []
    for row, text in enumerate(texts, start=1):
        try:
            out.append(None if text in ("", "nan", "None", "--") else text if convert is None else convert(text))
        except ValueError as error:
            raise AgezError(f"{path}, row {row}: column {column} is {text!r}; expected {error}") from None
    return out


def _numbers(table: Table, column: str, name: str, path: str) -> list[Any]:
    """Numbers; words where an option may be one (``auto``, a table of PSFs), None where a cell is empty or a code."""
    words: dict[int, str] = {}
    if name in ("redshift", "psf") and table[column].dtype.kind in "SUO":
        texts = [str(text) for text in text_column(table, column)]
        words = {row: text for row, text in enumerate(texts) if text == "auto" or (name == "psf" and _is_word(text))}
        table = Table({column: ["" if row in words else text for row, text in enumerate(texts)]})
    what, is_seed = _FACTS.get(name, name), name == "seed"  # of a seed no number is a code
    values = number_column(table, column, source=path) if is_seed else numbers_of(table, column, what, path)
    known, convert = np.isfinite(values), int if is_seed else float
    return [words.get(row, convert(value) if known[row] else None) for row, value in enumerate(values.tolist())]


def _is_word(text: str) -> bool:
    try:
        float(text or "0")
    except ValueError:
        return True
    return False


def _truth(text: str) -> bool:
    if text.lower() not in (*_TRUE, *_FALSE):
        raise ValueError("true or false")
    return text.lower() in _TRUE


def _place(text: str) -> tuple[float, float]:
    try:
        ra, dec = (float(one) for one in text.split(","))
    except ValueError:
        raise ValueError("RA,DEC in degrees") from None
    return ra, dec


def _choice(words: tuple[str, ...]) -> Callable[[str], str]:
    def chosen(text: str) -> str:
        if text not in words:
            raise ValueError(f"one of {', '.join(words)}")
        return text

    return chosen


_CONVERT: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(TRUTHS, _truth), **{name: _choice(words) for name, words in CHOICES.items()}, "centre": _place,
    "band_of": lambda text: [one.strip() for one in text.split(";") if one.strip()],
}  # fmt: skip
