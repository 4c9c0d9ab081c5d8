"""Regions of a galaxy: their extent, their signal-to-noise ratio, and what cannot be divided."""

from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits
from image_worlds import PIXEL_ARCSEC, image_set
from scipy.ndimage import label

from agez.analysis.geometry import disc_coordinates
from agez.errors import AgezError
from agez.images.galaxy_extent import (
    all_bands_snr,
    faintest_useful_band,
    galaxy_extent,
    variance_of_one_region,
)
from agez.images.measure import measure, region_variance
from agez.images.noise_correlation import WHITE, after_convolution
from agez.images.regions import METHODS, RegionSettings, make_regions
from agez.images.rings import tilt_of_light

SHAPE, CENTRE = (60, 70), (33.0, 28.0)
LEVELS = (30.0, 60.0, 90.0)


def galaxy(rng, levels=LEVELS, *, scale=6.0, sigma=1.0, shape=SHAPE, centre=CENTRE, correlated=False):
    """An exponential disc, and noise that knows its neighbours if wanted."""
    y, x = np.indices(shape)
    light = np.exp(-np.hypot(x - centre[0], y - centre[1]) / scale)
    noise = rng.normal(size=(len(levels), *shape)) * sigma
    correlation = WHITE
    if correlated:
        kernel = np.ones((3, 3)) / 9
        correlation, factor = after_convolution(WHITE, kernel)
        from scipy.ndimage import uniform_filter

        noise = np.stack([uniform_filter(one, 3, mode="wrap") for one in noise]) / np.sqrt(factor)
    images = image_set(np.array(levels)[:, None, None] * light + noise, sigma, fwhm=1.2)
    return replace(images, noise=(correlation,) * len(levels))


@pytest.mark.parametrize("method", METHODS)
def test_every_method_numbers_the_same_extent_from_the_centre_outwards(rng, method):
    images = galaxy(rng)
    found = make_regions(images, RegionSettings(method=method), centre=CENTRE)
    n = found.bin_id.max() + 1
    assert np.array_equal(np.unique(found.bin_id), np.arange(-1, n))
    y, x = np.indices(SHAPE)
    inside = found.bin_id >= 0
    distance = np.bincount(found.bin_id[inside], weights=np.hypot(x - CENTRE[0], y - CENTRE[1])[inside])
    distance /= np.bincount(found.bin_id[inside])
    assert (np.diff(distance) >= -1e-9).all()
    assert label(inside)[1] == 1
    pixels = make_regions(images, RegionSettings(method="pixels"), centre=CENTRE).bin_id >= 0
    assert np.array_equal(inside, pixels)


@pytest.mark.parametrize("correlated", [False, True])
def test_voronoi_bins_reach_the_target_in_the_faintest_band(rng, correlated):
    images = galaxy(rng, correlated=correlated)
    found = make_regions(images, RegionSettings(target_snr=15.0), centre=CENTRE)
    assert found.band == "B0"
    photometry = measure(images, found.bin_id, centre=CENTRE)
    snr = photometry.flux[:, 0] / photometry.flux_err[:, 0]
    size = np.bincount(found.bin_id[found.bin_id >= 0])
    assert len(snr) > 20
    assert np.median(snr[size > 1]) == pytest.approx(15, rel=0.2)
    assert (snr > 8).mean() > 0.9


def test_bins_of_correlated_noise_are_larger(rng):
    n = [make_regions(galaxy(rng, correlated=c), RegionSettings(), centre=CENTRE).bin_id.max() for c in (False, True)]
    assert n[1] < 0.7 * n[0]


def test_the_faintest_useful_band_is_not_a_hopeless_one(rng):
    images = galaxy(rng, (0.01, 20.0, 60.0, 90.0))
    extent = galaxy_extent(images, np.ones(SHAPE, bool), CENTRE, 3.0)
    assert faintest_useful_band(images, extent) == 1


