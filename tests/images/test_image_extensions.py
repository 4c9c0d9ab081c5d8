"""Which extension is mapped: by its name, not by its place; scaled, unsigned and compressed ones; logarithmic units."""

import numpy as np
import pytest
from astropy.io import fits
from image_worlds import image_set, tangent_wcs

from agez.errors import AgezError
from agez.images.image_files import ImageHeaders, headers_of
from agez.images.read_images import read_images
from agez.images.regions import RegionSettings, make_regions
from agez.images.scubes import read_photometric_cube

SHAPE = (14, 11)
SCIENCE = np.arange(154.0).reshape(SHAPE) + 10


def image(name="", values=SCIENCE, *, kind=fits.ImageHDU, wcs=True, **cards):
    header = tangent_wcs(np.shape(values)).to_header() if wcs else fits.Header()
    header.update(FILTER="rSDSS", BUNIT="uJy", **cards)
    hdu = kind(np.asarray(values, np.float32), header)
    if name:
        hdu.name = name
    return hdu


def written(tmp_path, *hdus, name="gal_rSDSS.fits", primary=None):
    path = tmp_path / name
    fits.HDUList([fits.PrimaryHDU() if primary is None else primary, *hdus]).writeto(path)
    return path


def flux_of(path, **options):
    return read_images(path, filters="splus", **options).flux[0]


@pytest.mark.parametrize("kind", [fits.ImageHDU, fits.CompImageHDU])
@pytest.mark.parametrize(
    ("other", "science"),
    [
        ("PSF", "SCI"), ("EXPMAP", ""), ("WHT", "IMAGE"), ("MODEL", "R"), ("BKG", "data"), ("DQ", "WHATEVER"),
        ("ERR", ""), ("SKY_1", "WHATEVER"), ("WEIGHTMAP", "SCI"), ("CHI2", "IMAGE"),
    ],
)  # fmt: skip
def test_what_stands_first_is_not_mapped_for_that(tmp_path, kind, other, science):
    """With one science image left, whatever its name, the place does not count."""
    first = image(other, 0 * SCIENCE + (0 if other == "DQ" else 4), kind=kind)
    np.testing.assert_allclose(flux_of(written(tmp_path, first, image(science, kind=kind))), SCIENCE, rtol=0.01)


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (("A", "SCI"), 1), (("FOO", "B", "IMAGE"), 2), (("A", "rSDSS"), 1), (("ZED", "gSDSS", "R_DATA"), 2),
        (("SCI_MODEL", "SCI"), 1), (("SCIENCE_MASK", "A", "SCIENCE"), 2),
    ],
)  # fmt: skip
def test_of_several_the_name_chooses(tmp_path, names, chosen):
    parts = [image(name, SCIENCE if k == chosen else 0 * SCIENCE) for k, name in enumerate(names)]
    np.testing.assert_allclose(flux_of(written(tmp_path, *parts)), SCIENCE)


def test_the_primary_counts_where_names_say_nothing(tmp_path):
    primary = image(kind=fits.PrimaryHDU)
    np.testing.assert_allclose(flux_of(written(tmp_path, image("A", 0 * SCIENCE + 1), primary=primary)), SCIENCE)


def test_an_image_without_a_place_on_the_sky_is_not_the_one(tmp_path):
    stamp = image("A", np.ones((5, 5)), wcs=False)
    np.testing.assert_allclose(flux_of(written(tmp_path, stamp, image("B"))), SCIENCE)


@pytest.mark.parametrize("names", [("A", "B"), ("", ""), ("SCI", "SCI"), ("IMAGE", "SCI"), ("G", "I", "Z")])
def test_two_that_could_be_are_listed(tmp_path, names):
    parts = [image(name, SCIENCE * (k + 1)) for k, name in enumerate(names)]
    for k, hdu in enumerate(parts):
        hdu.ver = k + 1
    path = written(tmp_path, *parts)
    with pytest.raises(AgezError, match=rf"gal_rSDSS.fits: {len(names)} of its images .*11 x 14.*--extension"):
        flux_of(path)
    np.testing.assert_allclose(flux_of(path, extension="2"), 2 * SCIENCE)
    if names[1]:
        np.testing.assert_allclose(flux_of(path, extension=f"{names[1].lower()},2"), 2 * SCIENCE)
    with pytest.raises(AgezError, match=r"--extension K is no image of this file; its images are 1"):
        flux_of(path, extension="K")


def test_only_what_is_no_science_image(tmp_path):
    path = written(tmp_path, image("PSF"), image("MODEL"))
    with pytest.raises(AgezError, match=r"by their names none .*1 PSF 11 x 14; 2 MODEL.*--extension"):
        flux_of(path)
    np.testing.assert_allclose(flux_of(path, extension="MODEL"), SCIENCE)
    with pytest.raises(AgezError, match="by their names none"):
        headers_of(path, ImageHeaders())


