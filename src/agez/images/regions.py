"""Regions of a galaxy on its images: bins of a signal-to-noise ratio, annuli, segments or pixels."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from agez.errors import AgezError
from agez.images.adaptive_bins import adaptive_bins
from agez.images.alignment import offset_between, pixel_size_arcsec
from agez.images.galaxy_extent import (
    LEAST_PIXEL_SNR,
    all_bands_snr,
    enough_bands,
    faintest_useful_band,
    galaxy_extent,
)
from agez.images.image_extensions import only_image, pixels_of
from agez.images.image_set import ImageSet
from agez.images.measure import region_variance
from agez.images.noise_correlation import variance_of_one_region
from agez.images.rings import WIDEST_RE, Plane, galaxy_plane, number_of_ring, ring_edges
from agez.runtime.optional_packages import need
from agez.sky_offsets import celestial_wcs
from agez.spectra.formats_fits import has_sky_axes
from agez.types import Bools, Floats, Ints

Method = Literal["voronoi", "pixels", "segments", "annuli"]
METHODS: tuple[str, ...] = get_args(Method)
#: Regions that reach this part of the target are not said to miss it: bins scatter around it.
_NEAR_TARGET = 0.75
#: Segments whose pixels are this much off those of the images are on another grid.
_SAME_GRID_PIXELS = 0.5
#: Words of an extension's name for an image of segments.
_SEGMENT_WORDS = ("seg", "segm", "segmap", "segments", "segmentation", "regions", "bins", "binid")


@dataclass(frozen=True)
class RegionSettings:
    """How a galaxy is divided.

    Attributes
    ----------
    method : 'voronoi', 'pixels', 'segments' or 'annuli'
        ``voronoi``: bins of ``target_snr`` each where they are compact, sectors of elliptical rings where they would
        span a large range of radii; ``annuli``: elliptical rings, at least one PSF wide, wider until they reach
        ``target_snr``; ``segments``: of an image (``segments``), or found by photutils; ``pixels``: each pixel of
        the galaxy.

        No bin, ring or segment that agez makes is smaller than the PSF (a disc of its FWHM), and no ring is wider than
        0.4 effective radii (or one PSF) inside 2.5 of them: fainter rings stay below ``target_snr``, and are said.
        Pixels, and segments of an image, are as small as they are.
    target_snr : float
        In the faintest useful band: of the bands that see the galaxy with at least
        :data:`agez.images.galaxy_extent.USEFUL` of the median band's signal-to-noise ratio, the one that sees it worst.
    pixel_snr : float
        The galaxy ends where all bands together fall below this in a pixel, smoothed by the PSF.
    inclination_deg, pa_deg : float
        Of the rings; NaN: not known, then annuli are circles, and ``voronoi`` takes the tilt of the light itself.
    re_arcsec : float
        Effective radius along the major axis; NaN: not known, then the half-light radius of what is seen.
    segments : path, optional
        FITS image on the images' grid: 0 none, each other number a region.  By its WCS, if it has one, it must lie
        there within half a pixel; without one it is taken pixel for pixel, with a remark.

    Examples
    --------
    >>> import agez
    >>> agez.RegionSettings("annuli", target_snr=20.0).method
    'annuli'
    """

    method: Method = "voronoi"
    target_snr: float = 10.0
    pixel_snr: float = LEAST_PIXEL_SNR
    inclination_deg: float = np.nan
    pa_deg: float = np.nan
    re_arcsec: float = np.nan
    segments: str | os.PathLike[str] | None = None

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise AgezError(f"regions: method is {self.method!r}; choose one of {', '.join(METHODS)}")
        for name in ("target_snr", "pixel_snr"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value > 0):
                raise AgezError(f"regions: {name} is {value!r}; expected a number above 0")
        if np.isfinite(self.inclination_deg) != np.isfinite(self.pa_deg) or not (
            np.isnan(self.inclination_deg) or 0 <= self.inclination_deg < 90
        ):
            raise AgezError(
                f"regions: inclination {self.inclination_deg}, PA {self.pa_deg}; expected 0-90 and a number, or neither"
            )
        if not (np.isnan(self.re_arcsec) or self.re_arcsec > 0):
            raise AgezError(f"regions: re_arcsec is {self.re_arcsec!r}; expected a positive number, or NaN")
        if self.segments is not None and self.method != "segments":
            raise AgezError(f"an image of segments goes with --bins segments, not {self.method}")

    def as_meta(self) -> dict[str, Any]:
        """What a file's header says of it."""
        names = ("method", "target_snr", "pixel_snr", "inclination_deg", "pa_deg", "re_arcsec")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, eq=False)
