"""``agez predict`` with corrected photometry: zero points, dereddening, error floors, errors of redshifts."""

import numpy as np
import pytest
from astropy.table import Table
from cli_road import done, refused

from agez.models.model_file import load_model
from agez.photometry.dereddening import deredden
from agez.photometry.tables import read_photometry, write_photometry
from agez.photometry.zero_point_files import read_zero_points
from agez.tables.prediction_files import read_prediction


@pytest.fixture
def predict(road, tmp_path):
    """Run ``agez predict`` on a table, with the road's model; its answer and its predictions."""

    def run(path, *options):
        answer = done("predict", path, "-o", tmp_path / "out.fits", "--model", road.model, "--json", *options).json
        return answer, read_prediction(tmp_path / "out.fits")

    return run


@pytest.fixture
def with_columns(road, tmp_path):
    """The road's photometry with more columns, or others."""

    def write(**columns):
        table = Table.read(road.photometry)
        for name, values in columns.items():
            table[name] = values
        table.write(tmp_path / "in.fits")
        return tmp_path / "in.fits"

    return write


def same(left, right):
    return np.allclose(left.mh_lw, right.mh_lw, atol=1e-4, equal_nan=True)


def test_without_options_nothing_is_done(road, predict):
    answer, got = predict(road.photometry)
    assert answer["corrections"] == {}
    assert "estimated_zero_points" not in answer
    assert "corrections" not in got.meta


def test_dust_put_in_front_is_taken_away(road, predict, tmp_path):
    _, expected = predict(road.photometry)
    photometry = read_photometry(road.photometry)
    ebv = np.linspace(0.01, 0.2, len(photometry))
    factor = photometry.flux / deredden(photometry, ebv).flux
    table = Table.read(road.photometry)
    for k, name in enumerate(photometry.bands.names):
        table[f"flux_{name}"] *= factor[:, k]
        table[f"flux_{name}_err"] *= factor[:, k]
    table["sfd"] = ebv
    table.write(tmp_path / "dusty.fits")
    answer, got = predict(tmp_path / "dusty.fits", "--ebv", "sfd")
    assert same(got, expected)
    assert not same(predict(tmp_path / "dusty.fits")[1], expected)
    assert answer["corrections"]["ebv"] == {
        "column": "sfd", "median": pytest.approx(np.median(ebv)), "n_unknown": 0, "law": "fitzpatrick99",
        "r_v": 3.1, "recalibrated": True,
    }  # fmt: skip
    assert any("every redshift is 0" in line for line in answer["remarks"])
    assert got.meta["corrections"] == answer["corrections"]


def test_one_ebv_for_all_and_a_true_one(road, predict):
    answer, from_map = predict(road.photometry, "--ebv", 0.1)
    assert answer["corrections"]["ebv"]["value"] == 0.1
    answer, true = predict(road.photometry, "--ebv", 0.1 * 0.78 * 1.319 / 1.167884, "--no-recalibration")
    assert not answer["corrections"]["ebv"]["recalibrated"]
    assert same(true, from_map)


def test_rows_without_ebv_are_flagged_and_their_neighbours_answered(with_columns, predict, road):
    ebv = np.full(len(read_photometry(road.photometry)), 0.05)
    ebv[:3] = np.nan, -99, 99
    answer, got = predict(with_columns(ebv=ebv), "--ebv", "ebv")
    assert answer["corrections"]["ebv"]["n_unknown"] == 3
    assert np.isnan(got.mh_lw[:3]).all()
    assert np.isfinite(got.mh_lw[3:]).all()
    assert answer["flags"]["BAD_ERROR"] == 3


def test_a_column_ebv_that_is_not_used_is_said(with_columns, predict, road):
    answer, got = predict(with_columns(ebv=np.full(len(read_photometry(road.photometry)), 0.5)))
    assert same(got, predict(road.photometry)[1])
    assert any("--ebv ebv, a column of the table, takes it out" in line for line in answer["remarks"])


def test_dust_of_no_extragalactic_field_is_refused_or_asked_about(predict, road, tmp_path):
    out = tmp_path / "o.fits"
    for value in ("5", "-0.1"):
        refused("predict", road.photometry, "-o", out, "--model", road.model, "--ebv", value, says=("--ebv is", "less"))
    for value, asked in ((0.3, False), (2.5, True)):
        remarks = predict(road.photometry, "--ebv", value)[0]["remarks"]
        assert any("Milky Way's plane" in line for line in remarks) is asked


def test_zero_points_are_applied(road, predict, tmp_path):
    _, expected = predict(road.photometry)
    photometry = read_photometry(road.photometry)
    factor = np.exp(np.random.default_rng(1).normal(0, 0.1, len(photometry.bands)))
    table = Table.read(road.photometry)
    for k, name in enumerate(photometry.bands.names):
        table[f"flux_{name}"] /= factor[k]
    table.write(tmp_path / "off.fits")
    Table({"band": photometry.bands.names, "factor": factor}).write(tmp_path / "zp.ecsv")
    answer, got = predict(tmp_path / "off.fits", "--zero-points", tmp_path / "zp.ecsv")
    assert same(got, expected)
    assert answer["corrections"] == {"zero_points": str(tmp_path / "zp.ecsv")}
    few = [name for name in photometry.bands.names if name != "J0500"]
    Table({"band": few, "factor": np.ones(len(few))}).write(tmp_path / "few.ecsv")
    options = ("-o", tmp_path / "o.fits", "--model", road.model, "--zero-points", tmp_path / "few.ecsv")
    refused("predict", road.photometry, *options, says=("few.ecsv", "no zero point for band(s) J0500"))


