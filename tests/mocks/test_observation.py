"""Observation: against a slow direct convolution, and noise, lines and calibration measured back."""

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from agez.errors import AgezError
from agez.mocks import observation
from agez.mocks.observation import (
    FWHM_ANGSTROM,
    SIGMA_PER_FWHM,
    WAVE_ANGSTROM,
    add_lines,
    calibration_errors,
    line_spread,
    noise_level,
    prepare_grid,
    spoil_pixels,
)
from agez.spectra.broadening import move_and_broaden
from agez.spectra.lines import LINE_NAMES, SPEED_OF_LIGHT_KMS, line, line_waves
from agez.spectra.templates import SSPGrid


def slow_observation(wave, flux, *, redshift, velocity, sigma, template_fwhm):
    """The same by brute force: LOSVD by numerical integration over velocity, then the instrument over wavelength."""
    template = CubicSpline(wave, flux)
    fine = np.geomspace(3550, 7700, 60000)
    velocities = np.linspace(velocity - 5 * sigma, velocity + 5 * sigma, 401)
    weight = np.exp(-0.5 * ((velocities - velocity) / sigma) ** 2)
    # the Gaussian is one in log wavelength: ln(1 + v/c) = shift + sigma/c * t
    shift = np.log1p(velocity / SPEED_OF_LIGHT_KMS) + (velocities - velocity) / SPEED_OF_LIGHT_KMS
    moved = sum(w * template(np.exp(np.log(fine) - s)) for w, s in zip(weight, shift, strict=True)) / weight.sum()
    observed = fine * (1 + redshift)
    width = np.sqrt(FWHM_ANGSTROM**2 - (template_fwhm * (1 + redshift)) ** 2) * SIGMA_PER_FWHM
    result = np.empty(len(WAVE_ANGSTROM))
    for i, pixel in enumerate(WAVE_ANGSTROM):
        near = np.abs(observed - pixel) < 6 * width
        kernel = np.exp(-0.5 * ((observed[near] - pixel) / width) ** 2) * observed[near]
        result[i] = kernel @ moved[near] / kernel.sum()
    return result


def test_califa_sampling():
    assert WAVE_ANGSTROM[0] == 3745
    assert WAVE_ANGSTROM[-1] <= 7500 < WAVE_ANGSTROM[-1] + 2
    assert np.allclose(np.diff(WAVE_ANGSTROM), 2)


@pytest.mark.parametrize(
    ("velocity", "sigma", "redshift"), [(0.0, 60.0, 0.005), (230.0, 150.0, 0.017), (-310.0, 300.0, 0.03)]
)
def test_motion_and_resolution_equal_the_slow_oracle(toy_grid, velocity, sigma, redshift):
    prepared = prepare_grid(toy_grid)
    pick = toy_grid.flux[2, 1]
    fast = move_and_broaden(
        prepared.flux[2 * len(toy_grid.mh) + 1][None],
        np.array([velocity]),
        np.array([sigma]),
        step_kms=prepared.step_kms,
    )
    matrix, fwhm = line_spread(prepared.wave_angstrom, redshift, template_fwhm=toy_grid.fwhm_angstrom)
    slow = slow_observation(
        toy_grid.wave_angstrom,
        pick,
        redshift=redshift,
        velocity=velocity,
        sigma=sigma,
        template_fwhm=toy_grid.fwhm_angstrom,
    )
    assert fwhm == pytest.approx(6.0)
    assert matrix @ fast[0] == pytest.approx(slow, rel=3e-4)


def test_a_narrow_line_gets_the_width_of_motion_and_instrument():
    wave = np.geomspace(3550, 7700, 5400)
    step = SPEED_OF_LIGHT_KMS * np.log(wave[1] / wave[0])
    centre, own = 5500.0, 60.0  # km/s: resolved on the grid
    flux = np.exp(-0.5 * (SPEED_OF_LIGHT_KMS * np.log(wave / centre) / own) ** 2)[None].astype(np.float32)
    matrix, _ = line_spread(wave, 0.02, template_fwhm=2.5)
    out = matrix @ move_and_broaden(flux, np.array([100.0]), np.array([120.0]), step_kms=step)[0]
    mean = (out * WAVE_ANGSTROM).sum() / out.sum()
    width = np.sqrt((out * (WAVE_ANGSTROM - mean) ** 2).sum() / out.sum())
    expected_mean = centre * 1.02 * (1 + 100 / SPEED_OF_LIGHT_KMS)
    instrument = (36 - (2.5 * 1.02) ** 2) * SIGMA_PER_FWHM**2
    expected = np.sqrt((60**2 + 120**2) * (expected_mean / SPEED_OF_LIGHT_KMS) ** 2 + instrument)
    assert mean == pytest.approx(expected_mean, abs=0.05)
    assert width == pytest.approx(expected, rel=0.01)


def test_templates_coarser_than_califa_keep_their_resolution():
    _, fwhm = line_spread(np.geomspace(3550, 7700, 5400), 0.01, template_fwhm=20.0)
    assert fwhm == pytest.approx(20.2, abs=0.15)


def test_flat_spectra_stay_flat():
    wave = np.geomspace(3550, 7700, 5400)
    matrix, _ = line_spread(wave, 0.01, template_fwhm=2.5)
    assert matrix @ np.ones(5400, dtype=np.float32) == pytest.approx(1.0, abs=1e-5)


