"""What a catalogue is: its files cut into partitions of rows that are read, answered and written by themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from agez.types import _check

Kind = Literal["fits", "parquet", "csv", "hats"]


@dataclass(frozen=True)
class Partition:
    """Rows ``start`` to ``stop`` (not included) of one file; plain data, which goes to other processes.

    Attributes
    ----------
    number : int
        From 0, in the order of the output.
    name : str
        Stable and fit for a file name: ``part-00012``, or ``Norder=3/Dir=0/Npix=12`` of a HATS catalogue.
    path : str
    kind : 'fits', 'parquet', 'csv' or 'hats'
    start, stop : int
    """

    number: int
    name: str
    path: str
    kind: Kind
    start: int
    stop: int

    def __post_init__(self) -> None:
        _check(0 <= self.start <= self.stop, f"partition {self.name}: rows {self.start} to {self.stop}")

    def __len__(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class Catalogue:
    """A catalogue on disk.

    Attributes
    ----------
    path : str
        The file or folder that the user gave.
    kind : 'fits', 'parquet', 'csv' or 'hats'
    columns : tuple of str
        Of the table, as in the files.
    partitions : tuple of Partition
    """

    path: str
    kind: Kind
    columns: tuple[str, ...]
    partitions: tuple[Partition, ...]

    def __len__(self) -> int:
        return sum(len(one) for one in self.partitions)
