"""Remarks on a map, for people to read."""

from __future__ import annotations

import re
from collections.abc import Sequence


def together(remarks: Sequence[str]) -> list[str]:
    """What is said of several bands alike, once."""
    bands: dict[tuple[str, str], list[str]] = {}
    for one in remarks:
        found = re.fullmatch(r"(.*?\bband )(\S+)( .*)", one)
        start, band, end = found.groups() if found else (one, "", "")
        bands.setdefault((start, end), []).append(band)
    return [
        start + end if names == [""] else f"{start.rstrip()}{'s' * (len(names) > 1)} {', '.join(names)}{end}"
        for (start, end), names in bands.items()
    ]
