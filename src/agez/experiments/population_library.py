"""A library of model SEDs of composite populations, drawn from broad priors: what :mod:`library_fit` compares with.

It is of the kind that MUFFIT (Diaz-Garcia et al. 2015, A&A 582, A14) and BaySeAGal (Gonzalez Delgado et al. 2021, A&A
649, A79) fit narrow-band SEDs with.  It shares the templates with a mock survey, but none of its relations: ages,
metallicities and dust are drawn independently of one another.

Each model is

- a delayed history, SFR ~ t exp(-t / tau): onset log-uniform in ``ONSET_GYR``, tau log-uniform in ``TAU_GYR``;
- in a part ``BURST_SHARE`` of them a second population of one age, log-uniform from the youngest template to the onset,
  with a fraction of the mass log-uniform in ``BURST_MASS`` and a metallicity of its own (MUFFIT's two components);
- [M/H] of each component uniform over the template grid, older stars poorer by up to ``ENRICHMENT`` dex a dex of age;
- A_V uniform in ``AV_MAG`` with one of the laws of :mod:`agez.spectra.dust`, each as likely.

Gas is left out: bands that strong lines fall into (:func:`line_bands`) are to be masked, as MUFFIT does.  With lines of
free strengths and ratios in the library, about six times fewer models share a posterior, and metallicities get worse.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agez.errors import AgezError
from agez.mocks.histories import spread_over_metallicity
from agez.photometry.air import air_to_vacuum
from agez.photometry.filters import FilterSet
from agez.photometry.response import response_matrix
from agez.populations.history import age_bin_edges, truth_from_weights
from agez.spectra.dust import LAWS, attenuation_curve
from agez.spectra.lines import line_waves
from agez.spectra.templates import SSPGrid
from agez.types import Bands, Floats, Ints

#: Ranges of the priors.
ONSET_GYR = (0.2, 14.0)
TAU_GYR = (0.05, 20.0)
BURST_SHARE, BURST_MASS = 0.5, (1e-3, 0.5)
ENRICHMENT = 0.5
AV_MAG = (0.0, 2.0)
#: Lines that dominate a band, the response from which on a band is taken to hold one, and the widest narrow band.
STRONG_LINES = ("OII3726", "OII3729", "Hbeta", "OIII4959", "OIII5007", "NII6548", "Halpha", "NII6583", "SII6716",
                "SII6731")  # fmt: skip
LINE_RESPONSE, NARROW_ANGSTROM = 0.1, 400.0
#: Steps of A_V at which templates behind dust are seen through the bands; between them fluxes follow in the logarithm
#: (to better than 1e-5).
_AV_STEPS = 10


@dataclass(frozen=True, eq=False)
class PopulationLibrary:
    """Model SEDs, and the populations behind them."""

    bands: Bands
    flux: Floats  #: (m, b) f_nu, each model's mean over the bands 1.
    #: (m, 2) Light-weighted log10(age/yr) and [M/H] (light in 5450-5550 A, before dust), as labels are defined.
    means: Floats

    def __post_init__(self) -> None:
        m = len(self.flux)
        if self.flux.shape != (m, len(self.bands)) or self.means.shape != (m, 2):
            raise AgezError("population library: flux and means do not have one row a model")
        if m == 0 or not (np.isfinite(self.flux).all() and np.isfinite(self.means).all()):
            raise AgezError("population library: no models, or some whose fluxes or means are not finite")

    def __len__(self) -> int:
        return len(self.flux)


def make_library(grid: SSPGrid, filters: FilterSet, *, n_models: int, rng: np.random.Generator) -> PopulationLibrary:
    """Draw a library and see it through the bands at rest frame.

    Parameters
    ----------
    grid : SSPGrid
        Must cover all bands.

    Raises
    ------
    AgezError
        If the templates do not cover a band, or ``n_models`` is below 1.
    """
    if n_models < 1:
        raise AgezError(f"population library: n_models is {n_models}; expected at least 1")
    weights = draw_histories(grid, n_models, rng)
    law, av = rng.integers(len(LAWS), size=n_models), rng.uniform(*AV_MAG, n_models)
    flat, light = weights.reshape(n_models, -1), grid.light.reshape(-1)
    flat = flat / (flat @ light)[:, None]  # each model's light before dust is 1
    flux = _stars_in_bands(flat, law, av, grid, filters)
    means = truth_from_weights(weights, grid, light=grid.light)
    both = np.stack([means["log_age_lw"], means["mh_lw"]], axis=1)
    return PopulationLibrary(filters.bands, flux / flux.mean(axis=1, keepdims=True), both)


def draw_histories(grid: SSPGrid, n_models: int, rng: np.random.Generator) -> Floats:
    """(m, n_age, n_mh) masses formed, each model's sum 1: a delayed history and in part of the models a burst."""
    onset, tau = _log_uniform(ONSET_GYR, n_models, rng), _log_uniform(TAU_GYR, n_models, rng)
    since = np.maximum(onset[:, None] - age_bin_edges(grid.log_age) / 1e9, 0.0) / tau[:, None]
    formed = 1 - (1 + since) * np.exp(-since)
    mass = formed[:, :-1] - formed[:, 1:]
    mass /= mass.sum(axis=1, keepdims=True)

    low, high = grid.log_age[0], np.maximum(np.log10(onset) + 9, grid.log_age[0])
    burst_age = low + (high - low) * rng.random(n_models)
    nearest = np.abs(grid.log_age - burst_age[:, None]).argmin(axis=1)
    burst = np.where(rng.random(n_models) < BURST_SHARE, _log_uniform(BURST_MASS, n_models, rng), 0.0)

    mh, burst_mh = rng.uniform(grid.mh[0], grid.mh[-1], (2, n_models))
    slope = rng.uniform(0, ENRICHMENT, n_models)
    older = np.maximum(grid.log_age - (mass @ grid.log_age)[:, None], 0.0)  # than the mean star
    weights = spread_over_metallicity((1 - burst)[:, None] * mass, mh[:, None] - slope[:, None] * older, grid.mh)
    second = np.where(np.arange(len(grid.log_age)) == nearest[:, None], burst[:, None], 0.0)
    return weights + spread_over_metallicity(second, np.broadcast_to(burst_mh[:, None], second.shape), grid.mh)


