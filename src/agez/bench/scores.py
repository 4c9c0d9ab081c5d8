"""Scores of ages and metallicities of real galaxies, most of which need no labels: pure functions of arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from agez.analysis.metrics import MAD_TO_SIGMA, StrictJson
from agez.errors import AgezError
from agez.types import Floats, Strings

#: Bootstrap samples of an error: its own error is then 4 %.
N_BOOTSTRAP = 300
#: With fewer rows there is no score.
MIN_ROWS = 5


@dataclass(frozen=True)
class Measured(StrictJson):
    """A number measured on ``n`` rows, and its 1-sigma error; NaN where it is not defined."""

    value: float
    err: float = float("nan")
    n: int = 0

    @property
    def sigma(self) -> float:
        """The value in units of its error."""
        return self.value / self.err if self.err > 0 else float("nan")


def finite_rows(*columns: ArrayLike) -> tuple[Floats, ...]:
    """The rows in which all of some columns (n,) are finite; AgezError if they are not of one length."""
    arrays = [np.asarray(column, dtype=float) for column in columns]
    if len({array.shape for array in arrays}) > 1 or arrays[0].ndim != 1:
        raise AgezError(f"columns have shapes {', '.join(str(array.shape) for array in arrays)}; expected (n,) alike")
    known = np.all([np.isfinite(array) for array in arrays], axis=0)
    return tuple(array[known] for array in arrays)


def bootstrap_error(
    statistic: Callable[..., float], *samples: tuple[Floats, ...], rng: np.random.Generator, n: int = N_BOOTSTRAP
) -> float:
    """Standard deviation of a statistic of independent samples, each of which is drawn anew with replacement.

    Parameters
    ----------
    statistic : callable
        Of all columns of all samples, in order.
    samples : tuple of (n,) arrays
        The columns of each sample: rows are drawn whole.
    """
    values = np.empty(n)
    for k in range(n):
        drawn: list[Floats] = []
        for columns in samples:
            rows = rng.integers(len(columns[0]), size=len(columns[0]))
            drawn += [column[rows] for column in columns]
        values[k] = statistic(*drawn)
    return float(np.std(values[np.isfinite(values)])) if np.isfinite(values).any() else float("nan")


def share_above(first: Floats, second: Floats) -> float:
    """Share of all pairs in which the member of ``first`` is larger; a tie counts half.

    Mann & Whitney (1947, Ann. Math. Stat. 18, 50), over the product of both numbers.  It is the area under the
    ROC curve of a classifier that takes large values for the first class.

    Examples
    --------
    >>> import numpy as np
    >>> from agez.bench.scores import share_above
    >>> share_above(np.array([2.0, 3.0]), np.array([1.0, 2.0]))
    0.875
    """
    ordered = np.sort(second)
    below = np.searchsorted(ordered, first, side="left") + np.searchsorted(ordered, first, side="right")
    return float(below.mean() / (2 * len(second)))


def probability_above(first: ArrayLike, second: ArrayLike, *, rng: np.random.Generator) -> Measured:
    """:func:`share_above` with its bootstrap error; values that are not finite are left out.

    It says how often an elliptical, drawn at random, is older than a spiral: 0.5 by chance, 1 where the ages of the two
    do not overlap.
    """
    (a,), (b,) = finite_rows(first), finite_rows(second)
    if min(len(a), len(b)) < MIN_ROWS:
        return Measured(float("nan"), n=len(a) + len(b))
    return Measured(share_above(a, b), bootstrap_error(share_above, (a,), (b,), rng=rng), len(a) + len(b))


def line_slope(x: Floats, y: Floats) -> float:
    """Slope of the least-squares line of ``y`` on ``x``; NaN where ``x`` does not vary."""
    centred = x - x.mean()
    square = float(centred @ centred)
    return float(centred @ y / square) if square > 0 else float("nan")


def slope(x: ArrayLike, y: ArrayLike, *, rng: np.random.Generator) -> Measured:
    """:func:`line_slope` with its bootstrap error; rows in which either is not finite are left out."""
    x, y = finite_rows(x, y)
    if len(x) < MIN_ROWS:
        return Measured(float("nan"), n=len(x))
    return Measured(line_slope(x, y), bootstrap_error(line_slope, (x, y), rng=rng), len(x))


def slope_beside(x: ArrayLike, y: ArrayLike, other: ArrayLike, *, rng: np.random.Generator) -> Measured:
    """Slope of ``y`` on ``x`` with a further quantity held fixed: of the plane of least squares in both.

    Distant galaxies of a sample with a limiting magnitude are luminous ones; this keeps the two apart.
    """
    x, y, other = finite_rows(x, y, other)
    if len(x) < MIN_ROWS:
        return Measured(float("nan"), n=len(x))

    def of(x: Floats, y: Floats, other: Floats) -> float:
        design = np.stack([x - x.mean(), other - other.mean()], axis=1)
        found = np.linalg.lstsq(design, y - y.mean(), rcond=None)[0]
        return float(found[0])

    return Measured(of(x, y, other), bootstrap_error(of, (x, y, other), rng=rng), len(x))


def pull_width(difference: ArrayLike, err: ArrayLike, *, rng: np.random.Generator) -> Measured:
    """Robust standard deviation of differences in units of their errors: 1.4826 times the median of abs(d / err).

    About zero, not about their median: an offset is a disagreement, too.  1 for Gaussian differences of the size that
    the errors say.
    """
    difference, err = finite_rows(difference, err)
    pulls = difference[err > 0] / err[err > 0]
    if len(pulls) < MIN_ROWS:
        return Measured(float("nan"), n=len(pulls))
    return Measured(_width(pulls), bootstrap_error(_width, (pulls,), rng=rng), len(pulls))


def _width(pulls: Floats) -> float:
    return MAD_TO_SIGMA * float(np.median(np.abs(pulls)))


def share(where: ArrayLike) -> Measured:
    """Share of the rows in which something holds, with the binomial error; NaN of no row."""
    hit = np.asarray(where, dtype=bool)
    n = len(hit)
    if not n:
        return Measured(float("nan"))
    part = float(hit.mean())
    return Measured(part, float(np.sqrt(part * (1 - part) / n)), n)


def mean_of(values: ArrayLike) -> Measured:
    """Mean with its standard error; values that are not finite are left out."""
    (known,) = finite_rows(values)
    n = len(known)
    if not n:
        return Measured(float("nan"))
    return Measured(float(np.mean(known)), float(np.std(known) / np.sqrt(n)), n)


def share_within(difference: ArrayLike, err: ArrayLike, sigmas: float = 2.0) -> Measured:
    """Share of differences that are within some sigmas of zero; those without an error are left out."""
    difference, err = finite_rows(difference, err)
    return share(np.abs(difference) <= sigmas * err)


def repeat_differences(values: ArrayLike, err: ArrayLike, repeat: Strings) -> tuple[Floats, Floats]:
    """Differences of observations of one object, each with the one before it, and their errors.

    Parameters
    ----------
    values, err : (n,) float
    repeat : (n,) str
        Name of the object that a row observes; '' for none that is repeated.

    Returns
    -------
    difference, err : (m,) float
        Of consecutive rows of the same name: m is n less the number of objects.
    """
    values, err = np.asarray(values, dtype=float), np.asarray(err, dtype=float)
    known = np.flatnonzero((repeat != "") & np.isfinite(values) & np.isfinite(err))
    order = known[np.argsort(repeat[known], kind="stable")]
    same = np.flatnonzero(repeat[order[1:]] == repeat[order[:-1]])
    first, second = order[same], order[same + 1]
    return values[second] - values[first], np.hypot(err[first], err[second])


def order_kept(values: ArrayLike) -> Measured:
    """Share of all pairs of an ordered list in which the earlier value is larger: 1 where values fall all the way.

    Half of (1 - Kendall's tau), with ties counted half; the error is that of chance orders (Kendall 1938, Biometrika
    30, 81).  Values that are not finite are left out.
    """
    (known,) = finite_rows(values)
    n = len(known)
    if n < 3:
        return Measured(float("nan"), n=n)
    first, second = np.triu_indices(n, 1)
    falls = np.where(known[first] > known[second], 1.0, np.where(known[first] == known[second], 0.5, 0.0))
    return Measured(float(falls.mean()), float(np.sqrt((2 * n + 5) / (18 * n * (n - 1)))), n)
