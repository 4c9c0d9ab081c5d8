"""Many trainings at once: single-threaded worker processes on a CPU, one vmapped program on an accelerator.

On a CPU two processes with one network each are faster than one process with two threads and
faster than vmap, because one minibatch is too little work to share.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, Any

import agez
from agez.errors import AgezError
from agez.learn.jobs import Progress, TrainedNetwork, TrainingJob

#: One thread for every library that would take more, and no reservation of an accelerator's memory.
SINGLE_THREADED = {
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "JAX_PLATFORMS": "cpu",
}


def train_many(
    jobs: Sequence[TrainingJob], *, workers: int = 2, progress: Progress | None = None
) -> list[TrainedNetwork]:
    """Train every job; results in the order of ``jobs``, the same whatever the number of workers.

    Parameters
    ----------
    workers : int
        Processes on a CPU (each holds about 300 MB).  Ignored where JAX has an accelerator: there all
        networks of one architecture and setting are trained together.
    progress : callable, optional
        ``progress(job number, epoch, validation MSE)`` after every epoch.

    Raises
    ------
    AgezError
        If JAX is not installed, a training diverges or a worker process dies.
    """
    check_jax()
    if workers < 1:
        raise AgezError(f"workers is {workers}; expected at least 1")
    if not jobs:
        return []
    if has_accelerator():
        return _train_on_accelerator(jobs, progress)
    return _train_in_processes(jobs, min(workers, len(jobs)), progress)


def check_jax() -> None:
    """AgezError with what to install if JAX is missing."""
    from importlib.util import find_spec

    if find_spec("jax") is None:
        raise AgezError("training needs JAX, which is not installed: pip install 'agez[train]'")


def has_accelerator() -> bool:
    """Whether JAX runs on something other than a CPU here (asked without starting JAX when it cannot)."""
    from importlib.metadata import distributions

    if os.environ.get("JAX_PLATFORMS", "") == "cpu":
        return False
    names = {str(d.name).lower() for d in distributions() if d.name}
    if not any(name.startswith(("jax-cuda", "jax-rocm", "jax-metal", "libtpu")) for name in names):
        return False
    import jax

    return bool(jax.default_backend() != "cpu")


def _train_on_accelerator(jobs: Sequence[TrainingJob], progress: Progress | None) -> list[TrainedNetwork]:
    from agez.learn.fit import train_together

    groups: dict[Any, list[int]] = {}
    for number, job in enumerate(jobs):
        groups.setdefault((job.architecture, job.settings, job.inputs.shape), []).append(number)
    results: dict[int, TrainedNetwork] = {}
    for members in groups.values():
        own = _renumbered(progress, members)
        results.update(zip(members, train_together([jobs[i] for i in members], progress=own), strict=True))
    return [results[i] for i in range(len(jobs))]


def _renumbered(progress: Progress | None, members: Sequence[int]) -> Progress | None:
    if progress is None:
        return None
    call = progress
    return lambda number, epoch, mse: call(members[number], epoch, mse)


def _train_in_processes(jobs: Sequence[TrainingJob], workers: int, progress: Progress | None) -> list[TrainedNetwork]:
    waiting: SimpleQueue[int] = SimpleQueue()
    # Jobs of one architecture one after another: a worker compiles each program once.
    for number in sorted(range(len(jobs)), key=lambda i: (repr(jobs[i].architecture), i)):
        waiting.put(number)
    frames: SimpleQueue[tuple[Any, ...]] = SimpleQueue()
    processes = [_start_worker() for _ in range(workers)]
    threads = [
        threading.Thread(target=_serve, args=(process, jobs, waiting, frames.put), daemon=True) for process in processes
    ]
    results: dict[int, TrainedNetwork] = {}
    try:
        for thread in threads:
            thread.start()
        while len(results) < len(jobs):
            kind, number, *rest = frames.get()
            if kind == "epoch" and progress is not None:
                progress(number, rest[0], rest[1])
            elif kind == "done":
                results[number] = rest[0]
            elif kind == "error":
                _raise(rest[0], rest[1])
    finally:
        for process in processes:
            process.kill()  # idle by now, unless something went wrong
        for process, thread in zip(processes, threads, strict=True):
            process.wait()
            thread.join(timeout=10)
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    _close(stream)
    return [results[i] for i in range(len(jobs))]


def _raise(message: str, trace: str) -> None:
    error = AgezError(f"training failed: {message}" if trace else message)
    if trace:
        error.add_note(trace)
    raise error


def _start_worker() -> subprocess.Popen[bytes]:
    environment: Mapping[str, str] = {**os.environ, **SINGLE_THREADED, "PYTHONPATH": _search_path()}
    return subprocess.Popen(
        [sys.executable, "-m", "agez.learn.worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    )


def _search_path() -> str:
    """This very package first, wherever the program was started from."""
    here = str(Path(agez.__file__).parents[1])
    return os.pathsep.join([here, *filter(None, [os.environ.get("PYTHONPATH")])])


def _serve(
    process: subprocess.Popen[bytes],
    jobs: Sequence[TrainingJob],
    waiting: SimpleQueue[int],
    put: Callable[[tuple[Any, ...]], None],
) -> None:
    """Give one worker job after job and pass on what it says."""
    assert process.stdin is not None
    assert process.stdout is not None
    number = -1
    try:
        while True:
            try:
                number = waiting.get_nowait()
            except Empty:
                return
            pickle.dump((number, jobs[number]), process.stdin, protocol=pickle.HIGHEST_PROTOCOL)
            process.stdin.flush()
            while True:
                frame = pickle.load(process.stdout)
                put(frame)
                if frame[0] != "epoch":
                    break
    except (EOFError, OSError, pickle.UnpicklingError):
        put(("error", number, "a worker process ended before its time (out of memory, or killed); "
             "try again, with fewer workers if memory is short", ""))  # fmt: skip


def _close(stream: IO[bytes]) -> None:
    try:
        stream.close()
    except OSError:
        return
