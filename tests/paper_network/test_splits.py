"""Folds: every row tested once, nothing leaks, balanced."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agez.errors import AgezError
from agez.samples.splits import fold_of_rows, splits_by_galaxy, splits_within


def names(sizes):
    return np.repeat([f"G{i:03d}" for i in range(len(sizes))], sizes)


sizes_of_galaxies = st.lists(st.integers(1, 40), min_size=5, max_size=40)


@given(sizes_of_galaxies, st.integers(0, 2**32 - 1))
def test_every_row_is_tested_once_and_parts_are_disjoint(sizes, seed):
    galaxy_id = names([*sizes, 8])
    for make in (splits_within, splits_by_galaxy):
        splits = make(galaxy_id, rng=np.random.default_rng(seed))
        assert (np.bincount(np.concatenate([s.test for s in splits]), minlength=len(galaxy_id)) == 1).all()
        assert (fold_of_rows(splits, len(galaxy_id)) >= 0).all()
        for split in splits:
            rows = np.concatenate([split.train, split.validation, split.test])
            assert np.array_equal(np.sort(rows), np.arange(len(galaxy_id)))
            assert min(len(split.train), len(split.validation), len(split.test)) > 0


@given(sizes_of_galaxies, st.integers(0, 2**32 - 1))
def test_by_galaxy_no_galaxy_is_in_two_parts(sizes, seed):
    galaxy_id = names(sizes)
    for split in splits_by_galaxy(galaxy_id, rng=np.random.default_rng(seed)):
        parts = [set(galaxy_id[rows]) for rows in (split.train, split.validation, split.test)]
        assert sum(map(len, parts)) == len(set.union(*parts))


@given(sizes_of_galaxies, st.integers(0, 2**32 - 1))
def test_within_every_galaxy_is_dealt_evenly(sizes, seed):
    galaxy_id = names([*sizes, 8])
    splits = splits_within(galaxy_id, rng=np.random.default_rng(seed))
    counts = np.array([[np.sum(galaxy_id[s.test] == g) for s in splits] for g in np.unique(galaxy_id)])
    assert (np.ptp(counts, axis=1) <= 1).all()
    assert np.ptp(counts.sum(axis=0)) <= 1


def test_by_galaxy_balances_spectra_and_kinds(rng):
    sizes = rng.integers(20, 300, 190)
    galaxy_id = names(sizes)
    kinds = np.repeat(np.where(np.arange(190) < 44, "early", "late"), sizes)
    splits = splits_by_galaxy(galaxy_id, kinds=kinds, rng=rng)
    spectra = np.array([len(s.test) for s in splits])
    assert np.ptp(spectra) < 0.06 * spectra.mean()
    early = [len(np.unique(galaxy_id[s.test][kinds[s.test] == "early"])) for s in splits]
    assert max(early) - min(early) <= 1
    watched = np.array([len(s.validation) / (len(s.validation) + len(s.train)) for s in splits])
    assert np.all((watched > 0.15) & (watched < 0.25))


def test_seeds():
    galaxy_id = names([30] * 12)
    for make in (splits_within, splits_by_galaxy):
        a, b, c = (make(galaxy_id, rng=np.random.default_rng(seed)) for seed in (1, 1, 2))
        assert all(np.array_equal(x.test, y.test) for x, y in zip(a, b, strict=True))
        assert not all(np.array_equal(x.test, y.test) for x, y in zip(a, c, strict=True))


def test_too_few():
    with pytest.raises(AgezError, match="4 galaxies are too few"):
        splits_by_galaxy(names([9, 9, 9, 9]), rng=np.random.default_rng(0))
    with pytest.raises(AgezError, match="3 spectra are too few"):
        splits_within(names([3]), rng=np.random.default_rng(0))
