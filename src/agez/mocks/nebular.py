"""Emission of ionised gas: how H-alpha is tied to young and old stars, and the other lines to H-alpha."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from agez.mocks.califa_numbers import RATIO_ON_LOG_EW
from agez.spectra.dust import STELLAR_TO_NEBULAR, attenuation_curve
from agez.spectra.lines import CASE_B_OVER_HBETA, EMISSION_LINES, LINE_NAMES, line_waves
from agez.types import Floats

#: log10 of the equivalent width of H-alpha [Angstrom] of stars formed at a constant rate over the last 30-60 Myr,
#: over those stars' own continuum, with a scatter for escaping and dust-absorbed photons
#: (Leitherer et al. 1999, ApJS 123, 3, figure 84).
LOG_EW_YOUNG, LOG_EW_YOUNG_SCATTER = 2.65, 0.08
#: log10 of the equivalent width [Angstrom] that hot low-mass evolved stars (HOLMES) give: 0.5-2 A
#: (Binette et al. 1994, A&A 292, 13; Cid Fernandes et al. 2011, MNRAS 413, 1687).
LOG_EW_OLD, LOG_EW_OLD_SCATTER = 0.0, 0.2
#: Radial trends of log line ratios [dex/Re]: the oxygen abundance falls by 0.1 dex/Re (Sanchez et al. 2014,
#: A&A 563, A49), and with it N2 = [NII]/Ha by 0.1/0.57 and O3N2 by -0.1/0.32
#: (Pettini & Pagel 2004, MNRAS 348, L59), shared with O3.
RATIO_GRADIENT = {
    "log_nii_ha": -0.15, "log_oiii_hb": 0.14, "log_sii_ha": 0.02, "log_oii_hb": 0.10, "log_oi_ha": 0.05,
}  # fmt: skip
#: Scatter from spaxel to spaxel of each log ratio [dex].
RATIO_SCATTER = 0.05
#: He I over H-beta (case B, y+ = 0.08; Benjamin, Skillman & Smits 1999, ApJ 514, 307).
HELIUM_OVER_HBETA = {"HeI4471": 0.039, "HeI5876": 0.110, "HeI6678": 0.031}
#: [NeIII]3869 over [OIII]5007 (Perez-Montero et al. 2007, MNRAS 381, 125: neon follows oxygen).
NEON_OVER_OIII = 0.085


@dataclass(frozen=True)
class Gas:
    """One galaxy's ionised gas."""

    #: log_ew_young, log_ew_old: log10 EW(Ha) [Angstrom] of young stars over their own continuum, and of old stars.
    log_ew_young: float
    log_ew_old: float
    extra_dust: float  #: Nebular over stellar A_V.
    law: str  #: Dust law.
    ratios: Mapping[str, float]  #: The measured log line ratios at Re.
    log_ew_re: float  #: log10 EW(Ha) at Re, where those ratios hold.
    #: density_oii, density_sii: [OII] 3729/3726 and [SII] 6716/6731.
    density_oii: float
    density_sii: float


def draw_gas(galaxy: Mapping[str, float], law: str, rng: np.random.Generator) -> Gas:
    """Draw what one galaxy's lines have in common.

    The nebular attenuation is 1/0.44 of the stellar (Calzetti et al. 2000) with a scatter of 0.12 dex; the doublets
    that depend on density are near their low-density limit, as in HII regions (Osterbrock & Ferland 2006, fig. 5.8).
    """
    return Gas(
        log_ew_young=rng.normal(LOG_EW_YOUNG, LOG_EW_YOUNG_SCATTER),
        log_ew_old=rng.normal(LOG_EW_OLD, LOG_EW_OLD_SCATTER),
        extra_dust=max(1.0, 10 ** rng.normal(0, 0.12) / STELLAR_TO_NEBULAR),
        law=law,
        ratios={name: galaxy[name] for name in RATIO_GRADIENT},
        log_ew_re=galaxy["log_ew_ha"],
        density_oii=float(np.clip(rng.normal(1.35, 0.06), 1.1, 1.5)),
        density_sii=float(np.clip(rng.normal(1.32, 0.06), 1.1, 1.44)),
    )


