"""Mock images: light is conserved, stars are where they are said to be, truth is what was painted, noise as stated."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits

from agez.errors import AgezError
from agez.images.noise_correlation import variance_of_sum
from agez.images.read_images import read_images
from agez.mocks.image_files import make_survey_images, write_image_survey, write_mock_images, write_truth_maps
from agez.mocks.image_light import Tiles, black_bodies, galaxy_tiles, tiles_of_maps
from agez.mocks.image_noise import FieldStars, noise_model, shared_noise, spoil, star_images
from agez.mocks.images import MockImages, make_mock_images, paint, psf_image
from agez.mocks.survey import survey_plan
from agez.photometry.filters import FilterSet, load_filters
from agez.photometry.synthesis import AB_ZERO_POINT_MICROJANSKY

PLAN = survey_plan(3, 150, seed=5)
BANDS = ("J0410", "J0500", "J0620", "J0750")


@pytest.fixture(scope="module")
def filters() -> FilterSet:
    return load_filters("jpas").select(BANDS)


@pytest.fixture(scope="module")
def tiles(toy_grid, filters) -> Tiles:
    return galaxy_tiles(PLAN, 0, toy_grid, filters, redshift=0.03, re_arcsec=6.0)


def make(tiles: Tiles, filters: FilterSet, **changes) -> MockImages:
    options = {
        "pixel_arcsec": 0.6,
        "shape": (41, 45),
        "psf_fwhm_arcsec": [1.2, 1.4, 1.6, 1.8],
        "snr": 20.0,
        "rng": np.random.default_rng(3),
    }
    return make_mock_images(tiles, filters, **{**options, **changes})


@pytest.fixture(scope="module")
def made(tiles, filters) -> MockImages:
    return make(tiles, filters)


def test_tiles_are_the_galaxy_of_the_survey(tiles, toy_grid, filters):
    """Age and metallicity are those of its spectra; size follows distance; other redshifts change no truth."""
    from agez.mocks.galaxies import make_galaxy

    rows = make_galaxy(PLAN, 0, toy_grid)
    assert tiles.log_age == pytest.approx(rows.truth.log_age_lw, abs=2e-3)
    assert tiles.mh == pytest.approx(rows.truth.mh_lw, abs=2e-3)
    assert np.hypot(tiles.x, tiles.y) == pytest.approx(
        np.hypot(rows.spectra.rows.x, rows.spectra.rows.y) * 6.0 / PLAN.galaxies.re_arcsec[0]
    )
    near = galaxy_tiles(PLAN, 0, toy_grid, filters)
    assert float(near.galaxies.re_arcsec[0]) == PLAN.galaxies.re_arcsec[0]
    farther = galaxy_tiles(PLAN, 0, toy_grid, filters, redshift=2 * float(near.galaxies.redshift[0]))
    assert float(farther.galaxies.re_arcsec[0]) == pytest.approx(PLAN.galaxies.re_arcsec[0] / 2)
    again = galaxy_tiles(PLAN, 0, toy_grid, filters, redshift=0.03, re_arcsec=6.0)
    assert np.array_equal(again.color, tiles.color)


def test_colors_are_those_of_the_spectra(toy_grid):
    """In bands that CALIFA's spectra cover, synthesis of the mock survey's noiseless spectra gives the same colours."""
    from agez.mocks.galaxies import make_galaxy
    from agez.photometry.synthesis import synthesize

    inside = load_filters("jpas").select(["J0450", "J0500", "J0550", "J0620", "J0660", "J0700"])
    rows = make_galaxy(PLAN, 1, toy_grid, keep_noiseless=True, perfect=True)
    spectra = replace(rows.spectra, flux=rows.noiseless, mask=np.zeros(rows.noiseless.shape, dtype=bool))
    seen = synthesize(spectra, inside, redshift=None)
    mine = galaxy_tiles(PLAN, 1, toy_grid, inside).color
    assert mine / mine[:, :1] == pytest.approx(seen.flux / seen.flux[:, :1], rel=0.01)
    # and the level: f_nu of the band around rest-frame 5500 A is that of 1e-16 erg/s/cm2/A
    assert mine[:, 2] == pytest.approx(seen.flux[:, 2] / rows.spaxels.flux, rel=0.01)


def test_light_is_conserved_by_the_psf(tiles, filters):
    """With the galaxy well inside the frame, its total flux is the same through any PSF, in every band."""
    small = replace(
        tiles,
        x=tiles.x / 6,
        y=tiles.y / 6,
        galaxies=replace(tiles.galaxies, re_arcsec=np.array([1.0])),
        properties={**tiles.properties, "re_arcsec": 1.0, "bulge_fraction": 0.0},
    )
    wide = make(small, filters, shape=(81, 81), psf_fwhm_arcsec=[1.2, 2.0, 3.0, 4.0])
    bare = wide.scene.flux_through(np.ones((1, 1)))
    assert wide.noiseless.sum(axis=(1, 2)) == pytest.approx(bare.sum(axis=(1, 2)), rel=2e-4)
    assert wide.noiseless[3].max() < 0.7 * bare[3].max()
    for beta in (None, 3.0):
        assert psf_image(3.0, beta).sum() == pytest.approx(1, abs=1e-9)


def test_truth_is_what_was_painted(tiles, filters):
    """Age as a function of radius comes back pixel by pixel, and the PSF makes it the mean by light."""
    x, y = (v.ravel() * 0.6 for v in np.mgrid[-30:31, -30:31].astype(float))
    radius = np.hypot(x, y)
    disc = replace(
        tiles,
        x=x,
        y=y,
        log_age=9.8 - 0.02 * radius,
        mh=0.1 - 0.01 * radius,
        av=np.full(len(x), 0.3),
        color=np.ones((len(x), 4)),
        galaxies=replace(tiles.galaxies, inclination=np.array([0.0])),
    )
    made = make(disc, filters, shape=(31, 33))
    r = np.hypot(*made.offsets)
    assert made.truth.log_age_lw == pytest.approx(9.8 - 0.02 * r, abs=1e-9)
    assert made.truth.mh_lw == pytest.approx(0.1 - 0.01 * r, abs=1e-9)
    assert made.r_re == pytest.approx(r / 6.0)
    # by hand, at one pixel
    psf = made.psf(1.8)
    half = psf.shape[0] // 2
    scene = made.scene
    cy, cx = 10 + scene.edge, 12 + scene.edge
    window = (slice(cy - half, cy + half + 1), slice(cx - half, cx + half + 1))
    light = scene.light[window] * psf[::-1, ::-1]
    assert made.truth_seen.log_age_lw[10, 12] == pytest.approx((light * scene.log_age[window]).sum() / light.sum())
    assert made.truth_seen.log_age_lw[15, 16] < made.truth.log_age_lw[15, 16]
    regions = np.where(r < 3, 0, np.where(r < 6, 1, -1))
    found = made.truth.over(regions)
    inner = r < 3
    assert found["log_age_lw"][0] == pytest.approx(
        np.average(made.truth.log_age_lw[inner], weights=made.truth.light[inner])
    )
    assert len(found["mh_lw"]) == 2
    assert found["light"][1] == pytest.approx(made.truth.light[regions == 1].sum())


def test_noise_is_what_was_asked_for(tiles, filters):
    """S/N at 1 Re in the reference band; sky noise of bands by their widths; residuals of unit variance."""
    made = make(tiles, filters, snr=12.0, sky=[0.0, 1.0, -2.0, 3.0], shape=(101, 101))
    ring = np.abs(made.r_re - 1) < 0.1
    reference = 2  # J0620
    assert made.noiseless[reference][ring].mean() / np.sqrt(
        made.model.variance(made.noiseless)[reference][ring].mean()
    ) == pytest.approx(12.0, rel=1e-6)
    assert np.all(made.sky == np.array([0.0, 1.0, -2.0, 3.0]) * made.model.sky)
    residual = (made.images.flux - made.noiseless - made.sky[:, None, None]) / made.images.flux_err
    assert residual.mean() == pytest.approx(0, abs=4 / np.sqrt(residual.size))
    assert residual.std() == pytest.approx(1, abs=4 / np.sqrt(2 * residual.size))
    wide = noise_model(5.0, 10.0, 0, load_filters("jpas").select(["J0620", "rSDSS"]).bands, sky_share=0.5)
    ratio = (1512 / 148) ** 0.5
    assert wide.sky[0] / wide.sky[1] == pytest.approx(ratio, rel=0.01)
    assert wide.gain[1] / wide.gain[0] == pytest.approx(ratio**2, rel=0.01)
    assert wide.variance(np.full((2, 1, 1), 5.0))[0, 0, 0] == pytest.approx(0.25)


def test_neighbours_share_noise(rng):
    noise, correlation = shared_noise((4, 120, 120), 0.8, rng)
    assert noise.std() == pytest.approx(1, abs=0.03)
    half = correlation.shape[0] // 2
    assert correlation[half, half] == 1
    measured = (noise[:, :, 1:] * noise[:, :, :-1]).mean()
    assert measured == pytest.approx(correlation[half, half + 1], abs=0.02)
    blocks = noise.reshape(4, 30, 4, 30, 4).sum(axis=(2, 4))
    assert blocks.var() == pytest.approx(variance_of_sum(correlation, 4, 4), rel=0.1)
    white, none = shared_noise((2, 50, 50), 0.0, rng)
    assert none.tolist() == [[1.0]]
    assert white.shape == (2, 50, 50)


def test_stars_are_where_they_are_said_to_be(tiles, filters):
    """Centroids on the noiseless image, and through the WCS; total flux; black bodies of the right colour."""
    stars = FieldStars(np.array([20.3]), np.array([14.7]), np.array([[1.0, 2.0, 3.0, 4.0]]))
    for beta in (None, 4.0):
        image = star_images(stars, (41, 45), np.array([2.5, 2.5, 3.0, 3.0]), beta)
        y, x = np.mgrid[:41, :45]
        assert (image * x).sum(axis=(1, 2)) / image.sum(axis=(1, 2)) == pytest.approx(20.3, abs=0.05)
        assert (image * y).sum(axis=(1, 2)) / image.sum(axis=(1, 2)) == pytest.approx(14.7, abs=0.05)
        assert image.sum(axis=(1, 2)) == pytest.approx([1, 2, 3, 4], rel=0.02)
    made = make(tiles, filters, n_stars=6, snr=1000.0)
    brightest = int(np.argmax(made.stars.flux[:, 2]))
    x, y = made.stars.x_pixel[brightest], made.stars.y_pixel[brightest]
    sky = made.images.wcs.pixel_to_world(x, y)
    east, north = made.images.wcs.pixel_to_world(45 // 2, 41 // 2).spherical_offsets_to(sky)
    assert east.to_value("arcsec") == pytest.approx(-(x - 45 // 2) * 0.6, abs=1e-3)
    assert north.to_value("arcsec") == pytest.approx((y - 41 // 2) * 0.6, abs=1e-3)
    extra = made.images.flux[2] - made.noiseless[2]
    assert extra[round(y), round(x)] > 20 * made.images.flux_err[2][round(y), round(x)] / 10
    hot, cool = black_bodies(np.array([9000.0, 3500.0]), filters)
    assert hot[2] == cool[2] == 1
    assert hot[0] > cool[0]
    assert hot[3] < cool[3]


def test_bad_pixels_are_masked_and_wild(rng):
    flux, sigma = rng.standard_normal((3, 50, 50)), np.ones((3, 50, 50))
    before = flux.copy()
    bad = spoil(flux, sigma, 0.01, rng)
    assert np.array_equal(flux[~bad], before[~bad])
    assert (np.abs(flux[bad]) > 29).any()
    assert 50 <= bad.sum() < 200
    assert not spoil(flux, sigma, 0.0, rng).any()


def test_painted_maps_come_back(emiles, filters, rng):
    """Tiles made for given ages and metallicities have them, within the grid and the reach of a history's family."""
    n = 40
    log_age, mh = rng.uniform(9.3, 9.9, n), rng.uniform(-0.4, 0.05, n)
    painted = tiles_of_maps(
        log_age, mh, rng.normal(0, 5, n), rng.normal(0, 5, n), galaxies=PLAN.galaxies.take([0]),
        properties=PLAN.properties_of(0), grid=emiles, filters=filters, rng=rng,
    )  # fmt: skip
    assert painted.log_age == pytest.approx(log_age, abs=0.05)
    assert painted.mh == pytest.approx(mh, abs=0.03)
    assert np.isfinite(painted.color).all()
    assert (painted.color > 0).all()


