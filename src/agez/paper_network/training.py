"""Training of the paper's networks: one, many, or a sample in and a model out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agez.models.model import Model
from agez.paper_network.architecture import PAPER_ARCHITECTURES, Architecture
from agez.paper_network.cross_validation import CrossValidation, cross_validate
from agez.paper_network.ensemble import model_from_cross_validation
from agez.paper_network.fit_numpy import train_one
from agez.paper_network.jobs import Progress, TrainedNetwork, TrainingJob, TrainingSettings
from agez.paper_network.pool import train_many
from agez.samples.splits import Split, SplitKind
from agez.types import Floats, Sample

__all__ = [
    "CONVERGED_FAST",
    "Architecture",
    "CrossValidation",
    "TrainedNetwork",
    "TrainingJob",
    "TrainingSettings",
    "cross_validate",
    "model_from_cross_validation",
    "train_many",
    "train_network",
    "train_paper_networks",
]

#: As good as the paper's recipe in about half the epochs, on partly whitened inputs (measured; see docs).
CONVERGED_FAST = TrainingSettings(optimizer="adam", learning_rate=3e-3, max_epochs=60, patience=25, schedule="cosine")


def train_network(
    inputs: Floats,
    target: Floats,
    split: Split,
    *,
    architecture: Architecture | None = None,
    settings: TrainingSettings | None = None,
    seed: int = 1,
    progress: Progress | None = None,
) -> TrainedNetwork:
    """Train one network in this process.

    Parameters
    ----------
    inputs : (n, b)
        Normalised SEDs.
    target : (n,)
        Normalised label.
    split : Split
        ``train`` and ``validation`` are used, ``test`` is not looked at.
    """
    job = TrainingJob(inputs, target, split.train, split.validation, architecture or Architecture(),
                      settings or TrainingSettings(), seed)  # fmt: skip
    return train_one(job, progress=progress)


def train_paper_networks(
    sample: Sample,
    *,
    split: SplitKind = "by-galaxy",
    bands: Sequence[str] | None = None,
    architectures: Mapping[str, Architecture] = PAPER_ARCHITECTURES,
    settings: TrainingSettings | None = None,
    max_missing: int | None = None,
    seed: int = 1,
    workers: int = 2,
    name: str = "",
    progress: Progress | None = None,
) -> Model:
    """Cross-validate on a sample and make a model of the networks; see :func:`cross_validate` for the arguments.

    The model's errors and scores are those of the cross-validation: by galaxy, of galaxies unseen in training.
    """
    cv = cross_validate(
        sample, split=split, bands=bands, architectures=architectures, settings=settings, max_missing=max_missing,
        seed=seed, workers=workers, progress=progress,
    )  # fmt: skip
    return model_from_cross_validation(cv, sample, name=name)
