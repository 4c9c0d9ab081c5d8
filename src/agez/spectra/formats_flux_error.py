"""A flux image with its errors, mask and wavelengths beside it, as MUSE, KCWI, SAMI and many programs write cubes.

One spectrum (1 axis), rows of spectra (2) or a cube (3).  Layouts: Weilbacher et al. 2020, A&A 641, A28 (MUSE: DATA,
STAT, DQ); KCWI_DRP (primary, UNCERT, MASK, FLAGS); Croom et al. 2021, MNRAS 505, 991 (SAMI: primary, VARIANCE); the
FITS convention HDUCLASS = 'ESO' (SCIDATA, ERRDATA, QUALDATA, HDUCLAS3).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from astropy.io import fits
from scipy.ndimage import uniform_filter

from agez.errors import AgezError
from agez.sky_offsets import celestial_wcs, sky_positions
from agez.spectra.formats_axes import LOG_UNIT, has_wavelength_axis, wavelength_axis
from agez.spectra.formats_bins import one_row_per_bin
from agez.spectra.formats_califa import cube_meta, pixel_ids
from agez.spectra.formats_columns import LOG_WAVE_NAMES, WAVE_NAMES, Columns, find, simplified
from agez.spectra.formats_common import (
    Format,
    Options,
    assemble,
    galaxy_name,
    header_medium,
    header_number,
    header_redshift,
    header_text,
    one_galaxy_rows,
)
from agez.spectra.formats_fits import has_sky_axes, object_position, sky_header, spaxel_offsets
from agez.spectral_units import FluxUnit, flux_unit_of, parse_unit, wavelength_factor
from agez.types import Bools, Floats, Ints, Medium, Spectra

Kind = Literal["error", "variance", "inverse variance"]
#: Extensions by what they hold; the first that is there counts.
_FLUX = ("DATA", "SCI", "FLUX", "SIGNAL", "SPECTRUM", "SPECTRA")
_ERRORS: dict[str, Kind] = {
    **dict.fromkeys(("STAT", "VAR", "VARIANCE"), "variance"),
    **dict.fromkeys(("ERR", "ERROR", "ERRORS", "UNCERT", "STD", "STDDEV", "SIGMA", "NOISE", "RMS"), "error"),
    **dict.fromkeys(("IVAR", "INVVAR"), "inverse variance"),
}
_MASKS = ("MASK", "DQ", "BADPIX", "FLAGS", "QUALITY")
_WAVES = ("WAVE", "WAVELENGTH", "WAVELENGTHS", "LAMBDA", "LAM", "LOGLAM", "WCS-TABLE", "WCS-TAB")
#: What headers say of errors: astropy's UTYPE, and HDUCLAS3 of HDUCLASS = 'ESO'.
_SAID_KINDS: dict[str, Kind] = {
    **dict.fromkeys(("STDDEVUNCERTAINTY", "STD", "RMSE"), "error"),
    **dict.fromkeys(("VARIANCEUNCERTAINTY", "VAR", "MSE"), "variance"),
    **dict.fromkeys(("INVERSEVARIANCE", "IVAR", "INVMSE"), "inverse variance"),
}
#: Planes of a cube read at a time: temporary arrays stay small beside the spectra.
_PLANES = 64
#: R of KCWI's gratings with the large slicer; twice with the medium one, four times with the small one (Morrissey et
#: al. 2018, ApJ 864, 93, table 2).
_KCWI_POWER = {"BL": 900.0, "BM": 2000.0, "BH1": 4500.0, "BH2": 4500.0, "BH3": 4500.0}
_KCWI_SLICER = {"LARGE": 1.0, "MEDIUM": 2.0, "SMALL": 4.0}
FLUX_UNIT = "erg / (s cm2 Angstrom)"


@dataclass(frozen=True, eq=False)
class Layout:
    """Which extensions of a file are which."""

    flux: Any
    error: Any
    masks: tuple[Any, ...]
    wave: Any | None

    @property
    def n_axes(self) -> int:
        """1, 2 or 3."""
        return int(self.flux.header["NAXIS"])

    @property
    def axis(self) -> int:
        """Number of the FITS axis of wavelengths."""
        return 3 if self.n_axes == 3 else 1


def _shape(hdu: Any) -> tuple[int, ...]:
    """FITS axes; empty for a table or no data."""
    if not hdu.is_image:
        return ()
    return tuple(int(hdu.header[f"NAXIS{axis}"]) for axis in range(1, int(hdu.header.get("NAXIS", 0)) + 1))


def layout_of(hdus: fits.HDUList) -> Layout | None:
    """The extensions by their names, or by those that the flux names in ERRDATA and QUALDATA; None without errors."""
    named = {hdu.name.upper(): hdu for hdu in reversed(hdus) if hdu.name}
    named.setdefault("PRIMARY", hdus[0])
    flux = next(
        (named[name] for name in (*_FLUX, "PRIMARY") if name in named and len(_shape(named[name])) in (1, 2, 3)), None
    )
    if flux is None:
        return None
    shape = _shape(flux)

    def linked(keyword: str) -> list[str]:
        return [word.strip().upper() for word in str(flux.header.get(keyword, "")).split(",") if word.strip()]

    def like_flux(names: tuple[str, ...]) -> list[Any]:
        return [named[name] for name in names if name in named and named[name] is not flux]

    errors = [hdu for hdu in like_flux((*linked("ERRDATA"), *_ERRORS)) if _shape(hdu) == shape]
    if not errors:
        return None
    of_sky = shape[:2] if len(shape) == 3 else None
    masks = [hdu for hdu in like_flux((*linked("QUALDATA"), *_MASKS)) if _shape(hdu) in (shape, of_sky)]
    table = str(flux.header.get(f"PS{len(shape) if len(shape) == 3 else 1}_0", "")).strip().upper()
    wave = next((hdu for hdu in like_flux((table, *_WAVES)) if _is_wave(hdu)), None)
    return Layout(flux, errors[0], tuple(dict.fromkeys(masks)), wave)


def _is_wave(hdu: Any) -> bool:
    return len(_shape(hdu)) == 1 or isinstance(hdu, fits.BinTableHDU | fits.TableHDU)


def is_flux_error(hdus: fits.HDUList) -> bool:
    """A flux with errors of its shape, and wavelengths in the header or in an extension."""
    layout = layout_of(hdus)
    return layout is not None and (layout.wave is not None or has_wavelength_axis(layout.flux.header, layout.axis))


# ---------------------------------------------------------------- what the parts mean


def _wavelengths(layout: Layout, options: Options, p: int) -> tuple[Floats, Medium | None]:
    """Wavelengths [Angstrom], and the medium that an extension of wavelengths says itself."""
    path, header, hdu = options.path, layout.flux.header, layout.wave
    if hdu is None:
        return wavelength_axis(path, header, layout.axis, p), None
    if _shape(hdu):
        values, name = np.asarray(hdu.data, dtype=float), simplified(hdu.name)
        unit, medium = header_text(hdu.header, "BUNIT", "CUNIT1", "TUNIT1"), header_medium(hdu.header)
    else:
        columns = Columns(
            {simplified(column): None for column in hdu.columns.names},
            {simplified(column.name): column.unit for column in hdu.columns if column.unit}, {},
        )  # fmt: skip
        said = simplified(str(header.get(f"PS{layout.axis}_1", "")))
        found = find(columns, (*((said,) if said else ()), *WAVE_NAMES, *LOG_WAVE_NAMES))
        if found is None:
            raise AgezError(
                f"{path}: its table {hdu.name} has no column of wavelengths ({', '.join(hdu.columns.names)}); name it "
                "wavelength"
            )
        at = [simplified(column) for column in hdu.columns.names].index(found.column)
        values, name = np.asarray(hdu.data.field(at), dtype=float).ravel(), found.base
        unit, medium = found.unit, found.medium
    if len(values) != p:
        raise AgezError(f"{path}: extension {hdu.name} has {len(values)} wavelengths, but the flux {p} pixels")
    inner = LOG_UNIT.fullmatch(unit or "")
    if inner or name in LOG_WAVE_NAMES:
        natural = inner is not None and inner["log"].lower() == "ln"
        values, unit = np.exp(values) if natural else 10.0**values, inner["unit"] if inner else unit
    return values * (1.0 if unit is None else wavelength_factor(path, unit)), medium


def _flux_unit(header: fits.Header, options: Options) -> FluxUnit:
    """Of the flux.  KCWI_DRP writes the factor that fluxes were multiplied by, 1e+16, where their unit is 1e-16."""
    unit = flux_unit_of(options.path, options.flux_unit or header_text(header, "BUNIT"), default=FLUX_UNIT)
    if options.flux_unit is None and unit.scale > 1.0 and "KCWI" in str(header.get("INSTRUME", "")).upper():
        return FluxUnit(unit.kind, 1.0 / unit.scale, unit.assumed)
    return unit


def _kind_by_name(name: str) -> Kind:
    for end, kind in _ERRORS.items():
        if name == end or name.endswith(f"_{end}"):
            return kind
    return "error"


def _error_kind(layout: Layout, options: Options) -> tuple[Kind, float]:
    """What the errors are, and the factor that brings 1 sigma to the unit of the flux.

    By UTYPE or HDUCLAS3; else by a unit that is the square, or its inverse, of the flux'; else by the extension's name.
    """
    header, flux, name = layout.error.header, layout.flux.header, layout.error.name.upper()
    word = header_text(header, "UTYPE") or (header_text(header, "HDUCLAS3") if "HDUCLASS" in header else None)
    said = _SAID_KINDS.get((word or "").upper())
    kind = _kind_by_name(name) if said is None else said
    text, flux_text = header_text(header, "BUNIT"), header_text(flux, "BUNIT")
    if text is None or flux_text is None or text == flux_text or options.flux_unit is not None:
        return kind, 1.0
    try:
        unit, flux_unit = parse_unit(text), parse_unit(flux_text)
    except ValueError:
        return kind, 1.0
    if unit.is_equivalent(flux_unit) and kind != "error":
        return kind, 1.0  # the unit of the flux, copied beside variances
    powers: dict[Kind, int] = {"error": 1, "variance": 2, "inverse variance": -2}
    for one, power in powers.items():
        if unit.is_equivalent(flux_unit**power):
            return (one, float(unit.to(flux_unit**power) ** (1.0 / power))) if said in (None, one) else (said, 1.0)
    raise AgezError(
        f"{options.path}: extension {layout.error.name} is in {text!r} and the flux in {flux_text!r}; store both in "
        "one unit"
    )


def _resolution(header: fits.Header, wave: Floats) -> tuple[Floats | float, list[str]]:
    """FWHM [Angstrom] as the header says (SPECRES), else as is known of the instrument, then with ``['fwhm']``."""
    said = header_number(header, "SPECRES", "FWHM_ANGSTROM")
    instrument = str(header.get("INSTRUME", "")).upper()
    if said > 0:
        return said, []
    if "MUSE" in instrument:  # Bacon et al. 2017, A&A 608, A1, equation 8
        return 5.866e-8 * wave**2 - 9.187e-4 * wave + 6.040, ["fwhm"]
    if "KCWI" in instrument:
        power = _KCWI_POWER.get(str(header_text(header, "BGRATNAM", "GRATNAM") or "").upper())
        slicer = _KCWI_SLICER.get(str(header_text(header, "IFUNAM") or "").upper())
        if power and slicer:
            return wave / (power * slicer), ["fwhm"]
    return float("nan"), []


def _words(hdus: fits.HDUList, flux: Any) -> fits.Header:
    """The primary header with what the flux' own says, but for the object: MUSE's is 'NAME (DATA)' there."""
    words = fits.Header(hdus[0].header, copy=True)
    for key in flux.header:
        if key not in ("", "COMMENT", "HISTORY", "OBJECT") or (key == "OBJECT" and "OBJECT" not in words):
            words[key] = flux.header[key]
    return words


# ---------------------------------------------------------------- spectra


def _rows(values: Any, part: slice, keep: Ints | None, n_axes: int) -> Any:
    """Pixels ``part`` of the spectra ``keep`` (all if None), (n, pixels), in native byte order; of an image of all."""
    if n_axes < 3:
        return np.atleast_2d(np.asarray(values))[:, part]
    planes = np.asarray(values[part] if values.ndim == 3 else values[None])
    flat = planes.reshape(len(planes), -1)
    return (flat if keep is None else flat[:, keep]).T


def _parts(p: int, n_axes: int) -> Iterator[slice]:
    size = _PLANES if n_axes == 3 else p
    yield from (slice(start, min(start + size, p)) for start in range(0, p, size))


def _bad_values(flux: Any, error: Any, kind: Kind) -> Bools:
    """Where no pixel was observed: neither a flux (NaN, or exactly 0) nor an error."""
    with np.errstate(invalid="ignore"):
        nothing = ~(np.isfinite(error) & (error > 0)) & (~np.isfinite(flux) | (flux == 0))
    return np.asarray(nothing | (error == 0) if kind == "inverse variance" else nothing)


def _brightest(light: Floats, header: fits.Header, options: Options) -> tuple[float, float]:
    """RA and Dec [degree] of the brightest place: the reference pixel of these cubes is that of a pointing.

    The middle, by light, of the 5 x 5 spaxels around the brightest square of 3 x 3.
    """
    y, x = np.unravel_index(int(np.argmax(uniform_filter(light, 3, mode="constant"))), light.shape)
    rows, columns = (slice(max(at - 2, 0), at + 3) for at in (int(y), int(x)))
    near = np.clip(light[rows, columns], 0.0, None)
    down, across = (
        np.average(axis, weights=near) for axis in np.mgrid[rows, columns][:, : near.shape[0], : near.shape[1]]
    )
    sky = sky_positions(celestial_wcs(sky_header(header), options.path), float(across), float(down))
    return float(sky.ra.deg), float(sky.dec.deg)


def read_flux_error(hdus: fits.HDUList, options: Options) -> Spectra:
    """Spectra of a flux image with errors beside it; of a cube, the spaxels that hold data.

    Pixels are masked where any of the masks is not 0, and where neither flux nor error is a number: that is how these
    files say that nothing was observed.  A cube is read in planes, so that beside the spectra themselves (9 bytes a
    pixel in single precision) little memory is needed.
    """
    layout = layout_of(hdus)
    if layout is None:
        raise AgezError(f"{options.path}: holds no flux image with errors of its shape")
    path, n_axes, header = options.path, layout.n_axes, _words(hdus, layout.flux)
    data, errors = layout.flux.data, layout.error.data
    masks = [hdu.data for hdu in layout.masks]
    p = data.shape[0] if n_axes == 3 else data.shape[-1]
    wave, own_medium = _wavelengths(layout, options, p)
    unit = _flux_unit(header, options)
    kind, factor = _error_kind(layout, options)

    def part_of(part: slice, keep: Ints | None) -> tuple[Any, Any, Bools]:
        flux, error = _rows(data, part, keep, n_axes), _rows(errors, part, keep, n_axes)
        bad = _bad_values(flux, error, kind)
        for mask in masks:
            bad |= _rows(mask, part, keep, n_axes) != 0
        return flux, error, bad

    keep = None
    light = np.zeros(int(np.prod(data.shape[1:])) if n_axes == 3 else 0)
    if n_axes == 3:
        some = np.zeros(len(light), dtype=bool)
        for part in _parts(p, n_axes):
            flux, _, bad = part_of(part, None)
            good = ~bad & np.isfinite(flux) & (flux != 0)
            some |= good.any(axis=1)
            light += np.where(good, flux, 0.0).sum(axis=1, dtype=float)
        keep = np.flatnonzero(some)
        if len(keep) == 0:
            raise AgezError(f"{path}: no spaxel holds data (all masked, zero or NaN); check that it is the right cube")
    n = len(keep) if keep is not None else int(np.prod(data.shape[:-1]))
    single = all(values.dtype.kind == "f" and values.dtype.itemsize <= 4 for values in (data, errors))
    all_flux, all_error = np.empty((n, p), np.float32 if single else np.float64), None
    all_error, all_bad = np.empty_like(all_flux), np.empty((n, p), dtype=bool)
    # errors of fluxes near 1e-17 have squares below single precision's least
    for part in _parts(p, n_axes):
        flux, error, bad = part_of(part, keep)
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            sigma = error if kind == "error" else np.sqrt(error.astype(float))
            sigma = 1.0 / sigma if kind == "inverse variance" else sigma
            all_error[:, part] = sigma if factor == 1.0 else sigma * factor
        all_flux[:, part], all_bad[:, part] = flux, bad
    medium = options.medium or own_medium or header_medium(header, layout.axis)
    fwhm, assumed = _resolution(header, wave)
    galaxy = galaxy_name(path, {"OBJECT": re.sub(r"\s*\((DATA|SCI|FLUX)\)$", "", str(header.get("OBJECT", "")))})
    meta: dict[str, Any] = {"format": "flux-error", "survey": header_text(header, "SURVEY", "INSTRUME") or ""}
    rows = one_galaxy_rows([str(i) for i in range(n)], galaxy)
    if keep is not None:
        y_pixel, x_pixel = np.divmod(keep, data.shape[2])
        centre = object_position(header)
        if centre is None and has_sky_axes(layout.flux.header):
            centre = _brightest(light.reshape(data.shape[1:]), layout.flux.header, options)
            assumed.append("centre")
        x, y = spaxel_offsets(layout.flux.header, x_pixel.astype(float), y_pixel.astype(float), path, centre)
        rows = one_galaxy_rows(pixel_ids(y_pixel, x_pixel), galaxy, x, y)
        meta |= cube_meta(layout.flux.header, data.shape[1:], y_pixel, x_pixel, centre)
    spectra = assemble(
        options, wave_angstrom=wave, flux=all_flux, error=all_error, bad=all_bad, rows=rows, medium=medium or "air",
        unit=unit, redshift=header_redshift(header), fwhm_angstrom=fwhm,
        assumed=[*assumed, *([] if medium else ["medium"])], meta=meta, in_place=True,
    )  # fmt: skip
    return spectra if keep is None else one_row_per_bin(path, hdus, spectra)


FLUX_ERROR = Format(
    "flux-error", "a flux with its errors beside it, a cube, rows or one spectrum: MUSE (DATA, STAT), KCWI (PRIMARY, "
    "UNCERT), SCI and ERR, FLUX and IVAR, ...",
    is_flux_error, read_flux_error, also_reads=lambda hdus: layout_of(hdus) is not None,
)  # fmt: skip
