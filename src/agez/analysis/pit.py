"""The shape of the probability integral transform: its histogram, its departure from uniform, and coverage.

The PIT of a row is u = F(truth), with F the cumulative distribution that was predicted.  It is uniform between 0 and 1
where the distributions are right (Dawid 1984, J. R. Stat. Soc. A 147, 278): a histogram like a U says that they are
too narrow, a hump that they are too wide, a slope that they are off to one side
(Gneiting, Balabdaoui & Raftery 2007, J. R. Stat. Soc. B 69, 243).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from agez.analysis.galaxy_bootstrap import N_BOOTSTRAP, counts_of_galaxies, draw_galaxies, means_over_rows, members
from agez.analysis.metrics import StrictJson
from agez.errors import AgezError
from agez.types import Bools, Floats

#: Bars of the histogram.
N_HISTOGRAM = 20
#: Probabilities of the central intervals whose coverage is measured.
NOMINAL = tuple((np.arange(1, 20) / 20).tolist())
#: Levels at which the cumulative distribution of the PIT is compared.
_N_CDF = 200
#: Off by rounding, an interval that just holds the truth would leave it out.
_ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class PitShape(StrictJson):
    """Histogram of the PIT and coverage against nominal, with errors from a bootstrap over galaxies."""

    edges: Floats  #: (b + 1,)
    #: density, density_err: (b,) 1 everywhere where the distributions are right.
    density: Floats
    density_err: Floats
    #: nominal, coverage, coverage_err: (c,) Probabilities of central intervals, and the part of the rows that they
    #: hold.
    nominal: Floats
    coverage: Floats
    coverage_err: Floats
    departure: float  #: Largest distance of the cumulative distribution from that of a uniform PIT, as Kolmogorov's.
    #: What 95 % of samples of as many and as correlated rows with a uniform PIT stay below: from the distances of
    #: resampled from measured cumulative distributions. NaN with too few galaxies.
    departure_95: float
    n: int
    n_galaxies: int


def pit_shape(
    pit: ArrayLike,
    galaxy_id: ArrayLike,
    *,
    rng: np.random.Generator,
    n_bootstrap: int = N_BOOTSTRAP,
) -> PitShape:
    """Histogram of the PIT, its departure from uniform, and the coverage of central intervals of all sizes.

    Parameters
    ----------
    pit : (n,) float
        Between 0 and 1; NaN left out.
    galaxy_id : (n,) str or int
    rng : numpy.random.Generator
        Draws galaxies.

    Raises
    ------
    AgezError
        If a PIT is no probability, or the lengths differ.
    """
    u = checked_pit(pit)
    names = np.asarray(galaxy_id)
    if names.shape != u.shape:
        raise AgezError(f"pit has shape {u.shape} and galaxy_id {names.shape}; expected two equal lengths (n,)")
    good = np.isfinite(u)
    u, rows = u[good], members(names[good])
    drawn = draw_galaxies(rows.n_galaxies, rng=rng, n_bootstrap=n_bootstrap)

    bar = np.minimum((u * N_HISTOGRAM).astype(int), N_HISTOGRAM - 1)
    histogram = means_over_rows(rows, counts_of_galaxies(rows, bar, N_HISTOGRAM), drawn)
    # the first of the intervals that holds the row; those after it do so, too
    smallest = np.searchsorted(np.asarray(NOMINAL), 2 * np.abs(u - 0.5) - _ROUNDING)
    held = counts_of_galaxies(rows, smallest, len(NOMINAL) + 1).cumsum(axis=1)[:, :-1]
    coverage = means_over_rows(rows, held, drawn)
    level = np.ceil(u * _N_CDF - _ROUNDING).astype(int)
    cdf = means_over_rows(rows, counts_of_galaxies(rows, level, _N_CDF + 1).cumsum(axis=1), drawn)
    distances = np.abs(cdf.drawn - cdf.value).max(axis=1) if len(cdf.drawn) else np.full(1, np.nan)
    return PitShape(
        edges=np.arange(N_HISTOGRAM + 1) / N_HISTOGRAM,
        density=N_HISTOGRAM * histogram.value,
        density_err=N_HISTOGRAM * histogram.err,
        nominal=np.asarray(NOMINAL),
        coverage=coverage.value,
        coverage_err=coverage.err,
        departure=float(np.abs(cdf.value - np.arange(_N_CDF + 1) / _N_CDF).max()),
        departure_95=float(np.quantile(distances, 0.95)),
        n=len(u),
        n_galaxies=rows.n_galaxies,
    )


def checked_pit(pit: ArrayLike) -> Floats:
    """(n,) probabilities, or NaN; anything else is an AgezError that names the row."""
    u = np.asarray(pit, dtype=float)
    if u.ndim != 1:
        raise AgezError(f"pit has shape {u.shape}; expected (n,)")
    wrong = (u < 0) | (u > 1)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise AgezError(f"pit of row {row + 1} is {u[row]:g}; expected a probability between 0 and 1")
    return u


def share_inside(pit: Floats, probability: float, *, censored: Bools) -> Floats:
    """How much of each label is in the central interval of that probability, below 1: all or nothing, given its PIT.

    Of a left-censored label (``censored``), whose ``pit`` is that of its limit, it is the share of the probability
    below the limit (nonrandomised PIT: Czado, Gneiting & Held 2009, Biometrics 65, 1254).  NaN where the PIT is.
    """
    low, high = (1 - probability) / 2, (1 + probability) / 2
    part = (np.clip(pit, low, high) - low) / np.maximum(pit, low)
    inside = np.where(censored, part, (pit > low) & (pit < high))
    return np.where(np.isnan(pit), np.nan, inside)
