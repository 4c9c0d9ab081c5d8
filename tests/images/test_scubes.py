"""S-Cubes: their layout as the programs write it, and how they are told from cubes of spectra."""

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from image_worlds import PIXEL_ARCSEC, write_image

from agez.errors import AgezError
from agez.images.alignment import pixel_size_arcsec
from agez.images.scubes import is_photometric_cube, read_photometric_cube

NAMES = ("U", "F378", "F395", "F410", "F430", "G", "F515", "R", "F660", "I", "F861", "Z")
WAVE = (3576, 3770, 3940, 4094, 4292, 4751, 5133, 6258, 6614, 7690, 8611, 8831)
SHAPE = (20, 22)


def cube_header():
    wcs = WCS(naxis=3)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN", ""]
    wcs.wcs.crval = [150.0, 2.0, 0]
    wcs.wcs.crpix = [10, 10, 0]
    wcs.wcs.cdelt = [-PIXEL_ARCSEC / 3600, PIXEL_ARCSEC / 3600, 1]
    return wcs.to_header()


def write_cube(path, microjansky, error, *, table=None, scale=1e-19, weimask=None, unit="erg / (Angstrom s cm2)"):
    """As splusdata does: f_lambda over 1e-19 in the file, BSCALE in the header."""
    c = np.array([(1 * u.uJy).to_value(u.Unit(unit), u.spectral_density(w * u.AA)) for w in WAVE]) / scale
    header = cube_header()
    parts = [
        fits.PrimaryHDU(header=fits.Header({"GALAXY": "NGC1087", "TILE": "STRIPE82-0059", "RA": 150.0, "DEC": 2.0}))
    ]
    for name, values in (("DATA", microjansky), ("ERRORS", error)):
        hdu = fits.ImageHDU(values * c[:, None, None], header, name=name)
        hdu.header["BSCALE"], hdu.header["BZERO"], hdu.header["BUNIT"] = scale, 0, unit
        parts.append(hdu)
    parts.append(fits.ImageHDU(np.zeros(SHAPE, dtype=int) if weimask is None else weimask, name="WEIMASK"))
    if table is None:
        table = Table({"FILTER": NAMES, "CENTWAVE": WAVE, "PIVOTWAVE": WAVE, "PSFFWHM": np.linspace(1.2, 1.8, 12)})
    parts.append(fits.BinTableHDU(table, name="METADATA"))
    fits.HDUList(parts).writeto(path)
    return path


@pytest.fixture
def truth(rng):
    return rng.normal(5, 1, (12, *SHAPE)), rng.uniform(0.5, 1.5, (12, *SHAPE))


def test_fluxes_come_back_in_microjansky(tmp_path, truth):
    path = write_cube(tmp_path / "c.fits", *truth)
    images = read_photometric_cube(path, redshift=0.005)
    assert images.bands.filter_set == "splus"
    assert images.bands.names[:3] == ("uJAVA", "J0378", "J0395")
    np.testing.assert_allclose(images.flux, truth[0], rtol=1e-5)
    np.testing.assert_allclose(images.flux_err, truth[1], rtol=1e-5)
    np.testing.assert_allclose(images.psf_fwhm_arcsec, np.linspace(1.2, 1.8, 12))
    assert pixel_size_arcsec(images.wcs) == pytest.approx(PIXEL_ARCSEC, rel=1e-5)
    assert images.meta["object"] == "NGC1087"
    assert images.meta["redshift"] == 0.005
    assert images.sources[0].startswith(str(path))
    assert not images.mask.any()


def test_older_cubes_without_scale_and_with_effective_wavelengths(tmp_path, truth):
    table = Table({"FILTER": NAMES, "WAVE_EFF": np.array(WAVE, dtype=float)})
    images = read_photometric_cube(write_cube(tmp_path / "c.fits", *truth, table=table, scale=1.0))
    np.testing.assert_allclose(images.flux, truth[0], rtol=1e-5)
    assert np.isnan(images.psf_fwhm_arcsec).all()


