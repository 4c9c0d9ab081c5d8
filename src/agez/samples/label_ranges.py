"""Labels in another unit than their name says: ages in Gyr where their logarithm is meant."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from agez.errors import AgezError
from agez.types import Floats

#: By the label's name, without _lw, _mw and _formed, what is possible: least, largest, and what the quantity is.
_RANGES = {
    "log_age": (6.0, 10.3, "log10(age/yr) is 6 to 10.2"),
    "mh": (-4.0, 1.5, "[M/H] in dex is -4 to 1"),
    "log_mass": (2.0, 13.5, "log10(mass/Msun) is 2 to 13"),
}
#: Parts of the labels outside that are told, and of ages refused.
_TOLD, _REFUSED = 0.01, 0.1


def check_ranges(names: Sequence[str], values: Floats, *, source: str) -> list[str]:
    """What is to be told of labels (n, d) that cannot be what their names say; AgezError for ages that are none.

    Examples
    --------
    >>> check_ranges(["log_age"], np.array([[9.0], [8.5]]), source="mine.csv")
    []
    >>> check_ranges(["mh"], np.array([[0.1], [22.0]]), source="mine.csv")
    ['mine.csv: mh runs from 0.1 to 22: [M/H] in dex is -4 to 1']
    """
    told = []
    for name, value in zip(names, values.T, strict=True):
        found = _RANGES.get(re.sub(r"_(lw|mw|formed)$", "", name))
        value = value[np.isfinite(value)]
        if found is None or not len(value):
            continue
        low, high, what = found
        outside = float(np.mean((value < low) | (value > high)))
        words = f"{source}: {name} runs from {value.min():.3g} to {value.max():.3g}: {what}"
        if outside > _REFUSED and name.startswith("log_age"):
            linear = value.min() > 0
            unit = "Gyr" if value.max() < 100 else "Myr" if value.max() < 1e5 else "yr"
            zero = {"Gyr": " + 9", "Myr": " + 6", "yr": ""}[unit]
            hint = f"; {unit}? then give log10(age/{unit}){zero}, or name the label age" if linear else ""
            raise AgezError(words + hint)
        if outside > _TOLD:
            told.append(words)
    return told
