"""Point sources on an image: where they are, how wide, and how bright over what they lie on."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from agez.arrays import PerRow
from agez.images.detection import pixel_sigma
from agez.images.kernels import moffat_alpha
from agez.runtime.optional_packages import need
from agez.types import Bools, Floats

#: Limits of what DAOFind (Stetson 1987, PASP 99, 191) calls roundness: 0 for round sources.
_ROUNDNESS = 0.6
#: The exponent from fits to single stars is kept within these: Gaussians have an infinite one.
_BETA_LIMITS = (1.8, 12.0)
#: Exponent where it is not fitted: wings as wide as those of real telescopes.
USUAL_BETA = 3.0
#: Widths that are tried on uneven light, and the radius of what is fitted, in units of the PSF's FWHM.
_TRIED, _REACH_FWHM = np.geomspace(0.4, 3.0, 41), 2.5


@dataclass(frozen=True, eq=False)
class PointSources(PerRow):
    """Sources, n of them."""

    #: x, y: (n,) Pixel coordinates.
    x: Floats
    y: Floats
    fwhm: Floats  #: (n,) Of a Moffat profile fitted to each [pixel]; NaN where the fit failed, or was not asked for.
    beta: Floats  #: (n,) Its exponent.
    peak: Floats  #: (n,) Of the source by itself.
    snr: Floats  #: (n,) Peak over the noise of a pixel.
    background: Floats  #: (n,) What lies under it: the median of a ring around.


def without_smooth_light(image: Floats, mask: Bools, fwhm_pixels: float) -> Floats:
    """An image less its median over a ring of 2 to 4 FWHM: what is left is narrow; 0 where masked.

    The median is taken on means of blocks of about half a FWHM, and interpolated between them.
    """
    filled = np.where(mask, np.median(image[~mask]) if (~mask).any() else 0.0, image)
    block = max(1, round(fwhm_pixels / 2))
    ny, nx = (-(-n // block) for n in image.shape)
    padded = np.pad(filled, ((0, ny * block - image.shape[0]), (0, nx * block - image.shape[1])), mode="edge")
    coarse = padded.reshape(ny, block, nx, block).mean(axis=(1, 3))
    outer = max(2, round(4 * fwhm_pixels / block))
    y, x = np.mgrid[-outer : outer + 1, -outer : outer + 1]
    radius = np.hypot(y, x)
    ring = (radius <= outer) & (radius >= 2 * fwhm_pixels / block)
    smooth = ndimage.median_filter(coarse, footprint=ring, mode="nearest")
    at = np.meshgrid(*((np.arange(n) - (block - 1) / 2) / block for n in image.shape), indexing="ij")
    return np.where(mask, 0.0, filled - ndimage.map_coordinates(smooth, at, order=1, mode="nearest"))


def find_point_sources(
    image: Floats, mask: Bools, fwhm_pixels: float, *, threshold_sigma: float, most: int = 200,
    fitted: Bools | None = None,
) -> PointSources:  # fmt: skip
    """Round narrow sources by photutils' DAOStarFinder, with Moffat profiles fitted by its PSFPhotometry.

    Parameters
    ----------
    image, mask : (ny, nx)
    fwhm_pixels : float
        About the FWHM of the PSF.
    threshold_sigma : float
        Least peak, in units of the noise of a pixel.
    most : int
        So many of the brightest.
    fitted : (ny, nx) bool, optional
        Where sources lie that profiles are to be fitted to; default: everywhere.
    """
    detection = need("photutils.detection", extra="images", purpose="finding stars")
    none = PointSources(*(np.zeros(0) for _ in PointSources.__dataclass_fields__))
    sigma = pixel_sigma(image, mask)
    if not (np.isfinite(sigma) and sigma > 0):
        return none
    narrow = without_smooth_light(image, mask, fwhm_pixels)
    with warnings.catch_warnings(action="ignore"):
        finder = detection.DAOStarFinder(
            threshold_sigma * sigma, fwhm_pixels, roundness_range=(-_ROUNDNESS, _ROUNDNESS), exclude_border=False
        )
        table = finder(narrow, mask=mask)
    if table is None or len(table) == 0:
        return none
    names = ("x_centroid", "y_centroid") if "x_centroid" in table.colnames else ("xcentroid", "ycentroid")
    x, y = (np.asarray(table[name], dtype=float) for name in names)
    peak = np.asarray(table["peak"], dtype=float)
    inside = np.flatnonzero(np.isfinite(x) & np.isfinite(y) & (peak > threshold_sigma * sigma))
    inside = inside[np.argsort(-peak[inside], kind="stable")][:most]
    if not len(inside):
        return none
    x, y, peak = x[inside], y[inside], peak[inside]
    at = np.rint(y).astype(int), np.rint(x).astype(int)
    under = image[at] - narrow[at]
    fwhm, beta = np.full(len(x), np.nan), np.full(len(x), np.nan)
    wanted = np.full(len(x), True) if fitted is None else fitted[at]
    if wanted.any():
        fwhm[wanted], beta[wanted] = _fit_moffat(narrow, mask, x[wanted], y[wanted], fwhm_pixels)
    return PointSources(x, y, fwhm, beta, peak, peak / sigma, under)


def widths_on_uneven_light(image: Floats, mask: Bools, x: Floats, y: Floats, fwhm_pixels: float) -> Floats:
    """FWHM [pixel] of sources that lie on a galaxy, whose own light is steep and curved there.

    A Moffat profile, shifted by a little, and a parabolic surface under it are fitted to the pixels within 2.5 FWHM by
    linear least squares for each of many widths; the best one counts.  NaN where pixels are too few, or the source is
    a hole.

    Parameters
    ----------
    image, mask : (ny, nx)
        With the galaxy's light.
    x, y : (n,) float
        Pixel coordinates, good to a fraction of a pixel.
    fwhm_pixels : float
        About the FWHM of the PSF.
    """
    reach = _REACH_FWHM * fwhm_pixels
    widths = _TRIED * fwhm_pixels
    found = np.full(len(x), np.nan)
    for number, (one_x, one_y) in enumerate(zip(x, y, strict=True)):
        at_y, at_x = (slice(max(0, int(c - reach)), int(c + reach) + 2) for c in (one_y, one_x))
        window = image[at_y, at_x]
        row, column = np.indices(window.shape)
        dx, dy = at_x.start + column - one_x, at_y.start + row - one_y
        near = (np.hypot(dx, dy) <= reach) & ~mask[at_y, at_x]
        if near.sum() < 2 * 9:
            continue
        dx, dy, light = dx[near] / reach, dy[near] / reach, window[near]
        surface = [np.ones_like(dx), dx, dy, dx * dx, dx * dy, dy * dy]
        misfit, peak = np.empty(len(widths)), np.empty(len(widths))
        for k, width in enumerate(widths):
            alpha = moffat_alpha(width, USUAL_BETA) / reach
            profile = (1 + (dx * dx + dy * dy) / alpha**2) ** -USUAL_BETA
            design = np.stack([profile, profile * dx, profile * dy, *surface], axis=1)
            fitted = np.linalg.lstsq(design, light, rcond=None)[0]
            misfit[k], peak[k] = np.sum((design @ fitted - light) ** 2), fitted[0]
        best = int(np.argmin(misfit))
        if peak[best] > 0:
            found[number] = widths[best]
    return found


def _fit_moffat(image: Floats, mask: Bools, x: Floats, y: Floats, fwhm_pixels: float) -> tuple[Floats, Floats]:
    """FWHM [pixel] and exponent of a Moffat profile fitted to each source; NaN where that fails."""
    psf = need("photutils.psf", extra="images", purpose="measuring the PSF of stars")
    from astropy.table import Table

    shape = 2 * round(2 * fwhm_pixels) + 1
    model = psf.MoffatPSF(alpha=moffat_alpha(fwhm_pixels, USUAL_BETA), beta=USUAL_BETA)
    model.alpha.fixed = model.beta.fixed = False
    model.beta.bounds = _BETA_LIMITS
    model.alpha.bounds = (0.3, 20 * fwhm_pixels)
    start = Table({"x_init": x, "y_init": y})
    try:
        with warnings.catch_warnings(action="ignore"):
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
