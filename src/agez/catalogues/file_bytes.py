"""Any stretch of a file's content, gzipped or not, without the rest in memory."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

from agez.errors import AgezError
from agez.runtime.files import is_gzipped

#: The gzipped file that was read last, where it is: going on is cheap, going back begins anew.
_open_gzip: dict[tuple[str, int], Any] = {}


def read_bytes(path: str | Path, start: int, length: int) -> bytes:
    """``length`` bytes of the content from ``start``.

    Of a gzipped file, stretches in order cost one unpacking in all; one further back begins at the start again.

    Raises
    ------
    AgezError
        If the file is shorter, damaged, or cannot be read.
    """
    try:
        if not is_gzipped(path):
            with Path(path).open("rb") as plain:
                plain.seek(start)
                found = plain.read(length)
        else:
            found = _read_gzipped(str(path), start, length)
    except (OSError, EOFError, gzip.zlib.error) as error:  # type: ignore[attr-defined]
        raise AgezError(f"{path} cannot be read: {error}; it may be damaged: make or copy it again") from error
    if len(found) < length:
        raise AgezError(f"{path} is cut short: it ends at byte {start + len(found)}; make or copy it again")
    return found


def _read_gzipped(path: str, start: int, length: int) -> bytes:
    key = (path, Path(path).stat().st_mtime_ns)
    file = _open_gzip.pop(key, None)
    for other in _open_gzip.values():
        other.close()
    _open_gzip.clear()
    if file is None:
        file = gzip.open(path, "rb")  # noqa: SIM115
    file.seek(start)
    found: bytes = file.read(length)
    _open_gzip[key] = file
    return found
