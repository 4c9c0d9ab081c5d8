"""Maps in FITS: bins painted on spaxels, values, inverse variances and masks bound together as users expect."""

from dataclasses import replace

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.nddata import CCDData
from astropy.wcs import WCS

from agez.errors import AgezError
from agez.tables.maps import BinMap, MapBit, MapFrame
from agez.tables.maps_files import fits_unit, maps_hdus, read_maps
from agez.tables.table_files import write_fits

BIN_ID = np.array([[-1, 0, 0], [1, 1, 2]])
SKY = {
    "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRPIX1": 2.0, "CRPIX2": 1.0, "CRVAL1": 10.0, "CRVAL2": -5.0,
    "CD1_1": -1 / 3600, "CD2_2": 1 / 3600,
}  # fmt: skip
AGE = BinMap("STELLAR_AGE", np.array([9.0, 9.5, np.nan]), np.array([0.1, 0.2, 0.3]), comment="log10(age/yr)")
GAS = BinMap(
    "EMLINE_GFLUX",
    np.array([[1.0, 2.0], [np.nan, 4.0], [5.0, -6.0]]),
    np.array([[0.1, 0.0], [0.3, np.nan], [0.5, 0.6]]),
    "1e-16 erg / (s cm2)",
    unreliable=np.array([False, True, False]),
    channels=("Hbeta", "OIII5007"),
)


def write_maps(path, maps, frame, *, header=None):
    write_fits(path, maps_hdus(maps, frame), header=header)


@pytest.fixture
def frame(rng):
    y, x = np.indices(BIN_ID.shape).astype(float)
    return MapFrame(
        BIN_ID, SKY, np.stack([x - 1, y]), rng.uniform(size=(3, 2, 3)), rng.uniform(size=(2, 3)),
        rng.uniform(size=(2, 3)), "1e-16 erg / (s cm2 Angstrom)", np.eye(2, 3, dtype=bool),
    )  # fmt: skip


def test_every_spaxel_has_the_value_of_its_bin(tmp_path, frame):
    write_maps(tmp_path / "m.fits", [AGE, GAS], frame, header={"OBJECT": "NGC1"})
    images, again = read_maps(tmp_path / "m.fits")
    assert list(images) == ["STELLAR_AGE", "EMLINE_GFLUX"]
    for y, x in np.ndindex(*BIN_ID.shape):
        number = BIN_ID[y, x]
        for one in (AGE, GAS):
            image = images[one.name]
            values = image.values[..., y, x]
            expected = np.full(values.shape, np.nan) if number < 0 else one.values[number]
            np.testing.assert_allclose(values, expected, rtol=1e-6)
            errors = np.full(values.shape, np.nan) if number < 0 else np.array(one.errors[number])
            errors = np.where(np.isfinite(expected) & (errors > 0), errors, np.nan)
            np.testing.assert_allclose(image.errors[..., y, x], errors, rtol=1e-6)
    assert images["EMLINE_GFLUX"].channels == GAS.channels
    assert images["STELLAR_AGE"].comment == "log10(age/yr)"
    np.testing.assert_array_equal(again.bin_id, BIN_ID)
    for name in ("offsets", "ellcoo", "snr", "mean_flux"):
        np.testing.assert_allclose(getattr(again, name), getattr(frame, name), rtol=1e-6)
    np.testing.assert_array_equal(again.stars, frame.stars)
    assert {key: pytest.approx(value) if isinstance(value, float) else value for key, value in again.wcs.items()} == SKY
    assert u.Unit(again.flux_unit) == u.Unit(frame.flux_unit)
    assert fits.getheader(tmp_path / "m.fits")["OBJECT"] == "NGC1"


def test_masks_say_why(frame):
    mask = next(hdu.data for hdu in maps_hdus([AGE, GAS], frame) if hdu.name == "EMLINE_GFLUX_MASK")
    star, none, bad = int(MapBit.FOREGROUND_STAR), int(MapBit.NO_VALUE), int(MapBit.DO_NOT_USE)
    unused, care = int(MapBit.NO_COVERAGE) | bad, int(MapBit.UNRELIABLE)
    np.testing.assert_array_equal(mask[0], [[unused | star, 0, 0], [none | bad | care, none | bad | care | star, 0]])
    np.testing.assert_array_equal(mask[1], [[unused | star, 0, 0], [care, care | star, 0]])


