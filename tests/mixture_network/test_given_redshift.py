"""A network that is not shown redshifts, times given ones: Bayes, and what broad redshifts may not do."""

from dataclasses import replace

import numpy as np
import pytest
from typical_photometry import typical_photometry

from agez.distributions.mixture import Mixture, log_density, moments
from agez.mixture_network.given_redshift import OUTLIER_SHARE, OUTLIER_WIDTH, times_given
from agez.models.features import redshift_unit
from agez.models.model_file import load_model
from agez.models.predict import predict

RANGE = (0.0, 0.5)
MIDDLE, HALF = 0.25, 0.25


def answers(n=6, k=3, d=3):
    """Mixtures of the redshift and two others, as a network of unknown redshifts gives them."""
    rng = np.random.default_rng(3)
    factor = np.tril(rng.normal(0, 0.15, (n, k, d, d))) + 0.2 * np.eye(d)
    covariance = factor @ factor.transpose(0, 1, 3, 2)
    first, second = np.tril_indices(d)
    weights = rng.dirichlet(np.ones(k), n)
    return Mixture(weights, rng.uniform(-0.5, 0.5, (n, k, d)), covariance[..., first, second])


def by_grid(m, row, at, given, error):
    """Mean and covariance (in the units of unknown redshifts) of the product with the given density, on a grid."""
    axis = np.linspace(-2.2, 2.2, 111)
    points = np.stack(np.meshgrid(*[axis] * m.n_targets, indexing="ij"), axis=-1).reshape(-1, m.n_targets)
    off = (MIDDLE + HALF * points[:, at] - given) / error
    told = sum(
        share / factor * np.exp(-0.5 * (off / factor) ** 2)
        for share, factor in ((1 - OUTLIER_SHARE, 1.0), (OUTLIER_SHARE, OUTLIER_WIDTH))
    )
    density = np.exp(log_density(m.take(np.full(len(points), row)), points)) * told
    density /= density.sum()
    mean = density @ points
    return mean, np.einsum("n,ni,nj->ij", density, points - mean, points - mean)


@pytest.mark.parametrize("at", [0, 2])
@pytest.mark.parametrize(("given", "error"), [(0.3, 0.05), (0.1, 0.08), (0.45, 0.15)])
def test_the_product_is_that_of_the_densities(at, given, error):
    m = answers()
    n = len(m)
    found = times_given(m, at, np.full(n, given), np.full(n, error), RANGE)
    origin, width = (one[0] for one in redshift_unit(np.full(1, given), np.full(1, error), RANGE))
    scale = np.ones(3)
    scale[at] = width / HALF
    shift = np.zeros(3)
    shift[at] = (origin - MIDDLE) / HALF
    mean, sigma, _ = moments(found)
    for row in range(n):
        expected, covariance = by_grid(m, row, at, given, error)
        np.testing.assert_allclose(shift + scale * mean[row], expected, atol=2e-3)
        np.testing.assert_allclose(scale * sigma[row], np.sqrt(np.diag(covariance)), rtol=5e-3)


def test_what_says_nothing_and_what_says_all():
    m = answers()
    nothing, exact = np.full(len(m), np.nan), np.full(len(m), 0.2)
    same = times_given(m, 1, nothing, nothing, RANGE)
    for name in ("weights", "mean", "covariance"):
        np.testing.assert_array_equal(getattr(same, name), getattr(m, name))
    wide = times_given(m, 1, exact, np.full(len(m), 1e4), RANGE)
    np.testing.assert_allclose(wide.weights, m.weights, rtol=1e-6)
    np.testing.assert_allclose(wide.mean[..., 0], m.mean[..., 0], atol=1e-6)
    mean, sigma, _ = moments(times_given(m, 1, exact, np.full(len(m), 1e-5), RANGE))
    unit = redshift_unit(exact, np.full(len(m), 1e-5), RANGE)[1]
    np.testing.assert_allclose(mean[:, 1] * unit, 0, atol=1e-5)
    assert (sigma[:, 1] * unit < 3e-5).all()


def test_a_row_does_not_hear_of_others_and_bad_ones_stay_nan():
    m = answers()
    z, err = np.array([0.1, np.nan, 0.3, 0.4, 0.2, 0.1]), np.array([0.02, np.nan, 0.0, np.nan, 0.3, 0.01])
    m.mean[4] = np.nan
    found = times_given(m, 0, z, err, RANGE)
    for row in range(len(m)):
        alone = times_given(m.take([row]), 0, z[[row]], err[[row]], RANGE)
        np.testing.assert_array_equal(alone.mean[0], found.mean[row])
    assert np.isnan(found.mean[4]).all()
    assert np.isfinite(np.delete(found.mean, 4, axis=0)).all()


def test_far_from_any_component_the_given_redshift_rules():
    m = answers()
    far, err = np.full(len(m), 60.0), np.full(len(m), 1e-3)
    mean, _, _ = moments(times_given(m, 0, far, err, RANGE))
    assert np.isfinite(mean).all()
    assert (np.abs(mean[:, 0] * redshift_unit(far, err, RANGE)[1]) < 0.1 * 60).all()


@pytest.fixture(scope="module", params=["jpas", "splus"])
def model(request):
    return load_model(request.param)


def seen(model, n, error, rng):
    photometry = typical_photometry(model, n, snr=30)
    if error is None:
        return replace(photometry, redshift=np.full(n, np.nan))
    low, high = model.header["redshift_range"]
    z = np.clip(photometry.redshift + error * rng.standard_normal(n), low, high)
    return replace(photometry, redshift=z, redshift_err=np.full(n, error))


def test_a_given_redshift_never_makes_an_answer_worse_than_none(model, rng):
    unknown = predict(model, seen(model, 1500, None, rng))
    truth = typical_photometry(model, 1500, snr=30).redshift
    for error in (0.01, 0.03, 0.1):
        given = predict(model, seen(model, 1500, error, rng))
        assert np.median(given.log_age_lw_err) <= np.median(unknown.log_age_lw_err) + 0.004
        off, other = (np.abs(one.redshift_phot_p50 - truth) for one in (given, unknown))
        assert np.median(off) <= 1.02 * np.median(other)
        assert np.median(off) < error


def test_answers_are_the_same_by_numpy_and_compiled(model, rng):
    pytest.importorskip("numba")
    rows = seen(model, 300, 0.05, rng)
    rows.redshift_err[::3] = 0.001
    slow, fast = (model.kind.answer(rows, compiled=one) for one in (False, True))
    np.testing.assert_allclose(fast.mean, slow.mean, atol=1e-4)
    np.testing.assert_allclose(fast.quantiles, slow.quantiles, atol=1e-4)
    np.testing.assert_array_equal(fast.flags, slow.flags)


def test_redshifts_inside_a_neighbourhood_of_the_limit_are_answered_alike(model, rng):
    """Where another network takes over, answers change by less than their errors."""
    limit = model.header["most_redshift_err"]
    rows = seen(model, 600, limit, rng)
    below, above = (predict(model, replace(rows, redshift_err=np.full(600, err))) for err in (limit, 1.001 * limit))
    step = (above.log_age_lw - below.log_age_lw) / below.log_age_lw_err
    assert np.median(np.abs(step)) < 0.4
    assert abs(np.median(step)) < 0.15
