"""Rows whose redshift the fluxes tell, or narrow down: what the network for known redshifts says at that redshift.

The answer of unknown redshift is the average of those at each redshift, by the distribution of redshifts.  Where that
is narrow, the answer at its mean stands for the average, and is better where the network for known redshifts is: at
near redshifts, of which that has learned from a third of its galaxies, and the other from a tenth
(``benchmarks/broad_redshifts.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from agez.distributions.mixture import Mixture, place
from agez.models.features import NormalisedPhotometry, redshift_unit
from agez.types import Floats, Ints

if TYPE_CHECKING:
    from agez.mixture_network.mixture_model import MixtureNetwork

#: A redshift is found where its distribution is narrower than this, times 1 + z: a band of 100 A is as wide.
#: Components of less than ``LEAST_WEIGHT`` do not count.
MOST_SIGMA, LEAST_WEIGHT = 0.02, 0.02
#: Redshift below which surveys resolve galaxies, and networks are taught more of them.
NEAR = 0.1


def at_found(
    network: MixtureNetwork, mixture: Mixture, seds: NormalisedPhotometry, redshift: Floats, redshift_err: Floats
) -> Mixture:
    """Answers of a network that is not shown redshifts; those for known ones in rows of a near redshift found."""
    known = network.at_found
    assert known is not None
    return with_found(
        network, mixture, redshift, redshift_err, lambda rows, z: known.answer(seds.take(rows), z, np.zeros(len(z)))
    )


def with_found(
    network: MixtureNetwork, mixture: Mixture, redshift: Floats, redshift_err: Floats,
    answer: Callable[[Ints, Floats], Mixture],
) -> Mixture:  # fmt: skip
    """The same, where ``answer(rows, redshift)`` gives the answers for exact redshifts."""
    at, limits = network.redshift_target, network.members[0].scaling.redshift_range
    if at is None:
        return mixture
    found = found_redshift(mixture, at, redshift, redshift_err, limits, most_redshift=NEAR)
    if not found.rows.size:
        return mixture
    there = answered_there(answer(found.rows, found.redshift), at, found, redshift, redshift_err, limits)
    return mixture.with_rows(found.rows, there)


class FoundRedshift(NamedTuple):
    """Numbers of the rows whose redshift is found, the redshift, and its error, each (m,)."""

    rows: Ints
    redshift: Floats
    redshift_err: Floats


def found_redshift(
    mixture: Mixture, at: int, redshift: Floats, redshift_err: Floats, redshift_range: tuple[float, float], *,
    most_redshift: float = np.inf,
) -> FoundRedshift:  # fmt: skip
    """Rows (n,) whose redshift is found.

    Parameters
    ----------
    mixture : Mixture
        With redshifts, target ``at``, as departures from the given ones (:func:`agez.models.features.redshift_unit`).
    redshift, redshift_err : (n,) float
        Given; NaN where unknown.
    redshift_range : (low, high)
        Of the networks; what is found lies inside.
    most_redshift : float
        Rows of larger redshifts are left out.
    """
    origin, unit = redshift_unit(redshift, redshift_err, redshift_range)
    weight = np.where(mixture.weights >= LEAST_WEIGHT, mixture.weights, 0.0)
    weight /= np.maximum(weight.sum(axis=1, keepdims=True), LEAST_WEIGHT)
    mean = (weight * mixture.mean[..., at]).sum(axis=1)
    each = mixture.covariance[..., place(at, at)] + (mixture.mean[..., at] - mean[:, None]) ** 2
    z, sigma = origin + unit * mean, unit * np.sqrt((weight * each).sum(axis=1))
    with np.errstate(invalid="ignore"):  # rows without an answer
        rows = np.flatnonzero((sigma > 0) & (sigma <= MOST_SIGMA * (1 + z)) & (z <= most_redshift))
    return FoundRedshift(rows, np.clip(z[rows], *redshift_range), sigma[rows])


def answered_there(
    mixture: Mixture, at: int, found: FoundRedshift, redshift: Floats, redshift_err: Floats,
    redshift_range: tuple[float, float],
) -> Mixture:  # fmt: skip
    """Answers (m,) at found redshifts, with these as their target ``at`` in the unit of the given ones (n,)."""
    origin, unit = (one[found.rows] for one in redshift_unit(redshift, redshift_err, redshift_range))
    mean, covariance = np.array(mixture.mean), np.array(mixture.covariance)
    mean[..., at] = ((found.redshift - origin) / unit)[:, None]
    for t in range(mixture.n_targets):
        covariance[..., place(t, at)] = 0.0
    covariance[..., place(at, at)] = ((found.redshift_err / unit) ** 2)[:, None]
    return Mixture(mixture.weights, mean, covariance)
