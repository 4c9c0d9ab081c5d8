"""Emission lines: profiles keep their flux, the gas' motion comes back, and expectations do not invent lines."""

from dataclasses import replace

import numpy as np
import pytest
from spectra_factory import light_fractions, observe

from agez.spectra.fit_settings import FitSettings
from agez.spectra.fitting import fit_labels
from agez.spectra.gas import expected_precision, fit_gas_motion, line_windows
from agez.spectra.lines import EMISSION_LINES, LINE_NAMES, SPEED_OF_LIGHT_KMS, line
from agez.spectra.template_basis import prepare_basis

FWHM = 6.0
REDSHIFT = 0.01


@pytest.fixture(scope="module")
def grid(toy_grid):
    return replace(toy_grid, fwhm_angstrom=FWHM)


@pytest.fixture(scope="module")
def basis(grid):
    return prepare_basis(
        grid, fit_range_angstrom=(3700.0, 7000.0), velocity_step_kms=100.0, fwhm_rest_angstrom=FWHM, medium="air"
    )


def gaussian_lines(wave, fluxes, *, velocity, sigma, redshift=REDSHIFT, fwhm=FWHM):
    """The slow obvious picture: one Gaussian a line, finely sampled over each pixel."""
    sub = wave[:, None] + np.linspace(-0.9, 0.9, 10)
    out = np.zeros(len(wave))
    for name, flux in fluxes.items():
        centre = line(name).air_angstrom * (1 + redshift) * np.exp(velocity / SPEED_OF_LIGHT_KMS)
        width = np.hypot(fwhm / 2.3548200450309493, centre * sigma / SPEED_OF_LIGHT_KMS)
        out += flux * np.exp(-0.5 * ((sub - centre) / width) ** 2).mean(axis=1) / (np.sqrt(2 * np.pi) * width)
    return out


class TestWindows:
    def test_profiles_hold_all_the_flux_wherever_the_gas_moves(self, basis):
        windows = line_windows(basis)
        for velocity, sigma in ((0.0, 30.0), (-450.0, 100.0), (450.0, 200.0)):
            profiles = windows.profiles(np.array([velocity]), np.array([sigma]))
            total = np.einsum("lk,lk->l", profiles[0], windows.width_angstrom)
            inner = [i for i, name in enumerate(windows.names) if 3720 < line(name).air_angstrom < 6950]
            np.testing.assert_allclose(total[inner], 1.0, atol=3e-3)

    def test_a_profile_has_the_width_of_gas_and_instrument(self, basis):
        windows = line_windows(basis)
        at = windows.names.index("Hbeta")
        profile = windows.profiles(np.array([120.0]), np.array([90.0]))[0, at] * windows.width_angstrom[at]
        middle = 0.5 * (windows.edges_kms[at][1:] + windows.edges_kms[at][:-1])
        mean = np.sum(profile * middle)
        assert mean == pytest.approx(120.0, abs=0.5)
        pixel = basis.velocity_step_kms**2 / 12
        expected = 90.0**2 + windows.instrument_kms[at] ** 2 + pixel
        assert np.sum(profile * (middle - mean) ** 2) == pytest.approx(expected, rel=0.01)

    def test_doublets_of_fixed_ratio_are_one_column(self, basis):
        windows = line_windows(basis)
        assert "OIII5007" in windows.free
        assert "OIII4959" not in windows.free
        column = windows.tie[windows.free.index("OIII5007")]
        assert column[windows.names.index("OIII4959")] == pytest.approx(1 / 2.98)
        assert np.all(windows.tie.astype(bool).sum(axis=0) == 1)

    def test_design_is_the_sum_of_tied_profiles(self, basis):
        windows = line_windows(basis)
        velocity, sigma = np.array([50.0, -200.0]), np.array([60.0, 150.0])
        profiles = windows.profiles(velocity, sigma)
        slow = np.zeros((2, len(windows.free), len(basis.wave_angstrom)))
        for row in range(2):
            for number, name in enumerate(windows.names):
                one = next(x for x in EMISSION_LINES if x.name == name)
                free = windows.free.index(one.tied_to if one.tied_to in windows.names else name)
                ratio = one.ratio if one.tied_to in windows.names else 1.0
                first = windows.pixels[windows.first[number]]
                slow[row, free, first : first + profiles.shape[2]] += ratio * profiles[row, number]
        np.testing.assert_allclose(windows.design(profiles), slow[:, :, windows.pixels], atol=1e-6)

    def test_a_line_on_unused_pixels_is_not_covered(self, basis):
        windows = line_windows(basis)
        profiles = windows.profiles(np.zeros(2), np.full(2, 80.0))
        used = np.ones((2, len(basis.wave_angstrom)), dtype=bool)
        used[1, np.abs(basis.wave_angstrom - line("Hbeta").air_angstrom) < 5] = False
        covered = windows.covered(profiles, used)
        at = windows.names.index("Hbeta")
        assert covered[0].all()
        assert not covered[1, at]
        assert covered[1, windows.names.index("Hdelta")]


