"""Velocities and dispersions come back, with errors that hold the truth, whatever else is wrong with the spectra."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter1d
from spectra_factory import light_fractions, observe

from agez.spectra.kinematics import Kinematics, fit_kinematics, nearest_sigma, to_nearest_node, velocity_stretch
from agez.spectra.lines import EMISSION_LINES, near_lines
from agez.spectra.rebin import PixelSums, noise_correlation, pixel_edges
from agez.spectra.template_basis import SIGMA_GRID_KMS, TemplateBasis, prepare_basis, resolution_at_rest

LIGHT_KMS = 299792.458
RANGE = (3750.0, 7000.0)


@pytest.fixture(scope="module")
def grid(toy_grid):
    """The invented grid with the data's resolution, so that no slow convolution is needed; young and old ages."""
    wave = np.arange(3200.0, 9490.0, 0.5)  # the factory interpolates linearly between pixels
    flux = CubicSpline(toy_grid.wave_angstrom, toy_grid.flux, axis=-1)(wave).astype(np.float32)
    return replace(toy_grid, wave_angstrom=wave, flux=flux, fwhm_angstrom=6.0)


def basis_for(spectra, grid) -> TemplateBasis:
    fwhm = resolution_at_rest(
        spectra.wave_angstrom, spectra.fwhm_angstrom, redshift=float(spectra.redshift[0]), fit_range_angstrom=RANGE
    )
    return prepare_basis(
        grid, fit_range_angstrom=RANGE, velocity_step_kms=107.0, fwhm_rest_angstrom=fwhm, medium="air"
    )  # fmt: skip


def seen(spectra, basis):
    scale = np.median(spectra.flux, axis=1, keepdims=True)
    sums = PixelSums.of(
        pixel_edges(spectra.wave_angstrom), spectra.flux / scale, (spectra.flux_err / scale) ** 2.0, ~spectra.mask
    )

    def shifted(velocity):
        flux, variance, good = sums.rebin(basis.edges_angstrom, (1 + spectra.redshift) * velocity_stretch(velocity))
        return flux, np.where(good, 1 / variance, 0).astype(np.float32)

    return shifted


def fit(spectra, grid) -> Kinematics:
    basis = basis_for(spectra, grid)
    away = ~near_lines(basis.wave_angstrom, EMISSION_LINES, medium="air", half_width_kms=700.0)
    correlation = noise_correlation(
        pixel_edges(spectra.wave_angstrom), basis.edges_angstrom, 1 + float(spectra.redshift[0])
    )
    return fit_kinematics(seen(spectra, basis), basis, len(spectra), usable=away, correlation=correlation)


def make(grid, n, snr, seed, sigma=None):
    rng = np.random.default_rng(seed)
    velocity = rng.uniform(-250, 250, n)
    sigma = rng.uniform(80, 250, n) if sigma is None else np.full(n, float(sigma))
    fractions = light_fractions(grid, n, rng)
    spectra = observe(grid, fractions, velocity_kms=velocity, sigma_kms=sigma, snr=snr, rng=rng)
    # the factory's detector takes means over pixels of 2 A, which is part of the resolution
    fwhm = np.hypot(spectra.fwhm_angstrom, 2.0 * np.sqrt(8 * np.log(2) / 12))
    return replace(spectra, fwhm_angstrom=fwhm), velocity, sigma


def scatter(values):
    return 1.4826 * np.median(np.abs(values - np.median(values)))


@pytest.fixture(scope="module")
def good(grid):
    """Spectra of S/N 40 and their kinematics."""
    case = make(grid, 40, 40.0, 1)
    return (*case, fit(case[0], grid))


@pytest.mark.parametrize("snr", [15.0, 60.0])
def test_truth_comes_back_within_errors_that_hold_it(grid, snr):
    spectra, velocity, sigma = make(grid, 150, snr, 2)
    found = fit(spectra, grid)
    assert found.measured.all()
    for value, error in (
        (found.velocity_kms - velocity, found.velocity_err_kms),
        (found.sigma_kms - sigma, found.sigma_err_kms),
    ):
        assert abs(np.median(value)) < 0.3 * np.median(error)
        inside = np.mean(np.abs(value) < error)
        assert 0.56 < inside < 0.80  # 68 % within the counting error of 150
        assert scatter(value) < 1.3 * np.median(error)


