"""Finished pieces of an output, each with its report, so that a run that was interrupted goes on."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.table import Table

from agez.catalogues.catalogue import Partition
from agez.engine.reports import PartitionReport
from agez.runtime.files import make_folder, write_json
from agez.runtime.finished_work import fingerprint, read_json

if TYPE_CHECKING:
    from agez.engine.answer import AnswerJob

#: Letters of a piece's name: of what is done with every partition, and of the partition.
_LETTERS = 12, 20


@dataclass(frozen=True)
class Piece:
    """The file of a partition's answers, ``path``; its report lies beside it."""

    path: str

    @property
    def report(self) -> Path:
        """The file of the report, which is written last: what has it is whole."""
        return Path(f"{self.path}.json")


def pieces_folder(output: Path) -> Path:
    """Where the pieces of an output are kept until it is complete."""
    return output.with_name(f".{output.name}.parts")


def pieces_of(job: AnswerJob, partitions: Sequence[Partition], folder: Path, extension: str) -> dict[int, Piece]:
    """The piece of each partition, by its number.

    Names come from what is done (model, options, version), and from size and time of the partition's file and which
    rows of it these are: so a mended file is answered again, and no other.
    """
    run = fingerprint(_what_is_done(job))[: _LETTERS[0]]
    numbered = not {"id", "spec_id"} & set(job.catalogue.columns)  # else no row's number is in its answer
    found = {}
    for one in partitions:
        try:
            stat = Path(one.path).stat()
            state: Any = [stat.st_size, stat.st_mtime_ns]
        except OSError:
            state = None
        word = fingerprint({"path": str(Path(one.path).absolute()), "state": state, "rows": [one.start, one.stop],
                            "bytes": list(one.bytes_range), "first": one.first_row if numbered else 0})  # fmt: skip
        found[one.number] = Piece(str(folder / f"{run}-{word[: _LETTERS[1]]}{extension}"))
    return found


def _what_is_done(job: AnswerJob) -> dict[str, Any]:
    corrections = asdict(replace(job.corrections, zero_points=None))
    points = job.corrections.zero_points
    if points is not None:
        corrections["factors"] = [list(points.bands.names), np.asarray(points.factor).tolist()]
    catalogue = job.catalogue
    return {
        "model": job.model_digest, "filters": job.filters, "redshift": job.redshift, "id": job.id_column,
        "corrections": corrections,
        "asked": asdict(job.asked), "distribution": job.distribution, "keep": list(job.keep), "kind": catalogue.kind,
        "bands": list(catalogue.bands), "vectors": list(catalogue.vectors),
        "aperture": catalogue.aperture, "units": dict(sorted(catalogue.units.items())),
    }  # fmt: skip


def keep_piece(piece: Piece, report: PartitionReport, table: Table | None) -> PartitionReport:
    """Write a piece, then its report; no table: no rows, and no file.  The report is given back."""
    from agez.catalogues.write_pieces import write_piece

    size = 0
    if table is not None:
        write_piece(piece.path, table)
        size = Path(piece.path).stat().st_size
    write_json(piece.report, {"size": size, **report.to_json()})
    return report


def kept_report(piece: Piece, partition: Partition) -> PartitionReport | None:
    """The report of a piece that an earlier run has finished; None if it is not there, or not whole."""
    content = read_json(piece.report)
    try:
        if content is None or (size := content.pop("size")) != (Path(piece.path).stat().st_size if size else 0):
            return None
        return PartitionReport.from_json(partition.number, content)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def open_folder(folder: Path, pieces: Iterable[Piece], *, fresh: bool) -> None:
    """Make the folder of the pieces, and take away what this run has no use for.

    That is what a killed run has left half done, and what was made with other options, or all of it if ``fresh``.
    """
    if fresh:
        remove_folder(folder)
    make_folder(folder)
    ours = {name for piece in pieces for name in (Path(piece.path).name, piece.report.name)}
    for path in folder.iterdir():
        if path.name not in ours:
            path.unlink(missing_ok=True)


def remove_folder(folder: Path) -> None:
    """Forget the pieces of an output that is complete."""
    shutil.rmtree(folder, ignore_errors=True)
