"""Files of labels: every part comes back, maps show the rows, histories are those of a direct sum."""

from dataclasses import replace

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import Table
from made_up_labels import made_up_labels
from same_parts import assert_same

from agez.errors import AgezError
from agez.flags import Flag
from agez.spectra.histories import MIN_LIGHT, histories
from agez.spectra.label_files import read_labels, write_labels
from agez.spectra.label_maps import cube_frame, label_maps
from agez.spectral_units import line_flux_unit
from agez.tables.maps import MapBit
from agez.tables.maps_files import read_maps

BIN_ID = np.array([[-1, 0, 0, 3], [1, 1, 2, 4], [-1, 1, 2, 4]])


@pytest.fixture
def labels(rng):
    return made_up_labels(rng)


def test_every_part_comes_back_number_for_number(tmp_path, labels, toy_grid):
    write_labels(tmp_path / "l.fits", labels, grid=toy_grid, frame=cube_frame(BIN_ID, {}))
    assert_same(read_labels(tmp_path / "l.fits"), labels)


def test_parts_that_are_not_there_are_none(tmp_path, labels):
    bare = replace(labels, weights=None, lines=None, fitted=None)
    write_labels(tmp_path / "l.fits", bare)
    with fits.open(tmp_path / "l.fits") as hdus:
        assert [hdu.name for hdu in hdus] == ["PRIMARY", "LABELS"]
    assert_same(read_labels(tmp_path / "l.fits"), bare)
    some = replace(labels, fitted=None)
    write_labels(tmp_path / "l.fits", some)
    assert_same(read_labels(tmp_path / "l.fits"), some)


def test_one_row(tmp_path, labels, toy_grid):
    one = labels.take([0])
    write_labels(tmp_path / "l.fits", one, grid=toy_grid)
    assert_same(read_labels(tmp_path / "l.fits"), one)


def test_the_same_labels_give_the_same_bytes(tmp_path, labels, toy_grid):
    for name in ("a", "b"):
        write_labels(tmp_path / f"{name}.fits", labels, grid=toy_grid, frame=cube_frame(BIN_ID, {}))
    assert (tmp_path / "a.fits").read_bytes() == (tmp_path / "b.fits").read_bytes()


def test_every_table_has_units_and_comments(tmp_path, labels, toy_grid):
    write_labels(tmp_path / "l.fits", labels, grid=toy_grid, frame=cube_frame(BIN_ID, {}))
    with fits.open(tmp_path / "l.fits") as hdus:
        tables = [hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU)]
        assert [hdu.name for hdu in tables] == ["LABELS", "LINES", "SFH", "GRID", "FIT", "FIT_WAVE"]
        for hdu in tables:
            for number, name in enumerate(hdu.columns.names, start=1):
                assert hdu.header.get(f"TCOMM{number}"), (hdu.name, name)
        unit = dict(zip(hdus["LINES"].columns.names, hdus["LINES"].columns.units, strict=True))
        assert u.Unit(unit["flux_Halpha"], format="fits") == u.Unit("1e-16 erg / (s cm2)")
        assert unit["flux_Halpha_err"] == unit["flux_Halpha"]
        assert unit["ew_Halpha"] == "Angstrom"
        assert u.Unit(unit["gas_velocity_kms_err"]) == u.km / u.s
        assert set(hdus["FIT"].columns.units) == {""}
    table = Table.read(tmp_path / "l.fits", hdu="LABELS")
    assert table["n_spaxels"].tolist() == [2, 3, 2, 1, 2]


