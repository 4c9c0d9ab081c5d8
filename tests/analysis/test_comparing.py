"""Agreement of two sets of values: coverage of Gaussian errors is what it must be, profiles are those of the rings."""

import numpy as np
import pytest

from agez.analysis.comparing import LEAST_IN_RING, RINGS, agreement, combined_error, profile
from agez.errors import AgezError


def test_gaussian_errors_hold_their_shares(rng):
    n = 20_000
    truth, a_err, b_err = rng.normal(9.5, 0.3, n), rng.uniform(0.05, 0.2, n), rng.uniform(0.05, 0.2, n)
    a, b = truth + 0.1 + a_err * rng.normal(size=n), truth + b_err * rng.normal(size=n)
    found = agreement(a - 0.1, a_err, b, b_err)
    assert found.inside_68 == pytest.approx(0.6827, abs=0.015)
    assert found.inside_95 == pytest.approx(0.95, abs=0.008)
    assert found.pull_sigma_mad == pytest.approx(1.0, abs=0.03)
    assert found.bias == pytest.approx(0.0, abs=0.005)
    assert agreement(a, a_err, b, b_err).bias == pytest.approx(0.1, abs=0.005)
    half = agreement(a - 0.1, a_err / 2, b, b_err / 2)
    assert (half.inside_68, half.inside_95) == (
        pytest.approx(0.383, abs=0.015), pytest.approx(0.673, abs=0.015)
    )  # fmt: skip


def test_truth_counts_as_exact_and_missing_errors_do_not(rng):
    a, nothing = rng.normal(size=5), np.full(5, np.nan)
    err = np.array([0.1, 0.2, np.nan, 0.1, 0.1])
    np.testing.assert_array_equal(combined_error(err, nothing), err)
    found = agreement(a, err, np.zeros(5), nothing)
    assert (found.n, found.n_with_error) == (5, 4)
    bare = agreement(a, nothing, np.zeros(5), nothing).to_json()
    assert (bare["n_with_error"], bare["inside_68"], bare["median_error"]) == (0, None, None)
    assert bare["rmse"] == pytest.approx(float(np.sqrt(np.mean(a**2))))


def test_pairs_without_both_values_are_left_out():
    a, b = np.array([1.0, np.nan, 3.0]), np.array([1.5, 2.0, np.nan])
    found = agreement(a, np.ones(3), b, np.ones(3))
    assert (found.n, found.n_with_error, found.bias) == (1, 1, -0.5)
    nothing = agreement(np.array([np.nan]), np.ones(1), np.ones(1), np.ones(1))
    assert nothing.n == 0
    assert nothing.to_json()["bias"] is None
    with pytest.raises(AgezError, match="shapes"):
        agreement(a, np.ones(2), b, np.ones(3))


def test_profiles_are_medians_of_rings(rng):
    radius = rng.uniform(0, 2, 200)
    a = 9.0 - 0.5 * radius
    found = profile(radius, a, np.full(200, 0.1), a + 0.2, np.full(200, np.nan), name="log_age_lw",
                    kinds=("labels", "images"), in_re=True)  # fmt: skip
    assert len(found.radius) == RINGS
    np.testing.assert_allclose(found.n, 25)
    np.testing.assert_allclose(found.a, 9.0 - 0.5 * found.radius, atol=1e-12)
    np.testing.assert_allclose(found.b - found.a, 0.2)
    assert np.isnan(found.b_err).all()
    # the error of a ring's mean lies between independent and wholly shared errors
    assert ((found.a_err > 0.7 * 0.1 / 5) & (found.a_err < 0.11)).all()


def test_few_values_are_few_rings():
    one = profile(np.array([1.0]), np.ones(1), np.ones(1), np.ones(1), np.ones(1), name="av", kinds=("images",) * 2,
                  in_re=False)  # fmt: skip
    assert one.n.tolist() == [1.0]
    some = np.arange(2.0 * LEAST_IN_RING)
    assert len(profile(some, some, some, some, some, name="av", kinds=("images",) * 2, in_re=False).n) == 2
