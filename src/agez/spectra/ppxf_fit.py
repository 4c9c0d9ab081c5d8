"""One spectrum fitted with pPXF: kinematics of stars and gas, population weights, lines, and a bootstrap of them."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from agez.spectra.dust import attenuation_curve
from agez.spectra.fit_settings import FitSettings
from agez.spectra.ppxf_templates import PpxfTemplates
from agez.types import Bools, Floats

#: Velocities and dispersions that the fit may take [km/s].
VELOCITY_RANGE_KMS = (-1000.0, 1000.0)
SIGMA_RANGE_KMS = (1.0, 600.0)
GAS_SIGMA_RANGE_KMS = (1.0, 400.0)
#: Where the search for the gas' dispersion starts [km/s].
_START_GAS_SIGMA_KMS = 60.0
#: A velocity less certain than this is no measurement [km/s].
_USELESS_ERROR_KMS = 150.0
#: Residuals, in units of their robust scale, that spoil a fit as a whole: cosmic rays, saturation.
_RUINOUS = 50.0
#: Part of a line's flux density that its profile may be wrong by.
_LINE_TOLERANCE = 0.3
#: Derivative of the weights that regularisation holds down.
REGULARISATION_ORDER = 2
#: Noise of pixels that are not fitted, in units of the spectrum: they must weigh nothing.
_NO_WEIGHT = 1e3


@dataclass(frozen=True)
class PpxfOptions:
    """How pPXF is used."""

    #: float or 'discrepancy': pPXF's ``regul``, for templates of unit light and spectra of unit median whose noise was
    #: scaled to a reduced chi2 of 1; 0: none; ``discrepancy``: that at which chi2 has grown by sqrt(2 N).
    regularisation: float | str = 30.0
    #: Repetitions with residuals of random sign, from which errors of the populations are computed; 0: no errors.
    bootstraps: int = 10


@dataclass(frozen=True, eq=False)
class PpxfAnswer:
    """What one fit gave; velocities and fluxes in the rest frame of the assumed redshift."""

    weights: Floats  #: (m,) Light fractions; they sum to 1.
    bootstrap: Floats  #: (b, m)
    continuum: Floats  #: (q,) Natural logarithm of the factor between stars and data.
    #: ``velocity_kms``, ``velocity_kms_err``, ``sigma_kms``, ``sigma_kms_err`` of the stars; those of the gas, if it
    #: was fitted, begin with ``gas_``.
    motion: Mapping[str, float]
    #: gas_flux, gas_flux_err: (k,) Weights of the gas templates.
    gas_flux: Floats
    gas_flux_err: Floats
    #: stars, gas: (q,) The model's two parts.
    stars: Floats
    gas: Floats
    used: Bools  #: (q,)
    #: chi2, regularisation, av: ``av`` is that of the fitted law, NaN with a polynomial.
    chi2: float
    regularisation: float
    av: float
    kinematics_failed: bool


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """pPXF prints, and warns of divisions that it copes with."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
        yield


