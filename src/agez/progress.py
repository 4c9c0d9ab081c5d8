"""A progress bar on a terminal, silence in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def progress(items: Iterable[T] | None = None, *, total: int | None = None, title: str = "") -> tqdm[T]:
    """Wrap ``items`` (or count by hand with ``.update``) in a bar on stderr that only a terminal shows."""
    return tqdm(items, total=total, desc=title, disable=not sys.stderr.isatty(), leave=False, file=sys.stderr)
