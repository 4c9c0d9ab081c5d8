"""Trends against scipy, plain loops and planted answers."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from agez.analysis import trends
from agez.analysis.metrics import sigma_mad
from agez.errors import AgezError


def test_spearman_is_scipys_with_ties_and_gaps(rng):
    x, y = rng.integers(6, size=60).astype(float), rng.normal(size=60)
    y += 0.3 * x
    x[3], y[7], y[8] = np.nan, np.nan, np.inf
    good = np.isfinite(x) & np.isfinite(y)
    expected = stats.spearmanr(x[good], y[good])
    found = trends.spearman(x, y, rng=rng)
    assert found.n == 57
    assert found.rho == pytest.approx(expected.statistic, abs=1e-12)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9)
    assert found.low < found.rho < found.high


def test_the_interval_is_that_of_a_plain_bootstrap(rng):
    x = rng.normal(size=30)
    y = x + rng.normal(size=30)
    found = trends.spearman(x, y, rng=np.random.default_rng(5), n_bootstrap=50)
    drawn = np.random.default_rng(5).integers(30, size=(50, 30))
    slow = [stats.spearmanr(x[d], y[d]).statistic for d in drawn]
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(slow, [0.025, 0.975])), abs=1e-12)
    assert found.limit == max(abs(found.low), abs(found.high))


def test_the_interval_covers_as_it_says():
    """A Gaussian pair with r: rho = 6/pi asin(r/2)."""
    rng = np.random.default_rng(1)
    r, n, trials = 0.5, 80, 300
    true = 6 / np.pi * np.arcsin(r / 2)
    inside = 0
    for _ in range(trials):
        x = rng.normal(size=n)
        found = trends.spearman(x, r * x + math.sqrt(1 - r * r) * rng.normal(size=n), rng=rng, n_bootstrap=200)
        inside += found.low <= true <= found.high
    assert 0.90 < inside / trials < 0.98


def test_perfect_order_and_none():
    rng, x = np.random.default_rng(0), np.arange(20.0)
    up, down = trends.spearman(x, x**3, rng=rng), trends.spearman(x, -x, rng=rng)
    assert (up.rho, up.p_value, down.rho, down.p_value) == (1.0, 0.0, -1.0, 0.0)
    for y in (np.ones(20), np.full(20, np.nan), np.where(x < 4, x, np.nan)):
        found = trends.spearman(x, y, rng=rng)
        assert all(math.isnan(v) for v in (found.rho, found.low, found.high, found.p_value))
        assert set(found.to_json().values()) == {None}


@given(st.lists(st.one_of(st.floats(0, 1), st.just(math.nan)), max_size=12))
def test_holm_against_its_definition(p):
    adjusted = trends.holm(p)
    known = sorted(v for v in p if not math.isnan(v))
    for value, found in zip(p, adjusted, strict=True):
        if math.isnan(value):
            assert math.isnan(found)
            continue
        before = known[: known.index(value) + known.count(value)]
        slow = min(1.0, max((len(known) - k) * v for k, v in enumerate(before)))
        assert found == pytest.approx(slow, abs=1e-15) or (known.count(value) > 1 and found <= slow + 1e-15)
        assert found >= value


def test_holm_of_a_known_case():
    assert trends.holm([0.01, 0.04, 0.03, math.nan]).tolist()[:3] == pytest.approx([0.03, 0.06, 0.06])


def test_binned_medians_against_a_loop(rng):
    x, y = rng.normal(size=42), rng.normal(size=42)
    x[5] = y[9] = np.nan
    good = np.flatnonzero(np.isfinite(x + y))
    order = good[np.argsort(x[good])]
    slow = []
    for i in (0, 16, 32):  # the last holds the eight that are left: half a bin
        own = order[i : i + 16]
        spread = 1.4826 * np.median(np.abs(y[own] - np.median(y[own])))
        slow.append((np.median(x[own]), np.median(y[own]), spread))
    assert np.stack(trends.binned_medians(x, y, size=16), axis=1) == pytest.approx(np.array(slow))
    assert [len(v) for v in trends.binned_medians(x[:0], y[:0], size=16)] == [0, 0, 0]


def test_the_range_by_chance_is_that_of_noise(rng):
    y = rng.normal(0, 0.1, 112)
    by_chance = trends.chance_range(y, size=16, rng=rng)
    ranges = []
    for _ in range(200):
        _, median, _ = trends.binned_medians(rng.random(112), y, size=16)
        ranges.append(np.ptp(median))
    assert by_chance == pytest.approx(np.median(ranges), rel=0.1)
    assert math.isnan(trends.chance_range(y[:31], size=16, rng=rng))


def test_difference_of_thirds_finds_a_step_and_its_error(rng):
    x = np.arange(90.0)
    y = 0.2 * (x >= 60) + rng.normal(0, 0.05, 90)
    difference, error = trends.difference_of_thirds(x, y, rng=rng)
    assert difference == pytest.approx(np.median(y[60:]) - np.median(y[:30]))
    # error of a median of 30: 1.2533 sigma / sqrt(30), twice
    assert error == pytest.approx(1.2533 * 0.05 * math.sqrt(2 / 30), rel=0.4)
    assert abs(difference - 0.2) < 4 * error
    assert math.isnan(trends.difference_of_thirds(x[:5], y[:5], rng=rng)[0])


def test_group_medians_against_a_loop(rng):
    group = rng.integers(7, size=60)
    group[:7] = np.arange(7)
    value = rng.normal(size=60)
    value[rng.random(60) < 0.2] = np.nan
    median, mad = trends.group_medians(group, value, min_members=6)
    for k in range(7):
        own = [v for v, g in zip(value, group, strict=True) if g == k and np.isfinite(v)]
        if len(own) < 6:
            assert np.isnan(median[k])
            assert np.isnan(mad[k])
        else:
            assert median[k] == np.median(own)
            assert mad[k] == pytest.approx(sigma_mad(own))
    assert np.isfinite(median).any()
    assert [len(v) for v in trends.group_medians([], [], min_members=1)] == [0, 0]


@given(st.integers(0, 80), st.integers(1, 12), st.integers(0, 5))
def test_bins_hold_every_galaxy_once_in_order(n, size, n_unknown):
    rng = np.random.default_rng(n)
    x = np.concatenate([rng.permutation(n).astype(float), np.full(n_unknown, np.nan)])
    bins = trends.bins_in_order(x, size=size)
    joined = [x[i] for members in bins for i in members]
    assert joined == sorted(range(n))
    if n >= size:
        assert all(len(members) == size for members in bins[:-1])
        assert size / 2 <= len(bins[-1]) < 1.5 * size
    else:
        assert len(bins) == min(n, 1)


def test_a_short_last_bin():
    assert [len(b) for b in trends.bins_in_order(np.arange(15.0), size=6)] == [6, 6, 3]
    assert [len(b) for b in trends.bins_in_order(np.arange(14.0), size=6)] == [6, 8]


def test_mean_and_line_against_scipy(rng):
    x, y = rng.normal(size=12), rng.normal(size=12)
    assert trends.mean_and_error(y) == pytest.approx((y.mean(), stats.sem(y)))
    line = stats.linregress(x, y)
    assert trends.line_slope(x, y) == pytest.approx((line.slope, line.stderr))
    assert math.isnan(trends.mean_and_error([1.0])[1])
    assert math.isnan(trends.mean_and_error([])[0])
    assert all(math.isnan(v) for v in (*trends.line_slope(x[:2], y[:2]), *trends.line_slope(np.ones(9), y[:9])))


def test_bad_arguments_are_said(rng):
    with pytest.raises(AgezError, match="shapes"):
        trends.spearman(np.ones(3), np.ones(4), rng=rng)
    with pytest.raises(AgezError, match="n_bootstrap is 1"):
        trends.spearman(np.arange(9.0), np.arange(9.0), rng=rng, n_bootstrap=1)
    with pytest.raises(AgezError, match="size"):
        trends.binned_medians([1.0], [1.0], size=0)
    with pytest.raises(AgezError, match="size"):
        trends.bins_in_order([1.0], size=0)
