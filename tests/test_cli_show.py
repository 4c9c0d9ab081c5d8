"""agez show: a catalogue's row, an answer, a region of a map, a labelled spectrum; the numbers are the table's."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
from astropy.table import Table
from cli_road import done, refused

import agez
from agez.report.history_figures import figure_history
from agez.spectra.histories import histories
from agez.spectra.label_tables import read_history
from agez.tables.table_files import read_table

N = 5


@pytest.fixture(scope="module")
def table() -> Table:
    rng = np.random.default_rng(4)
    bands = agez.load_filters("splus").bands
    made = Table({"id": [f"g{i}" for i in range(N)], "number": np.arange(N) + 100, "redshift": np.full(N, 0.03)})
    flux = 30.0 * (np.array(bands.pivot_angstrom) / 5500) ** 1.5 * rng.normal(1, 0.03, (N, 12))
    for k, name in enumerate(bands.names):
        made[f"flux_{name}"], made[f"flux_{name}_err"] = flux[:, k], 0.03 * flux[:, k]
    return made


@pytest.mark.parametrize("ending", ["fits", "csv", "parquet", "ecsv"])
def test_a_row_of_a_catalogue(table, tmp_path, ending: str):
    if ending == "parquet":
        pytest.importorskip("pyarrow")
    source, picture = tmp_path / f"in.{ending}", tmp_path / "row.png"
    table.write(source)
    options = ("--model", "splus", "--ebv", 0.05, "--columns", "log_age_lw,mh_lw,av", "--id", "number")
    done("predict", source, "-o", tmp_path / "out.fits", *options)
    answer = done("show", source, "--row", 103, "-o", picture, *options, "--json").json
    assert picture.read_bytes()[:4] == b"\x89PNG"
    row = read_table(tmp_path / "out.fits")[3]
    assert answer["row"] == "103"
    for name in ("log_age_lw", "log_age_lw_err", "mh_lw_p84", "av", "chi2", "ood"):
        assert answer["answer"][name] == pytest.approx(float(row[name]), rel=2e-5), name
    lines = done("show", source, "--row", 103, "-o", picture, *options).out.splitlines()
    (line,) = [line for line in lines if "+-" in line]
    assert re.search(r"log age \d+\.\d+ \+- .*\[M/H\] [+-]\d.*AV \d\S* \+- \S+ mag", line), line
    # the file of answers knows how it was made
    again = done("show", tmp_path / "out.fits", "--row", 103, "-o", tmp_path / "again.png", "--json").json
    assert again["answer"] == answer["answer"]
    assert not [remark for remark in again["remarks"] if "changed" in remark]
    assert (tmp_path / "again.png").read_bytes() == picture.read_bytes()


def test_an_answer_that_no_longer_holds_is_said(table, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table.write("in.csv")
    done("predict", "in.csv", "-o", "out.ecsv", "--model", "splus")
    brighter = table.copy()
    brighter["flux_uJAVA"] *= 1.5
    brighter.write("in.csv", overwrite=True)
    answer = done("show", "out.ecsv", "--row", "g1", "-o", "row.png", "--json").json
    assert any("have changed since" in remark for remark in answer["remarks"])
    refused(
        "show", "out.ecsv", "--row", "g1", "-o", "x.png", "--ebv", 0.1, says=("--ebv", "says with what it was made")
    )
    refused("show", "out.ecsv", "--row", "zz", "-o", "x.png", says="'zz'")
    (tmp_path / "in.csv").unlink()
    refused(
        "show", "out.ecsv", "--row", "g1", "-o", "x.png", says=("in.csv", "is not there"), output=tmp_path / "x.png"
    )


def test_an_answer_in_csv_says_that_it_needs_the_input(table, tmp_path):
    table.write(tmp_path / "in.csv")
    done("predict", tmp_path / "in.csv", "-o", tmp_path / "out.csv", "--model", "splus")
    told = ("out.csv", "give the input itself")
    refused("show", tmp_path / "out.csv", "--row", "g1", "-o", tmp_path / "x.png", says=told)


def test_what_cannot_be_shown(table, tmp_path):
    source, out = tmp_path / "in.csv", tmp_path / "x.png"
    table.write(source)
    model = ("--model", "splus")
    refused("show", source, "-o", out, *model, says=("has 5 rows", "--row: g0, g1"), output=out)
    refused("show", source, "--row", "z", "-o", out, *model, says=("'z'", "g0, g1"), output=out)
    refused("show", source, "--row", "g1", "-o", tmp_path / "x.jpg", *model, says=("PNG", "x.jpg"))
    refused("show", tmp_path / "no.csv", "--row", "g1", "-o", out, *model, says="no such file")
    refused("show", source, "--row", "g1", "-o", out, "--no-recalibration", *model, says="--ebv")
    table[[0, 0]].write(tmp_path / "twice.csv")
    refused("show", tmp_path / "twice.csv", "--row", "g0", "-o", out, *model, says="2 rows")
    table[[0]].write(tmp_path / "one.csv")
    done("show", tmp_path / "one.csv", "-o", out, *model)  # the only row needs no name


def test_a_row_of_a_large_catalogue_is_read_alone(table, tmp_path, monkeypatch):
    """Of FITS and Parquet only the identifiers of the others are read."""
    from agez.engine import one_row

    source = tmp_path / "in.fits"
    table.write(source)
    seen = []
    read = one_row.read
    monkeypatch.setattr(one_row, "read", lambda job, partition: seen.append(len(partition)) or read(job, partition))
    done("show", source, "--row", "g3", "-o", tmp_path / "x.png", "--model", "splus")
    assert seen == [1]


def test_a_region_of_a_map(toy_grid, tmp_path):
    model = agez.load_model("splus")
    seen = agez.load_filters("splus").select(["J0410", "J0430", "gSDSS", "J0515", "rSDSS", "J0660", "iSDSS"])
    tiles = agez.galaxy_tiles(agez.survey_plan(1, 100), 0, toy_grid, seen, redshift=0.03)
    made = agez.make_mock_images(
        tiles, seen, pixel_arcsec=1.0, shape=(48, 48), psf_fwhm_arcsec=1.5, snr=30, rng=np.random.default_rng(1)
    )
    settings = agez.MapSettings(redshift=0.03, redshift_err=0.002, ebv=0.05, error_floor=0.02)
    maps = agez.map_galaxy(agez.prepare_images(made.images), model, settings=settings)
    agez.write_galaxy_maps(tmp_path / "maps.fits", maps)
    answer = done("show", tmp_path / "maps.fits", "--row", 2, "-o", tmp_path / "region.png", "--json").json
    assert answer["answer"]["log_age_lw"] == pytest.approx(float(maps.prediction.log_age_lw[2]), abs=1e-4)
    assert answer["answer"]["mh_lw_err"] == pytest.approx(float(maps.prediction.mh_lw_err[2]), abs=1e-4)
    assert answer["remarks"] == []
    refused("show", tmp_path / "maps.fits", "-o", tmp_path / "x.png", says="regions; name one with --row")
    refused("show", tmp_path / "maps.fits", "--row", 9999, "-o", tmp_path / "x.png", says="'9999'")


def test_a_labelled_spectrum(toy_grid, tmp_path):
    from agez.mocks.survey import iterate_survey

    (mock,) = iterate_survey(agez.survey_plan(n_galaxies=1, n_spectra=3), toy_grid)
    labels = agez.fit_labels(mock.spectra, toy_grid, keep_fits=True)
    agez.write_labels(tmp_path / "labels.fits", labels, grid=toy_grid)
    name = str(labels.rows.spec_id[1])
    answer = done("show", tmp_path / "labels.fits", "--row", name, "-o", tmp_path / "fit.png", "--json").json
    assert answer["answer"]["log_age_lw"] == pytest.approx(float(labels.log_age_lw[1]))
    assert (tmp_path / "fit.png").read_bytes()[:4] == b"\x89PNG"
    assert answer["history"] == str(tmp_path / "fit.history.png")
    (history, nodes), given = read_history(tmp_path / "labels.fits", 1), histories(
        labels.weights[[1]], toy_grid, labels.history_errors.take([1])
    )  # fmt: skip
    assert nodes == pytest.approx(toy_grid.mh)
    assert np.stack(history.log_lookback(0.5)) == pytest.approx(np.stack(given.log_lookback(0.5)), abs=1e-5)
    (drawn, drawn_again) = (figure_history(tmp_path / "given.png", labels, toy_grid, 1), tmp_path / "fit.history.png")
    assert np.allclose(plt.imread(drawn), plt.imread(drawn_again), atol=0.02)
    agez.write_labels(tmp_path / "no_history.fits", labels)
    answer = done("show", tmp_path / "no_history.fits", "--row", name, "-o", tmp_path / "only.png", "--json").json
    assert "history" not in answer
    assert not (tmp_path / "only.history.png").exists()
    refused("show", tmp_path / "labels.fits", "--row", "x", "-o", tmp_path / "x.png", says=("'x'", name))
    agez.write_labels(tmp_path / "bare.fits", agez.fit_labels(mock.spectra, toy_grid))
    refused("show", tmp_path / "bare.fits", "--row", name, "-o", tmp_path / "x.png", says="--keep-fits")


def test_a_spectrum(tmp_path):
    wave = np.arange(3500.0, 9500.0)
    Table({"wave": wave, "flux": np.ones(6000), "flux_err": np.full(6000, 0.02)}).write(tmp_path / "galaxy.ecsv")
    done("show", tmp_path / "galaxy.ecsv", "-o", tmp_path / "x.png", "--model", "splus", "--redshift", 0.01)
    assert (tmp_path / "x.png").exists()
