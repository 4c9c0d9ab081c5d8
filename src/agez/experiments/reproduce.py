"""The paper, end to end: sample, Set A, Set B, every further experiment, figures, report; all or some of it."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from agez.errors import AgezError
from agez.experiments import gradient_claims, set_claims
from agez.experiments.catalogue import EXPERIMENTS, SETS_KEY, find_experiments, place_in_paper
from agez.experiments.claims import Claim
from agez.experiments.mock_sample import example_spectrum, make_mock_sample
from agez.experiments.paper import SETS
from agez.experiments.presets import Preset, find_preset
from agez.experiments.result import ExampleSpectrum, RunResult, SetResult
from agez.experiments.run_folder import RunFolder
from agez.experiments.set_details import set_details
from agez.experiments.sets import evaluate_sets, run_sets, write_predictions
from agez.experiments.stage import Block, Stage
from agez.experiments.summary import build_summary
from agez.label_types import Sample
from agez.mocks.survey import survey_plan
from agez.models.model_file import save_model
from agez.paper_network.cross_validation import CrossValidation
from agez.paper_network.ensemble import model_from_cross_validation
from agez.paper_network.pool import Trainer
from agez.paper_network.prepared import choose_bands
from agez.photometry.filters import PAPER_BANDS, load_filters
from agez.runtime.files import check_not_input, write_json
from agez.runtime.finished_work import file_hash
from agez.runtime.optional_packages import check_installed
from agez.runtime.run_lock import sole_run
from agez.samples.sample import read_sample, write_sample
from agez.samples.splits import make_splits
from agez.spectra.templates import load_templates

#: Templates of the mock survey, and of the peers that need some.
TEMPLATES = "emiles"


def reproduce(
    out: str | os.PathLike[str],
    *,
    preset: str = "standard",
    seed: int = 1,
    sample: str | os.PathLike[str] | None = None,
    templates: str | None = None,
    only: Sequence[str] = (),
    fresh: bool = False,
    workers: int = 2,
) -> RunResult:
    """Run the experiments of Liew-Cain et al. (2021, MNRAS 502, 1355) and write their results to a folder.

    The folder gets ``summary.json``, ``report.html``, ``figures/``, ``sample.fits``, ``predictions.fits``,
    ``models/``, ``experiments/`` (the points behind the figures) and ``work/`` (finished trainings).  The same seed
    gives the same results.  A run that was interrupted, even by kill -9, goes on where it was when it is started
    again with the same arguments: it loses at most the trainings in hand.

    Parameters
    ----------
    preset : 'quick', 'standard' or 'full'
    sample : path, optional
        A sample file; without it a mock survey is made first.
    templates : str, optional
        Library of the mock survey and its fits, by default ``emiles``; not to be given with ``sample``.
    only : sequence of str
        Experiments, figures or tables (``fig13``, ``table1``, ``peers``); by default all.  What an earlier run of the
        same arguments has left in the folder is kept, and shown beside.
    fresh : bool
        Begin anew, whatever an earlier run has left.
    workers : int
        Processes for making the sample and for training.

    Raises
    ------
    AgezError
        If something that the run needs is missing; all is checked before the long work starts.
    """
    size = find_preset(preset)
    wanted = find_experiments(only)
    if seed < 0:
        raise AgezError(f"seed is {seed}; expected 0 or more")
    if workers < 1:
        raise AgezError(f"workers is {workers}; expected at least 1")
    if sample is not None and templates is not None:
        raise AgezError("templates are those of a mock survey, and a sample needs none: give one of the two")
    _check_installed(wanted)
    library = templates or TEMPLATES
    if sample is not None:
        check_not_input(Path(out) / "sample.fits", [sample])
    asked = {"preset": repr(size), "seed": seed, "templates": library}
    asked["sample"] = None if sample is None else file_hash(_check_sample(sample, seed))
    with sole_run(
        Path(out) / ".lock",
        busy=f"{out}: another run is at work in this folder",
        advice="wait until it has ended, or give another --out",
    ):
        return _run(RunFolder(out, asked, fresh=fresh), size, seed, sample, library, wanted, workers)


def _run(
    folder: RunFolder,
    size: Preset,
    seed: int,
    sample: str | os.PathLike[str] | None,
    library: str,
    wanted: Sequence[str],
    workers: int,
) -> RunResult:
    """What :func:`reproduce` does once its arguments are known to be good."""
    if sample is None:
        data, example = _mock_sample(folder, size, seed, library, workers)
    else:
        data, example = _given_sample(folder, sample), None
    with Trainer(workers, kept=folder.networks) as trainer:
        runs, sets = _sets(folder, data, trainer, size, seed, wanted)
        stage = Stage(data, size, seed, workers, library, folder.work, trainer, runs, sets)
        blocks = _experiments(folder, stage, wanted)
    result = _result(folder, stage, blocks, example)
    from agez.report.figures import make_figures
    from agez.report.html import write_report

    folder.time("report", lambda: write_report(folder.path / "report.html", result,
                                               make_figures(folder.path / "figures", result)))  # fmt: skip
    # the report is part of the run: its time enters the seconds that are written last
    seconds = result.summary["seconds"] | _rounded(folder.seconds)
    summary = {**result.summary, "seconds": seconds, "peak_rss_mb": round(_peak_rss_mb(workers), 1)}
    write_json(folder.path / "summary.json", summary)
    return replace(result, summary=summary)


def _check_installed(wanted: Sequence[str]) -> None:
    """What the end of the run needs must be there before it starts."""
    check_installed("matplotlib", extra="reproduce", purpose="the report")
    for experiment in EXPERIMENTS:
        if experiment.key in wanted and experiment.check is not None:
            experiment.check()


def _check_sample(path: str | os.PathLike[str], seed: int) -> str | os.PathLike[str]:
    """The path of a sample that has galaxies enough for both sets."""
    data = read_sample(path)
    for split in SETS.values():
        make_splits(data, kind=split, rng=np.random.default_rng(seed))
    return path


def _given_sample(folder: RunFolder, path: str | os.PathLike[str]) -> Sample:
    """The sample of a file, in the bands that are learned from: the run's own file, figures and counts are of those."""
    data = read_sample(path)
    data = replace(data, photometry=data.photometry.select_bands(choose_bands(data)))
    write_sample(folder.path / "sample.fits", data)
    return data


