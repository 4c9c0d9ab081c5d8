"""Four-fold cross-validation: one out-of-sample prediction of both targets for every row of a sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from agez.errors import AgezError
from agez.flags import Flag, set_flag
from agez.learn import network_numpy
from agez.learn.architecture import PAPER_ARCHITECTURES, Architecture
from agez.learn.jobs import Progress, TrainedNetwork, TrainingJob, TrainingSettings
from agez.learn.normalisation import Normalisation, NormalisedRows, learn_normalisation, normalise
from agez.learn.pool import train_many
from agez.learn.splits import Split, SplitKind, fold_of_rows, make_splits
from agez.photometry.names import PAPER_BANDS
from agez.types import TARGETS, Bands, Bools, Floats, Ints, Sample

#: One in so many bands of a row may be missing: 4 of the paper's 34.
MISSING_PART = 8
#: Share of the rows that must have a band for it to be learned from, in the paper's set and in others.
RARE_PAPER_BAND, RARE_BAND = 0.1, 0.5
#: Share of out-of-sample rows that count as like the training set.
OOD_QUANTILE = 0.99


class LearningCurve(NamedTuple):
    """Loss of one network against epoch.

    Attributes
    ----------
    target : str
        ``log_age_lw`` or ``mh_lw``.
    fold : int
        The fold that the network never saw.
    train_mse, validation_mse : (n_epochs,) float
        Mean squared error after each epoch [dex^2].
    """

    target: str
    fold: int
    train_mse: Floats
    validation_mse: Floats


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """What :func:`cross_validate` gives back.

    Attributes
    ----------
    predicted : (n, 2) float
        log_age_lw and mh_lw (``TARGETS``) of every row by the networks that never saw it (nor, by galaxy, its
        galaxy); NaN where no prediction is made.
    fold : (n,) int
        The fold in which each row was tested.
    ood : (n,) float
        Out-of-distribution score by the normalisation that never saw the row.
    ood_threshold : float
        99th percentile of ``ood``.
    flags : (n,) int32
        Those of the photometry, and BAND_FILLED, TOO_FEW_BANDS, OUT_OF_DISTRIBUTION, OUT_OF_RANGE.
    networks : tuple of TrainedNetwork
        Tags ``target`` and ``fold``; fold by fold, in the order of ``TARGETS``.
    normalisations : tuple of Normalisation, one a fold
    label_center, label_scale : (folds, 2) float
        Mean and standard deviation of the training labels.
    label_range : (folds, 2, 2) float
        Lowest and highest training label.
    splits : tuple of Split
    bands : Bands
    max_missing : int
    split : 'within' or 'by-galaxy'
    settings : TrainingSettings
    seed : int
    """

    predicted: Floats
    fold: Ints
    ood: Floats
    ood_threshold: float
    flags: Ints
    networks: tuple[TrainedNetwork, ...]
    normalisations: tuple[Normalisation, ...]
    label_center: Floats
    label_scale: Floats
    label_range: Floats
    splits: tuple[Split, ...]
    bands: Bands
    max_missing: int
    split: SplitKind
    settings: TrainingSettings
    seed: int

    @property
    def curves(self) -> tuple[LearningCurve, ...]:
        """Learning curves of all networks in dex^2."""
        out = []
        for network in self.networks:
            target, fold = str(network.tags["target"]), int(network.tags["fold"])
            variance = float(self.label_scale[fold, TARGETS.index(target)]) ** 2
            out.append(LearningCurve(target, fold, network.train_mse * variance, network.validation_mse * variance))
        return tuple(out)


def cross_validate(
    sample: Sample,
    *,
    split: SplitKind,
    bands: Sequence[str] | None = None,
    architectures: Mapping[str, Architecture] = PAPER_ARCHITECTURES,
    settings: TrainingSettings | None = None,
    max_epochs: int | None = None,
    patience: int | None = None,
    max_missing: int | None = None,
    seed: int = 1,
    workers: int = 2,
    progress: Progress | None = None,
) -> CrossValidation:
    """Train four networks a target, each on three of four folds, and predict every row with those that did not see it.

    Parameters
    ----------
    split : 'within' (Set A) or 'by-galaxy' (Set B)
    bands : sequence of str, optional
        Default: those of :func:`choose_bands`.
    architectures : mapping
        For each of ``TARGETS``.
    settings : TrainingSettings, optional
        Default: the paper's recipe.  ``max_epochs`` and ``patience`` override theirs.
    max_missing : int, optional
        Rows with more missing bands are neither learned from nor predicted; default one in ``MISSING_PART``.
    progress : callable, optional
        ``progress(network number, epoch, validation MSE)``; numbers run to 8.
    """
    photometry = sample.photometry.select_bands(choose_bands(sample, bands))
    limit = len(photometry.bands) // MISSING_PART if max_missing is None else max_missing
    settings = override(settings or TrainingSettings(), max_epochs, patience)
    labels = np.stack([getattr(sample.labels, name) for name in TARGETS], axis=1)
    if not np.isfinite(labels).all():
        raise AgezError("sample: some labels are NaN; make it with 'agez sample', which rejects such rows")
    splits = make_splits(sample, kind=split, rng=np.random.default_rng(seed))
    with threadpool_limits(1, user_api="blas"):  # faster on small products, and much so on a busy machine
        folds = [_prepare(photometry.flux, photometry.covered, labels, one, limit) for one in splits]
    jobs = []
    for number, fold in enumerate(folds):
        for t, target in enumerate(TARGETS):
            own_seed = int(np.random.SeedSequence((seed, number, t)).generate_state(1)[0])
            scaled = ((labels[:, t] - fold.center[t]) / fold.scale[t]).astype(np.float32)
            tags = {"target": target, "fold": number}
            jobs.append(
                TrainingJob(
                    fold.rows.inputs,
                    scaled,
                    fold.train,
                    fold.validation,
                    architectures[target],
                    settings,
                    own_seed,
                    tags,
                )
            )
    networks = train_many(jobs, workers=workers, progress=progress)

    predicted, ood = np.full((len(sample), 2), np.nan), np.full(len(sample), np.nan)
    flags = np.array(photometry.flags, np.int32)
    for number, (fold, one) in enumerate(zip(folds, splits, strict=True)):
        usable = one.test[fold.rows.usable[one.test]]
        for t in range(len(TARGETS)):
            network = networks[number * len(TARGETS) + t]
            with threadpool_limits(1, user_api="blas"):
                output = network_numpy.forward(network.parameters, fold.rows.inputs[usable], network.architecture)
            predicted[usable, t] = output * fold.scale[t] + fold.center[t]
        ood[one.test] = fold.rows.ood[one.test]
        flags[one.test] = row_flags(flags[one.test], fold.rows, one.test)
        outside = (predicted < fold.lowest) | (predicted > fold.highest)
        tested = np.isin(np.arange(len(sample)), one.test)
        flags = set_flag(flags, tested & outside.any(axis=1), Flag.OUT_OF_RANGE)
    if not np.isfinite(ood).any():
        raise AgezError("sample: no row has enough bands for a prediction")
    threshold = float(np.nanquantile(ood, OOD_QUANTILE))
    flags = set_flag(flags, ood > threshold, Flag.OUT_OF_DISTRIBUTION)
    return CrossValidation(
        predicted, fold_of_rows(splits, len(sample)), ood, threshold, flags, tuple(networks),
        tuple(f.normalisation for f in folds), np.stack([f.center for f in folds]), np.stack([f.scale for f in folds]),
        np.stack([np.stack([f.lowest, f.highest]) for f in folds]), splits, photometry.bands, limit, split,
        settings, seed,
    )  # fmt: skip


def choose_bands(sample: Sample, bands: Sequence[str] | None = None) -> tuple[str, ...]:
    """``bands`` if given; else the paper's 34 if the sample has them all, else all of the sample's.

    Bands that hardly any row has cannot be learned from and are left out: of the paper's, those that less than
    ``RARE_PAPER_BAND`` of the rows have (all galaxies at one redshift may lack J0378 or J0730), of other
    sets those that less than ``RARE_BAND`` have.
    """
    if bands is not None:
        return tuple(bands)
    names = sample.photometry.bands.names
    wanted, least = (PAPER_BANDS, RARE_PAPER_BAND) if set(PAPER_BANDS) <= set(names) else (names, RARE_BAND)
    share = dict(zip(names, sample.photometry.covered.mean(axis=0).tolist(), strict=True))
    chosen = tuple(name for name in wanted if share[name] >= least)
    if not chosen:
        raise AgezError(f"sample: none of its {len(names)} bands is covered in {least:.0%} of its {len(sample)} rows")
    return chosen


def override(settings: TrainingSettings, max_epochs: int | None, patience: int | None) -> TrainingSettings:
    """The settings with another number of epochs or another patience, where given."""
    if max_epochs is not None:
        settings = replace(settings, max_epochs=max_epochs)
    return settings if patience is None else replace(settings, patience=patience)


def row_flags(flags: Ints, rows: NormalisedRows, index: Ints | slice = slice(None)) -> NDArray[np.int32]:
    """``flags`` with BAND_FILLED, TOO_FEW_BANDS and NO_DATA as the normalisation found them."""
    usable, too_few = rows.usable[index], rows.too_few[index]
    filled = usable & ~rows.present[index].all(axis=1)
    flags = set_flag(np.asarray(flags, np.int32), filled, Flag.BAND_FILLED)
    flags = set_flag(flags, too_few, Flag.TOO_FEW_BANDS)
    return set_flag(flags, ~usable & ~too_few, Flag.NO_DATA)


@dataclass(frozen=True, eq=False)
class _Fold:
    """What one fold's networks share."""

    normalisation: Normalisation
    rows: NormalisedRows
    train: Ints
    validation: Ints
    center: Floats
    scale: Floats
    lowest: Floats
    highest: Floats


def _prepare(flux: Floats, covered: Bools, labels: Floats, split: Split, max_missing: int) -> _Fold:
    """Normalisation of SEDs and labels, from the training rows of a fold alone."""
    normalisation = learn_normalisation(flux[split.train], covered[split.train])
    rows = normalise(normalisation, flux, covered, max_missing=max_missing)
    train, validation = split.train[rows.usable[split.train]], split.validation[rows.usable[split.validation]]
    if len(train) < 2:
        raise AgezError(f"only {len(train)} training rows have at most {max_missing} bands missing; raise max_missing")
    known = labels[train]
    center, scale = known.mean(axis=0), np.maximum(known.std(axis=0), 1e-6)
    return _Fold(normalisation, rows, train, validation, center, scale, known.min(axis=0), known.max(axis=0))
