"""How good maps and their gradients are, and against what: for ``maps.py``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from maps_trials import Answer, Trial

from agez.analysis.gradients import radial_gradient
from agez.analysis.metrics import sigma_mad
from agez.errors import AgezError

WORDS = ("age", "metallicity")
KINDS = ("road", "perfect", "independent", "unmatched")
#: Regions of a galaxy that a gradient needs, and how far out they may be [Re].
MIN_REGIONS, MAX_RADIUS = 8, 1.5
BAR = 1.2
_SAMPLES = 200


@dataclass(frozen=True)
class Score:
    """One kind of photometry, one quantity.

    Attributes
    ----------
    sigma_mad, bias : float
        Of prediction less truth, all regions [dex].
    within : float
        The same after each galaxy's median was taken off: what a map's structure suffers.
    coverage : float
        Share of truths inside the 68 % interval.
    gradient : float
        Root mean square error of the gradients [dex/Re].
    n_gradients : int
    flagged : float
    """

    sigma_mad: float
    bias: float
    within: float
    coverage: float
    gradient: float
    n_gradients: int
    flagged: float


def scores(found: Sequence[Trial]) -> dict[str, dict[str, Score]]:
    """By kind and quantity."""
    return {kind: {word: _score(found, kind, k) for k, word in enumerate(WORDS)} for kind in KINDS}


def _score(found: Sequence[Trial], kind: str, column: int) -> Score:
    residual, own, inside, slopes, flagged = [], [], [], [], []
    for one in found:
        truth = one.truth[:, column]
        for answer in one.answers[kind]:
            d = answer.median[:, column] - truth
            residual.append(d)
            own.append(d - np.nanmedian(d))
            inside.append((answer.low[:, column] <= truth) & (truth <= answer.high[:, column]))
            slopes.append(slope_error(one, answer, column))
            flagged.append(answer.flagged)
    all_of = np.concatenate(residual)
    gradient = np.array(slopes)
    gradient = gradient[np.isfinite(gradient)]
    return Score(
        sigma_mad(all_of), float(np.nanmedian(all_of)), sigma_mad(np.concatenate(own)),
        float(np.mean(np.concatenate(inside))), float(np.sqrt(np.mean(gradient**2))), len(gradient),
        float(np.mean(np.concatenate(flagged))),
    )  # fmt: skip


@cache
def slope_error(one: Trial, answer: Answer, column: int) -> float:
    """Gradient of the predictions less that of the truth, of the same regions; NaN where there are too few."""
    usable = np.isfinite(answer.median[:, column]) & np.isfinite(one.truth[:, column])
    options = {"max_radius": MAX_RADIUS, "min_inside": MIN_REGIONS, "min_outside": 0}
    try:
        said, true = (
            radial_gradient(one.r_re[usable], values[usable, column], rng=np.random.default_rng(1), **options).slope
            for values in (answer.median, one.truth)
        )
    except AgezError:
        return np.nan
    return said - true


def bars(found: Sequence[Trial]) -> str:
    """The bars, met or not; errors of ratios from samples of the galaxies drawn with replacement."""
    rng = np.random.default_rng(2)
    picks = [rng.integers(len(found), size=len(found)) for _ in range(_SAMPLES)]
    measured, samples = scores(found), [scores([found[k] for k in pick]) for pick in picks]
    lines = ["| bar | asked | measured | met | over independent noise |", "|---|---|---|---|---|"]
    for word in WORDS:
        for what, name in (("sigma_mad", "sigma_mad"), ("gradient", "error of gradients")):
            ratio, error = _ratio(measured, samples, word, what, "perfect")
            other, other_error = _ratio(measured, samples, word, what, "independent")
            lines.append(
                f"| {word}: {name}, road over perfect | <= {BAR} | {ratio:.2f} +- {error:.2f} | "
                f"{'yes' if ratio <= BAR else 'NO'} | {other:.2f} +- {other_error:.2f} |"
            )
        kept = measured["road"][word].coverage - measured["perfect"][word].coverage
        alone = measured["road"][word].coverage - measured["independent"][word].coverage
        met = "yes" if kept >= -0.05 else "NO"
        lines.append(f"| {word}: 68 % coverage, road less perfect | >= -0.05 | {kept:+.3f} | {met} | {alone:+.3f} |")
    return "\n".join(lines)


def _ratio(
    measured: dict[str, dict[str, Score]], samples: Sequence[dict[str, dict[str, Score]]], word: str, what: str,
    kind: str,
) -> tuple[float, float]:  # fmt: skip
    """Road over a kind of perfect photometry, and its error."""

    def of(one: dict[str, dict[str, Score]]) -> float:
        return float(getattr(one["road"][word], what) / getattr(one[kind][word], what))

    return of(measured), float(np.std([of(one) for one in samples]))


def score_table(measured: dict[str, dict[str, Score]]) -> str:
    """All numbers."""
    lines = [
        "| photometry | quantity | sigma_mad | bias | sigma_mad within galaxies | error of gradients [dex/Re] (n) "
        "| 68 % coverage | flagged |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for kind in KINDS:
        for word in WORDS:
            s = measured[kind][word]
            lines.append(
                f"| {kind} | {word} | {s.sigma_mad:.3f} | {s.bias:+.3f} | {s.within:.3f} | {s.gradient:.3f} "
                f"({s.n_gradients}) | {s.coverage:.2f} | {s.flagged:.2f} |"
            )
    return "\n".join(lines)
