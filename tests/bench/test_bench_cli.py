"""agez bench on invented sets: by a model, by a table of answers, with its page; and its errors, in one line each."""

import json

import numpy as np
import pytest
from astropy.table import Table
from cli_road import agez, done, refused
from invented_set import invented_seds, write_set
from spectra_factory import light_fractions, observe

from agez.bench import model_tests
from agez.models.model_file import load_model
from agez.spectra.readers import write_rss
from agez.spectra.templates import made_up_grid


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """So many that thirty rows have no fault: to `splus` these galaxies are unlike any."""
    return write_set(tmp_path_factory.mktemp("own"), np.random.default_rng(1), n=150)


@pytest.fixture
def quick(monkeypatch):
    """Mocks of the small invented library, in place of those of the model's recipe."""
    monkeypatch.setattr(model_tests, "training_seds_near", lambda model, redshift, rng: invented_seds(400, rng))


def test_a_model_is_judged(own, quick):
    block = done("bench", "--set", own, "--json").json["sets"]["invented"]
    assert block["answers"] == "splus"
    assert block["n"]["rows"] == 148
    assert 0 < block["n"]["good"] <= block["n"]["chosen"] < 148
    assert block["older"]["age"]["value"] > 0.95
    assert block["flagged"]["n"] == block["n"]["chosen"]
    assert block["order"]["log_age_lw"]["old"] > block["order"]["log_age_lw"]["young"]
    assert block["repeats"]["log_age_lw"]["value"] < 1.5
    assert abs(block["known"]["log_age_lw"]["bias"]) < 0.5
    assert set(block["tilt"]) == {"all", "old", "young"}
    assert [one["band"] for one in block["bands"]][:2] == ["uJAVA", "J0378"]
    assert block["halves"]["log_age_lw"]["ratio"]["value"] > 0
    assert abs(block["fainter"]["log_age_lw"]["shift"]["value"]) < 0.3
    assert set(block["dust"]) == {"0.02", "0", "0.07"}
    assert block["bars"] == []


def test_the_same_twice(own, quick):
    first, second = (done("bench", "--set", own, "--json").out for _ in range(2))
    assert first == second


def test_a_page_with_figures(own, quick, tmp_path):
    pytest.importorskip("matplotlib")
    from report_page import Page

    answer = done("bench", "--set", own, "-o", tmp_path / "out")
    assert "## invented: Invented galaxies" in answer.out
    content = json.loads((tmp_path / "out" / "bench.json").read_text())
    assert content["schema"] == "agez.bench/1"
    page = Page((tmp_path / "out" / "bench.html").read_text())
    assert len(page.images) == len(list((tmp_path / "out" / "figures").glob("*.png"))) >= 4
    assert all(image["src"].startswith("data:image/png;base64,") and image["alt"] for image in page.images)


def test_another_codes_answers_are_judged(own, tmp_path):
    table = Table.read(own.parent / "invented.ecsv")
    rng = np.random.default_rng(1)
    columns = {"ID": table["name"][::-1], "logt": table["age"][::-1], "Z": rng.standard_normal(len(table)) / 10}
    columns |= {"logm": rng.uniform(9, 11, len(table))}
    Table(columns).write(tmp_path / "theirs.ecsv")
    asked = ("--answers", tmp_path / "theirs.ecsv", "--columns", "age=logt,mh=Z,mass=logm,id=ID")
    block = done("bench", "--set", own, *asked, "--json").json["sets"]["invented"]
    assert block["answers"].endswith("theirs.ecsv")
    assert block["older"]["age"]["value"] == 1.0
    assert block["known"]["log_age_lw"]["rmse"] == pytest.approx(0, abs=1e-6)
    assert abs(block["mass_metallicity"]["all"]["log_mass"]["value"]) < 0.1
    assert "halves" not in block
    assert "P(old older than young) = 1.000" in done("bench", "--set", own, *asked).out


def test_spectra_are_fitted_and_seen_through_bands(tmp_path, rng):
    grid = made_up_grid()
    pytest.importorskip("ppxf")  # templates of the command are E-MILES
    for k in range(2):
        fractions = light_fractions(grid, 1, rng)
        spectra = observe(grid, fractions, velocity_kms=np.zeros(1), sigma_kms=np.full(1, 120.0), snr=40.0, rng=rng)
        write_rss(tmp_path / f"s{k}.fits", spectra)
    text = 'name = "two"\nspectra = "s?.fits"\nfilters = "jpas"\n'
    (tmp_path / "two.toml").write_text(text)
    block = done("bench", "--set", tmp_path / "two.toml", "--model", "jpas", "--json").json["sets"]["two"]
    assert block["models"] == ["jpas"]
    assert [row["name"] for row in block["rows"]] == ["s0", "s1"]
    assert all(row["fit"]["log_age_lw"] is not None and row["jpas"]["log_age_lw"] is not None for row in block["rows"])
    assert block["known"] is None
    assert "seen through the bands of jpas" in done("bench", "--set", tmp_path / "two.toml", "--model", "jpas").out


@pytest.mark.parametrize("n", [1, 40])
def test_sets_of_which_no_row_is_good(tmp_path, rng, n):
    """Noise and a few rows: no score, and no word of numpy's."""
    pytest.importorskip("matplotlib")
    bands = load_model("splus").bands.names
    columns = {f"mag_{band}": np.where(rng.uniform(size=n) < 0.5, 99.0, rng.uniform(15, 20, n)) for band in bands}
    Table(columns | {f"mag_{band}_err": np.full(n, 0.01) for band in bands}).write(tmp_path / "noise.fits")
    (tmp_path / "noise.toml").write_text('name = "noise"\ntable = "noise.fits"\nfilters = "splus"\n')
    answer = done("bench", "--set", tmp_path / "noise.toml", "-o", tmp_path / "out", "--json").json
    assert answer["sets"]["noise"]["n"]["rows"] == n
    assert answer["sets"]["noise"]["flagged"]["value"] > 0.5
    assert (tmp_path / "out" / "bench.html").exists()


def test_sets_are_listed():
    assert [one["name"] for one in done("bench", "--list", "--json").json["sets"]][:2] == ["splus", "atlas"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nowhere",), "no set is called 'nowhere'"),
        (("splus", "--data", "nowhere"), "--data nowhere is no folder"),
        (("--set", "nowhere.toml"), "nowhere.toml: no such file"),
        (("splus", "--columns", "age=x"), "--answers TABLE"),
        (("splus", "atlas", "--answers", "x.fits"), "name one set"),
        (("splus", "--model", "splus", "--answers", "x.fits"), "leave --model out"),
        (("splus", "--ebv", "-1"), "--ebv is -1"),
    ],
)
def test_what_cannot_be_done_is_said(arguments, words, monkeypatch):
    monkeypatch.delenv("AGEZ_SKY", raising=False)
    assert words in refused("bench", *arguments).err


def test_two_sets_of_one_name(own):
    assert "two sets are called 'invented'" in refused("bench", "--set", own, "--set", own).err


def test_a_model_of_other_bands(own):
    assert "splus" in refused("bench", "--set", own, "--model", "jpas").err


def test_an_empty_range_of_redshifts(own):
    path = own.with_name("far.toml")
    path.write_text(own.read_text().replace("[0.02, 0.09]", "[1.0, 2.0]").replace('"invented"', '"far"'))
    assert "no row has a redshift from 1 to 2" in agez("bench", "--set", path).err
