"""Thinning a split out: even shares of galaxies or of their spectra, nested, with the test left alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agez.samples.splits import Split, splits_by_galaxy, splits_within, thin_split, thinning_order


def _survey(n_galaxies, seed):
    rng = np.random.default_rng(seed)
    galaxy_id = np.repeat([f"G{i}" for i in range(n_galaxies)], rng.integers(4, 30, n_galaxies))
    kinds = np.where(np.char.str_len(galaxy_id) == 2, "early", "late")
    return galaxy_id, kinds


@settings(deadline=None, max_examples=40)
@given(st.integers(8, 40), st.booleans(), st.integers(0, 1000), st.floats(0.01, 1.0), st.floats(0.01, 1.0))
def test_smaller_shares_lie_inside_larger_ones(n_galaxies, by_galaxy, seed, a, b):
    galaxy_id, kinds = _survey(n_galaxies, seed)
    rng = np.random.default_rng(seed)
    deal = splits_by_galaxy if by_galaxy else splits_within
    split = deal(galaxy_id, rng=rng)[0]
    order = thinning_order(split, galaxy_id=galaxy_id, kinds=kinds, by_galaxy=by_galaxy, rng=rng)
    small, large = (thin_split(split, order, share) for share in sorted((a, b)))
    whole = thin_split(split, order, 1.0)
    for part in ("train", "validation"):
        assert len(getattr(small, part)) > 0
        assert set(getattr(small, part)) <= set(getattr(large, part))
        np.testing.assert_array_equal(getattr(whole, part), getattr(split, part))
    np.testing.assert_array_equal(small.test, split.test)


def test_shares_of_each_galaxys_spectra():
    galaxy_id = np.repeat(["a", "b", "c"], [100, 40, 20])
    split = Split(np.arange(160), np.arange(0), np.arange(0))
    order = thinning_order(split, galaxy_id=galaxy_id, by_galaxy=False, rng=np.random.default_rng(2))
    kept = galaxy_id[thin_split(split, order, 0.25).train]
    assert [np.sum(kept == name) for name in "abc"] == pytest.approx([25, 10, 5], abs=1)


def test_shares_of_galaxies_of_each_kind_are_right_on_average():
    galaxy_id = np.repeat([f"G{i:02d}" for i in range(40)], 7)
    kinds = np.where(galaxy_id < "G10", "early", "late")
    split, counts = Split(np.arange(280), np.arange(0), np.arange(0)), []
    for seed in range(300):
        order = thinning_order(split, galaxy_id=galaxy_id, kinds=kinds, by_galaxy=True, rng=np.random.default_rng(seed))
        kept = thin_split(split, order, 0.125).train
        names, sizes = np.unique(galaxy_id[kept], return_counts=True)
        assert (sizes == 7).all()  # whole galaxies
        counts.append([np.sum(names < "G10"), np.sum(names >= "G10")])
    # the first galaxy is always kept, which adds a little
    assert np.mean(counts, axis=0) == pytest.approx([1.25, 3.75], abs=0.25)
