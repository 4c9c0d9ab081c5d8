"""How unlike the training set a row is: a score that is 1 where one in twenty ordinary rows would be flagged.

Four statistics are taken, all in data space: how unlikely the row is as a combination of training SEDs (does it look
like any galaxy?), how unlikely for the nearest of them (is it a usual one?), chi2 of the worst bands against what the
others say (are some spoilt?), and how much likelier it is as a star.  Each is set against its own distribution among
held-out galaxies seen with the same noise, number of bands and knowledge of the redshift.

What the noise hides cannot be told.  Two exchanged bands are flagged, at S/N 30 in 56 bands, in one of ten rows where
they differ by less than a tenth of the mean flux, in a half at 0.1-0.2, in four fifths at 0.2-0.3, and in nineteen of
twenty beyond.  A dozen bands leave little to check each other by: zero points off by a fifth in five of them pass in
one of five rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from agez.errors import AgezError
from agez.mixture_network.features import Scaled, scaled
from agez.novelty.leave_one_band_out import worst_chi2
from agez.novelty.nearest_template import Centres, nearest_chi2
from agez.novelty.sed_subspace import (
    CHUNK,
    Planes,
    Weighed,
    fit_chi2,
    log_variance,
    near_node,
    normal_matrix,
    plane_products,
    redshift_nodes,
    rows_of_nodes,
    usable,
    weigh,
)
from agez.novelty.threshold_surface import conditions, fit_quantile
from agez.training.sed_clusters import KIND_COST, fit_kinds
from agez.training.star_subspace import star_fit, star_plane
from agez.training_seds.observe import Survey, observe, observe_redshift
from agez.training_seds.seds import CHUNK as CHUNK_OF_SKY
from agez.training_seds.seds import Sky
from agez.types import Bools, Floats, Ints, Strings

#: Width of the Gaussian that holds the coefficients of the best combination, in their spreads.
LOOSENESS = 1.0
#: Share of ordinary rows that is flagged.
FALSE_FLAGS = 0.05
#: Share of the galaxies that is held out for the thresholds, how often each is seen, and the most rows of that.
HELD_OUT, VIEWS, MOST_ROWS = 0.2, 6, 60000
#: Groups of galaxies that were drawn together for each plane, with which groups and not single galaxies are held out.
GROUPS_PER_NODE = 3
#: Share of held-out rows whose redshift is unknown.
UNKNOWN_REDSHIFT = 0.15
#: Names of the fitted quantiles, in the order of :attr:`Typicality.thresholds`.
QUANTILES = (
    "fit median", "fit top", "nearest median", "nearest top", "worst median", "worst top", "star median", "star top",
    "largest top",
)  # fmt: skip
#: Of arcsinh of half the difference of -2 ln likelihood as a galaxy and as a star: below, a row is no star.
NO_STAR = -1.0


@dataclass(frozen=True, eq=False)
class Typicality:
    """What is typical.

    Attributes
    ----------
    planes : Planes
    centres : Centres
    stars, star_centres : Planes and Centres, or None
        The same of stars, at one redshift.
    thresholds : (7 or, with stars, 9, k) float32
        Coefficients of :data:`QUANTILES` over :func:`agez.novelty.threshold_surface.conditions`.
    threshold : float
        By which the score is divided: 1, or what a user's own held-out rows asked for.
    """

    planes: Planes
    centres: Centres
    stars: Planes | None
    star_centres: Centres | None
    thresholds: Floats
    threshold: float = 1.0

    def to_arrays(self) -> dict[str, Floats]:
        """Arrays of the model file."""
        stars = {}
        if self.stars is not None and self.star_centres is not None:
            stars = {**self.stars.to_arrays(), **self.star_centres.to_arrays()}
        return {
            **{"star_" + name: array for name, array in stars.items()},
            **self.planes.to_arrays(),
            **self.centres.to_arrays(),
            "ordinary_thresholds": self.thresholds,
            "ordinary_threshold": np.array([self.threshold]),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Typicality:
        """What :meth:`to_arrays` gave."""
        stars = {name.removeprefix("star_"): array for name, array in arrays.items() if name.startswith("star_")}
        return cls(
            Planes.from_arrays(arrays),
            Centres.from_arrays(arrays),
            Planes.from_arrays(stars) if stars else None,
            Centres.from_arrays(stars) if stars else None,
            arrays["ordinary_thresholds"],
            float(arrays["ordinary_threshold"][0]),
        )


class Scores(NamedTuple):
    """Each (n,), NaN for rows with fewer than two bands.

    ``ood``: 0 and more, above 1 the row is unlike the training set; ``chi2``: reduced chi2 of the best-fitting
    combination of training SEDs, ``nearest``: of the nearest training SED (noise and 1.7 % calibration errors);
    ``node``: which of the planes fits best, -1 where NaN.
    """

    ood: Floats
    chi2: Floats
    nearest: Floats
    node: Ints


class _Statistics(NamedTuple):
    chi2: Floats
    nearest: Floats
    unlikely: Floats
    unusual: Floats
    worst: Floats
    star: Floats
    node: Ints
    conditions: Floats
    good: Bools


def learn_typicality(
    sky: Sky, rng: np.random.Generator, *, redshift_range: tuple[float, float],
    survey: Survey | None = None, stars: Floats | None = None,
) -> Typicality:  # fmt: skip
    """Learn what is typical of a sky; a fifth of its galaxies are held out for the thresholds.

    Parameters
    ----------
    redshift_range : (low, high)
        Of the sky and of the model.
    survey : Survey, optional
        How rows are seen.
    stars : (k, b) float, optional
        Noise-free SEDs of any scale, as of :func:`agez.training.star_subspace.star_seds`; without them stars are told
        only by being unlike galaxies.

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
        for one in fit_kinds(kept.flux[rows], kept.present[rows], pivot, rng):
            basis.append(one.basis)
            left.append(one.left)
            coefficients.append(one.centres)
            precision.append(one.precision)
    planes = Planes(nodes, np.stack(basis), np.stack(left))
    centres = Centres(np.stack(coefficients), np.stack(precision))
    first = Typicality(planes, centres, None, None, np.zeros((0, 0), np.float32))
    if stars is not None:
        plane, star_centres = star_plane(stars, pivot, rng)
        first = replace(first, stars=plane, star_centres=star_centres)
    return replace(first, thresholds=_thresholds(first, held, redshift_range, survey or Survey(), rng))


