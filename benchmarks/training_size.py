"""Figure 13's trainings, thousands of them: agez against the same trainings in Keras with TensorFlow on this machine.

Run ``python benchmarks/training_size.py [--sample FILE]`` (a file of ``agez sample``; else random numbers of the
paper's shape).  The same network, rows, batch size, optimiser, learning rate by epoch, validation after every epoch
and best weights kept, by

a. agez: what its worker processes run, two single-threaded processes at once,
b. Keras as a user runs it: ``model.fit`` in one process, with TensorFlow's own threading,
c. Keras in two single-threaded processes at once, 8 steps per execution and validation in large batches: the fastest
   way that we know (XLA makes epochs a little shorter and compiles for longer than that gains).

Times are seconds of processor, which others on the machine disturb least: two cores have two of them in a second, and
(b), which does not keep both cores busy, takes longer than that.  Trainings are cut after ``--epochs`` epochs.  A whole
one is taken to last as long as its first epoch (building and compiling included) and as often as it has further epochs
the median of those; the total of the full preset's grid is interpolated between the sizes tried.  Contenders take
turns, and the best of the repeats counts.  Processes are started and have trained once before.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import subprocess
import sys
import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from prediction_peers import paper_layers

from agez.experiments.presets import PRESETS
from agez.paper_network.architecture import PAPER_ARCHITECTURES
from agez.paper_network.fit_numpy import train_one
from agez.paper_network.jobs import TrainingJob, TrainingSettings
from agez.paper_network.prepared import prepare_split, training_data
from agez.runtime.worker_pool import ONE_THREAD
from agez.samples.sample import read_sample
from agez.samples.splits import make_splits
from agez.targets import PAPER_TARGETS

N_ROWS, N_BANDS, WATCHED = 19727, 34, 0.2
GRID = PRESETS["full"].training_grid
ONE_EPOCH = TrainingSettings(max_epochs=1)
WAYS = {"a": "agez, 2 processes", "b": "Keras, model.fit", "c": "Keras, 2 processes"}


def all_rows(sample: Path | None) -> dict[str, TrainingJob]:
    """By target, a training on all rows that may be learned from."""
    settings = GRID.settings
    if sample is not None:
        contents = read_sample(sample)
        split = make_splits(contents, kind="within", rng=np.random.default_rng(1))[0]
        prepared = prepare_split(training_data(contents), split)
        return {
            t: prepared.job(t, architecture=PAPER_ARCHITECTURES[t], settings=settings, seed=1) for t in PAPER_TARGETS
        }
    rng = np.random.default_rng(1)
    x = rng.normal(size=(N_ROWS, N_BANDS)).astype(np.float32)
    y = (np.tanh(x[:, 3] - x[:, 20]) + 0.3 * rng.normal(size=N_ROWS)).astype(np.float32)
    rows = np.arange(int(0.75 * N_ROWS))
    return {t: TrainingJob(x, y, rows[3000:], rows[:3000], PAPER_ARCHITECTURES[t], settings) for t in PAPER_TARGETS}


def thinned(job: TrainingJob, fraction: float, settings: TrainingSettings, seed: int) -> TrainingJob:
    """The training on a random ``fraction`` of the paper's rows, a fifth of them watched."""
    rows = np.random.default_rng(seed).permutation(np.concatenate([job.train, job.validation]))
    rows = rows[: round(fraction * N_ROWS)]
    watched = round(WATCHED * len(rows))
    train, validation = np.sort(rows[watched:]), np.sort(rows[:watched])
    used = np.concatenate([train, validation])
    return replace(
        job, inputs=job.inputs[used].astype(np.float32), target=job.target[used].astype(np.float32),
        train=np.arange(len(train)), validation=np.arange(len(train), len(used)), settings=settings, seed=seed,
    )  # fmt: skip


# -- the contenders -------------------------------------------------------------------------------


