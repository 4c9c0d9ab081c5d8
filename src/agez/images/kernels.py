"""Point-spread functions, and the kernels that turn one into another."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.signal import fftconvolve

from agez.errors import AgezError
from agez.runtime.optional_packages import need
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


def gaussian_kernel(sigma_pixels: float) -> Floats:
    """A kernel that multiplies a PSF's transform by that of a Gaussian, exp(-sigma**2 w**2 / 2); it sums to 1.

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
    line = line / line.sum()
    return np.asarray(np.outer(line, line))


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

    A Gaussian kernel G for the difference of their widths, and photutils' Wiener kernels W for the rest:
    K = G + W(target) - W(psf * G).  By itself W falls to 0 at the frequencies where the PSF has no power, so for two
    PSFs of nearly the same width it rings; so the frequencies of which the PSF says nothing are treated as by G.
    Kernels between PSFs of other instruments: Aniano et al. 2011, PASP 123, 1218.

    Raises
    ------
    AgezError
        If photutils is absent, or the PSFs are no images that it takes.
    """
    wiener = need("photutils.psf_matching", extra="images", purpose="matching PSFs").make_wiener_kernel
    first = full_width_half_maximum(psf)
    second = full_width_half_maximum(target)
    rough = np.zeros(psf.shape)
    narrow = (
        gaussian_kernel(np.sqrt(max(second**2 - first**2, 0.0)) / FWHM_PER_SIGMA) if second > first else np.ones((1, 1))
    )
    if narrow.shape[0] > psf.shape[0]:
        raise AgezError(
            f"{source}: its PSF image ({psf.shape[0]} pixels) is too small for the target's; give a larger one"
        )
    begin = (psf.shape[0] - narrow.shape[0]) // 2
    rough[begin : begin + narrow.shape[0], begin : begin + narrow.shape[0]] = narrow
    widened = fftconvolve(psf, rough, mode="same")
    options: dict[str, Any] = {"regularization": REGULARIZATION, "penalty": "laplacian"}
    try:
        kernel = rough + wiener(psf, target, **options) - wiener(psf, widened / widened.sum(), **options)
    except ValueError as error:
        raise AgezError(f"{source}: no kernel can be made from its PSF: {error}") from error
    return np.asarray(kernel / kernel.sum(), dtype=float)


def full_width_half_maximum(psf: Floats) -> float:
    """FWHM [pixel] of a PSF image: that of a circle of the area where it is above half of its peak.

    The peak and the area are found on a cubic spline with 8 points a pixel.
    """
    from scipy.ndimage import zoom

    fine = zoom(np.asarray(psf, dtype=float), 8, order=3, grid_mode=True, mode="nearest")
    area = float((fine > 0.5 * fine.max()).sum()) / 64
    return float(2 * np.sqrt(area / np.pi))
