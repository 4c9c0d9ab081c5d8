"""The compiled functions' errors are those that they promise, and NaN stays NaN where rows may hold it."""

from pathlib import Path

import numpy as np
import pytest
from scipy.special import ndtr

pytest.importorskip("numba")

from agez.novelty.vector_rows import LANES, subtract_row
from agez.runtime import compiled_math
from agez.runtime.compiled import kernel


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


def test_kernels_are_compiled_where_nothing_can_be_kept(monkeypatch):
    import numba

    whole = numba.njit

    def nowhere(*given, cache=False, **options):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return whole(*given, **options)

    monkeypatch.setattr(numba, "njit", nowhere)
    assert kernel(lambda x: x + 1)(2) == 3


def test_what_was_kept_is_dated_by_all_kernels():
    """A kernel is made of functions in other files: it is compiled anew when any of these has changed."""
    from agez.models.compiled_features import scale_rows

    stamp = scale_rows._cache._cache_file._source_stamp
    package = Path(compiled_math.__file__).parents[1]
    assert {name for name, _, _ in stamp} == {path.name for path in package.glob("*/compiled*.py")}


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_row_of_small_matrices(rng, kind):
    work, column, part = (rng.normal(size=(n, LANES)).astype(kind) for n in (7, 9, 1))
    expected = work.copy()
    expected[2:6] -= part * column[5:9]

    @kernel
    def call(work, column, part):
        subtract_row(work, 2 * LANES, column, 5 * LANES, part, 4)

    call(work.reshape(-1), column.reshape(-1), part.reshape(-1))
    np.testing.assert_allclose(work, expected, rtol=1e-6, atol=1e-6)
