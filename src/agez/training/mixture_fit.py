"""Training of one network on noise-free SEDs with a new observation at every step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np

from agez.errors import AgezError
from agez.mixture_network.trunks import (
    FURTHER,
    NetworkShape,
    Parameters,
    forward,
    initial_further,
    initial_parameters,
)
from agez.training.dense_gradient import further_loss_and_gradient, loss_and_gradient
from agez.training.mixture_loss import loss_and_raw_gradient
from agez.types import Floats, Ints


class Batches(Protocol):
    """A source of training rows."""

    def __len__(self) -> int:
        """Number of rows."""

    def draw(self, rows: Ints, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Features (len(rows), f) and standardised labels (len(rows), d), from a new observation."""


@dataclass(frozen=True)
class FitSettings:
    """Settings of the training: Adam (Kingma & Ba 2015) with a linear rise and a cosine fall of the learning rate."""

    steps: int = 20000  #: Batches in all.
    batch: int = 512
    learning_rate: float = 1.5e-3  #: At its highest.
    rise: float = 0.03  #: Part of the steps in which the rate rises from zero.
    weight_decay: float = 1e-4  #: Decoupled (Loshchilov & Hutter 2019), on weights, not on biases.
    largest_gradient: float = 5.0  #: Norm to which a step's gradient is scaled down.

    def __post_init__(self) -> None:
        if self.steps < 1 or self.batch < 1 or not self.learning_rate > 0:
            raise AgezError(f"training settings {self}: steps, batch and learning rate must be positive")


class Trained(NamedTuple):
    """A trained network, and its losses at each hundredth of its steps."""

    parameters: Parameters
    losses: list[float]  #: Of the training: the mean over the steps of the hundredth.
    validation: list[float]  #: Of rows that are watched, after the hundredth; empty if none are.
    kept: int  #: Which hundredth, from 1, the parameters are of: the last, or the best of the validation.


#: Hundredths of the steps without a lower validation loss, after which training ends where the best is kept.
PATIENCE = 30
#: Loss of parameters on rows that are not learned from.
Watch = Callable[[Parameters], float]


def fit(
    batches: Batches,
    shape: NetworkShape,
    settings: FitSettings,
    rng: np.random.Generator,
    *,
    start: Parameters | None = None,
    by_jax: bool | None = None,
    watch: Watch | None = None,
    keep_best: bool = False,
    progress: Callable[..., object] | None = None,
) -> Trained:
    """Train one network; the same generator state gives the same network.

    Parameters
    ----------
    start : Parameters, optional
        Weights to go on from; default: drawn.
    by_jax : bool, optional
        Whether JAX and optax (``agez[train]``) differentiate and step, on an accelerator where there is one.  Default:
        for trunks other than the dense one, whose gradient by hand is faster on a CPU and is the only one by hand.
    watch : callable, optional
        Loss on rows that are not learned from (:func:`validation_loss`), looked at in each hundredth of the steps.
    keep_best : bool
        Keep the parameters of the lowest such loss, and end :data:`PATIENCE` hundredths after it (early stopping:
        Prechelt 1998, LNCS 1524, 55).
    progress : callable, optional
        Called with the mean loss of each hundredth of the steps, and that on the watched rows if there are any.
    """
    parameters = {key: array.copy() for key, array in (start or initial_parameters(shape, rng)).items()}
    if shape.first_targets:
        raise AgezError(f"network {shape}: fit trains one stage; fit_stages trains two")
    if by_jax is None:
        by_jax = shape.trunk != "dense"
    if not by_jax and shape.trunk != "dense":
        raise AgezError(f"trunk {shape.trunk!r}: only the dense trunk's gradient is written by hand; leave by_jax out")
    if by_jax:
        from agez.training.jax_fit import jax_steps  # JAX takes a second to import, and is an extra

        every = 0 if watch is None else steps_of_report(settings)
        steps = jax_steps(parameters, batches_of(batches, settings, rng), shape, settings, every=every)
    else:
        steps = _steps_by_hand(
            parameters, batches_of(batches, settings, rng), settings,
            lambda own, inputs, target: loss_and_gradient(own, inputs, target, shape.components),
        )  # fmt: skip
    return _trained(parameters, steps, settings, progress, watch, keep_best=keep_best)


def validation_loss(inputs: Floats, target: Floats, shape: NetworkShape) -> Watch:
    """The mean loss of parameters on rows of these features and standardised labels, as of a batch."""

    def loss(parameters: Parameters) -> float:
        return float(loss_and_raw_gradient(forward(shape, parameters, inputs), target, shape.components)[0].mean())

    return loss


