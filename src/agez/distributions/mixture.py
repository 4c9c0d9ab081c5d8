"""What a prediction is: for every row a mixture of Gaussians over log age and [M/H] together.

With weights w_j that sum to one, means mu_j and covariances C_j the density of x = (log age, [M/H]) is::

    f(x) = sum_j w_j N(x; mu_j, C_j)

(McLachlan & Peel 2000, Finite Mixture Models).  One component cannot tell a young metal-rich from an old metal-poor
population where the data allow both; a few can, and need a hundred bytes a row.  Distributions of one target alone
are in :mod:`agez.distributions.marginals`.

In every function a row is NaN, and leaves the others alone, if any of its numbers is not finite, a weight is negative,
all weights are zero, or a covariance is not positive definite.  Weights are divided by their sum, which rounding to
float32 leaves a little off one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from agez.errors import AgezError
from agez.types import TARGETS, Bools, Floats, Ints, _check, _check_shape, _PerRow

#: Numbers that a component takes: weight, two means, three of the covariance.
NUMBERS_PER_COMPONENT = 6


@dataclass(frozen=True, eq=False)
class Mixture(_PerRow):
    """``k`` Gaussians over :data:`agez.types.TARGETS` for each of ``n`` rows.

    Attributes
    ----------
    weights : (n, k) float
        Not negative; they sum to one.
    mean : (n, k, 2) float
        log age [log10 yr], [M/H] [dex].
    covariance : (n, k, 3) float
        Variance of log age, covariance, variance of [M/H] [dex^2].
    """

    weights: Floats
    mean: Floats
    covariance: Floats

    _row_fields = ("weights", "mean", "covariance")

    def __post_init__(self) -> None:
        shape = np.shape(self.weights)
        _check(len(shape) == 2 and shape[1] > 0, f"Mixture.weights has shape {shape}; expected (n, k) with k > 0")
        _check_shape(self, "mean", (*shape, 2))
        _check_shape(self, "covariance", (*shape, 3))

    def __len__(self) -> int:
        return len(self.weights)

    @property
    def n_components(self) -> int:
        """Gaussians of each row."""
        return int(self.weights.shape[1])


def usable(m: Mixture) -> Bools:
    """Which of the (n,) rows are a distribution: finite, weights not negative, covariances positive definite."""
    v1, c, v2 = (m.covariance[..., i].astype(float) for i in range(3))
    with np.errstate(invalid="ignore", over="ignore"):
        good = np.isfinite(m.weights) & (m.weights >= 0) & np.isfinite(m.mean).all(axis=-1)
        good &= np.isfinite(m.covariance).all(axis=-1) & (v1 > 0) & (v2 > 0) & (c * c < v1 * v2)
        return np.asarray(good.all(axis=1) & (m.weights.sum(axis=1) > 0))


def clean(m: Mixture) -> Mixture:
    """The same in float64 with weights that sum to one; rows that are no distribution are NaN all over."""
    good = usable(m)
    weights, mean, covariance = (
        np.where(good.reshape(-1, *[1] * (a.ndim - 1)), a.astype(float), np.nan)
        for a in (m.weights, m.mean, m.covariance)
    )
    return Mixture(weights / weights.sum(axis=1, keepdims=True), mean, covariance)


def moments(m: Mixture) -> tuple[Floats, Floats, Floats]:
    """Mean, standard deviation and correlation of the whole distribution.

    The covariance is that within the components plus that between them:
    sum_j w_j (C_j + (mu_j - mu) (mu_j - mu)^T).

    Returns
    -------
    mean, sigma : (n, 2) float
    correlation : (n,) float
        Of the error in log age with the error in [M/H].
    """
    mean, total = _total(clean(m))
    sigma = np.sqrt(total[:, [0, 2]])
    return mean, sigma, np.clip(total[:, 1] / (sigma[:, 0] * sigma[:, 1]), -1.0, 1.0)


def log_density(m: Mixture, points: ArrayLike) -> Floats:
    """Natural logarithm of the density at one point of each row.

    Parameters
    ----------
    points : (n, 2) float
        log age, [M/H].

    Returns
    -------
    (n,) float
        [1 / dex^2], -inf at infinity.
    """
    x = points_of_rows(points, len(m), "points")
    m = clean(m)
    v1, c, v2 = (m.covariance[..., i] for i in range(3))
    d1, d2 = (x[:, None, i] - m.mean[..., i] for i in range(2))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        # d^T C^-1 d in two steps, age and then [M/H] given the age: no difference of large numbers
        slope = c / v1
        rest = v2 - c * slope
        q = d1 * d1 / v1 + (d2 - slope * d1) ** 2 / rest
        terms = np.log(m.weights) - 0.5 * (q + np.log(v1) + np.log(rest)) - math.log(2 * math.pi)
        highest = terms.max(axis=1)
        density = highest + np.log(np.exp(terms - highest[:, None]).sum(axis=1))
    nowhere = np.isinf(x).any(axis=1) | (highest == -np.inf)
    return np.where(nowhere & ~np.isnan(x).any(axis=1) & np.isfinite(m.weights[:, 0]), -np.inf, density)


def sample(m: Mixture, size: int, rng: np.random.Generator) -> Floats:
    """``size`` draws from each row: (n, size, 2) float; NaN rows stay NaN.

    Every row takes the same amount of random numbers, so that one row's values do not change another's draws.
    """
    if size < 0:
        raise AgezError(f"sample: size is {size}; expected 0 or more")
    m = clean(m)
    uniform, normal = rng.random((len(m), size)), rng.standard_normal((len(m), size, 2))
    edges = np.cumsum(m.weights, axis=1)[:, :-1]
    which = np.zeros((len(m), size), dtype=np.intp)
    for j in range(m.n_components - 1):
        which += uniform >= edges[:, j, None]
    v1, c, v2 = (np.take_along_axis(m.covariance[..., i], which, axis=1) for i in range(3))
    s1 = np.sqrt(v1)
    out = np.empty_like(normal)
    out[..., 0] = s1 * normal[..., 0]
    out[..., 1] = c / s1 * normal[..., 0] + np.sqrt(np.maximum(v2 - c * c / v1, 0.0)) * normal[..., 1]
    for i in range(2):
        out[..., i] += np.take_along_axis(m.mean[..., i], which, axis=1)
    return out


def combine(members: Sequence[Mixture]) -> Mixture:
    """One mixture of ``k`` components for an ensemble of M that have ``k`` each.

    The honest answer of an ensemble is the mixture of all M k components with weights w / M: members that disagree
    make it wider.  That is M times as much to store, so in each member the components are sorted by their mean age
    and the j-th of all members are merged into one Gaussian that has their weight, mean and covariance
    (the moment-preserving merge: Runnalls 2007, IEEE Trans. Aerosp. Electron. Syst. 43, 989).  The mean and covariance
    of the whole distribution therefore stay exactly those of the M k components.

    What is lost is shape beyond that: where the j-th components of members lie far apart, one broad Gaussian stands
    for them, so tails, gaps between peaks and narrow peaks are smoothed.  Components that members have in different
    order of age, or of little weight at odd ages, are merged with others than one would choose by eye.
    Three made-up members of four components each, which differ less than their widths, lost 0.02 to 0.1 in the
    mean log density; one Gaussian for all of it lost twice to twenty times as much.

    Parameters
    ----------
    members : sequence of Mixture
        The same rows, the same ``k``.  A row that is NaN in one member is NaN in the answer.
    """
    if not members:
        raise AgezError("no mixtures to combine; expected at least one")
    shapes = [one.weights.shape for one in members]
    if len(set(shapes)) > 1:
        raise AgezError(f"mixtures of shapes {shapes} cannot be combined; expected the same rows and components")
    parts = [_by_age(clean(one)) for one in members]
    w, mu, cov = (np.stack([getattr(one, name) for one in parts]) for name in ("weights", "mean", "covariance"))
    weight = w.mean(axis=0)
    empty = weight == 0  # nothing to weigh with: any mean will do, and NaN would spoil the row
    share = np.where(empty, 1 / len(parts), w / np.where(empty, 1.0, w.sum(axis=0)))[..., None]
    mean = (share * mu).sum(axis=0)
    covariance = (share * (cov + _outer(mu - mean))).sum(axis=0)
    return clean(Mixture(weight, mean, covariance))  # a NaN in one component is one in all of the row


def average(m: Mixture, row: Ints, share: Floats, n: int) -> Mixture:
    """One mixture for each of ``n`` rows that has several versions among the rows of ``m``.

    The j-th components by age of all versions are merged, as in :func:`combine`; mean and covariance of the whole
    distribution are those of the versions' distributions, weighed by their shares.

    Parameters
    ----------
    m : Mixture
        Of (m,) versions.
    row : (m,) int
        Row, from 0 to n - 1, that each version is of; every row has one or more.
    share : (m,) float
        Weight of each version; those of a row need not sum to one.  Versions that are NaN do not count, unless all
        versions of the row are.
    """
    m = _by_age(clean(m))
    good = np.isfinite(m.weights[:, 0])
    k = m.n_components
    w = np.where(good, share, 0.0)[:, None] * np.where(good[:, None], m.weights, 0.0)
    mu, cov = (np.where(good[:, None, None], part, 0.0) for part in (m.mean, m.covariance))

    def summed(parts: Floats) -> Floats:
        out = np.zeros((n, *parts.shape[1:]))
        np.add.at(out, row, parts)
        return out

    weight = summed(w)
    equal = summed(np.broadcast_to(good[:, None], w.shape).astype(float))
    with np.errstate(invalid="ignore"):  # components of no weight at all: any mean will do
        part = np.where(weight[row] > 0, w / weight[row], good[:, None] / equal[row])[..., None]
        mean = summed(part * mu)
        covariance = summed(part * (cov + _outer(mu - mean[row])))
    some = equal[:, :1] > 0
    return clean(Mixture(np.where(some, weight, np.nan).reshape(n, k), mean, covariance))


def rescale(m: Mixture, *, shift: ArrayLike, factor: ArrayLike) -> Mixture:
    """The distribution of mean + shift + factor (x - mean), where mean is that of the whole row's distribution.

    Stretched as a whole about its own mean, the components' distances with it, so that its standard deviations grow
    by exactly ``factor``, and its quantiles by as much; the correlation and the weights stay.

    Parameters
    ----------
    shift : (2,) or (n, 2) float
        [dex]
    factor : (2,) or (n, 2) float
        Positive; NaN makes a NaN row.
    """
    n = len(m)
    move, stretch = (_for_rows(v, n, name) for v, name in ((shift, "shift"), (factor, "factor")))
    if np.any(stretch <= 0):
        raise AgezError(f"rescale: a factor of {np.nanmin(stretch):g}; expected factors above 0")
    m = clean(m)
    total = _total(m)[0][:, None, :]
    mean = total + move[:, None, :] + stretch[:, None, :] * (m.mean - total)
    squares = np.stack([stretch[:, 0] ** 2, stretch[:, 0] * stretch[:, 1], stretch[:, 1] ** 2], axis=-1)
    return clean(Mixture(m.weights, mean, m.covariance * squares[:, None, :]))


def pack(m: Mixture) -> Floats:
    """All numbers of each row side by side: (n, 6 k) float32 in the order of :func:`packed_names`.

    Rounding to float32 moves a log age of 10 by at most 5e-7 dex.
    """
    numbers = np.concatenate([m.weights[..., None], m.mean, m.covariance], axis=-1)
    return numbers.reshape(len(m), m.n_components * NUMBERS_PER_COMPONENT).astype(np.float32)


def unpack(array: ArrayLike, k: int) -> Mixture:
    """The mixture that :func:`pack` made (n, 6 k) numbers of; packing it again gives the same numbers, bit for bit."""
    numbers: Floats = np.asarray(array)
    if k < 1 or numbers.ndim != 2 or numbers.shape[1] != k * NUMBERS_PER_COMPONENT:
        raise AgezError(
            f"a packed mixture of {k} components has shape {numbers.shape}; expected (n, {k * NUMBERS_PER_COMPONENT}): "
            f"{NUMBERS_PER_COMPONENT} numbers a component"
        )
    parts = numbers.astype(float).reshape(len(numbers), k, NUMBERS_PER_COMPONENT)
    return Mixture(parts[..., 0], parts[..., 1:3], parts[..., 3:])


def packed_names(k: int) -> tuple[str, ...]:
    """Column names of what :func:`pack` makes, component by component: ``mix1_weight``, ``mix1_log_age_lw``, ..."""
    age, mh = TARGETS
    parts = ("weight", age, mh, f"var_{age}", "cov", f"var_{mh}")
    return tuple(f"mix{j}_{part}" for j in range(1, k + 1) for part in parts)


def points_of_rows(values: ArrayLike, n: int, name: str) -> Floats:
    """``values`` as (n, 2) float, a point of each row; an AgezError that says ``name`` if they are not."""
    array = np.asarray(values, dtype=float)
    if array.shape != (n, 2):
        raise AgezError(f"{name} have shape {array.shape}; expected ({n}, 2): log age and [M/H] of each row")
    return array


def _total(m: Mixture) -> tuple[Floats, Floats]:
    """Mean (n, 2) and covariance (n, 3) of whole rows of a clean mixture."""
    w = m.weights[..., None]
    mean = (w * m.mean).sum(axis=1)
    return mean, (w * (m.covariance + _outer(m.mean - mean[:, None, :]))).sum(axis=1)


def _outer(d: Floats) -> Floats:
    """The products (d1^2, d1 d2, d2^2) of vectors (..., 2)."""
    return np.stack([d[..., 0] ** 2, d[..., 0] * d[..., 1], d[..., 1] ** 2], axis=-1)


def _by_age(m: Mixture) -> Mixture:
    order = np.argsort(m.mean[..., 0], axis=1, kind="stable")
    wide: Any = order[..., None]
    return Mixture(
        np.take_along_axis(m.weights, order, axis=1),
        np.take_along_axis(m.mean, wide, axis=1),
        np.take_along_axis(m.covariance, wide, axis=1),
    )


def _for_rows(values: ArrayLike, n: int, name: str) -> Floats:
    array = np.asarray(values, dtype=float)
    if array.shape not in ((2,), (n, 2)):
        raise AgezError(f"rescale: {name} has shape {array.shape}; expected (2,) or ({n}, 2)")
    return np.broadcast_to(array, (n, 2))
