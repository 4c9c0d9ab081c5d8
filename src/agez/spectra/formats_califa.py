"""CALIFA cubes, and what its cubes and row-stacked spectra have in common.

Sources: Sanchez et al. 2016, A&A 594, A36 (third data release: extensions, units, air wavelengths, resolution);
Husemann et al. 2013, A&A 549, A87 (first release).  Errors of 1e10 and BADPIX mark bad pixels.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from agez.errors import AgezError
from agez.spectra.formats_axes import wavelength_axis
from agez.spectra.formats_bins import one_row_per_bin
from agez.spectra.formats_common import (
    Format,
    Options,
    assemble,
    galaxy_name,
    header_medium,
    header_number,
    header_redshift,
    header_text,
    mask_from,
    native_float,
    one_galaxy_rows,
)
from agez.spectra.formats_fits import has, image, sky_header, spaxel_offsets
from agez.spectral_units import flux_unit_of, parse_unit
from agez.types import Bools, Floats, Ints, Medium, Rows, Spectra

#: CALIFA writes 1e10 (at a few pixels 1e8) as the error of a bad pixel.
BAD_PIXEL_ERROR = 1e7
CALIFA_FLUX_UNIT = "1e-16 erg / (s cm2 Angstrom)"
#: Setup, pixel [Angstrom], first wavelengths between [Angstrom], FWHM [Angstrom].
_SETUPS = (
    ("V1200", 0.7, (3600.0, 3800.0), 2.3),
    ("COMB", 2.0, (3600.0, 3735.0), 6.0),
    ("V500", 2.0, (3735.0, 3800.0), 6.0),
)


def is_cube(hdus: fits.HDUList) -> bool:
    """A cube in the primary HDU with its ERROR beside it."""
    return hdus[0].header.get("NAXIS") == 3 and has(hdus, "ERROR")


def setup_of(wave: Floats) -> tuple[str, float]:
    """Name and FWHM of the CALIFA setup with this grid; ('', nan) if it is none of them."""
    step = float(np.median(np.diff(wave)))
    for name, pixel, (low, high), fwhm in _SETUPS:
        if abs(step - pixel) < 0.02 and low <= wave[0] < high:
            return name, fwhm
    return "", float("nan")


def medium_of(options: Options, header: fits.Header, axis: int, setup: str) -> tuple[Medium, list[str]]:
    """Medium, and ``['medium']`` if nothing says it: CALIFA's wavelengths are in air."""
    if options.medium is not None:
        return options.medium, []
    said = header_medium(header, axis)
    if setup and said == "vacuum" and header_medium(header) is None:
        said = None  # on a CALIFA grid, an axis named WAVE says only that it holds wavelengths
    return (said, []) if said else ("air", ["medium"])


def fwhm_of(header: fits.Header, setup_fwhm: float) -> tuple[float, list[str]]:
    """FWHM [Angstrom] from SPECRES, else from the setup, and then ``['fwhm']``; NaN if there is neither."""
    fwhm = header_number(header, "SPECRES")
    if fwhm > 0:
        return fwhm, []
    return setup_fwhm, ["fwhm"] if np.isfinite(setup_fwhm) else []


def bad_pixels(options: Options, hdus: fits.HDUList, error: Floats) -> Bools:
    bad = np.asarray(error >= BAD_PIXEL_ERROR)
    if has(hdus, "BADPIX"):
        bad |= mask_from(image(options.path, hdus, "BADPIX", error.shape))
    return bad


def check_error_unit(options: Options, hdus: fits.HDUList) -> None:
    """AgezError if the unit of ERROR says that it holds variances, is another than that of the flux, or unknown."""
    text = header_text(hdus["ERROR"].header, "BUNIT")
    flux_text = header_text(hdus[0].header, "BUNIT", "PIPE UNITS")
    if text is None or flux_text is None:
        return
    if text == flux_text:
        return
    try:
        flux_unit = parse_unit(flux_text)
    except ValueError:
        return
    try:
        unit = parse_unit(text)
    except ValueError:
        raise AgezError(
            f"{options.path}: extension ERROR is in {text!r}, which is not understood; expected 1-sigma errors in the "
            f"unit of the flux, {flux_text!r}: take the square root of variances, and correct its BUNIT"
        ) from None
    if unit.is_equivalent(flux_unit**2):
        raise AgezError(
            f"{options.path}: extension ERROR is in {text!r}, the square of the flux' unit: it holds variances; store "
            "their square roots"
        )
    if unit.is_equivalent(flux_unit) and abs(unit.to(flux_unit) - 1.0) > 1e-6:
        raise AgezError(
            f"{options.path}: extension ERROR is in {text!r} and the flux in {flux_text!r}; store both in one unit"
        )


def flux_unit_text(options: Options, header: fits.Header) -> str | None:
    return options.flux_unit or header_text(header, "BUNIT", "PIPE UNITS")


