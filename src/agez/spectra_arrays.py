"""Spectra from arrays and quantities, in any unit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from numpy.typing import ArrayLike

from agez.arrays import mask_of, plain_array
from agez.errors import AgezError
from agez.spectra_assembly import OPTICAL_ANGSTROM, Options, assemble
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
    if mask is not None and np.asarray(mask).dtype.kind not in "biu":
        raise AgezError(f"{source}: mask holds no truths; expected True where a pixel must not be used")
    bad = _like(np.asarray(False if mask is None else mask, dtype=bool), values, "mask", source)
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
    try:
        z = np.asarray(np.nan if redshift is None else plain_array(redshift, unit="redshift"), dtype=float)
    except (TypeError, ValueError) as error:
        raise AgezError(f"{source}: redshift is {redshift!r}; expected a number, or one for each spectrum") from error
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
        if plain.dtype.kind == "c":
            raise TypeError("complex numbers")
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
