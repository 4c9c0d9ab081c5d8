"""Many galaxies in one ``agez map`` command against a loop of single commands; a damaged one; an interruption.

Run ``python benchmarks/many_maps.py [FOLDER] [--galaxies 50] [--few 10]`` (minutes).  FOLDER is kept;
without it everything is made in one that is removed.  Prints, as Markdown:

- of one command for all mock galaxies (S-PLUS), one of which has a damaged image: what was answered, what was named;
- the same command killed by kill -9 when a third is done, and started again: whether every file has the same bytes;
- of a few galaxies, on one core each, side by side: processor time and wall time of one command and of a loop of single
  commands that run at the same time, so that a busy machine hinders both alike.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from astropy.table import Table

from agez.samples.galaxy_files import read_galaxies
from agez.tables.table_files import read_table

#: The bar: one command takes at most this share of a loop's time.
BAR = 0.6


class Cost(NamedTuple):
    """Seconds of a command and its workers, and how it ended."""

    processor: float
    wall: float
    status: int
    err: str


def agez(*arguments: object) -> Cost:
    """Run the command line in a process of its own, on one core's threads."""
    one = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "agez", *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=err,
            env={**os.environ, **one},
        )  # fmt: skip
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        err.seek(0)
        said = err.read()
    return Cost(used.ru_utime + used.ru_stime, time.monotonic() - started, process.returncode, said)


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def killed_and_resumed(command: list[object], out: Path, least: int) -> tuple[int, Cost]:
    """Kill the command with ``kill -9`` once ``least`` maps are there, and start it again: maps then, and its cost."""
    process = subprocess.Popen(
        [sys.executable, "-m", "agez", *map(str, command)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while process.poll() is None and len(list(out.glob("*.maps.fits"))) < least:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    time.sleep(1.0)  # workers see that nobody listens
    return len(list(out.glob("*.maps.fits"))), agez(*command)


def side_by_side(table: Table, mock: Path, folder: Path) -> tuple[Cost, Cost]:
    """One command for all galaxies of a table, and a loop of single commands: one process each, at the same time."""
    listed, out = folder / "few.csv", folder / "few"
    table.write(listed, overwrite=True)

    def loop() -> Cost:
        costs = []
        for row in table:
            options = [word for name in ("redshift", "re", "inclination", "pa") for word in (f"--{name}", row[name])]
            path = folder / f"{row['name']}.fits"
            costs.append(agez("map", mock / row["name"], "-o", path, "--model", "splus", *options))
            assert costs[-1].status == 0, costs[-1].err
        return Cost(sum(one.processor for one in costs), sum(one.wall for one in costs), 0, "")

    with ThreadPoolExecutor(2) as pool:
        looped = pool.submit(loop)
        many = agez("map", listed, "-o", f"{out}/", "--model", "splus", "--workers", 1, "--fresh")
        assert many.status == 0, many.err
        return many, looped.result()


def run(folder: Path, galaxies: int, few: int) -> None:
    """Measure and print."""
    mock = folder / "mock"
    if not (mock / "galaxies.fits").exists():
        made = agez("mock", "-o", mock, "--images", "--galaxies", galaxies, "--filters", "splus")
        assert made.status == 0, made.err
    known = read_galaxies(mock / "galaxies.fits")
    table = Table(
        {"name": known.galaxy_id, "folder": [str(mock / str(name)) for name in known.galaxy_id],
         "redshift": known.redshift, "re": known.re_arcsec, "inclination": known.inclination, "pa": known.pa}
    )  # fmt: skip
    sound = table[np.arange(len(table)) != len(table) // 7]
    many, loop = side_by_side(sound[:few], mock, folder)
    print(
        f"- {few} galaxies, one process, side by side: one command {many.processor:.1f} s of processor, "
        f"{many.wall:.0f} s of wall; loop {loop.processor:.1f} and {loop.wall:.0f} s; ratio "
        f"{many.processor / loop.processor:.2f} and {many.wall / loop.wall:.2f} (bar: {BAR})",
        flush=True,
    )
    name = str(table["name"][len(table) // 7])
    damaged = mock / name / f"{name}_rSDSS.fits"
    damaged.write_bytes(damaged.read_bytes()[: damaged.stat().st_size // 2])
    table.write(folder / "all.csv", overwrite=True)
    a, b = folder / "maps_a", folder / "maps_b"
    command = ["map", folder / "all.csv", "-o", f"{a}/", "--model", "splus"]
    cost = agez(*command)
    summary = read_table(a / "summary.fits")
    print(
        f"- one command, {len(table)} galaxies: {len(summary)} answered, exit status {cost.status}, named: "
        f"{', '.join(Table.read(a / 'failures.ecsv')['name'])} (damaged: {name}); {cost.processor:.1f} s of processor, "
        f"{cost.wall:.1f} s of wall",
        flush=True,
    )
    there, again = killed_and_resumed([*command[:3], f"{b}/", *command[4:]], b, len(table) // 3)
    same = digests(a) == digests(b)
    print(
        f"- killed by kill -9 with {there} maps done, started again: exit status {again.status}, "
        f"{again.processor:.1f} s of processor; {len(digests(b))} files, {'all the same' if same else 'NOT the same'}",
        flush=True,
    )


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, metavar="FOLDER")
    parser.add_argument("--galaxies", type=int, default=50)
    parser.add_argument("--few", type=int, default=10)
    given = parser.parse_args()
    if given.folder is not None:
        given.folder.mkdir(parents=True, exist_ok=True)
        run(given.folder.resolve(), given.galaxies, given.few)
        return
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder), given.galaxies, given.few)


if __name__ == "__main__":
    main()
