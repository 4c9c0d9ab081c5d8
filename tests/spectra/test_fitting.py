"""The spectral fit gives back the stars, the motion and the noise that spectra were made with."""

from dataclasses import replace

import numpy as np
import pytest
from spectra_factory import light_fractions, observe

from agez.errors import AgezError
from agez.flags import Flag, has_flag
from agez.label_types import Labels
from agez.spectra.fit_settings import FitSettings
from agez.spectra.fitting import fit_labels
from agez.spectra.label_files import read_labels, write_labels


@pytest.fixture(scope="module")
def grid(toy_grid):
    """The invented grid, declared to have the data's resolution so that no slow convolution is needed."""
    return replace(toy_grid, fwhm_angstrom=6.0)


@pytest.fixture(scope="module")
def case(grid):
    rng = np.random.default_rng(5)
    n = 24
    fractions = light_fractions(grid, n, rng)
    velocity, sigma = rng.uniform(-250, 250, n), rng.uniform(60, 280, n)
    x = np.linspace(-1, 1, 1878)
    continuum = np.exp(0.15 * rng.normal(size=(n, 1)) * x + 0.05 * rng.normal(size=(n, 1)) * x**2)
    spectra = observe(
        grid, fractions, velocity_kms=velocity, sigma_kms=sigma, snr=60.0, rng=rng, continuum=continuum
    )  # fmt: skip
    return spectra, fractions, velocity, sigma, fit_labels(spectra, grid)


def truth(grid, fractions):
    return (fractions.sum(axis=2) @ grid.log_age, fractions.sum(axis=1) @ grid.mh)


def test_recovers_what_was_put_in(grid, case):
    _, fractions, velocity, sigma, labels = case
    age, mh = truth(grid, fractions)
    assert np.median(np.abs(labels.log_age_lw - age)) < 0.06
    assert np.median(np.abs(labels.mh_lw - mh)) < 0.08
    assert np.abs(np.median(labels.log_age_lw - age)) < 0.06  # the prior pulls: this grid has only 8 ages
    assert np.median(np.abs(labels.velocity_kms - velocity)) < 12
    assert np.median(np.abs(labels.sigma_kms - sigma)) < 25
    edge = has_flag(labels.flags, Flag.ON_GRID_EDGE)
    assert np.all(labels.flags[~edge] == 0)
    assert edge.sum() <= 2  # the fit of a blob near the poor end may lean on it
    assert np.median(labels.snr) == pytest.approx(60.0, rel=0.1)


def test_chi2_means_what_it_says(case):
    labels = case[-1]
    assert np.median(labels.chi2) == pytest.approx(1.0, abs=0.06)


def test_wrong_errors_show_in_chi2_and_are_flagged(grid, case):
    spectra = case[0]
    labels = fit_labels(replace(spectra.take(slice(0, 4)), flux_err=spectra.flux_err[:4] / 2), grid)
    assert np.all(labels.chi2 > 2)
    assert np.all(has_flag(labels.flags, Flag.BAD_CHI2))


def test_means_agree_with_the_weights(grid, case):
    labels = case[-1]
    assert np.allclose(labels.weights.sum(axis=(1, 2)), 1, atol=1e-5)
    assert np.all(labels.weights >= 0)
    age, mh = truth(grid, labels.weights.astype(float))
    np.testing.assert_allclose(labels.log_age_lw, age, atol=1e-4)
    np.testing.assert_allclose(labels.mh_lw, mh, atol=1e-4)
    mass = labels.weights / grid.light
    mass_age = (mass.sum(axis=2) @ grid.log_age) / mass.sum(axis=(1, 2))
    np.testing.assert_allclose(labels.log_age_mw, mass_age, atol=1e-4)


def test_attenuation_is_recovered(grid):
    from agez.spectra.dust import attenuation_curve

    rng = np.random.default_rng(8)
    n = 12
    fractions = light_fractions(grid, n, rng)
    av = rng.uniform(0.1, 1.0, n)
    rest = np.arange(3745.0, 7500.1, 2.0) / 1.01
    dust = 10 ** (-0.4 * av[:, None] * attenuation_curve(rest, "calzetti"))
    spectra = observe(
        grid, fractions, velocity_kms=np.zeros(n), sigma_kms=np.full(n, 100.0), snr=80.0, rng=rng, continuum=dust
    )  # fmt: skip
    labels = fit_labels(spectra, grid, settings=FitSettings(continuum="attenuation"))
    assert np.median(np.abs(labels.av - av)) < 0.1
    assert np.median(np.abs(labels.log_age_lw - truth(grid, fractions)[0])) < 0.06


