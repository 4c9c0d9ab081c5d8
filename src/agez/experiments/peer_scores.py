"""Scores of several methods on the same rows, and their differences from the network's, with errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from agez.analysis.galaxy_bootstrap import rows_by_galaxy
from agez.analysis.metrics import json_number, residual_pcc, sigma_mad
from agez.experiments.result import scores_by_word
from agez.targets import PAPER_TARGETS, TARGET_WORDS
from agez.types import Floats, Strings


@dataclass(frozen=True, eq=False)
class Answers:
    """What one method says of every row of a sample in one set."""

    predicted: Floats  #: (n, 2) log_age_lw and mh_lw; NaN where it says nothing.
    seconds_to_train: float = np.nan  #: Seconds of one core, all folds together; NaN if not known.
    seconds_per_sed: float = np.nan  #: Seconds of one core, from fluxes to both targets; NaN if not known.


def scores_of(predicted: Floats, references: Mapping[str, Floats], network: Floats) -> dict[str, Any]:
    """Scores (n, 2) against labels, and under the names of the other references against those.

    Rows that the network does not answer are left out, so that all methods are scored on the same ones.
    """
    predicted = np.where(np.isfinite(network), predicted, np.nan)
    blocks = {kind: _scores(predicted, reference) for kind, reference in references.items()}
    return blocks.pop("labels") | blocks


def _scores(predicted: Floats, reference: Floats) -> dict[str, Any]:
    pcc = json_number(residual_pcc(*(predicted - reference).T))
    return scores_by_word(predicted, reference) | {"residual_pcc": pcc}


def differences(
    answers: Mapping[str, Mapping[str, Answers]],
    reference: Floats,
    galaxy_id: Strings,
    *,
    n_bootstrap: int,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """sigma_mad of the network minus that of each other method, by set, target and method.

    Each pair is compared on the rows that both answer; the 95 % interval is that of resampled galaxies, the same
    resamplings for all.

    Parameters
    ----------
    answers : mapping of method to mapping of set to Answers
        ``network`` among the methods.
    reference : (n, 2) float
        Labels or truth.
    galaxy_id : (n,) str
    """
    groups = rows_by_galaxy(galaxy_id)
    n = len(groups)
    draws = [np.concatenate([groups[at] for at in rng.integers(n, size=n)]) for _ in range(n_bootstrap)]
    found: dict[str, Any] = {}
    for set_name, network in answers["network"].items():
        of_set: dict[str, Any] = {word: {} for word in TARGET_WORDS.values()}
        for k, target in enumerate(PAPER_TARGETS):
            own = network.predicted[:, k] - reference[:, k]
            drawn_before: dict[bytes, Floats] = {}  # of the network, by the rows that are compared
            for name, by_set in answers.items():
                if name == "network":
                    continue
                other = by_set[set_name].predicted[:, k] - reference[:, k]
                common = np.isfinite(own) & np.isfinite(other)
                mine, other = np.where(common, own, np.nan), np.where(common, other, np.nan)
                key = common.tobytes()
                if key not in drawn_before:
                    drawn_before[key] = np.array([sigma_mad(mine[rows]) for rows in draws])
                drawn = drawn_before[key] - np.array([sigma_mad(other[rows]) for rows in draws])
                of_set[TARGET_WORDS[target]][name] = _interval(sigma_mad(mine) - sigma_mad(other), drawn)
        found[set_name] = of_set
    return found


def _interval(value: float, drawn: Floats) -> dict[str, float | None]:
    drawn = drawn[np.isfinite(drawn)]
    low, high = np.percentile(drawn, [2.5, 97.5]) if drawn.size else (np.nan, np.nan)
    return {"difference": json_number(value), "low": json_number(float(low)), "high": json_number(float(high))}