@pytest.mark.parametrize("flux_unit", ["1e-16 erg / (s cm2 Angstrom)", "W / (m2 Angstrom)", "counts", "bananas", ""])
def test_units_of_line_fluxes_come_back(tmp_path, labels, flux_unit):
    """Whatever the spectra's unit was: the standard's spelling in the columns where there is one, and the words."""
    unit = line_flux_unit(flux_unit)
    odd = replace(labels, lines=replace(labels.lines, flux_unit=unit))
    write_labels(tmp_path / "l.fits", odd, frame=cube_frame(BIN_ID, {}))
    assert read_labels(tmp_path / "l.fits").lines.flux_unit == unit
    if "Angstrom" in flux_unit:
        for shown in (
            fits.getheader(tmp_path / "l.fits", "EMLINE_GFLUX")["BUNIT"],
            Table.read(tmp_path / "l.fits", hdu="LINES")["flux_Halpha"].unit,
        ):
            assert u.Unit(shown, format="fits") == u.Unit(flux_unit) * u.AA


def test_histories_are_those_of_a_direct_sum(labels, toy_grid):
    found = histories(labels.weights, toy_grid)
    for row in (0, 2, 3, 4):
        mass = np.zeros((8, 4))
        for age in range(8):
            for mh in range(4):
                mass[age, mh] = labels.weights[row, age, mh] / toy_grid.light[age, mh]
        np.testing.assert_allclose(found.mass_fraction[row], mass.sum(axis=1) / mass.sum(), rtol=1e-6)
        np.testing.assert_allclose(found.light_fraction[row].sum(), 1.0)
        for age in range(8):
            light = labels.weights[row, age].sum()
            expected = (mass[age] * toy_grid.mh).sum() / mass[age].sum() if light >= MIN_LIGHT else np.nan
            np.testing.assert_allclose(found.mh[row, age], expected, rtol=1e-6)
    assert np.isnan(found.mass_fraction[1]).all()


def test_an_age_without_light_has_no_metallicity(toy_grid):
    weights = np.zeros((1, 8, 4))
    weights[0, 3, 1] = 1.0
    found = histories(weights, toy_grid)
    assert np.isfinite(found.mh[0]).tolist() == [age == 3 for age in range(8)]
    assert found.mh[0, 3] == toy_grid.mh[1]
    assert found.mass_fraction[0].tolist() == [float(age == 3) for age in range(8)]


def test_histories_of_another_grid_are_refused(labels, toy_grid):
    with pytest.raises(AgezError, match="do not belong to template grid"):
        histories(labels.weights[:, :, :3], toy_grid)


def test_sfh_table_is_the_histories(tmp_path, labels, toy_grid):
    write_labels(tmp_path / "l.fits", labels, grid=toy_grid)
    table, found = Table.read(tmp_path / "l.fits", hdu="SFH"), histories(labels.weights, toy_grid)
    np.testing.assert_allclose(table["mass_fraction"], found.mass_fraction, rtol=1e-6)
    np.testing.assert_allclose(table["mh"], found.mh, rtol=1e-6)
    np.testing.assert_allclose(table["log_age"][2], toy_grid.log_age, rtol=1e-6)


def test_maps_show_the_rows(tmp_path, labels, toy_grid):
    write_labels(tmp_path / "l.fits", labels, grid=toy_grid, frame=cube_frame(BIN_ID, {}))
    images, frame = read_maps(tmp_path / "l.fits")
    np.testing.assert_array_equal(frame.bin_id, BIN_ID)
    names = {
        "LOG_AGE_LW": "log_age_lw", "MH_LW": "mh_lw", "LOG_AGE_MW": "log_age_mw",
        "MH_MW": "mh_mw", "STELLAR_VEL": "velocity_kms", "STELLAR_SIGMA": "sigma_kms", "STELLAR_AV": "av",
        "STELLAR_CHI2": "chi2", "BIN_SNR": "snr",
    }  # fmt: skip
    for extension, column in names.items():
        np.testing.assert_allclose(images[extension].values[2, 3], getattr(labels, column)[4], rtol=1e-6)
        assert np.isnan(images[extension].values[0, 0])
        assert np.isnan(images[extension].values[1, 0])
    gas = images["EMLINE_GFLUX"]
    assert gas.channels == labels.lines.names
    for row, (y, x), spaxels in ((3, (0, 3), 1), (4, (2, 3), 2)):  # the mean of a bin's spaxels
        np.testing.assert_allclose(gas.values[:, y, x], labels.lines.flux[row] / spaxels, rtol=1e-6)
        np.testing.assert_allclose(gas.errors[:, y, x], labels.lines.flux_err[row] / spaxels, rtol=1e-6)
    np.testing.assert_allclose(
        np.nansum(gas.values, axis=(1, 2)), np.nansum(labels.lines.flux, axis=0), rtol=1e-5, atol=1e-5
    )
    np.testing.assert_allclose(images["EMLINE_GVEL"].values[0, 3], labels.lines.velocity_kms[3], rtol=1e-6)
    assert np.isnan(images["EMLINE_GSIGMA"].values[1, 2])


