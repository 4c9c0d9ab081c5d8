"""Tables that are only read whole, as one partition: ECSV, VOTable, and FITS in text or with lengths that vary."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from agez.catalogues.catalogue import Catalogue, Partition
from agez.photometry.tables import EXTENSION
from agez.photometry.vector_columns import likeness
from agez.tables.table_columns import PlainTable
from agez.tables.table_files import VOTABLES, read_table

EXTENSIONS = (".ecsv", *VOTABLES)


def open_whole(path: Path) -> Catalogue:
    """A catalogue of one partition."""
    table = _read(str(path), path.stat().st_mtime_ns)
    kinds = {name: kind_of(table[name]) for name in table.colnames}
    partition = Partition(0, "part-00000", str(path), "table", 0, len(table))
    return Catalogue(str(path), "table", tuple(table.colnames), (partition,), table.units, table.meta, kinds)


def kind_of(column: Any) -> str:
    """What a numpy column holds, in the words of :class:`Catalogue`."""
    array = np.ma.getdata(column)
    kind = {"b": "truth", "S": "text", "U": "text", "O": "text"}.get(array.dtype.kind, "number")
    if array.ndim == 1:
        return kind
    return "vector" if array.ndim == 2 and kind == "number" else "other"


def read_rows(partition: Partition, columns: Sequence[str]) -> PlainTable:
    """These columns."""
    return _read(partition.path, Path(partition.path).stat().st_mtime_ns).select(columns)


@lru_cache(maxsize=1)
def _read(path: str, _modified: int) -> PlainTable:
    return PlainTable.of(read_table(path, prefer=(EXTENSION,), likeness=likeness))
