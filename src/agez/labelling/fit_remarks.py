"""What a spectral fit tells a person unasked: unknown resolution, correlated noise, a wrong redshift."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from agez.flags import Flag, has_flag
from agez.label_types import Labels
from agez.spectra.lines import SPEED_OF_LIGHT_KMS
from agez.spectra.redshift_finder import find_redshift
from agez.spectra.templates import SSPGrid
from agez.types import Spectra

#: Part of the spectra that must fail before the redshift is doubted, rows that are then searched for another, and how
#: far that must be from what was said [km/s].
_MOST, _SEARCHED, _ANOTHER_KMS = 0.8, 64, 1500.0


def resolution_fwhm(spectra: Spectra) -> float | None:
    """Median FWHM of the resolution [Angstrom]; None where it is unknown."""
    fwhm = np.asarray(spectra.fwhm_angstrom, dtype=float)
    return float(np.nanmedian(fwhm)) if np.isfinite(fwhm).any() else None


def resolution_remarks(spectra: Spectra) -> list[str]:
    """That velocity dispersions include the instrument's, or what its resolution is taken to be."""
    name, fwhm = Path(spectra.source).name, resolution_fwhm(spectra)
    if fwhm is None:
        return [
            f"{name}: resolution unknown: sigma_kms includes the instrument's; set SPECRES, the FWHM [Angstrom], in "
            "the header"
        ]
    if "fwhm" in spectra.meta.get("assumed", ()):
        return [f"{name}: resolution assumed: FWHM {fwhm:.3g} Angstrom; if it is another, set SPECRES in the header"]
    return []


def covariance_remarks(spectra: Spectra, *, asked: bool) -> list[str]:
    """That neighbouring spaxels are taken as independent, where nobody said so and bins hold several."""
    law = spectra.meta.get("spatial_covariance", {})
    several = np.max(spectra.meta.get("n_spaxels", 1), initial=1) > 1
    if asked or law.get("name") != "none" or not several:
        return []
    return [
        f"{Path(spectra.source).name}: noise of neighbouring spaxels is taken as independent; in cubes resampled from "
        "fibres it is not, and errors of bins are then too small and chi2 too high: --covariance califa, manga or a "
        "slope (none: it is independent)"
    ]


def redshift_doubts(spectra: Spectra, labels: Labels, grid: SSPGrid) -> list[str]:
    """That most spectra fail at a redshift that was said, and at which they would fit, if that can be found."""
    said = np.isfinite(spectra.redshift) & ~has_flag(spectra.flags, Flag.REDSHIFT_FOUND)
    bad = said & (has_flag(labels.flags, Flag.BAD_CHI2) | ~np.isfinite(labels.log_age_lw))
    if not said.any() or bad.sum() < _MOST * said.sum():
        return []
    rows = np.flatnonzero(bad)
    rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), _SEARCHED)).astype(int)]
    found = find_redshift(spectra.take(rows), grid, by_galaxy=True if "binning" in spectra.meta else None)
    z = spectra.redshift[rows]
    apart = SPEED_OF_LIGHT_KMS * np.abs(np.log1p(found.redshift) - np.log1p(z)) > _ANOTHER_KMS
    sure = found.found & ~found.ambiguous
    start = f"{Path(spectra.source).name}: {bad.sum()} of {len(bad)} spectra do not fit at the redshift given"
    if (sure & ~apart).sum() > (sure & apart).sum():
        return []  # the redshift is right, and something else is wrong
    if (sure & apart).any():
        one = int(np.argmax(sure & apart))
        return [f"{start}, {z[one]:.4f}; they fit at {found.redshift[one]:.4f}: --redshift auto"]
    return [f"{start}, {z[0]:.4f}: check it, or give --redshift auto"]


def fit_remarks(spectra: Spectra, labels: Labels, grid: SSPGrid, *, covariance: Any) -> list[str]:
    """All of these; ``covariance`` is that which was asked for, or None."""
    return [
        *resolution_remarks(spectra), *covariance_remarks(spectra, asked=covariance is not None),
        *redshift_doubts(spectra, labels, grid),
    ]  # fmt: skip
