"""The head: raw outputs of a trunk as a mixture of Gaussians over ``d`` targets.

Raw outputs come in blocks of ``k``, the number of components: logits of the weights; ``d`` means; ``d`` logarithms of
the diagonal of M, the lower-triangular factor of the inverse covariance, C^-1 = M^T M; and its d (d - 1) / 2 entries
below the diagonal, row by row (Williams 1996, Neural Comput. 8, 843; Bishop 1994, Aston NCRG/94/004).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from agez.arrays import Floats, Ints
from agez.distributions.mixture import Mixture

#: Largest ln(1 / sigma), with sigma in units of the labels' standard deviation: about a thousandth.
MAX_LOG_PRECISION = 7.0


def numbers_of_component(d: int) -> int:
    """Raw outputs per component."""
    return 1 + 2 * d + d * (d - 1) // 2


def n_outputs(components: int, d: int) -> int:
    """Raw outputs of a network."""
    return components * numbers_of_component(d)


def outputs_of_leading(components: int, d: int, p: int) -> Ints:
    """Indices of the raw outputs that the distribution of the first ``p`` of ``d`` targets depends on."""
    kept = [0, *range(1, 1 + p), *range(1 + d, 1 + d + p), *range(1 + 2 * d, 1 + 2 * d + p * (p - 1) // 2)]
    return (np.array(kept)[:, None] * components + np.arange(components)).ravel()


def starting_outputs(components: int, d: int) -> Floats:
    """(n_outputs,) raw outputs before training: unit Gaussians spread along the first target."""
    start = np.zeros((numbers_of_component(d), components))
    start[1] = np.linspace(-1.0, 1.0, components) if components > 1 else 0.0
    return start.reshape(-1)


class Head(NamedTuple):
    """The mixture in standardised targets.

    ``log_weight`` (n, k); ``mean`` and ``log_diagonal`` (n, d, k); ``below``, the i-th (n, i, k): row i of M.
    """

    log_weight: Floats
    mean: Floats
    log_diagonal: Floats
    below: list[Floats]


def read_head(raw: Any, components: int, d: int, *, xp: Any = np) -> Head:
    """Parse raw outputs: weights sum to one, precisions are at most exp(``MAX_LOG_PRECISION``).

    ``xp`` is the array module: numpy, or jax.numpy in training.
    """
    blocks = raw.reshape(len(raw), numbers_of_component(d), components)
    logit = blocks[:, 0]
    top = logit.max(axis=1, keepdims=True)
    log_weight = logit - (top + xp.log(xp.exp(logit - top).sum(axis=1, keepdims=True)))
    first = [1 + 2 * d + i * (i - 1) // 2 for i in range(d)]
    below = [blocks[:, start : start + i] for i, start in enumerate(first)]
    return Head(log_weight, blocks[:, 1 : 1 + d], xp.minimum(blocks[:, 1 + d : 1 + 2 * d], MAX_LOG_PRECISION), below)


def mixture_of(raw: Floats, components: int, label_mean: Floats, label_std: Floats) -> Mixture:
    """Mixture of raw outputs, in the units of the targets.

    With W = M^-1, lower-triangular by forward substitution, the covariance is W W^T.
    """
    d = len(label_mean)
    head = read_head(raw.astype(float), components, d)
    inverse: list[list[Floats]] = []
    for i in range(d):
        scale = np.exp(-head.log_diagonal[:, i])
        row = []
        for j in range(i):
            rest = head.below[i][:, j] * inverse[j][j]
            for m in range(j + 1, i):
                rest = rest + head.below[i][:, m] * inverse[m][j]
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
        np.moveaxis(head.mean, 1, 2) * label_std + label_mean,
        np.stack(covariance, axis=-1) * (label_std[second] * label_std[first]),
    )
