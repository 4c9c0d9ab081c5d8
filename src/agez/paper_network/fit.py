"""Training in JAX of many networks at once, for accelerators; and of one, against which the CPU's way is tested.

An epoch is one compiled loop over shuffled minibatches.  The last minibatch is filled up with
rows of weight zero, and the number of minibatches is an argument, so that folds of different
sizes use one compiled program.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from agez.errors import AgezError
from agez.paper_network.architecture import Architecture, initial_parameters
from agez.paper_network.jobs import Progress, TrainedNetwork, TrainingJob, TrainingSettings
from agez.paper_network.network import forward
from agez.paper_network.optimizers import make_optimizer
from agez.paper_network.stopping import Watch
from agez.types import Floats, Ints

#: Lists of rows are padded to multiples of this, so that folds of nearly equal size share a program.
ROWS_PADDED_TO = 4096

Tree = Any
Epoch = Callable[..., tuple[Tree, Tree, jax.Array]]
Evaluate = Callable[..., jax.Array]


def weighted_mse(
    parameters: Tree, inputs: jax.Array, target: jax.Array, weight: jax.Array, architecture: Architecture
) -> jax.Array:
    """Mean squared error over the rows, weighted: rows of weight zero count for nothing."""
    difference = forward(parameters, inputs, architecture) - target
    return jnp.sum(weight * difference**2) / jnp.sum(weight)


@lru_cache(maxsize=32)
def compiled_functions(
    architecture: Architecture, optimizer: str, batch_size: int, many: bool
) -> tuple[Epoch, Evaluate]:
    """Compiled ``epoch`` and ``evaluate``; with ``many``, over a leading axis of networks.

    ``epoch(parameters, state, inputs, target, order, n_rows, rate)`` passes through the rows
    ``order[:n_rows]`` in minibatches and gives parameters, optimiser state and mean MSE;
    ``evaluate(parameters, inputs, target, rows, n_rows)`` gives the MSE of ``rows[:n_rows]``.
    """
    update = make_optimizer(optimizer).update
    gradient_of = jax.value_and_grad(weighted_mse)

    def minibatch(inputs: jax.Array, target: jax.Array, order: jax.Array, n_rows: jax.Array, i: jax.Array) -> Any:
        rows = jax.lax.dynamic_slice(order, (i * batch_size,), (batch_size,))
        weight = (i * batch_size + jnp.arange(batch_size) < n_rows).astype(inputs.dtype)
        return inputs[rows], target[rows], weight

    def epoch(parameters: Tree, state: Tree, inputs: Any, target: Any, order: Any, n_rows: Any, rate: Any) -> Any:
        def step(i: jax.Array, carry: Any) -> Any:
            parameters, state, total = carry
            x, y, weight = minibatch(inputs, target, order, n_rows, i)
            mse, gradient = gradient_of(parameters, x, y, weight, architecture)
            parameters, state = update(parameters, state, gradient, rate)
            return parameters, state, total + mse * weight.sum()

        n_steps = (n_rows + batch_size - 1) // batch_size
        parameters, state, total = jax.lax.fori_loop(0, n_steps, step, (parameters, state, jnp.float32(0)))
        return parameters, state, total / n_rows

    def evaluate(parameters: Tree, inputs: Any, target: Any, rows: Any, n_rows: Any) -> jax.Array:
        def step(i: jax.Array, total: jax.Array) -> jax.Array:
            x, y, weight = minibatch(inputs, target, rows, n_rows, i)
            return total + jnp.sum(weight * (forward(parameters, x, architecture) - y) ** 2)

        n_steps = (n_rows + batch_size - 1) // batch_size
        return jnp.asarray(jax.lax.fori_loop(0, n_steps, step, jnp.float32(0)) / n_rows)

    if many:
        return jax.jit(jax.vmap(epoch)), jax.jit(jax.vmap(evaluate))
    return jax.jit(epoch), jax.jit(evaluate)


def train_one(job: TrainingJob, *, number: int = 0, progress: Progress | None = None) -> TrainedNetwork:
    """Train one network; on a CPU :func:`agez.paper_network.fit_numpy.train_one` does the same faster."""
    start = time.perf_counter()
    settings = job.settings
    epoch, evaluate = compiled_functions(job.architecture, settings.optimizer, settings.batch_size, False)
    rng = np.random.default_rng(job.seed)
    parameters: Tree = _on_device(initial_parameters(job.architecture, job.inputs.shape[1], rng))
    state = make_optimizer(settings.optimizer).initial(parameters)
    length = padded_length(len(job.inputs))
    inputs, target = jnp.asarray(_filled_up(job.inputs, length)), jnp.asarray(_filled_up(job.target, length))
    validation, n_train = _filled_up(job.validation, padded_length(len(job.validation))), len(job.train)
    watch = Watch(job)
    for number_of_epoch in range(settings.max_epochs):
        order = _filled_up(rng.permutation(job.train), padded_length(n_train))
        rate = settings.learning_rate_at(number_of_epoch)
        parameters, state, train_mse = epoch(parameters, state, inputs, target, order, n_train, rate)
        validation_mse = float(evaluate(parameters, inputs, target, validation, len(job.validation)))
        if progress is not None:
            progress(number, number_of_epoch, validation_mse)
        if watch.epoch_done(float(train_mse), validation_mse, parameters):
            break
    return watch.trained(time.perf_counter() - start)


def train_together(jobs: Sequence[TrainingJob], *, progress: Progress | None = None) -> list[TrainedNetwork]:
    """Train networks of one architecture and one setting at once (vmap): what accelerators are good at.

    Each network's rows, order and stopping are its own, so the result is that of
    :func:`train_one` up to rounding.  The padded numbers of rows (:func:`padded_length`) must be the same.
    """
    start = time.perf_counter()
    first = jobs[0]
    settings, architecture = first.settings, first.architecture
    if any(kind_of(job) != kind_of(first) for job in jobs):
        raise AgezError("networks trained together must share architecture, settings and the shape of their inputs")
    epoch, evaluate = compiled_functions(architecture, settings.optimizer, settings.batch_size, True)
    rngs = [np.random.default_rng(job.seed) for job in jobs]
    parameters: Tree = _stacked([initial_parameters(architecture, first.inputs.shape[1], rng) for rng in rngs])
    state = jax.vmap(make_optimizer(settings.optimizer).initial)(parameters)
    length = padded_length(len(first.inputs))
    inputs = jnp.stack([jnp.asarray(_filled_up(job.inputs, length)) for job in jobs])
    target = jnp.stack([jnp.asarray(_filled_up(job.target, length)) for job in jobs])
    n_train = np.array([len(job.train) for job in jobs])
    n_validation = np.array([len(job.validation) for job in jobs])
    longest = padded_length(int(max(n_train.max(), n_validation.max())))
    validation = np.stack([_filled_up(job.validation, longest) for job in jobs])
    watches = [Watch(job) for job in jobs]
    running = np.ones(len(jobs), bool)
    for number_of_epoch in range(settings.max_epochs):
        shuffled = [rng.permutation(job.train) for rng, job in zip(rngs, jobs, strict=True)]
        order = np.stack([_filled_up(rows, longest) for rows in shuffled])
        rates = np.full(len(jobs), settings.learning_rate_at(number_of_epoch), np.float32)
        # A network that has stopped passes through no rows: its loop has no minibatches.
        rows_now = np.where(running, n_train, 0)
        parameters, state, passed = epoch(parameters, state, inputs, target, order, rows_now, rates)
        validation_mse = np.asarray(evaluate(parameters, inputs, target, validation, n_validation), float)
        train_mse = np.asarray(passed, float)
        for i in np.flatnonzero(running):
            if progress is not None:
                progress(int(i), number_of_epoch, float(validation_mse[i]))
            own = jax.tree.map(lambda a, i=i: a[i], parameters)
            running[i] = not watches[i].epoch_done(float(train_mse[i]), float(validation_mse[i]), own)
        if not running.any():
            break
    seconds = (time.perf_counter() - start) / len(jobs)
    return [watch.trained(seconds) for watch in watches]


def _on_device(parameters: dict[str, Floats]) -> dict[str, jax.Array]:
    return {name: jnp.asarray(value) for name, value in parameters.items()}


def _stacked(parts: Sequence[dict[str, Floats]]) -> dict[str, jax.Array]:
    return {name: jnp.stack([jnp.asarray(part[name]) for part in parts]) for name in parts[0]}


def kind_of(job: TrainingJob) -> tuple[Architecture, TrainingSettings, int, int]:
    """What jobs that are trained together have in common."""
    return job.architecture, job.settings, padded_length(len(job.inputs)), job.inputs.shape[1]


def padded_length(n_rows: int) -> int:
    """``n_rows`` or more, a multiple of ROWS_PADDED_TO."""
    return -(-n_rows // ROWS_PADDED_TO) * ROWS_PADDED_TO


def _filled_up(rows: Floats | Ints, length: int) -> NDArray[Any]:
    """``rows`` (of numbers of rows, or of values) followed by zeros; float32 or int32."""
    out = np.zeros((length, *rows.shape[1:]), np.int32 if rows.dtype.kind == "i" else np.float32)
    out[: len(rows)] = rows
    return out
