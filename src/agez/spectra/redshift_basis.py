"""What galaxies look like in the search for a redshift: features of stars and of gas on one logarithmic grid."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.ndimage import gaussian_filter1d

from agez.photometry.air import to_medium
from agez.spectra.continuum import local_line
from agez.spectra.dust import attenuation_curve
from agez.spectra.formats_common import FWHM_PER_SIGMA
from agez.spectra.lines import CASE_B_OVER_HBETA, SPEED_OF_LIGHT_KMS, line
from agez.spectra.rebin import pixel_edges, rebin_rows
from agez.spectra.templates import SSPGrid
from agez.types import Floats, Medium

#: Pixels of the search: 1e-4 in log10 of the wavelength, as SDSS has them [km/s]; and the place of pixel 0 [Angstrom].
STEP_KMS = SPEED_OF_LIGHT_KMS * np.log(10.0) * 1e-4
ORIGIN_ANGSTROM = 1000.0
#: Sigma of the Gaussian over which continua are straight lines [km/s]: wider than any line and band, narrower than the
#: slopes that dust and flux calibration give.
CONTINUUM_KMS = 6000.0
#: Motion that templates have: of the stars and of the gas [km/s].
_STARS_KMS, _GAS_KMS = 130.0, 80.0
#: Templates are used inside these wavelengths [Angstrom].
_RANGE_ANGSTROM = (1700.0, 10_500.0)
#: Narrower kernels change nothing [pixels].
_LEAST_SIGMA = 0.05
#: Share of a population's median light below which it has no features.
_LEAST_LIGHT = 1e-3
#: Principal components of the populations' features beside their mean.
_COMPONENTS = 4
#: Standard deviation of the depth of a galaxy's features about that of the populations: other light dilutes them.
_DEPTH_SIGMA = 0.3
#: Flux of lines over that of Hbeta: in HII regions that are rich and poor in metals (Kewley & Dopita 2002, ApJS 142,
#: 35; Curti et al. 2017, MNRAS 465, 1384), and in galaxies with an active nucleus (Kewley et al. 2006, MNRAS 372,
#: 961; Ho 2008, ARA&A 46, 475).  Balmer lines are those of case B.
_RATIOS: tuple[dict[str, float], ...] = (
    {"OII3726": 0.5, "OII3729": 0.7, "OIII5007": 0.3, "NII6583": 1.1, "SII6716": 0.5, "SII6731": 0.4},
    {"OII3726": 0.7, "OII3729": 0.9, "NeIII3869": 0.4, "OIII5007": 5.0, "NII6583": 0.12, "SII6716": 0.2,
     "SII6731": 0.15},
    {"OII3726": 2.5, "OII3729": 2.5, "NeIII3869": 0.5, "OIII5007": 4.0, "OI6300": 0.6, "NII6583": 3.5,
     "SII6716": 1.4, "SII6731": 1.3},
)  # fmt: skip
#: The kinds of gas, each with its V-band attenuation [mag].
_GAS_AV = ((0, 0.3), (0, 2.0), (1, 0.3), (2, 1.0))


@dataclass(frozen=True, eq=False)
class RedshiftBasis:
    """Columns that a galaxy's features are a combination of, in rest-frame pixels of ``STEP_KMS``.

    Stars' columns are features over the continuum, f / continuum - 1; lines are in units of flux density.
    """

    first: int  #: Pixel i of the columns is pixel ``first + i`` of the grid that begins at ``ORIGIN_ANGSTROM``.
    stars: Floats  #: (k, q) Mean of the populations, and principal components, each of unit coefficient's size.
    lines: Floats  #: (l, q) Kinds of emission-line spectra of unit peak.
    prior_mean: Floats  #: (k,) Of the stars' coefficients.
    prior_precision: Floats  #: (k,) Inverse variance.


def grid_edges(first: int, count: int) -> Floats:
    """Edges (count + 1,) of the grid's pixels [Angstrom]."""
    return np.asarray(ORIGIN_ANGSTROM * np.exp(STEP_KMS / SPEED_OF_LIGHT_KMS * (first + np.arange(count + 1))))


def pixels_of(low_angstrom: float, high_angstrom: float) -> tuple[int, int]:
    """First pixel of the grid that lies inside a range, and how many do."""
    places = np.log(np.array([low_angstrom, high_angstrom]) / ORIGIN_ANGSTROM) * SPEED_OF_LIGHT_KMS / STEP_KMS
    first, end = int(np.ceil(places[0])), int(np.floor(places[1]))
    return first, max(end - first, 0)


