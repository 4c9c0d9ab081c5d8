"""Stellar populations of many spectra at once: light fractions over the template grid, and a smooth continuum."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.polynomial.legendre import legvander

from agez.errors import AgezError
from agez.spectra.dust import attenuation_curve
from agez.spectra.nonnegative import SmoothPrior, second_differences, solve_batch
from agez.spectra.template_basis import TemplateBasis
from agez.spectra.weighted import cross_gram, shared_gram, solve_ridge
from agez.types import Floats, Ints

_CONTINUA = ("calibrated", "polynomial", "attenuation")


@dataclass(frozen=True)
class FitSettings:
    """What a fit is free to do.

    Attributes
    ----------
    fit_range_angstrom : (float, float)
        Rest frame; the part of it that a spectrum covers is used.
    continuum : 'calibrated', 'polynomial' or 'attenuation'
        The smooth factor between stars and data.  ``polynomial``: exp(sum_l a_l P_l) with free Legendre terms
        up to ``polynomial_order`` that take up dust and flux calibration, so that only lines speak of
        age.  ``attenuation``: a law with free A_V, which trusts the colours.  ``calibrated``: both, with
        the polynomial held to the accuracy of the flux calibration.
    polynomial_order : int
    calibration_rms : float
        Prior on each polynomial term of ``calibrated``: its rms, as a fraction of the flux (CALIFA: about
        3 % in colour, Sanchez et al. 2016, A&A 594, A36).
    attenuation_law : str
        See :func:`agez.spectra.dust.attenuation_curve`.
    smoothness_age, smoothness_mh : float
        Prior on light fractions: their second differences along the age axis, and along the [M/H]
        axis, are normal with sigma 1 / sqrt(smoothness), on E-MILES's grid (other grids: scaled by their
        spacing).  The defaults recover the truth of mock spectra of S/N 40 with the least scatter.
    line_mask_kms : float
        Half-width of the window that is left out around each emission line.
    clip_sigma : float
        Pixels further than this many sigma from the first fit are left out of the final one.
    kinematics : bool
        False: take velocity 0 and ``default_sigma_kms`` for all spectra.
    default_sigma_kms : float
        Dispersion where none could be measured.
    max_chi2 : float
        Reduced chi2 above which a row is flagged (the paper's 2).
    """

    fit_range_angstrom: tuple[float, float] = (3750.0, 7000.0)
    continuum: str = "polynomial"
    polynomial_order: int = 8
    calibration_rms: float = 0.02
    attenuation_law: str = "calzetti"
    smoothness_age: float = 4e5
    smoothness_mh: float = 3e4
    line_mask_kms: float = 700.0
    clip_sigma: float = 5.0
    kinematics: bool = True
    default_sigma_kms: float = 120.0
    max_chi2: float = 2.0

    def __post_init__(self) -> None:
        if self.continuum not in _CONTINUA:
            raise AgezError(f"continuum {self.continuum!r} is unknown; choose among {', '.join(_CONTINUA)}")
        if not self.calibration_rms > 0:
            raise AgezError(f"calibration_rms must be positive, found {self.calibration_rms}")
        if not min(self.smoothness_age, self.smoothness_mh) > 0:
            raise AgezError(f"smoothness must be positive, found {self.smoothness_age} and {self.smoothness_mh}")
        if not 0 < self.fit_range_angstrom[0] < self.fit_range_angstrom[1]:
            raise AgezError(f"fit range {self.fit_range_angstrom} A is empty; give a lower and a higher wavelength")


#: Alternations of weights and continuum, and a mild pull of weights to zero in units of the prior in [M/H].
_ITERATIONS = 4
_RIDGE = 0.0025
#: Spacing in log age and [M/H] of the grid for which the strengths of the prior are quoted (E-MILES) [dex].
_REFERENCE_STEPS = (0.1, 0.386)
#: Step of the solver over the sum of a spectrum's pixel weights, chosen for speed; results do not depend on it.
_PENALTY_PER_WEIGHT = 2e-2


@lru_cache(maxsize=32)
def _prior(basis: TemplateBasis, settings: FitSettings, penalty: float) -> SmoothPrior:
    """The prior on a grid of any spacing h, in age (a) and [M/H] (m).

    What is penalised is the integral over the plane of the squared second derivative of the
    light's density f.  With fractions w = f h_a h_m that is sum (D_a w)^2 / (h_a^5 h_m), and the same with a and m
    exchanged, so a strength means the same on a coarse grid as on the reference one.
    """
    grid = basis.grid
    along_age, along_mh = second_differences(len(grid.log_age), len(grid.mh))
    age_step, mh_step = (
        float(np.mean(np.diff(nodes))) / reference
        for nodes, reference in zip((grid.log_age, grid.mh), _REFERENCE_STEPS, strict=True)
    )
    root = np.concatenate(
        [
            np.sqrt(settings.smoothness_age / (age_step**5 * mh_step)) * along_age,
            np.sqrt(settings.smoothness_mh / (mh_step**5 * age_step)) * along_mh,
            np.sqrt(_RIDGE * settings.smoothness_mh / (age_step * mh_step)) * np.eye(basis.coefficients.shape[1]),
        ]
    )
    return SmoothPrior(root, basis.coefficients, penalty=penalty)


def fit_populations(
    flux: Floats, weight: Floats, basis: TemplateBasis, sigma_index: Ints, settings: FitSettings
) -> tuple[dict[str, Floats], Floats]:
    """Fit rest-frame spectra, in the basis' pixels, each with templates broadened by its own dispersion.

    Parameters
    ----------
    flux, weight : (n, q) float
        Flux in units of about 1, and 1/variance (0 where bad).
    sigma_index : (n,) int
        Index into ``SIGMA_GRID_KMS``.

    Returns
    -------
    columns : dict
        The four means with errors, ``chi2`` and ``av``; each (n,).
    light : (n, m) float
        Light fractions, each row summing to one.
    """
    return _Population(basis, sigma_index, settings).fit(flux, weight)


@dataclass(frozen=True, eq=False)
class _NormalEquations:
    """Blocks of the joint normal equations: stars (r unknowns), continuum (l unknowns), for n rows."""

    gram: Floats  # (n, r, r)
    right: Floats  # (n, r)
    cross: Floats  # (n, l, r)
    own: Floats  # (n, l, l)
    own_right: Floats  # (n, l)

    def without_continuum(self) -> tuple[Floats, Floats]:
        """Equations of the stars alone, the continuum eliminated by its Schur complement."""
        solved = np.linalg.solve(self.own, np.concatenate([self.cross, self.own_right[..., None]], axis=2))
        transposed = np.swapaxes(self.cross, 1, 2)
        projected = transposed @ solved
        return self.gram - projected[:, :, :-1], self.right - projected[:, :, -1]

    def continuum_step(self, star_step: Floats) -> Floats:
        """The continuum's best change (n, l) once the stars have moved by ``star_step`` (n, r)."""
        right = self.own_right - (self.cross @ star_step[..., None])[..., 0]
        return np.linalg.solve(self.own, right[..., None])[..., 0]


class _Population:
    """The population fit of spectra whose dispersions are ``SIGMA_GRID_KMS[sigma_index]``."""

    def __init__(self, basis: TemplateBasis, sigma_index: Ints, settings: FitSettings) -> None:
        self.basis = basis
        self.sigma_index = sigma_index
        self.coefficients = basis.coefficients
        self.grid = basis.grid
        self.settings = settings
        columns: list[Floats] = []
        precision: list[Floats] = []
        if settings.continuum != "polynomial":
            curve = attenuation_curve(basis.wave_angstrom, settings.attenuation_law)
            columns.append(-0.4 * np.log(10.0) * curve[:, None])
            precision.append(np.zeros(1))
        if settings.continuum != "attenuation":
            x = np.linspace(-1.0, 1.0, len(basis.wave_angstrom))
            order = np.arange(1, settings.polynomial_order + 1)
            columns.append(legvander(x, settings.polynomial_order)[:, 1:])
            known = settings.continuum == "calibrated"
            # a Legendre term of coefficient a has rms a / sqrt(2 l + 1)
            precision.append(1.0 / (2 * order + 1) / settings.calibration_rms**2 if known else 0.0 * order)
        self.continuum = np.concatenate(columns, axis=1).astype(np.float32)
        self.precision = np.concatenate(precision)

    def fit(self, flux: Floats, weight: Floats) -> tuple[dict[str, Floats], Floats]:
        """Columns of Labels and light fractions (n, m) for flux and weight (n, q)."""
        weight = weight.copy()
        light, factor = self._alternate(flux, weight, None, np.zeros((len(flux), self.continuum.shape[1])), _ITERATIONS)
        deviation = np.abs(flux - self._model(light, factor)) * np.sqrt(weight)
        spread = 1.4826 * np.nanmedian(np.where(weight > 0, deviation, np.nan), axis=1, keepdims=True)
        outlier = deviation > self.settings.clip_sigma * np.maximum(spread, 1.0)
        again = np.flatnonzero(outlier.any(axis=1))
        if len(again):
            weight[outlier] = 0.0
            fewer = _Population(self.basis, self.sigma_index[again], self.settings)
            light[again], factor[again] = fewer._alternate(flux[again], weight[again], light[again], factor[again], 2)
        chi2 = np.einsum("nq,nq->n", weight, (flux - self._model(light, factor)) ** 2)
        freedom = (weight > 0).sum(axis=1) - self.continuum.shape[1] - 2
        columns = self._means(light, self._normal_equations(flux, weight, light, factor).without_continuum()[0])
        columns["chi2"] = chi2 / np.maximum(freedom, 1)
        columns["av"] = factor[:, 0] if self.settings.continuum != "polynomial" else self._slope_as_dust(factor)
        return columns, light / np.maximum(light.sum(axis=1, keepdims=True), 1e-30)

    def _by_dispersion(self) -> Iterator[tuple[Ints, Floats]]:
        """Rows that share a dispersion, and the basis spectra (q, r) broadened by it."""
        for i in np.unique(self.sigma_index):
            yield np.flatnonzero(self.sigma_index == i), self.basis.spectra[i]

    def _slope_as_dust(self, factor: Floats) -> Floats:
        """A_V of the attenuation law nearest to a free polynomial continuum, in the least-squares sense.

        Errors of the flux calibration enter in full: 3 % between blue and red make about 0.1 mag.
        """
        curve = attenuation_curve(self.basis.wave_angstrom, self.settings.attenuation_law)
        curve = -0.4 * np.log(10.0) * (curve - curve.mean())
        return (factor.astype(np.float32) @ self.continuum.T) @ curve / np.sum(curve**2)

    def _stellar(self, light: Floats) -> Floats:
        compressed = (light @ self.coefficients.T).astype(np.float32)
        stellar = np.empty((len(light), len(self.continuum)), dtype=np.float32)
        for rows, spectra in self._by_dispersion():
            stellar[rows] = compressed[rows] @ spectra.T
        return stellar

    def _factor(self, factor: Floats) -> Floats:
        return np.exp(np.clip(factor.astype(np.float32) @ self.continuum.T, -5.0, 5.0))

    def _model(self, light: Floats, factor: Floats) -> Floats:
        return self._stellar(light) * self._factor(factor)

    def _normal_equations(self, flux: Floats, weight: Floats, light: Floats, factor: Floats) -> _NormalEquations:
        """Normal equations of the step from the present solution.

        To first order the model moves by q (U dc + s P da), with s the stellar part.  Only the
        right-hand sides see the data, and they see the residuals: single precision in the large
        products then never limits the solution.
        """
        q = self._factor(factor)
        stellar = self._stellar(light)
        wq2 = weight * q**2
        residual = flux / q - stellar
        n, rank, free = len(flux), len(self.coefficients), self.continuum.shape[1]
        gram, right, cross = np.empty((n, rank, rank)), np.empty((n, rank)), np.empty((n, free, rank))
        for rows, spectra in self._by_dispersion():
            gram[rows] = shared_gram(spectra, wq2[rows])
            right[rows] = (wq2[rows] * residual[rows]) @ spectra
            cross[rows] = cross_gram(self.continuum, spectra, wq2[rows] * stellar[rows])
        own = shared_gram(self.continuum, wq2 * stellar**2)
        scale = np.einsum("nii->ni", own).max(axis=1)[:, None, None]
        own = own + 1e-6 * np.maximum(scale, 1e-30) * np.eye(free) + np.diag(self.precision)
        own_right = ((wq2 * stellar * residual) @ self.continuum).astype(float) - self.precision * factor
        return _NormalEquations(gram, right, cross, own, own_right)

    def _alternate(
        self, flux: Floats, weight: Floats, light: Floats | None, factor: Floats, iterations: int
    ) -> tuple[Floats, Floats]:
        """Refine light fractions and continuum in turn."""
        if light is None:
            # start from equal weights of all templates, and the continuum that fits them
            light = np.full((len(flux), self.coefficients.shape[1]), 1.0 / self.coefficients.shape[1])
            light, factor = self._fit_factor(flux, weight, light, factor, steps=4)
        for _ in range(iterations):
            equations = self._normal_equations(flux, weight, light, factor)
            gram, right = equations.without_continuum()
            before = light @ self.coefficients.T
            light = self._solve(gram, right + (gram @ before[..., None])[..., 0], weight, light)
            change = equations.continuum_step(light @ self.coefficients.T - before)
            factor = factor + self._bounded(change)
            light, factor = self._fit_factor(flux, weight, light, factor, steps=1)
        return light, factor

    def _bounded(self, change: Floats) -> Floats:
        """The same step, shortened where it would change the continuum by more than a factor e anywhere."""
        largest = np.abs(change.astype(np.float32) @ self.continuum.T).max(axis=1, keepdims=True)
        return change / np.maximum(largest, 1.0)

    def _solve(self, gram: Floats, right: Floats, weight: Floats, start: Floats) -> Floats:
        """Non-negative light fractions; rows of like signal-to-noise ratio share the solver's step."""
        exponent = np.round(np.log10(_PENALTY_PER_WEIGHT * np.maximum(weight.sum(axis=1), 1.0)))
        light = np.empty_like(start)
        for value in np.unique(exponent):
            rows = np.flatnonzero(exponent == value)
            prior = _prior(self.basis, self.settings, 10.0 ** float(value))
            light[rows] = solve_batch(gram[rows], right[rows], prior, start=start[rows])
        return light

    def _fit_factor(
        self, flux: Floats, weight: Floats, light: Floats, factor: Floats, *, steps: int
    ) -> tuple[Floats, Floats]:
        """Gauss-Newton steps in the continuum and the scale of the light, whose mixture stays as it is."""
        columns = np.concatenate([np.ones((len(self.continuum), 1), np.float32), self.continuum], axis=1)
        unit = self._stellar(light)
        scale = np.ones(len(light))
        for _ in range(steps):
            model = unit * self._factor(factor)
            total = np.einsum("nq,nq,nq->n", weight, model, model)
            scale = np.einsum("nq,nq,nq->n", weight, model, flux) / np.maximum(total, 1e-30)
            scale = np.where(scale > 0, scale, 1.0)
            model = model * scale[:, None].astype(np.float32)
            gram = shared_gram(columns, weight * model**2)
            right = ((weight * model * (flux - model)) @ columns).astype(float)
            gram[:, 1:, 1:] += np.diag(self.precision)
            right[:, 1:] -= self.precision * factor
            change = solve_ridge(gram, right)
            factor = factor + self._bounded(change[:, 1:])
            scale = scale * np.exp(np.clip(change[:, 0], -1.0, 1.0))
        return light * scale[:, None], factor

    def _means(self, light: Floats, gram: Floats) -> dict[str, Floats]:
        """Light- and mass-weighted means and their errors."""
        log_age = np.repeat(self.grid.log_age, len(self.grid.mh))
        mh = np.tile(self.grid.mh, len(self.grid.log_age))
        mass_per_light = 1.0 / self.grid.light.ravel()
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
                columns[f"{name}_{suffix}_err"] = self._standard_error(np.nan_to_num(slope), gram)
        return columns

    def _standard_error(self, slope: Floats, gram: Floats) -> Floats:
        """sqrt(g' (P + B'GB)^-1 g) for each row's derivative g (n, m), by Woodbury's identity."""
        inverse = np.linalg.inv(_prior(self.basis, self.settings, 1.0).precision)
        kb = inverse @ self.coefficients.T
        inner = np.linalg.solve(np.eye(len(kb.T)) + gram @ (self.coefficients @ kb), gram)
        bkg = slope @ kb
        variance = np.einsum("nm,nm->n", slope @ inverse, slope) - np.einsum("nr,nrs,ns->n", bkg, inner, bkg)
        return np.sqrt(np.maximum(variance, 0.0))
