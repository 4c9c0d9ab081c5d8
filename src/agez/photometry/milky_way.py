"""Extinction laws of the Milky Way's dust, as A(lambda) / E(B-V)."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.interpolate import CubicSpline

from agez.types import Floats

#: A_V / E(B-V) of the diffuse interstellar medium.
MILKY_WAY_R_V = 3.1
#: Wavelengths over which both laws are defined [Angstrom].
RANGE_ANGSTROM = (1000.0, 33333.4)

#: Fitzpatrick's anchors of the optical and the infrared [Angstrom]; ultraviolet ones that join his other formula.
_INFRARED, _OPTICAL, _ULTRAVIOLET = (26500.0, 12200.0), (6000.0, 5470.0, 4670.0, 4110.0), (2700.0, 2600.0)


def fitzpatrick99(wave: Floats, r_v: float) -> Floats:
    """A(lambda) / E(B-V) of Fitzpatrick 1999, PASP 111, 63: the flux that arrives is ``10**(-0.4 * ebv * curve)``.

    The ultraviolet formula of his average law below 2700 A, and above a natural cubic spline in 1/lambda through his
    table 4 (r_v 2 to 6).  Wavelengths [Angstrom] are not checked: see :data:`RANGE_ANGSTROM`.
    """
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
