"""Rows whose redshift the fluxes tell are answered there; broad and strange redshifts do no harm."""

from dataclasses import replace

import numpy as np
import pytest
from typical_photometry import at_redshifts, typical_photometry

from agez.distributions.mixture import Mixture, moments, place, triangle_size
from agez.distributions.redshift_mixture import RedshiftMixture
from agez.flags import Flag, has_flag
from agez.mixture_network.found_redshift import LEAST_WEIGHT, MOST_SIGMA, NEAR, answered_there, found_redshift
from agez.mixture_network.redshift_finder import finder_for, likeliest_redshift, redshifts_found
from agez.models.asked import Asked
from agez.models.features import normalised, redshift_unit
from agez.models.model_file import load_model

RANGE, AT = (0.0, 1.0), 1


def of_redshifts(weights, z, sigma, given, error):
    """Mixtures (1, k) of an age and a redshift, the latter as a departure from the given one."""
    origin, unit = redshift_unit(np.array([given]), np.array([error]), RANGE)
    k = len(weights)
    mean, covariance = np.full((1, k, 2), 9.5), np.zeros((1, k, triangle_size(2)))
    mean[..., AT] = (np.array(z) - origin) / unit
    covariance[..., place(0, 0)], covariance[..., place(AT, AT)] = 0.04, (np.array(sigma) / unit) ** 2
    return Mixture(np.array([weights]), mean, covariance)


def found_of(weights, z, sigma, given=np.nan, error=0.0):
    m = of_redshifts(weights, z, sigma, given, error)
    return found_redshift(m, AT, np.array([given]), np.array([error]), RANGE)


@pytest.mark.parametrize(("given", "error"), [(np.nan, 0.0), (0.3, 0.05), (0.31, 0.0)])
def test_narrow_redshifts_are_found_whatever_unit_they_are_in(given, error):
    found = found_of([0.5, 0.5], [0.3, 0.31], [0.004, 0.004], given, error)
    assert found.rows.tolist() == [0]
    np.testing.assert_allclose(found.redshift, 0.305, rtol=1e-9)
    np.testing.assert_allclose(found.redshift_err, np.hypot(0.004, 0.005), rtol=1e-9)


def test_broad_ones_and_those_of_two_peaks_are_not():
    assert found_of([1.0], [0.3], [0.9 * MOST_SIGMA * 1.3]).rows.size == 1
    assert found_of([1.0], [0.3], [1.1 * MOST_SIGMA * 1.3]).rows.size == 0
    assert found_of([0.5, 0.5], [0.3, 0.6], [0.004, 0.004]).rows.size == 0
    nothing = of_redshifts([np.nan], [np.nan], [np.nan], np.nan, 0.0)
    assert found_redshift(nothing, AT, np.array([np.nan]), np.zeros(1), RANGE).rows.size == 0


def test_an_outlier_of_little_weight_does_not_count():
    share = 0.9 * LEAST_WEIGHT
    found = found_of([1 - share, share], [0.3, 0.9], [0.004, 0.1])
    np.testing.assert_allclose((found.redshift, found.redshift_err), [[0.3], [0.004]])


def test_only_near_ones_where_that_is_asked():
    for z, count in ((NEAR - 1e-6, 1), (NEAR + 1e-6, 0)):
        m = of_redshifts([1.0], [z], [0.004], np.nan, 0.0)
        assert len(found_redshift(m, AT, np.full(1, np.nan), np.zeros(1), RANGE, most_redshift=NEAR).rows) == count


def test_what_is_found_lies_inside_the_range():
    assert found_of([1.0], [-0.002], [0.004]).redshift.tolist() == [0.0]


