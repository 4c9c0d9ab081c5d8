"""Continuum of ionised hydrogen and helium: free-bound, free-free and two-photon emission over H-alpha.

Everything is hydrogenic and analytic.  Emission coefficients are those of Osterbrock & Ferland 2006 (chapter 4) and
Brown & Mathews 1970 (ApJ 160, 939).  Between 3000 and 10 000 A the sum meets that of PyNeb (Luridiana, Morisset & Shaw
2015, A&A 573, A42) within 2 %, and 3 % in the few hundred Angstrom below the Paschen limit.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from agez.types import Floats

#: h / k [K s], c [Angstrom/s], h [erg s].
H_OVER_K, LIGHT_ANGSTROM, PLANCK = 4.799243e-11, 2.99792458e18, 6.62607e-27
#: Ionisation energy of hydrogen over k [K], and the frequency of its Lyman limit [Hz].
RYDBERG_KELVIN, RYDBERG_HZ = 157807.0, 3.28805e15
#: Free-free emission of unit Gaunt factor: 4 pi j_nu / (n_e n_p) = FREE_FREE T**-0.5 exp(-h nu / k T) [erg cm3/s/Hz]
#: (Rybicki & Lightman 1979, eq. 5.14).
FREE_FREE = 6.842e-38
#: 4 pi j(H-beta) / (n_e n_p) at 10 000 K [erg cm3/s], and its logarithmic slope and curvature with T (fit to
#: Storey & Hummer 1995, MNRAS 272, 41, 7000 to 14 000 K, 100 electrons/cm3).
HBETA, HBETA_SLOPE, HBETA_CURVATURE = 1.235e-25, -0.867, -0.0716
#: H-alpha over H-beta at 10 000 K, and its power of T (same source).
HALPHA_OVER_HBETA, HALPHA_SLOPE = 2.863, -0.075
#: Effective recombination to 2 2S [cm3/s] at 10 000 K and its power of T (Pengelly 1964, MNRAS 127, 145, case B).
RECOMBINATION_2S, RECOMBINATION_2S_SLOPE = 0.838e-13, -0.74
#: Decays of 2 2S by two photons [1/s]; frequency of Lyman alpha [Hz]; spectrum (Nussbaumer & Schmutz 1984, A&A 138,
#: 495): A(y) = 202 (w (1 - (4w)**0.8) + 0.88 w**1.53 (4w)**0.8), w = y (1 - y).
DECAY_2S, LYMAN_ALPHA_HZ = 8.2249, 2.466061e15
#: He+ over H+ by number.
HELIUM = 0.1
#: Thresholds of He I that are unlike those of hydrogen [Angstrom] and their weights over hydrogen's n = 2: shares of
#: the statistical weight, that of 2 3P raised by a third to meet PyNeb (its cross-section is larger).
HELIUM_LEVELS = ((3679.0, 0.19), (3422.0, 0.76), (3122.0, 0.06), (2600.0, 0.19))
#: Levels summed one by one.
N_LEVELS = 60
#: Electron temperatures [K] that the continuum is tabulated at.
TEMPERATURES = np.array([5000.0, 6500.0, 8000.0, 10000.0, 13000.0, 17000.0, 22000.0])


def continuum_over_halpha(wave_angstrom: Floats, temperature_k: Floats) -> Floats:
    """Nebular continuum f_lambda over the flux of H-alpha, before dust.

    Parameters
    ----------
    wave_angstrom : (p,) float
        Rest frame, vacuum.
    temperature_k : (n,) float
        Electron temperature [K], 5000 to 22 000 (held at the ends).

    Returns
    -------
    (n, p) float32
        [1/Angstrom].
    """
    wave = np.ascontiguousarray(wave_angstrom, dtype=float)
    table = _table(wave.tobytes())
    place = np.interp(np.log(temperature_k), np.log(TEMPERATURES), np.arange(len(TEMPERATURES)))
    left = np.minimum(place.astype(int), len(TEMPERATURES) - 2)
    part = (place - left).astype(np.float32)[:, None]
    return np.asarray(table[left] * (1 - part) + table[left + 1] * part)


@lru_cache(maxsize=8)
def _table(wave_bytes: bytes) -> Floats:
    """(n_temperatures, p) continuum over H-alpha."""
    wave = np.frombuffer(wave_bytes)
    rows = [emission_coefficient(wave, float(t)) / _halpha(float(t)) for t in TEMPERATURES]
    return (np.stack(rows) * LIGHT_ANGSTROM / wave**2).astype(np.float32)


def _halpha(temperature: float) -> float:
    x = float(np.log(temperature / 1e4))
    return HBETA * float(np.exp(HBETA_SLOPE * x + HBETA_CURVATURE * x * x + HALPHA_SLOPE * x)) * HALPHA_OVER_HBETA


def emission_coefficient(wave_angstrom: Floats, temperature_k: float) -> Floats:
    """gamma_nu = 4 pi j_nu / (n_e n_p) of hydrogen with 10 % singly ionised helium.

    Recombination to level n is ``FREE_FREE T**-0.5 g_n 2 Ry / (k T n**3) exp((chi_n - h nu) / k T)`` above the
    level's threshold.

    Parameters
    ----------
    wave_angstrom : (p,) float
        Vacuum.
    temperature_k : float
        Electron temperature [K].

    Returns
    -------
    (p,) float
        [erg cm3/s/Hz].
    """
    nu = LIGHT_ANGSTROM / np.asarray(wave_angstrom, dtype=float)
    x, ry = H_OVER_K * nu / temperature_k, RYDBERG_KELVIN / temperature_k
    n = np.arange(1.0, N_LEVELS + 1)
    gaunt = np.where(nu[:, None] > RYDBERG_HZ / n**2, _bound_free_gaunt(nu[:, None] / RYDBERG_HZ, n), 0.0)
    levels = gaunt * 2 * ry / n**3 * np.exp(ry / n**2 - x[:, None])
    beyond = ry / N_LEVELS**2 * np.exp(-x)  # the integral of 2 ry / n**3
    free = _free_free_gaunt(nu / RYDBERG_HZ, ry) * np.exp(-x)
    total = levels[:, 1:].sum(axis=1) + beyond + free
    helium = levels[:, 2:].sum(axis=1) + beyond + free
    for threshold, weight in HELIUM_LEVELS:
        edge = LIGHT_ANGSTROM / threshold
        shape = np.exp(H_OVER_K * edge / temperature_k - x) * _bound_free_gaunt(nu / edge / 4, 2)
        helium = helium + np.where(nu > edge, weight * 2 * ry / 8 * shape, 0.0)
    return np.asarray(FREE_FREE / np.sqrt(temperature_k) * (total + HELIUM * helium) + _two_photon(nu, temperature_k))


def _bound_free_gaunt(nu_rydberg: Floats, n: Floats | int) -> Floats:
    """Menzel & Pekeris 1935 (MNRAS 96, 77), second order: the electron has energy nu - 1/n**2."""
    u = np.maximum(n**2 * nu_rydberg - 1, 0.0)
    small = 1 / (n * (u + 1))
    first = 0.1728 * (u - 1) * small ** (2 / 3)
    return np.asarray(1 + first - 0.0496 * (u * u + 4 / 3 * u + 1) * small ** (4 / 3))


def _free_free_gaunt(nu_rydberg: Floats, ry: float) -> Floats:
    """Menzel & Pekeris 1935, as in Gray, The Observation and Analysis of Stellar Photospheres, eq. 8.6."""
    return np.asarray(1 + 0.3456 * nu_rydberg ** (1 / 3) * (1 / (nu_rydberg * ry) + 0.5))


def _two_photon(nu: Floats, temperature: float) -> Floats:
    y = np.clip(nu / LYMAN_ALPHA_HZ, 0, 1)
    w = y * (1 - y)
    spectrum = 202.0 * (w * (1 - (4 * w) ** 0.8) + 0.88 * w**1.53 * (4 * w) ** 0.8)
    rate = RECOMBINATION_2S * (temperature / 1e4) ** RECOMBINATION_2S_SLOPE
    return np.asarray(rate * PLANCK * y * spectrum / DECAY_2S)
