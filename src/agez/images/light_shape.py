"""The shape of the light that all bands share, without holes: what stands in where one band has none."""

from __future__ import annotations

import numpy as np
from scipy import ndimage, sparse
from scipy.sparse.linalg import spsolve

from agez.images.detection import DeepImage, deep_image, pixel_sigma
from agez.images.image_set import ImageSet
from agez.types import Bools, Floats

#: Below so many times its noise the shape is taken as flat.
_FLAT_SIGMA = 3.0
#: Further than so many pixels into a hole, its nearest pixel outside stands in: next to nothing of it is used.
_RIM_PIXELS = 20


def light_shape(images: ImageSet, *, deep: DeepImage | None = None) -> Floats:
    """(ny, nx) positive: the mean of the bands, each brought to the same level, so that a hole in one leaves no step.

    With the deep image D, a band's level is s = sum(f D) / sum(D**2) over its good pixels; the shape is
    sum(s f / sigma**2) / sum(s**2 / sigma**2) over the bands that have the pixel.  Pixels that no band has get what
    :func:`membrane` spans over them.  ``deep`` is :func:`agez.images.detection.deep_image` of the images, if it is
    there already.
    """
    deep = deep_image(images) if deep is None else deep
    total, weights = np.zeros(images.shape), np.zeros(images.shape)
    for b, (flux, mask) in enumerate(zip(images.flux, images.mask, strict=True)):
        # the deep image's sigma is that of pixels as far apart as the noise reaches
        sigma = deep.sigma[b] if images.noise[b].size == 1 else pixel_sigma(flux.astype(float), mask)
        good = ~mask
        light = np.where(mask, 0.0, flux)
        square = np.vdot(deep.image, np.where(mask, 0.0, deep.image))
        if not (np.isfinite(sigma) and sigma > 0 and square > 0):
            continue
        level = float(np.vdot(light, deep.image) / square)
        if level > 0:
            total += level / sigma**2 * light
            weights += level**2 / sigma**2 * good
    if not weights.any():
        return np.ones(images.shape)
    hole = weights == 0
    shape = np.where(hole, 0.0, total / np.where(hole, 1.0, weights))
    if hole.any():
        depth, nearest = ndimage.distance_transform_edt(hole, return_indices=True)
        shape = membrane(shape[tuple(nearest)], hole & (depth <= _RIM_PIXELS))
    sigma = pixel_sigma(shape, hole)
    floor = _FLAT_SIGMA * sigma if np.isfinite(sigma) and sigma > 0 else 1e-6 * float(np.abs(shape).max())
    return np.maximum(shape, floor)


def membrane(image: Floats, hole: Bools) -> Floats:
    """The image with its holes filled: each of their pixels is the mean of its neighbours (Laplace's equation).

    Planes come back exactly; at the frame's edges, the neighbours that there are count.
    """
    if not hole.any() or hole.all():
        return image.copy()
    number = np.full(hole.shape, -1)
    number[hole] = np.arange(hole.sum())
    rows, columns = np.nonzero(hole)
    known, neighbours = np.zeros(len(rows)), np.zeros(len(rows))
    at, towards = [], []
    for step in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        y, x = rows + step[0], columns + step[1]
        inside = (y >= 0) & (y < hole.shape[0]) & (x >= 0) & (x < hole.shape[1])
        one = np.flatnonzero(inside)
        neighbours[one] += 1
        other = number[y[one], x[one]]
        known[one] += np.where(other < 0, image[y[one], x[one]], 0.0)
        at.append(one[other >= 0])
        towards.append(other[other >= 0])
    links = sparse.coo_matrix(
        (np.ones(sum(map(len, at))), (np.concatenate(at), np.concatenate(towards))), shape=(len(rows),) * 2
    )
    filled = image.copy()
    filled[hole] = spsolve((sparse.diags(neighbours) - links).tocsc(), known)
    return filled
