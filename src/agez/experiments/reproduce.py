"""The paper, end to end: sample, Set A, Set B, gradients, figures, report."""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from agez.errors import AgezError
from agez.experiments.mock_sample import make_mock_sample
from agez.experiments.presets import Preset, find_preset
from agez.experiments.result import ExampleSpectrum, RunResult, SetResult, make_set_result
from agez.experiments.summary import build_summary
from agez.files import check_output, make_folder, write_json
from agez.learn.cross_validation import CrossValidation, cross_validate
from agez.learn.ensemble import model_from_cross_validation
from agez.learn.model import save_model
from agez.learn.pool import check_jax
from agez.learn.prepared import choose_bands
from agez.learn.sample import read_sample, write_sample
from agez.learn.splits import SplitKind, make_splits
from agez.mocks.survey import SurveyPlan, make_galaxy, survey_plan
from agez.photometry.filters import PAPER_BANDS, FilterSet, load_filters
from agez.photometry.synthesis import synthesize
from agez.progress import progress
from agez.spectra.templates import SSPGrid, load_templates
from agez.table_files import write_table
from agez.types import Sample

#: The two sets of the paper: how each deals spectra into folds.
SETS: dict[str, SplitKind] = {"set_a": "within", "set_b": "by-galaxy"}


@dataclass(frozen=True)
class _Clock:
    """Seconds of each step, as they pass."""

    seconds: dict[str, float]

    def time(self, step: str, work: Callable[[], Any]) -> Any:
        """Do ``work`` and note how long it took."""
        start = time.monotonic()
        try:
            return work()
        finally:
            self.seconds[step] = self.seconds.get(step, 0.0) + time.monotonic() - start


def reproduce(
    out: str | os.PathLike[str],
    *,
    preset: str = "standard",
    seed: int = 1,
    sample: str | os.PathLike[str] | None = None,
    templates: str | None = None,
    workers: int = 2,
) -> RunResult:
    """Run the whole experiment of Liew-Cain et al. (2021, MNRAS 502, 1355) and write its result to a folder.

    The folder gets ``summary.json``, ``report.html``, ``figures/``, ``sample.fits``,
    ``predictions.fits`` and ``models/``.  The same seed gives the same figures.

    Parameters
    ----------
    out : path
    preset : 'quick', 'standard' or 'full'
    seed : int
    sample : path, optional
        A sample file; without it a mock survey is made first.
    templates : str, optional
        Library of the mock survey and its fits, by default ``emiles``; not to be given with ``sample``.
    workers : int
        Processes for making the sample and for training.

    Raises
    ------
    AgezError
        If something that the run needs is missing; all is checked before the long work starts.
    """
    size = find_preset(preset)
    if seed < 0:
        raise AgezError(f"seed is {seed}; expected 0 or more")
    if sample is not None and templates is not None:
        raise AgezError("templates are those of a mock survey, and a sample needs none: give one of the two")
    folder = _check_outputs(out)
    _check_installed()
    clock = _Clock({})
    start = time.monotonic()
    example = None
    if sample is not None:
        data = read_sample(sample)
        # the run's own sample.fits, figures and number of bands are those of the bands that are learned from
        data = replace(data, photometry=data.photometry.select_bands(choose_bands(data)))
        for split in SETS.values():  # says at once if there are too few galaxies
            make_splits(data, kind=split, rng=np.random.default_rng(seed))
    else:
        library = templates or "emiles"
        grid = load_templates(library)  # says at once if they are not installed
        filters = load_filters("jpas").select(PAPER_BANDS)
        plan = survey_plan(size.n_galaxies, size.n_spectra, seed=seed)
        data, spent = make_mock_sample(plan, filters, templates=library, workers=workers)
        clock.seconds.update(spent)
        example = _example(plan, filters, grid)
    write_sample(folder / "sample.fits", data)
    runs: dict[str, CrossValidation] = clock.time("train", lambda: _train(data, size, seed, workers))
    results: dict[str, SetResult] = clock.time("evaluate", lambda: _evaluate(data, runs, seed))
    for name, run in runs.items():
        save_model(folder / "models" / f"{name}.safetensors", model_from_cross_validation(run, data, name=name))
    _write_predictions(folder / "predictions.fits", data, runs)
    summary = build_summary(
        data,
        results["set_a"],
        results["set_b"],
        preset=preset,
        seed=seed,
        seconds=clock.seconds | {"total": time.monotonic() - start},
        peak_rss_mb=_peak_rss_mb(workers),
        rng=np.random.default_rng([seed, 3]),
    )
    result = RunResult(data, results["set_a"], results["set_b"], summary, example)
    from agez.report.figures import make_figures
    from agez.report.html import write_report

    clock.time("report", lambda: write_report(folder / "report.html", result, make_figures(folder / "figures", result)))
    # the report is part of the run: its time enters the total that is written last
    late = {"report": clock.seconds["report"], "total": time.monotonic() - start}
    seconds = summary["seconds"] | {step: round(spent, 3) for step, spent in late.items()}
    summary = summary | {"seconds": seconds, "peak_rss_mb": round(_peak_rss_mb(workers), 1)}
    write_json(folder / "summary.json", summary)
    return replace(result, summary=summary)


