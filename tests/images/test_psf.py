"""PSF matching: known kernels, fluxes, variances and correlations, masks, and PSFs that are refused."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from image_worlds import PIXEL_ARCSEC, distance_from, image_set
from scipy.signal import fftconvolve

from agez.errors import AgezError
from agez.images.kernels import (
    full_width_half_maximum,
    gaussian_kernel,
    matching_kernel,
    moffat_psf,
)
from agez.images.noise_correlation import WHITE, after_convolution, variance_of_sum
from agez.images.psf import convolve, match_psf
from agez.images.resampling import resample
from agez.spectra.formats_common import FWHM_PER_SIGMA


def gaussian(fwhm_pixels, size=61):
    image = np.exp(-0.5 * (distance_from((size, size), size // 2, size // 2) * FWHM_PER_SIGMA / fwhm_pixels) ** 2)
    return image / image.sum()


@pytest.mark.parametrize("sigma", [0.05, 0.1, 0.3, 0.6, 0.69, 0.71, 1.5, 4.0])
def test_gaussian_kernels_have_the_transform_of_a_gaussian(sigma):
    kernel = gaussian_kernel(sigma)
    at = np.arange(len(kernel)) - len(kernel) // 2
    assert kernel.sum() == pytest.approx(1, abs=1e-12)
    assert kernel.min() > -0.02
    line = kernel.sum(axis=0)
    assert (line * at**2).sum() == pytest.approx(sigma**2, rel=3e-3)
    for frequency in (0.3, 0.8, 1.3, 2.0):
        expected = np.exp(-0.5 * (sigma * frequency) ** 2)
        assert (line * np.cos(frequency * at)).sum() == pytest.approx(expected, abs=0.01)


def test_point_sources_of_all_bands_become_one():
    """Gaussian PSFs of 2 to 4 pixels: profiles agree to 1.2 % of the peak, fluxes to 2e-5."""
    fwhm = np.array([2.0, 2.6, 4.0, 3.3])
    flux = np.stack([100 * gaussian(one) for one in fwhm])
    done = match_psf(image_set(flux, fwhm=fwhm * PIXEL_ARCSEC))
    np.testing.assert_allclose(done.psf_fwhm_arcsec, 4.0 * PIXEL_ARCSEC)
    good = np.where(done.mask, 0, done.flux)
    np.testing.assert_allclose(good.sum(axis=(1, 2)), 100, rtol=2e-5)
    assert np.abs(good - good[2]).max() < 0.012 * good[2].max()
    assert done.meta["psf"]["before"]["B0"] == pytest.approx(1.0)
    assert done.noise[2].shape == (1, 1)


def test_to_a_given_width():
    done = match_psf(image_set(gaussian(2.0)[None] * 10, fwhm=[1.0]), to=2.0)
    assert full_width_half_maximum(np.where(done.mask[0], 0, done.flux[0])) == pytest.approx(4.0, rel=0.02)
    with pytest.raises(AgezError, match=r"image_B0\.fits.*wider than the 0\.5 arcsec asked for"):
        match_psf(image_set(gaussian(2.0)[None], fwhm=[1.0]), to=0.5)


@pytest.mark.parametrize(
    ("first", "second"),
    [((2.0, 3.0), (3.0, 3.0)), ((2.9, 3.0), (3.0, 3.0)), ((2.0, 4.5), (3.0, 2.5)), ((2.0, 3.0), (6.0, 4.0))],
)
def test_moffat_profiles_are_matched_core_and_wings(first, second):
    pytest.importorskip("photutils")
    mine, goal = moffat_psf(*first, 61), moffat_psf(*second, 61)
    kernel = matching_kernel(mine, goal, source="x")
    got = fftconvolve(mine, kernel, mode="same")
    assert kernel.sum() == pytest.approx(1, abs=1e-9)
    assert np.abs(got - goal).max() < 0.008 * goal.max()
    for radius in (1.5, 3, 6, 12):
        inside = distance_from((61, 61), 30, 30) < radius
        assert got[inside].sum() == pytest.approx(goal[inside].sum(), rel=0.003)
    assert np.sqrt((kernel**2).sum()) <= 1.0
    assert np.abs(kernel).sum() < 1.15  # no ringing


def test_moffat_exponents_of_the_headers_are_used():
    pytest.importorskip("photutils")
    flux = np.stack([moffat_psf(2.0, 3.0, 61), moffat_psf(3.0, 3.5, 61)])
    images = image_set(flux, fwhm=[1.0, 1.5], psf_beta={"B0": 3.0, "B1": 3.5})
    done = match_psf(images)
    assert done.meta["psf"]["shape"] == "moffat"
    assert np.abs(done.flux[0] - done.flux[1])[~done.mask[0]].max() < 0.008 * flux[1].max()
    rough = match_psf(replace(images, meta={}))
    assert rough.meta["psf"]["shape"] == "gaussian"
    assert np.abs(rough.flux[0] - rough.flux[1])[~rough.mask[0]].max() > 0.03 * flux[1].max()


def test_variances_and_correlations_against_monte_carlo(rng):
    """Convolved noise, white and correlated before, scatters and goes together as said."""
    kernel, before = gaussian_kernel(1.1), gaussian_kernel(0.6)
    noise, _ = after_convolution(WHITE, before)
    n, ones = 256, np.ones((256, 256))
    nothing = ones < 0
    for start, given in ((None, WHITE), (before, noise)):
        image = rng.normal(0, 1, (n + 40, n + 40))
        if start is not None:
            image = fftconvolve(image, start, mode="same") / np.sqrt((start**2).sum())
        image = 3.0 * image[20:-20, 20:-20]
        done = convolve(image, 9 * ones, nothing, given, kernel, max_masked=0.2)
        inner = done.flux[12:-12, 12:-12]
        assert inner.std() == pytest.approx(np.sqrt(done.variance[100, 100]), rel=0.02)
        middle = done.noise.shape[0] // 2
        for dy, dx in ((0, 1), (1, 1), (0, 3), (3, 2)):
            measured = (inner[dy:, dx:] * inner[: inner.shape[0] - dy, : inner.shape[1] - dx]).mean() / inner.var()
            assert measured == pytest.approx(done.noise[middle + dy, middle + dx], abs=0.03)
        sums = inner[:224, :224].reshape(28, 8, 28, 8).sum(axis=(1, 3))
        expected = np.sqrt(done.variance[100, 100] * variance_of_sum(done.noise, 8, 8))
        assert sums.std() == pytest.approx(expected, rel=0.08)


def test_variance_that_changes_over_the_image(rng):
    """Monte Carlo of 400 images whose noise doubles across a line and is unknown nowhere."""
    sigma = np.where(np.arange(30) < 15, 1.0, 2.0)[None, :] * np.ones((30, 1))
    kernel, nothing = gaussian_kernel(1.0), np.zeros((30, 30), dtype=bool)
    nothing[12:14, 9:11] = True
    draws = [
        convolve(sigma * rng.normal(0, 1, sigma.shape), sigma**2, nothing, WHITE, kernel, max_masked=0.3)
        for _ in range(400)
    ]
    scatter = np.std([one.flux for one in draws], axis=0)
    good = ~draws[0].mask
    ratio = scatter[good] / np.sqrt(draws[0].variance[good])
    assert ratio.mean() == pytest.approx(1.0, abs=0.01)
    assert np.abs(ratio - 1).max() < 0.2  # 400 draws: 3.5 % a pixel


def test_masks_grow_where_the_kernel_needs_them():
    mask = np.zeros((1, 41, 41), dtype=bool)
    mask[0, 20, 20] = mask[0, 5:9, 5:9] = True
    flux = np.where(mask, np.nan, 7.0)
    done = match_psf(image_set(flux, mask=mask, fwhm=[1.0]), to=2.0)
    assert done.mask[0][mask[0]].all()
    inner = done.mask[0][3:-3, 3:-3]
    assert mask.sum() < inner.sum() < 4 * mask.sum()
    np.testing.assert_allclose(done.flux[0][~done.mask[0]], 7.0, rtol=1e-5)  # a flat image stays flat around holes
    assert done.mask[0][0].all()  # less than half of the kernel at the edge


def test_unknown_errors_stay_unknown(rng):
    flux = rng.normal(0, 1, (2, 30, 30))
    error = np.ones_like(flux)
    error[0] = np.nan
    error[1, 3, 3] = np.nan
    done = match_psf(image_set(flux, error, fwhm=[1.0, 1.0]), to=1.5)
    assert np.isnan(done.flux_err[0]).all()
    assert np.isnan(done.flux_err[1, 4, 4])
    assert np.isfinite(done.flux_err[1, 15, 15])
    assert np.isfinite(done.flux).any(axis=(1, 2)).all()


@pytest.mark.parametrize(
    ("fwhm", "words"),
    [
        ([1.0, np.nan], r"image_B1\.fits: the PSF of band B1 is unknown"),
        ([1.0, 9.0], r"image_B1\.fits.*9\.00 arcsec, but the image is only 15\.0"),
        ([1.0, -1.0], "positive number"),
    ],
)
def test_psfs_that_are_refused(rng, fwhm, words):
    with pytest.raises(AgezError, match=words):
        match_psf(image_set(rng.normal(0, 1, (2, 30, 30)), fwhm=fwhm))


def test_nothing_left_names_the_file():
    mask = np.ones((2, 31, 31), dtype=bool)
    mask[0] = False
    mask[1, ::2, ::2] = False
    flux = np.ones((2, 31, 31))
    with pytest.raises(AgezError, match=r"image_B1\.fits: no pixel of band B1 is left"):
        match_psf(image_set(flux, mask=mask, fwhm=[2.0, 1.0]))


def test_absent_libraries_are_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "reproject", None)
    image, wcs = np.ones((5, 5)), image_set(np.ones((1, 31, 31))).wcs
    with pytest.raises(AgezError, match=r"reproject.*run: pip install 'agez\[images\]'"):
        resample(image, image, image < 0, wcs, wcs, (5, 5), source="x")
