"""CALIFA's two layouts, cube and row-stacked spectra (RSS): reading both, and writing RSS.

Sources: Sanchez et al. 2016, A&A 594, A36 (third data release: extensions, units, air wavelengths, resolution);
Husemann et al. 2013, A&A 549, A87 (first release).  Errors of 1e10 and BADPIX mark bad pixels.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

import agez
from agez.errors import AgezError
from agez.files import whole_file
from agez.spectra.formats_common import (
    BAD_PIXEL_ERROR,
    Options,
    assemble,
    flux_unit_of,
    galaxy_name,
    header_medium,
    header_number,
    header_redshift,
    header_text,
    mask_from,
    native_float,
    one_galaxy_rows,
    parse_unit,
)
from agez.spectra.formats_fits import has, image, sky_header, sky_offsets, wavelength_axis
from agez.types import Bools, Floats, Medium, Rows, Spectra

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


def is_rss(hdus: fits.HDUList) -> bool:
    """Rows of spectra in the primary HDU with their ERROR beside them."""
    return hdus[0].header.get("NAXIS") == 2 and has(hdus, "ERROR")


def _setup(wave: Floats) -> tuple[str, float]:
    """Name and FWHM of the CALIFA setup with this grid; ('', nan) if it is none of them."""
    step = float(np.median(np.diff(wave)))
    for name, pixel, (low, high), fwhm in _SETUPS:
        if abs(step - pixel) < 0.02 and low <= wave[0] < high:
            return name, fwhm
    return "", float("nan")


def _medium(options: Options, header: fits.Header, axis: int, setup: str) -> tuple[Medium, list[str]]:
    """Medium, and ``['medium']`` if nothing says it: CALIFA's wavelengths are in air."""
    if options.medium is not None:
        return options.medium, []
    # CALIFA's own CTYPE3 is no statement on the medium, but AIRORVAC is.
    said = header_medium(header, None if setup and "AIRORVAC" not in header else axis)
    return (said, []) if said else ("air", ["medium"])


def _fwhm(header: fits.Header, setup_fwhm: float) -> tuple[float, list[str]]:
    """FWHM [Angstrom] from SPECRES, else from the setup, and ``['fwhm']`` if it was not in the header."""
    fwhm = header_number(header, "SPECRES")
    return (fwhm, []) if fwhm > 0 else (setup_fwhm, ["fwhm"])


def _bad_pixels(options: Options, hdus: fits.HDUList, error: Floats) -> Bools:
    bad = np.asarray(error >= BAD_PIXEL_ERROR)
    if has(hdus, "BADPIX"):
        bad |= mask_from(image(options.path, hdus, "BADPIX", error.shape))
    return bad


def _flux_unit_text(options: Options, header: fits.Header) -> str | None:
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
    n_wave, ny, nx = cube.shape
    wave = wavelength_axis(path, header, 3, n_wave)
    flux = _spaxels_first(cube)
    error = _spaxels_first(image(path, hdus, "ERROR", cube.shape))
    bad = np.asarray(error >= BAD_PIXEL_ERROR)
    if has(hdus, "BADPIX"):
        bad |= _spaxels_first(image(path, hdus, "BADPIX", cube.shape)) != 0
    keep = spaxels_with_data(path, flux, bad)
    y_pixel, x_pixel = np.divmod(keep, nx)
    x, y = sky_offsets(header, x_pixel.astype(float), y_pixel.astype(float))
    name, setup_fwhm = _setup(wave)
    medium, assumed = _medium(options, header, 3, name)
    fwhm, assumed_fwhm = _fwhm(header, setup_fwhm)
    return assemble(
        options,
        wave_angstrom=wave,
        flux=flux[keep],
        error=error[keep],
        bad=bad[keep],
        rows=one_galaxy_rows(pixel_ids(y_pixel, x_pixel), galaxy_name(path, header), x, y),
        medium=medium,
        unit=flux_unit_of(path, _flux_unit_text(options, header), default=CALIFA_FLUX_UNIT, per_angstrom_implied=True),
        redshift=header_redshift(header),
        fwhm_angstrom=fwhm,
        assumed=assumed + assumed_fwhm,
        meta={
            "format": "califa-cube",
            "survey": header_text(header, "SURVEY") or "CALIFA",
            "setup": name,
            **cube_meta(header, (ny, nx), y_pixel, x_pixel),
        },
    )


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


def cube_meta(
    header: fits.Header, shape: tuple[int, int], y_pixel: NDArray[np.int64], x_pixel: NDArray[np.int64]
) -> dict[str, Any]:
    """What maps of a cube need."""
    return {"cube_shape": shape, "pixel_y": y_pixel, "pixel_x": x_pixel, "wcs": sky_header(header)}


