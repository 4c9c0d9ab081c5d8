"""Means of age and metallicity over light fractions, and their errors."""

from __future__ import annotations

import numpy as np

from agez.spectra.fit_settings import FitSettings
from agez.spectra.prior import smooth_prior
from agez.spectra.template_basis import TemplateBasis
from agez.types import Floats


def means(
    light: Floats, gram: Floats, strength: Floats, basis: TemplateBasis, settings: FitSettings
) -> dict[str, Floats]:
    """Light- and mass-weighted means (n,) of log age and [M/H] of light fractions (n, m), each with its error.

    The error of a mean with derivative g with respect to the weights is sqrt(g' (s P + B'GB)^-1 g): the curvature of
    the posterior, before positivity.

    Parameters
    ----------
    gram : (n, r, r)
        G, everything but the stars eliminated.
    strength : (n,)
        s, factor on the prior P.
    """
    grid = basis.grid
    log_age = np.repeat(grid.log_age, len(grid.mh))
    mh = np.tile(grid.mh, len(grid.log_age))
    mass_per_light = 1.0 / grid.light.ravel()
    mass_per_light = mass_per_light / mass_per_light.mean()
    columns = {}
    for suffix, per_light in (("lw", np.ones_like(mass_per_light)), ("mw", mass_per_light)):
        amount = light * per_light
        total = amount.sum(axis=1)
        total = np.where(total > 0, total, np.nan)
        for name, quantity in (("log_age", log_age), ("mh", mh)):
            mean = amount @ quantity / total
            # derivative of the mean with respect to each weight
            slope = (quantity[None, :] - mean[:, None]) * per_light / total[:, None]
            columns[f"{name}_{suffix}"] = mean
            columns[f"{name}_{suffix}_err"] = _standard_error(np.nan_to_num(slope), gram, strength, basis, settings)
    return columns


def _standard_error(
    slope: Floats, gram: Floats, strength: Floats, basis: TemplateBasis, settings: FitSettings
) -> Floats:
    """sqrt(g' (s P + B'GB)^-1 g) for each row's derivative g (n, m), by Woodbury's identity."""
    inverse = np.linalg.inv(smooth_prior(basis, settings, 1.0).precision)
    kb = inverse @ basis.coefficients.T
    gram = gram / strength[:, None, None]
    inner = np.linalg.solve(np.eye(len(kb.T)) + gram @ (basis.coefficients @ kb), gram)
    bkg = slope @ kb
    variance = np.einsum("nm,nm->n", slope @ inverse, slope) - np.einsum("nr,nrs,ns->n", bkg, inner, bkg)
    return np.asarray(np.sqrt(np.maximum(variance, 0.0) / strength))
