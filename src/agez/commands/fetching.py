"""Commands that bring data over the network: fetch."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from agez.commands.answers import Answer
from agez.errors import AgezError, PartlyDoneError


def fetch(options: Namespace) -> Answer:
    """``agez fetch califa``."""
    from agez.runtime.retries import Downloads
    from agez.samples.galaxy_files import read_galaxies
    from agez.spectra.fetch_califa import fetch_cubes

    names = list(options.name)
    if options.galaxies is not None:
        names += read_galaxies(options.galaxies).galaxy_id.tolist()
    if not names:
        raise AgezError("no galaxy to fetch; give names, such as NGC0001, or --galaxies TABLE")
    run = fetch_cubes(
        names, options.out, setup=options.setup, release=options.release, base_url=options.base_url,
        checksums=options.checksums, overwrite=options.overwrite, how=Downloads(retries=options.retries),
    )  # fmt: skip
    content: dict[str, Any] = {
        "folder": options.out,
        "fetched": [str(path) for path in run.fetched],
        "present": [str(path) for path in run.present],
        "problems": run.problems,
        "bytes": run.n_bytes,
        "checksums": run.checked_by,
    }
    words = f"{options.out}: {len(run.fetched)} cubes fetched, {run.n_bytes / 1e6:.1f} MB"
    if run.present:
        words += f"; {len(run.present)} were there already, which --overwrite would fetch again"
    by = (
        f"checked by {run.checked_by}"
        if run.checked_by
        else "no checksums on the server: gzip's and FITS' own looked at"
    )
    lines = [words, *([by] if run.fetched else [])]
    if run.problems:
        told = "; ".join(f"{_few(names)}: {why}" for why, names in _by_reason(run.problems).items())
        raise PartlyDoneError(
            f"{len(run.problems)} of {len(set(run.problems)) + len(run.fetched) + len(run.present)} galaxies could "
            f"not be had: {told}",
            content=content,
            lines=lines,
        )
    return content, lines


def _by_reason(problems: dict[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, why in problems.items():
        found.setdefault(why, []).append(name)
    return found


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
