"""A training sample of a mock survey: make, observe and label galaxy after galaxy, in worker processes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from agez.experiments.result import ExampleSpectrum
from agez.label_types import Galaxies, Labels, Sample, Truth
from agez.mocks.survey import MockGalaxy, SurveyPlan, make_galaxy
from agez.photometry.filters import FilterSet
from agez.photometry.synthesis import synthesize
from agez.runtime.progress import progress
from agez.runtime.worker_pool import each_done
from agez.samples.sample import make_sample
from agez.spectra.fitting import fit_labels
from agez.spectra.templates import SSPGrid, load_templates
from agez.types import Floats, Photometry

#: Steps of the work on one galaxy, in the order of their times.
_STEPS = ("mock", "synth", "label")


@dataclass(frozen=True, eq=False)
class _Galaxy:
    """What is kept of one mock galaxy once its spectra are used up."""

    photometry: Photometry
    labels: Labels
    truth: Truth
    galaxies: Galaxies
    seconds: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class MockSurvey:
    """A survey to be made."""

    plan: SurveyPlan
    #: ``make(plan, index, grid)`` gives a galaxy; ``grid`` is the library that fits it. Picklable.
    make: Callable[[SurveyPlan, int, SSPGrid], MockGalaxy] = make_galaxy


def make_mock_sample(
    plan: SurveyPlan, filters: FilterSet, *, templates: str = "emiles", workers: int = 2
) -> tuple[Sample, dict[str, float]]:
    """Make every galaxy of a survey, synthesise its rest-frame photometry and fit its labels; join all as a sample.

    Returns
    -------
    sample : Sample
    seconds : dict
        Wall-clock time, shared among ``mock``, ``synth`` and ``label`` as the workers' own time was.

    See Also
    --------
    make_mock_samples : the arguments, and more than one survey at once.
    """
    samples, seconds = make_mock_samples([MockSurvey(plan)], filters, templates=templates, workers=workers)
    return samples[0], seconds


def make_mock_samples(
    surveys: Sequence[MockSurvey], filters: FilterSet, *, templates: str = "emiles", workers: int = 2
) -> tuple[list[Sample], dict[str, float]]:
    """Samples of several mock surveys, made by one pool of workers.

    Spectra live only inside a worker, one galaxy at a time, so memory does not grow with the survey
    but by the sample itself.  The result does not depend on the number of workers.

    Parameters
    ----------
    filters : FilterSet
        The bands of the sample.
    templates : str
        Library of the fits and of standard galaxies, as :func:`agez.spectra.templates.load_templates` knows it.
    workers : int
        Processes; 1 works in this one.
    """
    started = time.monotonic()
    grid = load_templates(templates)  # says at once if they are not there, and not in every worker
    # the largest first, so that no worker is left alone with one at the end
    items = [(s, g) for s, survey in enumerate(surveys) for g in range(len(survey.plan))]
    items.sort(key=lambda item: -int(surveys[item[0]].plan.n_spectra[item[1]]))
    work = each_done(_work_in_worker, items, workers=workers, start=_start, start_with=(surveys, filters, templates))
    made = dict(progress(work, total=len(items), title="galaxies: spectra, SEDs, labels"))
    samples = [
        _joined(survey.plan, grid, [made[s, g] for g in range(len(survey.plan))]) for s, survey in enumerate(surveys)
    ]
    spent = np.sum([one.seconds for one in made.values()], axis=0)
    share = (time.monotonic() - started) * spent / spent.sum()
    return samples, dict(zip(_STEPS, share.tolist(), strict=True))


def _joined(plan: SurveyPlan, grid: SSPGrid, parts: Sequence[_Galaxy]) -> Sample:
    meta = {
        "source": "mock",
        "seed": plan.seed,
        "templates": grid.name,
        "n_spectra_made": int(np.sum(plan.n_spectra)),
        "n_galaxies_made": len(plan),
    }
    return make_sample(
        Photometry.concatenate([one.photometry for one in parts]),
        Labels.concatenate([one.labels for one in parts]),
        Galaxies.concatenate([one.galaxies for one in parts]),
        truth=Truth.concatenate([one.truth for one in parts]),
        meta=meta,
    )


def example_spectrum(plan: SurveyPlan, filters: FilterSet, grid: SSPGrid) -> ExampleSpectrum:
    """The spectrum of figure 1: the best of the galaxy, among the first ten, that covers the most bands."""
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


_shared: dict[str, Any] = {}


def _start(surveys: Sequence[MockSurvey], filters: FilterSet, templates: str) -> None:
    """What a worker keeps: sent once, not with every galaxy."""
    _shared.update(surveys=surveys, filters=filters, grid=load_templates(templates))


def _work_in_worker(item: tuple[int, int]) -> _Galaxy:
    number, index = item
    return _work(_shared["surveys"][number], index, _shared["filters"], _shared["grid"])


def _work(survey: MockSurvey, index: int, filters: FilterSet, grid: SSPGrid) -> _Galaxy:
    times = [time.process_time()]
    mock = survey.make(survey.plan, index, grid)
    times.append(time.process_time())
    photometry = synthesize(mock.spectra, filters)
    times.append(time.process_time())
    labels = replace(fit_labels(mock.spectra, grid), weights=None)
    times.append(time.process_time())
    spent: Floats = np.diff(times)
    return _Galaxy(photometry, labels, mock.truth, mock.galaxies, tuple(spent.tolist()))
