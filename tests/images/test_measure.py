"""Photometry of regions: sums, what is missing, and errors against a slow double sum and against drawn noise."""

from dataclasses import replace

import numpy as np
import pytest
from image_worlds import image_set
from scipy.ndimage import gaussian_filter
from scipy.signal import fftconvolve

from agez.errors import AgezError
from agez.flags import Flag, has_flag
from agez.images.measure import LEAST_LIGHT, measure, region_variance, region_variances
from agez.images.noise_correlation import WHITE, after_convolution


def gaussian(width, half):
    x = np.arange(-half, half + 1)
    kernel = np.exp(-np.add.outer(x**2, x**2) / (2 * width**2))
    return kernel / kernel.sum()


def odd_regions(rng, shape, n):
    """Scattered, not connected, with holes."""
    return rng.integers(-1, n, size=shape)


def slow_variance(sigma, correlation, bin_id, n):
    """The double sum over all pairs of pixels, as it stands in the text."""
    half = correlation.shape[0] // 2
    out = np.zeros(n)
    for region in range(n):
        pixels = np.argwhere(bin_id == region)
        for i in pixels:
            for j in pixels:
                dy, dx = j - i
                if max(abs(dy), abs(dx)) <= half:
                    out[region] += sigma[tuple(i)] * sigma[tuple(j)] * correlation[half + dy, half + dx]
    return out


def test_variance_is_the_double_sum(rng):
    shape, n = (9, 11), 4
    bin_id, sigma = odd_regions(rng, shape, n), rng.uniform(0.5, 2.0, (3, *shape))
    noise = (WHITE, after_convolution(WHITE, gaussian(0.8, 2))[0], after_convolution(WHITE, gaussian(1.5, 4))[0])
    found = region_variances(sigma, noise, bin_id, n)
    for b in range(3):
        np.testing.assert_allclose(found[:, b], slow_variance(sigma[b], noise[b], bin_id, n), rtol=1e-3)
        np.testing.assert_allclose(region_variance(sigma[b], noise[b], bin_id, n), found[:, b], rtol=1e-12)
    white = np.bincount(bin_id[bin_id >= 0], weights=sigma[0][bin_id >= 0] ** 2, minlength=n)
    np.testing.assert_allclose(found[:, 0], white, rtol=1e-12)


def test_a_correlation_wider_than_the_image(rng):
    bin_id = np.zeros((3, 2), dtype=int)
    noise = after_convolution(WHITE, gaussian(3.0, 9))[0]
    sigma = rng.uniform(1, 2, bin_id.shape)
    assert region_variance(sigma, noise, bin_id, 1) == pytest.approx(slow_variance(sigma, noise, bin_id, 1), rel=1e-3)


