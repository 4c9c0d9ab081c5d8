"""Gradients from files and to files: each kind of table, and bad ones refused in one clear line."""

import json

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import MaskedColumn, Table
from cli_road import done

from agez.analysis.gradient_files import gradient_file, gradient_from_table, write_gradients
from agez.errors import AgezError
from agez.flags import FAULTS, Flag

GEOMETRY = {"re_arcsec": 10.0, "inclination_deg": 60.0, "pa_deg": 30.0}


@pytest.fixture
def rows(rng):
    """A disc inclined by 60 degrees with age gradient -0.3 and metallicity gradient +0.1 per Re."""
    n = 400
    r, phi = 18 * np.sqrt(rng.random(n)), 2 * np.pi * rng.random(n)
    major, minor = r * np.cos(phi), 0.5 * r * np.sin(phi)
    pa = np.radians(30)
    east, north = major * np.sin(pa) + minor * np.cos(pa), major * np.cos(pa) - minor * np.sin(pa)
    return Table(
        {
            "galaxy_id": np.full(n, "UGC1"),
            "x": -east,
            "y": north,
            "log_age_lw": 9.5 - 0.03 * r,
            "mh_lw": -0.2 + 0.01 * r,
            "flags": np.zeros(n, dtype=np.int32),
        }
    )


@pytest.mark.parametrize("name", ["labels.fits", "labels.ecsv", "labels.csv", "labels.parquet"])
def test_the_gradient_put_in_comes_out_of_every_format(rows, tmp_path, name):
    rows.write(tmp_path / name)
    table, meta = gradient_from_table(tmp_path / name, **GEOMETRY)
    assert table.names == ("log_age_lw", "mh_lw")
    np.testing.assert_allclose(table.slope[0], [-0.3, 0.1], atol=1e-9)
    np.testing.assert_allclose(table.intercept[0], [9.5, -0.2], atol=1e-9)
    assert list(table.galaxy_id) == ["UGC1"]
    assert meta["re_arcsec"] == 10


def test_face_on_is_assumed_only_without_geometry(rows, tmp_path):
    rows.write(tmp_path / "t.ecsv")
    table, _ = gradient_from_table(tmp_path / "t.ecsv", re_arcsec=10.0)
    assert abs(table.slope[0, 0] + 0.3) > 0.02
    for wrong in ({"inclination_deg": 60.0}, {"pa_deg": 30.0}):
        with pytest.raises(AgezError, match="needs both"):
            gradient_from_table(tmp_path / "t.ecsv", re_arcsec=10.0, **wrong)


def test_the_labels_extension_is_found_behind_another_table(rows, tmp_path):
    other = fits.BinTableHDU(Table({"a": [1.0]}), name="OTHER")
    labels = fits.BinTableHDU(rows, name="LABELS")
    fits.HDUList([fits.PrimaryHDU(), other, labels]).writeto(tmp_path / "l.fits")
    table, _ = gradient_from_table(tmp_path / "l.fits", **GEOMETRY)
    assert table.slope[0, 0] == pytest.approx(-0.3)


def test_units_masks_and_flags_are_honoured(rows, tmp_path):
    rows["x"], rows["y"] = (rows["x"] / 60) * u.arcmin, (rows["y"] / 60) * u.arcmin
    bad = np.arange(len(rows)) % 9 == 0
    rows["log_age_lw"][bad] = 77.0
    rows["flags"][bad] = int(Flag.BAD_CHI2)
    masked = np.arange(len(rows)) % 9 == 1
    rows["mh_lw"][masked] = -99.0
    rows["mh_lw"] = MaskedColumn(rows["mh_lw"], mask=masked)
    rows.write(tmp_path / "t.ecsv")
    table, meta = gradient_from_table(tmp_path / "t.ecsv", **GEOMETRY)
    np.testing.assert_allclose(table.slope[0], [-0.3, 0.1], atol=1e-9)
    assert meta["n_flagged_left_out"] == bad.sum()
    assert (table.n_inside + table.n_outside)[0].tolist() == [(~bad).sum(), (~bad & ~masked).sum()]


def test_columns_of_ones_own_and_one_of_several_galaxies(rows, tmp_path):
    rows["colour"] = rows["log_age_lw"] * 2
    rows["galaxy_id"][:200] = "UGC2"
    rows.write(tmp_path / "t.ecsv")
    with pytest.raises(AgezError, match="2 galaxies"):
        gradient_from_table(tmp_path / "t.ecsv", **GEOMETRY)
    with pytest.raises(AgezError, match="no galaxy 'UGC3'"):
        gradient_from_table(tmp_path / "t.ecsv", galaxy_id="UGC3", **GEOMETRY)
    table, _ = gradient_from_table(tmp_path / "t.ecsv", galaxy_id="UGC2", columns=["colour"], **GEOMETRY)
    assert table.slope[0, 0] == pytest.approx(-0.6)
    assert table.n_inside[0, 0] + table.n_outside[0, 0] == 200


