"""The batched non-negative solver against scipy's active set, one problem at a time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slow_solution import solve_one

from agez.spectra.nonnegative import SmoothPrior, second_differences, solve_batch


def _problems(seed: int, n: int, m_age: int, m_mh: int, smooth: float):
    rng = np.random.default_rng(seed)
    m, r = m_age * m_mh, 7
    coefficients = rng.normal(size=(r, m)) * np.geomspace(1, 0.05, r)[:, None]
    design = rng.normal(size=(n, 60, r)) * 8.0
    truth = rng.random((n, m)) * (rng.random((n, m)) < 0.3)
    data = np.einsum("npr,rm,nm->np", design, coefficients, truth) + rng.normal(size=(n, 60))
    root = np.concatenate(
        [np.concatenate(second_differences(m_age, m_mh)) * np.sqrt(smooth), 0.1 * np.sqrt(smooth) * np.eye(m)]
    )
    return coefficients, design, data, root


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(1, 5), st.sampled_from([1.0, 30.0, 300.0]))
def test_agrees_with_the_active_set(seed, m_age, m_mh, smooth):
    coefficients, design, data, root = _problems(seed, 4, m_age, m_mh, smooth)
    gram = np.einsum("npr,nps->nrs", design, design)
    right = np.einsum("npr,np->nr", design, data)
    prior = SmoothPrior(root, coefficients, penalty=300.0)
    found = solve_batch(gram, right, prior, tolerance=1e-9, max_iterations=20000)
    for i in range(4):
        oracle = solve_one(design[i] @ coefficients, data[i], root)
        assert np.all(found[i] >= 0)

        def cost(w, i=i):
            return np.sum((design[i] @ coefficients @ w - data[i]) ** 2) + np.sum((root @ w) ** 2)

        assert cost(found[i]) == pytest.approx(cost(oracle), rel=1e-6)
        np.testing.assert_allclose(found[i], oracle, atol=2e-3 * max(oracle.max(), 1e-3))


def test_rows_do_not_touch_each_other():
    coefficients, design, data, root = _problems(1, 5, 5, 3, 10.0)
    gram = np.einsum("npr,nps->nrs", design, design)
    right = np.einsum("npr,np->nr", design, data)
    prior = SmoothPrior(root, coefficients, penalty=300.0)
    together = solve_batch(gram, right, prior, tolerance=0.0, max_iterations=200)
    for i in range(5):
        alone = solve_batch(gram[i : i + 1], right[i : i + 1], prior, tolerance=0.0, max_iterations=200)
        np.testing.assert_allclose(alone[0], together[i], rtol=1e-9, atol=1e-12)


def test_second_differences_vanish_on_planes():
    age, mh = np.meshgrid(np.arange(6.0), np.arange(4.0), indexing="ij")
    by_age, by_mh = second_differences(6, 4)
    plane = (1 + 2 * age - 3 * mh).ravel()
    assert np.allclose(by_age @ plane, 0)
    assert np.allclose(by_mh @ plane, 0)
    assert np.allclose(by_age @ (age**2).ravel(), 2)
    assert np.allclose(by_mh @ (age**2).ravel(), 0)
    assert np.allclose(by_mh @ (mh**2).ravel(), 2)
