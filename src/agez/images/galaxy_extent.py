"""The extent of a galaxy on its images, the band that sees it worst, and the noise of sums of its pixels."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from agez.errors import AgezError
from agez.images.alignment import pixel_size_arcsec
from agez.images.image_set import ImageSet
from agez.images.noise_correlation import variance_of_one_region, variances_of_one_region
from agez.spectra.covariance import INDEPENDENT, SpatialCovariance
from agez.types import Bools, Floats

#: Bands whose signal-to-noise ratio over the galaxy is below this part of the median band's are not asked for more.
USEFUL = 0.3
#: A pixel belongs to the galaxy if all bands together, smoothed by the PSF, reach this signal-to-noise ratio there.
LEAST_PIXEL_SNR = 3.0
#: Pixels with fewer than this part of the bands are not used.
LEAST_BANDS = 0.5


def enough_bands(images: ImageSet) -> Bools:
    """(ny, nx) pixels that at least ``LEAST_BANDS`` of the bands have."""
    return np.asarray((~images.mask).mean(axis=0) >= LEAST_BANDS)


def galaxy_extent(images: ImageSet, usable: Bools, centre: tuple[float, float], pixel_snr: float) -> Bools:
    """Pixels of the galaxy: those connected with its centre where all bands together stand out of the noise."""
    deep = all_bands_snr(images)
    x, y = round(centre[0]), round(centre[1])
    labels, _ = ndimage.label(deep >= pixel_snr)
    label = labels[y, x]
    if label == 0:
        raise AgezError(
            f"{images.sources[0]}: nothing stands out of the noise at the galaxy's centre (pixel {x}, {y}: S/N "
            f"{deep[y, x]:.1f} of {len(images.bands)} bands together, {pixel_snr:g} needed); give the right "
            "--centre RA,DEC, or deeper images"
        )
    extent = ndimage.binary_fill_holes(labels == label) & usable
    if not extent.any():
        raise AgezError(f"{images.sources[0]}: no pixel of the galaxy has half of the bands; see the masks and weights")
    return np.asarray(extent)


def all_bands_snr(images: ImageSet) -> Floats:
    """(ny, nx) signal-to-noise ratio of all bands together, each weighed by its own, smoothed by the widest PSF.

    With the weights w = typical / err**2 of a band, the sum over bands of w f, smoothed by a Gaussian g, has the
    variance of g**2 (w err)**2 times what the correlation of the noise makes of it; exact where errors change slowly.
    """
    fwhm = np.nanmax([*images.psf_fwhm_arcsec, 0.0])
    width = max(fwhm / pixel_size_arcsec(images.wcs), 1.0) / 2.355
    signal, variance = np.zeros(images.shape), np.zeros(images.shape)
    for b in range(len(images.bands)):
        err, flux = images.flux_err[b].astype(float), images.flux[b]
        good = ~images.mask[b] & np.isfinite(err) & (err > 0)
        bright = flux[good & (flux > 0)]
        if not bright.size:
            continue
        typical = float(np.median(bright))
        weight = np.where(good, 1 / np.where(good, err, 1.0) ** 2, 0.0)
        signal += weight * typical * np.where(good, flux, 0.0)
        variance += weight * typical**2 * _variance_smoothed(images.noise[b], width)
    smooth_signal = ndimage.gaussian_filter(signal, width)
    smooth_variance = ndimage.gaussian_filter(variance, width)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.nan_to_num(smooth_signal / np.sqrt(smooth_variance)))


def _variance_smoothed(correlation: Floats, width: float) -> float:
    """Variance of unit noise of that correlation after a Gaussian of width w: sum c(d) exp(-d**2/4w**2)/4 pi w**2."""
    half = correlation.shape[0] // 2
    lag2 = np.add.outer(np.arange(-half, half + 1) ** 2, np.arange(-half, half + 1) ** 2)
    return max(float(np.sum(correlation * np.exp(-lag2 / (4 * width**2)))) / (4 * np.pi * width**2), 1e-12)


def faintest_useful_band(images: ImageSet, extent: Bools) -> int:
    """Number of the band that sees the galaxy worst, of those that are not hopeless."""
    good = extent & ~images.mask & np.isfinite(images.flux_err)
    signal = np.sum(images.flux, axis=(1, 2), where=good, dtype=float)
    variance = variances_of_one_region(np.where(good, images.flux_err, 0.0), images.noise, extent)
    with np.errstate(divide="ignore", invalid="ignore"):
        snr = np.where(variance > 0, signal / np.sqrt(variance), np.nan)
    if not np.isfinite(snr).any():
        raise AgezError(f"{images.sources[0]}: no band has errors on the galaxy; give weights or errors")
    useful = (snr > 0) & (snr >= USEFUL * np.nanmedian(snr))
    if not useful.any():
        raise AgezError(
            f"{images.sources[0]}: the galaxy's flux is not positive in any band; see the background and --centre"
        )
    return int(np.nanargmin(np.where(useful, snr, np.nan)))


def covariance_of(correlation: Floats) -> SpatialCovariance:
    """How errors of sums grow with the number of pixels, as Voronoi binning wants it: fitted to round regions."""
    if correlation.size == 1:
        return INDEPENDENT
    numbers, ratios = [], []
    for radius in (1.0, 1.6, 2.3, 3.3, 4.6, 6.5, 9.2):
        side = int(2 * np.ceil(radius) + 1)
        y, x = np.indices((side, side)) - side // 2
        inside = np.hypot(x, y) <= radius
        numbers.append(int(inside.sum()))
        variance = variance_of_one_region(inside.astype(float), correlation)
        ratios.append(float(np.sqrt(variance / inside.sum())))
    slope = float(np.sum((np.array(ratios) - 1) * np.log10(numbers)) / np.sum(np.log10(numbers) ** 2))
    return SpatialCovariance(
        "given", max(slope, 0.0), max(float(np.sqrt(correlation.sum())), 1.0), "the images' own noise"
    )
