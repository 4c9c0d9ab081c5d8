"""Regions of a galaxy on its images: pixels, Voronoi bins of a signal-to-noise ratio, segments or annuli."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from scipy import ndimage
from scipy.signal import oaconvolve

from agez.analysis.geometry import disc_coordinates
from agez.errors import AgezError
from agez.images.alignment import pixel_size_arcsec
from agez.images.image_set import ImageSet
from agez.images.measure import pixel_offsets
from agez.spectra.covariance import INDEPENDENT, SpatialCovariance
from agez.spectra.voronoi import voronoi_bins
from agez.types import Bools, Floats, Ints

Method = Literal["voronoi", "pixels", "segments", "annuli"]
METHODS: tuple[str, ...] = get_args(Method)
#: Bands whose signal-to-noise ratio over the galaxy is below this part of the median band's are not asked for more.
USEFUL = 0.3
#: A pixel belongs to the galaxy if all bands together, smoothed by the PSF, reach this signal-to-noise ratio there.
LEAST_PIXEL_SNR = 3.0
#: Pixels with fewer than this part of the bands are not used.
LEAST_BANDS = 0.5
#: Widths of annuli grow outwards by this factor.
ANNULUS_GROWTH = 1.15


@dataclass(frozen=True)
class RegionSettings:
    """How a galaxy is divided.

    Attributes
    ----------
    method : 'voronoi', 'pixels', 'segments' or 'annuli'
        ``voronoi``: bins of ``target_snr`` each; ``pixels``: each pixel that reaches ``pixel_snr`` in all bands
        together; ``segments``: of an image (``segments``), or found by photutils; ``annuli``: elliptical, as wide as
        ``target_snr`` asks, at least one PSF.
    target_snr : float
        In the faintest useful band: of the bands that see the galaxy with at least ``USEFUL`` of the median band's
        signal-to-noise ratio, the one that sees it worst.
    pixel_snr : float
        The galaxy ends where all bands together fall below this in a pixel, smoothed by the PSF.
    inclination_deg, pa_deg : float
        Of the annuli; 0: circles.
    segments : path, optional
        FITS image of the same shape: 0 none, each other number a region.
    """

    method: Method = "voronoi"
    target_snr: float = 10.0
    pixel_snr: float = LEAST_PIXEL_SNR
    inclination_deg: float = 0.0
    pa_deg: float = 0.0
    segments: str | os.PathLike[str] | None = None

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise AgezError(f"regions: method is {self.method!r}; choose one of {', '.join(METHODS)}")
        for name in ("target_snr", "pixel_snr"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value > 0):
                raise AgezError(f"regions: {name} is {value!r}; expected a number above 0")
        if not 0 <= self.inclination_deg < 90 or not np.isfinite(self.pa_deg):
            raise AgezError(
                f"regions: inclination {self.inclination_deg}, PA {self.pa_deg}; expected 0-90 and a number"
            )
        if self.segments is not None and self.method != "segments":
            raise AgezError(f"an image of segments goes with --bins segments, not {self.method}")

    def as_meta(self) -> dict[str, Any]:
        """What a file's header says of it."""
        return {
            name: getattr(self, name) for name in ("method", "target_snr", "pixel_snr", "inclination_deg", "pa_deg")
        }


@dataclass(frozen=True, eq=False)
class Regions:
    """Where the regions are.

    Attributes
    ----------
    bin_id : (ny, nx) int
        From 0 without gaps, from the centre outwards; -1 = unused.
    snr : (ny, nx) float
        Of each pixel by itself in ``band``.
    band : str
        The faintest useful one.
    remark : str
        '' or what went another way than asked.
    """

    bin_id: Ints
    snr: Floats
    band: str
    remark: str = ""


