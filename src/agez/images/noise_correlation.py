"""The correlation of noise between neighbouring pixels, and what convolution does to it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from scipy import fft
from scipy.signal import fftconvolve

from agez.errors import AgezError
from agez.types import Bools, Floats, Ints

#: Rings of a correlation whose absolute values add up to less than this part of all are left out.
NEGLIGIBLE = 1e-3
#: Pixels of images that are transformed at once: few enough for the processor's cache.
_AT_ONCE = 2**15
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
    both = fft.irfft2(power_of(fft.rfft2(kernel, size)) * fft.rfft2(noise, size), size)
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
    return float(variances_of_one_region(sigma[None], [correlation], sigma != 0)[0])


def variances_of_one_region(sigma: Floats, correlations: Sequence[Floats], region: Bools) -> Floats:
    """(b,) the same of the pixels of a region (ny, nx) in b bands, ``sigma`` (b, ny, nx), each with its correlation.

    Correlations are symmetric.  By Parseval's theorem it is the sum of the power of s times the transform of c.
    """
    variance = np.zeros(len(correlations))
    rows, columns = (np.flatnonzero(region.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return variance
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    inside = region[box]
    reach = max(c.shape[0] // 2 for c in correlations)
    table = np.zeros((len(correlations), 2 * reach + 1, 2 * reach + 1))
    for c, padded in zip(correlations, table, strict=True):
        inner = slice(reach - c.shape[0] // 2, reach + c.shape[0] // 2 + 1)
        padded[inner, inner] = c
    ny, nx = (fft.next_fast_len(n + reach, real=True) for n in inside.shape)
    # of an even function the transform is cos cos - sin sin; of a real one half of it is enough
    (cos_y, sin_y), (cos_x, sin_x) = _waves(fft.fftfreq(ny), reach), _waves(fft.rfftfreq(nx), reach)
    twice = np.full(nx // 2 + 1, 2.0)
    twice[0] = 1.0
    if nx % 2 == 0:
        twice[-1] = 1.0
    cos_x, sin_x = cos_x * (twice[:, None] / (ny * nx)), sin_x * (twice[:, None] / (ny * nx))
    at_once = max(1, _AT_ONCE // (ny * nx))
    for begin in range(0, len(sigma), at_once):
        some = slice(begin, begin + at_once)
        padded = np.zeros((len(table[some]), ny, nx))
        np.multiply(sigma[(some, *box)], inside, out=padded[:, : inside.shape[0], : inside.shape[1]])
        weight = cos_y @ table[some] @ cos_x.T - sin_y @ table[some] @ sin_x.T
        variance[some] = np.einsum("byx,byx->b", power_of(fft.rfft2(padded)), weight)
    return np.asarray(np.maximum(variance, 0.0))


def power_of(transform: Any) -> Floats:
    """Squared absolute value."""
    return np.asarray(transform.real**2 + transform.imag**2)


def _waves(frequency: Floats, reach: int) -> tuple[Floats, Floats]:
    """(f, 2 reach + 1) cosine and sine at the lags -reach to reach."""
    phase = 2 * np.pi * np.outer(frequency, np.arange(-reach, reach + 1))
    return np.cos(phase), np.sin(phase)
