"""Whether one number of each galaxy goes with another: Spearman's rho with a bootstrap, binned medians and means.

Numbers only; NaN in either quantity leaves the galaxy out.  Galaxies are what is drawn again in every bootstrap,
because spectra of one galaxy share much of their error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtr
from scipy.stats import rankdata

from agez.analysis.metrics import json_number, sigma_mad
from agez.errors import AgezError
from agez.types import Floats, Ints

N_BOOTSTRAP = 1000
#: Random orders of the galaxies, to see what chance gives.
N_ORDERS = 200
#: Coverage of intervals.
COVERAGE = 0.95
#: With fewer pairs a rank correlation has neither an interval nor a p-value worth the name.
MIN_PAIRS = 5


@dataclass(frozen=True)
class Spearman:
    """Spearman's rank correlation of ``n`` pairs; NaN where it is not defined."""

    rho: float
    #: low, high: 95 % interval: percentiles over bootstrap samples of the pairs.
    low: float
    high: float
    p_value: float  #: Two-sided, from Student's t with n - 2 degrees of freedom: that of no correlation at all.
    n: int

    @property
    def limit(self) -> float:
        """The largest absolute rho that the interval allows: what the data could hide."""
        return max(abs(self.low), abs(self.high))

    def to_json(self) -> dict[str, float | None]:
        """rho, low, high and p_value for strict JSON."""
        return {name: json_number(getattr(self, name)) for name in ("rho", "low", "high", "p_value")}


def spearman(x: ArrayLike, y: ArrayLike, *, rng: np.random.Generator, n_bootstrap: int = N_BOOTSTRAP) -> Spearman:
    """Spearman's rho of pairs, with an interval, from pairs that ``rng`` draws with replacement, and a p-value.

    Ties get their mean rank; pairs (n,) with a NaN are left out.  All is NaN with fewer than ``MIN_PAIRS`` pairs, or
    where one quantity does not vary.
    """
    _check_bootstrap(n_bootstrap)
    a, b = _pairs(x, y)
    n = len(a)
    if n < MIN_PAIRS or np.ptp(a) == 0 or np.ptp(b) == 0:
        return Spearman(math.nan, math.nan, math.nan, math.nan, n)
    rho = float(_rank_correlation(a[None], b[None])[0])
    drawn = rng.integers(n, size=(n_bootstrap, n))
    low, high = _interval(_rank_correlation(a[drawn], b[drawn]))
    with np.errstate(divide="ignore"):
        t = abs(rho) * np.sqrt((n - 2) / np.maximum(1 - rho**2, 0.0))
    return Spearman(rho, low, high, float(2 * stdtr(n - 2, -t)), n)


def holm(p_values: ArrayLike) -> Floats:
    """P-values corrected for their number by Holm's method (1979, Scand. J. Statist. 6, 65).

    The k-th smallest of m is multiplied by m - k + 1, and none becomes smaller than the one before it.
    NaN stays NaN and is not counted.
    """
    p = np.asarray(p_values, dtype=float)
    adjusted = np.full(p.shape, np.nan)
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0) if len(order) else steps
    return adjusted


def binned_medians(x: ArrayLike, y: ArrayLike, *, size: int) -> tuple[Floats, Floats, Floats]:
    """Medians (m,) of x and y, and sigma_mad (m,) of y, in the bins of :func:`bins_in_order`."""
    a, b = _pairs(x, y)
    bins = bins_in_order(a, size=size)
    found = np.array([(np.median(a[one]), np.median(b[one]), sigma_mad(b[one])) for one in bins]).reshape(-1, 3)
    return found[:, 0], found[:, 1], found[:, 2]


def chance_range(y: ArrayLike, *, size: int, rng: np.random.Generator) -> float:
    """Range of the medians of bins that the scatter alone gives: median over galaxies in random order.

    ``size`` galaxies of y (n,) are in a bin; a rest that fills no bin is left out.  NaN with fewer galaxies than two
    bins hold.
    """
    values = np.asarray(y, dtype=float)
    values = values[np.isfinite(values)]
    whole = len(values) // size
    if whole < 2:
        return math.nan
    shuffled = rng.permuted(np.broadcast_to(values, (N_ORDERS, len(values))), axis=1)
    medians = np.median(shuffled[:, : whole * size].reshape(N_ORDERS, whole, size), axis=2)
    return float(np.median(np.ptp(medians, axis=1)))