def make_regions(images: ImageSet, settings: RegionSettings, *, centre: tuple[float, float]) -> Regions:
    """Divide the galaxy around ``centre`` (x, y) [pixel].

    Raises
    ------
    AgezError
        If the centre is not on the images, nothing stands out of the noise there, or no pixel has enough bands.
    """
    ny, nx = images.shape
    if not (0 <= round(centre[0]) < nx and 0 <= round(centre[1]) < ny):
        raise AgezError(
            f"{images.sources[0]}: the centre at pixel {centre[0]:.1f}, {centre[1]:.1f} is not on the image of "
            f"{nx} by {ny}; give --centre RA,DEC of the galaxy"
        )
    usable = enough_bands(images)
    extent = galaxy_extent(images, usable, centre, settings.pixel_snr)
    faintest = faintest_useful_band(images, extent)
    signal = np.where(images.mask[faintest], 0.0, images.flux[faintest]).astype(float)
    noise = np.where(images.mask[faintest], np.nan, images.flux_err[faintest]).astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        snr = signal / noise
    if settings.method == "segments":
        bin_id = _segments(images, extent, settings)
    elif settings.method == "annuli":
        bin_id = _annuli(images, extent, settings, centre, faintest)
    elif settings.method == "pixels":
        bin_id = np.where(extent, 0, -1)
        bin_id[extent] = np.arange(extent.sum())
    else:
        bin_id = _voronoi(extent, signal, noise, settings.target_snr, covariance_of(images.noise[faintest]))
    name, remark = images.bands.names[faintest], ""
    if settings.method == "voronoi" and bin_id.max() == 0 and extent.sum() > 1:
        remark = f"the galaxy cannot be divided into regions of S/N {settings.target_snr:g} in {name}: it is one region"
    return Regions(_outwards(bin_id, centre), snr, name, remark)


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
    snr = np.full(len(images.bands), np.nan)
    for b in range(len(images.bands)):
        good = extent & ~images.mask[b] & np.isfinite(images.flux_err[b])
        if good.any():
            variance = _variance_of_one(np.where(good, images.flux_err[b], 0.0), images.noise[b])
            snr[b] = images.flux[b][good].sum(dtype=float) / np.sqrt(variance) if variance > 0 else np.nan
    if not np.isfinite(snr).any():
        raise AgezError(f"{images.sources[0]}: no band has errors on the galaxy; give weights or errors")
    useful = (snr > 0) & (snr >= USEFUL * np.nanmedian(snr))
    if not useful.any():
        raise AgezError(
            f"{images.sources[0]}: the galaxy's flux is not positive in any band; see the background and --centre"
        )
    return int(np.nanargmin(np.where(useful, snr, np.nan)))


def _variance_of_one(sigma: Floats, correlation: Floats) -> float:
    """Variance of the sum of all pixels with that standard deviation: sum over x of s(x) (c * s)(x), exact."""
    y, x = np.nonzero(sigma)
    if not len(y):
        return 0.0
    s = sigma[y.min() : y.max() + 1, x.min() : x.max() + 1].astype(float)
    return max(float(np.sum(s * oaconvolve(s, correlation, mode="full")[_middle(s, correlation)])), 0.0)


def _middle(image: Floats, kernel: Floats) -> tuple[slice, slice]:
    half = kernel.shape[0] // 2
    return slice(half, half + image.shape[0]), slice(half, half + image.shape[1])


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
        variance = _variance_of_one(inside.astype(float), correlation)
        ratios.append(float(np.sqrt(variance / inside.sum())))
    slope = float(np.sum((np.array(ratios) - 1) * np.log10(numbers)) / np.sum(np.log10(numbers) ** 2))
    return SpatialCovariance(
        "given", max(slope, 0.0), max(float(np.sqrt(correlation.sum())), 1.0), "the images' own noise"
    )


def _voronoi(extent: Bools, signal: Floats, noise: Floats, target: float, covariance: SpatialCovariance) -> Ints:
    bin_id = np.full(extent.shape, -1)
    y, x = np.nonzero(extent)
    # pixels without light of their own go with their neighbours: a pixel of no signal would never fill a bin
    floor = 1e-3 * max(float(np.median(signal[extent & (signal > 0)])) if (signal[extent] > 0).any() else 1.0, 1e-30)
    signals, noises = np.maximum(signal[y, x], floor), noise[y, x]
    noises = np.where(np.isfinite(noises) & (noises > 0), noises, np.nanmedian(noises))
    alone = signals / noises >= target
    number = np.full(len(x), -1)
    number[alone] = np.arange(alone.sum())
    rest = np.flatnonzero(~alone)
    if len(rest):
        bins, _ = voronoi_bins(
            np.stack([x[rest], y[rest]], axis=1).astype(float), signals[rest], noises[rest], target, covariance
        )
        number[rest] = alone.sum() + bins
    bin_id[y, x] = number
    return bin_id


