"""What the literature says about ages and metallicities of galaxies by type and mass, to compare answers with."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from agez.bench.scores import finite_rows, line_slope
from agez.types import Floats

#: Light-weighted stellar metallicity of SDSS galaxies by stellar mass: log10 of the mass [solMass, Chabrier], median
#: [Z/H] [dex, solar 0.02], from Gallazzi et al. (2005, MNRAS 362, 41), table 2.  **By memory: check against the table
#: before these numbers are published.**  Its systematic errors (aperture, priors) are 0.1 dex and more.
GALLAZZI_2005 = (
    (8.91, -0.60), (9.11, -0.61), (9.31, -0.65), (9.51, -0.61), (9.72, -0.52), (9.91, -0.41), (10.11, -0.23),
    (10.31, -0.11), (10.51, -0.01), (10.72, 0.04), (10.91, 0.07), (11.11, 0.10), (11.31, 0.12), (11.51, 0.13),
    (11.72, 0.14), (11.91, 0.15),
)  # fmt: skip
#: For tables.
GALLAZZI_WORDS = "Gallazzi et al. (2005), table 2, from memory"


class KindRelations(NamedTuple):
    """Light-weighted ages and metallicities of one kind of galaxies, of spectra of whole galaxies."""

    n: int
    #: log_age_lw, mh_lw: 16, 50 and 84 % [log10 yr; dex].
    log_age_lw: tuple[float, float, float]
    mh_lw: tuple[float, float, float]
    slope: tuple[float, float]  #: Of [M/H] on log stellar mass from 10^9 to 10^12, and its error [dex / dex].


#: Ellipticals and spirals of eCALIFA (Sanchez et al. 2023, RMxAA 59, 213), as
#: ``python benchmarks/ecalifa_relations.py`` prints them.  Models whose training galaxies follow eCALIFA's relations
#: (docs/targets.md) have seen its distributions, though not which of them are of which kind.
ECALIFA = {
    "E": KindRelations(85, (9.48, 9.64, 9.75), (-0.15, 0.07, 0.23), (0.122, 0.028)),
    "S": KindRelations(296, (8.73, 9.11, 9.49), (-0.47, -0.15, 0.05), (0.216, 0.026)),
}
#: P(elliptical older than spiral) by eCALIFA's ages and types, and its error.
ECALIFA_OLDER = (0.901, 0.017)


def published_mh(log_mass: Floats) -> Floats:
    """Median [Z/H] of :data:`GALLAZZI_2005` at some masses; the ends hold beyond them."""
    mass, mh = np.array(GALLAZZI_2005).T
    return np.interp(log_mass, mass, mh)


def published_slope(log_mass: ArrayLike) -> float:
    """Slope of the published relation over the same masses [dex / dex]: the line through its values at each of them.

    The relation bends: its slope is 0.7 near 10^10 and 0.1 near 10^11 solar masses, so a slope can only be compared
    with one over the same galaxies.
    """
    (mass,) = finite_rows(log_mass)
    return line_slope(mass, published_mh(mass)) if len(mass) > 1 else float("nan")
