"""Star-formation and chemical-enrichment histories, and their weights over a template grid.

Every family is a cumulative function: the fraction of the stars formed by cosmic time ``x`` (0 when the first star
forms, 1 today), with one knob ``u`` that moves it from old (0) to young (1).  Being cumulative,
histories are integrated over age bins exactly, by differences.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from agez.populations.history import age_bin_edges
from agez.types import Floats

#: Stars younger than this are made by the recent star formation that the H-alpha line shows, not by the history [yr].
RECENT_YEARS = 3.0e7
#: Number of values of the knob that a galaxy's histories are tabulated at.
N_KNOB = 41
#: Median lookback times [Gyr] and durations [Gyr, the middle 80 % of the stars formed] of the six non-negative
#: basis functions of IllustrisTNG galaxies' star-formation histories (provabgs: Hahn et al. 2023, ApJ 945, 16).
TNG_LOOKBACK_GYR = (0.24, 1.95, 4.63, 7.28, 9.59, 11.49)
TNG_DURATION_GYR = (0.93, 2.96, 3.34, 3.10, 2.84, 2.57)
#: Age of the universe in that simulation [Gyr], and the middle 80 % of a Gaussian in units of its sigma.
TNG_TODAY_GYR = 13.75
MIDDLE_80_SIGMA = 2.563

#: How often each family is drawn, by type: early types mostly formed early and stopped (Thomas et al. 2010, MNRAS 404,
#: 1775), late types go on (Gonzalez Delgado et al. 2017, A&A 607, A128).  Every family occurs in both.
FAMILY_SHARES = {
    "early": {"falling": 0.2, "delayed": 0.15, "rising": 0.02, "quenching": 0.25, "bursts": 0.08, "two-component": 0.12,
              "lognormal": 0.08, "simulated": 0.10},
    "late": {"falling": 0.12, "delayed": 0.18, "rising": 0.12, "quenching": 0.08, "bursts": 0.14, "two-component": 0.10,
             "lognormal": 0.12, "simulated": 0.14},
}  # fmt: skip
FAMILIES = tuple(FAMILY_SHARES["late"])


@dataclass(frozen=True)
class HistoryShape:
    """What one galaxy's histories have in common."""

    family: str  #: One of ``FAMILIES``.
    onset_years: float  #: Lookback time of the first stars.
    width: float  #: The family's second parameter, in its own sense (see the functions below).
    #: (k,) Times (as a fraction of the time since the first star) and sizes of bursts, or weights of simulated
    #: components.
    events: Floats
    sizes: Floats  #: (k,)


def draw_shape(morphology: str, rng: np.random.Generator) -> HistoryShape:
    """Draw a galaxy's family of histories and its fixed parameters."""
    shares = FAMILY_SHARES[morphology]
    return shape_of_family(str(rng.choice(list(shares), p=np.array(list(shares.values())))), rng)


def shape_of_family(family: str, rng: np.random.Generator) -> HistoryShape:
    """Draw the fixed parameters of a history of ``family``."""
    onset = rng.uniform(11.0e9, 13.5e9)
    width = float(rng.uniform())
    if family == "bursts":
        number = int(rng.integers(1, 4))
        events, sizes = 1 - 10 ** rng.uniform(-2.0, -0.35, number), 10 ** rng.uniform(-2.3, -0.8, number)
    else:
        events = 1 - np.array(TNG_LOOKBACK_GYR) / TNG_TODAY_GYR
        sizes = rng.dirichlet(np.full(len(events), 0.7))
    return HistoryShape(family, onset, width, events, sizes)


def _falling(x: Floats, u: Floats, shape: HistoryShape) -> Floats:
    """SFR ~ exp(-k x): k from 25 (all at once) to -25 (exponentially rising)."""
    k = 25 - 50 * u
    k = np.where(np.abs(k) < 1e-6, 1e-6, k)
    return np.asarray(np.expm1(-k * x) / np.expm1(-k))


