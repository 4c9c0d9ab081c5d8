"""Ratios of emission lines before dust: broad distributions by what ionises the gas, tied to no photoionisation model.

Every kind of gas has a place in the diagram of [NII]/Ha and [OIII]/Hb (Baldwin, Phillips & Terlevich 1981, PASP 93, 5)
and the other ratios follow from there with a wide scatter.  The centres are those of real galaxies (SDSS, CALIFA, and
HII galaxies at the metal-poor end); the widths are made larger than theirs on purpose.
"""

from __future__ import annotations

import numpy as np

from agez.spectra.lines import EMISSION_LINES
from agez.training_seds.line_list import BALMER_POWER, HALPHA_POWER, HYDROGEN, PASCHEN_POWER, SKY_LINE_NAMES
from agez.types import Bools, Floats, Ints

#: Sources of ionisation.
KINDS = ("star formation", "composite", "AGN", "LINER/retired", "none")
STAR_FORMATION, COMPOSITE, AGN, LINER, NONE = range(len(KINDS))
#: Of star-forming gas: the share with free metallicity, and the share whose [OIII]/Hb does not
#: follow the sequence (any ionisation parameter below the maximum starburst line).
FREE_METALLICITY, FREE_EXCITATION = 0.25, 0.25
#: The share with faint metal lines (very metal-rich gas that cools in the infrared), and by how much [dex].
DIM_METALS, DIM_RANGE = 0.04, (0.0, 3.0)
#: The share whose lines of low ionisation do not follow [OIII]/Hb, range of the departure (1: thin, highly ionised gas;
#: negative: diffuse gas), and what one unit does to each log ratio.
FREE_IONISATION, IONISATION_RANGE = 0.3, (-0.5, 1.0)
_IONISATION = {"sii": -0.6, "oi": -1.3, "oii": -0.4, "siii": 0.6, "neiii": 0.0, "heii": 0.3}
#: Scatter [dex] of the gas metallicity about that of the young stars, and of [OIII]/Hb about the sequence.
METALLICITY_SCATTER, SEQUENCE_SCATTER = 0.25, 0.2
#: log [NII]/Ha of star-forming gas at solar metallicity, its slope, and its range.
N2_SOLAR, N2_SLOPE, N2_RANGE = -0.45, 1.3, (-3.0, -0.1)
#: By how much the scatter of the other ratios grows per dex of [OIII]/Hb off the sequence, as a fraction.
WIDER_OFF_SEQUENCE = 1.2
#: He I over H-beta (Benjamin, Skillman & Smits 1999, ApJ 514, 307; y+ = 0.08, 10 000 K).
HELIUM = {"HeI3188": 0.036, "HeI3889": 0.085, "HeI4026": 0.0185, "HeI4471": 0.039, "HeI4922": 0.0105, "HeI5016": 0.023,
          "HeI5876": 0.110, "HeI6678": 0.031, "HeI7065": 0.024, "HeI7281": 0.0065}  # fmt: skip
#: Mean and scatter, in the order of KINDS, of log10 of: [SII]/Ha, [OI]/Ha, [OII]/Hb, [NeIII]3869/[OIII]5007, He II/Hb,
#: [SIII]9069/[SII].  Means at [NII]/Ha = -0.5 on the sequence for star formation, which has trends besides.
_MEAN = {
    "sii": (-0.40, -0.37, -0.13, -0.22, 0.0), "oi": (-1.27, -1.08, -0.87, -0.72, 0.0),
    "oii": (0.48, 0.48, 0.60, 0.62, 0.0), "neiii": (-1.08, -1.0, -0.95, -0.65, 0.0),
    "heii": (-2.2, -1.6, -0.75, -1.3, 0.0), "siii": (-0.6, -0.7, -0.6, -1.0, 0.0),
}  # fmt: skip
_SCATTER = {
    "sii": (0.17, 0.25, 0.31, 0.31, 0.0), "oi": (0.30, 0.25, 0.30, 0.30, 0.0), "oii": (0.22, 0.42, 0.42, 0.43, 0.0),
    "neiii": (0.12, 0.15, 0.2, 0.25, 0.0), "heii": (0.4, 0.4, 0.25, 0.35, 0.0), "siii": (0.2, 0.2, 0.25, 0.25, 0.0),
}  # fmt: skip
#: Mean and scatter of the electron temperature [K]; the mean of star-forming gas follows [NII]/Ha.
_TEMPERATURE = ((0.0, 1200.0), (8500.0, 1500.0), (13000.0, 2500.0), (10000.0, 2000.0), (10000.0, 0.0))
TEMPERATURE_RANGE = (5500.0, 20000.0)


