"""Noise-free SEDs of the mock survey's own spectra, by its own road: the world in which the paper's labels are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agez.errors import AgezError
from agez.mocks.galaxies import make_galaxy
from agez.mocks.plan import survey_plan
from agez.photometry.filters import FilterSet
from agez.photometry.synthesis import synthesize
from agez.spectra.templates import SSPGrid, load_templates
from agez.targets import SHIPPED_TARGETS
from agez.training_seds.seds import ALL_FAMILIES, TrainingSeds
from agez.training_seds.survey_like import SURVEY_FAMILY

#: Spaxels of a galaxy: many galaxies, since spaxels of one share dust law, gas and history.
PER_GALAXY = 30
#: Templates of the mock survey.
TEMPLATES = "emiles"


def spaxel_seds(
    filters: FilterSet, libraries: Sequence[str], n: int, rng: np.random.Generator, *, grid: SSPGrid | None = None
) -> TrainingSeds:
    """Draw ``n`` spaxels of new galaxies of the mock survey, perfectly observed, with photometry in the rest frame.

    Unlike those of :func:`agez.training_seds.seds.make_training_seds`, these have the mock survey's relations between
    dust, lines and stars, its spectra's resolution and their ends.

    Parameters
    ----------
    libraries : sequence of str
        Of the training SEDs that these will be part of; ``emiles`` is one.
    grid : SSPGrid, optional
        Templates; default: E-MILES.

    Raises
    ------
    AgezError
        If ``emiles`` is not among ``libraries``, or none of the bands is seen.
    """
    if TEMPLATES not in libraries:
        raise AgezError(f"spaxels of the mock survey are made of {TEMPLATES!r}, which is not among {list(libraries)}")
    grid = load_templates(TEMPLATES) if grid is None else grid
    galaxies = -(-n // PER_GALAXY)
    plan = survey_plan(galaxies, max(n, galaxies), seed=int(rng.integers(2**31)))
    parts = []
    for index in range(galaxies):
        galaxy = make_galaxy(plan, index, grid, perfect=True)
        seen = synthesize(galaxy.spectra, filters)
        labels = np.stack([getattr(galaxy.truth, target.name) for target in SHIPPED_TARGETS], axis=1)
        parts.append((seen.flux, seen.covered, labels, galaxy.spaxels.av, galaxy.spaxels.ew_ha))
    flux, present, labels, av, ew_ha = (np.concatenate(column)[:n] for column in zip(*parts, strict=True))
    number = present.sum(axis=1, keepdims=True)
    if not number.all():
        raise AgezError(f"no band of {filters.name!r} lies within the mock survey's spectra")
    scale = np.where(present, flux, 0).sum(axis=1, keepdims=True) / number
    return TrainingSeds(
        filters.bands, np.where(present, flux / scale, 0).astype(np.float32), present, labels, np.zeros(n), av, ew_ha,
        np.full(n, list(libraries).index(TEMPLATES)), np.full(n, ALL_FAMILIES.index(SURVEY_FAMILY)),
        tuple(libraries), ALL_FAMILIES,
    )  # fmt: skip
