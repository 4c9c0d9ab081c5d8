"""Broad star-formation and enrichment histories for training: every family, any onset, any metallicity.

The mock survey draws what real galaxies are thought to be.  A network must not learn that opinion as if it were
knowledge, so here each family is as likely as the next, galaxies may begin at any time, the last
30 Myr go their own way, and metallicity is tied to age in one half of the galaxies only.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agez.errors import AgezError
from agez.mocks.histories import (
    FAMILIES,
    HistoryShape,
    enrichment,
    formed_fraction,
    shape_of_family,
    spread_over_metallicity,
)
from agez.populations.history import age_bin_edges
from agez.types import Floats

#: Families beyond those of the mock survey: pieces of random weight in log age, one burst alone, and two.
FREE_FAMILIES = ("pieces", "burst", "two bursts")
SKY_FAMILIES = (*FAMILIES, *FREE_FAMILIES)
#: Galaxies that share a family's parameters: a shape is tabulated for several knobs at once.
PER_SHAPE = 5
#: The knob that moves a family from old (0) to young (1) is beta-distributed: drawn evenly, a third of all light would
#: be of stars younger than 100 Myr, which few parts of galaxies are.
KNOB_BETA = (1.1, 1.9)
#: Lookback time within which the star-formation rate is raised or lowered at random [yr], and by how much [dex].
RECENT_YEARS, RECENT_SCATTER = 3.0e7, 0.4
#: Lookback time of the first stars at redshift 0 [yr].
OLDEST_YEARS = 13.7e9
#: Log age [yr] of the youngest and oldest burst.
BURST_RANGE = (7.6, 10.14)
#: [M/H] is 0.45 - 2.3 times a beta-distributed number: from -1.85 to 0.45, mostly between -0.9 and 0.3.
MH_TOP, MH_SPAN, MH_BETA = 0.45, 2.3, (1.3, 2.6)
#: Last [M/H] of the galaxies that are metal-poor by choice: dwarfs, and the outskirts of discs.
METAL_POOR = (-1.8, -0.5)


def draw_weights(
    n: int,
    log_age: Floats,
    mh: Floats,
    rng: np.random.Generator,
    *,
    families: Sequence[str] = SKY_FAMILIES,
    oldest_years: float = OLDEST_YEARS,
    metal_poor_share: float = 0.0,
) -> tuple[Floats, Floats, list[str]]:
    """Histories of ``n`` galaxies over a template grid.

    Parameters
    ----------
    log_age : (n_age,) float
        log10(age/yr) of the grid.
    mh : (n_mh,) float
    families : sequence of str
        Which of :data:`SKY_FAMILIES` are drawn, all as often; one that is named twice, twice as often.
    oldest_years : float
        No star is older: histories are shortened in proportion.
    metal_poor_share : float
        The share of galaxies whose last [M/H] is drawn evenly from :data:`METAL_POOR`.

    Returns
    -------
    weights : (n, n_age, n_mh) float
        Fractions of the stellar mass formed.
    mh_young : (n,) float
        [M/H] of the youngest stars: that of the gas.
    family : list of str

    Raises
    ------
    AgezError
        For a family that is unknown.
    """
    unknown = [name for name in families if name not in SKY_FAMILIES]
    if unknown or not families:
        raise AgezError(f"history family {unknown[0] if unknown else ''!r}: choose of {', '.join(SKY_FAMILIES)}")
    mass, names = [], []
    for start in range(0, n, PER_SHAPE):
        count = min(PER_SHAPE, n - start)
        family = str(rng.choice(list(families)))
        mass.append(_mass_by_age(family, count, log_age, oldest_years, rng))
        names += [family] * count
    fractions = no_older(_with_recent_changes(np.concatenate(mass), log_age, rng), log_age, oldest_years)
    mh_by_age = _metallicities(fractions, log_age, mh, rng, metal_poor_share)
    return spread_over_metallicity(fractions, mh_by_age, mh), mh_by_age[:, 0], names


def no_older(mass: Floats, log_age: Floats, oldest_years: float) -> Floats:
    """(n, n_age, ...) masses with those of ages above ``oldest_years`` put into the oldest age of the grid below."""
    last = max(int((log_age <= np.log10(oldest_years)).sum()) - 1, 0)
    out = mass.copy()
    out[:, last] += out[:, last + 1 :].sum(axis=1)
    out[:, last + 1 :] = 0
    return out


def _mass_by_age(family: str, n: int, log_age: Floats, oldest_years: float, rng: np.random.Generator) -> Floats:
    """(n, n_age) fractions of the mass, youngest first."""
    edges = age_bin_edges(log_age)
    if family in FREE_FAMILIES:
        return _free(family, n, edges, min(oldest_years, OLDEST_YEARS), rng)
    drawn = shape_of_family(family, rng)
    onset = 10 ** rng.uniform(9.3, 10.14) if rng.uniform() < 0.4 else rng.uniform(9e9, OLDEST_YEARS)
    onset *= min(oldest_years / OLDEST_YEARS, 1.0)
    shape = HistoryShape(family, onset, drawn.width, drawn.events, drawn.sizes)
    x = 1 - np.clip(edges / onset, 0, 1)
    formed = formed_fraction(x, rng.beta(*KNOB_BETA, n), shape)
    mass = np.clip(formed[:, :-1] - formed[:, 1:], 0, None) + 1e-12
    return np.asarray(mass / mass.sum(axis=1, keepdims=True))


def _free(family: str, n: int, edges: Floats, oldest_years: float, rng: np.random.Generator) -> Floats:
    """Histories of no formula: pieces constant in time with Dirichlet weights, and one or two short bursts."""
    if family == "pieces":
        nodes = np.concatenate([[0.0], 10 ** np.linspace(7.5, np.log10(oldest_years), 8)])
        weights = rng.dirichlet(np.full(8, 0.6), size=n)
        width = np.diff(nodes)
        overlap = np.clip(
            np.minimum(edges[1:, None], nodes[1:]) - np.maximum(edges[:-1, None], nodes[:-1]), 0, None
        )  # (n_age, 8)
        mass = weights @ (overlap / width).T
    else:
        number = 1 if family == "burst" else 2
        mass = np.zeros((n, len(edges) - 1))
        for _ in range(number):
            end = 10 ** rng.uniform(BURST_RANGE[0], BURST_RANGE[1] + np.log10(oldest_years / OLDEST_YEARS), n)
            begin = end * (1 + 10 ** rng.uniform(-2, -0.3, n))
            inside = np.clip(np.minimum(edges[1:], begin[:, None]) - np.maximum(edges[:-1], end[:, None]), 0, None)
            share = 1.0 if number == 1 else 10 ** rng.uniform(-2.5, 0, n)[:, None]
            mass += share * inside / (begin - end)[:, None]
    mass = mass + 1e-12
    return np.asarray(mass / mass.sum(axis=1, keepdims=True))


def _with_recent_changes(mass: Floats, log_age: Floats, rng: np.random.Generator) -> Floats:
    """The star-formation rate of the last ``RECENT_YEARS`` raised or lowered: star formation flickers."""
    recent = np.clip(RECENT_YEARS / np.maximum(age_bin_edges(log_age)[1:], 1.0), 0, 1)
    recent[log_age > np.log10(RECENT_YEARS) + 0.3] = 0.0
    factor = 10 ** (RECENT_SCATTER * rng.standard_normal(len(mass)))
    factor[rng.uniform(size=len(mass)) < 0.1] = 0.0  # just stopped
    mass = mass * (1 + (factor[:, None] - 1) * recent) + 1e-12
    return np.asarray(mass / mass.sum(axis=1, keepdims=True))


def _metallicities(
    mass: Floats, log_age: Floats, mh: Floats, rng: np.random.Generator, metal_poor_share: float
) -> Floats:
    """(n, n_age) [M/H] of the stars of each age: constant, a closed box, or wandering with log age."""
    n = len(mass)
    last = MH_TOP - MH_SPAN * rng.beta(*MH_BETA, n)
    if metal_poor_share:
        last = np.where(rng.uniform(size=n) < metal_poor_share, rng.uniform(*METAL_POOR, n), last)
    last = np.clip(last, mh[0], mh[-1])
    kind = rng.choice(3, size=n, p=(0.45, 0.35, 0.2))
    out = np.repeat(last[:, None], mass.shape[1], axis=1)
    for box in np.flatnonzero(kind == 1):
        left, first = 10 ** rng.uniform(-1.3, -0.05), 10 ** rng.uniform(-1.5, -0.3)
        out[box] += enrichment(mass[box : box + 1], gas_left=left, first=first)[0]
    wandering = np.flatnonzero(kind == 2)
    knots = np.linspace(log_age[0], log_age[-1], 5)
    for row in wandering:
        out[row] += np.interp(log_age, knots, 0.25 * rng.standard_normal(5))
    return np.clip(out, mh[0], mh[-1])
