"""A template grid made ready for fitting: compressed, on the fit's log grid, at the data's resolution."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from agez.photometry.air import air_to_vacuum, vacuum_to_air
from agez.spectra.lines import SPEED_OF_LIGHT_KMS
from agez.spectra.rebin import log_grid, pixel_edges, rebin_rows
from agez.spectra.templates import SSPGrid
from agez.types import Floats, Medium

#: Dispersions of the stars for which broadened templates are kept [km/s].
SIGMA_GRID_KMS = np.array([5, 40, 70, 95, 120, 145, 170, 195, 220, 250, 280, 320, 360, 400], dtype=float)
#: Fine pixels in one pixel of the fit while broadening.
_OVERSAMPLING = 4
#: Basis spectra kept: 30 give E-MILES back to 0.1 % rms.
_RANK = 30
_FWHM_PER_SIGMA = 2.0 * np.sqrt(2.0 * np.log(2.0))


@dataclass(frozen=True, eq=False)
class TemplateBasis:
    """Templates T = coefficients' U: m SSPs of unit light in a basis of r spectra, broadened.

    Attributes
    ----------
    wave_angstrom : (q,) float
        Centres of the fit's pixels, rest frame, in the data's medium.
    edges_angstrom : (q + 1,) float
    velocity_step_kms : float
    spectra : (n_sigma, q, r) float32
        Basis spectra at the data's resolution broadened by each of ``SIGMA_GRID_KMS``.
    coefficients : (r, m) float
        Each column makes an SSP whose mean flux in the normalisation band is 1.
    grid : SSPGrid
    instrument_sigma_kms : (q,) float
        The data's resolution, their own pixel included, the fit's pixel not.
    """

    wave_angstrom: Floats
    edges_angstrom: Floats
    velocity_step_kms: float
    spectra: Floats
    coefficients: Floats
    grid: SSPGrid
    instrument_sigma_kms: Floats


@lru_cache(maxsize=4)
def _compressed(grid: SSPGrid, low: float, high: float) -> tuple[SSPGrid, Floats, Floats]:
    """The part of the grid that is needed, and its best basis of few spectra (singular vectors)."""
    part = grid.cut(low, high)
    unit_light = (part.flux / grid.light[..., None]).reshape(-1, len(part.wave_angstrom)).astype(float)
    rank = min(_RANK, len(unit_light))
    left, singular, right = np.linalg.svd(unit_light.T, full_matrices=False)
    return part, left[:, :rank] * singular[0], (singular[:rank, None] / singular[0]) * right[:rank]


def prepare_basis(
    grid: SSPGrid,
    *,
    fit_range_angstrom: tuple[float, float],
    velocity_step_kms: float,
    fwhm_rest_angstrom: float,
    medium: Medium,
) -> TemplateBasis:
    """Broaden and rebin the grid; the result is cached, since whole surveys share a few resolutions.

    Parameters
    ----------
    fwhm_rest_angstrom : float
        Resolution of the data in the rest frame; it is rounded to 0.02 A so that galaxies at
        neighbouring redshifts share a basis.
    medium : 'air' or 'vacuum'
        Of the data; the templates' wavelengths are converted to it.
    """
    return _prepare(
        grid, fit_range_angstrom, round(velocity_step_kms, 1), round(fwhm_rest_angstrom / 0.02) * 0.02, medium
    )


@lru_cache(maxsize=32)
def _prepare(
    grid: SSPGrid, fit_range: tuple[float, float], velocity_step: float, fwhm_rest: float, medium: Medium
) -> TemplateBasis:
    wave, edges = log_grid(*fit_range, velocity_step)
    fine_step = velocity_step / _OVERSAMPLING
    # room for the widest kernel on both sides
    margin = 5.0 * (SIGMA_GRID_KMS[-1] + SPEED_OF_LIGHT_KMS * fwhm_rest / _FWHM_PER_SIGMA / fit_range[0])
    pad = int(np.ceil(margin / velocity_step)) * _OVERSAMPLING
    step = fine_step / SPEED_OF_LIGHT_KMS
    fine_edges = edges[0] * np.exp(step * np.arange(-pad, _OVERSAMPLING * len(wave) + pad + 1))
    part, basis, coefficients = _compressed(grid, float(fine_edges[0]) - 5.0, float(fine_edges[-1]) + 5.0)
    own = part.wave_angstrom
    if part.medium != medium:
        own = vacuum_to_air(own) if medium == "air" else air_to_vacuum(own)
    everything = np.ones(basis.T.shape, dtype=bool)
    fine, _, _ = rebin_rows(
        pixel_edges(own), basis.T, everything.astype(float), everything, fine_edges, np.ones(basis.shape[1])
    )
    # what the data's resolution adds to the templates' own, in fine pixels, at each wavelength
    fine_wave = np.sqrt(fine_edges[1:] * fine_edges[:-1])
    added = np.sqrt(max(fwhm_rest**2 - grid.fwhm_angstrom**2, 0.0)) / _FWHM_PER_SIGMA
    instrument = added / fine_wave / step
    spectra = np.stack([_broaden(fine, np.hypot(instrument, s / fine_step)) for s in SIGMA_GRID_KMS])
    inner = spectra[:, :, pad : pad + _OVERSAMPLING * len(wave)]
    coarse = inner.reshape(*inner.shape[:2], len(wave), _OVERSAMPLING).mean(axis=-1)
    return TemplateBasis(
        wave,
        edges,
        velocity_step,
        np.ascontiguousarray(np.swapaxes(coarse, 1, 2), dtype=np.float32),
        coefficients,
        grid,
        SPEED_OF_LIGHT_KMS * fwhm_rest / _FWHM_PER_SIGMA / wave,
    )


def _broaden(rows: Floats, sigma_pixels: Floats) -> Floats:
    """Convolve rows (r, p) with a Gaussian whose width varies from pixel to pixel (p,), normalised at each pixel."""
    reach = int(np.ceil(5.0 * sigma_pixels.max())) + 1
    padded = np.pad(rows, ((0, 0), (reach, reach)), mode="edge")
    offsets = np.arange(-reach, reach + 1)
    kernel = np.exp(-0.5 * (offsets[:, None] / np.maximum(sigma_pixels, 0.3)) ** 2)
    kernel /= kernel.sum(axis=0)
    out = np.zeros(rows.shape)
    for weight, offset in zip(kernel, offsets, strict=True):
        start = reach + offset
        out += weight * padded[:, start : start + rows.shape[1]]
    return out
