"""A model of a user's own sample: cross-fitted, calibrated on held-out galaxies, from scratch or fine-tuned."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from agez.analysis.metrics import evaluate
from agez.distributions.mixture import Mixture, moments
from agez.errors import AgezError
from agez.label_types import Sample
from agez.mixture_network.build_model import build_model
from agez.mixture_network.calibrated_scores import normal_scores
from agez.mixture_network.calibration import IntervalCalibration
from agez.mixture_network.mixture_model import MixtureNetwork, network_of
from agez.mixture_network.redshift_finder import finder_for
from agez.models.model import Model
from agez.models.model_file import plain
from agez.novelty.novelty_score import Novelty, score_as_answered
from agez.samples.splits import N_FOLDS, SplitKind, make_splits
from agez.targets import SHIPPED_TARGETS, Target
from agez.training.cross_fitting import (
    FRESH_HIDDEN,
    MEMBERS,
    CrossFit,
    calibration_of,
    cross_fit,
    held_out,
    learned_without,
    redshift_range_of,
)
from agez.training.learn_novelty import learn_novelty, recalibrated
from agez.training.mixture_fit import FitSettings
from agez.training.sample_batches import (
    SAMPLE_SURVEY,
    SampleRows,
    networks_to_teach,
    sample_rows,
    taught_targets,
    with_redshifts_found,
)
from agez.training_seds.seds import TrainingSeds
from agez.types import Floats, Strings

#: A model trained on a sample alone needs one in this many of its bands in a row.
BANDS_NEEDED = 4
#: Rows with a median signal-to-noise ratio below that of the training are flagged.
LEAST_SNR = 5.0
#: What the losses in the header are.
LOSS = "mean negative log density of standardised labels [nats], without log(2 pi) / 2 for each"
#: Networks that :func:`learn_sample` trains by default.
N_NETWORKS = N_FOLDS * MEMBERS


@dataclass(frozen=True, eq=False)
class LearnedSample:
    """A model, and the held-out prediction of each row of its sample."""

    model: Model
    held_out: Mixture  #: Calibrated on other rows than those that it is given for.


def learn_sample(
    sample: Sample,
    *,
    split: SplitKind = "by-galaxy",
    start: Model | None = None,
    settings: FitSettings | None = None,
    members: int = MEMBERS,
    seed: int = 1,
    workers: int = 2,
    name: str = "",
    targets: Sequence[Target] = SHIPPED_TARGETS,
    trunk: str = "dense",
    hidden: tuple[int, ...] = FRESH_HIDDEN,
    progress: Callable[[int], object] | None = None,
    hear: Callable[..., object] | None = None,
) -> LearnedSample:
    """Train, calibrate and describe a model of a sample.

    Every row is predicted by networks that have not seen its fold (its galaxy, with ``split='by-galaxy'``);
    calibration and scores are made of those predictions, and the model's ensemble is the networks of all folds.

    Parameters
    ----------
    start : Model, optional
        A posterior model to fine-tune: its bands, means and widths are kept.
    settings : FitSettings, optional
        Of each network; default: those of :mod:`agez.training.cross_fitting`.
    members : int
        Networks of each fold.
    targets : sequence of Target
        The predicted targets; with ``start`` the first of the model's, up to those that mock galaxies alone can teach.
    trunk, hidden : str, tuple of int
        Of networks that are trained from scratch.
    progress : callable, optional
        Called with 1 when a network is done; there are ``4 * members``.
    hear : callable, optional
        Called with training and validation loss after each hundredth of a network's training.

    Raises
    ------
    AgezError
        If ``start`` is of another kind, or lacks the sample's bands or redshifts; or the sample is too small.
    """
    check_start(start)
    targets = targets if start is None else taught_targets(start)
    data = sample_rows(sample, start.bands if start is not None else None, targets=targets)
    if start is not None:
        check_redshifts(data, start)
        data = with_redshifts_found(data, start)
    splits = make_splits(sample, kind=split, rng=np.random.default_rng(seed))
    cross = cross_fit(
        data, splits, start=networks_to_teach(start) if start else (), settings=settings, members=members, trunk=trunk,
        hidden=hidden, seed=seed, workers=workers, progress=progress, hear=hear,
    )  # fmt: skip
    with threadpool_limits(1, user_api="blas"):  # small products: a second thread may cost ten times as much
        if start is None:
            novelty = learn_novelty(
                seds_of_sample(data), np.random.default_rng(seed), redshift_range=redshift_range_of(data),
                survey=SAMPLE_SURVEY,
            )  # fmt: skip
        else:
            novelty = novelty_from(start, data, sample.rows.galaxy_id)
    training = {
        "source": "sample",
        "split": split,
        "seed": seed,
        "settings": asdict(settings) if settings else "default",
        "n_spectra": len(sample),
        "n_galaxies": len(sample.galaxies),
        "sample": plain(dict(sample.meta)),
    }
    return learned_model(
        cross, data, novelty, start=start, name=name, labels=sample.labels.meta, training=training,
        n_galaxies=len(sample.galaxies),
    )  # fmt: skip


def check_start(start: Model | None) -> None:
    """AgezError if networks cannot go on from a model."""
    if start is not None and not start.gives_distribution:
        raise AgezError(
            f"model {start.name!r} is of the paper's kind and cannot be trained on; "
            "start from jpas, jplus, splus, paper or another model that gives distributions"
        )


def learned_model(
    cross: CrossFit, data: SampleRows, novelty: Novelty, *, start: Model | None, name: str, labels: Mapping[str, Any],
    training: Mapping[str, Any], n_galaxies: int, least_snr: float = LEAST_SNR, **more: Any,
) -> LearnedSample:  # fmt: skip
    """The model of cross-fitted networks, calibrated and scored on the rows that each has not seen.

    ``more`` goes into the header as :func:`agez.mixture_network.build_model.build_model` takes it.
    """
    learned = learned_without(cross, data)
    with threadpool_limits(1, user_api="blas"):  # small products: a second thread may cost ten times as much
        answers, calibrations = held_out(cross, data, learned=learned)
        calibration = calibration_of(cross, data, learned=learned)
    finder = None if start is None else finder_for(network_of(start))
    final = MixtureNetwork(
        tuple(one for fold in cross.members for one in fold), calibration, novelty, finder=finder,
        most_redshift_err=np.inf if finder is None else finder.most_redshift_err,
    )  # fmt: skip
    header = {} if start is None else start.header
    redshift_range = tuple(header.get("redshift_range", redshift_range_of(data)))
    model = build_model(
        final, data.bands, targets=data.targets, name=name,
        label_range=np.stack([data.labels.min(axis=0), data.labels.max(axis=0)]),
        redshift_range=redshift_range, frame="observed" if redshift_range[1] > 0.003 else "rest",
        least_bands=int(header.get("least_bands", max(2, len(data.bands) // BANDS_NEEDED))),
        least_snr=float(header.get("least_snr", least_snr)), labels=plain(dict(labels)),
        training={
            **training, "start": "" if start is None else start.header.get("name", ""),
            "losses": {"of": LOSS, "unit": "step", "networks": [one._asdict() for one in cross.curves]},
        },
        calibration={"method": "quantile regression on held-out rows", "n_galaxies": n_galaxies},
        scores=scores_of(answers, data, calibrations, cross), **more,
    )  # fmt: skip
    return LearnedSample(model, answers)


def scores_of(
    answers: Mixture, data: SampleRows, calibrations: tuple[IntervalCalibration, ...], cross: CrossFit
) -> dict[str, Any]:
    """Scores of held-out answers, by target: those of the metrics, and the coverage of both intervals."""
    mean, _, _ = moments(answers)
    places = np.abs(normal_scores(answers, data.labels))
    out: dict[str, Any] = {}
    for t, target in enumerate(data.targets):
        two = np.array([2 * one.tail[t] for one in calibrations])[cross.fold]
        out[target.name] = {
            **evaluate(mean[:, t], data.labels[:, t]).to_json(),
            "coverage_68": float(np.mean(places[:, t] < 1)),
            "coverage_95": float(np.mean(places[:, t] < two)),
        }
    return out


def score_lines(model: Model) -> list[str]:
    """The scores of a model of a sample, in words."""
    scores = [(target, model.header["scores"][target.name]) for target in model.targets]
    return [
        " ".join(filter(None, (f"  {target.word}: sigma_mad {one['sigma_mad']:.3f}", target.unit)))
        + " against held-out labels; "
        f"{100 * one['coverage_68']:.0f} % and {100 * one['coverage_95']:.0f} % lie inside the 68 % and 95 % intervals"
        for target, one in scores
    ]


def check_redshifts(data: SampleRows, start: Model) -> None:
    """AgezError if some rows of a sample are at redshifts that a model does not know."""
    low, high = start.header["redshift_range"]
    slack = float(start.header["redshift_tolerance"])
    outside = (data.redshift < low - slack) | (data.redshift > high + slack)
    if outside.any():
        raise AgezError(
            f"sample: {int(outside.sum())} of {len(data)} rows are seen at redshifts outside {low:g}-{high:g}, which "
            f"model {start.header.get('name', '')!r} knows; leave them out or start from another model"
        )


def novelty_from(start: Model, data: SampleRows, galaxy_id: Strings) -> Novelty:
    """That of the model that was started from, at a threshold for these rows."""
    own = network_of(start).novelty
    ood: Floats = score_as_answered(own, data.seds(), *data.redshifts(), least_bands=data.survey.least_bands).ood
    return recalibrated(own, ood, galaxy_id)


def seds_of_sample(data: SampleRows) -> TrainingSeds:
    """A sample's rows as if they were noise-free."""
    seds, n = data.seds(), len(data)
    nothing = np.zeros(n)
    return TrainingSeds(
        data.bands, np.where(seds.covered, seds.flux, 0).astype(np.float32), seds.covered, data.labels,
        np.nan_to_num(data.redshift), nothing, nothing, data.galaxy, nothing.astype(int), ("sample",), ("sample",),
        data.targets,
    )  # fmt: skip
