"""Motion and resolution in Fourier space: shifts, and Gaussians of any width, on logarithmic wavelength grids."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import fft

from agez.spectra.lines import SPEED_OF_LIGHT_KMS
from agez.types import Floats

#: Nodes in variance are this far apart in the logarithm of the variance plus ``_OWN_VARIANCE`` [pixels^2].
_NODE_STEP = 0.25
_OWN_VARIANCE = 3.0


def move_and_broaden(flux: Floats, velocity_kms: Floats, sigma_kms: Floats, *, step_kms: float) -> Floats:
    """Shift and broaden spectra on a logarithmic wavelength grid, each by its own velocity and dispersion.

    Exact for band-limited spectra: the Fourier transform times that of a Gaussian line-of-sight
    velocity distribution.  The ends (a few dispersions) wrap around and are not to be used.

    Parameters
    ----------
    flux : (n, p) float32
    velocity_kms, sigma_kms : (n,) float
    step_kms : float
        c times the step of the natural logarithm of the wavelength.
    """
    n_pixel = flux.shape[1]
    omega = (2 * np.pi * np.arange(n_pixel // 2 + 1) / n_pixel).astype(np.float32)
    shift = (SPEED_OF_LIGHT_KMS / step_kms * np.log1p(velocity_kms / SPEED_OF_LIGHT_KMS)).astype(np.float32)
    width = (sigma_kms / step_kms).astype(np.float32)
    damping = np.exp(-0.5 * (width[:, None] * omega) ** 2)
    phase = -shift[:, None] * omega
    transform = fft.rfft(flux, axis=1)
    kernel = np.empty_like(transform)
    kernel.real, kernel.imag = damping * np.cos(phase), damping * np.sin(phase)
    return np.asarray(fft.irfft(transform * kernel, n=n_pixel, axis=1))


def broaden_and_bin(rows: Floats, variance: Floats, *, first: int, factor: int) -> Iterator[Floats]:
    """Rows convolved with Gaussians whose width varies along them, then averaged over wider pixels.

    The transform of a Gaussian is known, however narrow it is (Cappellari 2017, MNRAS 466, 798, section 2.2), and so
    is that of a pixel.  A width that varies is had from a few constant ones: what a spectrum becomes is a smooth
    function of the Gaussian's variance, and is interpolated in it (four-point Lagrange), pixel by pixel.

    Parameters
    ----------
    rows : (r, p) float
        Samples at constant steps; they should vary little from one to the next.
    variance : (k, q) float
        Of k Gaussians at each of the output pixels [steps^2], not negative.
    first, factor : int
        Output pixel j is centred on sample ``first + factor * j`` and ``factor`` steps wide.

    Yields
    ------
    (q, r) float
        For each of the k Gaussians.
    """
    r, p = rows.shape
    q = variance.shape[1]
    # a straight line stays as it is; without it the two ends meet, and nothing rings where they do
    line = rows[:, :1] + (rows[:, -1:] - rows[:, :1]) * np.linspace(0.0, 1.0, p)
    n = fft.next_fast_len(p, real=True)
    transform = fft.rfft(rows - line, n=n, axis=1)
    omega = 2 * np.pi * np.arange(n // 2 + 1) / n
    transform *= np.sinc(omega * factor / (2 * np.pi))
    place = (np.log(variance + _OWN_VARIANCE) - np.log(_OWN_VARIANCE)) / _NODE_STEP
    at_node = _OWN_VARIANCE * (np.exp(_NODE_STEP * np.arange(max(int(place.max()) + 3, 4))) - 1.0)
    used = slice(first, first + factor * q, factor)
    nodes = np.empty((len(at_node), q, r))
    for node, t in zip(nodes, at_node, strict=True):
        node[:] = fft.irfft(transform * np.exp(-0.5 * t * omega**2), n=n, axis=1)[:, used].T
        node += line[:, used].T
    pixel = np.arange(q)
    for row in place:
        start = np.clip(row.astype(int) - 1, 0, len(nodes) - 4)
        x = row - start
        yield sum(
            (weight[:, None] * nodes[start + i, pixel] for i, weight in enumerate(_lagrange(x))), np.zeros((q, r))
        )


def _lagrange(x: Floats) -> list[Floats]:
    """Weights of the nodes 0, 1, 2, 3 in the cubic through them, at x."""
    return [
        -(x - 1) * (x - 2) * (x - 3) / 6,
        x * (x - 2) * (x - 3) / 2,
        -x * (x - 1) * (x - 3) / 2,
        x * (x - 1) * (x - 2) / 6,
    ]
