"""A run that is killed goes on where it was, loses at most the trainings in hand, and ends with the same numbers."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from agez.errors import AgezError
from agez.experiments import presets, run_folder
from agez.experiments.catalogue import EXPERIMENTS, SETS_KEY, find_experiments, place_in_paper
from agez.experiments.reproduce import reproduce
from agez.experiments.run_folder import RunFolder
from agez.runtime.run_lock import sole_run

#: What may differ between two runs of the same arguments.
TIMES = ("seconds", "peak_rss_mb", "peers")


def tiny_preset():
    quick = presets.PRESETS["quick"]
    training = replace(quick.training, max_epochs=3)
    grid = replace(quick.training_grid, settings=training)
    return replace(quick, n_galaxies=8, n_spectra=160, training=training, training_grid=grid)


ARGUMENTS = {"preset": "quick", "seed": 5, "templates": "made-up", "only": ("sets", "fig13"), "workers": 1}
_SCRIPT = """
import sys
from test_resume import ARGUMENTS, tiny_preset
from agez.experiments import presets
from agez.experiments.reproduce import reproduce
presets.PRESETS["quick"] = tiny_preset()
if __name__ == "__main__":
    reproduce(sys.argv[1], **ARGUMENTS)
"""


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setitem(presets.PRESETS, "quick", tiny_preset())


def _comparable(folder):
    summary = json.loads((folder / "summary.json").read_text())
    return {key: value for key, value in summary.items() if key not in TIMES}


def _finished(networks):
    """When each network was written, by file; the hidden one that is being written (``*`` would match it) is none."""
    return {path.name: path.stat().st_mtime_ns for path in networks.glob("[!.]*.safetensors")}


@pytest.mark.slow
def test_killed_anywhere_it_goes_on_and_gives_the_same(tiny, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    reproduce(whole, **ARGUMENTS)
    script = tmp_path / "script.py"
    script.write_text(_SCRIPT)
    here = os.path.dirname(__file__)  # noqa: PTH120
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([here, os.environ.get("PYTHONPATH", "")])}
    networks = killed / "work" / "networks"
    before: dict[str, int] = {}
    for at_least in (2, 19):  # in the middle of the sets, and of figure 13
        with subprocess.Popen([sys.executable, str(script), str(killed)], env=environment) as process:
            give_up = time.monotonic() + 120
            while len(_finished(networks)) < at_least and time.monotonic() < give_up:
                assert process.poll() is None
                time.sleep(0.02)
            process.send_signal(signal.SIGKILL)
        after = _finished(networks)
        assert len(after) >= at_least
        assert all(after[name] == written for name, written in before.items())  # nothing was trained twice
        before = after
    reproduce(killed, **ARGUMENTS)
    assert all((networks / name).stat().st_mtime_ns == written for name, written in before.items())
    assert _comparable(killed) == _comparable(whole)


def test_one_experiment_alone_and_then_another(tiny, tmp_path):
    first = reproduce(tmp_path, **ARGUMENTS | {"only": ("fig13",)})
    assert "training_size" in first.summary
    assert "set_a" not in first.summary
    assert first.set_a is None
    assert not (tmp_path / "predictions.fits").exists()
    spent = first.summary["seconds"]["training_size"]
    points = json.loads((tmp_path / "experiments" / "training_size.json").read_text())["points"]
    assert points == first.blocks["training_size"]["points"]
    second = reproduce(tmp_path, **ARGUMENTS | {"only": ("set_b",)})
    assert {"training_size", "set_a", "set_b"} <= set(second.summary)
    assert second.summary["training_size"] == first.summary["training_size"]
    assert second.summary["seconds"]["training_size"] == spent  # not run again
    assert second.summary["seconds"]["total"] > first.summary["seconds"]["total"]
    third = reproduce(tmp_path, **ARGUMENTS | {"only": ("set_b",), "fresh": True})
    assert "training_size" not in third.summary


def test_another_run_in_the_same_folder_begins_anew(tmp_path):
    asked = {"preset": "a", "seed": 1}
    folder = RunFolder(tmp_path, asked)
    folder.keep_block("table1", {"measured": 1})
    folder.add_seconds({"table1": 3.0})
    again = RunFolder(tmp_path, asked)
    assert again.find_block("table1") == {"measured": 1}
    assert again.seconds["table1"] == 3.0
    other = RunFolder(tmp_path, asked | {"seed": 2})
    assert other.find_block("table1") is None
    assert not list((tmp_path / "experiments").iterdir())
    assert other.seconds == {}
    back = RunFolder(tmp_path, asked)
    assert back.find_block("table1") is None


def test_other_code_is_another_run(tmp_path, monkeypatch):
    RunFolder(tmp_path, {"seed": 1}).keep_block("table1", {"measured": 1})
    monkeypatch.setattr(run_folder, "_digest_of_code", lambda: "other")
    assert RunFolder(tmp_path, {"seed": 1}).find_block("table1") is None


def test_results_of_another_run_do_not_stay_beside_this_one_s(tmp_path):
    asked = {"seed": 1}
    RunFolder(tmp_path, asked)
    results = ("summary.json", "report.html", "predictions.fits", "models/set_a.safetensors", "figures/figure_13.png")
    others = ("sample.fits", "models/mine.safetensors", "figures/notes.txt", "work/networks/one.safetensors")
    for name in (*results, *others):
        (tmp_path / name).write_text("x")
    RunFolder(tmp_path, asked)
    assert all((tmp_path / name).exists() for name in (*results, *others))
    RunFolder(tmp_path, {"seed": 2})
    assert not any((tmp_path / name).exists() for name in results)
    assert all((tmp_path / name).exists() for name in others)
    (tmp_path / "predictions.fits").write_text("x")
    RunFolder(tmp_path, {"seed": 2}, fresh=True)
    assert not (tmp_path / "predictions.fits").exists()
    assert not (tmp_path / "work" / "networks" / "one.safetensors").exists()


def test_a_folder_that_never_held_a_run_loses_nothing(tmp_path):
    (tmp_path / "predictions.fits").write_text("x")
    RunFolder(tmp_path, {"seed": 1}, fresh=True)
    assert (tmp_path / "predictions.fits").exists()


def test_two_runs_at_once_are_refused(tmp_path):
    with (
        sole_run(tmp_path / ".lock", busy="busy", advice="wait"),
        pytest.raises(AgezError, match=f"another run is at work in this folder .process {os.getpid()} on"),
    ):
        reproduce(tmp_path, **ARGUMENTS)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_writer_left_is_removed(tmp_path):
    RunFolder(tmp_path, {"seed": 1})
    part = tmp_path / "work" / "networks" / ".part-x-y.safetensors"
    part.write_bytes(b"half")
    RunFolder(tmp_path, {"seed": 1})
    assert not part.exists()


def test_the_runs_own_sample_is_not_its_input(tiny, tmp_path):
    reproduce(tmp_path, **ARGUMENTS | {"only": ("fig13",)})
    with pytest.raises(AgezError, match="is the input"):
        reproduce(tmp_path, preset="quick", sample=tmp_path / "sample.fits")


@pytest.mark.parametrize("damage", [b"", b"{", b"[1]", b"\xff\xfe"])
def test_a_damaged_record_is_no_record(tmp_path, damage):
    RunFolder(tmp_path, {"seed": 1}).keep_block("table1", {"measured": 1})
    (tmp_path / "work" / "run.json").write_bytes(damage)
    assert RunFolder(tmp_path, {"seed": 1}).done == []


def test_a_damaged_block_is_run_again(tmp_path):
    folder = RunFolder(tmp_path, {"seed": 1})
    folder.keep_block("table1", {"measured": 1})
    (tmp_path / "experiments" / "table1.json").write_text('{"measured"')
    assert RunFolder(tmp_path, {"seed": 1}).find_block("table1") is None


def test_claims_stand_in_the_papers_order():
    shown = ["figure 2", "figure 9", "figures 10-12", "table 1", "figure 13", "figure 14", "peers", "calibration"]
    assert sorted(shown[::-1], key=place_in_paper) == shown


def test_names_of_experiments():
    everything = find_experiments(())
    assert everything[0] == SETS_KEY
    assert set(everything) == {SETS_KEY, *(experiment.key for experiment in EXPERIMENTS)}
    for name in ("fig13", "figure 13", "Fig.13", "training-size", "training_size"):
        assert find_experiments((name,)) == ("training_size",)
    assert find_experiments(("fig7, fig13", "set_a")) == (SETS_KEY, "training_size")
    for name in ("fig99", "", "fig13,", "peer"):
        with pytest.raises(AgezError, match="none of the experiments"):
            find_experiments((name,))
