"""Metrics against analytic cases, scipy and loops."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from agez.analysis.metrics import N_DRAWS, Scores, bias, evaluate, random_baseline_mse, residual_pcc, rmse, sigma_mad
from agez.errors import AgezError

finite = st.floats(-20, 20, allow_nan=False)


def test_gaussian_residuals_give_their_own_sigma_and_mean(rng):
    reference = rng.uniform(8, 10, 400_000)
    scores = evaluate(reference + rng.normal(0.1, 0.2, reference.size), reference)
    assert scores.sigma_mad == pytest.approx(0.2, rel=0.01)
    assert scores.bias == pytest.approx(0.1, abs=0.002)
    assert scores.rmse == pytest.approx(math.hypot(0.1, 0.2), rel=0.01)
    assert scores.n == reference.size


def test_sigma_mad_by_hand_and_against_scipy(rng):
    assert sigma_mad([1.0, 2.0, 3.0, 4.0, 100.0]) == pytest.approx(1.4826)
    d = rng.standard_t(2, 1001)
    assert sigma_mad(d) == pytest.approx(scipy.stats.median_abs_deviation(d, scale="normal"), rel=1e-4)


@given(st.lists(finite, min_size=1, max_size=30), finite)
def test_shift_moves_the_bias_alone(values, shift):
    d = np.array(values)
    assert sigma_mad(d + shift) == pytest.approx(sigma_mad(d), abs=1e-9)
    assert bias(d + shift) == pytest.approx(bias(d) + shift, abs=1e-9)
    assert rmse(d) ** 2 == pytest.approx(np.mean(d) ** 2 + np.var(d), abs=1e-9)


@given(st.lists(st.tuples(finite, finite), min_size=2, max_size=30))
def test_a_pair_with_nan_counts_for_nothing(pairs):
    p, r = np.array(pairs).T
    with_gaps = evaluate(np.append(p, [np.nan, 1.0, np.inf]), np.append(r, [1.0, np.nan, np.inf]))
    assert with_gaps == evaluate(p, r)


def test_nothing_to_score_is_none_in_json():
    scores = evaluate([np.nan], [1.0])
    assert scores.n == 0
    assert scores.to_json() == {"sigma_mad": None, "bias": None, "rmse": None, "n": 0}
    assert Scores(0.1, 0.2, 0.3, 4).to_json() == {"sigma_mad": 0.1, "bias": 0.2, "rmse": 0.3, "n": 4}


def test_unequal_lengths_are_refused():
    with pytest.raises(AgezError, match=r"\(2,\).*\(3,\)"):
        evaluate([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(AgezError, match="residuals"):
        residual_pcc([1.0, 2.0], [1.0, 2.0, 3.0])


def test_residual_pcc_against_scipy_and_limits(rng):
    a = rng.normal(size=500)
    m = -0.5 * a + rng.normal(size=500)
    assert residual_pcc(a, m) == pytest.approx(scipy.stats.pearsonr(a, m).statistic, abs=1e-12)
    assert residual_pcc(a, 3 - 2 * a) == pytest.approx(-1)
    assert math.isnan(residual_pcc(a, np.ones_like(a)))
    assert math.isnan(residual_pcc([1.0], [2.0]))
    gap = a.copy()
    gap[7] = np.nan
    assert residual_pcc(gap, m) == pytest.approx(residual_pcc(np.delete(a, 7), np.delete(m, 7)))


def test_random_guesses_cost_twice_the_variance(rng):
    labels = rng.normal(9.3, 0.3, 2000)
    found = random_baseline_mse(labels, rng)
    assert found == pytest.approx(2 * np.var(labels), rel=0.01)
    guesses = np.random.default_rng(3).permuted(np.broadcast_to(labels, (N_DRAWS, 2000)), axis=1)
    found = random_baseline_mse(labels, np.random.default_rng(3))
    assert found == pytest.approx(np.mean((guesses - labels) ** 2), rel=1e-9)
    assert math.isnan(random_baseline_mse([np.nan], rng))
