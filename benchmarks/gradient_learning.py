"""Numbers of shared errors from mapped galaxies of known truth: for ``gradient_errors.py --learn``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from gradient_trials import Regions
from scipy.optimize import minimize

from agez.analysis.gradients import MAX_RADIUS
from agez.analysis.region_errors import SharedErrors, fit_line, mean_error
from agez.types import Floats

#: Share of differences from the truth that an error of one sigma exceeds.
ONE_SIGMA = 0.6827
#: Regions of a galaxy that are used, and the weight of all of them together; slope, central value and profile have
#: weight 1 each.
MOST_REGIONS, WEIGHT_OF_REGIONS = 60, 0.2
#: Width of the rings of profiles, and where these end [Re].
RING_RE, LAST_RE = 0.25, 2.0
#: Where the search begins, and the Gaussian prior of ln length [Re], which few galaxies tell.
START = np.array([0.4, 0.6, 0.7, -0.25, -2.5])
LENGTH_PRIOR = (0.7, 1.0)


def learned(galaxies: Sequence[Regions], column: int) -> SharedErrors:
    """The numbers with which 68 % of slopes, central values and rings of profiles are nearer to the truth than 1 sigma.

    The loss is the quantile loss of ln(|difference| / error) at 0.683 (Koenker & Bassett 1978, Econometrica 46, 33),
    whose minimum is there, whatever the tails are: one galaxy that is far off does not widen all errors.  The
    likelihood of the regions' errors, with little weight, settles what the former leaves open.
    """
    data = [part for one in galaxies if (part := _used(one, column)) is not None]

    def loss(x: Floats) -> float:
        shared = _of(x)
        total = 0.5 * ((x[2] - LENGTH_PRIOR[0]) / LENGTH_PRIOR[1]) ** 2
        for radius, value, truth, err in data:
            few = _some(len(radius))
            lower = np.linalg.cholesky(shared.covariance(err[few], radius[few]) + 1e-12 * np.eye(len(few)))
            scaled = np.linalg.solve(lower, (value - truth)[few])
            total += WEIGHT_OF_REGIONS * (0.5 * scaled @ scaled + np.log(np.diag(lower)).sum()) / len(few)
            inside = radius <= MAX_RADIUS
            line = fit_line(radius[inside], value[inside], err[inside], shared)
            slope, centre = np.polyfit(radius[inside], truth[inside], 1)
            total += _quantile_loss(line.slope - slope, line.slope_err)
            total += _quantile_loss(line.intercept - centre, line.intercept_err)
            rings = [ring for low in np.arange(0, LAST_RE, RING_RE) if len(ring := _ring(radius, low))]
            total += np.mean([
                _quantile_loss(np.median(value[ring]) - np.median(truth[ring]), mean_error(radius[ring], err[ring], shared))
                for ring in rings
            ])  # fmt: skip
        return float(total)

    found = minimize(loss, START, method="Nelder-Mead", options={"maxiter": 800, "xatol": 5e-3, "fatol": 0.02})
    return _of(found.x)


def _quantile_loss(difference: float, error: float) -> float:
    u = float(np.log(max(abs(difference), 1e-6) / error))
    return u * (ONE_SIGMA - (u < 0))


def _ring(radius: Floats, low: float) -> Floats:
    return np.flatnonzero((radius >= low) & (radius < low + RING_RE))


def _some(n: int) -> Floats:
    return np.arange(n) if n <= MOST_REGIONS else np.sort(np.random.default_rng(1).choice(n, MOST_REGIONS, replace=False))


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
    return tuple(part[use] for part in parts)  # type: ignore[return-value]