@pytest.mark.parametrize("name", ["g.fits", "g.ecsv", "g.csv", "g.json"])
def test_output_holds_what_was_measured(rows, tmp_path, name):
    rows.write(tmp_path / "in.fits")
    table, _ = gradient_file(tmp_path / "in.fits", tmp_path / "new" / name, **GEOMETRY)
    out = tmp_path / "new" / name
    if name.endswith("json"):
        content = json.loads(out.read_text())
        assert content["inclination_deg"] == 60
        slope = [g["slope"] for g in content["gradients"]]
    else:
        back = Table.read(out)
        assert list(back["quantity"]) == ["log_age_lw", "mh_lw"]
        assert {str(k).lower() for k in back.meta} >= ({"re_arcsec"} if name.endswith("ecsv") else set())
        slope = back["slope"]
    np.testing.assert_allclose(slope, table.slope[0], rtol=1e-12)
    assert [p.name for p in out.parent.iterdir()] == [name]


def test_bad_input_is_one_clear_line_and_leaves_no_output(rows, tmp_path):
    rows.write(tmp_path / "good.fits")
    whole = (tmp_path / "good.fits").read_bytes()
    (tmp_path / "cut.fits").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.fits").write_bytes(b"")
    (tmp_path / "garbage.ecsv").write_text("not a table\n")
    (tmp_path / "table.xyz").write_text("x y\n")
    fits.PrimaryHDU().writeto(tmp_path / "image.fits")
    rows[:0].write(tmp_path / "norows.ecsv")
    words = rows.copy()
    words["x"] = np.full(len(rows), "west")
    words.write(tmp_path / "words.ecsv")
    metres = rows.copy()
    metres["x"].unit = "m"
    metres.write(tmp_path / "metres.ecsv")
    nowhere = rows.copy()
    nowhere["x"] = np.nan
    nowhere.write(tmp_path / "nowhere.ecsv")
    rows["x", "y", "flags"].write(tmp_path / "novalues.ecsv")
    rows["log_age_lw", "flags"].write(tmp_path / "noposition.ecsv")
    rows[:20].write(tmp_path / "few.ecsv")
    cases = {
        "missing.fits": "no such file", "cut.fits": "cut.fits", "empty.fits": "empty", "garbage.ecsv": "cannot be read",
        "table.xyz": "unknown kind of table", "image.fits": "no table", "norows.ecsv": "no rows",
        "words.ecsv": "'x' holds", "metres.ecsv": "is in m", "nowhere.ecsv": "no row has a position",
        "novalues.ecsv": "none of log_age_lw", "noposition.ecsv": "no column 'x'", "few.ecsv": "at least 25 needed",
    }  # fmt: skip
    for name, message in cases.items():
        with pytest.raises(AgezError, match=message) as error:
            gradient_file(tmp_path / name, tmp_path / "out.ecsv", **GEOMETRY)
        assert name in str(error.value)
        assert "\n" not in str(error.value)
        assert not (tmp_path / "out.ecsv").exists()
    with pytest.raises(AgezError, match="--re is -1"):
        gradient_from_table(tmp_path / "good.fits", re_arcsec=-1.0)
    with pytest.raises(AgezError, match="inclination 95"):
        gradient_from_table(tmp_path / "good.fits", re_arcsec=10.0, inclination_deg=95.0, pa_deg=0.0)
    with pytest.raises(AgezError, match="no column 'zzz'"):
        gradient_from_table(tmp_path / "good.fits", columns=["zzz"], **GEOMETRY)
    table, meta = gradient_from_table(tmp_path / "good.fits", **GEOMETRY)
    with pytest.raises(AgezError, match="unknown kind of table"):
        write_gradients(tmp_path / "out.xyz", table, meta=meta)


def with_bad_rows(rows, what, n=60):
    """The rows with some ages made up near the centre, which only ``what`` tells apart."""
    bad = rows.copy()
    near = np.argsort(np.hypot(rows["x"], rows["y"]))[:n]
    bad["log_age_lw"][near] = 7.0
    what(bad, near)
    return bad


def _flagged(name, flag):
    def what(table, at):
        if name not in table.colnames:
            table[name] = np.zeros(len(table), np.int32)
        table[name][at] = int(flag)

    return what


@pytest.mark.parametrize("flag", [flag for flag in Flag if flag & FAULTS])
def test_every_fault_is_left_out(rows, tmp_path, flag):
    with_bad_rows(rows, _flagged("flags", flag | Flag.BAND_NOT_COVERED)).write(tmp_path / "t.fits")
    table, meta = gradient_from_table(tmp_path / "t.fits", **GEOMETRY)
    np.testing.assert_allclose(table.slope[0], [-0.3, 0.1], atol=1e-9)
    assert meta["n_flagged_left_out"] == 60


