"""Dust that varies: laws of different slope from galaxy to galaxy, and more of it around young stars in some."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agez.spectra.dust import attenuation_curve
from agez.types import Floats

#: Mean of the exponential distribution of A_V [mag], its largest value, and the share of galaxies with none.
AV_MEAN, AV_MAX, DUST_FREE = 0.55, 3.5, 0.1
#: Slope by which Calzetti's law is changed: (lambda / 5500 A)**delta (Noll et al. 2009, A&A 507, 1793; the range of
#: Salim, Boquien & Lee 2018, ApJ 859, 11).
DELTA_MEAN, DELTA_SCATTER = -0.2, 0.3
#: Range of R_V of Milky-Way-like laws, and of the exponents of power laws.
R_V_RANGE, POWER_RANGE = (2.2, 5.5), (0.4, 1.3)
#: The share of galaxies whose young stars have dust of their own, and that over the rest (Charlot & Fall 2000, ApJ
#: 539, 718: 1/mu - 1 with mu 0.3 at the mean).
CLOUDS_SHARE, CLOUDS_MAX = 0.35, 2.3


@dataclass(frozen=True, eq=False)
class Dust:
    """Dust attenuation of ``n`` galaxies."""

    av: Floats  #: (n,) A_V of the stars [mag].
    transmission: Floats  #: (n, p) float32. Of all light.
    extra_on_young: Floats  #: (n, p) float32. Additional, of the light of young stars.


def draw_dust(n: int, wave_angstrom: Floats, rng: np.random.Generator, *, av: Floats | None = None) -> Dust:
    """Draw A_V, unless ``av`` (n,) [mag] is given, and a law for each of ``n`` galaxies.

    A half have Calzetti et al. (2000) with a changed slope, a quarter Cardelli et al. (1989) with R_V of their own, a
    quarter a power law.  ``wave_angstrom`` (p,) is in the rest frame.
    """
    if av is None:
        av = np.minimum(rng.exponential(AV_MEAN, n), AV_MAX)
        av[rng.uniform(size=n) < DUST_FREE] = 0.0
    curves = _curves(n, wave_angstrom, rng)
    clouds = np.where(rng.uniform(size=n) < CLOUDS_SHARE, rng.uniform(0, CLOUDS_MAX, n), 0.0) * av
    power = (wave_angstrom / 5500.0) ** -0.7
    return Dust(
        av,
        np.exp((-0.4 * np.log(10) * av)[:, None].astype(np.float32) * curves),
        np.exp((-0.4 * np.log(10) * clouds)[:, None].astype(np.float32) * power.astype(np.float32)),
    )


def _curves(n: int, wave: Floats, rng: np.random.Generator) -> Floats:
    """(n, p) A(lambda) / A_V."""
    kind = rng.choice(3, size=n, p=(0.5, 0.25, 0.25))
    ratio = np.log(wave / 5500.0)
    out = np.empty((n, len(wave)), np.float32)
    slope = rng.normal(DELTA_MEAN, DELTA_SCATTER, n)
    exponent = rng.uniform(*POWER_RANGE, n)
    r_v = rng.uniform(*R_V_RANGE, n)
    calzetti = attenuation_curve(wave, "calzetti")
    # the law of Cardelli et al. is linear in 1 / R_V: two of its curves give all
    first, second = attenuation_curve(wave, "ccm89", r_v=2.0), attenuation_curve(wave, "ccm89", r_v=4.0)
    part = (0.5 - 1 / r_v) / 0.25
    out[kind == 0] = calzetti * np.exp(ratio * slope[kind == 0, None])
    out[kind == 1] = first + (second - first) * part[kind == 1, None]
    out[kind == 2] = np.exp(-ratio * exponent[kind == 2, None])
    return out
