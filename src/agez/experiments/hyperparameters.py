"""Section 3.1 and figure 2: the networks' sizes, searched for, and what the search gains over the authors' own.

Liew-Cain et al. (2021, MNRAS 502, 1355) searched with Hyperas; their scripts hold the sizes that they set by hand for
age and metallicity.  Here Optuna searches the same values, separately for both sets and both quantities:

1. trials are ranked by the MSE of the validation rows of the first fold, one training each, the authors' sizes first;
2. the best few and the authors' are trained again with several seeds, and the lowest mean validation MSE is chosen:
   one training's luck does not choose, and on validation rows the choice is never worse than the authors' own;
3. only then are the choice and the authors' sizes compared, on the fold's test rows, which nothing has seen so far.

Their gain is the difference of their MSEs.  Its error adds the scatter of the paired differences over seeds and the
sampling of test galaxies (bootstrap of galaxies), in quadrature; another choice of training galaxies is not in it.

Shortened trainings on few rows compare how fast networks learn, not how well: small minibatches and many filters gain
much there.  Where finalists are not trained on all rows by the run's recipe, gains are shown but not judged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from agez.analysis.metrics import json_number
from agez.errors import AgezError
from agez.experiments.claims import Claim
from agez.experiments.decisions import SIGNIFICANT, judged
from agez.experiments.finalists import (
    Case,
    Finalist,
    finalist_scores,
    gain_of,
    train_finalists,
    verdict_on,
)
from agez.experiments.paper import SETS, set_title
from agez.label_types import Sample
from agez.paper_network.architecture import PAPER_ARCHITECTURES
from agez.paper_network.jobs import TrainingSettings
from agez.paper_network.pool import Trainer
from agez.paper_network.prepared import PreparedSplit, TrainingData, prepare_split, training_data
from agez.paper_network.tuning import Candidate, Search, SearchSpace, Trial, check_optuna, search
from agez.runtime.progress import progress
from agez.samples.splits import Split, make_splits, thin_split, thinning_order
from agez.targets import PAPER_TARGETS, TARGET_WORDS

#: The authors' sizes, by target.
HAND_SET = {target: Candidate(architecture, 128) for target, architecture in PAPER_ARCHITECTURES.items()}
#: The paper gives the sizes and the space, but no number for what the search gained.
PUBLISHED: dict[str, Any] = {TARGET_WORDS[target]: candidate.to_json() for target, candidate in HAND_SET.items()}
SPACE = SearchSpace()


@dataclass(frozen=True)
class SearchSize:
    """How large the search is, for each of the four cases."""

    n_trials: int
    epochs: int  #: Of a trial, at most.
    #: n_finalists, n_final_seeds: Best trials that are trained again, beside the authors' sizes, and how often each; at
    #: least two seeds.
    n_finalists: int
    n_final_seeds: int
    final_epochs: int | None = None  #: Of a finalist's training, at most; default those of the run's recipe.
    max_rows: int | None = None  #: Training and validation rows to use, the same share of every galaxy's; default all.
    #: n_startup, n_warmup, round_size: As in :func:`agez.paper_network.tuning.search`.
    n_startup: int = 10
    n_warmup: int = 5
    round_size: int = 8

    def __post_init__(self) -> None:
        optional = [number for number in (self.final_epochs, self.max_rows) if number is not None]
        if min(self.n_trials, self.epochs, self.n_finalists, *optional) < 1:
            raise AgezError(f"sizes of the search for hyperparameters must be positive: {self}")
        if self.n_final_seeds < 2:
            raise AgezError(f"finalists of the search are trained with {self.n_final_seeds} seeds; expected at least 2")


def hyperparameters(
    sample: Sample,
    trainer: Trainer,
    *,
    size: SearchSize,
    settings: TrainingSettings,
    seed: int,
    folder: Path,
) -> dict[str, Any]:
    """Search the networks' sizes for both sets and both quantities.

    Parameters
    ----------
    settings : TrainingSettings
        The run's recipe: how trials and finalists are trained, their batch sizes and numbers of epochs apart.
    folder : path
        Finished trials are kept there; finalists by the trainer, if it keeps networks.

    Returns
    -------
    dict
        ``published``, ``measured`` (for each set and quantity: what was chosen, and how it and the authors' sizes do
        on test rows) and ``points`` (trials and finalists).  ``measured`` is ``not_run`` with the reason where the
        sample is too small.

    Raises
    ------
    AgezError
        If Optuna is not installed.
    """
    check_optuna()
    try:
        data = training_data(sample)
        prepared = {name: _prepare(sample, data, name, size, seed) for name in SETS}
        for candidate in HAND_SET.values():
            candidate.work(len(data.bands))
    except AgezError as error:
        return {"published": PUBLISHED, "measured": {"not_run": str(error)}, "points": {}}
    final = settings if size.final_epochs is None else replace(settings, max_epochs=size.final_epochs)
    measured: dict[str, Any] = {
        "epochs": size.epochs,
        "final_epochs": final.max_epochs,
        "n_final_seeds": size.n_final_seeds,
        # less than the run's recipe, or less than all rows
        "shortened": final.max_epochs < settings.max_epochs
        or any(_is_thinned(one, sample) for one in prepared.values()),
    }
    points: dict[str, Any] = {}
    total = len(SETS) * len(PAPER_TARGETS) * (size.n_trials + (size.n_finalists + 1) * size.n_final_seeds)
    with progress(total=total, title="hyperparameters: networks") as bar:
        for s, name in enumerate(SETS):
            cells = {}
            for t, target in enumerate(PAPER_TARGETS):
                own_seed = int(np.random.SeedSequence((seed, 31, s, t)).generate_state(1)[0])
                case = Case(prepared[name], target, sample.rows.galaxy_id, own_seed)

                def tell(_: Trial, bar: Any = bar) -> None:
                    bar.update()

                found = search(
                    case.prepared, target, trainer, folder=folder, n_trials=size.n_trials,
                    settings=replace(settings, max_epochs=size.epochs), space=SPACE, first=HAND_SET[target],
                    n_startup=size.n_startup, n_warmup=size.n_warmup, round_size=size.round_size, seed=own_seed,
                    tell=tell,
                )  # fmt: skip
                best = [trial.candidate for trial in found.ranked[: size.n_finalists]]
                candidates = list(dict.fromkeys([HAND_SET[target], *best]))  # the authors' first: they win a tie
                finalists = train_finalists(case, trainer, candidates, final, size.n_final_seeds)
                bar.update((size.n_finalists + 1) * size.n_final_seeds)
                cells[TARGET_WORDS[target]] = _judge(case, found, finalists)
            measured[name] = {word: cell[0] for word, cell in cells.items()}
            points[name] = {word: cell[1] for word, cell in cells.items()}
    return {"published": PUBLISHED, "measured": measured, "points": points}


def _prepare(sample: Sample, data: TrainingData, name: str, size: SearchSize, seed: int) -> PreparedSplit:
    """The first fold of a set's cross-validation, thinned out if need be."""
    split: Split = make_splits(sample, kind=SETS[name], rng=np.random.default_rng(seed))[0]
    n_rows = len(split.train) + len(split.validation)
    if size.max_rows is not None and size.max_rows < n_rows:
        rng = np.random.default_rng([seed, 31])
        order = thinning_order(split, galaxy_id=sample.rows.galaxy_id, by_galaxy=False, rng=rng)
        split = thin_split(split, order, size.max_rows / n_rows)
    prepared = prepare_split(data, split)
    for part in ("validation", "test"):
        if not len(getattr(prepared, part)):
            raise AgezError(f"sample: no {part} rows are left for {name}; give more spectra or galaxies")
    return prepared