def young_light_ratio(ew_ha: Floats, av: Floats, gas: Gas) -> Floats:
    """Light of the stars of the last 30 Myr over that of all others in the continuum at H-alpha, before dust.

    The line is what old stars do not give; it suffers ``extra_dust`` times the attenuation of the continuum that
    it is measured against.  With EW the intrinsic width that young stars must explain and E that of young stars
    alone, young / rest = EW / (E - EW).
    """
    young_ew = np.maximum(ew_ha - 10**gas.log_ew_old, 0.0)
    k = float(attenuation_curve(line_waves(["Halpha"], medium="air"), gas.law)[0])
    intrinsic = young_ew * 10 ** (0.4 * (gas.extra_dust - 1) * av * k)
    alone = 10**gas.log_ew_young
    intrinsic = np.minimum(intrinsic, 0.7 * alone)
    return np.asarray(intrinsic / (alone - intrinsic))


def line_fluxes(
    halpha: Floats, *, av: Floats, ew_ha: Floats, r_re: Floats, gas: Gas, rng: np.random.Generator
) -> Floats:
    """Observed flux of every line of :data:`agez.spectra.lines.EMISSION_LINES`.

    Parameters
    ----------
    halpha : (n,) float
        Observed flux of H-alpha.
    av, ew_ha, r_re : (n,) float
        Stellar A_V [mag], EW(Ha) [Angstrom], radius [Re].

    Returns
    -------
    (n, n_lines) float
        Case B for Balmer lines, reddened with the nebular A_V.  Forbidden lines have the galaxy's observed
        ratios at Re, a radial trend, the measured trend with EW(Ha) (fewer young stars, harder ionisation) and
        a small scatter.
    """
    waves = line_waves(medium="air")
    curve = dict(zip(LINE_NAMES, attenuation_curve(waves, gas.law), strict=True))

    def reddened(intrinsic: float, name: str, reference: str) -> Floats:
        return np.asarray(intrinsic * 10 ** (-0.4 * gas.extra_dust * av * (curve[name] - curve[reference])))

    flux = {
        name: halpha * reddened(ratio / CASE_B_OVER_HBETA["Halpha"], name, "Halpha")
        for name, ratio in CASE_B_OVER_HBETA.items()
    }
    departure = np.clip(np.log10(ew_ha) - gas.log_ew_re, -1.0, 1.0)
    ratio = {
        name: 10 ** (gas.ratios[name] + RATIO_GRADIENT[name] * (r_re - 1) + RATIO_ON_LOG_EW[name] * departure
                     + RATIO_SCATTER * rng.standard_normal(len(halpha)))
        for name in RATIO_GRADIENT
    }  # fmt: skip
    hbeta = flux["Hbeta"]
    flux["NII6583"], flux["OI6300"] = halpha * ratio["log_nii_ha"], halpha * ratio["log_oi_ha"]
    flux["OIII5007"] = hbeta * ratio["log_oiii_hb"]
    oii, sii = hbeta * ratio["log_oii_hb"], halpha * ratio["log_sii_ha"]
    flux["OII3726"], flux["OII3729"] = oii / (1 + gas.density_oii), oii * gas.density_oii / (1 + gas.density_oii)
    flux["SII6731"], flux["SII6716"] = sii / (1 + gas.density_sii), sii * gas.density_sii / (1 + gas.density_sii)
    flux["NeIII3869"] = flux["OIII5007"] * reddened(NEON_OVER_OIII, "NeIII3869", "OIII5007")
    for name, helium in HELIUM_OVER_HBETA.items():
        flux[name] = hbeta * reddened(helium, name, "Hbeta")
    for line in EMISSION_LINES:
        if line.tied_to:
            flux[line.name] = flux[line.tied_to] * line.ratio
    nothing = np.zeros(len(halpha))
    return np.stack([flux.get(name, nothing) for name in LINE_NAMES], axis=1)
