"""Means of age and metallicity over light fractions, and their errors."""

from __future__ import annotations

import numpy as np

from agez.label_types import HistoryErrors
from agez.spectra.fit_settings import FitSettings
from agez.spectra.history_errors import curvature_errors, mass_columns
from agez.spectra.prior import smooth_prior
from agez.spectra.template_basis import YOUNG_LOG_AGE, TemplateBasis
from agez.spectra.templates import SSPGrid
from agez.types import LABEL_NAMES, Floats

#: Calibration of errors: error^2 = (factor * error of the posterior's curvature)^2 + floor^2, factor and floor [dex] of
#: each label, such that 68 % of intervals hold the truth of mock spectra of early and late types with S/N between 15
#: and 60 per Angstrom (``python benchmarks/label_errors.py``).  The curvature knows nothing of the prior's
#: bias, of weights that positivity holds at zero, or of errors of the flux calibration, which with an attenuation law
#: (the calibration is for a polynomial) are the largest of all.
ERROR_CALIBRATION = {
    "log_age_lw": (1.35, 0.02), "mh_lw": (2.1, 0.01), "log_age_mw": (1.1, 0.07), "mh_mw": (2.3, 0.06),
}  # fmt: skip

#: Young populations differ between libraries by far more than older ones: their lines are weak, and their isochrones,
#: stars and binaries uncertain.  What that adds to the errors of spectra whose light is all theirs [dex], measured on
#: mock spectra made with other libraries than they are fitted with (``python benchmarks/young_labels.py``).
YOUNG_ERRORS = {"log_age_lw": 0.65, "mh_lw": 0.5, "log_age_mw": 0.65, "mh_mw": 0.5}


def means(
    light: Floats, gram: Floats, strength: Floats, basis: TemplateBasis, settings: FitSettings, *, also: Floats
) -> tuple[dict[str, Floats], Floats, HistoryErrors]:
    """Light- and mass-weighted means (n,) of log age and [M/H] of light fractions (n, m), each with its error.

    The error of a mean with derivative g with respect to the weights is sqrt(g' (s P + B'GB)^-1 g), the curvature of
    the posterior over the weights that are not zero, calibrated on mocks.

    Parameters
    ----------
    gram : (n, r, r)
        G, everything but the stars eliminated.
    strength : (n,)
        s, factor on the prior P.
    also : (n, m)
        Derivative of another quantity with respect to the weights; its variance (n,) is given back, not calibrated.

    Returns
    -------
    The columns of Labels, the variance of ``also``, and errors of the histories, not calibrated.
    """
    values, slopes = _means_and_slopes(light, basis.grid)
    prior = smooth_prior(basis, settings, 1.0).precision
    hessian = basis.coefficients.T @ gram @ basis.coefficients + strength[:, None, None] * prior
    held = ~(light > 0)
    hessian[held[:, :, None] | held[:, None, :]] = 0.0
    row, at = np.nonzero(held)
    hessian[row, at, at] = 1.0
    masses = np.broadcast_to(mass_columns(basis.grid), (len(light), light.shape[1], 2 * len(basis.grid.log_age)))
    n = slopes.shape[2] + 1
    slopes = np.where(held[:, :, None], 0.0, np.concatenate([slopes, also[:, :, None], masses], axis=2))
    solved = np.linalg.solve(hessian, slopes)
    variance = np.einsum("nml,nml->nl", slopes[..., :n], solved[..., :n])
    of_history = curvature_errors(light, np.swapaxes(slopes[..., n:], 1, 2) @ solved[..., n:], basis.grid)
    columns = {}
    for number, name in enumerate(LABEL_NAMES):
        factor, floor = ERROR_CALIBRATION[name]
        columns[name] = values[:, number]
        columns[f"{name}_err"] = np.sqrt(factor**2 * np.maximum(variance[:, number], 0.0) + floor**2)
    return columns, variance[:, -1], of_history


def widened(columns: dict[str, Floats], snr: Floats) -> dict[str, Floats]:
    """The columns, their errors with what the curvature does not know.

    - A reduced chi2 above 1 says that the errors of pixels, or of the model, are larger than thought: errors are
      multiplied by its root.
    - At low S/N (n,) [1/Angstrom] [M/H] rests on the prior, which is uncertain itself: 8 / snr^2 is added in
      quadrature, at most 0.6 dex (what it takes for spectra of S/N 3 to 8 whose [M/H] is anywhere on the grid).
    """
    out = dict(columns)
    worse = np.sqrt(np.maximum(columns["chi2"], 1.0))
    prior = np.minimum(8.0 / np.maximum(snr, 1e-3) ** 2, 0.6)
    for name in LABEL_NAMES:
        error = columns[f"{name}_err"] * worse
        out[f"{name}_err"] = np.hypot(error, prior) if name.startswith("mh") else error
    return out


def with_young_errors(columns: dict[str, Floats], weights: Floats, grid: SSPGrid) -> dict[str, Floats]:
    """The columns, their errors with what libraries of young stars differ by.

    ``YOUNG_ERRORS`` times the light fraction younger than 63 Myr is added in quadrature.

    Parameters
    ----------
    weights : (n, n_age, n_mh) float
        Light fractions over ``grid``.
    """
    young = grid.log_age < YOUNG_LOG_AGE
    if not young.any():
        return columns
    share = np.clip(weights[:, young].sum(axis=(1, 2)), 0.0, 1.0)
    return columns | {
        f"{name}_err": np.hypot(columns[f"{name}_err"], error * share) for name, error in YOUNG_ERRORS.items()
    }


def mean_labels(light: Floats, grid: SSPGrid) -> Floats:
    """The labels (n, 4), in the order of ``LABEL_NAMES``, of light fractions (n, m); NaN where their sum is 0."""
    return _means_and_slopes(light, grid)[0]


def _means_and_slopes(light: Floats, grid: SSPGrid) -> tuple[Floats, Floats]:
    """The labels (n, 4) and their derivatives (n, m, 4) with respect to the light fractions (n, m)."""
    quantities = {"log_age": np.repeat(grid.log_age, len(grid.mh)), "mh": np.tile(grid.mh, len(grid.log_age))}
    mass_per_light = 1.0 / grid.light.ravel()
    per_light = {"lw": np.ones_like(mass_per_light), "mw": mass_per_light / mass_per_light.mean()}
    values, slopes = [], []
    for name in LABEL_NAMES:
        kind, _, suffix = name.rpartition("_")
        amount = light * per_light[suffix]
        total = amount.sum(axis=1)
        total = np.where(total > 0, total, np.nan)
        mean = amount @ quantities[kind] / total
        values.append(mean)
        slopes.append(np.nan_to_num((quantities[kind] - mean[:, None]) * per_light[suffix] / total[:, None]))
    return np.stack(values, axis=1), np.stack(slopes, axis=2)