def _check_outputs(out: str | os.PathLike[str]) -> Path:
    """The output folder, made, if all that the run writes into it can be written."""
    folder = make_folder(out)
    for name in ("models", "figures"):
        make_folder(folder / name)
    for name in ("summary.json", "report.html", "sample.fits", "predictions.fits"):
        check_output(folder / name)
    return folder


def _check_installed() -> None:
    """What the end of the run needs must be there before it starts."""
    check_jax()
    if find_spec("matplotlib") is None:
        raise AgezError("the report needs matplotlib, which is not installed: pip install 'agez[reproduce]'")


def _example(plan: SurveyPlan, filters: FilterSet, grid: SSPGrid) -> ExampleSpectrum:
    """The spectrum of figure 1: the best of the first galaxy whose bands are nearly all covered."""
    best: ExampleSpectrum | None = None
    for index in range(min(len(plan), 10)):
        spectra = make_galaxy(plan, index, grid).spectra
        snr = np.median(spectra.flux / spectra.flux_err, axis=1)
        one = spectra.take([int(np.argmax(snr))])
        photometry = synthesize(one, filters)
        if best is None or photometry.covered.sum() > best.photometry.covered.sum():
            best = ExampleSpectrum(one, photometry, filters.curves)
    assert best is not None
    return best


def _train(data: Sample, size: Preset, seed: int, workers: int) -> dict[str, CrossValidation]:
    """Both cross-validations; the bar counts epochs of networks."""
    runs = {}
    for name, split in SETS.items():
        networks = 2 * 4
        with progress(total=networks * size.training.max_epochs, title=f"training {name.replace('_', ' ')}") as bar:
            done = [0] * networks

            def tell(number: int, epoch: int, _: float, *, done: list[int] = done, bar: Any = bar) -> None:
                bar.update(epoch + 1 - done[number])
                done[number] = epoch + 1

            runs[name] = cross_validate(
                data,
                split=split,
                settings=size.training,
                seed=seed,
                workers=workers,
                progress=tell,
            )
    return runs


def _evaluate(data: Sample, runs: dict[str, CrossValidation], seed: int) -> dict[str, SetResult]:
    return {
        name: make_set_result(
            data,
            run.predicted,
            run.fold,
            run.curves,
            # both sets on the same bootstrap subsets
            rng=np.random.default_rng([seed, 2]),
        )
        for name, run in runs.items()
    }


def _write_predictions(path: Path, data: Sample, runs: dict[str, CrossValidation]) -> None:
    """A row a spectrum: identity, labels, and what each set's unseen networks say."""
    rows, labels = data.rows, data.labels
    table = Table(
        {
            "galaxy_id": rows.galaxy_id,
            "spec_id": rows.spec_id,
            "x": rows.x,
            "y": rows.y,
            "r_re": data.r_re,
            "label_log_age_lw": labels.log_age_lw,
            "label_mh_lw": labels.mh_lw,
        }
    )
    for name, run in runs.items():
        table[f"{name}_log_age_lw"], table[f"{name}_mh_lw"] = run.predicted.T
        table[f"{name}_ood"], table[f"{name}_flags"], table[f"{name}_fold"] = run.ood, run.flags, run.fold
    table.meta["LABLMETA"] = json.dumps(dict(labels.meta))  # weighting, normalisation band, templates, solar scale
    write_table(path, table, name="PREDICTIONS")


def _peak_rss_mb(workers: int) -> float:
    """Largest resident memory of this process and, counted ``workers`` times, of its largest child [MB]."""
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    unit = 1024.0**2 if sys.platform == "darwin" else 1024.0  # bytes there, kilobytes elsewhere
    return (own + workers * child) / unit