class TestMotion:
    fluxes = {"Hbeta": 20.0, "Halpha": 60.0, "NII6583": 20.0, "OIII5007": 30.0}  # noqa: RUF012

    def rows(self, basis, velocity, sigma, noise, rng, factor=1.0):
        windows = line_windows(basis)
        design = windows.design(windows.profiles(velocity, sigma))
        flux = np.array([self.fluxes.get(name, 0.0) for name in windows.free])
        residual = np.zeros((len(velocity), len(basis.wave_angstrom)), dtype=np.float32)
        residual[:, windows.pixels] = factor * np.einsum("f,nfm->nm", flux, design)
        residual += noise * rng.standard_normal(residual.shape, dtype=np.float32)
        return residual, np.full(residual.shape, noise**-2, dtype=np.float32)

    def test_motion_comes_back_with_honest_errors(self, basis, rng):
        velocity, sigma = rng.uniform(-400, 400, 200), rng.uniform(40, 200, 200)
        motion = fit_gas_motion(basis, *self.rows(basis, velocity, sigma, 0.3, rng))
        assert motion.measured.all()
        pull = (motion.velocity_kms - velocity) / motion.velocity_err_kms
        assert 0.8 < 1.4826 * np.median(np.abs(pull)) < 1.25
        assert abs(np.median(motion.velocity_kms - velocity)) < 1.0
        assert np.median(np.abs(motion.sigma_kms - sigma)) < 15.0

    def test_noise_is_hardly_ever_taken_for_gas(self, basis, rng):
        nothing = np.zeros(500)
        motion = fit_gas_motion(basis, *self.rows(basis, nothing, nothing + 80, 1.0, rng, factor=0.0))
        assert motion.measured.sum() <= 3
        assert np.all(motion.velocity_kms[~motion.measured] == 0)

    def test_absorption_is_not_gas(self, basis, rng):
        velocity = np.zeros(20)
        motion = fit_gas_motion(basis, *self.rows(basis, velocity, velocity + 80, 0.5, rng, factor=-1.0))
        assert not motion.measured.any()

    def test_rows_without_data_do_not_fail(self, basis, rng):
        residual, weight = self.rows(basis, np.zeros(2), np.full(2, 80.0), 0.3, rng)
        weight[1] = 0.0
        motion = fit_gas_motion(basis, residual, weight)
        assert motion.measured.tolist() == [True, False]


class TestExpectations:
    def test_balmer_lines_follow_halpha_and_precision_is_one(self, basis):
        windows = line_windows(basis)
        precision = expected_precision(windows, np.array([10.0]))[0]
        np.testing.assert_allclose(precision, precision.T)
        assert np.linalg.eigvalsh(precision).min() > -1e-9

        def energy(fluxes):
            free = np.array([fluxes.get(name, 0.0) for name in windows.free])
            return free @ precision @ free

        usual = {"Halpha": 10.0, "Hbeta": 2.64, "Hgamma": 1.14, "Hdelta": 0.6, "Hepsilon": 0.36, "H8": 0.23, "H9": 0.16,
                 "H10": 0.115}  # fmt: skip
        assert energy(usual) < 1.0
        assert energy({**usual, "Hbeta": 0.0}) > 20.0
        assert energy({**usual, "NI5198": 5.0}) > 20.0
        assert energy({**usual, "OIII5007": 30.0, "NII6583": 30.0}) == pytest.approx(energy(usual))  # AGN are welcome


@pytest.fixture(scope="module")
def spectra_with_lines(grid):
    rng = np.random.default_rng(3)
    n = 40
    fractions = light_fractions(grid, n, rng)
    velocity, gas = rng.uniform(-150, 150, n), rng.uniform(-80, 80, n)
    plain = observe(grid, fractions, velocity_kms=velocity, sigma_kms=np.full(n, 120.0), snr=40.0, rng=rng)
    level = np.median(plain.flux, axis=1)
    hbeta = level * rng.uniform(3.0, 15.0, n)
    ratio = {
        "Halpha": 3.3, "Hbeta": 1.0, "Hgamma": 0.45, "Hdelta": 0.24, "OIII5007": 1.5, "OIII4959": 1.5 / 2.98,
        "NII6583": 1.0, "NII6548": 1.0 / 3.05, "SII6716": 0.6, "SII6731": 0.45, "OII3726": 0.9, "OII3729": 1.2,
    }  # fmt: skip
    flux = plain.flux.astype(float)
    for row in range(n):
        fluxes = {name: share * hbeta[row] for name, share in ratio.items()}
        flux[row] += gaussian_lines(plain.wave_angstrom, fluxes, velocity=velocity[row] + gas[row], sigma=70.0)
    return plain, replace(plain, flux=flux.astype(np.float32)), velocity + gas, hbeta, ratio


