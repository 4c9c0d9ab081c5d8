"""What survives of a population: against the integral star by star, and against published numbers."""

import numpy as np
import pytest

from agez.populations.stellar_mass import (
    CHABRIER_CENTRE,
    CHABRIER_SLOPE,
    CHABRIER_WIDTH,
    log_lifetime,
    remnant_mass,
    surviving_fraction,
)


def star_by_star(log_age, metals):
    """The fraction by a sum over stars, each alive or dead."""
    masses = 10 ** np.linspace(-1, 2, 200001)
    born = kept = 0.0
    log_mass = np.log10(masses)
    number = np.where(
        masses < 1,
        np.exp(-((log_mass - np.log10(CHABRIER_CENTRE)) ** 2) / (2 * CHABRIER_WIDTH**2)),
        np.exp(-(np.log10(CHABRIER_CENTRE) ** 2) / (2 * CHABRIER_WIDTH**2)) * masses**-CHABRIER_SLOPE,
    )
    alive = log_lifetime(masses, metals) > log_age
    born = (number * masses).sum()
    kept = (number * np.where(alive, masses, remnant_mass(masses))).sum()
    return kept / born


@pytest.mark.parametrize("mh", [-1.5, 0.0, 0.2])
def test_it_is_the_sum_over_stars(mh):
    ages = np.array([6.0, 7.0, 8.5, 9.5, 10.1])
    got = surviving_fraction(ages, np.array([mh]))[:, 0]
    np.testing.assert_allclose(got, [star_by_star(age, 0.02 * 10**mh) for age in ages], atol=2e-4)


def test_it_falls_with_age_from_one():
    got = surviving_fraction(np.linspace(6, 10.2, 40), np.array([-1.0, 0.0]))
    assert (np.diff(got, axis=0) <= 0).all()
    np.testing.assert_allclose(got[0], 1.0)


def test_a_solar_population_of_10_gyr_has_given_back_two_fifths():
    # 0.41 to 0.45 for this function (Madau & Dickinson 2014, section 3.1; Vincenzo et al. 2016, MNRAS 455, 4183)
    assert 1 - surviving_fraction(np.array([10.0]), np.array([0.0]))[0, 0] == pytest.approx(0.43, abs=0.03)


def test_the_sun_lives_ten_billion_years_and_heavy_stars_some_million():
    assert log_lifetime(np.array([1.0]), 0.02)[0] == pytest.approx(10.0, abs=0.1)
    assert log_lifetime(np.array([60.0]), 0.02)[0] == pytest.approx(6.6, abs=0.1)


def test_remnants():
    np.testing.assert_allclose(remnant_mass(np.array([0.3, 1.0, 20.0, 60.0])), [0.3, 0.557, 1.4, 30.0])
