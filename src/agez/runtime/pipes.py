"""Inputs that are pipes, as ``<(command)`` gives them: read once, into a file with the extension of what is in it."""

from __future__ import annotations

import gzip
import shutil
import tempfile
import zlib
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from agez.errors import AgezError

_HEAD_BYTES = 4096


@contextmanager
def pipes_as_files(options: Namespace, names: Sequence[str]) -> Iterator[None]:
    """Put files in the place of the pipes among these options, as long as the ``with`` lasts.

    ``options.pipes`` names those options.
    """
    pipes = {name: value for name in names if _has_pipe(value := getattr(options, name, None))}
    if not pipes:
        yield
        return
    options.pipes = tuple(pipes)
    with tempfile.TemporaryDirectory(prefix="agez-pipe-") as folder:
        for name, value in pipes.items():
            many = value if isinstance(value, list) else [value]
            files = [_as_file(one, Path(folder), f"{name}{k or ''}") if _is_pipe(one) else one
                     for k, one in enumerate(many)]  # fmt: skip
            setattr(options, name, files if isinstance(value, list) else files[0])
        yield


def _has_pipe(value: object) -> bool:
    return any(_is_pipe(one) for one in (value if isinstance(value, list) else [value]))


def _is_pipe(value: object) -> bool:
    return isinstance(value, str) and "\0" not in value and Path(value).is_fifo()


def _as_file(pipe: str, folder: Path, name: str) -> str:
    path = folder / name
    try:
        with Path(pipe).open("rb") as source, path.open("wb") as target:
            shutil.copyfileobj(source, target)
    except OSError as error:
        raise AgezError(f"{pipe} cannot be read: {error.strerror or error}") from error
    if path.stat().st_size == 0:
        raise AgezError(f"{pipe}: nothing came through this pipe; see that the command before it works")
    return str(path.rename(path.with_name(name + _extension(path))))


def _extension(path: Path) -> str:
    """The extension by which agez knows such content."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if head[:2] == b"\x1f\x8b":
        try:
            with gzip.open(path, "rb") as packed:
                return _of_content(packed.read(_HEAD_BYTES)) + ".gz"
        except (OSError, EOFError, zlib.error):
            return ".gz"  # damaged: whoever reads it says so
    return _of_content(head)


def _of_content(head: bytes) -> str:
    if head.startswith(b"SIMPLE  ="):
        return ".fits"
    if head.startswith(b"PAR1"):
        return ".parquet"
    if head.startswith(b"# %ECSV"):
        return ".ecsv"
    return ".vot" if b"<VOTABLE" in head or head.lstrip().startswith(b"<?xml") else ".csv"