def test_variance_of_one_region_is_that_of_the_sum_by_lags(rng):
    noise = after_convolution(WHITE, np.outer([1, 2, 1], [1, 3, 1.0]) / 20)[0]
    sigma = np.where(rng.random((20, 25)) < 0.6, rng.uniform(1, 2, (20, 25)), 0)
    slow = region_variance(sigma, noise, np.zeros(sigma.shape, int), 1)[0]
    assert variance_of_one_region(sigma, noise) == pytest.approx(slow, rel=1e-3)


@pytest.mark.parametrize("correlated", [False, True])
def test_the_sky_scatters_by_one_in_the_image_of_all_bands(rng, correlated):
    images = galaxy(rng, shape=(150, 150), centre=(20.0, 20.0), scale=2.0, correlated=correlated)
    snr = all_bands_snr(images)
    assert np.std(snr[60:, 60:]) == pytest.approx(1.0, abs=0.08)
    assert np.mean(snr[60:, 60:]) == pytest.approx(0.0, abs=0.1)


def test_masked_pixels_are_in_no_region_if_half_of_the_bands_lack_them(rng):
    images = galaxy(rng)
    mask = images.mask.copy()
    mask[:, 20:24, 30:34] = True
    mask[0, 30:34, 30:34] = True
    found = make_regions(replace(images, mask=mask), RegionSettings(), centre=CENTRE)
    assert (found.bin_id[20:24, 30:34] == -1).all()
    assert (found.bin_id[30:34, 30:34] >= 0).all()


def test_segments_of_a_file(rng, tmp_path):
    number = np.zeros(SHAPE, np.int32)
    number[20:30, 28:38], number[30:36, 28:38] = 7, 3
    fits.PrimaryHDU(number).writeto(tmp_path / "segments.fits")
    settings = RegionSettings(method="segments", segments=tmp_path / "segments.fits")
    found = make_regions(galaxy(rng), settings, centre=CENTRE).bin_id
    said = make_regions(galaxy(rng), settings, centre=CENTRE).remarks
    assert f"{tmp_path / 'segments.fits'} has no WCS: its segments are taken pixel for pixel" in said
    assert {int(one) for one in np.unique(found[number == 7])} | {
        int(one) for one in np.unique(found[number == 3])
    } == {0, 1}
    assert (found[number == 0] == -1).all()
    fits.PrimaryHDU(number[:-1]).writeto(tmp_path / "small.fits")
    with pytest.raises(AgezError, match=r"small.fits.*shape \(59, 70\)"):
        make_regions(galaxy(rng), replace(settings, segments=tmp_path / "small.fits"), centre=CENTRE)
    fits.PrimaryHDU(0 * number).writeto(tmp_path / "none.fits")
    with pytest.raises(AgezError, match="no segment"):
        make_regions(galaxy(rng), replace(settings, segments=tmp_path / "none.fits"), centre=CENTRE)


