"""Air and vacuum, scaled pixels, and layouts of other programs: read as meant, or refused in one line."""

import gzip
import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.nddata import StdDevUncertainty
from astropy.table import Table
from astropy.wcs import WCS
from reader_files import califa_cube, manga_cube

from agez.errors import AgezError
from agez.spectra.readers import read_spectra
from agez.spectra.star_masks import read_star_mask

# ---------------------------------------------------------------- air and vacuum

WAVE = 3749.0 + 2.0 * np.arange(60)


def one_spectrum():
    return Table({"wave": WAVE, "flux": np.ones(60), "flux_err": np.full(60, 0.1)})


@pytest.mark.parametrize(
    ("words", "medium", "said"),
    [
        ({}, "vacuum", False),
        ({"VACUUM": "T"}, "vacuum", True),
        ({"VACUUM": True}, "vacuum", True),
        ({"VACUUM": False}, "air", True),
        ({"VACUUM": "unknown"}, "vacuum", False),
        ({"VACUUM": "air"}, "air", True),
        ({"AirOrVac": "AIR"}, "air", True),
        ({"CTYPE1": "AWAV"}, "air", True),
        ({"CTYPE1": "AWAV-LOG"}, "air", True),
        ({"CTYPE1": "WAVE"}, "vacuum", True),
        ({"CTYPE1": "WAVELENGTH"}, "vacuum", False),
        ({"CTYPE1": "AWAV", "AIRORVAC": "vac"}, "vacuum", True),
    ],
)
@pytest.mark.parametrize("ending", [".fits", ".ecsv"])
def test_the_medium_is_what_the_header_says_or_assumed_and_said(tmp_path, words, medium, said, ending):
    table = one_spectrum()
    table.meta.update(words)
    table.write(tmp_path / f"s{ending}")
    spectra = read_spectra(tmp_path / f"s{ending}")
    assert spectra.medium == medium
    assert ("medium" not in spectra.meta["assumed"]) == said
    assert read_spectra(tmp_path / f"s{ending}", medium="air").medium == "air"


def test_a_column_that_names_its_medium_goes_before_the_header(tmp_path):
    table = one_spectrum()
    table.rename_column("wave", "wave_air")
    table.meta["CTYPE1"] = "WAVE"
    table.write(tmp_path / "s.fits")
    assert read_spectra(tmp_path / "s.fits").medium == "air"


@pytest.mark.parametrize(("kind", "medium"), [("AWAV", "air"), ("WAVE", "vacuum"), ("AWAV-LOG", "air")])
@pytest.mark.parametrize("form", ["wcs1d-fits", "tabular-fits"])
def test_files_by_way_of_specutils_keep_their_medium(tmp_path, kind, medium, form):
    specutils = pytest.importorskip("specutils")
    words = {"CTYPE1": kind, "CUNIT1": "Angstrom", "CRVAL1": WAVE[0], "CDELT1": 2.0, "CRPIX1": 1.0}
    unit = u.Unit("1e-16 erg / (s cm2 Angstrom)")
    made = specutils.Spectrum(
        flux=np.ones(60) * unit, wcs=WCS(fits.Header(words)), uncertainty=StdDevUncertainty(np.full(60, 0.1))
    )
    made.meta["header"] = fits.Header(words)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of comments that are too long for a card
        made.write(tmp_path / "s.fits", format=form)
    spectra = read_spectra(tmp_path / "s.fits")
    assert spectra.medium == medium
    assert "medium" not in spectra.meta["assumed"]
    np.testing.assert_allclose(spectra.wave_angstrom[:2], WAVE[:2], rtol=1e-6)


def test_a_file_in_mangas_layout_that_is_in_air_is_read_so(tmp_path, rng):
    manga_cube(tmp_path / "m.fits", rng)
    assert read_spectra(tmp_path / "m.fits").medium == "vacuum"
    with fits.open(tmp_path / "m.fits") as hdus:
        hdus["FLUX"].header["CTYPE3"] = "AWAV"
        hdus.writeto(tmp_path / "awav.fits")
        hdus["FLUX"].header["CTYPE3"] = "WAVE-LOG"
        hdus[0].header["AIRORVAC"] = "air"
        hdus.writeto(tmp_path / "air.fits")
    assert read_spectra(tmp_path / "awav.fits").medium == "air"
    assert read_spectra(tmp_path / "air.fits").medium == "air"


# ---------------------------------------------------------------- scaled and unsigned pixels


