"""Histories of mock galaxies over a template grid, and the mean ages and metallicities that follow from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from agez.arrays import Floats


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


@dataclass(frozen=True, eq=False)
class History:
    """Star-formation histories of ``n`` galaxies, all of one template library: from which the truth of targets follows.

    Attributes
    ----------
    mass : (n, n_age, n_mh) float
        Mass of stars formed, in any unit.
    light : (n, n_age, n_mh) float
        f_lambda in 5450-5550 A before dust.
    log_age : (n_age,) float
        log10(age/yr).
    mh : (n_mh,) float
    redshift, av, ew_ha : (n,) float
        A_V [mag] of the stars; observed equivalent width of H-alpha [Angstrom].
    """

    mass: Floats
    light: Floats
    log_age: Floats
    mh: Floats
    redshift: Floats
    av: Floats
    ew_ha: Floats

    def light_weighted(self, axis: str) -> Floats:
        """(n,) light-weighted means of ``log_age`` or of ``mh``."""
        return weighted_means(self.light, self.log_age, self.mh)[("log_age", "mh").index(axis)]
