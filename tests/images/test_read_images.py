"""Images from files: bands, units, what stands beside them, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from image_worlds import PIXEL_ARCSEC, tangent_wcs, write_image

from agez.errors import AgezError
from agez.images.read_images import read_images
from agez.photometry.filters import load_filters

SHAPE = (12, 15)
#: f_nu of AB magnitude 22.5 [microjansky].
NANOMAGGY = 10**0.56


@pytest.fixture
def pixels(rng):
    return rng.normal(10, 1, SHAPE).astype(np.float32)


def one(tmp_path, pixels, name="gal_rSDSS.fits", **cards):
    return write_image(tmp_path / name, pixels, **cards)


def test_microjansky_come_through(tmp_path, pixels):
    one(tmp_path, pixels, BUNIT="uJy", FILTER="rSDSS", layers={"ERR": pixels / 5})
    one(tmp_path, 2 * pixels, "b.fits", BUNIT="uJy", FILTER="gSDSS", OBJECT="NGC 1", layers={"IVAR": 0 * pixels + 4})
    images = read_images(tmp_path, filters="jplus", redshift=0.02)
    assert images.bands.names == ("gSDSS", "rSDSS")
    np.testing.assert_allclose(images.flux[1], pixels, rtol=1e-6)
    np.testing.assert_allclose(images.flux_err[0], 0.5)
    np.testing.assert_allclose(images.flux_err[1], pixels / 5, rtol=1e-6)
    assert images.meta["redshift"] == 0.02
    assert "zSDSS" in images.meta["missing_bands"]
    assert not images.mask.any()


@pytest.mark.parametrize(
    ("bunit", "factor"),
    [
        ("Jy", 1e6),
        ("mJy / pix", 1e3),
        ("nanomaggy", NANOMAGGY),
        ("MJy/sr", 1e12 * (PIXEL_ARCSEC * u.arcsec).to_value(u.rad) ** 2),
        ("uJy / arcsec2", PIXEL_ARCSEC**2),
    ],
)
def test_units_of_flux(tmp_path, pixels, bunit, factor):
    one(tmp_path, pixels, BUNIT=bunit)
    images = read_images(tmp_path, filters="jplus")
    np.testing.assert_allclose(images.flux[0], pixels * factor, rtol=1e-4)


@pytest.mark.parametrize("bunit", ["1e-18 erg / (s cm2 Angstrom)", "10^-18 erg/s/cm^2/A"])
def test_f_lambda_at_the_pivot(tmp_path, pixels, bunit):
    one(tmp_path, pixels, BUNIT=bunit)
    images = read_images(tmp_path, filters="jplus")
    pivot = load_filters("jplus").select(["rSDSS"]).bands.pivot_angstrom[0] * u.AA
    expected = (1e-18 * u.erg / u.s / u.cm**2 / u.AA).to_value(u.uJy, u.spectral_density(pivot))
    np.testing.assert_allclose(images.flux[0], pixels * expected, rtol=1e-5)


def test_a_zero_point_given_for_an_unknown_unit_is_the_users_word(tmp_path, pixels):
    one(tmp_path, pixels, BUNIT="furlong", MAGZP=30.0, GAIN=2.0, layers={"WEIGHT": 0 * pixels + 4})
    images = read_images(tmp_path, filters="jplus", zero_points={"r": 22.5})
    np.testing.assert_allclose(images.flux[0], pixels * NANOMAGGY, rtol=1e-6)
    np.testing.assert_allclose(images.flux_err[0], 0.5 * NANOMAGGY, rtol=1e-6)
    assert images.meta["units"]["rSDSS"] == "AB zero point 22.5 (given) of unit 'furlong'"


@pytest.mark.parametrize(
    ("cards", "electrons"),
    [
        ({"BUNIT": "uJy", "GAIN": 2.0}, None), ({"BUNIT": "nanomaggy", "GAIN": 2.0}, None),
        ({"BUNIT": "1e-18 erg / (s cm2 Angstrom)", "GAIN": 2.0, "EXPTIME": 300.0}, None),
        ({"BUNIT": "adu", "GAIN": 2.0, "MAGZP": 22.5, "EXPTIME": 300.0}, 2.0), ({"GAIN": 2.0, "MAGZP": 22.5}, 2.0),
        ({"BUNIT": "ADU/s", "GAIN": 2.0, "MAGZP": 22.5, "EXPTIME": 300.0}, 600.0),
        ({"BUNIT": "counts s-1", "GAIN": 2.0, "MAGZP": 22.5}, None),
        ({"BUNIT": "counts s-1", "MAGZP": 22.5, "EXPTIME": 300.0}, None),
        ({"BUNIT": "adu / s / pix", "GAIN": 450.0, "MAGZP": 22.5, "EXPTIME": 300.0}, 450.0),
        ({"BUNIT": "electron", "GAIN": 2.0, "MAGZP": 22.5}, 1.0), ({"BUNIT": "e-", "MAGZP": 22.5}, 1.0),
        ({"BUNIT": "ELECTRONS/S", "GAIN": 2.0, "MAGZP": 22.5, "EXPTIME": 300.0}, 300.0),
    ],
)  # fmt: skip
def test_poisson_noise_is_that_of_the_electrons(tmp_path, rng, cards, electrons):
    """Pixels drawn as Poisson counts in the unit that the header says scatter as the errors say; fluxes are left."""
    mean = 40.0
    per_unit = electrons or 50.0
    drawn = (rng.poisson(mean * per_unit, (60, 60)) / per_unit).astype(np.float32)
    one(tmp_path, drawn, layers={"WEIGHT": np.full((60, 60), 1e12)}, **cards)
    images = read_images(tmp_path, filters="jplus")
    error = float(np.median(images.flux_err[0]))
    said = images.meta["remarks"]
    if electrons is not None:
        assert error == pytest.approx(images.flux[0].std(), rel=0.05)
        assert said == []
        return
    assert error < 1e-3 * images.flux[0].std()
    assert len(said) == ("GAIN" in cards)
    assert all("errors of band rSDSS are those of the weights" in words for words in said)


@pytest.mark.parametrize("bunit", ["adu", "electron/s", "counts", "e- s^-1", "DN / pix", "ADU / (s pix)", None])
def test_counts_by_an_ab_zero_point(tmp_path, pixels, bunit):
    cards = {} if bunit is None else {"BUNIT": bunit}
    one(tmp_path, pixels, MAGZP=22.5, **cards)
    by_header = read_images(tmp_path, filters="jplus")
    np.testing.assert_allclose(by_header.flux[0], pixels * NANOMAGGY, rtol=1e-6)
    given = read_images(tmp_path, filters="jplus", zero_points={"r": 25.0})
    np.testing.assert_allclose(given.flux[0], pixels * NANOMAGGY / 10, rtol=1e-6)


def test_zero_points_in_a_table(tmp_path, pixels):
    one(tmp_path, pixels)
    one(tmp_path, pixels, "x_J0660.fits")
    Table({"band": ["rSDSS", "J0660"], "zero_point": [22.5, 25.0]}).write(tmp_path / "zp.ecsv")
    images = read_images(tmp_path, filters="jplus", zero_points=tmp_path / "zp.ecsv")
    ratio = images.flux[images.bands.index(["rSDSS"])[0]] / images.flux[images.bands.index(["J0660"])[0]]
    np.testing.assert_allclose(ratio, 10.0, rtol=1e-5)


@pytest.mark.parametrize(
    ("cards", "options", "words"),
    [
        ({}, {}, "--zero-points"),
        ({"BUNIT": "furlong"}, {}, "furlong"),
        ({"BUNIT": "furlong", "MAGZP": 25.0}, {}, "'furlong', neither a flux such as uJy nor counts.*--zero-points"),
        ({"BUNIT": "K", "MAGZP": 25.0}, {}, "'K', neither a flux"),
        ({"BUNIT": "counts uJy", "MAGZP": 25.0}, {}, "'counts uJy', neither a flux"),
        ({"MAGZP": 25.0, "ZP": 24.0}, {}, "several zero points"),
        ({"MAGZP": 25.0, "MAGSYS": "Vega"}, {}, "VEGA"),
        ({"BUNIT": "uJy"}, {"zero_points": {"rSDSS": 25.0}}, "take that out"),
        ({"MAGZP": 2500.0}, {}, "AB magnitude"),
        ({"MAGZP": 25.0}, {"zero_points": {"K": 25.0}}, "'K' is unknown"),
    ],
)
def test_units_that_are_refused(tmp_path, pixels, cards, options, words):
    one(tmp_path, pixels, **cards)
    with pytest.raises(AgezError, match=words):
        read_images(tmp_path, filters="jplus", **options)


def test_splus_cut_outs_with_weights(tmp_path, pixels):
    """As S-PLUS's cloud gives them: compressed, negative weights where bad, a zero point and the PSF in the header."""
    weight = np.full(SHAPE, 4.0, dtype=np.float32)
    weight[0, 0], weight[3, 4] = -1.0, 0.0
    cards = {"INSTRUME": "T80Cam-South", "MAGZP": 22.5, "GAIN": 100.0, "HIERARCH__OAJ__PRO__FWHMMEAN": 1.3}
    cards["HIERARCH__OAJ__PRO__FWHMBETA"] = 3.2
    write_image(tmp_path / "g_F660_15x12_swp.fits.fz", pixels, compressed=True, FILTER="F660", **cards)
    write_image(tmp_path / "g_F660_15x12_swpweight.fits.fz", weight, compressed=True)
    images = read_images([tmp_path / "g_F660_15x12_swp.fits.fz"])
    assert images.bands.names == ("J0660",)
    assert images.bands.filter_set == "splus"
    assert images.mask[0, 0, 0]
    assert images.mask[0, 3, 4]
    assert images.mask.sum() == 2
    assert images.psf_fwhm_arcsec[0] == pytest.approx(1.3)
    assert images.meta["psf_beta"] == {"J0660": 3.2}
    flux = images.flux[0, 5, 5] / NANOMAGGY
    assert images.flux_err[0, 5, 5] == pytest.approx(NANOMAGGY * np.sqrt(0.25 + flux / 100), rel=1e-4)
    alone = read_images(tmp_path, source_noise=False)
    assert alone.flux_err[0, 5, 5] == pytest.approx(NANOMAGGY * 0.5, rel=1e-4)


