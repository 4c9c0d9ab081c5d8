"""The background that the images still have, estimated where there are no sources, and taken off."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, get_args

import numpy as np
from scipy.ndimage import distance_transform_edt

from agez.errors import AgezError
from agez.images.detection import median_of, source_mask
from agez.images.image_set import ImageSet
from agez.runtime.optional_packages import need
from agez.types import Bools, Floats

Background = Literal["auto", "none", "constant", "map"]
BACKGROUNDS: tuple[Background, ...] = get_args(Background)
#: With less of the image without sources, or fewer pixels, the background cannot be told from the galaxy.
MIN_SKY_FRACTION = 0.1
#: And with less than this, haloes that are too faint to be seen raise the sky: ``auto`` looks twice.
SAFE_SKY_FRACTION = 0.3
MIN_SKY_PIXELS = 200
#: Side of the boxes of a background map: this part of the image's shorter side.
_BOX_OF_SIDE = 1 / 6
#: Sky pixels are divided into about so many patches, whose scatter says how well the level is known.
_PATCHES = 64


def subtract_background(images: ImageSet, *, how: Background = "auto", sources: Bools | None = None) -> ImageSet:
    """Take off each band's background.

    - ``none``: images are left as they are: surveys' coadds have had their background taken off.
    - ``constant``: one number a band, the sigma-clipped biweight location of the pixels without sources.
    - ``map``: photutils' Background2D, the same in boxes and interpolated; only for galaxies much smaller than the
      image, since it takes off haloes larger than the boxes, too.
    - ``auto``: ``constant`` where at least 30 % of the image have no sources; ``none``, with a remark, where less
      than 10 % have none: the outskirts of a galaxy that fills its image must not be taken for background.  In between,
      ``constant`` for the bands whose level is more than twice the difference between sky near sources and far from
      them, and is more than the galaxy's halo; part of the halo goes with it (larger images help).

    Sources are found on all bands together (:func:`agez.images.detection.source_mask`).  The background's error, of
    a pixel and the same for all of them, comes from the scatter of patches of sky, so that it knows of large-scale
    residuals; it is not added to ``flux_err``: summed over n pixels it counts n times, not sqrt(n) times.

    Parameters
    ----------
    sources : (ny, nx) bool, optional
        Pixels to be left out as sources, instead of looking for them.

    Returns
    -------
    ImageSet
        ``meta["background"]``: ``how`` it was done, ``sky_fraction``, and for each band in ``bands`` the ``value``
        (mean of the image) that was taken off and its ``error`` [microjansky per pixel].

    Raises
    ------
    AgezError
        If ``constant`` or ``map`` is asked for and too few pixels are without sources, or for a bad option.
    """
    if how not in BACKGROUNDS:
        raise AgezError(f"background {how!r} is unknown; choose one of {', '.join(BACKGROUNDS)}")
    if how == "none":
        return replace(images, meta={**images.meta, "background": {"how": "none", "bands": {}}})
    if sources is None:
        sources = source_mask(images)
    elif sources.shape != images.shape:
        raise AgezError(f"background: the mask of sources has shape {sources.shape}; the images {images.shape}")
    sky = ~sources
    fraction = float(sky.mean())
    distance = np.asarray(distance_transform_edt(sky))
    if fraction < MIN_SKY_FRACTION or sky.sum() < MIN_SKY_PIXELS:
        words = f"only {int(sky.sum())} pixels ({100 * fraction:.0f} % of the image) are without sources"
        if how != "auto":
            raise AgezError(
                f"{images.sources[0]}: {words}, too few to measure the background on; give larger images, or "
                "--background none if the background has been taken off"
            )
        remarks = [*images.meta.get("remarks", []), f"background left as it is: {words}"]
        meta = {"how": "none", "sky_fraction": fraction, "bands": {}}
        return replace(images, meta={**images.meta, "background": meta, "remarks": remarks})
    flux = images.flux.copy()
    taken: dict[str, dict[str, float]] = {}
    remarks = list(images.meta.get("remarks", []))
    for b, name in enumerate(images.bands.names):
        use = sky & ~images.mask[b]
        if use.sum() < MIN_SKY_PIXELS:
            remarks.append(f"background of band {name} left as it is: {int(use.sum())} usable pixels without sources")
            continue
        image = images.flux[b].astype(float)
        if how == "map":
            level, error = _map(image, images.mask[b], sources, images.sources[b])
            flux[b] = image - level
            value = float(level.mean())
        else:
            value, error = _away_from_sources(image, use, distance)
            if how == "auto" and fraction < SAFE_SKY_FRACTION:
                step = _near_and_far(image, use, distance)
                if step is None or abs(value) < 2 * max(abs(step[0]), step[1]):
                    remarks.append(f"background of band {name} left as it is: it may be the galaxy's halo")
                    continue
                error = float(np.hypot(error, step[0]))
            flux[b] = image - value
        taken[name] = {"value": value, "error": error}
    done = "constant" if how == "auto" else how
    meta = {**images.meta, "background": {"how": done, "sky_fraction": fraction, "bands": taken}, "remarks": remarks}
    return replace(images, flux=flux, meta=meta)


def _away_from_sources(image: Floats, use: Bools, distance: Floats) -> tuple[float, float]:
    """Level and error of the sky; where it is higher near sources than far from them, of its farther half.

    What is left of haloes in that half is then of the order of the difference, half of which goes into the error.
    """
    value, error = constant_level(image, use)
    step = _near_and_far(image, use, distance)
    if step is None or step[0] <= 2.5 * step[1]:
        return value, error
    level, error_far = constant_level(image, use & (distance > np.median(distance[use])))
    return level, float(np.hypot(error_far, 0.5 * step[0]))


def _near_and_far(image: Floats, use: Bools, distance: Floats) -> tuple[float, float] | None:
    """How much brighter the sky is in the half nearer to sources, and the error of that; None for too few pixels."""
    far = use & (distance > np.median(distance[use]))
    near = use & ~far
    if min(far.sum(), near.sum()) < MIN_SKY_PIXELS / 2:
        return None
    (level_near, error_near), (level_far, error_far) = constant_level(image, near), constant_level(image, far)
    return level_near - level_far, float(np.hypot(error_near, error_far))


def constant_level(image: Floats, use: Bools) -> tuple[float, float]:
    """Level of the pixels ``use``, and its error from the scatter of patches: neighbours' noise may be correlated."""
    clipped = _clipped(image[use])
    value = _biweight_location(clipped)
    low, high = float(clipped.min()), float(clipped.max())
    good = use & (image >= low) & (image <= high)
    side = max(4, round(np.sqrt(image.size / _PATCHES)))
    rows, columns = (np.arange(n) // side for n in image.shape)
    patch = (rows[:, None] * (columns.max() + 1) + columns[None, :])[good]
    count = np.bincount(patch)
    full = count >= 0.25 * side**2
    if full.sum() < 4:
        full = count >= 0.1 * side**2
    if full.sum() < 4:
        return value, float(np.std(clipped))  # few patches: no better than one pixel
    mean = np.bincount(patch, weights=image[good])[full] / count[full]
    weight = count[full] / count[full].sum()
    spread = np.sqrt((weight * (mean - (weight * mean).sum()) ** 2).sum() / (1 - (weight**2).sum()))
    return value, float(spread * np.sqrt((weight**2).sum()))


def _clipped(values: Floats) -> Floats:
    """Those within three standard deviations of the median of what is left, in ten rounds at most."""
    for _ in range(10):
        middle, reach = median_of(values), 3.0 * float(values.std())
        keep = (values >= middle - reach) & (values <= middle + reach)
        if keep.all():
            break
        values = values[keep]
    return values


def _biweight_location(values: Floats) -> float:
    """Tukey's biweight with c = 6 (Beers, Flynn & Gebhardt 1990, AJ 100, 32); the median where half are alike."""
    middle = median_of(values)
    off = values - middle
    typical = median_of(np.abs(off))
    if not typical > 0:
        return middle
    weight = np.clip(1 - (off / (6 * typical)) ** 2, 0.0, None) ** 2
    return middle + float(off @ weight / weight.sum())


def _map(image: Floats, mask: Bools, sources: Bools, source: str) -> tuple[Floats, float]:
    """photutils' two-dimensional background, and the typical error of its level in a box."""
    background = need("photutils.background", extra="images", purpose="a map of the background")
    from astropy.stats import SigmaClip

    box = max(8, round(min(image.shape) * _BOX_OF_SIDE))
    try:
        found = background.Background2D(
            np.where(mask, 0.0, np.nan_to_num(image)), box, mask=mask | sources, filter_size=3, exclude_percentile=80.0,
            sigma_clip=SigmaClip(sigma=3.0), bkg_estimator=background.BiweightLocationBackground(),
        )  # fmt: skip
    except ValueError as error:
        raise AgezError(f"{source}: the background map cannot be made ({error}); give --background constant") from error
    level = np.asarray(found.background, dtype=float)
    _, error_of_rest = constant_level(image - level, ~(mask | sources))
    per_box = found.background_rms_median / np.sqrt(0.5 * box**2)
    return level, float(np.hypot(error_of_rest, per_box))
