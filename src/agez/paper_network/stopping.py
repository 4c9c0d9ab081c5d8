"""When a training stops, its best weights so far, and its learning curves.  Numpy only."""

from __future__ import annotations

from typing import Any

import numpy as np

from agez.errors import AgezError
from agez.paper_network.jobs import TrainedNetwork, TrainingJob


class Watch:
    """What is known of a training while it goes on.

    ``parameters`` of :meth:`epoch_done` are kept as they are given, arrays by name: the caller does not change them
    afterwards.
    """

    def __init__(self, job: TrainingJob) -> None:
        self.job, self.best_mse, self.best_epoch = job, np.inf, -1
        self.parameters: Any = None
        self.out_of_patience = self.gave_up = False
        self.train_mse: list[float] = []
        self.validation_mse: list[float] = []

    def improves(self, validation_mse: float) -> bool:
        """Whether that would be the best epoch so far."""
        return validation_mse < self.best_mse

    def epoch_done(self, train_mse: float, validation_mse: float, parameters: Any) -> bool:
        """Take note of an epoch (``parameters`` matter only if it :meth:`improves`); whether to stop now."""
        epoch = len(self.validation_mse)
        self.train_mse.append(train_mse)
        self.validation_mse.append(validation_mse)
        if self.improves(validation_mse):
            self.best_mse, self.best_epoch, self.parameters = validation_mse, epoch, parameters
        limits = () if self.job.give_up_above is None else self.job.give_up_above
        self.out_of_patience = epoch - self.best_epoch >= self.job.settings.patience
        self.gave_up = epoch < len(limits) and bool(self.best_mse > limits[epoch])
        return self.out_of_patience or self.gave_up

    def trained(self, seconds: float) -> TrainedNetwork:
        """The result; AgezError if the training diverged."""
        if self.parameters is None:
            raise AgezError(
                f"training of {dict(self.job.tags)} diverged: its validation error was never finite; "
                "lower the learning rate"
            )
        parameters = {name: np.asarray(value) for name, value in self.parameters.items()}
        return TrainedNetwork(
            parameters, self.job.architecture, np.array(self.train_mse), np.array(self.validation_mse), self.best_epoch,
            self.out_of_patience, seconds, self.job.tags, self.gave_up,
        )  # fmt: skip
