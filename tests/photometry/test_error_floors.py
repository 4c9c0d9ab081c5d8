"""Error floors."""

from dataclasses import replace

import numpy as np
import pytest
from made_up_sample import made_up_sample

from agez.errors import AgezError
from agez.photometry.error_floors import with_error_floor


@pytest.fixture
def photometry():
    return made_up_sample(5, missing=0.2).photometry


def test_a_floor_adds_in_quadrature(photometry):
    got = with_error_floor(photometry, 0.03)
    np.testing.assert_allclose(got.flux_err**2, photometry.flux_err**2 + (0.03 * photometry.flux) ** 2)
    assert np.array_equal(got.flux, photometry.flux, equal_nan=True)
    assert np.array_equal(with_error_floor(photometry, 0.0).flux_err, photometry.flux_err, equal_nan=True)


def test_an_unknown_error_becomes_the_floor_and_missing_bands_stay_missing(photometry):
    unknown = replace(photometry, flux_err=np.full(photometry.flux.shape, np.nan))
    got = with_error_floor(unknown, 0.05)
    np.testing.assert_allclose(got.flux_err, 0.05 * np.abs(photometry.flux))
    assert np.array_equal(np.isfinite(got.flux_err), photometry.covered)
    assert np.isnan(with_error_floor(unknown, 0.0).flux_err).all()


def test_a_negative_flux_has_a_positive_error(photometry):
    negative = replace(photometry, flux=-photometry.flux)
    assert np.array_equal(
        with_error_floor(negative, 0.1).flux_err, with_error_floor(photometry, 0.1).flux_err, equal_nan=True
    )


def test_floors_by_band(photometry):
    first, second = photometry.bands.names[:2]
    got = with_error_floor(photometry, {second.lower(): 0.1})
    assert np.array_equal(got.flux_err[:, 0], photometry.flux_err[:, 0], equal_nan=True)
    np.testing.assert_allclose(got.flux_err[:, 1], np.hypot(photometry.flux_err[:, 1], 0.1 * photometry.flux[:, 1]))
    with pytest.raises(AgezError, match="band 'J9999' is unknown"):
        with_error_floor(photometry, {first: 0.1, "J9999": 0.1})


@pytest.mark.parametrize("floor", [-0.01, 1.0, np.nan, np.inf])
def test_a_floor_is_a_fraction(photometry, floor):
    with pytest.raises(AgezError, match="expected a fraction of the flux, 0 to below 1"):
        with_error_floor(photometry, floor)
