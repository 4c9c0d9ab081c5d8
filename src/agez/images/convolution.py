"""Convolution of an image that has holes, with its variance, mask and correlation of noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import oaconvolve

from agez.images.noise_correlation import after_convolution
from agez.types import Bools, Floats


@dataclass(frozen=True, eq=False)
class Convolved:
    """An image after convolution: flux, variance (NaN where unknown), mask, and correlation of noise."""

    flux: Floats
    variance: Floats
    mask: Bools
    noise: Floats


def convolve(
    flux: Floats, variance: Floats, mask: Bools, noise: Floats, kernel: Floats, *, max_masked: float,
    shape: Floats | None = None,
) -> Convolved:  # fmt: skip
    """Convolve the good pixels of an image with a kernel that sums to 1.

    Holes and what lies outside the image are left out, and the sum over what remains is divided by the share S of the
    light that it has: f'(x) = sum k(d) f(x-d) / S(x), with S(x) = sum k(d) m(x-d) over good x-d / the same over all
    x-d, for light of the ``shape`` m, which goes on outside the image as it is at its edge.  So what is beside a hole
    on a steep slope comes out right as far as m is right (flat, where there is none).  The variance is that of this
    sum, sum k(d)**2 var(x-d) / S**2, times what the correlation that was there before makes of it: exact where the
    variance is the same over the kernel.  A pixel is masked if it was before, or if more than ``max_masked`` of the
    kernel (of its absolute value) lies on masked pixels.
    """
    good = (~mask).astype(float)
    known = np.isfinite(variance) & ~mask

    def over(image: Floats, weights: Floats) -> Floats:
        return np.asarray(oaconvolve(image, weights, mode="same"))

    covered = over(good, kernel)
    absolute = np.abs(kernel)
    lost = 1.0 - over(good, absolute) / absolute.sum() if kernel.min() < 0 else 1.0 - covered
    bad = mask | (lost > max_masked)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = covered if shape is None else over(good * shape, kernel) / _beyond_the_edges(shape, kernel)
        new = over(np.where(mask, 0.0, np.nan_to_num(flux)), kernel) / share
        square = over(np.where(known, variance, 0.0), kernel**2) / share**2
    unknown = over((~known & ~mask).astype(float), kernel**2) > 1e-9
    correlation, factor = after_convolution(noise, kernel)
    square = np.clip(square, 0.0, None) * factor / float((kernel**2).sum())
    empty = lost > max(0.5, max_masked)
    return Convolved(np.where(empty, np.nan, new), np.where(unknown | empty, np.nan, square), bad | empty, correlation)


def _beyond_the_edges(shape: Floats, kernel: Floats) -> Floats:
    """Convolved, as if the image went on outside as it is at its edge."""
    half = [(n // 2, n // 2) for n in kernel.shape]
    return np.asarray(oaconvolve(np.pad(shape, half, mode="edge"), kernel, mode="valid"))
