"""Many trainings: single-threaded worker processes on a CPU, one vmapped program on an accelerator.

On a CPU two processes with one network each are faster than one process with two threads and
faster than vmap, because one minibatch is too little work to share.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any

from agez.paper_network.fit_numpy import train_one
from agez.paper_network.jobs import Progress, TrainedNetwork, TrainingJob
from agez.paper_network.kept import KeptNetworks
from agez.runtime.worker_pool import Workers, say

#: So many networks are trained together on an accelerator.
TOGETHER = 256


class Trainer:
    """Trains networks in worker processes that stay for the next call.

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
        self.workers, self.kept = Workers(workers), kept

    def __enter__(self) -> Trainer:
        return self

    def __exit__(self, *error: object) -> None:
        self.workers.end()

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
        # jobs of one architecture one after another: an accelerator trains them together
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
        found = set[int]()

        def find(task: tuple[int, TrainingJob]) -> TrainedNetwork | None:
            network = None if self.kept is None else self.kept.find(task[1])
            if network is not None:
                found.add(task[0])
            return network

        for (number, job), network in self.workers.each_done(_train, enumerate(jobs), known=find, hear=progress):
            if self.kept is not None and number not in found:
                self.kept.keep(job, network)
            yield number, network


def _train(task: tuple[int, TrainingJob]) -> TrainedNetwork:
    number, job = task
    return train_one(job, number=number, progress=say)


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
