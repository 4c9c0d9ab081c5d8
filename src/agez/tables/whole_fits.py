"""Whether a FITS file that came over a network is whole."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from astropy.io import fits


@contextmanager
def whole_fits(file: Path | IO[bytes], n_bytes: int) -> Iterator[fits.HDUList]:
    """The HDUs of a file of so many bytes; ValueError, with what is wrong, if one is cut short or its DATASUM differs.

    Compressed images stay the tables that they are stored as.
    """
    with warnings.catch_warnings(action="ignore"):  # of headers not by the book; what matters is looked at here
        try:
            with fits.open(file, lazy_load_hdus=False, disable_image_compression=True) as hdus:
                for hdu in hdus:
                    if hdu.fileinfo()["datLoc"] + hdu.size > n_bytes:
                        raise ValueError(f"its extension {hdu.name} is cut short")
                    if "DATASUM" in hdu.header and hdu.verify_datasum() == 0:
                        raise ValueError(f"the DATASUM of its extension {hdu.name} is not that of the data")
                yield hdus
        except (OSError, TypeError, KeyError, fits.VerifyError) as error:
            raise ValueError(f"it is not a whole FITS file ({error})") from error
