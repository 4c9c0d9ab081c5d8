"""Labels of many files at once: in worker processes, each galaxy once, those that fail set aside."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from agez.errors import AgezError
from agez.flags import count_flags
from agez.label_types import Labels
from agez.labelling.cube_bins import is_cube, label_name
from agez.labelling.input_files import few_remarks
from agez.labelling.label_galaxy import LabelOptions, fingerprint_of, label_file, labels_of_file, what_labels_depend_on
from agez.labelling.label_galaxy import joined as join_labels
from agez.labelling.label_parts import FINGERPRINT, has_fingerprint, remove_parts
from agez.labelling.label_summary import label_summary
from agez.runtime.files import make_folder
from agez.runtime.finished_work import fingerprint
from agez.runtime.progress import progress
from agez.runtime.worker_pool import each_done
from agez.spectra.label_files import read_labels, write_labels
from agez.spectra.templates import SSPGrid
from agez.tables.column_metadata import describe_columns
from agez.tables.maps import MapFrame
from agez.tables.maps_files import read_maps
from agez.tables.summaries import EXTENSION, SUMMARY_FILE, join_rows
from agez.tables.table_files import check_fits_output, open_fits, write_table


@dataclass(frozen=True, eq=False)
class LabelRun:
    """What a run did."""

    #: Files of labels, one an input, or the one that all are joined in; those of this run and of earlier ones.
    outputs: tuple[Path, ...]
    inputs: tuple[Path, ...]  #: The files of spectra that they are of.
    templates: str  #: Name of the template grid.
    #: n_spectra, n_fitted, n_good, n_new: Rows; those with an answer; those without a fault; rows that were fitted by
    #: this run and not by an earlier one.
    n_spectra: int
    n_fitted: int
    n_good: int
    n_new: int
    flags: Mapping[str, int]  #: How many rows carry each bit.
    remarks: tuple[str, ...]  #: What had to be assumed.
    problems: Mapping[str, str]  #: Files that were set aside, and why.
    seconds: float
    few: Labels | None = None  #: The labels themselves, where they are few.
    summary: Table | None = None  #: A row a galaxy: :func:`agez.labelling.label_summary.label_summary`.


@dataclass(frozen=True)
class _Task:
    """One file for a worker: its labels go to ``output``, or, where all are joined, back to the caller.

    ``workers`` share its chunks: more than one only where it is the only file.
    """

    path: Path
    output: Path
    word: str
    join: bool = False
    workers: int = 1
    bar: bool = False


@dataclass(frozen=True, eq=False)
class _Outcome:
    """What came of one file."""

    problem: str = ""
    labels: Labels | None = None
    n_spectra: int = 0
    n_fitted: int = 0
    n_good: int = 0
    flags: Mapping[str, int] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    summary: Table | None = None


#: Labels are given back, for a person to see, up to so many rows.
_FEW = 10


def run_labels(
    files: Sequence[Path], out: str | os.PathLike[str], options: LabelOptions, *, source: str = "", workers: int = 1
) -> LabelRun:
    """Fit all files and write their labels.

    ``out`` that is a folder, or ends in a slash, gets one file a file of spectra, named by
    :func:`agez.labelling.cube_bins.label_name`, and ``summary.fits``, a row a galaxy; a file that fails is set aside.
    ``out`` that is a file holds the labels of one file of spectra, or, if none of them is a cube, of all together;
    there nothing is set aside.

    What an earlier run has done, with the same content of the files, settings and version, is not done again.  The
    result does not depend on the number of workers, nor on interruptions.

    Parameters
    ----------
    source : str
        What joined labels say that they were made of.

    Raises
    ------
    AgezError
        For options that cannot be; and for a failing file where there is one output.
    """
    started = time.monotonic()
    outputs = _outputs(files, out)
    joined = outputs is None
    grid = options.grid()
    on = what_labels_depend_on(options, grid)
    words = {path: fingerprint_of(path, on) for path in progress(files, title="looking at files")}
    if joined:
        return _run_joined(files, Path(out), options, grid, words, source, workers, started)
    assert outputs is not None
    tasks = [_Task(path, outputs[path], words[path]) for path in files]
    new = [task for task in tasks if options.overwrite or not has_fingerprint(task.output, task.word)]
    if len(new) == 1:
        alone = replace(new[0], workers=workers, bar=True)
        tasks, new = [alone if task == new[0] else task for task in tasks], [alone]
    outcomes = _outcomes(new, options, grid, workers)
    for task in tasks:
        if task not in outcomes:
            remove_parts(task.output)  # of a run that was killed in its last moment
            labels = read_labels(task.output)
            outcomes[task] = _outcome(
                labels, label_summary(labels, frame=_frame(task.output), galaxies=options.galaxies)
            )
    problems = {str(task.path): outcome.problem for task, outcome in outcomes.items() if outcome.problem}
    if problems and len(files) == 1:
        raise AgezError(next(iter(problems.values())))
    good = [(task, outcomes[task]) for task in tasks if not outcomes[task].problem]
    n_new = sum(outcomes[task].n_spectra for task in new)
    one = good[0][1].labels if len(good) == 1 else None
    summary = _summary(good, Path(out)) if good else None
    return LabelRun(
        tuple(task.output for task, _ in good), tuple(task.path for task, _ in good), grid.name,
        **_totals([outcome for _, outcome in good]), n_new=n_new, problems=problems,
        seconds=time.monotonic() - started, few=one, summary=summary,
    )  # fmt: skip


def _frame(path: Path) -> MapFrame | None:
    """Where the bins of a file of labels lie, if it is of a cube."""
    with open_fits(path) as hdus:
        there = "BINID" in hdus
    return read_maps(path)[1] if there else None


def _summary(done: Sequence[tuple[_Task, _Outcome]], out: Path) -> Table:
    """The rows of all files' galaxies; written beside the labels, if these are in a folder."""
    tables = []
    for task, outcome in done:
        assert outcome.summary is not None
        one = Table(outcome.summary)
        one["file"] = [task.output.name] * len(one)
        tables.append(describe_columns(one))
    table = join_rows(tables)
    if out.is_dir():
        write_table(out / SUMMARY_FILE, table, name=EXTENSION, describe=False)
    return table


