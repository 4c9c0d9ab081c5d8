"""Emission lines of ionised gas: wavelengths, fixed ratios of doublets and of the Balmer series, and masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agez.errors import AgezError
from agez.types import Bools, Floats, Medium

SPEED_OF_LIGHT_KMS = 299792.458


@dataclass(frozen=True)
class Line:
    """One spectral line.

    Attributes
    ----------
    name : str
        Ion and air wavelength, as astronomers write them; brackets left out (``OIII5007``).
    air_angstrom, vacuum_angstrom : float
        Rest wavelengths [Angstrom].
    tied_to : str
        Name of the line that this one's flux is a fixed multiple of, or '' if it is free.
    ratio : float
        That multiple.
    """

    name: str
    air_angstrom: float
    vacuum_angstrom: float
    tied_to: str = ""
    ratio: float = 1.0

    def wave_angstrom(self, medium: Medium) -> float:
        """The rest wavelength in ``medium``."""
        return self.air_angstrom if medium == "air" else self.vacuum_angstrom


#: Emission lines between 3700 and 7000 A that galaxies show, by increasing wavelength.
#: Wavelengths: NIST Atomic Spectra Database.  Doublets that share their upper level have the ratio of the
#: transition rates: [OIII] 2.98 (Storey & Zeippen 2000, MNRAS 312, 813), [NII] 3.05 (same), [OI] 3.13
#: (Storey & Zeippen 2000), [NeIII] 0.301 (Storey & Zeippen 2000).  [OII] and [SII] depend on the density and are free.
EMISSION_LINES: tuple[Line, ...] = (
    Line("OII3726", 3726.032, 3727.092),
    Line("OII3729", 3728.815, 3729.875),
    Line("H10", 3797.898, 3798.976),
    Line("H9", 3835.384, 3836.472),
    Line("NeIII3869", 3868.760, 3869.857),
    Line("H8", 3889.049, 3890.151),
    Line("NeIII3967", 3967.470, 3968.593, "NeIII3869", 0.301),
    Line("Hepsilon", 3970.072, 3971.195),
    Line("Hdelta", 4101.734, 4102.891),
    Line("Hgamma", 4340.463, 4341.684),
    Line("OIII4363", 4363.209, 4364.436),
    Line("HeI4471", 4471.479, 4472.734),
    Line("HeII4686", 4685.710, 4687.022),
    Line("Hbeta", 4861.325, 4862.683),
    Line("OIII4959", 4958.911, 4960.295, "OIII5007", 1 / 2.98),
    Line("OIII5007", 5006.843, 5008.240),
    Line("NI5198", 5197.902, 5199.349),
    Line("NI5200", 5200.257, 5201.705),
    Line("HeI5876", 5875.624, 5877.252),
    Line("OI6300", 6300.304, 6302.046),
    Line("OI6364", 6363.776, 6365.536, "OI6300", 1 / 3.13),
    Line("NII6548", 6548.050, 6549.860, "NII6583", 1 / 3.05),
    Line("Halpha", 6562.819, 6564.632),
    Line("NII6583", 6583.460, 6585.279),
    Line("HeI6678", 6678.152, 6679.996),
    Line("SII6716", 6716.440, 6718.294),
    Line("SII6731", 6730.820, 6732.678),
)
#: Absorption by interstellar sodium, which no stellar template predicts.
SODIUM_LINES: tuple[Line, ...] = (
    Line("NaD5890", 5889.951, 5891.583),
    Line("NaD5896", 5895.924, 5897.558),
)
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
