"""The gain of fine-tuning over training from scratch, as a function of the number of galaxies.

In each draw one galaxy in four is set aside to test both ways; from the others the galaxies of each point of the curve
are drawn, stratified by morphology, nested from the smallest number to the largest.  Each way trains as
``agez train`` would: networks cross-fitted by galaxy, intervals calibrated on held-out galaxies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from agez.analysis.metrics import evaluate, json_number
from agez.distributions.mixture import Mixture, marginal_of, moments
from agez.errors import AgezError
from agez.label_types import Sample
from agez.mixture_network.calibrated_scores import normal_scores
from agez.mixture_network.calibration import calibrate
from agez.mixture_network.mixture_model import Network, ensemble, network_of
from agez.models.model import Model
from agez.models.model_card import FRESH, TUNED
from agez.runtime.worker_pool import each_done
from agez.samples.splits import N_FOLDS, deal_galaxies, splits_by_galaxy
from agez.targets import word_of
from agez.training.cross_fitting import calibration_of, cross_fit, settings_for
from agez.training.learn_sample import check_redshifts
from agez.training.sample_batches import (
    SampleRows,
    networks_to_teach,
    sample_rows,
    taught_targets,
    with_redshifts_found,
)
from agez.types import Floats, Ints, Strings

#: Numbers of galaxies of the curve's points, apart from all that are not set aside.
NUMBERS = (10, 30, 100)
#: One galaxy in this many is set aside for testing.
TEST_PARTS = 4
N_DRAWS = 3
#: With fewer galaxies there are too few to learn from (a fold more than folds) once those for testing are set aside.
LEAST_GALAXIES = 8
WAYS = (FRESH, TUNED)


@dataclass(frozen=True, eq=False)
class _Job:
    draw: int
    n_galaxies: int
    way: str
    rows: Ints
    test: Ints


@dataclass(frozen=True, eq=False)
class _Shared:
    """Data shared by all jobs, sent once to each worker."""

    data: SampleRows
    kinds: Strings
    members: tuple[Network, ...]
    steps: int | None
    seed: int


_SHARED: dict[str, _Shared] = {}


def _remember(shared: _Shared) -> None:
    _SHARED["shared"] = shared


def learning_curve(
    sample: Sample,
    start: Model,
    *,
    numbers: Sequence[int] = NUMBERS,
    n_draws: int = N_DRAWS,
    steps: int | None = None,
    seed: int = 1,
    workers: int = 2,
    progress: Callable[[int], object] | None = None,
) -> dict[str, Any]:
    """Train both ways on some of the sample's galaxies, and score them on others.

    Parameters
    ----------
    start : Model
        A posterior model.
    numbers : sequence of int
        Of galaxies; those that the sample allows are done, and all that are not set aside.
    n_draws : int
        Number of draws of galaxies.
    steps : int, optional
        Of each network's training, both ways; default: what ``agez train`` takes for so many rows, each way its own.
    progress : callable, optional
        Called with 1 when a point of a draw is done, one way; see :func:`n_trainings`.

    Returns
    -------
    dict
        What goes into a model's header: the model's name ``start``, ``n_draws``, ``seed``, ``n_test_galaxies`` that are
        set aside in a draw, by target ``as_it_is``, the scores of the model before it has seen any of the sample, and
        ``points`` by rising number of galaxies, all tested on the same unseen ones: ``n_galaxies``, ``n_spectra``,
        ``steps`` of each network's training by way, and by target both ways' scores, the ``gain``, by how much
        sigma_mad is smaller if one starts from the model [dex], and its standard error over draws.

    Raises
    ------
    AgezError
        If the sample has fewer than ``LEAST_GALAXIES`` galaxies, or ``start`` is of the paper's kind.
    """
    if not start.gives_distribution:
        raise AgezError(
            "a learning curve needs a model that gives distributions: jpas, jplus, splus, paper or the like"
        )
    if n_draws < 1:
        raise AgezError(f"n_draws is {n_draws}; expected at least 1")
    sizes = curve_sizes(sample, numbers)
    data = sample_rows(sample, start.bands, targets=taught_targets(start))
    check_redshifts(data, start)
    names, first, counts = np.unique(sample.rows.galaxy_id, return_index=True, return_counts=True)
    kind = np.asarray(sample.galaxies.morphology[sample.galaxies.rows_of(sample.rows.galaxy_id[first])], dtype=str)
    shared = _Shared(with_redshifts_found(data, start), kind, networks_to_teach(start), steps, seed)
    jobs, tests = [], []
    for draw in range(n_draws):
        rng = np.random.default_rng((seed, draw))
        order, test = _drawn(kind, counts, rng)
        tests.append(np.flatnonzero(np.isin(data.galaxy, test)))
        for n in sizes:
            rows = np.flatnonzero(np.isin(data.galaxy, order[:n]))
            jobs += [_Job(draw, n, way, rows, tests[-1]) for way in WAYS]
    jobs.sort(key=lambda job: -job.n_galaxies)  # the long ones first, so that workers end together
    found: dict[tuple[int, int, str], _Scores] = {}
    for job, scores in each_done(_train, jobs, workers=workers, start=_remember, start_with=(shared,)):
        found[job.n_galaxies, job.draw, job.way] = scores
        if progress is not None:
            progress(1)
    words = [word_of(target.name) for target in start.targets]
    untouched = [_as_it_is(start, data, rows) for rows in tests]
    return {
        "start": start.name,
        "n_draws": n_draws,
        "seed": seed,
        "n_test_galaxies": len(names) - sizes[-1],
        "as_it_is": {word: _means(untouched, t) for t, word in enumerate(words)},
        "points": [
            {"n_galaxies": n, "n_spectra": int(np.mean([len(job.rows) for job in jobs if job.n_galaxies == n]))}
            | _point(words, *([found[n, draw, way] for draw in range(n_draws)] for way in WAYS))
            for n in sizes
        ],
    }


def curve_sizes(sample: Sample, numbers: Sequence[int] = NUMBERS) -> tuple[int, ...]:
    """Numbers of galaxies of the curve's points: those that the sample allows, and all but the test galaxies.

    AgezError if there are too few galaxies, or a number is below five.
    """
    n = len(np.unique(sample.rows.galaxy_id))
    if n < LEAST_GALAXIES:
        raise AgezError(
            f"sample: {n} galaxies are too few for a learning curve, which sets one in {TEST_PARTS} aside; give at "
            f"least {LEAST_GALAXIES}, or leave --learning-curve out"
        )
    if any(number < N_FOLDS + 1 for number in numbers):
        raise AgezError(f"a learning curve at {min(numbers)} galaxies: expected at least {N_FOLDS + 1}, to split them")
    most = n - -(-n // TEST_PARTS)
    return (*sorted({int(number) for number in numbers if number < most}), most)


def n_trainings(sample: Sample, numbers: Sequence[int] = NUMBERS, *, n_draws: int = N_DRAWS) -> int:
    """How often ``progress`` is called."""
    return len(WAYS) * n_draws * len(curve_sizes(sample, numbers))


def _drawn(kind: Strings, counts: Ints, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Training galaxies, in an order whose every prefix is stratified; and test galaxies."""
    n = len(kind)
    hand = deal_galaxies(kind, counts, TEST_PARTS, rng)
    test = np.flatnonzero(hand == np.argmax(np.bincount(hand)))  # a hand of the larger size: all draws have the same
    wanted = -(-n // TEST_PARTS)
    rest = np.setdiff1d(np.arange(n), test)
    if len(test) < wanted:
        more = rng.choice(rest, wanted - len(test), replace=False)
        test, rest = np.union1d(test, more), np.setdiff1d(rest, more)
    elif len(test) > wanted:
        less = rng.choice(test, len(test) - wanted, replace=False)
        test, rest = np.setdiff1d(test, less), np.union1d(rest, less)
    place = np.empty(len(rest))
    for one in np.unique(kind[rest]):
        own = rng.permutation(np.flatnonzero(kind[rest] == one))
        place[own] = (np.arange(len(own)) + rng.uniform()) / len(own)
    return rest[np.argsort(place, kind="stable")], test


@dataclass(frozen=True)
class _Scores:
    sigma_mad: tuple[float, ...]
    coverage_68: tuple[float, ...]
    steps: int


def _train(job: _Job) -> _Scores:
    shared = _SHARED["shared"]
    own, own_kinds = shared.data.take(job.rows), shared.kinds[shared.data.galaxy[job.rows]]
    start = shared.members if job.way == TUNED else ()
    settings = settings_for(len(own), from_model=bool(start))
    if shared.steps is not None:
        settings = replace(settings, steps=shared.steps)
    seed = shared.seed * 1000 + job.draw
    splits = splits_by_galaxy(own.galaxy.astype(str), kinds=own_kinds, rng=np.random.default_rng((seed, 1)))
    cross = cross_fit(own, splits, start=start, settings=settings, members=1, seed=seed, workers=1)
    networks = tuple(one for fold in cross.members for one in fold)
    seds = shared.data.seds(job.test)
    raw = ensemble(networks, seds, *shared.data.redshifts(job.test))
    answer = calibrate(calibration_of(cross, own), raw, seds)
    return _scores_of(answer, shared.data.labels[job.test], settings.steps)


def _scores_of(answer: Mixture, labels: Floats, steps: int) -> _Scores:
    mean, _, _ = moments(answer)
    inside = np.abs(normal_scores(answer, labels)) < 1
    return _Scores(
        tuple(float(evaluate(mean[:, t], labels[:, t]).sigma_mad) for t in range(labels.shape[1])),
        tuple(float(one) for one in inside.mean(axis=0)), steps,
    )  # fmt: skip


def _as_it_is(start: Model, data: SampleRows, rows: Ints) -> _Scores:
    answer = network_of(start).answer(data.seds(rows), *data.redshifts(rows))
    labels = data.labels[rows]
    return _scores_of(marginal_of(answer, range(labels.shape[1])), labels, 0)


def _means(scores: Sequence[_Scores], t: int) -> dict[str, Any]:
    """Means over draws, of one target."""
    return {name: json_number(float(np.mean([getattr(one, name)[t] for one in scores])))
            for name in ("sigma_mad", "coverage_68")}  # fmt: skip


def _point(words: Sequence[str], fresh: Sequence[_Scores], tuned: Sequence[_Scores]) -> dict[str, Any]:
    """Both ways with the same galaxies, one draw after another; one draw tells no error of the gain."""
    out: dict[str, Any] = {"steps": {FRESH: fresh[0].steps, TUNED: tuned[0].steps}}
    for t, word in enumerate(words):
        gains = np.array([a.sigma_mad[t] - b.sigma_mad[t] for a, b in zip(fresh, tuned, strict=True)])
        error = float(gains.std(ddof=1) / np.sqrt(len(gains))) if len(gains) > 1 else None
        out[word] = {FRESH: _means(fresh, t), TUNED: _means(tuned, t), "gain": json_number(float(gains.mean())),
                     "gain_err": error}  # fmt: skip
    return out
