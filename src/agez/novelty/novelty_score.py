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
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from agez.models.features import NormalisedPhotometry
from agez.novelty.leave_one_band_out import worst_chi2
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
from agez.novelty.threshold_surface import conditions
from agez.types import Bools, Floats, Ints

#: Shares of the clusters of galaxies at each redshift: the usual ones, and the rest.
SHARES = (0.8, 0.2)
#: -2 ln of the shares.
KIND_COST = tuple(float(-2 * np.log(share)) for share in SHARES)
#: Width of the Gaussian that holds the coefficients of the best combination, in their spreads.
LOOSENESS = 1.0
#: Names of the fitted quantiles, in the order of :attr:`Novelty.thresholds`.
QUANTILES = (
    "fit median", "fit top", "nearest median", "nearest top", "worst median", "worst top", "star median", "star top",
    "largest top",
)  # fmt: skip
#: Of arcsinh of half the difference of -2 ln likelihood as a galaxy and as a star: below, a row is no star.
NO_STAR = -1.0


@dataclass(frozen=True, eq=False)
class Novelty:
    """What is typical.

    Attributes
    ----------
    planes : SedSubspace
    centres : Centroids
    stars, star_centres : SedSubspace and Centroids, or None
        The same of stars, at one redshift.
    thresholds : (7 or, with stars, 9, k) float32
        Coefficients of :data:`QUANTILES` over :func:`agez.novelty.threshold_surface.conditions`.
    threshold : float
        By which the score is divided: 1, or what a user's own held-out rows asked for.
    """

    planes: SedSubspace
    centres: Centroids
    stars: SedSubspace | None
    star_centres: Centroids | None
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
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Novelty:
        """What :meth:`to_arrays` gave."""
        stars = {name.removeprefix("star_"): array for name, array in arrays.items() if name.startswith("star_")}
        return cls(
            SedSubspace.from_arrays(arrays),
            Centroids.from_arrays(arrays),
            SedSubspace.from_arrays(stars) if stars else None,
            Centroids.from_arrays(stars) if stars else None,
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


class Statistics(NamedTuple):
    chi2: Floats
    nearest: Floats
    unlikely: Floats
    unusual: Floats
    worst: Floats
    star: Floats
    node: Ints
    conditions: Floats
    good: Bools


def _logarithm(chi2: Floats) -> Floats:
    """Of a reduced chi2; those of a band or two are often next to nothing."""
    return np.asarray(np.log(chi2 + 0.05))


def statistic_values(novelty: Novelty, one: Statistics) -> list[Floats]:
    """The statistics as their quantiles are taken, each (n,)."""
    out = [_logarithm(one.unlikely), _logarithm(one.unusual), _logarithm(one.worst)]
    if novelty.stars is not None:
        out.append(np.maximum(np.arcsinh(one.star / 2), NO_STAR))
    return out


def standardised(novelty: Novelty, one: Statistics, quantiles: Floats) -> list[Floats]:
    """Each statistic's excess over its median, in units of that of one in twenty."""
    each = []
    for k, value in enumerate(statistic_values(novelty, one)):
        middle, top = one.conditions @ quantiles[2 * k], one.conditions @ quantiles[2 * k + 1]
        each.append((value - middle) / np.maximum(top - middle, 0.05))
    return each


def excess(novelty: Novelty, one: Statistics, quantiles: Floats) -> Floats:
    """The largest of the statistics' excesses."""
    return np.max(standardised(novelty, one, quantiles), axis=0)


def score(novelty: Novelty, seds: NormalisedPhotometry, redshift: Floats, redshift_err: Floats) -> Scores:
    """How unlike the training set rows are.

    Parameters
    ----------
    seds : NormalisedPhotometry
        (n, b) rows in units of their own scale; bands that are not covered, or not finite, do not count.
    redshift, redshift_err : (n,) float
        NaN redshift: anywhere in the range.  Error 0 or NaN: exact.  Redshifts beyond the range are taken as its end.
    """
    one = statistics(novelty, seds, redshift, redshift_err)
    top = one.conditions @ novelty.thresholds[-1]
    above = excess(novelty, one, novelty.thresholds) / np.maximum(top, 0.1)
    ood = np.maximum(above, 0) / novelty.threshold
    ood, chi2, nearest = (np.where(one.good, x, np.nan) for x in (ood, one.chi2, one.nearest))
    return Scores(ood, chi2, nearest, one.node)


def statistics(novelty: Novelty, seds: NormalisedPhotometry, redshift: Floats, redshift_err: Floats) -> Statistics:
    """All statistics at each row's best redshift, and the conditions under which they were had."""
    planes, centres, kinds = novelty.planes, novelty.centres, novelty.planes.kinds
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

    products = [subspace_products(basis) for basis in planes.basis]
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
    if novelty.stars is not None and novelty.star_centres is not None:
        star = near + log_det - star_fit(novelty.stars, novelty.star_centres, flux, error, counted)
    free = np.maximum(count - 1, 1)
    log_error = np.where(counted, np.log10(np.maximum(error, 1e-6)), 0).sum(axis=1) / np.maximum(count, 1)
    given = conditions(10.0**-log_error, count, n_nodes)
    fits = (chi2, near, np.maximum(evidence - usual, 0), np.maximum(near + log_det - usual, 0))
    values = [np.where(good, x, 1) / free for x in fits]
    columns: list[Any] = [*values, np.where(good, worst, 1), np.where(good, star, 0)]
    columns += [np.where(good, node, -1), given, good]
    return Statistics(*columns)
