"""The one function that answers a partition, whoever runs it: this process, a worker's, or a cluster's.

Read, correct, predict, write.  Everything that goes in and comes out is plain data.
"""

from __future__ import annotations

import errno
import json
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from astropy.table import Table

from agez import __version__
from agez.apply.corrections import Corrections, corrected, ebv_of_rows, ebv_seen
from agez.arguments import LARGEST_REDSHIFT, LEAST_REDSHIFT
from agez.catalogues.catalogue import Catalogue, Partition
from agez.catalogues.csv_files import with_kinds
from agez.catalogues.read_partition import (
    first_rows,
    head_rows,
    kept_columns,
    partition_rows,
    photometry_layout,
    read_partition,
)
from agez.engine.pieces import Piece, keep_piece
from agez.engine.reports import PartitionReport
from agez.engine.survey_job import check_units, with_survey_columns
from agez.engine.tally import tally
from agez.errors import AgezError
from agez.flags import count_flags
from agez.models.asked import Asked
from agez.models.model import Model
from agez.models.model_file import available_models, find_model, load_model
from agez.models.predict import check_redshift_inside, in_model_order, predict_asked
from agez.photometry.band_columns import left_out
from agez.photometry.redshift_columns import chosen_distribution, read_distributions
from agez.photometry.row_values import (
    RowOptions,
    check_redshift_column,
    column_of,
    id_columns,
    option_column,
)
from agez.photometry.same_set import check_same_set
from agez.photometry.tables import rows_to_photometry
from agez.photometry.told import redshift_remarks
from agez.runtime.compiled import is_available, is_worthwhile
from agez.runtime.finished_work import file_hash
from agez.tables.prediction_files import identified, prediction_to_table, with_columns
from agez.tables.table_columns import PlainTable
from agez.types import Photometry, Prediction

#: A disk that is full, over its quota, read-only or gone: no partition can be written.
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.ENODEV, errno.EIO}


@dataclass(frozen=True, eq=False)
class AnswerJob:
    """What is done with every partition of a catalogue."""

    catalogue: Catalogue  #: Without its partitions.
    #: model, model_digest: Path, or name of one that comes with agez; and SHA-256 of the file, so that all workers use
    #: the same.
    model: str
    model_digest: str
    filters: str | None = None  #: Filter set of the bands: a name, or a path.
    #: Of all rows, where the catalogue has no such column; or the column that holds it.
    redshift: float | str | None = None
    id_column: str | None = None  #: That identifies rows, in place of ``id``.
    corrections: Corrections = field(default_factory=Corrections)
    distribution: bool = False  #: Write the whole distribution of each row, too.
    asked: Asked = field(default_factory=Asked)  #: Which targets, and for what.
    keep: tuple[str, ...] = ()  #: Columns of the catalogue that the output has, too.
    remarks: tuple[str, ...] = ()  #: What was taken of a survey's table without being asked.
    n_partitions: int = 1  #: Of the catalogue: so much less is told of each.
    #: Compiled code answers, where it is installed: decided once, so that the last short partition takes the same road
    #: as the others.
    compiled: bool = False
    version: str = __version__  #: Of agez: workers of another one refuse.
    #: The command, which the output records: a row can be answered again.
    run: dict[str, Any] | None = None
    loaded: Model | None = None  #: The model itself, where it is in memory and so is all the work.

    @property
    def answering(self) -> Model:
        """The model, read once by a process; AgezError if it is another file than it was when the run began."""
        return self.loaded or model_of(self.model, self.model_digest)

    @property
    def row_options(self) -> RowOptions:
        """What was said of all rows."""
        of_redshift = self.corrections.redshift_err, self.id_column, self.corrections.redshift_grid
        floor = self.corrections.error_floor
        return RowOptions(self.redshift, *of_redshift, zero_errors_are_unknown=bool(floor))