def _mock_sample(
    folder: RunFolder, size: Preset, seed: int, library: str, workers: int
) -> tuple[Sample, ExampleSpectrum]:
    """The sample of the mock survey, made or from its file, and the spectrum of figure 1."""
    grid = load_templates(library)  # says at once if they are not installed
    filters = load_filters("jpas").select(PAPER_BANDS)
    plan = survey_plan(size.n_galaxies, size.n_spectra, seed=seed)
    path = folder.path / "sample.fits"
    if not ("sample" in folder.done and path.exists()):
        data, spent = make_mock_sample(plan, filters, templates=library, workers=workers)
        write_sample(path, data)
        folder.add_seconds(spent)
        folder.mark("sample")
    # always as the file has it, so that a run that goes on has the very same numbers
    return read_sample(path), example_spectrum(plan, filters, grid)


def _sets(
    folder: RunFolder, data: Sample, trainer: Trainer, size: Preset, seed: int, wanted: Sequence[str]
) -> tuple[dict[str, CrossValidation], dict[str, SetResult]]:
    """Set A and Set B, if they are wanted, needed, or were run before (their networks are then at hand)."""
    needed = any(e.needs_sets and e.key in wanted and folder.find_block(e.key) is None for e in EXPERIMENTS)
    if not (needed or SETS_KEY in wanted or SETS_KEY in folder.done):
        return {}, {}
    runs = folder.time("train", lambda: run_sets(data, trainer, settings=size.training, seed=seed))
    sets = folder.time("evaluate", lambda: evaluate_sets(data, runs, seed=seed))
    for name, run in runs.items():
        save_model(folder.path / "models" / f"{name}.safetensors", model_from_cross_validation(run, data, name=name))
    write_predictions(folder.path / "predictions.fits", data, runs)
    folder.mark(SETS_KEY)
    return runs, sets


def _experiments(folder: RunFolder, stage: Stage, wanted: Sequence[str]) -> dict[str, Block]:
    """Every experiment that is wanted, or was done before, in the paper's order."""
    blocks: dict[str, Block] = {}
    for experiment in EXPERIMENTS:
        block: Block | None = folder.find_block(experiment.key)
        if block is None and experiment.key in wanted:
            block = folder.time(experiment.key, partial(experiment.run, stage))
            folder.keep_block(experiment.key, block)
        if block is not None:
            blocks[experiment.key] = block
    return blocks


def _result(folder: RunFolder, stage: Stage, blocks: Mapping[str, Block], example: ExampleSpectrum | None) -> RunResult:
    """Summary and claims of what was run."""
    set_a, set_b = (stage.sets.get(name) for name in SETS)
    summary = build_summary(
        stage.sample,
        set_a,
        set_b,
        preset=stage.preset.name,
        seed=stage.seed,
        seconds=_rounded(folder.seconds),
        peak_rss_mb=_peak_rss_mb(stage.workers),
        rng=np.random.default_rng([stage.seed, 3]),
    )
    if stage.sets:
        summary["set_details"] = set_details(stage.sample, stage.sets, rng=np.random.default_rng([stage.seed, 17]))
    parts = {key: {part: block[part] for part in ("published", "measured")} for key, block in blocks.items()}
    summary |= parts
    claims: list[Claim] = [*set_claims.claims(summary), *gradient_claims.claims(summary)]
    for experiment in EXPERIMENTS:
        if experiment.key in blocks:
            claims += experiment.module.claims(blocks[experiment.key])
    claims.sort(key=lambda claim: place_in_paper(claim.figure))
    told: dict[str, Any] = {**summary, "claims": [claim.to_json() for claim in claims]}
    return RunResult(stage.sample, set_a, set_b, told, example, blocks, tuple(claims))


def _rounded(seconds: Mapping[str, float]) -> dict[str, float]:
    return {step: round(spent, 3) for step, spent in seconds.items()}


def _peak_rss_mb(workers: int) -> float:
    """Largest resident memory of this process and, counted ``workers`` times, of its largest child [MB]."""
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    unit = 1024.0**2 if sys.platform == "darwin" else 1024.0  # bytes there, kilobytes elsewhere
    return (own + workers * child) / unit
