"""Bands whose errors say that they know nothing: answers go over to those without them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typical_photometry import typical_photometry

from agez.distributions.mixture import Mixture, average, clean, moments
from agez.flags import Flag, has_flag
from agez.models.model_file import load_model
from agez.models.predict import predict
from agez.models.weak_bands import BELIEVED, UNSEEN, band_weights, versions
from agez.training.recipes import SHIPPED

ALL = np.ones((1, 6), bool)


def weights_of(*errors):
    found = band_weights(np.zeros((1, len(errors))), np.array([errors], float), np.ones((1, len(errors)), bool))
    return None if found is None else found[0]


def test_bands_of_similar_errors_are_all_believed():
    assert weights_of(1, 1, 1, 1, 1, 1) is None
    assert weights_of(0.5, 2, 1, 1, 1.9, 1) is None


@pytest.mark.parametrize("error", [UNSEEN, 50.0, 9.9e99, np.inf])
def test_a_band_of_a_far_larger_error_counts_as_not_observed(error):
    np.testing.assert_array_equal(weights_of(1, 1, error, 1, 1, 1), [1, 1, 0, 1, 1, 1])


def test_half_way_in_the_logarithm_is_half_believed():
    weight = weights_of(1, 1, 1, np.sqrt(BELIEVED * UNSEEN), 1, 1)
    np.testing.assert_allclose(weight, [1, 1, 1, 0.5, 1, 1])


@pytest.mark.parametrize("unknown", [np.nan, 0.0, -1.0])
def test_unknown_errors_leave_their_band_believed(unknown):
    np.testing.assert_array_equal(weights_of(1, 1, unknown, 1, 1, 100), [1, 1, 1, 1, 1, 0])
    assert weights_of(unknown, unknown, unknown) is None


def test_most_bands_may_be_the_poor_ones():
    np.testing.assert_array_equal(weights_of(1, 1, 1, 99, 99, 99, 99, 99), [1, 1, 1, 0, 0, 0, 0, 0])


@pytest.mark.parametrize("n", [6, 8, 11, 12, 57])
@pytest.mark.parametrize("gone", [1, 2, 3])
def test_other_bands_are_believed_as_if_the_unseen_ones_were_missing(rng, n, gone):
    errors = np.exp(rng.normal(0, 0.9, (40, n)))
    covered = np.ones(errors.shape, bool)
    which = np.argsort(rng.random(errors.shape), axis=1)[:, :gone]
    np.put_along_axis(covered, which, False, axis=1)
    flux = 20 * np.exp(rng.normal(0, 1, errors.shape))
    missing = band_weights(flux, errors, covered)
    unseen = band_weights(flux, np.where(covered, errors, errors * 1e9), np.ones(errors.shape, bool))
    np.testing.assert_array_equal(unseen, covered if missing is None else missing)


def test_red_galaxies_of_one_signal_to_noise_ratio_keep_their_red_bands():
    flux = np.geomspace(20, 350, 12)[None]
    covered = np.ones(flux.shape, bool)
    assert band_weights(flux, 0.03 * flux, covered) is None
    one = 0.03 * flux
    one[0, 9] *= 20
    np.testing.assert_array_equal(band_weights(flux, one, covered)[0], np.arange(12) != 9)


def test_faint_bands_of_one_depth_are_believed():
    flux = np.geomspace(0.1, 350, 12)[None]
    assert band_weights(flux, np.full(flux.shape, 1.0), np.ones(flux.shape, bool)) is None


def test_bands_that_are_not_covered_stay_so():
    covered = np.array([[True, False, True, True, True, True]])
    found = band_weights(np.zeros((1, 6)), np.array([[1, 1, 1, 1, 1, 1e9]]), covered)
    np.testing.assert_array_equal(found, [[1, 0, 1, 1, 1, 0]])


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.floats(1e-3, 1e3), min_size=3, max_size=12), st.floats(1, 1e5), st.floats(1, 1e5), st.integers(0, 11)
)
def test_no_band_is_believed_more_for_a_larger_error(errors, factor, more, which):
    errors = np.array(errors)
    which %= len(errors)

    def weight(scale):
        changed = errors.copy()
        changed[which] *= scale
        found = weights_of(*changed)
        return 1.0 if found is None else found[which]

    assert weight(factor * more) <= weight(factor) + 1e-12


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([0.0, 1.0, 0.2, 0.5, 0.90625]) | st.floats(0.01, 0.99), min_size=2, max_size=8))
def test_versions_give_every_band_its_weight(weights):
    row = np.array([weights])
    found = versions(row)
    share = np.concatenate([found.own_share, found.share])
    covered = np.concatenate([row > 0, found.covered])
    assert share.sum() == pytest.approx(1)
    np.testing.assert_allclose(share @ covered, row[0], atol=1e-12)


def test_the_average_has_the_moments_of_the_versions(rng):
    n, k = 12, 3
    scatter = rng.normal(0, 0.2, (n, k, 2))
    covariance = np.stack([0.1 + rng.random((n, k)), rng.normal(0, 0.02, (n, k)), 0.1 + rng.random((n, k))], axis=-1)
    all_versions = clean(Mixture(rng.random((n, k)), 9 + scatter, covariance))
    row, share = np.array([0, 1, 2, 3] * 3), rng.random(n)
    mean, sigma, _ = moments(average(all_versions, row, share, 4))
    means, sigmas, _ = moments(all_versions)
    for one in range(4):
        mine = row == one
        part = share[mine] / share[mine].sum()
        expected = part @ means[mine]
        np.testing.assert_allclose(mean[one], expected)
        np.testing.assert_allclose(sigma[one] ** 2, part @ (sigmas[mine] ** 2 + (means[mine] - expected) ** 2))


def test_a_version_without_an_answer_does_not_count(rng):
    two = Mixture(np.array([[1.0], [np.nan]]), np.full((2, 1, 2), 9.0), np.tile([0.1, 0.0, 0.1], (2, 1, 1)))
    np.testing.assert_allclose(average(two, np.array([0, 0]), np.array([0.2, 0.8]), 1).mean, two.mean[:1])
    assert np.isnan(average(two, np.array([0, 1]), np.ones(2), 2).weights[1]).all()


@pytest.mark.parametrize("name", SHIPPED)
def test_as_an_error_grows_the_answer_becomes_that_of_the_band_missing(name):
    """For every band of every model, in the light of the band at its value, at zero and at twice the value."""
    model, n = load_model(name), 4
    photometry = typical_photometry(model, n, snr=30)
    b = len(model.bands)
    factors = np.array([2.6, 3.5, 4.5, 6.0, 40.0, 100.0, 1e30])  # bright bands are compared by relative errors
    rows = np.tile(np.arange(n), b)
    band = np.repeat(np.arange(b), n)
    place = np.arange(len(rows))
    many = photometry.take(rows)
    covered = many.covered.copy()
    covered[place, band] = False
    flux, flux_err = (np.where(covered, part, np.nan) for part in (many.flux, many.flux_err))
    missing = predict(model, replace(many, flux=flux, flux_err=flux_err, covered=covered), compiled=False)
    for level in (0.0, 1.0, 2.0):
        away, alone = [], np.ones(len(rows), bool)
        for factor in factors:
            flux, flux_err = many.flux.copy(), many.flux_err.copy()
            flux[place, band] *= level
            flux_err[place, band] *= factor
            got = predict(model, replace(many, flux=flux, flux_err=flux_err), compiled=False)
            away.append(np.hypot(got.log_age_lw - missing.log_age_lw, got.mh_lw - missing.mh_lw))
            alone &= got.worst_band == missing.worst_band  # else it is left out for another reason
        away = np.array(away)
        sigma = np.hypot(missing.log_age_lw_err, missing.mh_lw_err)
        assert (away[4:] == 0).all()
        assert alone.mean() > (0.9 if level == 1.0 else 0.05)
        rise = (np.diff(away[:5], axis=0) / sigma)[:, alone]
        assert (rise < 0.2).all()
        assert np.mean(rise < 0.01) > 0.98


def test_both_roads_average_alike():
    pytest.importorskip("numba")
    model = load_model("splus")
    photometry = typical_photometry(model, 200, snr=20)
    rng = np.random.default_rng(3)
    noisy = replace(photometry, flux_err=photometry.flux_err * np.exp(rng.normal(0, 1.2, photometry.flux.shape)))
    plain, compiled = (predict(model, noisy, compiled=compiled) for compiled in (False, True))
    weights = band_weights(noisy.flux, noisy.flux_err, noisy.covered)
    assert ((weights > 0) & (weights < 1)).any(axis=1).mean() > 0.5
    for column in ("log_age_lw", "mh_lw", "log_age_lw_p025", "mh_lw_p84", "correlation"):
        np.testing.assert_allclose(getattr(plain, column), getattr(compiled, column), atol=2e-5, err_msg=column)


def test_rows_of_other_rows_do_not_matter_and_few_bands_are_said():
    model = load_model("splus")
    photometry = typical_photometry(model, 3, snr=30)
    flux_err = photometry.flux_err.copy()
    flux_err[1, 2] *= 5
    flux_err[2, 5:] *= 1e9
    odd = replace(photometry, flux_err=flux_err)
    got = predict(model, odd)
    for k in range(3):
        alone = predict(model, odd.take([k]))
        np.testing.assert_allclose(alone.log_age_lw, got.log_age_lw[k : k + 1], atol=1e-9)
    assert list(has_flag(got.flags, Flag.TOO_FEW_BANDS)) == [False, False, True]
    assert list(has_flag(got.flags, Flag.BAND_NOT_COVERED)) == [False, False, True]
