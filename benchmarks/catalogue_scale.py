"""``agez predict`` from Parquet to Parquet: rows a second, linearity, memory, and one worker against several.

    python benchmarks/catalogue_scale.py [--model splus] [--rows 200000 1000000] [--workers 2] [--folder DIR]

Invented galaxies in the model's own bands are written as a folder of Parquet files of 100 000 rows each.  Each size
is answered by the command in a process of its own; what is told is its wall time, and the largest resident memory of
any of its processes.  Times for more rows than were run are extrapolated from the two sizes, by a straight line.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from agez.catalogues.open_catalogue import open_catalogue
from agez.catalogues.read_partition import partition_photometry
from agez.models.model_file import load_model
from agez.models.predict import predict

ROWS_A_FILE = 100_000
#: Rows that times are extrapolated to: a large catalogue, J-PAS' galaxies, and a hundred regions of each.
FURTHER = (10**7, 10**8, 9 * 10**9)


def write_catalogue(folder: Path, n_rows: int, model: str) -> None:
    """Files of invented galaxies, with errors and redshifts."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    known = load_model(model)
    bands = known.bands
    low, high = known.header["redshift_range"]
    folder.mkdir(parents=True)
    for number, start in enumerate(range(0, n_rows, ROWS_A_FILE)):
        n = min(ROWS_A_FILE, n_rows - start)
        rng = np.random.default_rng(number)
        table = {"id": np.arange(start, start + n), "redshift": rng.uniform(low, high, n)}
        scale, slope = rng.uniform(10, 100, n), rng.normal(0.5, 0.7, n)
        for name, pivot in zip(bands.names, bands.pivot_angstrom, strict=True):
            flux = scale * (pivot / 5500) ** slope * np.exp(rng.normal(0, 0.03, n))
            table[f"flux_{name}"], table[f"flux_{name}_err"] = flux.astype("f4"), (0.03 * flux).astype("f4")
        pq.write_table(pa.table(table), folder / f"part{number:05d}.parquet")


def timed(folder: Path, out: Path, model: str, workers: int) -> tuple[float, float, float]:
    """Seconds, rows a second as the command tells, and MB of its largest process."""
    words = [
        sys.executable, "-m", "agez.cli", "predict", str(folder), "-o", str(out), "--model", model, "--filters",
        load_model(model).bands.filter_set, "--workers", str(workers), "--json",
    ]  # fmt: skip
    answer = out.with_suffix(".json")
    started = time.monotonic()
    with answer.open("w") as file:
        pid = os.posix_spawn(words[0], words, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, file.fileno(), 1)])
        _, status, used = os.wait4(pid, 0)
    seconds = time.monotonic() - started
    if status:
        raise SystemExit(f"{' '.join(words)} failed")
    told = json.loads(answer.read_text())
    return seconds, told["rows_per_second"], used.ru_maxrss / 1024


def in_memory(folder: Path, model: str) -> float:
    """Rows a second of the model alone, on one thread, on the photometry of one file: the best of three."""
    known = load_model(model)
    catalogue = open_catalogue(folder)
    photometry = partition_photometry(catalogue, catalogue.partitions[0], filters=known.bands.filter_set)
    predict(known, photometry.take(slice(0, 20_000)))  # what is compiled is compiled now
    seconds = []
    for _ in range(3):
        started = time.monotonic()
        predict(known, photometry)
        seconds.append(time.monotonic() - started)
    return len(photometry) / min(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="splus")
    parser.add_argument("--rows", type=int, nargs=2, default=(200_000, 1_000_000), metavar="N")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="where files are made; default: a temporary folder")
    options = parser.parse_args()
    small, large = sorted(options.rows)
    folder = Path(tempfile.mkdtemp(prefix="agez-scale-", dir=options.folder))
    try:
        for n in (small, large):
            write_catalogue(folder / f"in{n}", n, options.model)
        alone = in_memory(folder / f"in{large}", options.model)
        print(f"model {options.model}; the model alone, in memory, one thread: {alone:,.0f} rows/s\n")
        print(
            "| rows | workers | seconds | rows/s of the whole command | of the in-memory rate | largest process [MB] |"
        )
        print("|---|---|---|---|---|---|")
        found = {}
        for n, workers in ((small, 1), (large, 1), (large, options.workers)):
            seconds, _, memory = timed(folder / f"in{n}", folder / "out.parquet", options.model, workers)
            found[n, workers] = seconds, memory
            share = n / seconds / alone / workers
            print(
                f"| {n:,} | {workers} | {seconds:.1f} | {n / seconds:,.0f} | {share:.0%} | {memory:.0f} |", flush=True
            )
        first, second = found[small, 1][0], found[large, 1][0]
        slope = (second - first) / (large - small)
        begin = first - slope * small
        marginal = 1 / slope / alone
        print(f"\nstart {begin:.1f} s, then {1 / slope:,.0f} rows/s on one core ({marginal:.0%} of the in-memory rate)")
        print(f"memory: {found[large, 1][1] / found[small, 1][1]:.2f} times for {large / small:.0f} times the rows")
        gain = second / found[large, options.workers][0]
        print(f"{options.workers} workers: {gain:.2f} times one, their start included")
        print("\nextrapolated, not run, from the two sizes on one core:\n\n| rows | hours |\n|---|---|")
        for n in FURTHER:
            print(f"| {n:.0e} | {(begin + slope * n) / 3600:,.1f} |")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
