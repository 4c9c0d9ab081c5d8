"""Row-stacked spectra (RSS) in CALIFA's layout: reading any, and writing ours, which the mock survey uses."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

import agez
from agez.errors import AgezError
from agez.runtime.files import whole_file
from agez.spectra.formats_axes import wavelength_axis
from agez.spectra.formats_califa import (
    BAD_PIXEL_ERROR,
    CALIFA_FLUX_UNIT,
    bad_pixels,
    check_error_unit,
    flux_unit_text,
    fwhm_of,
    medium_of,
    setup_of,
)
from agez.spectra.formats_common import (
    Format,
    Options,
    assemble,
    galaxy_name,
    header_redshift,
    header_text,
    native_float,
    one_galaxy_rows,
)
from agez.spectra.formats_fits import has, image
from agez.spectral_units import flux_unit_of, parse_unit
from agez.tables.table_columns import angle_factor
from agez.types import Floats, Rows, Spectra


def is_rss(hdus: fits.HDUList) -> bool:
    """Rows of spectra in the primary HDU with their ERROR beside them."""
    return hdus[0].header.get("NAXIS") == 2 and has(hdus, "ERROR")


def read_rss(hdus: fits.HDUList, options: Options) -> Spectra:
    """Row-stacked spectra: PRIMARY (n, p), ERROR, BADPIX; rows named by SPECID (as :func:`write_rss`) or POSTABLE."""
    path = options.path
    header = hdus[0].header
    flux = native_float(image(path, hdus, hdus[0].name))
    check_error_unit(options, hdus)
    error = native_float(image(path, hdus, "ERROR", flux.shape))
    n, p = flux.shape
    if has(hdus, "WAVE"):
        wave = np.asarray(image(path, hdus, "WAVE", (p,)), dtype=float)
    else:
        wave = wavelength_axis(path, header, 1, p)
    name, setup_fwhm = setup_of(wave)
    medium, assumed = medium_of(options, header, 1, name)
    fwhm: float | Floats
    assumed_fwhm: list[str]
    if has(hdus, "FWHM"):
        fwhm, assumed_fwhm = np.asarray(image(path, hdus, "FWHM", (p,)), dtype=float), []
    elif header_text(header, "CREATOR") and "SPECRES" not in header:
        fwhm, assumed_fwhm = float("nan"), []  # our own file of spectra of unknown resolution
    else:
        fwhm, assumed_fwhm = fwhm_of(header, setup_fwhm)
    rows, redshift, flags = _rss_rows(hdus, options, n)
    return assemble(
        options,
        wave_angstrom=wave,
        flux=flux,
        error=error,
        bad=bad_pixels(options, hdus, error),
        rows=rows,
        medium=medium,
        unit=flux_unit_of(path, flux_unit_text(options, header), default=CALIFA_FLUX_UNIT, per_angstrom_implied=True),
        redshift=redshift,
        fwhm_angstrom=fwhm,
        assumed=assumed + assumed_fwhm,
        flags=flags,
        meta={"format": "rss", "survey": header_text(header, "SURVEY") or "CALIFA", "setup": name},
    )


RSS = Format(
    "rss", "row-stacked spectra in CALIFA's layout, as the mock survey writes: PRIMARY (n, p), ERROR, BADPIX", is_rss,
    read_rss,
)  # fmt: skip


def _rss_rows(
    hdus: fits.HDUList, options: Options, n: int
) -> tuple[Rows, float | NDArray[np.float64], NDArray[np.int32] | None]:
    """Rows, redshift and flags from SPECID, else rows from POSTABLE, else numbered rows."""
    path, header = options.path, hdus[0].header
    galaxy, redshift = galaxy_name(path, header), header_redshift(header)
    table = next((hdus[name].data for name in ("SPECID", "POSTABLE", "POSTAB") if has(hdus, name)), None)
    if table is None:
        if str(header.get("CREATOR", "")).startswith("agez"):
            raise AgezError(f"{path}: its table SPECID is missing; the file was cut short: make or copy it again")
        return one_galaxy_rows([str(i) for i in range(n)], galaxy), redshift, None
    if len(table) != n:
        raise AgezError(f"{path}: its table of positions has {len(table)} rows but there are {n} spectra")
    names = {name.lower(): name for name in table.names}

    def column(*choices: str) -> NDArray[Any] | None:
        found = next((names[choice] for choice in choices if choice in names), None)
        return None if found is None else np.asarray(table[found])

    def position(*choices: str) -> NDArray[Any] | None:
        values, name = column(*choices), next((names[choice] for choice in choices if choice in names), "")
        factor = angle_factor(str(table.columns[name].unit or "") if name else "")
        return None if values is None or factor is None else values * factor  # pixels are no angle: not known

    x = position("x", "xpos", "x_position", "arc_position_x", "xoffset")
    y = position("y", "ypos", "y_position", "arc_position_y", "yoffset")
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
            f"{path}: fluxes in {spectra.flux_unit!r} do not fit the file (float32, errors below 1e7); "
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
