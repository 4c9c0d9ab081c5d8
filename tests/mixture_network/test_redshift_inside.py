"""Redshifts that are unknown, wide or partly outside: the share inside, and widths that do not fall."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import truncnorm
from typical_photometry import typical_photometry

from agez.flags import Flag, has_flag
from agez.mixture_network.redshift_inside import inside_redshift
from agez.models.model_file import load_model
from agez.models.predict import predict
from agez.training.recipes import SHIPPED

RANGE = (0.0, 0.1)


def inside(z, error, tolerance=0.0):
    found = inside_redshift(np.atleast_1d(z), np.atleast_1d(error), RANGE, tolerance=tolerance)
    return tuple(column[0] for column in found)


@pytest.mark.parametrize(("z", "error"), [(0.12, 0.03), (-0.02, 0.02), (0.3, 0.2), (0.05, 0.05), (0.18, 0.05)])
def test_the_part_inside_is_that_of_the_cut_gaussian(z, error):
    a, b = (RANGE[0] - z) / error, (RANGE[1] - z) / error
    share, mean, sigma = inside(z, error)
    cut = truncnorm(a, b, loc=z, scale=error)
    assert mean == pytest.approx(cut.mean(), abs=1e-9)
    assert sigma == pytest.approx(cut.std(), abs=1e-9)
    assert share == pytest.approx(np.diff(truncnorm(-40, 40, loc=z, scale=error).cdf(RANGE))[0], abs=1e-9)


@pytest.mark.parametrize("error", [0.0, 0.001, 0.03])
def test_redshifts_inside_stay_as_they_are(error):
    assert inside(0.07, error)[1:] == (0.07, error)


def test_exact_redshifts_are_inside_or_not():
    assert inside(0.1, 0.0)[0] == 1
    assert inside(0.1001, np.nan)[0] == 0
    assert inside(0.1001, 0.0, tolerance=0.002)[0] == 1


def test_an_unknown_redshift_stays_unknown():
    share, z, _ = inside(np.nan, 0.01)
    assert np.isnan(share)
    assert np.isnan(z)


def test_an_error_that_says_nothing():
    assert np.isnan(inside(0.05, np.inf)[:2]).all()
    assert inside(0.05, 1e3)[0] < 1e-3  # far wider than the range: next to nothing of it is inside
    assert inside(0.05, 1.0)[1:] == pytest.approx((0.05, 0.1 / np.sqrt(12)), abs=1e-4)


@pytest.fixture(scope="module", params=SHIPPED)
def model(request):
    return load_model(request.param)


def widths(model, photometry):
    answer = predict(model, photometry)
    return np.array([np.median(answer.log_age_lw_err), np.median(answer.mh_lw_err)])


def seen_at(model, photometry, error, rng):
    n, (low, high) = len(photometry), model.header["redshift_range"]
    if error is None:
        return replace(photometry, redshift=np.full(n, np.nan))
    z = np.clip(photometry.redshift + error * rng.standard_normal(n), low, high)
    return replace(photometry, redshift=z, redshift_err=np.full(n, error))


def test_less_is_known_of_the_redshift_and_the_errors_do_not_fall(model, rng):
    photometry = typical_photometry(model, 1500, snr=50)
    steps = [widths(model, seen_at(model, photometry, error, rng)) for error in (0.0, 0.003, 0.01, 0.03, None)]
    assert (np.diff(steps[:-1], axis=0) > -0.004).all()
    own = model.kind.of_unknown is not None  # a network of its own, which knows that one task better than one for all
    assert (steps[-1] > (0.94 if own else 1.03) * steps[0]).all()


def test_fewer_bands_and_more_noise_do_not_narrow_the_errors(model, rng):
    deep, noisy = (typical_photometry(model, 1500, snr=snr) for snr in (100, 10))
    assert (widths(model, noisy) > widths(model, deep)).all()
    covered = deep.covered & (rng.random(deep.covered.shape) < 0.6)
    covered[:, :6] = deep.covered[:, :6]
    flux, flux_err = (np.where(covered, part, np.nan) for part in (deep.flux, deep.flux_err))
    fewer = replace(deep, flux=flux, flux_err=flux_err, covered=covered)
    assert (widths(model, fewer) > widths(model, deep)).all()


def test_rows_partly_outside_are_answered_for_the_part_inside(model):
    photometry = typical_photometry(model, 1, snr=50, redshift_index=-1).take([0] * 5)
    beyond, error = np.array([-0.01, 0.01, 0.01, 0.2, 0.2]), np.array([0.0, 0.0, 0.03, 0.02, 0.15])
    z = model.header["redshift_range"][1] + beyond
    answer = predict(model, replace(photometry, redshift=z, redshift_err=error))
    np.testing.assert_allclose(answer.redshift_inside, [1, 0, 0.395, 0, 0.08], atol=0.03)
    assert list(np.isfinite(answer.log_age_lw)) == [True, False, True, False, True]
    assert list(has_flag(answer.flags, Flag.REDSHIFT_OUTSIDE_MODEL)) == [False, True, True, True, True]
    assert answer.log_age_lw_err[4] > 0.8 * answer.log_age_lw_err[0]