def test_bands_in_another_order_are_put_in_the_sets(tmp_path, truth):
    flip = slice(None, None, -1)
    table = Table({"FILTER": NAMES[flip], "PIVOTWAVE": WAVE[flip], "PSFFWHM": np.arange(12, dtype=float) + 1})
    flux, error = truth
    # written at the wavelengths of the first order: undo that
    ratio = (np.array(WAVE[flip], dtype=float) / np.array(WAVE, dtype=float))[:, None, None] ** 2
    images = read_photometric_cube(write_cube(tmp_path / "c.fits", flux / ratio, error / ratio, table=table))
    np.testing.assert_allclose(images.flux[0], flux[11], rtol=1e-5)
    assert images.psf_fwhm_arcsec[0] == 12.0


def test_bad_pixels(tmp_path, truth):
    flux, error = truth
    flux[3, 4, 5], error[2, 1, 1], error[6, 2, 2] = np.nan, 0.0, np.nan
    weimask = np.zeros(SHAPE, dtype=int)
    weimask[7, 8] = 1
    error[9] = 0
    images = read_photometric_cube(write_cube(tmp_path / "c.fits", flux, error, weimask=weimask))
    assert "iSDSS" not in images.bands.names
    assert "iSDSS is left out" in images.meta["remarks"][0]
    assert images.mask[:, 7, 8].all()
    assert images.mask[3, 4, 5]
    assert images.mask[2, 1, 1]
    assert images.mask[6, 2, 2]
    assert images.mask.sum() == 3 + 11
    many = np.ones(SHAPE, dtype=int)
    many[0, 0] = 12
    images = read_photometric_cube(write_cube(tmp_path / "d.fits", *truth, weimask=many))
    assert images.mask[0].sum() == 1
    assert any("without saying which" in remark for remark in images.meta["remarks"])


def test_told_from_spectra_and_images(tmp_path, truth, rng):
    assert is_photometric_cube(write_cube(tmp_path / "c.fits", *truth))
    header = cube_header()
    header["CTYPE3"] = "AWAV"
    spectra = fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(rng.normal(0, 1, (50, 5, 5)), header, name="FLUX")])
    spectra.writeto(tmp_path / "spectra.fits")
    assert not is_photometric_cube(tmp_path / "spectra.fits")
    assert not is_photometric_cube(write_image(tmp_path / "image.fits", rng.normal(0, 1, (5, 5))))
    (tmp_path / "text.fits").write_text("nothing")
    assert not is_photometric_cube(tmp_path / "text.fits")
    assert not is_photometric_cube(tmp_path / "absent.fits")
    with pytest.raises(AgezError, match=r"spectra\.fits: no photometric cube"):
        read_photometric_cube(tmp_path / "spectra.fits")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"table": {"FILTER": NAMES[:-1]}}, "12 images in DATA, but 11 bands"),
        ({"table": {"FILTER": [*NAMES[:-1], "U"]}}, "uJAVA occurs twice"),
        ({"table": {"FILTER": [*NAMES[:-1], "Ks"]}}, "'Ks' is unknown"),
        ({"table": {"NUMBER": list(range(12))}}, "no column FILTER"),
        ({"table": {"FILTER": NAMES, "PIVOTWAVE": np.array(WAVE) / 10}}, "check names and unit"),
        ({"weimask": np.zeros((3, 3), dtype=int)}, "its mask has shape"),
    ],
)
def test_cubes_that_are_refused(tmp_path, truth, change, words):
    if "table" in change:
        change = {"table": Table(change["table"])}
    with pytest.raises(AgezError, match=words):
        read_photometric_cube(write_cube(tmp_path / "c.fits", *truth, **change))


def test_a_unit_that_is_no_flux(tmp_path, truth):
    path = write_cube(tmp_path / "c.fits", *truth)
    with fits.open(path, mode="update", do_not_scale_image_data=True) as hdus:
        hdus["DATA"].header["BUNIT"] = "m"
    with pytest.raises(AgezError, match="BUNIT"):
        read_photometric_cube(path)