def kewley_2001(log_nii_ha: Floats) -> Floats:
    """log [OIII]/Hb of the maximum starburst (Kewley et al. 2001, ApJ 556, 121, eq. 5); -inf right of its asymptote."""
    x = np.asarray(log_nii_ha, dtype=float)
    return np.where(x < 0.46, 0.61 / np.minimum(x - 0.47, -0.01) + 1.19, -np.inf)


def kauffmann_2003(log_nii_ha: Floats) -> Floats:
    """log [OIII]/Hb below which star formation alone is at work (Kauffmann et al. 2003, MNRAS 346, 1055, eq. 1)."""
    x = np.asarray(log_nii_ha, dtype=float)
    return np.where(x < 0.04, 0.61 / np.minimum(x - 0.05, -0.01) + 1.3, -np.inf)


def star_forming_sequence(log_nii_ha: Floats) -> Floats:
    """log [OIII]/Hb of star-forming galaxies at redshift 0.

    Kewley et al. 2013 (ApJ 774, 100), held at [NII]/Ha = -0.3, and bent down below -1.6, where extremely metal-poor
    galaxies lie (I Zw 18 at -2.4: Izotov & Thuan 1998, ApJ 497, 227).
    """
    x = np.asarray(log_nii_ha, dtype=float)
    return np.asarray(0.61 / (np.minimum(x, -0.3) + 0.08) + 1.1 - 0.5 * np.maximum(-1.6 - x, 0))


