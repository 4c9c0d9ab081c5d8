"""The hyperparameters that can be searched: which values each of a network's sizes may take."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agez.errors import AgezError
from agez.paper_network.architecture import Architecture


@dataclass(frozen=True)
class Candidate:
    """What a search chooses: the sizes of a network and of its minibatches."""

    architecture: Architecture
    batch_size: int

    def to_json(self) -> dict[str, Any]:
        """``filters``, ``widths``, ``pool``, ``dense`` and ``batch``."""
        return self.architecture.to_dict() | {"batch": self.batch_size}

    def work(self, n_bands: int) -> int:
        """Multiplications of one forward pass over one SED: what a training's time goes with."""
        shapes = self.architecture.shapes(n_bands)
        return sum(
            (n_bands if name.startswith("conv") else 1) * math.prod(shape)
            for name, shape in shapes.items()
            if name.endswith("kernel")
        )


@dataclass(frozen=True)
class SearchSpace:
    """The values that may be chosen, each a rising series; the defaults are the paper's."""

    #: filters, widths: Of either convolution; widths in bands.
    filters: tuple[int, ...] = (8, 16, 20, 25, 30, 33, 35, 40, 45, 50, 55, 60, 64)
    widths: tuple[int, ...] = (6, 8, 10, 12)
    pool: tuple[int, ...] = (2, 3, 4, 5, 6, 7, 8)
    dense: tuple[int, ...] = (25, 30, 33, 35, 40)
    batch: tuple[int, ...] = (32, 64, 128)

    def __post_init__(self) -> None:
        for name, values in self.axes.items():
            if not values or values[0] < 1 or list(values) != sorted(set(values)):
                raise AgezError(f"search space: the values of {name} are {values}; expected rising positive numbers")

    @property
    def axes(self) -> dict[str, tuple[int, ...]]:
        """The choices that are made, one by one, and the values of each."""
        return {
            "filters_1": self.filters, "filters_2": self.filters, "width_1": self.widths, "width_2": self.widths,
            "pool": self.pool, "dense": self.dense, "batch": self.batch,
        }  # fmt: skip

    @property
    def size(self) -> int:
        """Number of different candidates."""
        return math.prod(len(values) for values in self.axes.values())

    def candidate(self, positions: Mapping[str, int]) -> Candidate:
        """The candidate at a position (from 0) on each of :attr:`axes`."""
        value = {name: values[positions[name]] for name, values in self.axes.items()}
        filters, widths = (value["filters_1"], value["filters_2"]), (value["width_1"], value["width_2"])
        return Candidate(Architecture(filters, widths, value["pool"], value["dense"]), value["batch"])

    def positions(self, candidate: Candidate) -> dict[str, int]:
        """Where a candidate is on each of :attr:`axes`; AgezError if it is not in the space."""
        sizes = candidate.architecture
        value = dict(zip(self.axes, (*sizes.filters, *sizes.widths, sizes.pool, sizes.dense, candidate.batch_size),
                         strict=True))  # fmt: skip
        for name, values in self.axes.items():
            if value[name] not in values:
                raise AgezError(f"search space: {name} {value[name]} is not among its values {values}")
        return {name: values.index(value[name]) for name, values in self.axes.items()}