def test_line_fluxes_are_measured_back():
    rng = np.random.default_rng(0)
    names = ("Hbeta", "OIII5007", "OI6300", "OII3726")
    fluxes = np.zeros((6, len(LINE_NAMES)))
    for name in names:
        fluxes[:, LINE_NAMES.index(name)] = rng.uniform(1, 5, 6)
    spectra = np.zeros((6, len(WAVE_ANGSTROM)), dtype=np.float32)
    velocity = np.linspace(-250, 250, 6)
    add_lines(spectra, fluxes, redshift=0.02, velocity_kms=velocity, sigma_kms=np.full(6, 80.0), fwhm_angstrom=6.0)
    for name in names:
        centre = line(name).air_angstrom * 1.02 * (1 + velocity / SPEED_OF_LIGHT_KMS)
        near = np.abs(WAVE_ANGSTROM - centre[:, None]) < 22
        assert (spectra * near).sum(axis=1) * 2.0 == pytest.approx(fluxes[:, LINE_NAMES.index(name)], rel=1e-4)
        mean = (spectra * near * WAVE_ANGSTROM).sum(axis=1) / (spectra * near).sum(axis=1)
        assert mean == pytest.approx(centre, abs=0.01)


def test_lines_outside_the_range_leave_no_trace_and_no_error():
    spectra = np.zeros((1, len(WAVE_ANGSTROM)), dtype=np.float32)
    fluxes = np.ones((1, len(LINE_NAMES)))
    add_lines(spectra, fluxes, redshift=1.5, velocity_kms=np.zeros(1), sigma_kms=np.full(1, 50.0), fwhm_angstrom=6.0)
    waves = line_waves(medium="air") * 2.5
    assert spectra.sum() * 2 == pytest.approx(np.sum((waves > 3760) & (waves < 7480)), abs=0.01)


def test_noise_is_the_asked_signal_to_noise_per_angstrom_and_larger_in_the_blue():
    flux = np.full((3, len(WAVE_ANGSTROM)), 0.7, dtype=np.float32)
    error = noise_level(flux, np.full(3, 0.7), np.array([15.0, 30.0, 60.0]))
    at = np.argmin(np.abs(WAVE_ANGSTROM - 5500))
    assert (flux / error)[:, at] / np.sqrt(2) == pytest.approx([15, 30, 60], rel=0.01)
    assert (error[:, 0] / error[:, at] > 2).all()
    faint = noise_level(-flux, np.full(3, 0.7), np.full(3, 30.0))
    assert (faint > 0).all()


def test_calibration_errors_of_spaxels_average_down_in_bins():
    rng = np.random.default_rng(4)
    logs = np.log(calibration_errors(np.repeat([1.0, 16.0], 3000), rng))
    spread = (logs - logs.mean(axis=0)).std(axis=1)
    assert np.mean(spread[3000:]) == pytest.approx(np.mean(spread[:3000]) / 4, rel=0.05)


def test_calibration_errors_are_smooth_and_of_the_published_size():
    rng = np.random.default_rng(4)
    galaxies = np.array([np.log(calibration_errors(np.array([1.0, 1.0, 1.0]), rng)) for _ in range(600)])
    colour = galaxies - galaxies[:, :, 800:900].mean(axis=2, keepdims=True)
    middle = (WAVE_ANGSTROM > 4500) & (WAVE_ANGSTROM < 7000)
    assert 0.025 < np.sqrt(galaxies[:, 0].var(axis=1).mean()) < 0.04  # colour: rms over the range
    assert colour[:, 0, :20].std() > 1.3 * colour[:, 0, middle].std()  # worse in the blue
    between = (galaxies[:, 0] - galaxies[:, 1]) / np.sqrt(2)
    assert 0.007 < between.std() < 0.015  # spaxels of one galaxy differ by less
    assert np.abs(np.diff(galaxies, axis=2)).max() < 0.004
    assert galaxies[:, :, middle].mean() == pytest.approx(0, abs=0.01)


def test_bad_pixels_are_few_masked_and_finite():
    rng = np.random.default_rng(5)
    flux = np.ones((200, len(WAVE_ANGSTROM)), dtype=np.float32)
    mask = spoil_pixels(flux, np.full_like(flux, 0.03), rng)
    (low, high), wave = observation.SKY_LINE_ANGSTROM, WAVE_ANGSTROM
    sky = (wave >= low) & (wave <= high)
    assert mask[:, sky].all()
    assert mask[:, ~sky].mean() == pytest.approx(observation.COSMIC_RAY_SHARE, rel=0.15)
    assert (flux[~mask] == 1).all()
    assert np.isfinite(flux).all()


def test_a_grid_that_does_not_reach_is_refused(toy_grid):
    short = SSPGrid(
        "short",
        toy_grid.wave_angstrom[400:],
        toy_grid.flux[..., 400:],
        toy_grid.log_age,
        toy_grid.mh,
        "air",
        2.5,
        "",
        "",
    )
    with pytest.raises(AgezError, match="--templates"):
        prepare_grid(short)


def test_templates_in_vacuum_are_brought_to_air(toy_grid):
    from agez.photometry.air import air_to_vacuum

    vacuum = SSPGrid(
        "vacuum",
        air_to_vacuum(toy_grid.wave_angstrom),
        toy_grid.flux,
        toy_grid.log_age,
        toy_grid.mh,
        "vacuum",
        2.5,
        "",
        "",
    )
    assert prepare_grid(vacuum).flux == pytest.approx(prepare_grid(toy_grid).flux, rel=1e-4)
