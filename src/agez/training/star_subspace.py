"""SEDs of stars and their subspace: a row that a star fits better than any galaxy is flagged."""

from __future__ import annotations

import contextlib

import numpy as np

from agez.errors import AgezError
from agez.novelty.nearest_template import Centroids
from agez.novelty.sed_subspace import SedSubspace
from agez.photometry.filters import FilterSet
from agez.training.sed_clusters import representatives
from agez.training.sed_subspaces import fit_subspace
from agez.training_seds.outliers import real_stars
from agez.training_seds.outliers import stars as stars_seen
from agez.types import Floats

#: Mean and largest A_V [mag] of the stars, and the power of wavelength by which dust reddens them.
REDDENING, MOST_REDDENING, REDDENING_POWER = 0.3, 1.0, -1.3
#: Signal-to-noise ratio of noise-free SEDs.
NOISE_FREE = 1e6
#: Training stars of the MILES library.
LEARNED_STARS = slice(0, None, 2)


def star_seds(filters: FilterSet, rng: np.random.Generator, *, n: int = 3000) -> Floats:
    """(n, b) noise-free SEDs of stars, reddened by up to a magnitude.

    Two thirds are made up, of any temperature; a third are the even-numbered stars of the MILES library where
    sdss-mangadap is installed (the others are left for tests), NaN beyond 3576-7402 A, else made up as well.
    """
    parts = []
    with contextlib.suppress(AgezError):
        parts.append(real_stars(filters, n // 3, rng, NOISE_FREE, some=LEARNED_STARS))
    parts.append(stars_seen(filters, n - sum(map(len, parts)), rng, NOISE_FREE))
    flux = np.concatenate([np.where(part.covered, part.flux, np.nan) for part in parts])
    pivot = np.array(filters.bands.pivot_angstrom)
    reddening = np.minimum(rng.exponential(REDDENING, n), MOST_REDDENING)
    return np.asarray(flux * 10 ** (-0.4 * reddening[:, None] * (pivot / 5500.0) ** REDDENING_POWER))


def star_subspace(stars: Floats, pivot_angstrom: Floats, rng: np.random.Generator) -> tuple[SedSubspace, Centroids]:
    """The subspace and the centroids of noise-free stars (k, b) of any scale at one redshift; NaN in unknown bands."""
    flux = np.asarray(stars, float)
    present = np.isfinite(flux)
    scale = np.nanmean(flux, axis=1, keepdims=True)
    basis, left, rows = fit_subspace(np.where(present, flux / scale, 0), present, pivot_angstrom, rng)
    centres, precision = representatives(rows, np.linalg.norm(basis[:-1], axis=1), rng)
    return SedSubspace(np.zeros(1), basis[None], left[None]), Centroids(centres[None], precision[None])
