"""The analytic band profile: a gently shaped top between two steep edges, from a handful of numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.polynomial import legendre
from scipy.special import expit

from agez.types import Floats

#: How far beyond an edge the wing is followed, in edge widths: the response there is 5e-5 of the top.
_WING_WIDTHS = 10.0


@dataclass(frozen=True)
class Profile:
    """Numbers from which one band's response is computed.

    The photon response at wavelength w is::

        R(w) = logistic((w - low_edge) / low_width) * logistic((high_edge - w) / high_width) * T(x),
        T(x) = max(0, 1 + sum_k top[k] P_k+1(x)),   x = -1 at low_edge ... +1 at high_edge, held beyond

    with P_k the Legendre polynomials.  Only the shape matters: photometry does not depend on the scale.
    """

    #: low_edge, high_edge: Where the edges are at half height [Angstrom, vacuum].
    low_edge: float
    #: low_width, high_width: Logistic scale of the edges [Angstrom]; 10 to 90 % takes 4.4 of them.
    low_width: float
    high_edge: float
    high_width: float
    top: tuple[float, ...] = ()  #: Legendre coefficients of the top, from the first degree on; empty for a flat top.

    def response(self, wave_angstrom: Floats) -> Floats:
        """Photon response at ``wave_angstrom`` (any shape) [Angstrom, vacuum], in arbitrary units."""
        middle, half = (self.low_edge + self.high_edge) / 2, (self.high_edge - self.low_edge) / 2
        x = np.clip((wave_angstrom - middle) / half, -1.0, 1.0)
        top = np.maximum(legendre.legval(x, (1.0, *self.top)), 0.0)
        low = expit((wave_angstrom - self.low_edge) / self.low_width)
        return np.asarray(low * expit((self.high_edge - wave_angstrom) / self.high_width) * top)

    def curve(self, *, step_angstrom: float = 1.0) -> tuple[Floats, Floats]:
        """The response sampled every ``step_angstrom`` (or finer: six points a width of the steeper edge)."""
        step = min(step_angstrom, min(self.low_width, self.high_width) / 6)
        first = self.low_edge - _WING_WIDTHS * self.low_width
        last = self.high_edge + _WING_WIDTHS * self.high_width
        wave = np.linspace(first, last, int(np.ceil((last - first) / step)) + 1)
        response = self.response(wave)
        return wave, response / response.max()


def pivot_wavelength(wave_angstrom: Floats, response: Floats) -> float:
    """Pivot wavelength [Angstrom] of a photon response: sqrt(int R w dw / int R dw / w).

    It turns mean f_lambda into mean f_nu exactly (Bessell & Murphy 2012, PASP 124, 140, eq. A11).
    """
    numerator = np.trapezoid(response * wave_angstrom, wave_angstrom)
    return float(np.sqrt(numerator / np.trapezoid(response / wave_angstrom, wave_angstrom)))


def full_width_half_maximum(wave_angstrom: Floats, response: Floats) -> float:
    """Distance [Angstrom] between the outermost crossings of half the maximum, interpolated linearly."""
    half = float(response.max()) / 2
    above = np.flatnonzero(response >= half)
    low, high = int(above[0]), int(above[-1])

    def crossing(outside: int, inside: int) -> float:
        if outside < 0 or outside >= len(response):
            return float(wave_angstrom[inside])
        fraction = (half - response[outside]) / (response[inside] - response[outside])
        return float(wave_angstrom[outside] + fraction * (wave_angstrom[inside] - wave_angstrom[outside]))

    return crossing(high + 1, high) - crossing(low - 1, low)


def flat_profile(pivot_angstrom: float, fwhm_angstrom: float, *, edge_fraction: float = 0.04) -> Profile:
    """A flat-topped profile with a given pivot and FWHM; edges are ``edge_fraction`` of the FWHM wide."""
    width = edge_fraction * fwhm_angstrom
    centre = pivot_angstrom
    for _ in range(4):  # the pivot lies a little blueward of the middle: move the middle until it fits
        profile = Profile(centre - fwhm_angstrom / 2, width, centre + fwhm_angstrom / 2, width)
        centre += pivot_angstrom - pivot_wavelength(*profile.curve())
    return Profile(centre - fwhm_angstrom / 2, width, centre + fwhm_angstrom / 2, width)
