"""Lines and means of regions whose errors are shared: against textbook least squares, and against drawn errors."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agez.analysis.gradients import gradients_with_errors, radial_gradient
from agez.analysis.region_errors import SHARED_ERRORS, SharedErrors, fit_line, mean_error, shared_errors
from agez.errors import AgezError

ALONE = SharedErrors(0.0, 0.0, 1.0, 1.0)
SHARED = SharedErrors(0.3, 0.4, 2.0, 1.2, 0.05)


def regions(rng, n=30):
    radius = np.sort(rng.uniform(0, 1.2, n))
    return radius, 9.5 - 0.2 * radius, rng.uniform(0.1, 0.3, n)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0, 5), min_size=2, max_size=25), st.floats(0, 0.9), st.floats(0, 0.9), st.floats(0.05, 20),
    st.floats(0, 0.3),
)  # fmt: skip
def test_covariances_are_covariances(radii, constant, part, length, floor):
    shared = SharedErrors(constant, part * (1 - constant), length, 1.0, floor)
    err = np.linspace(0.1, 0.4, len(radii))
    found = shared.covariance(err, np.array(radii))
    np.testing.assert_allclose(found, found.T, atol=1e-300)  # numbers below the normal range have few digits
    np.testing.assert_allclose(np.diag(found), err**2 + floor**2)
    assert np.linalg.eigvalsh(found).min() > 0


def test_independent_errors_are_those_of_least_squares(rng):
    radius, value, err = regions(rng)
    value = value + err * rng.standard_normal(len(err))
    (slope, intercept), covariance = np.polyfit(radius, value, 1, w=1 / err, cov="unscaled")
    line = fit_line(radius, value, err, ALONE)
    np.testing.assert_allclose(line, [slope, covariance[0, 0] ** 0.5, intercept, covariance[1, 1] ** 0.5])


def test_the_line_is_weighted_and_its_error_is_propagated(rng):
    """Against a direct simulation of the estimate on noise of the covariance, and numpy's weighted line."""
    radius, value, err = regions(rng)
    value = value + rng.normal(0, 0.1, len(err))
    covariance = SHARED.covariance(err, radius)
    weights = np.diag(covariance) ** -0.5
    line = fit_line(radius, value, err, SHARED)
    np.testing.assert_allclose([line.slope, line.intercept], np.polyfit(radius, value, 1, w=weights))
    noise = np.linalg.cholesky(covariance) @ rng.standard_normal((len(radius), 20_000))
    slopes, centres = np.polyfit(radius, noise, 1, w=weights)
    assert line.slope_err == pytest.approx(slopes.std(), rel=0.03)
    assert line.intercept_err == pytest.approx(centres.std(), rel=0.03)


def test_what_all_regions_share_moves_the_centre_and_not_the_slope(rng):
    radius, value, _ = regions(rng)
    err = np.full(len(radius), 0.2)
    some, much = (fit_line(radius, value, err, SharedErrors(share, 0.0, 1.0, 1.0)) for share in (0.0, 0.9))
    assert much.slope_err == pytest.approx(some.slope_err * np.sqrt(0.1), rel=1e-6)
    assert much.intercept_err > 2 * some.intercept_err


def test_errors_hold_where_errors_are_drawn_so(rng):
    radius, value, err = regions(rng, 25)
    lower = np.linalg.cholesky(SHARED.covariance(err, radius))
    pulls, centres, means = [], [], []
    for _ in range(3000):
        line = fit_line(radius, value + lower @ rng.standard_normal(len(radius)), err, SHARED)
        pulls.append((line.slope + 0.2) / line.slope_err)
        centres.append((line.intercept - 9.5) / line.intercept_err)
        means.append(float(np.mean(lower @ rng.standard_normal(len(radius)))) / mean_error(radius, err, SHARED))
    for found in (pulls, centres, means):
        assert np.std(found) == pytest.approx(1, abs=0.05)
        assert np.mean(found) == pytest.approx(0, abs=0.07)


def test_errors_of_means():
    radius, err = np.zeros(4), np.full(4, 0.2)
    assert mean_error(radius, err, ALONE) == pytest.approx(0.1)
    assert mean_error(radius, err, SharedErrors(1.0, 0.0, 1.0, 1.0)) == pytest.approx(0.2)
    assert mean_error(radius[:1], err[:1], SHARED) == pytest.approx(np.hypot(0.24, 0.05))


def test_no_line_through_one_radius():
    assert np.isnan(fit_line(np.full(5, 0.3), np.arange(5.0), np.full(5, 0.1), SHARED)).all()


@pytest.mark.parametrize(
    "wrong", [{"constant": -0.1}, {"constant": 0.8, "radial": 0.3}, {"length_re": 0.0}, {"factor": 0.0}, {"floor": -1}]
)
def test_numbers_that_make_no_covariance(wrong):
    with pytest.raises(AgezError, match="shared errors"):
        replace(SHARED, **wrong)


def test_what_is_known_of_which_quantity():
    assert shared_errors("mh_mw") is SHARED_ERRORS["images"]["any"]["mh_lw"]
    assert shared_errors("mh_mw", model="my own") is SHARED_ERRORS["images"]["any"]["mh_lw"]
    assert shared_errors("mh_mw", model="splus") is SHARED_ERRORS["images"]["splus"]["mh_lw"]
    assert shared_errors("av", kind="spectra") is SHARED_ERRORS["spectra"]["any"]["log_age_lw"]
    with pytest.raises(AgezError, match="images, spectra, labels"):
        shared_errors("mh_lw", kind="dreams")


def test_gradients_know_errors_and_need_few_regions(rng):
    radius = np.array([0.1, 0.4, 0.8, 1.5])
    value, err = 9.5 - 0.3 * radius, np.array([0.1, 0.2, 0.1, 0.1])
    both = np.stack([value, value], axis=1)
    errors = np.stack([err, np.where(radius < 0.5, err, np.nan)], axis=1)
    found = gradients_with_errors(np.full(4, "G"), radius, both, errors, names=("log_age_lw", "mh_lw"), rng=rng)
    assert found.slope[0, 0] == pytest.approx(-0.3)
    line = fit_line(radius[:3], value[:3], err[:3], shared_errors("log_age_lw"))
    assert (found.slope_err[0, 0], found.intercept_err[0, 0]) == (line.slope_err, line.intercept_err)
    assert np.isnan(found.slope[0, 1])
    assert "2 points" in found.reason[0, 1]
    with pytest.raises(AgezError, match="errors have shape"):
        gradients_with_errors(np.full(4, "G"), radius, both, err, names=("a", "b"), rng=rng)


def test_without_errors_the_error_is_that_of_independent_points(rng):
    radius = rng.uniform(0, 1, 400)
    ratios = []
    for _ in range(30):
        value = 9.0 - 0.1 * radius + rng.normal(0, 0.1, 400)
        found = radial_gradient(radius, value, rng=rng, min_outside=0)
        ratios.append(found.slope_err / np.sqrt(np.polyfit(radius, value, 1, cov=True)[1][0, 0]))
        assert found.slope_err == pytest.approx(found.slope_scatter * np.sqrt(3))
    assert np.median(ratios) == pytest.approx(1, abs=0.1)
