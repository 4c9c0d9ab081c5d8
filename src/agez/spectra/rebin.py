"""Spectra onto a logarithmic rest-frame grid, each with its own shift, conserving flux."""

from __future__ import annotations

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
    """
    n, p = flux.shape
    edges = edges_out[None, :] * stretch[:, None]
    low, high = edges[:, :-1], edges[:, 1:]
    first = np.searchsorted(edges_in, low.ravel(), side="right").reshape(low.shape) - 1
    last = np.searchsorted(edges_in, high.ravel(), side="left").reshape(low.shape) - 1
    total = np.zeros(low.shape)
    total_variance = np.zeros(low.shape)
    width = np.zeros(low.shape)
    row = np.arange(n)[:, None]
    for offset in range(int((last - first).max()) + 1):
        pixel = first + offset
        at = np.clip(pixel, 0, p - 1)
        overlap = np.minimum(high, edges_in[at + 1]) - np.maximum(low, edges_in[at])
        overlap = np.where((pixel == at) & good[row, at], np.maximum(overlap, 0.0), 0.0)
        total += overlap * flux[row, at]
        total_variance += overlap**2 * variance[row, at]
        width += overlap
    good_out = width >= _GOOD_PART * (high - low)
    safe = np.where(good_out, width, 1.0)
    return (
        np.where(good_out, total / safe, 0.0).astype(np.float32),
        np.where(good_out, total_variance / safe**2, 1.0).astype(np.float32),
        good_out,
    )
