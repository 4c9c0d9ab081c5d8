"""What all spectrum formats share: the record of a format, names, resolution, errors and masks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from agez.spectra_assembly import OPTICAL_ANGSTROM as OPTICAL_ANGSTROM
from agez.spectra_assembly import Options as Options
from agez.spectra_assembly import assemble as assemble
from agez.spectra_assembly import header_medium as header_medium
from agez.spectra_assembly import header_number as header_number
from agez.spectra_assembly import header_redshift as header_redshift
from agez.spectra_assembly import header_text as header_text
from agez.spectra_assembly import native_float as native_float
from agez.spectra_assembly import one_galaxy_rows as one_galaxy_rows
from agez.types import Bools, Floats, Spectra

#: sigma to full width at half maximum of a Gaussian.
FWHM_PER_SIGMA = 2.0 * np.sqrt(2.0 * np.log(2.0))


@dataclass(frozen=True)
class Format:
    """One format of spectra: its name, how a file in it is recognised, and how it is read."""

    name: str  #: For ``format=`` of :func:`agez.read_spectra`, and for messages.
    description: str  #: For messages.
    #: ``matches(content)``: whether an open FITS file (``HDUList``), or a text, is in this format.
    matches: Callable[[Any], bool]
    read: Callable[[Any, Options], Spectra]  #: ``read(content, options)``: its spectra, made by :func:`assemble`.
    #: ``also_reads(content)``: whether content that another format matches can be read if the caller names this one.
    also_reads: Callable[[Any], bool] = lambda content: False
    content: Literal["FITS", "text"] = "FITS"
    #: ``is_one_of_many(content)``: whether a file among others in a folder, read to its first 64 kB if it is a text, is
    #: taken for one of this format; ``matches`` if not given.
    is_one_of_many: Callable[[Any], bool] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if self.is_one_of_many is None:
            object.__setattr__(self, "is_one_of_many", self.matches)


def galaxy_name(path: Path, header: Mapping[str, Any]) -> str:
    """Name of the object: header keyword OBJECT, otherwise the file name up to its first dot."""
    name = str(header.get("OBJECT", "") or "").strip()
    return name or path.name.split(".")[0] or path.name


# ---------------------------------------------------------------- resolution


def fwhm_from_resolving_power(wave_angstrom: Floats, resolving_power: Floats) -> Floats:
    """FWHM = lambda / R; R that is not positive and finite is bridged from its neighbours; NaN if none is."""
    good = np.isfinite(resolving_power) & (resolving_power > 1.0)
    if not good.any():
        return np.full(len(wave_angstrom), np.nan)
    return wave_angstrom / np.interp(wave_angstrom, wave_angstrom[good], resolving_power[good])


# ---------------------------------------------------------------- the guarantee


def error_from_ivar(ivar: Floats) -> tuple[Floats, Bools]:
    """1-sigma error and the pixels that the file itself marks unusable by zero inverse variance.

    Negative or NaN inverse variances become NaN errors, which :func:`assemble` flags.
    """
    unusable = ivar == 0
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return 1.0 / np.sqrt(ivar), unusable


def mask_from(values: Any) -> NDArray[np.bool_]:
    """True where a mask value is not zero; NaN counts as bad."""
    return np.asarray(np.asarray(values) != 0, dtype=bool)
