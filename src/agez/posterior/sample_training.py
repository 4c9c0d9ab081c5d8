"""Training on a user's sample, from nothing or from a shipped model, with held-out answers for every row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from agez.errors import AgezError
from agez.learn.splits import Split
from agez.posterior.fit import FitSettings, fit
from agez.posterior.inputs import n_features
from agez.posterior.mixture import Mixture
from agez.posterior.network import Layers
from agez.posterior.parts import Member, ensemble
from agez.posterior.recalibration import Recalibration, learn_recalibration, recalibrate
from agez.posterior.samples import SampleBatches, SampleRows, sample_standard
from agez.types import Floats, Ints
from agez.worker_pool import each_done

#: Hidden units and components of a network that starts afresh: samples have tens of thousands of rows, not millions.
FRESH_HIDDEN, FRESH_COMPONENTS = (256, 256), 3
#: Networks of each fold.
MEMBERS = 2
#: Redshifts of a sample that lie nearer together than this are one.
LEAST_RANGE = 0.002
FRESH_SETTINGS = FitSettings(steps=4000, batch=256, learning_rate=1e-3)
#: Fine-tuning is shorter and gentler: what the network knows of the sky is to be kept.
TUNED_SETTINGS = FitSettings(steps=2500, batch=256, learning_rate=5e-4)


@dataclass(frozen=True, eq=False)
class CrossFit:
    """Networks of every fold, and what they say of the rows that they have not seen.

    Attributes
    ----------
    members : tuple of tuple of Member
        For each fold those that were trained on the others.
    raw : Mixture
        Held-out answers of all rows, as the networks give them.
    fold : (n,) int
        Fold of each row.
    """

    members: tuple[tuple[Member, ...], ...]
    raw: Mixture
    fold: Ints


@dataclass(frozen=True, eq=False)
class _Job:
    fold: int
    member: int
    rows: Ints
    start: Member | None
    settings: FitSettings
    seed: int


#: What worker processes were started with.
_DATA: dict[str, SampleRows] = {}


def _remember(data: SampleRows) -> None:
    _DATA["rows"] = data


def _train(job: _Job) -> Member:
    data, rng = _DATA["rows"], np.random.default_rng((job.seed, job.fold, job.member))
    if job.start is None:
        standard = sample_standard(data, job.rows, redshift_range_of(data))
        layers = Layers(n_features(len(data.bands)), FRESH_HIDDEN, FRESH_COMPONENTS)
        begin = None
    else:
        standard, layers, begin = job.start.standard, job.start.layers, job.start.parameters
    trained = fit(SampleBatches(data, job.rows, standard), layers, job.settings, rng, start=begin)
    return Member(standard, layers, trained.parameters)


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
    start: Sequence[Member] = (),
    settings: FitSettings | None = None,
    members: int = MEMBERS,
    seed: int = 1,
    workers: int = 2,
    progress: Callable[[int], object] | None = None,
) -> CrossFit:
    """Train networks on all folds but one, and answer that one with them.

    Parameters
    ----------
    start : sequence of Member
        Networks to go on from, one after another; none: afresh.
    settings : FitSettings, optional
        Default: ``TUNED_SETTINGS`` with a start, else ``FRESH_SETTINGS``.
    progress : callable, optional
        Called with 1 when a network is done.

    Raises
    ------
    AgezError
        If a fold has no rows to learn from, or ``members`` is below 1.
    """
    if members < 1:
        raise AgezError(f"members is {members}; expected at least 1")
    settings = settings or (TUNED_SETTINGS if start else FRESH_SETTINGS)
    jobs = []
    for k, split in enumerate(splits):
        rows = np.sort(np.concatenate([split.train, split.validation]))
        if len(rows) < 2:
            raise AgezError(f"sample: fold {k} has {len(rows)} rows to learn from; give more spectra or galaxies")
        for m in range(members):
            jobs.append(_Job(k, m, rows, start[m % len(start)] if start else None, settings, seed))
    found: dict[tuple[int, int], Member] = {}
    for job, member in each_done(_train, jobs, workers=workers, start=_remember, start_with=(data,)):
        found[job.fold, job.member] = member
        if progress is not None:
            progress(1)
    by_fold = tuple(tuple(found[k, m] for m in range(members)) for k in range(len(splits)))
    fold = np.zeros(len(data), int)
    parts, order = [], []
    for k, split in enumerate(splits):
        fold[split.test] = k
        parts.append(ensemble(by_fold[k], data.seds(split.test), *data.redshifts(split.test)))
        order.append(split.test)
    back = np.argsort(np.concatenate(order), kind="stable")
    return CrossFit(by_fold, Mixture.concatenate(parts).take(back), fold)


def recalibration_of(cross: CrossFit, data: SampleRows, rows: Ints | None = None) -> Recalibration:
    """What held-out answers of some rows (default: all) say of the networks' intervals."""
    rows = np.arange(len(data)) if rows is None else rows
    center, width = _labels_of(data)
    return learn_recalibration(
        cross.raw.take(rows), data.labels[rows], data.seds(rows), n_galaxies=len(np.unique(data.galaxy[rows])),
        center=center, width=width,
    )  # fmt: skip


def held_out(cross: CrossFit, data: SampleRows) -> tuple[Mixture, tuple[Recalibration, ...]]:
    """Calibrated held-out answers: each fold with a calibration learned from the other folds alone.

    Returns
    -------
    mixture : Mixture
        Of every row.
    recalibrations : tuple of Recalibration
        One a fold.
    """
    folds = int(cross.fold.max()) + 1
    parts, order, recalibrations = [], [], []
    for k in range(folds):
        rows = np.flatnonzero(cross.fold == k)
        others = recalibration_of(cross, data, np.flatnonzero(cross.fold != k))
        parts.append(recalibrate(others, cross.raw.take(rows), data.seds(rows)))
        order.append(rows)
        recalibrations.append(others)
    back = np.argsort(np.concatenate(order), kind="stable")
    return Mixture.concatenate(parts).take(back), tuple(recalibrations)


def observed_again(data: SampleRows, flux: Floats, flux_err: Floats, covered: Floats) -> SampleRows:
    """The same rows with other photometry."""
    return replace(data, flux=flux, flux_err=flux_err, covered=covered)


def _labels_of(data: SampleRows) -> tuple[Floats, Floats]:
    return data.labels.mean(axis=0), np.maximum(data.labels.std(axis=0), 1e-3)
