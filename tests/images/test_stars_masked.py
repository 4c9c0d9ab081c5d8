"""Foreground stars: found and masked, and what must survive."""

import numpy as np
import pytest
from astropy.table import Table
from image_worlds import PIXEL_ARCSEC, distance_from, image_set

from agez.errors import AgezError
from agez.images.kernels import moffat_alpha, moffat_psf
from agez.images.point_sources import widths_on_uneven_light
from agez.images.psf_stars import measure_psf
from agez.images.stars import circles, galaxy_centre, mask_stars

pytest.importorskip("photutils")
N = 160
CENTRE = (82.0, 77.0)
STARS = ((25, 30, 400.0), (130, 40, 3000.0), (40, 125, 1200.0), (135, 130, 600.0))
FWHM = (2.4, 2.8, 3.2)


def field(rng, *, stars=STARS, clumps=(), peak=40.0, scale=9.0):
    """A galaxy with clumps, and stars, under PSFs that differ; noise of sigma 1."""
    galaxy = peak * np.exp(-distance_from((N, N), *CENTRE) / scale)
    flux = []
    for fwhm in FWHM:
        image = galaxy + rng.normal(0, 1, (N, N))
        psf = moffat_psf(fwhm, 3.5, 61)
        for x, y, total in (*stars, *clumps):
            padded = np.pad(image, 30)
            padded[y : y + 61, x : x + 61] += total * psf
            image = padded[30:-30, 30:-30]
        flux.append(image)
    return image_set(np.stack(flux), fwhm=np.array(FWHM) * PIXEL_ARCSEC)


def masked_at(images, x, y):
    return images.mask[:, round(y), round(x)].all()


def test_stars_are_masked_and_the_galaxy_is_not(rng):
    clumps = ((95, 80, 60.0), (80, 60, 40.0))
    images = field(rng, clumps=clumps)
    done = mask_stars(images)
    assert all(masked_at(done, x, y) for x, y, _ in STARS)
    assert not masked_at(done, *CENTRE)
    assert not any(masked_at(done, x, y) for x, y, _ in clumps)
    galaxy = distance_from((N, N), *CENTRE) < 25
    assert not done.mask[0][galaxy].any()
    assert done.mask.mean() < 0.08
    assert len(done.meta["stars"]) == len(STARS)
    radius = {round(star["x"]): star["radius"] for star in done.meta["stars"]}
    assert radius[130] > radius[40] > radius[25]


def test_what_is_left_of_stars_is_below_the_noise(rng):
    with_stars = mask_stars(field(np.random.default_rng(5)))
    without = field(np.random.default_rng(5), stars=())
    left = np.where(with_stars.mask, 0, with_stars.flux - without.flux)
    assert left.max() < 1.0


def test_a_bright_star_on_the_galaxy_goes_and_the_centre_stays(rng):
    images = field(rng, stars=(*STARS, (95, 88, 3000.0)))
    assert np.hypot(*np.subtract(galaxy_centre(images), CENTRE)) < 2
    done = mask_stars(images)
    assert masked_at(done, 95, 88)
    assert not masked_at(done, *CENTRE)


@pytest.mark.parametrize("star", [(90, 82, 3000.0), (93, 70, 1213.0), (75, 70, 2660.0), (95, 85, 695.0)])
def test_stars_where_the_galaxy_is_steep(rng, star):
    """Some five times what is under them, ten pixels from the centre: a profile on a flat ground comes out too wide."""
    done = mask_stars(field(rng, stars=(*STARS, star), peak=600.0, scale=4.0))
    assert masked_at(done, *star[:2])
    assert len(done.meta["stars"]) == len(STARS) + 1


@pytest.mark.parametrize(("peak", "scale"), [(300.0, 1.5), (300.0, 3.0), (40.0, 9.0), (2000.0, 2.0)])
def test_the_nucleus_alone_is_no_star(rng, peak, scale):
    done = mask_stars(field(rng, stars=STARS, peak=peak, scale=scale))
    assert not masked_at(done, *CENTRE)
    assert len(done.meta["stars"]) == len(STARS)


def test_stars_at_the_edges(rng):
    """Half of a bright one lies outside of the frame."""
    stars = ((0, 60, 3000.0), (N - 1, 100, 2000.0), (70, 1, 3000.0))
    done = mask_stars(field(rng, stars=stars))
    assert all(masked_at(done, x, y) for x, y, _ in stars)