def test_extensions_point_at_each_other(tmp_path, frame):
    """The way in which readers of MaNGA's maps find values, errors, masks and channels."""
    write_maps(tmp_path / "m.fits", [AGE, GAS], frame)
    with fits.open(tmp_path / "m.fits") as hdus:
        assert hdus[0].data is None
        for name in ("STELLAR_AGE", "EMLINE_GFLUX"):
            header = hdus[name].header
            assert (header["HDUCLASS"], header["HDUCLAS2"]) == ("SDSS", "DATA")
            assert header["HDUCLAS1"] == ("CUBE" if hdus[name].data.ndim == 3 else "IMAGE")
            ivar, mask = hdus[header["ERRDATA"]], hdus[header["QUALDATA"]]
            assert (ivar.header["SCIDATA"], mask.header["SCIDATA"]) == (name, name)
            assert (ivar.header["HDUCLAS2"], ivar.header["HDUCLAS3"]) == ("ERROR", "INVMSE")
            assert (mask.header["HDUCLAS2"], mask.header["HDUCLAS3"]) == ("QUALITY", "FLAG32BIT")
            assert hdus[name].data.shape == ivar.data.shape == mask.data.shape
            assert not ivar.data[mask.data >= int(MapBit.DO_NOT_USE)].any()
            assert np.isfinite(ivar.data).all()
            sky = WCS(header).celestial
            assert sky.has_celestial
            np.testing.assert_allclose(sky.wcs_pix2world(1, 0, 0), (10.0, -5.0))
        channels = {hdus["EMLINE_GFLUX"].header[f"C{k:02d}"]: k - 1 for k in (1, 2)}
        assert channels == {"Hbeta": 0, "OIII5007": 1}
        assert u.Unit(hdus["EMLINE_GFLUX"].header["BUNIT"]) == u.Unit("1e-16 erg / (s cm2)")
        assert u.Unit(hdus["EMLINE_GFLUX_IVAR"].header["BUNIT"]) == u.Unit("1e-16 erg / (s cm2)") ** -2
        assert [hdus["SPX_ELLCOO"].header[f"U{k:02d}"] for k in (1, 2, 3)] == ["arcsec", "", "deg"]
        np.testing.assert_allclose(hdus["SPX_SKYCOO"].data[0], -frame.offsets[0])  # to the east


def test_what_is_not_known_is_nan_or_left_out(tmp_path):
    write_maps(tmp_path / "m.fits", [BinMap("CHI2", np.ones(3))], MapFrame(BIN_ID))
    with fits.open(tmp_path / "m.fits") as hdus:
        assert [hdu.name for hdu in hdus[1:]] == ["BINID", "SPX_ELLCOO", "CHI2", "CHI2_MASK"]
        assert np.isnan(hdus["SPX_ELLCOO"].data).all()
        assert "ERRDATA" not in hdus["CHI2"].header
    images, frame = read_maps(tmp_path / "m.fits")
    assert np.isnan(images["CHI2"].errors).all()
    assert frame.offsets is None


def test_two_writings_give_the_same_bytes(tmp_path, frame):
    for name in ("a", "b"):
        write_maps(tmp_path / f"{name}.fits", [AGE, GAS], frame)
    assert (tmp_path / "a.fits").read_bytes() == (tmp_path / "b.fits").read_bytes()


def test_no_bins_at_all(tmp_path):
    empty = MapFrame(np.full((2, 3), -1))
    write_maps(tmp_path / "m.fits", [BinMap("CHI2", np.empty(0))], empty)
    assert np.isnan(read_maps(tmp_path / "m.fits")[0]["CHI2"].values).all()


def test_maps_that_cannot_be(tmp_path):
    with pytest.raises(AgezError, match="values have shape"):
        BinMap("A", np.ones((3, 2)))
    with pytest.raises(AgezError, match="errors have shape"):
        BinMap("A", np.ones(3), np.ones(2))
    with pytest.raises(AgezError, match="snr has shape"):
        MapFrame(BIN_ID, snr=np.ones(3))
    with pytest.raises(AgezError, match="expected an image"):
        MapFrame(np.arange(3))
    with pytest.raises(AgezError, match="counts 3 bins"):
        maps_hdus([BinMap("A", np.ones(2))], MapFrame(BIN_ID))
    with pytest.raises(AgezError, match="share a name"):
        maps_hdus([AGE, AGE], MapFrame(BIN_ID))
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.ones((2, 2)), name="FLUX")]).writeto(tmp_path / "f.fits")
    with pytest.raises(AgezError, match=r"f\.fits holds no maps"):
        read_maps(tmp_path / "f.fits")


