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
    """How much each pixel of a wavelength grid counts in each band."""

    weights: Floats  #: (b, p) The mean f_nu in band b is sum_i weights[b, i] f_nu[i] (divided by ``coverage``).
    coverage: Floats  #: (b,) Sum of the weights: the fraction of the band's response that the grid reaches, 0 to 1.
    pixels: Floats  #: (b,) Pixels in the band's full width at half maximum.
    #: tuple of (bands, low, high): Index arrays of bands, and the pixel range outside which all their weights are zero.
    blocks: tuple[tuple[NDArray[np.intp], int, int], ...]


@dataclass(frozen=True, eq=False)
class _Integrals:
    """All bands' g = R/w / int(R/w dw), linear between nodes, and its antiderivatives; one band after another."""

    nodes: Floats
    g: Floats
    once: Floats
    twice: Floats
    start: NDArray[np.intp]
    stop: NDArray[np.intp]

    def at(self, wave: Floats, band: NDArray[np.intp]) -> tuple[Floats, Floats]:
        """First and second antiderivative of the g of each ``band`` at each ``wave``, zero below the first node."""
        first, last = self.nodes[self.start[band]], self.nodes[self.stop[band] - 1]
        inside = np.clip(wave, first, last)
        # One search for all bands: each band's nodes are moved beyond those of the band before.
        far = 2.0 * float(self.nodes.max())
        owner = np.repeat(np.arange(len(self.start)), self.stop - self.start)
        k = np.searchsorted(self.nodes + far * owner, inside + far * band, side="right") - 1
        k = np.clip(k, self.start[band], self.stop[band] - 2)
        u = inside - self.nodes[k]
        g, once = self.g[k], self.once[k]
        slope = (self.g[k + 1] - g) / (self.nodes[k + 1] - self.nodes[k])
        twice = self.twice[k] + u * (once + u * (g / 2 + u * slope / 6))
        once = once + u * (g + u * slope / 2)
        return once, twice + np.maximum(wave - last, 0.0)


@lru_cache(maxsize=32)
def _integrals(filters: FilterSet) -> _Integrals:
    columns: list[list[Floats]] = [[], [], [], []]
    for wave, response in filters.curves:
        parts = np.ceil(np.diff(np.log(wave)) / _FINEST_STEP).astype(int)
        starts = np.repeat(np.arange(len(parts)), parts)
        within = np.arange(len(starts)) - np.repeat(np.cumsum(parts) - parts, parts)
        fraction = within / np.repeat(parts, parts)
        nodes = np.append(wave[starts] + fraction * np.diff(wave)[starts], wave[-1])
        g = np.interp(nodes, wave, response) / nodes
        h = np.diff(nodes)
        g = g / (np.sum(h * (g[1:] + g[:-1])) / 2)
        once = np.concatenate([[0.0], np.cumsum(h * (g[1:] + g[:-1]) / 2)])
        twice = np.concatenate([[0.0], np.cumsum(h * once[:-1] + h**2 * (2 * g[:-1] + g[1:]) / 6)])
        for column, values in zip(columns, (nodes, g, once, twice), strict=True):
            column.append(values)
    stop = np.cumsum([len(nodes) for nodes in columns[0]])
    start = np.concatenate([[0], stop[:-1]])
    nodes, g, once, twice = (np.concatenate(column) for column in columns)
    return _Integrals(nodes, g, once, twice, start, stop)


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
    integrals = _integrals(filters)
    first, last = integrals.nodes[integrals.start], integrals.nodes[integrals.stop - 1]
    low = np.maximum(np.searchsorted(wave, first, side="right") - 1, 0)
    high = np.minimum(np.searchsorted(wave, last, side="left") + 1, len(wave))
    count = np.where(high - low >= 2, high - low, 0)  # 0: the grid ends before the band begins, or begins after its end
    weights = np.zeros((len(filters), len(wave)))
    coverage = np.zeros(len(filters))
    met = np.flatnonzero(count)
    if len(met):
        end = np.cumsum(count)[met] - 1
        begin = end - count[met] + 1
        band = np.repeat(np.arange(len(filters)), count)
        pixel = np.arange(len(band)) - np.repeat(np.cumsum(count) - count, count) + low[band]
        x = wave[pixel]
        once, twice = integrals.at(x, band)
        step = np.diff(x)
        step[end[:-1]] = 1.0  # from one band to the next: replaced below
        mean = np.diff(twice) / step
        right, left = np.append(mean, 0.0), np.concatenate([[0.0], mean])
        right[end], left[begin] = once[end], once[begin]
        weight = right - left
        weight[np.abs(weight) < 1e-12] = 0.0  # differences of larger numbers leave some rounding
        weights[band, pixel] = weight
        coverage[met] = once[end] - once[begin]
    step = np.interp(filters.bands.pivot_angstrom, wave, np.gradient(wave))
    pixels = np.asarray(filters.bands.fwhm_angstrom) / step
    return ResponseMatrix(weights, coverage, pixels, _blocks(np.stack([low, low + count], axis=1)))


def _blocks(spans: NDArray[np.intp]) -> tuple[tuple[NDArray[np.intp], int, int], ...]:
    """Group bands that lie side by side, so that each product is dense and still short."""
    blocks: list[tuple[list[int], int, int, int]] = []
    order = np.argsort(spans[:, 0], kind="stable")
    for band, (low, high) in zip(order.tolist(), spans[order].tolist(), strict=True):
        if high == low:
            continue
        for at in range(len(blocks) - 1, max(len(blocks) - 3, -1), -1):
            members, first, last, smallest = blocks[at]
            smallest = min(high - low, smallest)
            if max(last, high) - first <= _BLOCK_SPAN * smallest:
                blocks[at] = ([*members, band], first, max(last, high), smallest)
                break
        else:
            blocks.append(([band], low, high, high - low))
    return tuple((np.array(members), first, last) for members, first, last, _ in blocks)
