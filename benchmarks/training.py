"""How fast the paper's network trains: against the same network in Keras, in JAX, and by JAX's own convolution.

Run ``python benchmarks/training.py``.  One process, one thread, both networks of the paper, 34 bands, RMSprop,
minibatches of 128; the best of several timings, contenders taken in turns so that a busy machine hits all alike.
"""

from __future__ import annotations

import os

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
for _name in (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
):
    os.environ[_name] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import time  # noqa: E402
from collections.abc import Callable  # noqa: E402
from importlib.util import find_spec  # noqa: E402
from typing import Any  # noqa: E402

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import jax_network  # noqa: E402
import numpy as np  # noqa: E402
from prediction_peers import paper_layers  # noqa: E402

from agez.paper_network import fit_numpy, gradient_numpy  # noqa: E402
from agez.paper_network.architecture import PAPER_ARCHITECTURES, Architecture, initial_parameters  # noqa: E402

N_BANDS, BATCH, REPEATS = 34, 128, 5
N_FAST, N_SLOW = 12800, 1280


def jax_epoch(architecture: Architecture, n_rows: int, forward: Callable[..., jax.Array]) -> Callable[[], object]:
    """One epoch over ``n_rows`` with the given form of the network, compiled."""
    rng = np.random.default_rng(1)
    inputs, target = rng.normal(size=(n_rows, N_BANDS)).astype(np.float32), rng.normal(size=n_rows).astype(np.float32)
    parameters = initial_parameters(architecture, N_BANDS, rng)
    squares = jax.tree.map(np.zeros_like, parameters)
    order = rng.permutation(n_rows).astype(np.int32)

    def step(i: jax.Array, carry: Any) -> Any:
        """One minibatch of RMSprop, as agez.paper_network.fit_numpy has it."""
        parameters, squares = carry
        rows = jax.lax.dynamic_slice(order, (i * BATCH,), (BATCH,))
        x, y = jnp.asarray(inputs)[rows], jnp.asarray(target)[rows]
        gradient = jax.grad(lambda p: jnp.mean((forward(p, x, architecture) - y) ** 2))(parameters)
        squares = jax.tree.map(lambda v, g: 0.9 * v + 0.1 * g * g, squares, gradient)
        moved = jax.tree.map(lambda p, v, g: p - 1e-3 * g / jnp.sqrt(v + 1e-7), parameters, squares, gradient)
        return moved, squares

    epoch = jax.jit(lambda *carry: jax.lax.fori_loop(0, n_rows // BATCH, step, carry))
    jax.block_until_ready(epoch(parameters, squares))
    return lambda: jax.block_until_ready(epoch(parameters, squares))


def numpy_epoch(architecture: Architecture, n_rows: int) -> Callable[[], object]:
    """One epoch over ``n_rows`` as agez trains on a CPU, in memory allocated before."""
    rng = np.random.default_rng(1)
    inputs, target = rng.normal(size=(n_rows, N_BANDS)).astype(np.float32), rng.normal(size=n_rows).astype(np.float32)
    parameters, gradient = (gradient_numpy.FlatParameters(architecture, N_BANDS) for _ in range(2))
    parameters.set(initial_parameters(architecture, N_BANDS, rng))
    layout = gradient_numpy.Layout(parameters, architecture, N_BANDS)
    layout.refresh()
    tile, update = gradient_numpy.GradientTile(layout, BATCH), fit_numpy.rmsprop(len(parameters.flat))
    order = rng.permutation(n_rows)

    def epoch() -> None:
        x, y = inputs[order], target[order]
        for start in range(0, n_rows, BATCH):
            tile.gradient(x[start : start + BATCH], y[start : start + BATCH], gradient)
            update(parameters.flat, gradient.flat, 1e-3)
            layout.refresh()

    epoch()
    return epoch


def keras_epoch(architecture: Architecture, n_rows: int) -> Callable[[], object]:
    """One epoch of the same network as Keras runs it with TensorFlow, compiled, after a first epoch."""
    import keras

    model = keras.Sequential([keras.layers.Input((N_BANDS, 1)), *paper_layers(architecture)])
    model.compile(optimizer=keras.optimizers.RMSprop(1e-3), loss="mse")
    rng = np.random.default_rng(1)
    inputs, target = (
        rng.normal(size=(n_rows, N_BANDS, 1)).astype(np.float32),
        rng.normal(size=n_rows).astype(np.float32),
    )
    model.fit(inputs, target, batch_size=BATCH, epochs=1, verbose=0)
    return lambda: model.fit(inputs, target, batch_size=BATCH, epochs=1, verbose=0)


def main() -> None:
    """Print network-samples per second, and ratios."""
    with_keras = find_spec("keras") is not None and find_spec("tensorflow") is not None
    if not with_keras:
        print("Keras with TensorFlow is not installed: no comparison with it (pip install tensorflow keras)")
    for target, architecture in PAPER_ARCHITECTURES.items():
        contenders = {
            "agez": (N_FAST, numpy_epoch(architecture, N_FAST)),
            "agez's form in JAX": (N_FAST, jax_epoch(architecture, N_FAST, jax_network.forward)),
            "JAX's convolution": (N_SLOW, jax_epoch(architecture, N_SLOW, jax_network.forward_obvious)),
        }
        if with_keras:
            contenders["Keras with TensorFlow"] = (N_FAST, keras_epoch(architecture, N_FAST))
        rates = dict.fromkeys(contenders, 0.0)
        for _ in range(REPEATS):
            for name, (n_rows, epoch) in contenders.items():
                start = time.perf_counter()
                epoch()
                rates[name] = max(rates[name], n_rows / (time.perf_counter() - start))
        print(f"{target}: {architecture}")
        for name, rate in rates.items():
            ratio = "" if name == "agez" else f"   agez is {rates['agez'] / rate:.1f} times faster"
            print(f"  {name:24s}{rate:10.0f} network-samples/s{ratio}")


if __name__ == "__main__":
    main()
