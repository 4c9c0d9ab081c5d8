"""Digests of the photometry and galaxies that a model was trained on, by which a test set can be told from them."""

from __future__ import annotations

import hashlib

import numpy as np

from agez.types import Bands, Ints, Photometry, Strings

#: Array of a model: the digests of its rows.
TRAINING_ROWS = "training_rows"
#: Array of a model: the digests of the names of its galaxies, the first ``MOST_GALAXIES`` by number.
TRAINING_GALAXIES, MOST_GALAXIES = "training_galaxies", 100_000
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


def galaxy_digests(galaxy_id: Strings) -> Ints:
    """(g,) uint64, rising: of each name once, at most ``MOST_GALAXIES``: the same ones whichever the others are."""
    digests = [
        int.from_bytes(hashlib.blake2b(str(one).strip().encode(), digest_size=8).digest(), "little")
        for one in np.unique(galaxy_id)
    ]
    return np.unique(np.array(digests, dtype=np.uint64))[:MOST_GALAXIES]


def seen_galaxies(seen: Ints, galaxy_id: Strings) -> int:
    """How many galaxies are among those of digests ``seen``."""
    return int(np.isin(galaxy_digests(galaxy_id), seen).sum())
