"""What the parts of trust.py tell: bars, met or not, and tables of the numbers behind them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from agez.analysis.metrics import evaluate
from agez.bench.bars import Bar
from agez.distributions.mixture import Mixture, moments
from agez.mixture_network.calibrated_scores import pit_in_intervals
from agez.targets import PAPER_TARGETS, TARGET_WORDS
from agez.types import Bools, Floats

#: Probabilities of the intervals, by the names that they go by.
NOMINAL = {"68": 0.6826894921, "95": 0.9544997361}
WORDS = tuple(TARGET_WORDS[target] for target in PAPER_TARGETS)


@dataclass(frozen=True)
class Table:
    """Numbers behind the bars."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Part(NamedTuple):
    """What a part of the benchmark gives."""

    bars: list[Bar]
    tables: list[Table]

    def to_json(self) -> dict[str, Any]:
        """For a file."""
        return {"bars": [one.to_json() for one in self.bars], "tables": [asdict(one) for one in self.tables]}


class RowAnswers(NamedTuple):
    """Of n rows: means, where the labels lie in the intervals that are reported, and residuals; each (n, 2)."""

    mean: Floats
    pit: Floats
    residual: Floats


def answers(mixture: Mixture, labels: Floats, tail: Floats) -> RowAnswers:
    """Means and probability integral transforms.

    Parameters
    ----------
    tail : (2,) or (n, 2) float
        Of the recalibration: what :func:`agez.mixture_network.calibration.calibrated_probabilities` does to the
        probabilities of quantiles is undone here, so that 95 % intervals are those that users get.
    """
    mean, _, _ = moments(mixture)
    return RowAnswers(mean, pit_in_intervals(mixture, labels, tail), mean - labels)


def coverage(pit: Floats, level: str) -> float:
    """The part of (n,) probability integral transforms that lies in the central interval."""
    good = np.isfinite(pit)
    return float(np.mean(np.abs(pit[good] - 0.5) <= NOMINAL[level] / 2)) if good.any() else float("nan")


def scores(given: RowAnswers, rows: Bools | None = None) -> dict[str, dict[str, float]]:
    """sigma_mad, bias and both coverages of some rows, by target."""
    keep = np.ones(len(given.mean), bool) if rows is None else rows
    out = {}
    for t, word in enumerate(WORDS):
        found = evaluate(given.mean[keep, t], given.mean[keep, t] - given.residual[keep, t])
        out[word] = {
            "sigma_mad": found.sigma_mad, "bias": found.bias, "n": int(keep.sum()),
            **{level: coverage(given.pit[keep, t], level) for level in NOMINAL},
        }  # fmt: skip
    return out


def percent(value: float, err: float | None = None) -> str:
    """A share of 1 in per cent, with its error."""
    return f"{100 * value:.1f}" + ("" if err is None or not np.isfinite(err) else f" +- {100 * err:.1f}")
