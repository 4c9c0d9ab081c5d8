"""Who answers the partitions: this process, a Dask cluster on this machine, or one that runs elsewhere."""

from __future__ import annotations

import logging
import os
import socket
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from agez import __version__
from agez.catalogues.catalogue import Partition
from agez.engine.answer import AnswerJob, answer_partition
from agez.engine.pieces import Piece, kept_report
from agez.engine.reports import PartitionReport
from agez.errors import AgezError
from agez.runtime.optional_packages import is_installed, need
from agez.runtime.worker_pool import ONE_THREAD, without_interrupts

Item = TypeVar("Item")
Result = TypeVar("Result")
#: A partition to do, and the piece to make of it.
Work = tuple[Partition, Piece]

#: Seconds that a cluster on this machine takes until its workers work (imports, the model): measured 3 to 6.
START_SECONDS = 5.0
#: How many times its own cost a cluster has to save before one is started.
PAYS = 2.0
#: Partitions that are given out for each thread of a worker: one at work, one waiting.
GIVEN_OUT = 2
#: Seconds to wait for a scheduler, for its first worker, and for the return of workers that have all gone.
CONNECT_SECONDS, WORKERS_SECONDS = 20, 60


def answer_here(job: AnswerJob, work: Iterable[Work]) -> Iterator[PartitionReport]:
    """One after the other in this process."""
    for partition, piece in work:
        yield answer_partition(job, partition, piece)


def answer_where_it_pays(
    job: AnswerJob, work: Sequence[Work], *, cores: int, told: Callable[[int], None]
) -> Iterator[PartitionReport]:
    """In this process, and in workers on all cores as soon as what is left is worth their start; ``told`` how many."""
    rows = sum(len(partition) for partition, _ in work)
    for done, (partition, piece) in enumerate(work, start=1):
        started = time.monotonic()
        report = answer_partition(job, partition, piece)
        seconds_a_row = (time.monotonic() - started) / max(len(partition), 1)
        yield report
        rows -= len(partition)
        seconds = seconds_a_row * rows
        workers = min(cores, len(work) - done)
        if workers > 1 and seconds * (1 - 1 / workers) > PAYS * START_SECONDS and is_installed("distributed"):
            told(workers)
            with local_client(workers) as client:
                yield from answer_on(client, job, work[done:])
            return


@contextmanager
def local_client(workers: int) -> Iterator[Any]:
    """A client of single-threaded worker processes on this machine, which end with the ``with``.

    Workers that die are started again.  A script of one's own needs ``if __name__ == "__main__":`` before it, as
    with all processes that Python starts afresh.
    """
    distributed = need("distributed", extra="cluster", purpose="--workers")
    import dask

    quiet = logging.getLogger("distributed")
    level = quiet.level
    quiet.setLevel(logging.CRITICAL)
    settings = {
        # and no MALLOC_TRIM_THRESHOLD_ of 64 kB, Dask's own: each array would be given back to the system and asked for
        # again, which doubles the time of an answer
        "distributed.nanny.pre-spawn-environ": dict(ONE_THREAD),
        "distributed.comm.timeouts.connect": "60s",
        "distributed.worker.profile.enabled": False,  # it looks a hundred times a second, for a sixth of the time
        # So long after a worker died, the cluster would look whether it is back, and end for good one that has died
        # again meanwhile and is just being started.
        "distributed.deploy.lost-worker-timeout": "365 days",
    }
    try:
        with dask.config.set(settings), ExitStack() as stack:
            # its threads start the workers, at once and whenever one has died
            with without_interrupts(), warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="(?s)Port .* is already in use")  # by another run: no matter
                cluster = stack.enter_context(
                    distributed.LocalCluster(
                        n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None,
                        silence_logs=logging.CRITICAL,
                    )
                )  # fmt: skip
            yield stack.enter_context(distributed.Client(cluster, set_as_default=False))
    finally:
        quiet.setLevel(level)


@contextmanager
def remote_client(address: str, source: str, folder: Path) -> Iterator[Any]:
    """A client of the scheduler at an address, whose workers are found fit for the job.

    Parameters
    ----------
    source, folder : path
        The input that all workers must see, and the folder that they must be able to write into.

    Raises
    ------
    AgezError
        If nobody answers there, no worker is there, or one of them has another agez, cannot see the source, or
        cannot write beside the output.
    """
    distributed = need("distributed", extra="cluster", purpose="--scheduler")
    try:
        distributed.comm.get_address_host_port(address)  # a client of no address would complain once more at its end
        client = distributed.Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise AgezError(
            f"--scheduler {address}: no Dask scheduler answers there ({' '.join(str(error).split()) or 'timed out'}); "
            "give the address that 'dask scheduler' prints, such as tcp://10.0.0.1:8786"
        ) from error
    with client:
        try:
            client.wait_for_workers(1, timeout=WORKERS_SECONDS)
        except TimeoutError as error:
            raise AgezError(f"--scheduler {address}: it has no workers; start some: dask worker {address}") from error
        _check_workers(client, address, source, folder)
        yield client


def _check_workers(client: Any, address: str, source: str, folder: Path) -> None:
    token = folder / f".part-seen-by-{socket.gethostname()}-{os.getpid()}"
    token.touch()
    try:
        found = client.run(fitness, __version__, source, str(token))
    except ImportError as error:
        raise AgezError(f"--scheduler {address}: a worker has no agez ({error}); install it there") from error
    finally:
        token.unlink(missing_ok=True)
    for worker, problem in sorted(found.items()):
        if problem:
            raise AgezError(f"--scheduler {address}: worker {worker} {problem}")


