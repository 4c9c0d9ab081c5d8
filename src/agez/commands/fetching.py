"""Commands that bring data over the network: fetch."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from agez.commands.answers import Answer
from agez.errors import AgezError, PartlyDoneError

if TYPE_CHECKING:
    from agez.archives.fetch_cutouts import FetchedCutouts
    from agez.spectra.fetch_califa import FetchRun

#: Options of CALIFA's cubes, and those of the surveys' rows and cut-outs.
_OF_CUBES = {"name": "NAME", "galaxies": "--galaxies", "setup": "--setup", "checksums": "--checksums"}
_OF_ROWS = {
    "region": "--region", "object_list": "--list", "cutout": "--cutout", "radius": "--radius", "max_rows": "--max-rows",
}  # fmt: skip


def fetch(options: Namespace) -> Answer:
    """``agez fetch``: rows and cut-outs of a survey, cubes of CALIFA."""
    others = _OF_ROWS if options.survey == "califa" else _OF_CUBES
    given = [option for name, option in others.items() if getattr(options, name) not in (None, [])]
    if given:
        raise AgezError(f"{given[0]} is not an option of {options.survey}; see agez fetch --help")
    if options.survey == "califa":
        return _cubes(options)
    if options.radius is not None and options.object_list is None:
        raise AgezError("--radius is of --list: how near to a position a source is")
    return _rows(options) if options.cutout is None else _cutouts(options)


def _cutouts(options: Namespace) -> Answer:
    from agez.archives.fetch_cutouts import fetch_cutouts
    from agez.archives.tap_query import SILENCE
    from agez.runtime.retries import Downloads
    from agez.surveys.registry import find_survey

    survey = find_survey(options.survey)
    assert survey is not None
    if options.max_rows is not None:
        raise AgezError("--max-rows is of --region: a cut-out has no rows")
    run = fetch_cutouts(
        survey, options.out, *options.cutout, release=options.release, base_url=options.base_url,
        overwrite=options.overwrite, how=Downloads(retries=options.retries, timeout=SILENCE),
    )  # fmt: skip
    tables = {"zero_points": run.zero_points, "psf": run.psf}
    more = {name: None if path is None else str(path) for name, path in tables.items()}
    content, lines = _fetched(options, run, "files", {"remarks": list(run.remarks), **more}, run.remarks)
    given = "".join(f" --{name.replace('_', '-')} {path}" for name, path in tables.items() if path is not None)
    return content, [*lines, f"next: agez map {options.out} -o maps.fits --model {survey.name} --redshift Z{given}"]


def _rows(options: Namespace) -> Answer:
    from agez.archives.fetch_rows import fetch_rows
    from agez.archives.tap_query import SILENCE
    from agez.runtime.retries import Downloads
    from agez.surveys.registry import find_survey

    survey = find_survey(options.survey)
    assert survey is not None
    run = fetch_rows(
        survey, options.out, region=options.region, object_list=options.object_list,
        radius_arcsec=1.0 if options.radius is None else options.radius, release=options.release,
        base_url=options.base_url, max_rows=options.max_rows, overwrite=options.overwrite,
        how=Downloads(retries=options.retries, timeout=SILENCE),
    )  # fmt: skip
    content: dict[str, Any] = {
        "out": str(run.path), "release": run.release, "rows": run.n_rows, "queries": run.n_queries,
        "missing": list(run.missing), "remarks": list(run.remarks),
    }  # fmt: skip
    lines = [f"{run.path}: {run.n_rows} rows of {survey.title} {run.release}, {run.n_queries} queries", *run.remarks]
    if run.missing:
        lines.append(f"the archive has nothing for {len(run.missing)} of the list: {_few(list(run.missing))}")
    return content, [*lines, f"next: agez predict {run.path} -o ages.fits --model {survey.name}"]


def _cubes(options: Namespace) -> Answer:
    from agez.runtime.retries import Downloads
    from agez.samples.galaxy_files import read_galaxies
    from agez.spectra.fetch_califa import fetch_cubes

    names = list(options.name)
    if options.galaxies is not None:
        names += read_galaxies(options.galaxies).galaxy_id.tolist()
    if not names:
        raise AgezError("no galaxy to fetch; give names, such as NGC0001, or --galaxies TABLE")
    run = fetch_cubes(
        names, options.out, setup=options.setup or "V500", release=options.release or "DR3", base_url=options.base_url,
        checksums=options.checksums, overwrite=options.overwrite, how=Downloads(retries=options.retries),
    )  # fmt: skip
    nothing = "no checksums on the server: gzip's and FITS' own looked at"
    by = f"checked by {run.checked_by}" if run.checked_by else nothing
    return _fetched(options, run, "cubes", {"checksums": run.checked_by}, [by] if run.fetched else [])


def _fetched(
    options: Namespace, run: FetchRun | FetchedCutouts, what: str, more: dict[str, Any], lines: Sequence[str]
) -> Answer:
    """What is said of files that were fetched; PartlyDoneError with it where some could not be had."""
    content = {
        "folder": options.out, "fetched": [str(path) for path in run.fetched],
        "present": [str(path) for path in run.present], "problems": run.problems, "bytes": run.n_bytes, **more,
    }  # fmt: skip
    words = f"{options.out}: {len(run.fetched)} {what} fetched, {run.n_bytes / 1e6:.1f} MB"
    words += f"; {len(run.present)} were there already, which --overwrite would fetch again" if run.present else ""
    if run.problems:
        by_reason: dict[str, list[str]] = {}
        for name, why in run.problems.items():
            by_reason.setdefault(why, []).append(name)
        told = "; ".join(f"{_few(names)}: {why}" for why, names in by_reason.items())
        n_all = len(run.problems) + len(run.fetched) + len(run.present)
        lacking = f"{len(run.problems)} of {n_all} {'galaxies' if what == 'cubes' else what}"
        raise PartlyDoneError(f"{lacking} could not be had: {told}", content=content, lines=[words, *lines])
    return content, [words, *lines]


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
