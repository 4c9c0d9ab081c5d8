"""Libraries of one known spectrum, for the tests of the sky room: whatever the history, the SED is that spectrum."""

from dataclasses import replace

import numpy as np

from agez.spectra.templates import made_up_grid
from agez.types import Rows, Spectra


def same_spectrum_grid(spectrum=None):
    """The made-up grid with one spectrum (of its wavelengths; default: its oldest) at all ages and metallicities."""
    grid = made_up_grid()
    one = grid.flux[-1, 1] if spectrum is None else spectrum(grid.wave_angstrom)
    return replace(grid, flux=np.broadcast_to(one.astype(np.float32), grid.flux.shape).copy())


def spectra_of_grid(grid, flux):
    """Rest-frame spectra (n, p) on the wavelengths of a template grid."""
    n, p = flux.shape
    return Spectra(
        grid.wave_angstrom, flux.astype(float), np.full((n, p), 1e-3), np.zeros((n, p), bool), grid.medium,
        Rows.numbered(n), np.zeros(n), np.full(p, np.nan), "erg / (s cm2 Angstrom)", np.zeros(n, np.int32),
    )  # fmt: skip
