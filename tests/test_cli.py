"""The command line when all is well: each command, in words and as JSON, and the files that it writes."""

import json
import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from cli_road import GALAXIES, SPECTRA, agez, done, largest_galaxy, write_spectrum

from agez import __version__
from agez.commands import COMMANDS
from agez.label_types import Labels
from agez.samples.sample import read_sample
from agez.spectra.fitting import fit_labels
from agez.spectra.label_files import read_labels
from agez.spectra.readers import read_spectra
from agez.spectra.templates import made_up_grid
from agez.tables.prediction_files import read_prediction
from agez.targets import TARGET_WORDS


def test_the_whole_road_in_json(road):
    answers = road.answers
    assert answers["mock"] == {
        "folder": str(road.survey), "n_galaxies": GALAXIES, "n_spectra": SPECTRA, "seed": 1
    }  # fmt: skip
    assert answers["synth"]["n_spectra"] == SPECTRA
    assert answers["synth"]["n_bands"] == 59
    assert answers["synth"]["remarks"] == []
    assert answers["label"]["n_fitted"] == SPECTRA
    assert answers["sample"]["n_galaxies"] == GALAXIES
    n = answers["sample"]["n_spectra"]
    assert n + answers["sample"]["rejected_chi2"] == SPECTRA
    assert answers["train"]["n_spectra"] == n
    for word in TARGET_WORDS.values():
        assert answers["train"]["scores"][word]["n"] == n
        assert answers["train"]["scores"][word]["sigma_mad"] > 0
    assert answers["predict"]["n_answered"] == SPECTRA


def test_label_is_fit_labels(road, tmp_path):
    """The command and the function of that name give the same labels."""
    path = sorted(road.survey.glob("*RSS.fits"))[0]
    done("label", path, "-o", tmp_path / "labels.fits", "--templates", "made-up")
    ours, theirs = fit_labels(read_spectra(path), made_up_grid()), read_labels(tmp_path / "labels.fits")
    for name in Labels.column_names():
        np.testing.assert_allclose(getattr(theirs, name), getattr(ours, name), rtol=1e-6)


def test_predictions_and_labels_say_what_they_are(road):
    labels, predictions = read_labels(road.labels).meta, read_prediction(road.predictions).meta
    for key in ("light_weighting", "norm_band_angstrom", "templates", "solar_scale"):
        assert predictions["labels"][key] == labels[key]
    assert labels["source"] == str(road.survey)


def test_truth_and_geometry_arrive_in_the_sample(road):
    sample = read_sample(road.sample)
    assert sample.truth is not None
    assert np.isfinite(sample.r_re).all()
    assert set(sample.galaxies.morphology) == {"early", "late"}
    assert np.corrcoef(sample.labels.log_age_lw, sample.truth.log_age_lw)[0, 1] > 0.5


def test_every_file_opens_in_astropy_without_a_remark(road, tmp_path):
    done("gradient", road.predictions, "-o", tmp_path / "g.fits", *largest_galaxy(road.predictions))
    done("synth", road.survey, "-o", tmp_path / "mag.fits", "--magnitudes")
    files = [*road.folder.glob("*.fits"), *(road.survey).glob("*.fits"), *tmp_path.glob("*.fits")]
    n_tables = 0
    for path in files:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            # a logarithm has no unit that the standard of FITS knows; TOPCAT and astropy take dex for what it is
            warnings.filterwarnings("ignore", message="'dex' did not parse as fits unit")
            with fits.open(path) as hdus:
                hdus.verify("exception")
                tables = [hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU)]
                for hdu in tables:
                    n_tables += 1
                    table = Table.read(hdu)
                    assert len(table) > 0
                    units = dict(zip(hdu.columns.names, hdu.columns.units, strict=True))
                    assert {units.get(name, "dex") for name in ("log_age_lw", "mh_lw_err")} == {"dex"}, path
                    if hdu.name != "SPECID":
                        lacking = [c for k, c in enumerate(hdu.columns.names, 1) if f"TCOMM{k}" not in hdu.header]
                        assert not lacking, (path, hdu.name, lacking)
            if len(tables) == 1:
                Table.read(path)
    assert n_tables >= GALAXIES + 9


