"""``agez train``: a sample or a labelled table in, a model out, the same by either way."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from agez.arguments import takes
from agez.errors import AgezError
from agez.label_types import Sample
from agez.models.model import Model
from agez.models.model_file import load_model
from agez.paper_network.ensemble import train_paper_networks
from agez.paper_network.jobs import CONVERGED_FAST
from agez.runtime.progress import progress
from agez.samples.labelled_table import LabelledTable
from agez.samples.splits import SplitKind
from agez.samples.training_rows import TRAINING_GALAXIES, TRAINING_ROWS, galaxy_digests, row_digests
from agez.training.cross_fitting import FRESH_HIDDEN, settings_for
from agez.training.learn_sample import N_NETWORKS, learn_sample
from agez.training.learn_table import TABLE_HIDDEN, learn_table, table_settings
from agez.training.learning_curve import learning_curve as measured_curve
from agez.training.learning_curve import n_trainings
from agez.training.mixture_fit import FitSettings
from agez.training.size_curve import SHARES, size_curve

Network = Literal["posterior", "paper"]
NETWORKS: tuple[Network, ...] = ("posterior", "paper")
SPLITS: tuple[SplitKind, ...] = ("by-galaxy", "within")
#: Units of a hidden layer at most, and hidden layers at most.
MOST_UNITS, MOST_LAYERS = 4096, 16


def check_training(
    *,
    network: str = "posterior",
    split: str = "by-galaxy",
    init: object = None,
    steps: int | None = None,
    learning_curve: bool = False,
    max_epochs: int | None = None,
    hidden: Sequence[int] | None = None,
    epochs: float | None = None,
    batch: int | None = None,
    learning_rate: float | None = None,
    table: bool = False,
) -> None:
    """AgezError for options of :func:`train` that do not go together; to be called before a sample is read."""
    for name, value, known in (("network", network, NETWORKS), ("split", split, SPLITS)):
        if value not in known:
            raise AgezError(f"--{name} is {value!r}; expected {' or '.join(known)}")
    for name, number in (("steps", steps), ("max-epochs", max_epochs)):
        if number is not None and number < 1:
            raise AgezError(f"--{name} is {number}; expected 1 or more")
    if hidden is not None and not (
        0 < len(hidden) <= MOST_LAYERS and all(isinstance(n, int) and 0 < n <= MOST_UNITS for n in hidden)
    ):
        raise AgezError(
            f"--hidden is {','.join(map(str, hidden))!r}; expected the units of each hidden layer, such as 128,128: 1 "
            f"to {MOST_LAYERS} numbers from 1 to {MOST_UNITS}"
        )
    if batch is not None and batch < 1:
        raise AgezError(f"--batch is {batch}; expected 1 or more")
    for name, size in (("epochs", epochs), ("learning-rate", learning_rate)):
        if size is not None and not 0 < size < math.inf:
            raise AgezError(f"--{name} is {size:g}; expected more than 0")
    if network == "paper" and (init is not None or steps is not None):
        raise AgezError("--init and --steps are of the posterior network; leave them out, or --network paper")
    own = {"hidden": hidden, "epochs": epochs, "batch": batch, "learning-rate": learning_rate}
    given = [f"--{name}" for name, value in own.items() if value is not None]
    if network == "paper" and given:
        raise AgezError(f"{given[0]} is of the posterior network, not of the paper's; leave it out, or --network paper")
    if network == "paper" and table:
        raise AgezError("--network paper learns log_age_lw and mh_lw of a sample; leave it out for a table of your own")
    if hidden is not None and init is not None:
        raise AgezError("--hidden shapes a new network, and --init has one already; leave one of them out")
    if steps is not None and epochs is not None:
        raise AgezError("--steps and --epochs both say how long; leave one of them out")
    if network == "posterior" and max_epochs is not None:
        raise AgezError("--max-epochs is of the paper's network; give --steps, or --network paper")
    if learning_curve and table and init is not None:
        raise AgezError("--learning-curve of a table is that of new networks; leave --init out, or make a sample")
    if learning_curve and init is None and not table:
        raise AgezError("--learning-curve compares fine-tuning with training from scratch; give --init MODEL")
    if learning_curve and split != "by-galaxy" and not table:
        raise AgezError("--learning-curve counts galaxies and tests on unseen ones; leave --split within out")


@takes(sample="Sample or LabelledTable", init="Model or name?")
def train(
    sample: Sample | LabelledTable,
    *,
    network: Network = "posterior",
    split: SplitKind = "by-galaxy",
    init: Model | str | os.PathLike[str] | None = None,
    seed: int = 1,
    steps: int | None = None,
    learning_curve: bool = False,
    max_epochs: int | None = None,
    hidden: Sequence[int] | None = None,
    epochs: float | None = None,
    batch: int | None = None,
    learning_rate: float | None = None,
    workers: int = 2,
    name: str = "",
) -> Model:
    """Train and calibrate a model on a sample or a labelled table: what ``agez train`` does, by its options.

    Parameters
    ----------
    sample : Sample or LabelledTable
        A table (:func:`agez.read_labelled_table`) has labels of any quantities.
    network : 'posterior' or 'paper'
        Networks that predict distributions from noisy and incomplete photometry, or those of the paper.
    split : 'by-galaxy' or 'within'
        How the sample is split into the four folds of the cross-validation, which give calibration and scores.
    init : Model, path or name, optional
        A posterior model to fine-tune; its bands are kept.
    seed : int
    steps : int, optional
        Of training each posterior network; default: 4000; with ``init`` up to 1000, by the sample's size; of a table
        100 passes over its rows, 600 to 6000 steps, ended early where the validation loss no longer falls.
    learning_curve : bool
        Compare fine-tuning of ``init`` with training from scratch for 10, 30, 100 and all galaxies; the result is in
        the header (``training.learning_curve``).  Takes many trainings.  Of a table: the error with an eighth to all of
        its rows (``training.size_curve``); takes half as long again.
    max_epochs : int, optional
        Of the paper's networks.
    hidden : sequence of int, optional
        Units of each hidden layer of new posterior networks; default: 256, 256; of a table 128, 128.
    epochs, batch, learning_rate : number, optional
        Of posterior networks: passes over the rows that are learned from, in place of ``steps``; rows of a step; and
        the highest learning rate.
    workers : int
        Processes.  The model does not depend on their number.
    name : str
        The model's name, on its card.

    Returns
    -------
    Model
        Its errors and scores are those of the cross-validation: by galaxy, of galaxies unseen in training.

    Raises
    ------
    AgezError
        For incompatible options, or a sample that is too small or outside the bands or redshifts of ``init``.

    Examples
    --------
    Fine-tuning of a shipped model on five mock galaxies:

    >>> import agez
    >>> from agez.mocks.survey import iterate_survey, survey_plan
    >>> grid = agez.load_templates("made-up")
    >>> mocks = iterate_survey(survey_plan(n_galaxies=5, n_spectra=20), grid)
    >>> spectra = agez.Spectra.concatenate([mock.spectra for mock in mocks])
    >>> sample = agez.make_sample(agez.synthesize(spectra, "jpas"), agez.fit_labels(spectra, grid))
    >>> model = agez.train(sample, init="paper", steps=5)
    >>> model.predict(sample.photometry).log_age_lw.shape
    (20,)
    """
    of_table = isinstance(sample, LabelledTable)
    check_training(
        network=network, split=split, init=init, steps=steps, learning_curve=learning_curve, max_epochs=max_epochs,
        hidden=hidden, epochs=epochs, batch=batch, learning_rate=learning_rate, table=of_table,
    )  # fmt: skip
    start = init if init is None or isinstance(init, Model) else load_model(init)
    if isinstance(sample, LabelledTable):
        how = table_settings(
            len(sample), from_model=start is not None, steps=steps, epochs=epochs, batch=batch,
            learning_rate=learning_rate,
        )  # fmt: skip
        model = _of_table(sample, split, start, how, hidden, seed, workers, name, with_curve=learning_curve)
        return _with_rows(model, sample)
    curve: dict[str, Any] | None = None
    if learning_curve and start is not None:
        with progress(total=n_trainings(sample), title="learning curve") as bar:
            curve = measured_curve(sample, start, steps=steps, seed=seed, workers=workers, progress=bar.update)
    if network == "paper":
        recipe = CONVERGED_FAST if max_epochs is None else replace(CONVERGED_FAST, max_epochs=max_epochs)
        with _loss_bar(8 * recipe.max_epochs) as (hear, _):
            model = train_paper_networks(
                sample, split=split, settings=recipe, seed=seed, workers=workers, name=name,
                progress=lambda number, epoch, mse: hear(None, mse),
            )  # fmt: skip
    else:
        settings = settings_for(len(sample), from_model=start is not None)
        own: dict[str, Any] = {"steps": steps, "batch": batch, "learning_rate": learning_rate}
        settings = replace(settings, **{key: value for key, value in own.items() if value is not None})
        if epochs is not None:  # three folds in four are learned from
            settings = replace(settings, steps=max(round(epochs * 0.75 * len(sample) / settings.batch), 1))
        with _loss_bar(100 * N_NETWORKS) as (hear, done):
            model = learn_sample(
                sample, split=split, start=start, settings=settings, hidden=tuple(hidden or FRESH_HIDDEN), seed=seed,
                workers=workers, name=name, progress=done, hear=hear,
            ).model  # fmt: skip
    return _with_rows(model if curve is None else _with_training(model, learning_curve=curve), sample)


def _of_table(
    table: LabelledTable, split: SplitKind, start: Model | None, settings: FitSettings, hidden: Sequence[int] | None,
    seed: int, workers: int, name: str, *, with_curve: bool,
) -> Model:  # fmt: skip
    units, curve = tuple(hidden or TABLE_HIDDEN), None
    if with_curve:
        with _loss_bar(100 * len(SHARES), title="learning curve") as (hear, done):
            curve = size_curve(
                table, split=split, settings=settings, hidden=units, seed=seed, workers=workers, progress=done,
                hear=hear,
            )  # fmt: skip
    with _loss_bar(100 * N_NETWORKS) as (hear, done):
        model = learn_table(
            table, split=split, start=start, settings=settings, hidden=units, seed=seed, workers=workers, name=name,
            progress=done, hear=hear,
        ).model  # fmt: skip
    return model if curve is None else _with_training(model, size_curve=curve)


@contextmanager
def _loss_bar(total: int, *, title: str = "training") -> Iterator[tuple[Callable[..., None], Callable[[int], None]]]:
    """A bar of hundredths of trainings that shows the losses.

    The first function is called with the losses of training and validation, the second with the number of networks that
    are done: some end early.
    """
    with progress(total=total, title=title) as bar:
        finished = 0

        def done(count: int) -> None:
            nonlocal finished
            finished += count
            bar.update(max(100 * finished - bar.n, 0))

        def hear(training: float | None, validation: float | None = None) -> None:
            parts = (("loss", training), ("validation", validation))
            bar.set_postfix_str(", ".join(f"{word} {x:.3f}" for word, x in parts if x is not None), refresh=False)
            bar.update(1)

        yield hear, done


def _with_training(model: Model, **more: Any) -> Model:
    training = dict(model.header["training"]) | more
    return replace(model, header=dict(model.header) | {"training": training})


def _with_rows(model: Model, data: Sample | LabelledTable) -> Model:
    """The model with digests of the photometry and galaxies of its training, so that a test set can be told from it."""
    more = {TRAINING_ROWS: np.unique(row_digests(data.photometry, model.bands))}
    if isinstance(data, LabelledTable) and data.meta.get("says_galaxies"):
        more[TRAINING_GALAXIES] = galaxy_digests(data.rows.galaxy_id)
    return replace(model, arrays={**model.arrays, **more})