class Regions:
    """Where the regions are."""

    bin_id: Ints  #: (ny, nx) From 0 without gaps, from the centre outwards; -1 = unused.
    snr: Floats  #: (ny, nx) Of each pixel by itself in ``band``.
    band: str  #: The faintest useful one.
    remarks: tuple[str, ...] = ()  #: What went another way than asked.


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
    extent = galaxy_extent(images, enough_bands(images), centre, settings.pixel_snr)
    band = faintest_useful_band(images, extent)
    remarks: list[str] = []
    if settings.method == "segments":
        bin_id = _segments(images, extent, settings, remarks)
    elif settings.method == "pixels":
        bin_id = np.where(extent, 0, -1)
        bin_id[extent] = np.arange(extent.sum())
    elif settings.method == "annuli":
        bin_id = _annuli(images, extent, _plane(images, extent, settings, centre), settings, band)
    else:
        plane = _plane(images, extent, settings, centre)
        bin_id = adaptive_bins(images, extent, plane, band, settings.target_snr, least_pixels=pixels_of_psf(images))
    bin_id = _outwards(bin_id, centre)
    with np.errstate(divide="ignore", invalid="ignore"):
        snr = np.where(images.mask[band], np.nan, images.flux[band]).astype(float) / images.flux_err[band]
    return Regions(bin_id, snr, images.bands.names[band], tuple(remarks + _remarks(images, bin_id, settings, band)))


def pixels_of_psf(images: ImageSet) -> int:
    """Pixels that cover a disc with the diameter of the widest PSF's FWHM; 1 where no PSF is known."""
    fwhm = float(np.nanmax([*images.psf_fwhm_arcsec, 0.0])) / pixel_size_arcsec(images.wcs)
    return max(int(np.ceil(np.pi / 4 * fwhm**2)), 1)


def _plane(images: ImageSet, extent: Bools, settings: RegionSettings, centre: tuple[float, float]) -> Plane:
    tilt = settings.inclination_deg, settings.pa_deg
    if settings.method == "annuli" and np.isnan(tilt[0]):
        tilt = 0.0, 0.0
    return galaxy_plane(
        images, extent, centre, inclination_deg=tilt[0], pa_deg=tilt[1], re_arcsec=settings.re_arcsec
    )  # fmt: skip


def _annuli(images: ImageSet, extent: Bools, plane: Plane, settings: RegionSettings, band: int) -> Ints:
    sigma = np.where(images.mask[band], 0.0, np.nan_to_num(images.flux_err[band]))
    flux = np.where(images.mask[band], 0.0, images.flux[band]).astype(float)

    def reaches(ring: Bools) -> bool:
        variance = variance_of_one_region(np.where(ring, sigma, 0.0), images.noise[band])
        return variance > 0 and bool(flux[ring].sum() >= settings.target_snr * np.sqrt(variance))

    edges = ring_edges(plane, extent, reaches, least_pixels=pixels_of_psf(images))
    return np.where(extent, number_of_ring(plane.radius, edges), -1)


