"""What can be had beside the labels of a run: spectra without their emission lines, and single fits to look at."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from agez.label_types import Labels
from agez.labelling.cube_bins import fitted_rows, same_rows
from agez.labelling.label_galaxy import LabelOptions, fit
from agez.labelling.label_run import LabelRun
from agez.spectra.label_files import read_labels
from agez.spectra.readers import write_rss
from agez.spectra.subtraction import subtract_lines
from agez.spectra.templates import SSPGrid
from agez.types import Spectra


def write_subtracted(path: str | os.PathLike[str], run: LabelRun, options: LabelOptions) -> None:
    """Write the spectra (a cube's: its bins) of a run of one file minus their fitted emission lines, as an RSS file."""
    spectra, labels = same_rows(run.inputs[0], run.outputs[0], redshift=options.redshift)
    write_rss(path, subtract_lines(spectra, labels))


def fits_to_show(run: LabelRun, options: LabelOptions, *, most: int) -> Iterator[Labels]:
    """Labels with their fitted spectra, a few rows of each file, spread evenly over its rows; ``most`` in all.

    They are taken from the file if it holds them, else fitted once more.
    """
    grid = options.grid()
    one_each = len(run.outputs) == len(run.inputs)
    a_file = math.ceil(most / len(run.inputs))
    left = most
    for number, path in enumerate(run.inputs):
        if left <= 0:
            return
        spectra, labels = _spectra_of(path, run.outputs[number] if one_each else None, options, grid)
        count = min(a_file, left, len(spectra))
        rows = np.unique(np.round(np.linspace(0, len(spectra) - 1, count)).astype(int))
        left -= len(rows)
        if labels is not None and labels.fitted is not None:
            yield labels.take(rows)
        else:
            yield fit(spectra.take(rows), grid, options, keep_fits=True)


def _spectra_of(
    path: Path, labels_path: Path | None, options: LabelOptions, grid: SSPGrid
) -> tuple[Spectra, Labels | None]:
    if labels_path is None:
        rows, _ = fitted_rows(
            path, redshift=options.redshift, binning=options.binning, galaxies=options.galaxies, templates=grid
        )
        return rows, None
    return same_rows(path, labels_path, redshift=options.redshift)


def labels_of_many(paths: list[Path]) -> Labels:
    """Labels of several files as one, without lines, histories and fits, which a sample has no use for."""
    parts = [read_labels(path) for path in paths]
    bare = [Labels(part.rows, **{name: getattr(part, name) for name in Labels.column_names()}) for part in parts]
    joined = Labels.concatenate(bare)
    sources = ", ".join(str(part.meta.get("source", path)) for part, path in zip(parts, paths, strict=True))
    return Labels(**{**vars(joined), "meta": {**parts[0].meta, "source": sources}})
