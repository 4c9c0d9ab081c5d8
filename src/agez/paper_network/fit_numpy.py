"""Training of one network, in numpy: what worker processes do."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from threadpoolctl import threadpool_limits

from agez.errors import AgezError
from agez.paper_network.architecture import initial_parameters
from agez.paper_network.gradient_numpy import FlatParameters, GradientTile, Layout, Tile
from agez.paper_network.jobs import Progress, TrainedNetwork, TrainingJob
from agez.types import Floats

#: Validation rows of one forward pass.
TILE_ROWS = 256

#: Called as update(parameters, gradient, learning rate); changes ``parameters`` in place.
Update = Callable[[Floats, Floats, float], None]


def train_one(job: TrainingJob, *, number: int = 0, progress: Progress | None = None) -> TrainedNetwork:
    """Train one network; ``number`` is what ``progress`` is told. Same job, same machine: same weights."""
    # One minibatch is too little for two threads; overflow is a training that diverges, which is seen in the end.
    with threadpool_limits(1, "blas"), np.errstate(over="ignore", invalid="ignore"):
        return _train(job, number, progress)


def _train(job: TrainingJob, number: int, progress: Progress | None) -> TrainedNetwork:
    start = time.perf_counter()
    n_bands, settings = job.inputs.shape[1], job.settings
    rng = np.random.default_rng(job.seed)
    parameters, gradient = FlatParameters(job.architecture, n_bands), FlatParameters(job.architecture, n_bands)
    parameters.set(initial_parameters(job.architecture, n_bands, rng))
    layout = Layout(parameters, job.architecture, n_bands)
    layout.refresh()
    update = make_update(settings.optimizer, len(parameters.flat))
    # The last minibatch has a tile of its own size.
    sizes = {len(rows) for rows in _slices(job.inputs[job.train], settings.batch_size)}
    tiles = {n: GradientTile(layout, n) for n in sizes}
    validation = np.ascontiguousarray(job.inputs[job.validation], np.float32)
    validation_target = job.target[job.validation]
    sizes = {len(rows) for rows in _slices(validation, TILE_ROWS)}
    watched = {n: Tile(layout, n) for n in sizes}
    limits = () if job.give_up_above is None else job.give_up_above
    train_mse, validation_mse = list[float](), list[float]()
    lowest, best, kept, out_of_patience, gave_up = np.inf, -1, None, False, False
    for epoch in range(settings.max_epochs):
        order = rng.permutation(job.train)
        inputs, target = np.asarray(job.inputs[order], np.float32), np.asarray(job.target[order], np.float32)
        rate, total = settings.learning_rate_at(epoch), 0.0
        for x, y in zip(_slices(inputs, settings.batch_size), _slices(target, settings.batch_size), strict=True):
            total += tiles[len(x)].gradient(x, y, gradient)
            update(parameters.flat, gradient.flat, rate)
            layout.refresh()
        outputs = np.concatenate([watched[len(x)].forward(x) for x in _slices(validation, TILE_ROWS)])
        mse = float(np.mean((outputs - validation_target) ** 2))
        if progress is not None:
            progress(number, epoch, mse)
        train_mse.append(total / len(order))
        validation_mse.append(mse)
        if mse < lowest:
            lowest, best, kept = mse, epoch, parameters.copy()
        out_of_patience = epoch - best >= settings.patience
        gave_up = epoch < len(limits) and bool(lowest > limits[epoch])
        if out_of_patience or gave_up:
            break
    if kept is None:
        raise AgezError(
            f"training of {dict(job.tags)} diverged: its validation error was never finite; lower the learning rate"
        )
    return TrainedNetwork(
        kept, job.architecture, np.array(train_mse), np.array(validation_mse), best, out_of_patience,
        time.perf_counter() - start, job.tags, gave_up,
    )  # fmt: skip


def _slices(rows: Floats, length: int) -> list[Floats]:
    return [rows[i : i + length] for i in range(0, len(rows), length)]


def make_update(name: str, size: int) -> Update:
    """The optimiser called ``rmsprop`` or ``adam``, with its usual constants."""
    return adam(size) if name == "adam" else rmsprop(size)


def rmsprop(size: int, *, decay: float = 0.9, epsilon: float = 1e-7) -> Update:
    """v <- decay v + (1 - decay) g^2;  p <- p - rate g / sqrt(v + epsilon)  (Tieleman & Hinton 2012, as in Keras)."""
    mean_square, work = np.zeros((2, size), np.float32)

    def update(parameters: Floats, gradient: Floats, rate: float) -> None:
        _decay_towards_square(mean_square, gradient, decay, work)
        np.add(mean_square, np.float32(epsilon), out=work)
        np.sqrt(work, out=work)
        np.divide(gradient, work, out=work)
        np.multiply(work, np.float32(rate), out=work)
        np.subtract(parameters, work, out=parameters)

    return update


def adam(size: int, *, decay1: float = 0.9, decay2: float = 0.999, epsilon: float = 1e-7) -> Update:
    """Adam with bias correction (Kingma & Ba 2015, ICLR; algorithm 1)."""
    first, second, work = np.zeros((3, size), np.float32)
    step = 0

    def update(parameters: Floats, gradient: Floats, rate: float) -> None:
        nonlocal step
        step += 1
        correction = np.sqrt(1 - decay2**step)
        np.multiply(gradient, np.float32(1 - decay1), out=work)
        np.multiply(first, np.float32(decay1), out=first)
        np.add(first, work, out=first)
        _decay_towards_square(second, gradient, decay2, work)
        np.sqrt(second, out=work)
        np.add(work, np.float32(epsilon * correction), out=work)
        np.divide(first, work, out=work)
        np.multiply(work, np.float32(rate * correction / (1 - decay1**step)), out=work)
        np.subtract(parameters, work, out=parameters)

    return update


def _decay_towards_square(mean_square: Floats, gradient: Floats, decay: float, work: Floats) -> None:
    np.multiply(gradient, gradient, out=work)
    np.multiply(work, np.float32(1 - decay), out=work)
    np.multiply(mean_square, np.float32(decay), out=mean_square)
    np.add(mean_square, work, out=mean_square)
