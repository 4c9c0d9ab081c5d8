"""RMSprop and Adam as pure functions of trees of JAX arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

Tree = Any


class Optimizer(NamedTuple):
    """``initial(parameters) -> state``; ``update(parameters, state, gradient, learning_rate) -> both``."""

    initial: Callable[[Tree], Tree]
    update: Callable[[Tree, Tree, Tree, jax.Array], tuple[Tree, Tree]]


def rmsprop(*, decay: float = 0.9, epsilon: float = 1e-7) -> Optimizer:
    """v <- decay v + (1 - decay) g^2;  p <- p - rate g / sqrt(v + epsilon)  (Tieleman & Hinton 2012, as in Keras)."""

    def initial(parameters: Tree) -> Tree:
        return jax.tree.map(jnp.zeros_like, parameters)

    def update(parameters: Tree, state: Tree, gradient: Tree, rate: jax.Array) -> tuple[Tree, Tree]:
        state = jax.tree.map(lambda v, g: decay * v + (1 - decay) * g * g, state, gradient)
        moved = jax.tree.map(lambda p, v, g: p - rate * g / jnp.sqrt(v + epsilon), parameters, state, gradient)
        return moved, state

    return Optimizer(initial, update)


def adam(*, decay1: float = 0.9, decay2: float = 0.999, epsilon: float = 1e-7) -> Optimizer:
    """Adam with bias correction (Kingma & Ba 2015, ICLR; algorithm 1)."""

    def initial(parameters: Tree) -> Tree:
        zeros = jax.tree.map(jnp.zeros_like, parameters)
        return {"first": zeros, "second": zeros, "step": jnp.zeros((), jnp.float32)}

    def update(parameters: Tree, state: Tree, gradient: Tree, rate: jax.Array) -> tuple[Tree, Tree]:
        step = state["step"] + 1
        first = jax.tree.map(lambda m, g: decay1 * m + (1 - decay1) * g, state["first"], gradient)
        second = jax.tree.map(lambda v, g: decay2 * v + (1 - decay2) * g * g, state["second"], gradient)
        scale = jnp.sqrt(1 - decay2**step) / (1 - decay1**step)
        moved = jax.tree.map(
            lambda p, m, v: p - rate * scale * m / (jnp.sqrt(v) + epsilon * jnp.sqrt(1 - decay2**step)),
            parameters, first, second,
        )  # fmt: skip
        return moved, {"first": first, "second": second, "step": step}

    return Optimizer(initial, update)


def make_optimizer(name: str) -> Optimizer:
    """The optimiser called ``rmsprop`` or ``adam``, with its usual constants."""
    return adam() if name == "adam" else rmsprop()
