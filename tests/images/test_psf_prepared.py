"""The sky's noise measured, and the whole road that prepares images."""

from dataclasses import replace

import numpy as np
import pytest
from image_worlds import PIXEL_ARCSEC, distance_from, image_set, tangent_wcs
from scipy.signal import fftconvolve

from agez.errors import AgezError
from agez.images.kernels import gaussian_kernel, moffat_psf
from agez.images.noise_correlation import WHITE, after_convolution, trimmed, variance_of_sum
from agez.images.prepare import ImageSettings, prepare
from agez.images.sky_noise import empirical_noise, sky_correlation

N = 160


def correlated(rng, kernel, shape):
    big = rng.normal(0, 1, (shape[0] + 40, shape[1] + 40))
    return fftconvolve(big, kernel, mode="same")[20:-20, 20:-20] / np.sqrt((kernel**2).sum())


@pytest.mark.parametrize("kernel", [gaussian_kernel(0.8), np.array([[0.0, 0, 0], [0, 1, 1], [0, 0, 0]])])
def test_the_correlation_of_a_known_kernel(rng, kernel):
    truth, _ = after_convolution(WHITE, kernel)
    found = sky_correlation(correlated(rng, kernel, (300, 300)), np.ones((300, 300), dtype=bool))
    for side in (2, 5, 12):
        assert variance_of_sum(found, side, side) == pytest.approx(variance_of_sum(truth, side, side), rel=0.08)
    middle, true_middle = found.shape[0] // 2, truth.shape[0] // 2
    for dy, dx in ((0, 1), (1, 0), (1, 1)):
        assert found[middle + dy, middle + dx] == pytest.approx(truth[true_middle + dy, true_middle + dx], abs=0.02)


def test_white_noise_is_white(rng):
    for _ in range(5):
        assert sky_correlation(rng.normal(0, 1, (150, 150)), np.ones((150, 150), dtype=bool)).shape == (1, 1)


def test_errors_and_correlations_from_the_sky(rng):
    """Errors where there are none, a remark where they are wrong, scaled when asked for."""
    kernel = gaussian_kernel(0.9)
    flux = np.stack([3 * correlated(rng, kernel, (N, N)), 2 * rng.normal(0, 1, (N, N)), rng.normal(0, 1, (N, N))])
    flux = flux + 50 * np.exp(-distance_from((N, N), 80, 80) / 5)
    error = np.ones_like(flux)
    error[0] = np.nan
    images = image_set(flux, error)
    done = empirical_noise(images, how="auto")
    assert done.flux_err[0, 5, 5] == pytest.approx(3.0, rel=0.05)
    assert done.noise[0].shape[0] >= 3
    assert done.noise[1].shape == done.noise[2].shape == (1, 1)
    assert (done.flux_err[1] == 1).all()
    found = done.meta["noise"]
    assert found["B1"]["over_given"] == pytest.approx(2.0, rel=0.03)
    assert np.isnan(found["B0"]["over_given"])
    for name in ("B0", "B1", "B2"):
        assert found[name]["squares"] == pytest.approx(1.0, abs=0.15)
    assert any("scatters" in remark and "image_B1.fits" in remark for remark in done.meta["remarks"])
    scaled = empirical_noise(images, how="measure")
    assert scaled.flux_err[1, 5, 5] == pytest.approx(2.0, rel=0.03)
    assert empirical_noise(images, how="given") is images


def test_too_little_sky(rng):
    images = image_set(rng.normal(0, 1, (1, 30, 30)))
    with pytest.raises(AgezError, match=r"image_B0\.fits: only .* pixels without sources"):
        empirical_noise(images, how="measure")
    tiny = image_set(rng.normal(0, 1, (1, 8, 8)))
    assert "not measured" in empirical_noise(tiny, how="auto").meta["remarks"][0]
    few = empirical_noise(image_set(rng.normal(0, 3, (1, 30, 30)), np.nan), how="auto")
    assert few.flux_err[0, 3, 3] == pytest.approx(3.0, rel=0.1)
    assert few.noise[0].shape == (1, 1)
    with pytest.raises(AgezError, match="'some' is unknown"):
        empirical_noise(images, how="some")
    flat = image_set(np.zeros((1, 90, 90)))
    with pytest.raises(AgezError, match="the very same value"):
        empirical_noise(flat, sources=np.zeros((90, 90), dtype=bool))


def test_rings_that_do_not_matter_are_cut():
    noise = np.zeros((9, 9))
    noise[4, 4], noise[4, 5], noise[4, 3], noise[0, 0] = 1.0, 0.3, 0.3, 1e-6
    assert trimmed(noise).shape == (3, 3)
    assert variance_of_sum(trimmed(noise), 1, 10) == pytest.approx(10 + 2 * 9 * 0.3)


