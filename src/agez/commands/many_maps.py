"""``agez map`` of many galaxies: each in a worker, finished ones kept, those that fail set aside, one summary."""

from __future__ import annotations

import os
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from agez.commands.answers import Answer
from agez.commands.galaxy_columns import OF_THE_RUN, PATHS
from agez.commands.galaxy_list import (
    GALAXIES_FILE,
    MAPS_END,
    folders_of_galaxies,
    galaxies_of_folders,
    galaxies_of_list,
)
from agez.commands.maps import checked_settings, completed, maps_of
from agez.engine.answer import is_full_disk, model_of
from agez.engine.galaxies import each_galaxy
from agez.errors import AgezError, PartlyDoneError
from agez.images.image_files import is_image_name
from agez.labelling.label_parts import FINGERPRINT, has_fingerprint
from agez.mapping.map_files import write_galaxy_maps
from agez.models.model_file import find_model
from agez.runtime.files import make_folder
from agez.runtime.finished_work import file_hash, fingerprint, input_hash, remove_half_written
from agez.runtime.optional_packages import is_installed
from agez.runtime.progress import progress
from agez.runtime.run_lock import sole_run
from agez.tables.column_metadata import Words, describe_columns
from agez.tables.summaries import EXTENSION as SUMMARY
from agez.tables.summaries import OF_SUMMARIES, SUMMARY_FILE, galaxy_lines, join_rows
from agez.tables.table_files import read_table, write_table

#: Files of the folder beside the maps.
FAILURES_FILE, SHEET = "failures.ecsv", "contact_sheet"
#: Galaxies that failed are named one by one up to so many.
_NAMED = 20
_OF_FAILURES = {
    "row": Words(None, "number of the galaxy in the list, from 1", "meta.record"),
    "name": Words(None, "galaxy", "meta.id;meta.main"),
    "input": Words(None, "what was to be read", "meta.ref.url"),
    "reason": Words(None, "why the galaxy was set aside", "meta.note"),
}


@dataclass(frozen=True, eq=False)
class MapOutcome:
    """What came of one galaxy: its row of the summary, or why there is none."""

    row: Table | None = None
    problem: str = ""
    fatal: bool = False  #: The problem is not the galaxy's own: the run had better stop.
    resumed: bool = False  #: An earlier run had mapped it.


def map_many(options: Namespace) -> Answer:
    """Map the galaxies of a list, or of a folder of folders, into a folder."""
    started = time.monotonic()
    given = options.input[0]
    folder = _output(options)
    remarks: list[str] = []
    if Path(given).is_dir():
        options, remarks = _with_table_beside(options)
        galaxies = galaxies_of_folders(folders_of_galaxies(given, but=options.out), options)
    else:
        galaxies, remarks = galaxies_of_list(given, options)
    for one in galaxies:
        inside = [path for path in one.input if Path(path).resolve() == folder.resolve()]
        if inside:
            raise AgezError(f"-o/--out {options.out} is the folder of {one.name}; give another")
    busy = f"{folder}: another run writes its maps there"
    with sole_run(folder / ".map.lock", busy=busy, advice="wait until it has ended, or give another -o/--out"):
        remove_half_written(folder)
        try:
            outcomes = _outcomes(galaxies, options, folder)
        except KeyboardInterrupt:
            print(f"agez: finished maps are kept in {folder}; the same command goes on", file=sys.stderr)
            raise
        return _finished(galaxies, outcomes, options, folder, remarks, started)


def _with_table_beside(options: Namespace) -> tuple[Namespace, list[str]]:
    """The options with the table of galaxies that a mock survey has beside its images, where none says a redshift."""
    table = Path(options.input[0]) / GALAXIES_FILE
    if options.galaxies is not None or options.redshift is not None or not table.is_file():
        return options, []
    return Namespace(**{**vars(options), "galaxies": str(table)}), [f"redshifts and discs: {table}, beside the images"]


def _output(options: Namespace) -> Path:
    """The folder of the maps; AgezError for the name of a file, or the folder that is read."""
    if options.workers is not None and options.scheduler is not None:
        raise AgezError("--workers are those of this machine, and --scheduler has its own: give one of the two")
    out = Path(options.out)
    if out.is_file() or (not out.is_dir() and out.suffix.lower() in (".fits", ".fit", ".gz")):
        raise AgezError(f"-o/--out {options.out}: {options.input[0]} has many galaxies: give a folder, -o maps/")
    if out.resolve() == Path(options.input[0]).resolve():
        raise AgezError(f"-o/--out {options.out} is the folder of the galaxies; give another")
    if options.name is not None:
        raise AgezError(f"--name is of one galaxy, and {options.input[0]} has many; leave it out")
    if options.page is not None:
        if Path(options.page).is_file() or Path(options.page).suffix.lower() in (".html", ".htm"):
            words = f"{options.input[0]} has many galaxies: give a folder, --page pages/"
            raise AgezError(f"--page {options.page}: {words}")
        make_folder(options.page)
    return make_folder(out)


