"""Spectra from those of specutils, and the one question whether what a user passes is spectra at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy import units as u
from numpy.typing import ArrayLike

from agez.errors import AgezError
from agez.sky_offsets import sky_offsets
from agez.spectra_arrays import from_arrays
from agez.spectra_assembly import header_medium, header_redshift
from agez.types import Medium, Rows, Spectra


def from_specutils(
    spectrum: Any,
    *,
    redshift: ArrayLike | None = None,
    medium: Medium | None = None,
    fwhm_angstrom: ArrayLike | None = None,
    flux_unit: str | None = None,
    galaxy_id: str | None = None,
    source: str = "spectrum",
    meta: Mapping[str, Any] | None = None,
) -> Spectra:
    """Spectra of a ``specutils.Spectrum`` (2.x) or ``Spectrum1D`` (1.x): one spectrum, rows of spectra, or a cube.

    Parameters
    ----------
    spectrum : specutils Spectrum
        With an uncertainty.  Of a cube each spaxel is a row, ``spec_id`` 'y-x'; where its WCS has celestial axes
        ``x`` and ``y`` are offsets from the reference pixel.
    redshift, medium, fwhm_angstrom
        As :func:`from_arrays`; by default the redshift that ``spectrum`` has (0 is what specutils says for unknown),
        and the medium that its metadata, header or WCS say.
    flux_unit : str, optional
        In place of the unit that ``spectrum`` has.
    galaxy_id : str, optional
        Default: OBJECT of the header.

    Raises
    ------
    AgezError
        As :func:`from_arrays`, and for what is no spectrum of specutils.

    Examples
    --------
    >>> import agez
    >>> import numpy as np
    >>> from types import SimpleNamespace  # in place of specutils.Spectrum, which has these and more
    >>> from astropy import units as u
    >>> from astropy.nddata import VarianceUncertainty
    >>> wave, flux = np.linspace(0.4, 0.7, 301) * u.um, np.ones((2, 301)) * u.mJy
    >>> one = SimpleNamespace(
    ...     spectral_axis=wave, flux=flux, uncertainty=VarianceUncertainty(np.full((2, 301), 0.01)), mask=None
    ... )
    >>> spectra = agez.Spectra.from_specutils(one, redshift=0.02, medium="air")
    >>> len(spectra), spectra.flux_unit, round(float(spectra.flux_err[0, 0] / spectra.flux[0, 0]), 3)
    (2, '1e-16 erg / (s cm2 Angstrom)', 0.1)
    """
    if not _is_specutils(spectrum):
        raise AgezError(f"a {type(spectrum).__name__} is no spectrum of specutils; {_WHAT_TO_PASS}")
    if np.ndim(spectrum.spectral_axis) != 1:
        raise AgezError(f"{source}: a {type(spectrum).__name__} of several grids; give one spectrum at a time")
    if spectrum.uncertainty is None:
        raise AgezError(
            f"{source}: holds no errors; agez needs 1-sigma errors: give it an uncertainty (a table: wavelength, flux, "
            "flux_err)"
        )
    from astropy.nddata import StdDevUncertainty

    axis = getattr(spectrum, "spectral_axis_index", None)
    axis = np.ndim(spectrum.flux) - 1 if axis is None else int(axis)

    def rows_first(values: Any) -> Any:
        moved = np.moveaxis(np.asarray(values), axis, -1)
        return moved.reshape(-1, moved.shape[-1])

    uncertainty = spectrum.uncertainty
    sigma = uncertainty.represent_as(StdDevUncertainty) if hasattr(uncertainty, "represent_as") else uncertainty
    said = getattr(spectrum, "meta", None) or {}
    header = dict(said.get("header") or {})
    z = getattr(spectrum, "redshift", None)
    z = float(getattr(z, "value", z) or 0.0)
    unit = spectrum.flux.unit if flux_unit is None else u.Unit(flux_unit)
    shape = tuple(np.delete(np.shape(spectrum.flux), axis).tolist())
    known_redshift = z if z != 0.0 else header_redshift(header)
    name = str(header.get("OBJECT", "") or "").strip() if galaxy_id is None else galaxy_id
    rows, places = _rows_of(spectrum, shape, name, source)
    error_unit = None if flux_unit is not None else getattr(sigma, "unit", None)
    error = rows_first(sigma.array)
    return from_arrays(
        spectrum.spectral_axis if hasattr(spectrum.spectral_axis, "unit") else spectrum.spectral_axis * u.AA,
        rows_first(spectrum.flux.value) * unit, error if error_unit is None else error * error_unit,
        mask=None if spectrum.mask is None else rows_first(spectrum.mask),
        redshift=known_redshift if redshift is None else redshift,
        medium=medium or _medium_of(spectrum, header), fwhm_angstrom=fwhm_angstrom, rows=rows, source=source,
        meta={"format": "specutils", **places, **(meta or {})},
    )  # fmt: skip


def _is_specutils(values: Any) -> bool:
    return all(hasattr(values, name) for name in ("spectral_axis", "flux", "uncertainty"))


def _rows_of(spectrum: Any, shape: tuple[int, ...], name: str, source: str) -> tuple[Rows, dict[str, Any]]:
    """Numbered rows; of a cube its spaxels, with what binning and maps need to know."""
    if len(shape) != 2:
        return Rows.numbered(int(np.prod(shape)), galaxy_id=name), {}
    y, x = (axis.ravel() for axis in np.mgrid[: shape[0], : shape[1]])
    rows = Rows.numbered(len(y), galaxy_id=name)
    ids = np.array([f"{a}-{b}" for a, b in zip(y.tolist(), x.tolist(), strict=True)])
    sky: Any = getattr(getattr(spectrum, "wcs", None), "celestial", None)  # astropy's; gwcs has none
    words: dict[str, Any] = {}
    offsets = (rows.x, rows.y)
    if getattr(sky, "naxis", 0) == 2 and getattr(sky, "has_celestial", False):
        offsets = sky_offsets(sky, x.astype(float), y.astype(float))
        words = {card.keyword: card.value for card in sky.to_header().cards}
    places = {"cube_shape": shape, "pixel_y": y, "pixel_x": x, "wcs": words}
    return Rows(ids, rows.galaxy_id, *offsets), places


def _medium_of(spectrum: Any, header: Mapping[str, Any]) -> Medium | None:
    """Air or vacuum as the metadata of a ``Spectrum``, its file's header or its WCS say; None where all are silent.

    The spectral axis itself does not know: specutils reads AWAV and WAVE alike.
    """
    kinds = getattr(getattr(getattr(spectrum, "wcs", None), "wcs", None), "ctype", ())
    by_wcs = {f"CTYPE{number}": kind for number, kind in enumerate(kinds, start=1)}
    said = getattr(spectrum, "meta", None) or {}
    return header_medium(said) or header_medium(header, 1, 2, 3) or header_medium(by_wcs, 1, 2, 3)


_WHAT_TO_PASS = (
    "pass Spectra: agez.read_spectra(file), agez.Spectra.from_arrays(wave, flux, err), or a specutils Spectrum"
)


def as_spectra(values: Any) -> Spectra:
    """Spectra as they are, or those of a spectrum of specutils; AgezError that says what to pass for anything else."""
    if isinstance(values, Spectra):
        return values
    if _is_specutils(values):
        return from_specutils(values)
    if isinstance(values, str | os.PathLike):
        raise AgezError(f"{os.fspath(values)!r} is the name of a file, not its spectra; {_WHAT_TO_PASS}")
    raise AgezError(f"a {type(values).__name__} is no spectra; {_WHAT_TO_PASS}")
