"""The least redshift of answers: below it no distance follows from a redshift."""

from __future__ import annotations

import numpy as np

from agez.arrays import Floats
from agez.distributions.mixture import Mixture, moments

#: Least redshift [1] of distributions that are not those of a known redshift: 300 km/s, the velocities that galaxies
#: have beside the expansion (Davis & Peebles 1983, ApJ 267, 465), hide the distance below it.
LEAST_REDSHIFT = 1e-3
#: Distributions with more than this below the bound are cut there: at less, distances to first order in the width of
#: the redshift are within 0.1 of their error.
LEAST_CUT = 0.003
#: Redshift errors up to this, times 1 + z, are independent of what the fluxes say: bands of 100 A see no more.  With
#: larger ones the distance is that of the network's own redshift, component by component.
INDEPENDENT_ERROR = 0.002


def least_redshift(redshifts: Mixture) -> Floats:
    """(n,) bound of draws and quantiles of distributions of one target, a redshift; -inf where it is known."""
    return np.where(moments(redshifts)[1] > INDEPENDENT_ERROR, LEAST_REDSHIFT, -np.inf)[:, 0]
