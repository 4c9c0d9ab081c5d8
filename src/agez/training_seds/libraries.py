"""Template libraries on one common wavelength grid, so that galaxies can be made of any of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from agez.errors import AgezError
from agez.photometry.air import to_medium
from agez.populations.stellar_mass import FROM_KROUPA, FROM_SALPETER
from agez.spectra.rebin import log_grid, pixel_edges, rebin_rows
from agez.spectra.templates import SSPGrid
from agez.types import Bools, Floats

#: Step of the common grid [km/s]; a narrow band spans some fifty of its pixels.
STEP_KMS = 150.0
#: What bands of 3150-12600 A see between redshifts 0 and 1 [Angstrom, vacuum].
RANGE_ANGSTROM = (1500.0, 12700.0)
#: A library must reach over this part of the spectrum to be of use [Angstrom]: the Balmer lines and the normalisation.
NEEDED_ANGSTROM = (3950.0, 6700.0)

#: Initial mass functions that the libraries were made with.
_SALPETER, _KROUPA = float(np.log10(FROM_SALPETER)), float(np.log10(FROM_KROUPA))
#: By library: :attr:`Library.log_solar_mass`.  Spectra of E-MILES, PopStar and BC03 with MILES are in solar
#: luminosities per Angstrom and solar mass formed, and have their own light per mass.  Files of the others are in units
#: that are not said: their unit of light is set so that they are as bright at 5500 A as BC03 with MILES of the same
#: function (MIUSCAT: as E-MILES), in the mean of log ages 8.5 to 10 at solar metallicity
#: (``python tools/light_per_mass.py`` prints the differences).
LOG_SOLAR_MASS = {
    "emiles": _SALPETER, "popstar": 0.0, "bc03-miles": _KROUPA, "bc03": 3.735, "mastar": 3.735,
    "bpass": 3.780 + _KROUPA, "m11-miles": 4.464 + _SALPETER,
    "m11-stelib": 4.612 + _SALPETER, "m11-elodie": 4.439 + _SALPETER, "m11-marcs": 4.702 + _SALPETER,
    "made-up": 3.828 + _KROUPA, "miuscat": 3.985 + _SALPETER,
}  # fmt: skip


def common_wave() -> Floats:
    """(p,) vacuum wavelengths [Angstrom] of the common grid."""
    return log_grid(*RANGE_ANGSTROM, STEP_KMS)[0]


@dataclass(frozen=True, eq=False)
class Library:
    """One template library, rebinned."""

    name: str  #: By which :func:`agez.spectra.templates.load_templates` knows it.
    log_age: Floats  #: (n_age,) log10(age/yr).
    mh: Floats  #: (n_mh,) [M/H], on the library's own solar scale.
    #: (n_age, n_mh, p) float32. f_lambda per solar mass formed, on :func:`common_wave`; zero where the library does not
    #: reach.
    flux: Floats
    reached: Bools  #: (p,)
    light: Floats  #: (n_age, n_mh) Mean f_lambda in 5450-5550 A.
    reference: str
    solar_scale: str
    #: log10 of the solar masses of a Chabrier function that the library's unit of mass stands for, where its unit of
    #: light is a solar luminosity per Angstrom.
    log_solar_mass: float | None = None

    def broadened(self, sigma_kms: float) -> Floats:
        """(n_age, n_mh, p) templates convolved with a Gaussian of ``sigma_kms``; edges of what is reached kept."""
        if sigma_kms <= 0.1 * STEP_KMS:
            return self.flux
        first, last = np.flatnonzero(self.reached)[[0, -1]]
        out = np.zeros_like(self.flux)
        inside = slice(first, last + 1)
        out[..., inside] = gaussian_filter1d(self.flux[..., inside], sigma_kms / STEP_KMS, axis=-1, mode="nearest")
        return out


def library_of(grid: SSPGrid, *, name: str | None = None) -> Library:
    """A template grid on the common wavelengths; AgezError if it lacks what every library must have."""
    wave = to_medium(grid.wave_angstrom, grid.medium, "vacuum")
    if wave[0] > NEEDED_ANGSTROM[0] or wave[-1] < NEEDED_ANGSTROM[1]:
        raise AgezError(
            f"template grid {grid.name!r} covers {wave[0]:.0f}-{wave[-1]:.0f} A; training needs at least "
            f"{NEEDED_ANGSTROM[0]:.0f}-{NEEDED_ANGSTROM[1]:.0f} A: leave it out"
        )
    out, edges = log_grid(*RANGE_ANGSTROM, STEP_KMS)
    rows = grid.flux.reshape(-1, len(wave))
    flux, _, good = rebin_rows(
        pixel_edges(wave), rows, np.ones_like(rows), np.ones(rows.shape, bool), edges, np.ones(len(rows))
    )
    reached = np.asarray(good.all(axis=0))
    flux = np.where(reached, np.maximum(flux, 0.0), 0.0).astype(np.float32)
    shape = (*grid.flux.shape[:2], len(out))
    return Library(
        name or grid.name, grid.log_age, grid.mh, flux.reshape(shape), reached, grid.light, grid.reference,
        grid.solar_scale, LOG_SOLAR_MASS.get(name or grid.name),
    )  # fmt: skip
