"""The command line in tests: running it in this process, and the files of one whole road through its commands."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from agez.cli import main

GALAXIES, SPECTRA = 6, 150


@dataclass(frozen=True)
class Answer:
    """What a run of the command line left: exit status, stdout, stderr."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one JSON object on stdout; fails if there is anything else."""
        content = json.loads(self.out, parse_constant=lambda word: (_ for _ in ()).throw(ValueError(word)))
        assert isinstance(content, dict)
        assert self.out.count("\n") == 1
        return content


def agez(*arguments: object) -> Answer:
    """Run ``agez`` with these arguments in this process."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            status = main([str(one) for one in arguments])
        except SystemExit as stop:
            status = int(stop.code or 0)
    return Answer(status, out.getvalue(), err.getvalue())


def done(*arguments: object) -> Answer:
    """Run a command that must succeed, with nothing on stderr."""
    answer = agez(*arguments)
    assert (answer.status, answer.err) == (0, ""), answer
    return answer


def refused(*arguments: object, says: tuple[str, ...] | str = (), output: Path | None = None) -> Answer:
    """Run a command that must be refused in one clear line that holds the words, leaving no output behind."""
    before = output.read_bytes() if output is not None and output.is_file() else None
    answer = agez(*arguments)
    assert answer.status == 1, answer
    assert answer.out == ""
    assert answer.err.startswith("agez: error: ")
    assert answer.err.count("\n") == 1, answer.err
    assert "Traceback" not in answer.err
    assert "fault of agez" not in answer.err, answer.err
    for words in (says,) if isinstance(says, str) else says:
        assert words in answer.err, answer.err
    if output is not None:
        assert (output.read_bytes() if output.is_file() else None) == before
        if output.parent.is_dir():
            assert not list(output.parent.glob(".part-*"))
    return answer


@dataclass(frozen=True)
class Road:
    """The files of one small survey, from spectra to predictions, and what each command answered to ``--json``."""

    folder: Path
    answers: dict[str, dict[str, Any]]

    def __getattr__(self, name: str) -> Path:
        """The file or folder of that name, whatever its extension."""
        return next(self.folder.glob(f"{name}*"))


def make_road(folder: Path) -> Road:
    """Mock, synth, label, sample, train, predict and gradient, with invented templates."""
    at = {name: str(folder / name) for name in (
        "survey", "photometry.fits", "labels.fits", "sample.fits", "model.safetensors", "predictions.fits",
    )}  # fmt: skip
    survey = folder / "survey"
    commands = {
        "mock": ("-o", survey, "--galaxies", GALAXIES, "--spectra", SPECTRA, "--templates", "made-up"),
        "synth": (survey, "-o", at["photometry.fits"]),
        "label": (survey, "-o", at["labels.fits"], "--templates", "made-up"),
        "sample": (
            at["photometry.fits"], at["labels.fits"], survey / "galaxies.fits", "--truth", survey / "truth.fits",
            "-o", at["sample.fits"],
        ),
        "train": (at["sample.fits"], "-o", at["model.safetensors"], "--network", "paper", "--max-epochs", 2),
        "predict": (at["photometry.fits"], "-o", at["predictions.fits"], "--model", at["model.safetensors"]),
    }  # fmt: skip
    return Road(folder, {name: done(name, *options, "--json").json for name, options in commands.items()})


def largest_galaxy(path: Path) -> tuple[object, ...]:
    """Options of ``agez gradient`` for the galaxy with most rows, all but three of them inside one Re."""
    table = Table.read(path)
    names, counts = np.unique(np.asarray(table["galaxy_id"]).astype(str), return_counts=True)
    name = str(names[np.argmax(counts)])
    rows = table[np.asarray(table["galaxy_id"]).astype(str) == name]
    return "--galaxy", name, "--re", float(np.sort(np.hypot(rows["x"], rows["y"]))[-4])


def write_spectrum(path: Path, **changes: Any) -> Path:
    """One spectrum of 4000-7000 A as a table, some of whose columns or units are not as they should be.

    ``wavelength``, ``flux``, ``flux_err`` replace columns; ``wave_unit``, ``flux_unit`` units; ``rows`` cuts.
    """
    wave = np.arange(3500.0, 7500.0, 2.0)
    table = Table(
        {
            "wavelength": changes.get("wavelength", wave),
            "flux": changes.get("flux", 1.0 + 0.2 * np.sin(wave / 100)),
            "flux_err": changes.get("flux_err", np.full(len(wave), 0.02)),
        }
    )
    table["wavelength"].unit = changes.get("wave_unit", "Angstrom")
    table["flux"].unit = table["flux_err"].unit = changes.get("flux_unit", "1e-16 erg / (s cm2 Angstrom)")
    table.meta["redshift"] = 0.01
    table[: changes.get("rows", len(table))].write(path, format="ascii.ecsv")
    return path
