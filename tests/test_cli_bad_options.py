"""Options and outputs that cannot be: refused in one clear line before the work, and nothing half-written."""

import errno
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from cli_road import agez, done, largest_galaxy, refused, write_spectrum

from agez.models.model_file import load_model
from agez.samples.sample import read_sample

TOY = ("--templates", "made-up")


def commands(road, out):
    """Each command that writes, with good input and this output."""
    one = sorted(road.survey.glob("*.RSS.fits"))[0]
    return {
        "synth": ("synth", one, "-o", out),
        "label": ("label", one, "-o", out, *TOY),
        "sample": ("sample", road.photometry, road.labels, "-o", out),
        "train": ("train", road.sample, "-o", out, "--network", "paper", "--max-epochs", 1),
        "predict": ("predict", road.photometry, "-o", out, "--model", road.model),
        "gradient": ("gradient", road.predictions, "-o", out, *largest_galaxy(road.predictions)),
        "mock": ("mock", "-o", out, "--galaxies", 1, "--spectra", 3, *TOY),
        "reproduce": ("reproduce", "-o", out, "--preset", "quick", *TOY),
    }


WRITERS = ("synth", "label", "sample", "train", "predict", "gradient", "mock", "reproduce")
#: What takes long in each command: must not be reached when the output is no good.
LONG_WORK = (
    "agez.photometry.synthesis.synthesize", "agez.spectra.fitting.fit_labels", "agez.samples.sample.make_sample",
    "agez.training.train.train_paper_networks", "agez.training.train.learn_sample", "agez.models.predict.predict",
    "agez.analysis.gradient_files.galaxy_gradients", "agez.mocks.survey_files.write_survey",
    "agez.experiments.reproduce.make_mock_sample",
)  # fmt: skip


@pytest.fixture
def no_long_work(monkeypatch):
    def reached(*_, **__):
        raise AssertionError("the long work began before the output was checked")

    for name in LONG_WORK:
        monkeypatch.setattr(name, reached)


@pytest.mark.parametrize("command", WRITERS)
def test_outputs_that_cannot_be_written(tmp_path, road, command, no_long_work):
    (tmp_path / "file").write_text("in the way")
    end = {"train": ".safetensors", "mock": "", "reproduce": ""}.get(command, ".fits")
    for folder in (tmp_path / "file", Path("/proc/agez"), Path("/sys")):
        out = folder / f"out{end}"
        refused(*commands(road, out)[command], says=(str(folder), "cannot be written"))
    assert (tmp_path / "file").read_text() == "in the way"


