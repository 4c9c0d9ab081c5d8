"""How fast predictions are made: against the machine's matrix products, and against the same networks elsewhere.

Run ``python benchmarks/prediction_speed.py [--threads 1 2] [--only PART ...] [--quick]``.  Parts:

- ``paper``: both networks of the paper, 34 bands, with what the machine's sgemm does at the same moment;
- ``ensembles``: the networks of shipped models, and eight of the paper's kind, against Keras, and the whole answer;
- ``files``: from a Parquet file to a Parquet file by ``agez predict``'s own road, against rows in memory.

For each number of threads one process, held to so many cores.  Contenders are taken in turns and the best of several
rounds counts.  Two rates are given, per second of the clock and per second of the processors' time (times threads): on
a machine that others use, the second is what it would do alone; idle waiting inside a contender counts in it.

Work is counted as direct convolutions of the positions that pooling keeps, edges as if the padding were bands:
142 800 and 219 440 floating-point operations an SED for the paper's networks of age and of metallicity.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PARTS = ("paper", "ensembles", "files")
N_BANDS = 34
#: What is to be reached.
BAR_KERAS, BAR_FILES = 20.0, 0.7


def main() -> None:
    """A process for each number of threads, or, with ``--here``, the work of one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--quick", action="store_true", help="few rounds of few rows: to see that it runs")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        measure(options.threads[0], options.only, rounds=2 if options.quick else 7, quick=options.quick)
        return
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    for threads in options.threads:
        if threads > len(cores):
            print(f"{threads} threads: there are {len(cores)} cores; left out")
            continue
        names = ("OMP", "OPENBLAS", "MKL", "TF_NUM_INTRAOP", "TF_NUM_INTEROP")
        environment = os.environ | {f"{name}_{'THREADS' if name[:2] == 'TF' else 'NUM_THREADS'}": str(threads)
                                    for name in names}  # fmt: skip
        command = [sys.executable, __file__, "--here", "--threads", str(threads), "--only", *options.only]
        subprocess.run(command + ["--quick"] * options.quick, env=environment, check=True)


def measure(threads: int, parts: list[str], *, rounds: int, quick: bool) -> None:
    """Print all parts, in this process."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from threadpoolctl import threadpool_limits

    print(f"== {threads} thread{'s' * (threads > 1)}")
    skipped: set[str] = set()
    with threadpool_limits(1, user_api="blas"):  # threads take rows, as in agez.models.predict
        if "paper" in parts:
            paper(threads, rounds, quick, skipped)
        if "ensembles" in parts:
            ensembles(threads, rounds, quick, skipped)
    if "files" in parts:
        files(threads, rounds, quick)
    if skipped:
        print(f"not installed, left out: {', '.join(sorted(skipped))}")


def rates(contenders: dict[str, Callable[[], int]], rounds: int, threads: int) -> dict[str, tuple[float, float]]:
    """Rows per second of the clock, and per second of each processor's time: the best of several rounds, in turns."""
    for work in contenders.values():
        work()  # compiles
    best = dict.fromkeys(contenders, (0.0, 0.0))
    for _ in range(rounds):
        for name, work in contenders.items():
            clock, used = time.perf_counter(), time.process_time()
            rows = work()
            now = rows / (time.perf_counter() - clock), rows * threads / max(time.process_time() - used, 1e-9)
            best[name] = (max(best[name][0], now[0]), max(best[name][1], now[1]))
    return best


def sgemm(threads: int) -> Callable[[], int]:
    """A product of two 1024 x 1024 matrices on each thread; gives back the floating-point operations."""
    import numpy as np

    size, times = 1024, 2
    a = np.random.default_rng(0).normal(size=(size, size)).astype(np.float32)
    outs = [np.empty_like(a) for _ in range(threads)]

    def work() -> int:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda out: [np.matmul(a, a, out=out) for _ in range(times)], outs))
        return threads * times * 2 * size**3

    return work