def test_segments_on_another_grid_are_refused(rng, tmp_path):
    images = galaxy(rng)
    number = np.zeros(SHAPE, np.int32)
    number[20:30, 28:38] = 7
    path = tmp_path / "segments.fits"
    settings = RegionSettings(method="segments", segments=path)
    header = images.wcs.to_header()
    expected = make_regions(images, RegionSettings("pixels"), centre=CENTRE).bin_id >= 0
    for changes, words in [
        ({}, None),
        ({"CRPIX1": header["CRPIX1"] + 0.2}, None),
        ({"CTYPE1": "LINEAR", "CTYPE2": "LINEAR"}, None),
        ({"CRPIX1": header["CRPIX1"] + 4}, "pixels are 4 pixels off"),
        ({"CDELT1": header["CDELT1"] * 1.5}, "pixels off"),
        ({"CDELT1": -header["CDELT1"]}, "pixels off"),
        ({"CRVAL2": header["CRVAL2"] + 1}, "pixels off"),
        ({"CRVAL1": header["CRVAL1"] + 180}, "inf pixels off"),
    ]:
        fits.PrimaryHDU(number, fits.Header({**header, **changes})).writeto(path, overwrite=True)
        if words is None:
            found = make_regions(images, settings, centre=CENTRE).bin_id
            assert np.array_equal(found >= 0, (number == 7) & expected)
            said = " ".join(make_regions(images, settings, centre=CENTRE).remarks)
            assert ("no WCS" in said) == (changes.get("CTYPE1") == "LINEAR")
        else:
            with pytest.raises(AgezError, match=rf"segments\.fits: by its WCS.*{words}"):
                make_regions(images, settings, centre=CENTRE)
    primary = fits.PrimaryHDU(header=fits.Header({**header, "CRPIX1": header["CRPIX1"] + 4}))  # of all extensions
    fits.HDUList([primary, fits.ImageHDU(number, name="SEGMENTATION")]).writeto(path, overwrite=True)
    with pytest.raises(AgezError, match="pixels are 4 pixels off"):
        make_regions(images, settings, centre=CENTRE)
    fits.PrimaryHDU(number + 0.5).writeto(path, overwrite=True)
    with pytest.raises(AgezError, match="fractions"):
        make_regions(images, settings, centre=CENTRE)


def test_annuli_are_ellipses(rng):
    found = make_regions(
        galaxy(rng), RegionSettings(method="annuli", inclination_deg=60, pa_deg=90), centre=CENTRE
    ).bin_id
    y, x = np.nonzero(found == 0)
    assert np.ptp(x) == pytest.approx(2 * np.ptp(y), abs=2)


@pytest.mark.parametrize("method", ["voronoi", "annuli"])
def test_a_target_out_of_reach_leaves_narrow_rings_and_is_said(rng, method):
    images = galaxy(rng)
    found = make_regions(images, RegionSettings(method=method, target_snr=1e5, re_arcsec=5.0), centre=CENTRE)
    y, x = np.indices(SHAPE)
    radius = np.hypot(x - CENTRE[0], y - CENTRE[1]) * PIXEL_ARCSEC
    inner = radius < 2 * 5.0
    spans = [np.ptp(radius[inner & (found.bin_id == k)]) for k in np.unique(found.bin_id[inner & (found.bin_id >= 0)])]
    assert len(spans) >= 4
    assert max(spans) <= (0.4 * 1.15 if method == "voronoi" else 0.4) * 5.0
    n = found.bin_id.max() + 1
    assert any(f"{n} of {n} regions stay below the S/N of 100000 in B0" in one for one in found.remarks)


@pytest.mark.parametrize("snr", [0.4, 1.0, 5.0, 40.0])
@pytest.mark.parametrize("fwhm", [0.4, 1.2, 2.6])
@pytest.mark.parametrize("method", ["voronoi", "annuli"])
def test_no_region_is_smaller_than_the_psf_and_no_radius_is_missing(rng, method, fwhm, snr):
    images = replace(galaxy(rng, tuple(snr * one for one in LEVELS)), psf_fwhm_arcsec=np.full(3, fwhm))
    re = 5.0
    found = make_regions(images, RegionSettings(method=method, re_arcsec=re), centre=CENTRE)
    size = np.bincount(found.bin_id[found.bin_id >= 0])
    assert size.min() * PIXEL_ARCSEC**2 >= np.pi / 4 * fwhm**2
    assert not any("smaller than the PSF" in one for one in found.remarks)
    y, x = np.indices(SHAPE)
    radius = np.hypot(x - CENTRE[0], y - CENTRE[1]) * PIXEL_ARCSEC / re
    inside = found.bin_id >= 0
    light = images.flux.sum(axis=0).clip(0)
    of_regions = np.bincount(found.bin_id[inside], (light * radius)[inside]) / np.bincount(
        found.bin_id[inside], light[inside]
    )
    edge = min(radius[inside].max(), 2.0)
    gaps = np.diff(np.concatenate([[0.0], np.sort(of_regions[of_regions < edge]), [edge]]))
    assert gaps.max() < max(0.5, 1.4 * fwhm / re)


