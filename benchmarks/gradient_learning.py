"""Numbers of shared errors from mapped galaxies of known truth: for ``gradient_errors.py --learn``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from gradient_trials import Regions
from scipy.optimize import minimize

from agez.analysis.gradients import MAX_RADIUS
from agez.analysis.region_errors import SharedErrors, fit_line, mean_error
from agez.types import Floats

#: Share of differences from the truth that are below one sigma.
ONE_SIGMA = 0.6827
#: Regions of a galaxy that are used at most: lines of few would lean less on what regions share; and of the likelihood,
#: whose weight is that of all of them together (slope, central value and profile have weight 1 each).
MOST_REGIONS, MOST_OF_LIKELIHOOD, WEIGHT_OF_REGIONS = 400, 60, 0.2
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
        return 0.5 * ((x[2] - LENGTH_PRIOR[0]) / LENGTH_PRIOR[1]) ** 2 + sum(_loss(one, shared) for one in data)

    found = minimize(loss, START, method="Nelder-Mead", options={"maxiter": 400, "xatol": 0.01, "fatol": 0.02})
    return _of(found.x)


@dataclass(frozen=True, eq=False)
class _Galaxy:
    """Regions (n,), which of them the likelihood takes, and what is compared: the line inside Re, rings as rows."""

    radius: Floats
    value: Floats
    off: Floats
    err: Floats
    few: Floats
    inside: Floats
    line: tuple[float, float]
    rings: list[tuple[Floats, float]]


def _loss(one: _Galaxy, shared: SharedErrors) -> float:
    few = one.few
    lower = np.linalg.cholesky(shared.covariance(one.err[few], one.radius[few]) + 1e-12 * np.eye(len(few)))
    scaled = np.linalg.solve(lower, one.off[few])
    total = WEIGHT_OF_REGIONS * float(0.5 * scaled @ scaled + np.log(np.diag(lower)).sum()) / len(few)
    line = fit_line(one.radius[one.inside], one.value[one.inside], one.err[one.inside], shared)
    total += _quantile_loss(line.slope - one.line[0], line.slope_err)
    total += _quantile_loss(line.intercept - one.line[1], line.intercept_err)
    rings = [_quantile_loss(off, mean_error(one.radius[at], one.err[at], shared)) for at, off in one.rings]
    return total + float(np.mean(rings))


def _quantile_loss(difference: float, error: float) -> float:
    u = float(np.log(max(abs(difference), 1e-6) / error))
    return u * (ONE_SIGMA - (u < 0))


def _of(x: Floats) -> SharedErrors:
    share = np.exp(np.append(x[:2], 0.0))
    share /= share.sum()
    rounded = [round(float(value), 3) for value in (share[0], share[1], *np.exp(np.clip(x[2:], -8, 8)))]
    return SharedErrors(*rounded)


def _used(one: Regions, column: int) -> _Galaxy | None:
    parts = one.r_re, one.value[:, column], one.truth[:, column], one.err[:, column]
    rows = np.flatnonzero(one.good & np.all([np.isfinite(part) for part in parts], axis=0) & (parts[3] > 0))
    rows = np.sort(np.random.default_rng(1).permutation(rows)[:MOST_REGIONS])
    radius, value, truth, err = (part[rows] for part in parts)
    inside = np.flatnonzero(radius <= MAX_RADIUS)
    if len(inside) < 3:
        return None
    edges = np.arange(0, LAST_RE, RING_RE)
    rings = [np.flatnonzero((radius >= low) & (radius < low + RING_RE)) for low in edges]
    offs = [(ring, float(np.median(value[ring]) - np.median(truth[ring]))) for ring in rings if len(ring)]
    slope, centre = np.polyfit(radius[inside], truth[inside], 1)
    few = np.random.default_rng(2).permutation(len(radius))[:MOST_OF_LIKELIHOOD]
    return _Galaxy(radius, value, value - truth, err, few, inside, (float(slope), float(centre)), offs)
