"""Training on a user's sample, from scratch or from a shipped model, with held-out predictions for every row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from agez.distributions.mixture import Mixture
from agez.errors import AgezError
from agez.mixture_network.calibration import IntervalCalibration, calibrate
from agez.mixture_network.mixture_model import Network, ensemble
from agez.mixture_network.trunks import NetworkShape
from agez.models.features import NormalisedPhotometry, n_features
from agez.runtime.worker_pool import each_done
from agez.samples.splits import Split, fold_of_rows
from agez.training.learn_calibration import exact_overall, learn_calibration
from agez.training.mixture_fit import FitSettings, fit
from agez.training.sample_batches import SAMPLE_SURVEY, SampleBatches, SampleRows, scaling_of_sample
from agez.types import Ints

#: Hidden units and components of a network trained from scratch: samples have tens of thousands of rows, not millions.
FRESH_HIDDEN, FRESH_COMPONENTS = (256, 256), 3
#: Networks of each fold.
MEMBERS = 2
#: Redshifts of a sample that differ by less than this are one.
LEAST_RANGE = 0.002
FRESH_SETTINGS = FitSettings(steps=4000, batch=256, learning_rate=1e-3)
#: Fine-tuning is shorter, at a lower learning rate, so that the network keeps its pretraining.
TUNED_SETTINGS = FitSettings(steps=1000, batch=256, learning_rate=2e-4)
#: Rows for these settings.  With fewer, steps and learning rate of fine-tuning fall with the ratio to
#: these powers, the ratio not below this one.  On ten galaxies (a thousand rows) of the mock survey sigma_mad on unseen
#: ones is 0.071 and 0.136 dex after 100 steps at 1e-4, 0.085 and 0.172 after 1500 at 3e-4, 0.089 and 0.150 before (one
#: draw).  Training from scratch is not shortened: there more steps are better.
TUNED_ROWS, STEPS_POWER, RATE_POWER, LEAST_RATIO = 15_000, 0.8, 0.4, 0.04
#: Number and conditions of repeated observations of held-out rows: samples have nearly one noise level and all bands,
#: and intervals must be calibrated for rows that are noisier or lack bands.  Fluxes have their own calibration errors.
VIEWS = 3
VIEW_SURVEY = replace(SAMPLE_SURVEY, snr=(5.0, 300.0), calibration=(1e-4, 1e-3), zero_points=(1e-4, 1e-3), complete=0.4)


class View(NamedTuple):
    """Rows of a sample with more noise and fewer bands, and their out-of-sample predictions."""

    seds: NormalisedPhotometry
    raw: Mixture


@dataclass(frozen=True, eq=False)
class CrossFit:
    """Networks of every fold, and their out-of-sample predictions."""

    members: tuple[tuple[Network, ...], ...]  #: For each fold those that were trained on the others.
    raw: Mixture  #: Held-out predictions of all rows before calibration.
    fold: Ints  #: (n,) Fold of each row.
    views: tuple[View, ...]  #: Of all rows.


@dataclass(frozen=True, eq=False)
class _Job:
    fold: int
    member: int
    rows: Ints
    start: Network | None
    settings: FitSettings
    seed: int
    trunk: str


#: What worker processes were started with.
_DATA: dict[str, SampleRows] = {}


def _remember(data: SampleRows) -> None:
    _DATA["rows"] = data


def _train(job: _Job) -> Network:
    data, rng = _DATA["rows"], np.random.default_rng((job.seed, job.fold, job.member))
    if job.start is None:
        scaling = scaling_of_sample(data, job.rows, redshift_range_of(data))
        shape = NetworkShape(n_features(len(data.bands)), FRESH_HIDDEN, FRESH_COMPONENTS, len(data.targets), job.trunk)
        begin = None
    else:
        scaling, shape, begin = job.start.scaling, job.start.shape, job.start.parameters
    trained = fit(SampleBatches(data, job.rows, scaling), shape, job.settings, rng, start=begin)
    return Network(scaling, shape, trained.parameters)


def settings_for(n_rows: int, *, from_model: bool) -> FitSettings:
    """How a network is trained on so many rows: from a model the gentler the fewer there are, lest it forget."""
    if not from_model:
        return FRESH_SETTINGS
    ratio = min(max(n_rows / TUNED_ROWS, LEAST_RATIO), 1.0)
    return replace(
        TUNED_SETTINGS, steps=round(TUNED_SETTINGS.steps * ratio**STEPS_POWER),
        learning_rate=TUNED_SETTINGS.learning_rate * ratio**RATE_POWER,
    )  # fmt: skip


def redshift_range_of(data: SampleRows) -> tuple[float, float]:
    """The redshifts that a sample covers; at least ``LEAST_RANGE`` wide."""
    known = data.redshift[np.isfinite(data.redshift)]
    if len(known) == 0:
        return 0.0, LEAST_RANGE
    low, high = float(known.min()), float(known.max())
    return (low, high) if high - low >= LEAST_RANGE else (low, low + LEAST_RANGE)


def cross_fit(
    data: SampleRows,
    splits: Sequence[Split],
    *,
    start: Sequence[Network] = (),
    settings: FitSettings | None = None,
    members: int = MEMBERS,
    trunk: str = "dense",
    seed: int = 1,
    workers: int = 2,
    progress: Callable[[int], object] | None = None,
) -> CrossFit:
    """Train networks on all folds but one, and predict that one with them.

    Parameters
    ----------
    start : sequence of Network
        Networks to start from, in turn; none: from scratch.
    settings : FitSettings, optional
        Default: :func:`settings_for` the number of rows.
    trunk : str
        Of networks that are trained from scratch: a name of :data:`agez.mixture_network.trunks.TRUNKS`.
    progress : callable, optional
        Called with 1 when a network is done.

    Raises
    ------
    AgezError
        If a fold has no rows to learn from, or ``members`` is below 1.
    """
    if members < 1:
        raise AgezError(f"members is {members}; expected at least 1")
    settings = settings or settings_for(len(data), from_model=bool(start))
    jobs = []
    for k, split in enumerate(splits):
        rows = np.sort(np.concatenate([split.train, split.validation]))
        if len(rows) < 2:
            raise AgezError(f"sample: fold {k} has {len(rows)} rows to learn from; give more spectra or galaxies")
        for m in range(members):
            jobs.append(_Job(k, m, rows, start[m % len(start)] if start else None, settings, seed, trunk))
    found: dict[tuple[int, int], Network] = {}
    for job, member in each_done(_train, jobs, workers=workers, start=_remember, start_with=(data,)):
        found[job.fold, job.member] = member
        if progress is not None:
            progress(1)
    by_fold = tuple(tuple(found[k, m] for m in range(members)) for k in range(len(splits)))
    fold = fold_of_rows(tuple(splits), len(data))
    views = []
    for number in range(VIEWS):
        seds = data.seen_anew(slice(None), np.random.default_rng((seed, len(splits), number)), VIEW_SURVEY)
        views.append(View(seds, unseen_answers(by_fold, fold, seds, data)))
    return CrossFit(by_fold, unseen_answers(by_fold, fold, data.seds(), data), fold, tuple(views))


def unseen_answers(
    members: Sequence[Sequence[Network]], fold: Ints, seds: NormalisedPhotometry, data: SampleRows
) -> Mixture:
    """What the networks of each row's fold say of it, however it is seen."""
    parts, order = [], []
    for k, own in enumerate(members):
        rows = np.flatnonzero(fold == k)
        parts.append(ensemble(own, _rows_of(seds, rows), *data.redshifts(rows)))
        order.append(rows)
    return Mixture.concatenate(parts).take(np.argsort(np.concatenate(order), kind="stable"))


