"""Properties of mock galaxies: drawn with the distributions and correlations of real CALIFA galaxies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtr

from agez.mocks.califa_numbers import (
    CORRELATIONS,
    LEVELS,
    LOG_SIGMA_ON_MASS,
    PROPERTIES,
    QUANTILES,
    STAR_CORRELATIONS,
    STAR_PROPERTIES,
    STAR_QUANTILES,
)
from agez.types import Floats, Strings

#: Intrinsic scatter of the Faber-Jackson-like relation [dex]: that of the early types, measured.  The scatter
#: that the file shows for late types is the noise of dispersions below V500's resolution (140 km/s).
LOG_SIGMA_SCATTER = LOG_SIGMA_ON_MASS["early"][2]

#: log10 of the stellar mass, and the median stellar [M/H] at that mass: Gallazzi et al. 2005, MNRAS 362, 41, table 2.
MASS_METALLICITY = (
    (8.91, 9.11, 9.31, 9.51, 9.72, 9.91, 10.11, 10.31, 10.51, 10.72, 10.91, 11.11, 11.31, 11.51),
    (-0.60, -0.61, -0.65, -0.61, -0.52, -0.41, -0.23, -0.11, -0.01, 0.04, 0.07, 0.10, 0.12, 0.13),
)
#: The SDSS fibre of that relation sees the inner part: the radius, in Re, that it is taken to hold at.
MASS_METALLICITY_RADIUS_RE = 0.5
#: Scatter of galaxies about it [dex] at log mass 9.5 and 11 (Gonzalez Delgado et al. 2015, A&A 581, A103, figure 9).
MASS_METALLICITY_SCATTER = ((9.5, 11.0), (0.20, 0.10))


def symmetric(triangle: Sequence[Sequence[float]]) -> Floats:
    """(k, k) the symmetric matrix of which ``triangle`` holds the rows up to the diagonal."""
    matrix = np.zeros((len(triangle), len(triangle)))
    for i, row in enumerate(triangle):
        matrix[i, : i + 1] = matrix[: i + 1, i] = row
    return matrix


def draw_stars(kind: str, n: int, rng: np.random.Generator) -> dict[str, Floats]:
    """Draw ages, metallicities, dust and H-alpha as real galaxies have them, with their correlations.

    Parameters
    ----------
    kind : str
        ``whole early``, ``whole late``, ``centre early`` or ``centre late``.
    n : int

    Returns
    -------
    dict of (n,) float
        A value a galaxy for each of ``STAR_PROPERTIES``: light-weighted means, drawn by a Gaussian copula as in
        :func:`draw_properties`.

    Examples
    --------
    >>> import numpy as np
    >>> old, young = (draw_stars(kind, 500, np.random.default_rng(1)) for kind in ("whole early", "whole late"))
    >>> bool(np.median(old["log_age_lw"]) > np.median(young["log_age_lw"]) + 0.3)
    True
    """
    deviates = rng.standard_normal((n, len(STAR_PROPERTIES)))
    return _copula(deviates, STAR_CORRELATIONS[kind], STAR_PROPERTIES, STAR_QUANTILES[kind])


def draw_properties(morphology: Strings, rng: np.random.Generator) -> dict[str, Floats]:
    """Draw galaxies' properties from a Gaussian copula with the measured distribution of each property.

    Normal deviates with the measured correlation matrix are turned, each on its own, into values with
    the measured cumulative distribution (linear between the quantiles in ``LEVELS``; the
    outermost 2 % on each side get the outermost quantile, so that no outlier is invented).

    Parameters
    ----------
    morphology : (g,) str
        ``early`` or ``late``.

    Returns
    -------
    dict of (g,) float
        A value a galaxy for each of ``PROPERTIES`` (units there), and ``log_sigma``: log10 of the
        stellar velocity dispersion at Re [km/s], from the measured relation with stellar mass.
    """
    g = len(morphology)
    deviates = rng.standard_normal((g, len(PROPERTIES)))
    sigma_deviate = rng.standard_normal(g)
    drawn = {name: np.full(g, np.nan) for name in (*PROPERTIES, "log_sigma")}
    for word in ("early", "late"):
        here = np.asarray(morphology == word)
        for name, values in _copula(deviates[here], CORRELATIONS[word], PROPERTIES, QUANTILES[word]).items():
            drawn[name][here] = values
        slope, intercept, _ = LOG_SIGMA_ON_MASS[word]
        mean = intercept + slope * (drawn["log_mass"][here] - 10.5)
        drawn["log_sigma"][here] = mean + LOG_SIGMA_SCATTER * sigma_deviate[here]
    return drawn


def _copula(
    deviates: Floats, triangle: Sequence[Sequence[float]], names: Sequence[str], quantiles: dict[str, list[float]]
) -> dict[str, Floats]:
    """Values of each name with its ``quantiles`` and the correlations in ``triangle``, of (g, k) normal deviates."""
    level = ndtr(deviates @ np.linalg.cholesky(symmetric(triangle)).T)
    return {name: np.interp(level[:, column], LEVELS, quantiles[name]) for column, name in enumerate(names)}


def mean_metallicity(log_mass: Floats) -> Floats:
    """Median stellar [M/H] of galaxies of stellar mass ``log_mass`` (``MASS_METALLICITY``), flat beyond its ends."""
    return np.asarray(np.interp(log_mass, *MASS_METALLICITY))


def metallicity_scatter(log_mass: Floats) -> Floats:
    """Scatter of galaxies about :func:`mean_metallicity` [dex]."""
    return np.asarray(np.interp(log_mass, *MASS_METALLICITY_SCATTER))


def rotation_speed(log_mass: Floats) -> Floats:
    """Flat rotation velocity of a disc [km/s]: the stellar Tully-Fisher relation of Reyes et al. 2011, MNRAS 417, 2347.

    ``log10 V = 2.142 + 0.278 (log_mass - 10.10)``; their scatter of 0.049 dex is left to the caller.
    """
    return np.asarray(10 ** (2.142 + 0.278 * (np.asarray(log_mass) - 10.10)))
