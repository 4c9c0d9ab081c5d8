"""``agez compare``: numbers and picture of tables and of maps, and one clear line where there is nothing to compare."""

import json
import sys

import numpy as np
import pytest
from astropy.table import Table
from cli_road import agez, done, refused

from agez.tables.maps import BinMap, MapFrame
from agez.tables.maps_files import maps_hdus
from agez.tables.table_files import read_table, write_fits

WCS = {
    "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRPIX1": 5.5, "CRPIX2": 5.5, "CRVAL1": 10.0, "CRVAL2": -5.0,
    "CDELT1": -1 / 3600, "CDELT2": 1 / 3600, "CUNIT1": "deg", "CUNIT2": "deg",
}  # fmt: skip


@pytest.fixture
def tables(tmp_path, rng):
    n = 300
    truth, err = rng.normal(9.3, 0.3, n), np.full(n, 0.1)
    columns = {"id": [f"s{k}" for k in range(n)], "x": rng.normal(0, 5, n), "y": rng.normal(0, 5, n)}
    Table({**columns, "log_age_lw": truth + err * rng.normal(size=n), "log_age_lw_err": err,
           "velocity_kms": truth}).write(tmp_path / "a.csv")  # fmt: skip
    Table({**columns, "true_log_age_lw": truth, "true_velocity_kms": truth}).write(tmp_path / "b.fits")
    return tmp_path / "a.csv", tmp_path / "b.fits"


