"""One row of a catalogue by its identifier: found without reading what is not needed, and answered alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from agez.catalogues.catalogue import Catalogue, Partition
from agez.catalogues.read_partition import read_partition
from agez.engine.answer import AnswerJob, answer_rows, read
from agez.errors import AgezError
from agez.photometry.row_values import id_columns
from agez.tables.table_columns import joined_ids, text_column
from agez.types import Prediction, Strings


def answer_row(catalogue: Catalogue, job: AnswerJob, row: str | None) -> Prediction:
    """Answer the row with an identifier; without one, the only row.

    Raises
    ------
    AgezError
        If there is no such row, there are several, or none is named and there are many.
    """
    partition, at = find_row(catalogue, job, row)
    photometry, columns = read(job, partition)
    return answer_rows(job, photometry.take([at]), columns.take([at]), partition).prediction


def find_row(catalogue: Catalogue, job: AnswerJob, row: str | None) -> tuple[Partition, int]:
    """The partition of a row, as short as can be, and its place there."""
    usable = [one for one in catalogue.partitions if len(one) and not one.fault]
    if not usable:
        raise AgezError(catalogue.partitions[0].fault)
    found: list[tuple[Partition, int]] = []
    for partition in usable if row is not None or len(catalogue) <= 1 else ():
        ids = row_ids(catalogue, job, partition)
        found += [(partition, int(at)) for at in np.flatnonzero(ids == row if row is not None else ids == ids)]
    if not found:
        some = ", ".join(row_ids(catalogue, job, usable[0])[:5].tolist())
        if row is None:
            raise AgezError(f"{catalogue.path} has {len(catalogue)} rows; name one with --row: {some}, ...")
        raise AgezError(
            f"--row is {row!r}, which no row of {catalogue.path} is called; there are {some}, ...; --id COLUMN says "
            "what identifies the rows"
        )
    if len(found) > 1:
        raise AgezError(
            f"--row {row}: {len(found)} rows of {catalogue.path} are called so; --id COLUMN,... tells them apart"
        )
    partition, at = found[0]
    if partition.kind in ("csv", "table", "memory"):  # read as a whole, and cheap
        return partition, at
    alone = replace(
        partition, start=partition.start + at, stop=partition.start + at + 1, first_row=partition.first_row + at
    )
    return alone, 0


def row_ids(catalogue: Catalogue, job: AnswerJob, partition: Partition) -> Strings:
    """Identifiers of a partition's rows, as its answers have them."""
    names = [name for name in catalogue.columns if name in ("id", "spec_id")]
    names = ["id"] if "id" in names else names
    if job.id_column is not None:
        names = id_columns(job.id_column, catalogue.columns, source=catalogue.path)
    if not names:
        return np.arange(partition.first_row, partition.first_row + len(partition)).astype(str)
    table = read_partition(catalogue, partition, names)
    joined = joined_ids([table[name] for name in names])
    return text_column(replace(table, columns={"id": joined}), "id")
