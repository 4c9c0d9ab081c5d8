"""One galaxy after another by whoever works: this process, processes of this machine, or a Dask cluster elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from agez.engine.schedulers import each_done_on, remote_client
from agez.runtime.compiled import usable_cores
from agez.runtime.worker_pool import each_done

Item = TypeVar("Item")
Result = TypeVar("Result")


def each_galaxy(
    work: Callable[[Item], Result],
    galaxies: Sequence[Item],
    *,
    workers: int | None,
    scheduler: str | None,
    source: str,
    folder: Path,
    lost: Callable[[Item], Result],
) -> Iterator[tuple[Item, Result]]:
    """``work(galaxy)`` for every galaxy, in the order in which they get done.

    Parameters
    ----------
    work : callable
        A function of a module, which tells what is wrong with a galaxy and raises nothing for it.
    workers : int, optional
        Processes of this machine; by default one a core.
    scheduler : str, optional
        Address of a running Dask scheduler, whose workers see ``source`` and write into ``folder``.
    lost : callable
        ``lost(galaxy)`` is the result where a worker was killed over it.
    """
    if scheduler is None:
        yield from each_done(work, galaxies, workers=usable_cores() if workers is None else workers, lost=lost)
        return
    with remote_client(scheduler, str(Path(source).absolute()), folder.absolute()) as client:
        yield from each_done_on(client, work, galaxies, lost=lost)
