"""The continuum under features: straight lines stay, ends and gaps do not bend it, emission lines do not raise it."""

import numpy as np
import pytest
from slow_redshift import slow_local_line

from agez.spectra.continuum import local_line, without_lines

X = np.arange(600, dtype=float)


@pytest.fixture
def rng():
    return np.random.default_rng(4)


def test_it_is_the_local_straight_line(rng):
    flux = rng.normal(1.0, 0.3, (2, 150))
    weight = rng.uniform(0.2, 2.0, (2, 150)) * (rng.random((2, 150)) > 0.3)
    fast = local_line(flux, weight, sigma_pixels=9.0)
    for row in range(2):
        np.testing.assert_allclose(fast[row], slow_local_line(flux[row], weight[row], 9.0), atol=1e-9)


def test_a_straight_line_stays_at_ends_and_beside_gaps():
    flux = (2.0 + 3e-3 * X)[None, :]
    weight = np.ones(flux.shape)
    weight[:, 200:260] = 0
    got = local_line(flux, weight, sigma_pixels=30.0)[0]
    assert np.abs(got / flux[0] - 1)[weight[0] > 0].max() < 2e-4


def test_where_nothing_is_near_it_is_zero():
    weight = np.zeros((1, 600))
    weight[:, :50] = 1
    got = local_line(np.ones((1, 600)), weight, sigma_pixels=10.0)
    assert np.all(got[:, 200:] == 0)
    assert np.all(np.isfinite(got))


def test_strong_lines_do_not_raise_it(rng):
    error = np.full((1, 600), 0.05)
    smooth = (1.0 + 1e-3 * X)[None, :]
    flux = smooth + 20 * np.exp(-0.5 * ((X - 300) / 3) ** 2) + error * rng.normal(size=(1, 600))
    got = without_lines(flux, error, np.ones((1, 600), bool), sigma_pixels=60.0)
    assert np.abs(got - smooth).max() < 0.05


def test_errors_that_are_too_small_do_not_make_it_run_away(rng):
    flux = 1.0 + 0.2 * rng.normal(size=(1, 600))
    flux[:, 450:] += 1.5 * rng.normal(size=150)
    got = without_lines(flux, np.full((1, 600), 1e-3), np.ones((1, 600), bool), sigma_pixels=60.0)
    assert got.min() > 0.3


def test_rows_do_not_touch_each_other(rng):
    flux = 1.0 + 0.1 * rng.normal(size=(3, 600))
    error, good = np.full((3, 600), 0.1), np.ones((3, 600), bool)
    good[1] = False
    together = without_lines(flux, error, good, sigma_pixels=60.0)
    alone = without_lines(flux[[0]], error[[0]], good[[0]], sigma_pixels=60.0)
    np.testing.assert_allclose(together[[0]], alone, rtol=1e-12)
    assert np.all(together[1] == 0)
