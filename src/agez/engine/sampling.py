"""Rows from all over a catalogue, few enough for memory: what is estimated of all rows is estimated of them."""

from __future__ import annotations

import numpy as np

from agez.apply.corrections import corrected, ebv_of_rows
from agez.catalogues.catalogue import Catalogue
from agez.engine.answer import AnswerJob, model_of, read
from agez.types import Photometry

#: At most so many rows, of at most so many partitions.
SAMPLE_ROWS, SAMPLE_PARTITIONS = 20_000, 20


def some_rows(job: AnswerJob, catalogue: Catalogue, *, at_most: int = SAMPLE_ROWS) -> Photometry:
    """Corrected photometry of evenly spaced rows of evenly spaced partitions; of a small catalogue, all of it.

    Raises
    ------
    AgezError
        If one of these partitions cannot be read.
    """
    usable = [one for one in catalogue.partitions if len(one) and not one.fault]
    step = max(1, -(-len(usable) // SAMPLE_PARTITIONS))
    chosen = usable[::step]
    n_rows = sum(len(one) for one in chosen)
    bands = model_of(job.model, job.model_digest).bands
    parts = []
    for partition in chosen:
        photometry, columns = read(job, partition)
        ebv = ebv_of_rows(columns, job.corrections, source=partition.path)
        ready = corrected(photometry, job.corrections, bands, ebv=ebv)
        share = max(1, round(at_most * len(partition) / max(n_rows, 1)))
        rows = np.unique(np.linspace(0, len(ready) - 1, min(share, len(ready))).round().astype(int))
        parts.append(ready if len(rows) == len(ready) else ready.take(rows))
    return Photometry.concatenate(parts)
