"""Where the answers to a catalogue may be written: nowhere that a file of somebody else's would be lost."""

from __future__ import annotations

import json
import os
from pathlib import Path

from agez import __version__
from agez.catalogues.catalogue import Catalogue
from agez.catalogues.write_pieces import is_folder_output
from agez.errors import AgezError

#: In a folder of answers, names its files: what a later run may take away.  Readers of Parquet leave ``_*`` out.
MARK = "_agez.json"
_KIND = "agez.answers/1"


def output_place(output: str | os.PathLike[str]) -> Path:
    """The output's path with a name of its own, also where ``..`` or ``.`` was given."""
    path = Path(output)
    return path if path.name not in ("", "..") else Path(os.path.realpath(path))


def check_place(output: Path, catalogue: Catalogue) -> None:
    """See that nothing is lost by writing an output; to be called before long work.

    Raises
    ------
    AgezError
        If a file or folder of that name is not of agez's making, or the output would be, hold or lie in the folder
        that is read.
    """
    real = Path(os.path.realpath(output))
    source = Path(os.path.realpath(catalogue.path))
    if source == real or real in source.parents:
        raise AgezError(
            f"output {output} is or holds the input {catalogue.path}, which would be lost; give -o/--out another name"
        )
    if Path(catalogue.path).is_dir() and source in real.parents:
        raise AgezError(
            f"output {output} is in the folder that is read, {catalogue.path}, and would be a part of it the next "
            "time; give -o/--out a name outside it"
        )
    if is_folder_output(output):
        _check_folder(output)


def _check_folder(output: Path) -> None:
    if output.exists() and not output.is_dir():
        raise AgezError(
            f"output {output} is a file, and without an extension a folder is meant; end the name in .fits, .csv or "
            ".parquet, or give another"
        )
    if output.is_dir() and any(output.iterdir()):
        others = sorted(_files(output) - _ours(output))
        if others:
            raise AgezError(
                f"output {output} is a folder that holds other things than answers of agez ({others[0]}); give a new "
                "name, or one that ends in .fits, .csv or .parquet for a file"
            )


def mark_folder(folder: Path) -> None:
    """Write down which files a folder of answers has: no others are taken away by the next run."""
    files = sorted(_files(folder))
    content = {"schema": _KIND, "made_by": f"agez {__version__}", "files": files}
    (folder / MARK).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _files(folder: Path) -> set[str]:
    """All that is in a folder but folders, each by its path in it."""
    return {one.relative_to(folder).as_posix() for one in folder.rglob("*") if one.is_symlink() or not one.is_dir()}


def _ours(folder: Path) -> set[str]:
    try:
        content = json.loads((folder / MARK).read_text(encoding="utf-8"))
        return {MARK, *content["files"]} if content["schema"] == _KIND else set()
    except (OSError, ValueError, KeyError, TypeError):
        return set()