def direct_flops(network) -> int:
    """Additions and multiplications of one SED by direct convolution, of positions that pooling keeps."""
    sizes, n_bands = network.architecture, len(network.matrix1)
    (f1, f2), (w1, w2) = sizes.filters, sizes.widths
    n = network.n_pooled
    return 2 * (n_bands * w1 * f1 + n * sizes.pool * w2 * f1 * f2 + n * f2 * sizes.dense + sizes.dense)


def paper(threads: int, rounds: int, quick: bool, skipped: set[str]) -> None:
    """Both networks of the paper against sgemm and against other tools."""
    import numpy as np
    from prediction_peers import convolutional_contenders

    from agez.paper_network.architecture import PAPER_ARCHITECTURES, initial_parameters
    from agez.paper_network.network_numpy import prepare

    rng = np.random.default_rng(1)
    seds = rng.normal(size=(8192 if quick else 65536, N_BANDS)).astype(np.float32)
    for target, architecture in PAPER_ARCHITECTURES.items():
        network = prepare(initial_parameters(architecture, N_BANDS, rng), architecture, N_BANDS)
        flops = direct_flops(network)
        contenders = {"sgemm": sgemm(threads)} | convolutional_contenders([network], seds, threads, skipped)
        found = rates(contenders, rounds, threads)
        limit = found.pop("sgemm")
        print(f"network of {target}: {flops} operations an SED; sgemm {limit[0] / 1e9:.0f} GFLOP/s by the clock, "
              f"{limit[1] / 1e9:.0f} of processor time")  # fmt: skip
        print(f"  {'':36s}{'SEDs/s':>10s}{'of sgemm':>10s}{'SEDs/s':>12s}{'of sgemm':>10s} of processor time")
        for name, (clock, used) in found.items():
            share, share_used = clock * flops / limit[0], used * flops / limit[1]
            print(f"  {name:36s}{clock:10.0f}{share:10.0%}{used:12.0f}{share_used:10.0%}")


def ensembles(threads: int, rounds: int, quick: bool, skipped: set[str]) -> None:
    """All networks of a model together, against Keras; and the whole answer with intervals, flags and all."""
    import numpy as np
    from prediction_peers import convolutional_contenders, dense_contenders

    from agez.mixture_network.mixture_model import network_of
    from agez.models.model_file import load_model
    from agez.models.predict import predict
    from agez.paper_network.architecture import PAPER_ARCHITECTURES, initial_parameters
    from agez.paper_network.network_numpy import prepare

    rng = np.random.default_rng(2)
    n = 8192 if quick else 32768
    eight = [prepare(initial_parameters(a, N_BANDS, rng), a, N_BANDS) for a in PAPER_ARCHITECTURES.values()] * 4
    seds = rng.normal(size=(n, N_BANDS)).astype(np.float32)
    contenders = convolutional_contenders(eight, seds, threads, skipped, peers=False)
    against_keras(
        "eight networks of the paper's kind", sum(direct_flops(one) for one in eight), contenders, rounds, threads
    )
    for name in ("jpas", "splus"):
        model = load_model(name)
        members = list(network_of(model).members)
        features = rng.normal(size=(n, members[0].shape.inputs)).astype(np.float32)
        flops = 2 * sum(array.size for one in members for array in one.parameters.values() if array.ndim > 1)
        contenders = dense_contenders(members, features, threads, skipped)
        rows = photometry_of(name, 20_000 if quick else 100_000)
        contenders["agez, whole answer"] = lambda model=model, rows=rows: len(predict(model, rows, threads=threads))
        against_keras(f"model {name}, {len(members)} networks", flops, contenders, rounds, threads)


