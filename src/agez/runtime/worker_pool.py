"""Work in single-threaded processes, each result as it gets done; no worker outlives the program."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import connection, resource_tracker
from typing import Any, TypeVar

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
_pools: set[ProcessPoolExecutor] = set()


def each_done(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    workers: int,
    start: Callable[..., None] | None = None,
    start_with: tuple[Any, ...] = (),
) -> Iterator[tuple[Item, Result]]:
    """``work(item)`` for every item, in the order in which they get done.

    Parameters
    ----------
    work : callable
        A function of a module; in worker processes it and its items are pickled.
    items : sequence
        Started in this order.
    workers : int
        Processes; 1 works in this one, with BLAS held to one thread, so that the numbers are the same.
    start : callable, optional
        ``start(*start_with)``, once in each worker: what would be too much to send with every item.

    Raises
    ------
    AgezError
        If ``workers`` is below 1, or a worker is killed.  What ``work`` raises, is raised here.
    """
    if workers < 1:
        raise AgezError(f"workers is {workers}; expected at least 1")
    workers = min(workers, max(len(items), 1))
    if workers == 1:
        yield from _each_here(work, items, start, start_with)
        return
    pool = ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_worker,
        initargs=(start, start_with),
    )
    _pools.add(pool)
    try:
        with _environment(ONE_THREAD), without_interrupts():
            futures = {pool.submit(_work, work, item): item for item in items}
        for future in as_completed(futures):
            yield futures.pop(future), future.result()
    except BrokenProcessPool as error:
        raise AgezError(
            "a worker process ended before its work was done, perhaps for want of memory; give fewer --workers"
        ) from error
    except KeyboardInterrupt:
        end_workers()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        _pools.discard(pool)


def end_workers() -> None:
    """End the worker processes of all that is at work in this one, each as soon as its files are in order."""
    for pool in list(_pools):
        processes = list((getattr(pool, "_processes", None) or {}).values())
        pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(_GRACE_SECONDS)
            if process.is_alive():
                process.kill()
        _pools.discard(pool)


@contextmanager
def without_interrupts() -> Iterator[None]:
    """Start processes that Ctrl-C does not reach: a terminal sends it to all, and one of them is to act on it.

    What is started inside inherits the blocked signal, from its first moment on; here it is only put off to the end.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # it is started with the first worker, and would unblock the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(work: Callable[[Item], Result], item: Item) -> Result:
    """In a worker: one item; a worker that is told to end does so when the item's files are in order."""
    try:
        return work(item)
    except SystemExit:
        os._exit(1)


def _end(number: int, frame: object) -> None:
    raise SystemExit(1)


def _each_here(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    start: Callable[..., None] | None,
    start_with: tuple[Any, ...],
) -> Iterator[tuple[Item, Result]]:
    from threadpoolctl import threadpool_limits

    if start is not None:
        start(*start_with)
    for item in items:
        with threadpool_limits(1, user_api="blas"):  # as in workers: the same sums in the same order
            result = work(item)
        yield item, result


def _start_worker(start: Callable[..., None] | None, start_with: tuple[Any, ...]) -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    if start is not None:
        start(*start_with)
    signal.signal(signal.SIGTERM, _end)  # before, there is nothing to put in order


def _end_with(sentinel: int) -> None:
    """End this process when its parent is gone, even by kill -9: nobody is left to give work or take results."""
    connection.wait([sentinel])
    os._exit(1)


@contextmanager
def _environment(changes: dict[str, str]) -> Iterator[None]:
    """Environment variables that processes started inside inherit."""
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def usable_cores() -> int:
    """Processors that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
