"""Emission lines as columns of a fit, and the fluxes that they come out with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agez.spectra.gas import GasMotion, LineWindows, doublet_precision, expected_precision, line_windows
from agez.spectra.template_basis import TemplateBasis
from agez.types import Floats, Ints

#: A line that no pixel sees is held to zero with this scatter, in units of the strongest line.
_IDLE_SCATTER = 100.0


@dataclass(frozen=True, eq=False)
class GasFit:
    """Emission lines: fluxes [unit of the spectra times rest-frame Angstrom], equivalent widths, motion."""

    windows: LineWindows
    flux: Floats  # (n, l), NaN where not covered
    flux_err: Floats
    ew_angstrom: Floats
    motion: GasMotion


@dataclass(frozen=True, eq=False)
class GasColumns:
    """The free lines of each spectrum, and what is expected of their fluxes."""

    windows: LineWindows
    motion: GasMotion
    design: Floats  # (n, f, m)
    precision: Floats  # (n, f, f)

    @classmethod
    def at(cls, basis: TemplateBasis, motion: GasMotion) -> GasColumns:
        """Lines with the gas' own motion."""
        windows = line_windows(basis)
        design = windows.design(windows.profiles(motion.velocity_kms, motion.sigma_kms))
        return cls(windows, motion, design, expected_precision(windows, motion.scale) + _idle(windows, motion))

    def take(self, rows: Ints) -> GasColumns:
        """The same for some of the rows."""
        return GasColumns(self.windows, self.motion.take(rows), self.design[rows], self.precision[rows])

    def model(self, lines: Floats, n_pixels: int) -> Floats:
        """Flux (n, q) of lines whose free fluxes are ``lines`` (n, f)."""
        out = np.zeros((len(lines), n_pixels), dtype=np.float32)
        out[:, self.windows.pixels] = (lines[:, None, :].astype(np.float32) @ self.design)[:, 0]
        return out

    def measure(self, flux: Floats, weight: Floats, stars: Floats) -> GasFit:
        """Fluxes of all lines over the fitted stars (n, q), without what was expected of them."""
        windows, pixels, motion = self.windows, self.windows.pixels, self.motion
        seen = self.design * weight[:, None, pixels]
        precision = doublet_precision(windows, motion.scale) + _idle(windows, motion)
        gram = (seen @ np.swapaxes(self.design, 1, 2)).astype(float) + precision
        right = (seen @ (flux - stars)[:, pixels, None])[..., 0].astype(float)
        covariance = np.linalg.inv(gram)
        free = (covariance @ right[..., None])[..., 0]
        flux_err = np.sqrt(np.einsum("fl,nfg,gl->nl", windows.tie, covariance, windows.tie))
        profiles = windows.profiles(motion.velocity_kms, motion.sigma_kms)
        covered = windows.covered(profiles, weight > 0)
        at = pixels[windows.first[:, None] + np.arange(windows.width_angstrom.shape[1])]
        level = np.maximum(stars[:, at].mean(axis=2), 1e-30)
        line_flux = free @ windows.tie
        nan = np.where(covered & (flux_err > 0), 1.0, np.nan)
        return GasFit(windows, line_flux * nan, flux_err * nan, line_flux * nan / level, motion)


def _idle(windows: LineWindows, motion: GasMotion) -> Floats:
    """Precision (n, f, f) that steadies lines which no pixel sees."""
    return np.eye(len(windows.free)) * (_IDLE_SCATTER * motion.scale[:, None, None]) ** -2