def fitness(version: str, catalogue: str, token: str) -> str:
    """Run by a worker: why it cannot take part; nothing if it can."""
    host = socket.gethostname()
    if version != __version__:
        return f"has agez {__version__}, but it is {version} here: install the same on both"
    if not Path(catalogue).exists():
        return f"on {host} does not see {catalogue}: all workers must see the same files"
    if not Path(token).exists():
        return f"on {host} does not see {Path(token).parent}: the output must be on a file system that all share"
    if not os.access(Path(token).parent, os.W_OK):
        return f"on {host} may not write into {Path(token).parent}"
    return ""


def answer_on(client: Any, job: AnswerJob, work: Sequence[Work]) -> Iterator[PartitionReport]:
    """By the workers of a cluster, a few partitions given out at a time; reports as they come.

    A partition whose worker dies goes to another one; the scheduler gives up on it when workers have died over it
    several times (``distributed.scheduler.allowed-failures``).  It may have been its neighbour in the same worker that
    killed them: so at the end each of these is given out alone, and is set aside only if workers die again.
    """
    tasks = [Task((partition, piece), (job, partition, piece), Path(piece.path).name) for partition, piece in work]
    suspects: list[Task[Work]] = []
    for task, future in _given_out(client, answer_partition, tasks, at_once=GIVEN_OUT):
        if _worker_lost(future):
            suspects.append(task)
        else:
            yield _report(future, task.item[0])
    alone = []
    for task in suspects:
        partition, piece = task.item
        report = kept_report(piece, partition)  # finished, but its worker died with the report in its hand
        if report is None:
            alone.append(task)
        else:
            yield report
    for task, future in _given_out(client, answer_partition, alone, at_once=0):
        yield _report(future, task.item[0])


@dataclass(frozen=True, eq=False)
class Task(Generic[Item]):
    """One call for a worker of a cluster."""

    item: Item  #: What it is of.
    arguments: tuple[Any, ...]  #: Of the call.
    name: str  #: Like no other's of the run.


def each_done_on(
    client: Any, call: Callable[[Item], Result], items: Sequence[Item], *, lost: Callable[[Item], Result]
) -> Iterator[tuple[Item, Result]]:
    """``call(item)`` for every item by the workers of a cluster, in the order in which they get done.

    As :meth:`agez.runtime.worker_pool.Workers.each_done`, but that an item whose worker dies again and again, at the
    end alone, has the result ``lost(item)``.  What ``call`` raises, is raised here.
    """
    tasks = [Task(item, (item,), str(number)) for number, item in enumerate(items)]
    suspects: list[Task[Item]] = []
    for task, future in _given_out(client, call, tasks, at_once=GIVEN_OUT):
        if _worker_lost(future):
            suspects.append(task)
        else:
            yield task.item, future.result()
    for task, future in _given_out(client, call, suspects, at_once=0):
        yield task.item, lost(task.item) if _worker_lost(future) else future.result()


def _given_out(
    client: Any, call: Callable[..., Any], tasks: Sequence[Task[Item]], *, at_once: int
) -> Iterator[tuple[Task[Item], Any]]:
    """Tasks that workers are done with, and their futures; ``at_once`` so many for each thread, 0: one in all."""
    from distributed import wait

    waiting = iter(tasks)
    given: dict[Any, Task[Item]] = {}
    alive, arrival = time.monotonic(), _last_arrival(client)
    try:
        while True:
            threads = sum(client.nthreads().values())
            alive = time.monotonic() if threads else alive
            while len(given) < max(at_once * threads, 1) and (one := next(waiting, None)) is not None:
                key = f"agez-{one.name}-{os.getpid()}{'' if at_once else '-alone'}"
                given[client.submit(call, *one.arguments, key=key, pure=False)] = one
            if not given:
                return
            try:
                with client.as_current():
                    done = wait(  # type: ignore[no-untyped-call]
                        list(given), timeout=10, return_when="FIRST_COMPLETED"
                    ).done
            except TimeoutError:
                latest = _last_arrival(client)
                if latest != arrival:  # one came, and died over its work before it was seen here
                    alive, arrival = time.monotonic(), latest
                if time.monotonic() - alive > WORKERS_SECONDS:
                    raise AgezError(
                        f"{client.scheduler.address}: all workers have gone; what is finished is kept: give the "
                        "command again"
                    ) from None
                continue
            for future in done:
                yield given.pop(future), future
    finally:
        for future in given:
            future.cancel()


def _last_arrival(client: Any) -> float:
    """When the last worker came, by the scheduler's clock; it may be gone."""
    return max((when for when, what in client.get_events("all") if what.get("action") == "add-worker"), default=0.0)


def _worker_lost(future: Any) -> bool:
    """Whether nothing came back because of what befell a worker."""
    from distributed import KilledWorker

    if future.status == "error":
        return isinstance(future.exception(), KilledWorker)
    return bool(future.status != "finished")


def _report(future: Any, partition: Partition) -> PartitionReport:
    """What came of a partition, whatever befell its worker."""
    from distributed import KilledWorker

    error = future.exception() if future.status == "error" else None
    told = (partition.number, partition.name, partition.path)
    if isinstance(error, KilledWorker):
        problem = "the workers that answered it were killed, again and again, perhaps for want of memory"
        return PartitionReport(*told, problem=f"{partition.path}: {problem}; give fewer --rows-per-part")
    if error is not None:
        problem = f"{partition.path}: {type(error).__name__}: {' '.join(str(error).split())}"
        return PartitionReport(*told, problem=problem)
    if future.status != "finished":
        return PartitionReport(*told, problem=f"{partition.path}: its worker was lost ({future.status})")
    report: PartitionReport = future.result()
    return report