def make_job(
    catalogue: Catalogue, model: Model | str | os.PathLike[str], *, keep: Sequence[str] | str = (), **options: Any
) -> AnswerJob:
    """The job of answering a catalogue with a model; other ``options`` are attributes of :class:`AnswerJob`.

    A model that is given as such, not by its name, answers in this process only.
    Columns that identify a row are kept beside those that ``keep`` names, or beside 'all'.

    Raises
    ------
    AgezError
        If there is no such model, it gives no distributions though they are asked for, or a column that is named is
        not there.
    """
    name, digest, loaded = "", "", None
    if isinstance(model, Model):
        loaded = model
    else:
        path = find_model(model)
        shipped = available_models().get(str(model)) == path  # known by name wherever agez is
        name, digest = str(model) if shipped else str(path.resolve()), file_hash(path)
    kept = kept_columns(catalogue, keep)
    job = AnswerJob(
        catalogue, name, digest, keep=kept, n_partitions=max(len(catalogue.partitions), 1),
        compiled=is_worthwhile(len(catalogue)), loaded=loaded, **options,
    )  # fmt: skip
    known = job.answering
    job = with_survey_columns(job, known.bands)
    if job.run:  # with what was taken of a survey's table unasked: as if it had been asked for
        taken = {
            "redshift": job.redshift, "redshift_err": job.corrections.redshift_err, "id": job.id_column,
            "ebv": job.corrections.ebv,
        }  # fmt: skip
        job = replace(job, run=job.run | {name: value for name, value in taken.items() if value is not None})
    named = [] if job.id_column is None else id_columns(job.id_column, catalogue.columns, source=catalogue.path)
    job = replace(job, catalogue=with_kinds(catalogue, [*kept, *named]).without_partitions())
    if job.distribution and not known.gives_distribution:
        raise AgezError("--distribution: this model is of the paper's kind and gives none; leave it out")
    job.asked.check(known)
    if isinstance(job.corrections.ebv, str):
        option_column(job.corrections.ebv, catalogue.columns, option="--ebv", source=catalogue.path)
    _check_redshifts(job, catalogue, known)
    _check_bands(job, known)
    job = replace(job, remarks=(*job.remarks, *check_units(job, catalogue, known)))
    _check_distributions(job, first_rows(catalogue))
    return job


def _check_redshifts(job: AnswerJob, catalogue: Catalogue, model: Model) -> None:
    """AgezError if options name what is not there, or redshifts are none: velocities, or outside the model."""
    options = job.row_options
    if isinstance(options.redshift, int | float) and not LEAST_REDSHIFT <= options.redshift <= LARGEST_REDSHIFT:
        check_redshift_inside(model, options.redshift)
    column = column_of(options.redshift if isinstance(options.redshift, str) else "redshift", catalogue.columns)
    options.columns(catalogue.columns, source=catalogue.path)
    head = None if column is None else head_rows(catalogue, [column])
    if head is not None:
        check_redshift_column(head, options, source=catalogue.path)


def _check_distributions(job: AnswerJob, few: Partition | None) -> None:
    """AgezError if columns of redshift distributions do not hold what they should, by some rows."""
    options, source = job.row_options, job.catalogue.path
    chosen = chosen_distribution(job.catalogue.columns, options.redshift, options.redshift_err)
    if chosen is None or few is None:
        return
    try:
        table = read_partition(job.catalogue, few, list(chosen.columns))
    except AgezError:
        return  # a damaged file is said when its partition is read
    read_distributions(table, chosen, source=source, grid=options.redshift_grid)


def _check_bands(job: AnswerJob, model: Model) -> None:
    """AgezError if the bands are another survey's, or too few: then columns are named that nearly are of the others."""
    bands, _ = photometry_layout(job.catalogue, filters=job.filters, model=model.bands)
    check_same_set(model.bands, bands, source=job.catalogue.path)
    try:
        in_model_order(model, Photometry.of_no_row(bands))
    except AgezError as error:
        near = left_out(job.catalogue.columns, bands, of_set=model.bands.names)
        raise AgezError("; ".join([f"{job.catalogue.path}: {error}", *near])) from error


@lru_cache(maxsize=4)
def model_of(path_or_name: str, digest: str) -> Model:
    """The model, read once by a process; AgezError if it is another file than it was when the run began."""
    path = find_model(path_or_name)
    if file_hash(path) != digest:
        raise AgezError(f"{path} is another model for {socket.gethostname()} than where the run began; copy it there")
    return load_model(path)


@dataclass(frozen=True, eq=False)
class Answered:
    """The answers of a partition's rows, and what is told of them."""

    prediction: Prediction
    report: PartitionReport

    @cached_property
    def table(self) -> Table:
        """The output: what identifies the rows, columns of the input, the answers."""
        assert self.prediction.input is not None
        return with_columns(prediction_to_table(self.prediction), self.prediction.input.columns)


