"""Foreground stars on the images: found, or from a catalogue, and masked in all bands."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table
from scipy import ndimage

from agez.errors import AgezError
from agez.images.alignment import pixel_size_arcsec
from agez.images.detection import DeepImage, deep_image, pixel_sigma, smoothed, source_mask
from agez.images.image_set import ImageSet
from agez.images.kernels import moffat_alpha
from agez.images.point_sources import USUAL_BETA, PointSources, find_point_sources, widths_on_uneven_light
from agez.sky_offsets import pixels_of_sky
from agez.tables.table_columns import angle_column, has_columns
from agez.tables.table_files import read_table
from agez.types import Bools, Floats

#: Peaks of stars over the noise of a pixel of the deep image.
THRESHOLD_SIGMA = 8.0
#: Widths of point sources, in units of the PSF's.
WIDTH_LIMITS = (0.75, 1.3)
#: On the galaxy itself, a star's peak must be this many times the light that it stands on: clumps of star formation
#: are seldom so bright.
MIN_CONTRAST = 3.0
#: Within this many FWHM of the galaxy's centre nothing is a star.
NUCLEUS_FWHM = 1.5
#: Stars are masked out to where they are below this part of the noise of a pixel of the deep image...
_WINGS_SIGMA = 0.5
#: ...for a Moffat profile, within limits in FWHM.
_RADIUS_LIMITS = (1.5, 12.0)
#: Sources this many times above the threshold are stars even where the fit of their profile fails.
_BRIGHT = 5.0
#: Columns of a catalogue of stars that are not read, and may be meant as its radius.
_PERHAPS_RADIUS = ("r", "rad", "r_arcsec", "radius_arcsec", "rmask", "mask_radius")
#: PSF taken where nothing is known of it [pixel, FWHM].
_USUAL_FWHM = 3.0


def mask_stars(
    images: ImageSet,
    *,
    catalogue: Table | str | os.PathLike[str] | None = None,
    keep: tuple[float, float] | None = None,
    find: bool = True,
    deep: DeepImage | None = None,
) -> ImageSet:
    """Mask foreground stars, in all bands alike.

    Stars are found on the sum of the sharpest bands (:func:`agez.images.point_sources.find_point_sources`): round
    sources as narrow as the PSF, and not the nucleus.  Away from the galaxy all of them are masked.  On the galaxy,
    only those whose peak is at least ``MIN_CONTRAST`` times the light that they stand on: star clusters and HII regions
    cannot be told from stars by their shape where they are not resolved, but are seldom so bright.  So a faint star on
    a bright part of the galaxy stays, and a very bright clump is lost; a ``catalogue`` (of Gaia's stars with
    parallaxes or proper motions, say) and ``find=False`` do better.

    The radius of a mask is where a Moffat profile of the star's peak falls below half the noise of a pixel of the deep
    image, for the widest PSF among the bands.

    Parameters
    ----------
    catalogue : table or path, optional
        Stars to be masked: ``ra``, ``dec`` [degree, ICRS], and ``radius`` [arcsec] if known; they are masked even
        where they are not seen, even in the nucleus.
    keep : (x, y), optional
        The galaxy's centre [pixel]; None: :func:`galaxy_centre`.
    find : bool
        Whether to look for stars.
    deep : DeepImage, optional
        :func:`agez.images.detection.deep_image` of the images, if it is there already.

    Returns
    -------
    ImageSet
        ``meta["stars"]``: a list of ``x``, ``y`` [pixel], ``radius`` [arcsec] and ``from`` (found, catalogue);
        ``meta["stars_said"]``: their numbers, in words.

    Raises
    ------
    AgezError
        For a catalogue without these columns, a centre outside the image, or masks that leave nothing.
    """
    all_bands = deep_image(images) if deep is None else deep
    deep = deep_image(images, sigma=all_bands.sigma, sharp=True)
    centre = galaxy_centre(images, deep=all_bands) if keep is None else keep
    ny, nx = images.shape
    if not (np.isfinite(centre).all() and -0.5 <= centre[0] < nx and -0.5 <= centre[1] < ny):
        raise AgezError(f"stars: the centre to keep, x {centre[0]:g}, y {centre[1]:g}, is outside of the image")
    size = pixel_size_arcsec(images.wcs)
    known = np.isfinite(images.psf_fwhm_arcsec)
    widest = float(np.nanmax(images.psf_fwhm_arcsec)) / size if known.any() else _USUAL_FWHM
    sharp = float(np.nanpercentile(images.psf_fwhm_arcsec, 20)) / size if known.any() else _USUAL_FWHM
    sigma = pixel_sigma(deep.image, deep.mask)
    stars: list[dict[str, Any]] = []
    outside = 0
    if find and np.isfinite(sigma) and sigma > 0:
        body = _body(source_mask(images, deep=all_bands), centre)
        found = _found_stars(deep, body, centre, sharp, known=bool(known.any()))
        for x, y, peak in zip(found.x, found.y, found.peak, strict=True):
            radius = _wings_radius(peak / sigma, sharp, widest)
            stars.append({"x": float(x), "y": float(y), "radius": radius * size, "from": "found"})
    if catalogue is not None:
        listed, outside = _listed_stars(images, catalogue, deep, sigma, sharp, widest)
        stars += listed
    masked = circles(images.shape, [(s["x"], s["y"], s["radius"] / size) for s in stars])
    if (masked | images.mask.all(axis=0)).all():
        raise AgezError(f"stars: the masks of {len(stars)} stars leave no pixel; check the catalogue's radii [arcsec]")
    said = _said(stars, int(masked.sum()), None if catalogue is None else outside)
    return replace(images, mask=images.mask | masked, meta={**images.meta, "stars": stars, "stars_said": said})


def _said(stars: list[dict[str, Any]], n_pixels: int, outside: int | None) -> str:
    """How many stars are masked, and what came of the table's; ``outside`` of the images, None without a table."""
    words = f"stars masked: {len(stars)} ({n_pixels} pixels)"
    if outside is None:
        return words
    words += f", {sum(one['from'] == 'catalogue' for one in stars)} of the table"
    return words + (f"; {outside} of the table are outside of the images" if outside else "")


