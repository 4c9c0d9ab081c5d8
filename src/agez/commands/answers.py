"""What every command answers: an object for --json, and lines for a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from agez.flags import MEANING, count_flags
from agez.types import Labels, Prediction

#: An object for ``--json``, and the lines that a person sees.
Answer = tuple[dict[str, Any], list[str]]


def flag_lines(flags: Any) -> list[str]:
    """The line that tells of flags; none if there are none."""
    counts = count_flags(np.asarray(flags))
    return [f"flags: {', '.join(f'{name} {n}' for name, n in counts.items())}"] if counts else []


def few_rows(answer: Labels | Prediction) -> list[str]:
    """The answers themselves, where there are few."""
    if len(answer) > 10:
        return []
    return [
        f"  {answer.rows.galaxy_id[i]} {answer.rows.spec_id[i]}: log age {answer.log_age_lw[i]:.2f} "
        f"+- {answer.log_age_lw_err[i]:.2f}, [M/H] {answer.mh_lw[i]:+.2f} +- {answer.mh_lw_err[i]:.2f}"
        for i in range(len(answer))
    ]


def reasons(counts: Mapping[str, int]) -> list[str]:
    """How many rows carry each flag, and what it means; none if there are none."""
    meaning = {flag.name: words for flag, words in MEANING.items()}
    return [f"flag {name} {n}: {meaning[name].split(';')[0]}" for name, n in counts.items()]