def _delayed(x: Floats, u: Floats, shape: HistoryShape) -> Floats:
    """SFR ~ x exp(-x / tau), tau from 0.03 to 10 times the age of the galaxy; at most linearly rising."""
    y = x / 10 ** (-1.5 + 2.5 * u)
    top = 1 / 10 ** (-1.5 + 2.5 * u)
    return np.asarray((1 - (1 + y) * np.exp(-y)) / (1 - (1 + top) * np.exp(-top)))


def _rising(x: Floats, u: Floats, shape: HistoryShape) -> Floats:
    """SFR ~ x**p, p + 1 from 0.1 to 20."""
    return np.asarray(x**10 ** (-1.0 + 2.3 * u))


def _quenching(x: Floats, u: Floats, shape: HistoryShape) -> Floats:
    """Constant SFR until a time (3 % of the galaxy's age to today), then an exponential end."""
    stop, end = 0.03 + 0.97 * u, 0.01 + 0.05 * shape.width

    def formed(t: Floats) -> Floats:
        return np.asarray(np.minimum(t, stop) + end * -np.expm1(-np.maximum(t - stop, 0) / end))

    return np.asarray(formed(x) / formed(np.ones_like(u)))


def _two_component(x: Floats, u: Floats, shape: HistoryShape) -> Floats:
    """An old population formed at once (exponential, 1/15 of the age) and a young one at a constant rate lately."""
    duration = 0.02 + 0.3 * shape.width
    young_share = 10 ** (-4 + 4 * u)
    old = np.expm1(-15 * x) / np.expm1(-15.0)
    young = np.clip((x - 1 + duration) / duration, 0, 1)
    return np.asarray((1 - young_share) * old + young_share * young)


def _lognormal(x: Floats, u: Floats, shape: HistoryShape) -> Floats:
    """SFR lognormal in time, as simulated galaxies' are (Diemer et al. 2017, ApJ 839, 26)."""
    peak, spread = 10 ** (-1.3 + 2.3 * u), 0.25 + 0.5 * shape.width
    with np.errstate(divide="ignore"):
        return np.asarray(ndtr((np.log(x) - np.log(peak)) / spread) / ndtr(-np.log(peak) / spread))


def _bursts(x: Floats, u: Floats, shape: HistoryShape) -> Floats:
    """A delayed history with up to three short bursts on top, which grow from nothing as the knob turns."""
    lasting, growth = 0.004, np.minimum(2 * u, 1.0) ** 2
    total, top = _delayed(x, u, shape), np.ones_like(u)
    for event, size in zip(shape.events, shape.sizes, strict=True):
        total = total + growth * size * np.clip((x - event) / lasting, 0, 1)
        top = top + growth * size * min((1 - event) / lasting, 1)
    return np.asarray(total / top)


def _simulated(x: Floats, u: Floats, shape: HistoryShape) -> Floats:
    """Gaussian bumps where IllustrisTNG's basis functions have their medians, as wide; the knob tilts their weights."""
    tilt = np.exp(12 * (2 * u - 1) * (shape.events - 0.6))  # (n_u, k)
    weights = (shape.sizes + 1e-3) * tilt
    centre, sigma = shape.events, np.array(TNG_DURATION_GYR) / TNG_TODAY_GYR / MIDDLE_80_SIGMA
    below, above = ndtr(-centre / sigma), ndtr((1 - centre) / sigma)
    formed = (ndtr((x[..., None] - centre) / sigma) - below) / (above - below)
    return np.asarray((formed * weights[:, None, :]).sum(-1) / weights.sum(-1)[:, None])


_CUMULATIVE: dict[str, Callable[[Floats, Floats, HistoryShape], Floats]] = {
    "falling": _falling, "delayed": _delayed, "rising": _rising, "quenching": _quenching,
    "two-component": _two_component, "lognormal": _lognormal, "bursts": _bursts, "simulated": _simulated,
}  # fmt: skip


