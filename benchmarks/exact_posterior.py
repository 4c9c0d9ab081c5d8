"""Posteriors by importance weights over a library of SEDs, with the likelihood of the training SEDs' observations.

An SED f (noise-free, all bands) of unknown amplitude A is seen by :func:`agez.training_seds.observe.observe` as::

    y = A f (1 + c W a + z q e) + s n        log t = log s + tau g

with a, e, n, g normal, W smooth waves of wavelength, and q larger in blue bands.  Fluxes y and reported errors t are
known.  Unknown are the amplitudes c and z, log-uniform in the survey's ranges, and A and s, uniform in log.  Networks
see fluxes and errors over the row's own scale, which do not change with A: a flat prior in log A gives the exact
likelihood of these.
With alpha = 1 / A and sigma = s alpha the covariance C(c, z, sigma) of alpha y does not depend on A::

    p(y, t | f) = sum_{c, z, sigma} |C|^-1/2 int d log(alpha)  alpha^b exp(-(alpha y - f)^T C^-1 (alpha y - f) / 2)
                                             exp(-(log(sigma / t) - log(alpha))^2 / (2 tau^2))

Sums are over nodes, the integral is Laplace's; C is a diagonal plus six outer products, whose inner products for
thousands of SEDs are one matrix product.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

from agez.errors import AgezError
from agez.training_seds.observe import BLUE_ANGSTROM, N_WAVES, Survey, smooth_waves
from agez.types import Floats, Ints

#: Steps between nodes in ln of the total scatter that an amplitude leads to: of a calibration error, which has six
#: degrees of freedom, and of zero points, which have one for each band.
WAVE_STEP, ZERO_POINT_STEP = 0.5, 0.25
#: Nodes of log(sigma / t), in units of its uncertainty: that of the noise, and of the amplitude.
LEVELS = np.linspace(-3.3, 3.3, 7)
#: SEDs that matter are found with fewer nodes: first one of the largest amplitudes, which makes differences between
#: SEDs smaller than they are, then those of wider steps.
SEARCH = (np.inf, 4.0)
#: SEDs whose coarse likelihood is lower than the best by more than this [ln] have no weight.
DROP = 20.0
#: The largest number of SEDs that have weight, by their coarse likelihood.
MOST = 50_000
#: Posteriors of a smaller effective sample size are not scored.
LEAST_EFFECTIVE = 20.0
#: Of the upper triangle of products of waves.
PAIRS = np.triu_indices(N_WAVES)
#: SEDs whose numbers are in the processor's cache together.
CHUNK = 2048


@dataclass(frozen=True, eq=False)
class Process:
    """What is random in observations with all bands."""

    waves: Floats  #: (N_WAVES, b)
    own: Floats  #: (b,) Zero-point errors of bands, relative.
    #: calibration, zero_points: (low, high)
    calibration: tuple[float, float]
    zero_points: tuple[float, float]
    error_scatter: float

    @classmethod
    def of(cls, survey: Survey, pivot_angstrom: Floats) -> Process:
        """That of a survey without bad bands; AgezError if its errors are too well known for so few nodes."""
        if survey.band_zero_points or survey.errors_understated != (0.0, 0.0):
            raise AgezError(
                "the survey has measured zero points or understated errors, which the exact likelihood does not have; "
                "take a model whose recipe has neither, such as jpas"
            )
        if survey.error_scatter < 0.03:
            raise AgezError(f"error_scatter is {survey.error_scatter:g}; the nodes of the noise are for 0.03 or more")
        own = np.where(pivot_angstrom < BLUE_ANGSTROM, survey.blue_zero_points, 1.0)
        return cls(smooth_waves(pivot_angstrom), own, survey.calibration, survey.zero_points, survey.error_scatter)


class Likelihood(NamedTuple):
    """Of each SED (n,): log likelihood but for a constant; mean and standard deviation of log(alpha)."""

    log: Floats
    log_alpha: Floats
    log_alpha_err: Floats


def amplitude_nodes(span: tuple[float, float], floor: float, step: float) -> list[tuple[float, float]]:
    """Nodes of an amplitude that is log-uniform in ``span``, and the logs of their weights.

    The scatter is the amplitude and ``floor`` added in quadrature.  Cells have equal steps of its log, at most
    ``step``; the node of a cell is its rms.  With infinite steps the largest amplitude is the only node.
    """
    low, high = span
    if high <= low * (1 + 1e-6) or np.isinf(step):
        return [(high, 0.0)]
    ends = 0.5 * np.log(np.square(span) + floor**2)
    n = max(int(np.ceil((ends[1] - ends[0]) / step)), 1)
    edges = np.sqrt(np.maximum(np.exp(2 * np.linspace(*ends, n + 1)) - floor**2, 0.0))
    edges[0], edges[-1] = low, high
    part = np.diff(np.log(edges))
    rms = np.sqrt(np.diff(edges**2) / (2 * part))
    return [(float(a), float(w)) for a, w in zip(rms, np.log(part / part.sum()), strict=True)]


def log_likelihood(process: Process, flux: Floats, flux_err: Floats, seds: Floats, *, step: float = 1.0) -> Likelihood:
    """Of one row, fluxes and reported errors (b,), given each of ``seds`` (n, b), in units of their mean.

    ``step`` widens the steps between nodes; above 1 the reported noise is believed.
    """
    unit = flux.mean()
    flux, flux_err = (flux / unit).astype(np.float32), (flux_err / unit).astype(np.float32)
    noise = float(np.sqrt(np.mean(flux_err**2)))
    zero_points = amplitude_nodes(process.zero_points, noise, ZERO_POINT_STEP * step)
    calibrations = amplitude_nodes(process.calibration, noise / np.sqrt(flux.size), WAVE_STEP * step)
    tau = process.error_scatter
    span = np.hypot(tau, process.calibration[1]) * LEVELS[-1]
    levels = [0.0] if step > 1 else np.linspace(-span, span, round(len(LEVELS) / step)).tolist()
    w = process.waves
    pairs = np.stack([w[i] * w[j] for i, j in zip(*PAIRS, strict=True)])
    basis = np.concatenate([np.ones((1, flux.size)), w, pairs]).astype(np.float32).T.copy()
    out = np.empty((3, len(seds)))
    for start in range(0, len(seds), CHUNK):
        f = seds[start : start + CHUNK]
        nodes = []
        for level in levels:
            for zero_point, weight in zero_points:
                products = _inner_products(
                    f, flux, flux_err * np.float32(np.exp(level)), zero_point * process.own, basis
                )
                for calibration, other in calibrations:
                    moments = _without_waves(*products, np.float32(calibration))
                    value, u, variance = _over_amplitudes(*moments, flux.size, level, tau)
                    nodes.append((value + weight + other, u, variance))
        out[:, start : start + CHUNK] = _of_nodes(*(np.stack(part) for part in zip(*nodes, strict=True)))
    return Likelihood(*out)


def _inner_products(
    f: Floats, flux: Floats, sigma: Floats, scatter: Floats, basis: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """Products under D^-1, the diagonal of C: of f f, f r and r r with r = y - f, times 1, waves, pairs of waves.

    (28, n), (7, n), (n,), and ln det D.
    """
    rest = flux - f
    variance = np.square(f * scatter.astype(np.float32)) + sigma * sigma
    f_over = f / variance
    ff, fr = (f_over * f) @ basis, (f_over * rest) @ basis[:, : 1 + N_WAVES]
    return ff.T, fr.T, (rest * rest / variance).sum(axis=1), np.log(variance).sum(axis=1)


def _without_waves(
    ff: Floats, fr: Floats, rr: Floats, log_det: Floats, calibration: np.float32
) -> tuple[Floats, Floats, Floats, Floats]:
    """r r, r f and f f under C^-1, and ln det C: the six waves eliminated from the matrix of all products."""
    n, k = len(rr), N_WAVES
    a = np.empty((k + 2, k + 2, n), np.float32)
    a[PAIRS] = calibration**2 * ff[1 + k :]
    a[range(k), range(k)] += 1
    a[:k, k], a[:k, k + 1] = calibration * fr[1:], calibration * ff[1 : 1 + k]
    a[k, k], a[k, k + 1], a[k + 1, k + 1] = rr, fr[0], ff[0]
    for i in range(k):  # the upper triangle
        row = a[i, i + 1 :] / a[i, i]
        for j in range(i + 1, k + 2):
            a[j, j:] -= a[i, j] * row[j - i - 1 :]
    return a[k, k], a[k, k + 1], a[k + 1, k + 1], log_det + np.log(a[range(k), range(k)]).sum(axis=0)


def _over_amplitudes(
    rr: Floats, rf: Floats, ff: Floats, log_det: Floats, b: int, level: float, tau: float
) -> tuple[Floats, Floats, Floats]:
    """The integral over u = log(alpha) by Laplace's method: its log, the mode of u and its variance."""
    yy, yf = rr + 2 * rf + ff, rf + ff
    alpha = (yf + np.sqrt(yf * yf + 4 * b * yy)) / (2 * yy)  # the mode but for the term of the reported noise
    u = np.log(alpha)
    for _ in range(2):
        curvature = 2 * alpha * alpha * yy - alpha * yf + 1 / tau**2
        u += (b - alpha * alpha * yy + alpha * yf - (u - level) / tau**2) / curvature
        alpha = np.exp(u)
    less = alpha - 1  # alpha y - f = alpha r + (alpha - 1) f: no difference of large numbers
    chi2 = alpha * alpha * rr + 2 * alpha * less * rf + less * less * ff + ((u - level) / tau) ** 2
    return b * u - 0.5 * (chi2 + log_det + np.log(curvature)), u, 1 / curvature


