"""Answers of a network that is not shown redshifts, times a given distribution of the redshift."""

from __future__ import annotations

import numpy as np

from agez.distributions.mixture import Mixture, place
from agez.models.features import redshift_unit
from agez.types import Floats

#: Share of given redshifts whose departures are larger than their errors say, and by what factor: a photometric
#: redshift is now and then that of another peak.
OUTLIER_SHARE, OUTLIER_WIDTH = 0.08, 4.0


def times_given(
    mixture: Mixture, at: int, redshift: Floats, redshift_err: Floats, redshift_range: tuple[float, float]
) -> Mixture:
    """Distributions of rows times what is known of their redshifts.

    The network's answer at unknown redshift, of a prior flat in redshift, times the density of the given redshift is
    the answer at that redshift (Bayes' theorem).  The product of two Gaussians is one: with C_z the covariances of all
    targets with the redshift, s the error, and r the given redshift minus a component's own, its mean rises by
    C_z r / (C_zz + s^2), its covariance falls by C_z C_z^T / (C_zz + s^2), and its weight is multiplied by
    N(r; 0, C_zz + s^2) (Kalman 1960, J. Basic Eng. 82, 35).  The given density has two parts, errors as they are told
    and outliers; the two Gaussians that a component becomes are merged into one of their mean and covariance.

    Parameters
    ----------
    mixture : Mixture
        Redshifts in the unit of rows of unknown redshift (:func:`agez.models.features.redshift_unit`).
    at : int
        Which target is the redshift.
    redshift, redshift_err : (n,) float
        Given; rows of NaN redshift or infinite error stay as they are.  An error of zero is that of
        :func:`redshift_unit`.
    redshift_range : (low, high)
        Of the network.

    Returns
    -------
    Mixture
        Redshifts in the unit of the given ones.
    """
    rows = np.flatnonzero(np.isfinite(redshift) & ~np.isposinf(redshift_err))
    if not rows.size:
        return mixture
    given, error = redshift[rows], redshift_err[rows]
    origin, width = redshift_unit(given, error, redshift_range)
    middle, half = (one[0] for one in redshift_unit(np.full(1, np.nan), np.full(1, np.nan), redshift_range))
    m = mixture.take(rows)
    variance = m.covariance[..., place(at, at)]
    off = ((given - middle) / half)[:, None] - m.mean[..., at]
    sigma = np.where(error > 0, error, width)[:, None] / half
    with_redshift = np.stack([m.covariance[..., place(t, at)] for t in range(m.n_targets)], axis=-1)
    total = variance + np.stack([sigma, OUTLIER_WIDTH * sigma]) ** 2
    share = np.array([1 - OUTLIER_SHARE, OUTLIER_SHARE])[:, None, None]
    with np.errstate(divide="ignore"):  # of no weight
        log_part = np.log(share * m.weights) - 0.5 * (off**2 / total + np.log(total))
    part = np.exp(log_part - log_part.max(axis=(0, 2), keepdims=True))
    weight = part.sum(axis=0)
    own = np.where(weight > 0, part / np.where(weight > 0, weight, 1.0), 0.5)  # which of the two, in each component
    rise, fall = (own * off / total).sum(axis=0), (own / total).sum(axis=0)
    spread = (own * (off / total - rise) ** 2).sum(axis=0) - fall  # merged: the two means part, too
    mean = m.mean + with_redshift * rise[..., None]
    covariance = np.array(m.covariance)
    for t in range(m.n_targets):
        for u in range(t + 1):
            covariance[..., place(t, u)] += with_redshift[..., t] * with_redshift[..., u] * spread
    mean[..., at] = (middle + half * mean[..., at] - origin[:, None]) / width[:, None]
    for t in range(m.n_targets):
        covariance[..., place(t, at)] *= ((half / width) ** (2 if t == at else 1))[:, None]
    return mixture.with_rows(rows, Mixture(weight / weight.sum(axis=1, keepdims=True), mean, covariance))
