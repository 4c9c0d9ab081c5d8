"""Rings around a galaxy's centre and their sectors: regions that are bounded in radius however faint the galaxy is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from agez.analysis.geometry import disc_coordinates
from agez.images.alignment import pixel_size_arcsec
from agez.images.image_set import ImageSet
from agez.images.light_shape import light_shape
from agez.images.measure import pixel_offsets
from agez.spectra.covariance import SpatialCovariance
from agez.types import Bools, Floats, Ints

#: Rings are no wider than this part of the effective radius (or one PSF)...
WIDEST_RE = 0.4
#: ...out to this radius [Re]; beyond, they grow until they reach the signal-to-noise ratio.
BOUNDED_TO_RE = 2.5
#: Without an effective radius, the half-light radius of what is seen stands in, which is smaller: so further out.
BOUNDED_TO_HALF_LIGHT = 4.0
#: Least widths of rings grow outwards by this factor.
GROWTH = 1.15
#: The light's own axis ratio is taken as no smaller than this: what is flatter is seen through the PSF.
_FLATTEST = 0.2
#: Radii [arcsec] and azimuths [radian] are rounded; azimuths begin beside the axis, where pixels' centres may lie.
_DIGITS, _BEGIN = 6, 1e-3


@dataclass(frozen=True, eq=False)
class Plane:
    """Where pixels lie in the plane of the galaxy's disc."""

    radius: Floats  #: (ny, nx) [arcsec].
    #: (ny, nx) From the end of the major axis that is to the right on the image [radian], 0 to 2 pi, against the clock
    #: there: so that a mirrored or turned WCS gives the same sectors.
    azimuth: Floats
    #: narrowest, widest: Limits of the widths of rings: the PSF (at least two pixels), and ``WIDEST_RE`` effective
    #: radii [arcsec].
    narrowest: float
    widest: float
    bounded_to: float  #: Radius out to which ``widest`` counts [arcsec].

    def widths(self, number: int, inner: float) -> tuple[float, float]:
        """Least and largest width of ring ``number``, which begins at ``inner`` [arcsec]."""
        least = self.narrowest * GROWTH**number
        return (least, np.inf) if inner >= self.bounded_to else (min(least, self.widest), self.widest)


def galaxy_plane(
    images: ImageSet,
    extent: Bools,
    centre: tuple[float, float],
    *,
    inclination_deg: float,
    pa_deg: float,
    re_arcsec: float,
) -> Plane:
    """Radii and azimuths of all pixels; tilt and effective radius are those of the light where they are NaN."""
    west, north = pixel_offsets(images, centre)
    is_tilt_known = bool(np.isfinite([inclination_deg, pa_deg]).all())
    known = bool(np.isfinite(re_arcsec))
    light = np.zeros(0) if is_tilt_known and known else np.where(extent, light_shape(images), 0.0)
    if not is_tilt_known:
        inclination_deg, pa_deg = tilt_of_light(light, west, north)
    major, minor = disc_coordinates(west, north, inclination_deg=inclination_deg, pa_deg=pa_deg)
    radius = np.round(np.hypot(major, minor), _DIGITS)  # ties are ties, whatever the WCS
    unit = re_arcsec if known else half_light_radius(light, radius)
    narrowest = max(float(np.nanmax([*images.psf_fwhm_arcsec, 0.0])), 2 * pixel_size_arcsec(images.wcs))
    bounded_to = (BOUNDED_TO_RE if known else BOUNDED_TO_HALF_LIGHT) * unit
    return Plane(radius, _azimuth_on_image(major, minor), narrowest, max(narrowest, WIDEST_RE * unit), bounded_to)


def _azimuth_on_image(major: Floats, minor: Floats) -> Floats:
    (major_x, major_y), (minor_x, minor_y) = _slopes(major), _slopes(minor)
    right = np.sign(major_x) or 1.0
    mirrored = np.sign(major_x * minor_y - major_y * minor_x) or 1.0
    azimuth = np.arctan2(mirrored * right * minor, right * major)
    return np.asarray(np.round(np.mod(azimuth + _BEGIN, 2 * np.pi), _DIGITS))


