"""The batched fit of stars, continuum and lines finds what a slow fit, one spectrum at a time, finds."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.polynomial.legendre import legvander
from slow_solution import solve_one
from spectra_factory import light_fractions

from agez.spectra.fit_settings import FitSettings
from agez.spectra.gas import expected_precision, line_windows
from agez.spectra.label_means import ERROR_CALIBRATION, means
from agez.spectra.lines import EMISSION_LINES, near_lines
from agez.spectra.populations import Population
from agez.spectra.prior import STRENGTHS, choose_strength, mean_mh, smooth_prior, spread_cost
from agez.spectra.template_basis import prepare_basis
from agez.types import LABEL_NAMES

#: Index of the dispersion of all stars in this file.
SIGMA = 4


@pytest.fixture(scope="module")
def basis(toy_grid):
    grid = replace(toy_grid, fwhm_angstrom=6.0)
    return prepare_basis(
        grid, fit_range_angstrom=(3700.0, 7000.0), velocity_step_kms=100.0, fwhm_rest_angstrom=6.0, medium="air"
    )


def stars_and_lines(basis, n, rng, *, snr):
    """Flux, weight, light fractions and true line fluxes of n spectra in the basis' own pixels."""
    fractions = light_fractions(basis.grid, n, rng).reshape(n, -1)
    design = basis.spectra[SIGMA].astype(float) @ basis.coefficients
    x = np.linspace(-1, 1, len(basis.wave_angstrom))
    flux = (fractions @ design.T) * np.exp(0.1 * rng.normal(size=(n, 1)) * x)
    windows = line_windows(basis)
    lines = np.zeros((n, len(windows.free)))
    for name, share in (("Halpha", 3.2), ("Hbeta", 1.0), ("OIII5007", 2.0), ("NII6583", 1.0)):
        lines[:, windows.free.index(name)] = share * rng.uniform(3, 8, n)
    profile = windows.design(windows.profiles(np.zeros(n), np.full(n, 80.0)))
    flux[:, windows.pixels] += np.einsum("nf,nfm->nm", lines, profile)
    error = np.median(flux, axis=1, keepdims=True) / snr * np.ones_like(flux)
    noisy = flux + error * rng.normal(size=flux.shape)
    return noisy.astype(np.float32), (error**-2).astype(np.float32), fractions, lines


def slow_fit(flux, weight, basis, settings, gas_motion, *, iterations=40):
    """One spectrum by scipy's non-negative least squares of weights, continuum and lines, over and over."""
    prior = np.linalg.cholesky(smooth_prior(basis, settings, 1.0).precision).T
    templates = basis.spectra[SIGMA].astype(float) @ basis.coefficients
    q, m = templates.shape
    free = legvander(np.linspace(-1, 1, q), settings.polynomial_order)[:, 1:]
    windows = line_windows(basis)
    velocity, sigma, scale = gas_motion
    gas = np.zeros((q, len(windows.free)))
    gas[windows.pixels] = windows.design(windows.profiles(velocity, sigma))[0].T
    expected = np.linalg.cholesky(expected_precision(windows, scale)[0] + 1e-9 * np.eye(gas.shape[1])).T
    root = np.sqrt(weight.astype(float))
    light, factor = np.full(m, 1.0 / m), np.ones(q)
    light *= np.median(flux) / np.median(templates @ light)
    for _ in range(iterations):
        change = (root * factor * (templates @ light))[:, None] * free
        others = np.concatenate([change, root[:, None] * gas], axis=1)
        columns = np.concatenate([(root * factor)[:, None] * templates, others, -others], axis=1)
        penalty = np.zeros((m + gas.shape[1], columns.shape[1]))
        penalty[:m, :m] = prior
        first = m + free.shape[1]
        penalty[m:, first : first + gas.shape[1]] = expected
        penalty[m:, first + others.shape[1] : first + others.shape[1] + gas.shape[1]] = -expected
        solution = solve_one(columns, root * flux, penalty)
        light = solution[:m]
        signed = solution[m : m + others.shape[1]] - solution[m + others.shape[1] :]
        factor = factor * np.exp(np.clip(free @ signed[: free.shape[1]], -0.5, 0.5))
    return light, factor, signed[free.shape[1] :]


