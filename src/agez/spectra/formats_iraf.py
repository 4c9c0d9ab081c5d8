"""One-dimensional FITS images of one spectrum without errors, as IRAF writes them (onedspec).

The wavelength axis is that of the header; zeros are pixels without data, with which IRAF fills ends.  The errors are
those of the spectrum's own scatter (:mod:`agez.spectra.noise_estimate`), and the row says so: ERROR_ASSUMED.
"""

from __future__ import annotations

import numpy as np
from astropy.io import fits

from agez.errors import AgezError
from agez.flags import Flag
from agez.spectra.formats_axes import wavelength_axis
from agez.spectra.formats_common import (
    Format,
    Options,
    assemble,
    galaxy_name,
    header_medium,
    header_redshift,
    header_text,
    one_galaxy_rows,
)
from agez.spectra.noise_estimate import scatter_error
from agez.spectral_units import flux_unit_of
from agez.types import Spectra

#: Where headers say no unit: that of flux-calibrated spectra of IRAF.
IRAF_FLUX_UNIT = "erg / (s cm2 Angstrom)"


def is_iraf(hdus: fits.HDUList) -> bool:
    """One image of one axis with a wavelength grid in its header, and nothing else that could be its errors."""
    header = hdus[0].header
    grid = "CRVAL1" in header and any(key in header for key in ("CDELT1", "CD1_1"))
    return header.get("NAXIS") == 1 and grid and len(hdus) == 1


def read_iraf(hdus: fits.HDUList, options: Options) -> Spectra:
    """The spectrum, in air where the header does not say it, with the noise of its own scatter."""
    path, header = options.path, hdus[0].header
    flux = np.asarray(hdus[0].data, dtype=float)
    wave = wavelength_axis(path, header, 1, len(flux))
    if wave[0] > wave[-1]:
        wave, flux = wave[::-1], flux[::-1]
    bad = flux == 0.0
    error = scatter_error(flux, bad)
    if not np.isfinite(error).any():
        raise AgezError(
            f"{path}: too few pixels with data ({int((~bad).sum())}) to say its noise; give errors, in a table"
        )
    said = header_medium(header, 1)
    return assemble(
        options,
        wave_angstrom=wave,
        flux=flux[None, :],
        error=error[None, :],
        bad=np.asarray(bad)[None, :],
        rows=one_galaxy_rows(["0"], galaxy_name(path, header)),
        medium=options.medium or said or "air",
        unit=flux_unit_of(path, options.flux_unit or header_text(header, "BUNIT"), default=IRAF_FLUX_UNIT),
        redshift=header_redshift(header),
        fwhm_angstrom=float("nan"),
        assumed=[*([] if said else ["medium"]), "fwhm"],
        flags=np.array([int(Flag.ERROR_ASSUMED)], dtype=np.int32),
        meta={"format": "iraf", "survey": ""},
    )


IRAF = Format("iraf", "one spectrum without errors, a FITS image of one axis, as IRAF writes it", is_iraf, read_iraf)
