"""What a training is told and what it gives back: plain data that crosses process borders.  Numpy only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from agez.errors import AgezError
from agez.paper_network.architecture import Architecture
from agez.types import Floats, Ints

#: Called as progress(job number, epoch, validation MSE) after every epoch.
Progress = Callable[[int, int, float], None]


@dataclass(frozen=True)
class TrainingSettings:
    """How a network is trained; the defaults are the paper's recipe."""

    optimizer: Literal["rmsprop", "adam"] = "rmsprop"
    learning_rate: float = 1e-3
    batch_size: int = 128
    max_epochs: int = 5000  #: At most so many passes through the training rows.
    patience: int = 25  #: Stop when the validation MSE has not improved for so many epochs; the best weights are kept.
    #: 'cosine' lowers the learning rate from ``learning_rate`` to 1 % of it over ``max_epochs`` (Loshchilov & Hutter
    #: 2017, ICLR): better weights where the number of epochs is limited.
    schedule: Literal["constant", "cosine"] = "constant"

    def __post_init__(self) -> None:
        if self.optimizer not in ("rmsprop", "adam"):
            raise AgezError(f"optimizer is {self.optimizer!r}; expected 'rmsprop' or 'adam'")
        if self.schedule not in ("constant", "cosine"):
            raise AgezError(f"schedule is {self.schedule!r}; expected 'constant' or 'cosine'")
        if min(self.batch_size, self.max_epochs, self.patience) < 1 or not self.learning_rate > 0:
            raise AgezError(f"batch size, epochs, patience and learning rate must be positive: {self}")

    def learning_rate_at(self, epoch: int) -> float:
        """The learning rate of epoch 0, 1, ..."""
        if self.schedule == "constant":
            return self.learning_rate
        phase = min(epoch / self.max_epochs, 1.0)
        return self.learning_rate * (0.01 + 0.99 * 0.5 * (1.0 + float(np.cos(np.pi * phase))))


#: As good as the paper's recipe in about half the epochs, on partly whitened inputs (measured; see docs).
CONVERGED_FAST = TrainingSettings(optimizer="adam", learning_rate=3e-3, max_epochs=60, patience=25, schedule="cosine")


@dataclass(frozen=True, eq=False)
class TrainingJob:
    """One network to be trained."""

    inputs: Floats  #: (n, b) float32: Normalised SEDs, finite in the rows that are used.
    target: Floats  #: (n,) float32: Normalised label.
    #: train, validation: (k,) Rows to learn from and rows to watch.
    train: Ints
    validation: Ints
    #: architecture, settings, seed: The seed starts the weights and shuffles the rows.
    architecture: Architecture
    settings: TrainingSettings = field(default_factory=TrainingSettings)
    seed: int = 1
    tags: Mapping[str, Any] = field(default_factory=dict)  #: What the caller wants to remember (target, fold).
    #: (epochs,) Stop after an epoch if the best validation MSE so far is above that epoch's value; beyond its end, go
    #: on.
    give_up_above: Floats | None = None

    def __post_init__(self) -> None:
        for name in ("train", "validation"):
            rows = getattr(self, name)
            if len(rows) == 0:
                raise AgezError(f"no {name} rows for the network {dict(self.tags)}: give more spectra or galaxies")
            if not (np.isfinite(self.inputs[rows]).all() and np.isfinite(self.target[rows]).all()):
                raise AgezError(f"{name} rows of the network {dict(self.tags)} hold values that are not finite")


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """The weights with the lowest validation MSE, and how they came about."""

    parameters: Mapping[str, Floats]  #: float32
    architecture: Architecture
    #: train_mse, validation_mse: (epochs,) Learning curves in units of the normalised label's variance; the training
    #: MSE is the mean over the epoch's minibatches.
    train_mse: Floats
    validation_mse: Floats
    best_epoch: int  #: From 0.
    stopped_early: bool  #: False if ``max_epochs`` ended the training.
    seconds: float
    tags: Mapping[str, Any] = field(default_factory=dict)  #: Those of the job.
    gave_up: bool = False  #: Whether ``give_up_above`` ended the training.
