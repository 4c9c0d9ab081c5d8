"""Surveys: errors are what they say, missing bands and calibration as asked for, nothing else changes."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import ndtr

from agez.errors import AgezError
from agez.mixture_network.given_redshift import OUTLIER_WIDTH
from agez.training_seds.observe import Survey, observe, observe_redshift, smooth_waves

N, B = 4000, 30
PIVOT = np.linspace(3800.0, 9000.0, B)
#: No noise that matters, no calibration error, no band missing.
PERFECT = Survey(
    snr=(1e7, 1e7), calibration=(1e-9, 1e-9), zero_points=(1e-9, 1e-9), noise_tilt=0.0, noise_scatter=0.0,
    error_scatter=0.0, complete=1.0,
)  # fmt: skip


@pytest.fixture(scope="module")
def flux():
    t = np.linspace(-1, 1, B)
    return (1 + np.random.default_rng(1).uniform(-0.5, 0.5, (N, 1)) * t).astype(np.float32)


def seen(flux, seed=0, present=None, **changes):
    present = np.ones(flux.shape, bool) if present is None else present
    return observe(flux, present, PIVOT, np.random.default_rng(seed), survey=replace(PERFECT, **changes))


def test_a_perfect_survey_changes_nothing(flux):
    got = seen(flux)
    np.testing.assert_allclose(got.flux, flux, rtol=2e-6)
    assert got.covered.all()


@pytest.mark.parametrize("tilt", [0.0, 0.25])
def test_the_scatter_is_the_error_that_is_told(flux, tilt):
    got = seen(flux, snr=(20.0, 20.0), noise_tilt=tilt, noise_scatter=tilt / 2)
    pull = (got.flux - flux) / got.flux_err
    assert pull.mean() == pytest.approx(0, abs=4 / np.sqrt(N * B))
    assert pull.std() == pytest.approx(1, abs=0.01)
    np.testing.assert_allclose(pull.std(axis=0), 1, atol=0.06)
    assert np.median(got.flux_err) == pytest.approx(1 / 20, rel=0.05)
    spread = np.log10(got.flux_err).std()
    assert spread == pytest.approx(np.hypot(tilt, tilt / 2), abs=0.01)


def test_neighbouring_bands_are_noisy_alone(flux):
    got = seen(flux, snr=(20.0, 20.0))
    pull = (got.flux - flux) / got.flux_err
    correlation = np.corrcoef(pull.T)[~np.eye(B, dtype=bool)]
    assert np.abs(correlation).max() < 5 / np.sqrt(N)


def test_errors_can_be_told_wrongly(flux):
    told = seen(flux, snr=(20.0, 20.0), error_scatter=0.3).flux_err
    np.testing.assert_allclose(np.log(told * 20).std(axis=0), 0.3, rtol=0.06)
    np.testing.assert_allclose(np.ptp(np.log(told), axis=1), 0, atol=1e-5)


def test_calibration_errors_have_the_rms_that_is_asked_for(flux):
    for changes in ({"calibration": (0.02, 0.02)}, {"zero_points": (0.02, 0.02)}):
        off = seen(flux, **changes).flux / flux - 1
        assert off.std() == pytest.approx(0.02, rel=0.03)
        assert off.mean() == pytest.approx(0, abs=1e-3)
    both = seen(flux, calibration=(0.02, 0.02), zero_points=(0.01, 0.01)).flux / flux - 1
    assert both.std() == pytest.approx(np.hypot(0.02, 0.01), rel=0.03)


def test_one_kind_of_calibration_error_is_smooth_and_the_other_is_not(flux):
    smooth = seen(flux, calibration=(0.02, 0.02)).flux / flux - 1
    rough = seen(flux, zero_points=(0.02, 0.02)).flux / flux - 1
    assert np.diff(smooth, axis=1).std() < 0.2 * smooth.std()
    assert np.diff(rough, axis=1).std() == pytest.approx(np.sqrt(2) * rough.std(), rel=0.03)


def test_smooth_waves_have_unit_rms():
    for pivot in (PIVOT, np.array([3800.0, 5000.0, 5100.0, 9000.0])):
        assert (smooth_waves(pivot) ** 2).sum(axis=0).mean() == pytest.approx(1)
    assert np.isfinite(smooth_waves(np.array([5000.0]))).all()


def test_signal_to_noise_is_log_uniform_in_its_range(flux):
    snr = 1 / seen(flux, snr=(3.0, 300.0)).flux_err[:, 0]
    assert snr.min() >= 3 * 0.999
    assert snr.max() <= 300 * 1.001
    assert (snr < 30).mean() == pytest.approx(0.5, abs=0.04)


def test_missing_bands(flux):
    assert seen(flux, complete=1.0).covered.all()
    kept = seen(flux, complete=0.3, most_missing=0.75, least_bands=6).covered
    assert 0.27 < kept.all(axis=1).mean() < 0.45  # some others lose none by chance
    assert kept.sum(axis=1).min() >= 6
    worst = seen(flux, complete=0.0, most_missing=1.0, least_bands=2).covered.sum(axis=1)
    assert worst.min() >= 2
    assert (worst < 6).any()
    # a good part has lost all bands beyond a range of wavelengths
    ends = ~kept[:, 0] & ~kept[:, 1] & ~kept[:, 2] | ~kept[:, -1] & ~kept[:, -2] & ~kept[:, -3]
    assert 0.15 < ends.mean() < 0.6


def test_bands_that_cannot_be_seen_stay_unseen(flux):
    present = np.ones(flux.shape, bool)
    present[:, 20:] = False
    assert not seen(flux, present=present, complete=0.0, most_missing=0.9).covered[:, 20:].any()


def test_the_same_seed_sees_the_same(flux):
    for one, other in zip(seen(flux, 3, snr=(5, 50)), seen(flux, 3, snr=(5, 50)), strict=True):
        np.testing.assert_array_equal(one, other)


def test_redshifts():
    z = np.random.default_rng(0).uniform(0, 0.1, 20000)
    survey = Survey(redshift_known=0.4, redshift_err=(1e-3, 1e-2))
    got, error = observe_redshift(z, (0.0, 0.1), np.random.default_rng(2), survey=survey)
    assert (error == 0).mean() == pytest.approx(0.4, abs=0.02)
    np.testing.assert_array_equal(got[error == 0], z[error == 0])
    some = error > 0
    assert error[some].min() >= 0.999e-3
    assert error[some].max() <= 1.001e-2
    assert ((got >= 0) & (got <= 0.1)).all()
    inner = some & (z > 0.05) & (z < 0.055)  # far from the ends, nothing was cut
    pull = (got - z)[inner] / error[inner]
    assert pull.std() == pytest.approx(1, abs=0.1)
    assert pull.mean() == pytest.approx(0, abs=0.15)


def test_some_redshifts_are_unknown():
    z, z_err = observe_redshift(
        np.full(N, 0.3), (0.0, 1.0), np.random.default_rng(2), survey=Survey(redshift_known=0.4, redshift_unknown=0.25)
    )
    assert np.mean(np.isnan(z)) == pytest.approx(0.25, abs=0.03)
    assert np.array_equal(np.isnan(z), np.isnan(z_err))
    assert np.mean(z_err == 0) == pytest.approx(0.4, abs=0.03)


def test_blue_zero_points_scatter_more(flux):
    off = np.log(seen(flux, zero_points=(0.01, 0.01), blue_zero_points=4.0).flux / flux)
    blue = PIVOT < 4050
    assert 0 < blue.sum() < B
    assert off[:, blue].std() == pytest.approx(0.04, rel=0.05)
    assert off[:, ~blue].std() == pytest.approx(0.01, rel=0.05)


def test_one_band_of_some_seds_is_off(flux):
    off = np.log(seen(flux, bad_band=0.3, bad_band_size=0.2).flux / flux)
    wrong = np.abs(off) > 1e-5
    assert (wrong.sum(axis=1) <= 1).all()
    assert wrong.any(axis=1).mean() == pytest.approx(0.3, abs=0.03)
    assert off[wrong].std() == pytest.approx(0.2, rel=0.1)
    assert (wrong.sum(axis=0) > 0).all()


def test_measured_zero_points_scatter_as_measured_whatever_the_noise(flux):
    rms = tuple(np.linspace(0.0, 0.1, B))
    off = 2.5 * np.log10(seen(flux, band_zero_points=rms, band_zero_points_factor=(1.0, 1.0)).flux / flux)
    np.testing.assert_allclose(off.std(axis=0), rms, rtol=0.06, atol=1e-6)
    half = 2.5 * np.log10(seen(flux, band_zero_points=rms, band_zero_points_factor=(0.5, 0.5)).flux / flux)
    np.testing.assert_allclose(half.std(axis=0), np.array(rms) / 2, rtol=0.06, atol=1e-6)


def test_measured_zero_points_of_other_bands_are_refused(flux):
    with pytest.raises(AgezError, match="3 values for 30 bands"):
        seen(flux, band_zero_points=(0.1, 0.1, 0.1))


def test_understated_errors_are_smaller_than_the_scatter(flux):
    got = seen(flux, snr=(20.0, 20.0), errors_understated=(0.4, 0.4))
    pull = (got.flux - flux) / got.flux_err
    assert pull.std() == pytest.approx(np.exp(0.4), rel=0.01)
    told = 20 * seen(flux, snr=(20.0, 20.0), errors_understated=(0.0, 0.5)).flux_err[:, 0]
    assert (-np.log(told)).max() == pytest.approx(0.5, abs=0.01)
    assert (-np.log(told)).mean() == pytest.approx(0.25, abs=0.01)


def test_redshifts_have_tails():
    z = np.full(40000, 0.5)
    survey = Survey(redshift_known=0.0, redshift_err=(1e-3, 1e-3), redshift_tail=0.1)
    got, _ = observe_redshift(z, (0.0, 1.0), np.random.default_rng(2), survey=survey)
    pull = (got - z) / 1e-3
    assert np.mean(np.abs(pull) > 4) == pytest.approx(0.1 * 2 * ndtr(-4 / OUTLIER_WIDTH), abs=0.004)
    assert np.median(np.abs(pull)) < 0.8  # 0.67 without tails
