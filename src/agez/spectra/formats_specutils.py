"""The bridge to specutils: our loaders registered there, and its loaders for formats that we do not know."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u

from agez.errors import AgezError
from agez.runtime.optional_packages import is_installed
from agez.spectra.formats import known_formats
from agez.spectra.formats_califa import cube_pixels
from agez.spectra.formats_common import (
    Options,
    assemble,
    galaxy_name,
    header_medium,
    header_redshift,
    one_galaxy_rows,
)
from agez.spectra.formats_fits import open_fits, read_content
from agez.spectra.formats_units import flux_unit_of
from agez.types import Medium, Spectra

_registered: set[str] = set()


def register_specutils_loaders() -> tuple[str, ...]:
    """Teach specutils the formats that it lacks: CALIFA cubes and RSS files.

    After it, ``specutils.Spectrum.read(path)`` reads them, or with ``format="CALIFA cube"`` or ``"CALIFA RSS"``.
    Cubes come as (ny, nx, p) with spaxels without data masked, RSS files as (n, p); errors are standard deviations,
    ``meta`` says ``medium``, ``source`` and the rest that :func:`agez.read_spectra` knows.  Safe to call twice.

    Returns
    -------
    tuple of str
        The registered names.

    Raises
    ------
    AgezError
        specutils is not installed.
    """
    if not is_installed("specutils"):
        raise AgezError("specutils is not installed; install it with: pip install specutils")
    from specutils import Spectrum
    from specutils.io.registers import data_loader

    labelled = {one.specutils_label: one for one in known_formats() if one.specutils_label}
    for label, form in labelled.items():
        if label in _registered:
            continue

        def identify(origin: str, *args: Any, _matches: Any = form.matches, **kwargs: Any) -> bool:
            path = next((Path(word) for word in args if isinstance(word, str | os.PathLike)), None)
            if path is None or not path.is_file():
                return False
            try:
                with open_fits(path, read_content(path)) as hdus:
                    return bool(_matches(hdus))
            except AgezError:
                return False

        def load(file_obj: Any, *, _kind: str = form.name, **kwargs: Any) -> Any:
            from agez.spectra.readers import read_spectra

            # astropy hands over an open file when it has found the format by itself
            path = getattr(file_obj, "name", file_obj)
            if not isinstance(path, str | os.PathLike):
                raise AgezError(f"give the path of a {_kind} file, not {type(file_obj).__name__}")
            return to_specutils(read_spectra(path, format=_kind, **kwargs))

        data_loader(
            form.specutils_label, identifier=identify, dtype=Spectrum, extensions=["fits", "fits.gz"], priority=20
        )(load)
        _registered.add(label)
    return tuple(labelled)


def to_specutils(spectra: Spectra) -> Any:
    """A ``specutils.Spectrum`` of our spectra; cubes are put back into (ny, nx, p)."""
    from astropy.nddata import StdDevUncertainty
    from specutils import Spectrum

    flux, error, mask = spectra.flux, spectra.flux_err, spectra.mask
    shape = spectra.meta.get("cube_shape")
    if shape is not None and "bin_id" not in spectra.meta:
        at = cube_pixels(spectra.rows)
        size = (*shape, flux.shape[1])
        full = np.zeros(size, flux.dtype), np.ones(size, error.dtype), np.ones(size, dtype=bool)
        for target, values in zip(full, (flux, error, mask), strict=True):
            target[at] = values
        flux, error, mask = full
    unit = u.Unit(spectra.flux_unit)
    redshift = spectra.redshift[np.isfinite(spectra.redshift)]
    return Spectrum(
        flux=flux * unit,
        spectral_axis=spectra.wave_angstrom * u.AA,
        spectral_axis_index=flux.ndim - 1,
        uncertainty=StdDevUncertainty(error * unit),
        mask=mask,
        redshift=float(redshift[0]) if len(redshift) and np.ptp(redshift) == 0 else None,
        meta={**spectra.meta, "medium": spectra.medium},
    )


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