def test_it_is_the_slow_fit_done_fast(basis):
    rng = np.random.default_rng(4)
    settings = FitSettings(prior_strength="fixed", spread_mh=0.0, polynomial_order=4, clip_sigma=50.0)
    flux, weight, _, _ = stars_and_lines(basis, 5, rng, snr=60.0)
    away = ~near_lines(basis.wave_angstrom, EMISSION_LINES, medium="air", half_width_kms=700.0)
    fit = Population(basis, np.full(5, SIGMA), away, settings).fit(flux, weight)
    grid = basis.grid
    for row in range(5):
        motion = [getattr(fit.gas.motion, name)[row : row + 1] for name in ("velocity_kms", "sigma_kms", "scale")]
        light, _, lines = slow_fit(flux[row], weight[row], basis, settings, motion)
        share = light / light.sum()
        age = share @ np.repeat(grid.log_age, len(grid.mh))
        mh = share @ np.tile(grid.mh, len(grid.log_age))
        assert fit.columns["log_age_lw"][row] == pytest.approx(age, abs=0.005)
        assert fit.columns["mh_lw"][row] == pytest.approx(mh, abs=0.005)
        windows = line_windows(basis)
        for name in ("Halpha", "Hbeta", "OIII5007"):
            found = fit.gas.flux[row, windows.names.index(name)]
            assert found == pytest.approx(lines[windows.free.index(name)], rel=0.05)


def test_an_answer_does_not_depend_on_neighbours(basis):
    rng = np.random.default_rng(6)
    flux, weight, _, _ = stars_and_lines(basis, 6, rng, snr=30.0)
    away = ~near_lines(basis.wave_angstrom, EMISSION_LINES, medium="air", half_width_kms=700.0)
    together = Population(basis, np.full(6, SIGMA), away, FitSettings()).fit(flux, weight)
    alone = Population(basis, np.full(1, SIGMA), away, FitSettings()).fit(flux[2:3], weight[2:3])
    for name in LABEL_NAMES:
        assert together.columns[name][2] == pytest.approx(alone.columns[name][0], abs=2e-4)


def test_correlated_pixels_weigh_less_and_chi2_stays(basis):
    rng = np.random.default_rng(7)
    flux, weight, _, _ = stars_and_lines(basis, 3, rng, snr=30.0)
    away = ~near_lines(basis.wave_angstrom, EMISSION_LINES, medium="air", half_width_kms=700.0)
    q = len(basis.wave_angstrom)
    settings = FitSettings(prior_strength="fixed")
    free = Population(basis, np.full(3, SIGMA), away, settings).fit(flux, weight)
    tied = Population(basis, np.full(3, SIGMA), away, settings, correlation=np.full(q, 1.5)).fit(flux, weight)
    assert np.allclose(tied.columns["chi2"], free.columns["chi2"], atol=0.03)
    assert np.all(tied.gas.flux_err[:, 10] > 1.1 * free.gas.flux_err[:, 10])


