"""Where the novelty score looks for a galaxy whose redshift is unknown or broad: around the network's own redshift.

The score compares a row with training SEDs of its redshift.  Over a range of one there are two hundred such redshifts;
of a row of unknown redshift only those are tried that are near the peak of the network's distribution of redshifts.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from agez.distributions.mixture import Mixture, place
from agez.models.features import redshift_unit
from agez.types import Bools, Floats

#: Errors above this are searched around the network's redshift, within three times this: nine redshifts.
MOST_ERROR = 0.006


class Search(NamedTuple):
    """Redshifts and errors (n,) at which rows are searched; ``estimated`` (n,) where they are the network's own."""

    redshift: Floats
    redshift_err: Floats
    estimated: Bools | None = None


def search_redshift(
    mixture: Mixture, target: int | None, redshift: Floats, redshift_err: Floats, redshift_range: tuple[float, float]
) -> Search:
    """Redshifts and errors (n,) to be searched by :func:`agez.novelty.novelty_score.score`.

    Parameters
    ----------
    mixture : Mixture
        Answers of n rows, redshifts as departures from the given ones (:func:`agez.models.features.redshift_unit`).
    target : int or None
        Which of the targets is the redshift; None: redshifts are searched as they are given.
    redshift, redshift_err : (n,) float
        As given; NaN where unknown.
    redshift_range : (low, high)
        Of the network.

    Returns
    -------
    Search
        Redshift and error as given where the error is small; else the peak of the Gaussian of highest density, and its
        error, at most ``MOST_ERROR``.
    """
    if target is None:
        return Search(redshift, redshift_err)
    with np.errstate(invalid="ignore"):
        broad = np.flatnonzero(np.isnan(redshift) | (redshift_err > MOST_ERROR))
    estimated = np.zeros(len(redshift), bool)
    estimated[broad] = True
    if not broad.size:
        return Search(redshift, redshift_err, estimated)
    part = mixture.take(broad)
    sigma = np.sqrt(part.covariance[..., place(target, target)])
    answered = np.asarray(np.isfinite(part.weights).all(axis=1))
    highest = np.argmax(np.where(answered[:, None], part.weights / sigma, 0.0), axis=1)
    own = np.arange(len(broad))
    origin, unit = redshift_unit(redshift[broad], redshift_err[broad], redshift_range)
    z, error = np.array(redshift, float), np.array(redshift_err, float)
    z[broad] = np.where(answered, origin + unit * part.mean[own, highest, target], origin)
    error[broad] = np.where(answered, np.minimum(unit * sigma[own, highest], MOST_ERROR), MOST_ERROR)
    return Search(z, error, estimated)