def _slopes(offset: Floats) -> tuple[float, float]:
    """Mean change of an offset over the image, along x and along y."""
    return float(np.mean(offset[:, -1] - offset[:, 0])), float(np.mean(offset[-1] - offset[0]))


def tilt_of_light(light: Floats, west: Floats, north: Floats) -> tuple[float, float]:
    """Inclination and position angle [degree] of a thin disc with the second moments of the light; 0 if it is round."""
    total = light.sum()
    xx, yy, xy = (float((light * one).sum() / total) for one in (west**2, north**2, -west * north))
    half_difference = float(np.hypot((yy - xx) / 2, xy))
    middle = (xx + yy) / 2
    if not middle > half_difference:
        return 0.0, 0.0
    ratio = max(float(np.sqrt((middle - half_difference) / (middle + half_difference))), _FLATTEST)
    pa = 0.5 * np.degrees(np.arctan2(2 * xy, yy - xx))
    return float(np.degrees(np.arccos(min(ratio, 1.0)))), float(pa)


def half_light_radius(light: Floats, radius: Floats) -> float:
    """Radius that holds half of the light."""
    order = np.argsort(radius, axis=None)
    grown = np.cumsum(light.ravel()[order])
    return float(radius.ravel()[order][np.searchsorted(grown, 0.5 * grown[-1])])


def ring_edges(
    plane: Plane, extent: Bools, reaches: Callable[[Bools], bool], *, least_pixels: int, begin: float = 0.0
) -> list[float]:
    """Edges of rings from ``begin`` to the end of ``extent`` [arcsec].

    A ring is widened until its pixels ``reaches`` what is asked, between its least and largest width; it has at least
    ``least_pixels`` in any case.
    """
    radius = plane.radius
    last = np.nextafter(float(radius[extent].max()), np.inf)
    edges = [begin]
    while edges[-1] < last:
        inner = edges[-1]
        step, widest = plane.widths(len(edges) - 1, inner)
        outer = inner
        while outer < last:
            outer = min(outer + step, last) if outer - inner >= widest else min(outer + step, inner + widest, last)
            ring = extent & (radius >= inner) & (radius < outer)
            full = outer - inner >= 0.999 * widest or reaches(ring)
            if full and ring.sum() >= least_pixels:
                break
        if (extent & (radius >= outer)).sum() < least_pixels:  # what is left is no ring by itself
            outer = last
        edges.append(outer)
    return edges


def sector_numbers(plane: Plane, pixels: tuple[Ints, Ints], n: int) -> Ints:
    """Number of the sector, 0 to n - 1, of pixels (y, x) of a ring: n of as many pixels each, by azimuth."""
    azimuth = plane.azimuth[pixels]
    rank = np.argsort(np.argsort(azimuth, kind="stable"), kind="stable")
    return np.asarray(rank * n // len(azimuth))


def sectors_that_reach(
    signal: float, variance: float, pixels: int, target_snr: float, covariance: SpatialCovariance, *, least_pixels: int
) -> int:
    """Sectors of ``least_pixels`` and the target S/N that a ring of that signal and variance can hold; at least 1."""
    n: Ints = np.arange(1, max(pixels // least_pixels, 1) + 1)
    snr = max(signal, 0.0) / np.sqrt(max(variance, 1e-300) * n) / covariance.ratio(pixels / n)
    enough = n[snr >= target_snr]
    return int(enough.max()) if enough.size else 1


def number_of_ring(radius: Floats, edges: Sequence[float]) -> Ints:
    """Number of the ring that each radius lies in; -1 below the first edge."""
    return np.asarray(np.searchsorted(edges, radius, side="right") - 1)