class TestPrior:
    def test_the_strength_minimises_generalised_cross_validation(self, basis):
        """Against dense hat matrices in the space of pixels."""
        rng = np.random.default_rng(8)
        settings = FitSettings()
        flux, weight, _, _ = stars_and_lines(basis, 4, rng, snr=20.0)
        spectra = basis.spectra[SIGMA].astype(float)
        design = spectra @ basis.coefficients
        prior = smooth_prior(basis, settings, 1.0).precision
        gram = np.einsum("qr,nq,qs->nrs", spectra, weight, spectra)
        right = np.einsum("nq,qr->nr", weight * flux, spectra)
        misfit = np.einsum("nq,nq->n", weight, flux.astype(float) ** 2)
        q = flux.shape[1]
        found = choose_strength(gram, right, misfit, np.full(4, float(q)), basis, settings)
        for row in range(4):
            scores = []
            for strength in STRENGTHS:
                root = np.sqrt(weight[row].astype(float))[:, None] * design
                hat = root @ np.linalg.solve(root.T @ root + strength * prior, root.T)
                data = np.sqrt(weight[row]) * flux[row]
                chi2 = np.sum((data - hat @ data) ** 2)
                gcv = q * np.log(chi2 / (q - np.trace(hat)) ** 2)
                scores.append(gcv + (np.log10(strength) / 0.3) ** 2)
            assert found[row] == STRENGTHS[int(np.argmin(scores))]

    def test_cleaner_data_want_a_weaker_prior(self, basis):
        rng = np.random.default_rng(9)
        away = ~near_lines(basis.wave_angstrom, EMISSION_LINES, medium="air", half_width_kms=700.0)
        chosen = []
        for snr in (10.0, 300.0):
            flux, weight, _, _ = stars_and_lines(basis, 12, rng, snr=snr)
            fit = Population(basis, np.full(12, SIGMA), away, FitSettings()).fit(flux, weight)
            chosen.append(np.median(fit.columns["prior_strength"]))
        assert chosen[1] <= chosen[0]

    def test_spread_costs_its_variance(self, basis, rng):
        light = light_fractions(basis.grid, 5, rng).reshape(5, -1)
        settings = FitSettings(spread_mh=7.0)
        centre = mean_mh(light, basis.grid)
        mh = np.tile(basis.grid.mh, len(basis.grid.log_age))
        cost = np.einsum("nm,nm->n", light, spread_cost(centre, light.sum(axis=1), basis.grid, settings))
        variance = light @ mh**2 - (light @ mh) ** 2
        np.testing.assert_allclose(cost, 7.0 * variance)


def test_errors_are_those_of_the_dense_posterior(basis, rng):
    settings = FitSettings()
    light = light_fractions(basis.grid, 3, rng).reshape(3, -1)
    light[:, ::5] = 0.0
    root = rng.normal(size=(3, 60, basis.coefficients.shape[0]))
    gram = 1e4 * np.swapaxes(root, 1, 2) @ root
    strength = np.array([0.3, 1.0, 4.0])
    columns, variance, of_history = means(light, gram, strength, basis, settings, also=light)
    prior = smooth_prior(basis, settings, 1.0).precision
    quantity = {"log_age": np.repeat(basis.grid.log_age, len(basis.grid.mh)),
                "mh": np.tile(basis.grid.mh, len(basis.grid.log_age))}  # fmt: skip
    for row in range(3):
        keep = light[row] > 0
        hessian = basis.coefficients.T @ gram[row] @ basis.coefficients + strength[row] * prior
        covariance = np.linalg.inv(hessian[np.ix_(keep, keep)])
        assert variance[row] == pytest.approx(light[row, keep] @ covariance @ light[row, keep], rel=1e-6)
        for kind, values in quantity.items():
            mean = light[row] @ values / light[row].sum()
            slope = ((values - mean) / light[row].sum())[keep]
            factor, floor = ERROR_CALIBRATION[f"{kind}_lw"]
            expected = np.sqrt(factor**2 * (slope @ covariance @ slope) + floor**2)
            assert columns[f"{kind}_lw"][row] == pytest.approx(mean)
            assert columns[f"{kind}_lw_err"][row] == pytest.approx(expected, rel=1e-6)
        mass = light[row] / basis.grid.light.ravel()
        age = np.repeat(np.arange(len(basis.grid.log_age)), len(basis.grid.mh))
        for k in range(len(basis.grid.log_age)):
            for chosen, name in ((age == k, "mass_fraction"), (age >= k, "formed_before")):
                share = mass[chosen].sum() / mass.sum()
                slope = ((chosen - share) / basis.grid.light.ravel() / mass.sum())[keep]
                expected = np.sqrt(max(slope @ covariance @ slope, 0.0))
                assert getattr(of_history, name)[row, k] == pytest.approx(expected, rel=1e-6, abs=1e-9)
            mean = mass[age == k] @ quantity["mh"][age == k] / mass[age == k].sum()
            slope = ((age == k) * (quantity["mh"] - mean) / basis.grid.light.ravel() / mass[age == k].sum())[keep]
            assert of_history.mh[row, k] == pytest.approx(np.sqrt(slope @ covariance @ slope), rel=1e-6)
