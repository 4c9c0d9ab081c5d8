"""Spectra onto a logarithmic rest-frame grid, each with its own shift, conserving flux."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agez.spectra.lines import SPEED_OF_LIGHT_KMS
from agez.types import Bools, Floats

#: An output pixel is good if at least this part of it lies on good input pixels.
_GOOD_PART = 0.6


def pixel_edges(wave_angstrom: Floats) -> Floats:
    """Edges (p + 1,) of pixels whose centres are given: midpoints, and the same half-steps at the ends."""
    middle = 0.5 * (wave_angstrom[1:] + wave_angstrom[:-1])
    return np.concatenate(
        [[1.5 * wave_angstrom[0] - 0.5 * wave_angstrom[1]], middle, [1.5 * wave_angstrom[-1] - 0.5 * wave_angstrom[-2]]]
    )


def log_grid(low_angstrom: float, high_angstrom: float, velocity_step_kms: float) -> tuple[Floats, Floats]:
    """Centres and edges [Angstrom] of pixels of equal width in log wavelength."""
    step = velocity_step_kms / SPEED_OF_LIGHT_KMS
    count = int(np.floor(np.log(high_angstrom / low_angstrom) / step))
    edges = low_angstrom * np.exp(step * np.arange(count + 1))
    return np.sqrt(edges[1:] * edges[:-1]), edges


#: A pixel so many times its row's median (of flux or of variance) is no measurement, and is taken as bad.
_ABSURD = 1e9
#: Rows that are rebinned together: their arrays stay in the processor's cache.
_BLOCK = 16


@dataclass(frozen=True, eq=False)
class PixelSums:
    """Spectra as running sums over their good pixels: made once, then seen in any output pixels at once.

    An output pixel's sums of flux, width and variance over its input pixels are differences of running sums at
    its two edges, whatever the number of input pixels between them.
    """

    edges: Floats  #: (p + 1,) Edges of the input pixels, increasing [Angstrom].
    #: flux_sum, width_sum, variance_sum: (n, p + 1) Sums over the good pixels to the left of each edge of flux times
    #: width, width, and variance times width squared.
    flux_sum: Floats
    width_sum: Floats
    variance_sum: Floats
    #: flux, width, variance: (n, p + 1) What the pixel to the right of each edge adds.
    flux: Floats
    width: Floats
    variance: Floats

    @classmethod
    def of(cls, edges_in: Floats, flux: Floats, variance: Floats, good: Bools) -> PixelSums:
        """Running sums of spectra (n, p); arguments as in :func:`rebin_rows`."""
        good = good & _credible(flux, good) & _credible(variance, good)
        width = np.diff(edges_in)
        parts = (np.where(good, flux, 0.0) * width, good * width, np.where(good, variance, 0.0) * width**2)
        sums = [np.concatenate([np.zeros((len(part), 1)), np.cumsum(part, axis=1)], axis=1) for part in parts]
        adds = [np.concatenate([part, np.zeros((len(part), 1))], axis=1) for part in parts]
        return cls(np.asarray(edges_in, dtype=float), *sums, *adds)

    def rebin(self, edges_out: Floats, stretch: Floats) -> tuple[NDArray[np.float32], NDArray[np.float32], Bools]:
        """Mean flux density, variance and good pixels (n, q), as :func:`rebin_rows` says."""
        shape = (len(self.flux_sum), len(edges_out) - 1)
        flux, variance = np.empty(shape, dtype=np.float32), np.empty(shape, dtype=np.float32)
        good = np.empty(shape, dtype=bool)
        for start in range(0, len(good), _BLOCK):
            rows = slice(start, start + _BLOCK)
            flux[rows], variance[rows], good[rows] = self._rebin_block(rows, edges_out[None, :] * stretch[rows, None])
        return flux, variance, good

    def _rebin_block(self, rows: slice, edges: Floats) -> tuple[Floats, Floats, Bools]:
        """The same for a few rows with their output edges (k, q + 1)."""
        # where each output edge lies: input pixel, and the part of that pixel to the left of the edge
        place = np.interp(edges.ravel(), self.edges, np.arange(float(len(self.edges)))).reshape(edges.shape)
        pixel = place.astype(np.intp)
        part = place - pixel
        at = pixel + np.arange(len(edges))[:, None] * len(self.edges)
        total = np.diff(self.flux_sum[rows].take(at) + part * self.flux[rows].take(at), axis=1)
        width = np.diff(self.width_sum[rows].take(at) + part * self.width[rows].take(at), axis=1)
        # overlaps squared: whole pixels count once, the two at the ends as the square of the part that is inside
        own = self.variance[rows].take(at)
        squares = np.diff(self.variance_sum[rows].take(at) + part**2 * own, axis=1)
        left = part[:, :-1]
        inside = np.where(pixel[:, 1:] == pixel[:, :-1], part[:, 1:], 1.0) - left
        squares -= 2.0 * own[:, :-1] * left * inside
        good = width >= _GOOD_PART * np.diff(edges, axis=1)
        safe = np.where(good, width, 1.0)
        return np.where(good, total / safe, 0.0), np.where(good, squares / safe**2, 1.0), good


def _credible(values: Floats, good: Bools) -> Bools:
    """(n, p) not absurdly larger than the row's median: running sums would lose their precision behind such a pixel."""
    size = np.abs(np.where(good, values, 0.0))
    some = max(size.shape[1] // 100, 1)  # every so many pixels say what is typical
    typical = np.median(size[:, ::some], axis=1, keepdims=True)
    return np.asarray((size <= _ABSURD * typical) | (typical == 0))


def noise_correlation(edges_in: Floats, edges_out: Floats, stretch: float) -> Floats:
    """How much more variance a sum over neighbouring output pixels has than if their errors were independent; (q,).

    With independent errors in input pixels, an output pixel of r input pixels has the variance (r - 1/3) / r^2 (r >= 1)
    or 1 - r/3 (r < 1) of one of them, on average over their relative positions; sums over many output pixels vary as
    1/r each.  Divide weights by this factor where what is fitted varies slowly from pixel to pixel.

    Parameters
    ----------
    edges_in : (p + 1,) float
        Edges of the input pixels [Angstrom].
    edges_out : (q + 1,) float
        Edges in the rest frame [Angstrom].
    stretch : float
        Observed over rest wavelength.
    """
    centre_in = 0.5 * (edges_in[1:] + edges_in[:-1])
    low, high = edges_out[:-1] * stretch, edges_out[1:] * stretch
    ratio = (high - low) / np.interp(0.5 * (low + high), centre_in, np.diff(edges_in))
    return np.where(ratio >= 1, ratio / (ratio - 1 / 3), 1 / (ratio * (1 - np.minimum(ratio, 1) / 3)))


def rebin_rows(
    edges_in: Floats, flux: Floats, variance: Floats, good: Bools, edges_out: Floats, stretch: Floats
) -> tuple[NDArray[np.float32], NDArray[np.float32], Bools]:
    """Mean flux density of each row in output pixels whose edges are ``edges_out * stretch``.

    The mean over an output pixel is the sum over the good input pixels of flux times overlap,
    divided by the sum of overlaps; its variance follows from independent input pixels, so the
    reduced chi2 of a perfect model stays 1 (neighbouring output pixels become correlated).

    Parameters
    ----------
    edges_in : (p + 1,) float
        Edges of the input pixels, increasing [Angstrom].
    flux, variance, good : (n, p)
    edges_out : (q + 1,) float
        Edges in the rest frame [Angstrom].
    stretch : (n,) float
        Observed over rest wavelength, (1 + z)(1 + v/c), of each row.

    Returns
    -------
    flux, variance : (n, q) float32; good : (n, q) bool
        Bad output pixels hold flux 0 and variance 1.

    Notes
    -----
    A pixel a thousand million times brighter, or with so much more variance, than its row's median is taken as bad.
    """
    return PixelSums.of(edges_in, flux, variance, good).rebin(edges_out, stretch)
