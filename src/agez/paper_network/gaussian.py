"""A multivariate Gaussian learned from rows with missing values, and what it says of a missing value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from agez.types import Bools, Floats, Ints


class Gaussian(NamedTuple):
    """Mean (b,) and covariance (b, b)."""

    mean: Floats
    covariance: Floats


class _Pattern(NamedTuple):
    """Sums over the rows that have the same values present: all that EM needs of them."""

    present: Bools
    n: int
    total: Floats
    products: Floats


def patterns_of(present: Bools) -> Iterator[tuple[Bools, Ints]]:
    """Each distinct row of ``present`` with the numbers of the rows that have it."""
    if len(present) == 0:
        return
    n, b = present.shape
    bits = np.zeros((n, -(-b // 64) * 8), np.uint8)
    bits[:, : -(-b // 8)] = np.packbits(present, axis=1)
    words = bits.view(np.uint64)  # one number a row, up to 64 columns: many times faster than comparing rows
    _, first, which = np.unique(
        words[:, 0] if words.shape[1] == 1 else words,
        axis=None if words.shape[1] == 1 else 0, return_index=True, return_inverse=True,
    )  # fmt: skip
    distinct = present[first]
    which = which.reshape(-1)
    order = np.argsort(which, kind="stable")
    ends = np.cumsum(np.bincount(which, minlength=len(distinct)))
    yield from zip(distinct, np.split(order, ends[:-1]), strict=True)


def fit_gaussian(
    x: Floats, present: Bools, *, ridge: float = 1e-4, max_iterations: int = 200, tolerance: float = 1e-6
) -> Gaussian:
    """Maximum-likelihood mean and covariance of rows with missing values, by expectation-maximisation.

    Dempster, Laird & Rubin 1977 (J. R. Stat. Soc. B 39, 1); Little & Rubin 2002, ch. 11.2.
    The rows enter through sums over rows with the same pattern, so an iteration costs nothing
    that grows with their number.

    Parameters
    ----------
    x : (n, b)
        Of order one (standardised); values where ``present`` is false are never looked at.
    present : (n, b) bool
    ridge : float
        Added to the diagonal, so that every conditional is defined.
    tolerance : float
        Largest change of mean or covariance at which to stop.
    """
    b = x.shape[1]
    patterns = []
    for has, members in patterns_of(present):
        if has.any():
            rows = np.asarray(x[members][:, has], float)
            patterns.append(_Pattern(has, len(members), rows.sum(axis=0), rows.T @ rows))
    n = sum(p.n for p in patterns)
    mean, covariance = np.zeros(b), np.eye(b)
    complete = all(p.present.all() for p in patterns)
    for _ in range(max_iterations):
        total, products = np.zeros(b), np.zeros((b, b))
        for p in patterns:
            one, two = _expected_sums(p, mean, covariance)
            total += one
            products += two
        new_mean = total / n
        new_covariance = products / n - np.outer(new_mean, new_mean) + ridge * np.eye(b)
        change = max(np.abs(new_mean - mean).max(), np.abs(new_covariance - covariance).max())
        mean, covariance = new_mean, new_covariance
        if complete or change < tolerance:
            break
    return Gaussian(mean, covariance)


def _expected_sums(p: _Pattern, mean: Floats, covariance: Floats) -> tuple[Floats, Floats]:
    """Sum of E[x] and of E[x x^T] over a pattern's rows, given the present values and the Gaussian."""
    b, has, lacks = len(mean), p.present, ~p.present
    total, products = np.zeros(b), np.zeros((b, b))
    total[has] = p.total
    products[np.ix_(has, has)] = p.products
    if lacks.any():
        slope, left_over = conditional(covariance, has)
        offset = mean[lacks] - slope @ mean[has]  # E[x_missing] = offset + slope x_present
        total[lacks] = p.n * offset + slope @ p.total
        cross = np.outer(offset, p.total) + slope @ p.products  # sum of E[x_missing] x_present^T
        products[np.ix_(lacks, has)] = cross
        products[np.ix_(has, lacks)] = cross.T
        products[np.ix_(lacks, lacks)] = p.n * left_over + np.outer(total[lacks], offset) + cross @ slope.T
    return total, products


def conditional(covariance: Floats, present: Bools) -> tuple[Floats, Floats]:
    """Slope (missing, present) of the missing values on the present ones, and the covariance that is left."""
    among = covariance[np.ix_(present, present)]
    across = covariance[np.ix_(~present, present)]
    slope = cho_solve(cho_factor(among), across.T).T
    left_over = covariance[np.ix_(~present, ~present)] - slope @ across.T
    return slope, (left_over + left_over.T) / 2


def fill_missing(x: Floats, present: Bools, gaussian: Gaussian) -> Floats:
    """(n, b) ``x`` with each missing value replaced by its conditional mean given the row's present values."""
    filled = np.array(x, float)
    for has, members in patterns_of(present):
        if has.all():
            continue
        if not has.any():
            filled[members] = gaussian.mean
            continue
        slope, _ = conditional(gaussian.covariance, has)
        known = filled[np.ix_(members, has)] - gaussian.mean[has]
        filled[np.ix_(members, ~has)] = gaussian.mean[~has] + known @ slope.T
    return filled
