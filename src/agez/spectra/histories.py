"""Star-formation histories and age-metallicity relations out of the light fractions of a fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agez.errors import AgezError
from agez.spectra.templates import SSPGrid
from agez.types import Floats

#: Ages with less than this part of the light have no mean metallicity: nothing in the spectrum speaks of it.
MIN_LIGHT = 1e-3


@dataclass(frozen=True, eq=False)
class Histories:
    """What was formed when, of each spectrum; NaN in rows that have no fit."""

    log_age: Floats  #: (n_age,) Nodes of the template grid.
    #: (n, n_age) Part of the stellar mass ever formed that was formed at this age; its sum over ages is 1.
    mass_fraction: Floats
    light_fraction: Floats  #: (n, n_age) Part of today's light in 5450-5550 A, before dust; its sum over ages is 1.
    #: (n, n_age) Mean [M/H] of the stars of this age, by mass formed; NaN where they give less than ``MIN_LIGHT`` of
    #: the light.
    mh: Floats


def histories(weights: Floats, grid: SSPGrid) -> Histories:
    """Histories behind light fractions w over the grid: the mass formed is m = w / L, L the light per mass of an SSP.

    Parameters
    ----------
    weights : (n, n_age, n_mh) float
        :attr:`agez.Labels.weights`.
    grid : SSPGrid
        The templates of the fit.

    Raises
    ------
    AgezError
        If the weights are those of another grid.
    """
    if weights.ndim != 3 or weights.shape[1:] != grid.light.shape:
        raise AgezError(
            f"light fractions over {weights.shape[1:]} ages and metallicities do not belong to "
            f"template grid {grid.name!r}, which has {grid.light.shape}"
        )
    light = np.asarray(weights, dtype=float)
    mass = light / grid.light
    with np.errstate(invalid="ignore", divide="ignore"):
        light_of_age = light.sum(axis=2) / light.sum(axis=(1, 2))[:, None]
        mass_of_age = mass.sum(axis=2) / mass.sum(axis=(1, 2))[:, None]
        mh = np.where(light_of_age >= MIN_LIGHT, (mass * grid.mh).sum(axis=2) / mass.sum(axis=2), np.nan)
    return Histories(np.asarray(grid.log_age, dtype=float), mass_of_age, light_of_age, mh)
