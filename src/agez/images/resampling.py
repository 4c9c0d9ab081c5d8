"""An image on another grid of pixels, with the variance and the correlation of noise that this brings."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from astropy.wcs import WCS

from agez.errors import AgezError
from agez.images.alignment import pixel_area_arcsec2
from agez.images.noise_correlation import trimmed
from agez.runtime.optional_packages import need
from agez.sky_offsets import pixels_of_sky, sky_positions
from agez.types import Bools, Floats

#: Side of the middle part of the image on which the correlation of noise is worked out [pixel].
_SAMPLE = 48
#: A pixel of the output is used if this part of it (weighted) lies on good pixels of the input.
_MIN_GOOD = 0.999


@dataclass(frozen=True, eq=False)
class Resampled:
    """An image on another grid."""

    #: flux, variance: (ny, nx) Of the pixels of the new grid (flux per pixel, not surface brightness).
    flux: Floats
    variance: Floats
    mask: Bools  #: (ny, nx) Pixels that bad pixels of the input touch, or that it does not cover.
    noise: Floats  #: (k, k) Correlation of the noise of neighbours, from white noise.
    variance_factor: float  #: Variance of a pixel over what it would be, had pixels been measured on this grid.


def resample(
    flux: Floats, variance: Floats, mask: Bools, wcs: WCS, to: WCS, shape: tuple[int, int], *, source: str
) -> Resampled:
    """Resample by the overlap of pixels on the sky (``reproject_exact``), which keeps fluxes.

    A new pixel's value is sum_i w_i f_i A_new / A_old with w_i the share of its area on pixel i.  Its variance is
    sum_i w_i**2 var_i (A_new / A_old)**2, and neighbours share pixels: covariances are sum_i w_ai w_bi var_i.  The
    weights are found by resampling combs, images that are 1 at every p-th pixel of a row and column and 0 elsewhere,
    one after another at all p**2 phases: a new pixel sees one tooth at most, so what it gets is that tooth's weight.
    Both are means over a piece of the image: where the grids are turned or of other pixel sizes, single pixels'
    variances are up to twice larger or smaller, in a pattern, while sums over many pixels have the right errors.

    Raises
    ------
    AgezError
        If the library is absent, or the image does not overlap the new grid.
    """
    scale = float(np.sqrt(pixel_area_arcsec2(to) / pixel_area_arcsec2(wcs)))
    area = scale**2
    good = ~mask & np.isfinite(flux)

    known = np.isfinite(variance) & good
    layers = np.stack([np.where(good, flux, 0.0), good, np.where(known, variance, 0.0), known]).astype(float)
    (new, usable, smooth, share), coverage = _on_new_grid(layers, wcs, to, shape)
    bad = ~(coverage[0] > _MIN_GOOD) | ~(usable > _MIN_GOOD)
    if bad.all():
        raise AgezError(f"{source}: it does not overlap the other bands' images, or only with bad pixels")
    y, x = (float(np.mean(part)) for part in np.nonzero(~bad))
    squares, noise = _weights_of((x, y), wcs, to, scale)
    with np.errstate(divide="ignore", invalid="ignore"):
        typical = np.where(share > _MIN_GOOD, smooth / share, np.nan)
    return Resampled(np.where(bad, np.nan, new * area), typical * squares * area**2, bad, noise, float(squares * area))


def _on_new_grid(layers: Floats, wcs: WCS, to: WCS, shape: tuple[int, int]) -> tuple[Floats, Floats]:
    """All layers (n, ny, nx) on another grid, 0 where there is nothing, and how much of each pixel is covered."""
    reproject = need("reproject", extra="images", purpose="--reproject")
    with warnings.catch_warnings(action="ignore"):
        new, coverage = reproject.reproject_exact((layers, wcs), to, shape_out=(len(layers), *shape))
    return np.nan_to_num(new), np.nan_to_num(coverage)


def _weights_of(center: tuple[float, float], wcs: WCS, to: WCS, scale: float) -> tuple[float, Floats]:
    """Mean over pixels around ``center`` (x, y of the new grid) of sum_i w_i**2, and the correlation of neighbours."""
    reach = int(np.ceil(np.sqrt(2) + 1 / scale))  # new pixels that can share a pixel of the input
    period = int(np.ceil((reach + 1.5) * scale + 1)) + 1
    new = _shifted(to, round(center[0]) - _SAMPLE // 2, round(center[1]) - _SAMPLE // 2)
    middle = pixels_of_sky(wcs, sky_positions(to, *center))
    side = int(np.ceil(1.5 * scale * _SAMPLE)) + 4 * period  # the diagonal, whatever the angle
    old = _shifted(wcs, round(float(middle[0])) - side // 2, round(float(middle[1])) - side // 2)
    sums = np.zeros((2 * reach + 1, 2 * reach + 1))
    inner = slice(reach, _SAMPLE - reach)
    combs = np.zeros((period, period, side, side))
    for i in range(period):
        for j in range(period):
            combs[i, j, i::period, j::period] = 1.0
    weights, _ = _on_new_grid(combs.reshape(period**2, side, side), old, new, (_SAMPLE, _SAMPLE))
    for i in range(2 * reach + 1):
        for j in range(2 * reach + 1):
            other = weights[:, i : _SAMPLE - 2 * reach + i, j : _SAMPLE - 2 * reach + j]
            sums[i, j] = float((weights[:, inner, inner] * other).sum(axis=0).mean())
    sums = 0.5 * (sums + sums[::-1, ::-1])
    return float(sums[reach, reach]), trimmed(sums / sums[reach, reach])


def _shifted(wcs: WCS, x: int, y: int) -> WCS:
    """The WCS of a piece that begins at pixel (x, y)."""
    moved = wcs.deepcopy()
    moved.wcs.crpix = moved.wcs.crpix - np.array([x, y])
    if moved.sip is not None:
        moved = wcs.slice((slice(y, None), slice(x, None))) if x >= 0 and y >= 0 else wcs.deepcopy()
    return moved
