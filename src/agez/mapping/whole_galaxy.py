"""The light of all regions of a galaxy together, and which bands of a model it lacks."""

from __future__ import annotations

import numpy as np

from agez.images.measure import LEAST_LIGHT
from agez.models.model import Model
from agez.types import Photometry, Rows


def sum_of_rows(photometry: Photometry) -> Photometry:
    """One row: the summed flux of all rows, with independent errors.

    Where a band lacks some rows, the sum is divided by the share of the light, as all bands have it, that falls on
    the others; below :data:`agez.images.measure.LEAST_LIGHT` the band is not covered.
    """
    flux, covered = np.where(photometry.covered, photometry.flux, 0.0), photometry.covered
    level = np.abs(flux.sum(axis=0)) / np.maximum(covered.sum(axis=0), 1)
    each = np.divide(flux, level, out=np.zeros_like(flux), where=level > 0)
    light = np.maximum(each.sum(axis=1) / np.maximum(covered.sum(axis=1), 1), 0.0)
    share = (covered * light[:, None]).sum(axis=0) / max(float(light.sum()), 1e-300)
    enough = share >= LEAST_LIGHT
    share[~enough] = np.nan
    err = np.sqrt((np.where(covered, photometry.flux_err, 0.0) ** 2).sum(axis=0))
    names = photometry.rows.galaxy_id[:1]
    return Photometry(
        photometry.bands, (flux.sum(axis=0) / share)[None], (err / share)[None], enough[None],
        Rows(np.array(["0"]), names, np.full(1, np.nan), np.full(1, np.nan)),
        np.atleast_1d(np.median(photometry.redshift)), np.bitwise_or.reduce(photometry.flags, keepdims=True),
        photometry.meta, np.atleast_1d(np.median(photometry.redshift_err)),
    )  # fmt: skip


def bands_missing(model: Model, photometry: Photometry) -> list[str]:
    """The bands of a model that no row has."""
    there = {name for b, name in enumerate(photometry.bands.names) if photometry.covered[:, b].any()}
    return [name for name in model.bands.names if name not in there]
