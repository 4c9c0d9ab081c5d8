"""The network's forward pass in compiled code, near the processor's limit; numba (``agez[fast]``) makes it.

Computes what :func:`agez.paper_network.network_numpy.run` does, to float32 rounding, two to three times as fast, and
on several threads.  That module is the fallback and the oracle of the tests.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from agez.paper_network.network_numpy import Prepared
from agez.types import Floats

#: Rows of one call from which loading the compiled code (half a second, a few seconds the first time) pays.
LEAST_ROWS = 20_000
#: Rows that a thread is given at a time.
ROWS_AT_A_TIME = 4096


@dataclass(frozen=True, eq=False)
class Panels:
    """A network's weights in the order in which the compiled code reads them.

    Attributes
    ----------
    sizes : (int, int, int)
        Widths of both convolutions, and the pool.
    panels : tuple of (k * units,) float32
        Of both convolutions and both dense layers: for each tile of units one panel (k, units of the tile).
    biases : tuple of (units,) float32
    edges : tuple of (tiles + 1,) int
        First unit of each tile of all layers but the last, and their number.
    """

    sizes: tuple[int, int, int]
    panels: tuple[Floats, ...]
    biases: tuple[Floats, ...]
    edges: tuple[NDArray[np.intp], ...]


def jit_is_off() -> bool:
    """Whether ``NUMBA_DISABLE_JIT`` says that nothing is to be compiled: then kernels are no code that can run."""
    return os.environ.get("NUMBA_DISABLE_JIT", "").strip() not in ("", "0")


def is_available() -> bool:
    """Whether numba is installed and may compile; it is not imported for the question."""
    return find_spec("numba") is not None and not jit_is_off()


def is_worthwhile(n_rows: int) -> bool:
    """Whether so many rows of one call are answered sooner in compiled code."""
    return n_rows >= LEAST_ROWS and is_available()


def usable_cores() -> int:
    """Processors that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@lru_cache(maxsize=64)
def panels_of(network: Prepared) -> Panels:
    """The panels of a prepared network, kept since rows come in chunks."""
    from agez.paper_network.cnn_numba import MOST_UNITS

    p, sizes = network.parameters, network.architecture
    panels, biases, all_edges = [], [], []
    for layer in ("conv1", "conv2", "dense"):
        bias = np.ascontiguousarray(p[f"{layer}_bias"], np.float32)
        weights = np.asarray(p[f"{layer}_kernel"], np.float32).reshape(-1, len(bias))
        edges = tile_edges(len(bias), MOST_UNITS)
        tiles = [weights[:, low:high].ravel() for low, high in pairwise(edges)]
        panels.append(np.concatenate(tiles))
        biases.append(bias)
        all_edges.append(edges)
    panels.append(np.ascontiguousarray(p["output_kernel"], np.float32).reshape(-1))
    biases.append(np.ascontiguousarray(p["output_bias"], np.float32))
    return Panels((*sizes.widths, sizes.pool), tuple(panels), tuple(biases), tuple(all_edges))


def tile_edges(units: int, most: int) -> NDArray[np.intp]:
    """``units`` in the fewest tiles of at most ``most``, of nearly equal size: where each begins, and the end."""
    n_tiles = -(-units // most)
    return np.round(np.linspace(0, units, n_tiles + 1)).astype(np.intp)


def run(network: Prepared, inputs: Floats, *, threads: int = 1) -> Floats:
    """Outputs (n,) float32 of a prepared network for normalised SEDs ``inputs`` (n, b).

    A row's output does not depend on the other rows, nor on the number of threads, to the last bit.
    Rows with NaN give NaN.
    """
    from agez.paper_network.cnn_numba import convolutional_rows

    panels = panels_of(network)
    inputs = np.ascontiguousarray(inputs, np.float32)
    out = np.empty(len(inputs), np.float32)

    def rows(start: int, stop: int) -> None:
        convolutional_rows(inputs, out, start, stop, panels.sizes, panels.panels, panels.biases, panels.edges)

    each_part(rows, len(inputs), threads)
    return out


def each_part(rows: Callable[[int, int], None], n_rows: int, threads: int) -> None:
    """``rows(start, stop)`` over all rows, on several threads at once if there are many; raises what they raise."""
    starts = range(0, n_rows, ROWS_AT_A_TIME)
    if threads == 1 or len(starts) < 2:
        rows(0, n_rows)
        return
    with ThreadPoolExecutor(min(threads, len(starts))) as pool:
        list(pool.map(rows, starts, [min(start + ROWS_AT_A_TIME, n_rows) for start in starts]))


def direct_flops(network: Prepared) -> int:
    """Additions and multiplications of one SED by direct convolution, of positions that pooling keeps.

    2 (b w1 f1 + p w2 f1 f2 + (p / pool) f2 d + d) with p = pool * floor(b / pool): the count against which rates are
    given.  Edges are counted as if the padding were bands.
    """
    sizes, n_bands = network.architecture, len(network.matrix1)
    (f1, f2), (w1, w2) = sizes.filters, sizes.widths
    n_pooled = network.n_pooled
    return 2 * (n_bands * w1 * f1 + n_pooled * sizes.pool * w2 * f1 * f2 + n_pooled * f2 * sizes.dense + sizes.dense)
