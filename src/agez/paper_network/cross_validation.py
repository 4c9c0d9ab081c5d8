"""Four-fold cross-validation: one out-of-sample prediction of both targets for every row of a sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from agez.errors import AgezError
from agez.flags import Flag, set_flag
from agez.label_types import Sample
from agez.paper_network.architecture import PAPER_ARCHITECTURES, Architecture
from agez.paper_network.jobs import Progress, TrainedNetwork, TrainingSettings
from agez.paper_network.normalisation import Normalisation
from agez.paper_network.paper_kind import row_flags
from agez.paper_network.pool import Trainer, train_many
from agez.paper_network.prepared import prepare_split, training_data
from agez.samples.splits import Split, SplitKind, fold_of_rows, make_splits
from agez.targets import PAPER_TARGETS
from agez.types import Bands, Floats, Ints

#: Share of out-of-sample rows that count as like the training set.
OOD_QUANTILE = 0.99


class LearningCurve(NamedTuple):
    """Loss of one network against epoch."""

    target: str  #: ``log_age_lw`` or ``mh_lw``.
    fold: int  #: The fold that the network never saw.
    #: train_mse, validation_mse: (n_epochs,) Mean squared error [dex^2]: of training rows the mean over the epoch's
    #: minibatches, of validation rows after it.
    train_mse: Floats
    validation_mse: Floats


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """What :func:`cross_validate` gives back."""

    #: (n, 2) log_age_lw and mh_lw (``PAPER_TARGETS``) of every row by the networks that never saw it (nor, by galaxy,
    #: its galaxy); NaN where no prediction is made.
    predicted: Floats
    fold: Ints  #: (n,) The fold in which each row was tested.
    ood: Floats  #: (n,) Out-of-distribution score by the normalisation that never saw the row.
    ood_threshold: float  #: 99th percentile of ``ood``.
    #: (n,) int32: Those of the photometry, and BAND_FILLED, TOO_FEW_BANDS, OUT_OF_DISTRIBUTION, OUT_OF_RANGE.
    flags: Ints
    #: Tags ``target`` and ``fold``; fold by fold, in the order of ``PAPER_TARGETS``.
    networks: tuple[TrainedNetwork, ...]
    normalisations: tuple[Normalisation, ...]  #: One a fold.
    #: label_center, label_scale: (folds, 2) Mean and standard deviation of the training labels.
    label_center: Floats
    label_scale: Floats
    label_range: Floats  #: (folds, 2, 2) Lowest and highest training label.
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
            variance = float(self.label_scale[fold, PAPER_TARGETS.index(target)]) ** 2
            out.append(LearningCurve(target, fold, network.train_mse * variance, network.validation_mse * variance))
        return tuple(out)


def cross_validate(
    sample: Sample,
    *,
    split: SplitKind,
    bands: Sequence[str] | None = None,
    architectures: Mapping[str, Architecture] = PAPER_ARCHITECTURES,
    settings: TrainingSettings | None = None,
    max_missing: int | None = None,
    seed: int = 1,
    workers: int = 2,
    trainer: Trainer | None = None,
    progress: Progress | None = None,
) -> CrossValidation:
    """Train four networks a target, each on three of four folds, and predict every row with those that did not see it.

    Parameters
    ----------
    split : 'within' (Set A) or 'by-galaxy' (Set B)
    bands : sequence of str, optional
        Default: those of :func:`agez.paper_network.prepared.choose_bands`.
    architectures : mapping
        For each of ``PAPER_TARGETS``.
    settings : TrainingSettings, optional
        Default: the paper's recipe.
    max_missing : int, optional
        Rows with more missing bands are neither learned from nor predicted; default one in ``MISSING_PART``.
    workers : int
        Processes of a trainer of its own, where none is given.
    trainer : Trainer, optional
        Whose processes are used, and left running.
    progress : callable, optional
        ``progress(network number, epoch, validation MSE)``; numbers run to 8.
    """
    data = training_data(sample, bands=bands, max_missing=max_missing)
    settings = settings or TrainingSettings()
    splits = make_splits(sample, kind=split, rng=np.random.default_rng(seed))
    folds = [prepare_split(data, one) for one in splits]
    jobs = []
    for number, fold in enumerate(folds):
        for t, target in enumerate(PAPER_TARGETS):
            own_seed = int(np.random.SeedSequence((seed, number, t)).generate_state(1)[0])
            architecture, tags = architectures[target], {"fold": number}
            jobs.append(fold.job(target, architecture=architecture, settings=settings, seed=own_seed, tags=tags))
    if trainer is None:
        networks = train_many(jobs, workers=workers, progress=progress)
    else:
        networks = trainer.train(jobs, progress=progress)

    predicted, ood = np.full((len(sample), 2), np.nan), np.full(len(sample), np.nan)
    flags = np.array(sample.photometry.flags, np.int32)
    for number, fold in enumerate(folds):
        tested = fold.split.test
        for t in range(len(PAPER_TARGETS)):
            predicted[fold.test, t] = fold.predict(networks[number * len(PAPER_TARGETS) + t])
        ood[tested] = fold.rows.ood[tested]
        flags[tested] = row_flags(flags[tested], fold.rows, tested)
        outside = np.any((predicted[tested] < fold.lowest) | (predicted[tested] > fold.highest), axis=1)
        flags[tested] = set_flag(flags[tested], outside, Flag.OUT_OF_RANGE)
    if not np.isfinite(ood).any():
        raise AgezError("sample: no row has enough bands for a prediction")
    threshold = float(np.nanquantile(ood, OOD_QUANTILE))
    flags = set_flag(flags, ood > threshold, Flag.OUT_OF_DISTRIBUTION)
    return CrossValidation(
        predicted, fold_of_rows(splits, len(sample)), ood, threshold, flags, tuple(networks),
        tuple(f.normalisation for f in folds), np.stack([f.center for f in folds]), np.stack([f.scale for f in folds]),
        np.stack([np.stack([f.lowest, f.highest]) for f in folds]), splits, data.bands, data.max_missing, split,
        settings, seed,
    )  # fmt: skip