def against_keras(title: str, flops: int, contenders: dict[str, Callable[[], int]], rounds: int, threads: int) -> None:
    """Rates, how many times Keras' default they are, and how many times it sgemm itself would allow."""
    found = rates({"sgemm": sgemm(threads)} | contenders, rounds, threads)
    limit = found.pop("sgemm")
    print(f"{title}: {flops} operations an SED; sgemm would do {limit[1] / flops:.0f} SEDs/s")
    default = next((rate for name, rate in found.items() if name.endswith("default")), None)
    for name, (clock, used) in found.items():
        times = "" if default is None else f"{clock / default[0]:8.1f} x Keras by the clock, {used / default[1]:.1f} x"
        print(f"  {name:36s}{clock:10.0f}{used:12.0f} of processor time{times}")
    if default is None:
        return
    networks = max(used for name, (_, used) in found.items() if name == "agez, numpy")
    reached, possible = networks / default[1], limit[1] / flops / default[1]
    verdict = "reached" if reached >= BAR_KERAS else "not reached"
    print(f"  bar: networks {BAR_KERAS:.0f} times Keras' default: {verdict} ({reached:.1f}); sgemm itself, without "
          f"anything else, would be {possible:.1f} times")  # fmt: skip


def photometry_of(name: str, n: int):
    """``n`` smooth SEDs with noise in the bands of a shipped model, at its redshifts; a band in twenty is missing."""
    import numpy as np

    from agez.models.model_file import load_model
    from agez.types import Photometry, Rows

    model, rng = load_model(name), np.random.default_rng(3)
    pivot = np.array(model.bands.pivot_angstrom)
    sed = (pivot / 5500) ** rng.uniform(0, 3, (n, 1)) * np.exp(rng.normal(1, 1, (n, 1)))
    error = sed / rng.uniform(10, 60, (n, 1))
    covered = rng.random(sed.shape) < 0.95
    flux = np.where(covered, sed + error * rng.normal(size=sed.shape), np.nan)
    return Photometry(
        model.bands, flux, np.where(covered, error, np.nan), covered, Rows.numbered(n),
        rng.uniform(*model.header["redshift_range"], n), np.zeros(n, np.int32), {"source": "benchmark"},
        redshift_err=np.full(n, 0.003),
    )  # fmt: skip


def files(threads: int, rounds: int, quick: bool) -> None:
    """From Parquet to Parquet, against the same rows in memory."""
    from agez.catalogues.open_catalogue import open_catalogue
    from agez.engine.answer import make_job
    from agez.engine.run import run_catalogue
    from agez.models.model_file import load_model
    from agez.models.predict import predict
    from agez.photometry.tables import photometry_to_table
    from agez.tables.table_files import write_table

    n = 20_000 if quick else 400_000  # several partitions, as of a catalogue
    for name in ("jpas", "splus"):
        model, rows = load_model(name), photometry_of(name, n)
        with tempfile.TemporaryDirectory() as folder:
            source, output = Path(folder) / "catalogue.parquet", Path(folder) / "answers.parquet"
            table = photometry_to_table(rows)
            table.remove_column("flags")
            write_table(source, table)

            def from_file(source: Path = source, output: Path = output, name: str = name) -> int:
                catalogue = open_catalogue(source)
                run_catalogue(catalogue, make_job(catalogue, name), output, workers=1, fresh=True)
                return n

            contenders = {"in memory": lambda m=model, r=rows: len(predict(m, r, threads=threads)),
                          "Parquet to Parquet": from_file}  # fmt: skip
            found = rates(contenders, min(rounds, 3), threads)
        print(f"model {name}, {n} rows of {len(model.bands)} bands, one process")
        for what, (clock, used) in found.items():
            print(f"  {what:36s}{clock:10.0f} rows/s{used:12.0f} of processor time")
        share = [found["Parquet to Parquet"][k] / found["in memory"][k] for k in range(2)]
        verdict = "reached" if max(share) >= BAR_FILES else "not reached"
        print(f"  bar: {BAR_FILES:.0%} of the rate in memory: {verdict} ({share[0]:.0%} by the clock, "
              f"{share[1]:.0%} by processor time)")  # fmt: skip


if __name__ == "__main__":
    main()
