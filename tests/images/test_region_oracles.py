"""Regions and their errors against slow oracles: any shape and kernel, drawn noise, rings in order, places."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_worlds import PIXEL_ARCSEC, image_set, tangent_wcs
from scipy.signal import fftconvolve

from agez.images.galaxy_extent import covariance_of
from agez.images.measure import measure, region_variance
from agez.images.noise_correlation import WHITE, after_convolution
from agez.images.regions import RegionSettings, make_regions


def bell(width, half):
    x = np.arange(-half, half + 1)
    kernel = np.exp(-np.add.outer(x**2, x**2) / (2 * width**2))
    return kernel / kernel.sum()


@settings(max_examples=40, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 9), st.integers(1, 9)), half=st.integers(0, 4), n=st.integers(1, 4),
    seed=st.integers(0, 10**6),
)  # fmt: skip
def test_variance_is_that_of_the_whole_covariance_matrix(shape, half, n, seed):
    rng = np.random.default_rng(seed)
    kernel = rng.uniform(-0.3, 1.0, (2 * half + 1,) * 2)
    correlation = after_convolution(WHITE, kernel / max(abs(kernel.sum()), 0.1))[0]
    sigma, bin_id = rng.uniform(0, 2, shape), rng.integers(-1, n, shape)
    y, x = (one.ravel() for one in np.indices(shape))
    middle = correlation.shape[0] // 2
    dy, dx = np.subtract.outer(y, y), np.subtract.outer(x, x)
    near = (abs(dy) <= middle) & (abs(dx) <= middle)
    c = np.where(near, correlation[np.clip(dy + middle, 0, 2 * middle), np.clip(dx + middle, 0, 2 * middle)], 0.0)
    covariance = np.outer(sigma.ravel(), sigma.ravel()) * c
    member = (bin_id.ravel() == np.arange(n)[:, None]).astype(float)
    expected = np.einsum("ip,pq,iq->i", member, covariance, member)
    found = region_variance(sigma, correlation, bin_id, n)
    np.testing.assert_allclose(found, np.maximum(expected, 0), rtol=1e-6, atol=4e-4 * (sigma**2).sum())


def test_sums_over_regions_are_the_sum_over_pixels(rng):
    flux = rng.normal(2.0, 1.0, (3, 20, 20))
    bin_id = rng.integers(0, 7, (20, 20))
    found = measure(image_set(flux), bin_id)
    np.testing.assert_allclose(found.flux.sum(axis=0), flux.astype(np.float32).sum(axis=(1, 2), dtype=float), rtol=1e-6)
    np.testing.assert_allclose((found.flux_err**2).sum(axis=0), 400.0)


def test_covariance_for_binning_is_that_of_drawn_noise():
    """Of round regions that are drawn: within a fifth, which is what a formula of two numbers can do."""
    kernel = bell(1.3, 5)
    correlation, factor = after_convolution(WHITE, kernel)
    covariance = covariance_of(correlation)
    rng, radius = np.random.default_rng(4), np.hypot(*(np.indices((25, 25)) - 12))
    noise = np.stack([fftconvolve(one, kernel, "valid") for one in rng.normal(size=(600, 35, 35))]) / np.sqrt(factor)
    for edge in (2.0, 4.0, 8.0):
        inside = radius <= edge
        drawn = np.std(noise[:, inside].sum(axis=1)) / np.sqrt(inside.sum())
        assert covariance.ratio(inside.sum()) == pytest.approx(drawn, rel=0.2)


def test_a_bright_pixel_has_a_region_of_the_size_of_the_psf(rng):
    y, x = np.indices((40, 40))
    flux = 6 * np.exp(-np.hypot(x - 20, y - 20) / 6) + 0.2 * rng.normal(size=(4, 40, 40))
    flux[:, 23, 26] += 500.0
    found = make_regions(image_set(flux, 1.0, fwhm=1.0), RegionSettings(target_snr=20), centre=(20.0, 20.0)).bin_id
    least = np.pi / 4 * (1.0 / PIXEL_ARCSEC) ** 2
    assert least <= (found == found[23, 26]).sum() <= 4 * least
    assert found.max() > 3


@pytest.mark.parametrize("turn", [0.0, 0.8, 2.0])
def test_rings_follow_the_disc_on_the_sky(rng, turn):
    """Along the major axis a ring begins where its deprojected radius does, wherever north is."""
    shape, centre, pa, inclination = (70, 70), (35.0, 34.0), 30.0, 60.0
    wcs = tangent_wcs(shape, angle=turn)
    images = image_set(np.full((2, *shape), 50.0) + rng.normal(size=(2, *shape)), 1.0, fwhm=1.5)
    images = replace(images, wcs=wcs)
    found = make_regions(
        images, RegionSettings("annuli", target_snr=5, inclination_deg=inclination, pa_deg=pa), centre=centre
    ).bin_id
    y, x = np.indices(shape)
    middle = wcs.pixel_to_world(*centre)
    sky = wcs.pixel_to_world(x, y)
    angle, distance = middle.position_angle(sky).rad - np.radians(pa), middle.separation(sky).arcsec
    radius = np.hypot(distance * np.cos(angle), distance * np.sin(angle) / np.cos(np.radians(inclination)))
    n = found.max() + 1
    assert n >= 5
    edges = [(radius[found == k].min(), radius[found == k].max()) for k in range(n)]
    order = np.argsort([low for low, _ in edges])
    assert all(edges[a][1] <= edges[b][0] + 1e-6 for a, b in pairwise(order))
    # up to where the image ends, numbers go outwards
    assert (order[: n // 2] == np.arange(n // 2)).all()


@pytest.mark.parametrize("mirrored", [False, True])
def test_places_on_a_mirrored_image(mirrored):
    flux = np.ones((1, 10, 10))
    bin_id = np.full((10, 10), -1)
    bin_id[5, 8] = 0
    images = replace(image_set(flux), wcs=tangent_wcs((10, 10), mirrored=mirrored))
    found = measure(images, bin_id, centre=(5.0, 5.0)).rows
    assert found.x[0] == pytest.approx(-1.5 if mirrored else 1.5, abs=1e-4)
    assert found.y[0] == pytest.approx(0.0, abs=1e-3)
