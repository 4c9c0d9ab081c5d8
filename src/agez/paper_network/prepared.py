"""What a split's networks share: normalised SEDs and scaled labels, learned from its training rows alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from agez.errors import AgezError
from agez.label_types import Sample
from agez.paper_network import network_numpy
from agez.paper_network.architecture import Architecture
from agez.paper_network.jobs import TrainedNetwork, TrainingJob, TrainingSettings
from agez.paper_network.normalisation import Normalisation, NormalisedRows, learn_normalisation, normalise
from agez.photometry.names import PAPER_BANDS
from agez.samples.splits import Split
from agez.targets import PAPER_TARGETS
from agez.types import Bands, Bools, Floats, Ints

#: One in so many bands of a row may be missing: 4 of the paper's 34.
MISSING_PART = 8
#: Share of the rows that must have a band for it to be learned from, in the paper's set and in others.
RARE_PAPER_BAND, RARE_BAND = 0.1, 0.5


@dataclass(frozen=True, eq=False)
class TrainingData:
    """SEDs and labels of a sample in the bands that are learned from."""

    flux: Floats  #: (n, b)
    present: Bools  #: (n, b)
    labels: Floats  #: (n, 2) log_age_lw and mh_lw (``PAPER_TARGETS``), finite.
    bands: Bands
    max_missing: int  #: Rows with more missing bands are neither learned from nor predicted.

    def __len__(self) -> int:
        return len(self.flux)


def training_data(
    sample: Sample, *, bands: Sequence[str] | None = None, max_missing: int | None = None
) -> TrainingData:
    """What networks learn from a sample.

    Parameters
    ----------
    bands : sequence of str, optional
        Default: those of :func:`choose_bands`.
    max_missing : int, optional
        Default: one band in ``MISSING_PART``.

    Raises
    ------
    AgezError
        If the sample lacks a band, or some of its labels are NaN.
    """
    photometry = sample.photometry.select_bands(choose_bands(sample, bands))
    labels = np.stack([getattr(sample.labels, name) for name in PAPER_TARGETS], axis=1)
    if not np.isfinite(labels).all():
        raise AgezError("sample: some labels are NaN; make it with 'agez sample', which rejects such rows")
    limit = len(photometry.bands) // MISSING_PART if max_missing is None else max_missing
    return TrainingData(photometry.flux, photometry.covered, labels, photometry.bands, limit)


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


@dataclass(frozen=True, eq=False)
class PreparedSplit:
    """A split, ready to be trained on."""

    split: Split  #: As it was dealt; the rows below are those of it that have enough bands.
    normalisation: Normalisation
    rows: NormalisedRows  #: All rows of the data.
    labels: Floats  #: (n, 2) Of all rows [dex].
    #: train, validation, test: (k,) Usable rows.
    train: Ints
    validation: Ints
    test: Ints
    #: center, scale, lowest, highest: (2,) Mean, standard deviation and range of the training labels.
    center: Floats
    scale: Floats
    lowest: Floats
    highest: Floats

    def job(
        self,
        target: str,
        *,
        architecture: Architecture,
        settings: TrainingSettings,
        seed: int,
        tags: Mapping[str, Any] | None = None,
    ) -> TrainingJob:
        """One network to be trained on the split for one of ``PAPER_TARGETS``; the job holds only the rows it needs."""
        t = PAPER_TARGETS.index(target)
        used = np.union1d(self.train, self.validation)
        scaled = (self.labels[used, t] - self.center[t]) / self.scale[t]
        return TrainingJob(
            self.rows.inputs[used],
            scaled.astype(np.float32),
            np.searchsorted(used, self.train),
            np.searchsorted(used, self.validation),
            architecture,
            settings,
            seed,
            {"target": target} | dict(tags or {}),
        )

    def predict(self, network: TrainedNetwork, rows: Ints | None = None) -> Floats:
        """What a network of :meth:`job` says of ``rows``, by default of :attr:`test` [dex]."""
        t = PAPER_TARGETS.index(str(network.tags["target"]))
        inputs = self.rows.inputs[self.test if rows is None else rows]
        with threadpool_limits(1, user_api="blas"):
            output = network_numpy.forward(network.parameters, inputs, network.architecture)
        return np.asarray(output * self.scale[t] + self.center[t])


def prepare_split(data: TrainingData, split: Split) -> PreparedSplit:
    """Normalisation of SEDs and labels, from the training rows of a split alone.

    AgezError if fewer than two training rows, or no validation rows, have enough bands.
    """
    with threadpool_limits(1, user_api="blas"):  # faster on small products, and much so on a busy machine
        normalisation = learn_normalisation(data.flux[split.train], data.present[split.train])
        rows = normalise(normalisation, data.flux, data.present, max_missing=data.max_missing)
    train, validation, test = (part[rows.usable[part]] for part in (split.train, split.validation, split.test))
    if len(train) < 2:
        raise AgezError(
            f"only {len(train)} training rows have at most {data.max_missing} bands missing; raise max_missing"
        )
    if not len(validation):
        raise AgezError("no validation rows with enough bands are left: give more spectra or galaxies")
    known = data.labels[train]
    center, scale = known.mean(axis=0), np.maximum(known.std(axis=0), 1e-6)
    return PreparedSplit(
        split, normalisation, rows, data.labels, train, validation, test,
        center, scale, known.min(axis=0), known.max(axis=0),
    )  # fmt: skip