@pytest.mark.parametrize("extension", ["fits.gz", "ecsv", "csv", "parquet"])
def test_any_kind_of_table_gives_the_same_predictions(road, tmp_path, extension):
    photometry, out = tmp_path / f"p.{extension}", tmp_path / f"out.{extension}"
    done("synth", road.survey, "-o", photometry)
    done("predict", photometry, "-o", out, "--model", road.model)
    expected, got = read_prediction(road.predictions), read_prediction(out)
    assert got.rows.spec_id.tolist() == expected.rows.spec_id.tolist()
    np.testing.assert_allclose(got.log_age_lw, expected.log_age_lw, atol=1e-6)
    np.testing.assert_allclose(got.mh_lw_p84, expected.mh_lw_p84, atol=1e-6)


def test_spectra_and_their_photometry_give_the_same_predictions(road, tmp_path):
    one = sorted(road.survey.glob("*.RSS.fits"))[0]
    done("predict", one, "-o", tmp_path / "spectra.fits", "--model", road.model)
    got, all_of_them = read_prediction(tmp_path / "spectra.fits"), read_prediction(road.predictions)
    expected = all_of_them.take(all_of_them.rows.galaxy_id == got.rows.galaxy_id[0])
    np.testing.assert_allclose(got.log_age_lw, expected.log_age_lw, atol=1e-5)


def test_bands_in_another_order_give_the_same_predictions(road, tmp_path):
    table = Table.read(road.photometry)
    table[table.colnames[::-1]].write(tmp_path / "backwards.fits")
    done("predict", tmp_path / "backwards.fits", "-o", tmp_path / "out.fits", "--model", road.model)
    expected, got = read_prediction(road.predictions), read_prediction(tmp_path / "out.fits")
    assert np.array_equal(got.log_age_lw, expected.log_age_lw)
    assert np.array_equal(got.mh_lw_err, expected.mh_lw_err)


def test_gradient_of_predictions_and_labels(road, tmp_path):
    for source, names in ((road.predictions, 2), (road.labels, 4)):
        options = (source, "-o", tmp_path / "g.json", *largest_galaxy(road.predictions))
        answer = done("gradient", *options, "--json").json
        assert len(answer["gradients"]) == names
        assert answer == json.loads((tmp_path / "g.json").read_text())
        lines = done("gradient", *options).out.splitlines()
        assert len(lines) == names
        assert lines[0].startswith("log_age_lw: ")


def test_magnitudes_and_other_frames(road, tmp_path):
    one = sorted(road.survey.glob("*.RSS.fits"))[0]
    done("synth", one, "-o", tmp_path / "rest.ecsv")
    done("synth", one, "-o", tmp_path / "mag.ecsv", "--magnitudes")
    done("synth", one, "-o", tmp_path / "seen.ecsv", "--observed", "--filters", "jplus")
    rest, mag, seen = (Table.read(tmp_path / f"{name}.ecsv") for name in ("rest", "mag", "seen"))
    assert np.allclose(23.9 - 2.5 * np.log10(rest["flux_J0500"]), mag["mag_J0500"])
    assert set(rest["redshift"]) == {0.0}
    assert (seen["redshift"] > 0).all()
    assert "flux_J0515" in seen.colnames


def test_words_for_a_person(road, tmp_path):
    lines = done("synth", road.survey, "-o", tmp_path / "p.csv").out.splitlines()
    assert lines[0] == f"{tmp_path / 'p.csv'}: {SPECTRA} SEDs, 38 of 59 bands covered"
    assert lines[1] == f"flags: BAND_NOT_COVERED {SPECTRA}"
    lines = done("predict", road.photometry, "-o", tmp_path / "o.csv", "--model", road.model).out.splitlines()
    assert lines[0].endswith(f"{SPECTRA} of {SPECTRA} rows answered, {SPECTRA} of them good")
    lines = done("sample", road.photometry, road.labels, "-o", tmp_path / "s.fits").out.splitlines()
    assert lines[0].endswith(f"of {GALAXIES} galaxies")


