"""The same networks, with the same weights, in the tools that people predict with; not a command.

Each ``*_contenders`` gives {name: function that answers some rows and gives back how many}; what is not installed is
named in ``skipped``.  Whoever imports this has set the environment for the number of threads before.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from typing import Any

import numpy as np

from agez.mixture_network.mixture_model import Network
from agez.mixture_network.trunks import dense_layers, forward
from agez.paper_network import network_numpy
from agez.paper_network.architecture import Architecture
from agez.types import Floats

Contenders = dict[str, Callable[[], int]]
#: Rows that slow peers answer at a time.
FEW = 8192
#: Rows that a thread is given at a time.
ROWS_AT_A_TIME = 4096
#: Sizes of a batch among which the best is looked for.
BATCHES = (256, 2048, 8192)


def keras_backend() -> str | None:
    """The backend with which Keras runs here, set for its import; None without any."""
    if find_spec("keras") is None:
        return None
    for name, module in (("tensorflow", "tensorflow"), ("jax", "jax"), ("torch", "torch")):
        if find_spec(module) is not None:
            os.environ.setdefault("KERAS_BACKEND", name)
            return os.environ["KERAS_BACKEND"]
    return None


def each_part(rows: Callable[[int, int], None], n_rows: int, threads: int) -> None:
    """``rows(start, stop)`` over all rows, on several threads at once."""
    starts = range(0, n_rows, ROWS_AT_A_TIME)
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(rows, starts, [min(start + ROWS_AT_A_TIME, n_rows) for start in starts]))


def convolutional_contenders(
    networks: list[network_numpy.Prepared], inputs: Floats, threads: int, skipped: set[str], *, peers: bool = True
) -> Contenders:
    """One or several networks of the paper's kind, all fed with the same rows (n, b) float32."""
    n = len(inputs)

    def numpy_rows() -> int:
        for network in networks:
            each_part(lambda start, stop, one=network: network_numpy.run(one, inputs[start:stop]), n, threads)
        return n

    out: Contenders = {"agez, numpy": numpy_rows}
    if peers:
        out |= _jax(networks, inputs[:FEW], skipped) | _onnx(networks, inputs[:FEW], threads, skipped)
    return out | _keras(lambda: _keras_convolutional(networks), inputs[:FEW], skipped)


def dense_contenders(members: list[Network], inputs: Floats, threads: int, skipped: set[str]) -> Contenders:
    """All networks of a posterior model, from features (n, inputs) to raw outputs."""
    n = len(inputs)

    def numpy_rows() -> int:
        def rows(start: int, stop: int) -> None:
            for member in members:
                forward(member.shape, member.parameters, inputs[start:stop])

        each_part(rows, n, threads)
        return n

    return {"agez, numpy": numpy_rows} | _keras(lambda: _keras_dense(members), inputs[:FEW], skipped)


def _jax(networks: list[network_numpy.Prepared], inputs: Floats, skipped: set[str]) -> Contenders:
    if find_spec("jax") is None:
        skipped.add("JAX")
        return {}
    import jax
    import jax_network

    tiles = inputs[: len(inputs) // 256 * 256].reshape(-1, 256, inputs.shape[1])

    @jax.jit
    def all_tiles(x: Any) -> Any:
        return [jax.lax.map(lambda tile, one=one: jax_network.forward(one.parameters, tile, one.architecture), x)
                for one in networks]  # fmt: skip

    def rows() -> int:
        jax.block_until_ready(all_tiles(tiles))
        return tiles.shape[0] * 256

    return {"JAX, tiles of 256": rows}


def _onnx(networks: list[network_numpy.Prepared], inputs: Floats, threads: int, skipped: set[str]) -> Contenders:
    if find_spec("onnxruntime") is None or find_spec("onnx") is None:
        skipped.add("ONNX Runtime")
        return {}
    import onnxruntime

    from agez.onnx.onnx_convolutional import add_network
    from agez.onnx.onnx_graph import Graph

    graph = Graph()
    x = graph.input("seds", ("n", inputs.shape[1]), np.float32)
    for number, network in enumerate(networks):
        graph.output(f"out{number}", add_network(graph, network, x), ("n",), np.float32)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    content = graph.model("networks", "", {}, "").SerializeToString()
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])

    def rows(batch: int) -> int:
        for start in range(0, len(inputs), batch):
            session.run(None, {"seds": inputs[start : start + batch]})
        return len(inputs)

    return {f"ONNX Runtime, batches of {batch}": lambda batch=batch: rows(batch) for batch in BATCHES}


def _keras(make: Callable[[], Any], inputs: Floats, skipped: set[str]) -> Contenders:
    backend = keras_backend()
    if backend is None:
        skipped.add("Keras")
        return {}
    model = make()

    def rows(batch: int | None, n: int) -> int:
        model.predict(inputs[:n], batch_size=batch, verbose=0)
        return n

    out: Contenders = {f"Keras predict ({backend}), default": lambda: rows(None, FEW)}
    return out | {f"Keras predict ({backend}), batches of {b}": lambda b=b: rows(b, FEW) for b in BATCHES}


def paper_layers(sizes: Architecture) -> list[Any]:
    """The layers of the paper's network after its input (n, bands, 1)."""
    from keras import layers

    both = zip(sizes.filters, sizes.widths, strict=True)
    return [
        *(layers.Conv1D(*size, padding="same", activation="relu") for size in both),
        layers.MaxPooling1D(sizes.pool), layers.Flatten(), layers.Dense(sizes.dense, activation="relu"),
        layers.Dense(1),
    ]  # fmt: skip


def _keras_convolutional(networks: list[network_numpy.Prepared]) -> Any:
    """All networks side by side in one model, with the same weights."""
    import keras

    layers = keras.layers
    first = keras.Input((len(networks[0].matrix1),))
    outputs, weights = [], []
    for network in networks:
        sizes, p = network.architecture, network.parameters
        x = layers.Reshape((-1, 1))(first)
        stack = paper_layers(sizes)
        for layer in stack:
            x = layer(x)
        weights += zip([stack[k] for k in (0, 1, 4, 5)], ("conv1", "conv2", "dense", "output"), [p] * 4, strict=True)
        outputs.append(x)
    model = keras.Model(first, outputs if len(outputs) == 1 else layers.Concatenate()(outputs))
    for layer, name, p in weights:
        layer.set_weights([p[f"{name}_kernel"], p[f"{name}_bias"]])
    return model


def _keras_dense(members: list[Network]) -> Any:
    import keras

    layers = keras.layers
    first = keras.Input((members[0].shape.inputs,))
    outputs = []
    for member in members:
        x = first
        trunk = dense_layers(member.parameters)
        for number, (weight, bias) in enumerate(trunk):
            last = number == len(trunk) - 1
            layer = layers.Dense(len(bias), activation=None if last else "relu")
            x = layer(x)
            layer.set_weights([weight, bias])
        outputs.append(x)
    return keras.Model(first, outputs if len(outputs) == 1 else layers.Concatenate()(outputs))