def circles(shape: tuple[int, int], places: list[tuple[float, float, float]]) -> Bools:
    """Pixels whose centre is within one of the circles (x, y, radius) [pixel]."""
    masked = np.zeros(shape, dtype=bool)
    for x, y, radius in places:
        rows = slice(int(np.clip(y - radius, 0, shape[0])), int(np.clip(y + radius + 1, 0, shape[0])))
        columns = slice(int(np.clip(x - radius, 0, shape[1])), int(np.clip(x + radius + 1, 0, shape[1])))
        at_y, at_x = np.mgrid[rows, columns]
        masked[rows, columns] |= np.hypot(at_x - x, at_y - y) <= radius
    return masked


def galaxy_centre(images: ImageSet, *, deep: DeepImage | None = None) -> tuple[float, float]:
    """Where the galaxy is (x, y) [pixel]: the brightest place of the source nearest the middle of the image.

    Point sources do not count: the image is first median-filtered, over several PSFs; the place is then refined on
    the image itself, smoothed to the PSF, within one FWHM.  ``deep`` is :func:`agez.images.detection.deep_image` of the
    images, if it is there already.
    """
    deep = deep_image(images) if deep is None else deep
    ny, nx = images.shape
    middle = round((ny - 1) / 2), round((nx - 1) / 2)
    size = pixel_size_arcsec(images.wcs)
    known = np.isfinite(images.psf_fwhm_arcsec).any()
    fwhm = float(np.nanmedian(images.psf_fwhm_arcsec)) / size if known else _USUAL_FWHM
    fine = smoothed(deep, fwhm)
    coarse = smoothed(replace(deep, image=_median_filtered(fine, fwhm)), 1.5 * fwhm)
    labels, n = ndimage.label(source_mask(images, deep=deep) & ~deep.mask)
    if n:
        nearest = ndimage.distance_transform_edt(labels == 0, return_distances=False, return_indices=True)
        coarse = np.where(labels == labels[tuple(nearest[:, middle[0], middle[1]])], coarse, -np.inf)
    row, column = np.unravel_index(int(np.argmax(coarse)), images.shape)
    reach = max(1, round(fwhm))
    rows = slice(max(0, int(row) - reach), int(row) + reach + 1)
    columns = slice(max(0, int(column) - reach), int(column) + reach + 1)
    near = np.unravel_index(int(np.argmax(fine[rows, columns])), fine[rows, columns].shape)
    return float(near[1] + columns.start), float(near[0] + rows.start)