def keras_training(job: TrainingJob, tuned: bool) -> dict[str, Any]:
    """Train as ``job`` says; when each epoch ended [s of processor], and the best validation MSE."""
    import keras

    settings, n_bands = job.settings, job.inputs.shape[1]
    start, ends = time.process_time(), []
    keras.utils.set_random_seed(job.seed)
    model = keras.Sequential([keras.layers.Input((n_bands, 1)), *paper_layers(job.architecture)])
    optimizer = {"adam": keras.optimizers.Adam, "rmsprop": keras.optimizers.RMSprop}[settings.optimizer]
    model.compile(optimizer=optimizer(settings.learning_rate), loss="mse", steps_per_execution=8 if tuned else 1)
    callbacks = [
        keras.callbacks.LearningRateScheduler(lambda epoch, _: settings.learning_rate_at(epoch)),
        keras.callbacks.EarlyStopping(patience=settings.patience, restore_best_weights=True),
        keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: ends.append(time.process_time() - start)),
    ]
    x, y = job.inputs[..., None], job.target
    history = model.fit(
        x[job.train], y[job.train], batch_size=settings.batch_size, epochs=settings.max_epochs, callbacks=callbacks,
        validation_data=(x[job.validation], y[job.validation]), validation_batch_size=1024 if tuned else None,
        verbose=0,
    )  # fmt: skip
    return {"ends": ends, "mse": min(history.history["val_loss"])}


def agez_training(job: TrainingJob) -> dict[str, Any]:
    """As :func:`keras_training`."""
    start, ends = time.process_time(), []
    network = train_one(job, progress=lambda *_: ends.append(time.process_time() - start))
    return {"ends": ends, "mse": float(network.validation_mse.min())}


def serve(way: str) -> None:
    """A process that trains what comes by stdin (pickled jobs) and answers in lines of JSON."""
    while True:
        try:
            job = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        print(json.dumps(agez_training(job) if way == "a" else keras_training(job, way == "c")), flush=True)


class Processes:
    """Two single-threaded processes at once, or one with all threads (b): this script with ``--serve``."""

    def __init__(self, way: str) -> None:
        xla = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        one_thread = {
            **ONE_THREAD,
            "XLA_FLAGS": xla,
            "JAX_PLATFORMS": "cpu",
            "TF_NUM_INTRAOP_THREADS": "1",
            "TF_NUM_INTEROP_THREADS": "1",
        }
        settings = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
        settings |= {} if way == "b" else one_thread
        command = [sys.executable, __file__, "--serve", way]
        self.processes = [
            subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=settings
            )
            for _ in range(1 if way == "b" else 2)
        ]

    def train(self, jobs: list[TrainingJob]) -> list[dict[str, Any]]:
        """Job after job, as many at once as there are processes; the results in order."""
        results = []
        for first in range(0, len(jobs), len(self.processes)):
            taken = jobs[first : first + len(self.processes)]
            for process, job in zip(self.processes, taken, strict=False):
                pickle.dump(job, process.stdin)
                process.stdin.flush()
            results += [
                json.loads(process.stdout.readline()) for process, _ in zip(self.processes, taken, strict=False)
            ]
        return results

    def close(self) -> None:
        for process in self.processes:
            process.stdin.close()
            process.wait()


# -- comparison -----------------------------------------------------------------------------------


def whole_training(ends: list[float], n_epochs: int) -> float:
    """Seconds of a training of ``n_epochs``, of which only some were run."""
    return ends[0] + (n_epochs - 1) * float(np.median(np.diff(ends)))


def total_seconds(fractions: list[float], seconds: list[float]) -> float:
    """Of all trainings of the full preset, of processor: sizes x 2 targets x 2 sets x repeats."""
    return float(np.interp(GRID.fractions, fractions, seconds).sum() * 2 * 2 * GRID.n_repeats)


