"""Weighted normal equations of many spectra that share a design: one matrix product for all."""

from __future__ import annotations

import numpy as np

from agez.types import Floats


def shared_gram(columns: Floats, weights: Floats) -> Floats:
    """C'W_iC (n, c, c) for a design C (q, c) shared by n rows of pixel weights (n, q).

    The products of column pairs are formed once; then all rows are one matrix product.
    """
    first, second = np.triu_indices(columns.shape[1])
    pairs = columns[:, first] * columns[:, second]
    packed = (weights @ pairs).astype(float)
    gram = np.empty((len(weights), columns.shape[1], columns.shape[1]))
    gram[:, first, second] = packed
    gram[:, second, first] = packed
    return gram


def cross_gram(left: Floats, right: Floats, weights: Floats) -> Floats:
    """L'W_iR (n, l, r) for designs L (q, l) and R (q, r) shared by n rows of pixel weights (n, q)."""
    pairs = (left[:, :, None] * right[:, None, :]).reshape(len(left), -1)
    return (weights @ pairs).astype(float).reshape(len(weights), left.shape[1], right.shape[1])


def solve_ridge(gram: Floats, right: Floats) -> Floats:
    """Solutions (n, c) or (n, c, k) of nearly singular normal equations with one or k right-hand sides a row.

    They are steadied by a tiny ridge in each unknown's own scale.
    """
    several = right if right.ndim == 3 else right[..., None]
    diagonal = np.einsum("nii->ni", gram)
    scale = 1.0 / np.sqrt(np.maximum(diagonal, 1e-30))[:, :, None]
    scaled = gram * scale * np.swapaxes(scale, 1, 2) + 1e-9 * np.eye(gram.shape[1])
    solution = np.linalg.solve(scaled, several * scale) * scale
    return solution if right.ndim == 3 else solution[..., 0]