@pytest.mark.parametrize("command", [name for name in WRITERS[:6] if name != "label"])  # labels may go into a folder
def test_an_output_that_is_a_folder(tmp_path, road, command, no_long_work):
    refused(*commands(road, tmp_path)[command], says=(str(tmp_path), "is a folder"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", WRITERS[:6])
@pytest.mark.parametrize("name", ["out", "out.xyz", "out.txt"])
def test_outputs_of_unknown_kind(tmp_path, road, command, name, no_long_work):
    out = tmp_path / name
    refused(*commands(road, out)[command], says=(name, "."), output=out)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", WRITERS[:6])
def test_an_output_that_is_the_input(tmp_path, road, command, no_long_work):
    ends = {"synth": ".RSS.fits", "label": ".RSS.fits", "train": ".fits"}
    for number in (1, 2) if command == "sample" else (1,):
        arguments = list(commands(road, tmp_path / "out.fits")[command])
        dear = tmp_path / f"dear{number}{ends.get(command, '.fits')}"
        shutil.copy(arguments[number], dear)
        arguments[number] = arguments[arguments.index("-o") + 1] = dear
        refused(*arguments, says=("input", dear.name), output=dear)
        if command in ("synth", "label"):
            refused(*[tmp_path if at == number else one for at, one in enumerate(arguments)], says="input", output=dear)


@pytest.mark.parametrize("command", ["mock", "reproduce"])
def test_an_output_folder_that_is_a_file(tmp_path, road, command, no_long_work):
    (tmp_path / "file").write_text("in the way")
    refused(*commands(road, tmp_path / "file")[command], says=("file", "cannot be written"))


def test_a_reproduction_checks_every_file_that_it_will_write(tmp_path, road, no_long_work):
    for name in ("summary.json", "report.html", "sample.fits", "predictions.fits"):
        folder = tmp_path / name.split(".")[0]
        (folder / name).mkdir(parents=True)
        refused(*commands(road, folder)["reproduce"], says=(name, "is a folder"))
    for name in ("models", "figures"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / name).write_text("in the way")
        refused(*commands(road, folder)["reproduce"], says=(name, "cannot be written"))


NUMBERS = {
    "mock": {"--galaxies": (0, -3), "--spectra": (0, -1), "--seed": (-1,)},
    "synth": {"--redshift": ("nan", "inf", -1, -5), "--source-redshift": ("nan", "-inf", -1)},
    "label": {"--redshift": ("nan", "inf", -1), "--bin-snr": (-1, "nan", "inf"), "--workers": (0,), "--n-plots": (0,)},
    "train": {"--seed": (-1,), "--workers": (0, -2), "--steps": (0, -1), "--max-epochs": (0, -1)},
    "predict": {"--redshift": ("nan", "inf", -1)},
    "gradient": {"--re": (0, -3, "nan", "inf"), "--inclination": (90, 95, -1, "nan"), "--pa": ("nan", "inf"),
                 "--seed": (-1,)},
    "reproduce": {"--seed": (-1,), "--workers": (0,)},
}  # fmt: skip


@pytest.mark.parametrize(("command", "option"), [(c, o) for c, options in NUMBERS.items() for o in options])
def test_numbers_out_of_range(tmp_path, road, command, option, no_long_work):
    end = {"train": ".safetensors"}.get(command, ".fits")
    out = tmp_path / f"out{end}"
    more = ("--pa", 10) if option == "--inclination" else ()
    for value in NUMBERS[command][option]:
        refused(*commands(road, out)[command], *more, f"{option}={value}", says=(option, str(value)), output=out)
    assert list(tmp_path.iterdir()) == []


def test_fewer_spectra_than_galaxies(tmp_path):
    refused("mock", "-o", tmp_path / "m", "--galaxies", 5, "--spectra", 4, *TOY, says="--spectra")


def test_names_that_nobody_knows(tmp_path, road):
    one, out = sorted(road.survey.glob("*.RSS.fits"))[0], tmp_path / "out.fits"
    for name in ("emilse", str(tmp_path / "none"), str(tmp_path / "none.npz")):
        refused("label", one, "-o", out, "--templates", name, says=name, output=out)
        refused("mock", "-o", tmp_path / "m", "--templates", name, says=name)
        refused("reproduce", "-o", tmp_path / "r", "--preset", "quick", "--templates", name, says=name)
    (tmp_path / "folder").mkdir()
    refused("label", one, "-o", out, "--templates", tmp_path / "folder", says="folder", output=out)
    (tmp_path / "bad.npz").write_bytes(b"PK\x03\x04 no archive")
    refused("label", one, "-o", out, "--templates", tmp_path / "bad.npz", says="bad.npz", output=out)
    refused("label", one, "-o", out, "--template-fwhm", "2", says="--template-fwhm", output=out)
    refused("label", one, "-o", out, "--template-reference", "mine", says="--template-reference", output=out)
    mine = {"templates": np.ones((50, 2, 2)), "lam": 4000.0 + np.arange(50), "ages": [1, 2], "metals": [0, 1]}
    np.savez(tmp_path / "mine.npz", **mine)
    refused("label", one, "-o", out, "--templates", tmp_path / "mine.npz", says="resolution", output=out)
    refused(
        "label", one, "-o", out, "--templates", tmp_path / "mine.npz", "--template-fwhm", "-1", says="FWHM of -1",
        output=out,
    )  # fmt: skip
    for name in ("jpass", str(tmp_path / "none"), str(tmp_path / "folder")):
        refused("synth", one, "-o", out, "--filters", name, says=name, output=out)
        refused("filters", name, says=name)
        refused("predict", road.photometry, "-o", out, "--model", road.model, "--filters", name, says=name, output=out)
    refused("reproduce", "-o", tmp_path / "r", "--sample", tmp_path / "none.fits", says=("none.fits", "no such file"))


def test_options_that_contradict_each_other(tmp_path, road):
    one, out = sorted(road.survey.glob("*.RSS.fits"))[0], tmp_path / "out.fits"
    refused("synth", one, "-o", out, "--observed", "--redshift", 0.1, says="--observed", output=out)
    refused("synth", one, "-o", out, "--measured", "--filters", tmp_path, says="--measured", output=out)
    refused("filters", "--fetch", says="--fetch")
    photometry = ("predict", road.photometry, "-o", out, "--model", road.model)
    refused(*photometry, "--redshift", 0.1, says="redshift", output=out)
    refused(*photometry, "--filters", "alhambra", says=("column", "alhambra"), output=out)


def _full(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("command", WRITERS[:6])
def test_a_full_disk_leaves_no_half_file_and_keeps_the_old_one(tmp_path, road, command, monkeypatch):
    """The writers themselves are cut off after some bytes, as a file system's quota does it."""
    out = tmp_path / ("out.safetensors" if command == "train" else "out.fits")
    out.write_bytes(b"of yesterday")
    if command == "train":
        from safetensors import SafetensorError

        def full(arrays, path, **_):
            Path(path).write_bytes(b"half")
            raise SafetensorError("I/O error: No space left on device (os error 28)")

        model = load_model(road.model)
        monkeypatch.setattr("agez.models.model_file.save_file", full)
        # it is the writing that is tested
        monkeypatch.setattr("agez.training.train.train_paper_networks", lambda *_, **__: model)
    else:

        def full(hdus, path, **_):
            Path(path).write_bytes(b"half")
            _full()

        def opened(part):
            part.write_bytes(b"half")
            _full()

        monkeypatch.setattr("astropy.io.fits.HDUList.writeto", full)
        monkeypatch.setattr("agez.catalogues.write_pieces.opened", opened)
    refused(*commands(road, out)[command], says=(out.name, "No space left"), output=out)
    assert out.read_bytes() == b"of yesterday"
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize("extension", ["fits", "ecsv", "csv", "parquet"])
def test_a_real_limit_on_the_size_of_files(tmp_path, road, extension):
    out = tmp_path / f"out.{extension}"
    # a shell sets the limit (of 4 or 8 kB), since a fork of this process would copy JAX's threads
    limited = ["sh", "-c", 'ulimit -f 8 && exec "$@"', "sh", sys.executable, "-m", "agez.cli"]
    words = [*limited, *map(str, commands(road, out)["predict"])]
    answer = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert answer.returncode == 1, answer
    assert answer.stderr.startswith("agez: error: ")
    assert answer.stderr.count("\n") == 1
    assert "fault of agez" not in answer.stderr
    assert f"out.{extension}" in answer.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_interruption(tmp_path, road, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("agez.photometry.tables.photometry_to_table", interrupt)
    out = tmp_path / "out.fits"
    answer = agez(*commands(road, out)["synth"])
    assert (answer.status, answer.out, answer.err) == (130, "", "agez: interrupted\n")
    monkeypatch.setattr("agez.catalogues.write_pieces.opened", interrupt)
    answer = agez(*commands(road, out)["predict"])
    said = "agez: interrupted; give the command again to go on\n"
    assert (answer.status, answer.out, answer.err) == (130, "", said)
    assert list(tmp_path.iterdir()) == []


def test_a_fault_of_agez_is_one_line_too_and_a_traceback_on_request(road, monkeypatch):
    def fault(*_):
        raise ZeroDivisionError("division\nby zero")

    monkeypatch.setattr("agez.models.model_file.available_models", fault)
    answer = agez("models")
    assert answer.status == 1
    assert answer.err.startswith("agez: error: unexpected ZeroDivisionError: division by zero; this is a fault of agez")
    assert answer.err.count("\n") == 1
    monkeypatch.setenv("AGEZ_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        agez("models")


def test_too_little_memory(road, monkeypatch):
    def full(*_):
        raise MemoryError

    monkeypatch.setattr("agez.models.model_file.available_models", full)
    answer = agez("models")
    assert (answer.status, answer.out) == (1, "")
    assert answer.err.startswith("agez: error: not enough memory")


def test_names_with_blanks_and_accents(tmp_path, road):
    folder = tmp_path / "mes données"
    path = write_spectrum(tmp_path / "étoile 1.ecsv")
    done("synth", path, "-o", folder / "a b.fits")
    done("label", path, "-o", folder / "étiquettes.fits", *TOY)
    done("predict", folder / "a b.fits", "-o", folder / "p.fits", "--model", road.model)
    shutil.copy(road.predictions, folder / "à.fits")
    done("gradient", folder / "à.fits", "-o", folder / "g.fits", *largest_galaxy(folder / "à.fits"))
    shutil.copy(road.photometry, folder / "á.fits")
    done("sample", folder / "á.fits", road.labels, "-o", folder / "s.fits")
    assert read_sample(folder / "s.fits").meta["source"] == str(folder / "á.fits")
