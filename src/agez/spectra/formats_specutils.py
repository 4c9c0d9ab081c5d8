"""Files of formats that we do not know, read by the loaders of an installed specutils."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy import units as u

from agez.errors import AgezError
from agez.runtime.optional_packages import is_installed
from agez.spectra.formats_common import (
    Options,
    assemble,
    galaxy_name,
    header_medium,
    header_redshift,
    one_galaxy_rows,
)
from agez.spectra.formats_units import flux_unit_of
from agez.types import Medium, Spectra


def read_with_specutils(options: Options) -> Spectra | None:
    """What specutils makes of a file of unknown format; None if it does not know it either, or is not installed."""
    if not is_installed("specutils"):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from specutils import Spectrum

        try:
            found = Spectrum.read(options.path)
        except Exception:  # loaders of many authors raise anything for files that are not theirs
            return None
        return _from_specutils(found, options)


def _from_specutils(found: Any, options: Options) -> Spectra:
    path = options.path
    if found.uncertainty is None:
        raise AgezError(
            f"{path}: holds no errors; agez needs 1-sigma errors: write a table with wavelength, flux, flux_err"
        )
    try:
        wave = np.asarray(found.spectral_axis.to_value(u.AA, u.spectral()), dtype=float)
    except u.UnitConversionError:
        raise AgezError(f"{path}: its spectral axis is in {found.spectral_axis.unit}; expected wavelengths") from None
    axis = getattr(found, "spectral_axis_index", None)
    axis = found.flux.ndim - 1 if axis is None else axis

    def rows_first(values: Any) -> Any:
        return np.moveaxis(np.asarray(values), axis, -1).reshape(-1, len(wave))

    from astropy.nddata import StdDevUncertainty

    flux = rows_first(found.flux.value)
    error = rows_first(found.uncertainty.represent_as(StdDevUncertainty).array)
    bad = np.zeros(flux.shape, dtype=bool) if found.mask is None else rows_first(found.mask).astype(bool)
    if len(wave) > 1 and wave[0] > wave[-1]:  # from a frequency axis
        wave, flux, error, bad = wave[::-1], flux[:, ::-1], error[:, ::-1], bad[:, ::-1]
    header = dict(found.meta.get("header") or {})
    medium = options.medium or _medium_of(found, header)
    z = float(getattr(found.redshift, "value", found.redshift) or 0.0)  # specutils says 0 for unknown
    return assemble(
        options,
        wave_angstrom=wave,
        flux=flux,
        error=error,
        bad=bad,
        rows=one_galaxy_rows([str(i) for i in range(len(flux))], galaxy_name(path, header)),
        medium=medium or "vacuum",
        unit=flux_unit_of(path, options.flux_unit or found.flux.unit.to_string(), default=None),
        redshift=z if z != 0.0 else header_redshift(header),
        fwhm_angstrom=float("nan"),
        assumed=[] if medium else ["medium"],
        meta={"format": "specutils", "survey": ""},
    )


def _medium_of(found: Any, header: Mapping[str, Any]) -> Medium | None:
    """Air or vacuum as the metadata of a ``Spectrum``, its file's header or its WCS say; None where all are silent.

    The spectral axis itself does not know: specutils reads AWAV and WAVE alike.
    """
    kinds = getattr(getattr(found.wcs, "wcs", None), "ctype", ())
    by_wcs = {f"CTYPE{number}": kind for number, kind in enumerate(kinds, start=1)}
    return header_medium(found.meta) or header_medium(header, 1, 2, 3) or header_medium(by_wcs, 1, 2, 3)