def _of_nodes(log: Floats, u: Floats, variance: Floats) -> tuple[Floats, Floats, Floats]:
    """Sums over nodes, which are rows."""
    best = log.max(axis=0)
    weight = np.exp(log - best)
    total = weight.sum(axis=0)
    mean = (weight * u).sum(axis=0) / total
    spread = (weight * (variance + (u - mean) ** 2)).sum(axis=0) / total
    return best + np.log(total), mean, np.sqrt(spread)


class Weights(NamedTuple):
    """SEDs of a library that one row could be, with their weights."""

    rows: Ints  #: (m,)
    weight: Floats  #: (m,) They sum to one.
    #: log_alpha, log_alpha_err: (m,) As in :class:`Likelihood`, of the row's fluxes over their mean.
    log_alpha: Floats
    log_alpha_err: Floats
    #: The weight of that half of the SEDs that the coarse likelihood puts last: small if it has missed none.
    last_half: float

    @property
    def effective(self) -> float:
        """Effective sample size."""
        return float(1 / np.sum(self.weight**2))


def importance_weights(
    process: Process, flux: Floats, flux_err: Floats, seds: Floats, *, drop: float = DROP
) -> Weights:
    """The posterior of one row: SEDs that matter by the coarse likelihood, weighted by the likelihood."""
    rows, part = np.arange(len(seds)), seds
    for step in SEARCH:
        log = log_likelihood(process, flux, flux_err, part, step=step).log
        near = np.flatnonzero(log > log.max() - drop)
        rows = rows[near[np.argsort(-log[near], kind="stable")]]
        part = seds[rows]
    rows = rows[:MOST]
    found = log_likelihood(process, flux, flux_err, seds[rows])
    weight = np.exp(found.log - logsumexp(found.log))
    return Weights(rows, weight, found.log_alpha, found.log_alpha_err, float(weight[(len(rows) + 1) // 2 :].sum()))


def crps_of_sample(values: Floats, weight: Floats, truth: float) -> float:
    """Continuous ranked probability score of the distribution that a weighted sample is drawn from.

    The score of the sample itself would be larger, for it is finite.  This is the fair form (Ferro 2014, Q. J. R.
    Meteorol. Soc. 140, 1917) with weights: pairs of a value with itself are left out.
    """
    order = np.argsort(values, kind="stable")
    x, w = values[order], weight[order]
    pairs = 2 * np.sum(w * x * (2 * np.cumsum(w) - w - 1))
    return float(np.sum(w * np.abs(x - truth)) - 0.5 * pairs / (1 - np.sum(w * w)))


def log_density_of_sample(values: Floats, weight: Floats, truth: float) -> float:
    """Log of a kernel estimate of the density at ``truth``.

    The width of the Gaussians follows from the effective sample size by Silverman's rule.  Their centres are drawn
    towards the mean, so that mean and variance are those of the sample (West 1993, J. R. Stat. Soc. B 55, 409).
    """
    mean = np.sum(weight * values)
    spread = np.sqrt(np.sum(weight * (values - mean) ** 2))
    order = np.argsort(values, kind="stable")
    quartiles = values[order][np.searchsorted(np.cumsum(weight[order]), (0.25, 0.75))]
    robust = min(spread, np.ptp(quartiles) / 1.349) or spread
    width = robust * (0.75 / np.sum(weight**2)) ** -0.2
    shrunk = mean + np.sqrt(max(1 - (width / spread) ** 2, 0.0)) * (values - mean)
    z = (truth - shrunk) / width
    return float(logsumexp(-0.5 * z * z, b=weight) - np.log(width * np.sqrt(2 * np.pi)))


class RowScores(NamedTuple):
    """Scores of one row's exact posterior: of each target (d,), NaN below :data:`LEAST_EFFECTIVE`; see Weights."""

    crps: Floats
    log_density: Floats
    effective: float
    last_half: float


class Problem(NamedTuple):
    """What the rows of a test share: the library's SEDs (n, b) and values (n, d) at unit flux, and the process."""

    seds: Floats
    values: Floats
    per_flux: Floats  #: (d,) :attr:`agez.targets.Target.per_flux`
    process: Process


class Row(NamedTuple):
    """One row: number; fluxes and errors (b,) over the scale that networks see; true values (d,) as they learn them."""

    number: int
    flux: Floats
    flux_err: Floats
    truth: Floats


_problem: list[Problem] = []


def start(problem: Problem) -> None:
    """Once in each worker process."""
    _problem[:] = [problem]


def score_row(row: Row) -> RowScores:
    """Scores of a row, in a worker process."""
    seds, values, per_flux, process = _problem[0]
    found = importance_weights(process, row.flux, row.flux_err, seds)
    if found.effective < LEAST_EFFECTIVE:
        return RowScores(*np.full((2, len(row.truth)), np.nan), found.effective, found.last_half)
    # the SED's amplitude, in units of the row's scale
    noise = np.random.default_rng(row.number).standard_normal(len(found.rows))
    log_amplitude = np.log(row.flux.mean()) - (found.log_alpha + noise * found.log_alpha_err)
    samples = values[found.rows] + per_flux * (log_amplitude / np.log(10))[:, None]
    crps, density = (
        np.array([score(column, found.weight, true) for column, true in zip(samples.T, row.truth, strict=True)])
        for score in (crps_of_sample, log_density_of_sample)
    )
    return RowScores(crps, density, found.effective, found.last_half)
