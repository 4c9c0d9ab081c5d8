"""Distributions whose redshift is bounded below, and the distances that go with it.

The logarithm of a distance falls without limit towards redshift 0, so that a Gaussian of redshifts that reaches there
has no luminosity.  Components are cut at the least redshift (:mod:`agez.distributions.redshift_bounds`) and replaced by
Gaussians with the mean and covariance of what is left, targets per unit of flux with their luminosity: linear relations
between targets hold in them as before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri

from agez.distributions.mixture import Mixture, place
from agez.distributions.redshift_bounds import LEAST_CUT, LEAST_REDSHIFT
from agez.models.luminosity import log_luminosity
from agez.targets import Target
from agez.types import Bools, Floats

#: Rows are cut, too, with more than this of any component below the bound.
LEAST_OF_COMPONENT = 0.2
#: Least standard deviation of a cut component, that its covariance stays positive definite.
_LEAST_WIDTH = 1e-4
#: Nodes in probability and their shares, Gauss-Legendre: means of log distances of cut Gaussians are within 0.01 dex.
_NODES, _SHARES = (np.polynomial.legendre.leggauss(16)[0] + 1) / 2, np.polynomial.legendre.leggauss(16)[1] / 2


class CutMoments(NamedTuple):
    """Share above the least redshift, and there mean, variance and covariance of redshift and log distance factor."""

    above: Floats
    redshift: Floats
    redshift_variance: Floats
    distance: Floats
    distance_variance: Floats
    covariance: Floats


def cut_rows(m: Mixture, at: int) -> Bools:
    """(n,) rows whose redshift, target ``at``, reaches below the least one by more than is left as it is."""
    with np.errstate(invalid="ignore"):
        below = ndtr((LEAST_REDSHIFT - m.mean[..., at]) / np.sqrt(m.covariance[..., place(at, at)]))
        whole = (m.weights * below).sum(axis=1) > LEAST_CUT
        return np.asarray(whole | ((below > LEAST_OF_COMPONENT) & (m.weights > 1e-6)).any(axis=1))


def with_bounded_redshifts(m: Mixture, targets: Sequence[Target], at: int, cosmology: str) -> Mixture:
    """Components cut at the least redshift, with the luminosity at their redshifts added to targets per unit of flux.

    With z the cut redshift, g its log distance factor and beta_t = C_tz / C_zz, a target is x_t + beta_t (z - mu_z) +
    per_flux_t g: its mean and covariances follow from those of z and g, which a quadrature gives.  Weights are those
    of the parts above the bound.  Of targets that do not hang on the distance, ages say, each component keeps mean and
    covariance: a line that is drawn to redshifts below 0 does not say how they change there.
    """
    mu, variance = m.mean[..., at], m.covariance[..., place(at, at)]
    cut = cut_moments(mu, np.sqrt(variance), cosmology)
    part = m.weights * cut.above
    all_below = part.sum(axis=1, keepdims=True) < 1e-12  # nothing to weigh with: the components keep their own
    weights = np.where(all_below, m.weights, part)
    beta = [m.covariance[..., place(t, at)] / variance for t in range(m.n_targets)]
    mean, covariance = np.array(m.mean), np.array(m.covariance)
    free = [t != at and not target.per_flux for t, target in enumerate(targets)]
    for t, target in enumerate(targets):
        if not free[t]:
            mean[..., t] += beta[t] * (cut.redshift - mu) + target.per_flux * cut.distance
        for u, other in enumerate(targets[: t + 1]):
            if free[t] and free[u]:
                continue
            covariance[..., place(t, u)] += (
                beta[t] * beta[u] * (cut.redshift_variance - variance)
                + (target.per_flux * beta[u] + other.per_flux * beta[t]) * cut.covariance
                + target.per_flux * other.per_flux * cut.distance_variance
            )
    return Mixture(weights / weights.sum(axis=1, keepdims=True), mean, covariance)


def cut_moments(mean: Floats, sigma: Floats, cosmology: str) -> CutMoments:
    """Moments of Gaussians of redshift above the least redshift, and of their log distance factors; of any shape."""
    with np.errstate(invalid="ignore"):
        above = ndtr((mean - LEAST_REDSHIFT) / sigma)
        tail = np.maximum(above, 1e-300)[..., None] * (1 - _NODES)
        z = np.maximum(mean[..., None] - sigma[..., None] * ndtri(tail), LEAST_REDSHIFT)
    g = log_luminosity(np.ones(z.shape), z, cosmology=cosmology)
    z_mean, g_mean = z @ _SHARES, g @ _SHARES
    off_z, off_g = z - z_mean[..., None], g - g_mean[..., None]
    return CutMoments(
        above, z_mean, np.maximum(off_z**2 @ _SHARES, _LEAST_WIDTH**2), g_mean, off_g**2 @ _SHARES,
        (off_z * off_g) @ _SHARES,
    )  # fmt: skip