def test_the_tilt_of_the_light_stands_in_for_one_that_is_not_known(rng):
    y, x = np.indices(SHAPE)
    east, north = -(x - CENTRE[0]) * PIXEL_ARCSEC, (y - CENTRE[1]) * PIXEL_ARCSEC
    major, minor = disc_coordinates(-east, north, inclination_deg=60.0, pa_deg=35.0)
    inclination, pa = tilt_of_light(np.exp(-np.hypot(major, minor) / 2.0), -east, north)
    assert inclination == pytest.approx(60, abs=1.5)
    assert pa == pytest.approx(35, abs=1)
    assert tilt_of_light(np.exp(-np.hypot(east, north) / 2.0), -east, north)[0] < 12
    assert tilt_of_light((np.abs(north) < 0.1).astype(float), -east, north)[0] < 90  # a line


@pytest.mark.parametrize("method", ["pixels", "segments"])
def test_what_is_asked_for_may_be_smaller_than_the_psf_and_is_said(rng, method, tmp_path):
    number = np.zeros(SHAPE, np.int32)
    number[20:30, 28:38], number[28, 33] = 7, 3
    fits.PrimaryHDU(number).writeto(tmp_path / "segments.fits")
    segments = tmp_path / "segments.fits" if method == "segments" else None
    found = make_regions(galaxy(rng), RegionSettings(method=method, segments=segments), centre=CENTRE)
    n = found.bin_id.max() + 1
    small = 1 if method == "segments" else n
    assert any(f"{small} of {n} regions are smaller than the PSF" in one for one in found.remarks)


def test_what_cannot_be_mapped_is_said(rng):
    images = galaxy(rng)
    with pytest.raises(AgezError, match="is not on the image of 70 by 60"):
        make_regions(images, RegionSettings(), centre=(80.0, 20.0))
    with pytest.raises(AgezError, match=r"nothing stands out of the noise"):
        make_regions(images, RegionSettings(pixel_snr=1e4), centre=CENTRE)
    with pytest.raises(AgezError, match=r"nothing stands out of the noise"):
        make_regions(images, RegionSettings(pixel_snr=6), centre=(1.0, 1.0))
    with pytest.raises(AgezError, match=r"nothing stands out|no pixel"):
        make_regions(replace(images, mask=np.ones(images.mask.shape, bool)), RegionSettings(), centre=CENTRE)
    with pytest.raises(AgezError, match=r"nothing stands out|no band has errors"):
        make_regions(replace(images, flux_err=np.full_like(images.flux_err, np.nan)), RegionSettings(), centre=CENTRE)
    with pytest.raises(AgezError, match=r"not positive|nothing stands out"):
        make_regions(replace(images, flux=-images.flux), RegionSettings(), centre=CENTRE)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"method": "squares"}, "squares"), ({"target_snr": 0.0}, "target_snr"), ({"target_snr": np.nan}, "target_snr"),
        ({"pixel_snr": -1.0}, "pixel_snr"), ({"inclination_deg": 90.0}, "inclination"),
        ({"segments": "a.fits"}, "segments"), ({"inclination_deg": 30.0}, "or neither"),
        ({"re_arcsec": 0.0}, "re_arcsec"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be(options, says):
    with pytest.raises(AgezError, match=says):
        RegionSettings(**options)


def test_a_galaxy_smaller_than_the_psf(rng):
    images = galaxy(rng, scale=0.4, levels=(300.0, 300.0, 300.0))
    images = replace(images, psf_fwhm_arcsec=np.full(3, 5.0))
    found = make_regions(images, RegionSettings(), centre=CENTRE)
    assert 1 <= found.bin_id.max() + 1 < 40
