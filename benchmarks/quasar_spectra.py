"""Spectra of quasars: power laws with the broad lines of the SDSS composite, absorbed by hydrogen on the way."""

from __future__ import annotations

import numpy as np

from agez.spectra.lines import SPEED_OF_LIGHT_KMS
from agez.types import Floats

#: Slope of f_nu ~ nu**slope: -0.44 in the composite (Vanden Berk et al. 2001, AJ 122, 549), and its spread.
SLOPE_RANGE = (-1.2, 0.3)
#: FWHM of broad and of narrow lines [km/s].
BROAD_KMS, NARROW_KMS = (2000.0, 10000.0), (300.0, 900.0)
#: Scatter of equivalent widths from quasar to quasar [dex].
WIDTH_SCATTER = 0.2
#: Lines: vacuum wavelength and rest equivalent width [Angstrom] (after Vanden Berk et al. 2001, table 2), broad or not.
QUASAR_LINES = (
    (1215.67, 92.9, True), (1399.8, 8.1, True), (1549.1, 23.8, True), (1908.7, 21.2, True), (2798.8, 32.3, True),
    (3728.5, 1.6, False), (3869.9, 1.4, False), (4102.9, 5.1, True), (4341.7, 12.6, True), (4862.7, 46.2, True),
    (4960.3, 3.5, False), (5008.2, 13.2, False), (5877.3, 4.9, True), (6564.6, 194.5, True),
)  # fmt: skip
_LYMAN_ALPHA, _LYMAN_LIMIT = 1215.67, 911.75


def quasar_spectra(
    wave_angstrom: Floats, redshift: Floats, rng: np.random.Generator, *, scatter: float = WIDTH_SCATTER
) -> Floats:
    """Quasars as they are seen at their redshifts.

    f_lambda ~ lambda**-(2 + slope) times 1 + the sum over lines of W N(lambda), with W the equivalent width and N a
    Gaussian of unit area, so that a line has W whatever the continuum.  Blueward of Lyman alpha hydrogen on the way
    lets through exp(-tau), tau = 0.0018 (1 + z)**3.92 (Faucher-Giguere et al. 2008, ApJ 681, 831),
    below the Lyman limit nothing.

    Parameters
    ----------
    wave_angstrom : (p,) float
        Observed, vacuum.
    redshift : (n,) float
    scatter : float
        Of the equivalent widths [dex].

    Returns
    -------
    (n, p) float
        f_lambda, 1 in the continuum at rest 5500 A.
    """
    n = len(redshift)
    rest = wave_angstrom[None, :] / (1 + redshift[:, None])
    slope = rng.uniform(*SLOPE_RANGE, (n, 1))
    broad, narrow = (rng.uniform(*span, (n, 1)) / SPEED_OF_LIGHT_KMS / 2.3548 for span in (BROAD_KMS, NARROW_KMS))
    lines = np.zeros_like(rest)
    for centre, width, is_broad in QUASAR_LINES:
        sigma = centre * (broad if is_broad else narrow)
        strength = width * 10 ** (scatter * rng.standard_normal((n, 1)))
        lines += strength * np.exp(-0.5 * ((rest - centre) / sigma) ** 2) / (np.sqrt(2 * np.pi) * sigma)
    depth = 0.0018 * (wave_angstrom / _LYMAN_ALPHA) ** 3.92
    passed = np.where(rest < _LYMAN_ALPHA, np.exp(-depth), 1.0)
    passed[rest < _LYMAN_LIMIT] = 0.0
    return np.asarray((rest / 5500.0) ** -(2 + slope) * (1 + lines) * passed)
