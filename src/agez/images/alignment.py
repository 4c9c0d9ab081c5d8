"""Are the images of all bands on one grid of pixels?  If not, by how much are they off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy.wcs import WCS

from agez.errors import AgezError
from agez.sky_offsets import pixels_of_sky, sky_positions

#: Pixels may lie this far from those of the other bands [pixel]: for a PSF of 3 pixels FWHM a shift of 0.1 pixel
#: changes the flux of a pixel on the steepest part of a point source by 6 %, and sums over regions far less.
MAX_OFFSET_PIXELS = 0.1


@dataclass(frozen=True)
class Offset:
    """How far two grids of pixels are apart."""

    #: pixels, arcsec: The largest distance over the image; infinite where the one is not in the other's sky.
    pixels: float
    arcsec: float
    mirrored: bool  #: One has east to the left, the other to the right.
    scale: float  #: Pixel size of the one over that of the other.


def pixel_area_arcsec2(wcs: WCS) -> float:
    """Area of a pixel on the sky [arcsec**2]."""
    return float(abs(np.linalg.det((wcs if wcs.naxis == 2 else wcs.celestial).pixel_scale_matrix))) * 3600.0**2


def pixel_size_arcsec(wcs: WCS) -> float:
    """Side of a square pixel of the same area [arcsec]."""
    return float(np.sqrt(pixel_area_arcsec2(wcs)))


def offset_between(wcs: WCS, reference: WCS, shape: tuple[int, int]) -> Offset:
    """How far the pixels of ``wcs`` are from the same pixels of ``reference``, at corners, edges and centre."""
    if _is_same(wcs, reference):
        return Offset(0.0, 0.0, False, 1.0)
    ny, nx = shape
    y, x = (part.ravel() for part in np.meshgrid(np.linspace(0, ny - 1, 3), np.linspace(0, nx - 1, 3), indexing="ij"))
    scale = pixel_size_arcsec(wcs) / pixel_size_arcsec(reference)
    mirrored = _handedness(wcs) * _handedness(reference) < 0
    try:
        there_x, there_y = pixels_of_sky(reference, sky_positions(wcs, x, y))
    except Exception:  # a frame that cannot be turned into the other
        return Offset(np.inf, np.inf, mirrored, scale)
    distance = np.hypot(there_x - x, there_y - y)
    pixels = float(np.max(distance)) if np.isfinite(distance).all() else np.inf
    return Offset(pixels, pixels * pixel_size_arcsec(reference), mirrored, scale)


def _is_same(wcs: WCS, reference: WCS) -> bool:
    """Whether they say the very same, which is sooner known than where pixels lie."""
    plain = not (wcs.has_distortion or reference.has_distortion)
    return wcs is reference or (plain and bool(wcs.wcs.compare(reference.wcs)))


def _handedness(wcs: WCS) -> float:
    return float(np.sign(np.linalg.det(wcs.pixel_scale_matrix)))


def not_aligned(
    source: str, shape: tuple[int, int], wcs: WCS, like: str, like_shape: tuple[int, int], to: WCS
) -> AgezError | None:
    """What is wrong with an image's grid as an error that names the file; None if it is that of the other bands."""
    cure = "--reproject resamples it"
    if shape != like_shape:
        offset = offset_between(wcs, to, (min(shape[0], like_shape[0]), min(shape[1], like_shape[1])))
        return AgezError(
            f"{source} has {shape[1]} x {shape[0]} pixels, {like} and others have {like_shape[1]} x {like_shape[0]}; "
            f"pixel for pixel they are up to {_amount(offset)} apart; give cut-outs of one size; {cure}"
        )
    offset = offset_between(wcs, to, shape)
    if offset.pixels <= MAX_OFFSET_PIXELS and not offset.mirrored:
        return None
    why = " (it is mirrored: east and west are exchanged)" if offset.mirrored else ""
    if not offset.mirrored and abs(offset.scale - 1) > 1e-3:
        why = f" (its pixels are {offset.scale:.4g} times as large)"
    return AgezError(
        f"{source} is not aligned with {like} and others: up to {_amount(offset)} off over the image{why}, more than "
        f"{MAX_OFFSET_PIXELS:g} pixel; {cure}"
    )


def _amount(offset: Offset) -> str:
    if not np.isfinite(offset.pixels):
        return "more than the sky allows"
    return f"{offset.pixels:.2f} pixels ({offset.arcsec:.2f} arcsec)"


def most_common_grid(wcs: list[WCS], shapes: list[tuple[int, int]]) -> int:
    """Number of the first image on the grid that most images share."""
    groups: list[list[int]] = []
    for number, (one, shape) in enumerate(zip(wcs, shapes, strict=True)):
        for group in groups:
            first = group[0]
            if shape == shapes[first]:
                offset = offset_between(one, wcs[first], shape)
                if offset.pixels <= MAX_OFFSET_PIXELS and not offset.mirrored:
                    group.append(number)
                    break
        else:
            groups.append([number])
    return max(groups, key=len)[0]
