"""Errors of spectra with what the templates themselves are wrong by."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import median_filter

from agez.types import Bools, Floats, Spectra

#: Pixels over which the flux is smoothed: wider than lines and spikes, narrower than the continuum's shape.
_WINDOW = 51


def error_with_templates(spectra: Spectra, good: Bools, fraction: float) -> Floats:
    """1-sigma errors (n, p) of the spectra, with ``fraction`` of the smoothed flux added in quadrature.

    Templates differ from galaxies by about 1 % in places, for want of stars of other abundance ratios; above S/N
    100 that is more than the noise, and a fit that trusts the noise alone follows the difference.

    Parameters
    ----------
    good : (n, p) bool
        Pixels in use; other errors are left as they are.
    fraction : float
        0 gives the spectra's own errors.
    """
    if fraction == 0:
        return spectra.flux_err
    known = np.where(good, spectra.flux, np.nan)
    known[~good.any(axis=1)] = 0.0
    level = np.nanmedian(known, axis=1, keepdims=True)
    smooth = median_filter(np.where(good, spectra.flux, level), size=(1, _WINDOW), mode="nearest")
    return np.where(good, np.hypot(np.where(good, spectra.flux_err, 1.0), fraction * smooth), spectra.flux_err)