def scene(rng, fwhm=(2.2, 3.0, 2.6), sky=4.0, scale=10.0):
    truth = 60 * np.exp(-distance_from((N, N), 79.0, 81.0) / scale)
    for x, y, total in ((25, 30, 4000.0), (130, 40, 3000.0), (40, 125, 1200.0), (135, 130, 900.0)):
        truth[y, x] += total
    sharp = [fftconvolve(truth, moffat_psf(one, 3.5, 61), mode="same") for one in fwhm]
    return np.stack([image + sky + rng.normal(0, 1, (N, N)) for image in sharp])


def test_the_whole_road(rng):
    pytest.importorskip("photutils")
    done = prepare(image_set(scene(rng), fwhm=np.nan))
    np.testing.assert_allclose(done.psf_fwhm_arcsec, 3.0 * PIXEL_ARCSEC, rtol=0.04)
    assert np.hypot(done.meta["centre"][0] - 79, done.meta["centre"][1] - 81) <= 1
    assert done.meta["background"]["bands"]["B0"]["value"] == pytest.approx(4.0, abs=0.05)
    assert len(done.meta["stars"]) == 4
    assert done.meta["psf"]["shape"] == "moffat"
    good = ~done.mask.any(axis=0)
    near = good & (distance_from((N, N), 79, 81) < 25)
    # one galaxy with one PSF: bands differ by their noise alone
    for b in (0, 2):
        residual = (done.flux[b] - done.flux[1])[near]
        expected = np.hypot(done.flux_err[b], done.flux_err[1])[near]
        assert np.std(residual / expected) == pytest.approx(1.0, abs=0.15)
        assert done.flux[b][near].sum() == pytest.approx(done.flux[1][near].sum(), rel=0.01)


def test_an_unmatched_psf_is_seen(rng):
    pytest.importorskip("photutils")
    images = image_set(scene(rng), fwhm=np.array([2.2, 3.0, 2.6]) * PIXEL_ARCSEC)
    done = prepare(images, settings=ImageSettings(match_psf=False, stars=False, noise="given", background="none"))
    assert done.noise[0] is WHITE or done.noise[0].shape == (1, 1)
    near = distance_from((N, N), 79, 81) < 3
    assert abs((done.flux[0] - done.flux[1])[near].mean()) > 1.0
    np.testing.assert_array_equal(done.flux, images.flux)


def test_bands_that_are_left_out(rng):
    pytest.importorskip("photutils")
    images = image_set(scene(rng), fwhm=np.array([2.2, 3.0, 12.0]) * PIXEL_ARCSEC)
    done = prepare(images, settings=ImageSettings(max_psf_arcsec=2.0))
    assert done.bands.names == ("B0", "B1")
    assert "image_B2.fits" in done.meta["remarks"][0]
    assert done.meta["missing_bands"] == ["B2"]
    with pytest.raises(AgezError, match="all bands"):
        prepare(images, settings=ImageSettings(max_psf_arcsec=0.1))


def test_a_psf_wider_than_the_galaxy(rng):
    pytest.importorskip("photutils")
    small = 100 * np.exp(-0.5 * (distance_from((N, N), 80, 80) / 2) ** 2)
    flux = np.stack([small + rng.normal(0, 1, (N, N)) for _ in range(2)])
    images = image_set(flux, fwhm=[1.0, 15.0])
    with pytest.raises(AgezError, match=r"image_B1\.fits.*wider than the galaxy"):
        prepare(images)
    assert len(prepare(images, settings=ImageSettings(max_psf_arcsec=10.0)).bands) == 1


def test_settings_and_centres(rng):
    pytest.importorskip("photutils")
    images = image_set(scene(rng), fwhm=1.5)
    place = tangent_wcs((N, N)).pixel_to_world(79.0, 81.0)
    settings = ImageSettings(center=(place.ra.deg, place.dec.deg), match_psf=False, stars=False)
    assert prepare(images, settings=settings).meta["centre"] == pytest.approx((79.0, 81.0), abs=1e-6)
    with pytest.raises(AgezError, match=r"image_B0\.fits: the galaxy's centre"):
        prepare(images, settings=replace(settings, center=(10.0, 2.0)))
    with pytest.raises(AgezError, match=r"image_B0\.fits and the other bands' images have no usable pixel"):
        prepare(image_set(np.ones((1, 40, 40)), fwhm=1.5, mask=np.ones((1, 40, 40), dtype=bool)))
    unknown = image_set(rng.normal(0, 1, (1, 60, 60)) + 20 * np.exp(-distance_from((60, 60), 30, 30) / 5), fwhm=np.nan)
    with pytest.raises(AgezError, match="is unknown"):
        prepare(unknown)
