"""The correlation of noise between neighbouring pixels, and what convolution does to it."""

from __future__ import annotations

import numpy as np
from scipy.signal import fftconvolve

from agez.errors import AgezError
from agez.types import Floats

#: Rings of a correlation whose absolute values add up to less than this part of all are left out.
NEGLIGIBLE = 1e-3
WHITE: Floats = np.ones((1, 1))


def autocorrelation(kernel: Floats) -> Floats:
    """Sum over x of kernel(x) kernel(x + d), for d from -(k - 1) to k - 1: (2 k - 1, 2 k - 1), not normalised."""
    return np.asarray(fftconvolve(kernel, kernel[::-1, ::-1], mode="full"))


def after_convolution(noise: Floats, kernel: Floats) -> tuple[Floats, float]:
    """The correlation of noise after a convolution, and its variance in units of what it was.

    With r(d) the correlation before, and a(d) the autocorrelation of the kernel, that after is proportional to
    (r * a)(d), whose value at 0 is the factor of the variance; exact for noise of uniform variance.
    """
    full = np.asarray(fftconvolve(noise, autocorrelation(kernel), mode="full"))
    full = 0.5 * (full + full[::-1, ::-1])
    middle = float(full[full.shape[0] // 2, full.shape[1] // 2])
    if not middle > 0:
        raise AgezError("noise: a correlation that makes the variance after a convolution zero or negative")
    return trimmed(full / middle), middle


def trimmed(noise: Floats) -> Floats:
    """A correlation without its outer rings where they are negligible; the middle is 1."""
    total = np.abs(noise).sum()
    half = noise.shape[0] // 2
    keep = half
    while keep > 0:
        inner = noise[half - keep + 1 : half + keep, half - keep + 1 : half + keep]
        if total - np.abs(inner).sum() > NEGLIGIBLE * total:
            break
        keep -= 1
    return np.ascontiguousarray(noise[half - keep : half + keep + 1, half - keep : half + keep + 1])


def variance_of_sum(noise: Floats, ny: int, nx: int) -> float:
    """Variance of the sum over a rectangle of ny by nx pixels of unit variance: sum of r over all pairs."""
    half = noise.shape[0] // 2
    d = np.abs(np.arange(-half, half + 1))
    pairs = np.outer(np.clip(ny - d, 0, None), np.clip(nx - d, 0, None))
    return float((pairs * noise).sum())
