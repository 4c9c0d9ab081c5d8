"""The last round of the search for the networks' sizes: candidates trained with several seeds, and what one gains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from agez.analysis.metrics import json_number, sigma_mad
from agez.experiments.decisions import SIGNIFICANT
from agez.paper_network.jobs import TrainingSettings
from agez.paper_network.pool import Trainer
from agez.paper_network.prepared import PreparedSplit
from agez.paper_network.search_space import Candidate
from agez.targets import PAPER_TARGETS
from agez.types import Floats, Strings

N_BOOTSTRAP = 1000


@dataclass(frozen=True, eq=False)
class Case:
    """One of the four searches: a prepared split, a target, each row's galaxy, a seed."""

    prepared: PreparedSplit
    target: str
    galaxy_id: Strings
    seed: int


@dataclass(frozen=True, eq=False)
class Finalist:
    """A candidate trained with several seeds."""

    candidate: Candidate
    validation_mse: Floats  #: (seeds,) [dex^2]
    residual: Floats  #: (seeds, test rows) Predicted minus label [dex].


def train_finalists(
    case: Case, trainer: Trainer, candidates: Sequence[Candidate], settings: TrainingSettings, n_seeds: int
) -> list[Finalist]:
    """Train every candidate with the same seeds, none of them that of the trials."""
    prepared, t = case.prepared, PAPER_TARGETS.index(case.target)
    seeds = [int(np.random.SeedSequence((case.seed, k)).generate_state(1)[0]) for k in range(n_seeds)]
    jobs = [
        prepared.job(
            case.target,
            architecture=candidate.architecture,
            settings=replace(settings, batch_size=candidate.batch_size),
            seed=one,
        )
        for candidate in candidates
        for one in seeds
    ]
    networks = trainer.train(jobs)
    out = []
    for number, candidate in enumerate(candidates):
        own = networks[number * n_seeds : (number + 1) * n_seeds]
        mse = np.array([np.nanmin(network.validation_mse) for network in own]) * float(prepared.scale[t] ** 2)
        residual = np.stack([prepared.predict(network) for network in own]) - prepared.labels[prepared.test, t]
        out.append(Finalist(candidate, mse, residual))
    return out


def finalist_scores(finalist: Finalist) -> dict[str, float | None]:
    """Mean over seeds and its standard error: MSE [dex^2] and sigma_mad [dex] of test rows, MSE of validation rows."""
    values = {
        "sigma_mad": np.array([sigma_mad(residual) for residual in finalist.residual]),
        "mse": np.mean(finalist.residual**2, axis=1),
        "validation_mse": finalist.validation_mse,
    }
    out = {}
    for name, value in values.items():
        out[name] = json_number(float(value.mean()))
        out[f"{name}_err"] = json_number(float(value.std(ddof=1) / np.sqrt(len(value))))
    return out


def gain_of(
    hand_set: Floats, searched: Floats, galaxy_id: Strings, *, rng: np.random.Generator, n_bootstrap: int = N_BOOTSTRAP
) -> tuple[float, float]:
    """MSE of one network's residuals minus another's, and its standard error [dex^2].

    Parameters
    ----------
    hand_set, searched : (seeds, rows) float
        Residuals of networks that were trained with the same seeds, on the same rows.
    galaxy_id : (rows,) str
        Spectra of a galaxy are drawn together in the bootstrap.

    Returns
    -------
    gain, error : float
        The error is NaN where all rows are of one galaxy.
    """
    difference = hand_set**2 - searched**2
    of_seeds, of_rows = difference.mean(axis=1), difference.mean(axis=0)
    names, member = np.unique(galaxy_id, return_inverse=True)
    if len(names) < 2:
        return float(of_rows.mean()), float("nan")
    total, count = np.bincount(member, of_rows), np.bincount(member)
    drawn = rng.integers(len(names), size=(n_bootstrap, len(names)))
    sampling = (total[drawn].sum(axis=1) / count[drawn].sum(axis=1)).std(ddof=1)
    training = of_seeds.std(ddof=1) / np.sqrt(len(of_seeds))
    return float(of_rows.mean()), float(np.hypot(sampling, training))


def verdict_on(gain: float, error: float, *, same: bool = False) -> str:
    """A gain in words; ``same``: the authors' sizes are the choice."""
    if same:
        return "the authors' own"
    if not np.isfinite(error):
        return "cannot tell"
    if abs(gain) <= SIGNIFICANT * error:
        return "equal within errors"
    return "better" if gain > 0 else "worse"
