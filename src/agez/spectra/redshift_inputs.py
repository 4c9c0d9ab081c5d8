"""Spectra made ready for the search of their redshifts: on the logarithmic grid, without spikes and continuum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agez.spectra.continuum import without_lines
from agez.spectra.formats_common import FWHM_PER_SIGMA
from agez.spectra.lines import SPEED_OF_LIGHT_KMS
from agez.spectra.rebin import noise_correlation, pixel_edges, rebin_rows
from agez.spectra.redshift_basis import CONTINUUM_KMS, STEP_KMS, grid_edges, pixels_of
from agez.spectra.template_basis import known_fwhm
from agez.types import Bools, Floats, Spectra

#: What templates are wrong by, as a fraction of the continuum: added to errors in quadrature.
_TEMPLATE_ERROR = 0.02
#: A pixel, or two together, this many sigma off their neighbours, and this many times further off than they (by the
#: number of pixels), are no part of a line that is at least so many pixels wide (FWHM).
_SPIKE_SIGMA, _SPIKE_RATIO = 8.0, {1: 4.0, 2: 6.0}
_SPIKES_FROM_FWHM_PIXELS = 1.9
#: Errors below this part of a row's level are taken as this: their squares must not underflow.
_LEAST_ERROR = 1e-6


@dataclass(frozen=True, eq=False)
class ReadySpectra:
    """Spectra on the grid of :mod:`agez.spectra.redshift_basis`, in units of each row's level."""

    first: int  #: Pixel i is pixel ``first + i`` of the grid.
    residual: Floats  #: (n, q) Flux less continuum; 0 where bad.
    continuum: Floats  #: (n, q) Not negative.
    weight: Floats  #: (n, q) Inverse variance, less what neighbouring pixels share; 0 where bad.
    n_pixels: Floats  #: (n,) Independent good pixels.


def ready_spectra(spectra: Spectra) -> ReadySpectra:
    """Rebin, and part features from the continuum."""
    wave = spectra.wave_angstrom
    good = ~spectra.mask & np.isfinite(spectra.flux) & np.isfinite(spectra.flux_err) & (spectra.flux_err > 0)
    flux, error = in_units_of_level(spectra, good)
    if np.median(known_fwhm(wave, spectra.fwhm_angstrom) / np.gradient(wave)) >= _SPIKES_FROM_FWHM_PIXELS:
        good &= ~_spikes(flux, error, good)
    edges_in = pixel_edges(wave)
    first, count = pixels_of(float(edges_in[0]), float(edges_in[-1]))
    edges = grid_edges(first, count)
    rebinned, variance, used = rebin_rows(
        edges_in, np.where(good, flux, 0.0), np.where(good, error, 1.0) ** 2, good, edges, np.ones(len(flux))
    )
    flux, variance = np.where(used, rebinned, 0.0).astype(float), variance.astype(float)
    continuum = without_lines(flux, np.sqrt(variance), used, sigma_pixels=CONTINUUM_KMS / STEP_KMS)
    positive = np.maximum(continuum, 0.0)
    correlation = noise_correlation(edges_in, edges, 1.0)
    weight = np.where(used, 1.0 / (variance + (_TEMPLATE_ERROR * positive) ** 2), 0.0) / correlation
    return ReadySpectra(
        first, np.where(used, flux - continuum, 0.0), positive, weight, np.sum(used / correlation, axis=1)
    )


def in_units_of_level(spectra: Spectra, good: Bools) -> tuple[Floats, Floats]:
    """Flux and error (n, p) in units of each row's level: the median of its absolute flux, or of its error if larger.

    A row without continuum has the level of its noise.
    """
    some = good | ~good.any(axis=1, keepdims=True)

    def typical(values: Floats) -> Floats:
        return np.asarray(np.nanmedian(np.where(some, np.where(good, np.abs(values), 1.0), np.nan), axis=1))

    level = np.maximum(typical(spectra.flux), typical(spectra.flux_err))
    unit = np.where(level > 0, level, 1.0)[:, None]
    error = np.maximum(np.where(good, spectra.flux_err, unit).astype(float) / unit, _LEAST_ERROR)
    return np.where(good, spectra.flux, 0.0).astype(float) / unit, error


def instrument_sigma_kms(spectra: Spectra) -> float:
    """Dispersion of the line-spread function, the data's own pixel included (median over the pixels)."""
    wave = spectra.wave_angstrom
    sigma = known_fwhm(wave, spectra.fwhm_angstrom) / FWHM_PER_SIGMA
    return float(SPEED_OF_LIGHT_KMS * np.median(np.hypot(sigma, np.gradient(wave) / np.sqrt(12.0)) / wave))


def _spikes(flux: Floats, error: Floats, good: Bools) -> Bools:
    """(n, p) single pixels and pairs that no line of an instrument's width can make: cosmic rays and dead pixels."""
    out = np.zeros(flux.shape, dtype=bool)
    p = flux.shape[1]
    for width, ratio in _SPIKE_RATIO.items():
        count = p - width - 3  # of places for a spike with two pixels on either side
        if count < 1:
            continue

        def at(values: NDArray[Any], offset: int, count: int = count) -> NDArray[Any]:
            return values[:, offset : offset + count]

        level = 0.5 * (at(flux, 0) + at(flux, width + 3))
        near = np.maximum(np.abs(at(flux, 1) - level), np.abs(at(flux, width + 2) - level))
        off = np.max([np.abs(at(flux, 2 + i) - level) for i in range(width)], axis=0)
        noise = np.max([at(error, 2 + i) for i in range(width)], axis=0)
        spike = (off - near > _SPIKE_SIGMA * noise) & (off > ratio * near)
        for beside in (0, 1, width + 2, width + 3):
            spike &= at(good, beside)
        for i in range(width):
            out[:, 2 + i : 2 + i + count] |= spike
    return out
