"""Finished work on disk: known by what it depends on, and either whole or not there."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from agez import __version__


def fingerprint(content: Mapping[str, Any]) -> str:
    """One word for JSON-able content and this version of agez: the same word, the same result."""
    text = json.dumps({"agez": __version__, **content}, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:40]  # a FITS card has room for it and a comment


def file_hash(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's content: a copy, or a file that was merely touched, is the same input."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def input_hash(path: str | os.PathLike[str]) -> str:
    """:func:`file_hash` of an input, once for all that is made of it in this process, as long as it does not change."""
    state = Path(path).stat()
    return _hash_of_state(str(Path(path).resolve()), state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=4096)
def _hash_of_state(path: str, size: int, changed: int) -> str:
    return file_hash(path)


def input_record(path: str | os.PathLike[str], what: str) -> dict[str, Any]:
    """What a product's header says of a file that it was made from: name, kind, size and SHA-256."""
    return {"file": str(path), "what": what, "bytes": Path(path).stat().st_size, "sha256": input_hash(path)}


def read_json(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """The JSON object of a file; None if there is none, or it is damaged."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def remove_half_written(folder: Path, name: str = "") -> None:
    """Remove what :func:`agez.runtime.files.whole_file` had begun when its process was killed; of one file, or of all.

    Only where nobody else can be writing.
    """
    for path in folder.glob(f".part-*-{name}" if name else ".part-*"):
        path.unlink(missing_ok=True)