def test_without_noise_nothing_is_lost(grid):
    spectra, velocity, sigma = make(grid, 30, 3000.0, 3)
    found = fit(spectra, grid)
    assert np.abs(found.velocity_kms - velocity).max() < 3
    # these templates have few lines, all wide, of depths that follow the age: mixtures look like other dispersions
    assert np.median(np.abs(found.sigma_kms - sigma)) < 5


@pytest.mark.parametrize("wrong_kms", [-300.0, 300.0, 500.0])
@pytest.mark.parametrize("lines", [False, True])
def test_a_wrong_redshift_becomes_velocity(grid, good, wrong_kms, lines):
    """The mask of emission lines moves along: lines of any strength do not matter."""
    spectra, velocity, _, found = good
    flux = spectra.flux.astype(float)
    if lines:
        centres = np.array([line.air_angstrom for line in EMISSION_LINES])[:, None, None]
        observed = centres * (1 + spectra.redshift[:, None]) * np.exp(velocity[:, None] / LIGHT_KMS)
        for centre in observed:
            flux += (
                20
                * np.median(flux, axis=1, keepdims=True)
                * np.exp(-0.5 * ((spectra.wave_angstrom - centre) / 2.9) ** 2)
            )
    redshift = (1 + spectra.redshift) * np.exp(-wrong_kms / LIGHT_KMS) - 1
    moved = fit(replace(spectra, flux=flux, redshift=redshift), grid)
    assert moved.measured.all()
    np.testing.assert_allclose(moved.velocity_kms - wrong_kms, found.velocity_kms, atol=12)
    assert np.median(np.abs(moved.velocity_kms - wrong_kms - found.velocity_kms)) < 3


def test_cosmic_rays_that_no_mask_knows_of_do_not_matter(grid, good):
    spectra, velocity, _, found = good
    rng = np.random.default_rng(4)
    flux = spectra.flux.copy()
    rows = np.arange(len(flux))[:, None]
    at = rng.integers(0, flux.shape[1], (len(flux), 12))
    flux[rows, at] += spectra.flux_err[rows, at] * rng.uniform(8, 500, at.shape)
    flux[3, 900:905] = 1e6 * np.median(flux[3])
    hit = fit(replace(spectra, flux=flux), grid)
    assert hit.measured.all()
    assert np.all(np.abs(hit.velocity_kms - velocity) < 5 * found.velocity_err_kms)
    assert scatter(hit.velocity_kms - velocity) < 1.3 * scatter(found.velocity_kms - velocity)


def test_a_spoilt_row_leaves_its_neighbours_alone(grid, good):
    spectra, _, _, found = good
    some = spectra.take(slice(0, 6))
    flux, mask = some.flux.copy(), some.mask.copy()
    flux[1] = np.random.default_rng(2).normal(size=flux.shape[1]) * some.flux_err[1] + 0.01
    mask[2] = True
    mask[4, ::3] = True
    spoilt = fit(replace(some, flux=flux, mask=mask), grid)
    assert not spoilt.measured[2]
    assert spoilt.measured[[0, 3, 4, 5]].all()
    assert np.isfinite(spoilt.velocity_err_kms[[0, 3, 4, 5]]).all()
    for name in ("velocity_kms", "sigma_kms", "velocity_err_kms"):
        np.testing.assert_allclose(
            getattr(spoilt, name)[[0, 3, 5]], getattr(found, name)[[0, 3, 5]], rtol=1e-3, atol=0.1
        )
    assert abs(spoilt.velocity_kms[4] - found.velocity_kms[4]) < 3 * found.velocity_err_kms[4]


def test_dispersions_at_the_edges_are_said_to_be_open(grid):
    narrow, _, _ = make(grid, 40, 30.0, 6, sigma=10)
    found = fit(narrow, grid)
    assert found.measured.all()
    assert np.mean(np.abs(found.sigma_kms - 10) < found.sigma_err_kms) > 0.6
    assert np.percentile(found.sigma_kms, 80) < 110
    assert np.median(found.sigma_err_kms) > 40
    wide, _, _ = make(grid, 10, 60.0, 7, sigma=600)
    found = fit(wide, grid)
    assert np.all(found.sigma_kms == SIGMA_GRID_KMS[-1])
    assert np.all(np.isinf(found.sigma_err_kms))


