"""Rest-frame quantities of a spectrum: colours and magnitudes in SDSS bands, and the 4000 A break."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from agez.arrays import Floats
from agez.photometry.air import to_medium
from agez.photometry.filters import FilterSet, filter_set_from_curves
from agez.photometry.response import build_matrix
from agez.runtime.optional_packages import need

#: Bands of rest-frame colours, in the order of :attr:`RestFrame.magnitudes`.
REST_BANDS = ("u", "g", "r", "i")
#: Blue and red side of the break [Angstrom, air], mean f_nu (Balogh et al. 1999, ApJ 527, 54).
DN4000_BLUE, DN4000_RED = (3850.0, 3950.0), (4000.0, 4100.0)
#: 3631 Jy at 10 pc in solar luminosities per hertz: 4 pi (10 pc)^2 3631 Jy / 3.828e33 erg/s (IAU 2015 B2 and B3).
AB_SOLAR_PER_HZ = 4 * np.pi * 3.0856775814913674e19**2 * 3.631e-20 / 3.828e33
#: Speed of light [Angstrom/s].
LIGHT_ANGSTROM = 2.99792458e18


@dataclass(frozen=True, eq=False)
class RestFrame:
    """Of ``n`` spectra: ``magnitudes`` (n, 4), absolute AB of :data:`REST_BANDS`, and ``dn4000`` (n,)."""

    magnitudes: Floats
    dn4000: Floats


@lru_cache(maxsize=1)
def sdss_filters() -> FilterSet:
    """u, g, r, i of SDSS with atmosphere (Doi et al. 2010, AJ 139, 1628), from speclite."""
    filters = need("speclite.filters", extra="train", purpose="rest-frame colours")
    curves = {}
    for band in REST_BANDS:
        curve = filters.load_filter(f"sdss2010-{band}")
        curves[band] = (to_medium(np.asarray(curve.wavelength, float), "air", "vacuum"), np.asarray(curve.response))
    return filter_set_from_curves("SDSS 2010", curves, source="speclite, sdss2010")


def rest_frame(wave_angstrom: Floats, luminosity: Floats) -> RestFrame:
    """Rest-frame magnitudes and break of ``luminosity`` (n, p), L_lambda [solar luminosities per Angstrom].

    All rows share ``wave_angstrom`` (p,), in vacuum.
    """
    per_hz = luminosity * (wave_angstrom**2 / LIGHT_ANGSTROM)
    matrix = build_matrix(wave_angstrom, sdss_filters())
    mean = per_hz @ matrix.weights.T / matrix.coverage
    blue, red = (
        per_hz[:, (wave_angstrom >= low * 1.00028) & (wave_angstrom <= high * 1.00028)].mean(axis=1)
        for low, high in (DN4000_BLUE, DN4000_RED)
    )
    return RestFrame(-2.5 * np.log10(np.maximum(mean, 1e-300) / AB_SOLAR_PER_HZ), np.asarray(red / blue))