def test_the_answer_has_the_redshift_found_and_is_otherwise_as_it_was():
    given, error = np.array([0.31]), np.array([0.02])
    found = found_of([1.0], [0.3], [0.004], 0.31, 0.02)
    known = of_redshifts([0.2, 0.8], [0.5, 0.6], [0.3, 0.2], 0.31, 0.02)
    known.covariance[..., place(0, AT)] = 0.01
    there = answered_there(known, AT, found, given, error, RANGE)
    mean, sigma, _ = moments(there)
    origin, unit = redshift_unit(given, error, RANGE)
    np.testing.assert_allclose(origin + unit * mean[:, AT], 0.3)
    np.testing.assert_allclose(unit * sigma[:, AT], 0.004)
    before = moments(known)
    np.testing.assert_array_equal((mean[:, 0], sigma[:, 0]), (before[0][:, 0], before[1][:, 0]))
    np.testing.assert_array_equal(there.covariance[..., place(0, AT)], 0.0)


@pytest.fixture(scope="module", params=["jpas", "splus"])
def model(request):
    return load_model(request.param)


@pytest.fixture(scope="module")
def jpas():
    return load_model("jpas")


def test_rows_whose_redshift_is_found_have_the_answer_of_that_redshift(jpas):
    rows = typical_photometry(jpas, 1500, snr=100)
    rows = rows.take(np.flatnonzero((rows.redshift > 0.03) & (rows.redshift < 0.09)))
    unknown = jpas.kind.answer(at_redshifts(rows, np.nan, 0.0))
    narrow = (unknown.redshift_phot_p84 - unknown.redshift_phot_p16) / 2 < 0.5 * MOST_SIGMA
    assert narrow.mean() > 0.8
    known = jpas.kind.answer(at_redshifts(rows, unknown.redshift_phot, 0.0))
    same = (
        narrow & (unknown.redshift_phot < NEAR - 0.005) & ~has_flag(known.flags | unknown.flags, Flag.BAND_CONTRADICTED)
    )
    assert same.mean() > 0.7
    off = np.abs(known.log_age_lw - unknown.log_age_lw)[same]
    assert np.quantile(off, 0.9) < 1e-5  # the others have outliers that do not count
    np.testing.assert_allclose(known.av_err[same], unknown.av_err[same], atol=0.02)
    # masses are as uncertain as the distance, too
    assert (unknown.log_mass_err[same] >= known.log_mass_err[same] - 0.01).all()


def test_answers_do_not_depend_on_the_columns_that_are_asked_for(model):
    rows = typical_photometry(model, 50, snr=20)
    for z, error in ((rows.redshift, 0.05), (np.nan, 0.0)):
        seen = at_redshifts(rows, z, error)
        whole, part = (model.kind.answer(seen, asked=Asked(columns=one)) for one in ((), ("log_age_lw",)))
        np.testing.assert_allclose(part.log_age_lw, whole.log_age_lw, atol=1e-5)
        np.testing.assert_allclose(part.log_age_lw_err, whole.log_age_lw_err, atol=1e-5)


def test_broader_redshifts_say_less_and_at_last_nothing(model):
    """The range of the model counts once: near its ends, too."""
    low, high = model.header["redshift_range"]
    rows = typical_photometry(model, 1500, snr=10)
    rows = rows.take(np.flatnonzero((rows.redshift > low) & (rows.redshift < low + 0.1 * (high - low))))
    truth = rows.redshift

    def rms(z, error):
        found = model.kind.answer(at_redshifts(rows, z, error), compiled=False).redshift_phot
        return np.sqrt(np.nanmean((found - truth) ** 2))

    none = rms(np.nan, 0.0)
    each = [rms(truth, error) for error in (0.1, 0.35 * (high - low), high - low)]
    assert each[0] < each[1] < each[2] <= 1.01 * none
    nothing, wide = (model.kind.answer(at_redshifts(rows, z, e)) for z, e in ((np.nan, 0.0), ((low + high) / 2, 8.0)))
    np.testing.assert_allclose(wide.log_age_lw, nothing.log_age_lw, atol=0.01)


