"""Means and other statistics of rows, with errors from bootstrap samples of whole galaxies.

Spectra of one galaxy share much of their error, so galaxies, not rows, are what is drawn again
(Davison & Hinkley 1997, Bootstrap Methods and their Application, 3.8).  A mean needs of each galaxy only its sums,
so a bootstrap sample costs what the number of galaxies costs, however many rows they have.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from agez.analysis.metrics import json_number
from agez.errors import AgezError
from agez.types import Floats, Ints

N_BOOTSTRAP = 500
#: Coverage of intervals.
COVERAGE = 0.95
#: Fewer galaxies have no error worth the name.
MIN_GALAXIES = 5


class Estimate(NamedTuple):
    """A number and its standard error over bootstrap samples of galaxies; NaN where too few galaxies tell."""

    value: float
    err: float


class Members(NamedTuple):
    """Which galaxy each row belongs to: ``galaxy`` (n,) numbers from 0 to ``n_galaxies`` - 1."""

    galaxy: Ints
    n_galaxies: int


class Means(NamedTuple):
    """Means of columns (c,), their standard errors (c,), and the means of each bootstrap sample (n_bootstrap, c)."""

    value: Floats
    err: Floats
    drawn: Floats


def members(galaxy_id: ArrayLike) -> Members:
    """Galaxies of (n,) names or numbers."""
    found, galaxy = np.unique(np.asarray(galaxy_id), return_inverse=True)
    return Members(galaxy, len(found))


def draw_galaxies(n_galaxies: int, *, rng: np.random.Generator, n_bootstrap: int = N_BOOTSTRAP) -> Ints:
    """How often each bootstrap sample holds each galaxy, (n_bootstrap, g); no samples of too few galaxies."""
    if n_bootstrap < 2:
        raise AgezError(f"n_bootstrap is {n_bootstrap}; expected at least 2 samples")
    if n_galaxies < MIN_GALAXIES:
        return np.zeros((0, n_galaxies), dtype=int)
    return rng.multinomial(n_galaxies, np.full(n_galaxies, 1 / n_galaxies), size=n_bootstrap)


def counts_of_galaxies(rows: Members, number: Ints, size: int) -> Floats:
    """How many rows of each galaxy have each ``number`` (n,) from 0 to ``size`` - 1: (g, size)."""
    counts = np.bincount(rows.galaxy * size + number, minlength=rows.n_galaxies * size)
    return counts.reshape(rows.n_galaxies, size).astype(float)


def sums_of_galaxies(rows: Members, columns: Floats) -> Floats:
    """Sums of (n, c) columns over the rows of each galaxy, (g, c)."""
    return np.stack([np.bincount(rows.galaxy, one, rows.n_galaxies) for one in columns.T], axis=1)


def means_over_rows(rows: Members, sums: Floats, drawn: Ints) -> Means:
    """Means over all rows of what has ``sums`` (g, c) in the galaxies; NaN without rows or, errors, without draws."""
    n = np.bincount(rows.galaxy, minlength=rows.n_galaxies)
    nothing = np.full(sums.shape[1], np.nan)
    if not n.sum():
        return Means(nothing, nothing, np.zeros((0, sums.shape[1])))
    means = (drawn @ sums) / (drawn @ n)[:, None]
    return Means(sums.sum(axis=0) / n.sum(), means.std(axis=0, ddof=1) if len(means) else nothing, means)


def median_over_rows(rows: Members, values: Floats, drawn: Ints) -> Estimate:
    """Median of (n,) values; in a bootstrap sample a row counts as often as its galaxy was drawn."""
    if not len(values):
        return Estimate(np.nan, np.nan)
    order = np.argsort(values)
    ordered, galaxy = values[order], rows.galaxy[order]
    medians = []
    for times in drawn:
        reached = np.cumsum(times[galaxy])
        medians.append(float(ordered[np.searchsorted(reached, 0.5 * reached[-1])]))
    return Estimate(float(np.median(values)), float(np.std(medians, ddof=1)) if medians else np.nan)


def rows_by_galaxy(galaxy_id: ArrayLike) -> list[Ints]:
    """Row numbers of each galaxy, in the order of the sorted ids."""
    rows = members(galaxy_id)
    order = np.argsort(rows.galaxy, kind="stable")
    return np.split(order, np.cumsum(np.bincount(rows.galaxy, minlength=rows.n_galaxies))[:-1])


def interval_over_galaxies(
    statistic: Callable[[Ints], float], draws: Sequence[Ints] | Ints, n_galaxies: int
) -> dict[str, float | None]:
    """A statistic of galaxies and its 95 % interval (percentiles), as ``value``, ``low``, ``high`` for strict JSON.

    Parameters
    ----------
    statistic : callable
        Of galaxies' numbers, which may repeat; NaN where it is not defined.
    draws : (n_bootstrap, g) int
        Numbers of galaxies drawn with repetition.
    n_galaxies : int
        The value itself is the statistic of 0 ... n_galaxies - 1; fewer than ``MIN_GALAXIES`` have no interval, nor has
        a statistic that many draws do not define: it hangs on a galaxy or two.
    """
    value = statistic(np.arange(n_galaxies))
    drawn = np.array([statistic(one) for one in draws]) if n_galaxies >= MIN_GALAXIES else np.empty(0)
    defined = np.isfinite(drawn)
    enough = len(drawn) and defined.mean() >= COVERAGE
    low, high = np.quantile(drawn[defined], [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2]) if enough else (np.nan, np.nan)
    return {"value": json_number(value), "low": json_number(float(low)), "high": json_number(float(high))}
