"""Point-spread functions, and the kernels that turn one into another."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import fft, ndimage

from agez.errors import AgezError
from agez.spectra.formats_common import FWHM_PER_SIGMA
from agez.types import Floats

#: What a Gaussian kernel leaves outside of its array.
_TAIL = 1e-6
#: From this standard deviation on [pixel] a Gaussian can be sampled: its power beyond the pixels' frequencies is 2e-5.
_SAMPLED_FROM = 0.7
#: Strength of the Laplacian penalty (Boucaud et al. 2016, A&A 596, A63) on what Gaussians leave of the difference.
#: For Moffat PSFs of 1.5 to 3 pixels FWHM the matched PSF is then within 0.6 % of the target's peak everywhere, and
#: fluxes in apertures of 1.5 pixels radius within 0.3 %.
REGULARIZATION = 3e-5
#: Points a pixel of splines of PSFs; and what is below this part of the peak, so many pixels away, is below its half.
_FINE, _BRIGHT, _MARGIN = 8, 0.05, 3


def gaussian_kernel(sigma_pixels: float) -> Floats:
    """A kernel that multiplies a PSF's transform by that of a Gaussian, exp(-sigma**2 w**2 / 2); it sums to 1.

    The product of :func:`gaussian_line` along x and along y.
    """
    line = gaussian_line(sigma_pixels)
    return np.asarray(np.outer(line, line))


def gaussian_line(sigma_pixels: float) -> Floats:
    """The same along one axis.

    A sampled Gaussian from 0.7 pixel on.  Below, where a sampled one is far too narrow, the seven weights along x and
    along y whose moments up to the sixth are a Gaussian's: 1, sigma**2, 3 sigma**4, 15 sigma**6; so their transform is
    the Gaussian's up to terms of w**8.  A few of them are negative by 1 % or less.
    """
    if sigma_pixels < _SAMPLED_FROM:
        at = np.arange(4.0)
        moments = np.array([1.0, sigma_pixels**2, 3 * sigma_pixels**4, 15 * sigma_pixels**6])
        powers = 2 * at[None, :] ** (2 * np.arange(4)[:, None])
        powers[:, 0] = [1.0, 0.0, 0.0, 0.0]
        half = np.linalg.solve(powers, moments)
        line = np.concatenate([half[:0:-1], half])
    else:
        reach = int(np.ceil(5.5 * sigma_pixels)) + 1
        line = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma_pixels) ** 2)
        line /= line.sum()
        while len(line) > 1 and line[0] + line[-1] < _TAIL:
            line = line[1:-1]
    return np.asarray(line / line.sum())


def moffat_alpha(fwhm: float, beta: float) -> float:
    """The Moffat profile's core radius: I = I_0 (1 + (r / alpha)^2)^-beta (Moffat 1969, A&A 3, 455)."""
    return float(fwhm / (2 * np.sqrt(2 ** (1 / beta) - 1)))


def moffat_psf(fwhm_pixels: float, beta: float, size: int) -> Floats:
    """A round Moffat PSF, (1 + (r / alpha)**2)**-beta, at the centres of ``size`` by ``size`` (odd) pixels; sums to 1.

    As measured on images: the pixels' own size is part of the FWHM.
    """
    alpha = moffat_alpha(fwhm_pixels, beta)
    at = np.arange(size) - size // 2
    image = (1 + (at[:, None] ** 2 + at[None, :] ** 2) / alpha**2) ** -beta
    return np.asarray(image / image.sum())


def matching_kernel(psf: Floats, target: Floats, *, source: str) -> Floats:
    """The kernel that turns ``psf`` into ``target`` (odd arrays of one shape); sums to 1.

    A Gaussian kernel G for the difference of their widths, and Wiener kernels W for the rest:
    K = G + W(target) - W(psf * G), where W(t) has the transform T S* / (|S|**2 + r |L|**2) with S that of the PSF, L
    that of the discrete Laplacian and r the strength of its penalty (Boucaud et al. 2016, A&A 596, A63).  By itself W
    falls to 0 at the frequencies where the PSF has no power, so for two PSFs of nearly the same width it rings; so the
    frequencies of which the PSF says nothing are treated as by G.  Kernels between PSFs of other instruments: Aniano et
    al. 2011, PASP 123, 1218.

    Raises
    ------
    AgezError
        If the PSFs have no light, or values that are not finite, or are too small for the kernel.
    """
    total = float(psf.sum()), float(target.sum())
    if not (np.isfinite(total).all() and all(total)):
        raise AgezError(f"{source}: no kernel can be made from its PSF, whose light adds up to {total[0]:g}")
    size = psf.shape[0]
    first, second = full_width_half_maximum(psf), full_width_half_maximum(target)
    narrow = gaussian_line(np.sqrt(max(second**2 - first**2, 0.0)) / FWHM_PER_SIGMA) if second > first else np.ones(1)
    if len(narrow) > size:
        raise AgezError(f"{source}: its PSF image ({size} pixels) is too small for the target's; give a larger one")
    smooth = np.zeros((size, size))  # convolves along one axis
    half = len(narrow) // 2
    for lag, weight in enumerate(narrow, start=-half):
        smooth += np.diag(np.full(size - abs(lag), weight), lag)
    widened = smooth @ psf @ smooth
    seen = fft.rfft2(psf / total[0])
    missing = fft.rfft2(target / total[1] - widened / widened.sum())
    rest = fft.irfft2(missing * seen.conj() / (np.abs(seen) ** 2 + _penalty(size)), psf.shape)
    kernel = fft.fftshift(rest)
    middle = slice(size // 2 - half, size // 2 + half + 1)
    kernel[middle, middle] += np.outer(narrow, narrow)
    return np.asarray(kernel / kernel.sum(), dtype=float)


@lru_cache(maxsize=8)
def _penalty(size: int) -> Floats:
    """Power of the discrete Laplacian at the frequencies of ``rfft2``, times :data:`REGULARIZATION`."""
    across, along = (4 * np.sin(np.pi * frequency) ** 2 for frequency in (fft.fftfreq(size), fft.rfftfreq(size)))
    return np.asarray(REGULARIZATION * (across[:, None] + along[None, :]) ** 2)


def full_width_half_maximum(psf: Floats) -> float:
    """FWHM [pixel] of a PSF image: that of a circle of the area where it is above half of its peak.

    The peak and the area are found on a cubic spline with 8 points a pixel, where the PSF is bright.
    """
    psf = np.asarray(psf, dtype=float)
    light = np.abs(psf)
    spline = []
    for axis, size in enumerate(psf.shape):
        bright = np.flatnonzero(light.max(axis=1 - axis) > _BRIGHT * light.max())
        first, last = (bright[0], bright[-1]) if bright.size else (0, size - 1)
        spline.append(_spline(size)[_FINE * max(0, first - _MARGIN) : _FINE * (last + _MARGIN + 1)])
    fine = spline[0] @ psf @ spline[1].T
    area = np.count_nonzero(fine > 0.5 * fine.max()) / _FINE**2
    return float(2 * np.sqrt(area / np.pi))


@lru_cache(maxsize=8)
def _spline(size: int) -> Floats:
    """(8 n, n) matrix of the cubic spline through n values, at 8 points a pixel."""
    return np.asarray(ndimage.zoom(np.eye(size), (_FINE, 1), order=3, grid_mode=True, mode="nearest"))