@pytest.mark.parametrize("name", ["gal_rSDSS.weight.fits", "gal_rSDSS_wht.fits", "gal_rSDSS_ivar.fits.gz"])
def test_siblings_by_name(tmp_path, pixels, name):
    one(tmp_path, pixels, "gal_rSDSS_sci.fits", BUNIT="uJy")
    write_image(tmp_path / name, 0 * pixels + 25)
    write_image(tmp_path / "gal_rSDSS_mask.fits", (pixels > np.median(pixels)).astype(float))
    images = read_images(tmp_path, filters="splus")
    np.testing.assert_allclose(images.flux_err[0][~images.mask[0]], 0.2, rtol=1e-6)
    np.testing.assert_array_equal(images.mask[0], pixels > np.median(pixels))


def test_bad_pixels_are_masked_only_where_bad(tmp_path, pixels):
    pixels[2, 3], pixels[4, 4] = np.nan, np.inf
    error = np.ones(SHAPE)
    error[0, :] = np.nan
    error[1, 1] = 0
    one(tmp_path, pixels, BUNIT="uJy", layers={"ERROR": error})
    images = read_images(tmp_path, filters="jplus")
    expected = np.zeros(SHAPE, dtype=bool)
    expected[2, 3] = expected[4, 4] = expected[1, 1] = True
    expected[0] = True
    np.testing.assert_array_equal(images.mask[0], expected)


