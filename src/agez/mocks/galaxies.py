"""One mock galaxy: from its drawn properties to spectra as CALIFA would observe them, and their truth."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from agez.errors import AgezError
from agez.label_types import Galaxies, Truth
from agez.mocks import departures, observation
from agez.mocks.departures import Departures
from agez.mocks.histories import (
    HistoryShape,
    draw_shape,
    enrichment,
    mass_by_age,
    recent_mass_by_age,
    spread_over_metallicity,
)
from agez.mocks.nebular import Gas, draw_gas, line_fluxes, young_light_ratio
from agez.mocks.observation import LightGrid, PreparedGrid, prepare_grid
from agez.mocks.plan import SurveyPlan
from agez.mocks.spaxels import Spaxels, make_spaxels
from agez.populations.history import truth_from_weights
from agez.spectra.broadening import move_and_broaden
from agez.spectra.dust import attenuation_curve
from agez.spectra.templates import SSPGrid
from agez.types import Floats, Rows, Spectra

FLUX_UNIT = "1e-16 erg / (s cm2 Angstrom)"
#: Dust laws and how often galaxies have them.
DUST_LAWS = (("calzetti", 0.5), ("ccm89", 0.5))
#: Share of late-type spaxels with a burst of 50-500 Myr ago on top (associations and arms that have passed), the limits
#: of its log age, and those of its light in units of that of all other stars.
BURST_SHARE, BURST_LOG_AGE, BURST_LIGHT = 0.15, (7.7, 8.7), (0.02, 0.2)


@dataclass(frozen=True, eq=False)
class MockGalaxy:
    """One galaxy's spectra with what they were made with."""

    spectra: Spectra  #: ``n`` spectra, as observed; float32.
    truth: Truth  #: A row a spectrum.
    galaxies: Galaxies  #: One row.
    r_re: Floats  #: (n,) Face-on radius [Re].
    mass_weights: Floats  #: (n, n_age, n_mh) Mass formed by template; each spectrum's sum is 1.
    #: (n, n_lines) Fluxes of ``agez.spectra.lines.EMISSION_LINES``, before errors of the calibration [1e-16 erg/s/cm2].
    line_fluxes: Floats
    family: str  #: Of its star-formation histories; one of :data:`agez.mocks.histories.FAMILIES`.
    law: str  #: Dust law.
    spaxels: Spaxels  #: What the spaxels were to be like: gas kinematics, EW(Ha), S/N and the ages and [M/H] aimed at.
    #: (n, p) float32: Spectra before noise, bad pixels and errors of the calibration; kept on request.
    noiseless: Floats | None = None


def _mass_by_age_of_spaxels(
    wanted: Floats, table: Floats, young_ratio: Floats, *, light: Floats, red_light: Floats, log_age_nodes: Floats
) -> Floats:
    """(n, n_age) masses of histories with each spaxel's ``wanted`` light-weighted mean age and share of young stars.

    ``table`` (n_knob, n_age) runs from old to young; its entry where the mean age, young stars included, first
    falls to that is found, with linear interpolation between entries.  An age that the family
    cannot reach becomes its oldest or youngest.  The stars of the last 30 Myr have the light that H-alpha asks for, of
    whatever templates the grid has for them (its youngest, if that is older: their mass is then an upper limit).
    """
    blue_total, red_total = table @ light, table @ red_light
    recent = recent_mass_by_age(log_age_nodes)
    recent_red = recent @ red_light
    young_mass = young_ratio[:, None] * red_total / recent_red  # (n, n_knob)
    mean = (table @ (light * log_age_nodes) + young_mass * (recent @ (light * log_age_nodes))) / (
        blue_total + young_mass * (recent @ light)
    )
    younger = mean <= wanted[:, None]
    right = np.where(younger.any(axis=1), younger.argmax(axis=1), table.shape[0] - 1)
    right = np.maximum(right, 1)
    left = right - 1
    row = np.arange(len(right))
    old, young = mean[row, left], mean[row, right]
    fraction = np.clip((old - wanted) / np.maximum(old - young, 1e-9), 0, 1)
    # mixing by light, not by mass, makes the mean age linear in the fraction
    part_left, part_right = (1 - fraction) / blue_total[left], fraction / blue_total[right]
    mass = part_left[:, None] * table[left] + part_right[:, None] * table[right]
    mass += (young_ratio * (mass @ red_light) / recent_red)[:, None] * recent
    return np.asarray(mass / mass.sum(axis=1, keepdims=True))


