"""What a network is made of: its sizes, its parameters' shapes and how they start.  Numpy only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from agez.errors import AgezError
from agez.types import Floats


@dataclass(frozen=True)
class Architecture:
    """Sizes of the paper's network: Conv1D, Conv1D, max pooling, dense, linear output."""

    filters: tuple[int, int] = (16, 16)  #: Number of filters of the two convolutions.
    widths: tuple[int, int] = (6, 8)  #: Their widths in bands ('same' padding, the shorter side first, as Keras does).
    pool: int = 8  #: Length and stride of the max pooling; what is left over at the red end is dropped.
    dense: int = 40  #: Units of the dense layer.

    def __post_init__(self) -> None:
        numbers = (*self.filters, *self.widths, self.pool, self.dense)
        if len(self.filters) != 2 or len(self.widths) != 2 or min(numbers) < 1:
            raise AgezError(
                f"architecture {self}: needs two positive filter numbers, two widths, a pool and a dense size"
            )

    def shapes(self, n_bands: int) -> dict[str, tuple[int, ...]]:
        """Name and shape of every parameter for SEDs of ``n_bands``; AgezError if pooling leaves nothing."""
        if n_bands < self.pool:
            raise AgezError(
                f"{n_bands} bands are fewer than the pooling length {self.pool}: use more bands or a smaller pool"
            )
        (f1, f2), (w1, w2) = self.filters, self.widths
        return {
            "conv1_kernel": (w1, 1, f1),
            "conv1_bias": (f1,),
            "conv2_kernel": (w2, f1, f2),
            "conv2_bias": (f2,),
            "dense_kernel": (n_bands // self.pool * f2, self.dense),
            "dense_bias": (self.dense,),
            "output_kernel": (self.dense, 1),
            "output_bias": (1,),
        }

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Architecture:
        """The architecture that :meth:`to_dict` described."""
        filters, widths = content["filters"], content["widths"]
        return cls((int(filters[0]), int(filters[1])), (int(widths[0]), int(widths[1])),
                   int(content["pool"]), int(content["dense"]))  # fmt: skip


#: The authors' own choices, by target.
PAPER_ARCHITECTURES = {
    "log_age_lw": Architecture(filters=(16, 16), widths=(6, 8), pool=8, dense=40),
    "mh_lw": Architecture(filters=(20, 20), widths=(6, 8), pool=8, dense=40),
}


def initial_parameters(architecture: Architecture, n_bands: int, rng: np.random.Generator) -> dict[str, Floats]:
    """Uniform Glorot weights (Glorot & Bengio 2010, AISTATS 9, 249) and zero biases, float32."""
    parameters = {}
    for name, shape in architecture.shapes(n_bands).items():
        if name.endswith("bias"):
            parameters[name] = np.zeros(shape, np.float32)
            continue
        taps = int(np.prod(shape[:-2]))  # 1 for dense layers, the width for convolutions
        limit = np.sqrt(6.0 / (taps * (shape[-2] + shape[-1])))
        parameters[name] = rng.uniform(-limit, limit, shape).astype(np.float32)
    return parameters
