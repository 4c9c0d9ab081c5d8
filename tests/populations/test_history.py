"""Truths of star-formation histories: bursts and constant rates have them on paper."""

import numpy as np
import pytest

from agez.populations.history import LEAST_SSFR, History, age_bin_edges
from agez.populations.stellar_mass import surviving_fraction

LOG_AGE, MH = np.linspace(6.0, 10.2, 85), np.array([-1.0, 0.0])


def history(by_age, **more):
    """One metallicity, light as mass."""
    mass = np.zeros((len(by_age), len(LOG_AGE), len(MH)))
    mass[..., 1] = by_age
    nothing = np.zeros(len(by_age))
    return History(mass, mass, LOG_AGE, MH, nothing, nothing, nothing, nothing, more.pop("unit", nothing), **more)


def constant(years):
    """Mass by age of a constant rate over the last ``years``, of one solar mass a year."""
    edges = np.minimum(age_bin_edges(LOG_AGE), years)
    return np.diff(edges)


def burst(log_age):
    out = np.zeros(len(LOG_AGE))
    out[np.argmin(np.abs(LOG_AGE - log_age))] = 1e9
    return out


def test_a_constant_rate_is_its_rate():
    one = history(np.stack([constant(1e10)]))
    formed, left = one.log_mass_formed()[0], one.log_mass()[0]
    assert formed == pytest.approx(10.0, abs=1e-6)
    assert 10 ** (left - formed) == pytest.approx(0.62, abs=0.04)
    for years in (1e7, 1e8):
        assert one.log_ssfr(years)[0] + left == pytest.approx(0.0, abs=0.01)


def test_an_old_burst_forms_no_stars_and_keeps_what_survives():
    one = history(np.stack([burst(10.0)]))
    assert one.log_ssfr(1e8)[0] == pytest.approx(np.log10(LEAST_SSFR))
    expected = surviving_fraction(np.array([10.0]), np.array([0.0]))[0, 0]
    assert 10 ** (one.log_mass() - one.log_mass_formed())[0] == pytest.approx(expected)
    assert one.mass_weighted("log_age")[0] == pytest.approx(10.0)
    assert one.mass_weighted("mh")[0] == 0.0


def test_lookback_times_of_a_constant_rate_and_of_a_burst():
    both = history(np.stack([constant(1e10), burst(9.0)]))
    # half had formed 5 Gyr ago, nine tenths 1 Gyr ago; bins are 0.05 dex
    assert both.log_lookback(0.5)[0] == pytest.approx(np.log10(5e9), abs=0.02)
    assert both.log_lookback(0.9)[0] == pytest.approx(9.0, abs=0.02)
    assert both.log_lookback(0.5)[1] == pytest.approx(9.0, abs=0.026)
    assert both.log_lookback(0.9)[1] == pytest.approx(9.0, abs=0.026)
    assert (both.log_lookback(0.9) <= both.log_lookback(0.5)).all()


def test_masses_are_in_the_unit_of_the_library():
    plain, shifted = history(np.stack([burst(9.0)])), history(np.stack([burst(9.0)]), unit=np.array([1.5]))
    np.testing.assert_allclose(shifted.log_mass() - plain.log_mass(), 1.5)
