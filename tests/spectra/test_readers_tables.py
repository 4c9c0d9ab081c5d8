"""Tables of spectra: names, units, layouts; what is not understood is refused with a line that helps."""

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import Table
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agez.errors import AgezError
from agez.flags import Flag
from agez.spectra.readers import read_spectra
from agez.spectral_units import flux_unit_of, parse_unit

WAVE = 4000.0 + 10.0 * np.arange(20)
FLUX = 1e-16 * (2.0 + np.sin(WAVE / 50.0))
ERROR = 0.1 * FLUX
CGS = u.erg / u.s / u.cm**2 / u.AA


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def csv_text(header="wavelength,flux,flux_err", columns=(WAVE, FLUX, ERROR), mark=","):
    lines = [header] if header else []
    lines += [mark.join(repr(float(value)) for value in row) for row in zip(*columns, strict=True)]
    return "\n".join(lines) + "\n"


def check_same(spectra, row=0):
    """The spectrum of this file's constants, whatever the unit."""
    scale = u.Unit(spectra.flux_unit).to(CGS)
    np.testing.assert_allclose(spectra.wave_angstrom, WAVE, rtol=1e-9)
    np.testing.assert_allclose(spectra.flux[row] * scale, FLUX, rtol=1e-6)
    np.testing.assert_allclose(spectra.flux_err[row] * scale, ERROR, rtol=1e-6)


@pytest.mark.parametrize(
    "header",
    [
        "wavelength,flux,flux_err",
        "Wave , FLUX , Error",
        "lambda,f_lambda,sigma",
        "wave_angstrom,flux,e_flux",
        "lam [Angstrom],flux (erg/s/cm2/Angstrom),err (erg/s/cm2/Angstrom)",
        "wl,spec,noise",
        "wave_air,flux,flux_unc",
    ],
)
def test_csv_names(tmp_path, header):
    spectra = read_spectra(write(tmp_path / "t.csv", csv_text(header)))
    check_same(spectra)
    assert spectra.medium == ("air" if "air" in header else "vacuum")
    assert ("medium" in spectra.meta["assumed"]) == ("air" not in header)
    assert np.isnan(spectra.redshift).all()


@pytest.mark.parametrize("mark", [" ", "\t", ";", ", "])
@pytest.mark.parametrize("header", ["", "wave{}flux{}err", "# wave{}flux{}err", "# a remark\n# redshift = 0.03\n"])
def test_text_layouts(tmp_path, mark, header):
    text = header.replace("{}", mark).rstrip("\n") + ("\n" if header else "") + csv_text("", mark=mark)
    spectra = read_spectra(write(tmp_path / "t.dat", text))
    check_same(spectra)
    if "redshift" in header:
        assert spectra.redshift[0] == 0.03


@pytest.mark.parametrize("suffix", [".ecsv", ".fits"])
def test_units_of_wavelength_and_flux(tmp_path, suffix):
    path = tmp_path / f"t{suffix}"
    f_nu = (FLUX * CGS).to(u.mJy, u.spectral_density(WAVE * u.AA))
    e_nu = (ERROR * CGS).to(u.uJy, u.spectral_density(WAVE * u.AA))
    table = Table({"wave": (WAVE * u.AA).to(u.um), "flux": f_nu, "error": e_nu}, meta={"REDSHIFT": 0.02})
    table.write(path)
    spectra = read_spectra(path)
    check_same(spectra)
    assert spectra.flux_unit == "1e-16 erg / (s cm2 Angstrom)"
    assert spectra.redshift[0] == 0.02
    assert "flux_unit" not in spectra.meta["assumed"]
    # the same numbers in air: f_lambda smaller by the refractive index
    air = read_spectra(path, medium="air")
    np.testing.assert_allclose(spectra.flux / air.flux, 1.000277, rtol=1e-6)
    table["flux"].unit, table["error"].unit = "W / (m2 nm)", "W / (m2 nm)"
    table.write(path, overwrite=True)
    watts = read_spectra(path)
    assert watts.flux_unit == "100 erg / (s cm2 Angstrom)"
    np.testing.assert_allclose(watts.flux[0], f_nu.value)


