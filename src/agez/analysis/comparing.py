"""How well two sets of values agree: bias, scatter, difference over combined error, and profiles with errors."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from agez.analysis.metrics import bias, json_number, json_numbers, rmse, sigma_mad
from agez.analysis.region_errors import mean_error, shared_errors
from agez.errors import AgezError
from agez.types import Floats

#: Half-widths, in sigma, of the intervals whose coverage is counted.
WITHIN = {"inside_68": 1.0, "inside_95": 1.959964}
#: Rings of a profile, and the values that a ring needs.
RINGS, LEAST_IN_RING = 8, 3
#: Values of a ring whose errors are taken together: of more, so many evenly spread ones, which share as much.
MOST_TOGETHER = 1000


@dataclass(frozen=True)
class Agreement:
    """How far values of A are from those of B; NaN where nothing can be said.

    The differences are A - B; ``inside_68`` and ``inside_95`` are the shares of them within 1 and 1.96 of their
    combined errors, where 0.683 and 0.95 would be right.
    """

    n: int  #: Pairs with both values.
    bias: float  #: Median difference.
    sigma_mad: float  #: Its robust standard deviation.
    rmse: float
    n_with_error: int  #: Pairs whose difference has an error.
    median_error: float  #: Median combined error.
    inside_68: float
    inside_95: float
    #: pull_bias, pull_sigma_mad: Median and robust standard deviation of difference over error: 0 and 1 are right.
    pull_bias: float
    pull_sigma_mad: float

    def to_json(self) -> dict[str, float | int | None]:
        """The numbers for strict JSON."""
        return {name: value if isinstance(value, int) else json_number(value) for name, value in vars(self).items()}


def combined_error(a_err: Floats, b_err: Floats) -> Floats:
    """sqrt(a_err^2 + b_err^2); a side without any error, as truth is, counts as exact.

    NaN where a side that has errors lacks one, and everywhere if neither has any.
    """
    known = [err for err in (a_err, b_err) if np.isfinite(err).any()]
    if not known:
        return np.full(len(a_err), np.nan)
    total = np.sqrt(np.sum([err**2 for err in known], axis=0))
    return np.asarray(np.where(total > 0, total, np.nan))


def agreement(a: Floats, a_err: Floats, b: Floats, b_err: Floats) -> Agreement:
    """Compare (n,) pairs of values, each with its 1-sigma error, NaN where there is none.

    Examples
    --------
    >>> import numpy as np
    >>> found = agreement(np.array([1.0, 2.0, 3.0]), np.full(3, 0.3), np.array([1.1, 2.1, 2.0]), np.full(3, 0.4))
    >>> found.n, round(found.bias, 2), round(found.inside_68, 3), round(found.median_error, 3)
    (3, -0.1, 0.667, 0.5)
    """
    if not a.shape == a_err.shape == b.shape == b_err.shape or a.ndim != 1:
        raise AgezError(f"values and errors to compare have shapes {a.shape}, {a_err.shape}, {b.shape}, {b_err.shape}")
    difference = a - b
    pull = difference / combined_error(a_err, b_err)
    pull = pull[np.isfinite(pull)]
    error = combined_error(a_err, b_err)[np.isfinite(difference)]
    shares = {name: float(np.mean(np.abs(pull) <= width)) if pull.size else math.nan for name, width in WITHIN.items()}
    return Agreement(
        int(np.isfinite(difference).sum()), bias(difference), sigma_mad(difference), rmse(difference), int(pull.size),
        float(np.median(error[np.isfinite(error)])) if np.isfinite(error).any() else math.nan,
        **shares, pull_bias=bias(pull), pull_sigma_mad=sigma_mad(pull),
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Profile:
    """Medians of A and of B in the same rings, with errors; each (rings,), NaN in rings with too few values."""

    radius: Floats  #: Middle of each ring.
    n: Floats
    a: Floats
    a_err: Floats
    b: Floats
    b_err: Floats

    def to_json(self) -> dict[str, list[float | None]]:
        """The arrays for strict JSON."""
        return {name: json_numbers(value) for name, value in vars(self).items()}


def profile(
    radius: Floats, a: Floats, a_err: Floats, b: Floats, b_err: Floats, *, name: str, kinds: tuple[str, str],
    in_re: bool,
) -> Profile:  # fmt: skip
    """Profiles over the radii (n,) of pairs, in ``RINGS`` rings of equal numbers of pairs.

    An error is that of the ring's mean, and knows what regions share (:mod:`agez.analysis.region_errors`) where radii
    are in effective radii; else as if all lay at one radius.

    Parameters
    ----------
    name : str
        The quantity.
    kinds : (str, str)
        What A and B come from, as :func:`agez.analysis.region_errors.shared_errors` has it.
    in_re : bool
        Whether ``radius`` is in effective radii.
    """
    known = np.isfinite(radius) & np.isfinite(a) & np.isfinite(b)
    order = np.flatnonzero(known)[np.argsort(radius[known], kind="stable")]
    rings = [ring for ring in np.array_split(order, min(RINGS, max(len(order) // LEAST_IN_RING, 1))) if len(ring)]
    columns: dict[str, list[float]] = {one: [] for one in ("radius", "n", "a", "a_err", "b", "b_err")}
    for ring in rings:
        columns["radius"].append(float(np.median(radius[ring])))
        columns["n"].append(float(len(ring)))
        for side, value, err, kind in (("a", a, a_err, kinds[0]), ("b", b, b_err, kinds[1])):
            columns[side].append(float(np.median(value[ring])))
            sure = ring[np.isfinite(err[ring]) & (err[ring] > 0)]
            sure = sure[:: -(-len(sure) // MOST_TOGETHER) or 1]
            places = radius[sure] if in_re else np.zeros(len(sure))
            error = mean_error(places, err[sure], shared_errors(name, kind=kind)) if len(sure) else math.nan
            columns[f"{side}_err"].append(error)
    return Profile(**{one: np.array(values) for one, values in columns.items()})
