"""Rows of unknown or broad redshift for networks that know exact ones alone: another network finds their redshifts.

Models that were trained on from ``jpas`` have such networks; what finds redshifts is that of ``jpas`` for unknown ones,
as it is.  The answer is that at the redshift found, or the average over several where the fluxes allow them.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from agez.distributions.mixture import place
from agez.distributions.redshift_mixture import RedshiftMixture
from agez.distributions.redshift_reduction import MOST_COMPONENTS
from agez.flags import Flag, has_flag, set_flag
from agez.mixture_network.found_redshift import LEAST_WEIGHT, found_redshift
from agez.mixture_network.mixture_kind import MixtureKind, in_parts
from agez.mixture_network.mixture_model import MixtureNetwork, leading
from agez.mixture_network.redshift_averages import with_rows
from agez.mixture_network.redshift_inside import LEAST_ANSWERED, LEAST_TRUSTED, inside_redshift
from agez.models.asked import Asked
from agez.models.features import NormalisedPhotometry, normalised, redshift_unit
from agez.models.weak_bands import band_weights
from agez.types import Floats, Photometry, Prediction


def finder_for(network: MixtureNetwork) -> MixtureNetwork | None:
    """What finds redshifts for networks that go on from those of a model; None where these know broad ones, too."""
    other = network.of_unknown
    if other is None or other.at_found is None:
        return network.finder
    assert other.redshift_target is not None
    finder = replace(other, at_found=None, most_redshift_err=network.most_redshift_err)
    return leading(finder, other.redshift_target + 1)


def redshifts_found(
    finder: MixtureNetwork, seds: NormalisedPhotometry, redshift: Floats, redshift_err: Floats
) -> RedshiftMixture:
    """Redshifts (n,) that the fluxes allow, with their weights: one where they leave no doubt.

    Their errors are at most those that the networks know which are to answer there.

    Parameters
    ----------
    finder : MixtureNetwork
        Of :func:`finder_for`.
    redshift, redshift_err : (n,) float
        Given, Gaussian; NaN where unknown.
    """
    at, limits = finder.redshift_target, finder.members[0].scaling.redshift_range
    assert at is not None
    mixture = finder.answer(seds, redshift, redshift_err)
    heaviest = np.argsort(-mixture.weights, axis=1, kind="stable")[:, :MOST_COMPONENTS]
    origin, unit = (one[:, None] for one in redshift_unit(redshift, redshift_err, limits))
    weight, z, sigma = (
        np.take_along_axis(one, heaviest, axis=1)
        for one in (
            np.where(mixture.weights >= LEAST_WEIGHT, mixture.weights, 0.0),
            np.clip(origin + unit * mixture.mean[..., at], *limits),
            unit * np.sqrt(mixture.covariance[..., place(at, at)]),
        )
    )
    found = found_redshift(mixture, at, redshift, redshift_err, limits)
    weight[found.rows], weight[found.rows, 0] = 0.0, 1.0
    z[found.rows, 0], sigma[found.rows, 0] = found.redshift, found.redshift_err
    return RedshiftMixture.mixture(weight, z, np.minimum(sigma, finder.most_redshift_err), exact=True)


def likeliest_redshift(
    finder: MixtureNetwork, seds: NormalisedPhotometry, redshift: Floats, redshift_err: Floats
) -> tuple[Floats, Floats]:
    """(n,) the likeliest of :func:`redshifts_found`, and its error."""
    found = redshifts_found(finder, seds, redshift, redshift_err)
    own, likeliest = np.arange(len(found)), np.argmax(found.weights, axis=1)
    return found.means[own, likeliest], found.stds[own, likeliest]


def answered_where_found(
    kind: MixtureKind, photometry: Photometry, *, compiled: bool, asked: Asked
) -> Prediction:  # fmt: skip
    """Answers at the redshifts that are found for rows of unknown or broad redshift, in the bands of the model."""
    found = _answered(kind, photometry, compiled=compiled, asked=asked)
    rows = np.flatnonzero(has_flag(found.flags, Flag.BAND_CONTRADICTED))
    if not rows.size:
        return found
    # the band has falsified the redshift, too: both anew without it
    part, named = photometry.take(rows), found.take(rows)
    assert named.worst_band is not None
    covered = part.covered & (np.array(part.bands.names) != named.worst_band[:, None])
    flux, error = (np.where(covered, one, np.nan) for one in (part.flux, part.flux_err))
    again = _answered(kind, replace(part, flux=flux, flux_err=error, covered=covered), compiled=compiled, asked=asked)
    flags = set_flag(again.flags, np.ones(len(rows), bool), Flag.BAND_CONTRADICTED)
    again = replace(again, flags=flags, worst_band=named.worst_band, worst_band_sigma=named.worst_band_sigma)
    return with_rows(found, rows, again)


def _answered(kind: MixtureKind, photometry: Photometry, *, compiled: bool, asked: Asked) -> Prediction:
    finder, header = kind.network.finder, kind.model.header
    assert finder is not None
    inside = inside_redshift(
        photometry.redshift, photometry.redshift_err, header["redshift_range"],
        tolerance=float(header["redshift_tolerance"]),
    )  # fmt: skip
    with np.errstate(invalid="ignore"):
        outside, doubtful = inside.share < LEAST_ANSWERED, inside.share < LEAST_TRUSTED
    if outside.any():  # refused as other rows are
        return in_parts(
            photometry, outside, partial(_answered, kind, compiled=compiled, asked=asked),
            partial(kind._answer, seen=True, compiled=compiled, asked=asked),
        )  # fmt: skip
    unknown = np.isnan(inside.redshift)
    weights = band_weights(photometry.flux, photometry.flux_err, photometry.covered)
    covered = photometry.covered if weights is None else photometry.covered & (weights > 0)
    seds = normalised(photometry.flux, photometry.flux_err, covered)
    mixture = redshifts_found(finder, seds, photometry.redshift, photometry.redshift_err)
    several = bool((mixture.n_components > 1).any())
    at_found = replace(
        photometry, redshift=mixture.mean, redshift_err=mixture.std, redshift_mixture=mixture if several else None
    )
    found = kind.answer(at_found, compiled=compiled, asked=asked)
    flags = found.flags & ~np.int32(int(Flag.REDSHIFT_UNKNOWN))
    flags = set_flag(set_flag(flags, unknown, Flag.REDSHIFT_ESTIMATED), doubtful, Flag.REDSHIFT_OUTSIDE_MODEL)
    return replace(found, flags=flags, redshift_inside=inside.share)
