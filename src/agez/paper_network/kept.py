"""Finished trainings on disk: each network a small file named by a digest of all that made it, so that none is lost."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from agez.paper_network.jobs import TrainedNetwork, TrainingJob
from agez.runtime.files import make_folder, whole_file

#: To be raised when the training itself changes, so that networks of another recipe are not taken for this one's.
RECIPE = 1


class KeptNetworks:
    """A folder of trained networks.

    A network is found again if its data, rows, architecture, settings and seed are the same to the last bit, and so
    are the training's recipe and the version of numpy.  Files appear whole or not at all; a damaged one counts as
    absent.  The folder can be deleted at any time: its networks are then trained again.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = make_folder(folder)

    def find(self, job: TrainingJob) -> TrainedNetwork | None:
        """The network of a job that was done before, or None."""
        path = self._path(job)
        if not path.exists():
            return None
        try:
            with safe_open(path, framework="numpy") as file:
                facts = json.loads((file.metadata() or {})["training"])
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
            curves = arrays.pop("train_mse"), arrays.pop("validation_mse")
            return TrainedNetwork(arrays, job.architecture, *curves, tags=job.tags, **facts)
        except (SafetensorError, OSError, KeyError, TypeError, ValueError):
            return None

    def keep(self, job: TrainingJob, network: TrainedNetwork) -> None:
        """Write the network of a job."""
        arrays = {name: np.ascontiguousarray(array) for name, array in network.parameters.items()}
        arrays |= {"train_mse": network.train_mse, "validation_mse": network.validation_mse}
        names = ("best_epoch", "stopped_early", "seconds", "gave_up")
        facts = json.dumps({name: getattr(network, name) for name in names})
        with whole_file(self._path(job)) as part:
            try:
                save_file(arrays, part, metadata={"training": facts})
            except SafetensorError as error:  # a full disk, for one
                raise OSError(str(error)) from error

    def _path(self, job: TrainingJob) -> Path:
        return self.folder / f"{job_digest(job)}.safetensors"


def job_digest(job: TrainingJob) -> str:
    """A name for all that decides what a training gives."""
    told = {
        "recipe": RECIPE,
        "machine": "cpu",  # said for the folders that earlier versions made
        "numpy": np.__version__,
        "architecture": job.architecture.to_dict(),
        "settings": asdict(job.settings),
        "seed": job.seed,
    }
    digest = hashlib.blake2b(json.dumps(told, sort_keys=True).encode(), digest_size=20)
    arrays = [job.inputs, job.target, job.train, job.validation]
    for array in arrays if job.give_up_above is None else [*arrays, job.give_up_above]:
        whole = np.ascontiguousarray(array)
        digest.update(f"{whole.dtype.str} {whole.shape}".encode())
        digest.update(whole.data)
    return digest.hexdigest()
