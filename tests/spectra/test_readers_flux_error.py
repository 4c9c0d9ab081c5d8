"""Cubes, rows and single spectra of a flux with its errors beside it: MUSE, KCWI, and any of their kind."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from cube_factory import cube
from instrument_cubes import MUSE_UNIT, axis, planes, sky, write_kcwi, write_muse

import agez
from agez.errors import AgezError
from agez.flags import Flag
from agez.spectra.binning import bin_cube

NY, NX = 6, 7


@pytest.fixture
def made(rng):
    """A cube in memory with a masked pixel; the brightest spaxel is (3, 3)."""
    spectra = cube(rng, ny=NY, nx=NX, peak_snr=50.0, scale=2.0)
    mask = spectra.mask.copy()
    mask[10, 20] = True
    return replace(spectra, mask=mask)


def same(found, made, *, rtol=1e-5):
    """Spaxels of a file are those in memory."""
    assert found.rows.spec_id.tolist() == made.rows.spec_id.tolist()
    scale = (u.Unit(found.flux_unit) / u.Unit(made.flux_unit)).to("")
    np.testing.assert_array_equal(found.mask, made.mask)
    good = ~made.mask
    np.testing.assert_allclose(scale * found.flux[good], made.flux[good], rtol=rtol)
    np.testing.assert_allclose(scale * found.flux_err[good], made.flux_err[good], rtol=rtol)


# ---------------------------------------------------------------- the instruments


@pytest.mark.parametrize("mask", [True, False])
def test_a_muse_cube(tmp_path, made, mask):
    found = agez.read_spectra(write_muse(tmp_path / "m.fits", made, mask=mask))
    same(found, made)
    np.testing.assert_allclose(found.wave_angstrom, made.wave_angstrom, rtol=1e-12)
    assert (found.medium, found.flux_unit) == ("air", "1e-20 erg / (s cm2 Angstrom)")
    assert (found.meta["format"], found.meta["survey"], found.meta["cube_shape"]) == ("flux-error", "MUSE", (NY, NX))
    assert set(found.rows.galaxy_id) == {"NGC0001"}
    assert not np.isfinite(found.redshift).any()
    assert not found.flags.any()  # NaN in flux and variance is how MUSE says that nothing was observed
    assert set(found.meta["assumed"]) == {"fwhm", "centre"}
    np.testing.assert_allclose(found.fwhm_angstrom[0], 5.866e-8 * 5400**2 - 9.187e-4 * 5400 + 6.040)


def test_a_kcwi_cube(tmp_path, made):
    found = agez.read_spectra(write_kcwi(tmp_path / "k.fits", made))
    same(found, made)
    assert (found.medium, found.flux_unit) == ("air", "1e-16 erg / (s cm2 Angstrom)")
    np.testing.assert_allclose(found.fwhm_angstrom, found.wave_angstrom / 1800)
    path = write_kcwi(tmp_path / "v.fits", made, BUNIT="FLAM16", CTYPE3="WAVE")
    vacuum = agez.read_spectra(path)
    same(vacuum, made)
    assert (vacuum.medium, vacuum.flux_unit) == ("vacuum", "1e-16 erg / (s cm2 Angstrom)")
    with fits.open(path) as hdus:
        hdus["FLAGS"].data[5, 2, 3] = 4
        hdus.writeto(tmp_path / "f.fits")
    assert agez.read_spectra(tmp_path / "f.fits").mask[2 * NX + 3, 5]


def test_positions_count_from_the_brightest_place_or_the_object_that_the_header_says(tmp_path, made):
    found = agez.read_spectra(write_muse(tmp_path / "m.fits", made))
    distance = np.hypot(found.rows.x, found.rows.y)
    assert found.rows.spec_id[np.argmin(distance)] == "3-3"
    assert distance.min() < 0.1
    y, x = found.meta["pixel_y"], found.meta["pixel_x"]
    np.testing.assert_allclose(distance, 0.2 * np.hypot(y - 3, x - 3), atol=0.1)
    said = agez.read_spectra(write_muse(tmp_path / "o.fits", made, OBJRA=201.5, OBJDEC=-30.25))
    assert "centre" not in said.meta["assumed"]
    assert said.rows.spec_id[np.argmin(np.hypot(said.rows.x, said.rows.y))] == f"{NY // 2 - 2}-{NX // 2 + 2}"


# ---------------------------------------------------------------- axes


def _log_axis(wave, base):
    values = np.log(wave[[0, -1]]) / np.log(base)
    return {"CRVAL3": values[0], "CD3_3": (values[1] - values[0]) / (len(wave) - 1), "CUNIT3": None}


LINEAR = 5400.0 + 2.0 * np.arange(120)
LOG = np.geomspace(5400.0, 5638.0, 120)


@pytest.mark.parametrize(
    ("words", "wave", "medium"),
    [
        *((axis(LINEAR, unit), LINEAR, "air") for unit in ("nm", "um", "m", "Angstrom")),
        (axis(LINEAR, "nm", "WAVE"), LINEAR, "vacuum"),
        (axis(LINEAR, "um", step="CDELT3") | {"CD3_3": None}, LINEAR, "air"),
        (_log_axis(LOG, 10) | {"CTYPE3": "LOGLAM"}, LOG, "air"),
        (_log_axis(LOG, np.e) | {"CTYPE3": "LOGLAM"}, LOG, "air"),
        (_log_axis(LOG, np.e) | {"CTYPE3": "AWAV", "CUNIT3": "ln(Angstrom)"}, LOG, "air"),
        (_log_axis(LOG / 10, 10) | {"CTYPE3": "WAVE", "CUNIT3": "log10(nm)"}, LOG, "vacuum"),
        (_log_axis(LOG, 10) | {"DC-FLAG": 1}, LOG, "air"),
        (
            {"CTYPE3": "AWAV-LOG", "CUNIT3": "nm", "CRVAL3": 540.0, "CD3_3": 540 * np.log(LOG[1] / LOG[0])}, LOG, "air",
        ),
        ({"CTYPE3": "WAVE-LOG", "CUNIT3": "m", "CRVAL3": 5.4e-7, "CD3_3": 5.4e-7 * np.log(LOG[1] / LOG[0])}, LOG,
         "vacuum"),
    ],
)  # fmt: skip
def test_wavelengths_in_any_unit_and_algorithm(tmp_path, made, words, wave, medium):
    found = agez.read_spectra(write_muse(tmp_path / "m.fits", made, **words))
    np.testing.assert_allclose(found.wave_angstrom, wave, rtol=1e-10)
    assert found.medium == medium
    same(found, made)


def _with_extension(path, spectra, extension, **words):
    write_muse(
        path, spectra, **{"CTYPE3": None, "CRVAL3": None, "CD3_3": None, "CUNIT3": None, "CRPIX3": None, **words}
    )
    with fits.open(path) as hdus:
        hdus.append(extension)
        hdus.writeto(path, overwrite=True)
    return path


def _table(column, values, unit=None, name="WAVELENGTH"):
    return fits.BinTableHDU.from_columns([fits.Column(column, "D", array=values, unit=unit)], name=name)


def _image(values, unit=None, name="WAVE"):
    return fits.ImageHDU(values, fits.Header({} if unit is None else {"BUNIT": unit}), name=name)


@pytest.mark.parametrize(
    ("extension", "words", "medium"),
    [
        (_image(LOG), {}, "air"),
        (_image(LOG / 10, "nm", "LAMBDA"), {"CTYPE3": "WAVE"}, "vacuum"),
        (_image(np.log10(LOG), "log10(Angstrom)"), {}, "air"),
        (_image(np.log10(LOG), name="LOGLAM"), {}, "air"),
        (_table("wavelength", LOG), {"CTYPE3": "AWAV"}, "air"),
        (_table("WAVE_NM", LOG / 10), {}, "air"),
        (_table("wave_vac", LOG * 1e-4, "um"), {}, "vacuum"),
        (_table("loglam", np.log10(LOG)), {}, "air"),
        (_table("coords", LOG * 1e-10, "m", "WCS-TABLE"), {"CTYPE3": "WAVE-TAB", "PS3_0": "WCS-TABLE",
                                                          "PS3_1": "coords"}, "vacuum"),
    ],
)  # fmt: skip
def test_wavelengths_in_an_extension(tmp_path, made, extension, words, medium):
    found = agez.read_spectra(_with_extension(tmp_path / "m.fits", made, extension, **words))
    np.testing.assert_allclose(found.wave_angstrom, LOG, rtol=1e-10)
    assert found.medium == medium
    same(found, made)


# ---------------------------------------------------------------- errors and masks


@pytest.mark.parametrize(
    ("name", "power", "words"),
    [
        ("ERR", 1, {}),
        ("STDDEV", 1, {"BUNIT": "1e-16 erg/s/cm2/Angstrom"}),
        ("ERROR", 1, {"BUNIT": "1e-15 erg/s/cm2/Angstrom"}),
        ("VARIANCE", 2, {}),
        ("VAR", 2, {"BUNIT": "1e-16 erg/s/cm2/Angstrom"}),  # copied from the flux
        ("STAT", 2, {"BUNIT": "(1e-16 erg/s/cm2/Angstrom)**2"}),
        ("STAT", 2, {"BUNIT": "1e-30 erg2/s2/cm4/Angstrom2"}),
        ("ERR", 2, {"BUNIT": "1e-32 erg2/s2/cm4/Angstrom2"}),  # by its unit
        ("UNCERT", 2, {"UTYPE": "VarianceUncertainty"}),
        ("UNCERT", -2, {"UTYPE": "InverseVariance"}),
        ("IVAR", -2, {}),
        ("INVVAR", -2, {"BUNIT": "1e+32 s2 cm4 Angstrom2 / erg2"}),
        ("STAT", 1, {"HDUCLASS": "ESO", "HDUCLAS3": "RMSE"}),
        ("SPECIAL", 2, {"HDUCLASS": "ESO", "HDUCLAS3": "MSE"}),  # named by ERRDATA alone
    ],
)
def test_errors_of_any_kind(tmp_path, made, name, power, words):
    card = sky(fits.Header(axis(made.wave_angstrom)), (NY, NX))
    card["BUNIT"], card["ERRDATA"] = "1e-16 erg/s/cm2/Angstrom", name
    stored = planes(made, made.flux_err).astype(float)
    factor = 1.0 if "BUNIT" not in words else {"1e-15": 0.1, "1e-30": 0.01}.get(words["BUNIT"][:5], 1.0)
    bad = planes(made, made.mask)
    hdus = [fits.PrimaryHDU(), fits.ImageHDU(planes(made, made.flux).astype(float), card, name="SCI")]
    hdus.append(fits.ImageHDU(factor * np.where(bad, 1, stored) ** power, fits.Header(words), name=name))
    hdus.append(fits.ImageHDU(bad.astype(np.uint8), name="MASK"))
    fits.HDUList(hdus).writeto(tmp_path / "e.fits")
    same(agez.read_spectra(tmp_path / "e.fits"), made)


def test_a_mask_of_the_sky_and_pixels_without_an_error(tmp_path, made):
    path = write_muse(tmp_path / "m.fits", replace(made, mask=np.zeros_like(made.mask)), mask=False)
    with fits.open(path) as hdus:
        outside = np.zeros((NY, NX), np.int16)
        outside[0] = 1
        hdus.append(fits.ImageHDU(outside, name="MASK"))
        hdus["STAT"].data[7, 2, 2] = -1.0
        hdus["DATA"].data[8, 2, 3] = np.inf
        hdus["DATA"].data[9, 2, 4] = hdus["STAT"].data[9, 2, 4] = 0.0
        hdus.writeto(tmp_path / "n.fits")
    found = agez.read_spectra(tmp_path / "n.fits")
    assert len(found) == (NY - 1) * NX
    at = {name: row for row, name in enumerate(found.rows.spec_id.tolist())}
    assert [found.mask[at[name], pixel] for name, pixel in (("2-2", 7), ("2-3", 8), ("2-4", 9))] == [True] * 3
    assert found.mask.sum() == 3
    assert found.flags[at["2-2"]] == Flag.BAD_ERROR
    assert found.flags[at["2-3"]] == Flag.NON_FINITE
    assert found.flags[at["2-4"]] == 0


# ---------------------------------------------------------------- one spectrum, rows, and what is none


def test_one_spectrum_and_rows(tmp_path):
    wave, flux = np.linspace(4750.0, 9350.0, 300), np.linspace(1.0, 2.0, 300)
    words = {"CTYPE1": "AWAV", "CUNIT1": "Angstrom", "CRVAL1": wave[0], "CDELT1": wave[1] - wave[0], "CRPIX1": 1.0,
             "BUNIT": MUSE_UNIT}  # fmt: skip
    for values in (flux, np.stack([flux, 2 * flux])):
        hdus = [fits.ImageHDU(values, fits.Header(words), name="DATA"), fits.ImageHDU(0.01 * values**2, name="STAT")]
        fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(tmp_path / "s.fits", overwrite=True)
        found = agez.read_spectra(tmp_path / "s.fits")
        np.testing.assert_allclose(found.wave_angstrom, wave)
        np.testing.assert_allclose(found.flux, np.atleast_2d(values))
        np.testing.assert_allclose(found.flux_err, 0.1 * found.flux)
        assert "cube_shape" not in found.meta


def test_refusals_are_one_line(tmp_path, made):
    def refused(words, **changes):
        path = write_muse(tmp_path / "m.fits", made, **changes)
        with pytest.raises(AgezError, match=words) as caught:
            agez.read_spectra(path)
        assert "\n" not in str(caught.value)
        assert "m.fits" in str(caught.value)

    refused("holds frequencies", CTYPE3="FREQ", CUNIT3="Hz")
    refused("errors in STAT, but no wavelengths: .*CRVAL3", CRVAL3=None)
    refused("'count' is not|which is not a flux density|not understood", BUNIT="count")
    refused("CUNIT3", CUNIT3=None, CRVAL3=0.54, CD3_3=2e-4, CTYPE3="LAMBDA")
    with pytest.raises(AgezError, match="has 119 wavelengths, but the flux 120 pixels"):
        agez.read_spectra(_with_extension(tmp_path / "w.fits", made, _image(LOG[1:])))
    with pytest.raises(AgezError, match=r"no column of wavelengths \(bins\)"):
        agez.read_spectra(_with_extension(tmp_path / "w.fits", made, _table("bins", LOG)))
    with fits.open(write_muse(tmp_path / "m.fits", made)) as hdus:
        hdus["STAT"].header["BUNIT"] = "Jy"
        hdus.writeto(tmp_path / "jy.fits")
    with pytest.raises(AgezError, match=r"extension STAT is in 'Jy' .*store both in one unit"):
        agez.read_spectra(tmp_path / "jy.fits")
    with fits.open(write_muse(tmp_path / "m.fits", made)) as hdus:
        hdus["DQ"].data = hdus["DQ"].data[:, 1:]
        hdus.writeto(tmp_path / "dq.fits")
    with pytest.raises(AgezError, match=r"extension DQ has \(7, 5, 120\) pixels, but the flux \(7, 6, 120\)"):
        agez.read_spectra(tmp_path / "dq.fits")
    empty = replace(made, mask=np.ones_like(made.mask))
    with pytest.raises(AgezError, match="no spaxel holds data"):
        agez.read_spectra(write_muse(tmp_path / "m.fits", empty))


def test_a_cube_is_read_and_binned_without_copies(tmp_path, rng):
    """Beside the spectra (flux, error, mask) reading takes a small part of their memory."""
    ny, nx, p = 40, 40, 1200
    card = sky(fits.Header(axis(4750 + 1.25 * np.arange(p)) | {"BUNIT": MUSE_UNIT}), (ny, nx))
    light = np.exp(-np.hypot(*(np.mgrid[:ny, :nx] - 20.0)) / 6)
    flux = (100 * light + rng.normal(size=(p, ny, nx))).astype(np.float32)
    hdus = [fits.ImageHDU(flux, card, name="DATA"), fits.ImageHDU(np.ones_like(flux), name="STAT")]
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(tmp_path / "big.fits")
    del flux, hdus
    tracemalloc.start()
    found = agez.read_spectra(tmp_path / "big.fits")
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    size = found.flux.nbytes + found.flux_err.nbytes + found.mask.nbytes
    assert size == 9 * p * ny * nx
    assert kept < 1.1 * size
    assert peak < 1.5 * size
    assert len(bin_cube(found)) > 5