def _log_uniform(limits: tuple[float, float], n: int, rng: np.random.Generator) -> Floats:
    return np.exp(rng.uniform(np.log(limits[0]), np.log(limits[1]), n))


def _stars_in_bands(flat: Floats, law: Ints, av: Floats, grid: SSPGrid, filters: FilterSet) -> Floats:
    """(m, b) f_nu of the stars behind dust."""
    vacuum = grid.wave_angstrom if grid.medium == "vacuum" else air_to_vacuum(grid.wave_angstrom)
    curves = filters.curves
    low, high = min(float(wave[0]) for wave, _ in curves), max(float(wave[-1]) for wave, _ in curves)
    if vacuum[0] > low or vacuum[-1] < high:
        raise AgezError(
            f"template grid {grid.name!r} covers {vacuum[0]:.0f}-{vacuum[-1]:.0f} A but the bands of "
            f"{filters.name!r} reach over {low:.0f}-{high:.0f} A; choose other templates or fewer bands"
        )
    inside = (vacuum > low - 50) & (vacuum < high + 50)
    wave = vacuum[inside]
    spectra = grid.flux[..., inside].reshape(flat.shape[1], -1) * wave**2
    matrix = response_matrix(wave, filters).weights
    steps = np.linspace(*AV_MAG, _AV_STEPS + 1)
    flux = np.empty((len(flat), len(filters)))
    below = np.minimum((av / (steps[1] - steps[0])).astype(int), _AV_STEPS - 1)
    share = (av - steps[below]) / (steps[1] - steps[0])
    for number, name in enumerate(LAWS):
        curve = attenuation_curve(grid.wave_angstrom[inside], name)
        seen = [(spectra * 10 ** (-0.4 * step * curve)) @ matrix.T for step in steps]
        for step in range(_AV_STEPS):
            at = np.flatnonzero((law == number) & (below == step))
            less, more = flat[at] @ seen[step], flat[at] @ seen[step + 1]
            flux[at] = less * (more / less) ** share[at][:, None]
    return flux


def line_bands(filters: FilterSet) -> tuple[str, ...]:
    """Names of the narrow bands that a strong emission line falls into, at rest frame.

    A line counts where the response is above ``LINE_RESPONSE`` of its peak; in bands wider than
    ``NARROW_ANGSTROM`` lines are little beside the stars.
    """
    found = []
    for name, width, (wave, response) in zip(filters.names, filters.bands.fwhm_angstrom, filters.curves, strict=True):
        at_lines = np.interp(line_waves(STRONG_LINES, medium="vacuum"), wave, response, left=0.0, right=0.0)
        if width < NARROW_ANGSTROM and at_lines.max() > LINE_RESPONSE * response.max():
            found.append(name)
    return tuple(found)