def draw_bpt(kind: Ints, mh: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Places in the diagram of Baldwin, Phillips & Terlevich.

    Parameters
    ----------
    kind : (n,) int
        Index into ``KINDS``.
    mh : (n,) float
        [M/H] of the young stars.

    Returns
    -------
    log_nii_ha, log_oiii_hb : (n,) float
        Star formation and composites below, AGN above the line of Kewley et al. 2001, composites above that of
        Kauffmann et al. 2003; the weak lines of retired galaxies on either side, as they are.
    """
    n = len(kind)
    normal, uniform = rng.standard_normal((3, n)), rng.uniform(size=(7, n))
    low, high = N2_RANGE
    gas = mh + METALLICITY_SCATTER * normal[0]
    n2 = np.clip(N2_SOLAR + N2_SLOPE * gas, low, high - 0.12) + 0.08 * normal[1]
    n2 = np.where(uniform[0] < FREE_METALLICITY, low + (high - low) * uniform[1], n2)
    n2 = np.clip(n2, low - 0.2, high)
    ceiling = np.minimum(kewley_2001(n2), 1.05) - 0.01
    free = -1.8 + (ceiling + 1.8) * uniform[3]
    o3 = np.where(uniform[2] < FREE_EXCITATION, free, star_forming_sequence(n2) + SEQUENCE_SCATTER * normal[2])
    o3 = np.clip(o3, -2.0, ceiling - 0.05 * uniform[4])
    dim = np.where(uniform[5] < DIM_METALS, DIM_RANGE[0] + (DIM_RANGE[1] - DIM_RANGE[0]) * uniform[6], 0.0)
    n2, o3 = n2 - dim, o3 - dim
    n2_composite = np.clip(-0.24 + 0.14 * normal[0], -0.6, 0.15)
    floor = np.maximum(kauffmann_2003(n2_composite), -0.8)
    o3_composite = floor + (kewley_2001(n2_composite) - 0.01 - floor) * uniform[1]
    n2_agn = np.where(uniform[0] < 0.1, -1.0 + uniform[1], -0.03 + 0.16 * normal[0])
    n2_agn = np.clip(n2_agn, -1.0, 0.4)
    floor = np.maximum(kewley_2001(n2_agn), -0.4) + 0.01
    shape = 0.5 - 0.5 * np.cos(np.pi * uniform[3])  # fewer at either end
    o3_agn = floor + (1.3 - floor) * (0.6 * shape + 0.4 * uniform[2])
    n2_liner = np.clip(-0.14 + 0.24 * normal[0], -1.1, 0.5)
    o3_liner = np.clip(-0.03 + 0.40 * normal[2], -1.3, 1.1)
    zero = np.zeros(n)
    return np.choose(kind, [n2, n2_composite, n2_agn, n2_liner, zero]), np.choose(
        kind, [o3, o3_composite, o3_agn, o3_liner, zero]
    )


def draw_temperature(kind: Ints, log_nii_ha: Floats, rng: np.random.Generator) -> Floats:
    """Electron temperature [K]: metals cool (7000 K at [NII]/Ha -0.4, 14 000 K at -2)."""
    means, scatters = np.array(_TEMPERATURE).T
    centre = np.where(kind == STAR_FORMATION, 7400.0 - 4200.0 * (log_nii_ha + 0.5), means[kind])
    return np.clip(centre + scatters[kind] * rng.standard_normal(len(kind)), *TEMPERATURE_RANGE)


def line_ratios(
    kind: Ints, log_nii_ha: Floats, log_oiii_hb: Floats, temperature_k: Floats, rng: np.random.Generator
) -> Floats:
    """Flux of every line of :data:`agez.training_seds.line_list.SKY_LINES` over H-beta, before dust.

    Parameters
    ----------
    kind : (n,) int
    log_nii_ha, log_oiii_hb : (n,) float
        [NII]6583/Ha and [OIII]5007/Hb.
    temperature_k : (n,) float

    Returns
    -------
    (n, n_lines) float
        Hydrogen in case B at that temperature, H-alpha 8 % stronger in AGN (collisions: Osterbrock & Ferland 2006,
        sec. 11.1); doublets with a common upper level in their fixed ratio; lines sensitive to temperature
        ([OIII]4363, [NII]5755, [SIII]6312, [OII]7325, [SII]4072) from the strong ones at that temperature.
    """
    star, agn = kind == STAR_FORMATION, kind == AGN
    t = temperature_k / 1e4
    flux: dict[str, Floats] = {name: ratio * t ** _hydrogen_power(name) for name, ratio in HYDROGEN.items()}
    flux["Halpha"] = flux["Halpha"] * np.where(agn, 1.08, 1.0)
    flux["NII6583"], flux["OIII5007"] = flux["Halpha"] * 10**log_nii_ha, 10**log_oiii_hb
    harder = np.where(star, np.clip(log_oiii_hb - star_forming_sequence(log_nii_ha), -1.0, 1.2), 0.0)
    low, high = IONISATION_RANGE
    free = np.where(star & (rng.uniform(size=len(kind)) < FREE_IONISATION), rng.uniform(low, high, len(kind)), 0.0)
    # off the sequence, models and galaxies agree on little
    wider = 1 + WIDER_OFF_SEQUENCE * np.minimum(np.abs(harder), 1.0)
    log: dict[str, Floats] = {}
    for name in _MEAN:
        scatter = np.array(_SCATTER[name])[kind] * wider
        log[name] = np.array(_MEAN[name])[kind] + scatter * rng.standard_normal(len(kind)) + _IONISATION[name] * free
    poor = np.where(star, np.maximum(-0.5 - log_nii_ha, 0.0), 0.0)
    log["sii"] = log["sii"] - 0.25 * poor - 0.10 * poor**2 - 0.35 * harder
    log["oi"] = log["oi"] - 0.25 * poor - 0.10 * poor**2 - 0.30 * harder
    rich = np.where(star, np.maximum(log_nii_ha + 0.7, 0.0), 0.0)
    log["oii"] = log["oii"] - 0.6 * rich - 0.55 * np.maximum(poor - 0.7, 0) - 0.6 * np.clip(harder, -0.5, 1.0)
    vanishing = np.where(star, np.maximum(-1.8 - log_oiii_hb, 0.0), 0.0)  # the metals hardly shine: neither do these
    for name in ("sii", "oi", "oii"):
        log[name] = log[name] - vanishing
    log["heii"] = log["heii"] + 0.25 * poor
    log["siii"] = log["siii"] + 0.6 * np.clip(harder, -0.7, 0.7)
    _add_forbidden(flux, log, t, agn & (log_oiii_hb > 0.3), np.where(star | (kind == COMPOSITE), 0.08, 0.22), rng)
    flux["HeII4686"] = 10 ** log["heii"]
    flux["HeII3203"] = 0.41 * flux["HeII4686"]
    bright = 10 ** (-0.03 + 0.08 * rng.standard_normal(len(kind)))
    for name, ratio in HELIUM.items():
        flux[name] = ratio * bright
    for line in EMISSION_LINES:
        if line.tied_to:
            flux[line.name] = flux[line.tied_to] * line.ratio
    return np.stack([flux[name] for name in SKY_LINE_NAMES], axis=1)


def _hydrogen_power(name: str) -> float:
    if name in ("Halpha", "Hbeta"):
        return HALPHA_POWER if name == "Halpha" else 0.0
    return PASCHEN_POWER if name.startswith("Pa") else BALMER_POWER


def _add_forbidden(
    flux: dict[str, Floats], log: dict[str, Floats], t: Floats, hard: Bools, density_scatter: Floats,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    """Put the forbidden lines into ``flux``; ``hard`` marks gas with [NeV], ``density_scatter`` that of the doublets.

    Dependences on temperature are power-law fits to five-level atoms at 100 electrons/cm3, 8000 to 15 000 K
    (PyNeb 1.1: Luridiana, Morisset & Shaw 2015, A&A 573, A42); [OIII] after Osterbrock & Ferland 2006, eq. 5.4.
    """
    n = len(t)
    normal = rng.standard_normal((6, n))
    below = np.abs(normal[0]) * density_scatter  # below the low-density limits, 1.44 and 1.5
    sii_doublet, oii_doublet = np.clip(1.43 - below, 0.6, 1.44), np.clip(1.48 - 1.1 * below, 0.5, 1.5)
    sii, oii = flux["Halpha"] * 10 ** log["sii"], 10 ** log["oii"]
    flux["SII6731"], flux["SII6716"] = sii / (1 + sii_doublet), sii * sii_doublet / (1 + sii_doublet)
    flux["OII3726"], flux["OII3729"] = oii / (1 + oii_doublet), oii * oii_doublet / (1 + oii_doublet)
    flux["OI6300"] = flux["Halpha"] * 10 ** log["oi"]
    nitrogen = flux["OI6300"] * 10 ** (-0.75 + 0.2 * normal[1])
    flux["NI5198"], flux["NI5200"] = 0.42 * nitrogen, 0.58 * nitrogen
    flux["NeIII3869"] = flux["OIII5007"] * 10 ** log["neiii"]
    flux["OIII4363"] = flux["OIII5007"] * 0.0065 * np.exp(3.29 * (1 - 1 / t))
    flux["NII5755"] = flux["NII6583"] * 0.0149 * t**2.3
    flux["SIII9069"] = sii * 10 ** log["siii"]
    flux["SIII9531"] = 2.47 * flux["SIII9069"]
    flux["SIII6312"] = flux["SIII9069"] * 0.067 * t**2.1
    flux["ArIII7136"] = flux["SIII9069"] * 10 ** (-0.45 + 0.12 * normal[2])
    flux["ArIII7751"] = 0.241 * flux["ArIII7136"]
    auroral = oii * 0.0175 * t**1.8 * 10 ** (0.1 * normal[3])
    flux["OII7320"], flux["OII7330"] = 0.554 * auroral, 0.446 * auroral
    auroral = sii * 0.054 * t**1.15 * 10 ** (0.1 * normal[4])
    flux["SII4069"], flux["SII4076"] = 0.752 * auroral, 0.248 * auroral
    flux["NeV3426"] = np.where(hard, flux["NeIII3869"] * 10 ** (-0.3 + 0.3 * normal[5]), 0.0)
    flux["NeV3346"] = 0.366 * flux["NeV3426"]
