"""Holes of one band on a galaxy: what stands beside them after PSF matching, and what they are filled with."""

from dataclasses import replace

import numpy as np
import pytest
from image_worlds import PIXEL_ARCSEC, distance_from, image_set
from scipy.ndimage import convolve as slow_convolve

from agez.images.kernels import gaussian_kernel
from agez.images.light_shape import light_shape, membrane
from agez.images.noise_correlation import WHITE
from agez.images.psf import convolve, match_psf

N = 61
FWHM = np.array([1.8, 2.2, 2.6, 3.0])


def steep(scale=3.0):
    return 500 * np.exp(-distance_from((N, N), 30.3, 29.6) / scale)


def bands(rng, mask=None, noise=0.1):
    """The same galaxy in four bands of other brightness, through PSFs that differ."""
    wide = [slow_convolve(steep(), gaussian_kernel(fwhm / 2.355), mode="nearest") for fwhm in FWHM]
    flux = np.stack([level * one for level, one in zip((1.0, 3.0, 0.4, 2.0), wide, strict=True)])
    return image_set(flux + rng.normal(0, noise, flux.shape), noise, fwhm=FWHM * PIXEL_ARCSEC, mask=mask)


def test_beside_a_bad_column_of_one_band(rng):
    """Off by 5 % where the light is taken as flat, by a fifth of a per cent with its shape."""
    mask = np.zeros((4, N, N), dtype=bool)
    mask[0, :, 33] = True
    seed = rng.integers(2**31)
    whole, done = match_psf(bands(np.random.default_rng(seed))), match_psf(bands(np.random.default_rng(seed), mask))
    beside = (slice(20, 40), [30, 31, 32, 34, 35, 36])
    off = np.abs(done.flux[0][beside] / whole.flux[0][beside] - 1)
    good = ~done.mask[0][beside]
    assert good.sum() > 20
    assert off[good].max() < 0.005
    kernel = gaussian_kernel(np.sqrt(3.0**2 - 1.8**2) / 2.355)
    images = bands(np.random.default_rng(seed), mask)
    flat = convolve(images.flux[0].astype(float), np.ones((N, N)), mask[0], WHITE, kernel, max_masked=0.3)
    assert np.abs(flat.flux[beside] / whole.flux[0][beside] - 1)[good].max() > 0.03


def test_light_of_that_shape_is_convolved_as_if_it_had_no_holes(rng):
    """Exactly, up to the edges, with holes anywhere, also at the frame's edge."""
    shape, kernel = steep() + 1, gaussian_kernel(1.1)
    mask = rng.uniform(size=shape.shape) < 0.1
    done = convolve(7 * shape, np.ones(shape.shape), mask, WHITE, kernel, max_masked=0.9, shape=shape)
    np.testing.assert_allclose(done.flux, slow_convolve(7 * shape, kernel, mode="nearest"), rtol=1e-9)
    one = convolve(shape, shape, mask, WHITE, kernel, max_masked=0.9, shape=np.ones(shape.shape))
    two = convolve(shape, shape, mask, WHITE, kernel, max_masked=0.9)
    for name in ("flux", "variance"):
        np.testing.assert_allclose(getattr(one, name), getattr(two, name), rtol=1e-9)


def test_variance_beside_holes_against_monte_carlo(rng):
    shape, kernel = steep(8.0) + 5, gaussian_kernel(1.1)
    mask = np.zeros(shape.shape, dtype=bool)
    mask[:, 33] = True
    noise = 2.0
    draws = np.stack([
        convolve(rng.normal(0, noise, shape.shape), np.full(shape.shape, noise**2), mask, WHITE, kernel,
                 max_masked=0.9, shape=shape).flux[10:-10, [32, 34]]
        for _ in range(400)
    ])  # fmt: skip
    said = convolve(shape, np.full(shape.shape, noise**2), mask, WHITE, kernel, max_masked=0.9, shape=shape)
    assert draws.var(axis=0).mean() == pytest.approx(said.variance[10:-10, [32, 34]].mean(), rel=0.03)


def test_membranes():
    y, x = np.mgrid[:20, :30].astype(float)
    plane = 3 + 2 * x - y
    hole = np.zeros(plane.shape, dtype=bool)
    hole[5:9, 4:12] = hole[12, 3:] = True
    hole[12, -1] = False
    np.testing.assert_allclose(membrane(np.where(hole, -99.0, plane), hole), plane, atol=1e-9)
    corner = np.zeros(plane.shape, dtype=bool)
    corner[:3, :3] = True
    filled = membrane(np.where(corner, np.nan, 4.0), corner)
    np.testing.assert_allclose(filled, 4.0)
    assert (membrane(plane, np.zeros_like(hole)) == plane).all()


def test_the_shape_has_no_steps_where_a_band_is_missing(rng):
    mask = np.zeros((4, N, N), dtype=bool)
    mask[1, :, 25:] = True
    mask[:, 40:44, 20:24] = True
    with_hole, without = light_shape(bands(rng, mask)), light_shape(bands(rng))
    assert (with_hole > 0).all()
    bright = without > 0.1 * without.max()
    ratio = with_hole[bright] / without[bright]
    assert np.ptp(ratio) / ratio.mean() < 0.25  # PSFs differ: not the shape of any one band
    hole = mask.all(axis=0)
    assert np.abs(with_hole[hole] / without[hole] / ratio.mean() - 1).max() < 0.5


def test_a_frame_that_is_mostly_empty():
    """As of one turned in the sky: a million pixels without data are no great linear problem."""
    flux = np.broadcast_to(steep()[None], (2, N, N))
    mask = np.ones((2, 1200, 1200), dtype=bool)
    mask[:, 500 : 500 + N, 600 : 600 + N] = False
    wide = np.zeros(mask.shape)
    wide[:, 500 : 500 + N, 600 : 600 + N] = flux + np.random.default_rng(1).normal(0, 0.1, flux.shape)
    shape = light_shape(image_set(wide, 0.1, fwhm=FWHM[:2] * PIXEL_ARCSEC, mask=mask))
    assert np.isfinite(shape).all()
    assert (shape > 0).all()
    np.testing.assert_allclose(shape[520:540, 620:640], steep()[20:40, 20:40], rtol=0.05)


def test_nothing_to_take_a_shape_from(rng):
    images = bands(rng)
    nothing = replace(images, mask=np.ones_like(images.mask))
    assert (light_shape(nothing) == 1).all()
    dark = replace(images, flux=np.zeros_like(images.flux))
    assert (light_shape(dark) > 0).all()