def draw_weights(
    spaxels: Spaxels, shape: HistoryShape, morphology: str, gas: Gas, prepared: LightGrid, rng: np.random.Generator
) -> Floats:
    """(n, n_age, n_mh) masses of the spaxels' stars over the template grid; each sums to 1.

    Their light-weighted means are the ``log_age`` and ``mh`` of the spaxels, as far as the history's family and the
    grid reach; bursts make some younger.
    """
    grid = prepared.grid
    table = mass_by_age(shape, grid.log_age)
    typical = float(np.clip(np.median(spaxels.mh), grid.mh[0], grid.mh[-1]))
    light = np.array([np.interp(typical, grid.mh, row) for row in prepared.light])
    red_light = np.array([np.interp(typical, grid.mh, row) for row in prepared.red_light])
    young_ratio = young_light_ratio(spaxels.ew_ha, spaxels.av, gas)
    gas_left = 10 ** rng.uniform(-1.5, -0.3)

    def with_age(log_age: Floats) -> Floats:
        return _mass_by_age_of_spaxels(
            log_age, table, young_ratio, light=light, red_light=red_light, log_age_nodes=grid.log_age
        )

    def enriched(mass: Floats) -> Floats:
        """Weights whose light-weighted [M/H] is the spaxels'; the ends of the grid cut some off, so aim thrice."""
        offset = enrichment(mass, gas_left=gas_left)
        light_by_age = mass * light
        final = spaxels.mh - (light_by_age * offset).sum(axis=1) / light_by_age.sum(axis=1)
        for _ in range(3):
            weights = spread_over_metallicity(mass, final[:, None] + offset, grid.mh)
            final = final + (spaxels.mh - truth_from_weights(weights, grid, light=prepared.light)["mh_lw"])
        return spread_over_metallicity(mass, final[:, None] + offset, grid.mh)

    # Old stars are poorer in metals, so brighter for their mass, than the typical star whose light was assumed:
    # aim once more, by what the first attempt missed.
    mass = with_age(spaxels.log_age)
    light_weights = (enriched(mass) * prepared.light).sum(axis=2)
    reached = light_weights @ grid.log_age / light_weights.sum(axis=1)
    assumed = (mass * light) @ grid.log_age / (mass @ light)
    mass = with_age(spaxels.log_age - (reached - assumed))

    n = len(mass)
    burst_age, burst_light = rng.uniform(*BURST_LOG_AGE, n), rng.uniform(*BURST_LIGHT, n)
    bursting = (rng.uniform(size=n) < BURST_SHARE) & (morphology == "late")
    nearest = np.abs(grid.log_age - burst_age[:, None]).argmin(axis=1)
    burst_mass = burst_light * (mass @ light) / light[nearest]
    mass[np.arange(n), nearest] += np.where(bursting, burst_mass, 0.0)
    return enriched(mass / mass.sum(axis=1, keepdims=True))


def star_light(weights: Floats, spaxels: Spaxels, law: str, prepared: PreparedGrid) -> Floats:
    """(n, p) float32 rest-frame spectra of the stars behind dust, scaled to the spaxels' flux at 5500 A."""
    flat = weights.reshape(len(weights), -1)
    scale = spaxels.flux / (flat @ prepared.light.reshape(-1))
    stars = (flat * scale[:, None]).astype(np.float32) @ prepared.flux
    curve = attenuation_curve(prepared.wave_angstrom, law) - attenuation_curve([5500.0], law)
    exponent = np.outer((-0.4 * np.log(10) * spaxels.av).astype(np.float32), curve.astype(np.float32))
    stars *= np.exp(exponent, out=exponent)
    return np.asarray(stars)


