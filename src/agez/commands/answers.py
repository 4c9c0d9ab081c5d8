"""What every command answers: an object for --json, and lines for a person."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from typing import Any

import numpy as np

from agez.errors import PartlyDoneError
from agez.flags import MEANING, count_flags
from agez.label_types import Labels
from agez.models.asked import Asked, asked_columns
from agez.models.model import DEFAULT_COSMOLOGY
from agez.targets import SHIPPED_TARGETS, Target, plain_label
from agez.types import Prediction

#: An object for ``--json``, and the lines that a person sees.
Answer = tuple[dict[str, Any], list[str]]


def asked_of(options: Namespace) -> Asked:
    """What ``--columns``, ``--cosmology`` and ``--library`` ask of a model."""
    return Asked(asked_columns(options.columns), options.cosmology or DEFAULT_COSMOLOGY, options.library)


def flag_lines(flags: Any) -> list[str]:
    """The line that tells of flags; none if there are none."""
    counts = count_flags(np.asarray(flags))
    return [f"flags: {', '.join(f'{name} {n}' for name, n in counts.items())}"] if counts else []


def few_rows(answer: Labels | Prediction) -> list[str]:
    """The answers themselves, where there are few."""
    if len(answer) > 10:
        return []
    targets = answer.targets if isinstance(answer, Prediction) else SHIPPED_TARGETS
    columns = [(one, getattr(answer, one.name), getattr(answer, f"{one.name}_err")) for one in targets]
    return [
        f"  {answer.rows.galaxy_id[i]} {answer.rows.spec_id[i]}: "
        + ", ".join(_value(one, values[i], errors[i]) for one, values, errors in columns)
        for i in range(len(answer))
    ]


def _value(target: Target, value: float, error: float) -> str:
    sign = "+" if target.name.startswith("mh_") else ""
    unit = "" if target.unit is None or target.unit.startswith("dex") else f" {target.unit}"
    symbol = "".join(piece for piece, _ in plain_label(target.symbol_alone))
    digits = 2 if not 0 < error < 0.01 else 4
    return f"{symbol} {value:{sign}.{digits}f} +- {error:.{digits}f}{unit}"


def reasons(counts: Mapping[str, int]) -> list[str]:
    """How many rows carry each flag, and what it means; none if there are none."""
    meaning = {flag.name: words for flag, words in MEANING.items()}
    return [f"flag {name} {n}: {meaning[name].split(';')[0]}" for name, n in counts.items()]


def check_any_answered(
    n_answered: int, n: int, what: str, output: str, flags: Mapping[str, int], answer: Answer
) -> None:
    """PartlyDoneError, with the command's answer, if none of ``n`` rows or regions (``what``) was answered."""
    if n_answered or not n:
        return
    most = sorted(flags, key=lambda name: -flags[name])[:3]
    why = f": most have {', '.join(f'{name} {flags[name]}' for name in most)}" if most else ""
    content, lines = answer
    raise PartlyDoneError(
        f"none of the {n} {what} is answered{why}; {output} holds the flags of each; check units, errors and redshifts",
        content=content,
        lines=lines,
    )
