"""Noise from a spectrum's own scatter: right where there is noise, and no trap where pixels were interpolated."""

import numpy as np
import pytest

from agez.spectra.noise_estimate import scatter_error

NOISE = 0.05


@pytest.fixture
def flux():
    wave = np.arange(4000)
    return 2 + np.sin(wave / 300) + NOISE * np.random.default_rng(4).standard_normal(4000)


def test_the_noise_is_found(flux):
    assert np.median(scatter_error(flux, np.zeros(4000, bool))) == pytest.approx(NOISE, rel=0.05)


def test_interpolated_stretches_do_not_outweigh_the_rest(flux):
    flux[1000:1600] = np.linspace(flux[1000], flux[1599], 600)
    error = scatter_error(flux, np.zeros(4000, bool))
    assert error.min() > 0.2 * NOISE
    assert np.median(error) == pytest.approx(NOISE, rel=0.1)
