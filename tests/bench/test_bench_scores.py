"""Scores of real galaxies against known answers, slow counts, and what must not matter."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau

from agez.bench.published import GALLAZZI_2005, published_mh, published_slope
from agez.bench.scores import (
    bootstrap_error,
    finite_rows,
    line_slope,
    mean_of,
    order_kept,
    probability_above,
    pull_width,
    repeat_differences,
    share,
    share_above,
    share_within,
    slope,
    slope_beside,
)
from agez.bench.tables import DISC_THICKNESS, inclination_of
from agez.errors import AgezError

SMALL = st.lists(st.integers(-3, 3), min_size=1, max_size=12)


@given(SMALL, SMALL)
def test_share_above_counts_pairs(first, second):
    counted = np.mean([[1.0 if a > b else 0.5 if a == b else 0.0 for b in second] for a in first])
    assert share_above(np.array(first, float), np.array(second, float)) == pytest.approx(counted)


def test_probability_above_of_two_gaussians(rng):
    """P(a > b) = Phi(shift / sqrt(2)); the error is that of many drawn samples."""
    shift, n = 1.0, 400
    found = probability_above(rng.standard_normal(n) + shift, rng.standard_normal(n), rng=rng)
    assert found.value == pytest.approx(0.7602, abs=4 * found.err)
    drawn = [share_above(rng.standard_normal(n) + shift, rng.standard_normal(n)) for _ in range(200)]
    assert found.err == pytest.approx(np.std(drawn), rel=0.3)
    assert found.n == 2 * n


def test_rows_without_a_value_are_left_out(rng):
    values = np.r_[rng.standard_normal(50), np.nan, np.inf]
    assert probability_above(values, values, rng=rng).value == pytest.approx(0.5)
    assert slope(values, 2 * values, rng=rng).value == pytest.approx(2.0)
    assert np.isnan(probability_above(values[:3], values, rng=rng).value)
    with pytest.raises(AgezError, match="expected"):
        finite_rows(np.zeros(3), np.zeros(4))


def test_slope_and_its_error(rng):
    x = rng.uniform(9, 11, 500)
    found = slope(x, 0.3 * x + 0.2 * rng.standard_normal(500), rng=rng)
    assert found.value == pytest.approx(0.3, abs=4 * found.err)
    assert found.err == pytest.approx(0.2 / (np.std(x) * np.sqrt(500)), rel=0.25)
    assert found.sigma == found.value / found.err
    assert np.isnan(line_slope(np.ones(9), x[:9]))


def test_slope_beside_holds_the_other_fixed(rng):
    """Distance and luminosity go together: a trend of one alone is not taken for one of the other."""
    luminosity = rng.standard_normal(800)
    distance = 0.9 * luminosity + 0.3 * rng.standard_normal(800)
    age = -0.5 * luminosity + 0.05 * rng.standard_normal(800)
    assert slope(distance, age, rng=rng).sigma < -20
    assert abs(slope_beside(distance, age, luminosity, rng=rng).sigma) < 4


def test_pull_width_of_honest_and_of_wrong_errors(rng):
    err = rng.uniform(0.1, 0.4, 4000)
    difference = err * rng.standard_normal(4000)
    assert pull_width(difference, err, rng=rng).value == pytest.approx(1, abs=0.06)
    assert pull_width(difference, err / 2, rng=rng).value == pytest.approx(2, abs=0.12)
    assert pull_width(difference + 3 * err, err, rng=rng).value > 3  # an offset is a disagreement
    assert np.isnan(pull_width(difference, np.full(4000, np.nan), rng=rng).value)
    assert share_within(difference, err).value == pytest.approx(0.954, abs=0.015)


def test_share_has_a_binomial_error():
    found = share(np.array([True] * 9 + [False] * 91))
    assert (found.value, found.n) == (0.09, 100)
    assert found.err == pytest.approx(np.sqrt(0.09 * 0.91 / 100))
    assert np.isnan(share(np.zeros(0, bool)).value)
    assert share(np.zeros(0, bool)).to_json() == {"value": None, "err": None, "n": 0}


def test_mean_leaves_out_what_is_not_there():
    found = mean_of([1.0, 3.0, np.nan])
    assert (found.value, found.n) == (2.0, 2)
    assert found.err == pytest.approx(1 / np.sqrt(2))
    assert np.isnan(mean_of([np.nan]).value)


def test_repeats_are_differences_of_one_object():
    repeat = np.array(["a", "b", "", "a", "b", "a", ""])
    values, err = np.array([1.0, 5.0, 9.0, 2.0, 7.0, np.nan, 9.0]), np.full(7, 3.0)
    difference, joint = repeat_differences(values, err, repeat)
    assert sorted(difference) == [1.0, 2.0]
    np.testing.assert_allclose(joint, np.sqrt(18))


@given(st.lists(st.integers(0, 5), min_size=3, max_size=12, unique=False))
def test_order_kept_is_kendalls_count(values):
    n = len(values)
    pairs = [(values[i], values[j]) for i in range(n) for j in range(i + 1, n)]
    counted = np.mean([1.0 if a > b else 0.5 if a == b else 0.0 for a, b in pairs])
    assert order_kept(values).value == pytest.approx(counted)
    if len(set(values)) == n:
        assert order_kept(values).value == pytest.approx(0.5 - 0.5 * kendalltau(np.arange(n), values)[0])


def test_error_of_chance_orders(rng):
    drawn = [order_kept(rng.permutation(9)).value for _ in range(1500)]
    assert order_kept(np.arange(9)).err == pytest.approx(np.std(drawn), rel=0.08)


def test_bootstrap_draws_samples_alone(rng):
    """The difference of two means has both errors in it."""
    a, b = rng.standard_normal(200), 3 * rng.standard_normal(100)
    found = bootstrap_error(lambda one, other: float(one.mean() - other.mean()), (a,), (b,), rng=rng, n=800)
    assert found == pytest.approx(np.sqrt(1 / 200 + 9 / 100), rel=0.2)


def test_published_slope_is_that_of_the_relation_over_the_same_masses():
    mass, mh = np.array(GALLAZZI_2005).T
    np.testing.assert_allclose(published_mh(mass), mh)
    assert published_slope(mass[5:7]) == pytest.approx((mh[6] - mh[5]) / (mass[6] - mass[5]))
    assert published_slope(np.linspace(9.7, 10.3, 20)) > 4 * published_slope(np.linspace(10.8, 11.4, 20))
    assert np.isnan(published_slope(np.full(4, np.nan)))


def test_inclination_of_discs():
    assert inclination_of(np.array([1.0, DISC_THICKNESS, 0.1])).tolist() == pytest.approx([0, 90, 90])
    assert np.isnan(inclination_of(np.array([1.2, -1.0, np.nan]))).all()
    i = np.radians(60)
    q = np.sqrt(np.cos(i) ** 2 * (1 - DISC_THICKNESS**2) + DISC_THICKNESS**2)
    assert inclination_of(np.array([q]))[0] == pytest.approx(60)
