"""Numbers of shared errors from mapped galaxies of known truth: for ``gradient_errors.py --learn``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from gradient_trials import Regions
from scipy.optimize import minimize

from agez.analysis.gradients import MAX_RADIUS
from agez.analysis.region_errors import SharedErrors, fit_line
from agez.types import Floats

#: Regions of a galaxy that are used, and the weight of all of them together; slope and central value have weight 1.
MOST_REGIONS, WEIGHT_OF_REGIONS = 60, 2.0
#: Pulls of slopes and central values beyond this count as this: one galaxy that is far off must not widen all errors.
MOST_PULL = 4.0
#: Where the search begins, and the Gaussian prior of ln length [Re], which few galaxies tell.
START = np.array([0.4, 0.6, 0.7, -0.25, -2.5])
LENGTH_PRIOR = (0.7, 1.0)


def learned(galaxies: Sequence[Regions], column: int) -> SharedErrors:
    """The most likely numbers: of the regions' errors, and of those of slopes and central values."""
    data = [part for one in galaxies if (part := _used(one, column)) is not None]

    def loss(x: Floats) -> float:
        shared = _of(x)
        total = 0.5 * ((x[2] - LENGTH_PRIOR[0]) / LENGTH_PRIOR[1]) ** 2
        for radius, value, truth, err in data:
            covariance = shared.covariance(err, radius)
            lower = np.linalg.cholesky(covariance + 1e-12 * np.eye(len(err)))
            scaled = np.linalg.solve(lower, value - truth)
            own = scaled @ scaled + 2 * np.log(np.diag(lower)).sum()
            total += 0.5 * WEIGHT_OF_REGIONS * own / len(err)
            inside = radius <= MAX_RADIUS
            line = fit_line(radius[inside], value[inside], err[inside], shared)
            slope, centre = np.polyfit(radius[inside], truth[inside], 1)
            for off, sigma in ((line.slope - slope, line.slope_err), (line.intercept - centre, line.intercept_err)):
                total += np.log(sigma) + 0.5 * min((off / sigma) ** 2, MOST_PULL**2)
        return float(total)

    found = minimize(loss, START, method="Nelder-Mead", options={"maxiter": 800, "xatol": 5e-3, "fatol": 0.02})
    return _of(found.x)


def _of(x: Floats) -> SharedErrors:
    share = np.exp(np.append(x[:2], 0.0))
    share /= share.sum()
    rounded = [round(float(value), 3) for value in (share[0], share[1], *np.exp(np.clip(x[2:], -8, 8)))]
    return SharedErrors(*rounded)


def _used(one: Regions, column: int) -> tuple[Floats, Floats, Floats, Floats] | None:
    parts = one.r_re, one.value[:, column], one.truth[:, column], one.err[:, column]
    use = one.good & np.all([np.isfinite(part) for part in parts], axis=0) & (parts[3] > 0)
    if (use & (one.r_re <= MAX_RADIUS)).sum() < 3:
        return None
    rows = np.flatnonzero(use)
    if len(rows) > MOST_REGIONS:
        rows = np.sort(np.random.default_rng(1).choice(rows, MOST_REGIONS, replace=False))
    if (one.r_re[rows] <= MAX_RADIUS).sum() < 3:
        return None
    return tuple(part[rows] for part in parts)  # type: ignore[return-value]
