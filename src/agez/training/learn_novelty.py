"""Learning the out-of-distribution score from training SEDs: subspaces, templates, scatter and thresholds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from agez.errors import AgezError
from agez.models.features import NormalisedPhotometry, normalised
from agez.novelty.nearest_template import Centroids
from agez.novelty.novelty_score import (
    Novelty,
    Statistics,
    excess,
    statistic_values,
    statistics,
    without_contradicted,
)
from agez.novelty.sed_subspace import SedSubspace
from agez.training.band_scatter import band_scatter
from agez.training.sed_clusters import fit_clusters
from agez.training.sed_subspaces import near_node, redshift_nodes
from agez.training.star_subspace import star_subspace
from agez.training.threshold_fit import fit_quantile
from agez.training_seds.observe import Survey, observe, observe_redshift
from agez.training_seds.seds import CHUNK as CHUNK_OF_SEDS
from agez.training_seds.seds import TrainingSeds
from agez.types import Bools, Floats, Ints, Strings

#: Share of in-distribution rows that is flagged.
FALSE_FLAGS = 0.05
#: Share of the galaxies that is held out for the thresholds, how often each is seen, and the most rows of that.
HELD_OUT, VIEWS, MOST_ROWS = 0.2, 6, 60000
#: Least groups of galaxies per redshift node (drawn together) for holding out whole groups in place of galaxies.
GROUPS_PER_NODE = 3
#: Share of held-out rows whose redshift is unknown.
UNKNOWN_REDSHIFT = 0.15


#: (seds, redshift, redshift_err) to redshift, error, and whether the network has estimated them.
Search = Callable[[NormalisedPhotometry, Floats, Floats], tuple[Floats, Floats, Bools | None]]


def learn_novelty(
    sky: TrainingSeds, rng: np.random.Generator, *, redshift_range: tuple[float, float],
    survey: Survey | None = None, stars: Floats | None = None, search: Search | None = None,
) -> Novelty:  # fmt: skip
    """Fit the out-of-distribution model to training SEDs; a fifth of the galaxies are held out for the thresholds.

    Parameters
    ----------
    redshift_range : (low, high)
        Of the training SEDs and of the model.
    survey : Survey, optional
        Noise, calibration errors and missing bands of rows.
    stars : (k, b) float, optional
        Noise-free SEDs of any scale, as of :func:`agez.training.star_subspace.star_seds`; without them stars are
        detected only by their misfit as galaxies.

    search : callable, optional
        Gives redshifts and errors at which observed rows are searched, as :func:`agez.novelty.novelty_score.score`
        will be given them, from the rows and what is known of their redshifts; default: what is known.

    Raises
    ------
    AgezError
        With fewer than 200 SEDs.
    """
    if len(sky) < 200:
        raise AgezError(f"{len(sky)} SEDs: at least 200 are needed to learn what is typical")
    pivot = np.array(sky.bands.pivot_angstrom)
    nodes = redshift_nodes(redshift_range)
    group = _drawn_together(sky.redshift)
    if group.max() + 1 < GROUPS_PER_NODE * len(nodes):
        group = np.arange(len(sky))
    out_of = rng.permutation(group.max() + 1)[: int(HELD_OUT * (group.max() + 1))]
    is_held = np.isin(group, out_of)
    held, kept = sky.take(is_held), sky.take(~is_held)
    basis, left, coefficients, precision = [], [], [], []
    for k in range(len(nodes)):
        rows = near_node(kept.redshift, nodes, k)
        for one in fit_clusters(kept.flux[rows], kept.present[rows], pivot, rng):
            basis.append(one.basis)
            left.append(one.left)
            coefficients.append(one.centres)
            precision.append(one.precision)
    planes = SedSubspace(nodes, np.stack(basis), np.stack(left))
    centres = Centroids(np.stack(coefficients), np.stack(precision))
    first = Novelty(planes, centres, None, None, band_scatter(planes, held), np.zeros((0, 0), np.float32))
    if stars is not None:
        plane, star_centres = star_subspace(stars, pivot, rng)
        first = replace(first, stars=plane, star_centroids=star_centres)
    return replace(first, thresholds=_thresholds(first, held, redshift_range, survey or Survey(), rng, search))


def _drawn_together(redshift: Floats) -> Ints:
    """(n,) groups of neighbouring rows of one redshift, which training SEDs are drawn in.

    Rows of a group are correlated, and so are held out together.  Many groups are in the rest frame.
    """
    group = np.unique(redshift, return_inverse=True)[1]
    order = np.argsort(group, kind="stable")
    first = np.searchsorted(group[order], group)
    rank = np.empty(len(group), int)
    rank[order] = np.arange(len(group))
    return np.unique(np.stack([group, (rank - first) // CHUNK_OF_SEDS]), axis=1, return_inverse=True)[1].ravel()


def _thresholds(
    novelty: Novelty, held: TrainingSeds, redshift_range: tuple[float, float], survey: Survey,
    rng: np.random.Generator, search: Search | None,
) -> Floats:  # fmt: skip
    """(5 or 7, k) quantiles of held-out galaxies; a third of the views has few bands."""
    pivot = np.array(held.bands.pivot_angstrom)
    few = replace(survey, least_bands=2, most_missing=0.95, complete=0.0)
    parts = []
    for view in range(VIEWS):
        rows = rng.permutation(len(held))[: MOST_ROWS // VIEWS]
        seen = normalised(
            *observe(held.flux[rows], held.present[rows], pivot, rng, survey=few if view % 3 == 2 else survey)
        )
        z, z_err = observe_redshift(held.redshift[rows], redshift_range, rng, survey=survey)
        z[rng.uniform(size=len(z)) < UNKNOWN_REDSHIFT] = np.nan
        searched = (z, z_err, None) if search is None else search(seen, z, z_err)
        first = statistics(novelty, seen, *searched)
        answered = without_contradicted(seen, first, least_bands=survey.least_bands)
        one = statistics(novelty, answered, *searched)
        columns: list[Any] = [column[one.good] for column in one]
        parts.append(Statistics(*columns))
    joined: list[Any] = [np.concatenate(views) for views in zip(*parts, strict=True)]
    all_views = Statistics(*joined)
    out = []
    for values in statistic_values(novelty, all_views):
        for level in (0.5, 1 - FALSE_FLAGS / 2):
            out.append(fit_quantile(all_views.conditions, values, level))
    largest = excess(novelty, all_views, np.stack(out))
    return np.stack([*out, fit_quantile(all_views.conditions, largest, 1 - FALSE_FLAGS)])


def recalibrated(novelty: Novelty, ood_of_known_good: Floats, galaxy: Strings) -> Novelty:
    """The threshold moved so that one in twenty of a user's own held-out rows is flagged, galaxies counting alike.

    Parameters
    ----------
    ood_of_known_good : (n,) float
        Scores of rows known to be in distribution; NaN are ignored.
    galaxy : (n,) int or str
        Rows of a galaxy share its weight.

    Raises
    ------
    AgezError
        With fewer than 20 rows of known score.
    """
    ood, name = np.asarray(ood_of_known_good, float), np.asarray(galaxy)
    good = np.isfinite(ood)
    if good.sum() < 20:
        raise AgezError(
            f"{int(good.sum())} rows with a score: at least 20 are needed to move the threshold of what is typical"
        )
    _, number, count = np.unique(name[good], return_inverse=True, return_counts=True)
    weight = 1.0 / count[number]
    order = np.argsort(ood[good], kind="stable")
    share = np.cumsum(weight[order]) / weight.sum()
    at = int(np.searchsorted(share, 1 - FALSE_FLAGS - 1e-12))
    value = float(ood[good][order][at])
    return replace(novelty, threshold=novelty.threshold * max(value, 1e-3))
