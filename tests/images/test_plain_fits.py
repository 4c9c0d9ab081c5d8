"""Plain FITS images are read as astropy reads them; what is not plain is left to astropy."""

import numpy as np
import pytest
from astropy.io import fits
from image_worlds import tangent_wcs

from agez.errors import AgezError
from agez.images.image_files import ImageHeaders, headers_of, read_raw_image
from agez.images.plain_fits import plain_images
from agez.images.read_images import read_images

SHAPE = (11, 14)
PIXELS = np.arange(154.0).reshape(SHAPE) - 20


def written(path, *, kind="f4", cards=(), more=()):
    header = tangent_wcs(SHAPE).to_header()
    for key, value in (("FILTER", "rSDSS"), ("BUNIT", "uJy"), ("GAIN", 2.5), ("NOTE", "it's / this"), *cards):
        header[key] = value
    science = fits.ImageHDU(np.abs(PIXELS).astype(kind), header, name="SCI", ver=3)
    mask = fits.ImageHDU((PIXELS > 100).astype("u1"), name="MASK", ver=3)
    fits.HDUList([fits.PrimaryHDU(), science, mask, *more]).writeto(path)
    return path


@pytest.mark.parametrize("kind", ["u1", "i2", "i4", "i8", "f4", "f8"])
def test_as_astropy_reads_them(tmp_path, kind):
    cards = (("SIGNED", -3), ("REAL", 1.5e-7), ("YES", True), ("EMPTY", ""), ("NONE", None), ("ASTRING", "a  "))
    path = written(tmp_path / "one.fits", kind=kind, cards=cards)
    plain = plain_images(path)
    with fits.open(path) as hdus:
        assert len(plain) == len(hdus)
        for mine, other in zip(plain, hdus, strict=True):
            assert (mine.name, mine.ver, mine.shape, mine.is_image) == (other.name, other.ver, other.shape, True)
            if other.data is not None:
                np.testing.assert_array_equal(mine.data, other.data)
            for keyword in other.header:
                assert mine.header.get(keyword) == other.header[keyword]
                assert type(mine.header[keyword]) is type(other.header[keyword])
            assert "ABSENT" not in mine.header
            assert mine.header.get("absent") is None
            assert fits.Header.fromstring(mine.header.tostring()) == other.header


def test_what_is_not_plain_is_left_to_astropy(tmp_path):
    table = fits.BinTableHDU.from_columns([fits.Column("a", "E", array=[1.0])])
    assert plain_images(written(tmp_path / "table.fits", more=[table])) is None
    assert plain_images(written(tmp_path / "long.fits", cards=[("LONG", "x" * 100)])) is None
    assert plain_images(written(tmp_path / "hierarch.fits", cards=[("HIERARCH a long key", 1)])) is None
    assert plain_images(written(tmp_path / "packed.fits", more=[fits.CompImageHDU(PIXELS.astype("f4"))])) is None
    assert plain_images(written(tmp_path / "scaled.fits", kind="u2")) is None  # by BZERO
    whole = written(tmp_path / "whole.fits").read_bytes()
    for name, content in (("cut", whole[:-2880]), ("short", whole[:3000]), ("rest", whole + b"x"), ("text", b"hello")):
        (tmp_path / name).write_bytes(content)
        assert plain_images(tmp_path / name) is None
    assert plain_images(tmp_path / "nothing.fits") is None
    assert plain_images(tmp_path) is None


def test_a_file_that_lost_an_extension_is_not_plain(tmp_path):
    path = written(tmp_path / "lost.fits")
    for n, plain in ((2, True), (3, False)):
        fits.setval(path, "AGEZNEXT", value=n)
        assert (plain_images(path) is not None) == plain


def test_both_roads_give_the_same_images(tmp_path):
    (tmp_path / "plain").mkdir()
    (tmp_path / "other").mkdir()
    written(tmp_path / "plain" / "one_rSDSS.fits")
    written(tmp_path / "other" / "one_rSDSS.fits", cards=[("LONG", "x" * 100)])
    one, two = (read_images(tmp_path / name, filters="splus") for name in ("plain", "other"))
    np.testing.assert_array_equal(one.flux, two.flux)
    np.testing.assert_array_equal(one.mask, two.mask)
    assert one.meta["units"] == two.meta["units"]
    assert one.mask.sum() == (PIXELS > 100).sum()


def test_headers_are_read_once(tmp_path):
    """Bands on one grid share a WCS; those on another have their own."""
    paths = [
        written(tmp_path / f"{n}.fits", cards=[("PSFFWHM", 1.0 + n), *more])
        for n, more in enumerate(([], [("LONG", "x" * 100)], [("CRVAL1", 11.0)], [("CRPIX2", 3.0)]))
    ]
    files = ImageHeaders()
    for path in paths:
        assert files.hdus(path) is files.hdus(path)
    wcs = [files.wcs(headers_of(path, files)[0], path) for path in paths]
    assert len({id(one) for one in (wcs[0], *wcs[2:])}) == 3
    shared = files.wcs(headers_of(written(tmp_path / "5.fits", cards=[("GAIN", 9.0)]), files)[0], paths[0])
    assert shared is wcs[0]


def test_a_file_that_changes_between_headers_and_pixels_is_one_line(tmp_path):
    path = written(tmp_path / "one_rSDSS.fits")
    files = ImageHeaders()
    files.hdus(path)
    path.write_bytes(path.read_bytes()[:6000])
    with pytest.raises(AgezError, match=r"one_rSDSS\.fits cannot be read as a fits image"):
        read_raw_image(path, files, beside={})