@pytest.fixture(scope="module")
def fitted(grid, spectra_with_lines):
    return fit_labels(spectra_with_lines[1], grid)


class TestFit:
    def test_fluxes_are_those_put_in(self, spectra_with_lines, fitted):
        _, _, _, hbeta, ratio = spectra_with_lines
        for name in ("Halpha", "Hbeta", "Hgamma", "OIII5007", "OIII4959", "NII6583", "SII6716"):
            at = LINE_NAMES.index(name)
            flux, error = fitted.lines.flux[:, at], fitted.lines.flux_err[:, at]
            strong = flux > 10 * error
            truth = ratio[name] * hbeta
            assert strong.sum() > 10, name
            assert np.median(flux[strong] / truth[strong]) == pytest.approx(1.0, abs=0.03), name
            pull = 1.4826 * np.median(np.abs((flux - truth) / error))
            # the stars' own Balmer lines are uncertain, which errors of fluxes leave out
            assert 0.6 < pull < (3.0 if name.startswith("H") else 2.0), name

    def test_the_unresolved_doublet_has_the_right_sum(self, spectra_with_lines, fitted):
        _, _, _, hbeta, ratio = spectra_with_lines
        at = [LINE_NAMES.index(name) for name in ("OII3726", "OII3729")]
        total = fitted.lines.flux[:, at].sum(axis=1)
        assert np.median(total / hbeta) == pytest.approx(ratio["OII3726"] + ratio["OII3729"], rel=0.06)

    def test_motion_of_the_gas(self, spectra_with_lines, fitted):
        gas = spectra_with_lines[2]
        assert np.median(np.abs(fitted.lines.velocity_kms - gas)) < 6.0
        assert np.median(np.abs(fitted.lines.sigma_kms - 70.0)) < 20.0

    def test_lines_hardly_change_the_stars(self, grid, spectra_with_lines, fitted):
        plain = fit_labels(spectra_with_lines[0], grid)
        for name in ("log_age_lw", "mh_lw"):
            difference = getattr(fitted, name) - getattr(plain, name)
            assert abs(np.median(difference)) < 0.03, name
            assert np.median(np.abs(difference)) < 0.08, name
        # without lines in the data none are found
        pull = plain.lines.flux / plain.lines.flux_err
        assert np.nanmedian(np.abs(pull)) < 1.0
        assert np.isnan(plain.lines.velocity_kms).mean() > 0.9

    def test_equivalent_width_is_flux_over_stars(self, spectra_with_lines, fitted):
        plain, _, _, hbeta, ratio = spectra_with_lines
        near = np.abs(plain.wave_angstrom / (1 + REDSHIFT) - 6563) < 60
        expected = ratio["Halpha"] * hbeta / plain.flux[:, near].mean(axis=1) / (1 + REDSHIFT)
        found = fitted.lines.ew_angstrom[:, LINE_NAMES.index("Halpha")]
        np.testing.assert_allclose(np.median(found / expected), 1.0, atol=0.04)

    def test_masked_lines_are_not_measured(self, grid, spectra_with_lines):
        labels = fit_labels(spectra_with_lines[1].take(slice(0, 2)), grid, settings=FitSettings(emission_lines=False))
        assert labels.lines is None

    def test_the_model_is_kept_when_asked_for(self, grid, spectra_with_lines):
        labels = fit_labels(spectra_with_lines[1].take(slice(0, 3)), grid, keep_fits=True)
        fit = labels.fitted
        # on lines, chi2 allows for what a Gaussian profile is wrong by
        quiet = fit.used & (fit.gas < 0.01)
        pull = np.where(quiet, (fit.flux - fit.stars - fit.gas) / fit.flux_err, np.nan)
        assert np.nanmean(pull**2) == pytest.approx(np.mean(labels.chi2), rel=0.07)
        halpha = np.abs(fit.wave_angstrom - 6563) < 3
        assert np.all(fit.gas[:, halpha].max(axis=1) > 0)

    def test_profiles_that_are_not_gaussian_do_not_spoil_chi2(self, grid, spectra_with_lines):
        """A line of S/N 1000 whose profile is wrong by a few percent."""
        plain = spectra_with_lines[0].take(slice(0, 4))
        flux = plain.flux.astype(float)
        for row, level in enumerate(np.median(flux, axis=1)):
            for share, sigma in ((0.9, 60.0), (0.1, 110.0)):
                fluxes = {"Halpha": 1000.0 * share * level, "Hbeta": 300.0 * share * level}
                flux[row] += gaussian_lines(
                    plain.wave_angstrom, fluxes, velocity=spectra_with_lines[2][row], sigma=sigma
                )
        labels = fit_labels(replace(plain, flux=flux.astype(np.float32)), grid)
        before = fit_labels(plain, grid)
        assert np.all(labels.chi2 < 1.5)
        assert np.median(np.abs(labels.log_age_lw - before.log_age_lw)) < 0.1