def test_without_any_error_it_is_unknown(tmp_path, pixels):
    one(tmp_path, pixels, BUNIT="uJy")
    images = read_images(tmp_path, filters="jplus")
    assert np.isnan(images.flux_err).all()
    assert not images.mask.any()


def test_the_band_by_file_name_header_or_hand(tmp_path, pixels):
    assert read_images(one(tmp_path, pixels, "JPAS_J0660-9000-v2.fits", BUNIT="uJy")).bands.names == ("J0660",)
    by_letter = one(tmp_path, pixels, "ngc_g.fits", BUNIT="uJy")
    assert read_images(by_letter, filters="jplus").bands.names == ("gSDSS",)
    odd = one(tmp_path, pixels, "odd.fits", BUNIT="uJy")
    with pytest.raises(AgezError, match=r"odd\.fits.*unknown band.*--band-of odd\.fits=BAND"):
        read_images(odd, filters="jplus")
    assert read_images(odd, filters="jplus", band_of={"odd.fits": "J0378"}).bands.names == ("J0378",)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"a_rSDSS.fits": {}, "b_rSDSS.fits": {}}, "both of band rSDSS"),
        ({"a_rSDSS_J0660.fits": {}}, "several bands"),
        ({"a_rSDSS.fits": {"FILTER": "gSDSS"}}, "header says band gSDSS"),
        ({"a.fits": {"FILTER": "Ks"}}, "Ks"),
        ({"a_rSDSS_weight.fits": {}}, "only weights"),
    ],
)
def test_bands_that_are_refused(tmp_path, pixels, files, words):
    for name, cards in files.items():
        one(tmp_path, pixels, name, BUNIT="uJy", **cards)
    with pytest.raises(AgezError, match=words):
        read_images(tmp_path, filters="jplus")


