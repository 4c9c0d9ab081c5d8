"""Response matrices: one for each wavelength grid, so that photometry is one matrix product."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from agez.errors import AgezError
from agez.photometry.filters import FilterSet
from agez.types import Floats

#: Curves are refined to this relative step, below which taking R/w as linear between points is exact to 1e-7.
_FINEST_STEP = 1e-3
#: Neighbouring bands share a product while the pixels they span together are at most this many times one band's.
_BLOCK_SPAN = 4.0


@dataclass(frozen=True, eq=False)
class ResponseMatrix:
    """How much each pixel of a wavelength grid counts in each band.

    Attributes
    ----------
    weights : (b, p) float
        The mean f_nu in band b is sum_i weights[b, i] f_nu[i] (divided by ``coverage``).
    coverage : (b,) float
        Sum of the weights: the fraction of the band's response that the grid reaches, 0 to 1.
    blocks : tuple of (bands, low, high)
        Index arrays of bands, and the pixel range outside which all their weights are zero.
    """

    weights: Floats
    coverage: Floats
    blocks: tuple[tuple[NDArray[np.intp], int, int], ...]


@dataclass(frozen=True, eq=False)
class _Integrals:
    """Antiderivatives of one band's g = R/w / int(R/w dw), which is linear between the nodes."""

    nodes: Floats
    g: Floats
    once: Floats
    twice: Floats

    def at(self, wave: Floats) -> tuple[Floats, Floats]:
        """First and second antiderivative of g, zero below the first node, at ``wave``."""
        k = np.clip(np.searchsorted(self.nodes, wave, side="right") - 1, 0, len(self.nodes) - 2)
        u = wave - self.nodes[k]
        h = self.nodes[k + 1] - self.nodes[k]
        slope = (self.g[k + 1] - self.g[k]) / h
        once = self.once[k] + u * (self.g[k] + u * slope / 2)
        twice = self.twice[k] + u * (self.once[k] + u * (self.g[k] / 2 + u * slope / 6))
        below, above = u < 0, wave > self.nodes[-1]
        u = wave - self.nodes[-1]
        once = np.where(below, 0.0, np.where(above, 1.0, once))
        return once, np.where(below, 0.0, np.where(above, self.twice[-1] + u, twice))


@lru_cache(maxsize=32)
def _integrals(filters: FilterSet) -> tuple[_Integrals, ...]:
    made = []
    for wave, response in filters.curves:
        parts = np.ceil(np.diff(np.log(wave)) / _FINEST_STEP).astype(int)
        starts = np.repeat(np.arange(len(parts)), parts)
        within = np.arange(len(starts)) - np.repeat(np.cumsum(parts) - parts, parts)
        fraction = within / np.repeat(parts, parts)
        nodes = np.append(wave[starts] + fraction * np.diff(wave)[starts], wave[-1])
        g = np.interp(nodes, wave, response) / nodes
        h = np.diff(nodes)
        area = np.sum(h * (g[1:] + g[:-1])) / 2
        g = g / area
        once = np.concatenate([[0.0], np.cumsum(h * (g[1:] + g[:-1]) / 2)])
        steps = h * once[:-1] + h**2 * (2 * g[:-1] + g[1:]) / 6
        made.append(_Integrals(nodes, g, once, np.concatenate([[0.0], np.cumsum(steps)])))
    return tuple(made)


def response_matrix(wave_angstrom: Floats, filters: FilterSet) -> ResponseMatrix:
    """The matrix that turns f_nu on a wavelength grid into the mean f_nu of each band.

    A photon-counting detector measures (Fukugita et al. 1996, AJ 111, 1748; Bessell & Murphy 2012,
    PASP 124, 140)::

        <f_nu> = int f_nu R dnu/nu / int R dnu/nu = int f_lambda R w dw / (c int R dw/w)

    f_nu is taken as linear in wavelength between pixels.  Its integral against the curve is then
    exact: with g = R/w and G its second antiderivative, the weight of pixel i is the second
    divided difference of G at pixels i-1, i, i+1.  So grids may be coarse, uneven or logarithmic,
    and the weights of a band that is reached sum to one: a flat f_nu has one AB magnitude in all.

    Parameters
    ----------
    wave_angstrom : (p,) float
        Strictly increasing, vacuum, in the frame in which the bands see the light.
    filters : FilterSet

    Returns
    -------
    ResponseMatrix
        Kept for the 32 last used pairs of grid and set.
    """
    wave = np.ascontiguousarray(wave_angstrom, dtype=float)
    if wave.ndim != 1 or len(wave) < 2 or not np.all(np.diff(wave) > 0):
        raise AgezError("response matrix: wavelengths must be at least 2, strictly increasing")
    return _cached_matrix(wave.tobytes(), filters)


@lru_cache(maxsize=32)
def _cached_matrix(wave_bytes: bytes, filters: FilterSet) -> ResponseMatrix:
    return build_matrix(np.frombuffer(wave_bytes), filters)


def build_matrix(wave: Floats, filters: FilterSet) -> ResponseMatrix:
    """:func:`response_matrix` without the cache and the checks, for grids that are used once."""
    weights = np.zeros((len(filters), len(wave)))
    coverage = np.zeros(len(filters))
    spans = np.zeros((len(filters), 2), dtype=int)
    for band, integral in enumerate(_integrals(filters)):
        low = max(int(np.searchsorted(wave, integral.nodes[0], side="right")) - 1, 0)
        high = min(int(np.searchsorted(wave, integral.nodes[-1], side="left")) + 1, len(wave))
        if high - low < 2:
            continue  # the grid ends before the band begins, or begins after its end
        part = wave[low:high]
        once, twice = integral.at(part)
        mean = np.diff(twice) / np.diff(part)
        weights[band, low:high] = np.diff(np.concatenate([[once[0]], mean, [once[-1]]]))
        coverage[band] = once[-1] - once[0]
        spans[band] = low, high
    # Differences of large numbers leave a rounding of 1e-13 where a weight is zero.
    weights[np.abs(weights) < 1e-12] = 0.0
    return ResponseMatrix(weights, coverage, _blocks(spans))


def _blocks(spans: NDArray[np.intp]) -> tuple[tuple[NDArray[np.intp], int, int], ...]:
    """Group bands that lie side by side, so that each product is dense and still short."""
    blocks: list[tuple[list[int], int, int]] = []
    for band in np.argsort(spans[:, 0], kind="stable"):
        low, high = int(spans[band, 0]), int(spans[band, 1])
        if high == low:
            continue
        for at in range(len(blocks) - 1, max(len(blocks) - 3, -1), -1):
            members, first, last = blocks[at]
            smallest = min(high - low, *(int(np.diff(spans[m])[0]) for m in members))
            if max(last, high) - first <= _BLOCK_SPAN * smallest:
                blocks[at] = ([*members, int(band)], first, max(last, high))
                break
        else:
            blocks.append(([int(band)], low, high))
    return tuple((np.array(members), first, last) for members, first, last in blocks)
