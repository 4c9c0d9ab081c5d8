"""Training of one network on noise-free SEDs that are observed anew at every step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from agez.errors import AgezError
from agez.mixture_network.dense_trunk import Layers, Parameters, forward, initial_parameters
from agez.training.mixture_gradient import loss_and_gradient, loss_and_raw_gradient
from agez.types import Floats, Ints


class Batches(Protocol):
    """Where training rows come from."""

    def __len__(self) -> int:
        """How many rows there are."""

    def draw(self, rows: Ints, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Features (len(rows), f) and standardised labels (len(rows), 2), observed anew."""


@dataclass(frozen=True)
class FitSettings:
    """How a network is trained: Adam (Kingma & Ba 2015) with a linear rise and a cosine fall of the learning rate.

    Attributes
    ----------
    steps : int
        Batches in all.
    batch : int
    learning_rate : float
        At its highest.
    rise : float
        Part of the steps in which the rate rises from zero.
    weight_decay : float
        Decoupled (Loshchilov & Hutter 2019), on weights, not on biases.
    largest_gradient : float
        Norm to which a step's gradient is scaled down.
    """

    steps: int = 20000
    batch: int = 512
    learning_rate: float = 1.5e-3
    rise: float = 0.03
    weight_decay: float = 1e-4
    largest_gradient: float = 5.0

    def __post_init__(self) -> None:
        if self.steps < 1 or self.batch < 1 or not self.learning_rate > 0:
            raise AgezError(f"training settings {self}: steps, batch and learning rate must be positive")


class Trained(NamedTuple):
    """A trained network and the mean loss of each hundredth of its steps."""

    parameters: Parameters
    losses: list[float]


def fit(
    batches: Batches,
    layers: Layers,
    settings: FitSettings,
    rng: np.random.Generator,
    *,
    start: Parameters | None = None,
    progress: Callable[[int], object] | None = None,
) -> Trained:
    """Train one network; the same generator state gives the same network.

    Parameters
    ----------
    start : Parameters, optional
        Weights to go on from; default: drawn.
    progress : callable, optional
        Called with the number of steps done since the last call.
    """
    parameters = [(w.copy(), b.copy()) for w, b in start] if start else initial_parameters(layers, rng)
    first = [(np.zeros_like(w), np.zeros_like(b)) for w, b in parameters]
    second = [(np.zeros_like(w), np.zeros_like(b)) for w, b in parameters]
    losses: list[float] = []
    recent: list[float] = []
    report = max(settings.steps // 100, 1)
    rows, at = rng.permutation(len(batches)), 0
    for step in range(1, settings.steps + 1):
        chosen: list[Ints] = []
        need = settings.batch
        while need:
            if at == len(rows):
                rows, at = rng.permutation(len(batches)), 0
            take = rows[at : at + need]
            chosen.append(take)
            at, need = at + len(take), need - len(take)
        inputs, target = batches.draw(np.concatenate(chosen), rng)
        loss, gradient = loss_and_gradient(parameters, inputs, target, layers.components)
        recent.append(loss)
        _step(parameters, gradient, first, second, step, settings)
        if step % report == 0:
            losses.append(float(np.mean(recent)))
            recent.clear()
            if progress is not None:
                progress(report)
    return Trained(parameters, losses)


def _rate(step: int, settings: FitSettings) -> float:
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
    rate = _rate(step, settings)
    norm = np.sqrt(sum(float((g * g).sum()) for pair in gradient for g in pair))
    shrink = np.float32(min(1.0, settings.largest_gradient / max(norm, 1e-30)))
    size = np.float32(rate / (1 - 0.9**step))
    root = np.float32(1 / np.sqrt(1 - 0.999**step))
    for pair, gradients, firsts, seconds in zip(parameters, gradient, first, second, strict=True):
        for kind in (0, 1):
            p, g, m, v = pair[kind], gradients[kind], firsts[kind], seconds[kind]
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
            if kind == 0 and settings.weight_decay:
                p *= np.float32(1 - rate * settings.weight_decay)
            p -= g


def mean_loss(parameters: Parameters, layers: Layers, inputs: Floats, target: Floats) -> float:
    """Mean negative log density (without the constant) of a set of rows."""
    loss, _ = loss_and_raw_gradient(forward(parameters, inputs), target, layers.components)
    return float(loss.mean())
