"""Error floors: what calibrations are wrong by, added to the errors that noise alone makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from agez.errors import AgezError
from agez.photometry.names import canonical_band_name
from agez.types import Floats, Photometry


def with_error_floor(photometry: Photometry, floor: float | Mapping[str, float]) -> Photometry:
    """Photometry whose errors hold a fraction of the flux, in quadrature: sqrt(err**2 + (floor flux)**2).

    Parameters
    ----------
    floor : float or mapping of str to float
        Fraction of the flux, 0 to below 1: of all bands, or by band (any spelling), others none.

    Returns
    -------
    Photometry
        An unknown error (NaN) becomes the floor itself, where that is above zero.
    """
    fraction = _by_band(photometry, floor)
    added = fraction * np.abs(photometry.flux)
    known = np.isfinite(photometry.flux_err)
    floors = np.where(added > 0, added, np.nan)
    return replace(
        photometry, flux_err=np.where(known, np.hypot(np.where(known, photometry.flux_err, 0.0), added), floors)
    )


def _by_band(photometry: Photometry, floor: float | Mapping[str, float]) -> Floats:
    names = photometry.bands.names
    by_name = dict(floor) if isinstance(floor, Mapping) else dict.fromkeys(names, floor)
    fraction = np.zeros(len(names))
    for name, value in by_name.items():
        if not 0 <= value < 1:  # false for NaN, too
            raise AgezError(f"error floor of band {name} is {value}; expected a fraction of the flux, 0 to below 1")
        fraction[names.index(canonical_band_name(name, names))] = value
    return fraction
