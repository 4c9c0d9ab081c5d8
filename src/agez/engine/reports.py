"""What came of a partition, and of a whole run: plain data that workers send back and that is kept between runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from agez.apply.corrections import EbvSeen
from agez.engine.tally import Tally
from agez.photometry.told import count_remarks
from agez.types import Prediction


@dataclass(frozen=True, eq=False, kw_only=True)
class Counts:
    """Rows of a partition, or of all partitions of a run, by what came of them."""

    #: n_rows, n_answered, n_good: Rows; those with a prediction; those without a fault.
    n_rows: int = 0
    n_answered: int = 0
    n_good: int = 0
    flags: Mapping[str, int] = field(default_factory=dict)  #: How many rows carry each bit.
    tally: Tally = field(default_factory=Tally)
    remarks: tuple[str, ...] = ()  #: What had to be assumed.
    ebv: EbvSeen = field(default_factory=EbvSeen)  #: Of the rows, where they were dereddened.
    any_redshift: bool = False  #: Whether any row has a redshift other than 0.
    #: How many rows had something that is to be told: see :mod:`agez.photometry.told`.
    counted: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class PartitionReport(Counts):
    """What came of one partition, by its number, name and path.

    Attributes
    ----------
    problem : str
        Why the partition is set aside; nothing if it is done.
    fatal : bool
        The problem is not the partition's own: the run had better stop.
    """

    number: int
    name: str
    path: str
    problem: str = ""
    fatal: bool = False

    def to_json(self) -> dict[str, Any]:
        """Of a partition that is done."""
        numbers = {name: getattr(self, name) for name in (*_PLAIN, "flags", "remarks", "counted")}
        return {**numbers, "tally": self.tally.to_json(), "ebv": [list(self.ebv.some), self.ebv.n_unknown]}

    @classmethod
    def from_json(cls, number: int, content: Mapping[str, Any]) -> PartitionReport:
        """What :meth:`to_json` made plain, of the partition that has this number now."""
        some, unknown = content["ebv"]
        return cls(
            number, **{name: content[name] for name in (*_PLAIN, "flags", "counted")},
            tally=Tally.from_json(content["tally"]), remarks=tuple(content["remarks"]),
            ebv=EbvSeen(tuple(some), unknown),
        )  # fmt: skip


#: What of a report is plain data.
_PLAIN = ("name", "path", "n_rows", "n_answered", "n_good", "any_redshift")


@dataclass(frozen=True, eq=False)
class RunReport(Counts):
    """What a run did.

    Attributes
    ----------
    output : str
    failed : tuple of (str, str)
        Partitions that were set aside: their files' names, with the rows, and why.
    seconds : float
    rows_per_second : float
        Of the rows that this run has answered.
    n_partitions, n_workers : int
        Partitions, and processes that worked.
    resumed : int
        Partitions that an earlier run had done.
    kept : str
        Folder of the finished pieces, where some partitions are still to be done.
    few : Prediction or None
        The answers themselves, where there is one small partition.
    """

    output: str
    failed: tuple[tuple[str, str], ...]
    seconds: float
    rows_per_second: float
    n_partitions: int = 1
    n_workers: int = 1
    resumed: int = 0
    kept: str = ""
    few: Prediction | None = None


class Totals:
    """Reports of partitions added up as they come; those of problems apart."""

    def __init__(self) -> None:
        self._sum = Counts()
        self._ebv: dict[int, EbvSeen] = {}
        self.problems: dict[int, str] = {}

    @property
    def n_rows(self) -> int:
        """Rows of the partitions that are done."""
        return self._sum.n_rows

    @property
    def done(self) -> Collection[int]:
        """Numbers of the partitions that are done."""
        return self._ebv.keys()

    def add(self, report: PartitionReport) -> None:
        """One more partition."""
        if report.problem:
            self.problems[report.number] = report.problem
            return
        one, other = self._sum, report
        self._ebv[report.number] = report.ebv
        self._sum = Counts(
            n_rows=one.n_rows + other.n_rows, n_answered=one.n_answered + other.n_answered,
            n_good=one.n_good + other.n_good, flags=Counter(one.flags) + Counter(other.flags),
            tally=one.tally + other.tally, remarks=tuple(dict.fromkeys(one.remarks + other.remarks)),
            any_redshift=one.any_redshift or other.any_redshift, counted=Counter(one.counted) + Counter(other.counted),
        )  # fmt: skip

    def counts(self) -> dict[str, Any]:
        """The fields of :class:`Counts` over all partitions, in their order, whoever was first."""
        in_order = [self._ebv[number] for number in sorted(self._ebv)]
        some = tuple(chain.from_iterable(one.some for one in in_order))
        remarks = (*self._sum.remarks, *count_remarks(self._sum.counted))
        seen = EbvSeen(some, sum(one.n_unknown for one in in_order))
        return {**vars(self._sum), "flags": dict(self._sum.flags), "remarks": remarks, "ebv": seen}