def main() -> None:
    """Print seconds per training by size, the total, the ratios, and whether all reach the same error."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sample", type=Path, help="file of `agez sample`; else random numbers")
    parser.add_argument("--epochs", type=int, default=6, help="epochs of each timed training (default: 6)")
    parser.add_argument("--repeats", type=int, default=2, help="timed trainings of each size and target (default: 2)")
    parser.add_argument("--fractions", type=float, nargs="+", default=[0.05, 0.2, 0.75])
    parser.add_argument("--checked", type=int, default=4, help="whole trainings compared at the smallest size")
    parser.add_argument("--serve", choices=tuple(WAYS), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve is not None:
        serve(arguments.serve)
        return
    jobs = all_rows(arguments.sample)
    with_keras = find_spec("keras") is not None and find_spec("tensorflow") is not None
    if not with_keras:
        print("Keras with TensorFlow is not installed: no comparison with it (pip install tensorflow keras)")
    ways = {way: Processes(way) for way in (WAYS if with_keras else "a")}
    warm = [thinned(jobs[t], 0.01, ONE_EPOCH, seed) for t in PAPER_TARGETS for seed in (1, 2)]
    for way in ways.values():
        way.train(warm)

    print(f"seconds of processor per training, {'random numbers' if arguments.sample is None else 'real sample'}")
    print("fraction  epochs  " + "  ".join(f"{WAYS[way]:>20s}" for way in ways))
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for fraction in arguments.fractions:
        n_epochs = GRID.settings_at(fraction).max_epochs
        cut = replace(GRID.settings, max_epochs=arguments.epochs, patience=arguments.epochs)
        best = {(way, t): np.inf for way in ways for t in PAPER_TARGETS}
        for repeat in range(arguments.repeats):
            for t in PAPER_TARGETS:
                some = [thinned(jobs[t], fraction, cut, 10 * repeat + k) for k in (1, 2)]
                for way, processes in ways.items():
                    own = np.mean([whole_training(one["ends"], n_epochs) for one in processes.train(some)])
                    best[way, t] = min(best[way, t], float(own))
        for way in ways:
            seconds[way].append(float(np.mean([best[way, t] for t in PAPER_TARGETS])))
        row = "  ".join(f"{seconds[way][-1]:20.2f}" for way in ways)
        ratios = ", ".join(f"{seconds[way][-1] / seconds['a'][-1]:.1f} ({way}/a)" for way in ways if way != "a")
        print(f"{fraction:8.2f}  {n_epochs:6d}  {row}   {ratios}", flush=True)
    n = len(GRID.fractions) * 4 * GRID.n_repeats
    totals = {way: total_seconds(arguments.fractions, seconds[way]) for way in ways}
    hours = "  ".join(f"{totals[way] / 2 / 3600:20.2f}" for way in ways)
    ratios = ", ".join(f"{totals[way] / totals['a']:.1f} ({way}/a)" for way in ways if way != "a")
    print(f"full grid, {n} trainings, hours of two cores\n{'':18s}{hours}   {ratios}", flush=True)

    fraction = arguments.fractions[0]
    some = [
        thinned(jobs[t], fraction, GRID.settings_at(fraction), seed)
        for t in PAPER_TARGETS
        for seed in range(1, arguments.checked + 1)
    ]
    for way in ways if with_keras and some else ():
        if way == "b":  # the same as (c), slower
            continue
        mse = np.array([one["mse"] for one in ways[way].train(some)]).reshape(len(PAPER_TARGETS), -1)
        spread = mse.std(axis=1, ddof=1) / np.sqrt(mse.shape[1]) if mse.shape[1] > 1 else np.full(len(mse), np.nan)
        told = ", ".join(
            f"{t} {m:.4f} +- {e:.4f}" for t, m, e in zip(PAPER_TARGETS, mse.mean(axis=1), spread, strict=True)
        )
        print(f"best validation MSE of {arguments.checked} whole trainings at {fraction:.0%}, {WAYS[way]}: {told}")
    for processes in ways.values():
        processes.close()


if __name__ == "__main__":
    main()
