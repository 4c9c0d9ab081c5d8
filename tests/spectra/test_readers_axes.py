"""Axes of cubes and row-stacked spectra, however their headers write them: the wavelengths and offsets of astropy."""

import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from reader_files import califa_cube, manga_cube

from agez.errors import AgezError
from agez.labelling.cube_bins import fitted_rows
from agez.spectra.binning import BinSettings
from agez.spectra.formats_axes import wavelength_axis
from agez.spectra.label_maps import cube_frame
from agez.spectra.readers import cube_pixels, read_spectra

WAVE = 3749.0 + 2.0 * np.arange(60)
PIXEL = 1.0 / 3600.0
NO_STEPS = {key: None for key in ("CD1_1", "CD2_2", "CD3_3")}


def by_astropy(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return WCS(fits.getheader(path)).spectral.pixel_to_world(np.arange(60)).to_value(u.AA)


def to_header(path):
    """The cube's WCS as astropy writes it: steps in PCi_i, CDELTi 1, metres."""
    with warnings.catch_warnings(), fits.open(path, mode="update") as hdus:
        warnings.simplefilter("ignore")
        written = WCS(hdus[0].header).to_header()
        for key in [key for key in hdus[0].header if key[:3] in ("CRV", "CRP", "CTY", "CUN", "CD1", "CD2", "CD3")]:
            del hdus[0].header[key]
        hdus[0].header.update(written)
        assert "PC3_3" in hdus[0].header


@pytest.mark.parametrize(
    "change",
    [
        {},
        NO_STEPS | {"PC1_1": -PIXEL, "PC2_2": PIXEL, "PC3_3": 2.0, "CDELT1": 1.0, "CDELT2": 1.0, "CDELT3": 1.0},
        NO_STEPS | {"PC1_1": -PIXEL, "PC2_2": PIXEL, "PC3_3": 2.0},
        NO_STEPS | {"CDELT1": -PIXEL, "CDELT2": PIXEL, "CDELT3": 1.0, "PC3_3": 2.0},
        {"CD3_3": None, "CDELT3": 2.0},
        {"CDELT3": 2.0},
        {"CDELT3": 1.0},
        {"CRPIX3": 31.0, "CRVAL3": 3809.0},
        {"CRPIX3": -1873.5, "CRVAL3": 0.0},
        {"CUNIT3": "nm", "CRVAL3": 374.9, "CD3_3": 0.2},
        {"CUNIT3": "um", "CRVAL3": 0.3749, "CD3_3": 0.0002},
        {"CUNIT3": "m", "CRVAL3": 3.749e-7, "CD3_3": 2e-10},
        {"CUNIT3": None},
        {"CUNIT3": None, "CRVAL3": 3.749e-7, "CD3_3": 2e-10},
        {"CTYPE3": "WAVELENGTH"},
        {"CTYPE3": "LINEAR", "CUNIT3": "Angstroms"},
    ],
)  # fmt: skip
def test_the_same_linear_wavelengths_in_any_writing(tmp_path, rng, change):
    califa_cube(tmp_path / "c.fits", rng, **change)
    spectra = read_spectra(tmp_path / "c.fits")
    np.testing.assert_allclose(spectra.wave_angstrom, WAVE, rtol=1e-12)
    np.testing.assert_allclose(spectra.rows.x, cube_pixels(spectra.rows)[1] - 2.0, atol=1e-6)


def test_the_header_that_astropy_writes_is_that_of_the_cube(tmp_path, rng):
    califa_cube(tmp_path / "c.fits", rng)
    plain = read_spectra(tmp_path / "c.fits")
    to_header(tmp_path / "c.fits")
    spectra = read_spectra(tmp_path / "c.fits")
    np.testing.assert_allclose(spectra.wave_angstrom, by_astropy(tmp_path / "c.fits"), rtol=1e-12)
    np.testing.assert_allclose(spectra.wave_angstrom, plain.wave_angstrom, rtol=1e-12)
    np.testing.assert_allclose(spectra.rows.x, plain.rows.x, atol=1e-6)
    assert spectra.medium == "air"


@pytest.mark.parametrize(
    ("change", "medium"),
    [
        ({"CTYPE3": "WAVE-LOG", "CD3_3": 0.87, "AIRORVAC": "vac"}, "vacuum"),
        ({"CTYPE3": "AWAV-LOG", "CD3_3": 0.87}, "air"),
        ({"CTYPE3": "WAVE-F2W", "CD3_3": 1.9, "AIRORVAC": "vac"}, "vacuum"),
        ({"CTYPE3": "WAVE-LOG", "CUNIT3": None, "CRVAL3": 3.749e-7, "CD3_3": 8.7e-11, "VACUUM": "T"}, "vacuum"),
        ({"CTYPE3": "AWAV-LOG", "CUNIT3": "um", "CRVAL3": 0.3749, "CD3_3": 0.000087}, "air"),
    ],
)
def test_wavelengths_of_an_algorithm_are_those_of_astropy(tmp_path, rng, change, medium):
    califa_cube(tmp_path / "c.fits", rng, **change)
    spectra = read_spectra(tmp_path / "c.fits")
    np.testing.assert_allclose(spectra.wave_angstrom, by_astropy(tmp_path / "c.fits"), rtol=1e-10)
    assert spectra.medium == medium


@pytest.mark.parametrize(
    "header",
    [
        {"DC-FLAG": 1, "CTYPE1": "LINEAR", "CRVAL1": 3.58, "CD1_1": 1e-4},
        {"DC-FLAG": 1, "CRVAL1": 3.58, "PC1_1": 1e-4, "CDELT1": 1.0},
        {"CTYPE1": "WAVE-LOG", "CRVAL1": 3.58, "CDELT1": 1e-4},
        {"CTYPE1": "LOGLAM", "CRVAL1": 3.58, "CDELT1": 1e-4, "CUNIT1": "Angstrom"},
        {"CTYPE1": "LINEAR", "CUNIT1": "log(Angstrom)", "CRVAL1": 3.581, "CDELT1": 1e-4, "CRPIX1": 11.0},
        {"CTYPE1": "LINEAR", "CUNIT1": "log10(nm)", "CRVAL1": 2.58, "CDELT1": 1e-4},
    ],
)
def test_log10_of_wavelengths_where_the_header_says_so(tmp_path, header):
    wave = wavelength_axis(tmp_path / "s.fits", header, 1, 50)
    np.testing.assert_allclose(wave, 10.0 ** (3.58 + 1e-4 * np.arange(50)), rtol=1e-12)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"CRVAL3": 3.0, "CD3_3": 0.1}, r"from 3 to 8\.9 A"),
        ({"CRVAL3": 3.0, "CD3_3": 0.1, "CUNIT3": None}, "without a unit"),
        ({"CRVAL3": 3e-7, "CD3_3": 1e-9, "CUNIT3": None, "CTYPE3": None}, "without a unit"),
        ({"CRVAL3": 374.9, "CD3_3": 0.2, "CUNIT3": None}, r"from 374\.9 to .* without a unit"),
        ({"CD3_3": 1e10}, r"from 3749 to 5\.9e\+11 A"),
        ({"CTYPE3": "FREQ", "CUNIT3": "Hz", "CRVAL3": 6e14, "CD3_3": -1e11}, "frequencies"),
        ({"CTYPE3": "VOPT", "CUNIT3": "km/s"}, "velocities"),
        ({"CTYPE3": "VELO-LSR", "CUNIT3": "m/s"}, "velocities"),
        ({"CTYPE3": "ENER", "CUNIT3": "eV"}, "energies"),
        ({"CDELT3": 1.9}, "disagree"),
        ({"CD3_1": 0.5}, "mixes wavelength with another axis"),
        ({"CD1_3": 0.5}, "mixes wavelength with another axis"),
        ({"CTYPE3": "WAVE-TAB"}, "cannot be understood"),
        ({"DC-FLAG": 1}, "log10"),
    ],
)
def test_axes_that_cannot_be_wavelengths_are_refused_in_one_line(tmp_path, rng, change, words):
    califa_cube(tmp_path / "c.fits", rng, **change)
    with pytest.raises(AgezError, match=rf"c\.fits: .*{words}") as caught:
        read_spectra(tmp_path / "c.fits")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("column", "words"), [("wave_nm", "from 30 to 70 A"), ("wavelength", "without a unit")])
