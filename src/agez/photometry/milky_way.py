"""Extinction laws of the Milky Way's dust, as A(lambda) / E(B-V)."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import CubicSpline

from agez.errors import AgezError
from agez.types import Floats

MilkyWayLaw = Literal["fitzpatrick99", "ccm89"]
LAWS: tuple[MilkyWayLaw, ...] = get_args(MilkyWayLaw)
#: A_V / E(B-V) of the diffuse interstellar medium.
MILKY_WAY_R_V = 3.1
#: Wavelengths over which both laws are defined [Angstrom].
RANGE_ANGSTROM = (1000.0, 33333.4)

#: Fitzpatrick's anchors of the optical and the infrared [Angstrom]; ultraviolet ones that join his other formula.
_INFRARED, _OPTICAL, _ULTRAVIOLET = (26500.0, 12200.0), (6000.0, 5470.0, 4670.0, 4110.0), (2700.0, 2600.0)


def milky_way_extinction(
    wave_angstrom: ArrayLike, *, law: MilkyWayLaw = "fitzpatrick99", r_v: float = MILKY_WAY_R_V
) -> Floats:
    """A(lambda) / E(B-V): the flux that arrives is ``10**(-0.4 * ebv * curve)`` of that emitted.

    Parameters
    ----------
    wave_angstrom : (...) array
        As observed [Angstrom], 1000 to 33333.
    law : 'fitzpatrick99' or 'ccm89'
        - ``fitzpatrick99``: Fitzpatrick 1999, PASP 111, 63: the ultraviolet formula of his average law below 2700 A,
          and above a natural cubic spline in 1/lambda through his table 4 (r_v 2 to 6).
        - ``ccm89``: Cardelli, Clayton & Mathis 1989, ApJ 345, 245.
    r_v : float
        A_V / E(B-V).

    Raises
    ------
    AgezError
        For an unknown law, wavelengths outside its range, or an ``r_v`` that is not positive and finite.
    """
    wave = np.asarray(wave_angstrom, dtype=float)
    low, high = RANGE_ANGSTROM
    if law not in LAWS:
        raise AgezError(f"extinction law {law!r} is unknown; choose one of {', '.join(LAWS)}")
    if not (np.isfinite(r_v) and r_v > 0):
        raise AgezError(f"extinction law {law!r}: r_v is {r_v}; it must be positive")
    if wave.size and not (np.min(wave) >= low and np.max(wave) <= high):
        raise AgezError(
            f"extinction law {law!r} is defined over {low:.0f}-{high:.0f} A but was asked for "
            f"{np.min(wave):.0f}-{np.max(wave):.0f} A"
        )
    return fitzpatrick99(wave, r_v) if law == "fitzpatrick99" else r_v * ccm89(wave, r_v)


def fitzpatrick99(wave: Floats, r_v: float) -> Floats:
    """A(lambda) / E(B-V) of Fitzpatrick (1999), his tables 2 to 4; no checks."""
    infrared = np.array([0.265, 0.829]) * r_v / MILKY_WAY_R_V
    optical = [
        -0.426 + 1.0044 * r_v,
        -0.050 + 1.0016 * r_v,
        0.701 + 1.0016 * r_v,
        1.208 + 1.0032 * r_v - 0.00033 * r_v**2,
    ]
    joint = 1e4 / np.array(_ULTRAVIOLET)
    anchors = np.concatenate([[0.0], 1e4 / np.array([*_INFRARED, *_OPTICAL]), joint])
    spline = CubicSpline(anchors, [0.0, *infrared, *optical, *_fm90(joint, r_v)], bc_type="natural")
    x = 1e4 / wave
    return np.asarray(np.where(x >= joint[0], _fm90(x, r_v), spline(x)))


def _fm90(x: Floats, r_v: float) -> Floats:
    """The ultraviolet: Fitzpatrick & Massa 1990, ApJS 72, 163, with Fitzpatrick's (1999) average constants."""
    slope = -0.824 + 4.717 / r_v
    start = 2.030 - 3.007 * slope
    bump = x**2 / ((x**2 - 4.596**2) ** 2 + (0.99 * x) ** 2)
    far = np.clip(x - 5.9, 0.0, None)
    return np.asarray(start + slope * x + 3.23 * bump + 0.41 * (0.5392 * far**2 + 0.05644 * far**3) + r_v)


def _polynomial(y: Floats, *coefficients: float) -> Floats:
    """Coefficients in ascending order, from that of y**0."""
    result: Floats = np.polynomial.polynomial.polyval(y, np.array(coefficients))
    return result


def ccm89(wave: Floats, r_v: float) -> Floats:
    """A(lambda) / A_V of Cardelli, Clayton & Mathis (1989), their equations 2 to 5; no checks."""
    x: Any = 1e4 / wave
    a, b = 0.574 * x**1.61, -0.527 * x**1.61  # infrared, 0.3 <= x < 1.1
    y = x - 1.82
    optical = (x >= 1.1) & (x < 3.3)
    a = np.where(optical, _polynomial(y, 1, 0.17699, -0.50447, -0.02427, 0.72085, 0.01979, -0.77530, 0.32999), a)
    b = np.where(optical, _polynomial(y, 0, 1.41338, 2.28305, 1.07233, -5.38434, -0.62251, 5.30260, -2.09002), b)
    ultraviolet = (x >= 3.3) & (x < 8.0)
    far = np.clip(x - 5.9, 0.0, None)
    a_uv = 1.752 - 0.316 * x - 0.104 / ((x - 4.67) ** 2 + 0.341) - 0.04473 * far**2 - 0.009779 * far**3
    b_uv = -3.090 + 1.825 * x + 1.206 / ((x - 4.62) ** 2 + 0.263) + 0.2130 * far**2 + 0.1207 * far**3
    a, b = np.where(ultraviolet, a_uv, a), np.where(ultraviolet, b_uv, b)
    z = x - 8.0
    a = np.where(x >= 8.0, _polynomial(z, -1.073, -0.628, 0.137, -0.070), a)
    b = np.where(x >= 8.0, _polynomial(z, 13.670, 4.257, -0.420, 0.374), b)
    return np.asarray(a + b / r_v)