def test_what_was_assumed_is_said_once(road, tmp_path):
    """In words as a line, in JSON as the list ``remarks``."""
    for number in range(3):
        path = write_spectrum(tmp_path / f"{number}.ecsv")
        path.write_text(path.read_text().replace("redshift: 0.01", "nothing: 0"))
    files = sorted(tmp_path.glob("?.ecsv"))
    for command in (
        ("synth", *files, "-o", tmp_path / "out.fits"),
        ("label", *files, "-o", tmp_path / "out.fits", "--templates", "made-up"),
        ("predict", files[0], "-o", tmp_path / "out.fits", "--model", road.model),
    ):
        run = agez if command[0] == "predict" else done  # no model answers this spectrum: the run fails, and says so
        remarks = run(*command, "--json").json["remarks"]
        assert "medium" in remarks[0]
        names = [path.name for path in command[1:] if str(path).endswith(".ecsv")]
        assert {one.split(":")[0] for one in remarks[1:]} == set(names)
        assert all("redshift" in one or "resolution" in one for one in remarks[1:])
        words = run(*command).out
        assert all(words.count(remark) == 1 for remark in remarks)
    table = Table.read(road.photometry)
    table.remove_column("redshift")
    table.write(tmp_path / "p.fits")
    command = ("predict", tmp_path / "p.fits", "-o", tmp_path / "out.fits", "--model", road.model)
    answer = done(*command, "--json").json
    assert "--redshift 0 says that the SEDs are in the rest frame" in answer["remarks"][0]
    assert answer["flags"]["REDSHIFT_UNKNOWN"] == answer["n_rows"] == len(table)
    assert done(*command, "--redshift", 0, "--json").json["remarks"] == []


def test_files_on_different_grids_go_together(tmp_path, road):
    wave = np.arange(4000.0, 7000.0, 1.3)
    for name, changes in (
        ("a", {}), ("b", {"wavelength": wave, "flux": np.ones(len(wave)), "flux_err": np.full(len(wave), 0.01)})
    ):  # fmt: skip
        write_spectrum(tmp_path / f"{name}.ecsv", **changes)
        done("synth", tmp_path / f"{name}.ecsv", "-o", tmp_path / f"{name}.csv")
    done("synth", tmp_path / "a.ecsv", tmp_path / "b.ecsv", "-o", tmp_path / "both.csv")
    both = Table.read(tmp_path / "both.csv")
    for row, name in enumerate("ab"):
        alone = Table.read(tmp_path / f"{name}.csv")
        assert both["flux_J0500"][row] == alone["flux_J0500"][0]


def test_filters(tmp_path):
    listed = done("filters", "--json").json["filter_sets"]
    assert {name: one["n_bands"] for name, one in listed.items()} == {
        "jpas": 59, "jplus": 12, "splus": 12, "alhambra": 20
    }  # fmt: skip
    assert len(done("filters").out.splitlines()) == 4
    bands = done("filters", "jpas", "--json").json["bands"]
    assert {"name", "pivot_angstrom", "fwhm_angstrom"} == set(bands[0])
    assert len(done("filters", "jplus").out.splitlines()) == 14
    wave = np.arange(4900.0, 5200.0, 1.0)
    own = tmp_path / "own"
    own.mkdir()
    (own / "box.dat").write_text("# counting: photon\n" + "".join(f"{w} {float(5000 < w < 5100)}\n" for w in wave))
    only = done("filters", own, "--json").json["bands"]
    assert [one["name"] for one in only] == ["box"]
    assert only[0]["pivot_angstrom"] == pytest.approx(5050, abs=2)