def answer_rows(job: AnswerJob, photometry: Photometry, columns: PlainTable, partition: Partition) -> Answered:
    """Answer rows that are in memory: their photometry, and those of their other columns that are wanted."""
    source = Path(partition.path).name
    model = job.answering
    remarks = tuple(redshift_remarks(job.catalogue.columns, job.row_options))
    if "position_unit" in photometry.meta:
        remarks += (
            f"x and y are in {photometry.meta['position_unit']}, which is no angle: positions are unknown, and these "
            "columns are passed on as input_x and input_y",
        )
    ebv = ebv_of_rows(columns, job.corrections, source=source)
    ready = corrected(photometry, job.corrections, model.bands, ebv=ebv)
    prediction = predict_asked(model, ready, job.asked, compiled=job.compiled and is_available())
    if job.run:
        prediction = replace(prediction, meta={**prediction.meta, "run": job.run})
    at_most = max(256, 2_000_000 // job.n_partitions)
    report = PartitionReport(
        partition.number, partition.name, partition.path, n_rows=len(prediction),
        n_answered=int(prediction.answered.sum()), n_good=int(prediction.good.sum()),
        flags=count_flags(prediction.flags), tally=tally(prediction, ready.redshift), remarks=remarks,
        ebv=ebv_seen(ebv, at_most=at_most), any_redshift=bool((ready.redshift != 0).any()),
        counted=dict(photometry.meta.get("counted", {})),
    )  # fmt: skip
    kept = columns.select(job.keep)
    if job.id_column is not None:
        kept = identified(kept, [columns[name] for name in id_columns(job.id_column, columns.colnames, source=source)])
    assert prediction.input is not None
    given = replace(prediction.input, columns=kept)
    mixture = prediction.mixture if job.distribution else None
    return Answered(replace(prediction, input=given, mixture=mixture), report)


def answer_partition(job: AnswerJob, partition: Partition, piece: Piece) -> PartitionReport:
    """Answer one partition and keep its piece of the output; what is wrong is told, not raised.

    Parameters
    ----------
    piece : Piece
        The file that is to be written.

    Returns
    -------
    PartitionReport
        With a ``problem`` if the partition could not be answered; ``fatal`` if no other could be, either.
    """
    told = PartitionReport(partition.number, partition.name, partition.path)
    if job.version != __version__:
        where = f"the worker on {socket.gethostname()}"
        problem = f"{where} has agez {__version__}, but the run began with {job.version}: install the same on both"
        return replace(told, problem=problem, fatal=True)
    try:
        answered = answer_rows(job, *read(job, partition), partition) if len(partition) or partition.fault else None
    except Exception as error:
        return replace(told, problem=what_is_wrong(error, partition))
    try:
        if answered is None:
            return keep_piece(piece, told, None)
        applied = job.corrections.to_json()
        if applied:
            answered.table.meta["CORRMETA"] = json.dumps(applied)
        return keep_piece(piece, answered.report, answered.table)
    except Exception as error:
        return replace(told, problem=str(error), fatal=True) if is_full_disk(error) else replace(
            told, problem=what_is_wrong(error, partition)
        )  # fmt: skip


def read(job: AnswerJob, partition: Partition) -> tuple[Photometry, PlainTable]:
    """The photometry of a partition, and those of its other columns that the job needs."""
    ebv, columns, source = job.corrections.ebv, job.catalogue.columns, job.catalogue.path
    names = [option_column(ebv, columns, option="--ebv", source=source)] if isinstance(ebv, str) else []
    names += [] if job.id_column is None else id_columns(job.id_column, columns, source=source)
    return partition_rows(
        job.catalogue, partition, keep=tuple(dict.fromkeys((*job.keep, *names))), filters=job.filters,
        model=job.answering.bands, options=job.row_options,
    )  # fmt: skip


def photometry_of(job: AnswerJob, table: PlainTable) -> Photometry:
    """The photometry of rows that are in memory with all columns of the job's catalogue."""
    bands, columns = photometry_layout(job.catalogue, filters=job.filters, model=job.answering.bands)
    table = replace(table, meta=job.catalogue.meta)
    return rows_to_photometry(table, bands, columns, source=job.catalogue.path, options=job.row_options)


def what_is_wrong(error: Exception, partition: Partition) -> str:
    """Why a partition is set aside, in one line that names its file."""
    path = partition.path
    if not Path(path).exists():
        return f"{path} is not there for {socket.gethostname()}; every worker must see the same files"
    if isinstance(error, AgezError):
        return str(error) if Path(path).name in str(error) else f"{path}: {error}"
    if isinstance(error, MemoryError):
        return f"{path}: not enough memory; give fewer --rows-per-part, or fewer --workers"
    if os.environ.get("AGEZ_DEBUG"):
        raise error
    words = " ".join(str(error).split())
    return f"{path}: unexpected {type(error).__name__}: {words}; with AGEZ_DEBUG=1 it says where"


def is_full_disk(error: BaseException | None) -> bool:
    """Whether an error, or what it is from, is that of a disk that takes no more."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _DISK:
            return True
        error = error.__cause__ or error.__context__
    return False