@pytest.mark.parametrize("kind", ["ivar", "variance"])
def test_variance_and_inverse_variance_with_units(tmp_path, kind):
    error = (ERROR * CGS).to(1e-17 * CGS)
    table = Table({"wavelength": WAVE * u.AA, "flux": (FLUX * CGS).to(1e-16 * CGS)})
    table[kind] = error**-2 if kind == "ivar" else error**2
    table.write(tmp_path / "t.fits")
    check_same(read_spectra(tmp_path / "t.fits"))


def test_log_wavelengths_and_masks(tmp_path):
    table = Table({"loglam": np.log10(WAVE), "flux": FLUX, "ivar": ERROR**-2, "mask": np.arange(20) == 4})
    table["ivar"][6] = 0.0
    table.write(tmp_path / "t.fits")
    spectra = read_spectra(tmp_path / "t.fits")
    assert np.flatnonzero(spectra.mask[0]).tolist() == [4, 6]
    assert spectra.flags[0] == 0
    np.testing.assert_allclose(spectra.wave_angstrom, WAVE)


def test_masked_and_missing_values(tmp_path):
    table = Table({"wave": WAVE * u.AA, "flux": FLUX * CGS, "err": ERROR * CGS}, masked=True)
    table["flux"].mask[3] = True
    table.write(tmp_path / "t.ecsv")
    spectra = read_spectra(tmp_path / "t.ecsv")
    assert np.flatnonzero(spectra.mask[0]).tolist() == [3]
    assert spectra.flags[0] == Flag.NON_FINITE
    lines = csv_text().splitlines()
    lines[5] = f"{WAVE[4]},,1e-17"
    lines[6] = f"{WAVE[5]},1e-16,0"
    lines[7] = f"{WAVE[6]},inf,-1e-17"
    spectra = read_spectra(write(tmp_path / "t.csv", "\n".join(lines)))
    assert np.flatnonzero(spectra.mask[0]).tolist() == [4, 5, 6]
    assert spectra.flags[0] == Flag.NON_FINITE | Flag.BAD_ERROR
    assert np.all(spectra.flux[spectra.mask] == 0)


def test_a_row_without_a_good_pixel_is_flagged(tmp_path):
    spectra = read_spectra(write(tmp_path / "t.csv", csv_text(columns=(WAVE, FLUX * np.nan, ERROR))))
    assert spectra.flags[0] == Flag.NON_FINITE | Flag.NO_DATA
    assert spectra.mask.all()


def test_long_table_of_several_spectra(tmp_path, rng):
    ids = np.repeat(["b", "a", "c"], 20)
    flux = np.concatenate([FLUX, 2 * FLUX, 3 * FLUX])
    table = Table({"spec_id": ids, "wave": np.tile(WAVE, 3), "flux": flux, "err": np.tile(ERROR, 3)})
    table["redshift"] = np.repeat([0.1, 0.2, 0.3], 20)
    table["x"] = np.repeat([1.0, 2.0, 3.0], 20)
    table["galaxy_id"] = np.repeat(["N1", "N1", "N2"], 20)
    table.write(tmp_path / "t.ecsv")
    spectra = read_spectra(tmp_path / "t.ecsv")
    assert spectra.rows.spec_id.tolist() == ["b", "a", "c"]
    assert spectra.rows.galaxy_id.tolist() == ["N1", "N1", "N2"]
    assert spectra.redshift.tolist() == [0.1, 0.2, 0.3]
    assert spectra.rows.x.tolist() == [1, 2, 3]
    np.testing.assert_allclose(spectra.flux, FLUX * [[1], [2], [3]])
    # interleaved by wavelength: the same
    table[np.argsort(np.tile(np.arange(20), 3), kind="stable")].write(tmp_path / "u.fits")
    np.testing.assert_allclose(read_spectra(tmp_path / "u.fits").flux, spectra.flux)
    table[:-1].write(tmp_path / "v.ecsv")
    with pytest.raises(AgezError, match="one wavelength grid"):
        read_spectra(tmp_path / "v.ecsv")
    table["wave"][50] += 1.0
    table.write(tmp_path / "w.ecsv")
    with pytest.raises(AgezError, match="'c' has other wavelengths"):
        read_spectra(tmp_path / "w.ecsv")


