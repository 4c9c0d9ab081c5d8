"""Histories: cumulative, exactly integrated, younger as the knob says; enrichment rises with the mass formed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agez.mocks import histories
from agez.mocks.histories import (
    FAMILIES,
    FAMILY_SHARES,
    HistoryShape,
    age_bin_edges,
    draw_shape,
    enrichment,
    formed_fraction,
    mass_by_age,
    recent_mass_by_age,
    spread_over_metallicity,
)

LOG_AGE = np.linspace(7.8, 10.2, 25)


def shapes(family, number=20):
    rng = np.random.default_rng(3)
    found = []
    while len(found) < number:
        one = draw_shape("late", rng)
        if one.family == family:
            found.append(one)
    return found


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_a_cumulative_function_that_the_knob_makes_younger(family):
    x, u = np.linspace(0, 1, 301), np.linspace(0, 1, 21)
    for shape in shapes(family):
        formed = formed_fraction(x, u, shape)
        assert formed.shape == (21, 301)
        assert formed[:, 0] == pytest.approx(0, abs=1e-12)
        assert formed[:, -1] == pytest.approx(1)
        assert np.diff(formed, axis=1).min() > -1e-12
        mean_time = 1 - np.trapezoid(formed, x, axis=1)
        assert np.diff(mean_time).min() > -1e-9, family
        assert mean_time[-1] - mean_time[0] > 0.2


@pytest.mark.parametrize("family", FAMILIES)
def test_mass_by_age_is_the_exact_integral_over_the_bins(family):
    shape = shapes(family, 1)[0]
    mass = mass_by_age(shape, LOG_AGE, n_knob=5)
    assert mass.sum(axis=1) == pytest.approx(1)
    edges = np.maximum(age_bin_edges(LOG_AGE), histories.RECENT_YEARS)
    # slow: the star-formation rate by finite differences on a fine grid of time, added up within each bin
    lookback = np.linspace(0, shape.onset_years, 400_001)
    formed = formed_fraction(1 - lookback / shape.onset_years, np.linspace(0, 1, 5), shape)
    rate, middle = formed[:, :-1] - formed[:, 1:], 0.5 * (lookback[1:] + lookback[:-1])
    for knob in range(5):
        slow = np.histogram(middle, bins=edges, weights=rate[knob])[0]
        assert mass[knob] == pytest.approx(slow / slow.sum(), abs=1e-3)


def test_age_bins_lie_between_the_nodes():
    edges = age_bin_edges(LOG_AGE)
    assert len(edges) == len(LOG_AGE) + 1
    assert edges[0] == 0
    assert np.all((np.log10(edges[1:-1]) > LOG_AGE[:-1]) & (np.log10(edges[1:-1]) < LOG_AGE[1:]))
    assert np.all(np.diff(edges) > 0)


def test_the_last_30_myr_are_apart_from_the_history():
    assert recent_mass_by_age(LOG_AGE) == pytest.approx([1] + [0] * 24)  # the youngest node is older
    fine = np.linspace(5.0, 10.2, 53)
    recent, older = recent_mass_by_age(fine), mass_by_age(shapes("delayed", 1)[0], fine, n_knob=3)
    assert recent.sum() == pytest.approx(1)
    edges = age_bin_edges(fine)
    for a in range(53):
        overlap = max(0.0, min(edges[a + 1], 3e7) - edges[a])
        assert recent[a] == pytest.approx(overlap / 3e7)
    assert (older[:, edges[1:] <= 3e7] == 0).all()
    assert (older[:, edges[:-1] >= 3e7] > 0).all()


def test_shares_of_families_sum_to_one_and_all_occur():
    for shares in FAMILY_SHARES.values():
        assert sum(shares.values()) == pytest.approx(1)
        assert set(shares) == set(FAMILIES)
        assert min(shares.values()) > 0
    rng = np.random.default_rng(0)
    drawn = [draw_shape("early", rng).family for _ in range(2000)]
    for family, share in FAMILY_SHARES["early"].items():
        assert drawn.count(family) / 2000 == pytest.approx(share, abs=0.03)


def test_simulated_component_times_are_those_of_the_basis_functions(shared_data):
    basis = np.loadtxt(shared_data / "histories" / "NMF_basis.sfh.tng6comp.txt").T
    lookback = np.loadtxt(shared_data / "histories" / "t_sfh.tng6comp.txt")
    measured = []
    for component in basis:
        cumulative = np.cumsum(component) / component.sum()
        low, median, high = np.interp([0.1, 0.5, 0.9], cumulative, lookback)
        measured.append((median, high - low))
    medians, durations = np.array(sorted(measured)).T
    assert medians == pytest.approx(histories.TNG_LOOKBACK_GYR, abs=0.25)  # their step in time
    assert durations == pytest.approx(histories.TNG_DURATION_GYR, abs=0.25)


def test_a_single_burst_of_the_lognormal_family_is_where_it_should_be():
    shape = HistoryShape("lognormal", 13e9, 0.0, np.zeros(1), np.zeros(1))
    x = np.linspace(0, 1, 2001)
    formed = formed_fraction(x, np.array([0.4]), shape)[0]  # halfway before the start moves
    # median of a lognormal cut off at x = 1 by hand: peak 10**-0.15, spread 0.25
    from scipy.stats import norm

    peak = 10**-0.15
    cut = norm.cdf(-np.log(peak) / 0.25)
    median = peak * np.exp(0.25 * norm.ppf(0.5 * cut))
    assert np.interp(0.5, formed, x) == pytest.approx(median, abs=1e-3)


def test_metallicity_rises_with_the_mass_formed():
    mass = np.full((1, 25), 1 / 25)
    offset = enrichment(mass, gas_left=0.1)
    assert np.all(np.diff(offset[0]) < 0)  # youngest first: older is poorer
    assert offset.max() <= 0
    # closed box: half the stars formed, gas 0.55 left of 1, Z / Z_final = ln(0.55) / ln(0.1)
    halfway = 10 ** offset[0, 12]
    assert halfway == pytest.approx(0.05 + 0.95 * np.log(0.55) / np.log(0.1), rel=1e-6)


@given(st.lists(st.floats(-3, 1), min_size=3, max_size=3), st.lists(st.floats(0.01, 1), min_size=3, max_size=3))
def test_spreading_over_metallicity_keeps_mass_and_mean(mh, mass):
    nodes = np.array([-1.7, -0.7, -0.4, 0.0, 0.22])
    weights = spread_over_metallicity(np.array([mass]), np.array([mh]), nodes)
    assert weights.min() >= 0
    assert weights.sum(axis=2)[0] == pytest.approx(mass)
    mean = (weights * nodes).sum(axis=2)[0] / np.array(mass)
    assert mean == pytest.approx(np.clip(mh, -1.7, 0.22), abs=1e-12)
    assert ((weights > 0).sum(axis=2) <= 2).all()
