"""Errors of templates are added in quadrature, pixel by pixel, and only where asked for."""

from dataclasses import replace

import numpy as np
import pytest
from spectra_factory import light_fractions, observe

from agez.errors import AgezError
from agez.spectra.fit_inputs import error_with_templates
from agez.spectra.fit_settings import FitSettings
from agez.spectra.fitting import fit_labels


@pytest.fixture(scope="module")
def spectra(toy_grid):
    rng = np.random.default_rng(2)
    grid = replace(toy_grid, fwhm_angstrom=6.0)
    fractions = light_fractions(grid, 3, rng)
    return observe(grid, fractions, velocity_kms=np.zeros(3), sigma_kms=np.full(3, 100.0), snr=200.0, rng=rng)


def test_errors_grow_in_quadrature(spectra):
    good = ~spectra.mask
    assert error_with_templates(spectra, good, 0.0) is spectra.flux_err
    flat = replace(spectra, flux=np.full_like(spectra.flux, 2.0))
    np.testing.assert_allclose(error_with_templates(flat, good, 0.01), np.hypot(spectra.flux_err, 0.02), rtol=1e-6)


def test_spikes_masked_pixels_and_empty_rows_do_no_harm(spectra):
    flux, good = spectra.flux.copy(), np.ones(spectra.flux.shape, dtype=bool)
    flux[0, 700:705] = 1e6
    good[0, 700:705] = False
    good[1, 100] = False
    flux[1, 100] = np.nan
    good[2] = False
    error = error_with_templates(replace(spectra, flux=flux), good, 0.01)
    clean = error_with_templates(spectra, np.ones_like(good), 0.01)
    np.testing.assert_allclose(error[0, good[0]], clean[0, good[0]], rtol=0.05)
    np.testing.assert_array_equal(error[2], spectra.flux_err[2])


def test_chi2_of_wrong_templates_comes_down_and_snr_stays(toy_grid, spectra):
    grid = replace(toy_grid, fwhm_angstrom=6.0)
    rng = np.random.default_rng(3)
    wrong = 1 + 0.01 * np.convolve(rng.normal(size=len(spectra.wave_angstrom)), np.ones(4) / 2, mode="same")
    odd = replace(spectra, flux=(spectra.flux * wrong).astype(np.float32))
    plain = fit_labels(odd, grid)
    eased = fit_labels(odd, grid, settings=FitSettings(template_error=0.01))
    assert np.all(plain.chi2 > 2)
    assert np.all(eased.chi2 < 2)
    np.testing.assert_allclose(eased.snr, plain.snr)
    assert eased.meta["template_error"] == 0.01


@pytest.mark.parametrize("bad", [-0.01, np.nan, np.inf])
def test_a_fraction_is_a_fraction(bad):
    with pytest.raises(AgezError, match="template_error"):
        FitSettings(template_error=bad)
