"""Skies far off 0: they hide no source, and are said by band; so are PSFs smaller than a pixel."""

import numpy as np
import pytest
from image_worlds import distance_from, image_set

from agez.images.detection import pixel_sigma, source_mask
from agez.images.prepare import ImageSettings, prepare
from agez.images.sky_level import without_far_levels

N = 110


@pytest.fixture
def flux(rng):
    """A galaxy on four bands, of noise 1 a pixel."""
    light = 40 * np.exp(-distance_from((N, N), N / 2, N / 2) / 5)
    return np.stack([light + rng.normal(0, 1, (N, N)) for _ in range(4)])


def said(flux, *, mask=None, fwhm=1.3, **settings):
    images = image_set(flux, fwhm=fwhm, mask=mask)
    done = prepare(images, settings=ImageSettings(stars=False, match_psf=False, **settings))
    return [one for one in done.meta["remarks"] if "sky" in one or "PSF" in one], done


def test_one_band_of_a_sky_far_below_0_is_named_and_taken_off(rng, flux):
    mask = rng.random(flux.shape) < 3e-3  # where it is masked in that band, the sum of all jumps
    twin, _ = said(flux, mask=mask)
    assert twin == []
    bad = flux.copy()
    bad[2] -= 800.0
    remarks, done = said(bad, mask=mask)
    assert len(remarks) == 1
    assert "taken off: B2 -7" in remarks[0] or "taken off: B2 -8" in remarks[0]
    assert "B1" not in remarks[0]
    assert done.meta["background"]["bands"]["B2"]["value"] == pytest.approx(-800, abs=0.2)
    images = image_set(bad, mask=mask)
    sigma = np.array([pixel_sigma(one, hole) for one, hole in zip(bad, mask, strict=True)])
    level = without_far_levels(images, sigma)
    good = image_set(flux, mask=mask)
    assert source_mask(images).mean() > 1.4 * source_mask(good).mean()
    assert (source_mask(level) == source_mask(good)).mean() > 0.95
    assert without_far_levels(good, sigma) is good


def test_a_sky_that_is_left_is_said_though_no_background_is_asked_for(flux):
    assert said(flux, background="none")[0] == []
    remarks, done = said(flux - 3.0, background="none")
    assert len(remarks) == 1
    assert "left in the images: B0 -3" in remarks[0]
    assert "--background constant" in remarks[0]
    np.testing.assert_allclose(done.flux, flux - 3.0, atol=1e-4)


def test_a_psf_below_a_pixel_is_said(flux):
    assert said(flux, fwhm=0.6)[0] == []
    (remark,) = said(flux, fwhm=[1.3, 0.3, 1.3, 1.3])[0]
    assert "1 of 4 bands (B1; 0.30 arcsec) is smaller than a pixel of 0.50 arcsec" in remark
