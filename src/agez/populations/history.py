"""Histories of mock galaxies over a template grid, and the mean ages and metallicities that follow from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np

from agez.analysis.age_bins import lookback_of_share
from agez.arrays import Floats
from agez.populations.stellar_mass import surviving_fraction


def weighted_means(weights: Floats, log_age: Floats, mh: Floats) -> tuple[Floats, Floats]:
    """Means (n,) of log age and of [M/H] of populations with weights (n, n_age, n_mh), of light or of mass.

    <x> = sum_ij w_ij x_ij / sum_ij w_ij: means of logarithms, as in Cid Fernandes et al. (2013, A&A 557, A86).
    """
    total = weights.sum(axis=(1, 2))
    return weights.sum(axis=2) @ log_age / total, weights.sum(axis=1) @ mh / total


class Nodes(Protocol):
    """A template grid's nodes."""

    @property
    def log_age(self) -> Floats:
        """(n_age,) log10(age/yr)."""

    @property
    def mh(self) -> Floats:
        """(n_mh,)."""


def truth_from_weights(mass_weights: Floats, grid: Nodes, *, light: Floats) -> dict[str, Floats]:
    """Light- and mass-weighted means of the grid's log age and [M/H].

    Parameters
    ----------
    mass_weights : (n, n_age, n_mh) float
        Mass of stars formed, in any unit.
    grid : SSPGrid, or another object with its nodes
    light : (n_age, n_mh) float
        ``grid.light``.

    Returns
    -------
    dict with ``log_age_lw``, ``mh_lw``, ``log_age_mw``, ``mh_mw``, each (n,).
    """
    result: dict[str, Floats] = {}
    for suffix, weights in (("lw", mass_weights * light), ("mw", mass_weights)):
        log_age, mh = weighted_means(weights, grid.log_age, grid.mh)
        result |= {f"log_age_{suffix}": log_age, f"mh_{suffix}": mh}
    return result


#: Added to rates per mass before their logarithm [1/yr]: below it, photometry cannot tell a rate from none.
LEAST_SSFR = 1e-13


@dataclass(frozen=True, eq=False)
class History:
    """Star-formation histories of ``n`` galaxies of one template library: from which the truth of targets follows."""

    mass: Floats  #: (n, n_age, n_mh) Mass of stars formed, in any unit.
    light: Floats  #: (n, n_age, n_mh) f_lambda in 5450-5550 A before dust.
    log_age: Floats  #: (n_age,) log10(age/yr).
    mh: Floats  #: (n_mh,)
    #: redshift, av: (n,) A_V [mag] of the stars.
    redshift: Floats
    av: Floats
    #: ew_ha, ew_oiii: (n,) Rest-frame equivalent widths of the emission in H-alpha and [OIII]5007 over the stars'
    #: observed continuum [Angstrom].
    ew_ha: Floats
    ew_oiii: Floats
    #: (n,) log10 of the solar masses (Chabrier) that the unit of ``mass`` stands for, per unit of the row's flux scale:
    #: what is 3631 Jy at 10 pc (see :func:`agez.models.luminosity.log_luminosity`).
    log_unit_mass: Floats
    #: rest, intrinsic: dict of (n,) float, optional: ``dn4000``, ``u``, ``g``, ``r``, ``i`` of the observed light,
    #: absolute magnitudes at unit flux scale, and those without dust.
    rest: dict[str, Floats] = field(default_factory=dict)
    intrinsic: dict[str, Floats] = field(default_factory=dict)

    def light_weighted(self, axis: str) -> Floats:
        """(n,) light-weighted means of ``log_age`` or of ``mh``."""
        return weighted_means(self.light, self.log_age, self.mh)[("log_age", "mh").index(axis)]

    def mass_weighted(self, axis: str) -> Floats:
        """(n,) means of ``log_age`` or of ``mh``, weighted by the mass formed."""
        return weighted_means(self.mass, self.log_age, self.mh)[("log_age", "mh").index(axis)]

    @cached_property
    def _surviving(self) -> Floats:
        """(n,) mass in living stars and remnants, in the unit of ``mass``."""
        return np.asarray((self.mass * surviving_fraction(self.log_age, self.mh)).sum(axis=(1, 2)))

    def log_mass_formed(self) -> Floats:
        """(n,) log10 of the mass formed [solar masses at unit flux scale]."""
        return np.asarray(np.log10(self.mass.sum(axis=(1, 2))) + self.log_unit_mass)

    def log_mass(self) -> Floats:
        """(n,) log10 of the mass in living stars and remnants [solar masses at unit flux scale]."""
        return np.asarray(np.log10(self._surviving) + self.log_unit_mass)

    def log_ssfr(self, years: float) -> Floats:
        """(n,) log10 of the mean rate of the last ``years`` over the surviving mass, plus LEAST_SSFR [1/yr]."""
        edges = age_bin_edges(self.log_age)
        recent = np.clip((years - edges[:-1]) / np.diff(edges), 0, 1)
        formed = self.mass.sum(axis=2) @ recent
        return np.asarray(np.log10(formed / years / self._surviving + LEAST_SSFR))

    def log_lookback(self, share: float) -> Floats:
        """(n,) log10 of the lookback time [yr] by which ``share`` of the mass had formed.

        Linear in log lookback time inside the age bin in which the share is reached.
        """
        by_age = self.mass.sum(axis=2)
        younger = np.cumsum(by_age, axis=1) / by_age.sum(axis=1, keepdims=True)
        return lookback_of_share(np.concatenate([np.zeros((len(by_age), 1)), younger], axis=1), self.log_age, share)


def age_bin_edges(log_age: Floats) -> Floats:
    """(n_age + 1,) lookback times [yr] that bound the age bins of a grid: halfway in log age between its nodes.

    The first bin begins at 0 and the last has no end: stars younger than the youngest node are put in it, stars
    older than the oldest node in that one.
    """
    middle = 10 ** (0.5 * (log_age[1:] + log_age[:-1]))
    return np.concatenate([[0.0], middle, [1e11]])
