"""Emission lines of ionised gas: wavelengths, fixed ratios of doublets and of the Balmer series, and masks."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

import numpy as np

from agez.errors import AgezError
from agez.types import Bools, Floats, Medium

SPEED_OF_LIGHT_KMS = 299792.458


@dataclass(frozen=True)
class Line:
    """One spectral line."""

    name: str  #: Ion and air wavelength, as astronomers write them; brackets left out (``OIII5007``).
    #: air_angstrom, vacuum_angstrom: Rest wavelengths [Angstrom].
    air_angstrom: float
    vacuum_angstrom: float
    tied_to: str = ""  #: Name of the line that this one's flux is a fixed multiple of, or '' if it is free.
    ratio: float = 1.0  #: That multiple.

    def wave_angstrom(self, medium: Medium) -> float:
        """The rest wavelength in ``medium``."""
        return self.air_angstrom if medium == "air" else self.vacuum_angstrom


def _read_lines(kind: str) -> tuple[Line, ...]:
    """The lines of one kind in the table that ships, by increasing wavelength."""
    rows = csv.DictReader((files("agez") / "spectra/data/lines.csv").read_text(encoding="utf-8").splitlines())
    return tuple(
        Line(
            row["name"], float(row["air_angstrom"]), float(row["vacuum_angstrom"]), row["tied_to"], float(row["ratio"])
        )
        for row in rows
        if row["kind"] == kind
    )


#: Emission lines between 3700 and 7000 A that galaxies show, by increasing wavelength.
#: Wavelengths: NIST Atomic Spectra Database.  Doublets that share their upper level have the ratio of the
#: transition rates: [OIII] 2.98 (Storey & Zeippen 2000, MNRAS 312, 813), [NII] 3.05 (same), [OI] 3.13
#: (Storey & Zeippen 2000), [NeIII] 0.301 (Storey & Zeippen 2000).  [OII] and [SII] depend on the density and are free.
EMISSION_LINES = _read_lines("emission")
#: Absorption by interstellar sodium, which no stellar template predicts.
SODIUM_LINES = _read_lines("sodium")
LINE_NAMES = tuple(line.name for line in EMISSION_LINES)
_BY_NAME = {line.name: line for line in (*EMISSION_LINES, *SODIUM_LINES)}

#: Flux over that of Hbeta in case B at 10 000 K and 100 electrons/cm3 (Storey & Hummer 1995, MNRAS 272, 41;
#: Osterbrock & Ferland 2006, tables 4.2 and 4.4).
CASE_B_OVER_HBETA = {
    "Halpha": 2.863, "Hbeta": 1.0, "Hgamma": 0.468, "Hdelta": 0.259,
    "Hepsilon": 0.159, "H8": 0.105, "H9": 0.0731, "H10": 0.0530,
}  # fmt: skip


def line(name: str) -> Line:
    """The line called ``name``; AgezError if there is none."""
    if name not in _BY_NAME:
        raise AgezError(f"spectral line {name!r} is unknown; choose among {', '.join(_BY_NAME)}")
    return _BY_NAME[name]


def line_waves(names: Sequence[str] = LINE_NAMES, *, medium: Medium) -> Floats:
    """Rest wavelengths [Angstrom] of the lines ``names`` in ``medium``."""
    return np.array([line(name).wave_angstrom(medium) for name in names])


def near_lines(
    wave_angstrom: Floats, lines: Sequence[Line] = EMISSION_LINES, *, medium: Medium, half_width_kms: float
) -> Bools:
    """Pixels within ``half_width_kms`` of any of ``lines``: those a mask leaves out.

    Parameters
    ----------
    wave_angstrom : (p,) float
        Rest-frame wavelengths [Angstrom] in ``medium``.
    lines : sequence of Line
        Default: all emission lines; add ``SODIUM_LINES`` for the interstellar absorption.
    half_width_kms : float
        Half-width of the window around each line [km/s].

    Returns
    -------
    (p,) bool
    """
    wave = np.asarray(wave_angstrom, dtype=float)
    centres = np.array([one.wave_angstrom(medium) for one in lines])
    if centres.size == 0:
        return np.zeros(wave.shape, dtype=bool)
    kms = SPEED_OF_LIGHT_KMS * (wave[:, None] / centres - 1.0)
    return np.asarray(np.any(np.abs(kms) <= half_width_kms, axis=1))