def test_an_error_floor_lowers_the_signal_to_noise_ratio(road, predict):
    answer, _ = predict(road.photometry, "--error-floor", 0.3)
    assert answer["corrections"] == {"error_floor": 0.3}
    assert answer["flags"]["LOW_SNR"] == answer["n_rows"]


def test_errors_of_redshifts(road, predict, tmp_path):
    photometry = read_photometry(road.photometry)
    table = Table.read(road.photometry)
    table.remove_column("redshift")
    table.write(tmp_path / "in.fits")
    answer, _ = predict(tmp_path / "in.fits", "--redshift", 0, "--redshift-err", 0.01)
    assert answer["corrections"] == {"redshift_err": 0.01}
    assert answer["n_answered"] == len(photometry)
    options = ("-o", tmp_path / "o.fits", "--model", road.model, "--redshift-err", 0.01)
    refused("predict", tmp_path / "in.fits", *options, says="errors of redshifts, but no redshifts")


def test_zero_points_are_estimated_and_written(road, predict, tmp_path, monkeypatch):
    """With a model that expects what the photometry was before two of its bands were spoiled."""
    photometry = read_photometry(road.photometry).select_bands(load_model(road.model).bands.names)
    known = photometry.flux.copy()

    monkeypatch.setattr("agez.models.model.Model.expected", lambda model, given: (known, 0.01 * known))
    spoiled = photometry.flux.copy()
    spoiled[:, 3] *= 1.2
    spoiled[:, 9] /= 1.1
    factors = np.ones(len(photometry.bands))
    factors[3], factors[9] = 1 / 1.2, 1.1
    path = tmp_path / "spoiled.fits"
    write_photometry(path, type(photometry)(**{**vars(photometry), "flux": spoiled}))
    zero_points = tmp_path / "zp.ecsv"
    answer, _ = predict(path, "--estimate-zero-points", zero_points)
    said = answer["estimated_zero_points"]
    assert said["output"] == str(zero_points)
    assert said["converged"]
    assert said["too_few"] == []
    assert [band["band"] for band in said["bands"]] == list(photometry.bands.names)
    np.testing.assert_allclose(
        read_zero_points(zero_points).factor, factors / np.exp(np.log(factors).mean()), rtol=2e-3
    )
    assert any("zero points of" in line and "not applied" in line for line in answer["remarks"])
    wanted = predict(road.photometry)[1].mh_lw
    off, left = predict(path)[1].mh_lw - wanted, predict(path, "--zero-points", zero_points)[1].mh_lw - wanted
    assert np.nanmedian(np.abs(left)) < 0.05 * np.nanmedian(np.abs(off))


def test_a_model_that_expects_no_seds(road, tmp_path):
    options = ("-o", tmp_path / "o.fits", "--model", road.model, "--estimate-zero-points", tmp_path / "zp.ecsv")
    refused("predict", road.photometry, *options, says=("is of the paper's kind", "zero points cannot be estimated"))
    assert list(tmp_path.iterdir()) == []


def test_what_makes_no_sense_is_refused(road, tmp_path):
    out = tmp_path / "o.fits"
    common = ("-o", out, "--model", road.model)
    spectra = sorted(road.survey.glob("*.RSS.fits"))[0]
    for option in (("--ebv", 0.1), ("--ebv", "ebv"), ("--error-floor", 0.1), ("--redshift-err", 0.1),
                   ("--zero-points", road.photometry), ("--estimate-zero-points", tmp_path / "z.ecsv")):  # fmt: skip
        refused("predict", spectra, *common, *option, says=(option[0], "holds spectra", "agez synth"), output=out)
    table = ("predict", road.photometry, *common)
    refused(*table, "--no-recalibration", says="--ebv", output=out)
    refused(*table, "--ebv", "dust", says=("'dust'", "neither a number nor a column"), output=out)
    refused(*table, "--zero-points", road.labels, says=("labels.fits", "no table of zero points"), output=out)
    refused(*table, "--zero-points", tmp_path / "none.ecsv", says="none.ecsv", output=out)
    both = ("--zero-points", road.photometry, "--estimate-zero-points", tmp_path / "z.ecsv")
    refused(*table, *both, says="exclude each other", output=out)
    refused(*table, "--estimate-zero-points", out, says="give one another name", output=out)
    refused(*table, "--estimate-zero-points", road.photometry, says="is the input", output=out)
    refused(*table, "--estimate-zero-points", tmp_path / "z.txt", says="unknown kind of table", output=out)
    for option, values in {
        "--ebv": (-0.1, "nan", "inf"),
        "--error-floor": (-1, 1, "nan"),
        "--redshift-err": (-1,),
    }.items():
        for value in values:
            refused(*table, f"{option}={value}", says=(option, str(value)), output=out)
    assert list(tmp_path.iterdir()) == []
