"""The level of the sky in each band, in units of a pixel's noise: what is far off 0 is said, and hides no source."""

from __future__ import annotations

from dataclasses import replace

from agez.images.background import MIN_SKY_PIXELS, SAFE_SKY_FRACTION, constant_level
from agez.images.detection import lowest_level
from agez.images.image_set import ImageSet
from agez.types import Bools, Floats

#: Levels beyond this [sigma of a pixel] are no background that a pipeline left: they are said even where taken off.
FAR_OFF = 5.0
#: A level that stays and is beyond this changes colours of regions of tens of pixels by their errors.
LEFT_BEHIND = 0.5


def without_far_levels(images: ImageSet, sigma: Floats) -> ImageSet:
    """Images whose faintest part is no more than :data:`FAR_OFF` from 0 in any band: to look for sources on.

    Where a band of another level has masked pixels, the sum of all bands jumps by it.  ``sigma`` (b,) is the noise of
    a pixel of each band (:func:`agez.images.detection.pixel_sigma`).
    """
    flux = images.flux
    for b in range(len(images.bands)):
        if images.mask[b].all() or not sigma[b] > 0:
            continue
        level = lowest_level(images.flux[b].astype(float), images.mask[b])
        if abs(level) > FAR_OFF * sigma[b]:
            flux = flux.copy() if flux is images.flux else flux
            flux[b] -= level
    return images if flux is images.flux else replace(images, flux=flux)


def sky_remarks(images: ImageSet, done: ImageSet, sources: Bools, sigma: Floats) -> list[str]:
    """What is said of the sky's level: far off 0 where it was taken off, and off 0 where it was left.

    Parameters
    ----------
    images, done : ImageSet
        Before and after :func:`agez.images.background.subtract_background`.
    sources : (ny, nx) bool
    sigma : (b,) float
        Noise of a pixel.
    """
    taken = done.meta["background"]["bands"]
    sky = ~sources
    off: list[str] = []
    left: list[str] = []
    for b, name in enumerate(images.bands.names):
        use = sky & ~images.mask[b]
        if not sigma[b] > 0:
            continue
        if name in taken:
            level = taken[name]["value"]
            if abs(level) > FAR_OFF * sigma[b]:
                off.append(f"{name} {level / sigma[b]:+.0f}")
            continue
        image = images.flux[b].astype(float)
        measured = use.sum() >= MIN_SKY_PIXELS
        level = constant_level(image, use)[0] if measured else lowest_level(image, images.mask[b])
        # a galaxy's halo raises the sky, and the faintest part of an image is low by chance
        sure = measured and (level < 0 or sky.mean() >= SAFE_SKY_FRACTION)
        if abs(level) > (LEFT_BEHIND if sure else FAR_OFF) * sigma[b]:
            left.append(f"{name} {level / sigma[b]:+.1f}")
    remarks = []
    if off:
        remarks.append(
            f"sky far off 0 [sigma of a pixel], taken off: {', '.join(off)}; check the background of these images"
        )
    if left:
        remarks.append(
            f"sky off 0 [sigma of a pixel], left in the images: {', '.join(left)}; ages and metallicities change with "
            "it: --background constant takes it off"
        )
    return remarks
