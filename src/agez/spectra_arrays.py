"""Spectra from arrays, quantities and the spectra of specutils."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from numpy.typing import ArrayLike

from agez.arrays import mask_of, plain_array
from agez.errors import AgezError
from agez.sky_offsets import sky_offsets
from agez.spectra_assembly import OPTICAL_ANGSTROM, Options, assemble, header_medium, header_redshift
from agez.spectral_units import flux_unit_of, wavelength_factor
from agez.types import Floats, Medium, Rows, Spectra

_DEFAULT_FLUX_UNIT = "erg / (s cm2 Angstrom)"


def from_arrays(
    wave: Any,
    flux: Any,
    err: Any,
    *,
    mask: ArrayLike | None = None,
    redshift: ArrayLike | None = None,
    medium: Medium | None = None,
    fwhm_angstrom: ArrayLike | None = None,
    wave_unit: str | None = None,
    flux_unit: str | None = None,
    rows: Rows | None = None,
    galaxy_id: str = "",
    source: str = "arrays",
    meta: Mapping[str, Any] | None = None,
) -> Spectra:
    """Spectra of arrays or astropy quantities; :meth:`agez.Spectra.from_arrays`.

    Parameters
    ----------
    wave : (p,) array or Quantity
        Observed frame; any unit of length (a spectral axis of specutils is one), frequency or energy (these in
        vacuum), rising or falling.  A plain array is in ``wave_unit``, by default Angstrom.
    flux : (p,) or (n, p) array or Quantity
        f_lambda or f_nu.  A plain array is in ``flux_unit``, by default erg/s/cm2/Angstrom.
    err : array, Quantity or astropy uncertainty
        1-sigma error, of the shape of ``flux`` or a number; a plain array is in the unit of the flux.  Of
        ``astropy.nddata`` also variances and inverse variances.
    mask : (p,) or (n, p) bool, optional
        True where a pixel must not be used; so are masked entries and values that are not finite.
    redshift : float or (n,), optional
        Unknown if not given: :func:`agez.fit_labels` finds it.
    medium : 'air' or 'vacuum', optional
        Of the wavelengths; default vacuum, and ``meta['assumed']`` says so.
    fwhm_angstrom : float or (p,), optional
        Resolution, FWHM [Angstrom, observed frame].
    rows : Rows, optional
        Names and places of the spectra; default: numbered rows of ``galaxy_id``.
    source : str
        What messages call the spectra.
    meta : mapping, optional
        Further provenance.

    Returns
    -------
    Spectra
        With the guarantees of readers: where ``mask`` is False, flux is finite and flux_err positive.

    Raises
    ------
    AgezError
        No errors, shapes that differ, a unit that is none of wavelengths or flux densities, wavelengths that do not
        rise (or fall) throughout, or cannot be optical: one line that says what to give.

    Examples
    --------
    >>> import agez
    >>> import numpy as np
    >>> from astropy import units as u
    >>> wave, flux = np.linspace(380, 700, 1601) * u.nm, np.full(1601, 2e-16) * u.Unit("erg / (s cm2 AA)")
    >>> spectra = agez.Spectra.from_arrays(wave, flux, 0.02 * flux, redshift=0.01, medium="air")
    >>> len(spectra), spectra.wave_angstrom[:2].tolist(), float(spectra.flux[0, 0])
    (1, [3800.0, 3802.0], 2e-16)
    """
    if medium not in (None, "air", "vacuum"):
        raise AgezError(f"{source}: medium is {medium!r}; expected 'air' or 'vacuum'")
    if err is None:
        raise AgezError(f"{source}: no errors; agez needs 1-sigma errors: give err in the shape of flux, or a number")
    wave_angstrom = _wavelengths(wave, wave_unit, source, medium)
    values, unit = _values_and_unit(flux, flux_unit, _DEFAULT_FLUX_UNIT, "flux", source)
    if values.ndim not in (1, 2) or values.shape[-1] != len(wave_angstrom):
        raise AgezError(
            f"{source}: flux has shape {values.shape} for {len(wave_angstrom)} wavelengths; expected "
            f"({len(wave_angstrom)},), or (spectra, {len(wave_angstrom)})"
        )
    values = np.atleast_2d(values)
    errors = _like(_errors(err, unit, source), values, "err", source)
    bad = np.zeros(values.shape, bool) if mask is None else _like(np.asarray(mask, dtype=bool), values, "mask", source)
    bad = bad.copy()
    for gaps in (mask_of(flux), mask_of(err)):
        bad |= False if gaps is None else np.atleast_2d(gaps)
    fwhm = np.nan if fwhm_angstrom is None else np.asarray(plain_array(fwhm_angstrom, unit="Angstrom"), dtype=float)
    if np.shape(fwhm) not in ((), wave_angstrom.shape):
        raise AgezError(
            f"{source}: fwhm_angstrom has shape {np.shape(fwhm)}; expected a number or {wave_angstrom.shape}"
        )
    if len(wave_angstrom) > 1 and wave_angstrom[0] > wave_angstrom[-1]:
        wave_angstrom, values, errors, bad = wave_angstrom[::-1], values[:, ::-1], errors[:, ::-1], bad[:, ::-1]
        fwhm = np.asarray(fwhm)[::-1] if np.ndim(fwhm) else fwhm
    n = len(values)
    z = np.asarray(np.nan if redshift is None else plain_array(redshift, unit="redshift"), dtype=float)
    if z.shape not in ((), (n,)):
        raise AgezError(f"{source}: redshift has shape {z.shape}; expected one number, or one for each of {n} spectra")
    if np.any(z <= -1) or np.any(np.isinf(z)):
        raise AgezError(
            f"{source}: redshift {float(z.min()):g} is none; expected numbers above -1, or NaN where unknown"
        )
    if rows is not None and len(rows) != n:
        raise AgezError(f"{source}: {len(rows)} rows for {n} spectra")
    return assemble(
        Options(Path(source), medium=medium),
        wave_angstrom=wave_angstrom, flux=values, error=errors, bad=bad,
        rows=Rows.numbered(n, galaxy_id=galaxy_id) if rows is None else rows, medium=medium or "vacuum",
        unit=flux_unit_of(Path(source), str(unit), default=None), redshift=z, fwhm_angstrom=fwhm,
        assumed=[] if medium else ["medium"], meta={"format": "arrays", "survey": "", **(meta or {})},
    )  # fmt: skip


def _values_and_unit(values: Any, said: str | None, default: str, what: str, source: str) -> tuple[Floats, str]:
    """Plain floats and their unit; AgezError for what holds no numbers."""
    own = getattr(values, "unit", None)
    if own is not None and said is not None:
        raise AgezError(f"{source}: {what} is in {own} already; leave {what.split('_')[0]}_unit out")
    unmasked = getattr(values, "unmasked", values)
    try:
        plain = np.asarray(np.ma.filled(np.ma.asarray(getattr(unmasked, "value", unmasked)), np.nan))
        plain = plain.astype(plain.dtype if plain.dtype.kind == "f" else float, copy=False)
    except (TypeError, ValueError) as error:
        raise AgezError(f"{source}: {what} holds no numbers ({error}); expected an array or a Quantity") from error
    return plain, default if own is None and said is None else str(own if own is not None else said)


def _wavelengths(wave: Any, said: str | None, source: str, medium: str | None) -> Floats:
    values, unit = _values_and_unit(wave, said, "Angstrom", "wave", source)
    values = values.astype(float)
    if values.ndim != 1:
        raise AgezError(f"{source}: wave has shape {values.shape}; all spectra share one grid: expected (pixels,)")
    try:
        length = u.Unit(unit)
    except ValueError:
        length = u.AA
    if length.is_equivalent(u.Hz) or length.is_equivalent(u.J) or length.is_equivalent(1 / u.m):
        if medium == "air":
            raise AgezError(
                f"{source}: wave is in {unit}, which has no medium; give wavelengths in air, or leave it out"
            )
        return np.asarray((values * length).to_value(u.AA, u.spectral()))
    angstrom = np.asarray(values * wavelength_factor(Path(source), unit))
    bare = getattr(wave, "unit", None) is None and said is None
    if bare and len(values) and (angstrom.max() < OPTICAL_ANGSTROM[0] or angstrom.min() > OPTICAL_ANGSTROM[1]):
        raise AgezError(
            f"{source}: wave runs from {values.min():g} to {values.max():g} without a unit; these are not optical "
            "wavelengths in Angstrom: give a Quantity, or wave_unit ('nm', 'um')"
        )
    return angstrom


def _errors(err: Any, flux_unit: str, source: str) -> Floats:
    """1-sigma errors in the unit of the flux."""
    if hasattr(err, "represent_as"):
        from astropy.nddata import StdDevUncertainty

        try:
            found = err.represent_as(StdDevUncertainty)
        except Exception as error:  # uncertainties that have no standard deviation raise what they like
            raise AgezError(
                f"{source}: err is a {type(err).__name__}, without a standard deviation; give it as numbers"
            ) from error
        values, unit = np.asarray(found.array, dtype=float), found.unit
    else:
        values, text = _values_and_unit(err, None, "", "err", source)
        unit = u.Unit(text) if text else None
    if unit is None or str(unit) == flux_unit:
        return values
    try:
        return np.asarray(values * float(u.Unit(unit).to(u.Unit(flux_unit))))
    except (ValueError, TypeError) as error:
        raise AgezError(f"{source}: err is in {unit} and flux in {flux_unit}; give both in one unit") from error


def _like(values: Any, flux: Any, what: str, source: str) -> Any:
    """A number, or an array of the flux' shape, as such an array."""
    try:
        return np.array(np.broadcast_to(values, flux.shape))
    except ValueError as error:
        raise AgezError(
            f"{source}: {what} has shape {np.shape(values)}, but flux {flux.shape}; they must be alike"
        ) from error


# ---------------------------------------------------------------- specutils


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
