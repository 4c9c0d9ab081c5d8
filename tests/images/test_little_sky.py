"""A galaxy that leaves little sky: the correlation of noise is that of all bands; bright stars on its slope."""

from dataclasses import replace

import numpy as np
import pytest

from agez.images.noise_correlation import WHITE
from agez.images.sky_noise import empirical_noise
from agez.images.stars import mask_stars
from agez.mocks.image_light import galaxy_tiles
from agez.mocks.image_noise import FieldStars, star_images
from agez.mocks.images import make_mock_images
from agez.mocks.survey import survey_plan
from agez.photometry.filters import load_filters

BANDS = ("J0410", "J0430", "J0515", "rSDSS", "J0660")


@pytest.fixture(scope="module")
def made(toy_grid):
    filters = load_filters("splus").select(BANDS)
    tiles = galaxy_tiles(survey_plan(2, 60, seed=4), 0, toy_grid, filters, redshift=0.03, re_arcsec=8.0)
    return make_mock_images(
        tiles, filters, pixel_arcsec=0.55, shape=(70, 70), psf_fwhm_arcsec=1.4, snr=25.0, noise_kernel=0.5,
        rng=np.random.default_rng(2),
    )  # fmt: skip


def test_correlation_of_all_bands_where_each_has_little_sky(made):
    noise = (made.images.flux - made.noiseless).astype(np.float32)
    images = replace(made.images, flux=noise, noise=(WHITE,) * len(BANDS))
    sources = np.ones(images.shape, dtype=bool)
    sources[:9] = False  # 630 pixels
    found = empirical_noise(images, how="auto", sources=sources)
    true = made.images.noise[0].sum()
    assert true > 2.5
    assert [one.sum() for one in found.noise] == pytest.approx([true] * len(BANDS), rel=0.25)
    assert "one noise correlation is used for all" in found.meta["remarks"][-1]
    sources[2:] = True  # 140 pixels a band: too few in all
    assert all(one.size == 1 for one in empirical_noise(images, how="auto", sources=sources).noise)


def test_bright_star_on_the_slope_of_the_galaxy(made):
    """So near to the centre that no profile can be fitted, and several times brighter than the galaxy there."""
    x, y = 41.6, 42.4
    level = made.noiseless[:, 42, 42]
    star = FieldStars(np.array([x]), np.array([y]), (8 * level * 2 * np.pi * (1.4 / 0.55 / 2.355) ** 2)[None])
    light = star_images(star, made.images.shape, np.full(len(BANDS), 1.4 / 0.55), None)
    images = replace(made.images, flux=(made.images.flux + light).astype(np.float32))
    masked = mask_stars(images, keep=(35.0, 35.0))
    assert masked.mask[:, 42, 42].all()
    assert not masked.mask[:, 35, 35].any()
    assert not mask_stars(made.images, keep=(35.0, 35.0)).mask[:, 42, 42].any()
