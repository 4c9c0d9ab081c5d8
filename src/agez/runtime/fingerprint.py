"""What a result depends on, as one short word: the same word, the same result, so it need not be made again."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from agez import __version__
from agez.spectra.templates import SSPGrid
from agez.tables.table_files import open_fits

#: Keyword of the primary header that holds the fingerprint of a file's content.
KEYWORD = "AGEZFPR"
_BLOCK = 1 << 20


def file_hash(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's content: a copy, or a file that was merely touched, is the same input."""
    found = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(_BLOCK):
            found.update(block)
    return found.hexdigest()


def grid_hash(grid: SSPGrid) -> str:
    """SHA-256 of a template grid's numbers and name."""
    found = hashlib.sha256(f"{grid.name} {grid.medium} {grid.fwhm_angstrom!r}".encode())
    for array in (grid.wave_angstrom, grid.log_age, grid.mh, grid.flux):
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def fingerprint(content: Mapping[str, Any]) -> str:
    """One word for JSON-able content and this version of agez."""
    text = json.dumps({"agez": __version__, **content}, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:40]  # a card has room for it and a comment


def has_fingerprint(path: str | os.PathLike[str], word: str) -> bool:
    """Whether a file is a whole FITS file with this fingerprint in its primary header."""
    try:
        with open_fits(path) as hdus:
            return bool(hdus[0].header.get(KEYWORD) == word)
    except Exception:  # not there, damaged, or of another kind: it is made again
        return False
