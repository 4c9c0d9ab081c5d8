"""Stellar mass of one initial mass function: what survives of a population, and mass per light of other functions."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from agez.arrays import Floats

#: Range of stellar masses at birth [solar masses].
MASS_RANGE = (0.1, 100.0)
#: Chabrier 2003, PASP 115, 763, table 1 (disc, single stars): lognormal below 1 solar mass, a power law above.
CHABRIER_CENTRE, CHABRIER_WIDTH, CHABRIER_SLOPE = 0.079, 0.69, 1.3
#: Remnants of stars of initial mass m (Renzini & Ciotti 1993, ApJ 416, L49): white dwarfs of 0.077 m + 0.48, neutron
#: stars of 1.4 from 8.5, black holes of m / 2 from 40 solar masses.
NEUTRON_STARS_FROM, BLACK_HOLES_FROM = 8.5, 40.0
#: Stellar mass formed with a Chabrier over that with a Salpeter function, of the same light (Madau & Dickinson 2014,
#: ARA&A 52, 415, section 3.1), and with a Kroupa function (0.61 / 0.66, the same place).
FROM_SALPETER, FROM_KROUPA = 0.61, 0.61 / 0.66
#: Z of the Sun on the scale of the Padova isochrones.
SOLAR_Z = 0.02
_STEPS = 4000


def log_lifetime(mass: Floats, metals: Floats | float) -> Floats:
    """log10 of a star's lifetime [yr] (Raiteri, Villata & Navarro 1996, A&A 315, 105, equation 3).

    ``mass`` is that at birth [solar masses], 0.6 to 120; ``metals`` the mass fraction Z of metals, taken to the fit's
    range, 7e-5 to 0.03.
    """
    z, m = np.log10(np.clip(metals, 7e-5, 0.03)), np.log10(mass)
    first = 10.13 + 0.07547 * z - 0.008084 * z**2
    second = -4.424 - 0.7939 * z - 0.1187 * z**2
    third = 1.262 + 0.3385 * z + 0.05417 * z**2
    return np.asarray(first + second * m + third * m**2)


def remnant_mass(mass: Floats) -> Floats:
    """Mass of what a star of initial mass ``mass`` leaves behind [solar masses]."""
    white_dwarf = np.minimum(0.077 * mass + 0.48, mass)
    return np.asarray(
        np.where(mass < NEUTRON_STARS_FROM, white_dwarf, np.where(mass < BLACK_HOLES_FROM, 1.4, 0.5 * mass))
    )


@lru_cache(maxsize=1)
def _chabrier() -> tuple[Floats, Floats]:
    """Masses (_STEPS,) evenly in log, and the mass that is born in each step per solar mass formed."""
    mass = np.geomspace(*MASS_RANGE, _STEPS)
    log_mass = np.log10(mass)
    number = np.exp(-0.5 * ((log_mass - np.log10(CHABRIER_CENTRE)) / CHABRIER_WIDTH) ** 2)
    at_one = np.exp(-0.5 * (np.log10(CHABRIER_CENTRE) / CHABRIER_WIDTH) ** 2)
    number = np.where(mass < 1, number, at_one * mass**-CHABRIER_SLOPE)
    born = number * mass
    return mass, born / born.sum()


def surviving_fraction(log_age: Floats, mh: Floats) -> Floats:
    """Mass in living stars and remnants per solar mass formed, for the function of Chabrier (2003).

    Parameters
    ----------
    log_age : (n_age,) float
        log10(age/yr).
    mh : (n_mh,) float

    Returns
    -------
    (n_age, n_mh) float

    Examples
    --------
    >>> import numpy as np
    >>> from agez.populations.stellar_mass import surviving_fraction
    >>> surviving_fraction(np.array([6.0, 8.0, 10.0]), np.array([0.0])).round(2).ravel().tolist()
    [1.0, 0.74, 0.57]
    """
    mass, born = _chabrier()
    kept = born * remnant_mass(mass) / mass
    out = np.empty((len(log_age), len(mh)))
    for j, metals in enumerate(SOLAR_Z * 10.0 ** np.asarray(mh)):
        lifetime = log_lifetime(mass, float(metals))
        # heavier stars live shorter: by the turn-off mass of each age, living stars below and remnants above
        turn_off = np.interp(log_age, lifetime[::-1], np.log10(mass)[::-1])
        below = np.interp(turn_off, np.log10(mass), np.cumsum(born))
        above = np.interp(turn_off, np.log10(mass), np.cumsum(kept[::-1])[::-1] - kept)
        out[:, j] = below + above
    return out
