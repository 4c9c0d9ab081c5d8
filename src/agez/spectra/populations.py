"""Stellar populations of many spectra at once: light fractions over the template grid, continuum, emission lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import TypedDict

import numpy as np
from numpy.polynomial.legendre import legvander

from agez.arrays import PerRow
from agez.label_types import HistoryErrors
from agez.spectra.dust import attenuation_curve
from agez.spectra.fit_settings import FitSettings
from agez.spectra.gas import fit_gas_motion, line_windows
from agez.spectra.gas_columns import GasColumns, GasFit
from agez.spectra.label_means import means
from agez.spectra.nonnegative import solve_batch
from agez.spectra.normal_equations import NormalEquations
from agez.spectra.prior import choose_strength, mean_mh, smooth_prior, spread_cost
from agez.spectra.template_basis import YOUNG_LOG_AGE, TemplateBasis, starting_light
from agez.spectra.weighted import cross_gram, shared_gram, solve_ridge
from agez.types import Bools, Floats, Ints


class _Accuracy(TypedDict, total=False):
    """Keywords of the solver."""

    tolerance: float
    max_iterations: int


#: Alternations of weights and of everything else: with the lines masked, and with them fitted.
_MASKED_ITERATIONS, _ITERATIONS = 1, 5
#: Of the latter, the first ones, at which the mean [M/H] is taken anew.
_CENTRINGS = 3
#: Step of the solver over the sum of a spectrum's pixel weights, chosen for speed; results do not depend on it.
_PENALTY_PER_WEIGHT = 5e-3
#: Of the solver on grids with young populations.  They are so much alike that it comes to a near stop early, and old
#: galaxies would change by some hundredths of a dex, though they have no young light; so it goes on for longer.
_YOUNG_ACCURACY: _Accuracy = {"tolerance": 1e-4, "max_iterations": 3000}
#: A pixel may differ from a strong line's model by this part of it without counting as an outlier; and what Gaussian
#: profiles on rebinned pixels are wrong by, in units of the line, which counts as noise.
_LINE_TOLERANCE, _PROFILE_ERROR = 0.15, 0.03
#: Errors of the flux calibration and unknown dust laws limit A_V to this [mag] (``python benchmarks/label_errors.py``:
#: the scatter on mock spectra with CALIFA's errors, whatever their S/N).
_DUST_ERROR = 0.13
#: A pixel further than this from a rough solution is a spike.
_SPIKE_SIGMA = 10.0
#: A pixel so many times the row's median, or below its negative, is saturated or broken; near an emission line the
#: second number holds (the lines of an HII galaxy of equivalent width 3000 A reach a thousand times the continuum).
_SATURATED, _BRIGHTEST_LINE = 20.0, 1e4
#: Rms that each term of a free polynomial may have in the logarithm of the flux: more than any dust or calibration.
_FREE_RMS = 1.0


@dataclass(frozen=True, eq=False)
class PopulationFit:
    """What a fit found: columns of Labels (n,), light fractions (n, m), lines, and the model's parts (n, q)."""

    columns: dict[str, Floats]
    light: Floats
    gas: GasFit | None
    stars_model: Floats
    gas_model: Floats
    used: Bools
    of_history: HistoryErrors  #: Not calibrated.


@dataclass(frozen=True, eq=False)
class _State(PerRow):
    """The present solution for n rows."""

    light: Floats  # (n, m)
    factor: Floats  # (n, e), logarithm of the continuum in its terms
    lines: Floats  # (n, f), fluxes of the free lines; none before they are fitted
    strength: Floats  # (n,)
    centre: Floats  # (n,), [M/H] that the prior on its spread is about

    def put(self, rows: Ints, other: _State) -> None:
        for f in fields(self):
            getattr(self, f.name)[rows] = getattr(other, f.name)


def polynomial_axis(reached: Bools, order: int) -> tuple[Floats, int]:
    """Argument (q,) of the continuum's Legendre terms, and the highest order, for data that reach some pixels.

    Over pixels without data a polynomial is free, and the fit converges too slowly.  So the terms are spread over the
    pixels that the data reach and constant beyond.  Over less than half of the range they are fewer in proportion; over
    half of it as many as over all are no less right on mock spectra, and real calibrations ask for them.
    """
    q = len(reached)
    first, last = np.flatnonzero(reached)[[0, -1]] if reached.sum() > 1 else (0, q - 1)
    part = (last - first) / max(q - 1, 1)
    x = np.clip(np.linspace(-1.0, 1.0, q) if part == 1 else 2 * (np.arange(q) - first) / (last - first) - 1, -1, 1)
    return x, max(min(round(2 * part * order), order), min(order, 1))


