"""``agez demo``: mock galaxies that come with agez, through predict and map."""

import shlex
from importlib import import_module

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

import agez
from agez.cli import main
from agez.commands.demo import _OURS
from agez.demo.demo_files import true_in_intervals, write_demo_files
from agez.tables.prediction_files import read_prediction


def test_demo_writes_answers_maps_pictures_and_pages(demo):
    folder, printed = demo
    assert {one.name for one in folder.iterdir()} == _OURS - {".DS_Store"}
    answers = read_prediction(folder / "ages.fits")
    assert len(answers) == 300
    assert answers.good.mean() > 0.9
    with fits.open(folder / "maps.fits") as maps:
        assert np.isfinite(maps["LOG_AGE_LW"].data).any()
    assert len(list((folder / "pictures").glob("*.png"))) == 2
    assert "nothing here was observed" in printed


def test_intervals_hold_the_truth_as_often_as_they_say(demo):
    shares = true_in_intervals(demo[0] / "galaxies.csv", demo[0] / "ages.fits")
    # 68.3 % of 285 rows scatter by 2.8 %; these are three sigma
    assert all(0.60 < share < 0.77 for share in shares.values()), shares
    assert f"{100 * shares['log_age_lw']:.0f} % of the true ages" in demo[1]


def test_map_of_the_demo_is_near_the_truth(demo):
    from importlib.resources import files

    with (files("agez") / "demo/data/galaxy.npz").open("rb") as stream, np.load(stream) as stored:
        true = stored["true_log_age_lw"]
    with fits.open(demo[0] / "maps.fits") as maps:
        found, mask = maps["LOG_AGE_LW"].data, maps["LOG_AGE_LW_MASK"].data
        variance = 1 / np.where(mask == 0, maps["LOG_AGE_LW_IVAR"].data, np.nan)
    off = ((found - true) / np.sqrt(variance))[mask == 0]
    assert found.shape == true.shape
    assert abs(np.median(off)) < 1
    assert np.mean(np.abs(off) < 2) > 0.8


def test_the_printed_commands_are_those_that_ran(demo, tmp_path, capsys):
    folder, printed = demo
    (command,) = [line for line in printed.splitlines() if line.startswith("$ agez predict")]
    words = shlex.split(command)[2:]
    again = tmp_path / "again.fits"
    words[words.index("-o") + 1] = str(again)
    for option in ("--page", "--picture"):
        at = words.index(option)
        del words[at : at + 2]
    assert main(words) == 0
    capsys.readouterr()
    assert np.array_equal(Table.read(again)["log_age_lw"], Table.read(folder / "ages.fits")["log_age_lw"])


def test_demo_data_reads_as_what_it_is(tmp_path):
    made = write_demo_files(tmp_path / "new")
    model = agez.load_model("splus")
    photometry = agez.read_photometry(made.catalogue, model=model.bands, redshift=0.05)
    assert photometry.bands.names == model.bands.names
    assert len(list(made.images.glob("*.fits"))) == 12
    with fits.open(made.images / "MOCK_GALAXY_rSDSS.fits") as band:
        sci, weight, mask = (band[name].data for name in ("SCI", "WEIGHT", "MASK"))
        assert band["SCI"].header["SURVEY"] == "S-PLUS (mock)"
    assert np.array_equal(weight == 0, mask == 1)
    # a corner is sky, whose noise is what the weights say
    corner = sci[:12, :12] * np.sqrt(weight[:12, :12])
    assert 0.6 < np.std(corner) < 1.6


def test_demo_refuses_a_folder_of_others(tmp_path, capsys):
    (tmp_path / "thesis.tex").write_text("precious")
    assert main(["demo", "-o", str(tmp_path)]) == 1
    assert "thesis.tex" in capsys.readouterr().err
    assert [one.name for one in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("missing", ["photutils", "powerbin"])
def test_demo_without_the_packages_of_images(tmp_path, capsys, monkeypatch, missing):
    command = import_module("agez.commands.demo")  # the package has the function under this name
    monkeypatch.setattr(command, "is_installed", lambda name: name not in (missing, "matplotlib"))
    assert main(["demo", "-o", str(tmp_path / "new")]) == 0
    printed = capsys.readouterr().out
    assert "pip install 'agez[images]'" in printed
    assert sorted(one.name for one in (tmp_path / "new").iterdir()) == [
        "ages.fits",
        "ages.html",
        "galaxies.csv",
        "images",
    ]
