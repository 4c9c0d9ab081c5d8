"""A model of a plain table with labels of the user's own: cross-fitted, early-stopped, calibrated on held-out rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace

import numpy as np
from threadpoolctl import threadpool_limits

from agez.errors import AgezError
from agez.mixture_network.calibration import signal_to_noise
from agez.models.model import Model
from agez.novelty.novelty_score import Novelty, score_as_answered
from agez.photometry.same_set import check_same_set
from agez.samples.labelled_table import LabelledTable, without_rare_bands
from agez.samples.splits import Split, SplitKind, splits_by_galaxy, splits_within
from agez.training.cross_fitting import MEMBERS, cross_fit, redshift_range_of, settings_for
from agez.training.learn_novelty import learn_novelty, recalibrated
from agez.training.learn_sample import (
    LearnedSample,
    check_redshifts,
    check_start,
    learned_model,
    novelty_from,
)
from agez.training.learn_sample import seds_of_sample as seds_of
from agez.training.mixture_fit import FitSettings
from agez.training.sample_batches import SampleRows, networks_to_teach, taught_targets, with_redshifts_found
from agez.training_seds.observe import Survey
from agez.types import Floats

#: Rows to begin with: of three in four the novelty score is learned, from 200 on.  Going on from a model needs fewer.
LEAST_ROWS, LEAST_ROWS_FROM_MODEL, LEAST_SEDS = 300, 40, 200
#: What is done to rows in training: bands are taken away from some; their noise is real, and no more is added.
TABLE_SURVEY = Survey(
    snr=(1e6, 1e6), noise_tilt=0.0, noise_scatter=0.0, calibration=(1e-7, 1e-7), zero_points=(1e-7, 1e-7),
    error_scatter=0.0, complete=0.7, least_bands=2,
)  # fmt: skip
#: From scratch: passes over the rows, within these limits of steps; half of the default where rows are few.
EPOCHS, LEAST_STEPS, MOST_STEPS, BATCH, LEARNING_RATE = 100, 600, 6000, 128, 1e-3
#: Units of each hidden layer of networks that are trained from scratch.
TABLE_HIDDEN = (128, 128)
#: Part of the signal-to-noise ratio that 99 in 100 rows have, below which rows are flagged.
SNR_MARGIN = 0.7


def table_settings(
    n_rows: int, *, from_model: bool = False, steps: int | None = None, epochs: float | None = None,
    batch: int | None = None, learning_rate: float | None = None,
) -> FitSettings:  # fmt: skip
    """How each network is trained on a table of so many rows; None: the default.

    Three rows in four, less a fifth of them for the validation, are learned from: an epoch shows each once.
    """
    start = settings_for(n_rows, from_model=True) if from_model else None
    batch = batch or (start.batch if start else max(16, min(BATCH, n_rows // 8)))
    learning_rate = learning_rate or (start.learning_rate if start else LEARNING_RATE)
    if steps is None and (epochs is not None or start is None):
        of_epoch = max(0.6 * n_rows / batch, 1.0)
        steps = round((epochs or EPOCHS) * of_epoch)
        steps = max(steps, 1) if epochs else min(max(steps, LEAST_STEPS), MOST_STEPS)
    return FitSettings(steps=steps or (start.steps if start else LEAST_STEPS), batch=batch, learning_rate=learning_rate)


def learn_table(
    table: LabelledTable,
    *,
    split: SplitKind = "by-galaxy",
    start: Model | None = None,
    settings: FitSettings | None = None,
    hidden: tuple[int, ...] = TABLE_HIDDEN,
    members: int = MEMBERS,
    seed: int = 1,
    workers: int = 2,
    name: str = "",
    progress: Callable[[int], object] | None = None,
    hear: Callable[..., object] | None = None,
) -> LearnedSample:
    """Train, calibrate and describe a model of a table.

    Four folds, by galaxy or within; of the rows outside a fold one part in five stops the training at its best, and the
    fold's own rows, which no network of it has seen, calibrate the intervals and give the scores.  Rows whose labels
    have larger errors than the median are shown less often, by 2 / (1 + (error / median)^2).  Intervals are of labels
    as the table has them, with their errors.

    Parameters
    ----------
    settings, hidden
        Of each network; default: :func:`table_settings`, :data:`TABLE_HIDDEN`.
    start : Model, optional
        To be fine-tuned: the labels are the first of its targets.
    progress, hear : callable, optional
        As of :func:`agez.training.learn_sample.learn_sample`.

    Raises
    ------
    AgezError
        If the table has too few rows or galaxies, a label does not vary, or ``start`` does not fit the table.
    """
    check_start(start)
    table = without_rare_bands(table) if start is None else for_start(table, start)
    check_rows(table, from_model=start is not None)
    data = table_rows(table, start)
    if start is not None:
        check_redshifts(data, start)
        data = with_redshifts_found(data, start)
    rng = np.random.default_rng(seed)
    galaxy_id = table.rows.galaxy_id
    splits = (splits_within if split == "within" else splits_by_galaxy)(galaxy_id, rng=rng)
    settings = settings or table_settings(len(table), from_model=start is not None)
    cross = cross_fit(
        data, splits, start=networks_to_teach(start) if start else (), settings=settings, members=members,
        hidden=hidden, keep_best=True, seed=seed, workers=workers, progress=progress, hear=hear,
    )  # fmt: skip
    snr = signal_to_noise(data.seds())
    with threadpool_limits(1, user_api="blas"):  # small products: a second thread may cost ten times as much
        novelty = _novelty(data, table, splits[0], snr, seed) if start is None else novelty_from(start, data, galaxy_id)
    known = np.isfinite(data.redshift)
    names = [one.name for one in data.targets]
    source, columns = str(table.meta.get("source", "table")), table.meta.get("columns", {})
    return learned_model(
        cross, data, novelty, start=start, name=name, n_galaxies=len(np.unique(galaxy_id)),
        labels={
            "definition": "columns " + ", ".join(f"{columns.get(one, one)} ({one})" for one in names),
            "source": source,
        },
        training={
            "source": "table", "split": split, "seed": seed, "settings": asdict(settings), "hidden": list(hidden),
            "n_spectra": len(table), "n_galaxies": len(np.unique(galaxy_id)), "table": source,
            "left_out": dict(table.meta.get("left_out", {})),
        },
        least_snr=SNR_MARGIN * float(np.quantile(snr[np.isfinite(snr)], 0.01)) if np.isfinite(snr).any() else 0.0,
        knows_unknown_redshift=bool(not known.all()), uses_redshift=bool(known.any()) or start is not None,
    )  # fmt: skip


def check_rows(table: LabelledTable, *, from_model: bool = False) -> None:
    """AgezError if a table has too few rows or bands to learn from, or a label does not vary."""
    source, least = table.meta.get("source", "table"), LEAST_ROWS_FROM_MODEL if from_model else LEAST_ROWS
    if len(table) < least:
        hint = "" if from_model else "; fewer can go on from a model: --init"
        raise AgezError(f"{source}: {len(table)} rows with photometry and labels; at least {least} are needed{hint}")
    if len(table.photometry.bands) < 2:
        raise AgezError(f"{source}: {len(table.photometry.bands)} band; the shape of an SED needs at least 2")
    for t, target in enumerate(table.targets):
        value = table.values[:, t]
        if np.ptp(value) <= 1e-9 * np.abs(value).max(initial=0.0):
            raise AgezError(f"{source}: label {target.name} is {value[0]:g} in every row; there is nothing to learn")


def for_start(table: LabelledTable, start: Model) -> LabelledTable:
    """The table with its labels in the order of a model's targets; AgezError if they are others."""
    names, wanted = [one.name for one in table.targets], [one.name for one in taught_targets(start)]
    if sorted(names) != sorted(wanted):
        raise AgezError(
            f"--labels are {', '.join(names)}; going on from model {start.name!r} needs its own: --labels "
            f"{','.join(f'{one}=COLUMN' for one in wanted)}, or leave --init out"
        )
    check_same_set(start.bands, table.photometry.bands, source=str(table.meta.get("source", "table")), option="--init")
    at = [names.index(one) for one in wanted]
    targets = tuple(table.targets[k] for k in at)
    return replace(table, targets=targets, values=table.values[:, at], errors=table.errors[:, at])


