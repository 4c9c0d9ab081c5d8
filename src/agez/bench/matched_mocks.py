"""Mock rows like those of a set: training SEDs of a model, seen with the redshifts and the errors of real rows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from agez.errors import AgezError
from agez.models.model import Model
from agez.targets import LOG_AGE_LW, MH_LW
from agez.training.recipe_seds import seds_of_recipe
from agez.training.recipes import Recipe
from agez.training_seds.complete_library import load_libraries
from agez.training_seds.observe import Survey, observe, observe_redshift
from agez.training_seds.seds import TrainingSeds
from agez.types import Bands, Bools, Floats, Ints, Photometry

#: Training SEDs from which rows are drawn: some ten within :data:`REDSHIFT_WINDOW` of each row of a nearby survey.
N_SEDS = 8_000
#: Least and largest distance in redshift of an SED from the row that it stands for, where that row's own error is
#: smaller or larger.
REDSHIFT_WINDOW = (0.003, 0.02)
#: Errors below this fraction of the flux do not count when the SED most like a row is looked for: training SEDs are
#: not so many that they lie closer than that.
LIKENESS_FLOOR = 0.03
#: Of an SED's window, the share of the most similar ones among which the one taken is drawn.
LIKE_SHARE = 0.05
#: Signal-to-noise ratio of SEDs whose noise is added afterwards.
QUIET_SNR = 1e7


@dataclass(frozen=True, eq=False)
class MatchedMocks:
    """Mock photometry, row by row like real one, and its truth."""

    photometry: Photometry
    truth: Floats  #: (n, 2) Light-weighted log age and [M/H].


def training_seds_near(model: Model, redshift: Floats, rng: np.random.Generator, *, n: int = N_SEDS) -> TrainingSeds:
    """Training SEDs by a model's own recipe, at the redshifts that its rows have.

    Of the recipe's template libraries only those that are installed.

    Raises
    ------
    AgezError
        If the model has no recipe (it was not trained on training SEDs), or none of its libraries is installed.
    """
    content = model.header.get("training", {}).get("recipe")
    if content is None:
        raise AgezError(f"model {model.name!r} says no recipe of training SEDs; mocks of it cannot be drawn")
    recipe = Recipe.from_dict(content)
    low, high = recipe.redshift_range
    span = (
        max(low, float(np.nanmin(redshift)) - REDSHIFT_WINDOW[1]),
        min(high, float(np.nanmax(redshift)) + REDSHIFT_WINDOW[1]),
    )
    recipe = replace(
        recipe, libraries=_installed(recipe.libraries), redshift_range=span, near_share=0.0, rest_share=0.0,
        spaxel_share=0.0, targets=(LOG_AGE_LW.name, MH_LW.name), main_targets=(),
    )  # fmt: skip
    return seds_of_recipe(recipe, n, rng)


def _installed(libraries: dict[str, float]) -> dict[str, float]:
    out, reason = {}, None
    for name, weight in libraries.items():
        try:
            load_libraries([name])
        except AgezError as error:
            reason = error
            continue
        out[name] = weight
    if not out:
        raise AgezError(f"mocks need template libraries of the model's recipe, and none is there: {reason}")
    return out


def matched_mocks(photometry: Photometry, seds: TrainingSeds, survey: Survey, rng: np.random.Generator) -> MatchedMocks:
    """For each real row a training SED of its redshift and shape, seen with its brightness, bands and errors.

    The fluxes get the errors of calibration and the outliers of the survey that the model was trained for, and the
    noise of the real row's errors, or as much more as that survey says errors to be understated; the redshift is off
    the SED's own by a draw of the real row's error, outliers as in that survey.

    Parameters
    ----------
    photometry : Photometry
        Real rows, with redshifts.
    seds : TrainingSeds
        In all bands of the model.
    """
    n = len(photometry)
    own = _in_bands(seds, photometry.bands)
    chosen = np.array([_like(photometry, k, own, rng) for k in range(n)], dtype=int)
    seen, more_noise = _without_noise(seds.take(chosen), survey, rng)
    at = seds.bands.index(photometry.bands.names)
    covered = photometry.covered & seds.present[chosen][:, at] & np.isfinite(photometry.flux_err)
    scale = _scale(photometry, own.flux[chosen], covered)
    noise = more_noise[:, None] * np.nan_to_num(photometry.flux_err) * rng.standard_normal(photometry.flux.shape)
    flux = seen[:, at].astype(float) * scale[:, None] + noise
    departure = _redshift_departures(n, survey, rng) * np.nan_to_num(photometry.redshift_err)
    return MatchedMocks(
        replace(
            photometry,
            flux=np.where(covered, flux, np.nan),
            flux_err=np.where(covered, photometry.flux_err, np.nan),
            covered=covered,
            redshift=np.maximum(seds.redshift[chosen] + departure, 0.0),
            flags=np.zeros(n, dtype=np.int32),
            redshift_mixture=None,
        ),
        seds.labels[chosen, :2].astype(float),
    )


def _without_noise(seds: TrainingSeds, survey: Survey, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Fluxes (n, b) with all that a survey does to them but noise, and the noise (n,) over what its errors say."""
    quiet = replace(survey, snr=(QUIET_SNR, QUIET_SNR), noise_tilt=0.0, noise_scatter=0.0, complete=1.0)
    seen = observe(seds.flux, seds.present, np.array(seds.bands.pivot_angstrom), rng, survey=quiet)
    return seen.flux, 1 / (QUIET_SNR * seen.flux_err[:, 0].astype(float))


