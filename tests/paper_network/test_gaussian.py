"""EM and conditional means against what is known analytically."""

import numpy as np
import pytest

from agez.paper_network.gaussian import Gaussian, conditional, fill_missing, fit_gaussian, patterns_of


@pytest.fixture
def known(rng):
    root = rng.normal(size=(5, 5)) * 0.5
    return Gaussian(rng.normal(size=5), root @ root.T + 0.3 * np.eye(5))


def test_without_missing_values_it_is_the_sample_mean_and_covariance(rng):
    x = rng.normal(size=(50, 4))
    got = fit_gaussian(x, np.ones_like(x, bool), ridge=0.0)
    np.testing.assert_allclose(got.mean, x.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(got.covariance, np.cov(x.T, bias=True), atol=1e-12)


def test_em_recovers_a_known_gaussian_where_leaving_rows_out_would_be_biased(known, rng):
    x = rng.multivariate_normal(known.mean, known.covariance, 20000)
    present = np.ones_like(x, bool)
    present[x[:, 0] > known.mean[0], 4] = False  # missing depends on another, observed value
    present[:, 2] = rng.random(len(x)) > 0.3
    got = fit_gaussian(np.where(present, x, np.nan), present, ridge=0.0)
    np.testing.assert_allclose(got.mean, known.mean, atol=0.05)
    np.testing.assert_allclose(got.covariance, known.covariance, atol=0.08)


def test_em_is_a_fixed_point_of_the_likelihood(rng):
    """Monotone missing data of two columns have a closed form: regression of the second on the first."""
    x = rng.normal(size=(400, 2))
    x[:, 1] = 0.7 * x[:, 0] + 0.5 * x[:, 1]
    present = np.ones_like(x, bool)
    present[250:, 1] = False
    got = fit_gaussian(x, present, ridge=0.0, tolerance=1e-12, max_iterations=2000)
    whole = x[:250]
    slope = np.cov(whole.T, bias=True)[0, 1] / whole[:, 0].var()
    assert got.mean[0] == pytest.approx(x[:, 0].mean())
    assert got.mean[1] == pytest.approx(whole[:, 1].mean() + slope * (x[:, 0].mean() - whole[:, 0].mean()))
    assert got.covariance[0, 1] == pytest.approx(slope * x[:, 0].var())


def test_filled_values_are_the_conditional_mean(known, rng):
    x = rng.multivariate_normal(known.mean, known.covariance, 6)
    present = rng.random(x.shape) > 0.4
    present[0], present[1] = True, False
    filled = fill_missing(np.where(present, x, np.nan), present, known)
    np.testing.assert_array_equal(filled[present], x[present])
    for row in range(6):
        has, lacks = present[row], ~present[row]
        inverse = np.linalg.inv(known.covariance[np.ix_(has, has)])
        expected = known.mean[lacks] + known.covariance[np.ix_(lacks, has)] @ inverse @ (x[row, has] - known.mean[has])
        np.testing.assert_allclose(filled[row, lacks], expected, atol=1e-10)


def test_conditional_covariance_is_the_inverse_of_the_precision_block(known):
    has = np.array([True, False, True, True, False])
    _, left_over = conditional(known.covariance, has)
    precision = np.linalg.inv(known.covariance)[np.ix_(~has, ~has)]
    np.testing.assert_allclose(left_over, np.linalg.inv(precision), atol=1e-12)


@pytest.mark.parametrize("columns", [3, 64, 70])
def test_patterns_cover_every_row_once(rng, columns):
    present = np.ones((50, columns), bool)
    present[:, -3:] = rng.random((50, 3)) > 0.5
    rows = []
    for has, members in patterns_of(present):
        assert (present[members] == has).all()
        rows.extend(members)
    assert sorted(rows) == list(range(50))
    assert list(patterns_of(present[:0])) == []