def _outputs(files: Sequence[Path], out: str | os.PathLike[str]) -> dict[Path, Path] | None:
    """The file of labels of each file of spectra; None if all are joined in one."""
    text, path = os.fspath(out), Path(out)
    if not (path.is_dir() or text.endswith(("/", os.sep))):
        cubes = [one.name for one in files if is_cube(one)] if len(files) > 1 else []
        if cubes and not path.suffix:
            raise AgezError(f"output {path}: several cubes go into a folder: -o {path}/")
        check_fits_output(path)
        if len(files) == 1:
            return {files[0]: path}
        if cubes:
            raise AgezError(
                f"output {path} is one file, but {len(cubes)} of {len(files)} inputs are cubes ({cubes[0]}, ...), each "
                f"with maps of its own: give a folder, -o {path.with_suffix('')}/"
            )
        return None
    make_folder(path)
    found: dict[Path, Path] = {}
    owners: dict[str, Path] = {}
    for one in files:
        name = label_name(one)
        if name in owners:
            raise AgezError(f"{owners[name]} and {one} would both be labelled in {path / name}; rename one")
        owners[name] = one
        found[one] = path / name
    return found


def _run_joined(
    files: Sequence[Path],
    out: Path,
    options: LabelOptions,
    grid: SSPGrid,
    words: Mapping[Path, str],
    source: str,
    workers: int,
    started: float,
) -> LabelRun:
    """All rows in one file."""
    word = fingerprint({"joined": [words[path] for path in files], "source": source})
    if not options.overwrite and has_fingerprint(out, word):
        labels, n_new = read_labels(out), 0
    else:
        tasks = [_Task(path, out, words[path], join=True) for path in files]
        outcomes = list(_outcomes(tasks, options, grid, workers).values())
        problem = next((outcome.problem for outcome in outcomes if outcome.problem), "")
        if problem:
            raise AgezError(problem)
        parts = [outcome.labels for outcome in outcomes if outcome.labels is not None]
        remarks = few_remarks(remark for part in parts for remark in part.meta["remarks"])
        labels = join_labels(parts)
        labels = replace(labels, meta={**labels.meta, "source": source, "remarks": remarks})
        write_labels(out, labels, grid=grid, header={FINGERPRINT: (word, "input, settings, version")})
        n_new = len(labels)
    remove_parts(out)
    return LabelRun(
        (out,), tuple(files), grid.name, **_totals([_outcome(labels)]), n_new=n_new, problems={},
        seconds=time.monotonic() - started, few=labels if len(labels) <= _FEW else None,
        summary=label_summary(labels, galaxies=options.galaxies),
    )  # fmt: skip


