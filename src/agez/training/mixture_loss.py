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
    blocks = raw.reshape(len(raw), -1, k)
    terms = joint_terms(read_head(raw, k, d), target)
    top = terms.log_joint.max(axis=1, keepdims=True)
    shares = np.exp(terms.log_joint - top)
    total = shares.sum(axis=1, keepdims=True)
    r = shares / total
    loss = -(top + np.log(total))[:, 0]
    gradient = np.empty_like(blocks)
    gradient[:, 0] = np.exp(terms.log_weight) - r
    pulled, pull = terms.z * terms.diagonal, r[:, None] * terms.z
    start = 1 + 2 * d
    for i in range(1, d):
        row = slice(start, start + i)  # M_ij of all j below i
        pulled[:, :i] += terms.z[:, i : i + 1] * blocks[:, row]
        gradient[:, row] = pull[:, i : i + 1] * terms.off[:, :i]
        start += i
    gradient[:, 1 : 1 + d] = -r[:, None] * pulled
    own = slice(1 + d, 1 + 2 * d)
    change = -r[:, None] * (1 - terms.z * terms.diagonal * terms.off)
    gradient[:, own] = np.where(blocks[:, own] < MAX_LOG_PRECISION, change, 0)
    return loss, gradient.reshape(raw.shape)


class JointTerms(NamedTuple):
    """Of each component at a label: ``diagonal`` of M, delta (``off``) and ``z``, (n, d, k) each; ``log_weight`` and
    ``log_joint``, log (weight x density) without the constant, (n, k) each.
    """

    diagonal: Any
    off: Any
    z: Any
    log_weight: Any
    log_joint: Any


def joint_terms(head: Head, target: Any, *, xp: Any = np) -> JointTerms:
    """The terms of the loss; ``xp`` is the array module, numpy or jax.numpy."""
    diagonal = xp.exp(head.log_diagonal)
    off = target[:, :, None] - head.mean
    below = [head.below[i] * off[:, :i] for i in range(1, len(head.below))]
    sums = [one.sum(axis=1, keepdims=True) for one in below]
    z = diagonal * off
    if sums:
        z = z + xp.concatenate([xp.zeros_like(z[:, :1]), *sums], axis=1)
    log_joint = head.log_weight + head.log_diagonal.sum(axis=1) - 0.5 * (z * z).sum(axis=1)
    return JointTerms(diagonal, off, z, head.log_weight, log_joint)