def test_templates_too_coarse_to_tell_the_dispersion_say_so(grid, good):
    """As if the templates had 20 A and the data 6: velocities come back, dispersions are open."""
    spectra, velocity, _, _ = good
    found = fit(spectra, replace(grid, fwhm_angstrom=20.0))
    assert np.median(np.abs(found.velocity_kms - velocity)) < 12
    assert np.mean(np.isinf(found.sigma_err_kms)) > 0.8


def test_templates_a_little_coarser_than_the_data_still_measure_dispersions(grid, good):
    """Templates of 7 A that are declared so, for data of 6 A: the dispersion is the data's, not the difference."""
    spectra, velocity, sigma, _ = good
    wave = grid.wave_angstrom
    extra = np.sqrt(7.0**2 - 6.0**2) / 2.354820045 / (wave[1] - wave[0])
    coarse = replace(grid, fwhm_angstrom=7.0, flux=gaussian_filter1d(grid.flux.astype(float), extra, axis=-1))
    found = fit(spectra, coarse)
    wide = sigma > 130
    pull = (found.sigma_kms - sigma)[wide] / found.sigma_err_kms[wide]
    assert abs(np.median(pull)) < 0.6
    assert np.median(np.abs(found.velocity_kms - velocity)) < 12


def test_without_correlation_errors_are_smaller(grid, good):
    spectra, _, _, found = good
    basis = basis_for(spectra, grid)
    away = ~near_lines(basis.wave_angstrom, EMISSION_LINES, medium="air", half_width_kms=700.0)
    alone = fit_kinematics(seen(spectra, basis), basis, len(spectra), usable=away)
    assert 1.1 < np.median(found.velocity_err_kms / alone.velocity_err_kms) < 1.5


def test_spectra_brought_to_a_node_look_like_it(grid):
    """A spectrum between two nodes, less the difference, is the same stars' spectrum at the node."""
    basis = prepare_basis(
        grid, fit_range_angstrom=RANGE, velocity_step_kms=107.0, fwhm_rest_angstrom=6.0, medium="air"
    )  # fmt: skip
    fractions = light_fractions(grid, 20, np.random.default_rng(3)).reshape(20, -1)
    fractions = fractions @ basis.coefficients.T
    sigma = SIGMA_GRID_KMS[4] + np.linspace(-12, 12, 20)
    # between nodes light is had from the parabola in sigma^2, here through five nodes for better measure
    nodes = np.arange(2, 7)
    x = SIGMA_GRID_KMS[nodes] ** 2
    weights = np.array([np.prod([(sigma**2 - b) / (a - b) for b in x if b != a], axis=0) for a in x])  # (5, n)
    truth = np.einsum("kn,kqr,nr->nq", weights, basis.spectra[nodes].astype(float), fractions)
    index, difference = to_nearest_node(truth, np.full(truth.shape, 1e4), basis, sigma)
    at_node = np.einsum("nqr,nr->nq", basis.spectra[index].astype(float), fractions)
    assert np.array_equal(index, nearest_sigma(sigma))
    before, after = np.abs(truth - at_node), np.abs(truth - difference - at_node)
    worst = np.abs(sigma - SIGMA_GRID_KMS[index]) > 5
    assert np.all(after[worst].max(axis=1) < 0.1 * before[worst].max(axis=1))


def test_a_rotation_field_does_not_become_an_age_gradient(grid):
    """The same stars at velocities from -250 to 250 km/s, without noise: no trend with velocity."""
    from agez.spectra.fitting import fit_labels

    n = 21
    rng = np.random.default_rng(9)
    fractions = np.repeat(light_fractions(grid, 1, rng), n, axis=0)
    velocity = np.linspace(-250, 250, n)
    spectra = observe(
        grid, fractions, velocity_kms=velocity, sigma_kms=np.full(n, 130.0), snr=3e4, rng=rng
    )  # fmt: skip
    # errors of S/N 60 with noise of next to nothing: the prior acts as it does on real spectra
    labels = fit_labels(replace(spectra, flux_err=spectra.flux_err * 500), grid)
    for name in ("log_age_lw", "mh_lw"):
        values = getattr(labels, name)
        slope = np.polyfit(velocity / 250, values, 1)[0]
        assert abs(slope) < 0.005, name
        assert np.ptp(values) < 0.02, name
