"""Rows of which one band is contradicted by the others are answered without it, and say so."""

from dataclasses import replace

import numpy as np
import pytest
from made_up_posterior import small_model, small_photometry

from agez.flags import Flag, has_flag
from agez.models.predict import predict
from agez.novelty.leave_one_band_out import CONTRADICTED_SIGMA
from agez.tables.prediction_files import read_prediction, write_prediction


@pytest.fixture(scope="module")
def spoilt():
    """Rows of S/N 50, and the same with the ninth band of every other one off by a factor of two."""
    photometry, _ = small_photometry(60, snr=(50.0, 51.0), complete=1.0, calibration=(1e-3, 2e-3),
                                     zero_points=(1e-3, 2e-3))  # fmt: skip
    flux = photometry.flux.copy()
    flux[::2, 8] *= 2.0
    return photometry, replace(photometry, flux=flux)


def with_bands(photometry, covered):
    flux, error = (np.where(covered, one, np.nan) for one in (photometry.flux, photometry.flux_err))
    return replace(photometry, flux=flux, flux_err=error, covered=covered)


@pytest.mark.parametrize("compiled", [False, True])
def test_a_band_off_by_a_factor_of_two_is_left_out_and_named(spoilt, compiled):
    if compiled:
        pytest.importorskip("numba")
    good, bad = spoilt
    got = predict(small_model(), bad, compiled=compiled)
    named = got.worst_band[::2]
    assert (named == good.bands.names[8]).all()
    assert (got.worst_band_sigma[::2] > CONTRADICTED_SIGMA).all()
    assert has_flag(got.flags[::2], Flag.BAND_CONTRADICTED).all()
    covered = good.covered.copy()
    covered[::2, 8] = False
    without = predict(small_model(), with_bands(bad, covered), compiled=compiled)
    rows = np.flatnonzero((np.arange(60) % 2 == 0) & (without.worst_band == ""))  # of some a second one would go
    assert len(rows) > 25
    for name in ("mean", "quantiles", "ood"):
        of_both = (getattr(one, name)[rows] for one in (got, without))
        np.testing.assert_allclose(*of_both, rtol=1e-3, atol=1e-3, err_msg=name)


def test_rows_beside_it_stay_as_they_were(spoilt):
    good, bad = spoilt
    before, after = (predict(small_model(), one, compiled=False) for one in (good, bad))
    np.testing.assert_allclose(before.mean[1::2], after.mean[1::2], rtol=1e-5, atol=1e-5)
    assert (after.worst_band[1::2] == "").mean() > 0.9
    named = after.worst_band != ""
    np.testing.assert_array_equal(named, np.abs(after.worst_band_sigma) > CONTRADICTED_SIGMA)
    np.testing.assert_array_equal(named, has_flag(after.flags, Flag.BAND_CONTRADICTED))


def test_both_roads_name_the_same_bands(spoilt):
    pytest.importorskip("numba")
    slow, fast = (predict(small_model(), spoilt[1], compiled=one) for one in (False, True))
    np.testing.assert_array_equal(slow.worst_band, fast.worst_band)
    np.testing.assert_allclose(slow.worst_band_sigma, fast.worst_band_sigma, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", ["rows.fits", "rows.csv", "rows.ecsv", "rows.parquet"])
def test_tables_name_it(spoilt, tmp_path, name):
    got = predict(small_model(), spoilt[1], compiled=False)
    write_prediction(tmp_path / name, got)
    back = read_prediction(tmp_path / name)
    np.testing.assert_array_equal(back.worst_band, got.worst_band)
    np.testing.assert_allclose(back.worst_band_sigma, got.worst_band_sigma, rtol=1e-6)


def test_rows_of_as_few_bands_as_are_needed_keep_theirs(spoilt):
    covered = np.zeros_like(spoilt[1].covered)
    covered[:, 3:8] = True
    got = predict(small_model(), with_bands(spoilt[1], covered), compiled=False)
    assert np.isfinite(got.mean).all()
    assert not has_flag(got.flags, Flag.BAND_CONTRADICTED).any()