def table_rows(table: LabelledTable, start: Model | None = None) -> SampleRows:
    """The rows in the form that networks are trained on."""
    bands = table.photometry.bands if start is None else start.bands
    p = table.photometry.in_bands(bands)
    galaxy = np.unique(table.rows.galaxy_id, return_inverse=True)[1]
    return SampleRows(
        bands, p.flux, p.flux_err, p.covered, p.redshift, p.redshift_err, table.values, table.targets,
        np.asarray(galaxy), TABLE_SURVEY, TABLE_SURVEY, label_weights(table.errors),
    )  # fmt: skip


def label_weights(errors: Floats) -> Floats | None:
    """(n,) up to 1: 2 / (1 + (error / median)^2), the mean over the labels; None if all are alike."""
    weights = []
    for error in errors.T:
        known = np.isfinite(error)
        if known.any():
            ratio = np.where(known, error, 0.0) / np.median(error[known])
            weights.append(np.minimum(2 / (1 + ratio**2), 1.0))
    found = np.mean(weights, axis=0) if weights else np.ones(len(errors))
    return found if np.ptp(found) > 0 else None


def _novelty(data: SampleRows, table: LabelledTable, split: Split, snr: Floats, seed: int) -> Novelty:
    """Learned of the rows outside a fold; its threshold flags one in twenty of the fold's own."""
    rows = np.sort(np.concatenate([split.train, split.validation]))
    known = np.isfinite(data.redshift[rows])
    if known.sum() >= LEAST_SEDS:  # where the others are is not known
        rows = rows[known]
    low, high = np.quantile(snr[np.isfinite(snr)], (0.05, 0.95)) if np.isfinite(snr).any() else (10.0, 100.0)
    survey = replace(TABLE_SURVEY, snr=(float(max(low, 0.5)), float(max(high, 0.5))))
    rng = np.random.default_rng(seed)
    learned = learn_novelty(seds_of(data).take(rows), rng, redshift_range=redshift_range_of(data), survey=survey)
    ood = score_as_answered(
        learned, data.seds(split.test), *data.redshifts(split.test), least_bands=survey.least_bands
    ).ood  # fmt: skip
    return recalibrated(learned, ood, table.rows.galaxy_id[split.test])
