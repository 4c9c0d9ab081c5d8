"""How far predictions are from a reference: sigma_mad, bias, rmse, the residuals' correlation, the random guess.

Definitions are those of Liew-Cain et al. (2021, MNRAS 502, 1355).  With d = predicted - reference::

    sigma_mad = 1.4826 median(|d - median(d)|)      bias = median(d)      rmse = sqrt(mean(d^2))

1.4826 = 1 / Phi^-1(3/4) makes sigma_mad the standard deviation of a Gaussian (Hampel 1974, JASA 69, 383).
Pairs in which either value is NaN or infinite are left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from agez.errors import AgezError
from agez.types import Floats

#: Standard deviation of a Gaussian over its median absolute deviation.
MAD_TO_SIGMA = 1.4826
#: Permutations of the labels that random guesses are averaged over.
N_DRAWS = 100


class StrictJson:
    """A record that is written as strict JSON: None instead of NaN, lists for arrays and tuples."""

    def to_json(self) -> dict[str, Any]:
        """All of its fields."""
        content: dict[str, Any] = strict_json(self)
        return content


@dataclass(frozen=True)
class Scores(StrictJson):
    """How far ``n`` predictions are from their reference, in the unit of the reference (dex); NaN if n is 0."""

    sigma_mad: float
    bias: float
    rmse: float
    n: int


def json_number(value: float) -> float | None:
    """``value`` as a plain float, or None where it is not finite: strict JSON has no NaN."""
    return float(value) if math.isfinite(value) else None


def strict_json(value: Any) -> Any:
    """A number, an array, or records of them, as plain types: None instead of NaN, a list for an array or a tuple."""
    if is_dataclass(value):
        return {one.name: strict_json(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, np.ndarray):
        return json_numbers(value)
    if hasattr(value, "_asdict"):  # of a NamedTuple
        return {name: strict_json(one) for name, one in value._asdict().items()}
    if isinstance(value, tuple):
        return [strict_json(one) for one in value]
    return value if isinstance(value, int) else json_number(value)


def json_numbers(values: ArrayLike) -> list[float | None]:
    """:func:`json_number` of each of (n,) values."""
    return [json_number(value) for value in np.asarray(values, dtype=float).tolist()]


def sigma_mad(difference: ArrayLike) -> float:
    """Robust standard deviation 1.4826 median(abs(d - median(d))); NaN values left out, NaN if none is left.

    ``difference`` (n,) is predicted minus reference.
    """
    d = _finite(difference)
    return MAD_TO_SIGMA * float(np.median(np.abs(d - np.median(d)))) if d.size else math.nan


def bias(difference: ArrayLike) -> float:
    """median(d) of predicted minus reference; NaN values left out, NaN if none is left."""
    d = _finite(difference)
    return float(np.median(d)) if d.size else math.nan


def rmse(difference: ArrayLike) -> float:
    """sqrt(mean(d^2)) of predicted minus reference; NaN values left out, NaN if none is left."""
    d = _finite(difference)
    return float(np.sqrt(np.mean(d**2))) if d.size else math.nan


def evaluate(predicted: ArrayLike, reference: ArrayLike) -> Scores:
    """Scores of ``predicted`` against ``reference``, (n,) in the same unit (dex); AgezError if the shapes differ.

    Pairs with a NaN or infinity are left out.
    """
    p, r = np.asarray(predicted, dtype=float), np.asarray(reference, dtype=float)
    _check_pairs(p, r, "predictions", "reference values")
    with np.errstate(invalid="ignore"):
        d = _finite(p - r)
    return Scores(sigma_mad(d), bias(d), rmse(d), int(d.size))


def residual_pcc(age_residual: ArrayLike, mh_residual: ArrayLike) -> float:
    """Pearson's correlation of the age residuals with the metallicity residuals, predicted minus reference [dex].

    Rows (n,) are of the same spectra.  Negative where the age-metallicity degeneracy (Worthey 1994, ApJS 95, 107)
    drives both errors.  NaN with fewer than two pairs, or where one residual does not vary.
    """
    a, m = np.asarray(age_residual, dtype=float), np.asarray(mh_residual, dtype=float)
    _check_pairs(a, m, "age residuals", "metallicity residuals")
    good = np.isfinite(a) & np.isfinite(m)
    if good.sum() < 2:
        return math.nan
    a, m = a[good] - a[good].mean(), m[good] - m[good].mean()
    scale = math.sqrt(float(a @ a)) * math.sqrt(float(m @ m))
    return float(np.clip(float(a @ m) / scale, -1.0, 1.0)) if scale > 0 else math.nan


def random_baseline_mse(labels: ArrayLike, rng: np.random.Generator) -> float:
    """Mean squared error [dex^2] of random guesses drawn from the labels' own distribution; NaN without labels.

    The guesses are permutations of the labels (n,), NaN left out, so that they have the right distribution and know
    nothing of the spectrum; the expected value is twice the labels' variance.  (Guessing the mean every time would give
    the variance once, but that is not a random guess.)
    """
    values = _finite(labels)
    if not values.size:
        return math.nan
    centred = values - values.mean()
    guesses = rng.permuted(np.broadcast_to(centred, (N_DRAWS, centred.size)), axis=1)
    # mean (g - l)^2 = mean g^2 + mean l^2 - 2 mean(g l), and a permutation keeps the first two.
    return float(2 * np.mean(centred**2) - 2 * np.mean(guesses @ centred) / centred.size)


def _finite(values: ArrayLike) -> Floats:
    array = np.asarray(values, dtype=float).ravel()
    return np.asarray(array[np.isfinite(array)])


def _check_pairs(first: Floats, second: Floats, first_name: str, second_name: str) -> None:
    if first.shape != second.shape or first.ndim != 1:
        raise AgezError(
            f"{first_name} have shape {first.shape} and {second_name} {second.shape}; expected two equal lengths (n,)"
        )