def observed_starlight(
    weights: Floats, spaxels: Spaxels, *, law: str, redshift: float, prepared: PreparedGrid
) -> tuple[Floats, Floats, float]:
    """The stars' spectra as observed: dust, motion, redshift, resolution and sampling; no noise.

    Parameters
    ----------
    weights : (n, n_age, n_mh) float
        Mass by template, in any unit: spectra are scaled to the spaxels' flux at 5500 A.
    law : str
        Dust law.

    Returns
    -------
    flux : (n, 1878) float32
    continuum : (n,) float
        Near H-alpha, behind dust: what equivalent widths are measured against.
    fwhm : float
        Resolution [Angstrom, observed frame].
    """
    stars = star_light(weights, spaxels, law, prepared)
    continuum = stars[:, prepared.red_pixels].mean(axis=1, dtype=float)
    moved = move_and_broaden(stars, spaxels.velocity_kms, spaxels.sigma_kms, step_kms=prepared.step_kms)
    matrix, fwhm = observation.line_spread(prepared.wave_angstrom, redshift, template_fwhm=prepared.fwhm_angstrom)
    return np.ascontiguousarray((matrix @ np.ascontiguousarray(moved.T)).T), continuum, fwhm


@lru_cache(maxsize=1)
def _threads() -> ThreadpoolController:
    return ThreadpoolController()


def one_blas_thread() -> AbstractContextManager[Any]:
    """Sums, and so the last bits, do not depend on how many threads a worker has."""
    return _threads().limit(limits=1, user_api="blas")


def make_galaxy(
    plan: SurveyPlan, index: int, grid: SSPGrid, *, keep_noiseless: bool = False, perfect: bool = False,
    departing: Departures = departures.NONE,
) -> MockGalaxy:  # fmt: skip
    """Make galaxy ``index`` of a survey; a function of (plan, index, grid, departing) alone, bit for bit.

    Parameters
    ----------
    index : int
        0 to ``len(plan) - 1``.
    grid : SSPGrid
        Templates; must cover 3580-7575 A.
    keep_noiseless : bool
        Keep the spectra before noise and calibration errors too.
    perfect : bool
        No noise, no bad pixels, no calibration errors and no residuals of the sky in ``spectra`` (flux_err stays).
    departing : Departures
        What the galaxy has that spectral fits do not know of; by default nothing.

    Raises
    ------
    AgezError
        If ``index`` is out of range or the templates do not reach over CALIFA's wavelengths.
    """
    if not 0 <= index < len(plan):
        raise AgezError(f"mock galaxy {index} does not exist: the plan has galaxies 0 to {len(plan) - 1}")
    with one_blas_thread():
        return _make(
            plan, index, prepare_grid(grid), keep_noiseless=keep_noiseless, perfect=perfect, departing=departing
        )


@dataclass(frozen=True, eq=False)
class NoiselessGalaxy:
    """A galaxy as a perfect CALIFA would see it; ``drawn.rng`` stands where the noise is to be drawn from."""

    flux: Floats
    fwhm: float
    lines: Floats
    drawn: Populations


@dataclass(frozen=True, eq=False)
class Populations:
    """Stars, gas and dust of a galaxy's spaxels; ``rng`` stands where the lines are to be drawn from."""

    weights: Floats
    spaxels: Spaxels
    gas: Gas
    family: str
    law: str
    galaxies: Galaxies
    rng: np.random.Generator


def draw_populations(
    plan: SurveyPlan, index: int, prepared: LightGrid,
    changed: Callable[[Spaxels, str, np.random.Generator], Spaxels] | None = None,
) -> Populations:  # fmt: skip
    """What the spaxels of galaxy ``index`` are made of; ``changed`` may turn them into others."""
    rng = np.random.default_rng([plan.seed, 1, index])
    galaxy, galaxies = plan.properties_of(index), plan.galaxies.take([index])
    morphology, n = str(galaxies.morphology[0]), int(plan.n_spectra[index])
    law = str(rng.choice([name for name, _ in DUST_LAWS], p=[share for _, share in DUST_LAWS]))
    gas = draw_gas(galaxy, law, rng)
    spaxels = make_spaxels(n, galaxy, morphology, rng)
    if changed is not None:
        spaxels = changed(spaxels, morphology, rng)
    shape = draw_shape(morphology, rng)
    weights = draw_weights(spaxels, shape, morphology, gas, prepared, rng)
    return Populations(weights, spaxels, gas, shape.family, law, galaxies, rng)


