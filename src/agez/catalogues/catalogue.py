"""What a catalogue is: its files cut into partitions of rows that are read, answered and written by themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from agez.arrays import check
from agez.tables.csv_tables import Dialect
from agez.tables.table_columns import PlainTable

#: ``table``: a format that is only read whole (ECSV, VOTable).  ``memory``: no file, but a table of the caller's.
Kind = Literal["fits", "parquet", "csv", "hats", "table", "memory"]


@dataclass(frozen=True)
class Partition:
    """Rows ``start`` to ``stop`` (not included) of one file; plain data, which goes to other processes."""

    number: int  #: From 0, in the order of the output.
    #: Stable and fit for a file name: ``part-00012``, or ``Norder=3/Dir=0/Npix=12`` of a HATS catalogue
    #: (``Norder=3/Dir=0/Npix=12.001`` for the second part of a large pixel).
    name: str
    path: str
    kind: Kind
    #: start, stop: Rows of that file.
    start: int
    stop: int
    first_row: int = 0  #: Number of row ``start`` in the whole catalogue, from 0.
    #: Of CSV: where these rows are in the file (in its content, if it is gzipped).
    bytes_range: tuple[int, int] = (0, 0)
    table: PlainTable | None = None  #: The rows themselves, of ``memory``.
    fault: str = ""  #: Why the file cannot be read, if that is known already: reading the partition raises it.

    def __post_init__(self) -> None:
        check(0 <= self.start <= self.stop, f"partition {self.name}: rows {self.start} to {self.stop}")

    def __len__(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class Catalogue:
    """A catalogue on disk."""

    path: str  #: The file or folder that the user gave.
    kind: Kind
    columns: tuple[str, ...]  #: Of the table, as in the files.
    partitions: tuple[Partition, ...]
    units: Mapping[str, str] = field(default_factory=dict)  #: Of the columns that have one.
    #: Header of the table (``FILTERS`` and the like); of HATS, its properties, under ``hats``.
    meta: Mapping[str, Any] = field(default_factory=dict)
    #: What a column holds: ``number``, ``text``, ``truth``, ``vector``, ``other``; of CSV also ``integer`` and
    #: ``unsigned``, in 64 bits.
    types: Mapping[str, str] = field(default_factory=dict)
    #: Of vector columns of photometry: the band of each element; none where columns are of one band each.
    bands: tuple[str, ...] = ()
    #: Names of the vector columns of values and errors that are the photometry; none, likewise.
    vectors: tuple[str, ...] = ()
    #: What the user should be told before work begins: files that cannot be read, what was assumed.
    remarks: tuple[str, ...] = ()
    aperture: str | None = None  #: Which of a survey's apertures is taken, where columns are of one band each.
    csv: Dialect | None = None  #: Of CSV: how it is written.

    def __len__(self) -> int:
        return sum(len(one) for one in self.partitions)

    def without_partitions(self) -> Catalogue:
        """What is needed to read any partition: small, to be sent to other processes."""
        return replace(self, partitions=())
