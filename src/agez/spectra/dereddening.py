"""Spectra without the Milky Way's dust in front of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from agez.errors import AgezError
from agez.photometry.air import air_to_vacuum
from agez.photometry.dereddening import ONE_MICRON_OVER_SFD
from agez.photometry.milky_way import MILKY_WAY_R_V, RANGE_ANGSTROM, fitzpatrick99
from agez.types import Floats, Spectra


def deredden_spectra(spectra: Spectra, ebv: Floats) -> Spectra:
    """Flux and error times ``10**(0.4 A)`` by Fitzpatrick's law (1999, R_V = 3.1), as photometry is dereddened.

    Parameters
    ----------
    ebv : (n,) float
        E(B-V) [mag] of the map of Schlegel, Finkbeiner & Davis (1998), recalibrated as in
        :func:`agez.photometry.dereddening.extinction_coefficients`; NaN or 0 leaves the row as it is.

    Returns
    -------
    Spectra
        ``meta['ebv']``: E(B-V) by galaxy.

    Raises
    ------
    AgezError
        A negative E(B-V), or wavelengths for which the law is not known.
    """
    value = np.where(np.isfinite(ebv), ebv, 0.0)
    if not value.any():
        return spectra
    if (value < 0).any():
        raise AgezError(f"{spectra.source}: E(B-V) is {value.min():g}; expected 0 or more")
    wave = spectra.wave_angstrom
    if wave[0] < RANGE_ANGSTROM[0] or wave[-1] > RANGE_ANGSTROM[1]:
        low, high = RANGE_ANGSTROM
        raise AgezError(
            f"{spectra.source}: extinction is known between {low:.0f} and {high:.0f} A only; leave E(B-V) out"
        )
    curve = fitzpatrick99(air_to_vacuum(wave) if spectra.medium == "air" else wave, MILKY_WAY_R_V)
    scale = ONE_MICRON_OVER_SFD / fitzpatrick99(np.array([1e4]), MILKY_WAY_R_V)[0]
    flux, error = spectra.flux.copy(), spectra.flux_err.copy()
    for row in np.flatnonzero(value):
        factor = 10 ** (0.4 * scale * value[row] * curve)
        good = ~spectra.mask[row]
        flux[row, good] *= factor[good].astype(flux.dtype)
        error[row, good] *= factor[good].astype(error.dtype)
    names = spectra.rows.galaxy_id.tolist()
    known = {name: float(one) for name, one in zip(names, value.tolist(), strict=True) if one}
    return replace(spectra, flux=flux, flux_err=error, meta={**spectra.meta, "ebv": known})
