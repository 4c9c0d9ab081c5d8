"""How much a table looks like photometry, by the names of its columns."""

from __future__ import annotations

from collections.abc import Sequence

from agez.photometry.band_columns import band_names
from agez.photometry.names import BANDS_OF_SET, canonical_band_name
from agez.photometry.vector_columns import find_vector_photometry

#: From this likeness on a table is taken for photometry without a second thought.
SURE = 3
_BANDS = {band for bands in BANDS_OF_SET.values() for band in bands}


def likeness(names: Sequence[str]) -> int:
    """3 where there is a column of a known band, 1 of another one or of vectors of bands, else 0."""
    spelled = [
        name.lower().removesuffix("_err").partition("_")[2]
        for name in names
        if name.lower().startswith(("flux_", "mag_"))
    ]
    if any(canonical_band_name(band) in _BANDS for band in spelled if band):
        return SURE
    return int(bool(band_names(names) or find_vector_photometry(dict.fromkeys(names, 2))))