def redshift_basis(grid: SSPGrid, *, instrument_sigma_kms: float, medium: Medium) -> RedshiftBasis:
    """The basis for data of a resolution; cached, with the resolution rounded to 20 km/s.

    Parameters
    ----------
    grid : SSPGrid
        Its populations are what galaxies are made of; pixels that it does not cover have no feature.
    instrument_sigma_kms : float
        Dispersion of the data's line-spread function.
    medium : 'air' or 'vacuum'
        Of the data.
    """
    return _basis(grid, 20.0 * max(round(instrument_sigma_kms / 20.0), 1), medium)


@lru_cache(maxsize=8)
def _basis(grid: SSPGrid, instrument_kms: float, medium: Medium) -> RedshiftBasis:
    wave = to_medium(grid.wave_angstrom, grid.medium, medium)
    first, count = pixels_of(max(wave[0], _RANGE_ANGSTROM[0]), min(wave[-1], _RANGE_ANGSTROM[1]))
    edges = grid_edges(first, count)
    centres = np.sqrt(edges[1:] * edges[:-1])
    features = _features(grid, wave, edges, np.hypot(instrument_kms, _STARS_KMS))
    mean = features.mean(axis=0)
    rank = min(_COMPONENTS, len(features) - 1)
    _, singular, right = np.linalg.svd(features - mean, full_matrices=False)
    components = right[:rank] * (singular[:rank, None] / np.sqrt(len(features)))
    precision = np.ones(1 + rank)
    precision[0] = _DEPTH_SIGMA**-2
    return RedshiftBasis(
        first, np.concatenate([mean[None, :], components]), _lines(centres, np.hypot(instrument_kms, _GAS_KMS), medium),
        np.eye(1, 1 + rank)[0], precision,
    )  # fmt: skip


def _features(grid: SSPGrid, wave: Floats, edges: Floats, sigma_kms: float) -> Floats:
    """(m, q) f / continuum - 1 of every population of the grid, broadened to a dispersion."""
    low, high = np.searchsorted(wave, edges[[0, -1]])
    near = slice(max(int(low) - 2, 0), int(high) + 2)
    wave, flux = wave[near], grid.flux[..., near]
    unit = (flux / flux.mean(axis=-1, keepdims=True)).reshape(-1, len(wave)).astype(float)
    everywhere = np.ones(unit.shape, dtype=bool)
    flux, _, _ = rebin_rows(pixel_edges(wave), unit, np.ones(unit.shape), everywhere, edges, np.ones(len(unit)))
    middle = np.sqrt(edges[0] * edges[-1])
    own = SPEED_OF_LIGHT_KMS * grid.fwhm_angstrom / FWHM_PER_SIGMA / middle
    sigma = float(np.sqrt(max(sigma_kms**2 - own**2, 0.0))) / STEP_KMS
    # of templates that are coarser than that the filter's kernel would be NaN
    broad = gaussian_filter1d(flux.astype(float), sigma, axis=1) if sigma > _LEAST_SIGMA else flux.astype(float)
    smooth = local_line(broad, np.ones(broad.shape), sigma_pixels=CONTINUUM_KMS / STEP_KMS)
    # in the far ultraviolet old stars have no light; what is divided by next to none is no feature
    lit = smooth > _LEAST_LIGHT * np.median(smooth, axis=1, keepdims=True)
    return np.where(lit, np.clip(broad / np.where(lit, smooth, 1.0) - 1.0, -1.0, 1.0), 0.0)


def _lines(centres: Floats, sigma_kms: float, medium: Medium) -> Floats:
    """(l, q) spectra of unit peak: kinds of lines, each with its attenuation."""
    out = []
    for kind, av in _GAS_AV:
        fluxes = {**CASE_B_OVER_HBETA, **_RATIOS[kind]}
        fluxes |= {"OIII4959": fluxes["OIII5007"] / 2.98, "NII6548": fluxes["NII6583"] / 3.05}
        at = np.array([line(name).wave_angstrom(medium) for name in fluxes])
        kms = SPEED_OF_LIGHT_KMS * np.log(centres / at[:, None])
        profiles = np.exp(-0.5 * (kms / sigma_kms) ** 2) / at[:, None]
        dimmed = np.array(list(fluxes.values())) * 10 ** (-0.4 * av * attenuation_curve(at, "ccm89"))
        spectrum = dimmed @ profiles
        out.append(spectrum / max(spectrum.max(), 1e-300))
    return np.array(out)