def test_vector_columns_are_a_spectrum_a_row(tmp_path):
    table = Table({"wave": np.tile(WAVE, (2, 1)), "flux": np.stack([FLUX, 2 * FLUX]), "ivar": np.ones((2, 20))})
    table["redshift"] = [0.1, 0.2]
    table.write(tmp_path / "t.fits")
    spectra = read_spectra(tmp_path / "t.fits")
    np.testing.assert_allclose(spectra.flux, FLUX * [[1], [2]])
    assert spectra.redshift.tolist() == [0.1, 0.2]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("\n\n", "empty"),
        ("wave,flux,err\n", "no rows"),
        ("# only a remark\n", "empty"),
        ("wave,flux\n4000,1\n4001,1\n", "no error column"),
        ("wave,mag,mag_err\n4000,1,1\n4001,1,1\n", "magnitudes"),
        ("wave,flux [mag],err\n4000,1,1\n4001,1,1\n", "magnitude"),
        ("wave,flux [m/s],err\n4000,1,1\n4001,1,1\n", "not a flux density"),
        ("wave [s],flux,err\n4000,1,1\n4001,1,1\n", "not a length"),
        ("wave,flux [erg/s/cm2/AA],err [Jy]\n4000,1,1\n4001,1,1\n", "use one unit"),
        ("time,flux,err\n4000,1,1\n4001,1,1\n", "no wavelength column"),
        ("wave,counts,err\n4000,1,1\n4001,1,1\n", "no flux column"),
        ("wave,f_nu,err\n4000,1,1\n4001,1,1\n", "no unit"),
        ("wave,flux,err\n400,1,1\n700,1,1\n", "without a unit"),
        ("wave,flux,err\n0.4,1,1\n0.7,1,1\n", "without a unit"),
        ("wave,flux,err\n4001,1,1\n4000,1,1\n", "sort the file"),
        ("wave,flux,err\n4000,1,1\n4000,1,1\n", "a duplicate of pixel 1"),
        ("wave,flux,err\n4000,1,1\nnan,1,1\n4002,1,1\n", "wavelength of pixel 2 is nan"),
        ("wave,flux,err\n4000,1,1\n", "at least 2"),
        ("wave,flux,err\n4000,1,1\n4001,1\n", "line 3 has 2 columns, expected 3"),
        ("wave,flux,err\n4000,1,1\n4001,one,1\n", "data row 2, column 'flux': 'one' is not a number"),
        ("4000 1\n4001 1\n", "2 columns without names"),
        ("4000 1 1 1 1\n4001 1 1 1 1\n", "5 columns without names"),
        ("wave,flux,flux,err\n4000,1,1,1\n4001,1,1,1\n", "two columns are named 'flux'"),
        ("dear reader, this is\nno table of spectra\n", "wavelength"),
        ("# %ECSV 1.0\n# ---\n# datatype:\n# - {name: wave", "not a valid ECSV"),
        ("# %ECSV 1.0\n# ---\n# datatype:\n# - {name: wave, datatype: float64}\nwave\n4000\n", "no flux column"),
    ],
)
def test_bad_tables_are_refused_in_one_line(tmp_path, text, words):
    path = write(tmp_path / "bad.csv", text)
    with pytest.raises(AgezError, match=words) as caught:
        read_spectra(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    assert len(message) < 400


def test_empty_fits_table(tmp_path):
    Table({"wave": np.zeros(0), "flux": np.zeros(0), "err": np.zeros(0)}).write(tmp_path / "t.fits")
    with pytest.raises(AgezError, match="table is empty"):
        read_spectra(tmp_path / "t.fits")


def test_flux_unit_of_the_caller_holds(tmp_path):
    path = write(tmp_path / "t.csv", csv_text(columns=(WAVE, FLUX / 1e-17, ERROR / 1e-17)))
    spectra = read_spectra(path, flux_unit="1e-17 erg/s/cm2/AA")
    check_same(spectra)
    assert spectra.meta["assumed"] == ("wave_unit", "medium")
    nu = (FLUX * CGS).to_value(u.uJy, u.spectral_density(WAVE * u.AA))
    path = write(tmp_path / "n.csv", csv_text("wave,f_nu,err", columns=(WAVE, nu, 0.1 * nu)))
    check_same(read_spectra(path, flux_unit="uJy"))


@pytest.mark.parametrize(
    ("text", "scale"),
    [
        ("1E-17 erg/cm^2/s/Ang", 1e-17),
        ("1E-17 erg/s/cm^2/Ang/spaxel", 1e-17),
        ("1e-16 erg / (s cm2 Angstrom)", 1e-16),
        ("10**(-16) erg/s/cm**2/Angstrom", 1e-16),
        ("10^-16 erg/s/cm^2/A", 1e-16),
        ("10**-20 erg s**(-1) cm**(-2) angstrom**(-1)", 1e-20),
        ("erg cm**(-2) s**(-1) angstrom**(-1)", 1.0),
        ("ergs/sec/cm2/AA", 1.0),
        ("W/m2/um", 0.1),
        ("erg s-1 cm-2 A-1", 1.0),
    ],
)
def test_spellings_of_flux_units(tmp_path, text, scale):
    unit = flux_unit_of(tmp_path / "x", text, default=None)
    assert unit.kind == "lambda"
    np.testing.assert_allclose(unit.scale, scale, rtol=1e-9)
    np.testing.assert_allclose(u.Unit(unit.name).to(CGS), scale, rtol=1e-9)


@given(st.text(max_size=30))
def test_any_text_is_a_unit_or_a_value_error(text):
    try:
        unit = parse_unit(text)
    except ValueError:
        return
    assert isinstance(unit, u.UnitBase)


LOOSE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)


