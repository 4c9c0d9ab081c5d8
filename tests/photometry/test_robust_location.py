"""The robust mean: against Gaussian theory, outliers, and a bootstrap."""

import numpy as np
import pytest

from agez.photometry.robust_location import biweight_location


def test_almost_as_good_as_the_weighted_mean():
    rng = np.random.default_rng(1)
    sigma = rng.uniform(0.5, 2, 200)
    found, claimed, means = [], [], []
    for _ in range(300):
        values = 3 + sigma * rng.normal(size=200)
        centre, influence = biweight_location(values, sigma, clip=4.685)
        found.append(centre)
        claimed.append(np.sqrt((influence**2).sum()))
        means.append(np.average(values, weights=sigma**-2))
    assert np.mean(found) == pytest.approx(3, abs=4 * np.std(found) / np.sqrt(300))
    assert np.std(found) < 1.1 * np.std(means)
    assert np.mean(claimed) == pytest.approx(np.std(found), rel=0.12)


def test_outliers_on_one_side_do_not_pull(rng):
    values = rng.normal(size=400)
    clean, _ = biweight_location(values, np.ones(400), clip=4.685)
    values[:80] += 50
    spoiled, _ = biweight_location(values, np.ones(400), clip=4.685)
    assert abs(spoiled - clean) < 0.3


def test_scale_and_shift_go_through(rng):
    values, sigma = rng.normal(size=50), rng.uniform(1, 2, 50)
    one, influence = biweight_location(values, sigma, clip=4.0)
    other, moved = biweight_location(10 + 3 * values, 7 * sigma, clip=4.0)
    assert other == pytest.approx(10 + 3 * one, abs=1e-4)
    np.testing.assert_allclose(moved, 3 * influence, atol=1e-4)
    assert influence.sum() == pytest.approx(0, abs=1e-5)


def test_one_value_and_equal_values():
    assert biweight_location(np.array([2.0]), np.ones(1), clip=4.0)[0] == 2.0
    centre, influence = biweight_location(np.full(9, 5.0), np.ones(9), clip=4.0)
    assert centre == 5.0
    assert (influence == 0).all()
