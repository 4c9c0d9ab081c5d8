"""Normalisation: scale-free, finite for any flux, learned from training rows alone, rows independent."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from agez.errors import AgezError
from agez.paper_network.normalisation import Normalisation, filling_spread, learn_normalisation, normalise


def some_seds(n, rng, b=12):
    """SEDs of three hidden parameters with 1 % noise."""
    wave = np.linspace(-1, 1, b)
    a, c, d = rng.normal(size=(3, n, 1))
    shape = np.exp(0.3 * a * wave + 0.1 * c * wave**2 + 0.05 * d * np.sin(9 * wave))
    return 50 * np.exp(rng.normal(size=(n, 1))) * shape * (1 + 0.01 * rng.normal(size=(n, b)))


@pytest.fixture(scope="module")
def seds():
    return some_seds(800, np.random.default_rng(0))


@pytest.fixture(scope="module")
def learned(seds):
    return learn_normalisation(seds[:600], np.ones((600, 12), bool))


def whole(x):
    return np.ones(x.shape, bool)


def test_inputs_are_of_unit_variance_and_scale_free(seds, learned):
    rows = normalise(learned, seds[:600], whole(seds[:600]), max_missing=2)
    assert rows.usable.all()
    assert np.abs(rows.inputs.mean(axis=0)).max() < 1e-3
    assert np.mean(rows.inputs.var(axis=0)) == pytest.approx(1.0, rel=0.01)
    again = normalise(learned, 1e-6 * seds[:600], whole(seds[:600]), max_missing=2)
    np.testing.assert_allclose(again.inputs, rows.inputs, atol=1e-5)


def test_out_of_distribution_score(seds, learned):
    rng = np.random.default_rng(1)
    new = some_seds(500, rng)
    like = normalise(learned, new, whole(new), max_missing=2).ood
    assert 0.35 < np.mean(like == 0) < 0.65
    threshold = np.quantile(like, 0.99)
    swapped = new.copy()
    swapped[:, [2, 9]] = new[:, [9, 2]]
    wild = new.copy()
    wild[:, 5] *= 1.2  # not along any direction that the training set takes
    for other in (swapped, wild):
        assert np.mean(normalise(learned, other, whole(other), max_missing=2).ood > threshold) > 0.85


def test_a_row_depends_on_itself_alone(seds, learned):
    rng = np.random.default_rng(2)
    present = rng.random((200, 12)) > 0.1
    all_rows = normalise(learned, seds[600:], present, max_missing=3)
    for i in (0, 7, 100):
        one = normalise(learned, seds[600 + i : 601 + i], present[i : i + 1], max_missing=3)
        np.testing.assert_allclose(one.inputs[0], all_rows.inputs[i], atol=1e-6)
        assert bool(one.usable[0]) == bool(all_rows.usable[i])


def test_missing_values_are_never_looked_at(seds):
    rng = np.random.default_rng(3)
    present = rng.random((600, 12)) > 0.05
    nan, junk = np.where(present, seds[:600], np.nan), np.where(present, seds[:600], 1e9)
    a, b = learn_normalisation(nan, present), learn_normalisation(junk, present)
    for name, array in a.to_arrays().items():
        np.testing.assert_array_equal(array, b.to_arrays()[name])
    np.testing.assert_array_equal(
        normalise(a, nan, present, max_missing=4).inputs, normalise(a, junk, present, max_missing=4).inputs
    )


def test_filled_band_is_near_what_it_was(seds, learned):
    test = seds[600:]
    present = whole(test)
    present[:, 0] = False
    rows = normalise(learned, np.where(present, test, np.nan), present, max_missing=1)
    complete = normalise(learned, test, whole(test), max_missing=1)
    ((members, spread),) = filling_spread(learned, rows)
    assert len(members) == 200
    assert spread.shape == (2, 12)  # the filled value, and the reference flux that it had a share in
    error = np.linalg.norm(rows.inputs - complete.inputs, axis=1)
    assert np.sqrt(np.mean(error**2)) == pytest.approx(np.linalg.norm(spread), rel=0.4)


def test_bands_that_some_rows_lack_do_not_set_the_scale(seds):
    present = whole(seds[:600])
    present[:200, :2] = False
    learned = learn_normalisation(seds[:600], present)
    assert (learned.reference[:2] == 0).all()
    assert (learned.reference[2:] == 1).all()


def test_too_many_missing_and_no_flux_are_not_usable(seds, learned):
    flux, present = seds[:4].copy(), whole(seds[:4])
    present[0, :3] = False
    flux[1] = -flux[1]
    flux[2] = 0.0
    rows = normalise(learned, flux, present, max_missing=2)
    assert rows.usable.tolist() == [False, False, False, True]
    assert rows.too_few.tolist() == [True, False, False, False]
    assert np.isnan(rows.inputs[:3]).all()
    assert np.isnan(rows.ood[:3]).all()


@given(arrays(float, (3, 12), elements=st.floats(allow_nan=True, allow_infinity=True, width=32)))
def test_any_flux_gives_numbers_or_not_usable(learned_cheap, flux):
    rows = normalise(learned_cheap, flux, whole(flux), max_missing=2)
    assert np.isfinite(rows.inputs[rows.usable]).all()
    assert np.isfinite(rows.ood[rows.usable]).all()


@pytest.fixture(scope="module")
def learned_cheap(learned):
    return Normalisation.from_arrays(learned.to_arrays())


def test_nothing_to_learn_from():
    with pytest.raises(AgezError, match="too few to learn from"):
        learn_normalisation(np.ones((5, 3)), np.zeros((5, 3), bool))
    with pytest.raises(AgezError, match="positive flux"):
        learn_normalisation(-np.ones((5, 6)), np.ones((5, 6), bool))
