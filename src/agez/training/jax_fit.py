"""Training of any trunk by JAX and optax (extra ``agez[train]``), on an accelerator where there is one.

The same batches, loss and steps as :func:`agez.training.mixture_fit.fit` takes by hand for the dense trunk.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from agez.mixture_network.mixture_head import read_head
from agez.mixture_network.trunks import NetworkShape, Parameters, trunk_of
from agez.runtime.optional_packages import need
from agez.training.mixture_fit import FitSettings, learning_rate
from agez.training.mixture_loss import joint_terms
from agez.types import Floats


def jax_steps(
    parameters: Parameters, drawn: Iterator[tuple[Floats, Floats]], shape: NetworkShape, settings: FitSettings, *,
    every: int = 0,
) -> Iterator[float]:  # fmt: skip
    """The loss of each step; ``parameters`` (numpy) hold the trained weights when the last has been taken.

    With ``every`` they hold those of each so manieth step, too, for those who watch.

    AgezError if JAX or optax is not installed.
    """
    purpose = f"training of the trunk {shape.trunk!r}"
    jax, jnp, optax = (need(name, extra="train", purpose=purpose) for name in ("jax", "jax.numpy", "optax"))
    forward, rates = trunk_of(shape.trunk).forward, [learning_rate(k, settings) for k in range(1, settings.steps + 1)]
    table = jnp.asarray([*rates, rates[-1]], jnp.float32)
    decayed = {key: array.ndim > 1 for key, array in parameters.items()}
    optimiser = optax.chain(
        optax.clip_by_global_norm(settings.largest_gradient),
        optax.adamw(lambda count: table[count], weight_decay=settings.weight_decay, mask=decayed),
    )

    def loss_of(own: Any, inputs: Any, target: Any) -> Any:
        return -log_density(jnp, forward(jnp, own, inputs), target, shape.components).mean()

    def taken(own: Any, state: Any, inputs: Any, target: Any) -> Any:
        loss, gradient = jax.value_and_grad(loss_of)(own, inputs, target)
        updates, state = optimiser.update(gradient, state, own)
        return optax.apply_updates(own, updates), state, loss

    step = jax.jit(taken)
    own: Any = {key: jnp.asarray(array) for key, array in parameters.items()}
    state = optimiser.init(own)
    for number, (inputs, target) in enumerate(drawn, 1):
        own, state, loss = step(own, state, inputs, target)
        if every and number % every == 0:
            parameters.update({key: np.array(array) for key, array in own.items()})
        yield float(loss)
    for key, array in own.items():
        parameters[key] = np.array(array)


def log_density(xp: Any, raw: Any, target: Any, components: int) -> Any:
    """(n,) log density of standardised labels (n, d) without the constant: :func:`loss_and_raw_gradient`, for JAX."""
    log_joint = joint_terms(read_head(raw, components, target.shape[1], xp=xp), target, xp=xp).log_joint
    top = log_joint.max(axis=1, keepdims=True)
    return top[:, 0] + xp.log(xp.exp(log_joint - top).sum(axis=1))