class Population:
    """The population fit of rest-frame spectra, each with templates broadened by its own dispersion.

    Spectra are (n, q) in the basis' pixels: flux in units of about 1, and weight = 1/variance (0 where bad).

    Parameters
    ----------
    basis : TemplateBasis
    sigma_index : (n,) int
        Index of each row's dispersion into ``SIGMA_GRID_KMS``.
    away : (q,) bool
        Pixels away from emission lines.
    settings : FitSettings
    correlation : (q,) float, optional
        See :func:`agez.spectra.rebin.noise_correlation`; without it errors of neighbouring pixels are taken as
        independent.
    reached : (q,) bool, optional
        Pixels that the data's wavelengths reach; default: all.
    """

    def __init__(
        self,
        basis: TemplateBasis,
        sigma_index: Ints,
        away: Bools,
        settings: FitSettings,
        *,
        correlation: Floats | None = None,
        reached: Bools | None = None,
    ) -> None:
        self.basis = basis
        self.sigma_index = sigma_index
        self.away = away
        ones = np.ones(len(basis.wave_angstrom))
        self.correlation = (ones if correlation is None else correlation).astype(np.float32)
        self.coefficients = basis.coefficients
        self.accuracy = _YOUNG_ACCURACY if basis.grid.log_age[0] < YOUNG_LOG_AGE else {}
        self.settings = settings
        self.reached = np.ones(len(ones), dtype=bool) if reached is None else reached
        columns: list[Floats] = []
        precision: list[Floats] = []
        if settings.continuum != "polynomial":
            curve = attenuation_curve(basis.wave_angstrom, settings.attenuation_law)
            columns.append(-0.4 * np.log(10.0) * curve[:, None])
            precision.append(np.zeros(1))
        if settings.continuum != "attenuation":
            x, highest = polynomial_axis(self.reached, settings.polynomial_order)
            order = np.arange(1, highest + 1)
            columns.append(legvander(x, highest)[:, 1:])
            # a free polynomial is held where a spectrum has no pixels, or its steps would run off there
            rms = settings.calibration_rms if settings.continuum == "calibrated" else _FREE_RMS
            # a Legendre term of coefficient a has rms a / sqrt(2 l + 1)
            precision.append(1.0 / (2 * order + 1) / rms**2)
        self.continuum = np.concatenate(columns, axis=1).astype(np.float32)
        self.precision = np.concatenate(precision)

    def take(self, rows: Ints) -> Population:
        """The same for some of the rows."""
        return Population(
            self.basis, self.sigma_index[rows], self.away, self.settings, correlation=self.correlation,
            reached=self.reached,
        )  # fmt: skip

    def fit(self, flux: Floats, weight: Floats) -> PopulationFit:
        """Fit spectra and weights (n, q)."""
        brightest = np.where(self.away, _SATURATED, _BRIGHTEST_LINE)
        weight = np.where((flux < brightest) & (flux > -_SATURATED), weight, np.float32(0.0))
        return self._finish(flux, weight, self._begin(flux, weight))

    def _begin(self, flux: Floats, weight: Floats) -> _State:
        """A first solution, without pixels near emission lines."""
        n = len(flux)
        weight = weight / self.correlation * self.away
        light = np.tile(starting_light(self.basis.grid), (n, 1))
        terms = self.continuum.shape[1]
        state = _State(light, np.zeros((n, terms)), np.zeros((n, 0)), np.ones(n), mean_mh(light, self.basis.grid))
        # start from equal weights of templates, and the continuum that fits them
        state = self._fit_factor(flux, weight, state, None, steps=4)
        weight = self._without_spikes(flux, weight, state)
        return self._alternate(flux, weight, state, None, _MASKED_ITERATIONS)

    def _finish(self, flux: Floats, weight: Floats, state: _State) -> PopulationFit:
        """The full solution, with emission lines, from a first one."""
        weight = weight / self.correlation
        gas = None
        if self.settings.emission_lines and line_windows(self.basis).names:
            motion = fit_gas_motion(self.basis, flux - self._stars(state), weight)
            gas = GasColumns.at(self.basis, motion)
            state = replace(state, lines=np.zeros((len(flux), len(gas.windows.free))))
        else:
            weight = weight * self.away
        weight = self._without_spikes(flux, weight, state)
        state = self._alternate(flux, weight, state, gas, _ITERATIONS, settle=True)
        weight = self._clip(flux, weight, state, gas)
        stars, gas_model = self._stars(state), self._lines(state, gas)
        equations = self._normal_equations(flux, weight, state, gas)
        gram = equations.of_stars()[0]
        used = weight > 0
        av, dust_variance, with_stars = self._dust(state, equations, used)
        columns, from_stars, of_history = means(
            state.light, gram, state.strength, self.basis, self.settings, also=with_stars
        )
        free = self.continuum.shape[1] + 2 + state.lines.shape[1]
        columns["chi2"] = np.einsum(
            "nq,nq->n", weight * self.correlation, (flux - stars - gas_model) ** 2
        ) / np.maximum(used.sum(axis=1) - free, 1)
        columns["av"], columns["av_err"] = av, np.sqrt(dust_variance + np.maximum(from_stars, 0.0))
        columns["prior_strength"] = state.strength
        light = state.light / np.maximum(state.light.sum(axis=1, keepdims=True), 1e-30)
        found = None if gas is None else gas.measure(flux, weight, stars)
        return PopulationFit(columns, light, found, stars, gas_model, used, of_history)

    # ---------------------------------------------------------------- parts of the model

    def _by_dispersion(self) -> Iterator[tuple[Ints, Floats]]:
        """Rows that share a dispersion, and the basis spectra (q, r) broadened by it."""
        for i in np.unique(self.sigma_index):
            yield np.flatnonzero(self.sigma_index == i), self.basis.spectra[i]

    def _unattenuated(self, light: Floats) -> Floats:
        compressed = (light @ self.coefficients.T).astype(np.float32)
        stellar = np.empty((len(light), len(self.continuum)), dtype=np.float32)
        for rows, spectra in self._by_dispersion():
            stellar[rows] = compressed[rows] @ spectra.T
        return stellar

    def _continuum(self, factor: Floats) -> Floats:
        return np.exp(np.clip(factor.astype(np.float32) @ self.continuum.T, -5.0, 5.0))

    def _stars(self, state: _State) -> Floats:
        return self._unattenuated(state.light) * self._continuum(state.factor)

    def _lines(self, state: _State, gas: GasColumns | None) -> Floats:
        """Emission lines (n, q); none while they are masked."""
        n_pixels = len(self.continuum)
        if gas is None:
            return np.zeros((len(state.light), n_pixels), dtype=np.float32)
        return gas.model(state.lines, n_pixels)

    # ---------------------------------------------------------------- the solution

    def _normal_equations(self, flux: Floats, weight: Floats, state: _State, gas: GasColumns | None) -> NormalEquations:
        """Normal equations of the step from the present solution.

        To first order the model moves by q (U dc + s P da) + G dg, with q the continuum, s the stars before it and
        G the lines.  Only the right-hand sides see the data, and they see the residuals: single precision in the
        large products then never limits the solution.
        """
        q = self._continuum(state.factor)
        stellar = self._unattenuated(state.light)
        wq, residual = weight * q, flux - q * stellar - self._lines(state, gas)
        wq2, wqr = wq * q, wq * residual
        n, rank = len(flux), len(self.coefficients)
        terms, lines = self.continuum.shape[1], state.lines.shape[1]
        gram, right, cross = np.empty((n, rank, rank)), np.empty((n, rank)), np.empty((n, terms + lines, rank))
        for rows, spectra in self._by_dispersion():
            gram[rows] = shared_gram(spectra, wq2[rows])
            right[rows] = wqr[rows] @ spectra
            cross[rows, :terms] = cross_gram(self.continuum, spectra, wq2[rows] * stellar[rows])
            if gas is not None:
                seen = gas.design[rows] * wq[rows][:, None, gas.windows.pixels]
                product = seen.reshape(-1, seen.shape[2]) @ spectra[gas.windows.pixels]
                cross[rows, terms:] = product.reshape(len(rows), lines, rank)
        own = np.zeros((n, terms + lines, terms + lines))
        own_right = np.empty((n, terms + lines))
        own[:, :terms, :terms] = shared_gram(self.continuum, wq2 * stellar**2)
        scale = np.einsum("nii->ni", own).max(axis=1, initial=0.0)[:, None, None]
        own[:, :terms, :terms] += 1e-6 * np.maximum(scale, 1e-30) * np.eye(terms) + np.diag(self.precision)
        own_right[:, :terms] = (wqr * stellar) @ self.continuum - self.precision * state.factor
        if gas is not None:
            pixels = gas.windows.pixels
            seen = gas.design * weight[:, None, pixels]
            own[:, terms:, terms:] = seen @ np.swapaxes(gas.design, 1, 2) + gas.precision
            mixed = (seen * (q * stellar)[:, None, pixels]) @ self.continuum[pixels]
            own[:, terms:, :terms] = mixed
            own[:, :terms, terms:] = np.swapaxes(mixed, 1, 2)
            own_right[:, terms:] = (seen @ residual[:, pixels, None])[..., 0]
            own_right[:, terms:] -= (gas.precision @ state.lines[..., None])[..., 0]
        return NormalEquations(gram, right, cross, own, own_right)

    def _alternate(
        self,
        flux: Floats,
        weight: Floats,
        state: _State,
        gas: GasColumns | None,
        iterations: int,
        *,
        settle: bool = False,
    ) -> _State:
        """Refine light fractions and everything else in turn; with ``settle``, settle the prior on the way.

        Its strength and the [M/H] that spread is measured from are fixed after some iterations, so that the rest
        converge to the one minimum of a convex problem.
        """
        choose = settle and self.settings.prior_strength == "gcv"
        terms = self.continuum.shape[1]
        for iteration in range(iterations):
            equations = self._normal_equations(flux, weight, state, gas)
            gram, right = equations.of_stars()
            before = state.light @ self.coefficients.T
            right = right + (gram @ before[..., None])[..., 0]
            if settle and iteration < _CENTRINGS:
                state = replace(state, centre=mean_mh(state.light, self.basis.grid))
            if choose and iteration == 1:
                strength = self._strength(flux, weight, state, gas, equations, gram, right, before)
                state = replace(state, strength=strength)
            light = self._solve(gram, right, weight, state)
            step = equations.others_step(light @ self.coefficients.T - before)
            factor = state.factor + self._bounded(step[:, :terms], weight > 0)
            state = replace(state, light=light, factor=factor, lines=state.lines + step[:, terms:])
            state = self._fit_factor(flux, weight, state, gas, steps=1)
        return state

    def _strength(
        self, flux: Floats, weight: Floats, state: _State, gas: GasColumns | None, equations: NormalEquations,
        gram: Floats, right: Floats, before: Floats,
    ) -> Floats:  # fmt: skip
        residual = flux - self._stars(state) - self._lines(state, gas)
        chi2 = np.einsum("nq,nq,nq->n", weight, residual, residual) - equations.gain()
        at_zero = chi2 - np.einsum("nr,nrs,ns->n", before, gram, before) + 2 * np.einsum("nr,nr->n", before, right)
        pixels = (weight > 0) @ (1.0 / self.correlation)  # independent ones
        freedom = pixels - float(equations.own.shape[1])
        return choose_strength(gram, right, at_zero, freedom, self.basis, self.settings)

    def _bounded(self, change: Floats, used: Bools) -> Floats:
        """The same step, shortened where it would change the continuum by more than a factor e at any used pixel."""
        largest = np.abs(change.astype(np.float32) @ self.continuum.T).max(
            axis=1, keepdims=True, initial=0.0, where=used
        )
        return change / np.maximum(largest, 1.0)

    def _solve(self, gram: Floats, right: Floats, weight: Floats, state: _State) -> Floats:
        """Non-negative light fractions; rows of like signal-to-noise ratio share the solver's step.

        A prior s times as strong is the prior itself for data of 1/s the weight.
        """
        strength, start = state.strength, state.light
        gram, right = gram / strength[:, None, None], right / strength[:, None]
        cost = spread_cost(state.centre, start.sum(axis=1), self.basis.grid, self.settings)
        exponent = np.round(np.log10(_PENALTY_PER_WEIGHT * np.maximum(weight.sum(axis=1) / strength, 1.0)))
        light = np.empty_like(start)
        for value in np.unique(exponent):
            rows = np.flatnonzero(exponent == value)
            prior = smooth_prior(self.basis, self.settings, 10.0 ** float(value))
            light[rows] = solve_batch(
                gram[rows], right[rows], prior, start=start[rows], cost=cost[rows], **self.accuracy
            )
        return light

    def _fit_factor(self, flux: Floats, weight: Floats, state: _State, gas: GasColumns | None, *, steps: int) -> _State:
        """Gauss-Newton steps in the continuum and the scale of the light, whose mixture stays as it is."""
        columns = np.concatenate([np.ones((len(self.continuum), 1), np.float32), self.continuum], axis=1)
        stars_only = flux - self._lines(state, gas)
        unit = self._unattenuated(state.light)
        factor, scale = state.factor, np.ones(len(flux))
        for _ in range(steps):
            model = unit * self._continuum(factor)
            total = np.einsum("nq,nq,nq->n", weight, model, model)
            scale = np.einsum("nq,nq,nq->n", weight, model, stars_only) / np.maximum(total, 1e-30)
            scale = np.where(scale > 0, scale, 1.0)
            model = model * scale[:, None].astype(np.float32)
            gram = shared_gram(columns, weight * model**2)
            right = ((weight * model * (stars_only - model)) @ columns).astype(float)
            gram[:, 1:, 1:] += np.diag(self.precision)
            right[:, 1:] -= self.precision * factor
            change = solve_ridge(gram, right)
            factor = factor + self._bounded(change[:, 1:], weight > 0)
            scale = scale * np.exp(np.clip(change[:, 0], -1.0, 1.0))
        return replace(state, light=state.light * scale[:, None], factor=factor)

    def _without_spikes(self, flux: Floats, weight: Floats, state: _State) -> Floats:
        """The weights without pixels so far off, away from lines, that a rough solution tells."""
        deviation = np.where(self.away, np.abs(flux - self._stars(state)) * np.sqrt(weight), 0.0)
        spread = 1.4826 * _median_where(deviation, (weight > 0) & self.away)
        return np.where(deviation > _SPIKE_SIGMA * np.maximum(spread, 1.0), np.float32(0.0), weight)

    def _clip(self, flux: Floats, weight: Floats, state: _State, gas: GasColumns | None) -> Floats:
        """The weights without pixels far from the model, and less on strong lines; rows with any are refined.

        ``state`` changes in the rows that are refined.
        """
        lines = self._lines(state, gas)
        softened = weight / (1.0 + weight * self.correlation * (np.float32(_PROFILE_ERROR) * lines) ** 2)
        root = np.sqrt(weight * self.correlation)
        deviation = np.abs(flux - self._stars(state) - lines) * root
        spread = 1.4826 * _median_where(deviation, weight > 0)
        limit = self.settings.clip_sigma * np.maximum(spread, 1.0) + _LINE_TOLERANCE * np.abs(lines) * root
        outlier = deviation > limit
        again = np.flatnonzero(np.any(outlier | (softened < 0.5 * weight), axis=1))
        weight = np.where(outlier, np.float32(0.0), softened)
        if len(again):
            fewer = self.take(again)
            part = fewer._alternate(
                flux[again], weight[again], state.take(again), None if gas is None else gas.take(again), 2
            )
            state.put(again, part)
        return weight

    # ---------------------------------------------------------------- what it means

    def _dust(self, state: _State, equations: NormalEquations, used: Bools) -> tuple[Floats, Floats, Floats]:
        """A_V (n,), its variance with the stars held, and its slope (n, m) with the weights.

        It is the law's own, or that of the law nearest (least squares, used pixels) to a polynomial.  For a polynomial,
        errors of the flux calibration enter in full: 3 % between blue and red make about 0.1 mag.
        """
        terms = self.continuum.shape[1]
        if self.settings.continuum == "polynomial":
            whole = attenuation_curve(self.basis.wave_angstrom, self.settings.attenuation_law)
            number = np.maximum(used.sum(axis=1, keepdims=True), 1)
            curve = -0.4 * np.log(10.0) * np.where(used, whole - (used @ whole)[:, None] / number, 0.0)
            size = np.sum(curve**2, axis=1)
            direction = curve @ self.continuum / np.maximum(size, 1e-30)[:, None]
            # over a shorter range the same error of the calibration is a larger one of A_V
            lever = 0.4 * np.log(10.0) * np.std(whole) / np.sqrt(np.maximum(size / number[:, 0], 1e-12))
        else:
            direction, lever = np.broadcast_to(np.eye(terms)[0], state.factor.shape), np.ones(len(used))
        unit = np.zeros((len(state.factor), equations.own.shape[1], 1))
        unit[:, :terms, 0] = direction
        solved = np.linalg.solve(equations.own, unit)[..., 0]
        variance = np.einsum("nt,nt->n", solved[:, :terms], direction)
        with_stars = np.einsum("ner,ne->nr", equations.cross, solved) @ self.coefficients
        found = np.einsum("nt,nt->n", state.factor, direction)
        return found, np.maximum(variance, 0.0) + (_DUST_ERROR * np.maximum(lever, 1.0)) ** 2, with_stars


def _median_where(values: Floats, where: Bools) -> Floats:
    """Medians (n, 1) over the chosen pixels of each row; 0 where there is none."""
    count = where.sum(axis=1)
    ordered = np.sort(np.where(where, values, np.inf), axis=1)
    return np.where(count > 0, ordered[np.arange(len(values)), np.maximum(count - 1, 0) // 2], 0.0)[:, None]
