"""How much a table looks like photometry, by the names of its columns."""

from __future__ import annotations

from collections.abc import Sequence

from agez.photometry.band_columns import band_names, has_bands
from agez.photometry.vector_columns import find_vector_photometry

#: From this likeness on a table is taken for photometry without a second thought.
SURE = 3


def likeness(names: Sequence[str]) -> int:
    """3 where there is a column of a known band, 1 of another one or of vectors of bands, else 0."""
    if has_bands([name.lower().removesuffix("_err") for name in names]):
        return SURE
    return int(bool(band_names(names) or find_vector_photometry(dict.fromkeys(names, 2))))