def test_what_is_no_fault_stays(rows, tmp_path):
    rows["flags"] = int(~FAULTS & sum(Flag))
    rows.write(tmp_path / "t.fits")
    table, meta = gradient_from_table(tmp_path / "t.fits", **GEOMETRY)
    assert meta["n_flagged_left_out"] == 0
    assert table.n_inside[0, 0] + table.n_outside[0, 0] == len(rows)


@pytest.mark.parametrize("kind", ["fits", "csv", "ecsv", "parquet"])
@pytest.mark.parametrize("code", [-99.0, 99.0, 99.9, -99.99, -999.0, 9999.0, -9999.0, 3.4e38])
def test_survey_codes_are_left_out_and_said(rows, tmp_path, code, kind):
    del rows["flags"]
    at = np.arange(len(rows)) % 7 == 0
    rows["log_age_lw"][at] = code
    rows["x"][1], rows["y"][1] = -99.0, -99.0
    rows.write(tmp_path / f"t.{kind}")
    table, meta = gradient_from_table(tmp_path / f"t.{kind}", **GEOMETRY)
    np.testing.assert_allclose(table.slope[0], [-0.3, 0.1], atol=1e-9)
    assert (meta["n_codes_left_out"], meta["n_flagged_left_out"]) == (at.sum(), 0)
    assert table.n_inside[0, 1] + table.n_outside[0, 1] == len(rows) - 1
    answer = done("gradient", tmp_path / f"t.{kind}", "-o", tmp_path / "g.json", "--re", 10)
    assert f"left out: {at.sum()} survey codes" in answer.out


@pytest.mark.parametrize("none", [np.nan, 0.0, -99.0])
def test_values_without_an_error_are_left_out_and_said(rows, tmp_path, none):
    rows["log_age_lw_err"] = 0.1
    at = np.arange(len(rows)) % 7 == 0
    rows["log_age_lw_err"][at] = none
    rows["log_age_lw"][at] += 1.0
    rows.write(tmp_path / "t.fits")
    table, meta = gradient_from_table(tmp_path / "t.fits", **GEOMETRY)
    np.testing.assert_allclose(table.slope[0], [-0.3, 0.1], atol=1e-9)
    answer = done("gradient", tmp_path / "t.fits", "-o", tmp_path / "g.json", "--re", 10)
    assert f"left out: {meta['n_without_error_left_out']} values without an error" in answer.out


@pytest.mark.parametrize("kind", ["fits", "csv", "ecsv", "parquet"])
@pytest.mark.parametrize("written", [bool, int, str])
def test_rows_that_are_not_good_are_left_out(rows, tmp_path, kind, written):
    del rows["flags"]

    def what(table, at):
        good = np.ones(len(table), dtype=bool)
        good[at] = False
        table["good"] = np.array(good.tolist()).astype(written)

    with_bad_rows(rows, what).write(tmp_path / f"t.{kind}")
    table, meta = gradient_from_table(tmp_path / f"t.{kind}", **GEOMETRY)
    np.testing.assert_allclose(table.slope[0], [-0.3, 0.1], atol=1e-9)
    assert meta["n_flagged_left_out"] == 60


def test_flags_of_a_set_are_those_of_its_columns(rows, tmp_path):
    for name in ("set_a", "set_b"):
        rows[f"{name}_log_age_lw"] = rows["log_age_lw"]
        rows[f"{name}_flags"] = np.zeros(len(rows), np.int32)
    rows["set_b_log_age_lw"][:50], rows["set_b_flags"][:50] = 7.0, int(Flag.OUT_OF_RANGE)
    rows["flags"] = int(Flag.BAD_CHI2)  # of another column
    rows.write(tmp_path / "t.fits")
    wanted = ["set_a_log_age_lw", "set_b_log_age_lw"]
    table, meta = gradient_from_table(tmp_path / "t.fits", columns=wanted, **GEOMETRY)
    np.testing.assert_allclose(table.slope[0], [-0.3, -0.3], atol=1e-9)
    assert (table.n_inside + table.n_outside)[0].tolist() == [len(rows), len(rows) - 50]
    assert meta["n_flagged_left_out"] == 50


def test_columns_of_quality_that_are_none_are_refused(rows, tmp_path):
    for name, values, says in (
        ("good", np.arange(len(rows)), "row 3 is '2'; expected true or false"),
        ("flags", np.full(len(rows), 0.5), "holds fractions"),
        ("flags", np.full(len(rows), "A"), "column flags, row 1 is 'A'; expected a number"),
    ):
        odd = rows.copy()
        odd[name] = values
        odd.write(tmp_path / "t.ecsv", overwrite=True)
        with pytest.raises(AgezError, match=says):
            gradient_from_table(tmp_path / "t.ecsv", **GEOMETRY)