@LOOSE
@given(text=st.text(max_size=200))
def test_any_text_is_spectra_or_one_line(tmp_path, text):
    path = tmp_path / "fuzz.txt"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    message = ""
    try:
        assert len(read_spectra(path)) >= 1
    except AgezError as error:
        message = str(error)
    assert "\n" not in message


number = st.floats(allow_nan=True, allow_infinity=True, width=64)


@LOOSE
@given(
    rows=st.lists(st.tuples(number, number), min_size=2, max_size=30),
    mark=st.sampled_from([",", " ", "\t", ";"]),
    named=st.booleans(),
)
def test_any_numbers_come_out_clean(tmp_path, rows, mark, named):
    """Whatever fluxes and errors are: good pixels are as written, the others masked, 0 and 1."""
    wave = 4000.0 + np.arange(len(rows))
    flux, error = np.array(rows).T
    path = write(
        tmp_path / "fuzz.txt", csv_text(mark.join(("wave", "flux", "err")) if named else "", (wave, flux, error), mark)
    )
    spectra = read_spectra(path)
    usable = np.isfinite(flux) & np.isfinite(error) & (error > 0)
    np.testing.assert_array_equal(~spectra.mask[0], usable)
    np.testing.assert_array_equal(spectra.flux[0][usable], flux[usable])
    np.testing.assert_array_equal(spectra.flux_err[0][usable], error[usable])
    assert np.all(spectra.flux[spectra.mask] == 0)
    assert np.all(spectra.flux_err[spectra.mask] == 1)
    assert bool(spectra.flags[0] & Flag.NON_FINITE) == bool((~np.isfinite(flux)).any())
    assert bool(spectra.flags[0] & Flag.NO_DATA) == bool(not usable.any())


def test_table_in_the_second_extension(tmp_path):
    """The table with spectra is found behind another table."""
    other = fits.BinTableHDU.from_columns([fits.Column("name", "3A", array=np.array(["abc"]))], name="INFO")
    columns = [fits.Column("WAVE", "D", "nm", array=WAVE / 10), fits.Column("FLUX", "D", array=FLUX)]
    columns += [fits.Column("FLUX_ERR", "D", array=ERROR)]
    spectrum = fits.BinTableHDU.from_columns(columns, name="SPEC")
    spectrum.header["OBJECT"] = "star"
    fits.HDUList([fits.PrimaryHDU(), other, spectrum]).writeto(tmp_path / "t.fits")
    spectra = read_spectra(tmp_path / "t.fits")
    check_same(spectra)
    assert spectra.rows.galaxy_id[0] == "star"


def test_a_fourth_column_without_a_name_masks_unless_it_would_mask_all(tmp_path):
    some = np.where(np.arange(20) < 3, 1.0, 0.0)
    masked = read_spectra(write(tmp_path / "some.txt", csv_text(None, (WAVE, FLUX, ERROR, some), " ")))
    np.testing.assert_array_equal(masked.mask[0], some > 0)
    weights = read_spectra(write(tmp_path / "ones.txt", csv_text(None, (WAVE, FLUX, ERROR, np.ones(20)), " ")))
    assert not weights.mask.any()
    check_same(weights)
