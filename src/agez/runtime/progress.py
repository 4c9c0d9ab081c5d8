"""A progress bar on a terminal, silence in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, TypeVar

from tqdm import tqdm

T = TypeVar("T")


def progress(
    items: Iterable[T] | None = None,
    *,
    total: int | None = None,
    title: str = "",
    in_bytes: bool = False,
    unit: str = "",
) -> tqdm[T]:
    """Wrap ``items`` (or count by hand with ``.update``) in a bar on stderr that only a terminal shows.

    ``unit`` is what is counted by the thousand.
    """
    units: dict[str, Any] = {"unit": "B", "unit_scale": True, "unit_divisor": 1024} if in_bytes else {}
    if unit:
        units = {"unit": f" {unit}", "unit_scale": True}
    hidden = not sys.stderr.isatty()
    return tqdm(items, total=total, desc=title, disable=hidden, leave=False, file=sys.stderr, **units)
