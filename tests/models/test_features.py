"""What a network is shown: no unit, no neighbour, no missing band's value shows through, and all of it is finite."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_posterior import small_photometry, small_sky

from agez.models.features import ASSUMED_ERROR, contrasts, features, n_features, normalised, signals
from agez.training.sed_batches import scaling_of_seds

RANGE = (0.0, 0.02)


@pytest.fixture(scope="module")
def rows():
    photometry, _ = small_photometry(150)
    return photometry.flux, photometry.flux_err, photometry.covered, photometry.redshift, photometry.redshift_err


@pytest.fixture(scope="module")
def standard():
    return scaling_of_seds(small_sky(), RANGE, np.random.default_rng(0))


def shown(standard, flux, flux_err, covered, redshift, redshift_err):
    return features(normalised(flux, flux_err, covered), redshift, redshift_err, standard)


@given(st.floats(-250, 30).map(lambda power: 10.0**power))
def test_the_unit_of_flux_does_not_matter(rows, standard, unit):
    flux, error, covered, z, z_err = rows
    expected = shown(standard, *rows)
    np.testing.assert_allclose(shown(standard, flux * unit, error * unit, covered, z, z_err), expected, atol=2e-5)


def test_a_million_times_brighter_is_the_same(rows, standard):
    flux, error, covered, z, z_err = rows
    got = shown(standard, flux * 1e6, error * 1e6, covered, z, z_err)
    np.testing.assert_allclose(got, shown(standard, *rows), atol=1e-5)


@pytest.mark.parametrize("value", [np.nan, 1e9, -1e9, np.inf, 0.0])
def test_what_a_missing_band_holds_does_not_matter(rows, standard, value):
    flux, error, covered, z, z_err = rows
    expected = shown(standard, *rows)
    for held in ((value, error), (flux, value), (value, value)):
        f, e = (np.where(covered, one, there) for one, there in zip((flux, error), held, strict=True))
        np.testing.assert_array_equal(shown(standard, f, e, covered, z, z_err), expected)


def test_a_missing_band_is_zero_in_all_its_features(rows, standard):
    covered = rows[2]
    assert not covered.all()
    got = shown(standard, *rows)
    b = covered.shape[1]
    blocks = got[:, : got.shape[1] // b * b].reshape(len(got), -1, b)
    per_band = (got.shape[1] - n_features(0)) // b
    blocks = got[:, : per_band * b].reshape(len(got), per_band, b)
    assert got.shape == (len(covered), n_features(b))
    assert (blocks.transpose(1, 0, 2)[:, ~covered] == 0).all()
    # one of them is the mask
    assert any(np.array_equal(block, covered) for block in blocks.transpose(1, 0, 2))


def test_a_row_does_not_depend_on_other_rows(rows, standard):
    expected = shown(standard, *rows)
    chosen = np.array([7, 3, 100])
    np.testing.assert_allclose(shown(standard, *(one[chosen] for one in rows)), expected[chosen], rtol=1e-4, atol=5e-5)
    spoilt = [one.copy() for one in rows]
    spoilt[0][50], spoilt[2][51], spoilt[3][52] = 1e20, False, np.nan
    got = shown(standard, *spoilt)
    np.testing.assert_array_equal(np.delete(got, [50, 51, 52], axis=0), np.delete(expected, [50, 51, 52], axis=0))


def test_bands_in_another_order_have_the_same_scale_and_mask(rows):
    flux, error, covered, *_ = rows
    one, other = normalised(flux, error, covered), normalised(flux[:, ::-1], error[:, ::-1], covered[:, ::-1])
    np.testing.assert_allclose(one.scale, other.scale, rtol=1e-5)
    np.testing.assert_allclose(one.flux, other.flux[:, ::-1], rtol=1e-5)
    np.testing.assert_array_equal(one.covered, other.covered[:, ::-1])


@pytest.mark.parametrize(
    "kind",
    ["none", "one band", "negative", "zero", "noise", "all errors unknown", "huge error", "huge flux", "tiny error",
     "zero error", "far redshift", "no redshift"],
)  # fmt: skip
def test_wild_rows_stay_finite(rows, standard, kind):
    flux, error, covered, z, z_err = (one.copy() for one in rows)
    if kind == "none":
        covered[:] = False
    elif kind == "one band":
        covered[:] = False
        covered[:, 4] = True
        flux[:, 4], error[:, 4] = 3.0, 0.1
    elif kind == "negative":
        flux = -flux
    elif kind == "zero":
        flux = np.where(covered, 0.0, flux)
    elif kind == "noise":
        flux = np.where(covered, np.random.default_rng(0).normal(size=flux.shape), flux)
        error = np.where(covered, 1.0, error)
    elif kind == "all errors unknown":
        error[:] = np.nan
    elif kind == "huge error":
        error[::2, ::3], error[1::2, ::3] = 1e300, np.inf
    elif kind == "huge flux":
        flux[::2, ::3] *= 1e15
    elif kind == "tiny error":
        error = error * 1e-12
    elif kind == "zero error":
        error = error * 0.0
    elif kind == "far redshift":
        z[:] = 7.0
    else:
        z[:], z_err[:] = np.nan, np.nan
    seds = normalised(flux, error, covered)
    assert (seds.scale > 0).all()
    assert np.isfinite(signals(seds)[np.broadcast_to(covered[:, None], signals(seds).shape)]).all()
    got = features(seds, z, z_err, standard)
    assert got.dtype == np.float32
    assert np.isfinite(got).all()
    assert np.abs(got).max() < 1e3


def test_no_rows(rows, standard):
    got = shown(standard, *(one[:0] for one in rows))
    assert got.shape == (0, n_features(rows[0].shape[1]))


def test_unknown_errors_are_assumed_and_said(rows):
    flux, error, covered, *_ = rows
    error = error.copy()
    error[3], error[4, 2:5] = np.nan, np.nan
    covered = covered.copy()
    covered[3:5] = True
    flux = np.where(np.isfinite(flux), flux, np.nanmean(flux, axis=1, keepdims=True))
    error[4] = np.where(np.arange(len(error[4])) < 2, 0.01 * flux[4], error[4])
    seds = normalised(flux, error, covered)
    assert seds.assumed[[3, 4]].all()
    assert not seds.assumed[:3].any()
    typical = np.abs(seds.flux[3]).mean()
    np.testing.assert_allclose(seds.flux_err[3], ASSUMED_ERROR * typical, rtol=1e-4)


def test_the_scale_is_the_mean_flux_and_its_units_are_the_users(rows):
    flux, error, covered, *_ = rows
    flat = np.where(covered, 7.0, np.nan)
    seds = normalised(flat, np.where(covered, 0.1, np.nan), covered)
    np.testing.assert_allclose(seds.scale, 7.0, rtol=1e-5)
    np.testing.assert_allclose(seds.flux[covered], 1.0, rtol=1e-5)
    np.testing.assert_allclose(seds.flux_err[covered], 0.1 / 7, rtol=1e-5)
    back = normalised(flux, error, covered)
    np.testing.assert_allclose((back.flux * back.scale[:, None])[covered], flux[covered], rtol=1e-5)


def test_contrasts_see_lines_and_not_slopes():
    t = np.linspace(-1, 1, 30)
    covered = np.ones((3, 30), bool)
    flux = np.stack([np.ones(30), 1 + 0.2 * t, np.where(np.arange(30) == 15, 0.9, 1.0)])
    got = contrasts(normalised(flux, np.full((3, 30), 0.001), covered))
    np.testing.assert_allclose(got[0], 0, atol=1e-5)
    assert np.abs(got[1, :, 12:18]).max() < 0.01
    assert (got[2, :, 15] < -0.06).all()
    assert (np.abs(np.delete(got[2], 15, axis=1)) < 0.04).all()


def test_an_exact_redshift_and_one_without_error_are_the_same(rows, standard):
    flux, error, covered, z, _ = rows
    n = len(z)
    exact, unsaid, rough, unknown = (
        shown(standard, flux, error, covered, one, other)
        for one, other in ((z, np.zeros(n)), (z, np.full(n, np.nan)), (z, np.full(n, 0.01)), (np.full(n, np.nan), z))
    )
    np.testing.assert_array_equal(exact, unsaid)
    assert (exact != rough).any(axis=1).all()
    assert (unknown[:, -8:] == unknown[:1, -8:]).all()  # nothing of the redshift is left