def _outcomes(galaxies: Sequence[Namespace], options: Namespace, folder: Path) -> dict[str, MapOutcome]:
    """What came of each galaxy, by its name."""
    digests: dict[str, str] = {}
    for one in galaxies:
        try:
            digests[one.model] = digests.get(one.model) or file_hash(find_model(one.model))
        except AgezError as error:
            raise AgezError(f"{options.input[0]}, {one.name}: {error}") from error
    for one in galaxies:
        one.model_digest = digests[one.model]
        if options.scheduler is not None:  # workers elsewhere stand in other folders
            _make_absolute(one)
    found: dict[str, MapOutcome] = {}
    done = each_galaxy(
        map_listed, galaxies, workers=options.workers, scheduler=options.scheduler, source=options.input[0],
        folder=folder, lost=_lost,
    )  # fmt: skip
    with progress(total=len(galaxies), title="mapping galaxies") as bar:
        for one, outcome in done:
            if outcome.fatal:
                raise AgezError(f"{outcome.problem}; finished maps are kept in {folder}: the same command goes on")
            found[one.name] = outcome
            failed = sum(bool(other.problem) for other in found.values())
            bar.update(1)
            if failed:
                bar.set_postfix_str(f"{failed} set aside")
    return found


def map_listed(options: Namespace) -> MapOutcome:
    """In a worker: one galaxy, unless an earlier run has done it; what is wrong with it is told, not raised."""
    try:
        word = _fingerprint(options)
        pictures = [*_pictures(options), *_page(options)]
        done = has_fingerprint(options.out, word) and all(path.exists() for path in pictures)
        if options.fresh or not done:
            _map(options, word)
        return MapOutcome(read_table(options.out, prefer=(SUMMARY,)), resumed=done and not options.fresh)
    except OSError as error:
        return MapOutcome(problem=f"{error.filename or options.input[0]} cannot be read: {error.strerror or error}")
    except MemoryError:
        return MapOutcome(problem="not enough memory; give fewer --workers")
    except Exception as error:
        if isinstance(error, AgezError):
            return MapOutcome(problem=str(error), fatal=is_full_disk(error))
        if os.environ.get("AGEZ_DEBUG"):
            raise
        words = " ".join(str(error).split())
        return MapOutcome(
            problem=f"unexpected {type(error).__name__}: {words}; this is a fault of agez: please report it, with what "
            "AGEZ_DEBUG=1 prints"
        )


def _lost(options: Namespace) -> MapOutcome:
    return MapOutcome(problem="the worker that mapped it was killed, perhaps for want of memory; give fewer --workers")


def _map(options: Namespace, word: str) -> None:
    options = completed(options)
    settings = checked_settings(Namespace(**{**vars(options), "page": None}))
    maps = maps_of(options, model_of(options.model, options.model_digest), settings)
    if options.pictures is not None:
        from agez.report.map_pictures import draw_maps

        draw_maps(maps, options.pictures)
    for page in _page(options):
        from agez.report.answer_page import write_answer_page
        from agez.report.page_content import content_of_maps

        write_answer_page(page, content_of_maps(maps))
    write_galaxy_maps(options.out, maps, header={FINGERPRINT: (word, "input, settings, version")})


def _pictures(options: Namespace) -> list[Path]:
    if options.pictures is None:
        return []
    stem = Path(options.out).name.removesuffix(MAPS_END)
    return [Path(options.pictures) / f"{stem}_{kind}.png" for kind in ("maps", "profiles")]


def _page(options: Namespace) -> list[Path]:
    stem = Path(options.out).name.removesuffix(MAPS_END)
    return [] if options.page is None else [Path(options.page) / f"{stem}.html"]


def _fingerprint(options: Namespace) -> str:
    """Of all that a file of maps depends on: options, the model, and the content of the files."""
    said = {key: value for key, value in vars(options).items() if key not in (*OF_THE_RUN, "model")}
    beside = [said.pop(key) for key in (*PATHS, "psf") if isinstance(said.get(key), str) and Path(said[key]).exists()]
    files = [*_files_of(options.input, wanted=is_image_name), *_files_of(beside)]
    content = [[file.name, input_hash(file)] for file in files]
    return fingerprint({"maps": said, "content": content})


def _files_of(paths: Sequence[str], *, wanted: Callable[[Path], bool] = Path.is_file) -> list[Path]:
    """Files, and those of folders that are wanted."""
    each = (sorted(filter(wanted, one.iterdir())) if one.is_dir() else [one] for one in map(Path, paths))
    return [file for files in each for file in files if file.is_file()]


