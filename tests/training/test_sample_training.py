"""Training on a sample: held-out answers have not seen their galaxy, and workers and order change nothing."""

from dataclasses import replace

import numpy as np
import pytest
from made_up_sample import made_up_sample

from agez.distributions.mixture import moments
from agez.errors import AgezError
from agez.mixture_network.mixture_model import ensemble
from agez.samples.splits import Split, splits_by_galaxy, splits_within
from agez.training.cross_fitting import calibration_of, cross_fit, held_out, redshift_range_of
from agez.training.mixture_fit import FitSettings
from agez.training.sample_batches import sample_rows

QUICK = FitSettings(steps=150, batch=64, learning_rate=3e-3)


def leaky(n=600, n_galaxies=12, jump=1.0):
    """A sample of which every galaxy has a mark in its SED and a label that only the mark tells.

    A network that has seen the galaxy can read its label off the mark; one that has not, cannot.
    """
    sample = made_up_sample(n, n_galaxies=n_galaxies, seed=3)
    galaxy = np.unique(sample.rows.galaxy_id, return_inverse=True)[1]
    rng = np.random.default_rng(8)
    offset = jump * rng.permutation(np.linspace(-1, 1, n_galaxies))[galaxy]
    marks = np.exp(rng.normal(0, 0.25, (n_galaxies, 12)))[galaxy]
    photometry = replace(sample.photometry, flux=sample.photometry.flux * marks)
    labels = replace(sample.labels, log_age_lw=9.5 + offset + 0.02 * rng.normal(size=n))
    return replace(sample, photometry=photometry, labels=labels), offset


def galaxy_splits(sample, folds=3):
    return splits_by_galaxy(sample.rows.galaxy_id, rng=np.random.default_rng(0), n_folds=folds)


@pytest.fixture(scope="module")
def plain():
    sample = made_up_sample(500, n_galaxies=12)
    data = sample_rows(sample)
    splits = galaxy_splits(sample)
    return data, splits, cross_fit(data, splits, settings=QUICK, members=2, workers=1)


def same(one, other):
    for name in ("weights", "mean", "covariance"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_a_planted_leak_is_not_reproduced_in_held_out_answers():
    sample, offset = leaky()
    data = sample_rows(sample)
    settings = FitSettings(steps=400, batch=64, learning_rate=3e-3)
    within = splits_within(sample.rows.galaxy_id, rng=np.random.default_rng(0), n_folds=3)
    found = {}
    for name, splits in (("galaxy", galaxy_splits(sample)), ("within", within)):
        cross = cross_fit(data, splits, settings=settings, members=1, workers=1)
        found[name] = np.corrcoef(moments(cross.raw)[0][:, 0], offset)[0, 1]
        final, _ = held_out(cross, data)
        found[name + " calibrated"] = np.corrcoef(moments(final)[0][:, 0], offset)[0, 1]
    # rows of galaxies that were seen can be told by the mark: the leak is there to be found
    assert min(found["within"], found["within calibrated"]) > 0.9
    assert max(found["galaxy"], found["galaxy calibrated"]) < 0.5


def test_every_row_is_answered_by_the_networks_of_its_fold(plain):
    data, splits, cross = plain
    assert len(cross.members) == len(splits)
    assert len(cross.raw) == len(data)
    for k, split in enumerate(splits):
        assert (cross.fold[split.test] == k).all()
        own = ensemble(cross.members[k], data.seds(split.test), *data.redshifts(split.test))
        np.testing.assert_allclose(cross.raw.take(split.test).mean, own.mean, atol=1e-5)


def test_training_rows_of_a_fold_have_none_of_its_galaxies(plain):
    """The means and widths of a fold are those of its training rows alone."""
    data, splits, cross = plain
    for k, split in enumerate(splits):
        rows = np.sort(np.concatenate([split.train, split.validation]))
        assert not set(data.galaxy[rows]) & set(data.galaxy[split.test])
        np.testing.assert_allclose(cross.members[k][0].scaling.label_mean, data.labels[rows].mean(axis=0))


def test_held_out_answers_do_not_depend_on_their_own_labels(plain):
    data, splits, cross = plain
    labels = data.labels.copy()
    labels[splits[0].test] += 5.0
    other = cross_fit(replace(data, labels=labels), splits, settings=QUICK, members=2, workers=1)
    same(cross.raw.take(splits[0].test), other.raw.take(splits[0].test))
    assert np.abs(moments(other.raw)[0][splits[1].test] - moments(cross.raw)[0][splits[1].test]).max() > 0.3


def test_answers_are_good_and_intervals_hold(plain):
    data, _, cross = plain
    answers, calibrations = held_out(cross, data)
    assert len(calibrations) == 3
    mean, sigma, _ = moments(answers)
    residual = data.labels - mean
    assert (residual.std(axis=0) < 0.9 * data.labels.std(axis=0)).all()
    inside = (np.abs(residual) < sigma).mean(axis=0)
    assert ((inside > 0.5) & (inside < 0.85)).all()


def test_one_worker_and_two_give_identical_numbers(plain):
    data, splits, cross = plain
    done = []
    other = cross_fit(data, splits, settings=QUICK, members=2, workers=2, progress=done.append)
    assert sum(done) == 6
    same(cross.raw, other.raw)
    for one, two in zip(cross.members, other.members, strict=True):
        for a, b in zip(one, two, strict=True):
            for key, array in a.parameters.items():
                np.testing.assert_array_equal(array, b.parameters[key])
    one, two = calibration_of(cross, data), calibration_of(other, data)
    np.testing.assert_array_equal(one.log_factor, two.log_factor)


def test_seeds_and_members_differ(plain):
    data, splits, cross = plain
    first, second = cross.members[0]
    assert (first.parameters["weight0"] != second.parameters["weight0"]).any()
    other = cross_fit(data, splits, settings=replace(QUICK, steps=2), members=1, seed=2, workers=1)
    third = cross_fit(data, splits, settings=replace(QUICK, steps=2), members=1, seed=3, workers=1)
    assert (other.raw.mean != third.raw.mean).any()


def test_going_on_starts_from_the_given_weights(plain):
    data, splits, cross = plain
    start = cross.members[1]
    one_tiny_step = FitSettings(steps=1, batch=8, learning_rate=1e-7)
    got = cross_fit(data, splits, start=start, settings=one_tiny_step, members=3, workers=1)
    for fold in got.members:
        for number, member in enumerate(fold):
            given = start[number % 2]
            assert member.scaling is given.scaling
            assert member.shape == given.shape
            for key, array in member.parameters.items():
                np.testing.assert_allclose(array, given.parameters[key], atol=1e-5)


def test_redshift_range(plain):
    data, _, _ = plain
    low, high = redshift_range_of(data)
    assert low == 0
    assert 0 < high < 0.01
    z = np.where(np.arange(len(data)) % 2 == 0, np.nan, np.linspace(0.01, 0.05, len(data)))
    low, high = redshift_range_of(replace(data, redshift=z))
    assert 0.01 <= low < 0.0102
    assert high == pytest.approx(0.05)
    low, high = redshift_range_of(replace(data, redshift=np.full(len(data), np.nan)))
    assert low < high


def test_bad_arguments(plain):
    data, splits, _ = plain
    with pytest.raises(AgezError, match="members is 0"):
        cross_fit(data, splits, members=0)
    empty = np.array([], int)
    with pytest.raises(AgezError, match="fold 0 has 0 rows"):
        cross_fit(data, [Split(empty, empty, np.arange(len(data)))], settings=QUICK)