def test_wavelengths_of_a_table_that_cannot_be_are_refused(tmp_path, column, words):
    rows = "".join(f"{3 + i},1,0.1\n" for i in range(5))
    (tmp_path / "s.csv").write_text(f"{column},flux,flux_err\n{rows}")
    with pytest.raises(AgezError, match=rf"s\.csv: .*{words}"):
        read_spectra(tmp_path / "s.csv")
    (tmp_path / "m.csv").write_text(f"wave_um,flux,flux_err\n{rows}")
    np.testing.assert_allclose(read_spectra(tmp_path / "m.csv").wave_angstrom, 1e4 * np.arange(3.0, 8.0))


# ---------------------------------------------------------------- the sky


@pytest.mark.parametrize(
    "change",
    [
        {},
        NO_STEPS | {"CDELT1": -PIXEL, "CDELT2": PIXEL, "CDELT3": 2.0, "CROTA2": 30.0},
        NO_STEPS
        | {"CUNIT1": "arcsec", "CUNIT2": "arcsec", "CDELT1": -1.0, "CDELT2": 1.0, "CDELT3": 2.0}
        | {"CRVAL1": 1.8 * 3600, "CRVAL2": 27.7 * 3600},
        {"CTYPE1": "GLON-TAN", "CTYPE2": "GLAT-TAN"},
        {"RADESYS": "FK4", "EQUINOX": 1950.0},
        {"CD1_1": PIXEL},
    ],
    ids=["plain", "CROTA2", "arcsec", "galactic", "B1950", "mirrored"],
)
def test_spaxels_lie_where_astropy_puts_them(tmp_path, rng, change):
    path = tmp_path / "c.fits"
    califa_cube(path, rng, **change)
    spectra = read_spectra(path)
    y, x = cube_pixels(spectra.rows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wcs = WCS(fits.getheader(path)).celestial
    reference = wcs.pixel_to_world(2.0, 1.0).icrs
    east, north = reference.spherical_offsets_to(wcs.pixel_to_world(x, y).icrs)
    np.testing.assert_allclose(spectra.rows.x, -east.arcsec, atol=1e-6)
    np.testing.assert_allclose(spectra.rows.y, north.arcsec, atol=1e-6)
    frame = cube_frame(np.zeros((4, 5), dtype=int), spectra.meta["wcs"])
    np.testing.assert_allclose(frame.offsets[0][y, x], spectra.rows.x, atol=1e-9)


def test_maps_of_a_manga_cube_count_from_the_galaxy_as_its_rows_do(tmp_path, rng):
    manga_cube(tmp_path / "m.fits", rng)
    spectra, frame = fitted_rows(tmp_path / "m.fits", redshift=0.02, binning=BinSettings(method="none"))
    inside = frame.bin_id >= 0
    number = frame.bin_id[inside]
    np.testing.assert_allclose(frame.offsets[0][inside], spectra.rows.x[number], atol=1e-9)
    np.testing.assert_allclose(frame.offsets[1][inside], spectra.rows.y[number], atol=1e-9)
    y, x = np.nonzero(inside)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sky = WCS(fits.getheader(tmp_path / "m.fits", "FLUX")).celestial.pixel_to_world(x, y)
    distance = SkyCoord(229.5, 42.75, unit="deg").separation(sky).arcsec
    np.testing.assert_allclose(np.hypot(*frame.offsets[:, inside]), distance, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"CUNIT1": "arcmin", "CUNIT2": "arcmin"}, 60.0),
        ({"CUNIT1": "pixel", "CUNIT2": "pixel"}, np.nan),
        ({"CTYPE1": "PIXEL", "CTYPE2": "PIXEL"}, np.nan),
        ({"CDELT1": None, "CDELT2": None}, np.nan),
        ({"CDELT1": 0.5, "CDELT2": 0.5}, 0.5),
    ],
)
def test_offsets_on_the_detector_have_a_unit_or_are_unknown(tmp_path, rng, change, expected):
    califa_cube(tmp_path / "c.fits", rng, celestial=False, **change)
    spectra = read_spectra(tmp_path / "c.fits")
    y, x = cube_pixels(spectra.rows)
    np.testing.assert_allclose(spectra.rows.x, expected * (x - 2.0))
    np.testing.assert_allclose(spectra.rows.y, expected * (y - 1.0))


def test_a_broken_sky_wcs_is_refused(tmp_path, rng):
    califa_cube(tmp_path / "c.fits", rng, CTYPE2="LINEAR")
    with pytest.raises(AgezError, match=r"c\.fits: its WCS cannot be understood"):
        read_spectra(tmp_path / "c.fits")
