"""Made-up images and files of them for the tests of this room."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from agez.images.image_set import ImageSet
from agez.types import Bands, Floats

PIXEL_ARCSEC = 0.5


def tangent_wcs(
    shape: tuple[int, int], *, pixel: float = PIXEL_ARCSEC, shift: tuple[float, float] = (0.0, 0.0), angle: float = 0.0,
    mirrored: bool = False,
) -> WCS:  # fmt: skip
    """Around ra 150, dec 2; ``shift`` in pixels (x, y), ``angle`` in radian."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [150.0, 2.0]
    wcs.wcs.crpix = [(shape[1] + 1) / 2 + shift[0], (shape[0] + 1) / 2 + shift[1]]
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    wcs.wcs.cd = pixel / 3600 * np.diag([1.0 if mirrored else -1.0, 1.0]) @ turn
    return wcs


def image_set(
    flux: Floats, error: Floats | float = 1.0, *, fwhm: Sequence[float] | float = np.nan, names: Sequence[str] = (),
    mask: Any = None, **meta: Any,
) -> ImageSet:  # fmt: skip
    """Images (b, ny, nx) as an ImageSet of white noise."""
    b = len(flux)
    names = tuple(names) or tuple(f"B{number}" for number in range(b))
    return ImageSet(
        Bands(names, tuple(4000.0 + 500 * k for k in range(b)), (150.0,) * b, "own"),
        flux.astype(np.float32), np.broadcast_to(np.float32(error), flux.shape).copy(),
        np.zeros(flux.shape, dtype=bool) if mask is None else mask, tangent_wcs(flux.shape[1:]),
        np.broadcast_to(np.asarray(fwhm, dtype=float), (b,)).copy(), (np.ones((1, 1)),) * b,
        tuple(f"image_{name}.fits" for name in names), meta,
    )  # fmt: skip


def write_image(
    path: Path,
    pixels: Floats,
    *,
    wcs: WCS | None = None,
    compressed: bool = False,
    layers: dict[str, Floats] | None = None,
    **cards: Any,
) -> Path:
    """A FITS file with one image, and others in extensions of the names given."""
    header = (tangent_wcs(pixels.shape) if wcs is None else wcs).to_header()
    for key, value in cards.items():
        header[key.replace("__", " ")] = value
    kind = fits.CompImageHDU if compressed else fits.ImageHDU
    extra = [fits.ImageHDU(layer, header, name=name) for name, layer in (layers or {}).items()]
    fits.HDUList([fits.PrimaryHDU(), kind(pixels.astype(np.float32), header), *extra]).writeto(path)
    return path


def distance_from(shape: tuple[int, int], x: float, y: float) -> Floats:
    """Of each pixel's centre [pixel]."""
    rows, columns = np.indices(shape)
    return np.hypot(columns - x, rows - y)
