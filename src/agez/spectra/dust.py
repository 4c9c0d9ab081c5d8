"""Attenuation laws of starlight by dust, as A(lambda) / A_V: shared by the mock survey and the spectral fit."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from agez.errors import AgezError
from agez.photometry.milky_way import MILKY_WAY_R_V, ccm89
from agez.types import Floats

#: R_V of local starburst galaxies (Calzetti et al. 2000).
CALZETTI_R_V = 4.05
#: Wavelengths that each law was defined over [Angstrom].
LAW_RANGE_ANGSTROM = {"calzetti": (1200.0, 22000.0), "ccm89": (1000.0, 33333.4), "charlot-fall": (1000.0, 50000.0)}
LAWS = tuple(LAW_RANGE_ANGSTROM)
#: Ratio of the colour excess of the stars to that of the ionised gas (Calzetti et al. 2000, their equation 3).
STELLAR_TO_NEBULAR = 0.44


def attenuation_curve(wave_angstrom: ArrayLike, law: str = "calzetti", *, r_v: float | None = None) -> Floats:
    """A(lambda) / A_V of an attenuation law: the flux that remains is ``10**(-0.4 * av * curve)``.

    Parameters
    ----------
    wave_angstrom : (...) array
        Rest-frame wavelength [Angstrom]; air or vacuum (the difference of 0.03 % does not matter here).
    law : 'calzetti', 'ccm89' or 'charlot-fall'
        - ``calzetti``: Calzetti et al. 2000, ApJ 533, 682, equation 4 (starburst galaxies, R_V = 4.05).
        - ``ccm89``: Cardelli, Clayton & Mathis 1989, ApJ 345, 245, equations 2 to 5 (Milky Way, R_V = 3.1).
        - ``charlot-fall``: (lambda / 5500 A)**-0.7, Charlot & Fall 2000, ApJ 539, 718.
    r_v : float, optional
        A_V / E(B-V), for ``calzetti`` and ``ccm89``; default that of the papers.

    Returns
    -------
    (...) float array
        1 near 5500 A by construction.

    Raises
    ------
    AgezError
        For an unknown law, an ``r_v`` that the law does not take, or wavelengths outside its range.
    """
    wave = np.asarray(wave_angstrom, dtype=float)
    if law not in LAW_RANGE_ANGSTROM:
        raise AgezError(f"dust law {law!r} is unknown; choose one of {', '.join(LAWS)}")
    low, high = LAW_RANGE_ANGSTROM[law]
    if wave.size and not (np.min(wave) >= low and np.max(wave) <= high):
        raise AgezError(
            f"dust law {law!r} is defined over {low:.0f}-{high:.0f} A but was asked for "
            f"{np.min(wave):.0f}-{np.max(wave):.0f} A; cut the wavelengths or choose another law"
        )
    if law == "charlot-fall":
        if r_v is not None:
            raise AgezError("dust law 'charlot-fall' is a power law and takes no r_v; leave r_v out")
        return (wave / 5500.0) ** -0.7
    if r_v is not None and not r_v > 0:
        raise AgezError(f"dust law {law!r}: r_v is {r_v}; it must be positive")
    if law == "calzetti":
        return _calzetti(wave, CALZETTI_R_V if r_v is None else r_v)
    return ccm89(wave, MILKY_WAY_R_V if r_v is None else r_v)


def _calzetti(wave: Floats, r_v: float) -> Floats:
    x = 1e4 / wave
    blue = -2.156 + 1.509 * x - 0.198 * x**2 + 0.011 * x**3
    red = -1.857 + 1.040 * x
    return np.asarray((2.659 * np.where(wave < 6300.0, blue, red) + r_v) / r_v)