def _segments(images: ImageSet, extent: Bools, settings: RegionSettings) -> Ints:
    if settings.segments is not None:
        from agez.table_files import open_fits

        with open_fits(settings.segments) as hdus:
            found = next((hdu.data for hdu in hdus if getattr(hdu, "data", None) is not None and hdu.is_image), None)
        if found is None or found.shape != images.shape:
            shape = None if found is None else found.shape
            raise AgezError(
                f"{settings.segments}: an image of segments of shape {shape}; the images have {images.shape}"
            )
        number = np.where(enough_bands(images), np.nan_to_num(np.asarray(found, float)), 0).astype(int)
    else:
        number = _found_segments(images, extent)
    if not (number > 0).any():
        raise AgezError(f"{settings.segments or images.sources[0]}: no segment with usable pixels")
    return np.where(
        number > 0, np.unique(number, return_inverse=True)[1].reshape(number.shape) - (number <= 0).any(), -1
    )


def _found_segments(images: ImageSet, extent: Bools) -> Ints:
    """Clumps of the galaxy: photutils' deblending of the image of all bands; what it leaves is one more region."""
    try:
        from photutils.segmentation import SegmentationImage, deblend_sources
    except ImportError as error:
        raise AgezError("segments need photutils; run: pip install 'agez[images]'") from error
    deep = all_bands_snr(images)
    whole = SegmentationImage(extent.astype(np.int32))
    parts = deblend_sources(deep, whole, n_pixels=9, contrast=0.001, progress_bar=False)
    return np.where(extent, np.asarray(parts.data, int), 0)


def _annuli(images: ImageSet, extent: Bools, settings: RegionSettings, centre: tuple[float, float], band: int) -> Ints:
    west, north = pixel_offsets(images, centre)
    major, minor = disc_coordinates(west, north, inclination_deg=settings.inclination_deg, pa_deg=settings.pa_deg)
    radius = np.hypot(major, minor)
    pixel = pixel_size_arcsec(images.wcs)
    step = max(float(np.nanmax([*images.psf_fwhm_arcsec, 0.0])), 2 * pixel)
    last = float(radius[extent].max())
    sigma = np.where(images.mask[band], 0.0, np.nan_to_num(images.flux_err[band]))
    flux = np.where(images.mask[band], 0.0, images.flux[band])
    bin_id, inner, number = np.full(extent.shape, -1), 0.0, 0
    while inner < last:
        outer, width = inner, step * ANNULUS_GROWTH**number
        while outer < last:
            outer += width
            ring = extent & (radius >= inner) & (radius < outer)
            if not ring.any():
                continue
            variance = _variance_of_one(np.where(ring, sigma, 0.0), images.noise[band])
            if variance > 0 and flux[ring].sum() >= settings.target_snr * np.sqrt(variance):
                break
        ring = extent & (radius >= inner) & (radius < max(outer, inner + width))
        if ring.any():
            bin_id[ring] = number
            number += 1
        inner = max(outer, inner + width)
    return bin_id


def _outwards(bin_id: Ints, centre: tuple[float, float]) -> Ints:
    """The same regions numbered from 0 without gaps, from the centre outwards."""
    inside = bin_id >= 0
    y, x = np.nonzero(inside)
    number = np.unique(bin_id[inside], return_inverse=True)[1]
    distance = np.bincount(number, weights=np.hypot(x - centre[0], y - centre[1])) / np.bincount(number)
    rank = np.argsort(np.argsort(distance, kind="stable"), kind="stable")
    out = np.full(bin_id.shape, -1, np.int64)
    out[inside] = rank[number]
    return out
