"""One target of a mixture alone: cumulative distribution, quantiles and CRPS against slow independent answers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_mixtures import CENTRE, made_up, one_gaussian, spoilt
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.stats import norm

from agez.distributions.marginals import crps, marginal_cdf, quantiles
from agez.distributions.mixture import Mixture, rescale, sample
from agez.errors import AgezError

P = np.array([0.0228, 0.16, 0.5, 0.84, 0.9772])


def slow_cdf(m, row, target, x):
    """F(x) of one row by scipy.stats."""
    w, mu, s = m.weights[row], m.mean[row, :, target], np.sqrt(m.covariance[row, :, 2 * target])
    return float(w @ norm.cdf(x, mu, s))


@pytest.mark.parametrize("target", [0, 1])
def test_cdf_agrees_with_scipy(rng, target):
    m = made_up(rng)
    x = rng.normal(0, 0.5, (6, 3)) + [[9.5], [0.0]][target]
    found = marginal_cdf(m, x, target)
    assert_allclose(found, [[slow_cdf(m, i, target, value) for value in row] for i, row in enumerate(x)], atol=1e-14)
    assert_array_equal(marginal_cdf(m, x[:, 1], target), found[:, 1])


def test_cdf_at_the_ends(rng):
    m = made_up(rng, n=3)
    assert_allclose(marginal_cdf(m, [-np.inf, np.inf, np.nan], 0), [0, 1, np.nan])
    assert marginal_cdf(m, np.zeros((3, 0)), 0).shape == (3, 0)


@pytest.mark.parametrize("target", [0, 1])
@pytest.mark.parametrize("spread", [0.05, 0.5, 3.0])
def test_quantiles_agree_with_brentq(rng, target, spread):
    m = made_up(rng, n=20, spread=spread)
    found = quantiles(m, P, target)
    for row in range(len(m)):
        for at, p in enumerate(P):
            wanted = brentq(lambda x, p=p, row=row: slow_cdf(m, row, target, x) - p, -40, 60, xtol=1e-12)
            assert found[row, at] == pytest.approx(wanted, abs=1e-6)


def test_quantiles_of_one_gaussian_are_exact():
    m = one_gaussian((9.2, -0.4), (0.2, 0.3), 0.8)
    assert_allclose(quantiles(m, P, 0), [9.2 + 0.2 * norm.ppf(P)], atol=1e-12)
    assert_allclose(quantiles(m, P, 1), [-0.4 + 0.3 * norm.ppf(P)], atol=1e-12)


@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.floats(1e-9, 1 - 1e-9), min_size=1, max_size=6),
    st.floats(-4, 1),
    st.floats(-3, 1),
)
def test_quantiles_hold_what_they_promise(seed, probabilities, log_spread, log_width):
    """Needles, wide gaps and far tails: F goes through p within 1e-6 dex of the quantile, and never falls with p."""
    rng = np.random.default_rng(seed)
    n, k = 8, 4
    mu = rng.normal(0, 10**log_spread, (n, k, 2))
    s = 10 ** (log_width + rng.uniform(-1, 1, (n, k, 2)))
    weights = rng.dirichlet(np.full(k, 0.3), n)
    m = Mixture(weights, mu, np.stack([s[..., 0] ** 2, 0 * s[..., 0], s[..., 1] ** 2], axis=-1))
    p = np.array(probabilities)
    x = quantiles(m, p, 0)
    assert np.isfinite(x).all()
    slack = 1e-13
    assert (marginal_cdf(m, x - 1e-6, 0) <= p + slack).all()
    assert (marginal_cdf(m, x + 1e-6, 0) >= p - slack).all()
    assert (np.diff(x[:, np.argsort(p, kind="stable")], axis=1) >= 0).all()


def test_quantiles_across_an_empty_gap():
    m = Mixture(np.array([[0.5, 0.5]]), np.array([[[8.0, 0], [10.0, 0]]]), np.full((1, 2, 3), [1e-4, 0, 1e-4]))
    found = quantiles(m, [0.25, 0.5, 0.75], 0)[0]
    assert_allclose(found[[0, 2]], [8.0, 10.0], atol=1e-6)
    assert 8.03 < found[1] < 9.97  # anywhere in the gap is a median


def test_quantiles_without_rows_or_probabilities(rng):
    assert quantiles(made_up(rng, n=0), [0.5], 0).shape == (0, 1)
    assert quantiles(made_up(rng), [], 0).shape == (6, 0)


def test_many_rows_are_what_few_are(rng):
    m = made_up(rng, n=5000)
    found = quantiles(m, P, 1)
    some = np.array([0, 2047, 2048, 4999])
    assert_allclose(quantiles(m.take(some), P, 1), found[some], atol=1e-7)


def test_quantiles_grow_with_the_distribution(rng):
    m = made_up(rng)
    mean = (m.weights[..., None] * m.mean).sum(axis=1)
    found = quantiles(rescale(m, shift=(0.1, 0), factor=(2, 1)), P, 0)
    assert_allclose(found, mean[:, :1] + 0.1 + 2 * (quantiles(m, P, 0) - mean[:, :1]), atol=1e-6)


def test_crps_is_the_integral(rng):
    m = made_up(rng, n=4)
    truth = rng.normal(0, 0.4, (4, 2)) + CENTRE
    found = crps(m, truth)
    for row in range(4):
        for target in range(2):
            y = truth[row, target]
            below = quad(lambda x, r=row, t=target: slow_cdf(m, r, t, x) ** 2, y - 6, y, limit=200)[0]
            above = quad(lambda x, r=row, t=target: (1 - slow_cdf(m, r, t, x)) ** 2, y, y + 6, limit=200)[0]
            assert found[row, target] == pytest.approx(below + above, rel=1e-6)


def test_crps_of_one_gaussian_and_of_a_needle():
    # Gneiting & Raftery 2007, eq. 21, at the mean: sigma (sqrt 2 - 1) / sqrt pi
    found = crps(one_gaussian((9.0, 0.0), (0.2, 0.4), 0.5), [[9.0, 0.0]])
    assert_allclose(found, np.array([[0.2, 0.4]]) * (np.sqrt(2) - 1) / np.sqrt(np.pi))
    assert_allclose(crps(one_gaussian((9.0, 0.0), (1e-9, 1e-9), 0.0), [[9.3, -0.2]]), [[0.3, 0.2]], atol=1e-8)


def test_crps_is_best_for_the_right_distribution(rng):
    m = made_up(rng, n=1)
    truth = sample(m, 20_000, rng)[0]
    many = m.take(np.zeros(len(truth), dtype=int))
    right = crps(many, truth).mean(axis=0)
    for factor in (0.6, 1.6):
        assert (crps(rescale(many, shift=(0, 0), factor=(factor, factor)), truth).mean(axis=0) > right).all()
    assert (crps(rescale(many, shift=(0.1, 0.1), factor=(1, 1)), truth).mean(axis=0) > right).all()


def test_truth_drawn_from_the_mixture_has_uniform_pit(rng):
    m = made_up(rng, n=4000)
    pit = np.sort(marginal_cdf(m, sample(m, 1, rng)[:, 0, 1], 1))
    assert np.abs(pit - (np.arange(4000) + 0.5) / 4000).max() < 1.63 / np.sqrt(4000)  # Kolmogorov at 1 %


def test_rows_that_are_no_distribution(rng):
    good = made_up(rng, n=8)
    bad = spoilt(good)
    points = rng.normal(0, 0.3, (8, 2)) + CENTRE
    for function in (
        lambda m: marginal_cdf(m, points[:, 0], 0),
        lambda m: quantiles(m, P, 1),
        lambda m: crps(m, points),
    ):
        found = function(bad).reshape(8, -1)
        assert np.isnan(found[1:7]).all()
        assert_allclose(found[[0, 7]], function(good).reshape(8, -1)[[0, 7]], rtol=1e-13)


def test_bad_arguments_are_refused(rng):
    m = made_up(rng)
    for p in ([0.0, 0.5], [1.0], [np.nan], [[0.5]]):
        with pytest.raises(AgezError, match="above 0 and below 1"):
            quantiles(m, p, 0)
    with pytest.raises(AgezError, match="target is 2; expected 0"):
        quantiles(m, [0.5], 2)
    with pytest.raises(AgezError, match=r"values have shape \(5,\)"):
        marginal_cdf(m, np.zeros(5), 0)
    with pytest.raises(AgezError, match=r"points have shape \(6,\)"):
        crps(m, np.zeros(6))