def difference_of_thirds(
    x: ArrayLike, y: ArrayLike, *, rng: np.random.Generator, n_bootstrap: int = N_BOOTSTRAP
) -> tuple[float, float]:
    """Median y of the third of galaxies with the largest x minus that of the third with the smallest, and its error.

    Unlike the range of binned medians it is zero in the mean where there is no trend.  The error is the standard
    deviation over bootstrap samples of each third's galaxies.  NaN with fewer than two galaxies in a third.
    """
    _check_bootstrap(n_bootstrap)
    a, b = _pairs(x, y)
    third = len(a) // 3
    if third < 2:
        return math.nan, math.nan
    ordered = b[np.argsort(a, kind="stable")]
    ends = ordered[:third], ordered[-third:]
    lower, upper = (np.median(end[rng.integers(third, size=(n_bootstrap, third))], axis=1) for end in ends)
    return float(np.median(ends[1]) - np.median(ends[0])), float(np.std(upper - lower, ddof=1))


def group_medians(groups: ArrayLike, values: ArrayLike, *, min_members: int) -> tuple[Floats, Floats]:
    """Median and sigma_mad (g,) of each group's finite values (n,); NaN in groups with fewer than ``min_members``.

    ``groups`` (n,) has the number of each value's group, 0 ... g - 1, every one with at least one value (of
    ``np.unique``'s inverse).
    """
    number, data = np.asarray(groups), np.asarray(values, dtype=float)
    order = np.argsort(number, kind="stable")
    parts = np.split(data[order], np.flatnonzero(np.diff(number[order])) + 1) if len(data) else []
    out = np.full((2, len(parts)), np.nan)
    for k, part in enumerate(parts):  # galaxies, some hundreds
        finite = part[np.isfinite(part)]
        if len(finite) >= min_members:
            out[:, k] = np.median(finite), sigma_mad(finite)
    return out[0], out[1]


def bins_in_order(x: ArrayLike, *, size: int) -> list[Ints]:
    """Disjoint bins of ``size`` galaxies in the order of x: the galaxies' numbers, bin by bin.

    The galaxies left over at the end are a bin of their own if they are at least half of ``size``; fewer join the
    last bin, so that no point of a figure hangs on a galaxy or two.  With fewer than ``size`` galaxies
    there is one bin.  Galaxies whose x is NaN are in none.
    """
    if size < 1:
        raise AgezError(f"bins: their size is {size} galaxies; expected at least 1")
    values = np.asarray(x, dtype=float)
    order = np.argsort(values, kind="stable")[: int(np.isfinite(values).sum())]
    if not len(order):
        return []
    whole, rest = divmod(len(order), size)
    n_bins = max(whole + (2 * rest >= size), 1)
    return np.split(order, size * np.arange(1, n_bins))


def mean_and_error(values: ArrayLike) -> tuple[float, float]:
    """Mean of (n,) values and the standard error of that mean, std / sqrt(n); the error is NaN for one value."""
    v = np.asarray(values, dtype=float)
    if not v.size:
        return math.nan, math.nan
    return float(v.mean()), float(v.std(ddof=1) / math.sqrt(v.size)) if v.size > 1 else math.nan


def line_slope(x: ArrayLike, y: ArrayLike) -> tuple[float, float]:
    """Slope of the least-squares line of y on x and its standard error from the residuals; NaN below three pairs."""
    a, b = _pairs(x, y)
    n = len(a)
    if n < 3 or np.ptp(a) == 0:
        return math.nan, math.nan
    da, db = a - a.mean(), b - b.mean()
    slope = float(da @ db / (da @ da))
    residual = db - slope * da
    return slope, float(np.sqrt(residual @ residual / (n - 2) / (da @ da)))


def _pairs(x: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
    a, b = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if a.shape != b.shape or a.ndim != 1:
        raise AgezError(f"trends: the two quantities have shapes {a.shape} and {b.shape}; expected two equal (n,)")
    good = np.isfinite(a) & np.isfinite(b)
    return a[good], b[good]


def _rank_correlation(x: Floats, y: Floats) -> Floats:
    """(m,) Pearson's correlation of the ranks of each row; NaN where a row does not vary."""
    a, b = (rankdata(v, axis=1) for v in (x, y))
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    scale = np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    with np.errstate(invalid="ignore"):
        return np.clip((a * b).sum(axis=1) / np.where(scale > 0, scale, np.nan), -1.0, 1.0)


def _interval(values: Floats) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    if not finite.size:
        return math.nan, math.nan
    low, high = np.quantile(finite, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    return float(low), float(high)


def _check_bootstrap(n_bootstrap: int) -> None:
    if n_bootstrap < 2:
        raise AgezError(f"trends: n_bootstrap is {n_bootstrap}; at least 2 are needed for an interval")
