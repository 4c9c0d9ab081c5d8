"""The compiled functions' errors are those that they promise, and NaN stays NaN where rows may hold it."""

import numpy as np
import pytest
from scipy.special import ndtr

pytest.importorskip("numba")

from agez.posterior import compiled_math


def each(function, x):
    return np.array([function(one) for one in x])


def test_logarithm(rng):
    x = np.exp(rng.uniform(-86, 88, 3000)).astype(np.float32)
    expected = np.log(x.astype(float))
    off = np.abs(each(compiled_math.log32, x) - expected) / np.maximum(1, np.abs(expected))
    assert off.max() < 1.5e-7
    near_one = (1 + rng.normal(0, 1e-3, 1000)).astype(np.float32)
    np.testing.assert_allclose(each(compiled_math.log32, near_one), np.log(near_one.astype(float)), rtol=2e-6, atol=0)


def test_arcsinh(rng):
    x = (rng.normal(size=3000) * np.exp(rng.uniform(-20, 30, 3000))).astype(np.float32)
    expected = np.arcsinh(x.astype(float))
    off = np.abs(each(compiled_math.arcsinh32, x) - expected) / np.maximum(1, np.abs(expected))
    assert off.max() < 2e-7
    odd = each(compiled_math.arcsinh32, np.array([0, np.nan, np.inf], np.float32))
    np.testing.assert_array_equal(np.isnan(odd), [False, True, True])


def test_exponential(rng):
    x = rng.uniform(-700, 10, 3000)
    np.testing.assert_allclose(each(compiled_math.exp64, x), np.exp(x), rtol=1e-15)
    assert each(compiled_math.exp64, [-1e9])[0] < 1e-300


def test_tail_of_the_normal_distribution(rng):
    z = np.concatenate([[0.0], rng.uniform(0, 35, 3000)])
    found = each(compiled_math.tail_ratio, z) * np.exp(-0.5 * z * z)
    np.testing.assert_allclose(found, ndtr(-z), rtol=2e-12)