def fit_stages(
    batches: Batches, shape: NetworkShape, settings: FitSettings, further_steps: int, rng: np.random.Generator, *,
    progress: Callable[..., object] | None = None,
) -> Trained:  # fmt: skip
    """Train a network in two stages: the first for its targets alone; then, with that held fixed, the second.

    Parameters
    ----------
    settings : FitSettings
        Of the first stage.
    further_steps : int
        Batches of the second stage, at the same settings otherwise.
    progress : callable, optional
        Called with the mean loss of each hundredth of the steps of each stage.

    Returns
    -------
    Trained
        Losses are those of the first stage, then those of all targets.
    """
    first = fit(_Leading(batches, shape.first_targets), shape.first, settings, rng, progress=progress)
    further, settings = initial_further(shape, rng), replace(settings, steps=further_steps)
    steps = _steps_by_hand(
        further, batches_of(batches, settings, rng), settings,
        lambda own, inputs, target: further_loss_and_gradient(own, first.parameters, inputs, target, shape),
    )  # fmt: skip
    second = _trained(further, steps, settings, progress)
    named = {FURTHER + name: array for name, array in further.items()}
    return Trained({**first.parameters, **named}, [*first.losses, *second.losses], [], len(second.losses))


@dataclass(frozen=True)
class _Leading:
    """Batches with the first targets alone."""

    whole: Batches
    n_targets: int

    def __len__(self) -> int:
        return len(self.whole)

    def draw(self, rows: Ints, rng: np.random.Generator) -> tuple[Floats, Floats]:
        inputs, labels = self.whole.draw(rows, rng)
        return inputs, labels[:, : self.n_targets]


def steps_of_report(settings: FitSettings) -> int:
    """Steps from one report of the loss to the next."""
    return max(settings.steps // 100, 1)


def _trained(
    parameters: Parameters, steps: Iterator[float], settings: FitSettings, progress: Callable[..., object] | None,
    watch: Watch | None = None, *, keep_best: bool = False,
) -> Trained:  # fmt: skip
    """Take all steps, which change ``parameters`` in place."""
    losses: list[float] = []
    watched: list[float] = []
    recent: list[float] = []
    best, report = parameters, steps_of_report(settings)
    for step, loss in enumerate(steps, 1):
        recent.append(loss)
        if step % report:
            continue
        losses.append(float(np.mean(recent)))
        recent.clear()
        if watch is not None:
            watched.append(watch(parameters))
            if keep_best and watched[-1] == min(watched):
                best = {key: array.copy() for key, array in parameters.items()}
        if progress is not None:
            progress(losses[-1], *watched[-1:])
        if keep_best and watched and len(watched) - int(np.argmin(watched)) > PATIENCE:
            break
    kept = int(np.argmin(watched)) + 1 if keep_best and watched else len(losses)
    return Trained(best, losses, watched, kept)


def batches_of(batches: Batches, settings: FitSettings, rng: np.random.Generator) -> Iterator[tuple[Floats, Floats]]:
    """The batches of all steps: rows in random order, every row once before any comes again."""
    rows, at = rng.permutation(len(batches)), 0
    for _ in range(settings.steps):
        chosen: list[Ints] = []
        need = settings.batch
        while need:
            if at == len(rows):
                rows, at = rng.permutation(len(batches)), 0
            take = rows[at : at + need]
            chosen.append(take)
            at, need = at + len(take), need - len(take)
        yield batches.draw(np.concatenate(chosen), rng)


def _steps_by_hand(
    parameters: Parameters, drawn: Iterator[tuple[Floats, Floats]], settings: FitSettings,
    gradient_of: Callable[[Parameters, Floats, Floats], tuple[float, Parameters]],
) -> Iterator[float]:  # fmt: skip
    """The loss of each step; ``parameters`` change in place."""
    first = {key: np.zeros_like(array) for key, array in parameters.items()}
    second = {key: np.zeros_like(array) for key, array in parameters.items()}
    for step, (inputs, target) in enumerate(drawn, 1):
        loss, gradient = gradient_of(parameters, inputs, target)
        _step(parameters, gradient, first, second, step, settings)
        yield loss


def learning_rate(step: int, settings: FitSettings) -> float:
    """The learning rate of a step, counted from 1."""
    rise = max(settings.rise * settings.steps, 1.0)
    if step <= rise:
        return settings.learning_rate * step / rise
    part = (step - rise) / max(settings.steps - rise, 1.0)
    return float(settings.learning_rate * 0.5 * (1 + np.cos(np.pi * part)))


def _step(
    parameters: Parameters, gradient: Parameters, first: Parameters, second: Parameters, step: int,
    settings: FitSettings,
) -> None:  # fmt: skip
    """One step of Adam, in place."""
    rate = learning_rate(step, settings)
    norm = np.sqrt(sum(float((g * g).sum()) for g in gradient.values()))
    shrink = np.float32(min(1.0, settings.largest_gradient / max(norm, 1e-30)))
    size = np.float32(rate / (1 - 0.9**step))
    root = np.float32(1 / np.sqrt(1 - 0.999**step))
    for key, p in parameters.items():
        g, m, v = gradient[key], first[key], second[key]
        g *= shrink
        m *= np.float32(0.9)
        m += np.float32(0.1) * g
        v *= np.float32(0.999)
        g *= g
        v += np.float32(0.001) * g
        np.sqrt(v, out=g)
        g *= root
        g += np.float32(1e-8)
        np.divide(m, g, out=g)
        g *= size
        if p.ndim > 1 and settings.weight_decay:
            p *= np.float32(1 - rate * settings.weight_decay)
        p -= g