def test_zero_weight_maps(tmp_path, pixels):
    """A band without a good pixel is left out, with a remark that names the file; without any band it is an error."""
    one(tmp_path, pixels, BUNIT="uJy", layers={"WEIGHT": np.zeros(SHAPE)})
    with pytest.raises(AgezError, match=r"gal_rSDSS\.fits has no usable pixel"):
        read_images(tmp_path, filters="jplus")
    one(tmp_path, pixels, "gal_gSDSS.fits", BUNIT="uJy")
    images = read_images(tmp_path, filters="jplus")
    assert images.bands.names == ("gSDSS",)
    assert "gal_rSDSS.fits" in images.meta["remarks"][0]
    assert "rSDSS" in images.meta["missing_bands"]


def test_files_that_are_no_images(tmp_path, pixels):
    (tmp_path / "cut_rSDSS.fits").write_bytes(one(tmp_path, pixels, "whole.fits", BUNIT="uJy").read_bytes()[:3000])
    with pytest.raises(AgezError, match=r"cut_rSDSS\.fits cannot be read as a fits image"):
        read_images(tmp_path / "cut_rSDSS.fits", filters="jplus")
    (tmp_path / "empty").mkdir()
    with pytest.raises(AgezError, match="no FITS file"):
        read_images(tmp_path / "empty")
    fits.BinTableHDU(Table({"a": [1]})).writeto(tmp_path / "table_rSDSS.fits")
    with pytest.raises(AgezError, match="no two-dimensional image"):
        read_images(tmp_path / "table_rSDSS.fits", filters="jplus")
    fits.PrimaryHDU(pixels, fits.Header({"BUNIT": "uJy"})).writeto(tmp_path / "nowcs_rSDSS.fits")
    with pytest.raises(AgezError, match=r"nowcs_rSDSS\.fits: no celestial WCS"):
        read_images(tmp_path / "nowcs_rSDSS.fits", filters="jplus")
    other = write_image(tmp_path / "small_gSDSS.fits", pixels, BUNIT="uJy", layers={"ERR": np.ones((3, 3))})
    with pytest.raises(AgezError, match="the error has 3 x 3 pixels"):
        read_images(other, filters="jplus")


def test_tables_beside_and_axes_of_length_one(tmp_path, pixels):
    header = tangent_wcs(SHAPE).to_header()
    header["MAGZP"] = "23.9"
    fits.PrimaryHDU(pixels[None], header).writeto(tmp_path / "g_rSDSS.fits")
    Table({"a": [1]}).write(tmp_path / "galaxies.fits")
    np.testing.assert_allclose(read_images(tmp_path, filters="jplus").flux[0], pixels, rtol=1e-6)


def test_a_weight_that_belongs_to_no_image(tmp_path, pixels):
    one(tmp_path, pixels, BUNIT="uJy")
    write_image(tmp_path / "another_rSDSS_weight.fits", pixels)
    with pytest.raises(AgezError, match=r"another_rSDSS_weight\.fits: its name says weight, and no image"):
        read_images(tmp_path, filters="jplus")


