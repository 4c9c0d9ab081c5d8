"""Photometry of regions of an image set, with errors that know that neighbouring pixels share noise."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from agez.errors import AgezError
from agez.flags import Flag, set_flag
from agez.images.image_set import ImageSet
from agez.images.noise_correlation import variances_of_one_region
from agez.sky_offsets import sky_offsets, sky_positions
from agez.types import Bools, Floats, Ints, Photometry, Rows

#: A band is measured in a region if at least this part of the region's light falls on pixels that it has.
LEAST_LIGHT = 0.6
#: Correlations of pixels below this are none.
_NO_CORRELATION = 1e-4
#: Squared pixels of a region over those of its padded frame, from which transforms are sooner done than pairs.
_PAIRS_OF_TRANSFORMS = 8
#: And pixels of the largest region whose pairs are held in memory.
_MOST_IN_PAIRS = 256


def measure(
    images: ImageSet,
    bin_id: Ints,
    *,
    galaxy_id: str = "",
    redshift: float = np.nan,
    centre: tuple[float, float] | None = None,
) -> Photometry:
    """Fluxes of regions in all bands.

    The flux of a region is the sum over its pixels.  Where a band lacks some of them (a cosmic ray, a star, an edge)
    the sum is divided by the share of the region's light that falls on the others, as all bands together have it.

    Errors: with the standard deviation s_i of each pixel and the correlation c of the noise at each distance::

        var = sum_ij s_i s_j c(x_i - x_j, y_i - y_j),    i, j in the region

    which for white noise is the sum of squares.  To it comes (N e)^2 where a background was taken off all N pixels that
    is itself uncertain by e.  Neighbouring regions share noise and background as well; that is not kept.

    Parameters
    ----------
    bin_id : (ny, nx) int
        Number of each pixel's region, from 0 without gaps; -1 = unused.
    redshift : float
        Of the galaxy.
    centre : (x, y), optional
        The galaxy's centre [pixel], from which positions count; default: the middle of the images.

    Returns
    -------
    Photometry
        A row a region, in order of their numbers.  A band with less than ``LEAST_LIGHT`` of a region's light is not
        covered there; positions are light-weighted.

    Raises
    ------
    AgezError
        If ``bin_id`` has another shape than the images, or no region.
    """
    bin_id = np.asarray(bin_id)
    if bin_id.shape != images.shape:
        raise AgezError(f"regions have shape {bin_id.shape}; the images have {images.shape}")
    n = int(bin_id.max(initial=-1)) + 1
    if n == 0:
        raise AgezError("no region: all pixels are unused (-1)")
    light = light_of_pixels(images, bin_id)
    frame = _Frame.of(bin_id, light, n)
    flux, err = _fluxes(images, frame)
    covered = np.isfinite(flux)
    flags = set_flag(np.zeros(n, np.int32), np.asarray(~covered.all(axis=1)), Flag.BAND_NOT_COVERED)
    flags = set_flag(flags, np.asarray(~covered.any(axis=1)), Flag.NO_DATA)
    flags = set_flag(flags, np.asarray((covered & ~np.isfinite(err)).any(axis=1)), Flag.BAD_ERROR)
    x, y = _positions(images, frame, centre)
    rows = Rows(np.array([str(i) for i in range(n)]), np.full(n, galaxy_id, dtype=f"<U{max(1, len(galaxy_id))}"), x, y)
    meta = {**images.meta, "source": ", ".join(images.sources[:1])}
    return Photometry(images.bands, flux, err, covered, rows, np.full(n, float(redshift)), flags, meta)


@dataclass(frozen=True, eq=False)
class _Frame:
    """The part of the images that has regions."""

    window: tuple[slice, slice]
    bin_id: Ints
    light: Floats
    total: Floats
    n: int

    @classmethod
    def of(cls, bin_id: Ints, light: Floats, n: int) -> _Frame:
        rows, columns = (np.flatnonzero((bin_id >= 0).any(axis=axis)) for axis in (1, 0))
        window = (slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1))
        number, share = bin_id[window], light[window]
        inside = number >= 0
        total = np.asarray(np.bincount(number[inside], weights=share[inside], minlength=n), float)
        return cls(window, number, share, total, n)

    def sums(self, values: Floats, where: Bools) -> Floats:
        """(n,) sums over the pixels of each region that are in ``where``."""
        return np.asarray(np.bincount(self.bin_id[where], weights=values[where], minlength=self.n), float)


def light_of_pixels(images: ImageSet, bin_id: Ints) -> Floats:
    """(ny, nx) how the light of the regions is spread over their pixels: all bands together, positive.

    The mean over the bands that a pixel has, each in units of its mean over the pixels of regions that all bands have
    (its own, if there are none); smoothed by nothing, but no pixel has less than a tenth of its region's mean, so that
    noise takes none away.
    """
    inside = bin_id >= 0
    common = inside & ~images.mask.any(axis=0)
    total, number = np.zeros(images.shape), np.zeros(images.shape)
    for b in range(len(images.bands)):
        good = ~images.mask[b] & inside
        typical_of = common if common.any() else good
        level = float(images.flux[b][typical_of].mean(dtype=float)) if good.any() else 0.0
        if level > 0:
            total[good] += images.flux[b][good] / level
            number += good
    light = np.where(number > 0, total / np.maximum(number, 1), np.nan)
    n = int(bin_id.max()) + 1
    seen = inside & np.isfinite(light)
    mean = np.bincount(bin_id[seen], weights=np.maximum(light[seen], 0), minlength=n) / np.maximum(
        np.bincount(bin_id[seen], minlength=n), 1
    )
    mean = np.maximum(mean, 1e-12)
    typical = np.where(inside, mean[np.maximum(bin_id, 0)], 0.0)
    return np.where(np.isfinite(light), np.maximum(light, 0.1 * typical), typical) * inside


def _fluxes(images: ImageSet, frame: _Frame) -> tuple[Floats, Floats]:
    """Fluxes and errors (n, b) of all bands."""
    inside = frame.bin_id >= 0
    good = ~images.mask[(slice(None), *frame.window)] & inside
    sigma = images.flux_err[(slice(None), *frame.window)].astype(float)
    known = good & np.isfinite(sigma) & (sigma > 0)
    total, share, unknown = (np.empty((frame.n, len(images.bands))) for _ in range(3))
    for b in range(len(images.bands)):
        total[:, b] = frame.sums(images.flux[b][frame.window].astype(float), good[b])
        share[:, b] = frame.sums(frame.light, good[b]) / frame.total
        unknown[:, b] = np.bincount(frame.bin_id[good[b] & ~known[b]], minlength=frame.n)
    enough = share >= LEAST_LIGHT
    share[~enough] = np.nan
    variance = region_variances(np.where(known, sigma, 0.0), images.noise, frame.bin_id, frame.n)
    for b, error in enumerate(background_errors(images)):
        variance[:, b] += (error * np.bincount(frame.bin_id[good[b]], minlength=frame.n)) ** 2
    return total / share, np.where(unknown > 0, np.nan, np.sqrt(variance) / share)


def background_errors(images: ImageSet) -> list[float]:
    """For each band what the background that was taken off may be wrong by [microjansky a pixel]; 0 if none was."""
    taken = images.meta.get("background", {}).get("bands", {})
    errors = [float(taken.get(name, {}).get("error", 0.0)) for name in images.bands.names]
    return [error if np.isfinite(error) else 0.0 for error in errors]


def region_variance(sigma: Floats, correlation: Floats, bin_id: Ints, n: int) -> Floats:
    """(n,) variance of the sum over each region's pixels; see :func:`measure`.

    Parameters
    ----------
    sigma : (ny, nx) float
        Standard deviation of each pixel; 0 where it is not summed.
    correlation : (k, k) float
        Of the noise of a pixel with that of its neighbours; symmetric, 1 in the middle.
    bin_id : (ny, nx) int
        -1 = unused.
    """
    return region_variances(sigma[None], (correlation,), bin_id, n)[:, 0]


def region_variances(sigma: Floats, correlations: Sequence[Floats], bin_id: Ints, n: int) -> Floats:
    """(n, b) the same for b bands, ``sigma`` (b, ny, nx), each with its own correlation.

    Small regions by the pairs of their pixels, all bands together; large ones by Fourier transforms
    (:func:`agez.images.noise_correlation.variances_of_one_region`), whichever is sooner done.
    """
    y, x = np.nonzero(bin_id >= 0)
    number = bin_id[y, x]
    order = np.argsort(number, kind="stable")
    y, x, number = y[order], x[order], number[order]
    counted = [_that_counts(c) for c in correlations]
    reach = max((c.shape[0] // 2 for c in counted), default=0)
    table = _half_planes(counted, reach)
    variance = np.zeros((n, len(correlations)))
    edges = np.searchsorted(number, np.arange(n + 1))
    for region, (begin, end) in enumerate(itertools.pairwise(edges.tolist())):
        if begin == end:
            continue
        at_y, at_x = y[begin:end], x[begin:end]
        box = slice(at_y[0], at_y[-1] + 1), slice(at_x.min(), at_x.max() + 1)
        padded = (box[0].stop - box[0].start + reach) * (box[1].stop - box[1].start + reach)
        if end - begin > _MOST_IN_PAIRS or (end - begin) ** 2 > _PAIRS_OF_TRANSFORMS * padded:
            variance[region] = variances_of_one_region(sigma[(slice(None), *box)], counted, bin_id[box] == region)
            continue
        s = np.ascontiguousarray(sigma[:, at_y, at_x].T, dtype=np.float64)
        first, second = _pairs(end - begin)
        lag_y, lag_x = at_y[second] - at_y[first], at_x[second] - at_x[first]
        near = (lag_y <= reach) & (np.abs(lag_x) <= reach)
        if not near.all():
            first, second, lag_y, lag_x = (part[near] for part in (first, second, lag_y, lag_x))
        products = table.take(lag_y * (2 * reach + 1) + lag_x + reach, axis=0)
        products *= s.take(first, axis=0)
        products *= s.take(second, axis=0)
        variance[region] = (s * s).sum(axis=0) + 2 * products.sum(axis=0)
    return np.asarray(np.maximum(variance, 0.0))


@lru_cache(maxsize=32)
def _pairs(n: int) -> tuple[Ints, Ints]:
    """Numbers of the first and the second of all pairs of n pixels."""
    first, second = np.triu_indices(n, 1)
    return first, second


def _that_counts(correlation: Floats) -> Floats:
    """A correlation with 0 where there is next to none, without the rings that have nothing else."""
    counted = np.where(np.abs(correlation) < _NO_CORRELATION, 0.0, correlation)
    lag = np.abs(np.arange(len(counted)) - len(counted) // 2)
    outside = len(counted) // 2 - int(np.max(np.maximum.outer(lag, lag), where=counted != 0, initial=0))
    return np.asarray(counted[outside : len(counted) - outside, outside : len(counted) - outside])


def _half_planes(correlations: Sequence[Floats], reach: int) -> Floats:
    """(lags, b) correlations at lags (dy, dx) of no negative dy, row by row."""
    table = np.zeros((reach + 1, 2 * reach + 1, len(correlations)))
    for b, c in enumerate(correlations):
        half = c.shape[0] // 2
        table[: half + 1, reach - half : reach + half + 1, b] = c[half:]
    return table.reshape(-1, len(correlations))


def _positions(images: ImageSet, frame: _Frame, centre: tuple[float, float] | None) -> tuple[Floats, Floats]:
    """Light-weighted offsets (n,) to the west and to the north [arcsec] of the regions."""
    ny, nx = images.shape
    x0, y0 = centre if centre is not None else ((nx - 1) / 2, (ny - 1) / 2)
    west, north = pixel_offsets(images, (float(x0), float(y0)))
    inside = frame.bin_id >= 0
    return (
        frame.sums(west[frame.window] * frame.light, inside) / frame.total,
        frame.sums(north[frame.window] * frame.light, inside) / frame.total,
    )


def pixel_offsets(images: ImageSet, centre: tuple[float, float]) -> tuple[Floats, Floats]:
    """(ny, nx) offsets of all pixels from a place [pixel], to the west and to the north [arcsec]."""
    y, x = np.indices(images.shape)
    return sky_offsets(images.wcs, x, y, sky_positions(images.wcs, *centre))