def _median_filtered(image: Floats, fwhm: float) -> Floats:
    """Median over squares of 4 FWHM, in which a point source fills less than half; every other FWHM is enough."""
    step = max(1, round(fwhm / 2))
    coarse = image[step // 2 :: step, step // 2 :: step]
    median = ndimage.median_filter(coarse, size=2 * round(2 * fwhm / step) + 1, mode="nearest")
    at = np.meshgrid(*((np.arange(n) - step // 2) / step for n in image.shape), indexing="ij")
    return np.asarray(ndimage.map_coordinates(median, at, order=1, mode="nearest"))


def _found_stars(
    deep: DeepImage, body: Bools, centre: tuple[float, float], fwhm: float, *, known: bool
) -> PointSources:
    """Stars on the deep image; ``body`` is where the galaxy is."""
    found = find_point_sources(deep.image, deep.mask, fwhm, threshold_sigma=THRESHOLD_SIGMA, fitted=~body)
    if not len(found):
        return found
    apart = np.hypot(found.x - centre[0], found.y - centre[1]) > NUCLEUS_FWHM * fwhm
    at = np.rint(found.y).astype(int), np.rint(found.x).astype(int)
    level = np.median(deep.image[~body & ~deep.mask]) if (~body & ~deep.mask).any() else 0.0
    on_galaxy = body[at]
    width = found.fwhm.copy()
    width[on_galaxy] = widths_on_uneven_light(deep.image, deep.mask, found.x[on_galaxy], found.y[on_galaxy], fwhm)
    narrow = (width > WIDTH_LIMITS[0] * fwhm) & (width < WIDTH_LIMITS[1] * fwhm)
    # where no profile can be fitted, DAOFind's own shape says enough of bright sources
    narrow |= ~np.isfinite(width) & (found.snr > _BRIGHT * THRESHOLD_SIGMA)
    if not known:
        narrow = np.isfinite(width) & (width > 1.2)
    bright = found.peak > MIN_CONTRAST * np.clip(found.background - level, 0, None)
    return found.take(narrow & apart & (found.snr > THRESHOLD_SIGMA) & (~on_galaxy | bright))


def _body(sources: Bools, centre: tuple[float, float]) -> Bools:
    """The source that the centre lies in."""
    labels, _ = ndimage.label(sources)
    label = labels[round(centre[1]), round(centre[0])]
    return np.asarray(labels == label) if label else np.zeros(sources.shape, dtype=bool)


def _wings_radius(peak_over_sigma: float, fwhm: float, widest: float) -> float:
    """Radius [pixel] where the star is below half the noise, in the band of the widest PSF."""
    alpha = moffat_alpha(widest, USUAL_BETA)
    peak = peak_over_sigma * (fwhm / widest) ** 2  # the same flux
    radius = alpha * np.sqrt(max((max(peak, 1e-9) / _WINGS_SIGMA) ** (1 / USUAL_BETA) - 1, 0.0))
    return float(np.clip(radius, _RADIUS_LIMITS[0] * widest, _RADIUS_LIMITS[1] * widest))


def _listed_stars(
    images: ImageSet,
    catalogue: Table | str | os.PathLike[str],
    deep: DeepImage,
    sigma: float,
    fwhm: float,
    widest: float,
) -> tuple[list[dict[str, Any]], int]:
    """Stars of a catalogue whose masks reach onto the images, and how many do not."""
    source = "the catalogue of stars" if isinstance(catalogue, Table) else str(catalogue)
    table = catalogue if isinstance(catalogue, Table) else read_table(catalogue, likeness=has_columns("ra", "dec"))
    names = {name.lower(): name for name in table.colnames}
    missing = [name for name in ("ra", "dec") if name not in names]
    if missing:
        raise AgezError(
            f"{source}: column(s) {', '.join(missing)} missing; expected ra, dec [degree], and radius [arcsec] if known"
        )
    ra, dec = (angle_column(table, names[name], source=source, unit="deg") for name in ("ra", "dec"))
    of_colours = not {"g", "i"}.isdisjoint(names)  # then r is a magnitude
    unread = [names[name] for name in _PERHAPS_RADIUS if name in names and not (name == "r" and of_colours)]
    if "radius" not in names and unread:
        raise AgezError(
            f"{source}: column {unread[0]} may be the radius of the masks, which is read from column radius "
            f"[arcsec]; rename {unread[0]}, or leave it out if it is something else (a magnitude, say)"
        )
    radius = angle_column(table, names["radius"], source=source) if "radius" in names else np.full(len(ra), np.nan)
    if not (np.isfinite(ra) & np.isfinite(dec) & (np.abs(dec) <= 90)).all():
        raise AgezError(f"{source}: ra and dec must be numbers [degree], dec within -90 to 90")
    if (np.isfinite(radius) & ~(radius > 0)).any():
        raise AgezError(f"{source}: a radius is {np.nanmin(radius)}; expected positive arcsec")
    size = pixel_size_arcsec(images.wcs)
    x, y = pixels_of_sky(images.wcs, SkyCoord(ra * u.deg, dec * u.deg))
    stars = []
    for one_x, one_y, given in zip(np.atleast_1d(x), np.atleast_1d(y), radius, strict=True):
        if not (np.isfinite(one_x) and np.isfinite(one_y)):
            continue
        if not np.isfinite(given):
            given = _wings_radius(_peak_at(deep, one_x, one_y, sigma, fwhm), fwhm, widest) * size
        reach = given / size
        if -reach <= one_x < images.shape[1] + reach and -reach <= one_y < images.shape[0] + reach:
            stars.append({"x": float(one_x), "y": float(one_y), "radius": float(given), "from": "catalogue"})
    return stars, len(ra) - len(stars)


def _peak_at(deep: DeepImage, x: float, y: float, sigma: float, fwhm: float) -> float:
    """Highest pixel within half a FWHM over the median of a ring around, in units of the noise; 0 outside."""
    reach = int(np.ceil(4 * fwhm))
    column, row = round(x), round(y)
    rows = slice(max(0, row - reach), max(0, row + reach + 1))
    columns = slice(max(0, column - reach), max(0, column + reach + 1))
    image, mask = deep.image[rows, columns], deep.mask[rows, columns]
    if image.size == 0 or not sigma > 0:
        return 0.0
    at_y, at_x = np.mgrid[rows.start : rows.start + image.shape[0], columns.start : columns.start + image.shape[1]]
    distance: Floats = np.hypot(at_x - x, at_y - y)
    inside, ring = (distance <= max(1.0, 0.5 * fwhm)) & ~mask, (distance > 2 * fwhm) & ~mask
    if not inside.any():
        return 1e4  # all masked: saturated
    return float((image[inside].max() - (np.median(image[ring]) if ring.any() else 0.0)) / sigma)
