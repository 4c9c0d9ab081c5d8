"""Point sources on an image: where they are, how wide, and how bright over what they lie on."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from agez.images.detection import pixel_sigma
from agez.images.kernels import require_photutils
from agez.types import Bools, Floats

#: Limits of what DAOFind (Stetson 1987, PASP 99, 191) calls roundness: 0 for round sources.
_ROUNDNESS = 0.6
#: The exponent from fits to single stars is kept within these: Gaussians have an infinite one.
_BETA_LIMITS = (1.8, 12.0)


@dataclass(frozen=True, eq=False)
class PointSources:
    """Sources, n of them.

    Attributes
    ----------
    x, y : (n,) float
        Pixel coordinates.
    fwhm : (n,) float
        Of a Moffat profile fitted to each [pixel]; NaN where the fit failed.
    beta : (n,) float
        Its exponent.
    peak : (n,) float
        Of the source by itself.
    snr : (n,) float
        Peak over the noise of a pixel.
    background : (n,) float
        What lies under it: the median of a ring around.
    """

    x: Floats
    y: Floats
    fwhm: Floats
    beta: Floats
    peak: Floats
    snr: Floats
    background: Floats

    def __len__(self) -> int:
        return len(self.x)

    def take(self, which: Any) -> PointSources:
        """Only some of them."""
        return PointSources(*(getattr(self, name)[which] for name in self.__dataclass_fields__))


def without_smooth_light(image: Floats, mask: Bools, fwhm_pixels: float) -> Floats:
    """An image less its median over a ring of 2 to 4 FWHM: what is left is narrow; 0 where masked."""
    outer = max(3, round(4 * fwhm_pixels))
    inner = 2 * fwhm_pixels
    y, x = np.mgrid[-outer : outer + 1, -outer : outer + 1]
    radius = np.hypot(y, x)
    ring = (radius <= outer) & (radius >= inner) & ((x + y) % 2 == 0)  # every other pixel: half the time
    filled = np.where(mask, np.median(image[~mask]) if (~mask).any() else 0.0, image)
    return np.where(mask, 0.0, filled - ndimage.median_filter(filled, footprint=ring, mode="nearest"))


def find_point_sources(
    image: Floats, mask: Bools, fwhm_pixels: float, *, threshold_sigma: float, fit: bool = True
) -> PointSources:
    """Round narrow sources by photutils' DAOStarFinder, with Moffat profiles fitted by its PSFPhotometry.

    Parameters
    ----------
    image, mask : (ny, nx)
    fwhm_pixels : float
        About the FWHM of the PSF.
    threshold_sigma : float
        Of the peak after convolution, in units of the noise of a pixel.
    fit : bool
        Whether to fit profiles; otherwise ``fwhm`` and ``beta`` are NaN.
    """
    detection = require_photutils("detection")
    none = PointSources(*(np.zeros(0) for _ in PointSources.__dataclass_fields__))
    sigma = pixel_sigma(image, mask)
    if not (np.isfinite(sigma) and sigma > 0):
        return none
    narrow = without_smooth_light(image, mask, fwhm_pixels)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        finder = detection.DAOStarFinder(
            threshold_sigma * sigma, fwhm_pixels, roundness_range=(-_ROUNDNESS, _ROUNDNESS), exclude_border=True
        )
        table = finder(narrow, mask=mask)
    if table is None or len(table) == 0:
        return none
    names = ("x_centroid", "y_centroid") if "x_centroid" in table.colnames else ("xcentroid", "ycentroid")
    x, y = (np.asarray(table[name], dtype=float) for name in names)
    inside = np.isfinite(x) & np.isfinite(y)
    x, y, peak = x[inside], y[inside], np.asarray(table["peak"], dtype=float)[inside]
    at = np.rint(y).astype(int), np.rint(x).astype(int)
    under = image[at] - narrow[at]
    fwhm, beta = np.full(len(x), np.nan), np.full(len(x), np.nan)
    if fit and len(x):
        fwhm, beta = _fit_moffat(narrow, mask, x, y, fwhm_pixels)
    return PointSources(x, y, fwhm, beta, peak, peak / sigma, under)


def _fit_moffat(image: Floats, mask: Bools, x: Floats, y: Floats, fwhm_pixels: float) -> tuple[Floats, Floats]:
    """FWHM [pixel] and exponent of a Moffat profile fitted to each source; NaN where that fails."""
    psf = require_photutils("psf")
    from astropy.table import Table

    shape = 2 * round(2 * fwhm_pixels) + 1
    beta = 3.0
    model = psf.MoffatPSF(alpha=fwhm_pixels / (2 * np.sqrt(2 ** (1 / beta) - 1)), beta=beta)
    model.alpha.fixed = model.beta.fixed = False
    model.beta.bounds = _BETA_LIMITS
    model.alpha.bounds = (0.3, 20 * fwhm_pixels)
    start = Table({"x_init": x, "y_init": y})
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = psf.PSFPhotometry(model, shape, aperture_radius=1.5 * fwhm_pixels)(
                image, mask=mask, init_params=start
            )
    except ValueError:
        return np.full(len(x), np.nan), np.full(len(x), np.nan)
    alpha, power = np.asarray(found["alpha_fit"], dtype=float), np.asarray(found["beta_fit"], dtype=float)
    width = 2 * np.abs(alpha) * np.sqrt(2 ** (1 / power) - 1)
    moved = np.hypot(np.asarray(found["x_fit"]) - x, np.asarray(found["y_fit"]) - y) > fwhm_pixels
    good = np.isfinite(width) & ~moved & (np.asarray(found["flux_fit"]) > 0)
    return np.where(good, width, np.nan), np.where(good, power, np.nan)