def pixel_ids(y_pixel: NDArray[np.int64], x_pixel: NDArray[np.int64]) -> list[str]:
    """``spec_id`` of spaxels: ``y-x``, counted from 0."""
    return [f"{y}-{x}" for y, x in zip(y_pixel, x_pixel, strict=True)]


def cube_pixels(rows: Rows) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(y, x) pixel numbers (from 0) of spaxels, from ``spec_id``: they stay right when rows are taken out."""
    try:
        pixels = np.array([[int(word) for word in name.split("-")] for name in rows.spec_id.tolist()])
        y_pixel, x_pixel = pixels.reshape(-1, 2).T
    except ValueError:
        raise AgezError("these rows are not spaxels of a cube: spec_id must look like 'y-x'") from None
    return y_pixel, x_pixel


# ---------------------------------------------------------------- RSS


def read_rss(hdus: fits.HDUList, options: Options) -> Spectra:
    """Row-stacked spectra: PRIMARY (n, p), ERROR, BADPIX; rows named by SPECID (as :func:`write_rss`) or POSTABLE."""
    path = options.path
    header = hdus[0].header
    flux = native_float(image(path, hdus, hdus[0].name))
    error = native_float(image(path, hdus, "ERROR", flux.shape))
    n, p = flux.shape
    if has(hdus, "WAVE"):
        wave = np.asarray(image(path, hdus, "WAVE", (p,)), dtype=float)
    else:
        wave = wavelength_axis(path, header, 1, p)
    name, setup_fwhm = _setup(wave)
    medium, assumed = _medium(options, header, 1, name)
    fwhm: float | Floats
    if has(hdus, "FWHM"):
        fwhm, assumed_fwhm = np.asarray(image(path, hdus, "FWHM", (p,)), dtype=float), []
    elif header_text(header, "CREATOR") and "SPECRES" not in header:
        fwhm, assumed_fwhm = float("nan"), []  # our own file of spectra of unknown resolution
    else:
        fwhm, assumed_fwhm = _fwhm(header, setup_fwhm)
    rows, redshift, flags = _rss_rows(hdus, options, n)
    return assemble(
        options,
        wave_angstrom=wave,
        flux=flux,
        error=error,
        bad=_bad_pixels(options, hdus, error),
        rows=rows,
        medium=medium,
        unit=flux_unit_of(path, _flux_unit_text(options, header), default=CALIFA_FLUX_UNIT, per_angstrom_implied=True),
        redshift=redshift,
        fwhm_angstrom=fwhm,
        assumed=assumed + assumed_fwhm,
        flags=flags,
        meta={"format": "rss", "survey": header_text(header, "SURVEY") or "CALIFA", "setup": name},
    )


def _rss_rows(
    hdus: fits.HDUList, options: Options, n: int
) -> tuple[Rows, float | NDArray[np.float64], NDArray[np.int32] | None]:
    """Rows, redshift and flags from SPECID, else rows from POSTABLE, else numbered rows."""
    path, header = options.path, hdus[0].header
    galaxy, redshift = galaxy_name(path, header), header_redshift(header)
    table = next((hdus[name].data for name in ("SPECID", "POSTABLE", "POSTAB") if has(hdus, name)), None)
    if table is None:
        return one_galaxy_rows([str(i) for i in range(n)], galaxy), redshift, None
    if len(table) != n:
        raise AgezError(f"{path}: its table of positions has {len(table)} rows but there are {n} spectra")
    names = {name.lower(): name for name in table.names}

    def column(*choices: str) -> NDArray[Any] | None:
        found = next((names[choice] for choice in choices if choice in names), None)
        return None if found is None else np.asarray(table[found])

    x = column("x", "xpos", "x_position", "arc_position_x", "xoffset")
    y = column("y", "ypos", "y_position", "arc_position_y", "yoffset")
    ids = column("spec_id", "id", "fiber", "fiber_id", "fibre")
    rows = one_galaxy_rows(
        [str(i) for i in range(n)] if ids is None else [str(word).strip() for word in ids.tolist()], galaxy, x, y
    )
    galaxies = column("galaxy_id")
    if galaxies is not None:
        rows = Rows(rows.spec_id, np.char.strip(galaxies.astype(str)), rows.x, rows.y)
    z, flags = column("redshift"), column("flags")
    return (
        rows,
        redshift if z is None else z.astype(float),
        None if flags is None else flags.astype(np.int32),
    )


def write_rss(path: str | os.PathLike[str], spectra: Spectra) -> None:
    """Write spectra as one RSS file that :func:`agez.read_spectra` gives back unchanged.

    Layout: PRIMARY flux (n, p) float32; ERROR float32 (1e10 at bad pixels, as in CALIFA); BADPIX uint8; the
    binary table SPECID with spec_id, galaxy_id, x, y [arcsec], redshift, flags.  A grid that is not linear goes
    into an image WAVE, a resolution that is not constant into an image FWHM.

    Parameters
    ----------
    path : path
        Output; gzipped if it ends in ``.gz``.  Written whole or not at all.
    spectra : Spectra
        Fluxes and errors are stored as float32; if theirs are float64 they are rounded.

    Raises
    ------
    AgezError
        No rows, an unusable flux unit, fluxes outside the range of float32, or a path that cannot be written.
    """
    if len(spectra) == 0:
        raise AgezError(f"{path}: there are no spectra to write")
    try:
        parse_unit(spectra.flux_unit)
    except ValueError:
        raise AgezError(f"{path}: the flux unit {spectra.flux_unit!r} is not one that astropy reads") from None
    with np.errstate(over="ignore", under="ignore"):
        flux = np.where(spectra.mask, 0.0, spectra.flux).astype(np.float32)
        error = np.where(spectra.mask, 1e10, spectra.flux_err).astype(np.float32)
    good = ~spectra.mask
    if not (np.isfinite(flux[good]).all() and (error[good] > 0).all() and (error[good] < BAD_PIXEL_ERROR).all()):
        raise AgezError(
            f"{path}: fluxes in {spectra.flux_unit!r} do not fit the file (float32, errors below 1e9); "
            "choose a flux unit in which they are near 1"
        )
    header, extra = _rss_header(spectra)
    hdus = fits.HDUList(
        [
            fits.PrimaryHDU(flux, header),
            fits.ImageHDU(error, name="ERROR"),
            fits.ImageHDU(spectra.mask.astype(np.uint8), name="BADPIX"),
            _row_table(spectra),
            *extra,
        ]
    )
    with whole_file(path) as part:
        hdus.writeto(part, overwrite=True)


def _rss_header(spectra: Spectra) -> tuple[fits.Header, list[fits.ImageHDU]]:
    """Header of the primary HDU, and the extensions that hold what does not fit into it."""
    wave = spectra.wave_angstrom
    header = fits.Header()
    extra: list[fits.ImageHDU] = []
    step = float(f"{(wave[-1] - wave[0]) / (len(wave) - 1):.12g}")
    linear = np.allclose(float(wave[0]) + step * np.arange(len(wave)), wave, rtol=0, atol=1e-9)
    header["CTYPE1"] = (("AWAV" if spectra.medium == "air" else "WAVE") if linear else "PIXEL", "wavelength axis")
    if linear:
        header["CUNIT1"] = "Angstrom"
    header["CRVAL1"] = (float(wave[0]) if linear else 1.0, "first pixel")
    header["CDELT1"] = (step if linear else 1.0, "per pixel")
    header["CRPIX1"] = 1.0
    header["AIRORVAC"] = ("air" if spectra.medium == "air" else "vac", "wavelengths in air or vacuum")
    if not linear:
        extra.append(fits.ImageHDU(np.asarray(wave, dtype=np.float64), name="WAVE"))
    header["BUNIT"] = spectra.flux_unit
    fwhm = spectra.fwhm_angstrom
    if np.isfinite(fwhm).all() and np.ptp(fwhm) == 0:
        header["SPECRES"] = (float(fwhm[0]), "[Angstrom] FWHM of the resolution")
    elif np.isfinite(fwhm).any():
        extra.append(fits.ImageHDU(np.asarray(fwhm, dtype=np.float64), name="FWHM"))
    if len(set(spectra.rows.galaxy_id.tolist())) == 1:
        header["OBJECT"] = str(spectra.rows.galaxy_id[0])
    redshift = spectra.redshift[np.isfinite(spectra.redshift)]
    if len(redshift) and np.ptp(redshift) == 0:
        header["REDSHIFT"] = (float(redshift[0]), "rest wavelength = wavelength / (1 + z)")
    for keyword, key in (("SURVEY", "survey"), ("INSTRUME", "instrument")):
        if spectra.meta.get(key):
            header[keyword] = str(spectra.meta[key])
    header["CREATOR"] = f"agez {agez.__version__}"
    return header, extra


def _row_table(spectra: Spectra) -> fits.BinTableHDU:
    rows = spectra.rows
    columns = [
        fits.Column("spec_id", f"{max(1, _width(rows.spec_id))}A", array=rows.spec_id),
        fits.Column("galaxy_id", f"{max(1, _width(rows.galaxy_id))}A", array=rows.galaxy_id),
        fits.Column("x", "D", unit="arcsec", array=rows.x),
        fits.Column("y", "D", unit="arcsec", array=rows.y),
        fits.Column("redshift", "D", array=spectra.redshift),
        fits.Column("flags", "J", array=spectra.flags),
    ]
    return fits.BinTableHDU.from_columns(columns, name="SPECID")


def _width(words: NDArray[np.str_]) -> int:
    return int(words.dtype.itemsize // 4)
