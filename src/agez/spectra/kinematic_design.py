"""What all spectra share in a step of the kinematic fit: columns, their derivatives, and a prior on their factors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.polynomial.legendre import legvander

from agez.spectra.template_basis import SIGMA_GRID_KMS, TemplateBasis
from agez.types import Floats


@dataclass(frozen=True, eq=False)
class Design:
    """Orthonormal columns (q, c), their derivatives, and a prior on their factors.

    Orthonormal, because the normal equations are then well conditioned in single precision.
    """

    columns: Floats
    by_velocity: Floats  # per km/s
    by_variance: Floats  # per (km/s)^2
    precision: Floats  # (c, c)


def _columns(basis: TemplateBasis, sigma_index: int, count: int, order: int) -> Floats:
    """(q, c) leading basis spectra, and polynomials times the mean spectrum, at one dispersion."""
    spectra = basis.spectra[sigma_index].astype(float)
    x = np.linspace(-1.0, 1.0, len(spectra))
    mean = spectra @ basis.coefficients.mean(axis=1)
    return np.concatenate([spectra[:, :count], mean[:, None] * legvander(x, order)[:, 1:]], axis=1)


@lru_cache(maxsize=256)
def prepare_design(basis: TemplateBasis, sigma_index: int, count: int, order: int) -> Design:
    """The design of a step, cached.

    Parameters
    ----------
    sigma_index : int
        Index into ``SIGMA_GRID_KMS`` of the dispersion that the columns have.
    count : int
        Leading basis spectra; the rest mostly adds freedom to follow noise.
    order : int
        Of the polynomials times the mean spectrum.
    """
    left, singular, right = np.linalg.svd(_columns(basis, sigma_index, count, order), full_matrices=False)
    keep = singular > 1e-5 * singular[0]
    columns, back = left[:, keep], right[keep].T / singular[keep]
    # the model is nearly linear in the Gaussian's variance: the slope at a node is that of the parabola through three
    at = np.clip(sigma_index, 1, len(SIGMA_GRID_KMS) - 2) + np.arange(-1, 2)
    slope = _parabola_slopes(SIGMA_GRID_KMS[at] ** 2, float(SIGMA_GRID_KMS[sigma_index] ** 2))
    by_variance = sum(s * (_columns(basis, int(i), count, order) @ back) for s, i in zip(slope, at, strict=True))
    # the data lie at v + dv, so the model must move to longer wavelength
    by_velocity = -_slope(columns) / basis.velocity_step_kms
    # spectra of unit median have as much of a basis spectrum as templates do, within a factor of two
    usual = np.sqrt(np.mean(basis.coefficients[:count] ** 2, axis=1))
    precision = np.concatenate([1.0 / (2.0 * np.maximum(usual, 1e-12)) ** 2, np.zeros(order)])
    return Design(
        columns=columns.astype(np.float32),
        by_velocity=by_velocity.astype(np.float32),
        by_variance=np.asarray(by_variance, dtype=np.float32),
        precision=(back.T * precision) @ back,
    )


def _slope(columns: Floats) -> Floats:
    """Derivative per pixel along the first axis, of sixth order: lines are a few pixels wide."""
    padded = np.pad(columns, ((3, 3), (0, 0)), mode="reflect", reflect_type="odd")
    q = len(columns)
    return np.asarray(
        sum(
            f * (padded[3 + k : 3 + k + q] - padded[3 - k : 3 - k + q]) for k, f in ((1, 0.75), (2, -0.15), (3, 1 / 60))
        )
    )


def _parabola_slopes(nodes: Floats, x: float) -> Floats:
    """Factors (3,) of the values at three nodes in the derivative at x of the parabola through them."""
    a, b, c = nodes
    return np.array(
        [
            (2 * x - b - c) / ((a - b) * (a - c)),
            (2 * x - a - c) / ((b - a) * (b - c)),
            (2 * x - a - b) / ((c - a) * (c - b)),
        ]
    )
