"""Voronoi bins of spaxels by the optional package powerbin, which is not part of this program.

Powerbin (M. Cappellari; centroidal power diagrams: Cappellari 2025, MNRAS 544, 1432) is free for non-commercial use.
Of the two packages of its author's it is the one that is maintained (vorbin is deprecated in its favour), it needs no
S/N that grows with each spaxel (with MaNGA's covariance the sum of two neighbours has a lower S/N than one of them, and
vorbin's bins stop growing there), and its time goes as n log n.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agez.runtime.optional_packages import need
from agez.spectra.covariance import SpatialCovariance
from agez.types import Floats

#: A triangulation of the spaxels needs this many.
_MIN_SPAXELS = 4
_MAX_ITERATIONS = 50


def need_powerbin() -> Any:
    """The class PowerBin; AgezError with the command that installs it."""
    with warnings.catch_warnings(action="ignore"):
        return need("powerbin", extra="bin", purpose="Voronoi binning (method none does without)").PowerBin


def voronoi_bins(
    xy: Floats, signal: Floats, noise: Floats, target_snr: float, covariance: SpatialCovariance
) -> tuple[NDArray[np.int64], str]:
    """Bin of each spaxel, with a S/N near the target each.

    Parameters
    ----------
    xy : (n, 2) float
        Pixel numbers.
    signal, noise : (n,) float
        Their ratio is the S/N.  Signals are positive.
    target_snr : float
        No spaxel reaches it alone.

    Returns
    -------
    bin : (n,) int
        From 0, without gaps.
    engine : str
        ``powerbin``; ``powerbin, not regularised`` where the regularisation fails; or ``one bin``, where no bin
        reaches the target.
    """
    variance = noise**2

    def capacity(index: Any) -> float:
        """(S/N)^2 of the sum of some spaxels: what the bins are to have alike."""
        at = np.asarray(index)
        ratio = float(covariance.ratio(at.size))
        return float(signal[at].sum() ** 2 / (variance[at].sum() * ratio**2))

    return _cells(xy, capacity, float(target_snr) ** 2)


def power_bins(xy: Floats, capacity: Floats, target: float) -> NDArray[np.int64]:
    """Bin of each pixel, from 0 without gaps, such that the capacities (n,) of the pixels of each add up to the target.

    All are one bin where no division can be found.
    """
    return _cells(xy, capacity, target)[0]


def _cells(xy: Floats, capacity: Any, target: float) -> tuple[NDArray[np.int64], str]:
    power_bin = need_powerbin()
    if len(xy) >= _MIN_SPAXELS:
        for regularise in (True, False):
            with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
                try:
                    done = power_bin(
                        xy, capacity, target, pixelsize=1.0, verbose=0, regul=regularise, maxiter=_MAX_ITERATIONS
                    )
                except (ValueError, IndexError, RuntimeError):  # no good bin; spaxels in one line; an empty bin
                    continue
            _, bins = np.unique(done.bin_num, return_inverse=True)
            return bins.astype(np.int64), "powerbin" if regularise else "powerbin, not regularised"
    return np.zeros(len(xy), dtype=np.int64), "one bin"
