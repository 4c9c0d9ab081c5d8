"""The noise of a spectrum that comes without errors, from its own scatter."""

from __future__ import annotations

import numpy as np

from agez.types import Bools, Floats

#: 1.4826 / sqrt(6): standard deviation of Gaussian noise over the median of abs(2 f_i - f_(i-2) - f_(i+2)).
_MEDIAN_TO_SIGMA = 1.482602 / np.sqrt(6.0)
#: Pixels from which one value of the noise comes: enough for a median to 10 %, few enough to follow detectors.
BLOCK = 100
#: Least noise, as a part of the median flux, and of the median over the blocks: where pixels were interpolated there
#: seems to be none, and such a stretch would outweigh all others.
LEAST_NOISE, LEAST_OF_BLOCKS = 1e-4, 0.3


def scatter_error(flux: Floats, bad: Bools) -> Floats:
    """1-sigma noise of each pixel, measured in blocks of :data:`BLOCK` pixels.

    DER_SNR (Stoehr et al. 2008, ASP Conf. 394, 505): the second difference of every other pixel knows neither
    continuum nor lines that are wider than five pixels.  Where the pixels of a spectrum share noise (it was rebinned,
    or smoothed), this says too little.

    Parameters
    ----------
    flux : (p,) float
    bad : (p,) bool
        Pixels that do not count.

    Returns
    -------
    (p,) float
        In the unit of the flux, linear between the centres of the blocks; NaN in all pixels if none can be measured.

    Examples
    --------
    >>> import numpy as np
    >>> from agez.spectra.noise_estimate import scatter_error
    >>> flux = 5.0 + 0.1 * np.random.default_rng(1).standard_normal(4000)
    >>> bool(abs(np.median(scatter_error(flux, np.zeros(4000, bool))) - 0.1) < 0.01)
    True
    """
    p = len(flux)
    values = np.where(bad | ~np.isfinite(flux), np.nan, flux)
    second = np.full(p, np.nan)
    second[2:-2] = np.abs(2 * values[2:-2] - values[:-4] - values[4:])
    centres, noise = [], []
    for start in range(0, p, BLOCK):
        block = second[start : start + BLOCK]
        known = np.isfinite(block)
        if known.sum() >= BLOCK // 4:
            centres.append(start + float(np.flatnonzero(known).mean()))
            noise.append(_MEDIAN_TO_SIGMA * float(np.median(block[known])))
    if not noise:
        return np.full(p, np.nan)
    least = max(LEAST_NOISE * float(np.nanmedian(np.abs(values))), LEAST_OF_BLOCKS * float(np.median(noise)))
    return np.maximum(np.interp(np.arange(p), centres, noise), least)
