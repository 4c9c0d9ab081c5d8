"""Files appear whole or not at all, and unreadable ones are refused in one clear line."""

from __future__ import annotations

import gzip
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from agez.errors import AgezError


def check_input(path: str | os.PathLike[str]) -> Path:
    """The path of an existing, non-empty, readable file; AgezError otherwise."""
    if not isinstance(path, str | os.PathLike):
        raise AgezError(f"a {type(path).__name__} is no file; give the path of one")
    path = Path(path)
    if not path.exists():
        raise AgezError(f"{path}: no such file; check the name")
    if path.is_dir():
        raise AgezError(f"{path} is a folder; give a file")
    if not path.is_file():
        raise AgezError(f"{path} is a pipe or a device, which can be read only once; write it to a file, and give that")
    try:
        if path.stat().st_size == 0:
            raise AgezError(f"{path} is empty (0 bytes); make or download it again")
        with path.open("rb"):
            pass
    except OSError as error:
        raise AgezError(f"{path} cannot be read: {error.strerror}") from error
    return path


def is_gzipped(path: str | os.PathLike[str]) -> bool:
    """By its first bytes, not by its name."""
    with Path(path).open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def open_content(path: str | os.PathLike[str]) -> IO[bytes]:
    """The file's content, unpacked if it is gzipped, as a stream."""
    return gzip.open(path, "rb") if is_gzipped(path) else Path(path).open("rb")  # type: ignore[return-value]


def check_output(path: str | os.PathLike[str], *, option: str = "-o/--out") -> Path:
    """The path of a file that can be written: its folder is made if need be; AgezError, with the option, otherwise."""
    path = Path(path)
    if path.is_dir():
        raise AgezError(f"output {path} is a folder; give a file name")
    if path.exists() and not path.is_file():
        raise AgezError(f"output {path} is a pipe or a device; give the name of a file")
    make_folder(behind_links(path).parent, option=option)
    return path


def check_png(path: str | os.PathLike[str], *, option: str) -> Path:
    """:func:`check_output` of a picture; AgezError, too, if its name says another format than PNG."""
    if Path(path).suffix.lower() != ".png":
        raise AgezError(f"{option} {path}: pictures are PNG; give a name that ends in .png".lstrip())
    return check_output(path, option=option)


def behind_links(path: str | os.PathLike[str]) -> Path:
    """The file that a symbolic link leads to, whether it is there or not yet; any other path as it is."""
    path = Path(path)
    if not path.is_symlink():
        return path
    found = Path(os.path.realpath(path))
    if found.is_symlink():
        raise AgezError(f"output {path} is a link that leads to itself; remove it, or give another name")
    return found


def check_not_input(output: str | os.PathLike[str], inputs: Iterable[str | os.PathLike[str]]) -> None:
    """AgezError if a file to be written is one of those to be read, under whatever name."""
    for one in inputs:
        if Path(one).is_file() and os.path.realpath(one) == os.path.realpath(output):
            raise AgezError(f"output {output} is the input {one}, which would be lost; give -o/--out another name")


def make_folder(path: str | os.PathLike[str], *, option: str = "-o/--out") -> Path:
    """Make a folder (and its parents) that files can be written into; AgezError if that fails."""
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        advice = f"choose another with {option}" if option else "choose another"
        raise AgezError(f"output folder {path} cannot be written: {error.strerror}; {advice}") from error
    return path


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside ``path`` to write to; rename it to ``path`` if all went well.

    The temporary name keeps the extension(s), because writers choose the format by it.  A symbolic link stays one: the
    file that it leads to is replaced, and the temporary one is beside that, on the same disk.
    """
    given = check_output(path)
    final = behind_links(given)
    handle, name = tempfile.mkstemp(prefix=".part-", suffix="-" + given.name, dir=final.parent)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        part.chmod(0o666 & ~_umask())
        part.replace(final)
    except OSError as error:
        raise AgezError(f"{given} cannot be written: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_json(path: str | os.PathLike[str], content: Mapping[str, Any]) -> None:
    """Write strict JSON (NaN is refused: use None) whole or not at all."""
    text = json.dumps(content, indent=1, allow_nan=False)
    with whole_file(path) as part:
        part.write_text(text + "\n", encoding="utf-8")
