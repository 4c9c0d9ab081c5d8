"""Further numbers of Set A and Set B, which the sentences of sections 3.2 to 5 speak of; judged in `set_claims`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from agez.analysis.galaxy_bootstrap import interval_over_galaxies, rows_by_galaxy
from agez.analysis.gradients import GradientTable
from agez.analysis.metrics import json_number, residual_pcc, sigma_mad
from agez.experiments.result import SetResult, target_columns
from agez.label_types import Sample
from agez.paper_network.cross_validation import LearningCurve
from agez.samples.splits import row_morphology
from agez.targets import PAPER_TARGETS, TARGET_WORDS
from agez.types import Floats, Ints, Strings

#: Below this [M/H] the paper finds Set B's metallicities to become less accurate (section 4.3).
METAL_POOR = -0.75
#: Gradient differences cluster "in the central 0.1 dex/Re" (section 4.2): within half of that of zero.
CENTRAL_DEX = 0.05
#: The first part of a training, by whose end it should have converged "quickly".
EARLY = 0.1
N_BOOTSTRAP = 300


def set_details(sample: Sample, sets: Mapping[str, SetResult], *, rng: np.random.Generator) -> dict[str, Any]:
    """What ``summary["set_details"]`` holds, for each of the sets that were run.

    Parameters
    ----------
    sets : mapping of 'set_a', 'set_b' to SetResult
    rng : numpy.random.Generator
        Draws galaxies with replacement.

    Returns
    -------
    dict
        For each set, by quantity: ``by_morphology`` (sigma_mad of early and of late types [dex], their numbers of
        galaxies, and the ratio with its interval); ``metal_poor`` (rms of the metallicity residuals below
        ``METAL_POOR`` over that above, with its interval, numbers of spectra and galaxies); ``learning`` (of the age
        networks, one a fold, MSE [dex^2]: of training and validation at the kept epoch, of training after the first
        tenth of the epochs and after the last; that of training is the mean over an epoch's minibatches);
        ``gradient_differences`` (the part within ``CENTRAL_DEX`` of zero, by quantity, and Pearson's correlation of the
        two); ``alike`` (the share of the residuals' variance that spectra of one galaxy have in common);
        ``truth_pcc``, Pearson's correlation of age and metallicity errors against truth, and that ``minus_labels``,
        with its interval.  ``labels``: ``err`` [dex], the median error that the fit gives its labels, their
        ``truth_pcc``, their own ``by_morphology`` (the spread of early and late types), and the share of spectra below
        ``METAL_POOR``.
    """
    labels = target_columns(sample.labels)
    truth = None if sample.truth is None else target_columns(sample.truth)
    rows = _Rows(rows_by_galaxy(sample.rows.galaxy_id), row_morphology(sample))
    drawn = rng.integers(len(rows.groups), size=(N_BOOTSTRAP, len(rows.groups)))
    err = {TARGET_WORDS[t]: json_number(_median(getattr(sample.labels, f"{t}_err"))) for t in PAPER_TARGETS}
    errors = None if truth is None else labels - truth
    spread = {word: _by_morphology(labels[:, k], rows, drawn) for k, word in enumerate(TARGET_WORDS.values())}
    out: dict[str, Any] = {
        "labels": {
            "err": err,
            "truth_pcc": None if errors is None else _pcc(errors),
            "by_morphology": spread,
            "metal_poor_share": json_number(float(np.mean(labels[:, PAPER_TARGETS.index("mh_lw")] < METAL_POOR))),
        }
    }
    for name, found in sets.items():
        residuals = dict(zip(TARGET_WORDS.values(), (found.predicted - labels).T, strict=True))
        out[name] = {
            "by_morphology": {word: _by_morphology(residual, rows, drawn) for word, residual in residuals.items()},
            "metal_poor": _metal_poor(residuals["metallicity"], labels[:, PAPER_TARGETS.index("mh_lw")], rows, drawn),
            "learning": _learning(found.curves),
            "gradient_differences": _gradient_differences(found.label_gradients, found.predicted_gradients),
            "alike": {word: _alike(residual, rows, drawn) for word, residual in residuals.items()},
            "truth_pcc": _truth_pcc(None if truth is None else found.predicted - truth, errors, rows, drawn),
        }
    return out


class _Rows(NamedTuple):
    """Row numbers of each galaxy, and each row's morphology."""

    groups: Sequence[Ints]
    morphology: Strings

    def of(self, galaxies: Ints) -> Ints:
        """Rows of galaxies, which may repeat."""
        return np.concatenate([self.groups[g] for g in galaxies])


def _median(values: Floats) -> float:
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if len(finite) else math.nan


def _pcc(errors: Floats) -> float | None:
    return json_number(residual_pcc(errors[:, 0], errors[:, 1]))


def _truth_pcc(own: Floats | None, of_labels: Floats | None, rows: _Rows, drawn: Ints) -> dict[str, Any]:
    if own is None or of_labels is None:
        return {"value": None, "minus_labels": dict.fromkeys(("value", "low", "high"))}
    of_labels = np.where(np.isfinite(own), of_labels, np.nan)  # the same rows

    def difference(galaxies: Ints) -> float:
        at = rows.of(galaxies)
        return residual_pcc(*own[at].T) - residual_pcc(*of_labels[at].T)

    return {"value": _pcc(own), "minus_labels": interval_over_galaxies(difference, drawn, len(rows.groups))}


def _by_morphology(residual: Floats, rows: _Rows, drawn: Ints) -> dict[str, Any]:
    kind = rows.morphology
    scatter = {word: residual[kind == word] for word in ("early", "late")}

    def ratio(galaxies: Ints) -> float:
        own = rows.of(galaxies)
        early, late = (sigma_mad(residual[own[kind[own] == word]]) for word in ("early", "late"))
        return early / late if late > 0 else math.nan

    return {word: json_number(sigma_mad(values)) for word, values in scatter.items()} | {
        "n_galaxies": {word: sum(kind[group[0]] == word for group in rows.groups) for word in scatter},
        "early_over_late": interval_over_galaxies(ratio, drawn, len(rows.groups)),
    }


def _metal_poor(residual: Floats, mh: Floats, rows: _Rows, drawn: Ints) -> dict[str, Any]:
    known, poor = np.isfinite(residual), mh < METAL_POOR

    def ratio(galaxies: Ints) -> float:
        own = rows.of(galaxies)
        below, above = (residual[own[known[own] & (poor[own] == which)]] for which in (True, False))
        return float(np.sqrt(np.mean(below**2) / np.mean(above**2))) if len(below) and len(above) else math.nan

    return {
        "n_spectra": int((known & poor).sum()),
        "n_galaxies": sum(bool((known & poor)[group].any()) for group in rows.groups),
        "rms_ratio": interval_over_galaxies(ratio, drawn, len(rows.groups)),
    }


def _learning(curves: Sequence[LearningCurve]) -> dict[str, list[float | None]]:
    kept = [
        (curve, int(np.nanargmin(curve.validation_mse)))
        for curve in curves
        if curve.target == "log_age_lw" and np.isfinite(curve.validation_mse).any()
    ]
    return {
        "early_mse": [json_number(float(curve.train_mse[_early(curve)])) for curve, _ in kept],
        "last_mse": [json_number(float(curve.train_mse[-1])) for curve, _ in kept],
        "train_mse": [json_number(float(curve.train_mse[at])) for curve, at in kept],
        "validation_mse": [json_number(float(curve.validation_mse[at])) for curve, at in kept],
    }


def _early(curve: LearningCurve) -> int:
    return max(math.ceil(EARLY * len(curve.train_mse)) - 1, 0)


def _gradient_differences(labels: GradientTable, predicted: GradientTable) -> dict[str, Any]:
    difference = predicted.slope - labels.slope
    both = np.isfinite(difference).all(axis=1)
    out: dict[str, Any] = {"n_galaxies": int(both.sum())}
    for k, target in enumerate(PAPER_TARGETS):
        share = float(np.mean(np.abs(difference[both, k]) < CENTRAL_DEX)) if both.any() else math.nan
        out[TARGET_WORDS[target]] = {"central_share": json_number(share)}
    out["pcc"] = json_number(residual_pcc(difference[both, 0], difference[both, 1]))
    return out


def _alike(residual: Floats, rows: _Rows, drawn: Ints) -> dict[str, float | None]:
    """Intraclass correlation (one-way analysis of variance; Fisher 1925): 0 where spectra of a galaxy are as any."""
    finite = [residual[group][np.isfinite(residual[group])] for group in rows.groups]
    count, total, squares = np.array([(len(v), v.sum(), (v**2).sum()) for v in finite]).T

    def correlation(galaxies: Ints) -> float:
        n, s, ss = (values[galaxies][count[galaxies] > 0] for values in (count, total, squares))
        groups, everything = len(n), n.sum()
        if groups < 2 or everything <= groups:
            return math.nan
        between = (np.sum(s**2 / n) - s.sum() ** 2 / everything) / (groups - 1)
        within = np.sum(ss - s**2 / n) / (everything - groups)
        size = (everything - np.sum(n**2) / everything) / (groups - 1)
        below = between + (size - 1) * within
        return float((between - within) / below) if below > 0 else math.nan

    return interval_over_galaxies(correlation, drawn, len(rows.groups))
