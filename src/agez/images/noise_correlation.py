"""The correlation of noise between neighbouring pixels, and what convolution does to it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from scipy import fft
from scipy.signal import fftconvolve

from agez.errors import AgezError
from agez.types import Floats, Ints

#: Rings of a correlation whose absolute values add up to less than this part of all are left out.
NEGLIGIBLE = 1e-3
#: Pixels of images that are transformed at once: few enough for the processor's cache.
_AT_ONCE = 2**16
WHITE: Floats = np.ones((1, 1))


def autocorrelation(kernel: Floats) -> Floats:
    """Sum over x of kernel(x) kernel(x + d), for d from -(k - 1) to k - 1: (2 k - 1, 2 k - 1), not normalised."""
    return np.asarray(fftconvolve(kernel, kernel[::-1, ::-1], mode="full"))


def after_convolution(noise: Floats, kernel: Floats) -> tuple[Floats, float]:
    """The correlation of noise after a convolution, and its variance in units of what it was.

    With r(d) the correlation before, and a(d) the autocorrelation of the kernel, that after is proportional to
    (r * a)(d), whose value at 0 is the factor of the variance; exact for noise of uniform variance.
    """
    reach = noise.shape[0] // 2 + kernel.shape[0] - 1
    size = (fft.next_fast_len(2 * reach + 1, real=True),) * 2
    both = fft.irfft2(np.abs(fft.rfft2(kernel, size)) ** 2 * fft.rfft2(noise, size), size)
    at = np.arange(-reach, reach + 1) + noise.shape[0] // 2  # where the middle of the noise stands
    full = both[np.ix_(at, at)]
    full = 0.5 * (full + full[::-1, ::-1])
    middle = float(full[reach, reach])
    if not middle > 0:
        raise AgezError("noise: a correlation that makes the variance after a convolution zero or negative")
    return trimmed(full / middle), middle


def trimmed(noise: Floats) -> Floats:
    """A correlation without its outer rings where they are negligible; the middle is 1."""
    half = noise.shape[0] // 2
    rings = np.bincount(_ring(half), weights=np.abs(noise).ravel())
    beyond = rings.sum() - np.cumsum(rings)  # the rings outside of each
    keep = int(np.argmax(beyond <= NEGLIGIBLE * rings.sum()))
    return np.ascontiguousarray(noise[half - keep : half + keep + 1, half - keep : half + keep + 1])


@lru_cache(maxsize=16)
def _ring(half: int) -> Ints:
    """Largest of |dy| and |dx| of the lags of a correlation that reaches so far, in order."""
    lag = np.abs(np.arange(-half, half + 1))
    return np.asarray(np.maximum.outer(lag, lag).ravel())


def variance_of_sum(noise: Floats, ny: int, nx: int) -> float:
    """Variance of the sum over a rectangle of ny by nx pixels of unit variance: sum of r over all pairs."""
    half = noise.shape[0] // 2
    d = np.abs(np.arange(-half, half + 1))
    pairs = np.outer(np.clip(ny - d, 0, None), np.clip(nx - d, 0, None))
    return float((pairs * noise).sum())


def variance_of_one_region(sigma: Floats, correlation: Floats) -> float:
    """Variance of the sum of all pixels with that standard deviation: sum over d of c(d) times sum of s(x) s(x + d)."""
    return float(variances_of_one_region(sigma[None], [correlation])[0])


def variances_of_one_region(sigma: Floats, correlations: Sequence[Floats]) -> Floats:
    """(b,) the same for b bands, ``sigma`` (b, ny, nx), each with its own correlation."""
    variance = np.zeros(len(correlations))
    y, x = sigma.any(axis=0).nonzero()
    if not len(y):
        return variance
    s = sigma[:, y.min() : y.max() + 1, x.min() : x.max() + 1].astype(float)
    reach = max(c.shape[0] // 2 for c in correlations)
    size = [fft.next_fast_len(n + reach, real=True) for n in s.shape[1:]]
    lag = np.arange(-reach, reach + 1)
    at_once = max(1, _AT_ONCE // (size[0] * size[1]))
    for begin in range(0, len(s), at_once):
        some = slice(begin, begin + at_once)
        products = fft.irfft2(np.abs(fft.rfft2(s[some], size)) ** 2, size)[:, lag[:, None], lag]
        for b, (c, product) in enumerate(zip(correlations[some], products, strict=True), start=begin):
            outside = reach - c.shape[0] // 2
            inner = slice(outside, 2 * reach + 1 - outside)
            variance[b] = max(float(np.sum(c * product[inner, inner])), 0.0)
    return variance
