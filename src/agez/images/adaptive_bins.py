"""Bins of a signal-to-noise ratio: compact ones where the galaxy is bright, sectors of rings where it is faint."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from agez.images.galaxy_extent import covariance_of
from agez.images.image_set import ImageSet
from agez.images.rings import Plane, number_of_ring, ring_edges, sector_numbers, sectors_that_reach
from agez.spectra.covariance import SpatialCovariance
from agez.spectra.formats_common import FWHM_PER_SIGMA
from agez.spectra.voronoi import power_bins
from agez.types import Bools, Floats, Ints

#: Compact bins aim at so many times the least number of pixels: their sizes scatter.
_ROOM = 1.3
#: A pixel has at least this part of the typical light: those without any go with their neighbours.
_LEAST_SIGNAL = 1e-3
#: n = (T beta(n) / s)**2 is solved in so many steps from n = 1: beta grows as the logarithm, and stays finite.
_STEPS = 8


def adaptive_bins(
    images: ImageSet, extent: Bools, plane: Plane, band: int, target_snr: float, *, least_pixels: int
) -> Ints:
    """(ny, nx) number of the bin of each pixel, -1 outside ``extent``; each has at least ``least_pixels``.

    Bins reach ``target_snr`` in ``band``.  Where several fit side by side and one behind the other into rings of the
    largest width that :class:`Plane` allows they are cells of a power diagram.  Further out, they would be petals that
    span a large range of radii; there, rings are made as wide as the target asks within their limits, and divided into
    sectors as far as it allows.  A ring that does not reach the target is one bin.
    """
    good = ~images.mask[band] & np.isfinite(images.flux_err[band]) & (images.flux_err[band] > 0)
    signal = np.where(good, images.flux[band], 0.0).astype(float)
    variance = np.where(good, images.flux_err[band], 0.0).astype(float) ** 2
    covariance = covariance_of(images.noise[band])

    def sectors(ring: Bools) -> int:
        return sectors_that_reach(
            float(signal[ring].sum()), float(variance[ring].sum()), int(ring.sum()), target_snr, covariance,
            least_pixels=least_pixels,
        )  # fmt: skip

    def reaches(ring: Bools) -> bool:
        noise = np.sqrt(variance[ring].sum()) * covariance.ratio(ring.sum())
        return bool(noise > 0 and signal[ring].sum() >= target_snr * noise)

    bin_id = np.full(extent.shape, -1)
    begin = _compact_to(plane, extent, sectors)
    inner = extent & (plane.radius < begin)
    if (extent & ~inner).sum() < least_pixels:
        inner = extent if inner.any() else inner
    if inner.any():
        fwhm_pixels = 2 * np.sqrt(least_pixels / np.pi)
        needed = _pixels_needed(signal, variance, inner, target_snr, covariance, fwhm_pixels)
        bin_id[inner] = _compact(inner, np.maximum(needed, _ROOM * least_pixels), least_pixels)
    outer = extent & ~inner
    if outer.any():
        edges = ring_edges(plane, outer, reaches, least_pixels=least_pixels, begin=begin)
        number = np.where(outer, number_of_ring(plane.radius, edges), -1)
        for ring in range(len(edges) - 1):
            y, x = np.nonzero(number == ring)
            if len(y):
                bin_id[y, x] = bin_id.max() + 1 + sector_numbers(plane, (y, x), sectors(number == ring))
    return bin_id


def _compact_to(plane: Plane, extent: Bools, sectors: Callable[[Bools], int]) -> float:
    """Radius [arcsec] inside which bins that reach the target are no longer than the widest ring is wide.

    A ring of width w at radius r has room for 2 pi r / w squares; it is compact if it can be divided into more bins.
    """
    width, begin = plane.widest, 0.0
    last = float(plane.radius[extent].max())
    while begin <= last:
        ring = extent & (plane.radius >= begin) & (plane.radius < begin + width)
        if sectors(ring) < 2 * np.pi * (begin + width / 2) / width:
            return begin
        begin += width
    return begin


def _pixels_needed(
    signal: Floats, variance: Floats, where: Bools, target_snr: float, covariance: SpatialCovariance, fwhm: float
) -> Floats:
    """(p,) how many pixels such as this one reach the target together, from light and noise smoothed by the PSF.

    With a pixel's own S/N s, n of them have s sqrt(n) / beta(n); smoothing keeps bins from following the noise.
    """
    width = max(fwhm, 1.0) / FWHM_PER_SIGMA
    share = np.maximum(ndimage.gaussian_filter(where.astype(float), width), 1e-6)
    light, square = (
        ndimage.gaussian_filter(np.where(where, one, 0.0), width)[where] / share[where] for one in (signal, variance)
    )
    typical = float(np.median(light[light > 0])) if (light > 0).any() else 1.0
    own = np.maximum(light, _LEAST_SIGNAL * typical) / np.sqrt(np.maximum(square, 1e-300))
    n = np.ones(len(own))
    for _ in range(_STEPS):
        n = (target_snr * covariance.ratio(n) / own) ** 2
    return np.asarray(np.maximum(n, 1.0))


def _compact(where: Bools, needed: Floats, least_pixels: int) -> Ints:
    """(p,) cells of a power diagram that hold as many pixels as are needed there; small ones go with a neighbour."""
    y, x = np.nonzero(where)
    number = np.full(where.shape, -1)
    number[where] = power_bins(np.stack([x, y], axis=1).astype(float), 1 / needed, 1.0)
    return _merged(number, least_pixels)[where]


def _merged(number: Ints, least_pixels: int) -> Ints:
    """Each region of fewer pixels joined to the smallest of those that touch it, or to the nearest if none does."""
    number = number.copy()
    while True:
        size = np.bincount(number[number >= 0])
        there = np.flatnonzero(size)
        small = there[size[there] < least_pixels]
        if not small.size or there.size == 1:
            return number
        one = small[np.argmin(size[small])]
        around = np.unique(number[ndimage.binary_dilation(number == one)])
        others = around[(around >= 0) & (around != one)]
        if not others.size:
            distance = ndimage.distance_transform_edt(number != one)
            distance[(number < 0) | (number == one)] = np.inf
            others = number.ravel()[[int(np.argmin(distance))]]
        number[number == one] = others[np.argmin(size[others])]