def _make_absolute(options: Namespace) -> None:
    options.input = [str(Path(one).absolute()) for one in options.input]
    for name in ("out", "pictures", "page", "psf", *PATHS):
        value = getattr(options, name)
        if isinstance(value, str) and (name in ("out", "pictures", "page") or Path(value).exists()):
            setattr(options, name, str(Path(value).absolute()))


def _finished(
    galaxies: Sequence[Namespace], outcomes: dict[str, MapOutcome], options: Namespace, folder: Path,
    remarks: list[str], started: float,
) -> Answer:  # fmt: skip
    """Write what all galaxies have together, and say what came of them."""
    failed = [(one, _reason(one, outcomes[one.name])) for one in galaxies if outcomes[one.name].problem]
    rows_failed = [row for row, one in enumerate(galaxies, start=1) if outcomes[one.name].problem]
    mapped = [one for one in galaxies if not outcomes[one.name].problem]
    _write_failures(folder / FAILURES_FILE, rows_failed, failed)
    rows = [_with_file(outcomes[one.name].row, one) for one in mapped]
    summary, sheets = folder / SUMMARY_FILE, list[Path]()
    table = join_rows(rows)
    if mapped:
        write_table(summary, table, name=SUMMARY, describe=False)
        sheets, said = _contact_sheets(folder, [(one.name, Path(one.out)) for one in mapped])
        remarks = [*remarks, *said]
        for old in set(folder.glob(f"{SHEET}*.png")) - set(sheets):
            old.unlink()
    resumed = sum(outcomes[one.name].resumed for one in mapped)
    content: dict[str, Any] = {
        "output": options.out, "n_galaxies": len(galaxies), "n_mapped": len(mapped),
        "n_good": int(np.sum(table["good"])) if mapped else 0, "resumed": resumed,
        "summary": str(summary) if mapped else None, "contact_sheets": [str(path) for path in sheets],
        "set_aside": [{"name": one.name, "input": _input(one), "reason": reason} for one, reason in failed],
        "remarks": remarks, "seconds": round(time.monotonic() - started, 3),
    }  # fmt: skip
    told = f"{options.out}: {len(mapped)} of {len(galaxies)} galaxies mapped, {content['n_good']} of them good"
    lines = [*remarks, told]
    if resumed:
        lines.append(f"{resumed} of them by an earlier run")
    if mapped:
        some = int(np.sum(table["remarks"] != ""))
        lines.append(f"{summary}: a row a galaxy" + (f"; {some} have remarks (column remarks)" if some else ""))
    lines += [f"{path}: colours, ages, metallicities" for path in sheets]
    if options.page is not None and mapped:
        lines.append(f"{options.page}: a page a galaxy")
    lines += galaxy_lines(table)
    if not failed:
        return content, lines
    for one, reason in failed[:_NAMED]:
        print(f"agez: set aside: {one.name}: {reason}", file=sys.stderr)
    more = f", and {len(failed) - 1} more" if len(failed) > 1 else ""
    raise PartlyDoneError(
        f"{len(failed)} of {len(galaxies)} galaxies set aside: {failed[0][0].name}{more}; {folder / FAILURES_FILE} "
        "says why; mend their files and give the same command again: only they are mapped then",
        content=content,
        lines=lines,
    )


def _reason(one: Namespace, outcome: MapOutcome) -> str:
    """Why a galaxy was set aside; maps that an earlier run made of it stay where they are, and in no summary."""
    left = f"; {Path(one.out).name}, of an earlier run, is left as it is" if Path(one.out).exists() else ""
    return outcome.problem + left


def _with_file(row: Table | None, one: Namespace) -> Table:
    assert row is not None
    row["file"] = [Path(one.out).name]
    return describe_columns(row, special=OF_SUMMARIES)


def _write_failures(path: Path, rows: Sequence[int], failed: Sequence[tuple[Namespace, str]]) -> None:
    if not failed:
        path.unlink(missing_ok=True)
        return
    columns: dict[str, Any] = {
        "row": rows,
        "name": [one.name for one, _ in failed],
        "input": [_input(one) for one, _ in failed],
        "reason": [reason for _, reason in failed],
    }
    write_table(path, describe_columns(Table(columns), special=_OF_FAILURES), describe=False)


def _input(one: Namespace) -> str:
    return "; ".join(map(str, one.input))


def _contact_sheets(folder: Path, maps: Sequence[tuple[str, Path]]) -> tuple[list[Path], list[str]]:
    if not is_installed("matplotlib"):
        return [], ["no contact sheet: matplotlib is not installed: pip install 'agez[report]'"]
    from agez.report.contact_sheet import draw_contact_sheets

    return draw_contact_sheets(folder / f"{SHEET}.png", maps), []