def noiseless_galaxy(
    plan: SurveyPlan, index: int, prepared: PreparedGrid, departing: Departures = departures.NONE
) -> NoiselessGalaxy:
    """Galaxy ``index`` before noise, bad pixels and errors of the calibration."""
    drawn = draw_populations(plan, index, prepared)
    spaxels, galaxies, law, weights, rng = drawn.spaxels, drawn.galaxies, drawn.law, drawn.weights, drawn.rng
    properties = plan.properties_of(index)
    redshift = properties["redshift"]
    # chance of its own for each effect: a galaxy that departs is otherwise the same as the one that does not
    if departing.abundances:
        chance = np.random.default_rng([plan.seed, 7, index])
        alpha_fe = departures.draw_alpha_fe(properties, str(galaxies.morphology[0]), chance)
        prepared = departures.with_abundances(prepared, alpha_fe)
    flux, continuum, fwhm = observed_starlight(weights, spaxels, law=law, redshift=redshift, prepared=prepared)
    halpha = spaxels.ew_ha * continuum * (1 + redshift)
    lines = line_fluxes(halpha, av=spaxels.av, ew_ha=spaxels.ew_ha, r_re=spaxels.r_re, gas=drawn.gas, rng=rng)
    observation.add_lines(
        flux, lines, redshift=redshift, velocity_kms=spaxels.gas_velocity_kms,
        sigma_kms=spaxels.gas_sigma_kms, fwhm_angstrom=fwhm,
    )  # fmt: skip
    if departing.nebular_continuum:
        flux += departures.nebular_continuum(halpha, av=spaxels.av, redshift=redshift, gas=drawn.gas).astype(np.float32)
    chance = np.random.default_rng([plan.seed, 10, index])
    if chance.uniform() < departing.active_share:
        departures.add_active_nucleus(flux, spaxels, continuum, redshift=redshift, fwhm=fwhm, rng=chance)
    return NoiselessGalaxy(flux, fwhm, lines, drawn)


def _make(
    plan: SurveyPlan, index: int, prepared: PreparedGrid, *, keep_noiseless: bool, perfect: bool, departing: Departures
) -> MockGalaxy:
    made = noiseless_galaxy(plan, index, prepared, departing)
    flux, drawn = made.flux, made.drawn
    spaxels, galaxies, rng = drawn.spaxels, drawn.galaxies, drawn.rng
    n, redshift = len(flux), float(galaxies.redshift[0])
    noiseless = flux.copy() if keep_noiseless else None

    flux_err = observation.noise_level(flux, spaxels.flux, spaxels.snr)
    mask = np.zeros(flux.shape, dtype=bool)
    if not perfect:
        flux += flux_err * rng.standard_normal(flux.shape, dtype=np.float32)
        factor = observation.calibration_errors(spaxels.n_spaxels, rng)
        if departing.calibration != 1:
            factor **= np.float32(departing.calibration)
        if departing.sky_residual:
            flux += departures.sky_residuals(
                flux_err, departing.sky_residual, np.random.default_rng([plan.seed, 8, index])
            )
        flux *= factor
        flux_err *= factor
        mask = observation.spoil_pixels(flux, flux_err, rng)

    name = str(galaxies.galaxy_id[0])
    rows = Rows(
        np.array([f"{name}-{i + 1:04d}" for i in range(n)]), np.full(n, name), spaxels.x, spaxels.y
    )  # fmt: skip
    spectra = Spectra(
        wave_angstrom=observation.WAVE_ANGSTROM, flux=flux, flux_err=flux_err, mask=mask, medium="air", rows=rows,
        redshift=np.full(n, redshift), fwhm_angstrom=np.full(len(observation.WAVE_ANGSTROM), made.fwhm),
        flux_unit=FLUX_UNIT, flags=np.zeros(n, dtype=np.int32),
        meta={"source": f"mock galaxy {name}", "survey": "mock", "seed": plan.seed, "templates": prepared.grid.name},
    )  # fmt: skip
    means = truth_from_weights(drawn.weights, prepared.grid, light=prepared.light)
    truth = Truth(**means, av=spaxels.av, velocity_kms=spaxels.velocity_kms, sigma_kms=spaxels.sigma_kms)
    return MockGalaxy(
        spectra, truth, galaxies, spaxels.r_re, drawn.weights, made.lines, drawn.family, drawn.law, spaxels, noiseless
    )
