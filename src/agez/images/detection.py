"""All bands of an image set added into one deep image, and where on it there are sources."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.signal import oaconvolve

from agez.images.image_set import ImageSet
from agez.images.kernels import gaussian_kernel
from agez.spectra.formats_common import FWHM_PER_SIGMA
from agez.types import Bools, Floats

#: Sources are what stands this many sigma above the sky on the deep image, smoothed.
THRESHOLD_SIGMA = 1.5
#: Smoothing before sources are looked for [pixel, FWHM].
SMOOTH_FWHM = 4.0
#: The mask of sources is made larger by so many pixels on all sides.
GROW_PIXELS = 4
#: Blocks along each axis whose lowest say where the sky is.
_BLOCKS = 10
_LOWEST = 0.05
_MAD = 1.4826
#: From so many numbers on, a median is looked for around that of a sample of so many.
_MANY, _SAMPLE = 4096, 512
#: It lies between these parts of the sample, by four times its error there; and so far in the sample, by twice.
_AROUND, _SLACK = (0.41, 0.59), 10


@dataclass(frozen=True, eq=False)
class DeepImage:
    """The bands added."""

    image: Floats  #: (ny, nx) Weighted mean of the bands; 0 where masked in all.
    mask: Bools  #: (ny, nx) Pixels that no band has.
    sigma: Floats  #: (b,) Noise of a pixel of each band of the images; NaN or 0 where it has none.


def median_of(values: Floats) -> float:
    """Median of finite numbers, one at least: that of ``np.median``, sooner.

    Of many numbers only those are partitioned that lie near the median of a sample: partitioning takes most time.
    """
    values = values.ravel()
    n, middle = values.size, values.size // 2
    if n >= _MANY:
        sample = np.sort(values[:: n // _SAMPLE])
        first, last = (int(part * sample.size) for part in _AROUND)
        around = _between(values, middle, sample[first], sample[last])
        if around is not None:
            near, below = around
            # where it is in the sample, give or take
            rank = first + (last - first) * (middle - below) // int(np.count_nonzero(near))
            low, high = sample[max(first, rank - _SLACK)], sample[min(last, rank + _SLACK)]
            near, below = _between(values, middle, low, high) or around
            values, middle = values[near], middle - below
    parts = np.partition(values, (middle - 1, middle))
    return float(parts[middle] if n % 2 else 0.5 * (parts[middle - 1] + parts[middle]))


def _between(values: Floats, middle: int, low: float, high: float) -> tuple[Bools, int] | None:
    """Which values lie between two, and how many below; None if that of rank ``middle`` or the one before does not."""
    from_low, to_high = values >= low, values <= high
    below = values.size - int(np.count_nonzero(from_low))
    return (from_low & to_high, below) if below < middle < np.count_nonzero(to_high) else None


def robust_sigma(values: Floats) -> float:
    """1.4826 times the median absolute deviation; NaN for nothing."""
    finite = np.isfinite(values)
    good = values.ravel() if finite.all() else values[finite]
    return _MAD * median_of(np.abs(good - median_of(good))) if good.size else np.nan


def pixel_sigma(image: Floats, mask: Bools, *, lag: int = 1) -> float:
    """Noise of a pixel from second differences, of pixels ``lag`` apart, in the fainter half of the image.

    What changes slowly over the image, sky and galaxy, does not count.  NaN for nothing.
    """
    good = ~mask
    whole = bool(good.all())
    if not (whole or good.any()):
        return np.nan
    filled = image if whole else np.where(good, image, median_of(image[good]))
    # by the mean of its surroundings, lest the choice depends on a pixel's own noise
    around = ndimage.uniform_filter(filled, size=8 * lag + 1, mode="nearest")
    faint = good & (around <= median_of(around if whole else around[good]))
    left, right = (slice(None), slice(None, -2 * lag)), (slice(None), slice(2 * lag, None))
    middle = (slice(None), slice(lag, -lag))
    all_three = faint[left] & faint[middle] & faint[right]
    if np.count_nonzero(all_three) < 50:
        all_three = good[left] & good[middle] & good[right]
    return robust_sigma((image[left] - 2 * image[middle] + image[right])[all_three]) / np.sqrt(6)


def deep_image(images: ImageSet, *, sigma: Floats | None = None, sharp: bool = False) -> DeepImage:
    """The mean of the bands weighted by 1 / sigma**2 (from the images themselves).

    ``sharp`` leaves out bands whose PSF is more than 1.25 times that of the best third of the bands.  ``sigma`` (b,) is
    that of another deep image of the same images.
    """
    use = np.ones(len(images.bands), dtype=bool)
    fwhm = images.psf_fwhm_arcsec
    if sharp and np.isfinite(fwhm).any():
        use = ~(fwhm > 1.25 * np.nanpercentile(fwhm, 33))
    if sigma is None:
        sigma = np.array(
            [
                pixel_sigma(flux.astype(float), mask, lag=noise.shape[0] // 2 + 1)
                for flux, mask, noise in zip(images.flux, images.mask, images.noise, strict=True)
            ]
        )
    use &= np.isfinite(sigma) & (sigma > 0)
    total, weights = np.zeros(images.shape), np.zeros(images.shape)
    for b in np.flatnonzero(use):
        weight = 1 / sigma[b] ** 2
        total += np.where(images.mask[b], 0.0, images.flux[b].astype(float) * weight)
        weights += np.where(images.mask[b], 0.0, weight)
    nothing = weights == 0
    return DeepImage(np.where(nothing, 0.0, total / np.where(nothing, 1.0, weights)), nothing, sigma)


def smoothed(deep: DeepImage, fwhm_pixels: float) -> Floats:
    """The deep image convolved with a Gaussian, holes left out; 0 in the middle of large holes."""
    kernel = gaussian_kernel(fwhm_pixels / FWHM_PER_SIGMA)
    share = oaconvolve((~deep.mask).astype(float), kernel, mode="same")
    image = oaconvolve(np.where(deep.mask, 0.0, deep.image), kernel, mode="same")
    return np.asarray(np.where(share > 0.1, image / np.clip(share, 0.1, None), 0.0))


def lowest_level(image: Floats, mask: Bools) -> float:
    """Typical value of the faintest blocks of an image: the sky, or what is nearest to it where a galaxy is all over.

    Of a hundred blocks, the mean of the medians of the lowest twentieth.
    """
    medians, counts = [], []
    for rows in np.array_split(np.arange(image.shape[0]), min(_BLOCKS, image.shape[0])):
        for columns in np.array_split(np.arange(image.shape[1]), min(_BLOCKS, image.shape[1])):
            at = np.ix_(rows, columns)
            values = image[at][~mask[at]]
            if values.size >= max(4, 0.3 * mask[at].size):
                medians.append(float(np.median(values)))
                counts.append(values.size)
    if not medians:
        return float(np.median(image[~mask])) if (~mask).any() else 0.0
    lowest = np.sort(medians)[: max(1, round(_LOWEST * len(medians)))]
    return float(np.mean(lowest))


def source_mask(images: ImageSet, *, deep: DeepImage | None = None, grow: int = GROW_PIXELS) -> Bools:
    """Where there are sources, the galaxy and others, on the deep image; True also where no band has a pixel.

    The level that they stand above is that of the faintest part of the image, so that a galaxy that fills the image
    is a source all over, and not taken for sky.  ``deep`` is :func:`deep_image` of the images, if it is there already.
    """
    deep = deep_image(images) if deep is None else deep
    if deep.mask.all():
        return deep.mask
    image = smoothed(deep, SMOOTH_FWHM)
    sigma = pixel_sigma(image, deep.mask, lag=int(1.5 * SMOOTH_FWHM))
    level = lowest_level(image, deep.mask)
    # the lowest of a hundred blocks is low by chance, too: by about two of their own errors
    block = image.size / _BLOCKS**2
    beam = 2 * np.pi * (SMOOTH_FWHM / FWHM_PER_SIGMA) ** 2 * 2
    level += 2.0 * 1.25 * sigma / np.sqrt(max(1.0, block / beam))
    above = (image > level + THRESHOLD_SIGMA * sigma) & ~deep.mask
    # single peaks of the noise: at 1.5 sigma there are many; sources have more than a beam's pixels in one piece
    labels, n = ndimage.label(above)
    if n:
        size = np.bincount(labels.ravel())
        brightest = ndimage.maximum(image, labels, np.arange(n + 1))
        keep = (size > 2 * beam) | (np.asarray(brightest) > level + 4 * sigma)
        keep[0] = False
        above = keep[labels]
    if grow > 0:
        above = ndimage.binary_dilation(above, structure=ndimage.generate_binary_structure(2, 1), iterations=grow)
    return np.asarray(above | deep.mask)
