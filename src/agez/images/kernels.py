"""Point-spread functions, and the kernels that turn one into another."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.signal import fftconvolve
from scipy.special import ive

from agez.errors import AgezError
from agez.types import Floats

#: FWHM of a Gaussian over its standard deviation.
FWHM_OF_SIGMA = float(np.sqrt(8 * np.log(2)))
#: What a kernel of Gaussians leaves outside of its array.
_TAIL = 1e-6
#: Strength of the Laplacian penalty (Boucaud et al. 2016, A&A 596, A63) on what Gaussians leave of the difference.
#: For Moffat PSFs of 1.5 to 3 pixels FWHM the matched PSF is then within 0.8 % of the target's peak everywhere, and
#: fluxes in apertures of 1.5 pixels radius within 0.2 %.
REGULARIZATION = 1e-4


def gaussian_kernel(sigma_pixels: float) -> Floats:
    """A kernel that adds ``sigma_pixels**2`` to the second moment of a PSF along x and along y, exactly.

    The discrete analogue of a Gaussian, exp(-t) I_n(t) with t = sigma**2 (Lindeberg 1990, IEEE PAMI 12, 234): it sums
    to 1, is nowhere negative, and two of them one after another are one of the sum of their t.  A sampled Gaussian
    does this only where sigma is above about 0.8 pixel.
    """
    t = sigma_pixels**2
    half = int(np.ceil(5.5 * sigma_pixels)) + 2
    line = ive(np.arange(-half, half + 1), t)
    while len(line) > 1 and 1 - line[1:-1].sum() < _TAIL:
        line = line[1:-1]
    line = line / line.sum()
    return np.asarray(np.outer(line, line))


def moffat_psf(fwhm_pixels: float, beta: float, size: int) -> Floats:
    """A round Moffat PSF, (1 + (r / alpha)**2)**-beta, at the centres of ``size`` by ``size`` (odd) pixels; sums to 1.

    As measured on images: the pixels' own size is part of the FWHM.
    """
    alpha = fwhm_pixels / (2 * np.sqrt(2 ** (1 / beta) - 1))
    at = np.arange(size) - size // 2
    image = (1 + (at[:, None] ** 2 + at[None, :] ** 2) / alpha**2) ** -beta
    return np.asarray(image / image.sum())


def matching_kernel(psf: Floats, target: Floats, *, source: str) -> Floats:
    """The kernel that turns ``psf`` into ``target`` (odd arrays of one shape); sums to 1.

    A Gaussian kernel G for the difference of their widths, and photutils' Wiener kernels W for the rest:
    K = G + W(target) - W(psf * G).  By itself W falls to 0 at the frequencies where the PSF has no power, so for two
    PSFs of nearly the same width it rings; so the frequencies of which the PSF says nothing are treated as by G.

    Raises
    ------
    AgezError
        If photutils is absent, or the PSFs are no images that it takes.
    """
    wiener = require_photutils("psf_matching").make_wiener_kernel
    first = full_width_half_maximum(psf)
    second = full_width_half_maximum(target)
    rough = np.zeros(psf.shape)
    narrow = (
        gaussian_kernel(np.sqrt(max(second**2 - first**2, 0.0)) / FWHM_OF_SIGMA) if second > first else np.ones((1, 1))
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


def require_photutils(part: str) -> Any:
    """A subpackage of photutils; AgezError with the line to install it where it is absent or too old."""
    import importlib

    try:
        return importlib.import_module(f"photutils.{part}")
    except ImportError as error:
        raise AgezError(
            "this step of the work on images needs photutils 3 or later; run: pip install 'agez[images]'"
        ) from error
