"""Finished labels, and finished parts of a long fit, so that an interrupted one goes on: each whole, or not there."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from agez.label_types import FittedSpectra, HistoryErrors, Labels, LibraryLabels, Lines
from agez.runtime.files import make_folder, whole_file
from agez.runtime.finished_work import remove_half_written
from agez.tables.table_files import open_fits
from agez.types import Rows

#: Keyword of the primary header of a file of labels that holds the fingerprint of what it was made from.
FINGERPRINT = "AGEZFPR"
#: The parts of Labels that are objects with arrays of their own.
_GROUPS: dict[str, Any] = {
    "rows": Rows, "lines": Lines, "fitted": FittedSpectra, "libraries": LibraryLabels, "history_errors": HistoryErrors,
}  # fmt: skip


def parts_folder(output: Path) -> Path:
    """Where the parts of an output are kept until it is complete."""
    return output.with_name(output.name + ".parts")


def part_path(folder: Path, fingerprint: str, start: int) -> Path:
    """The file of the rows from ``start`` of the input with this fingerprint."""
    return folder / f"{fingerprint[:24]}-{start:06d}.npz"


def write_part(path: Path, labels: Labels, fingerprint: str) -> None:
    """Keep the labels of some rows, every number as it is."""
    arrays = {name: getattr(labels, name) for name in Labels.column_names()}
    if labels.weights is not None:
        arrays["weights"] = labels.weights
    words: dict[str, Any] = {"fingerprint": fingerprint, "meta": dict(labels.meta)}
    for group in _GROUPS:
        part = getattr(labels, group)
        if part is None:
            continue
        for field in fields(part):
            value = getattr(part, field.name)
            if isinstance(value, np.ndarray):
                arrays[f"{group}.{field.name}"] = value
            else:
                words[f"{group}.{field.name}"] = value
    arrays["words"] = np.array(json.dumps(words))
    make_folder(path.parent)
    with whole_file(path) as whole, whole.open("wb") as file:
        np.savez(file, **arrays)


def read_part(path: Path, fingerprint: str) -> Labels | None:
    """What :func:`write_part` kept; None if there is none, it is damaged, or it is of another input."""
    if not path.is_file():
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.testzip() is not None:  # compares every member with its checksum
                return None
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        words = json.loads(str(arrays.pop("words")))
        if words.pop("fingerprint") != fingerprint:
            return None
        content: dict[str, Any] = {"meta": words.pop("meta")}
        for group, kind in _GROUPS.items():
            start = f"{group}."
            found = {
                name.removeprefix(start): tuple(value) if isinstance(value, list) else value
                for source in (arrays, words)
                for name, value in source.items()
                if name.startswith(start)
            }
            content[group] = kind(**found) if found else None
        content.update({name: value for name, value in arrays.items() if "." not in name})
        return Labels(**content)
    except Exception:  # whatever a damaged archive makes zipfile, numpy or json say: the rows are fitted again
        return None


def remove_parts(output: Path) -> None:
    """Forget the parts of an output that is complete, and what a killed writer of it may have left."""
    shutil.rmtree(parts_folder(output), ignore_errors=True)
    remove_half_written(output.parent, output.name)


def has_fingerprint(path: str | os.PathLike[str], word: str) -> bool:
    """Whether a file is a whole FITS file with this fingerprint in its primary header."""
    try:
        with open_fits(path) as hdus:
            return bool(hdus[0].header.get(FINGERPRINT) == word)
    except Exception:  # not there, damaged, or of another kind: it is made again
        return False
