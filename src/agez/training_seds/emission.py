"""Nebular emission of training SEDs: any strength and any ratio that real galaxies show, and then some.

A network must neither believe one photoionisation model nor one link between lines and young stars: in most galaxies
H-alpha follows the light of the young stars with a wide scatter, in the others it does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agez.errors import AgezError
from agez.mocks.nebular_continuum import continuum_over_halpha
from agez.spectra.dust import attenuation_curve
from agez.training_seds.line_list import SKY_LINE_NAMES, SKY_LINE_WAVES, SKY_LINES
from agez.training_seds.line_ratios import (
    AGN,
    KINDS,
    LINER,
    NONE,
    draw_bpt,
    draw_temperature,
    line_ratios,
)
from agez.types import Floats, Ints

__all__ = ["KINDS", "SKY_LINES", "SKY_LINE_NAMES", "Emission", "draw_emission", "nebular_continuum"]

#: log10 EW(Ha) [Angstrom] of stars formed at a constant rate over the last 20 Myr over their own continuum, at solar
#: metallicity, its slope with [M/H] (metal-poor stars are hotter), its scatter (escape, dust inside HII regions,
#: binaries, the last 10 Myr), and the highest width, that of a burst 3 Myr ago (Leitherer et al. 1999, ApJS 123, 3,
#: figures 83 and 84; models give 3.0 and more where no photon is lost).
LOG_EW_YOUNG, LOG_EW_SLOPE, LOG_EW_SCATTER, EW_MAX = 2.9, -0.2, 0.35, 6000.0
#: log10 EW(Ha) [Angstrom] that hot evolved stars give old galaxies (Cid Fernandes et al. 2011, MNRAS 413, 1687).
LOG_EW_OLD, LOG_EW_OLD_SCATTER = -0.1, 0.35
#: The young stars' share of the light is smaller at H-alpha than at 5500 A by this factor, where it is small.
YOUNG_RED = 0.8
#: Shares of galaxies whose lines are not tied to their young stars: any width; tied, but many times stronger or
#: weaker; weak as in retired galaxies; none at all.  The rest is tied.
UNTIED, LOOSE, WEAK, ABSENT = 0.08, 0.10, 0.07, 0.06
UNTIED_RANGE, LOOSE_RANGE, WEAK_RANGE = (-1.0, 3.18), (-1.5, 1.0), (-0.52, 0.48)
#: Of galaxies with an expected width below this [Angstrom], one in seven more has none.
FAINT, ABSENT_AMONG_FAINT = 1.5, 0.15
#: log10 range of the width that an AGN adds [Angstrom].
AGN_RANGE = (0.0, 2.3)
#: Widths [Angstrom] that divide galaxies into classes, and how often each of KINDS occurs in each class: below 3 A
#: mostly retired galaxies (Cid Fernandes et al. 2011).
KIND_EDGES = (3.0, 10.0, 100.0)
KIND_SHARES = ((0.10, 0.10, 0.0, 0.80), (0.50, 0.22, 0.15, 0.13), (0.74, 0.13, 0.11, 0.02), (0.93, 0.03, 0.04, 0.0))
#: Nebular over stellar A_V is 1 to 3, in the mean 1 / 0.44 (Calzetti et al. 2000, ApJ 533, 682) where the gas has dust
#: of its own; in half of the galaxies more, exponential with this mean [mag]; largest A_V.
DUST_RATIO, DUST_MORE, DUST_MAX = (1.0, 3.0), 0.6, 6.0


@dataclass(frozen=True, eq=False)
class Emission:
    """Nebular emission of ``n`` galaxies."""

    #: (n, n_lines) Observed flux of each line of :data:`SKY_LINES` (not of ``LINE_NAMES``, which are its first) over
    #: the observed f_lambda of the stars at H-alpha [Angstrom]: equivalent widths against that continuum.
    line_flux: Floats
    ew_ha: Floats  #: (n,) That of H-alpha.
    kind: Ints  #: (n,) int8. Index into :data:`KINDS`.
    av_gas: Floats  #: (n,) Attenuation of the gas [mag].
    temperature_k: Floats  #: (n,) Electron temperature.
    law: str  #: Dust law of the gas.

    def __len__(self) -> int:
        return len(self.ew_ha)


def draw_emission(
    *,
    young_light: Floats,
    mh: Floats,
    av: Floats,
    rng: np.random.Generator,
    law: str = "ccm89",
) -> Emission:
    """Draw the nebular emission of ``n`` galaxies.

    Parameters
    ----------
    young_light : (n,) float
        Fraction of the light at 5500 A, before dust, of stars younger than 10-30 Myr.
    mh : (n,) float
        [M/H] of the young stars.
    av : (n,) float
        A_V of the stars [mag].
    law : str
        Dust law of the gas, of :data:`agez.spectra.dust.LAWS`; that of the Milky Way, a screen, fits HII regions.

    Raises
    ------
    AgezError
        For inputs of different lengths, or a light fraction outside 0-1.
    """
    young, mh, av = (np.asarray(one, dtype=float) for one in (young_light, mh, av))
    if not young.shape == mh.shape == av.shape or young.ndim != 1:
        raise AgezError(f"young_light, mh and av: one value a galaxy is expected; shapes {young.shape}, {mh.shape}, "
                        f"{av.shape}")  # fmt: skip
    if not np.all((young >= 0) & (young <= 1 + 1e-6)):
        raise AgezError("young_light: fractions of the light, between 0 and 1, are expected")
    av_gas = _draw_gas_dust(av, rng)
    ew, kind = _draw_strength(young, mh, av, av_gas, law, rng)
    log_nii_ha, log_oiii_hb = draw_bpt(kind, mh, rng)
    temperature = draw_temperature(kind, log_nii_ha, rng)
    ratios = line_ratios(kind, log_nii_ha, log_oiii_hb, temperature, rng)
    halpha = SKY_LINE_NAMES.index("Halpha")
    curve = attenuation_curve(SKY_LINE_WAVES, law)
    reddened = ratios * 10 ** (-0.4 * av_gas[:, None] * (curve - curve[halpha]))
    flux = ew[:, None] * reddened / reddened[:, [halpha]]
    return Emission(flux, ew, kind.astype(np.int8), av_gas, temperature, law)


def nebular_continuum(wave_angstrom: Floats, emission: Emission) -> Floats:
    """Observed nebular continuum f_lambda over the observed flux of H-alpha.

    Multiply by ``emission.ew_ha`` and by the stars' f_lambda at H-alpha for a flux density.

    Parameters
    ----------
    wave_angstrom : (p,) float
        Rest frame, vacuum.

    Returns
    -------
    (n, p) float32
        [1/Angstrom]: free-bound, free-free and two-photon emission at each galaxy's electron temperature, behind the
        dust that the lines are behind.  It is there for kind ``none``, too, where ``ew_ha`` is 0.
    """
    wave = np.asarray(wave_angstrom, dtype=float)
    halpha = SKY_LINE_WAVES[SKY_LINE_NAMES.index("Halpha")]
    curve = attenuation_curve(wave, emission.law) - attenuation_curve(halpha, emission.law)
    dimming = np.float32(-0.4 * np.log(10)) * emission.av_gas.astype(np.float32)[:, None] * curve.astype(np.float32)
    return np.asarray(continuum_over_halpha(wave, emission.temperature_k) * np.exp(dimming))


def _draw_gas_dust(av: Floats, rng: np.random.Generator) -> Floats:
    """(n,) A_V of the gas [mag]."""
    low, high = DUST_RATIO
    ratio = low + (high - low) * rng.beta(1.5, 1.0, len(av))
    more = np.where(rng.uniform(size=len(av)) < 0.5, rng.exponential(DUST_MORE, len(av)), 0.0)
    return np.minimum(ratio * av + more, np.maximum(DUST_MAX, av))


def _draw_strength(
    young: Floats, mh: Floats, av: Floats, av_gas: Floats, law: str, rng: np.random.Generator
) -> tuple[Floats, Ints]:
    """(n,) observed EW(Ha) [Angstrom] over the stars, and kinds."""
    n = len(young)
    normal, uniform = rng.standard_normal((2, n)), rng.uniform(size=(7, n))
    share = YOUNG_RED * young / (1 - (1 - YOUNG_RED) * young)
    log_young = LOG_EW_YOUNG + LOG_EW_SLOPE * np.clip(mh, -1.5, 0.4) + LOG_EW_SCATTER * normal[0]
    old = (1 - share) * 10 ** (LOG_EW_OLD + LOG_EW_OLD_SCATTER * normal[1])
    k = float(attenuation_curve(np.array([6564.6]), law)[0])
    tied = (share * 10**log_young + old) * 10 ** (-0.4 * k * (av_gas - av))
    edges = np.cumsum([UNTIED, LOOSE, WEAK, ABSENT])
    mode = np.searchsorted(edges, uniform[0], side="right")  # 4: tied

    def spread(span: tuple[float, float]) -> Floats:
        return np.asarray(10 ** (span[0] + (span[1] - span[0]) * uniform[1]))

    widths = [spread(UNTIED_RANGE), tied * spread(LOOSE_RANGE), spread(WEAK_RANGE), np.zeros(n), tied]
    ew = np.minimum(np.choose(mode, widths), EW_MAX)
    ew = np.where((tied < FAINT) & (uniform[2] < ABSENT_AMONG_FAINT), 0.0, ew)
    cumulative = np.cumsum(KIND_SHARES, axis=1)[np.searchsorted(KIND_EDGES, ew)]
    kind = np.minimum((uniform[3][:, None] > cumulative).sum(axis=1), LINER)
    added = 10 ** (AGN_RANGE[0] + (AGN_RANGE[1] - AGN_RANGE[0]) * uniform[4])
    ew = np.where((kind == AGN) & (mode == 4), uniform[5] * ew + added, ew)
    return ew, np.where(ew > 0, kind, NONE)
