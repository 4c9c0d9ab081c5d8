"""``agez.train`` and ``agez train``: a sample in, a model out, the same by either way."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any, Literal

from agez.arguments import takes
from agez.errors import AgezError
from agez.label_types import Sample
from agez.models.model import Model
from agez.models.model_file import load_model
from agez.paper_network.ensemble import train_paper_networks
from agez.paper_network.jobs import CONVERGED_FAST
from agez.runtime.progress import progress
from agez.samples.splits import SplitKind
from agez.training.cross_fitting import settings_for
from agez.training.learn_sample import N_NETWORKS, learn_sample
from agez.training.learning_curve import learning_curve as measured_curve
from agez.training.learning_curve import n_trainings

Network = Literal["posterior", "paper"]
NETWORKS: tuple[Network, ...] = ("posterior", "paper")
SPLITS: tuple[SplitKind, ...] = ("by-galaxy", "within")


def check_training(
    *,
    network: str = "posterior",
    split: str = "by-galaxy",
    init: object = None,
    steps: int | None = None,
    learning_curve: bool = False,
    max_epochs: int | None = None,
) -> None:
    """AgezError for options of :func:`train` that do not go together; to be called before a sample is read."""
    for name, value, known in (("network", network, NETWORKS), ("split", split, SPLITS)):
        if value not in known:
            raise AgezError(f"--{name} is {value!r}; expected {' or '.join(known)}")
    for name, number in (("steps", steps), ("max-epochs", max_epochs)):
        if number is not None and number < 1:
            raise AgezError(f"--{name} is {number}; expected 1 or more")
    if network == "paper" and (init is not None or steps is not None):
        raise AgezError("--init and --steps are of the posterior network; leave them out, or --network paper")
    if network == "posterior" and max_epochs is not None:
        raise AgezError("--max-epochs is of the paper's network; give --steps, or --network paper")
    if learning_curve and init is None:
        raise AgezError("--learning-curve compares going on from a model with starting afresh; give --init MODEL")
    if learning_curve and split != "by-galaxy":
        raise AgezError("--learning-curve counts galaxies and tests on unseen ones; leave --split within out")


@takes(sample="Sample", init="Model or name?")
def train(
    sample: Sample,
    *,
    network: Network = "posterior",
    split: SplitKind = "by-galaxy",
    init: Model | str | os.PathLike[str] | None = None,
    seed: int = 1,
    steps: int | None = None,
    learning_curve: bool = False,
    max_epochs: int | None = None,
    workers: int = 2,
    name: str = "",
) -> Model:
    """Train and calibrate a model on a sample: what ``agez train`` does, with its options and defaults.

    Parameters
    ----------
    sample : Sample
    network : 'posterior' or 'paper'
        Networks that predict distributions from noisy and incomplete photometry, or those of the paper.
    split : 'by-galaxy' or 'within'
        How the sample is split into the four folds of the cross-validation, which give calibration and scores.
    init : Model, path or name, optional
        A posterior model to fine-tune; its bands are kept.
    seed : int
    steps : int, optional
        Of training each posterior network; default: 4000; with ``init`` up to 1000, by the sample's size.
    learning_curve : bool
        Compare fine-tuning of ``init`` with training from scratch for 10, 30, 100 and all galaxies; the result is in
        the header (``training.learning_curve``).  Takes many trainings.
    max_epochs : int, optional
        Of the paper's networks.
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
    check_training(network=network, split=split, init=init, steps=steps, learning_curve=learning_curve,
                   max_epochs=max_epochs)  # fmt: skip
    start = init if init is None or isinstance(init, Model) else load_model(init)
    curve: dict[str, Any] | None = None
    if learning_curve and start is not None:
        with progress(total=n_trainings(sample), title="learning curve") as bar:
            curve = measured_curve(sample, start, steps=steps, seed=seed, workers=workers, progress=bar.update)
    if network == "paper":
        recipe = CONVERGED_FAST if max_epochs is None else replace(CONVERGED_FAST, max_epochs=max_epochs)
        with progress(total=8 * recipe.max_epochs, title="training") as bar:
            model = train_paper_networks(
                sample, split=split, settings=recipe, seed=seed, workers=workers, name=name,
                progress=lambda number, epoch, mse: bar.update(1),
            )  # fmt: skip
    else:
        settings = settings_for(len(sample), from_model=start is not None)
        if steps is not None:
            settings = replace(settings, steps=steps)
        with progress(total=N_NETWORKS, title="training") as bar:
            model = learn_sample(
                sample, split=split, start=start, settings=settings, seed=seed, workers=workers, name=name,
                progress=bar.update,
            ).model  # fmt: skip
    if curve is None:
        return model
    training = dict(model.header["training"]) | {"learning_curve": curve}
    return replace(model, header=dict(model.header) | {"training": training})
