"""The nearest star: whatever is nearer to a star than to any galaxy is none, though its fit as a galaxy be fair."""

from __future__ import annotations

import contextlib

import numpy as np

from agez.errors import AgezError
from agez.novelty.nearest_template import Centres, nearest_chi2, representatives
from agez.novelty.sed_subspace import CHUNK, Planes, fit_plane, log_variance, normal_matrix, plane_products, weigh
from agez.photometry.filters import FilterSet
from agez.training_seds.outliers import real_stars
from agez.training_seds.outliers import stars as stars_seen
from agez.types import Bools, Floats

#: Mean and largest A_V [mag] of the stars, and the power of wavelength by which dust reddens them.
REDDENING, MOST_REDDENING, REDDENING_POWER = 0.3, 1.0, -1.3
#: Signal-to-noise ratio that is as good as none.
NOISE_FREE = 1e6
#: Stars of the MILES library that are learned from.
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


def star_plane(stars: Floats, pivot_angstrom: Floats, rng: np.random.Generator) -> tuple[Planes, Centres]:
    """The plane and the representatives of stars, at one redshift.

    Parameters
    ----------
    stars : (k, b) float
        Noise-free SEDs of any scale, NaN where a band is not known.
    """
    flux = np.asarray(stars, float)
    present = np.isfinite(flux)
    scale = np.nanmean(flux, axis=1, keepdims=True)
    basis, left, rows = fit_plane(np.where(present, flux / scale, 0), present, pivot_angstrom, rng)
    centres, precision = representatives(rows, np.linalg.norm(basis[:-1], axis=1), rng)
    return Planes(np.zeros(1), basis[None], left[None]), Centres(centres[None], precision[None])


def star_fit(stars: Planes, centres: Centres, flux: Floats, flux_err: Floats, counted: Bools) -> Floats:
    """(n,) chi2 of the nearest star plus the log of its covariance's determinant; rows (n, b) in units of their
    scale.
    """
    products, left = plane_products(stars.basis[0]), stars.left[0]
    out = np.empty(len(flux), np.float32)
    for start in range(0, len(flux), CHUNK):
        part = slice(start, start + CHUNK)
        weighed = weigh(flux[part], flux_err[part], counted[part], products.basis[-1], left)
        found = nearest_chi2(normal_matrix(products, weighed), centres.coefficients[0], centres.precision[0])
        out[part] = found.chi2 + found.log_det + log_variance(weighed)
    return out
