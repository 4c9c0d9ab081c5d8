"""Many trainings: single-threaded worker processes on a CPU, one vmapped program on an accelerator.

On a CPU two processes with one network each are faster than one process with two threads and
faster than vmap, because one minibatch is too little work to share.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import IO, Any

import agez
from agez.errors import AgezError
from agez.paper_network.jobs import Progress, TrainedNetwork, TrainingJob
from agez.paper_network.kept import KeptNetworks
from agez.runtime.worker_pool import without_interrupts

#: One thread for every library that would take more, and no reservation of an accelerator's memory.
SINGLE_THREADED = {
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "JAX_PLATFORMS": "cpu",
}


#: So many networks are trained together on an accelerator.
TOGETHER = 256


class Trainer:
    """Trains networks in worker processes that stay for the next call, so that each compiles its programs once.

    A context manager: leaving it ends the processes.

    Parameters
    ----------
    workers : int
        Processes on a CPU.  Where JAX has an accelerator they are not needed: there all
        networks of one architecture and setting are trained together.
    kept : KeptNetworks, optional
        Where finished networks are looked up and kept.

    Raises
    ------
    AgezError
        If ``workers`` is below 1.
    """

    def __init__(self, workers: int = 2, *, kept: KeptNetworks | None = None) -> None:
        if workers < 1:
            raise AgezError(f"workers is {workers}; expected at least 1")
        self.workers, self.kept = workers, kept
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Trainer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the worker processes."""
        for process in self._processes:
            process.kill()  # idle by now, unless something went wrong
        for process in self._processes:
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    _close(stream)
        self._processes = []

    def train(self, jobs: Sequence[TrainingJob], *, progress: Progress | None = None) -> list[TrainedNetwork]:
        """Train every job; results in the order of ``jobs``, the same whatever the number of workers.

        Parameters
        ----------
        progress : callable, optional
            ``progress(job number, epoch, validation MSE)`` after every epoch of a network that is not kept yet.

        Raises
        ------
        AgezError
            If a training diverges or a worker process dies.
        """
        # Jobs of one architecture one after another: a worker compiles each program once.
        order = sorted(range(len(jobs)), key=lambda i: (repr(jobs[i].architecture), i))
        tell = _renumbered(progress, order)
        results = {order[i]: network for i, network in self.train_each((jobs[i] for i in order), progress=tell)}
        return [results[i] for i in range(len(jobs))]

    def train_each(
        self, jobs: Iterable[TrainingJob], *, progress: Progress | None = None
    ) -> Iterator[tuple[int, TrainedNetwork]]:
        """Networks with their jobs' numbers (0, 1, ...), as they get done; jobs are asked for as they are needed.

        Arguments and errors as in :meth:`train`.
        """
        if has_accelerator():
            yield from self._on_accelerator(jobs, progress)
        else:
            yield from self._in_processes(jobs, progress)

    def _on_accelerator(
        self, jobs: Iterable[TrainingJob], progress: Progress | None
    ) -> Iterator[tuple[int, TrainedNetwork]]:
        from agez.paper_network.fit import kind_of, train_together

        numbered = enumerate(jobs)
        while batch := list(islice(numbered, TOGETHER)):
            groups: dict[Any, list[tuple[int, TrainingJob]]] = {}
            for number, job in batch:
                kept = None if self.kept is None else self.kept.find(job, machine="accelerator")
                if kept is not None:
                    yield number, kept
                else:
                    groups.setdefault(kind_of(job), []).append((number, job))
            for members in groups.values():
                numbers = [number for number, _ in members]
                trained = train_together([job for _, job in members], progress=_renumbered(progress, numbers))
                for (number, job), network in zip(members, trained, strict=True):
                    if self.kept is not None:
                        self.kept.keep(job, network, machine="accelerator")
                    yield number, network

    def _in_processes(
        self, jobs: Iterable[TrainingJob], progress: Progress | None
    ) -> Iterator[tuple[int, TrainedNetwork]]:
        while len(self._processes) < self.workers:
            self._processes.append(_start_worker())
        waiting, frames = _Waiting(jobs), SimpleQueue[tuple[Any, ...]]()
        threads = [
            threading.Thread(target=_serve, args=(process, waiting, frames, self.kept), daemon=True)
            for process in self._processes
        ]
        finished = False
        try:
            for thread in threads:
                thread.start()
            serving = len(threads)
            while serving:
                kind, number, *rest = frames.get()
                if kind == "epoch" and progress is not None:
                    progress(number, rest[0], rest[1])
                elif kind == "done":
                    yield number, rest[0]
                elif kind == "end":
                    serving -= 1
                elif kind == "error":
                    _raise(rest[0], rest[1])
            finished = True
        finally:
            waiting.stop()
            if not finished:  # an error, or nobody wants the rest: do not wait for the networks in hand
                self.close()
            for thread in threads:
                thread.join(timeout=10)


