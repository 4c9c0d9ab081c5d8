"""Gaussians in Fourier space do what the integral says, at any width, constant or not."""

import numpy as np
import pytest
from scipy.special import erf

from agez.spectra.broadening import broaden_and_bin, move_and_broaden


def line(x, centre, sigma):
    return np.exp(-0.5 * ((x - centre) / sigma) ** 2) / sigma


def mean_line(x, centre, sigma, width):
    """A Gaussian of unit area (times sqrt(2 pi)) averaged over pixels."""
    root = np.sqrt(2) * sigma
    return np.sqrt(np.pi / 2) * (erf((x - centre + width / 2) / root) - erf((x - centre - width / 2) / root)) / width


@pytest.mark.parametrize("sigma", [0.0, 0.05, 0.3, 1.0, 7.0, 40.0])
def test_variances_add_and_pixels_are_means(sigma):
    own, first, factor, q = 2.5, 300, 4, 200
    x = np.arange(first + factor * q + 300.0)
    centres = (450.2, 800.0)
    slope = 1e-4 * x  # a straight line stays as it is
    rows = np.array([line(x, centre, own) + slope for centre in centres])
    (made,) = broaden_and_bin(rows, np.full((1, q), sigma**2), first=first, factor=factor)
    at = first + factor * np.arange(q)
    total = np.hypot(own, sigma)
    for column, centre in zip(made.T, centres, strict=True):
        expected = mean_line(at, centre, total, factor) + slope[at]
        assert np.abs(column - expected).max() < 1e-4 * expected.max()


def test_a_width_that_varies_is_each_pixels_own(rng):
    """Against the direct sum over the kernel of each output pixel."""
    p, first, q = 900, 200, 500
    x = np.arange(float(p))
    rows = np.array([sum(line(x, c, 2.2) for c in rng.uniform(0, p, 60)) for _ in range(3)])
    sigma = np.stack([np.linspace(0.8, 6.0, q), 3.0 + np.sin(np.arange(q) / 40)])
    for made, widths in zip(broaden_and_bin(rows, sigma**2, first=first, factor=1), sigma, strict=True):
        kernel = np.exp(-0.5 * ((x - (first + np.arange(q))[:, None]) / widths[:, None]) ** 2)
        kernel /= np.sqrt(2 * np.pi) * widths[:, None]
        # averaged over a pixel, as the function does: to second order a Gaussian of variance 1/12
        box = rows + np.gradient(np.gradient(rows, axis=1), axis=1) / 24
        np.testing.assert_allclose(made, kernel @ box.T, atol=1e-3 * rows.max())


def test_motion_is_a_shift_and_dispersion_adds():
    step = 40.0
    x = np.arange(400.0)
    flux = line(x, 150.0, 3.0)[None].astype(np.float32)
    velocity = 299792.458 * np.expm1(7.3 * step / 299792.458)
    moved = move_and_broaden(flux, np.array([velocity]), np.array([4.0 * step]), step_kms=step)[0]
    np.testing.assert_allclose(moved, line(x, 157.3, 5.0), atol=1e-5)
