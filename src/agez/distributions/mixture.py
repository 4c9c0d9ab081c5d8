"""Mixtures of Gaussians over the targets of a model, one for each row.

With weights w_j that sum to one, means mu_j and covariances C_j the density of the ``d`` targets x is::

    f(x) = sum_j w_j N(x; mu_j, C_j)

(McLachlan & Peel 2000, Finite Mixture Models).  One component cannot separate a young metal-rich from an old metal-poor
population where the data allow both; a few can, at about a hundred bytes a row for two targets.  Distributions of
single targets are in :mod:`agez.distributions.marginals`.

A covariance is stored as its lower triangle, row by row: C_11, C_21, C_22, C_31, ...

In every function a row is NaN, without effect on the others, if any of its numbers is not finite, a weight is negative,
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

from agez.arrays import Bools, Floats, Ints, PerRow, check, check_shape
from agez.errors import AgezError


def triangle_size(d: int) -> int:
    """Numbers of the lower triangle of a d x d matrix."""
    return d * (d + 1) // 2


def numbers_per_component(d: int) -> int:
    """Numbers that define a component in ``d`` targets: weight, means, covariance."""
    return 1 + d + triangle_size(d)


def place(t: int, u: int) -> int:
    """Place of the covariance of targets ``t`` and ``u`` in a lower triangle."""
    return triangle_size(max(t, u)) + min(t, u)


def diagonal(d: int) -> list[int]:
    """Places of the variances in a lower triangle."""
    return [triangle_size(i) + i for i in range(d)]


@dataclass(frozen=True, eq=False)
class Mixture(PerRow):
    """``k`` Gaussians over ``d`` targets for each of ``n`` rows."""

    weights: Floats  #: (n, k) Not negative; they sum to one.
    mean: Floats  #: (n, k, d) In the targets' units.
    #: (n, k, d (d + 1) / 2) Lower triangle, row by row; of two targets the variance of the first, the covariance, the
    #: variance of the second.
    covariance: Floats

    def __post_init__(self) -> None:
        shape = np.shape(self.weights)
        check(len(shape) == 2 and shape[1] > 0, f"Mixture.weights has shape {shape}; expected (n, k) with k > 0")
        d = self.n_targets
        check(d > 0, f"Mixture.mean has shape {np.shape(self.mean)}; expected (n, k, d) with d > 0")
        check_shape(self, "mean", (*shape, d))
        check_shape(self, "covariance", (*shape, triangle_size(d)))

    @property
    def n_components(self) -> int:
        """Gaussians of each row."""
        return int(self.weights.shape[1])

    @property
    def n_targets(self) -> int:
        """Targets that the distribution is over."""
        return int(np.shape(self.mean)[-1]) if np.ndim(self.mean) == 3 else 0

    def with_rows(self, rows: Ints, new: Mixture) -> Mixture:
        """The same distributions with those of some rows replaced."""
        columns = [np.array(getattr(self, name)) for name in self._row_fields]
        for out, name in zip(columns, self._row_fields, strict=True):
            out[rows] = getattr(new, name)
        return Mixture(*columns)


def _factor(covariance: Floats, d: int) -> tuple[list[list[Floats]], list[Floats]]:
    """The factors of C = L D L^T: the unit lower triangle L by rows, and the diagonal D; each entry of any shape."""
    lower: list[list[Floats]] = []
    variances: list[Floats] = []
    for i in range(d):
        row: list[Floats] = []
        scaled: list[Floats] = []
        for j in range(i):
            rest = covariance[..., triangle_size(i) + j]
            for k in range(j):
                rest = rest - scaled[k] * lower[j][k]
            scaled.append(rest)
            row.append(rest / variances[j])
        left = covariance[..., triangle_size(i) + i]
        for k in range(i):
            left = left - scaled[k] * row[k]
        lower.append(row)
        variances.append(left)
    return lower, variances


def usable(m: Mixture) -> Bools:
    """Which of the (n,) rows are a distribution: finite, weights not negative, covariances positive definite."""
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        good = np.isfinite(m.weights) & (m.weights >= 0) & np.isfinite(m.mean).all(axis=-1)
        good &= np.isfinite(m.covariance).all(axis=-1)
        for variance in _factor(m.covariance.astype(float), m.n_targets)[1]:
            good &= variance > 0
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
    """Mean (n, d), standard deviation (n, d) and correlation (n,) of the whole distribution.

    The correlation is that of the errors of the first two targets; NaN with one target.
    """
    mean, total = _total(clean(m))
    d = m.n_targets
    sigma = np.sqrt(total[:, diagonal(d)])
    if d == 1:
        return mean, sigma, np.full(len(m), np.nan)
    return mean, sigma, np.clip(total[:, 1] / (sigma[:, 0] * sigma[:, 1]), -1.0, 1.0)


def log_density(m: Mixture, points: ArrayLike) -> Floats:
    """Natural logarithm of the density at one point of each row, ``points`` (n, d): (n,).

    In units of one over the product of the targets' units; -inf at infinity.
    """
    d = m.n_targets
    x = points_of_rows(points, len(m), d, "points")
    m = clean(m)
    lower, variances = _factor(m.covariance, d)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        # target after target, each given those before: no difference of large numbers
        off: list[Floats] = []
        q, log_det = np.zeros(m.weights.shape), np.zeros(m.weights.shape)
        for i in range(d):
            rest = x[:, None, i] - m.mean[..., i]
            for j in range(i):
                rest = rest - lower[i][j] * off[j]
            off.append(rest)
            q = q + rest * rest / variances[i]
            log_det = log_det + np.log(variances[i])
        terms = np.log(m.weights) - 0.5 * (q + log_det) - 0.5 * d * math.log(2 * math.pi)
        highest = terms.max(axis=1)
        density = highest + np.log(np.exp(terms - highest[:, None]).sum(axis=1))
    nowhere = np.isinf(x).any(axis=1) | (highest == -np.inf)
    return np.where(nowhere & ~np.isnan(x).any(axis=1) & np.isfinite(m.weights[:, 0]), -np.inf, density)


def sample(m: Mixture, size: int, rng: np.random.Generator) -> Floats:
    """``size`` draws from each row: (n, size, d) float; NaN rows stay NaN.

    Every row takes the same amount of random numbers, so that one row's values do not change another's draws.
    """
    if size < 0:
        raise AgezError(f"sample: size is {size}; expected 0 or more")
    m = clean(m)
    d = m.n_targets
    uniform, normal = rng.random((len(m), size)), rng.standard_normal((len(m), size, d))
    edges = np.cumsum(m.weights, axis=1)[:, :-1]
    which = np.zeros((len(m), size), dtype=np.intp)
    for j in range(m.n_components - 1):
        which += uniform >= edges[:, j, None]
    chosen = np.take_along_axis(m.covariance, which[..., None], axis=1)
    lower, variances = _factor(chosen, d)
    spread = [np.sqrt(np.maximum(variance, 0.0)) * normal[..., i] for i, variance in enumerate(variances)]
    out = np.take_along_axis(m.mean, which[..., None], axis=1)
    for i in range(d):
        out[..., i] += spread[i]
        for j in range(i):
            out[..., i] += lower[i][j] * spread[j]
    return out


def combine(members: Sequence[Mixture]) -> Mixture:
    """One mixture of ``k`` components for an ensemble of M that have ``k`` each.

    The full answer of an ensemble is the mixture of all M k components with weights w / M: members that disagree
    make it wider.  That is M times as much to store, so in each member the components are sorted by their mean of the
    first target and the j-th of all members are merged into one Gaussian that has their weight, mean and covariance
    (the moment-preserving merge: Runnalls 2007, IEEE Trans. Aerosp. Electron. Syst. 43, 989).  The mean and covariance
    of the whole distribution therefore stay exactly those of the M k components.

    The shape beyond that is lost: where the j-th components of members lie far apart, one broad Gaussian stands
    for them, so tails, gaps between peaks and narrow peaks are smoothed.  Three made-up members of four components
    each, which differ less than their widths, lost 0.02 to 0.1 in the mean log density; one Gaussian for all of it
    lost twice to twenty times as much.

    Parameters
    ----------
    members : sequence of Mixture
        The same rows, the same ``k``.  A row that is NaN in one member is NaN in the answer.
    """
    if not members:
        raise AgezError("no mixtures to combine; expected at least one")
    shapes = [one.mean.shape for one in members]
    if len(set(shapes)) > 1:
        raise AgezError(f"mixtures of shapes {shapes} cannot be combined; expected the same rows and components")
    parts = [_sorted_by_first_target(clean(one)) for one in members]
    w, mu, cov = (np.stack([getattr(one, name) for one in parts]) for name in ("weights", "mean", "covariance"))
    weight = w.mean(axis=0)
    empty = weight == 0  # nothing to weigh with: any mean will do, and NaN would spoil the row
    share = np.where(empty, 1 / len(parts), w / np.where(empty, 1.0, w.sum(axis=0)))[..., None]
    mean = (share * mu).sum(axis=0)
    covariance = (share * (cov + _outer(mu - mean))).sum(axis=0)
    return clean(Mixture(weight, mean, covariance))  # a NaN in one component is one in all of the row


def average(m: Mixture, row: Ints, share: Floats, n: int) -> Mixture:
    """One mixture for each of ``n`` rows that has several versions among the rows of ``m``.

    The j-th components of all versions, sorted by the first target, are merged as in :func:`combine`; mean and
    covariance of the whole distribution are those of the versions' distributions, weighted by their shares.

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
    m = _sorted_by_first_target(clean(m))
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

    Stretched as a whole about its own mean, the components' distances with it, so that its standard deviations grow by
    exactly ``factor``, and its quantiles by as much; the correlations and the weights stay.  Shift and factor
    are (d,) or (n, d), ``shift`` in the targets' units, ``factor`` positive; NaN makes a NaN row.
    """
    n, d = len(m), m.n_targets
    move, stretch = (_for_rows(v, n, d, name) for v, name in ((shift, "shift"), (factor, "factor")))
    if np.any(stretch <= 0):
        raise AgezError(f"rescale: a factor of {np.nanmin(stretch):g}; expected factors above 0")
    m = clean(m)
    total = _total(m)[0][:, None, :]
    mean = total + move[:, None, :] + stretch[:, None, :] * (m.mean - total)
    return clean(Mixture(m.weights, mean, m.covariance * _outer(stretch)[:, None, :]))


def marginal_of(m: Mixture, targets: Sequence[int]) -> Mixture:
    """The distribution of some of the targets, by their places, in the order given."""
    kept = list(targets)
    places = [place(t, u) for i, t in enumerate(kept) for u in kept[: i + 1]]
    return Mixture(m.weights, m.mean[..., kept], m.covariance[..., places])


def each_marginal(m: Mixture) -> list[Mixture]:
    """The distribution of each target; whether a row is a distribution at all is asked once for all of them."""
    whole = clean(m) if m.n_targets > 1 else m
    return [marginal_of(whole, [t]) for t in range(m.n_targets)]


def pack(m: Mixture) -> Floats:
    """All numbers of each row side by side: (n, k numbers_per_component) float32 in the order of :func:`packed_names`.

    Rounding to float32 moves a log age of 10 by at most 5e-7 dex.
    """
    numbers = np.concatenate([m.weights[..., None], m.mean, m.covariance], axis=-1)
    return numbers.reshape(len(m), m.n_components * numbers_per_component(m.n_targets)).astype(np.float32)


def unpack(array: ArrayLike, k: int, d: int) -> Mixture:
    """The mixture that :func:`pack` made the numbers of; packing it again gives the same numbers, bit for bit."""
    numbers: Floats = np.asarray(array)
    each = numbers_per_component(d)
    if k < 1 or numbers.ndim != 2 or numbers.shape[1] != k * each:
        raise AgezError(
            f"a packed mixture of {k} components has shape {numbers.shape}; expected (n, {k * each}): "
            f"{each} numbers a component"
        )
    parts = numbers.astype(float).reshape(len(numbers), k, each)
    return Mixture(parts[..., 0], parts[..., 1 : 1 + d], parts[..., 1 + d :])


def packed_names(k: int, targets: Sequence[str]) -> tuple[str, ...]:
    """Column names of the numbers of :func:`pack`, component by component: ``mix1_weight``, ``mix1_log_age_lw``, ...

    Covariances are ``cov`` of two targets, and ``cov_A_B`` of more.
    """
    second_moments = [
        f"var_{a}" if i == j else "cov" if len(targets) == 2 else f"cov_{b}_{a}"
        for i, a in enumerate(targets)
        for j, b in enumerate(targets[: i + 1])
    ]
    parts = ("weight", *targets, *second_moments)
    return tuple(f"mix{j}_{part}" for j in range(1, k + 1) for part in parts)


def points_of_rows(values: ArrayLike, n: int, d: int, name: str) -> Floats:
    """``values`` as (n, d) float, a point of each row; an AgezError with ``name`` in it if they are not."""
    array = np.asarray(values, dtype=float)
    if array.shape != (n, d):
        raise AgezError(f"{name} have shape {array.shape}; expected ({n}, {d}): each target of each row")
    return array


def _total(m: Mixture) -> tuple[Floats, Floats]:
    """Mean (n, d) and covariance (n, d (d + 1) / 2) of whole rows of a clean mixture."""
    w = m.weights[..., None]
    mean = (w * m.mean).sum(axis=1)
    return mean, (w * (m.covariance + _outer(m.mean - mean[:, None, :]))).sum(axis=1)


def _outer(v: Floats) -> Floats:
    """The lower triangle of v v^T for vectors (..., d)."""
    i, j = np.tril_indices(v.shape[-1])
    return np.asarray(v[..., i] * v[..., j])


def _sorted_by_first_target(m: Mixture) -> Mixture:
    order = np.argsort(m.mean[..., 0], axis=1, kind="stable")
    wide: Any = order[..., None]
    return Mixture(
        np.take_along_axis(m.weights, order, axis=1),
        np.take_along_axis(m.mean, wide, axis=1),
        np.take_along_axis(m.covariance, wide, axis=1),
    )


def _for_rows(values: ArrayLike, n: int, d: int, name: str) -> Floats:
    array = np.asarray(values, dtype=float)
    if array.shape not in ((d,), (n, d)):
        raise AgezError(f"rescale: {name} has shape {array.shape}; expected ({d},) or ({n}, {d})")
    return np.broadcast_to(array, (n, d))
