"""The loss of mixture networks: negative log density of the labels, with its gradient by the raw outputs."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from agez.mixture_network.mixture_head import MAX_LOG_PRECISION, Head, read_head
from agez.types import Floats


def loss_and_raw_gradient(raw: Floats, target: Floats, components: int) -> tuple[Floats, Floats]:
    """Negative log density of each row's label under its mixture, and its gradient by the raw numbers.

    With M the lower-triangular factor of the inverse covariance, delta = y - mu, z = M delta and r the responsibility
    of a component, the derivatives are -r M^T z by the mean, -r (1 - z_i M_ii delta_i) by the logarithm of M_ii, and
    r z_i delta_j by M_ij below the diagonal.

    Parameters
    ----------
    raw : (n, outputs) float
        In the layout of :mod:`agez.mixture_network.mixture_head`.
    target : (n, d) float
        Standardised labels.

    Returns
    -------
    loss : (n,) float
        Bishop 1994 (Mixture Density Networks, Aston NCRG/94/004), with full covariances, without the constant
        d/2 log 2 pi.
    gradient : (n, outputs) float
    """
    k, d = components, target.shape[1]
    head = read_head(raw, k, d)
    diagonal, off, own, z, log_joint = joint_terms(head, target)
    top = log_joint.max(axis=1, keepdims=True)
    shares = np.exp(log_joint - top)
    total = shares.sum(axis=1, keepdims=True)
    r = shares / total
    loss = -(top + np.log(total))[:, 0]
    gradient = np.empty_like(raw)
    gradient[:, :k] = np.exp(head.log_weight) - r
    for j in range(d):
        pulled = z[j] * diagonal[j]
        for i in range(j + 1, d):
            pulled = pulled + z[i] * head.below[i][j]
        gradient[:, (1 + j) * k : (2 + j) * k] = -r * pulled
        block = slice((1 + d + j) * k, (2 + d + j) * k)
        gradient[:, block] = np.where(raw[:, block] < MAX_LOG_PRECISION, -r * (1 - z[j] * own[j]), 0)
    start = (1 + 2 * d) * k
    for i in range(d):
        for j in range(i):
            gradient[:, start : start + k] = r * z[i] * off[j]
            start += k
    return loss, gradient


class JointTerms(NamedTuple):
    """Of each component at a label: the diagonal of M, delta, M_ii delta_i, z, and log (weight x density); (n, k) each.

    All but the last are lists over targets; the density is without the constant.
    """

    diagonal: list[Any]
    off: list[Any]
    own: list[Any]
    z: list[Any]
    log_joint: Any


def joint_terms(head: Head, target: Any, *, xp: Any = np) -> JointTerms:
    """The terms of the loss; ``xp`` is the array module, numpy or jax.numpy."""
    diagonal = [xp.exp(one) for one in head.log_diagonal]
    off = [target[:, t : t + 1] - mean for t, mean in enumerate(head.mean)]
    own = [a * delta for a, delta in zip(diagonal, off, strict=True)]
    z = []
    for i, total in enumerate(own):
        for j in range(i):
            total = head.below[i][j] * off[j] + total
        z.append(total)
    log_joint = head.log_weight
    for one in head.log_diagonal:
        log_joint = log_joint + one
    squares = z[0] * z[0]
    for one in z[1:]:
        squares = squares + one * one
    return JointTerms(diagonal, off, own, z, log_joint - 0.5 * squares)