def test_models_and_check():
    assert isinstance(done("models", "--json").json["models"], dict)
    assert done("models").out.strip()
    checks = done("check", "--json").json["checks"]
    assert all(one["ok"] for one in checks.values() if one["essential"])
    assert done("check").out.startswith("ok   filters: ")


@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS)])
def test_help(command):
    answer = done(*command, "--help")
    assert answer.out.startswith("usage: agez")
    assert all(name in answer.out for name in (command or COMMANDS))


@pytest.mark.parametrize(
    "arguments",
    [(), ("bake",), ("synth",), ("synth", "a.fits"), ("mock", "-o", "x", "--seed", "one"),
     ("train", "s", "--split", "x"), ("gradient", "t.fits"), ("reproduce", "--preset", "huge"),
     ("models", "--frobnicate")],
)  # fmt: skip
def test_wrong_usage_is_status_2(arguments):
    answer = agez(*arguments)
    assert answer.status == 2
    assert answer.out == ""
    assert answer.err.startswith("usage: agez")


def _installed() -> list[str]:
    script = shutil.which("agez", path=str(Path(sys.executable).parent))
    return [script] if script else [sys.executable, "-m", "agez.cli"]


def test_the_installed_command(road, tmp_path):
    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        words = [*_installed(), *map(str, arguments)]
        return subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)

    assert run("--version").stdout.strip() == f"agez {__version__}"
    out = tmp_path / "out.fits"
    answer = run("predict", road.photometry, "-o", out, "--model", road.model, "--json")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert json.loads(answer.stdout)["n_answered"] == SPECTRA
    assert np.array_equal(read_prediction(out).mh_lw, read_prediction(road.predictions).mh_lw)
    wrong = run("predict", tmp_path / "none.fits", "-o", out, "--model", road.model)
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert wrong.stderr == f"agez: error: {tmp_path / 'none.fits'}: no such file; check the name\n"
    assert run("bake").returncode == 2
    line = f"{' '.join(_installed())} filters jpas | head -1"
    pipe = subprocess.run(line, shell=True, capture_output=True, text=True, timeout=120, check=False)
    assert pipe.stderr == ""
    assert pipe.stdout.startswith("jpas: ")


def module(*arguments, **options):
    """``python -m agez`` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "agez", *map(str, arguments)], stderr=subprocess.PIPE, text=True, timeout=120,
        check=False, **{"stdout": subprocess.PIPE, **options},
    )  # fmt: skip


def test_the_package_is_a_command():
    assert module("--version").stdout == f"agez {__version__}\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("arguments", [("filters", "--json"), ("--version",), ("map", "--help")])
def test_a_full_stdout_is_told_in_one_line(arguments):
    with Path("/dev/full").open("w") as full:
        told = module(*arguments, stdout=full)
    assert told.returncode == 1
    assert told.stderr.startswith("agez: error: the answer cannot be printed: No space left")
    assert told.stderr.count("\n") == 1


def test_a_reader_that_has_enough_is_no_fault():
    read, write = os.pipe()
    os.close(read)
    told = module("filters", stdout=write)
    os.close(write)
    assert (told.returncode, told.stderr) == (0, "")


def test_names_that_stdout_cannot_spell_are_no_fault(tmp_path):
    table = tmp_path / "\u00fcn\u00ef \u03b1.csv"
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    told = module("predict", table, "-o", tmp_path / "o.csv", env=environment)
    assert told.returncode == 1
    assert "\\xfcn\\xef \\u03b1.csv: no such file" in told.stderr
    table.write_text("x,y,log_age_lw\n" + "".join(f"{k},0,{9 - k / 100}\n" for k in range(40)))
    told = module("gradient", table, "-o", tmp_path / "\u00fc.json", "--re", 30, env=environment)
    assert (told.returncode, told.stderr) == (0, "")
    assert (tmp_path / "\u00fc.json").is_file()
