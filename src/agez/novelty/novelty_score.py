"""The out-of-distribution score, scaled so that one in twenty held-out galaxies has a score above 1.

It combines three statistics in data space: the misfit of the best combination of training SEDs (is it a galaxy?),
leave-one-band-out chi2 of the worst bands (are bands corrupted?), which counts where there are many bands, and the
likelihood ratio of star and galaxy.  Each is compared with its distribution among held-out galaxies of the same noise,
number of bands, redshift and redshift uncertainty.

Deviations below the noise cannot be detected.  At S/N 30 in 56 bands, two swapped bands are flagged in one of ten rows
if they differ by less than a tenth of the mean flux, in a half at 0.1-0.2, in four fifths at 0.2-0.3, and in nineteen
of twenty beyond.  Twelve bands leave little redundancy: zero points off by a fifth in five of them pass in one of six
to one of three rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from agez.models.features import NormalisedPhotometry
from agez.novelty.leave_one_band_out import contradicted, worst_bands
from agez.novelty.nearest_template import Centroids, nearest_chi2, star_fit
from agez.novelty.sed_subspace import (
    CHUNK,
    SedSubspace,
    Weighed,
    fit_chi2,
    log_variance,
    normal_matrix,
    rows_of_nodes,
    subspace_products,
    usable,
    weigh,
)
from agez.novelty.threshold_surface import ESTIMATED_NODES, conditions, expanded_thresholds
from agez.types import Bools, Floats, Ints

#: Shares of the SED clusters at each redshift: common galaxies, and the rest.
SHARES = (0.8, 0.2)
#: -2 ln of the shares: the prior of each cluster.
CLUSTER_COST = tuple(float(-2 * np.log(share)) for share in SHARES)
#: Width of the Gaussian prior of the coefficients of the best combination, in units of their spread.
LOOSENESS = 1.0
#: Names of the fitted quantiles, in the order of :attr:`Novelty.thresholds`.
QUANTILES = ("fit median", "fit top", "worst median", "worst top", "star median", "star top", "largest top")
#: Places of the misfit of the nearest training SED in thresholds of files that were made with it.
OF_NEAREST = (2, 3)
#: In rows of no more bands than this the worst bands do not count: there they flag real galaxies whose zero points are
#: off, and little that the other statistics do not (docs/trust.md, docs/real_sky.md).
FEW_BANDS = 20
#: Lower bound of arcsinh of half the difference in -2 ln likelihood of galaxy and star: below, a row is no star.
NO_STAR = -1.0
#: A row with fewer than half of the model's bands is no star as long as the likelihood of a star is less than a hundred
#: times that of a galaxy (difference in -2 ln likelihood).  Thresholds are those of bands missing anywhere, but where
#: all are missing beyond some wavelength an old cluster and a star of its turn-off are hard to tell apart at any
#: signal-to-noise ratio.
LEAST_STAR_PREFERENCE = float(2 * np.log(100.0))
#: The star's part in the score of such rows, at most.
MOST_OF_NO_STAR = 0.999


@dataclass(frozen=True, eq=False)
class Novelty:
    """The out-of-distribution model."""

    subspaces: SedSubspace
    centroids: Centroids
    #: stars, star_centroids: The same for stars, at one redshift.
    stars: SedSubspace | None
    star_centroids: Centroids | None
    #: (m * n_clusters, b) Of noise-free training SEDs about each band's prediction from the others.
    band_scatter: Floats
    #: (5 or, with stars, 7, k) float32. Coefficients of :data:`QUANTILES` over
    #: :func:`agez.novelty.threshold_surface.conditions`.
    thresholds: Floats
    threshold: float = 1.0  #: Divisor of the score: 1, or the value calibrated on held-out rows of a user's sample.

    def to_arrays(self) -> dict[str, Floats]:
        """Arrays of the model file."""
        stars = {}
        if self.stars is not None and self.star_centroids is not None:
            stars = {**self.stars.to_arrays(), **self.star_centroids.to_arrays()}
        return {
            **{"star_" + name: array for name, array in stars.items()},
            **self.subspaces.to_arrays(),
            **self.centroids.to_arrays(),
            "band_scatter": self.band_scatter,
            "ordinary_thresholds": self.thresholds,
            "ordinary_threshold": np.array([self.threshold]),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Novelty:
        """Inverse of :meth:`to_arrays`; of older files, too, which have no scatter and one statistic more."""
        stars = {name.removeprefix("star_"): array for name, array in arrays.items() if name.startswith("star_")}
        thresholds, subspaces = arrays["ordinary_thresholds"], SedSubspace.from_arrays(arrays)
        if len(thresholds) > len(QUANTILES) - (0 if stars else 2):
            thresholds = np.delete(thresholds, OF_NEAREST, axis=0)
        return cls(
            subspaces,
            Centroids.from_arrays(arrays),
            SedSubspace.from_arrays(stars) if stars else None,
            Centroids.from_arrays(stars) if stars else None,
            arrays.get("band_scatter", np.zeros(subspaces.residual_variance.shape)),
            expanded_thresholds(thresholds),
            float(arrays["ordinary_threshold"][0]),
        )


class Scores(NamedTuple):
    """Each (n,), NaN for rows with fewer than two bands.

    ``ood``: 0 or more, above 1 out of distribution; ``chi2``: reduced chi2 of the best-fitting
    combination of training SEDs, ``nearest``: of the nearest training SED (noise and 1.7 % calibration errors);
    ``node``: index of the best-fitting subspace, -1 where NaN.  ``worst_band``: index of the band that deviates most
    from what the others say of it, and ``worst_sigma``, by how many of its errors; -1 and NaN where ``ood`` is NaN.
    """

    ood: Floats
    chi2: Floats
    nearest: Floats
    node: Ints
    worst_band: Ints
    worst_sigma: Floats


class Statistics(NamedTuple):
    """The statistics of n rows, per degree of freedom where they are chi2, and ``conditions`` for their thresholds."""

    chi2: Floats
    nearest: Floats
    subspace_misfit: Floats
    worst_bands: Floats
    star_preference: Floats
    node: Ints
    worst_band: Ints
    worst_sigma: Floats
    conditions: Floats
    many_bands: Bools
    good: Bools


def _logarithm(chi2: Floats) -> Floats:
    """Log of a reduced chi2, with an offset because chi2 of one or two bands is often close to zero."""
    return np.asarray(np.log(chi2 + 0.05))


def statistic_values(novelty: Novelty, stats: Statistics) -> list[Floats]:
    """The transformed statistics to which the thresholds apply, each (n,)."""
    out = [_logarithm(stats.subspace_misfit), _logarithm(stats.worst_bands)]
    if novelty.stars is not None:
        out.append(np.maximum(np.arcsinh(stats.star_preference / 2), NO_STAR))
    return out


def standardised(novelty: Novelty, stats: Statistics, quantiles: Floats) -> list[Floats]:
    """Excess of each statistic over its median, in units of the distance between median and top quantile.

    That of the worst bands is -inf in rows of few bands.
    """
    each = []
    for k, value in enumerate(statistic_values(novelty, stats)):
        median, top = stats.conditions @ quantiles[2 * k], stats.conditions @ quantiles[2 * k + 1]
        each.append((value - median) / np.maximum(top - median, 0.05))
    each[1] = np.where(stats.many_bands, each[1], -np.inf)
    return each


def excess(novelty: Novelty, stats: Statistics, quantiles: Floats) -> Floats:
    """Largest excess of the statistics."""
    return np.max(standardised(novelty, stats, quantiles), axis=0)


def score(
    novelty: Novelty, seds: NormalisedPhotometry, redshift: Floats, redshift_err: Floats,
    estimated: Bools | None = None,
) -> Scores:  # fmt: skip
    """Out-of-distribution score of rows.

    Parameters
    ----------
    seds : NormalisedPhotometry
        (n, b) rows in units of their own scale; bands that are not covered, or not finite, are ignored.
    redshift, redshift_err : (n,) float
        NaN redshift: anywhere in the range.  Error 0 or NaN: exact.  Redshifts beyond the range are clipped.
    estimated : (n,) bool, optional
        Whether the redshift is the network's own; default: none is.
    """
    stats = statistics(novelty, seds, redshift, redshift_err, estimated)
    top = np.maximum(stats.conditions @ novelty.thresholds[-1], 0.1) * novelty.threshold
    each = standardised(novelty, stats, novelty.thresholds)
    if novelty.stars is not None:
        few = 2 * usable(seds).sum(axis=1) < seds.flux.shape[1]
        unsure = few & (stats.star_preference < LEAST_STAR_PREFERENCE)
        each[-1] = np.where(unsure, np.minimum(each[-1], MOST_OF_NO_STAR * top), each[-1])
    ood = np.maximum(np.max(each, axis=0) / top, 0)
    ood, chi2, nearest, sigma = (
        np.where(stats.good, x, np.nan) for x in (ood, stats.chi2, stats.nearest, stats.worst_sigma)
    )
    return Scores(ood, chi2, nearest, stats.node, stats.worst_band, sigma)


def without_contradicted(
    seds: NormalisedPhotometry, found: Statistics | Scores, *, least_bands: int
) -> NormalisedPhotometry:
    """The rows as they are answered: without the band that all others contradict."""
    left_out = contradicted(found.worst_sigma, seds.covered, least_bands)
    covered = seds.covered.copy()
    covered[left_out, found.worst_band[left_out]] = False
    return seds._replace(covered=covered)


def score_as_answered(
    novelty: Novelty, seds: NormalisedPhotometry, redshift: Floats, redshift_err: Floats,
    estimated: Bools | None = None, *, least_bands: int,
) -> Scores:  # fmt: skip
    """:func:`score` of rows as they are answered: without the band that all others contradict."""
    first = score(novelty, seds, redshift, redshift_err, estimated)
    answered = without_contradicted(seds, first, least_bands=least_bands)
    return score(novelty, answered, redshift, redshift_err, estimated)


def statistics(
    novelty: Novelty, seds: NormalisedPhotometry, redshift: Floats, redshift_err: Floats,
    estimated: Bools | None = None,
) -> Statistics:  # fmt: skip
    """All statistics at the best-fitting redshift of each row, and the conditions for their thresholds."""
    subspaces, centroids = novelty.subspaces, novelty.centroids
    n = len(seds.flux)
    counted = usable(seds)
    flux = np.where(counted, seds.flux, 0).astype(np.float32)
    error = np.where(counted, seds.flux_err, 1).astype(np.float32)
    evidence, reference = np.full(n, np.inf, np.float32), np.zeros(n, np.float32)
    chi2, near, log_det, worst, worst_sigma = np.ones((5, n), np.float32)
    node, worst_band = np.full((2, n), -1)
    n_nodes = np.zeros(n)

    def weighed_rows(k: int, rows: Ints) -> Weighed:
        return weigh(flux[rows], error[rows], counted[rows], subspaces.basis[k, -1], subspaces.residual_variance[k])

    products = [subspace_products(basis) for basis in subspaces.basis]
    scatter = np.asarray(novelty.band_scatter, np.float32)
    for k, rows, penalty in rows_of_nodes(subspaces, redshift, redshift_err):
        n_nodes[rows] += 1
        for start in range(0, len(rows), CHUNK):
            chunk = rows[start : start + CHUNK]
            common: Floats = np.zeros(len(chunk))  # log determinant for the cluster of common galaxies
            for cluster in range(subspaces.n_clusters):
                number = subspaces.n_clusters * k + cluster
                weighed = weighed_rows(number, chunk)
                fit = fit_chi2(normal_matrix(products[number], weighed), LOOSENESS)
                total = fit.log_det + log_variance(weighed)
                common = total if cluster == 0 else common
                value = fit.chi2 + total + penalty[start : start + CHUNK] + CLUSTER_COST[cluster]
                better = np.flatnonzero(value < evidence[chunk])
                evidence[chunk[better]], node[chunk[better]] = value[better], number
                chi2[chunk[better]], reference[chunk[better]] = fit.chi2[better], common[better]
    for number in np.unique(node[node >= 0]):
        rows = np.flatnonzero(node == number)
        for start in range(0, len(rows), CHUNK):
            chunk = rows[start : start + CHUNK]
            weighed = weighed_rows(number, chunk)
            normal = normal_matrix(products[number], weighed)
            nearest = nearest_chi2(normal, centroids.coefficients[number], centroids.precision[number])
            near[chunk], log_det[chunk] = nearest.chi2, nearest.log_det + log_variance(weighed)
            of_bands = worst_bands(products[number], weighed, scatter[number])
            worst[chunk], worst_band[chunk], worst_sigma[chunk] = of_bands
    count = counted.sum(axis=1)
    good = (count >= 2) & (node >= 0)
    star: Floats = np.zeros(n)
    if novelty.stars is not None and novelty.star_centroids is not None:
        star = near + log_det - star_fit(novelty.stars, novelty.star_centroids, flux, error, counted)
    free = np.maximum(count - 1, 1)
    log_error = np.where(counted, np.log10(np.maximum(error, 1e-6)), 0).sum(axis=1) / np.maximum(count, 1)
    n_nodes = n_nodes if estimated is None else np.where(estimated, ESTIMATED_NODES, n_nodes)
    best_redshift = subspaces.redshift[np.maximum(node, 0) // subspaces.n_clusters]
    at_conditions = conditions(10.0**-log_error, count, n_nodes, best_redshift)
    fits = (chi2, near, np.maximum(evidence - reference, 0))
    per_freedom = [np.where(good, x, 1) / free for x in fits]
    columns: list[Any] = [*per_freedom, np.where(good, worst, 1), np.where(good, star, 0)]
    columns += [*(np.where(good, x, -1) for x in (node, worst_band)), worst_sigma, at_conditions, count > FEW_BANDS]
    columns.append(good)
    return Statistics(*columns)
