"""Numbers of blocks for figures, and as readers want them: a real minus sign, no negative zero, '-' for none."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from agez.types import Floats


def floats(values: ArrayLike) -> Floats:
    """Numbers of a block as an array; NaN for None."""
    return np.asarray(values, dtype=float)


def number(value: float | None, form: str = "{:+.3f}") -> str:
    """``value`` in the format ``form``; '-' for None and NaN; a zero has no sign."""
    if value is None or not math.isfinite(value):
        return "-"
    text = form.format(value)
    if float(text) == 0:
        text = text.lstrip("+-")
    return text.replace("-", "\N{MINUS SIGN}")


def duration(seconds: float) -> str:
    """Seconds as '41.3 s' or '7 min 05 s'."""
    if seconds < 99.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
