"""[alpha/Fe] in the names of MILES-style template files, and in the name that a user gives of their folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from agez.errors import AgezError

#: ``_Ep0.40``: the mixture of the stars of MILES' models of [alpha/Fe] (Vazdekis et al. 2015, MNRAS 449, 1177), which
#: stands after that of their isochrones (``_iTp0.40``).  ``_aFep0.40``, ``aFe+0.4``, ``aFep04``: as sMILES (Knowles et
#: al. 2023, MNRAS 523, 3450) and others write it; two digits without a point are tenths.
_PATTERNS = (
    re.compile(r"_E(?P<sign>[pm])(?P<value>\d+\.\d+)"),
    re.compile(r"aFe(?P<sign>[pm+-]?)(?P<value>\d+\.?\d*)"),
)
_CHOICE = re.compile(r"(?P<path>.+):alpha=(?P<value>[^:]*)")


def alpha_fe_of(name: str) -> float | None:
    """[alpha/Fe] that a file's name says; None where it says none, as those of base models (``_baseFe``) do."""
    for pattern in _PATTERNS:
        match = pattern.search(name)
        if match:
            value = float(match["value"]) / (10.0 if re.fullmatch(r"0\d", match["value"]) else 1.0)
            return -value if match["sign"] in ("m", "-") and value else value
    return None


def with_choice(source: str) -> tuple[str, float | None]:
    """The path and the [alpha/Fe] of ``PATH:alpha=0.4``; the text as it is, and None, without that ending.

    Raises
    ------
    AgezError
        If what is chosen is no number.
    """
    match = _CHOICE.fullmatch(source)
    if match is None:
        return source, None
    try:
        return match["path"], float(match["value"])
    except ValueError:
        raise AgezError(f"templates {source!r}: alpha is {match['value']!r}; expected a number, such as 0.4") from None


def files_of_one_alpha(folder: Path, files: Sequence[Path], chosen: float | None) -> tuple[list[Path], float | None]:
    """The files of one [alpha/Fe], and its value (None: they say none).

    Raises
    ------
    AgezError
        If the files are of several mixtures and none is chosen, or none of them is of the one chosen.
    """
    found = {path: alpha_fe_of(path.name) for path in files}
    there = sorted({value for value in found.values() if value is not None})
    words = [f"{value:+.2f}" for value in there] + (["none said"] if None in found.values() else [])
    if chosen is not None:
        kept = [path for path, value in found.items() if value is not None and abs(value - chosen) < 0.005]
        if not kept:
            raise AgezError(
                f"templates: {folder} has no files of [alpha/Fe] {chosen:+.2f}; their names say: {', '.join(words)}"
            )
        return kept, chosen
    if len(words) > 1:
        raise AgezError(
            f"templates: {folder} mixes files of several [alpha/Fe] ({', '.join(words)}); choose one: "
            f"{folder}:alpha={(there or [0.0])[-1]:g}"
        )
    return list(files), there[0] if there else None