@pytest.mark.parametrize("kind", ["uint16", "uint32", "int8", "int16", "uint8"])
@pytest.mark.parametrize("compressed", [False, True])
def test_masks_of_any_integer_are_read(tmp_path, rng, kind, compressed):
    califa_cube(tmp_path / "plain.fits", rng)
    with fits.open(tmp_path / "plain.fits") as hdus:
        hdus["BADPIX"].data = hdus["BADPIX"].data.astype(kind)
        hdus.writeto(tmp_path / "odd.fits")
    path = tmp_path / "odd.fits"
    if compressed:
        path = tmp_path / "odd.fits.gz"
        path.write_bytes(gzip.compress((tmp_path / "odd.fits").read_bytes()))
    plain, odd = read_spectra(tmp_path / "plain.fits"), read_spectra(path)
    np.testing.assert_array_equal(odd.mask, plain.mask)
    np.testing.assert_array_equal(odd.flux, plain.flux)


def test_unsigned_masks_of_manga_and_scaled_fluxes_are_read(tmp_path, rng):
    manga_cube(tmp_path / "m.fits", rng)
    plain = read_spectra(tmp_path / "m.fits")
    with fits.open(tmp_path / "m.fits") as hdus:
        hdus["MASK"].data = hdus["MASK"].data.astype(np.uint32)
        hdus["FLUX"].data = np.round(hdus["FLUX"].data, 3)
        hdus["FLUX"].scale("int16", bscale=0.001, bzero=2.0)
        hdus.writeto(tmp_path / "u.fits")
    assert fits.getheader(tmp_path / "u.fits", "FLUX")["BSCALE"] == 0.001
    odd = read_spectra(tmp_path / "u.fits")
    np.testing.assert_array_equal(odd.mask, plain.mask)
    np.testing.assert_allclose(odd.flux, plain.flux, atol=0.0006)


def test_blank_pixels_of_scaled_fluxes_are_masked(tmp_path, rng):
    califa_cube(tmp_path / "c.fits", rng)
    with fits.open(tmp_path / "c.fits") as hdus:
        stored = np.round(np.nan_to_num(hdus[0].data) * 1000).astype(np.int16)
        stored[20, 2, 1] = -32768
        hdus[0].data = stored
        hdus[0].header["BLANK"] = -32768
        hdus[0].header["BSCALE"], hdus[0].header["BZERO"] = 0.001, 0.0
        hdus.writeto(tmp_path / "b.fits")
    spectra = read_spectra(tmp_path / "b.fits")
    assert spectra.mask[spectra.rows.spec_id.tolist().index("2-1"), 20]


def test_star_masks_of_unsigned_integers(tmp_path, rng):
    califa_cube(tmp_path / "c.fits", rng)
    spectra = read_spectra(tmp_path / "c.fits")
    stars = np.zeros((4, 5), dtype=np.uint16)
    stars[1, 3] = 40000
    fits.PrimaryHDU(stars).writeto(tmp_path / "stars.fits")
    masked = read_star_mask(tmp_path / "stars.fits", spectra)
    assert spectra.rows.spec_id[masked].tolist() == ["1-3"]


# ---------------------------------------------------------------- layouts of other programs


def test_a_cube_without_errors_is_refused_with_what_was_found(tmp_path):
    cube = np.ones((20, 3, 4), np.float32)
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(cube, name="DATA")]).writeto(tmp_path / "x.fits")
    words = r"x\.fits is not a known kind of spectra: it has images DATA \(4 x 3 x 20\), but no extension of errors"
    with pytest.raises(AgezError, match=words) as caught:
        read_spectra(tmp_path / "x.fits")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("unit", "words"),
    [
        ("10^-32 erg^2/s^2/cm^4/Angstrom^2", "holds variances"),
        ("1e-17 erg/s/cm^2/Angstrom", "in one unit"),
        ("(10^-16 erg/s/cm^2/Angstrom)^2", "holds variances"),
        ("variance", "not understood"),
    ],
)
def test_an_error_in_the_unit_of_a_variance_is_no_error(tmp_path, rng, unit, words):
    califa_cube(tmp_path / "c.fits", rng)
    with fits.open(tmp_path / "c.fits") as hdus:
        hdus["ERROR"].header["BUNIT"] = "10^-16 erg/s/cm^2/Angstrom"
        hdus.writeto(tmp_path / "same.fits")
        hdus["ERROR"].header["BUNIT"] = unit
        hdus.writeto(tmp_path / "other.fits")
    assert len(read_spectra(tmp_path / "same.fits")) == 19
    with pytest.raises(AgezError, match=words):
        read_spectra(tmp_path / "other.fits")
