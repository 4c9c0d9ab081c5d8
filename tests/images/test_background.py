"""Backgrounds: found where there are no sources, and not where a galaxy is all over."""

import numpy as np
import pytest
from image_worlds import distance_from, image_set

from agez.errors import AgezError
from agez.images.background import constant_level, subtract_background
from agez.images.detection import pixel_sigma, source_mask

N = 150


def galaxies(rng, *, scale, peak, sky, bands=4):
    """Exponential discs in the middle on a flat sky, with noise of sigma 1."""
    light = peak * np.exp(-distance_from((N, N), N / 2, N / 2) / scale)
    return light, np.stack([light + sky + rng.normal(0, 1, (N, N)) for _ in range(bands)])


@pytest.mark.parametrize("sky", [0.0, 5.0, -3.0])
def test_a_constant_level_and_its_error(rng, sky):
    light, flux = galaxies(rng, scale=6, peak=30, sky=sky, bands=6)
    done = subtract_background(image_set(flux))
    found = done.meta["background"]
    assert found["how"] == "constant"
    assert found["sky_fraction"] > 0.5
    off = np.array([one["value"] - sky for one in found["bands"].values()])
    error = np.array([one["error"] for one in found["bands"].values()])
    assert np.sqrt(np.mean(off**2)) < 2.5 * np.sqrt(np.mean(error**2))
    assert (error < 0.05).all()
    np.testing.assert_allclose(done.flux[2], flux[2] - found["bands"]["B2"]["value"], atol=1e-5)
    assert (done.flux[0] - light).sum() == pytest.approx(0, abs=4 * error[0] * N**2)


def test_a_galaxy_that_fills_its_image_is_not_eaten(rng):
    _, flux = galaxies(rng, scale=90, peak=60, sky=0)
    images = image_set(flux)
    done = subtract_background(images)
    assert done.meta["background"]["how"] == "none"
    assert "left as it is" in done.meta["remarks"][0]
    np.testing.assert_array_equal(done.flux, images.flux)
    for how in ("constant", "map"):
        with pytest.raises(AgezError, match="--background none"):
            subtract_background(images, how=how)


def test_in_between_a_clear_level_goes_and_a_halo_stays(rng):
    """With 10 to 30 % of sky, a level of 5 is taken off to a few per cent, and one of 0 is left."""
    for sky in (5.0, 0.0):
        _, flux = galaxies(rng, scale=15, peak=20, sky=sky, bands=8)
        found = subtract_background(image_set(flux)).meta["background"]
        assert 0.1 < found["sky_fraction"] < 0.3
        values = [one["value"] for one in found["bands"].values()]
        assert len(values) == (8 if sky else len(values))
        np.testing.assert_allclose(values, sky, atol=0.15)


def test_none_is_none(rng):
    _, flux = galaxies(rng, scale=6, peak=30, sky=5)
    images = image_set(flux)
    np.testing.assert_array_equal(subtract_background(images, how="none").flux, images.flux)


def test_a_slope_needs_a_map(rng):
    pytest.importorskip("photutils")
    light, flux = galaxies(rng, scale=5, peak=30, sky=2)
    slope = np.linspace(-0.5, 0.5, N)[None, :] * np.ones((N, 1))
    near = distance_from((N, N), N / 2, N / 2) < 35
    done = subtract_background(image_set(flux + slope), how="map", sources=near)
    rest = (done.flux[0] - light)[~near]
    assert abs(rest[distance_from((N, N), 0, N / 2)[~near] < 40].mean()) < 0.15
    assert abs(rest[distance_from((N, N), N, N / 2)[~near] < 40].mean()) < 0.15
    assert (done.flux - light)[:, near].mean() == pytest.approx(0, abs=0.1)
    assert done.meta["background"]["bands"]["B0"]["error"] < 0.15


def test_errors_of_the_level_know_of_correlated_noise(rng):
    """Noise that is the same in blocks of 5 by 5: the error is five times that of white noise."""
    white = rng.normal(0, 1, (N, N))
    blocks = np.kron(rng.normal(0, 1, (N // 5, N // 5)), np.ones((5, 5)))
    everywhere = np.ones((N, N), dtype=bool)
    assert constant_level(white, everywhere)[1] == pytest.approx(1 / N, rel=0.35)
    assert constant_level(blocks, everywhere)[1] == pytest.approx(5 / N, rel=0.35)


def test_noise_from_differences_knows_nothing_of_slopes_and_sources(rng):
    _, flux = galaxies(rng, scale=20, peak=100, sky=50, bands=1)
    image = flux[0] + np.linspace(0, 30, N)[:, None]
    assert pixel_sigma(image, np.zeros((N, N), dtype=bool)) == pytest.approx(1.0, rel=0.05)


def test_sources_are_where_the_light_is(rng):
    light, flux = galaxies(rng, scale=8, peak=10, sky=3)
    found = source_mask(image_set(flux))
    assert found[light > 1.0].all()
    assert found[light < 0.02].mean() < 0.05
    nothing = source_mask(image_set(rng.normal(0, 1, (3, N, N))))
    assert nothing.mean() < 0.03


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"how": "best"}, "'best' is unknown"),
        ({"how": "constant", "sources": np.zeros((3, 3), dtype=bool)}, "mask of sources has shape"),
    ],
)
def test_bad_options(rng, options, words):
    pytest.importorskip("photutils")
    with pytest.raises(AgezError, match=words):
        subtract_background(image_set(rng.normal(0, 1, (2, N, N))), **options)
