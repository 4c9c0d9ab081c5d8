"""The folder of a run: what is finished in it, so that an interrupted run goes on where it was."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import agez
from agez.experiments.result import installed_versions
from agez.paper_network.kept import KeptNetworks
from agez.runtime.files import check_output, make_folder, write_json
from agez.runtime.finished_work import read_json, remove_half_written

Result = TypeVar("Result")

#: What a run writes beside its folders.
FILES = ("summary.json", "report.html", "sample.fits", "predictions.fits")
FOLDERS = ("models", "figures", "experiments")
#: What another run's results are, beside the sample, which may be what this run was given.
RESULTS = ("summary.json", "report.html", "predictions.fits", "models/set_*.safetensors", "figures/figure_*.png")


class RunFolder:
    """An output folder of ``agez reproduce`` with a record of what was asked for and which steps are done.

    To be used inside :func:`agez.runtime.run_lock.sole_run`.

    ``work/run.json`` names the run: versions, code, preset, seed, sample, templates.  If the folder holds another run,
    that run's steps are forgotten and its results removed (its networks stay, for they are found by their content
    alone).  ``work/networks`` holds every finished training and ``experiments/KEY.json`` every finished experiment.
    ``work`` may be deleted.

    Parameters
    ----------
    asked : mapping
        What decides the result, as JSON.
    fresh : bool
        Forget all that an earlier run has left.

    Raises
    ------
    AgezError
        If the folder cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str], asked: Mapping[str, Any], *, fresh: bool = False) -> None:
        self.path = make_folder(path)
        for name in FOLDERS:
            make_folder(self.path / name)
        for name in FILES:
            check_output(self.path / name)
        # a fault mended, or made, anywhere in the package is another run
        self._name = {"versions": installed_versions(), "code": _digest_of_code()} | dict(asked)
        record = read_json(self.path / "work" / "run.json")
        same = record is not None and record.get("run") == self._name and not fresh
        if fresh:
            shutil.rmtree(self.path / "work", ignore_errors=True)
        self.work = make_folder(self.path / "work")
        self.networks = KeptNetworks(self.work / "networks")
        remove_half_written(self.networks.folder)
        self.seconds: dict[str, float] = dict(record["seconds"]) if record is not None and same else {}
        self.done: list[str] = list(record["done"]) if record is not None and same else []
        self._started = time.monotonic()
        if not same:
            # without a record, a file that is called like a result may be anybody's
            for pattern in ("experiments/*.json", *(RESULTS if record is not None else ())):
                for old in self.path.glob(pattern):
                    old.unlink()
        self._write()

    def time(self, step: str, work: Callable[[], Result]) -> Result:
        """Do ``work`` and add how long it took to the step's seconds, even if it fails."""
        start = time.monotonic()
        try:
            return work()
        finally:
            self.add_seconds({step: time.monotonic() - start})

    def add_seconds(self, spent: Mapping[str, float]) -> None:
        """Add to the seconds of steps, and the time that has passed since to the total."""
        now = time.monotonic()
        for step, seconds in {**spent, "total": now - self._started}.items():
            self.seconds[step] = self.seconds.get(step, 0.0) + seconds
        self._started = now
        self._write()

    def mark(self, step: str) -> None:
        """Note that a step is done: what it wrote can be taken as it is."""
        if step not in self.done:
            self.done.append(step)
        self._write()

    def find_block(self, key: str) -> dict[str, Any] | None:
        """The block of an experiment that is done, or None."""
        return read_json(self.path / "experiments" / f"{key}.json") if key in self.done else None

    def keep_block(self, key: str, block: Mapping[str, Any]) -> None:
        """Write an experiment's block."""
        write_json(self.path / "experiments" / f"{key}.json", block)
        self.mark(key)

    def _write(self) -> None:
        write_json(self.work / "run.json", {"run": self._name, "done": self.done, "seconds": self.seconds})


def _digest_of_code() -> str:
    digest = hashlib.sha256()
    for path in sorted(Path(agez.__file__).parent.rglob("*")):
        if path.is_file() and path.parent.name != "__pycache__":
            digest.update(path.read_bytes())
    return digest.hexdigest()
