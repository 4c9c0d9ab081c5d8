"""The model file: safetensors arrays with everything else as JSON in its header; nothing is pickled."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from agez.arguments import takes
from agez.errors import AgezError
from agez.models.model import KINDS, Model
from agez.runtime.files import check_input, check_output, whole_file

EXTENSION = ".safetensors"


def check_model_output(path: str | os.PathLike[str]) -> Path:
    """The path of a model file that can be written; to be called before long work."""
    path = Path(path)
    if not path.is_dir() and path.suffix != EXTENSION:
        raise AgezError(f"output {path}: a model's name ends in {EXTENSION}; give {path.stem or 'model'}{EXTENSION}")
    return check_output(path)


def save_model(path: str | os.PathLike[str], model: Model) -> None:
    """Write a model file, whole or not at all; :func:`load_model` gives back identical numbers."""
    arrays = {name: np.ascontiguousarray(array) for name, array in model.arrays.items()}
    header = json.dumps(dict(model.header), sort_keys=True, allow_nan=False)
    with whole_file(path) as part:
        try:
            save_file(arrays, part, metadata={"agez": header, "sha256": _digest(arrays, header)})
        except SafetensorError as error:  # a full disk, for one
            raise OSError(str(error)) from error
        _sort_metadata(Path(part))


def _sort_metadata(path: Path) -> None:
    """Put the file's metadata in order: safetensors writes them in any, so the same model made different files.

    The format is the length of a JSON header (8 bytes, little-endian), that header, and the arrays.
    """
    with path.open("r+b") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
        if len(text) <= length:  # else it stays as it was: another order is no fault
            file.seek(8)
            file.write(text.ljust(length))


@takes(path_or_name="name")
def load_model(path_or_name: str | os.PathLike[str]) -> Model:
    """Read a model file, or one that comes with agez by its name.

    Raises
    ------
    AgezError
        If there is no such file or name, or the file is cut short, altered, of a newer schema or no model.

    Examples
    --------
    >>> import agez
    >>> model = agez.load_model("jpas")
    >>> model.name, len(model.bands), model.gives_distribution
    ('jpas', 56, True)
    """
    path = find_model(path_or_name)
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, OSError, ValueError) as error:
        raise AgezError(
            f"{path} is not a whole model file: {error}; it may be cut short: copy it or train it again"
        ) from error
    if "agez" not in metadata:
        raise AgezError(f"{path} is a safetensors file but not a model of agez; give one that 'agez train' wrote")
    text = metadata["agez"]
    try:
        header = json.loads(text)
    except json.JSONDecodeError as error:
        raise AgezError(f"{path}: the model's header is damaged ({error}); copy it or train it again") from error
    schema = str(header.get("schema", "none"))
    if schema not in KINDS:
        known = " and ".join(KINDS)
        raise AgezError(f"{path} is of schema {schema}; this agez reads {known}: install a newer agez or train again")
    if metadata.get("sha256") != _digest(arrays, text):
        raise AgezError(
            f"{path}: the contents do not match their checksum, the file was altered; copy it or train it again"
        )
    return Model(arrays, header)


def available_models() -> dict[str, Path]:
    """Models that come with agez, by name."""
    folder = Path(str(resources.files("agez") / "models"))
    return {path.stem: path for path in sorted(folder.glob(f"*{EXTENSION}"))} if folder.is_dir() else {}


def below(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    """The arrays whose names begin with ``prefix``, under the rest of their names."""
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def find_model(path_or_name: str | os.PathLike[str]) -> Path:
    """The file of a model, given by path or by the name of one that comes with agez; AgezError if there is none."""
    path = Path(path_or_name)
    models = available_models()
    if str(path) in models and not path.is_file():  # a folder of that name is no model
        return models[path.name]
    if path.exists() or path.suffix or len(path.parts) > 1:
        return check_input(path)
    known = f"there are {', '.join(models)}" if models else "none comes with this version"
    raise AgezError(
        f"no model is called {path.name!r}: {known}; give the path of a model file, "
        "or make one with 'agez train SAMPLE -o MODEL' or 'agez reproduce'"
    )


def _digest(arrays: Mapping[str, NDArray[Any]], header: str) -> str:
    """Checksum of the header and of every array's name, type, shape and bytes."""
    digest = hashlib.sha256(header.encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def plain(content: Any) -> Any:
    """Only what JSON knows."""
    if isinstance(content, dict):
        return {str(key): plain(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [plain(value) for value in content]
    if isinstance(content, np.generic | np.ndarray):
        return plain(content.tolist())
    if isinstance(content, float) and not np.isfinite(content):
        return None
    return content if isinstance(content, str | int | float | bool) or content is None else str(content)