def maps(path, values):
    y, x = np.indices((10, 10))
    bins = (y // 5) * 2 + x // 5
    offsets = np.stack([x - 4.5, y - 4.5])
    radius = np.stack([np.hypot(*offsets), np.hypot(*offsets) / 3, np.zeros((10, 10))])
    some = [BinMap(name, values, np.full(4, 0.1), unit="dex") for name in ("LOG_AGE_LW", "MH_LW")]
    write_fits(path, maps_hdus(some, MapFrame(bins, wcs=WCS, offsets=offsets, ellcoo=radius)))
    return path


def test_tables_against_truth(tables, tmp_path):
    answer = done("compare", *tables, "-o", tmp_path / "c.png", "--json").json
    assert (answer["n_matched"], answer["n_a"], answer["radius_unit"]) == (300, 300, "arcsec")
    found = answer["quantities"]
    assert list(found) == ["log_age_lw", "velocity_kms"]
    assert 0.6 < found["log_age_lw"]["inside_68"] < 0.76
    assert abs(found["log_age_lw"]["bias"]) < 0.03
    assert found["log_age_lw"]["sigma_mad"] == pytest.approx(0.1, rel=0.2)
    assert (found["velocity_kms"]["rmse"], found["velocity_kms"]["inside_95"]) == (0.0, None)
    assert sum(found["log_age_lw"]["profile"]["n"]) == 300
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")
    json.dumps(answer, allow_nan=False)
    lines = done("compare", *tables, "--columns", "log_age_lw").out.splitlines()
    assert lines[1] == "matched: 300 rows of the same identifier"
    assert lines[-1].startswith("log_age_lw")
    assert "velocity_kms" not in "\n".join(lines)


def test_maps_side_by_side(tmp_path):
    a, b = (maps(tmp_path / f"{name}.fits", np.arange(4.0) + shift) for name, shift in (("a", 0.0), ("b", 0.05)))
    answer = done("compare", a, b, "-o", tmp_path / "c.png", "--json").json
    assert (answer["matched"], answer["radius_unit"]) == ("regions of a.fits, by sky position", "Re")
    for one in answer["quantities"].values():
        assert (one["n"], one["bias"], one["inside_68"]) == (4, pytest.approx(-0.05, abs=1e-6), 1.0)
        assert one["median_error"] == pytest.approx(np.sqrt(0.02), rel=1e-5)
    assert (tmp_path / "c.png").stat().st_size > 10_000


def test_without_radii_there_is_no_panel_of_profiles(tables, tmp_path):
    pytest.importorskip("matplotlib")
    from matplotlib.image import imread

    wide = imread(done("compare", *tables, "-o", tmp_path / "wide.png", "--json").json["picture"])
    both = []
    for path in tables:
        table = read_table(path)
        table.remove_columns(["x", "y"])
        both.append(tmp_path / f"bare_{path.stem}.csv")
        table.write(both[-1])
    bare = imread(done("compare", *both, "-o", tmp_path / "bare.png", "--json").json["picture"])
    assert bare.shape[0] == wide.shape[0]
    assert bare.shape[1] < 0.85 * wide.shape[1]


def test_a_file_is_the_same_as_itself(tables, tmp_path):
    answer = done("compare", tables[0], tables[0], "--json").json
    assert all(one["rmse"] == 0 for one in answer["quantities"].values())
    assert answer["picture"] is None


def test_what_cannot_be_compared_is_said_in_one_line(tables, tmp_path):
    a, b = tables
    out = tmp_path / "c.png"
    refused("compare", a, tmp_path / "none.fits", "-o", out, says="none.fits", output=out)
    refused("compare", a, b, "-o", tmp_path / "c.pdf", says=".png", output=tmp_path / "c.pdf")
    refused("compare", a, b, "-o", out, "--columns", "mass", says=("nothing to compare", "mass"), output=out)
    refused("compare", a, b, "-o", out, "--tolerance", 0, says="--tolerance", output=out)
    Table({"id": ["q"], "log_age_lw": [9.0]}).write(tmp_path / "other.csv")
    refused("compare", a, tmp_path / "other.csv", "-o", out, says="nothing to match by", output=out)
    Table({"id": ["s0"], "log_age_lw": [np.nan]}).write(tmp_path / "empty.csv")
    refused("compare", a, tmp_path / "empty.csv", "-o", out, says="both have a value", output=out)
    Table({"id": ["s0"][:0], "log_age_lw": np.zeros(0)}).write(tmp_path / "rows.ecsv")
    refused("compare", a, tmp_path / "rows.ecsv", "-o", out, says="no rows", output=out)
    (tmp_path / "text.fits").write_text("no FITS")
    refused("compare", a, tmp_path / "text.fits", "-o", out, says="text.fits", output=out)
    assert agez("compare", a).status == 2


def test_numbers_need_no_matplotlib(tables, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert done("compare", *tables, "--json").json["n_matched"] == 300


def test_places_are_matched_all_over_the_sky(tmp_path, rng):
    """Far from the first rows, offsets in longitude are no angles: rows were lost by the cosine of the latitude."""
    n = 400
    ra, dec, age = rng.uniform(0, 360, n), rng.uniform(-80, 80, n), rng.normal(9, 0.3, n)
    Table({"RA": ra, "DEC": dec, "log_age_lw": age}).write(tmp_path / "a.csv")
    moved = ra + 0.8 / 3600 / np.cos(np.radians(dec))
    Table({"RA_": moved, "DEC_": dec, "log_age_lw": age + 0.1}).write(tmp_path / "b.csv")
    answer = done("compare", tmp_path / "a.csv", tmp_path / "b.csv", "--json").json
    one = answer["quantities"]["log_age_lw"]
    assert one["n"] == n
    assert one["bias"] == pytest.approx(-0.1)


def test_masses_of_regions_are_compared_only_where_asked(tmp_path, rng):
    for name in ("a", "b"):
        y, x = np.indices((10, 10))
        some = [BinMap(one, rng.normal(9, 0.1, 4), np.full(4, 0.1), unit="dex") for one in ("LOG_AGE_LW", "LOG_MASS")]
        write_fits(tmp_path / f"{name}.fits", maps_hdus(some, MapFrame((y // 5) * 2 + x // 5, wcs=WCS)))
    given = ("compare", tmp_path / "a.fits", tmp_path / "b.fits", "--json")
    assert list(done(*given).json["quantities"]) == ["log_age_lw"]
    assert list(done(*given, "--columns", "log_mass").json["quantities"]) == ["log_mass"]


def test_a_table_of_several_galaxies_needs_one(tables, tmp_path):
    ages = np.array([9.0, 8.0, 7.0])
    Table({"x": [0.0, 9.0], "y": [0.0, 9.0], "log_age_lw": [8.0, 8.0]}).write(tmp_path / "one.csv")
    Table({"galaxy_id": list("abc"), "x": np.zeros(3), "y": np.zeros(3), "log_age_lw": ages}).write(tmp_path / "t.csv")
    given = ("compare", tmp_path / "one.csv", tmp_path / "t.csv")
    refused(*given, says=("t.csv holds 3 galaxies (a, b, c)", "--galaxy"))
    assert done(*given, "--galaxy", "b", "--json").json["quantities"]["log_age_lw"]["bias"] == 0.0
    refused(*given, "--galaxy", "q", says="no galaxy_id is 'q'")


def test_quantities_of_any_name_that_both_have_are_compared(tmp_path, rng):
    n, truth = 400, rng.normal(1.0, 0.3, 400)
    columns = {"id": np.arange(n), "flux_B1": np.ones(n), "flux_B1_err": np.ones(n)}
    for name, noise in (("a", 0.1), ("b", 0.001)):
        values = truth + noise * rng.normal(size=n)
        own = columns if name == "a" else {"id": columns["id"]}
        Table({**own, "sfr_ha": values, "sfr_ha_err": np.full(n, noise)}).write(tmp_path / f"{name}.csv")
    answer = done("compare", tmp_path / "a.csv", tmp_path / "b.csv", "--json").json
    assert (list(answer["quantities"]), answer["remarks"]) == (["sfr_ha"], [])
    wide = Table.read(tmp_path / "a.csv")
    wide["sfr_ha_err"] = 0.3
    wide.write(tmp_path / "a.csv", overwrite=True)
    assert "errors of sfr_ha are wider" in done("compare", tmp_path / "a.csv", tmp_path / "b.csv").out


def test_a_folder_to_compare_is_told_by_its_files(tables, tmp_path):
    refused("compare", tables[0], tmp_path, says=("is a folder; give one file of it: a.csv, b.fits",))
