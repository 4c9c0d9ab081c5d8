"""Predictions that are distributions: each row by itself, bands by name, flags, and files that keep it all."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agez.distributions.marginals import marginal_cdf
from agez.distributions.mixture import moments
from agez.errors import AgezError
from agez.flags import Flag, has_flag
from agez.models.predict import predict
from agez.tables.prediction_files import read_prediction, write_prediction
from agez.targets import PAPER_TARGETS
from agez.types import Bands

sys.path.append(str(Path(__file__).resolve().parents[1] / "posterior"))
from made_up_posterior import RANGE, small_model, small_photometry

ANSWERS = ("log_age_lw", "log_age_lw_err", "mh_lw", "mh_lw_err", "mh_lw_p025", "mh_lw_p975", "correlation", "chi2")


@pytest.fixture(scope="module")
def model():
    return small_model()


@pytest.fixture(scope="module")
def photometry():
    return small_photometry(200)[0]


@pytest.fixture(scope="module")
def whole(model, photometry):
    return predict(model, photometry)


def close(a, b, atol=1e-5):
    assert a.column_names() == b.column_names()
    for name in a.column_names():
        if name == "worst_band":
            np.testing.assert_array_equal(a.worst_band, b.worst_band)
            continue
        loose = 2e-3 if name in ("ood", "chi2", "chi2_nearest", "worst_band_sigma") else 0
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), rtol=loose, atol=max(atol, loose), err_msg=name)


def without(photometry, where):
    """The same with the bands of ``where`` (n, b) not observed."""
    keep = photometry.covered & ~where
    flux, error = (np.where(keep, one, np.nan) for one in (photometry.flux, photometry.flux_err))
    return replace(photometry, flux=flux, flux_err=error, covered=keep)


def test_answers_are_near_the_truth_and_the_columns_are_those_of_the_mixture(model, whole):
    labels = small_photometry(200)[1]
    mean, _, correlation = moments(whole.mixture)
    np.testing.assert_array_equal(whole.correlation, correlation)
    for t, target in enumerate(PAPER_TARGETS):
        np.testing.assert_array_equal(getattr(whole, target), mean[:, t])
        assert np.std(getattr(whole, target) - labels[:, t]) < (0.75, 0.97)[t] * np.std(labels[:, t])
        columns = [getattr(whole, f"{target}_{q}") for q in ("p025", "p16", "p50", "p84", "p975")]
        assert (np.diff(columns, axis=0) > 0).all()
        np.testing.assert_allclose(getattr(whole, f"{target}_err"), (columns[3] - columns[1]) / 2, rtol=1e-12)
        for column, level in zip(columns[1:4], (0.1586552539, 0.5, 0.8413447461), strict=True):
            np.testing.assert_allclose(marginal_cdf(whole.mixture, column, t), level, atol=1e-5)
        inside = np.mean((labels[:, t] > columns[1]) & (labels[:, t] < columns[3]))
        assert 0.55 < inside < 0.8
    assert not has_flag(whole.flags, Flag.TOO_FEW_BANDS | Flag.NO_DATA | Flag.REDSHIFT_OUTSIDE_MODEL).any()
    assert whole.meta["model"] == "small"


@pytest.mark.parametrize(("chunk_rows", "n"), [(1, 40), (7, 200), (199, 200)])
def test_a_row_depends_on_itself_alone(model, photometry, whole, chunk_rows, n):
    """To the rounding of single precision, which depends on how many rows are multiplied at once."""
    close(whole.take(slice(0, n)), predict(model, photometry.take(slice(0, n)), chunk_rows=chunk_rows))


def test_rows_in_another_order(model, photometry, whole):
    some = np.array([3, 100, 4])
    close(whole.take(some), predict(model, photometry.take(some)))


def test_bands_are_found_by_name(model, photometry, whole):
    names = photometry.bands.names
    extra = Bands(
        (*names, "Z"), (*photometry.bands.pivot_angstrom, 9e3), (*photometry.bands.fwhm_angstrom, 100.0), "user"
    )
    columns = {k: getattr(photometry, k) for k in ("flux", "flux_err", "covered")}
    wide = replace(photometry, bands=extra, **{k: np.column_stack([v, v[:, 0]]) for k, v in columns.items()})
    close(whole, predict(model, wide.select_bands(("Z", *names[::-1]))))


def test_the_unit_does_not_matter(model, photometry, whole):
    scaled = replace(photometry, flux=photometry.flux * 1e6, flux_err=photometry.flux_err * 1e6)
    close(whole, predict(model, scaled))


def test_bands_that_the_whole_table_lacks_are_missing_bands(model, photometry):
    names = photometry.bands.names
    gone = np.isin(np.arange(len(names)), (2, 5, 11))
    lacking = predict(model, photometry.select_bands([name for name, g in zip(names, gone, strict=True) if not g]))
    close(lacking, predict(model, without(photometry, np.broadcast_to(gone, photometry.flux.shape))))
    assert not has_flag(lacking.flags, Flag.BAND_FILLED).any()
    with pytest.raises(AgezError, match=r"lacks 12 of the model's 16 bands .*at most 11"):
        predict(model, photometry.select_bands(names[:4]))


def test_fewer_bands_and_more_noise_widen_the_error(model):
    full = small_photometry(200, complete=1.0, snr=(60.0, 60.0))[0]
    base = np.median(predict(model, full).log_age_lw_err)
    noisy = predict(model, replace(full, flux_err=full.flux_err * 8))
    half = predict(model, without(full, np.random.default_rng(0).random(full.flux.shape) < 0.5))
    assert np.median(noisy.log_age_lw_err) > 1.15 * base
    assert np.nanmedian(half.log_age_lw_err) > 1.02 * base
    assert np.isfinite(half.log_age_lw).mean() > 0.8


def test_rows_without_an_answer_are_nan_and_flagged_and_spoil_nothing(model, photometry, whole):
    where = np.zeros(photometry.flux.shape, bool)
    where[0, 4:], where[1] = True, True
    bad = without(photometry, where)
    flux, z = bad.flux.copy(), bad.redshift.copy()
    flux[2] *= -1
    flux[3] = np.where(bad.covered[3], 0.0, np.nan)
    z[4:7] = RANGE[1] + 0.1, RANGE[1] + 0.001, -0.5
    got = predict(model, replace(bad, flux=flux, redshift=z))
    flags = [Flag.TOO_FEW_BANDS, Flag.TOO_FEW_BANDS, Flag.NO_DATA, Flag.NO_DATA, Flag.REDSHIFT_OUTSIDE_MODEL]
    for row, flag in enumerate([*flags, None, Flag.REDSHIFT_OUTSIDE_MODEL]):
        for name in ANSWERS:
            assert np.isnan(getattr(got, name)[row]) == (flag is not None), (row, name)
        if flag is not None:
            assert has_flag(got.flags[row : row + 1], flag).all(), row
            assert np.isnan(got.mixture.weights[row]).all()
    close(got.take(slice(7, 200)), whole.take(slice(7, 200)))


def test_a_redshift_outside_within_its_error_is_answered(model, photometry):
    few = photometry.take(slice(0, 3))
    z, error = np.array([RANGE[1] + 0.02, RANGE[1] + 0.02, np.nan]), np.array([0.001, 0.02, np.nan])
    got = predict(model, replace(few, redshift=z, redshift_err=error))
    assert np.isfinite(got.log_age_lw).tolist() == [False, True, True]
    assert has_flag(got.flags, Flag.REDSHIFT_UNKNOWN).tolist() == [False, False, True]


def test_wild_values_stay_in_their_rows(model, photometry, whole):
    flux, error = photometry.flux.copy(), photometry.flux_err.copy()
    error[0], error[1], error[2] = np.nan, 0.0, np.where(np.isfinite(error[2]), 1e30, np.nan)
    flux[3] = np.where(photometry.covered[3], np.random.default_rng(0).normal(0.2, 1, 16), np.nan)
    error[3], error[4], error[5] = 1.0, np.inf, -1.0
    flux[6] *= 1e200
    error[6] *= 1e200
    got = predict(model, replace(photometry, flux=flux, flux_err=error))
    for name in ANSWERS[:4]:
        assert np.isfinite(getattr(got, name)[[0, 1, 2, 4, 5, 6]]).all(), name
    assert has_flag(got.flags[[0, 1, 5]], Flag.ERROR_ASSUMED).all()
    assert has_flag(got.flags[[2, 4]], Flag.LOW_SNR).all()
    close(got.take(slice(6, 200)), whole.take(slice(6, 200)))


def test_what_is_unlike_the_training_set_is_flagged(model, photometry, whole):
    flux = photometry.flux * np.where(np.arange(16) % 2 == 0, 1.4, 0.8)
    got = predict(model, replace(photometry, flux=flux))
    assert has_flag(got.flags, Flag.OUT_OF_DISTRIBUTION).mean() > 0.9
    assert has_flag(whole.flags, Flag.OUT_OF_DISTRIBUTION).mean() < 0.2
    np.testing.assert_array_equal(has_flag(got.flags, Flag.OUT_OF_DISTRIBUTION), got.ood > 1.0)


def test_no_rows(model, photometry):
    got = predict(model, photometry.take(slice(0, 0)))
    assert len(got) == 0
    assert len(got.mixture) == 0


@pytest.mark.parametrize("extension", ["fits", "ecsv", "parquet", "csv"])
def test_files(whole, model, photometry, tmp_path, extension):
    flux = photometry.flux.copy()
    flux[0] *= -1
    got = predict(model, replace(photometry, flux=flux))
    path = tmp_path / f"p.{extension}"
    write_prediction(path, got)
    back = read_prediction(path)
    assert back.column_names() == got.column_names()
    np.testing.assert_array_equal(back.worst_band, got.worst_band)
    for name in got.column_names():
        if name != "worst_band":
            np.testing.assert_allclose(getattr(back, name), getattr(got, name), rtol=1e-12, err_msg=name)
    for name in ("weights", "mean", "covariance"):  # stored in single precision
        np.testing.assert_allclose(
            getattr(back.mixture, name), getattr(got.mixture, name), rtol=2e-7, atol=1e-9, err_msg=name
        )
    assert np.isnan(back.mixture.weights[0]).all()
    assert back.rows.spec_id.tolist() == got.rows.spec_id.tolist()
    if extension in ("fits", "ecsv"):
        assert back.meta["labels"] == got.meta["labels"]
