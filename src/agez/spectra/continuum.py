"""The smooth continuum of spectra on a logarithmic grid: local straight lines, which gaps and ends do not bend."""

from __future__ import annotations

import numpy as np
from scipy import fft

from agez.types import Bools, Floats

#: The kernel reaches so many of its sigmas.
_REACH = 4.0
#: Share of the kernel's own variance that is added to that of the pixels at hand: one pixel alone bears no slope.
_SLOPE_RIDGE = 1e-3
#: Pixels above the continuum by so many sigma and by this part of it are lines: they and their neighbours are left out.
_LINE_SIGMA, _LINE_PART, _LINE_REACH = 4.0, 0.15, 3
#: Largest part of a pixel's neighbourhood that lines take.
_MOST_LINES = 0.4
_ITERATIONS = 2


def local_line(flux: Floats, weight: Floats, *, sigma_pixels: float) -> Floats:
    """Value at each pixel of the straight line that is fitted to its neighbours with Gaussian weights.

    Unlike a mean, the line does not bend towards the inside at the ends of a spectrum, nor at the edges of gaps
    (local linear regression; Fan & Gijbels 1996, Local Polynomial Modelling, section 3.2).

    Parameters
    ----------
    flux, weight : (n, q) float
        Weights are 0 where a pixel is not used.
    sigma_pixels : float
        Of the Gaussian.

    Returns
    -------
    (n, q) float; 0 where no pixel within reach has a weight.
    """
    q = flux.shape[1]
    reach = min(int(np.ceil(_REACH * sigma_pixels)), q - 1)
    u = np.arange(-reach, reach + 1) / sigma_pixels
    size = fft.next_fast_len(q + 2 * reach, real=True)
    kernels = [np.exp(-0.5 * u**2) * u**power for power in range(3)]
    transforms = [fft.rfft(kernel[::-1], n=size) for kernel in kernels]  # sums over neighbours, not a convolution
    of_weight, of_flux = fft.rfft(weight, n=size, axis=1), fft.rfft(weight * flux, n=size, axis=1)

    def sums(of: Floats, power: int) -> Floats:
        return np.asarray(fft.irfft(of * transforms[power], n=size, axis=1)[:, reach : reach + q])

    s0, s1, s2 = (sums(of_weight, power) for power in range(3))
    t0, t1 = (sums(of_flux, power) for power in range(2))
    s2 = s2 + _SLOPE_RIDGE * s0
    # what the transforms leave where there is nothing is not to be divided by
    there = s0 > 1e-9 * np.maximum(s0.max(axis=1, keepdims=True), 1e-300)
    bottom = np.where(there, s0 * s2 - s1**2, 1.0)
    return np.where(there, (s2 * t0 - s1 * t1) / np.where(bottom > 0, bottom, 1.0), 0.0)


def without_lines(flux: Floats, error: Floats, good: Bools, *, sigma_pixels: float) -> Floats:
    """The continuum (n, q) of spectra, from pixels that emission lines do not raise.

    Parameters
    ----------
    flux, error : (n, q) float
    good : (n, q) bool
    sigma_pixels : float
        Of the Gaussian over whose width the continuum is a straight line.
    """
    # a pixel that is much noisier than its like counts less; else all count alike, as they do in templates
    some = good | ~good.any(axis=1, keepdims=True)
    typical = np.nanmedian(np.where(some, error, np.nan), axis=1, keepdims=True)
    weight = np.where(good, 1.0 / (1.0 + (error / (3.0 * typical)) ** 2), 0.0)
    smooth = local_line(flux, weight, sigma_pixels=sigma_pixels)
    for _ in range(_ITERATIONS):
        above = flux - smooth
        # errors that are too small must not make lines of noise
        scatter = 1.4826 * np.nanmedian(np.where(some, np.abs(above) / error, np.nan), axis=1, keepdims=True)
        line = good & (above > _LINE_SIGMA * np.maximum(scatter, 1.0) * error) & (above > _LINE_PART * np.abs(smooth))
        near = line.copy()
        for shift in range(1, _LINE_REACH + 1):
            near[:, shift:] |= line[:, :-shift]
            near[:, :-shift] |= line[:, shift:]
        # where most is above the continuum, the continuum is wrong: at the ends of a spectrum it would run away
        crowded = local_line(near.astype(float), weight, sigma_pixels=sigma_pixels) > _MOST_LINES
        smooth = local_line(flux, np.where(near & ~crowded, 0.0, weight), sigma_pixels=sigma_pixels)
    return smooth
