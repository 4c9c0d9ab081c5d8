"""What was made faster gives what the obvious version gives: medians, kernels, convolutions, noise, levels."""

import numpy as np
import pytest
from image_worlds import PIXEL_ARCSEC, image_set
from scipy.ndimage import uniform_filter, zoom
from scipy.signal import fftconvolve, oaconvolve

from agez.images.background import constant_level
from agez.images.detection import deep_image, median_of, pixel_sigma, robust_sigma, source_mask
from agez.images.galaxy_extent import faintest_useful_band
from agez.images.kernels import REGULARIZATION, full_width_half_maximum, gaussian_kernel, matching_kernel, moffat_psf
from agez.images.light_shape import light_shape
from agez.images.measure import region_variances
from agez.images.noise_correlation import (
    WHITE,
    after_convolution,
    autocorrelation,
    trimmed,
    variance_of_one_region,
    variances_of_one_region,
)
from agez.images.prepare import select_bands
from agez.images.psf import convolve, match_psf
from agez.images.sky_noise import sky_correlation
from agez.spectra.formats_common import FWHM_PER_SIGMA


@pytest.mark.parametrize("n", [1, 2, 3, 10, 4095, 4096, 4097, 20_000])
def test_medians_are_those_of_numpy(rng, n):
    normal = rng.normal(size=n)
    for values in (normal, np.sort(normal), np.exp(4 * normal), rng.integers(0, 3, n).astype(float), np.full(n, 2.0)):
        before = values.copy()
        assert median_of(values) == np.median(values)
        np.testing.assert_array_equal(values, before)
    where_it_is_sampled = normal.copy()
    where_it_is_sampled[:: max(1, n // 512)] += 100  # a sample that is unlike the rest
    assert median_of(where_it_is_sampled) == np.median(where_it_is_sampled)


def slow_pixel_sigma(image, mask, lag):
    good = ~mask
    around = uniform_filter(np.where(good, image, np.median(image[good])), size=8 * lag + 1, mode="nearest")
    faint = good & (around <= np.median(around[good]))
    left, middle, right = slice(None, -2 * lag), slice(lag, -lag), slice(2 * lag, None)
    use = faint[:, left] & faint[:, middle] & faint[:, right]
    values = (image[:, left] - 2 * image[:, middle] + image[:, right])[use]
    return 1.4826 * np.median(np.abs(values - np.median(values))) / np.sqrt(6)


def test_noise_of_pixels_and_the_deep_image(rng):
    image = rng.normal(0, 2, (80, 70)) + 50 * np.exp(-0.01 * np.add.outer((np.arange(80) - 40) ** 2, np.zeros(70)))
    mask = rng.uniform(size=image.shape) < 0.1
    for lag in (1, 4):
        for one in (mask, np.zeros_like(mask)):
            assert pixel_sigma(image, one, lag=lag) == pytest.approx(slow_pixel_sigma(image, one, lag), rel=1e-14)
    assert np.isnan(robust_sigma(np.array([np.nan])))
    images = image_set(np.stack([image, 2 * image, image]), mask=np.stack([mask, mask, np.ones_like(mask)]), fwhm=1.0)
    deep = deep_image(images)
    assert np.isnan(deep.sigma[2])
    weight = 1 / deep.sigma[:2] ** 2
    expected = np.tensordot(weight, images.flux[:2].astype(float), 1) / weight.sum()
    np.testing.assert_allclose(deep.image[~mask], expected[~mask], rtol=1e-12)
    assert deep.mask[mask].all()
    assert not deep.image[mask].any()
    np.testing.assert_array_equal(source_mask(images), source_mask(images, deep=deep))
    np.testing.assert_array_equal(light_shape(images), light_shape(images, deep=deep))
    both = select_bands(images, ["B0", "B1"])
    one, two = match_psf(both, to=1.5), match_psf(both, to=1.5, deep=deep_image(both))
    np.testing.assert_array_equal(one.flux, two.flux)


@pytest.mark.parametrize(
    ("first", "second", "size"),
    [((2.0, 3.5), (3.0, 3.5), 31), ((2.9, 3.0), (3.0, 3.0), 41), ((1.5, 5.0), (3.5, 2.0), 61), ((3, 2), (3, 4.5), 31)],
)
def test_kernels_are_those_of_photutils(first, second, size):
    make = pytest.importorskip("photutils.psf_matching").make_wiener_kernel
    psf, target = moffat_psf(*first, size), moffat_psf(*second, size)
    widths = []
    for one in (psf, target):
        fine = zoom(one, 8, order=3, grid_mode=True, mode="nearest")
        widths.append(2 * np.sqrt((fine > 0.5 * fine.max()).sum() / 64 / np.pi))
        assert full_width_half_maximum(one) == pytest.approx(widths[-1], rel=1e-14)
    rough, narrow = np.zeros_like(psf), np.ones((1, 1))
    if widths[1] > widths[0]:
        narrow = gaussian_kernel(np.sqrt(widths[1] ** 2 - widths[0] ** 2) / FWHM_PER_SIGMA)
    begin = (size - len(narrow)) // 2
    rough[begin : begin + len(narrow), begin : begin + len(narrow)] = narrow
    widened = fftconvolve(psf, rough, mode="same")
    options = {"regularization": REGULARIZATION, "penalty": "laplacian"}
    expected = rough + make(psf, target, **options) - make(psf, widened / widened.sum(), **options)
    np.testing.assert_allclose(matching_kernel(psf, target, source="x"), expected / expected.sum(), atol=1e-14)


@pytest.mark.parametrize("shape_of_light", [False, True])
@pytest.mark.parametrize("kernel", [gaussian_kernel(1.4), matching_kernel(
    moffat_psf(2.0, 3.5, 21), moffat_psf(3.0, 3.5, 21), source="x")])  # fmt: skip
def test_convolutions_one_by_one(rng, kernel, shape_of_light):
    """Each image by scipy's own convolution, with holes, unknown variances and values that are not finite."""
    flux, variance = rng.normal(10, 1, (40, 33)), rng.uniform(1, 2, (40, 33))
    mask = rng.uniform(size=flux.shape) < 0.05
    mask[10:18, 20:27] = True
    flux[mask], variance[3, 3], variance[30, 8] = np.nan, np.nan, np.inf
    light = np.exp(-0.05 * np.arange(33)) * np.ones((40, 1)) if shape_of_light else None
    done = convolve(flux, variance, mask, WHITE, kernel, max_masked=0.2, shape=light)

    def over(image, weights):
        return oaconvolve(image, weights, mode="same")

    good, known = (~mask).astype(float), np.isfinite(variance) & ~mask
    half = len(kernel) // 2
    lost = 1 - over(good, np.abs(kernel)) / np.abs(kernel).sum()
    share = over(good, kernel)
    if shape_of_light:
        share = over(good * light, kernel) / oaconvolve(np.pad(light, half, mode="edge"), kernel, mode="valid")
    empty = lost > 0.5
    unknown = over((~known & ~mask).astype(float), kernel**2) > 1e-9
    square = over(np.where(known, variance, 0), kernel**2) / share**2
    np.testing.assert_array_equal(done.mask, mask | (lost > 0.2) | empty)
    np.testing.assert_array_equal(np.isnan(done.flux), empty)
    np.testing.assert_array_equal(np.isnan(done.variance), unknown | empty)
    np.testing.assert_allclose(done.flux[~empty], (over(np.where(mask, 0, flux), kernel) / share)[~empty], rtol=1e-11)
    seen = ~(unknown | empty)
    np.testing.assert_allclose(done.variance[seen], square[seen], rtol=1e-10)


def test_noise_after_a_convolution(rng):
    before = after_convolution(WHITE, gaussian_kernel(0.6))[0]
    kernel = rng.normal(0.3, 0.2, (7, 7))
    found, factor = after_convolution(before, kernel)
    full = fftconvolve(before, autocorrelation(kernel), mode="full")
    full = 0.5 * (full + full[::-1, ::-1])
    middle = len(full) // 2
    assert factor == pytest.approx(full[middle, middle], rel=1e-12)
    np.testing.assert_allclose(found, trimmed(full / full[middle, middle]), atol=1e-13)
    wide = np.full((9, 9), 1e-5)
    wide[2:7, 2:7], wide[4, 4] = 0.2, 1.0
    np.testing.assert_array_equal(trimmed(wide), wide[2:7, 2:7])
    np.testing.assert_array_equal(trimmed(np.pad(WHITE, 3)), WHITE)


def by_pairs(sigma, correlation, inside):
    y, x = np.nonzero(inside)
    half = len(correlation) // 2
    total = 0.0
    for a, b in zip(y, x, strict=True):
        near = (np.abs(y - a) <= half) & (np.abs(x - b) <= half)
        c = correlation[half + y[near] - a, half + x[near] - b]
        total += sigma[a, b] * float(c @ sigma[y[near], x[near]])
    return total


def test_variances_of_large_and_of_small_regions(rng):
    """A ring of many pixels and compact regions, with correlations of several reaches, against all pairs."""
    y, x = np.indices((40, 37))
    radius = np.hypot(y - 20, x - 18)
    bin_id = np.where(radius < 8, (y // 4) * 10 + x // 4, np.where(radius < 17, 200, -1))
    numbers = np.unique(bin_id[bin_id >= 0])
    bin_id = np.where(bin_id >= 0, np.searchsorted(numbers, bin_id), -1)
    n = len(numbers)
    kernels = gaussian_kernel(0.8), np.outer([1, 2, 1], [1, 3, 1.0])
    correlations = [WHITE, *(after_convolution(WHITE, kernel)[0] for kernel in kernels)]
    sigma = rng.uniform(0.5, 2, (3, 40, 37)) * (rng.uniform(size=(3, 40, 37)) > 0.1)
    found = region_variances(sigma, correlations, bin_id, n)
    for b, c in enumerate(correlations):
        counted = np.where(np.abs(c) < 1e-4, 0, c)
        expected = [by_pairs(sigma[b], counted, bin_id == region) for region in range(n)]
        np.testing.assert_allclose(found[:, b], expected, rtol=1e-11)
        ring = np.where(bin_id == n - 1, sigma[b], 0.0)
        assert variance_of_one_region(ring, c) == pytest.approx(by_pairs(ring, c, ring > 0), rel=1e-11)
    assert not variances_of_one_region(sigma, correlations, bin_id > n).any()


def test_levels_are_those_of_astropy(rng):
    from astropy.stats import biweight_location, sigma_clip

    for outliers in (0, 40, 400):
        image = rng.normal(3, 1, (50, 50))
        image.ravel()[:outliers] += rng.exponential(10, outliers)
        use = rng.uniform(size=image.shape) < 0.7
        expected = biweight_location(sigma_clip(image[use], sigma=3.0, maxiters=10, masked=False))
        assert constant_level(image, use)[0] == pytest.approx(float(expected), rel=1e-12)
    assert constant_level(np.full((50, 50), 4.0), use)[0] == 4.0


def test_several_skies_have_one_correlation(rng):
    """As if they lay side by side, too far apart to be neighbours."""
    kernel = gaussian_kernel(0.7)
    skies = np.stack([fftconvolve(rng.normal(size=(60, 50)), kernel, mode="same") for _ in range(4)])
    use = rng.uniform(size=skies.shape) < 0.6
    gap = [(0, 0), (0, 9)]
    side_by_side = [np.hstack([np.pad(one, gap) for one in part]) for part in (np.where(use, skies, 0), use)]
    np.testing.assert_allclose(sky_correlation(skies, use), sky_correlation(*side_by_side), atol=1e-12)


def test_the_faintest_band_by_its_pixels(rng):
    flux = rng.normal(5, 1, (3, 30, 30)) * np.array([1.0, 0.6, 2.0])[:, None, None]
    mask = rng.uniform(size=flux.shape) < 0.05
    extent = np.hypot(*(np.indices((30, 30)) - 15)) < 10
    assert faintest_useful_band(image_set(flux, 1.0, mask=mask, fwhm=PIXEL_ARCSEC), extent) == 1


def test_a_thin_ring_of_many_pixels(rng):
    """More pixels than pairs are held of, in a frame that is nearly empty."""
    inside = np.abs(np.hypot(*(np.indices((150, 150)) - 75)) - 70) < 0.7
    assert inside.sum() > 300
    sigma, c = rng.uniform(1, 2, inside.shape), after_convolution(WHITE, gaussian_kernel(0.8))[0]
    found = region_variances(sigma[None], [c], np.where(inside, 0, -1), 1)
    assert found[0, 0] == pytest.approx(by_pairs(sigma, np.where(np.abs(c) < 1e-4, 0, c), inside), rel=1e-11)