def same(a: Labels, b: Labels, tolerance: float) -> None:
    for name in ("log_age_lw", "mh_lw", "velocity_kms", "sigma_kms", "chi2"):
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), rtol=tolerance, atol=tolerance, err_msg=name)


def test_one_bad_row_never_spoils_its_neighbours(grid, case):
    spectra, labels = case[0].take(slice(0, 6)), fit_labels(case[0].take(slice(0, 6)), grid)
    flux, error, mask = spectra.flux.copy(), spectra.flux_err.copy(), spectra.mask.copy()
    flux[1] = np.random.default_rng(2).normal(size=flux.shape[1]) * error[1]  # pure noise
    mask[2] = True  # nothing
    flux[3, 900:905] = 1e6  # a saturated spike
    mask[4, ::3] = True  # a third of the pixels missing
    spoilt = fit_labels(replace(spectra, flux=flux, flux_err=error, mask=mask), grid)
    assert has_flag(spoilt.flags, Flag.LOW_SNR)[1]
    assert np.isnan(spoilt.log_age_lw[1])
    assert has_flag(spoilt.flags, Flag.NO_DATA)[2]
    assert np.isnan(spoilt.log_age_lw[2])
    assert abs(spoilt.log_age_lw[4] - labels.log_age_lw[4]) < 0.15
    keep = [0, 5]
    same(labels.take(keep), spoilt.take(keep), 1e-3)


@pytest.mark.parametrize("unit", [1e-30, 1e-17, 1e25])
def test_the_unit_of_flux_does_not_matter(grid, case, unit):
    spectra = case[0].take(slice(0, 3))
    other = replace(spectra, flux=spectra.flux.astype(float) * unit, flux_err=spectra.flux_err.astype(float) * unit)
    same(case[-1].take(slice(0, 3)), fit_labels(other, grid), 1e-3)


def test_what_is_masked_may_hold_anything_and_what_cannot_be_used_is_masked(grid, case):
    spectra = case[0].take(slice(0, 3))
    flux, error, mask = spectra.flux.copy(), spectra.flux_err.copy(), spectra.mask.copy()
    mask[1, 600:640] = True
    expected = fit_labels(replace(spectra, mask=mask), grid)
    flux[1, 600:620], flux[1, 620:640], error[1, 630:640] = np.nan, 1e30, -1.0
    same(expected, fit_labels(replace(spectra, flux=flux, flux_err=error, mask=mask), grid), 1e-6)
    flux[1, 620:640], error[1, 620:640] = spectra.flux[1, 620:640], 0.0
    found = fit_labels(replace(spectra, flux=flux, flux_err=error), grid)
    same(expected, found, 1e-6)
    assert found.flags.tolist() == [0, Flag.NON_FINITE | Flag.BAD_ERROR, 0]


def test_templates_by_name(case):
    with pytest.raises(AgezError, match="templates 'nothing'"):
        fit_labels(case[0].take(slice(0, 1)), "nothing")


def test_no_spectrum_and_impossible_redshifts_are_refused(grid, case):
    with pytest.raises(AgezError, match="no spectrum to fit"):
        fit_labels(case[0].take(slice(0, 0)), grid)
    with pytest.raises(AgezError, match="redshift of row 1 is -1"):
        fit_labels(replace(case[0].take(slice(0, 2)), redshift=np.array([0.0, -1.0])), grid)


def test_a_spike_is_clipped(grid, case):
    spectra = case[0].take(slice(0, 2))
    flux = spectra.flux.copy()
    flux[0, 900] += 40 * spectra.flux_err[0, 900]
    spiked = fit_labels(replace(spectra, flux=flux), grid)
    assert abs(spiked.log_age_lw[0] - case[-1].log_age_lw[0]) < 0.05
    assert spiked.chi2[0] < 1.2


def test_order_and_redshift_grouping_do_not_matter(grid, case):
    spectra = case[0].take(slice(0, 6))
    one = fit_labels(spectra, grid)
    back = fit_labels(spectra.take(np.arange(5, -1, -1)), grid)
    same(one, back.take(np.arange(5, -1, -1)), 1e-3)
    assert list(back.rows.spec_id) == list(spectra.rows.spec_id[::-1])


def test_redshift_wrong_by_300_kms_becomes_velocity(grid, case):
    spectra, velocity = case[0].take(slice(0, 8)), case[2][:8]
    moved = replace(spectra, redshift=spectra.redshift + 300 / 299792.458)
    labels = fit_labels(moved, grid)
    assert np.median(np.abs(labels.velocity_kms - (velocity - 300 / 1.01))) < 15
    assert np.median(np.abs(labels.log_age_lw - case[-1].log_age_lw[:8])) < 0.05


