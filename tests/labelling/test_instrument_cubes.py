"""Cubes in the layouts of MUSE and KCWI through ``agez label`` and ``agez map``, and what ``--galaxies`` says."""

from dataclasses import replace

import numpy as np
import pytest
from astropy.table import Table
from cli_road import done, refused
from cube_factory import write_califa
from instrument_cubes import axis, part, write_kcwi, write_muse
from label_cubes import fitted_cube
from scipy.interpolate import CubicSpline

from agez.labelling.cube_bins import fitted_rows, same_rows
from agez.photometry.dereddening import deredden
from agez.photometry.synthesis import synthesize
from agez.samples.galaxy_facts import galaxy_facts_of, read_galaxy_facts
from agez.spectra.binning import BinSettings
from agez.spectra.dereddening import deredden_spectra
from agez.spectra.label_files import read_labels
from agez.spectra.readers import read_spectra
from agez.tables.maps_files import read_maps

TOY = ("--templates", "made-up", "--workers", 1)
LABELS = ("log_age_lw", "mh_lw", "log_age_mw", "mh_mw")


@pytest.fixture(scope="module")
def made():
    """A cube of 4 x 4 spaxels, 3745-7500 A, at redshift 0.01."""
    return fitted_cube(ny=4, nx=4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cubes")


@pytest.fixture(scope="module")
def califa(made, folder):
    """Maps of labels of the same cube in CALIFA's layout."""
    done("label", write_califa(folder / "c.fits", made), "-o", folder / "c.labels.fits", "--bin-snr", 40,
         "--covariance", "none", *TOY)  # fmt: skip
    return read_maps(folder / "c.labels.fits")


@pytest.mark.parametrize("write", [write_muse, write_kcwi])
def test_one_command_labels_a_cube_whose_redshift_it_finds_and_bins(made, califa, folder, tmp_path, write):
    path, out = write(tmp_path / "cube.fits", made), tmp_path / "labels.fits"
    answer = done("label", path, "-o", out, "--bin-snr", 40, *TOY, "--json").json
    labels = read_labels(out)
    assert 1 < answer["n_fitted"] == answer["n_spectra"] == califa[1].bin_id.max() + 1 < 16
    assert any("found from the spectra" in one for one in answer["remarks"])
    assert any("centre" in one for one in answer["remarks"])
    assert np.abs(labels.redshift - 0.01).max() < 3e-4
    (maps, frame), (expected, _) = read_maps(out), califa
    for name in ("LOG_AGE_LW", "MH_LW"):  # the resolution known of the instrument is not that of this cube
        assert np.nanmax(np.abs(maps[name].values - expected[name].values)) < 0.1
    assert maps["MH_LW"].values.shape == frame.bin_id.shape == (4, 4)
    parts = [part(made, 4750, 7500), part(made, 3745, 5600)]  # what MUSE and KCWI's blue arm see of it
    done("label", write(tmp_path / "part.fits", parts[write is write_kcwi]), "-o", out, "--redshift", 0.01, *TOY)
    assert np.isfinite(read_labels(out).log_age_lw).all()


def labels_of(path, out):
    done("label", path, "-o", out, "--no-bin", "--redshift", 0.01, *TOY)
    return read_labels(out)


def test_nanometres_and_angstrom_give_the_same_labels(made, tmp_path):
    wave = made.wave_angstrom
    one, *others = (
        labels_of(write_muse(tmp_path / f"{unit}.fits", made, **axis(wave, unit)), tmp_path / "l.fits")
        for unit in ("Angstrom", "nm", "um")
    )
    for other in others:
        for name in (*LABELS, *(f"{name}_err" for name in LABELS), "velocity_kms", "chi2"):
            np.testing.assert_allclose(getattr(other, name), getattr(one, name), rtol=1e-10)


def test_linear_and_logarithmic_axes_of_the_same_spectra_agree(tmp_path):
    linear = fitted_cube(ny=3, nx=3, snr=400.0)
    wave = np.geomspace(linear.wave_angstrom[2], linear.wave_angstrom[-3], 2000)
    spline = CubicSpline(linear.wave_angstrom, linear.flux, axis=1)
    size = (len(linear), len(wave))
    logarithmic = replace(
        linear, wave_angstrom=wave, fwhm_angstrom=np.full(len(wave), 6.0), flux=spline(wave).astype(np.float32),
        flux_err=np.broadcast_to(linear.flux_err[:, :1], size).copy(), mask=np.zeros(size, bool),
    )  # fmt: skip
    first = labels_of(write_muse(tmp_path / "linear.fits", linear), tmp_path / "a.fits")
    step = np.log10(wave[1] / wave[0])
    words = {"CTYPE3": "LOGLAM", "CRVAL3": np.log10(wave[0]), "CD3_3": step, "CUNIT3": None}
    other = labels_of(write_muse(tmp_path / "log.fits", logarithmic, **words), tmp_path / "b.fits")
    assert other.meta["remarks"] != first.meta["remarks"]  # this axis does not say air, which is assumed
    for name in LABELS:
        difference = np.abs(getattr(other, name) - getattr(first, name))
        assert (difference < 0.03 + getattr(first, f"{name}_err") * name.endswith("mw")).all()
    assert np.abs(other.velocity_kms - first.velocity_kms).max() < 3.0


@pytest.mark.parametrize("write", [write_muse, write_kcwi])
def test_one_command_maps_a_cube(made, tmp_path, write):
    plain = done("map", write_califa(tmp_path / "c.fits", made), "-o", tmp_path / "c.maps.fits", "--model", "paper",
                 "--bins", "pixels", "--json").json  # fmt: skip
    answer = done("map", write(tmp_path / "cube.fits", made), "-o", tmp_path / "maps.fits", "--model", "paper",
                  "--bins", "pixels", "--redshift", 0.01, "--json").json  # fmt: skip
    assert answer["n_answered"] == plain["n_answered"] == 16
    found, expected = (read_maps(tmp_path / name)[0]["LOG_AGE_LW"].values for name in ("maps.fits", "c.maps.fits"))
    np.testing.assert_allclose(found, expected, atol=2e-3)


# ---------------------------------------------------------------- what is known of galaxies


@pytest.fixture
def table(tmp_path):
    """What is known of NGC0001, under names and in units of one's own."""
    path = tmp_path / "known.ecsv"
    columns = {"name": ["ngc 1", "NGC 2"], "z": [0.01, 0.5], "Re": [0.05, 1.0], "inclination": [40.0, 0.0]}
    columns |= {"pa": [30.0, 0.0], "ebv": [0.2, 0.0], "ra": [201.5, 0.0], "dec": [-30.25, 0.0]}
    Table(columns, units={"Re": "arcmin"}).write(path)
    return path


def test_label_and_map_take_the_same_table(made, table, tmp_path):
    path = write_muse(tmp_path / "cube.fits", made)
    label, map_ = tmp_path / "l.fits", tmp_path / "m.fits"
    answer = done("label", path, "-o", label, "--bin-snr", 40, "--galaxies", table, *TOY, "--json").json
    mapped = done("map", path, "-o", map_, "--snr", 40, "--model", "paper", "--galaxies", table, "--json").json
    assert read_labels(label).redshift == pytest.approx(0.01)
    assert mapped["redshift"] == pytest.approx(0.01)
    for remarks in (answer["remarks"], mapped["remarks"]):
        assert any("dereddened, E(B-V) = 0.2" in one for one in remarks)
        assert not any("found from the spectra" in one for one in remarks)
        assert not any("centre" in one for one in remarks)
    (_, labelled), (_, drawn) = read_maps(label), read_maps(map_)
    np.testing.assert_allclose(labelled.ellcoo, drawn.ellcoo)
    np.testing.assert_allclose(labelled.ellcoo[1], labelled.ellcoo[0] / 3.0, rtol=1e-6)  # 0.05 arcmin
    # the centre that the table says is the reference pixel
    y, x = np.unravel_index(np.argmin(labelled.ellcoo[0]), labelled.bin_id.shape)
    assert (y, x) == (0, 3)
    assert {one["quantity"] for one in mapped["gradients"]} == {"log_age_lw", "mh_lw"}
    # the same bins again, dereddened as they were fitted
    spectra, labels = same_rows(path, label)
    fitted, _ = fitted_rows(path, redshift=None, binning=BinSettings(target_snr=40), galaxies=read_galaxy_facts(table))
    np.testing.assert_array_equal(spectra.flux, fitted.flux)
    np.testing.assert_allclose(spectra.rows.x, labels.rows.x)


def test_options_go_before_the_table(made, table, tmp_path):
    path = write_muse(tmp_path / "cube.fits", made)
    mapped = done("map", path, "-o", tmp_path / "m.fits", "--snr", 40, "--model", "paper", "--galaxies", table,
                  "--redshift", 0.012, "--re", 6, "--ebv", 0, "--centre", "201.5,-30.2499", "--json").json  # fmt: skip
    assert mapped["redshift"] == 0.012
    assert not any("dereddened" in one for one in mapped["remarks"])
    _, frame = read_maps(tmp_path / "m.fits")
    np.testing.assert_allclose(frame.ellcoo[1], frame.ellcoo[0] / 6.0, rtol=1e-6)


def test_spectra_are_dereddened_as_photometry_is(made):
    table = Table({"galaxy_id": ["NGC0001"], "ebv": [0.1]})
    dust = galaxy_facts_of(table, source="t").need("NGC 1").ebv
    bright = replace(made, flux=np.full_like(made.flux, 1.0))
    ours = synthesize(deredden_spectra(bright, np.full(16, dust)), "jpas", redshift=None)
    theirs = deredden(synthesize(bright, "jpas", redshift=None), dust)
    narrow = ours.covered[0] & (np.array(ours.bands.fwhm_angstrom) < 300)
    assert narrow.sum() > 30
    np.testing.assert_allclose(ours.flux[0, narrow], theirs.flux[0, narrow], rtol=1e-3)
    np.testing.assert_allclose(ours.flux_err[0, narrow], theirs.flux_err[0, narrow], rtol=1e-3)


def test_redshifts_of_a_table_are_those_of_spectra_without_one(made, tmp_path):
    for number in (0, 5):
        columns = {"wave_air": made.wave_angstrom, "flux": made.flux[number], "flux_err": made.flux_err[number]}
        Table(columns).write(tmp_path / f"g{number}.ecsv")
    Table({"galaxy_id": ["G0"], "redshift": [0.0101]}).write(tmp_path / "known.csv")
    out = tmp_path / "l.fits"
    answer = done("label", tmp_path, "-o", out, "--galaxies", tmp_path / "known.csv", *TOY, "--json").json
    labels = read_labels(out)
    assert labels.redshift[0] == 0.0101
    assert abs(labels.redshift[1] - 0.01) < 5e-4
    assert any("g5.ecsv: no row of g5 in" in one for one in answer["remarks"])


def test_tables_that_do_not_help_are_refused_in_one_line(made, tmp_path):
    path, out = write_muse(tmp_path / "cube.fits", made), tmp_path / "m.fits"
    table = tmp_path / "g.csv"

    def refuse(columns, *says, command="map"):
        Table(columns).write(table, overwrite=True)
        options = ("--model", "paper") if command == "map" else TOY
        refused(command, path, "-o", out, "--galaxies", table, *options, says=says, output=out)

    refuse({"galaxy_id": ["NGC 7"], "redshift": [0.1]}, "no row of NGC0001 or cube among its 1 galaxies (NGC 7)")
    refuse({"redshift": [0.1]}, "no column galaxy_id")
    refuse({"galaxy_id": ["NGC1"], "redshift": ["far"]}, "redshift", command="label")
    refuse({"galaxy_id": ["NGC1", "NGC01"], "redshift": [0.1, 0.2]}, "2 rows of NGC0001 differ")
    refuse({"galaxy_id": ["NGC1", "NGC01"], "redshift": [0.1, 0.2]}, "2 rows of NGC0001 differ", command="label")
    refused("map", path, "-o", out, "--galaxies", tmp_path / "none.csv", "--model", "paper", says="no such file")


def test_numbers_that_cannot_be_are_none():
    columns = {"galaxy_id": ["a", "b"], "z": [-99.0, 0.1], "re": [0.0, 99.0], "inc": [90.0, 89.0], "pa": [-999.0, 99.0]}
    none, known = galaxy_facts_of(Table({**columns, "E(B-V)": [-1.0, 0.0]}), source="t").rows
    assert np.isnan([none.redshift, none.re_arcsec, none.inclination_deg, none.pa_deg, none.ebv]).all()
    assert none.centre_deg is None
    assert (known.redshift, known.re_arcsec, known.inclination_deg, known.pa_deg, known.ebv) == (0.1, 99, 89, 99, 0)


def test_the_cube_is_the_same_in_each_layout(made, folder, tmp_path):
    one, other = (read_spectra(write(tmp_path / "x.fits", made)) for write in (write_muse, write_kcwi))
    np.testing.assert_allclose(1e-4 * one.flux, other.flux, rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(one.rows.spec_id, other.rows.spec_id)
    np.testing.assert_allclose(one.rows.x, other.rows.x, atol=1e-4)