# ---------------------------------------------------------------- cubes


def read_cube(hdus: fits.HDUList, options: Options) -> Spectra:
    """Spaxels of a CALIFA cube (V500, V1200, COMB, or any other in this layout) that hold data.

    ``meta`` has ``cube_shape`` (ny, nx), ``pixel_y`` and ``pixel_x`` of the rows as read (counted from 0; also in
    ``spec_id``, see :func:`cube_pixels`), and ``wcs``, the header of the sky axes.
    """
    path = options.path
    header = hdus[0].header
    cube = image(path, hdus, hdus[0].name)
    check_error_unit(options, hdus)
    n_wave, ny, nx = cube.shape
    wave = wavelength_axis(path, header, 3, n_wave)
    flux = _spaxels_first(cube)
    error = _spaxels_first(image(path, hdus, "ERROR", cube.shape))
    bad = np.asarray(error >= BAD_PIXEL_ERROR)
    if has(hdus, "BADPIX"):
        bad |= _spaxels_first(image(path, hdus, "BADPIX", cube.shape)) != 0
    keep = spaxels_with_data(path, flux, bad)
    rows, of_cube = cube_rows(path, header, keep, (ny, nx), galaxy_name(path, header))
    name, setup_fwhm = setup_of(wave)
    in_medium, assumed = medium_of(options, header, 3, name)
    fwhm, assumed_fwhm = fwhm_of(header, setup_fwhm)
    spectra = assemble(
        options,
        wave_angstrom=wave,
        flux=flux[keep],
        error=error[keep],
        bad=bad[keep],
        rows=rows,
        medium=in_medium,
        unit=flux_unit_of(path, flux_unit_text(options, header), default=CALIFA_FLUX_UNIT, per_angstrom_implied=True),
        redshift=header_redshift(header),
        fwhm_angstrom=fwhm,
        assumed=assumed + assumed_fwhm,
        meta={
            "format": "califa-cube",
            "survey": header_text(header, "SURVEY") or "CALIFA",
            "setup": name,
            **of_cube,
        },
    )
    return one_row_per_bin(path, hdus, spectra)


def _spaxels_first(cube: NDArray[Any]) -> NDArray[Any]:
    """(wavelength, y, x) to (y * x, wavelength), native byte order."""
    kind = native_float(cube[:1, :1, :1]).dtype if cube.dtype.kind == "f" else cube.dtype.newbyteorder("=")
    return np.ascontiguousarray(cube.reshape(len(cube), -1).T, dtype=kind)


def spaxels_with_data(path: os.PathLike[str], flux: Floats, bad: Bools) -> NDArray[np.int64]:
    """Numbers of the spaxels that are neither entirely bad nor entirely zero or NaN; AgezError if there are none."""
    usable = ~bad
    usable &= flux != 0
    usable &= np.isfinite(flux)
    keep = np.flatnonzero(usable.any(axis=1))
    if len(keep) == 0:
        raise AgezError(f"{path}: no spaxel holds data (all are masked, zero or NaN); check that it is the right cube")
    return keep


def cube_rows(
    path: Path, header: fits.Header, keep: Ints, shape: tuple[int, int], galaxy: str,
    centre: tuple[float, float] | None = None,
) -> tuple[Rows, dict[str, Any]]:  # fmt: skip
    """Rows of the spaxels ``keep``, and what maps of a cube need.

    ``centre`` (ra, dec) [degree] is where offsets are 0, if not at the reference pixel.
    """
    y_pixel, x_pixel = np.divmod(keep, shape[1])
    x, y = spaxel_offsets(header, x_pixel.astype(float), y_pixel.astype(float), path, centre)
    meta: dict[str, Any] = {"cube_shape": shape, "pixel_y": y_pixel, "pixel_x": x_pixel, "wcs": sky_header(header)}
    meta |= {} if centre is None else {"centre_deg": centre}
    return one_galaxy_rows(pixel_ids(y_pixel, x_pixel), galaxy, x, y), meta


def pixel_ids(y_pixel: Ints, x_pixel: Ints) -> list[str]:
    """``spec_id`` of spaxels: ``y-x``, counted from 0."""
    return [f"{y}-{x}" for y, x in zip(y_pixel, x_pixel, strict=True)]


def cube_pixels(rows: Rows) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(y, x) pixel numbers (from 0) of spaxels, from ``spec_id``: they stay right when rows are taken out."""
    try:
        pixels = np.array([[int(word) for word in name.split("-")] for name in rows.spec_id.tolist()])
        y_pixel, x_pixel = pixels.reshape(len(rows), 2).T
    except ValueError:
        raise AgezError("these rows are not spaxels of a cube: spec_id must look like 'y-x'") from None
    return y_pixel, x_pixel


CALIFA_CUBE = Format("califa-cube", "CALIFA cube (V500, V1200, COMB): PRIMARY flux, ERROR, BADPIX", is_cube, read_cube)