def formed_fraction(x: Floats, u: Floats, shape: HistoryShape) -> Floats:
    """Fraction of the stars formed by time ``x``.

    Parameters
    ----------
    x : (n_x,) float
        Time since the first star over the galaxy's age, 0 to 1.
    u : (n_u,) float
        The knob, 0 (old) to 1 (young).

    Returns
    -------
    (n_u, n_x) float
        Rises from 0 to 1 along the second axis.
    """
    knob = np.asarray(u, dtype=float)[:, None]
    # the last fifth of the knob's way moves the first star itself towards today, so that every family gets young
    start = 0.97 * np.maximum(knob - 0.8, 0.0) / 0.2
    since = np.clip((np.asarray(x, dtype=float) - start) / (1 - start), 0, 1)
    return _CUMULATIVE[shape.family](since, np.minimum(knob / 0.8, 1.0), shape)


def recent_mass_by_age(log_age: Floats) -> Floats:
    """(n_age,) fractions by age of stars formed at a constant rate over the last ``RECENT_YEARS``; they sum to 1."""
    edges = np.minimum(age_bin_edges(log_age), RECENT_YEARS)
    return np.asarray(np.diff(edges) / RECENT_YEARS)


def mass_by_age(shape: HistoryShape, log_age: Floats, *, n_knob: int = N_KNOB) -> Floats:
    """(n_knob, n_age) fractions of stellar mass formed in each age bin, for the knob from 0 to 1; rows sum to 1.

    Exact: differences of the cumulative history at the edges of the bins.  What formed in the last
    ``RECENT_YEARS`` is left out and the rest normalised.
    """
    edges = np.maximum(age_bin_edges(log_age), RECENT_YEARS)
    x = 1 - np.clip(edges / shape.onset_years, 0, 1)
    formed = formed_fraction(x, np.linspace(0, 1, n_knob), shape)
    mass = np.clip(formed[:, :-1] - formed[:, 1:], 0, None) + 1e-12 * (edges[1:] > edges[:-1])
    return np.asarray(mass / mass.sum(axis=1, keepdims=True))


def enrichment(mass: Floats, *, gas_left: float, first: float = 0.05) -> Floats:
    """[M/H] of the stars of each age, relative to that of the last ones formed (dex, never positive).

    A closed box that turns gas into stars until the fraction ``gas_left`` remains has
    ``Z ~ ln(1 / gas fraction)`` (Searle & Sargent 1972, ApJ 173, 25; Tinsley 1980); outflow
    changes the yield only (leaky box, Hartwick 1976, ApJ 209, 418).  The first stars have ``first`` times the final
    Z already, because the plain box makes more metal-poor stars than are seen (the G-dwarf problem).

    Parameters
    ----------
    mass : (n, n_age) float
        Fractions of the mass formed, youngest age first.
    gas_left : float
        Between 0 and 1; small is an enrichment that goes on to the end.

    Returns
    -------
    (n, n_age) float
    """
    older = np.cumsum(mass[:, ::-1], axis=1)[:, ::-1]
    formed = np.clip((older - 0.5 * mass) / older[:, :1], 0, 1)
    ratio = np.log1p(-formed * (1 - gas_left)) / np.log(gas_left)
    return np.asarray(np.log10(first + (1 - first) * ratio))


def spread_over_metallicity(mass: Floats, mh_by_age: Floats, mh_nodes: Floats) -> Floats:
    """(n, n_age, n_mh) weights: each age's mass shared between the two nodes around its [M/H], linearly.

    [M/H] beyond the grid is put at its end.
    """
    value = np.clip(mh_by_age, mh_nodes[0], mh_nodes[-1])
    left = np.clip(np.searchsorted(mh_nodes, value, side="right") - 1, 0, len(mh_nodes) - 2)
    fraction = (value - mh_nodes[left]) / (mh_nodes[left + 1] - mh_nodes[left])
    node = np.arange(len(mh_nodes))
    share = np.where(node == left[..., None], 1 - fraction[..., None], 0.0)
    share = share + np.where(node == left[..., None] + 1, fraction[..., None], 0.0)
    return np.asarray(mass[..., None] * share)