def test_flagged_rows_are_said_to_be_unreliable(labels):
    flags = np.zeros_like(labels.flags)
    flags[0], flags[1] = int(Flag.BAND_NOT_COVERED), int(Flag.PARTLY_COVERED)
    flags[3], flags[4] = int(Flag.BAD_CHI2), int(Flag.KINEMATICS_FAILED)
    maps = {one.name: one for one in label_maps(replace(labels, flags=flags), np.ones(5, dtype=int))}
    assert maps["LOG_AGE_LW"].unreliable.tolist() == [False, True, False, True, False]
    assert maps["STELLAR_VEL"].unreliable.tolist() == [False, True, False, True, True]
    assert maps["STELLAR_CHI2"].unreliable is None
    for name in ("EMLINE_GFLUX", "EMLINE_GEW", "EMLINE_GVEL", "EMLINE_GSIGMA"):
        assert maps[name].unreliable.tolist() == [False, True, False, True, False]
    assert int(MapBit.UNRELIABLE) == 32


def test_radii_are_those_of_the_tilted_disc():
    """1 arcsec a spaxel; major axis to the north, inclination 60: a spaxel to the east is twice as far out."""
    sky = {
        "CTYPE1": "RA---TAN",
        "CTYPE2": "DEC--TAN",
        "CRPIX1": 2.0,
        "CRPIX2": 2.0,
        "CD1_1": -1 / 3600,
        "CD2_2": 1 / 3600,
    }
    bins = np.zeros((3, 3), dtype=int)
    radius, in_re, angle = cube_frame(bins, sky, re_arcsec=4.0, inclination_deg=60.0, pa_deg=0.0).ellcoo
    np.testing.assert_allclose(radius, np.hypot([[1, 1, 1], [0, 0, 0], [1, 1, 1]], [[2, 0, 2]] * 3), atol=1e-12)
    np.testing.assert_allclose(in_re, radius / 4.0)
    np.testing.assert_allclose([angle[2, 1], angle[1, 0], angle[0, 1]], [0.0, 90.0, 180.0], atol=1e-9)
    assert cube_frame(bins, sky, re_arcsec=4.0).ellcoo is None
    assert np.isnan(cube_frame(bins, sky, inclination_deg=0.0, pa_deg=0.0).ellcoo[1]).all()


@pytest.mark.parametrize("name", ["LINES", "HISTORY", "FIT"])
def test_parts_of_other_rows_are_refused(tmp_path, labels, toy_grid, name):
    write_labels(tmp_path / "l.fits", labels, grid=toy_grid)
    with fits.open(tmp_path / "l.fits") as hdus:
        hdus[name].data = hdus[name].data[:-1]
        hdus.writeto(tmp_path / "cut.fits")
    with pytest.raises(AgezError, match=f"{name} has 4 rows and LABELS 5"):
        read_labels(tmp_path / "cut.fits")


def test_missing_columns_are_named(tmp_path, labels):
    write_labels(tmp_path / "l.fits", labels)
    with fits.open(tmp_path / "l.fits") as hdus:
        hdus["LINES"].columns.del_col("ew_Halpha")
        hdus.writeto(tmp_path / "cut.fits")
    with pytest.raises(AgezError, match=r"cut\.fits, table LINES: column\(s\) ew_Halpha missing"):
        read_labels(tmp_path / "cut.fits")