def test_layers_are_those_of_the_chosen_version(tmp_path):
    parts = []
    for version in (1, 2):
        parts += [image("SCI", version * SCIENCE), image("ERR", 0 * SCIENCE + version)]
        for hdu in parts[-2:]:
            hdu.ver = version
    found = read_images(written(tmp_path, *parts), filters="splus", extension="SCI,2")
    np.testing.assert_allclose(found.flux_err[0], 2.0)
    (tmp_path / "bands").mkdir()
    parts = [
        image(f"{what}_{band}", 0 * SCIENCE + n) for n, band in ((5, "GSDSS"), (7, "RSDSS")) for what in ("SCI", "ERR")
    ]
    found = read_images(written(tmp_path / "bands", *parts), filters="splus")
    np.testing.assert_allclose([found.flux[0], found.flux_err[0]], 7.0)
    (tmp_path / "two").mkdir()
    path = written(tmp_path / "two", image("SCI"), image("WHT"), image("IVAR"))
    with pytest.raises(AgezError, match="two extensions of weight: 2 WHT 11 x 14; 3 IVAR"):
        flux_of(path)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("how", ["uint16", "int16", "uint32", "scaled", "int32"])
def test_scaled_and_unsigned_integers_are_read_as_what_they_mean(tmp_path, how, compressed):
    whole = np.round(SCIENCE)
    header = tangent_wcs(SHAPE).to_header()
    header.update(FILTER="rSDSS", BUNIT="uJy")
    weight = 0 * whole + 4
    if how == "scaled":
        hdu = fits.ImageHDU(whole.astype(np.float32), header, name="SCI")
        hdu.scale("int16", bscale=0.5, bzero=50.0)
    else:
        hdu = (fits.CompImageHDU if compressed else fits.ImageHDU)(whole.astype(how), header, name="SCI")
    other = fits.ImageHDU(weight.astype(np.uint16 if how == "scaled" else how), name="WHT")
    found = read_images(written(tmp_path, hdu, other), filters="splus")
    np.testing.assert_allclose(found.flux[0], whole)
    np.testing.assert_allclose(found.flux_err[0], 0.5)


LOGARITHMS = (
    "mag", "mag/arcsec2", "mag arcsec^-2", "mag(AB)", "ABmag", "AB mag", "dex", "dex(Jy)", "mmag", "log(erg/s/cm2)",
    "dB", "magnitudes", "log10(Jy)", "MAG_AB",
)  # fmt: skip


@pytest.mark.parametrize("unit", LOGARITHMS)
@pytest.mark.parametrize("zero_point", [None, 25.0])
def test_images_in_magnitudes_are_refused(tmp_path, unit, zero_point):
    cards = {} if zero_point is None else {"MAGZP": zero_point}
    hdu = image("SCI", **cards)
    hdu.header["BUNIT"] = unit
    path = written(tmp_path, hdu)
    with pytest.raises(AgezError, match=r"gal_rSDSS.fits: its unit \(BUNIT\) is .* a logarithm; write the image in"):
        flux_of(path)
    if zero_point is not None:
        with pytest.raises(AgezError, match="a logarithm"):
            flux_of(path, zero_points={"rSDSS": 25.0})


@pytest.mark.parametrize("unit", ["mag(AB)", "dex(Jy)", "mag/arcsec2"])
def test_cubes_of_bands_in_magnitudes_are_refused(tmp_path, unit):
    table = fits.BinTableHDU.from_columns([fits.Column("FILTER", "10A", array=np.array(["gSDSS", "rSDSS"]))])
    table.name = "METADATA"
    header = tangent_wcs(SHAPE).to_header()
    header["BUNIT"] = unit
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.ones((2, *SHAPE)), header, name="DATA"), table]).writeto(
        tmp_path / "cube.fits"
    )
    with pytest.raises(AgezError, match="a logarithm"):
        read_photometric_cube(tmp_path / "cube.fits", filters="splus")


def test_segments_are_found_by_name_or_alone(tmp_path, rng):
    y, x = np.indices((30, 30))
    images = image_set(100 * np.exp(-np.hypot(x - 15, y - 15) / 5) + rng.normal(size=(2, 30, 30)), fwhm=1.0)
    number = np.zeros((30, 30), np.int16)
    number[10:20, 10:15], number[10:20, 15:20] = 1, 2
    parts = [fits.ImageHDU(0 * number + 1, name="CHI"), fits.ImageHDU(number, name="SEGMAP")]
    path = written(tmp_path, *parts, name="seg.fits")
    found = make_regions(images, RegionSettings("segments", segments=path), centre=(15.0, 15.0))
    assert found.bin_id.max() == 1
    path = written(tmp_path, parts[0], fits.ImageHDU(number, name="CHI2"), name="two.fits")
    with pytest.raises(AgezError, match="2 of its images could be the image of segments"):
        make_regions(images, RegionSettings("segments", segments=path), centre=(15.0, 15.0))
