"""Emission lines of training SEDs: those of the spectral fit, and what else shines between 3000 and 10 100 A."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agez.spectra.lines import CASE_B_OVER_HBETA, EMISSION_LINES
from agez.types import Floats

#: Rydberg constant of hydrogen [1/Angstrom], in vacuum.
RYDBERG = 1.0967758e-3


@dataclass(frozen=True)
class SkyLine:
    """One line: its name and its rest wavelength in vacuum [Angstrom]."""

    name: str
    wave_vacuum: float


#: Flux over H-beta of the higher lines of the Balmer and Paschen series, by upper level: case B, 10 000 K,
#: 100 electrons/cm3 (Storey & Hummer 1995, MNRAS 272, 41).
_BALMER = {10: 0.0530, 11: 0.0397, 12: 0.0305, 13: 0.0240, 14: 0.0192, 15: 0.0156, 16: 0.0129, 18: 0.00905, 20: 0.00662,
           24: 0.00387, 26: 0.00307}  # fmt: skip
_PASCHEN = {7: 0.0555, 8: 0.0366, 9: 0.0254, 10: 0.0184, 11: 0.0138, 12: 0.0106, 13: 0.00832, 14: 0.00666, 15: 0.00541,
            16: 0.00446, 18: 0.00314, 20: 0.00229, 25: 0.00118}  # fmt: skip
#: Highest levels with lines of their own; the series merge into the continuum beyond.
TOP_BALMER, TOP_PASCHEN = 30, 25
#: Powers of the electron temperature by which lines of hydrogen over H-beta change (same source, 7000 to 14 000 K).
HALPHA_POWER, BALMER_POWER, PASCHEN_POWER = -0.075, 0.033, -0.10


def _series(table: dict[int, float], lower: int, first: int, top: int, prefix: str) -> dict[str, tuple[float, float]]:
    """Name -> (vacuum wavelength, flux over H-beta) of a series; levels that are lacking by a power law in n."""
    levels = np.array(list(table))
    out = {}
    for n in range(first, top + 1):
        k = int(np.clip(np.searchsorted(levels, n) - 1, 0, len(levels) - 2))
        low, high = int(levels[k]), int(levels[k + 1])
        power = np.log(table[high] / table[low]) / np.log(high / low)
        out[f"{prefix}{n}"] = (1 / (RYDBERG * (1 / lower**2 - 1 / n**2)), float(table[low] * (n / low) ** power))
    return out


_HIGHER = _series(_BALMER, 2, 11, TOP_BALMER, "H") | _series(_PASCHEN, 3, 7, TOP_PASCHEN, "Pa")
#: Flux over H-beta of every hydrogen line at 10 000 K.
HYDROGEN = CASE_B_OVER_HBETA | {name: ratio for name, (_, ratio) in _HIGHER.items()}
#: Further lines, vacuum wavelengths [Angstrom] (NIST Atomic Spectra Database).
_FURTHER = {
    "HeI3188": 3188.667, "HeII3203": 3204.03, "NeV3346": 3346.79, "NeV3426": 3426.85, "HeI3889": 3889.75,
    "HeI4026": 4027.33, "SII4069": 4069.75, "SII4076": 4077.50, "HeI4922": 4923.305, "HeI5016": 5017.077,
    "NII5755": 5756.24, "SIII6312": 6313.80, "HeI7065": 7067.14, "ArIII7136": 7137.77, "HeI7281": 7283.36,
    "OII7320": 7321.94, "OII7330": 7332.21, "ArIII7751": 7753.19, "SIII9069": 9071.10, "SIII9531": 9533.20,
}  # fmt: skip
#: All lines: first those of :data:`agez.spectra.lines.LINE_NAMES`, in that order, then the further ones.
SKY_LINES: tuple[SkyLine, ...] = (
    *(SkyLine(line.name, line.vacuum_angstrom) for line in EMISSION_LINES),
    *(SkyLine(name, wave) for name, wave in sorted(
        {**_FURTHER, **{name: wave for name, (wave, _) in _HIGHER.items()}}.items(), key=lambda pair: pair[1]
    )),
)  # fmt: skip
SKY_LINE_NAMES = tuple(line.name for line in SKY_LINES)
SKY_LINE_WAVES: Floats = np.array([line.wave_vacuum for line in SKY_LINES])
