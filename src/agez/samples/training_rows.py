"""Digests of the photometry that a model was trained on, by which a test set can be told from it."""

from __future__ import annotations

import hashlib

import numpy as np

from agez.types import Bands, Ints, Photometry

#: Array of a model: the digests of its rows.
TRAINING_ROWS = "training_rows"
#: Relative step to which fluxes count as the same: tables round them.
_SAME_FLUX = 1e-4


def row_digests(photometry: Photometry, bands: Bands) -> Ints:
    """(n,) uint64: of the shape of each SED in ``bands``, the same for the same photometry in another unit or table."""
    ordered = photometry.in_bands(bands)
    flux = np.where(ordered.covered, ordered.flux, 0.0)
    scale = np.maximum(np.abs(flux).max(axis=1, keepdims=True, initial=0.0), 1e-300)
    steps = np.where(ordered.covered, np.rint(flux / scale / _SAME_FLUX), -(2**31)).astype("<i4")
    return np.array(
        [int.from_bytes(hashlib.blake2b(one.tobytes(), digest_size=8).digest(), "little") for one in steps],
        dtype=np.uint64,
    )