def test_files_read_back(tiles, filters, tmp_path: Path):
    """Counts, zero points, weights, gain, masks, PSFs and WCS of the files give the images that were made."""
    made = make(
        tiles, filters, bad_share=0.01, zero_point=[22.0, 23.0, 24.0, 25.0], n_stars=2, noise_kernel=0.6, psf_beta=3.0
    )
    files = write_mock_images(tmp_path / "one", made)
    assert [path.name for path in files] == [f"MOCK0001_{band}.fits" for band in BANDS]
    read = read_images(tmp_path / "one", filters=filters)
    assert read.bands.names == BANDS
    assert np.array_equal(read.mask, made.images.mask)
    good = ~read.mask
    assert read.flux[good] == pytest.approx(made.images.flux[good], rel=1e-4)
    assert read.psf_fwhm_arcsec == pytest.approx([1.2, 1.4, 1.6, 1.8])
    assert set(read.meta["psf_beta"].values()) == {3.0}
    expected = np.sqrt(made.model.variance(made.images.flux))
    assert read.flux_err[good] == pytest.approx(expected[good], rel=1e-4)
    here = read.wcs.pixel_to_world(3, 5)
    assert here.separation(made.images.wcs.pixel_to_world(3, 5)).arcsec < 1e-6
    with fits.open(files[0]) as hdus:
        value = hdus["SCI"].data[0, 0]
        assert 10 ** (0.4 * (AB_ZERO_POINT_MICROJANSKY - 22.0)) * value == pytest.approx(
            float(made.images.flux[0, 0, 0]), rel=1e-5
        )
    write_truth_maps(tmp_path / "truth.fits", made)
    with fits.open(tmp_path / "truth.fits") as hdus:
        assert np.array_equal(hdus["MH_LW_SEEN"].data, made.truth_seen.mh_lw)
        assert hdus["FLUX"].data.shape == (4, 41, 45)
        stars = hdus["STARS"].data
        place = SkyCoord(stars["ra"], stars["dec"], unit="deg")
        assert made.images.wcs.world_to_pixel(place)[0] == pytest.approx(made.stars.x_pixel, abs=1e-6)


