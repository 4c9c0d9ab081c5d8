"""From fluxes to luminosities: what masses, star-formation rates and absolute magnitudes are scaled by."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from agez.errors import AgezError
from agez.models.model import DEFAULT_COSMOLOGY
from agez.types import Floats

#: Zero point of AB magnitudes [microjansky].
AB_ZERO_MICROJANSKY = 3631e6
#: Redshifts between which distances are interpolated, evenly in the logarithm; below the first the Hubble law holds.
_REDSHIFTS = np.geomspace(1e-4, 20.0, 2000)


@lru_cache(maxsize=4)
def _table(cosmology: str) -> Floats:
    """log10 of (D_L / 10 pc)^2 / (1 + z) at ``_REDSHIFTS``."""
    import astropy.cosmology  # a third of a second to import

    if cosmology not in astropy.cosmology.available:
        raise AgezError(
            f"cosmology {cosmology!r} is unknown; astropy has {', '.join(sorted(astropy.cosmology.available))}"
        )
    found: Any = getattr(astropy.cosmology, cosmology)
    parsec: Floats = np.asarray(found.luminosity_distance(_REDSHIFTS).to_value("pc"))
    return np.asarray(2 * np.log10(parsec / 10) - np.log10(1 + _REDSHIFTS))


def log_distance_factor(redshift: Floats, *, cosmology: str = DEFAULT_COSMOLOGY) -> Floats:
    """log10 of (D_L / 10 pc)^2 / (1 + z): from observed f_nu to that at 10 pc in the rest frame.

    L_nu(nu_e) = 4 pi D_L^2 f_nu(nu_o) / (1 + z) (Hogg et al. 2002, astro-ph/0210394, equation 6).

    Parameters
    ----------
    redshift : array
        Zero and negative ones give NaN: the distance does not follow from them.
    cosmology : str
        A name in :mod:`astropy.cosmology`.

    Raises
    ------
    AgezError
        For a cosmology that astropy does not know.

    Examples
    --------
    >>> import numpy as np
    >>> from agez.models.luminosity import log_distance_factor
    >>> float(log_distance_factor(np.array([0.1]))[0].round(3))
    15.309
    """
    table = _table(cosmology)
    z = np.asarray(redshift, dtype=float)
    with np.errstate(invalid="ignore", divide="ignore"):
        log_z = np.log10(np.where(z > 0, z, np.nan))
    nodes = np.log10(_REDSHIFTS)
    return np.interp(log_z, nodes, table) + 2 * np.minimum(log_z - nodes[0], 0)


def log_luminosity(flux_microjansky: Floats, redshift: Floats, *, cosmology: str = DEFAULT_COSMOLOGY) -> Floats:
    """log10 of a luminosity density, in units of that of an object of 3631 Jy (AB magnitude 0) at 10 pc."""
    with np.errstate(invalid="ignore", divide="ignore"):
        flux = np.log10(np.asarray(flux_microjansky, dtype=float) / AB_ZERO_MICROJANSKY)
    return np.asarray(flux + log_distance_factor(redshift, cosmology=cosmology))