def test_unknown_redshift_is_found_or_flagged(grid, case):
    spectra = case[0].take(slice(0, 2))
    flux = spectra.flux.copy()
    flux[1] = np.median(flux[1])  # no feature tells its redshift
    rows = replace(spectra.rows, galaxy_id=np.array(["a", "b"]))
    labels = fit_labels(replace(spectra, flux=flux, rows=rows, redshift=np.full(2, np.nan)), grid)
    assert has_flag(labels.flags, Flag.REDSHIFT_FOUND).tolist() == [True, False]
    assert has_flag(labels.flags, Flag.REDSHIFT_UNKNOWN).tolist() == [False, True]
    assert np.isfinite(labels.redshift).tolist() == [True, False]


def test_templates_that_do_not_cover_the_range_are_refused(grid, case):
    with pytest.raises(AgezError, match="covers 4998-6000 A but"):
        fit_labels(case[0].take(slice(0, 1)), grid.cut(5000, 6000))


def test_a_spectrum_outside_the_range_is_refused(grid, case):
    far = replace(case[0].take(slice(0, 1)), wave_angstrom=case[0].wave_angstrom + 9000)
    with pytest.raises(AgezError, match="outside the fit's range"):
        fit_labels(far, grid)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"continuum": "spline"}, "continuum"),
        ({"smoothness_age": 0.0}, "smoothness"),
        ({"calibration_rms": 0.0}, "calibration_rms"),
        ({"fit_range_angstrom": (7000, 3700)}, "range"),
    ],
)
def test_bad_settings_are_refused(bad, message):
    with pytest.raises(AgezError, match=message):
        FitSettings(**bad)


def test_label_files_round_trip(tmp_path, grid, case):
    labels = case[-1]
    write_labels(tmp_path / "labels.fits", labels, grid=grid)
    again = read_labels(tmp_path / "labels.fits")
    for name in Labels.column_names():
        np.testing.assert_array_equal(getattr(again, name), getattr(labels, name))
    np.testing.assert_array_equal(again.weights, labels.weights)
    assert again.meta == dict(labels.meta)
    assert list(again.rows.galaxy_id) == ["G1"] * len(labels)


@pytest.mark.parametrize("cut", [0, 3000, 20000])
def test_label_files_cut_short_are_refused(tmp_path, case, cut):
    write_labels(tmp_path / "labels.fits", case[-1])
    short = tmp_path / "short.fits"
    short.write_bytes((tmp_path / "labels.fits").read_bytes()[:cut])
    with pytest.raises(AgezError, match=r"short\.fits"):
        read_labels(short)


def test_missing_label_file_is_named(tmp_path):
    with pytest.raises(AgezError, match=r"nothing\.fits: no such file"):
        read_labels(tmp_path / "nothing.fits")


class TestDoubtfulAnswers:
    """Answers that rest on little are given, flagged, and have wide errors."""

    def test_low_signal_to_noise(self, grid, case):
        spectra = case[0].take(slice(0, 4))
        rng = np.random.default_rng(1)
        error = spectra.flux_err * 20.0  # S/N 3
        noisy = replace(spectra, flux=spectra.flux + error * rng.normal(size=error.shape), flux_err=error)
        labels = fit_labels(noisy, grid)
        assert np.all(has_flag(labels.flags, Flag.LOW_SNR))
        tried = np.isfinite(labels.mh_lw)
        assert tried.any()
        assert np.all(labels.mh_lw_err[tried] > 0.5)

    def test_half_of_the_range(self, grid, case):
        spectra = case[0].take(slice(0, 2))
        mask = spectra.mask.copy()
        mask[1, : mask.shape[1] // 2] = True
        labels = fit_labels(replace(spectra, mask=mask), grid)
        assert has_flag(labels.flags, Flag.PARTLY_COVERED).tolist() == [False, True]

    def test_a_dispersion_beyond_the_range(self, grid):
        rng = np.random.default_rng(3)
        fractions = light_fractions(grid, 2, rng)
        wide = observe(
            grid, fractions, velocity_kms=np.zeros(2), sigma_kms=np.array([150.0, 600.0]), snr=60.0, rng=rng
        )  # fmt: skip
        labels = fit_labels(wide, grid)
        assert has_flag(labels.flags, Flag.OUT_OF_RANGE).tolist() == [False, True]

    def test_errors_grow_with_chi2(self, grid, case):
        spectra = case[0].take(slice(0, 4))
        labels = fit_labels(replace(spectra, flux_err=spectra.flux_err / 3), grid)
        assert np.all(labels.chi2 > 6)
        honest = case[-1].log_age_lw_err[:4]
        assert np.all(labels.log_age_lw_err > 0.5 * honest)
