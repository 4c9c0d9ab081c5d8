"""Distributions in the targets' own units: luminosities from fluxes and redshifts, and scales undone.

Networks learn masses, rates and magnitudes per unit of a row's flux scale at its redshift.  What is added here is
``per_flux`` times log10 of the luminosity that the flux scale stands for: first the flux, of each version of a row that
leaves out bands; then, of their average, the distance.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtr

from agez.distributions.marginals import quantiles
from agez.distributions.mixture import Mixture, marginal_of, moments, place
from agez.distributions.redshift_bounds import INDEPENDENT_ERROR, LEAST_CUT, LEAST_REDSHIFT, least_redshift
from agez.mixture_network.row_answers import RowAnswers
from agez.models.features import redshift_unit
from agez.models.luminosity import log_distance_factor, log_luminosity
from agez.models.model import DEFAULT_COSMOLOGY
from agez.targets import Target
from agez.types import Floats, Ints

#: Variance of an inverse hyperbolic sine beyond which its mean says nothing: it is taken as this.
MOST_VARIANCE = 4.0
#: Step of derivatives.
_STEP = 1e-4


def per_microjansky(found: RowAnswers, targets: Sequence[Target], flux_scale: Floats) -> RowAnswers:
    """Answers at a flux of one microjansky, of rows at their own flux scale (n,) [microjansky]."""
    return _shifted(found, targets, np.log10(flux_scale))


def _shifted(found: RowAnswers, targets: Sequence[Target], log_flux: Floats) -> RowAnswers:
    """``per_flux`` times log_flux (n,) is added; where that is not finite, to means and quantiles alone."""
    mean, points, of_mixture = np.array(found.mean), np.array(found.quantiles), np.array(found.mixture.mean)
    for t, target in enumerate(targets):
        if target.per_flux:
            shift = target.per_flux * log_flux
            mean[:, t] += shift
            points[t] += shift
            of_mixture[..., t] += np.where(np.isfinite(shift), shift, 0.0)[:, None]
    mixture = Mixture(found.mixture.weights, of_mixture, found.mixture.covariance)
    return found._replace(mean=mean, quantiles=points, mixture=mixture)


def in_units(
    found: RowAnswers, targets: Sequence[Target], levels: Floats, *, redshift: Floats, redshift_err: Floats,
    redshift_range: tuple[float, float], independent: bool = True, cosmology: str = DEFAULT_COSMOLOGY,
) -> RowAnswers:  # fmt: skip
    """Answers with means and quantiles in the targets' units; of the mixture, all but scales is undone.

    Parameters
    ----------
    found : RowAnswers
        At a flux of one microjansky.
    levels : (d, p) float
        Probabilities of the quantiles in the mixture (:func:`agez.mixture_network.row_answers.levels`).
    redshift, redshift_err : (n,) float
        That networks were shown; NaN where unknown.  Without a redshift above zero, targets that scale with the flux
        are NaN unless the network predicts the redshift.
    independent : bool
        Whether small redshift errors are independent of what the fluxes say; else all redshifts are the network's own.
    """
    names = [target.name for target in targets]
    found = _with_redshifts(found, targets, redshift_unit(redshift, redshift_err, redshift_range))
    scaled = [t for t, target in enumerate(targets) if target.per_flux]
    error, given = np.nan_to_num(redshift_err, nan=0.0), found
    with np.errstate(invalid="ignore"):
        joint = ~(error <= INDEPENDENT_ERROR * (1 + redshift)) | np.isnan(redshift) | (not independent)
    if scaled:
        found = _with_known_distance(found, targets, scaled, levels, redshift, error, cosmology)
    if "redshift_phot" in names and joint.any():
        from agez.mixture_network.bounded_redshifts import cut_rows, with_bounded_redshifts  # broad redshifts alone

        at, rows = names.index("redshift_phot"), np.flatnonzero(joint)
        part = given.mixture.take(rows)
        cut = cut_rows(part, at)
        if scaled and not cut.all():
            own = _with_own_distance(part.take(~cut), targets, scaled, at, cosmology)
            found = _replaced(found, rows[~cut], own, scaled, levels)
        if cut.any():
            own = with_bounded_redshifts(part.take(cut), targets, at, cosmology)
            found = _replaced(found, rows[cut], own, range(len(targets)), levels)
            points, correlation = found.quantiles[at], np.array(found.correlation)
            points[:, rows[cut]] = np.maximum(points[:, rows[cut]], least_redshift(marginal_of(own, [at])))
            correlation[rows[cut]] = moments(own)[2]
            found = found._replace(correlation=correlation)
    return unscaled(found, targets)


def _replaced(found: RowAnswers, rows: Ints, own: Mixture, targets: Sequence[int], levels: Floats) -> RowAnswers:
    """The same with other distributions in some rows, and means and quantiles of some targets with them."""
    mean, points = np.array(found.mean), np.array(found.quantiles)
    for t in targets:
        mean[rows, t] = (own.weights * own.mean[..., t]).sum(axis=1)
        points[t][:, rows] = quantiles(marginal_of(own, [t]), levels[t], 0).T
    return found._replace(mean=mean, quantiles=points, mixture=found.mixture.with_rows(rows, own))


def _with_redshifts(
    found: RowAnswers, targets: Sequence[Target], unit: tuple[Floats, Floats]
) -> RowAnswers:  # fmt: skip
    """Redshifts in place of departures from the given ones."""
    learned = [t for t, target in enumerate(targets) if target.scale == "redshift"]
    if not learned:
        return found
    mean, points, of_mixture = np.array(found.mean), np.array(found.quantiles), np.array(found.mixture.mean)
    covariance, d = np.array(found.mixture.covariance), found.mixture.n_targets
    origin, width = unit
    for t in learned:
        mean[:, t] = origin + width * mean[:, t]
        points[t] = origin + width * points[t]
        of_mixture[..., t] = origin[:, None] + width[:, None] * of_mixture[..., t]
        for u in range(d):
            covariance[..., place(t, u)] *= width[:, None] if u != t else width[:, None] ** 2
    return found._replace(
        mean=mean, quantiles=points, mixture=Mixture(found.mixture.weights, of_mixture, covariance)
    )  # fmt: skip


def _with_known_distance(
    found: RowAnswers, targets: Sequence[Target], scaled: Sequence[int], levels: Floats, redshift: Floats,
    error: Floats, cosmology: str,
) -> RowAnswers:  # fmt: skip
    """The luminosity at the given redshift is added; its error widens the distributions."""
    luminosity = log_luminosity(np.ones(len(redshift)), redshift, cosmology=cosmology)
    with np.errstate(invalid="ignore"):
        wide = np.flatnonzero((error > 0) & (redshift > 0))
        variance = (_slope(redshift[wide], cosmology) * error[wide]) ** 2
        cut = ndtr((LEAST_REDSHIFT - redshift[wide]) / error[wide]) > LEAST_CUT
    if cut.any():
        from agez.mixture_network.bounded_redshifts import cut_moments

        bounded = cut_moments(redshift[wide[cut]], error[wide[cut]], cosmology)
        luminosity[wide[cut]], variance[cut] = bounded.distance, bounded.distance_variance
    found = _shifted(found, targets, luminosity)
    points, covariance = np.array(found.quantiles), np.array(found.mixture.covariance)
    for k, t in enumerate(scaled):
        for u in scaled[: k + 1]:
            both = targets[t].per_flux * targets[u].per_flux * variance
            covariance[wide, :, place(t, u)] += both[:, None]
    mixture = Mixture(found.mixture.weights, found.mixture.mean, covariance)
    if wide.size:
        part = mixture.take(wide)
        for t in scaled:
            points[t][:, wide] = quantiles(marginal_of(part, [t]), levels[t], 0).T
    return found._replace(quantiles=points, mixture=mixture)


def _with_own_distance(
    m: Mixture, targets: Sequence[Target], scaled: Sequence[int], at: int, cosmology: str
) -> Mixture:  # fmt: skip
    """The luminosity at each component's redshift is added, to first order in the width of its redshift.

    A linear map of the targets, x_t + per_flux_t g (z - z_j) with g the slope of the log distance factor, takes
    Gaussians to Gaussians: C becomes A C A^T.
    """
    mean, covariance = np.array(m.mean), np.array(m.covariance)
    z = np.maximum(mean[..., at], LEAST_REDSHIFT)
    base, slope = log_luminosity(np.ones(z.shape), z, cosmology=cosmology), _slope(z, cosmology)
    for t in scaled:
        rise = targets[t].per_flux * slope
        mean[..., t] += targets[t].per_flux * base
        covariance[..., place(t, t)] += (
            2 * rise * covariance[..., place(t, at)] + rise**2 * covariance[..., place(at, at)]
        )
        for u in range(m.n_targets):
            if u != t:
                covariance[..., place(t, u)] += rise * covariance[..., place(at, u)]
    return Mixture(m.weights, mean, covariance)


def _slope(redshift: Floats, cosmology: str) -> Floats:
    """(...) derivative of the log distance factor by the redshift."""
    low = np.maximum(redshift - _STEP, redshift / 2)
    high = redshift + _STEP
    ends = (log_distance_factor(z, cosmology=cosmology) for z in (high, low))
    return np.asarray(np.subtract(*ends) / (high - low))


def with_sums(found: RowAnswers, targets: Sequence[Target], sums: Sequence[Target], levels: Floats) -> RowAnswers:
    """Means and quantiles of targets that are sums of others, after those of ``targets``.

    Parameters
    ----------
    targets : sequence of Target
        Of the mixture, of linear scale where they are summed.
    levels : (d, p) float
        As for :func:`in_units`; a sum has those of its first part.
    """
    names, m = [target.name for target in targets], found.mixture
    mean, points = [found.mean], [found.quantiles]
    for total in sums:
        parts = [names.index(name) for name in total.sum_of]
        variance = sum(m.covariance[..., place(t, u)] for t in parts for u in parts)
        own = Mixture(m.weights, m.mean[..., parts].sum(axis=-1)[..., None], np.asarray(variance)[..., None])
        there = np.where(np.isfinite(found.mean[:, parts]).all(axis=1), 1.0, np.nan)
        mean.append(moments(own)[0] * there[:, None])
        points.append(quantiles(own, levels[parts[0]], 0).T[None] * there)
    return found._replace(mean=np.concatenate(mean, axis=1), quantiles=np.concatenate(points))


def unscaled(found: RowAnswers, targets: Sequence[Target]) -> RowAnswers:
    """Means and quantiles of targets whose inverse hyperbolic sine is learned."""
    bent = [t for t, target in enumerate(targets) if target.scale == "arcsinh"]
    if not bent:
        return found
    mean, points = np.array(found.mean), np.array(found.quantiles)
    m = found.mixture
    for t in bent:
        points[t] = np.sinh(points[t])
        # E[sinh x] = sinh(mu) exp(sigma^2 / 2) of a Gaussian
        each = np.sinh(m.mean[..., t]) * np.exp(0.5 * np.minimum(m.covariance[..., place(t, t)], MOST_VARIANCE))
        mean[:, t] = (m.weights * each).sum(axis=1)
    return found._replace(mean=mean, quantiles=points)
