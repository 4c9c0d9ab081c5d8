"""Many trainings in single-threaded worker processes.

Two processes with one network each are faster than one process with two threads, because one minibatch is too little
work to share.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from agez.paper_network.fit_numpy import train_one
from agez.paper_network.jobs import Progress, TrainedNetwork, TrainingJob
from agez.paper_network.kept import KeptNetworks
from agez.runtime.worker_pool import Workers, say


class Trainer:
    """Trains networks in ``workers`` worker processes that stay for the next call.

    A context manager: leaving it ends the processes.  Finished networks are looked up and kept in ``kept``, if given.
    AgezError if ``workers`` is below 1.
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
        results = dict(self.train_each(jobs, progress=progress))
        return [results[i] for i in range(len(jobs))]

    def train_each(
        self, jobs: Iterable[TrainingJob], *, progress: Progress | None = None
    ) -> Iterator[tuple[int, TrainedNetwork]]:
        """Networks with their jobs' numbers (0, 1, ...), as they get done; jobs are asked for as they are needed.

        Arguments and errors as in :meth:`train`.
        """
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