def test_one_mask_for_all_bands(tmp_path, pixels):
    for band in ("rSDSS", "iSDSS"):
        one(tmp_path, pixels, f"gal_{band}.fits", BUNIT="uJy")
    bad = np.zeros(pixels.shape)
    bad[3:5, 2] = 1
    write_image(tmp_path / "gal_iSDSS_mask.fits", np.zeros(pixels.shape))  # a band's own goes before it
    write_image(tmp_path / "gal_mask.fits", bad)
    images = read_images(tmp_path, filters="jplus")
    masked = dict(zip(images.bands.names, images.mask, strict=True))
    np.testing.assert_array_equal(masked["rSDSS"], bad > 0)
    assert not masked["iSDSS"].any()
    write_image(tmp_path / "other_mask.fits", bad)
    with pytest.raises(AgezError, match=r"other_mask\.fits: its name says mask, .*IMAGE_mask\.fits"):
        read_images(tmp_path, filters="jplus")


def test_which_survey(tmp_path, pixels):
    narrow = one(tmp_path, pixels, "n_J0500.fits", BUNIT="uJy")
    assert read_images(narrow).bands.filter_set == "jpas"
    broad = one(tmp_path, pixels, "n_rSDSS.fits", BUNIT="uJy")
    with pytest.raises(AgezError, match="which survey"):
        read_images(broad)


def test_cut_out_of_a_tile(tmp_path, rng):
    tile = rng.normal(0, 1, (60, 50))
    wcs = tangent_wcs((60, 50))
    for band in ("rSDSS", "gSDSS"):
        write_image(tmp_path / f"tile_{band}.fits", tile, wcs=wcs, BUNIT="uJy", layers={"ERR": 1 + tile**2})
    place = wcs.pixel_to_world(20, 31)
    images = read_images(tmp_path, filters="jplus", center=(place.ra.deg, place.dec.deg), size_arcsec=11 * PIXEL_ARCSEC)
    np.testing.assert_allclose(images.flux[0], tile[26:37, 15:26], rtol=1e-6)
    np.testing.assert_allclose(images.flux_err[1], 1 + tile[26:37, 15:26] ** 2, rtol=1e-6)
    x, y = images.wcs.world_to_pixel(SkyCoord(place.ra, place.dec))
    assert float(x) == pytest.approx(5, abs=1e-6)
    assert float(y) == pytest.approx(5, abs=1e-6)
    beyond = read_images(tmp_path, filters="jplus", center=(place.ra.deg, place.dec.deg), size_arcsec=60 * PIXEL_ARCSEC)
    assert beyond.shape == (60, 60)
    assert beyond.mask[0, :, 0].all()
    with pytest.raises(AgezError, match="not on this image"):
        read_images(tmp_path, filters="jplus", center=(10.0, 2.0), size_arcsec=10)
    with pytest.raises(AgezError, match="give at most"):  # a size in the wrong unit would take all memory
        read_images(tmp_path, filters="jplus", center=(place.ra.deg, place.dec.deg), size_arcsec=1e5)
    with pytest.raises(AgezError, match="--centre and --size"):
        read_images(tmp_path, filters="jplus", center=(150.0, 2.0))


def test_psf_given_counts_before_the_header(tmp_path, pixels):
    one(tmp_path, pixels, BUNIT="uJy", PSFFWHM=1.4)
    assert read_images(tmp_path, filters="jplus").psf_fwhm_arcsec[0] == pytest.approx(1.4)
    assert read_images(tmp_path, filters="jplus", psf_fwhm=1.1).psf_fwhm_arcsec[0] == pytest.approx(1.1)
    with pytest.raises(AgezError, match="psf_fwhm"):
        read_images(tmp_path, filters="jplus", psf_fwhm={"rSDSS": -1.0})


def test_paths_of_all_kinds(tmp_path, pixels):
    path = one(tmp_path, pixels, BUNIT="uJy")
    for given in (str(path), Path(path), [path], (p for p in [str(path)]), [path, path]):
        assert read_images(given, filters="jplus").bands.names == ("rSDSS",)
    with pytest.raises(AgezError, match="no such file"):
        read_images(tmp_path / "nothing.fits")