def test_survey_of_images(toy_grid, filters, tmp_path: Path):
    folders = write_image_survey(tmp_path, PLAN, toy_grid, filters, indices=[2], shape=(31, 31), snr=10.0)
    assert [path.name for path in folders] == ["MOCK0003"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["MOCK0003", "galaxies.fits", "truth"]
    assert len(list(folders[0].iterdir())) == 4
    one = make_survey_images(PLAN, 2, toy_grid, filters, snr=10.0, shape=(31, 31))
    read = read_images(folders[0], filters=filters)
    good = ~read.mask
    assert read.flux[good] == pytest.approx(one.images.flux[good], rel=1e-4)
    other = make_survey_images(PLAN, 2, toy_grid, filters, shape=(31, 31))
    assert other.images.psf_fwhm_arcsec.tolist() == one.images.psf_fwhm_arcsec.tolist()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"snr": 0.0}, "snr 0"),
        ({"psf_fwhm_arcsec": -1.0}, "FWHM -1"),
        ({"reference": "J0999"}, "J0999"),
    ],
)
def test_what_cannot_be_is_said(tiles, filters, changes, words):
    with pytest.raises(AgezError, match=words):
        make(tiles, filters, **changes)


def test_galaxies_that_cannot_be(toy_grid, filters, tiles):
    for options, words in (
        ({"redshift": -0.1}, "redshift -0.1"),
        ({"re_arcsec": 0.0}, "effective radius"),
    ):
        with pytest.raises(AgezError, match=words):
            galaxy_tiles(PLAN, 0, toy_grid, filters, **options)
    with pytest.raises(AgezError, match="galaxy 9"):
        galaxy_tiles(PLAN, 9, toy_grid, filters)
    with pytest.raises(AgezError, match="other bands"):
        make(tiles, filters.select(BANDS[:3]))
    with pytest.raises(AgezError, match="scene allows"):
        paint(tiles, pixel_arcsec=0.6, shape=(9, 9), edge=2).flux_through(np.full((7, 7), 1 / 49))