def _is_thinned(prepared: PreparedSplit, sample: Sample) -> bool:
    return sum(len(part) for part in (prepared.split.train, prepared.split.validation, prepared.split.test)) < len(
        sample
    )


def _judge(case: Case, found: Search, finalists: Sequence[Finalist]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Choose by validation rows, compare on test rows; (measured, points) of the case."""
    hand_set = finalists[0]
    chosen = min(finalists, key=lambda one: float(one.validation_mse.mean()))
    prepared = case.prepared
    rng = np.random.default_rng([case.seed, 2])
    gain, error = gain_of(hand_set.residual, chosen.residual, case.galaxy_id[prepared.test], rng=rng)
    same = chosen is hand_set
    measured = {
        "chosen": chosen.candidate.to_json(),
        "chosen_is_hand_set": same,
        "n_trials": len(found.trials),
        "n_pruned": found.n_pruned,
        "epochs": found.epochs,
        "epochs_saved": found.epochs_saved,
        "n_train": len(prepared.train),
        "n_validation": len(prepared.validation),
        "n_test": len(prepared.test),
        "best_validation_mse": found.best.mse * found.label_variance,
        "hand_set": finalist_scores(hand_set),
        "searched": finalist_scores(chosen),
        "gain_mse": gain,
        "gain_mse_err": json_number(error),
        "at_least_as_good": gain >= 0,
        "verdict": verdict_on(gain, error, same=same),
    }
    points = {
        "trials": [
            {
                "number": trial.number,
                **trial.candidate.to_json(),
                "pruned": trial.pruned,
                "epochs": len(trial.curve),
                "validation_mse": trial.mse * found.label_variance,
                "seconds": round(trial.seconds, 3),
            }
            for trial in found.trials
        ],
        "finalists": [one.candidate.to_json() | finalist_scores(one) for one in finalists],
    }
    return measured, points


def claims(block: Mapping[str, Any]) -> list[Claim]:
    """Section 3.1: sizes that a search chose are better than those set by hand, and two dense layers than one or three.

    A gain of more than ``SIGNIFICANT`` errors in every case supports the first, a loss of as much in one refutes it;
    what lies between leaves it open, as do shortened trainings.  The second is not tried: agez has one architecture.
    """
    measured, layers = block["measured"], judged("layers", None)
    if "not_run" in measured:
        return [judged("searched", None, how=f"Not run: {measured['not_run']}"), layers]
    decided: list[bool | None] = []
    told = []
    for name in SETS:
        for word in TARGET_WORDS.values():
            case = measured[name][word]
            gain, error = case["gain_mse"], case["gain_mse_err"]
            certain = error is not None and abs(gain) > SIGNIFICANT * error and not case["chosen_is_hand_set"]
            decided.append(gain > 0 if certain else None)
            percent, title = 100 / case["hand_set"]["mse"], set_title(name)
            if case["chosen_is_hand_set"]:
                told.append(f"{title} {word} 0 (their own sizes chosen)")
            else:
                spread = "?" if error is None else f"{error * percent:.1f}"
                told.append(f"{title} {word} {gain * percent:+.1f} +- {spread}")
    not_judged = ""
    if measured["shortened"]:
        not_judged = f"\nNot judged: on part of the rows or for {measured['final_epochs']} epochs only, "
        not_judged += "quick learners win."
    searched = judged(
        "searched", None if not_judged else decided, f"MSE lower by [%]: {'; '.join(told)}",
        of_theirs="; ".join(told), n_seeds=measured["n_final_seeds"], not_judged=not_judged,
    )  # fmt: skip
    return [searched, layers]