def test_errors_are_the_scatter_of_drawn_noise(rng):
    kernel = gaussian(1.2, 4)
    correlation, factor = after_convolution(WHITE, kernel)
    shape, draws = (24, 24), 400
    y, x = np.indices(shape)
    bin_id = (y // 8) * 3 + x // 8
    white = rng.normal(size=(draws, shape[0] + 8, shape[1] + 8))
    noise = np.stack([fftconvolve(one, kernel, mode="valid") for one in white]) / np.sqrt(factor)
    images = image_set(np.full((1, *shape), 50.0), 1.0)
    images = replace(images, noise=(correlation,))
    sums = [np.bincount(bin_id.ravel(), weights=one.ravel()) for one in noise]
    err = measure(images, bin_id).flux_err[:, 0]
    assert np.std(sums) == pytest.approx(err.mean(), rel=0.05)
    naive = np.sqrt(64)
    assert err.min() > 2.5 * naive


def test_sums_and_positions():
    _, x = np.indices((6, 8))
    flux = np.stack([1.0 + x, 2.0 * (1.0 + x)])
    bin_id = np.where(x < 4, 0, 1)
    found = measure(image_set(flux), bin_id, galaxy_id="NGC 1", redshift=0.02, centre=(3.5, 2.5))
    np.testing.assert_allclose(found.flux, [[60.0, 120.0], [156.0, 312.0]])
    np.testing.assert_allclose(found.flux_err, np.sqrt(24))
    assert found.rows.galaxy_id.tolist() == ["NGC 1"] * 2
    # 0.5 arcsec a pixel, x to the west; columns weighted by 1 + x: (0+2+6+12)/10 and (25+36+49+64)/26 - 1
    np.testing.assert_allclose(found.rows.x, 0.5 * (np.array([2.0, 174 / 26 - 1]) - 3.5), atol=1e-6)
    np.testing.assert_allclose(found.rows.y, 0.0, atol=1e-3)


def test_a_band_that_lacks_pixels_is_scaled_by_the_light_of_the_others():
    y, x = np.indices((8, 8))
    light = 10.0 * np.exp(-np.hypot(y - 3.5, x - 3.5) / 2)
    flux = np.stack([light, 2 * light, 3 * light])
    whole = measure(image_set(flux, 0.1), np.zeros((8, 8), int))
    mask = np.zeros(flux.shape, bool)
    mask[1, 3:5, 3:5] = True  # the brightest pixels of one band
    part = measure(image_set(np.where(mask, np.nan, flux), 0.1, mask=mask), np.zeros((8, 8), int))
    share = 1 - light[3:5, 3:5].sum() / light.sum()
    assert share > LEAST_LIGHT
    np.testing.assert_allclose(part.flux, whole.flux, rtol=1e-5)
    assert part.flux_err[0, 1] == pytest.approx(0.1 * np.sqrt(60) / share, rel=1e-5)
    assert part.covered.all()
    assert not has_flag(part.flags, Flag.BAND_NOT_COVERED).any()


def test_a_band_that_lacks_most_of_the_light_is_not_covered():
    flux = np.full((3, 6, 6), 4.0)
    mask = np.zeros(flux.shape, bool)
    mask[0, :, :3] = True
    found = measure(image_set(flux, mask=mask), np.zeros((6, 6), int))
    assert found.covered.tolist() == [[False, True, True]]
    assert np.isnan(found.flux_err[0, 0])
    assert has_flag(found.flags, Flag.BAND_NOT_COVERED).all()


def test_a_region_that_no_band_sees_spoils_no_other():
    flux = np.full((2, 4, 4), 3.0)
    mask = np.zeros(flux.shape, bool)
    mask[:, :, :2] = True
    bin_id = np.where(np.indices((4, 4))[1] < 2, 0, 1)
    found = measure(image_set(flux, mask=mask), bin_id)
    assert has_flag(found.flags, Flag.NO_DATA).tolist() == [True, False]
    np.testing.assert_allclose(found.flux[1], 24.0)
    assert np.isfinite(found.rows.x).all()


def test_one_pixel_and_negative_fluxes(rng):
    flux = -np.abs(rng.normal(size=(2, 5, 5)))
    bin_id = np.full((5, 5), -1)
    bin_id[2, 3] = 0
    found = measure(image_set(flux, 0.5), bin_id)
    np.testing.assert_allclose(found.flux[0], flux[:, 2, 3], rtol=1e-6)
    np.testing.assert_allclose(found.flux_err[0], 0.5)


def test_unknown_errors_are_said():
    flux = np.full((1, 4, 4), 3.0)
    error = np.ones(flux.shape)
    error[0, 0, 0] = np.nan
    bin_id = np.where(np.indices((4, 4))[0] < 2, 0, 1)
    found = measure(image_set(flux, error), bin_id)
    assert np.isnan(found.flux_err[:, 0]).tolist() == [True, False]
    assert has_flag(found.flags, Flag.BAD_ERROR).tolist() == [True, False]


def test_regions_of_another_shape_and_none_at_all():
    images = image_set(np.ones((1, 4, 4)))
    with pytest.raises(AgezError, match=r"shape \(3, 4\)"):
        measure(images, np.zeros((3, 4), int))
    with pytest.raises(AgezError, match="no region"):
        measure(images, np.full((4, 4), -1))


def test_smoothing_first_does_not_change_sums_much(rng):
    """A sum over a large region hardly changes where its images are convolved, and no more does its error."""
    kernel = gaussian(1.0, 4)
    light = 100 * np.exp(-np.hypot(*(np.indices((40, 40)) - 19.5)) / 4)
    sharp = image_set(light[None], 1.0)
    correlation, factor = after_convolution(WHITE, kernel)
    smooth = image_set(gaussian_filter(light, 1.0)[None], np.sqrt(factor))
    smooth = replace(smooth, noise=(correlation,))
    bin_id = np.where(np.hypot(*(np.indices((40, 40)) - 19.5)) < 17, 0, -1)
    one, two = measure(sharp, bin_id), measure(smooth, bin_id)
    assert two.flux[0, 0] == pytest.approx(one.flux[0, 0], rel=0.01)
    assert two.flux_err[0, 0] == pytest.approx(one.flux_err[0, 0], rel=0.05)


def test_an_uncertain_background_is_in_the_errors():
    images = image_set(np.ones((1, 4, 5)), 0.1)
    bins = np.zeros((4, 5), int)
    bins[:, 3:] = 1
    name = images.bands.names[0]
    taken = replace(images, meta={**images.meta, "background": {"bands": {name: {"value": 3.0, "error": 0.05}}}})
    expected = np.hypot(measure(images, bins).flux_err[:, 0], 0.05 * np.array([12, 8]))
    np.testing.assert_allclose(measure(taken, bins).flux_err[:, 0], expected)
