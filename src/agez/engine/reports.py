"""What came of a partition, and of a whole run: plain data that workers send back and that is kept between runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from agez.apply.corrections import EbvSeen
from agez.engine.tally import Tally
from agez.types import Prediction


@dataclass(frozen=True, eq=False)
class PartitionReport:
    """What came of one partition.

    Attributes
    ----------
    number, name, path : int, str, str
        Of the partition.
    n_rows, n_answered, n_good : int
        Rows; those with a prediction; those without a fault.
    flags : mapping of str to int
        How many rows carry each bit.
    tally : Tally
    remarks : tuple of str
        What had to be assumed.
    ebv : EbvSeen
        Of the rows, where they were dereddened.
    any_redshift : bool
        Whether any row has a redshift other than 0.
    counted : mapping of str to int
        How many rows had something that is to be told: see :mod:`agez.photometry.told`.
    problem : str
        Why the partition is set aside; nothing if it is done.
    fatal : bool
        The problem is not the partition's own: the run had better stop.
    """

    number: int
    name: str
    path: str
    n_rows: int = 0
    n_answered: int = 0
    n_good: int = 0
    flags: Mapping[str, int] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)
    remarks: tuple[str, ...] = ()
    ebv: EbvSeen = field(default_factory=EbvSeen)
    any_redshift: bool = False
    counted: Mapping[str, int] = field(default_factory=dict)
    problem: str = ""
    fatal: bool = False

    def to_json(self) -> dict[str, Any]:
        """Of a partition that is done."""
        return {
            "name": self.name, "path": self.path, "n_rows": self.n_rows, "n_answered": self.n_answered,
            "n_good": self.n_good, "flags": dict(self.flags), "tally": self.tally.to_json(),
            "remarks": list(self.remarks), "ebv": [list(self.ebv.some), self.ebv.n_unknown],
            "any_redshift": self.any_redshift, "counted": dict(self.counted),
        }  # fmt: skip

    @classmethod
    def from_json(cls, number: int, content: Mapping[str, Any]) -> PartitionReport:
        """What :meth:`to_json` made plain, of the partition that has this number now."""
        some, unknown = content["ebv"]
        return cls(
            number, content["name"], content["path"], content["n_rows"], content["n_answered"], content["n_good"],
            content["flags"], Tally.from_json(content["tally"]), tuple(content["remarks"]),
            EbvSeen(tuple(some), unknown), content["any_redshift"], content["counted"],
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class RunReport:
    """What a run did.

    Attributes
    ----------
    output : str
    n_rows, n_answered, n_good : int
        Rows of the output; those with a prediction; those without a fault.
    flags : mapping of str to int
        How many rows carry each bit.
    failed : tuple of (str, str)
        Partitions that were set aside: their files' names, with the rows, and why.
    seconds : float
    rows_per_second : float
        Of the rows that this run has answered.
    resumed : int
        Partitions that an earlier run had done.
    n_partitions : int
    n_workers : int
        Processes that worked.
    kept : str
        Folder of the finished pieces, where some partitions are still to be done.
    tally : Tally
    remarks : tuple of str
    ebv : EbvSeen
    any_redshift : bool
    few : Prediction or None
        The answers themselves, where there is one small partition.
    """

    output: str
    n_rows: int
    n_answered: int
    n_good: int
    flags: Mapping[str, int]
    failed: tuple[tuple[str, str], ...]
    seconds: float
    rows_per_second: float
    resumed: int
    n_partitions: int
    n_workers: int
    kept: str
    tally: Tally
    remarks: tuple[str, ...]
    ebv: EbvSeen
    any_redshift: bool
    few: Prediction | None = None


class Totals:
    """Reports of partitions added up as they come; those of problems apart."""

    def __init__(self) -> None:
        self.n_rows = self.n_answered = self.n_good = 0
        self.flags: Counter[str] = Counter()
        self.tally = Tally()
        self.remarks: dict[str, None] = {}
        self.ebv: dict[int, EbvSeen] = {}
        self.any_redshift = False
        self.counted: Counter[str] = Counter()
        self.problems: dict[int, str] = {}
        self.done: set[int] = set()

    def add(self, report: PartitionReport) -> None:
        """One more partition."""
        if report.problem:
            self.problems[report.number] = report.problem
            return
        self.done.add(report.number)
        self.n_rows += report.n_rows
        self.n_answered += report.n_answered
        self.n_good += report.n_good
        self.flags.update(report.flags)
        self.tally += report.tally
        self.remarks.update(dict.fromkeys(report.remarks))
        self.ebv[report.number] = report.ebv
        self.any_redshift |= report.any_redshift
        self.counted.update(report.counted)

    def ebv_of_all(self) -> EbvSeen:
        """In the order of the partitions, whoever was first."""
        in_order = [self.ebv[number] for number in sorted(self.ebv)]
        return EbvSeen(tuple(chain.from_iterable(one.some for one in in_order)), sum(one.n_unknown for one in in_order))
