"""The light of a mock galaxy's tiles in the bands of a filter set, at any redshift: what images are painted with."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import lru_cache

import numpy as np

from agez.arguments import number_in, takes
from agez.errors import AgezError
from agez.label_types import Galaxies
from agez.mocks.galaxies import (
    Populations,
    draw_populations,
    draw_weights,
    one_blas_thread,
    star_light,
)
from agez.mocks.histories import draw_shape
from agez.mocks.nebular import draw_gas, line_fluxes
from agez.mocks.observation import MARGIN, PreparedGrid, prepare_range
from agez.mocks.plan import SurveyPlan
from agez.mocks.spaxels import Spaxels
from agez.photometry.air import air_to_vacuum
from agez.photometry.filters import FilterSet
from agez.photometry.response import response_matrix
from agez.populations.history import truth_from_weights
from agez.spectra.broadening import move_and_broaden
from agez.spectra.lines import SPEED_OF_LIGHT_KMS, line_waves
from agez.spectra.templates import SSPGrid
from agez.types import Bands, Floats

#: f_nu [microjansky] of f_lambda = 1e-16 erg/s/cm2/A at a wavelength of 1 A: 1e-16 / c[A/s] / 1e-29.
_F_NU = 1e13 / 2.99792458e18
#: Part of a band's response that may lie beyond the templates.
_MAX_LACKING = 1e-3
#: Spectra held in memory at a time.
_CHUNK = 500
#: Templates are prepared once for all redshifts of a step.
_REDSHIFT_STEP = 0.05


@dataclass(frozen=True, eq=False)
class Tiles:
    """The patches that a galaxy is painted with, ``n`` of them."""

    galaxies: Galaxies  #: One row: redshift and size are those at which it is seen.
    properties: dict[str, float]  #: What the smooth light needs: see :func:`agez.mocks.spaxels.surface_brightness`.
    bands: Bands
    #: x, y: (n,) Offsets [arcsec], west and north.
    x: Floats
    y: Floats
    #: (n, b) f_nu of each band [microjansky] of a patch whose mean f_lambda at rest-frame 5450-5550 A is 1e-16
    #: erg/s/cm2/A, as observed, behind dust.
    color: Floats
    #: log_age, mh: (n,) Light-weighted means of the very stars; ``av`` : of their dust [mag].
    log_age: Floats
    mh: Floats
    av: Floats

    @property
    def where(self) -> dict[str, float]:
        """Inclination and position angle."""
        return {"inclination_deg": float(self.galaxies.inclination[0]), "pa_deg": float(self.galaxies.pa[0])}


@takes(plan="SurveyPlan", grid="SSPGrid", filters="FilterSet")
def galaxy_tiles(
    plan: SurveyPlan,
    index: int,
    grid: SSPGrid,
    filters: FilterSet,
    *,
    redshift: float | None = None,
    re_arcsec: float | None = None,
) -> Tiles:
    """Galaxy ``index`` of a mock survey as tiles; a function of the arguments alone.

    Stars, dust, gas and motion are those of the galaxy's spaxels (:func:`agez.mocks.galaxies.draw_populations`).

    Parameters
    ----------
    plan, index
        See :func:`agez.mocks.galaxies.make_galaxy`; the number of tiles is that of the galaxy's spectra.
    grid : SSPGrid
        Templates; must cover all bands.
    redshift : float, optional
        At which it is seen; default: the survey's.  Surface brightness stays, so that only bands move.
    re_arcsec : float, optional
        Default: the survey's size, by its distance: size times z / z', which is right for small redshifts.

    Raises
    ------
    AgezError
        For an index, redshift or size that cannot be, or templates that do not reach.

    Examples
    --------
    >>> import agez
    >>> filters = agez.load_filters("splus").select(["gSDSS", "rSDSS", "iSDSS"])
    >>> tiles = agez.galaxy_tiles(agez.survey_plan(1, 200), 0, agez.load_templates("made-up"), filters, redshift=0.03)
    >>> tiles.log_age.shape
    (200,)
    """
    redshift = number_in(redshift, "redshift", name="redshift", optional=True)
    re_arcsec = number_in(re_arcsec, "arcsec", name="re_arcsec", optional=True)
    if not 0 <= index < len(plan):
        raise AgezError(f"mock galaxy {index} does not exist: the plan has galaxies 0 to {len(plan) - 1}")
    galaxy = plan.properties_of(index)
    z = galaxy["redshift"] if redshift is None else float(redshift)
    if not 0 < z < 10:
        raise AgezError(f"mock galaxy: redshift {z:g}; expected more than 0 and less than 10")
    size = galaxy["re_arcsec"] * galaxy["redshift"] / z if re_arcsec is None else float(re_arcsec)
    if not size > 0:
        raise AgezError(f"mock galaxy: an effective radius of {size:g} arcsec; it must be positive")
    with one_blas_thread():
        prepared = _prepared(grid, filters, z)
        drawn = draw_populations(plan, index, prepared)
        color = band_colors(drawn, prepared, filters, redshift=z)
    means = truth_from_weights(drawn.weights, grid, light=prepared.light)
    larger = size / galaxy["re_arcsec"]
    here = replace(drawn.galaxies, redshift=np.array([z]), re_arcsec=np.array([size]))
    return Tiles(
        here, {**galaxy, "redshift": z, "re_arcsec": size}, filters.bands, drawn.spaxels.x * larger,
        drawn.spaxels.y * larger, color, means["log_age_lw"], means["mh_lw"], drawn.spaxels.av,
    )  # fmt: skip


def tiles_of_maps(
    log_age: Floats,
    mh: Floats,
    x: Floats,
    y: Floats,
    *,
    galaxies: Galaxies,
    properties: dict[str, float],
    grid: SSPGrid,
    filters: FilterSet,
    av: Floats | float = 0.3,
    ew_ha: Floats | float = 10.0,
    rng: np.random.Generator,
) -> Tiles:
    """Tiles whose light-weighted ages and metallicities are the given ones: a real galaxy's maps, to be painted.

    Histories are of one family of the mock survey, drawn for the galaxy, tuned in each tile until its means are the
    wanted ones.  What cannot be (older or richer in metals than the library) becomes the nearest that can;
    ``log_age`` and ``mh`` of the result are what the stars really have.

    Parameters
    ----------
    log_age, mh : (n,) float
        log10(age/yr) and [M/H], light-weighted.
    x, y : (n,) float
        Offsets [arcsec], west and north.
    galaxies : Galaxies
        One row.
    properties : dict
        Those of :func:`agez.mocks.nebular.draw_gas` and :func:`agez.mocks.spaxels.surface_brightness`, say, of a galaxy
        of the mock survey.
    av, ew_ha : (n,) float or float
        Of the stars' dust [mag]; equivalent width of H-alpha [Angstrom].
    """
    n, z = len(x), float(galaxies.redshift[0])
    with one_blas_thread():
        prepared = _prepared(grid, filters, z)
        one = np.ones(n)
        spaxels = Spaxels(
            x, y, one, log_age, mh, av * one, ew_ha * one, 0 * one, 100 * one, 0 * one, 50 * one, one, one, one
        )
        morphology = str(galaxies.morphology[0])
        gas = draw_gas(properties, "calzetti", rng)
        shape = draw_shape(morphology, rng)
        weights = draw_weights(spaxels, shape, "early", gas, prepared, rng)  # early: without bursts on top
        colors = []
        for first in range(0, n, _CHUNK):
            part = slice(first, first + _CHUNK)
            some = Spaxels(**{field.name: getattr(spaxels, field.name)[part] for field in fields(Spaxels)})
            drawn = Populations(weights[part], some, gas, shape.family, "calzetti", galaxies, rng)
            colors.append(band_colors(drawn, prepared, filters, redshift=z))
        color = np.concatenate(colors)
    means = truth_from_weights(weights, grid, light=prepared.light)
    return Tiles(
        galaxies, properties, filters.bands, np.asarray(x, float), np.asarray(y, float), color, means["log_age_lw"],
        means["mh_lw"], spaxels.av,
    )  # fmt: skip


def band_colors(drawn: Populations, prepared: PreparedGrid, filters: FilterSet, *, redshift: float) -> Floats:
    """(n, b) f_nu [microjansky] of the tiles, stars and lines, for 1e-16 erg/s/cm2/A at rest-frame 5450-5550 A.

    The spectra are those of the mock survey (dust, motion, lines), over all wavelengths of the bands; their
    resolution is the templates'.
    """
    spaxels, wave = drawn.spaxels, prepared.wave_angstrom
    stars = star_light(drawn.weights, spaxels, drawn.law, prepared)
    continuum = stars[:, prepared.red_pixels].mean(axis=1, dtype=float)
    flux = move_and_broaden(stars, spaxels.velocity_kms, spaxels.sigma_kms, step_kms=prepared.step_kms)
    halpha = spaxels.ew_ha * continuum * (1 + redshift)
    lines = line_fluxes(
        halpha, av=spaxels.av, ew_ha=spaxels.ew_ha, r_re=spaxels.r_re, gas=drawn.gas, rng=drawn.rng
    )  # fmt: skip
    _add_lines(flux, lines, spaxels, prepared, redshift)
    norm = (wave >= 5450) & (wave <= 5550)
    level = stars[:, norm].mean(axis=1, dtype=float)
    seen = air_to_vacuum(wave) * (1 + redshift)
    matrix = response_matrix(seen, filters)
    weights = matrix.weights * (_F_NU * seen**2) / matrix.coverage[:, None]
    return np.asarray((flux @ weights.astype(np.float32).T).astype(float) / level[:, None])


def _add_lines(flux: Floats, fluxes: Floats, spaxels: Spaxels, prepared: PreparedGrid, redshift: float) -> None:
    """Gaussians at the gas's velocity on the logarithmic grid, in place; no narrower than the grid can hold."""
    wave, step = prepared.wave_angstrom, prepared.step_kms
    sigma = np.maximum(spaxels.gas_sigma_kms, step)
    for number, rest in enumerate(line_waves(medium="air")):
        at = np.log(rest / wave[0]) * SPEED_OF_LIGHT_KMS + spaxels.gas_velocity_kms  # km/s on the grid
        first, last = int((at - 6 * sigma).min() / step), int((at + 6 * sigma).max() / step) + 1
        if first < 0 or last > len(wave) or not np.any(fluxes[:, number]):
            continue
        pixels = np.arange(first, last)
        profile = np.exp(-0.5 * ((pixels * step - at[:, None]) / sigma[:, None]) ** 2)
        profile /= profile.sum(axis=1, keepdims=True)
        width = wave[pixels] * (1 + redshift) * step / SPEED_OF_LIGHT_KMS
        flux[:, first:last] += (fluxes[:, number, None] * profile / width).astype(flux.dtype)


