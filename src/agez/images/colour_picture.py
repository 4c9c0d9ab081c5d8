"""A colour picture of a galaxy from three of its bands."""

from __future__ import annotations

import numpy as np

from agez.images.image_set import ImageSet
from agez.types import Floats

#: Softening of the colour image, in units of the typical light (Lupton et al. 2004, PASP 116, 133: arcsinh).
SOFTENING = 8.0


def three_bands(images: ImageSet) -> tuple[int, int, int]:
    """Bands for blue, green and red: near 4700, 6250 and 7700 A, or what is nearest to thirds of the range."""
    pivot = np.array(images.bands.pivot_angstrom)
    usable = np.flatnonzero([(~mask).any() for mask in images.mask])
    low, high = pivot[usable].min(), pivot[usable].max()
    wanted = (
        (4700.0, 6250.0, 7700.0)
        if low < 5200 and high > 7400
        else tuple(low + f * (high - low) for f in (0.15, 0.5, 0.85))
    )
    found = [int(usable[np.argmin(np.abs(pivot[usable] - wave))]) for wave in wanted]
    return found[0], found[1], found[2]


def colour_image(images: ImageSet, bands: tuple[int, int, int]) -> Floats:
    """(ny, nx, 3) red, green, blue in 0-1, compressed by arcsinh alike in all three, so that colours stay."""
    parts = []
    for b in bands:
        flux = np.where(images.mask[b], np.nan, images.flux[b]).astype(float)
        level = np.nanquantile(flux, 0.97)
        parts.append(np.nan_to_num(flux / level if level > 0 else flux))
    stack = np.clip(np.stack(parts, axis=-1), 0, None)
    mean = stack.mean(axis=-1, keepdims=True)
    pressed = np.arcsinh(SOFTENING * mean) / np.arcsinh(SOFTENING * max(float(np.quantile(mean, 0.999)), 1e-9))
    colour = stack * np.divide(pressed, mean, out=np.zeros_like(mean), where=mean > 0)
    return np.asarray(np.clip(colour / np.maximum(colour.max(axis=-1, keepdims=True), 1.0), 0, 1))