def train_many(
    jobs: Sequence[TrainingJob], *, workers: int = 2, progress: Progress | None = None
) -> list[TrainedNetwork]:
    """Train every job in worker processes of its own: :meth:`Trainer.train`, once."""
    with Trainer(min(workers, max(len(jobs), 1))) as trainer:
        return trainer.train(jobs, progress=progress)


def has_accelerator() -> bool:
    """Whether JAX runs on something other than a CPU here (asked without starting JAX when it cannot)."""
    if os.environ.get("JAX_PLATFORMS", "") == "cpu" or not _has_plugin():
        return False
    import jax

    return bool(jax.default_backend() != "cpu")


@lru_cache(maxsize=1)
def _has_plugin() -> bool:
    """Whether a plugin of JAX for accelerators is installed; reading the names of all packages takes 0.2 s."""
    from importlib.metadata import distributions

    names = {str(d.name).lower() for d in distributions() if d.name}
    return any(name.startswith(("jax-cuda", "jax-rocm", "jax-metal", "libtpu")) for name in names)


def _renumbered(progress: Progress | None, members: Sequence[int]) -> Progress | None:
    if progress is None:
        return None
    call = progress
    return lambda number, epoch, mse: call(members[number], epoch, mse)


def _raise(message: str, trace: str) -> None:
    error = AgezError(f"training failed: {message}" if trace else message)
    if trace:
        error.add_note(trace)
    raise error


def _start_worker() -> subprocess.Popen[bytes]:
    environment: Mapping[str, str] = {**os.environ, **SINGLE_THREADED, "PYTHONPATH": _search_path()}
    with without_interrupts():
        return subprocess.Popen(
            [sys.executable, "-m", "agez.paper_network.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )


def _search_path() -> str:
    """This very package first, wherever the program was started from."""
    here = str(Path(agez.__file__).parents[1])
    return os.pathsep.join([here, *filter(None, [os.environ.get("PYTHONPATH")])])


class _Waiting:
    """Numbered jobs, handed out one at a time to several threads."""

    def __init__(self, jobs: Iterable[TrainingJob]) -> None:
        self._numbered, self._lock, self._stopped = enumerate(jobs), threading.Lock(), False

    def next(self) -> tuple[int, TrainingJob] | None:
        with self._lock:
            return None if self._stopped else next(self._numbered, None)

    def stop(self) -> None:
        with self._lock:
            self._stopped = True


def _serve(
    process: subprocess.Popen[bytes],
    waiting: _Waiting,
    frames: SimpleQueue[tuple[Any, ...]],
    kept: KeptNetworks | None,
) -> None:
    """Give one worker job after job, keep what it trains and pass on what it says."""
    assert process.stdin is not None
    assert process.stdout is not None
    number = -1
    try:
        while (task := waiting.next()) is not None:
            number, job = task
            done = None if kept is None else kept.find(job)
            if done is not None:
                frames.put(("done", number, done))
                continue
            pickle.dump(task, process.stdin, protocol=pickle.HIGHEST_PROTOCOL)
            process.stdin.flush()
            while (frame := pickle.load(process.stdout))[0] == "epoch":
                frames.put(frame)
            if frame[0] == "done" and kept is not None:
                kept.keep(job, frame[2])
            frames.put(frame)
        frames.put(("end", -1))
    except AgezError as error:  # of making a job, or of keeping a network
        frames.put(("error", number, str(error), ""))
    except (EOFError, OSError, ValueError, pickle.UnpicklingError):
        frames.put(("error", number, "a worker process ended before its time (out of memory, or killed); "
                   "try again, with fewer workers if memory is short", ""))  # fmt: skip
    except Exception as error:
        frames.put(("error", number, f"{type(error).__name__}: {error}", traceback.format_exc()))


def _close(stream: IO[bytes]) -> None:
    try:
        stream.close()
    except OSError:
        return
