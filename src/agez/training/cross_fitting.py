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
from agez.runtime.worker_pool import each_done, say
from agez.samples.splits import Split, fold_of_rows
from agez.training.learn_calibration import exact_overall, learn_calibration
from agez.training.mixture_fit import FitSettings, fit, steps_of_report, validation_loss
from agez.training.sample_batches import SampleBatches, SampleRows, repeated, scaling_of_sample
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
#: Number of repeated observations of held-out rows.
VIEWS = 3
#: Most rows that the validation loss is worked out on.
WATCHED_ROWS = 2000


class View(NamedTuple):
    """Rows of a sample with more noise and fewer bands, and their out-of-sample predictions."""

    seds: NormalisedPhotometry
    raw: Mixture


class LossCurve(NamedTuple):
    """The losses of one network in training: mean negative log density of standardised labels [nats]."""

    fold: int  #: The fold that the network never learned from.
    member: int
    step: list[int]  #: After which the following are.
    training: list[float]  #: Mean over the steps since the last.
    #: Of rows as they are that were not learned from: of part of the other folds if the best was kept, else of its own.
    validation: list[float]
    kept: int  #: The step whose weights were kept.


@dataclass(frozen=True, eq=False)
class CrossFit:
    """Networks of every fold, and their out-of-sample predictions."""

    members: tuple[tuple[Network, ...], ...]  #: For each fold those that were trained on the others.
    raw: Mixture  #: Held-out predictions of all rows before calibration.
    fold: Ints  #: (n,) Fold of each row.
    views: tuple[View, ...]  #: Of all rows.
    curves: tuple[LossCurve, ...] = ()  #: Of all networks, fold by fold.


@dataclass(frozen=True, eq=False)
class _Job:
    fold: int
    member: int
    rows: Ints
    start: Network | None
    settings: FitSettings
    seed: int
    trunk: str
    hidden: tuple[int, ...]
    watched: Ints
    keep_best: bool


#: What worker processes were started with.
_DATA: dict[str, SampleRows] = {}


def _remember(data: SampleRows) -> None:
    _DATA["rows"] = data


def _train(job: _Job) -> tuple[Network, LossCurve]:
    data, rng = _DATA["rows"], np.random.default_rng((job.seed, job.fold, job.member))
    if job.start is None:
        scaling = scaling_of_sample(data, job.rows, redshift_range_of(data))
        shape = NetworkShape(n_features(len(data.bands)), job.hidden, FRESH_COMPONENTS, len(data.targets), job.trunk)
        begin = None
    else:
        scaling, shape, begin = job.start.scaling, job.start.shape, job.start.parameters
    watched = SampleBatches(data, job.watched[:: -(-len(job.watched) // WATCHED_ROWS) or 1], scaling)
    trained = fit(
        SampleBatches(data, repeated(data, job.rows), scaling), shape, job.settings, rng, start=begin,
        watch=validation_loss(*watched.as_they_are(), shape), keep_best=job.keep_best, progress=say,
    )  # fmt: skip
    training, validation = ([round(loss, 5) for loss in one] for one in (trained.losses, trained.validation))
    every = steps_of_report(job.settings)
    at = [every * (k + 1) for k in range(len(training))]
    curve = LossCurve(job.fold, job.member, at, training, validation, every * trained.kept)
    return Network(scaling, shape, trained.parameters), curve


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
    hidden: tuple[int, ...] = FRESH_HIDDEN,
    keep_best: bool = False,
    seed: int = 1,
    workers: int = 2,
    progress: Callable[[int], object] | None = None,
    hear: Callable[..., object] | None = None,
) -> CrossFit:
    """Train networks on all folds but one, and predict that one with them.

    Parameters
    ----------
    start : sequence of Network
        Networks to start from, in turn; none: from scratch.
    settings : FitSettings, optional
        Default: :func:`settings_for` the number of rows.
    trunk, hidden : str, tuple of int
        Of networks that are trained from scratch: a name of :data:`agez.mixture_network.trunks.TRUNKS`, and the units
        of each hidden layer.
    keep_best : bool
        Learn from the training part of each split alone, and keep the weights that are best on its validation part;
        else learn from both, and keep the last.
    progress : callable, optional
        Called with 1 when a network is done.
    hear : callable, optional
        Called with training and validation loss after each hundredth of a network's training.

    Raises
    ------
    AgezError
        If a fold has no rows to learn from, or ``members`` is below 1.
    """
    found = fold_networks(
        data, splits, start=start, settings=settings, members=members, trunk=trunk, hidden=hidden,
        keep_best=keep_best, seed=seed, workers=workers, progress=progress, hear=hear,
    )  # fmt: skip
    by_fold = tuple(tuple(found[k, m][0] for m in range(members)) for k in range(len(splits)))
    fold = fold_of_rows(tuple(splits), len(data))
    views = []
    for number in range(VIEWS):
        seds = data.seen_anew(slice(None), np.random.default_rng((seed, len(splits), number)), data.views)
        views.append(View(seds, unseen_answers(by_fold, fold, seds, data)))
    curves = tuple(found[place][1] for place in sorted(found))
    return CrossFit(by_fold, unseen_answers(by_fold, fold, data.seds(), data), fold, tuple(views), curves)


def fold_networks(
    data: SampleRows, splits: Sequence[Split], *, start: Sequence[Network] = (), settings: FitSettings | None = None,
    members: int = MEMBERS, trunk: str = "dense", hidden: tuple[int, ...] = FRESH_HIDDEN, keep_best: bool = False,
    seed: int = 1, workers: int = 2, progress: Callable[[int], object] | None = None,
    hear: Callable[..., object] | None = None,
) -> dict[tuple[int, int], tuple[Network, LossCurve]]:  # fmt: skip
    """Networks and their losses by fold and member, trained as :func:`cross_fit` says."""
    if members < 1:
        raise AgezError(f"members is {members}; expected at least 1")
    settings = settings or settings_for(len(data), from_model=bool(start))
    jobs = []
    for k, split in enumerate(splits):
        rows = split.train if keep_best else np.sort(np.concatenate([split.train, split.validation]))
        watched = split.validation if keep_best else split.test
        if len(rows) < 2:
            raise AgezError(f"sample: fold {k} has {len(rows)} rows to learn from; give more spectra or galaxies")
        for m in range(members):
            begin = start[m % len(start)] if start else None
            jobs.append(_Job(k, m, rows, begin, settings, seed, trunk, hidden, watched, keep_best))
    found: dict[tuple[int, int], tuple[Network, LossCurve]] = {}
    for job, trained in each_done(_train, jobs, workers=workers, start=_remember, start_with=(data,), hear=hear):
        found[job.fold, job.member] = trained
        if progress is not None:
            progress(1)
    return found


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
