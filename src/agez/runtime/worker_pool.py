"""Work in single-threaded processes, each result as it gets done; no worker outlives the program.

A worker is a program of its own (:mod:`agez.runtime.worker`), not a fork or spawn of the user's: its thread limits are
set before numpy is imported, and the user's script is not run a second time.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

import agez
from agez.errors import AgezError

Item = TypeVar("Item")
Result = TypeVar("Result")

#: One thread for each worker: two single-threaded processes beat one with two threads.
ONE_THREAD = {
    name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
}

#: Seconds that a worker is given to take away what it has half written, once it is told to end.
_GRACE_SECONDS = 10.0
#: Those that are at work.
_pools: set[Workers] = set()
#: Who hears what :func:`say` says in this process.
_listener: Callable[..., object] | None = None
_NOTHING: Any = object()


def each_done(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    workers: int,
    start: Callable[..., None] | None = None,
    start_with: tuple[Any, ...] = (),
    hear: Callable[..., object] | None = None,
    lost: Callable[[Item], Result] | None = None,
) -> Iterator[tuple[Item, Result]]:
    """:meth:`Workers.each_done` in worker processes that end with it, at most one for each of the ``items``."""
    with Workers(min(workers, max(len(items), 1)), start=start, start_with=start_with) as pool:
        yield from pool.each_done(work, items, hear=hear, lost=lost)


class Workers:
    """Worker processes that are started when they are needed, and stay for the next call.

    A context manager: leaving it ends the processes.

    Parameters
    ----------
    number : int
        Processes; 1 works in this one, with BLAS held to one thread, so that the numbers are the same.
    start : callable, optional
        ``start(*start_with)``, once in each worker: what would be too much to send with every item.

    Raises
    ------
    AgezError
        If ``number`` is below 1.
    """

    def __init__(
        self, number: int, *, start: Callable[..., None] | None = None, start_with: tuple[Any, ...] = ()
    ) -> None:
        if number < 1:
            raise AgezError(f"workers is {number}; expected at least 1")
        self.number = number
        self._start = start, start_with
        self._processes: dict[int, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *error: object) -> None:
        self.end()

    def each_done(
        self,
        work: Callable[[Item], Result],
        items: Iterable[Item],
        *,
        known: Callable[[Item], Result | None] = lambda item: None,
        hear: Callable[..., object] | None = None,
        lost: Callable[[Item], Result] | None = None,
    ) -> Iterator[tuple[Item, Result]]:
        """``work(item)`` for every item, in the order in which they get done; items are asked for as they are needed.

        Parameters
        ----------
        work : callable
            A function of a module other than the user's script; in worker processes it and its items are pickled.
        items : iterable
            Started in this order.
        known : callable, optional
            ``known(item)``, in this process: a result that need not be worked out, or None.
        hear : callable, optional
            Called with what ``work`` says by :func:`say`, before its result is given.
        lost : callable, optional
            ``lost(item)``, in this process: the result of an item whose worker was killed; another worker goes on.

        Raises
        ------
        AgezError
            If a worker is killed and there is no ``lost``.  What ``work``, ``items`` or ``known`` raises, is raised
            here.
        """
        if self.number == 1:
            yield from self._each_here(work, items, known, hear)
            return
        frames, waiting, lock = SimpleQueue[tuple[Any, ...]](), iter(items), threading.Lock()
        finished = threading.Event()

        def serve(slot: int) -> None:
            """In a thread: give one worker item after item, and pass on what it answers."""
            while True:
                with lock:
                    item = _NOTHING if finished.is_set() else next(waiting, _NOTHING)
                if item is _NOTHING:
                    return
                if (result := known(item)) is not None:
                    frames.put(("done", result, item))
                    continue
                with lock:  # so that no worker is started once the others have been ended
                    if finished.is_set():
                        return
                    process = self._processes.get(slot) or self._new_process(slot)
                try:
                    _send(process, (work, item))
                    while (frame := pickle.load(process.stdout))[0] == "said":  # type: ignore[arg-type]
                        frames.put(frame)
                except (EOFError, ConnectionError, pickle.UnpicklingError):
                    with lock:
                        if lost is None or finished.is_set():
                            raise
                        self._forget(slot)
                    frame = ("done", lost(item))
                frames.put((*frame, item))

        def guarded(slot: int) -> None:
            try:
                serve(slot)
                frames.put(("end",))
            except (EOFError, ConnectionError, pickle.UnpicklingError):
                reason = "a worker process ended before its work was done, perhaps for want of memory"
                frames.put(("error", AgezError(f"{reason}; give fewer --workers")))
            except BaseException as error:  # of what makes the items, for one
                frames.put(("error", error))

        threads = [threading.Thread(target=guarded, args=(slot,), daemon=True) for slot in range(self.number)]
        serving = len(threads)
        try:
            for thread in threads:
                thread.start()
            while serving:
                kind, *content = frames.get()
                if kind == "said" and hear is not None:
                    hear(*content[0])
                elif kind == "done":
                    yield content[1], content[0]
                elif kind == "error":
                    raise content[0]
                serving -= kind == "end"
        finally:
            with lock:
                finished.set()
            if serving:  # an error, or nobody wants the rest: do not wait for what is in hand
                self.end()
            for thread in threads:
                thread.join(timeout=10)

    def _forget(self, slot: int) -> None:
        """Leave a process that has died, so that another one takes its place."""
        process = self._processes.pop(slot)
        process.kill()
        process.wait()
        for stream in filter(None, (process.stdin, process.stdout)):
            with suppress(OSError):
                stream.close()

    def end(self) -> None:
        """End the processes, each as soon as its files are in order."""
        processes, self._processes = list(self._processes.values()), {}
        for process in processes:
            process.terminate()
        for process in processes:
            try:
                process.wait(_GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            for stream in filter(None, (process.stdin, process.stdout)):
                with suppress(OSError):
                    stream.close()
        _pools.discard(self)

    def _each_here(
        self,
        work: Callable[[Item], Result],
        items: Iterable[Item],
        known: Callable[[Item], Result | None],
        hear: Callable[..., object] | None,
    ) -> Iterator[tuple[Item, Result]]:
        from threadpoolctl import threadpool_limits

        global _listener
        start, arguments = self._start
        if start is not None:
            start(*arguments)
        for item in items:
            if (result := known(item)) is None:
                outer, _listener = _listener, hear  # work may itself have work done
                with threadpool_limits(1, user_api="blas"):  # as in workers: the same sums in the same order
                    result = work(item)
                _listener = outer
            yield item, result

    def _new_process(self, slot: int) -> subprocess.Popen[bytes]:
        path = os.pathsep.join([str(Path(agez.__file__).parents[1]), *(one or str(Path.cwd()) for one in sys.path)])
        with without_interrupts():
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "agez.runtime.worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                env={**os.environ, **ONE_THREAD, "PYTHONPATH": path},
            )  # fmt: skip
        self._processes[slot] = process
        _pools.add(self)
        _send(process, self._start)
        return process


def say(*words: Any) -> None:
    """In the work of :meth:`Workers.each_done`: tell ``hear`` of it, how far the work is for one."""
    if _listener is not None:
        _listener(*words)


def end_workers() -> None:
    """End the worker processes of all that is at work in this one, each as soon as its files are in order."""
    for pool in list(_pools):
        pool.end()


@contextmanager
def without_interrupts() -> Iterator[None]:
    """Start processes that Ctrl-C does not reach: a terminal sends it to all, and one of them is to act on it.

    What is started inside inherits the blocked signal, from its first moment on; here it is only put off to the end.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # it is started with the first worker of Dask, and would unblock the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _send(process: subprocess.Popen[bytes], content: Any) -> None:
    assert process.stdin is not None
    data = pickle.dumps(content, protocol=pickle.HIGHEST_PROTOCOL)
    process.stdin.write(len(data).to_bytes(8, "big") + data)
    process.stdin.flush()
