"""The templates as the fit sees them: resolution that varies, dispersion, coarse templates, the cache."""

from dataclasses import replace

import numpy as np
import pytest

from agez.spectra.template_basis import RESOLUTION_KNOTS, SIGMA_GRID_KMS, prepare_basis, resolution_at_rest
from agez.spectra.templates import SSPGrid

LIGHT_KMS = 299792.458
FWHM_PER_SIGMA = 2.354820045
RANGE = (4000.0, 6500.0)
CENTRES = np.arange(4150.0, 6400.0, 200.0)


def line_grid(fwhm):
    """Four 'templates' of emission lines on a constant, with a resolution of ``fwhm``."""
    wave = np.arange(3500.0, 7200.0, 0.5)
    sigma = fwhm / FWHM_PER_SIGMA
    lines = np.array([np.exp(-0.5 * ((wave - centre) / sigma) ** 2) for centre in CENTRES])
    strength = np.random.default_rng(1).uniform(0.2, 1.0, (2, 2, len(CENTRES)))
    flux = 1.0 + strength @ lines
    return SSPGrid("lines", wave, flux, np.array([8.0, 9.0]), np.array([-0.5, 0.0]), "air", fwhm, "", "")


def line_sigmas(basis, index, centres=CENTRES):
    """Standard deviation [km/s] of each line of the first template, from its second moment."""
    spectrum = basis.spectra[index].astype(float) @ basis.coefficients[:, 0]
    spectrum = spectrum - np.median(spectrum)
    found = []
    for centre in centres:
        kms = LIGHT_KMS * np.log(basis.wave_angstrom / centre)
        near = np.abs(kms) < 2500.0
        weight = spectrum[near]
        mean = np.sum(weight * kms[near]) / weight.sum()
        found.append(np.sqrt(np.sum(weight * (kms[near] - mean) ** 2) / weight.sum()))
    return np.array(found)


def basis_of(grid, fwhm, step=40.0):
    return prepare_basis(
        grid, fit_range_angstrom=RANGE, velocity_step_kms=step, fwhm_rest_angstrom=fwhm, medium="air"
    )  # fmt: skip


@pytest.mark.parametrize("index", [0, 2, 5])
@pytest.mark.parametrize("shape", ["constant", "growing", "constant R"])
def test_a_line_has_the_sum_of_the_variances(index, shape):
    """Instrument (as it is at the line), dispersion, and the pixel of the fit."""
    knots = np.geomspace(*RANGE, RESOLUTION_KNOTS)
    fwhm = {
        "constant": np.full_like(knots, 4.0),
        "growing": np.linspace(3.0, 6.0, len(knots)),
        "constant R": knots / 1200,
    }
    basis = basis_of(line_grid(2.5), fwhm[shape])
    instrument = LIGHT_KMS * np.interp(CENTRES, knots, fwhm[shape]) / FWHM_PER_SIGMA / CENTRES
    expected = np.sqrt(instrument**2 + SIGMA_GRID_KMS[index] ** 2 + 40.0**2 / 12)
    np.testing.assert_allclose(line_sigmas(basis, index), expected, rtol=0.01)
    np.testing.assert_allclose(
        np.interp(CENTRES, basis.wave_angstrom, basis.instrument_sigma_kms), instrument, rtol=0.005
    )
    assert basis.sigma_floor_kms == 0.0


def test_templates_coarser_than_the_data_give_the_right_dispersion_above_a_floor():
    basis = basis_of(line_grid(5.0), 4.0)
    missing = LIGHT_KMS * 3.0 / FWHM_PER_SIGMA / CENTRES  # sqrt(5^2 - 4^2)
    assert basis.sigma_floor_kms == pytest.approx(np.median(missing), rel=0.03)
    instrument = LIGHT_KMS * 4.0 / FWHM_PER_SIGMA / CENTRES
    own = LIGHT_KMS * 5.0 / FWHM_PER_SIGMA / CENTRES
    for index in (0, 4, 7):
        sigma = SIGMA_GRID_KMS[index]
        expected = np.sqrt(np.maximum(instrument**2 + sigma**2, own**2) + 40.0**2 / 12)
        np.testing.assert_allclose(line_sigmas(basis, index), expected, rtol=0.01)


def test_neighbouring_redshifts_share_a_basis(toy_grid):
    grid = replace(toy_grid, fwhm_angstrom=2.5)
    wave = np.arange(3700.0, 7500.0, 2.0)

    def of(z, fwhm):
        knots = resolution_at_rest(wave, fwhm, redshift=z, fit_range_angstrom=RANGE)
        return prepare_basis(
            grid, fit_range_angstrom=RANGE, velocity_step_kms=100.0, fwhm_rest_angstrom=knots, medium="air"
        )

    constant = np.full(len(wave), 6.0)
    assert of(0.0100, constant) is of(0.0101, constant)
    assert of(0.01, constant) is not of(0.03, constant)


def test_resolution_at_rest():
    wave = np.arange(3700.0, 7500.0, 2.0)
    box = 2.0 * FWHM_PER_SIGMA / np.sqrt(12)
    got = resolution_at_rest(wave, 2.0 + wave / 2000, redshift=0.1, fit_range_angstrom=RANGE)
    knots = np.geomspace(*RANGE, RESOLUTION_KNOTS) * 1.1
    np.testing.assert_allclose(got, np.hypot(2.0 + knots / 2000, box) / 1.1)
    # a gap is bridged; nothing known: two pixels
    some = np.where(wave < 5000, np.nan, 5.0)
    np.testing.assert_allclose(
        resolution_at_rest(wave, some, redshift=0.0, fit_range_angstrom=RANGE), np.hypot(5.0, box)
    )
    nothing = np.full(len(wave), np.nan)
    np.testing.assert_allclose(
        resolution_at_rest(wave, nothing, redshift=0.0, fit_range_angstrom=RANGE), np.hypot(4.0, box)
    )