def test_files_cut_short_are_refused(tmp_path, frame):
    write_maps(tmp_path / "m.fits", [AGE], frame)
    content = (tmp_path / "m.fits").read_bytes()
    for part in (0.3, 0.6, 0.95):
        (tmp_path / "short.fits").write_bytes(content[: int(part * len(content))])
        with pytest.raises(AgezError, match=r"short\.fits"):
            read_maps(tmp_path / "short.fits")


@pytest.mark.parametrize("unit", ["", "km/s", "1e-16 erg / (s cm2 Angstrom)", "Angstrom", "mag"])
def test_units_are_those_of_the_standard(unit):
    assert u.Unit(fits_unit(unit), format="fits") == u.Unit(unit)
    if unit:
        assert u.Unit(fits_unit(f"({unit})-2"), format="fits") == u.Unit(unit) ** -2


def test_a_unit_that_nobody_knows_is_kept_as_it_is():
    assert fits_unit("furlongs per fortnight²") == "furlongs per fortnight?"


def test_integers_stay_integers(tmp_path, frame):
    bits = BinMap("FLAGS", np.array([0, 1024 + 8, 1 << 16], np.int32), fill=1)
    good = BinMap("GOOD", np.array([True, False, True]))
    write_maps(tmp_path / "m.fits", [bits, good, AGE], frame)
    with fits.open(tmp_path / "m.fits") as hdus:
        flags = hdus["FLAGS"].data
        assert flags.dtype.kind == "i"
        np.testing.assert_array_equal((flags & 1024) != 0, BIN_ID == 1)
        np.testing.assert_array_equal(flags[BIN_ID < 0], 1)
        np.testing.assert_array_equal(hdus["GOOD"].data, (BIN_ID == 0) | (BIN_ID == 2))
        assert hdus["STELLAR_AGE"].data.dtype.kind == "f"
    images, _ = read_maps(tmp_path / "m.fits")
    assert images["FLAGS"].values.dtype.kind == "i"
    np.testing.assert_array_equal(images["FLAGS"].values[BIN_ID >= 0], bits.values[BIN_ID[BIN_ID >= 0]])
    assert np.isnan(images["FLAGS"].errors).all()
    assert ((images["FLAGS"].mask != 0) == ((BIN_ID < 0) | frame.stars)).all()


def test_logarithms_have_the_unit_dex(tmp_path, frame):
    """FITS has no word for it, but astropy reads what is written, without a warning."""
    age = BinMap("LOG_AGE_LW", np.array([9.0, 9.5, 9.9]), np.array([0.1, 0.2, 0.3]), "dex")
    write_maps(tmp_path / "m.fits", [age], frame)
    header, ivar = (fits.getheader(tmp_path / "m.fits", name) for name in ("LOG_AGE_LW", "LOG_AGE_LW_IVAR"))
    assert u.Unit(header["BUNIT"]) == u.dex
    assert u.Unit(ivar["BUNIT"]) == u.dex**-2
    assert CCDData.read(tmp_path / "m.fits", hdu="LOG_AGE_LW").unit == u.dex
    assert read_maps(tmp_path / "m.fits")[0]["LOG_AGE_LW"].unit == "dex"


def test_older_names_are_read_as_the_present_ones(tmp_path, frame):
    """One quantity, one name: maps of labels had others than maps of predictions."""
    old = {"STELLAR_AGE_LW": "LOG_AGE_LW", "STELLAR_MH_MW": "MH_MW", "STELLAR_VEL": "STELLAR_VEL"}
    write_maps(tmp_path / "m.fits", [BinMap(name, AGE.values, AGE.errors) for name in old], frame)
    images, _ = read_maps(tmp_path / "m.fits")
    assert [one.name for one in images.values()] == list(images) == list(old.values())
    np.testing.assert_allclose(images["LOG_AGE_LW"].errors, images["STELLAR_VEL"].errors)


def test_what_the_signal_to_noise_ratio_is_of_is_kept(tmp_path, frame):
    for words in ("in J0378", "per Angstrom"):
        write_maps(tmp_path / "m.fits", [AGE], replace(frame, snr_of=words))
        assert read_maps(tmp_path / "m.fits")[1].snr_of == words


def test_the_header_says_where_east_is(tmp_path, frame):
    write_maps(tmp_path / "m.fits", [AGE], frame)
    header = fits.getheader(tmp_path / "m.fits", "SPX_SKYCOO")
    assert "EAST" in header["CONTENT"]
    assert "WEST" in header["CONTENT"]
    assert "east" in header["C01"]
