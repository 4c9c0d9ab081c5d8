"""Air and vacuum wavelengths: the one formula that all of agez uses."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from agez.types import Floats, Medium

#: Below this wavelength spectra are given in vacuum by convention (IAU), and the formula does not hold.
AIR_STARTS_ANGSTROM = 2000.0


def refractive_index(wave_vacuum_angstrom: ArrayLike) -> Floats:
    """Refractive index of standard air (15 C, 101325 Pa, 450 ppm CO2); 1 below 2000 A.

    With s = 1e4 / wavelength [1/micron]::

        n - 1 = 0.05792105 / (238.0185 - s^2) + 0.00167917 / (57.362 - s^2)

    Ciddor 1996, Applied Optics 35, 1566, eq. 1: good to 1e-8 from the near ultraviolet to the infrared.
    """
    wave = np.asarray(wave_vacuum_angstrom, dtype=float)
    s2 = (1e4 / np.maximum(wave, AIR_STARTS_ANGSTROM)) ** 2
    index = 1.0 + 0.05792105 / (238.0185 - s2) + 0.00167917 / (57.362 - s2)
    return np.asarray(np.where(wave < AIR_STARTS_ANGSTROM, 1.0, index))


def vacuum_to_air(wave_vacuum_angstrom: ArrayLike) -> Floats:
    """Air wavelengths [Angstrom] of vacuum wavelengths [Angstrom]; unchanged below 2000 A."""
    wave = np.asarray(wave_vacuum_angstrom, dtype=float)
    return np.asarray(wave / refractive_index(wave))


def to_medium(wave_angstrom: ArrayLike, have: Medium, want: Medium) -> Floats:
    """Wavelengths [Angstrom] in medium ``have`` as they are in ``want``."""
    if have == want:
        return np.asarray(wave_angstrom, dtype=float)
    return vacuum_to_air(wave_angstrom) if want == "air" else air_to_vacuum(wave_angstrom)


def air_to_vacuum(wave_air_angstrom: ArrayLike) -> Floats:
    """Vacuum wavelengths [Angstrom] of air wavelengths [Angstrom]; unchanged below 2000 A.

    The index is a function of the vacuum wavelength, so the relation is inverted by fixed-point
    steps; each gains a factor of 1e-5, and three reach the rounding of a double.
    """
    air = np.asarray(wave_air_angstrom, dtype=float)
    vacuum = air
    for _ in range(3):
        vacuum = air * refractive_index(np.maximum(vacuum, AIR_STARTS_ANGSTROM))
    return np.asarray(np.where(air < AIR_STARTS_ANGSTROM, air, vacuum))