#: The calibration from all folds but some.
LearnedWithout = Callable[[frozenset[int]], IntervalCalibration]


def learned_without(cross: CrossFit, data: SampleRows) -> LearnedWithout:
    """Calibrations from the held-out predictions of all folds but those given; each set is fitted once."""

    @cache
    def learned(folds: frozenset[int]) -> IntervalCalibration:
        return _learned(cross, data, np.flatnonzero(~np.isin(cross.fold, list(folds))))

    return learned


def calibration_of(
    cross: CrossFit, data: SampleRows, *, without: frozenset[int] = frozenset(), learned: LearnedWithout | None = None
) -> IntervalCalibration:
    """Calibration of the intervals from the held-out predictions of all folds but some (default: of all).

    The dependence on noise and bands is fitted to the rows unchanged and observed again.  Overall coverage is exact for
    the unchanged rows, each fold calibrated by the others: cross-conformal prediction (Vovk 2015, Ann. Math. Artif.
    Intell. 74, 9).  ``learned`` is that of :func:`learned_without`, where several calibrations of the same networks are
    wanted.
    """
    learned = learned or learned_without(cross, data)
    folds = [int(k) for k in np.unique(cross.fold) if k not in without]
    if len(folds) < 2:
        return learned(without)
    unseen, order = [], []
    for k in folds:
        own = np.flatnonzero(cross.fold == k)
        unseen.append(calibrate(learned(without | {k}), cross.raw.take(own), data.seds(own)))
        order.append(own)
    return exact_overall(learned(without), Mixture.concatenate(unseen), data.labels[np.concatenate(order)])


def _learned(cross: CrossFit, data: SampleRows, rows: Ints) -> IntervalCalibration:
    center, width = data.labels.mean(axis=0), np.maximum(data.labels.std(axis=0), 1e-3)
    seen = [View(data.seds(), cross.raw), *cross.views]
    parts = [_rows_of(one.seds, rows) for one in seen]
    return learn_calibration(
        Mixture.concatenate([one.raw.take(rows) for one in seen]), np.tile(data.labels[rows], (len(seen), 1)),
        NormalisedPhotometry(*(np.concatenate(columns) for columns in zip(*parts, strict=True))),
        n_galaxies=len(np.unique(data.galaxy[rows])), center=center, width=width,
    )  # fmt: skip


def held_out(
    cross: CrossFit, data: SampleRows, *, learned: LearnedWithout | None = None
) -> tuple[Mixture, tuple[IntervalCalibration, ...]]:
    """Calibrated held-out predictions of every row, and a calibration for each fold: that of the other folds alone."""
    learned = learned or learned_without(cross, data)
    parts, order, calibrations = [], [], []
    for k in range(int(cross.fold.max()) + 1):
        rows = np.flatnonzero(cross.fold == k)
        others = calibration_of(cross, data, without=frozenset({k}), learned=learned)
        parts.append(calibrate(others, cross.raw.take(rows), data.seds(rows)))
        order.append(rows)
        calibrations.append(others)
    back = np.argsort(np.concatenate(order), kind="stable")
    return Mixture.concatenate(parts).take(back), tuple(calibrations)


def _rows_of(seds: NormalisedPhotometry, rows: Ints) -> NormalisedPhotometry:
    parts: list[Any] = [part[rows] for part in seds]
    return NormalisedPhotometry(*parts)
