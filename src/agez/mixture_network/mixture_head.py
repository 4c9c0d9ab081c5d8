"""The head: raw outputs of a trunk as a mixture of Gaussians over ``d`` targets.

Raw outputs come in blocks of ``k``, the number of components: logits of the weights; ``d`` means; ``d`` logarithms of
the diagonal of M, the lower-triangular factor of the inverse covariance, C^-1 = M^T M; and its d (d - 1) / 2 entries
below the diagonal, row by row (Williams 1996, Neural Comput. 8, 843; Bishop 1994, Aston NCRG/94/004).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from agez.arrays import Floats
from agez.distributions.mixture import Mixture

#: Largest ln(1 / sigma), with sigma in units of the labels' standard deviation: about a thousandth.
MAX_LOG_PRECISION = 7.0


def numbers_of_component(d: int) -> int:
    """Raw outputs per component."""
    return 1 + 2 * d + d * (d - 1) // 2


def n_outputs(components: int, d: int) -> int:
    """Raw outputs of a network."""
    return components * numbers_of_component(d)


def starting_outputs(components: int, d: int) -> Floats:
    """(n_outputs,) raw outputs before training: unit Gaussians spread along the first target."""
    start = np.zeros((numbers_of_component(d), components))
    start[1] = np.linspace(-1.0, 1.0, components) if components > 1 else 0.0
    return start.reshape(-1)


class Head(NamedTuple):
    """The mixture in standardised targets; every array (n, k).

    ``log_weight``; ``mean`` and ``log_diagonal``, one array a target; ``below``, by row and column of M.
    """

    log_weight: Floats
    mean: list[Floats]
    log_diagonal: list[Floats]
    below: list[list[Floats]]


def read_head(raw: Any, components: int, d: int, *, xp: Any = np) -> Head:
    """Parse raw outputs: weights sum to one, precisions are at most exp(``MAX_LOG_PRECISION``).

    ``xp`` is the array module: numpy, or jax.numpy in training.
    """
    k = components
    blocks = [raw[:, j * k : (j + 1) * k] for j in range(numbers_of_component(d))]
    logit = blocks[0]
    top = logit.max(axis=1, keepdims=True)
    log_weight = logit - (top + xp.log(xp.exp(logit - top).sum(axis=1, keepdims=True)))
    below = [[blocks[1 + 2 * d + i * (i - 1) // 2 + j] for j in range(i)] for i in range(d)]
    diagonal = [xp.minimum(block, MAX_LOG_PRECISION) for block in blocks[1 + d : 1 + 2 * d]]
    return Head(log_weight, blocks[1 : 1 + d], diagonal, below)


def mixture_of(raw: Floats, components: int, label_mean: Floats, label_std: Floats) -> Mixture:
    """Mixture of raw outputs, in the units of the targets.

    With W = M^-1, lower-triangular by forward substitution, the covariance is W W^T.
    """
    d = len(label_mean)
    head = read_head(raw.astype(float), components, d)
    inverse: list[list[Floats]] = []
    for i in range(d):
        scale = np.exp(-head.log_diagonal[i])
        row = []
        for j in range(i):
            rest = head.below[i][j] * inverse[j][j]
            for m in range(j + 1, i):
                rest = rest + head.below[i][m] * inverse[m][j]
            row.append(-rest * scale)
        inverse.append([*row, scale])
    covariance = []
    for i in range(d):
        for j in range(i + 1):
            total = inverse[i][0] * inverse[j][0]
            for m in range(1, j + 1):
                total = total + inverse[i][m] * inverse[j][m]
            covariance.append(total)
    first, second = np.tril_indices(d)
    return Mixture(
        np.exp(head.log_weight),
        np.stack([mean * label_std[t] + label_mean[t] for t, mean in enumerate(head.mean)], axis=-1),
        np.stack(covariance, axis=-1) * (label_std[second] * label_std[first]),
    )