def _drawn_together(redshift: Floats) -> Ints:
    """(n,) groups of neighbouring rows of one redshift, of which a sky draws so many at a time.

    They share much: those that are held out are to share nothing with the others.  Many draws are of the rest frame.
    """
    group = np.unique(redshift, return_inverse=True)[1]
    order = np.argsort(group, kind="stable")
    first = np.searchsorted(group[order], group)
    rank = np.empty(len(group), int)
    rank[order] = np.arange(len(group))
    return np.unique(np.stack([group, (rank - first) // CHUNK_OF_SKY]), axis=1, return_inverse=True)[1].ravel()


def _thresholds(
    typicality: Typicality, held: Sky, redshift_range: tuple[float, float], survey: Survey, rng: np.random.Generator
) -> Floats:
    """(7 or 9, k) quantiles of held-out galaxies; a third of the views has few bands."""
    pivot = np.array(held.bands.pivot_angstrom)
    few = replace(survey, least_bands=2, most_missing=0.95, complete=0.0)
    parts = []
    for view in range(VIEWS):
        rows = rng.permutation(len(held))[: MOST_ROWS // VIEWS]
        seen = scaled(
            *observe(held.flux[rows], held.present[rows], pivot, rng, survey=few if view % 3 == 2 else survey)
        )
        z, z_err = observe_redshift(held.redshift[rows], redshift_range, rng, survey=survey)
        z[rng.uniform(size=len(z)) < UNKNOWN_REDSHIFT] = np.nan
        one = _statistics(typicality, seen, z, z_err)
        columns: list[Any] = [column[one.good] for column in one]
        parts.append(_Statistics(*columns))
    joined: list[Any] = [np.concatenate(views) for views in zip(*parts, strict=True)]
    all_views = _Statistics(*joined)
    out = []
    for values in _values(typicality, all_views):
        for level in (0.5, 1 - FALSE_FLAGS / 2):
            out.append(fit_quantile(all_views.conditions, values, level))
    largest = _excess(typicality, all_views, np.stack(out))
    return np.stack([*out, fit_quantile(all_views.conditions, largest, 1 - FALSE_FLAGS)])


def _logarithm(chi2: Floats) -> Floats:
    """Of a reduced chi2; those of a band or two are often next to nothing."""
    return np.asarray(np.log(chi2 + 0.05))


def _values(typicality: Typicality, one: _Statistics) -> list[Floats]:
    """The statistics as their quantiles are taken, each (n,)."""
    out = [_logarithm(one.unlikely), _logarithm(one.unusual), _logarithm(one.worst)]
    if typicality.stars is not None:
        out.append(np.maximum(np.arcsinh(one.star / 2), NO_STAR))
    return out


def _excess(typicality: Typicality, one: _Statistics, quantiles: Floats) -> Floats:
    """The largest of the statistics' excesses over their medians, in units of that of one in twenty."""
    each = []
    for k, value in enumerate(_values(typicality, one)):
        middle, top = one.conditions @ quantiles[2 * k], one.conditions @ quantiles[2 * k + 1]
        each.append((value - middle) / np.maximum(top - middle, 0.05))
    return np.max(each, axis=0)


def score(typicality: Typicality, seds: Scaled, redshift: Floats, redshift_err: Floats) -> Scores:
    """How unlike the training set rows are.

    Parameters
    ----------
    seds : Scaled
        (n, b) rows in units of their own scale; bands that are not covered, or not finite, do not count.
    redshift, redshift_err : (n,) float
        NaN redshift: anywhere in the range.  Error 0 or NaN: exact.  Redshifts beyond the range are taken as its end.
    """
    one = _statistics(typicality, seds, redshift, redshift_err)
    top = one.conditions @ typicality.thresholds[-1]
    excess = _excess(typicality, one, typicality.thresholds) / np.maximum(top, 0.1)
    ood = np.maximum(excess, 0) / typicality.threshold
    ood, chi2, nearest = (np.where(one.good, x, np.nan) for x in (ood, one.chi2, one.nearest))
    return Scores(ood, chi2, nearest, one.node)


def _statistics(typicality: Typicality, seds: Scaled, redshift: Floats, redshift_err: Floats) -> _Statistics:
    """All statistics at each row's best redshift, and the conditions under which they were had."""
    planes, centres, kinds = typicality.planes, typicality.centres, typicality.planes.kinds
    n = len(seds.flux)
    counted = usable(seds)
    flux = np.where(counted, seds.flux, 0).astype(np.float32)
    error = np.where(counted, seds.flux_err, 1).astype(np.float32)
    evidence, usual = np.full(n, np.inf, np.float32), np.zeros(n, np.float32)
    chi2, near, log_det, worst = np.ones((4, n), np.float32)
    node = np.full(n, -1)
    n_nodes = np.zeros(n)

    def weighed_rows(k: int, rows: Ints) -> Weighed:
        return weigh(flux[rows], error[rows], counted[rows], planes.basis[k, -1], planes.left[k])

    products = [plane_products(basis) for basis in planes.basis]
    for k, rows, penalty in rows_of_nodes(planes, redshift, redshift_err):
        n_nodes[rows] += 1
        for start in range(0, len(rows), CHUNK):
            part = rows[start : start + CHUNK]
            first: Floats = np.zeros(len(part))  # the log determinant of the usual kind
            for kind in range(kinds):
                plane = kinds * k + kind
                weighed = weighed_rows(plane, part)
                fit = fit_chi2(normal_matrix(products[plane], weighed), LOOSENESS)
                total = fit.log_det + log_variance(weighed)
                first = total if kind == 0 else first
                value = fit.chi2 + total + penalty[start : start + CHUNK] + KIND_COST[kind]
                better = np.flatnonzero(value < evidence[part])
                evidence[part[better]], node[part[better]] = value[better], plane
                chi2[part[better]], usual[part[better]] = fit.chi2[better], first[better]
    for plane in np.unique(node[node >= 0]):
        rows = np.flatnonzero(node == plane)
        for start in range(0, len(rows), CHUNK):
            part = rows[start : start + CHUNK]
            weighed = weighed_rows(plane, part)
            normal = normal_matrix(products[plane], weighed)
            nearest = nearest_chi2(normal, centres.coefficients[plane], centres.precision[plane])
            near[part], log_det[part] = nearest.chi2, nearest.log_det + log_variance(weighed)
            worst[part] = worst_chi2(products[plane], weighed)
    count = counted.sum(axis=1)
    good = (count >= 2) & (node >= 0)
    star: Floats = np.zeros(n)
    if typicality.stars is not None and typicality.star_centres is not None:
        star = near + log_det - star_fit(typicality.stars, typicality.star_centres, flux, error, counted)
    free = np.maximum(count - 1, 1)
    log_error = np.where(counted, np.log10(np.maximum(error, 1e-6)), 0).sum(axis=1) / np.maximum(count, 1)
    given = conditions(10.0**-log_error, count, n_nodes)
    fits = (chi2, near, np.maximum(evidence - usual, 0), np.maximum(near + log_det - usual, 0))
    values = [np.where(good, x, 1) / free for x in fits]
    columns: list[Any] = [*values, np.where(good, worst, 1), np.where(good, star, 0)]
    columns += [np.where(good, node, -1), given, good]
    return _Statistics(*columns)


def recalibrated(typicality: Typicality, ood_of_known_good: Floats, galaxy: Strings) -> Typicality:
    """The threshold moved so that one in twenty of a user's own held-out rows is flagged, galaxies counting alike.

    Parameters
    ----------
    ood_of_known_good : (n,) float
        Scores of rows known to be what the model is for; NaN are passed over.
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
    return replace(typicality, threshold=typicality.threshold * max(value, 1e-3))