class _Problem:
    """A spectrum, ready to be fitted several times."""

    def __init__(
        self, flux: Floats, noise: Floats, good: Bools, templates: PpxfTemplates, settings: FitSettings
    ) -> None:
        self.flux, self.noise, self.good = flux, np.where(good, noise, _NO_WEIGHT), good
        self.templates, self.settings = templates, settings
        n_stars, n_gas = templates.stars.shape[1], templates.gas.shape[1]
        self.columns = np.concatenate([templates.stars, templates.gas], axis=1)
        self.component = np.repeat([0, 1], [n_stars, n_gas])
        self.has_gas = n_gas > 0
        self.start = [[0.0, settings.default_sigma_kms], [0.0, _START_GAS_SIGMA_KMS]][: 1 + self.has_gas]
        self.fixed = [[not settings.kinematics] * 2, [False, False]][: 1 + self.has_gas]

    def fit(self, regularisation: float) -> Any:
        """Run pPXF from the present start, noise, and good pixels."""
        free: dict[str, Any] = {"mdegree": self.settings.polynomial_order}
        if self.settings.continuum == "attenuation":

            def law(wave: Floats, av: float) -> Floats:
                return np.asarray(10 ** (-0.4 * av * attenuation_curve(wave, self.settings.attenuation_law)))

            free = {"dust": [{"start": [0.3], "bounds": [[-1.0, 6.0]], "component": self.component == 0, "func": law}]}
            free["lam"] = self.templates.wave_angstrom
        if self.has_gas:
            free["gas_component"] = self.component == 1
        one = not self.has_gas
        bounds = [[VELOCITY_RANGE_KMS, SIGMA_RANGE_KMS], [VELOCITY_RANGE_KMS, GAS_SIGMA_RANGE_KMS]]
        with _quietly():
            from ppxf.ppxf import ppxf

            return ppxf(
                self.columns, self.flux, self.noise, self.templates.velocity_step_kms,
                self.start[0] if one else self.start, bounds=bounds[0] if one else bounds,
                fixed=self.fixed[0] if one else self.fixed, moments=2 if one else [2, 2], degree=-1,
                component=self.component, goodpixels=np.flatnonzero(self.good), regul=regularisation,
                reg_ord=REGULARISATION_ORDER, reg_dim=self.templates.grid.light.shape,
                vsyst=self.templates.system_velocity_kms, quiet=True, **free,
            )  # fmt: skip

    def outliers(self, fit: Any, limit: float) -> Bools:
        """(q,) good pixels further from a fit than ``limit`` times the residuals' robust scale, at least the noise.

        On emission lines a part of the line is allowed, too: that its profile is not quite Gaussian is no outlier.
        """
        residual = np.abs(self.flux - fit.bestfit)
        spread = max(1.4826 * float(np.median((residual / self.noise)[self.good])), 1.0)
        outlier = self.good & (residual > limit * spread * self.noise)
        return outlier & (residual > _LINE_TOLERANCE * fit.gas_bestfit) if self.has_gas else outlier

    def kinematics(self, fit: Any) -> tuple[list[list[float]], list[list[float]]]:
        """Velocities and dispersions, and their errors for a reduced chi2 of 1, of stars and gas."""
        solution, error = ([fit.sol], [fit.error]) if not self.has_gas else (fit.sol, fit.error)
        scale = float(np.sqrt(fit.chi2))
        return [[float(x) for x in one[:2]] for one in solution], [[float(x) * scale for x in one[:2]] for one in error]


def _first_fit(problem: _Problem) -> tuple[Any, bool]:
    """The fit without regularisation, from which the next starts, and whether the stars' motion was not to be had.

    Pixels so far off that they have pulled the fit are left out of ``problem`` and it is done again.
    """
    failed = False
    for _ in range(3):
        first = problem.fit(0.0)
        if problem.settings.kinematics and not failed:
            motion, errors = problem.kinematics(first)
            velocity, error, (low, high) = motion[0][0], errors[0][0], VELOCITY_RANGE_KMS
            # an error of 0 is pPXF's word for a parameter at its limit
            failed = not (0 < error < _USELESS_ERROR_KMS and 0.99 * low < velocity < 0.99 * high)
        ruinous = problem.outliers(first, _RUINOUS)
        if ruinous.any():
            problem.good = problem.good & ~ruinous
            failed = False
        elif failed and not problem.fixed[0][0]:
            problem.fixed[0] = [True, True]
        else:
            break
    if not failed:
        problem.start = problem.kinematics(first)[0]
    return first, failed


def fit_one(
    flux: Floats,
    noise: Floats,
    good: Bools,
    templates: PpxfTemplates,
    settings: FitSettings,
    options: PpxfOptions,
    rng: np.random.Generator,
) -> PpxfAnswer:
    """Fit one spectrum: without regularisation, then without outliers and with regularisation.

    Parameters
    ----------
    flux, noise : (q,) float
        In units of about the spectrum's median; ``noise`` is used where ``good``.
    good : (q,) bool
    """
    problem = _Problem(flux, noise, good, templates, settings)
    first, failed = _first_fit(problem)
    outlier = problem.outliers(first, settings.clip_sigma)
    problem.good = problem.good & ~outlier
    scale = float(np.sqrt(np.mean(((flux - first.bestfit) / problem.noise)[problem.good] ** 2)))
    problem.noise = problem.noise * scale
    strength = options.regularisation
    if isinstance(strength, str):
        strength = _discrepancy(problem, first)
    second = problem.fit(strength) if strength or outlier.any() else first
    residual = (flux - second.bestfit) / problem.noise
    chi2 = float(np.sum(residual[problem.good] ** 2)) * scale**2
    n_free = 2 + (settings.polynomial_order if settings.continuum == "polynomial" else 1)
    motion = {
        f"{whose}{name}_kms{end}": value
        for end, all_values in zip(("", "_err"), problem.kinematics(second), strict=True)
        for whose, values in zip(("", "gas_"), all_values, strict=False)
        for name, value in zip(("velocity", "sigma"), values, strict=True)
    }
    n_stars = templates.stars.shape[1]
    curve = np.zeros(len(flux))
    if settings.continuum == "polynomial" and second.mpoly is not None:
        curve = np.log(second.mpoly)
    gas = second.gas_bestfit if problem.has_gas else np.zeros(len(flux))
    light = second.weights[:n_stars]
    gas_flux, gas_flux_err = _line_weights(second, n_stars)
    return PpxfAnswer(
        weights=light / light.sum(),
        bootstrap=_bootstrap(problem, second, options, rng),
        continuum=curve,
        motion=motion,
        gas_flux=gas_flux,
        gas_flux_err=gas_flux_err,
        stars=second.bestfit - gas,
        gas=gas,
        used=problem.good,
        chi2=chi2 / max(int(problem.good.sum()) - n_free, 1),
        regularisation=float(strength),
        av=float(second.dust[0]["sol"][0]) if settings.continuum == "attenuation" else np.nan,
        kinematics_failed=failed,
    )


