"""Mock rows like those of a set: training SEDs of a model, seen with the redshifts and the errors of real rows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from agez.errors import AgezError
from agez.models.model import Model
from agez.targets import LOG_AGE_LW, MH_LW
from agez.training.recipes import Recipe
from agez.training.shipped_training import seds_of_recipe
from agez.training_seds.complete_library import load_libraries
from agez.training_seds.observe import Survey, observe
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
    noise of the real row's errors; the redshift is off the SED's own by a draw of the real row's error.

    Parameters
    ----------
    photometry : Photometry
        Real rows, with redshifts.
    seds : TrainingSeds
        In these bands, and others.
    """
    n = len(photometry)
    seds = _in_bands(seds, photometry.bands)
    chosen = np.array([_like(photometry, k, seds, rng) for k in range(n)], dtype=int)
    free = replace(survey, snr=(1e8, 1e8), noise_tilt=0.0, noise_scatter=0.0, error_scatter=0.0, complete=1.0)
    pivot = np.array(seds.bands.pivot_angstrom)
    seen = observe(seds.flux[chosen], seds.present[chosen], pivot, rng, survey=free)
    covered = photometry.covered & seen.covered & np.isfinite(photometry.flux_err)
    scale = _scale(photometry, seds.flux[chosen], covered)
    noise = np.nan_to_num(photometry.flux_err) * rng.standard_normal(photometry.flux.shape)
    flux = seen.flux.astype(float) * scale[:, None] + noise
    err = np.nan_to_num(photometry.redshift_err)
    return MatchedMocks(
        replace(
            photometry,
            flux=np.where(covered, flux, np.nan),
            flux_err=np.where(covered, photometry.flux_err, np.nan),
            covered=covered,
            redshift=np.maximum(seds.redshift[chosen] + err * rng.standard_normal(n), 0.0),
            flags=np.zeros(n, dtype=np.int32),
            redshift_mixture=None,
        ),
        seds.labels[chosen, :2].astype(float),
    )


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