def test_broad_redshifts_outside_the_range(model):
    high = model.header["redshift_range"][1]
    rows = typical_photometry(model, 30, snr=20)
    found = model.kind.answer(at_redshifts(rows, high + 0.1, 0.2))
    assert np.isfinite(found.log_age_lw).all()
    assert has_flag(found.flags, Flag.REDSHIFT_OUTSIDE_MODEL).all()
    far = model.kind.answer(at_redshifts(rows, high + 1.0, 0.2))
    assert np.isnan(far.log_age_lw).all()


@pytest.mark.parametrize("error", [1e4, 1e160, 1e300])
def test_redshift_errors_beyond_all_sense(model, error):
    """Warnings are errors; such redshifts are more likely outside than inside."""
    rows = typical_photometry(model, 5, snr=20)
    found = model.kind.answer(at_redshifts(rows, 0.1, error))
    assert has_flag(found.flags, Flag.REDSHIFT_OUTSIDE_MODEL).all()
    assert np.isnan(found.log_age_lw).all()


def test_mixtures_on_both_sides_of_the_limit_are_averages(model):
    rows = typical_photometry(model, 20, snr=30)
    n, z = len(rows), np.clip(rows.redshift, 0.05, 0.3)
    means = np.stack([z, z + 0.12], axis=1)
    limit = model.header["most_redshift_err"]
    errors = np.broadcast_to([0.5 * limit, 3 * limit], (n, 2))
    weights = np.broadcast_to([0.3, 0.7], (n, 2))
    mixture = RedshiftMixture.mixture(weights, means, errors, exact=True)
    found = model.kind.answer(replace(
        rows, redshift=mixture.mean, redshift_err=mixture.std, redshift_mixture=mixture
    ))  # fmt: skip
    each = [model.kind.answer(replace(rows, redshift=means[:, j], redshift_err=errors[:, j])) for j in range(2)]
    share = weights * np.stack([one.redshift_inside for one in each], axis=1)
    share /= share.sum(axis=1, keepdims=True)
    for name in ("log_age_lw", "redshift_phot"):
        average = sum(share[:, j] * getattr(one, name) for j, one in enumerate(each))
        np.testing.assert_allclose(getattr(found, name), average, atol=2e-4)


def test_libraries_of_rows_of_broad_redshift(model):
    rows = at_redshifts(typical_photometry(model, 20, snr=30), 0.1, 0.05)
    found = model.kind.answer(rows, asked=Asked(columns=("log_age_lw_library_spread", "mh_lw")))
    assert found.library_spread is not None
    assert (found.library_spread[:, :2] > 0).all()
    one, other = (model.kind.answer(rows, asked=Asked(library=name)) for name in model.header["libraries"][:2])
    assert (np.abs(one.log_age_lw - other.log_age_lw) > 1e-3).mean() > 0.5


def test_a_finder_gives_one_redshift_or_those_that_are_possible(jpas, rng):
    finder = finder_for(jpas.kind.network)
    assert finder is not None
    assert (finder.n_targets, finder.at_found) == (3, None)
    rows = typical_photometry(jpas, 300, snr=30)
    seds, nothing = normalised(rows.flux, rows.flux_err, rows.covered), np.full(300, np.nan)
    found = redshifts_found(finder, seds, nothing, nothing)
    assert (found.stds <= jpas.header["most_redshift_err"]).all()
    assert (found.n_components >= 1).all()
    assert (found.n_components == 1).mean() > 0.8
    z, err = likeliest_redshift(finder, seds, nothing, nothing)
    assert ((err > 0) & (err <= jpas.header["most_redshift_err"])).all()
    assert np.mean(np.abs(z - rows.redshift) < 0.03) > 0.9
    wrong = rows.redshift + 0.001 * rng.standard_normal(300)
    given, _ = likeliest_redshift(finder, seds, wrong, np.full(300, 0.001))
    assert np.quantile(np.abs(given - rows.redshift), 0.9) < 0.01


def test_networks_that_know_broad_redshifts_need_no_finder():
    assert finder_for(load_model("splus").kind.network) is None
    assert finder_for(load_model("paper").kind.network) is None
