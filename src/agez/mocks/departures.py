"""What mock galaxies can have that a spectral fit does not know of: abundances, calibration, sky, nebular light, AGN.

The standard mock survey has none of it.  Each effect comes from a generator of its own, so that galaxies with and
without it are otherwise the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from scipy.ndimage import gaussian_filter1d, uniform_filter1d

from agez.errors import AgezError
from agez.mocks import observation
from agez.mocks.nebular import Gas
from agez.mocks.nebular_continuum import continuum_over_halpha
from agez.mocks.observation import SIGMA_PER_FWHM, WAVE_ANGSTROM, PreparedGrid
from agez.mocks.spaxels import Spaxels
from agez.photometry.air import air_to_vacuum
from agez.spectra.combined_templates import interpolated_along
from agez.spectra.dust import attenuation_curve
from agez.spectra.lines import EMISSION_LINES, LINE_NAMES, line_waves
from agez.types import Floats

#: [alpha/Fe] = ALPHA_ZERO + ALPHA_SLOPE log10(sigma / km/s) in early types (Thomas et al. 2010, MNRAS 404, 1775);
#: what late types have less, and the scatter, are our guesses [dex].
ALPHA_ZERO, ALPHA_SLOPE, ALPHA_LATE, ALPHA_SCATTER = -0.55, 0.33, -0.10, 0.10
ALPHA_RANGE = (-0.1, 0.5)
#: At a fixed total metallicity [Fe/H] = [M/H] - 0.93 [alpha/Fe] (Trager et al. 2000, AJ 119, 1645).
IRON_PER_ALPHA = 0.93
#: Where Mg, Ca, Na, C and N absorb more than iron does [Angstrom, air] (bands of the indices that follow these elements
#: in Tripicco & Bell 1995, AJ 110, 3035: CN, Ca H and K, Ca4227, G4300, C4668, Mg and Mg b, Na D).
ALPHA_BANDS = (
    (3840.0, 3990.0), (4140.0, 4245.0), (4280.0, 4320.0), (4630.0, 4725.0), (5060.0, 5210.0), (5875.0, 5912.0),
)  # fmt: skip
#: Lines are told from the continuum by a running mean, thrice, over so many steps of the grid (40 km/s): as a Gaussian
#: with a sigma of half of that, some 100 A at 5000 A.
CONTINUUM_STEPS = 300
#: Lines of the night sky that leave residuals [Angstrom, air]: street lamps (Hg, Na), airglow (O I, OH).
SKY_LINES = (
    4046.6, 4358.3, 5460.7, 5577.3, 5682.6, 5889.9, 6300.3, 6363.8, 6498.7, 6533.0, 6553.6, 6863.9, 6923.2, 7276.4,
    7316.3, 7340.9,
)  # fmt: skip
#: Electron temperature of the nebular continuum [K].
TEMPERATURE_K = 1e4
#: Scale length of a nucleus, as the seeing makes it [arcsec].
NUCLEUS_ARCSEC = 1.5
#: Type 1 among active nuclei (a guess; narrow-line nuclei outnumber them by far); light of their power law at 5500 A
#: over that of the stars, and its slope (Vanden Berk et al. 2001, AJ 122, 549); H-alpha's equivalent width of broad and
#: of narrow lines [Angstrom]; sigma of the broad lines [km/s]; broad H-alpha over H-beta; narrow [NII]/Ha and [OIII]/Hb
#: of Seyferts [log].
TYPE_1, POWER_LAW_LIGHT, POWER_LAW_SLOPE = 0.15, (0.05, 0.25), -1.56
BROAD_EW, NARROW_EW, BROAD_SIGMA_KMS, BROAD_DECREMENT = (20.0, 100.0), (3.0, 30.0), (800.0, 2000.0), 3.1
LOG_NII_HA, LOG_OIII_HB = 0.0, 0.8


@dataclass(frozen=True)
class Departures:
    """How mock galaxies depart from the standard ones.

    Raises
    ------
    AgezError
        For negative numbers, or a share above 1.
    """

    abundances: bool = False  #: Galaxies have an [alpha/Fe] of their own, by velocity dispersion and type.
    calibration: float = 1.0  #: Errors of the flux calibration, in units of the standard ones.
    sky_residual: float = 0.0  #: Residuals of night-sky lines: their rms in units of the noise there.
    nebular_continuum: bool = False  #: Ionised gas shines between its lines, too.
    active_share: float = 0.0  #: Share of galaxies with an active nucleus.

    def __post_init__(self) -> None:
        if min(self.calibration, self.sky_residual, self.active_share) < 0 or self.active_share > 1:
            raise AgezError(f"departures of mock galaxies: {self}; expected no negative number and no share above 1")


#: The standard mock survey.
NONE = Departures()


def draw_alpha_fe(galaxy: Mapping[str, float], morphology: str, rng: np.random.Generator) -> float:
    """[alpha/Fe] of a galaxy [dex]."""
    mean = ALPHA_ZERO + ALPHA_SLOPE * galaxy["log_sigma"] + (ALPHA_LATE if morphology == "late" else 0.0)
    return float(np.clip(mean + ALPHA_SCATTER * rng.standard_normal(), *ALPHA_RANGE))


def with_abundances(prepared: PreparedGrid, alpha_fe: float) -> PreparedGrid:
    """Templates whose iron lines are those of a lower [Fe/H], at the same total metallicity.

    Outside ``ALPHA_BANDS`` the lines (log flux minus its smooth run) are those of [M/H] - 0.93 [alpha/Fe], linear in
    [M/H] and held at the ends of the grid; the continuum and the lines inside stay.  A stand-in for templates with
    abundances of their own, which no library at hand has.
    """
    n_age, n_mh = prepared.light.shape
    smooth, lines = _continuum_and_lines(prepared)
    mh = prepared.grid.mh
    lines = lines.reshape(n_age, n_mh, -1)
    iron = interpolated_along(lines, mh, mh - IRON_PER_ALPHA * alpha_fe, axis=1)
    inside = _share_of_alpha(prepared.wave_angstrom).astype(np.float32)
    mixed = (inside * lines + (1 - inside) * iron).reshape(n_age * n_mh, -1)
    return replace(prepared, flux=np.exp(smooth + mixed))


@lru_cache(maxsize=16)
def _continuum_and_lines(prepared: PreparedGrid) -> tuple[Floats, Floats]:
    log_flux = np.log(np.maximum(prepared.flux, np.finfo(np.float32).tiny))
    smooth = log_flux
    for _ in range(3):
        smooth = uniform_filter1d(smooth, CONTINUUM_STEPS, axis=-1, mode="nearest")
    return smooth, log_flux - smooth


def _share_of_alpha(wave_angstrom: Floats) -> Floats:
    """(p,) 1 inside ``ALPHA_BANDS``, 0 outside, with edges of 5 A."""
    inside = [(wave_angstrom >= low) & (wave_angstrom <= high) for low, high in ALPHA_BANDS]
    step = float(np.median(np.diff(wave_angstrom)))
    return np.asarray(np.clip(gaussian_filter1d(np.any(inside, axis=0).astype(float), 5.0 / step), 0.0, 1.0))


def nebular_continuum(halpha: Floats, *, av: Floats, redshift: float, gas: Gas) -> Floats:
    """(n, 1878) observed continuum of ionised gas, behind its own dust, for H-alpha fluxes (n,)."""
    rest = air_to_vacuum(WAVE_ANGSTROM) / (1 + redshift)
    over_halpha = continuum_over_halpha(rest, np.array([TEMPERATURE_K]))[0] / (1 + redshift)
    curve = attenuation_curve(rest, gas.law) - attenuation_curve(line_waves(["Halpha"], medium="vacuum"), gas.law)
    return np.asarray(halpha[:, None] * over_halpha * 10 ** (-0.4 * gas.extra_dust * np.outer(av, curve)))


def add_active_nucleus(
    flux: Floats, spaxels: Spaxels, continuum: Floats, *, redshift: float, fwhm: float, rng: np.random.Generator
) -> None:
    """Add narrow lines and, in type 1, broad lines and a power law to the centre of a galaxy, in place.

    All are in units of the stars' light of the same spectrum, times a profile that falls exponentially on the sky: a
    nucleus is at most as wide as ``NUCLEUS_ARCSEC``.

    Parameters
    ----------
    flux : (n, 1878) float32
        Observed f_lambda; changed.
    continuum : (n,) float
        Of the stars near H-alpha.
    """
    n = len(flux)
    profile = np.exp(-np.hypot(spaxels.x, spaxels.y) / NUCLEUS_ARCSEC)
    type_1 = rng.uniform() < TYPE_1
    light, broad, narrow = (rng.uniform(*limits) for limits in (POWER_LAW_LIGHT, BROAD_EW, NARROW_EW))
    sigma = rng.uniform(*BROAD_SIGMA_KMS)

    def add(halpha_ew: float, ratios: Mapping[str, float], sigma_kms: Floats) -> None:
        fluxes = np.zeros((n, len(LINE_NAMES)))
        for name, ratio in ratios.items():
            fluxes[:, LINE_NAMES.index(name)] = halpha_ew * ratio * profile * continuum * (1 + redshift)
        observation.add_lines(
            flux, fluxes, redshift=redshift, velocity_kms=spaxels.gas_velocity_kms, sigma_kms=sigma_kms,
            fwhm_angstrom=fwhm,
        )  # fmt: skip

    hbeta, nii = 1 / BROAD_DECREMENT, 10**LOG_NII_HA
    narrow_ratios = {"Halpha": 1.0, "Hbeta": hbeta, "NII6583": nii, "OIII5007": hbeta * 10**LOG_OIII_HB}
    narrow_ratios |= {
        line.name: narrow_ratios[line.tied_to] * line.ratio for line in EMISSION_LINES if line.tied_to in narrow_ratios
    }
    add(narrow, narrow_ratios, spaxels.gas_sigma_kms)
    if type_1:
        add(broad, {"Halpha": 1.0, "Hbeta": hbeta, "Hgamma": 0.45 * hbeta}, np.full(n, sigma))
        shape = (WAVE_ANGSTROM / (1 + redshift) / 5500.0) ** POWER_LAW_SLOPE
        flux += ((light * profile * spaxels.flux)[:, None] * shape).astype(np.float32)


def sky_residuals(flux_err: Floats, rms: float, rng: np.random.Generator) -> Floats:
    """(n, 1878) float32 residuals of night-sky lines, of that rms in units of ``flux_err``.

    Each line has one strength for a galaxy (the sky was taken too bright or too dark) and as much again from spectrum
    to spectrum; all are as wide as the instrument makes them.
    """
    n, lines = len(flux_err), len(SKY_LINES)
    sigma = observation.FWHM_ANGSTROM * SIGMA_PER_FWHM
    shape = np.exp(-0.5 * ((WAVE_ANGSTROM - np.array(SKY_LINES)[:, None]) / sigma) ** 2)
    strength = np.sqrt(0.5) * (rng.standard_normal(lines) + rng.standard_normal((n, lines)))
    return np.asarray(rms * flux_err * (strength @ shape).astype(np.float32))
