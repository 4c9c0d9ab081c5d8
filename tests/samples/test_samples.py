"""A user's sample as training rows: the model's bands in its order, the sample's own noise, nothing invented."""

from dataclasses import replace

import numpy as np
import pytest
from made_up_sample import made_up_sample

from agez.errors import AgezError
from agez.models.features import n_features
from agez.training.sample_batches import SampleBatches, sample_rows, scaling_of_sample
from agez.training_seds.observe import Survey
from agez.types import Bands

QUIET = Survey(
    snr=(1e8, 1e8), calibration=(1e-9, 1e-9), zero_points=(1e-9, 1e-9), noise_tilt=0.0, noise_scatter=0.0,
    error_scatter=0.0, complete=1.0,
)  # fmt: skip


@pytest.fixture(scope="module")
def sample():
    return made_up_sample(400, n_galaxies=9, missing=0.05)


def test_rows_are_those_of_the_sample(sample):
    data = sample_rows(sample)
    assert len(data) == 400
    np.testing.assert_array_equal(data.flux, sample.photometry.flux)
    np.testing.assert_array_equal(data.covered, sample.photometry.covered)
    np.testing.assert_array_equal(data.labels, np.stack([sample.labels.log_age_lw, sample.labels.mh_lw], axis=1))
    assert len(set(data.galaxy)) == 9
    for galaxy in range(9):
        assert len(set(sample.rows.galaxy_id[data.galaxy == galaxy])) == 1


def test_bands_of_a_model_in_its_order_and_those_lacking_are_missing(sample):
    own = sample.photometry.bands
    order = [7, 2, 0]
    wanted = Bands(
        (own.names[7], "NEW", own.names[2], own.names[0]), (*np.take(own.pivot_angstrom, order[:1]), 5555.0,
        *np.take(own.pivot_angstrom, order[1:])), (145.0,) * 4, "model",
    )  # fmt: skip
    data = sample_rows(sample, wanted)
    assert data.bands is wanted
    np.testing.assert_array_equal(data.flux[:, [0, 2, 3]], sample.photometry.flux[:, order])
    np.testing.assert_array_equal(data.flux_err[:, [0, 2, 3]], sample.photometry.flux_err[:, order])
    assert not data.covered[:, 1].any()
    assert np.isnan(data.flux[:, 1]).all()


def test_samples_that_cannot_be_learned_from(sample):
    with pytest.raises(AgezError, match="none of the 1 bands"):
        sample_rows(sample, Bands(("X",), (5000.0,), (100.0,), "other"))
    age = sample.labels.log_age_lw.copy()
    age[5] = np.nan
    with pytest.raises(AgezError, match="labels are NaN"):
        sample_rows(replace(sample, labels=replace(sample.labels, log_age_lw=age)))


def test_a_quiet_survey_shows_the_rows_themselves(sample):
    data = sample_rows(sample)
    standard = scaling_of_sample(data, np.arange(400), (0.0, 0.002))
    rows = np.array([5, 300, 7])
    batches = SampleBatches(replace(data, survey=QUIET), np.arange(400), standard)
    inputs, target = batches.draw(rows, np.random.default_rng(0))
    assert inputs.shape == (3, n_features(12))
    np.testing.assert_allclose(
        target * standard.label_std + standard.label_mean, data.labels[rows], rtol=1e-6, atol=1e-6
    )
    own = data.seds(rows)
    anew = data.seen_anew(rows, np.random.default_rng(0), QUIET)
    np.testing.assert_allclose(anew.flux, own.flux, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(anew.flux_err[anew.covered], own.flux_err[own.covered], rtol=1e-4)


def test_noise_is_added_to_the_rows_own(sample):
    data = sample_rows(sample)
    rows = np.arange(400)
    noisy = replace(QUIET, snr=(20.0, 20.0))
    own, anew = data.seds(rows), data.seen_anew(rows, np.random.default_rng(1), noisy)
    seen = own.covered
    ratio = anew.scale[:, None]  # back into units of the row's first scale
    np.testing.assert_allclose((anew.flux_err * ratio)[seen], np.hypot(own.flux_err, 1 / 20)[seen], rtol=1e-3)
    pull = ((anew.flux * ratio - own.flux) * 20)[seen]
    assert pull.std() == pytest.approx(1, abs=0.05)


def test_only_the_chosen_rows_are_drawn(sample):
    data = sample_rows(sample)
    standard = scaling_of_sample(data, np.arange(400), (0.0, 0.002))
    chosen = np.array([10, 20, 30])
    batches = SampleBatches(data, chosen, standard)
    assert len(batches) == 3
    one, _ = batches.draw(np.array([0, 2]), np.random.default_rng(0))
    other, _ = SampleBatches(data, np.arange(400), standard).draw(np.array([10, 30]), np.random.default_rng(0))
    np.testing.assert_array_equal(one, other)
    again, _ = batches.draw(np.array([0, 2]), np.random.default_rng(1))
    assert (again != one).any()
    assert np.isfinite(one).all()
