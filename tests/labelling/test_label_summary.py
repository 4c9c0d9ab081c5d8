"""The summary of labels: a row a galaxy, weighted by light, with errors that know what rows share."""

import numpy as np
import pytest
from astropy.table import Table
from cli_road import agez, done
from columns_said import check_columns
from label_cubes import cube_file

from agez.analysis.region_errors import shared_errors
from agez.flags import Flag
from agez.label_types import Labels
from agez.labelling.label_summary import label_summary
from agez.samples.galaxy_facts import GalaxyFacts, GalaxyTable
from agez.tables.maps import MapFrame
from agez.tables.table_files import read_table
from agez.types import Rows

TOY = ("--templates", "made-up", "--workers", 1, "--no-bin")


def labels_of(galaxy_id, radius, age, *, flags=0):
    """Labels along the x axis."""
    n = len(galaxy_id)
    rows = Rows(np.arange(n).astype(str), np.array(galaxy_id), np.asarray(radius, float), np.zeros(n))
    columns = {name: np.full(n, 0.1) for name in Labels.column_names()}
    columns |= {"log_age_lw": np.asarray(age, float), "flags": np.broadcast_to(flags, n).astype(np.int32)}
    return Labels(rows, **columns)


def disc(name, re):
    return GalaxyTable("made here", (GalaxyFacts(name, re_arcsec=re),))


def test_means_are_weighted_by_light_and_rows_with_a_fault_do_not_count():
    flags = [0, 0, int(Flag.BAD_CHI2)]
    frame = MapFrame(np.array([[0, 0, 1, 2, -1]]), mean_flux=np.array([[2.0, 1.0, 1.0, 50.0, np.nan]]))
    row = label_summary(labels_of(["a"] * 3, [0, 1, 2], [9.0, 10.0, 8.0], flags=flags), frame=frame)
    assert row["log_age_lw"][0] == pytest.approx(0.75 * 9 + 0.25 * 10)
    w, shared = np.array([0.75, 0.25]), shared_errors("log_age_lw", kind="labels")
    covariance = shared.covariance(np.full(2, 0.1), np.zeros(2))
    assert row["log_age_lw_err"][0] == pytest.approx(np.sqrt(w @ covariance @ w))
    assert row["log_age_lw_err"][0] > np.sqrt(w**2 @ np.diag(covariance))  # that of independent rows
    assert (row["n_spectra"][0], row["n_spectra_good"][0], row["weighted_by_light"][0]) == (3, 2, True)
    alike = label_summary(labels_of(["a"] * 3, [0, 1, 2], [9.0, 10.0, 8.0], flags=flags))
    assert (alike["log_age_lw"][0], alike["weighted_by_light"][0]) == (pytest.approx(9.5), False)


def test_each_galaxy_has_its_row_and_its_gradient():
    radius = np.array([0.0, 1.0, 2.0, 3.0, 0.0, 1.0])
    labels = labels_of(["b"] * 4 + ["a"] * 2, radius, 9.5 - 0.1 * radius, flags=[0, 0, 0, 0, 1, 1])
    table = label_summary(labels, galaxies=disc("b", 4.0))
    assert list(table["name"]) == ["b", "a"]
    assert table["log_age_lw_slope"][0] == pytest.approx(-0.4)
    assert table["log_age_lw_slope_err"][0] > 0
    assert np.isnan([table["log_age_lw_slope"][1], table["log_age_lw"][1]]).all()
    assert list(table["good"]) == [True, False]


def test_a_folder_of_cubes_has_a_summary_whoever_made_its_labels(tmp_path):
    cubes = tmp_path / "cubes"
    cubes.mkdir()
    files = [cube_file(cubes, seed=seed) for seed in (1, 2)]
    answer = done("label", *files, "-o", f"{tmp_path}/out/", *TOY, "--json").json
    summary = tmp_path / "out" / "summary.fits"
    assert answer["summary"] == str(summary)
    check_columns(summary)
    table = read_table(summary)
    assert len(table) == 2
    assert list(table["n_spectra"]) == [len(Table.read(tmp_path / "out" / name, "LABELS")) for name in table["file"]]
    assert np.all(table["weighted_by_light"])
    before = summary.read_bytes()
    (tmp_path / "out" / table["file"][1]).unlink()  # one of the two is there already, and is read
    assert done("label", *files, "-o", f"{tmp_path}/out/", *TOY, "--json").json["n_new"] == table["n_spectra"][1]
    assert summary.read_bytes() == before
    assert f"  {table['name'][0]}: log age" in agez("label", *files, "-o", f"{tmp_path}/out/", *TOY).out