def _prepared(grid: SSPGrid, filters: FilterSet, redshift: float) -> PreparedGrid:
    """Templates over all wavelengths of the bands, for all redshifts of the same step: one for many galaxies."""
    return _prepared_step(grid, filters, int(redshift / _REDSHIFT_STEP))


@lru_cache(maxsize=4)
def _prepared_step(grid: SSPGrid, filters: FilterSet, step: int) -> PreparedGrid:
    """What the bands reach by so little that it does not matter is left out; 5400 to 6750 A are always in."""
    nearest, farthest = 1 + step * _REDSHIFT_STEP, 1 + (step + 1) * _REDSHIFT_STEP
    low, high = 5400.0 * farthest, 6750.0 * nearest
    for wave, response in filters.curves:
        share = np.cumsum(response * np.gradient(wave) / wave)
        inside = wave[(share > _MAX_LACKING / 2 * share[-1]) & (share < (1 - _MAX_LACKING / 2) * share[-1])]
        low, high = min(low, inside[0]), max(high, inside[-1])
    return prepare_range(grid, low / farthest * (1 - MARGIN), high / nearest * (1 + MARGIN))


def black_bodies(kelvin: Floats, filters: FilterSet) -> Floats:
    """(n, b) f_nu of black bodies in the bands, 1 at the pivot nearest to 6250 A: what foreground stars look like.

    Good to the tenths of a magnitude that stars' lines and breaks matter; who needs better gives SEDs of their own.
    """
    wave = np.geomspace(2900.0, 13000.0, 4000)
    photon = 1.43877e8 / (wave * np.asarray(kelvin, dtype=float)[:, None])
    f_nu = wave**-3.0 / np.expm1(photon)
    matrix = response_matrix(wave, filters)
    flux = f_nu @ matrix.weights.T
    at = int(np.argmin(np.abs(np.array(filters.bands.pivot_angstrom) - 6250.0)))
    return np.asarray(flux / flux[:, [at]])