def _redshift_departures(n: int, survey: Survey, rng: np.random.Generator) -> Floats:
    """Departures (n,) of redshifts in units of their errors, as a survey has them."""
    unit = replace(survey, redshift_known=0.0, redshift_unknown=0.0, redshift_err=(1.0, 1.0))
    return observe_redshift(np.zeros(n), (-1e6, 1e6), rng, survey=unit)[0]


def _in_bands(seds: TrainingSeds, bands: Bands) -> TrainingSeds:
    at = seds.bands.index(bands.names)
    return replace(seds, bands=seds.bands.select(bands.names), flux=seds.flux[:, at], present=seds.present[:, at])


def _like(photometry: Photometry, row: int, seds: TrainingSeds, rng: np.random.Generator) -> int:
    """One of the training SEDs that are most like a row among those of its redshift."""
    z, err = photometry.redshift[row], np.nan_to_num(photometry.redshift_err[row])
    away = np.abs(seds.redshift - z)
    window = float(np.clip(err, *REDSHIFT_WINDOW))
    near: Ints = np.flatnonzero(away <= window)
    if len(near) < 1 / LIKE_SHARE:
        near = np.argsort(away)[: int(1 / LIKE_SHARE)]
    known = photometry.covered[row] & np.isfinite(photometry.flux_err[row])
    flux, flux_err = photometry.flux[row, known], photometry.flux_err[row, known]
    weight = 1 / (flux_err**2 + (LIKENESS_FLOOR * flux) ** 2)
    shapes = seds.flux[near][:, known].astype(float)
    scale = (shapes @ (weight * flux)) / np.maximum((shapes**2) @ weight, 1e-300)
    misfit = ((flux - scale[:, None] * shapes) ** 2) @ weight
    few = max(int(LIKE_SHARE * len(near)), 1)
    return int(near[rng.choice(np.argsort(misfit)[:few])])


def _scale(photometry: Photometry, shapes: Floats, covered: Bools) -> Floats:
    """(n,) brightness of the real rows in units of the SEDs': least squares, weighted by their errors."""
    weight = np.where(covered, 1 / np.maximum(np.nan_to_num(photometry.flux_err, nan=1.0), 1e-300) ** 2, 0.0)
    flux = np.where(covered, photometry.flux, 0.0)
    scale = (weight * flux * shapes).sum(axis=1) / np.maximum((weight * shapes**2).sum(axis=1), 1e-300)
    return np.maximum(scale, 1e-6)