def _totals(outcomes: Sequence[_Outcome]) -> dict[str, Any]:
    flags: Counter[str] = Counter()
    for outcome in outcomes:
        flags.update(outcome.flags)
    return {
        "n_spectra": sum(one.n_spectra for one in outcomes),
        "n_fitted": sum(one.n_fitted for one in outcomes),
        "n_good": sum(one.n_good for one in outcomes),
        "flags": dict(flags),
        "remarks": tuple(few_remarks(remark for one in outcomes for remark in one.remarks)),
    }


def _outcomes(tasks: Sequence[_Task], options: LabelOptions, grid: SSPGrid, workers: int) -> dict[_Task, _Outcome]:
    """What came of each task, in their order; the first failing one ends the work where labels are joined."""
    # the largest first, so that no worker is left alone with one at the end
    order = sorted(tasks, key=lambda task: -task.path.stat().st_size)
    given = grid if min(workers, len(tasks)) == 1 else None  # workers load their own
    found: dict[_Task, _Outcome] = {}
    done = each_done(_work, order, workers=workers, start=_start, start_with=(options, given))
    for task, outcome in progress(done, total=len(tasks), title="spectral fitting") if len(tasks) > 1 else done:
        found[task] = outcome
        if outcome.problem and task.join:
            break
    return {task: found[task] for task in tasks if task in found}


_shared: dict[str, Any] = {}


def _start(options: LabelOptions, grid: SSPGrid | None) -> None:
    """What a worker keeps: sent once, not with every file."""
    _shared.update(options=options, grid=options.grid() if grid is None else grid)


def _work(task: _Task) -> _Outcome:
    """Labels of one file; whatever is wrong with it is told, not raised, so that the others go on."""
    options, grid = _shared["options"], _shared["grid"]
    try:
        if task.join:
            labels, _ = labels_of_file(task.path, options, grid, word=task.word, kept_for=task.output, join=True)
            return replace(_outcome(labels), labels=labels)
        labels, frame = label_file(
            task.path, task.output, options, grid, word=task.word, workers=task.workers, bar=task.bar
        )  # fmt: skip
        return _outcome(labels, label_summary(labels, frame=frame, galaxies=options.galaxies))
    except AgezError as error:
        return _Outcome(problem=str(error) if task.path.name in str(error) else f"{task.path}: {error}")
    except MemoryError:
        return _Outcome(problem=f"{task.path}: not enough memory; give fewer --workers")
    except Exception as error:
        if os.environ.get("AGEZ_DEBUG"):
            raise
        words = " ".join(str(error).split())
        return _Outcome(
            problem=f"{task.path}: unexpected {type(error).__name__}: {words}; this is a fault of agez: please report "
            "it, with what AGEZ_DEBUG=1 prints"
        )


def _outcome(labels: Labels, summary: Table | None = None) -> _Outcome:
    return _Outcome(
        labels=labels if len(labels) <= _FEW else None,
        n_spectra=len(labels),
        n_fitted=int(np.isfinite(labels.log_age_lw).sum()),
        n_good=int(labels.good.sum()),
        flags=count_flags(labels.flags),
        remarks=tuple(labels.meta.get("remarks", ())),
        summary=summary,
    )