@pytest.mark.parametrize("width", [2.0, 2.6, 3.5, 5.0])
def test_widths_on_a_slope(width):
    """Moffat profiles on a plane with curvature come back, also a little off the place that is given."""
    y, x = np.mgrid[:41, :41].astype(float)
    alpha = moffat_alpha(width, 3.0)
    light = 50 - 2 * x + 1.5 * y + 0.03 * (x - 20) ** 2 - 0.05 * (x - 20) * (y - 20)
    image = light + 30 * (1 + ((x - 20.3) ** 2 + (y - 19.8) ** 2) / alpha**2) ** -3.0
    nothing = np.zeros(image.shape, dtype=bool)
    found = widths_on_uneven_light(image, nothing, np.array([20.2]), np.array([19.9]), 2.5)
    assert found == pytest.approx([width], rel=0.06)  # widths are tried in steps of 5 %
    assert np.isnan(widths_on_uneven_light(-image, nothing, np.array([20.2]), np.array([19.9]), 2.5)).all()
    assert np.isnan(widths_on_uneven_light(image, ~nothing, np.array([20.2]), np.array([19.9]), 2.5)).all()


def test_a_catalogue_with_and_without_radii(rng):
    images = field(rng, stars=STARS[:1])
    sky = images.wcs.pixel_to_world([25.0, 100.0, 82.0, 5000.0], [30.0, 140.0, 77.0, 0.0])
    listed = Table({"ra": sky.ra.deg, "dec": sky.dec.deg, "radius": [np.nan, 5.0, 2.0, 1.0]})
    done = mask_stars(images, catalogue=listed, find=False)
    assert [star["from"] for star in done.meta["stars"]] == ["catalogue"] * 3
    assert masked_at(done, 25, 30)
    assert masked_at(done, *CENTRE)
    circle = distance_from((N, N), 100, 140) < 9.9
    assert done.mask[0][circle].all()
    assert not mask_stars(images, find=False).mask.any()


def test_catalogues_in_files(tmp_path, rng):
    images = field(rng)
    sky = images.wcs.pixel_to_world(60.0, 30.0)
    Table({"RA": [sky.ra.deg], "Dec": [sky.dec.deg], "Radius": [3.0]}).write(tmp_path / "gaia.csv")
    assert masked_at(mask_stars(images, catalogue=tmp_path / "gaia.csv", find=False), 60, 30)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"catalogue": Table({"ra": [150.0]})}, "dec missing"),
        ({"catalogue": Table({"ra": [150.0], "dec": [200.0]})}, "-90 to 90"),
        ({"catalogue": Table({"ra": [150.0], "dec": [2.0], "radius": [-1.0]})}, "positive arcsec"),
        ({"catalogue": Table({"ra": [150.0], "dec": [2.0], "radius": [9999.0]})}, "leave no pixel"),
        ({"keep": (1000.0, 3.0)}, "outside of the image"),
    ],
)
def test_what_is_refused(rng, options, words):
    with pytest.raises(AgezError, match=words):
        mask_stars(image_set(rng.normal(0, 1, (1, 40, 40)), fwhm=1.5), find=False, **options)


def test_nothing_but_noise(rng):
    images = image_set(rng.normal(0, 1, (2, 80, 80)), fwhm=1.5)
    assert mask_stars(images, keep=(40.0, 40.0)).mask.mean() < 0.01


def test_circles_at_the_edges():
    shape = (20, 30)
    for x, y, radius in ((0, 0, 4.0), (29, 19, 6.5), (-2, 10, 3.0), (15, 50, 2.0), (15.4, 9.7, 3.3)):
        np.testing.assert_array_equal(circles(shape, [(x, y, radius)]), distance_from(shape, x, y) <= radius)


def test_psfs_are_measured_on_stars(rng):
    """Widths within 3 %, and the exponent near enough; unknown where there are no stars."""
    images = field(rng)
    unknown = image_set(images.flux, fwhm=np.nan)
    done = measure_psf(unknown)
    np.testing.assert_allclose(done.psf_fwhm_arcsec / PIXEL_ARCSEC, FWHM, rtol=0.03)
    assert 2.8 < done.meta["psf_beta"]["B1"] < 4.6
    alone = measure_psf(image_set(field(rng, stars=()).flux, fwhm=np.nan))
    assert np.isnan(alone.psf_fwhm_arcsec).all()
    kept = measure_psf(image_set(images.flux, fwhm=[1.0, np.nan, 1.5]))
    assert kept.psf_fwhm_arcsec[0] == 1.0
    assert kept.psf_fwhm_arcsec[1] == pytest.approx(1.4, rel=0.03)
