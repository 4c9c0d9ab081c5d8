"""HATS catalogues: a folder of Parquet files, one a HEALPix pixel, read with pyarrow alone."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from agez.catalogues import parquet_files
from agez.catalogues.catalogue import Catalogue
from agez.errors import AgezError

#: Columns that the layout of folders may add to files.
HIVE_COLUMNS = ("Norder", "Dir", "Npix")
_PIXEL = re.compile(r"Norder=(\d+)/Dir=(\d+)/Npix=(\d+)")


def catalogue_root(path: Path) -> Path | None:
    """The folder of the catalogue itself, also of a collection; None if ``path`` is no HATS catalogue."""
    collection = path / "collection.properties"
    if collection.is_file():
        primary = read_properties(collection).get("hats_primary_table_url", "")
        root = path / primary
        if not primary or not root.is_dir():
            raise AgezError(f"{collection}: hats_primary_table_url is {primary!r}, which is no folder beside it")
        return root
    if (path / "hats.properties").is_file() or (path / "properties").is_file():
        return path
    return path if next((path / "dataset").glob("Norder=*"), None) is not None else None


def read_properties(path: Path) -> dict[str, str]:
    """Keys and values of a properties file (``key=value``, # for comments)."""
    found = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        key, separator, value = line.partition("=")
        if separator and not line.lstrip().startswith("#"):
            found[key.strip()] = value.strip()
    return found


def open_hats(root: Path, rows: int) -> Catalogue:
    """The catalogue in a folder with ``hats.properties`` and ``dataset/Norder=*/Dir=*/Npix=*.parquet``.

    Partitions are named by their pixel, and come in the order of pixels on the sky (nested numbers), as in LSDB.
    A pixel may be a folder of several files (hidden ones, of which a writer may still be at work, are none).
    """
    file = next((root / name for name in ("hats.properties", "properties") if (root / name).is_file()), None)
    properties = read_properties(file) if file is not None else {}
    kind = properties.get("dataproduct_type", "object")
    if kind not in ("object", "source", "nested"):
        raise AgezError(f"{root} is a HATS table of kind {kind!r}; expected a catalogue (object or source)")
    data = root / "dataset"
    found = []
    for path in data.glob("Norder=*/Dir=*/Npix=*"):
        match = _PIXEL.match(path.relative_to(data).as_posix())
        if match is None:
            continue
        order, pixel = int(match[1]), int(match[3])
        files = sorted(path.glob("[!._]*.parquet")) if path.is_dir() else [path]
        for number, one in enumerate(files):
            found.append((pixel << 2 * (29 - order), order, number, one, match[0]))
    if not found:
        raise AgezError(f"{root}: no pixel in this HATS catalogue; expected dataset/Norder=*/Dir=*/Npix=*.parquet")
    several = {name for _, _, number, _, name in found if number}
    named = [(one, f"{name}.{k:03d}" if name in several else name) for _, _, k, one, name in sorted(found)]
    catalogue = parquet_files.open_files(root, "hats", named, rows, skip=HIVE_COLUMNS)
    return replace(catalogue, meta={**catalogue.meta, "hats": properties})
