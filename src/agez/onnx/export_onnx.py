"""A model as one ONNX file, for those who serve models with other tools than agez (extra ``agez[onnx]``)."""

from __future__ import annotations

import json
import os
from importlib import import_module
from pathlib import Path
from typing import Any

from agez import __version__
from agez.errors import AgezError
from agez.models.model import Model
from agez.onnx.onnx_graph import OPSET, Graph
from agez.runtime.files import check_output, whole_file

EXTENSION = ".onnx"


def export_onnx(path: str | os.PathLike[str], model: Model) -> Path:
    """Write the model as an ONNX file, whole or not at all; gives back its path.

    The file goes from fluxes to answers, the building of the networks' inputs included, so that nothing of agez is
    needed to use it: what goes in and comes out, in which units, is in its description (``doc_string``), and bands,
    redshifts, labels and versions in its metadata.  Its answers are agez's own within 1e-5 dex.  AgezError if onnx is
    not installed, or the file cannot be written or has another ending than ``.onnx``.
    """
    path = Path(path)
    if path.suffix != EXTENSION:
        raise AgezError(f"output {path}: the name of an ONNX file ends in .onnx; give {path.stem or 'model'}.onnx")
    check_output(path, option="--onnx")
    content = build(model).SerializeToString()
    with whole_file(path) as part:
        part.write_bytes(content)
    return path


def build(model: Model) -> Any:
    """The ONNX model (``onnx.ModelProto``)."""
    graph, own = Graph(), import_module(model.kind.onnx_module)
    description = own.add_to_graph(graph, model)
    return graph.model(model.name or "agez", description, metadata(model), __version__)


def metadata(model: Model) -> dict[str, str]:
    """What the file says of itself: words as they are, all else as JSON."""
    header, bands = model.header, model.bands
    content = {
        "agez_version": __version__,
        "model_version": header["version"],
        "name": header.get("name", ""),
        "kind": model.kind.word,
        "bands": list(bands.names),
        "pivot_angstrom": list(bands.pivot_angstrom),
        "filter_set": bands.filter_set,
        "frame": header["frame"],
        "redshift_range": list(header["redshift_range"]),
        "targets": list(header["targets"]),
        "labels": header["labels"],
        "opset": OPSET,
    }
    if "least_bands" in header:
        content["least_bands"] = header["least_bands"]
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in content.items()}
