"""Files of formats that we do not know, read by the loaders of an installed specutils."""

from __future__ import annotations

import warnings

from agez.errors import AgezError
from agez.runtime.optional_packages import is_installed
from agez.spectra.formats_common import Options, galaxy_name
from agez.spectra_specutils import from_specutils
from agez.types import Spectra


def read_with_specutils(options: Options) -> tuple[Spectra | None, str]:
    """What specutils makes of a file of unknown format; None, and why: it is not installed, or does not know it either.

    Of specutils 1.x the class is Spectrum1D, of 2.x Spectrum.
    """
    if not is_installed("specutils"):
        return None, "format 'specutils' needs specutils, which is not installed; run: pip install specutils"
    with warnings.catch_warnings(action="ignore"):
        try:
            import specutils

            spectrum_class = specutils.Spectrum if hasattr(specutils, "Spectrum") else specutils.Spectrum1D
            found = spectrum_class.read(options.path)
        except ImportError as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            return (
                None,
                f"specutils is installed, but cannot be loaded ({reason}); run: pip install --upgrade specutils",
            )
        except Exception as error:  # loaders of many authors raise anything for files that are not theirs
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            return None, f"specutils, which is installed, cannot read it ({reason}); write a table of it"
        if not hasattr(found, "flux"):
            raise AgezError(
                f"{options.path}: specutils finds {len(found)} spectra of several grids; write a file of each"
            )
        header = dict(found.meta.get("header") or {})
        return from_specutils(
            found, redshift=options.redshift, medium=options.medium, flux_unit=options.flux_unit,
            galaxy_id=galaxy_name(options.path, header), source=str(options.path), meta={"survey": ""},
        ), ""  # fmt: skip