def _segments(images: ImageSet, extent: Bools, settings: RegionSettings, remarks: list[str]) -> Ints:
    if settings.segments is not None:
        from agez.tables.table_files import open_fits

        path = Path(settings.segments)
        with open_fits(path, what="image") as hdus:
            hdu = only_image(hdus, path, words=_SEGMENT_WORDS, what="the image of segments")
            header = next((one for one in (hdu.header, hdus[0].header) if has_sky_axes(one)), hdu.header).copy()
            found = pixels_of(hdu)
        _check_segments(path, found, header, images)
        if not has_sky_axes(header):
            remarks.append(f"{path} has no WCS: its segments are taken pixel for pixel")
        number = np.where(enough_bands(images), np.nan_to_num(found), 0).astype(int)
    else:
        number = _found_segments(images, extent)
    if not (number > 0).any():
        raise AgezError(f"{settings.segments or images.sources[0]}: no segment with usable pixels")
    return np.where(
        number > 0, np.unique(number, return_inverse=True)[1].reshape(number.shape) - (number <= 0).any(), -1
    )


def _check_segments(path: Path, found: Floats, header: Any, images: ImageSet) -> None:
    """AgezError for segments on another grid than the images (where their header has a WCS), or with fractions."""
    if found.shape != images.shape:
        raise AgezError(f"{path}: an image of segments of shape {found.shape}; the images have {images.shape}")
    if np.any(found != np.round(found), where=np.isfinite(found)):
        raise AgezError(f"{path}: an image of segments with fractions; expected a whole number in each pixel")
    if not has_sky_axes(header):
        return
    offset = offset_between(celestial_wcs(header, path), images.wcs, images.shape)
    if not offset.pixels <= _SAME_GRID_PIXELS:
        raise AgezError(
            f"{path}: by its WCS, its pixels are {offset.pixels:.3g} pixels off those of the images; resample it onto "
            "their grid, or take its WCS out if it is wrong"
        )


def _found_segments(images: ImageSet, extent: Bools) -> Ints:
    """Clumps of the galaxy: photutils' deblending of the image of all bands; what it leaves is one more region."""
    photutils = need("photutils.segmentation", extra="images", purpose="finding segments")
    deep = all_bands_snr(images)
    whole = photutils.SegmentationImage(extent.astype(np.int32))
    least = max(9, pixels_of_psf(images))
    parts = photutils.deblend_sources(deep, whole, n_pixels=least, contrast=0.001, progress_bar=False)
    return np.where(extent, np.asarray(parts.data, int), 0)


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


def _remarks(images: ImageSet, bin_id: Ints, settings: RegionSettings, band: int) -> list[str]:
    """Which regions do not reach the target, and which are smaller than the PSF."""
    remarks = []
    size = np.bincount(bin_id[bin_id >= 0])
    small = int((size < pixels_of_psf(images)).sum())
    if small:
        whose = {"pixels": "each pixel is a region, as asked", "segments": "segments are taken as they are"}
        why = whose.get(settings.method, "the galaxy is that small")
        remarks.append(
            f"{small} of {len(size)} regions are smaller than the PSF ({pixels_of_psf(images)} pixels), so that they "
            f"share light with their neighbours: {why}"
        )
    if settings.method in ("voronoi", "annuli"):
        snr = _snr_of_regions(images, bin_id, band)
        short = snr < _NEAR_TARGET * settings.target_snr
        if short.any():
            remarks.append(
                f"{int(short.sum())} of {len(size)} regions stay below the S/N of {settings.target_snr:g} in "
                f"{images.bands.names[band]} (lowest {snr.min():.1f}): rings are kept at this S/N because they "
                f"may not be wider than the PSF or {WIDEST_RE:g} Re"
            )
    return remarks


def _snr_of_regions(images: ImageSet, bin_id: Ints, band: int) -> Floats:
    """(n,) in one band, by the pixels' own noise and its correlation; 0 where the band has none."""
    inside = (bin_id >= 0) & ~images.mask[band]
    n = int(bin_id.max()) + 1
    sigma = np.where(inside, np.nan_to_num(images.flux_err[band].astype(float)), 0.0)
    signal = np.bincount(bin_id[inside], images.flux[band][inside].astype(float), minlength=n)
    noise = np.sqrt(region_variance(sigma, images.noise[band], bin_id, n))
    return np.asarray(np.where(noise > 0, signal / np.where(noise > 0, noise, 1.0), 0.0))
