"""Redshift distributions truncated to a model's range, and the redshifts that its networks are given for them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from agez.types import Floats

#: Minimum share of the redshift distribution inside the model's range for a prediction (two sigma).
LEAST_ANSWERED = 0.0227
#: Rows below this share are flagged REDSHIFT_OUTSIDE_MODEL: they are more likely outside than inside.
LEAST_TRUSTED = 0.5
#: Largest redshift error in training, in units of half the range (0.03 in a range of 0 to 0.1); beyond, networks that
#: are shown such redshifts get the moments of the truncated distribution, of a standard deviation up to 1 / sqrt(3) of
#: half the range.  Those whose answers are multiplied by the given distribution get it as it is.
MOST_ERROR = 0.6
#: Stretch of the distributions of rows with unknown redshift about their mean, where training had no such rows: without
#: it their 68 % intervals of age contain 57 to 66 % of the true values (``benchmarks/less_known.py``).
UNKNOWN_STRETCH = 1.15


class InsideRedshift(NamedTuple):
    """Truncated redshift distributions, each (n,).

    ``share`` of the distribution inside the range, NaN where the redshift is unknown; ``redshift`` and
    ``redshift_err`` of the truncated distribution.
    """

    share: Floats
    redshift: Floats
    redshift_err: Floats


def inside_redshift(
    redshift: Floats, redshift_err: Floats, redshift_range: tuple[float, float], *, tolerance: float
) -> InsideRedshift:
    """Truncate Gaussian redshift distributions to a range.

    Redshifts inside the range with errors as in training are unchanged.  The others are replaced by mean and standard
    deviation of the Gaussian truncated at the ends of the range (Johnson, Kotz & Balakrishnan 1994,
    Continuous Univariate Distributions 1, 13.10).

    Parameters
    ----------
    redshift, redshift_err : (n,) float
        NaN redshift, or infinite error: unknown, NaN.  Error 0 or NaN: exact.
    redshift_range : (low, high)
    tolerance : float
        Margin around the range that counts as inside; redshifts there are unchanged.
    """
    low, high = redshift_range
    error = np.nan_to_num(np.asarray(redshift_err, float), nan=0.0, posinf=np.inf)
    z = np.where(np.isinf(error), np.nan, redshift)
    edges = np.array([low - tolerance, high + tolerance])
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        exact = ~(error > 0)
        within = (z >= edges[0]) & (z <= edges[1])
        below, above = (edges[:, None] - z) / np.where(exact, 1.0, error)
        # from the smaller tail: differences of numbers near one lose digits
        mirrored = below > 0
        share = np.where(mirrored, ndtr(-below) - ndtr(-above), ndtr(above) - ndtr(below))
        share = np.where(exact, within.astype(float), share)
        share = np.where(np.isnan(z), np.nan, share)
        changed = ~exact & (~within | (error > MOST_ERROR * (high - low) / 2)) & (share >= LEAST_ANSWERED)
        a, b = (low - z) / error, (high - z) / error
        mass = np.where(a > 0, ndtr(-a) - ndtr(-b), ndtr(b) - ndtr(a))
        at_a, at_b = (np.exp(-0.5 * np.clip(np.square(x), 0, 1e4)) / np.sqrt(2 * np.pi) for x in (a, b))
        shift = (at_a - at_b) / mass
        variance = 1 + (a * at_a - b * at_b) / mass - shift**2
        mean = np.clip(z + error * shift, low, high)
        sigma = error * np.sqrt(np.clip(variance, 0.0, 1.0))
    return InsideRedshift(share, np.where(changed, mean, z), np.where(changed, sigma, redshift_err))
