"""The error of a mean over divisions of one sample: by its formula, and in experiments that share data."""

import math

import numpy as np
import pytest
from scipy import stats

from agez.analysis.repeats import MIN_DIVISIONS, mean_over_divisions


def test_the_error_is_nadeau_and_bengios():
    values = np.array([0.05, 0.07, 0.06, 0.04, 0.08, np.nan])
    found = mean_over_divisions(values, test_to_train=0.3)
    error = np.std(values[:5], ddof=1) * math.sqrt(1 / 5 + 0.3)
    assert (found.mean, found.err, found.n) == (pytest.approx(0.06), pytest.approx(error), 5)
    half = stats.t.ppf(0.975, 4) * error
    assert (found.low, found.high) == (pytest.approx(0.06 - half), pytest.approx(0.06 + half))


def test_few_divisions_have_no_error():
    found = mean_over_divisions([1.0] * (MIN_DIVISIONS - 1), test_to_train=0.3)
    assert found.mean == 1.0
    assert all(math.isnan(value) for value in (found.err, found.low, found.high))
    assert math.isnan(mean_over_divisions([], test_to_train=0.3).mean)


def test_intervals_hold_the_truth_though_divisions_share_galaxies():
    """A survey's test means over 30 divisions: the plain error of the mean misses the truth mostly."""
    rng = np.random.default_rng(3)
    inside, plain, surveys, galaxies = 0, 0, 300, 40
    for _ in range(surveys):
        value = rng.normal(size=galaxies)
        draws = np.array([value[rng.permutation(galaxies)[: galaxies // 4]].mean() for _ in range(30)])
        found = mean_over_divisions(draws, test_to_train=1 / 3)
        inside += found.low <= 0 <= found.high
        plain += abs(found.mean) <= 2 * draws.std(ddof=1) / math.sqrt(30)
    assert inside / surveys > 0.9
    assert plain / surveys < 0.7
