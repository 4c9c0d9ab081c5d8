"""A model on a whole catalogue: what is done is kept, what is bad is set aside, and the pieces become one output."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from agez.catalogues.assemble import assemble
from agez.catalogues.catalogue import Catalogue, Partition
from agez.catalogues.output_place import check_place, output_place
from agez.catalogues.write_pieces import is_folder_output, piece_extension, write_piece
from agez.engine import schedulers
from agez.engine.answer import AnswerJob, answer_rows, read
from agez.engine.pieces import kept_report, open_folder, pieces_folder, pieces_of, remove_folder
from agez.engine.reports import PartitionReport, RunReport, Totals
from agez.engine.schedulers import Work
from agez.errors import AgezError
from agez.runtime.compiled import usable_cores
from agez.runtime.finished_work import remove_half_written
from agez.runtime.progress import progress
from agez.runtime.run_lock import sole_run
from agez.tables.prediction_files import EXTENSION

#: So many partitions may fail, with none done, until the run is given up: whatever it is, it is in all of them.
FAILURES_IN_A_ROW = 8
#: Answers are given back, for a person to see, up to so many rows.
_FEW = 10


def run_catalogue(
    catalogue: Catalogue,
    job: AnswerJob,
    output: str | os.PathLike[str],
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    fresh: bool = False,
) -> RunReport:
    """Answer all partitions of a catalogue and write one output.

    The answers do not depend on who works, nor on interruptions.  Until the output is complete, finished pieces are in
    ``.NAME.parts`` beside it, and the next run of the same job goes on from there.  A second run that writes the same
    output at the same time would take the first one's pieces away: it is refused, by the lock ``.NAME.lock``.

    Parameters
    ----------
    job : AnswerJob
        Of this catalogue, from :func:`agez.engine.answer.make_job`.
    workers : int, optional
        Processes on this machine; by default one, and one on each core as soon as the rows that are left are worth
        the start of them.
    scheduler : str, optional
        Address of a running Dask scheduler, whose workers see the same files.
    fresh : bool
        Begin anew, whatever an earlier run has left.

    Returns
    -------
    RunReport
        ``failed`` are partitions that were set aside; the output holds all others, and their pieces are kept.

    Raises
    ------
    AgezError
        If ``workers`` and ``scheduler`` are both given; if no partition could be answered, or none can be written any
        more (finished pieces are kept); if another run writes this output, or something of somebody else's would be
        lost by it.
    """
    started = time.monotonic()
    if workers is not None and scheduler is not None:
        raise AgezError("--workers are those of this machine, and --scheduler has its own: give one of the two")
    output = output_place(output)
    check_place(output, catalogue)
    folder = pieces_folder(output)
    if scheduler is None and len(catalogue.partitions) == 1 and not is_folder_output(output):
        return _in_memory(catalogue, job, output, folder, started)
    extension = piece_extension(output)
    with _sole(output, folder):
        return _in_pieces(
            catalogue, job, output, folder, extension, started, workers=workers, scheduler=scheduler, fresh=fresh
        )


def _sole(output: Path, folder: Path) -> AbstractContextManager[None]:
    """The only run whose pieces are in the folder; AgezError if there is another."""
    return sole_run(
        output.with_name(f".{output.name}.lock"),
        busy=f"{output}: another run is writing it, with its pieces in {folder}",
        advice="wait until it has ended, or stop it and give the command again, or give another -o/--out",
    )


def _in_pieces(
    catalogue: Catalogue, job: AnswerJob, output: Path, folder: Path, extension: str, started: float, *,
    workers: int | None, scheduler: str | None, fresh: bool,
) -> RunReport:  # fmt: skip
    """What :func:`run_catalogue` does once no other run can touch the folder."""
    pieces = pieces_of(job, catalogue.partitions, folder, extension)
    open_folder(folder, pieces.values(), fresh=fresh)
    totals = Totals()
    work: list[Work] = []
    for partition in catalogue.partitions:
        piece = pieces[partition.number]
        report = kept_report(piece, partition)
        if report is None:
            work.append((partition, piece))
        else:
            totals.add(report)
    resumed, rows_before = len(totals.done), totals.n_rows
    who = _Who(workers, scheduler, job, folder)
    with _half_done_removed(folder):
        _answer_all(who, work, totals, n_rows=len(catalogue), rows_before=rows_before)
    rows_new, seconds_new = totals.n_rows - rows_before, time.monotonic() - started
    if not totals.done:
        remove_folder(folder)
        raise AgezError(next(iter(totals.problems.values()), f"{catalogue.path}: nothing to answer"))
    there = [(one, pieces[one.number].path) for one in catalogue.partitions if one.number in totals.done]
    assemble(output, [pair for pair in there if Path(pair[1]).exists()], catalogue=catalogue)
    if not totals.problems:
        remove_folder(folder)
    return RunReport(
        str(output), _failed(catalogue.partitions, totals), time.monotonic() - started,
        rows_new / max(seconds_new, 1e-9), len(catalogue.partitions), who.n_workers, resumed,
        kept=str(folder) if totals.problems else "", **totals.counts(),
    )  # fmt: skip


class _Who:
    """Who works, and how many they are."""

    def __init__(self, workers: int | None, scheduler: str | None, job: AnswerJob, folder: Path) -> None:
        self.workers, self.scheduler, self.job, self.folder = workers, scheduler, job, folder
        self.n_workers = 1

    def _told(self, workers: int) -> None:
        self.n_workers = workers

    def answer(self, work: Sequence[Work]) -> Generator[PartitionReport, None, None]:
        """Reports of the partitions, in the order in which they get done."""
        if self.scheduler is not None:
            with schedulers.remote_client(self.scheduler, self.job.catalogue.path, self.folder) as client:
                self.n_workers = max(len(client.nthreads()), 1)
                yield from schedulers.answer_on(client, self.job, work)
        elif self.workers is None:
            yield from schedulers.answer_where_it_pays(self.job, work, cores=usable_cores(), told=self._told)
        elif min(self.workers, len(work)) > 1:
            self.n_workers = min(self.workers, len(work))
            with schedulers.local_client(self.n_workers) as client:
                yield from schedulers.answer_on(client, self.job, work)
        else:
            yield from schedulers.answer_here(self.job, work)


def _answer_all(who: _Who, work: Sequence[Work], totals: Totals, *, n_rows: int, rows_before: int) -> None:
    """Answer what is to be done; AgezError where the run had better stop."""
    reports = who.answer(work)
    with progress(total=n_rows, title="predicting", unit="rows", initial=rows_before) as bar:
        try:
            for report in reports:
                totals.add(report)
                bar.update(report.n_rows)
                if report.fatal:
                    raise AgezError(f"{report.problem}; {_how_to_go_on(who.folder, len(totals.done))}")
                if len(totals.problems) >= FAILURES_IN_A_ROW and not totals.done:
                    break
                if totals.problems:
                    bar.set_postfix_str(f"{len(totals.problems)} set aside")
        finally:
            reports.close()  # workers and what they have half done go with it


def _how_to_go_on(folder: Path, n: int) -> str:
    if not n:
        return "nothing was lost, since nothing is done yet"
    return f"the {n} partitions that are done are kept in {folder}: give the same command again to go on"


@contextmanager
def _half_done_removed(folder: Path) -> Iterator[None]:
    try:
        yield
    finally:
        remove_half_written(folder)
        if folder.is_dir() and not any(folder.iterdir()):
            remove_folder(folder)


def _in_memory(catalogue: Catalogue, job: AnswerJob, output: Path, folder: Path, started: float) -> RunReport:
    """One partition: read, answered and written with nothing between."""
    (partition,) = catalogue.partitions
    answered = answer_rows(job, *read(job, partition), partition)
    table = answered.table
    applied = job.corrections.to_json(answered.report.ebv)
    if applied:
        table.meta["CORRMETA"] = json.dumps(applied)
    write_piece(output, table, name=EXTENSION)
    if folder.is_dir():
        with suppress(AgezError), _sole(output, folder):  # pieces of a run that is at work are that run's
            remove_folder(folder)
    totals = Totals()
    totals.add(answered.report)
    seconds = time.monotonic() - started
    few = answered.prediction if len(answered.prediction) <= _FEW else None
    return RunReport(str(output), (), seconds, totals.n_rows / max(seconds, 1e-9), few=few, **totals.counts())


def _failed(partitions: Sequence[Partition], totals: Totals) -> tuple[tuple[str, str], ...]:
    return tuple(
        (
            f"{Path(one.path).name} rows {one.start + 1} to {one.stop}" if len(one) else Path(one.path).name,
            totals.problems[one.number],
        )
        for one in partitions
        if one.number in totals.problems
    )