def _line_weights(fit: Any, n_stars: int) -> tuple[Floats, Floats]:
    """Weights (k,) of the gas templates and their errors; NaN where no good pixel sees the line."""
    if fit.gas_flux is None:
        return np.zeros(0), np.zeros(0)
    total = np.abs(fit.matrix[:, n_stars:].sum(axis=0))  # pPXF's fluxes are sums over pixels
    with np.errstate(all="ignore"):
        error = fit.gas_flux_error / total * np.sqrt(fit.chi2)
    seen = np.isfinite(fit.gas_flux) & np.isfinite(error) & (error > 0)
    return np.where(seen, fit.weights[n_stars:], np.nan), np.where(seen, error, np.nan)


def _discrepancy(problem: _Problem, fit: Any) -> float:
    """The ``regul`` that raises chi2 by sqrt(2 N), kinematics and continuum as in ``fit``; bisection in its logarithm.

    Morozov's principle as pPXF's manual has it (Press et al. 2007, section 19.4.1).
    """
    with _quietly():
        from ppxf.capfit import lsq_box
        from ppxf.ppxf import regularization

    use = np.flatnonzero(problem.good)
    shape = np.asarray(problem.templates.grid.light.shape)
    rows = int(np.prod(shape))
    data = fit.matrix[use] / problem.noise[use, None]
    right = np.concatenate([problem.flux[use] / problem.noise[use], np.zeros(rows)])
    design = np.concatenate([data, np.zeros((rows, data.shape[1]))])
    start = None

    def chi2(strength: float) -> float:
        nonlocal start
        design[len(use) :] = 0.0  # pPXF adds to what is there
        if strength:
            regularization(design, 0, len(use), shape, REGULARISATION_ORDER, strength)
        with _quietly():
            start = lsq_box(design, right, [np.zeros(design.shape[1]), np.inf], start).x
        return float(np.sum((data @ start - right[: len(use)]) ** 2))

    target = chi2(0.0) + np.sqrt(2.0 * len(use))
    low, high = 0.0, 5.0
    for _ in range(7):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if chi2(10.0**middle) < target else (low, middle)
    return float(10.0 ** (0.5 * (low + high)))


def _bootstrap(problem: _Problem, fit: Any, options: PpxfOptions, rng: np.random.Generator) -> Floats:
    """Light fractions (b, m) of the model plus residuals of random sign, kinematics fixed, without regularisation.

    The wild bootstrap (Davidson & Flachaire 2008, J. Econometrics 146, 162) as Cappellari (2023) uses it: the
    scatter of unregularised solutions stands for the freedom that regularisation hides.
    """
    n_stars = problem.templates.stars.shape[1]
    out = np.empty((options.bootstraps, n_stars))
    if not options.bootstraps:
        return out
    keep = problem.start, problem.fixed, problem.flux
    problem.start = problem.kinematics(fit)[0]
    problem.fixed = [[True, True]] * len(problem.start)
    residual = problem.flux - fit.bestfit
    for i in range(options.bootstraps):
        problem.flux = fit.bestfit + residual * rng.choice([-1.0, 1.0], len(residual))
        light = problem.fit(0.0).weights[:n_stars]
        out[i] = light / light.sum()
    problem.start, problem.fixed, problem.flux = keep
    return out
