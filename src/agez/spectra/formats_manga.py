"""MaNGA's files: LOGCUBE (and LINCUBE), LOGRSS, and stacks of spectra with the same extensions.

Data model: Law et al. 2016, AJ 152, 83; SDSS data release 17.  Wavelengths are in vacuum, fluxes in
1e-17 erg/s/cm2/Angstrom (per spaxel or fibre), resolution R in SPECRES.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from agez.errors import AgezError
from agez.spectra.formats_bins import one_row_per_bin
from agez.spectra.formats_califa import cube_rows, spaxels_with_data
from agez.spectra.formats_common import (
    FWHM_PER_SIGMA,
    Format,
    Options,
    assemble,
    error_from_ivar,
    fwhm_from_resolving_power,
    galaxy_name,
    header_medium,
    header_redshift,
    header_text,
    native_float,
    one_galaxy_rows,
)
from agez.spectra.formats_fits import has, image, object_position
from agez.spectral_units import flux_unit_of
from agez.types import Floats, Medium, Spectra

MANGA_FLUX_UNIT = "1e-17 erg / (s cm2 Angstrom)"
#: Bits of MANGA_DRP3PIXMASK (cubes): no coverage, low coverage, dead fibre, foreground star, do not use.
CUBE_BAD_BITS = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 3 | 1 << 10
#: Bits of MANGA_DAPSPECMASK (cubes of the data analysis pipeline): ignored, foreground star, flux or inverse variance
#: not valid, artefact; the others are of its fits.
DAP_BAD_BITS = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4
#: Bits of MANGA_DRP2PIXMASK (row-stacked spectra): unplugged, bad trace, bad flat, bad arc, dead fibre, fully
#: rejected, no sky, no data, bad flux factor, rejected when the cube was made.
RSS_BAD_BITS = sum(1 << bit for bit in (0, 1, 2, 3, 13, 19, 23, 25, 27, 30))


def _has_axes(hdus: fits.HDUList, n_axes: int) -> bool:
    """Whether the extensions are MaNGA's, with a flux of so many axes."""
    if not has(hdus, "FLUX", "WAVE") or not (has(hdus, "IVAR") or has(hdus, "MASK")):
        return False
    return bool(hdus["FLUX"].header.get("NAXIS") == n_axes)


def _is_rows(hdus: fits.HDUList) -> bool:
    return _has_axes(hdus, 2)


def _wave(hdus: fits.HDUList, options: Options, n_pixels: int) -> Floats:
    return np.asarray(image(options.path, hdus, "WAVE", (n_pixels,)), dtype=float)


def _name(hdus: fits.HDUList, options: Options) -> str:
    for header in (hdus[0].header, hdus["FLUX"].header):
        word = header_text(header, "PLATEIFU", "OBJECT", "MANGAID")
        if word:
            return word
    return galaxy_name(options.path, {})


def _unit_text(hdus: fits.HDUList, options: Options) -> str | None:
    return options.flux_unit or header_text(hdus["FLUX"].header, "BUNIT")


def _redshift(hdus: fits.HDUList) -> float:
    z = header_redshift(hdus[0].header)
    return z if np.isfinite(z) else header_redshift(hdus["FLUX"].header)


def _fwhm(hdus: fits.HDUList, wave: Floats) -> Floats:
    """FWHM [Angstrom]: lambda / R from SPECRES (or SRES of each spectrum), else from a cube of sigma.

    LSFPOST counts the pixel; the DAP's LSF does not, so it is added.
    """
    for name in ("SPECRES", "SRES"):
        if has(hdus, name):
            power = np.asarray(hdus[name].data, dtype=float).reshape(-1, len(wave))
            return fwhm_from_resolving_power(wave, _median_of_positive(power))
    for name, pixel in (("LSFPOST", 0.0), ("LSF", np.gradient(wave) / np.sqrt(12.0))):
        if has(hdus, name):
            sigma = np.asarray(hdus[name].data, dtype=float)
            sigma = sigma.reshape(len(wave), -1).T if sigma.ndim == 3 else sigma.reshape(-1, len(wave))
            with np.errstate(divide="ignore", invalid="ignore"):
                whole = np.hypot(_median_of_positive(sigma), pixel)
                return fwhm_from_resolving_power(wave, wave / (FWHM_PER_SIGMA * whole))
    return np.full(len(wave), np.nan)


def _median_of_positive(values: Floats) -> Floats:
    """Median over rows of what is positive; NaN where nothing is."""
    good = np.where(np.isfinite(values) & (values > 0), values, np.nan)
    some = ~np.isnan(good).all(axis=0)
    median = np.full(values.shape[1], np.nan)
    median[some] = np.nanmedian(good[:, some], axis=0)
    return median


def _error_and_bad(
    hdus: fits.HDUList, options: Options, shape: tuple[int, ...], bad_bits: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Error and bad pixels in the shape of the flux."""
    error, bad = error_from_ivar(native_float(image(options.path, hdus, "IVAR", shape)))
    if has(hdus, "MASK"):
        mask = image(options.path, hdus, "MASK", shape)
        if mask.dtype.kind not in "iub":
            raise AgezError(f"{options.path}: extension MASK holds {mask.dtype} values; expected integers")
        bad |= (mask.astype(np.int64) & bad_bits) != 0
    return error, bad


def _medium(hdus: fits.HDUList, options: Options) -> Medium:
    """Of the wavelengths: MaNGA's are in vacuum, other files in its layout may say otherwise."""
    flux = hdus["FLUX"].header
    axis = 3 if flux.get("NAXIS") == 3 else 1
    return options.medium or header_medium(hdus[0].header) or header_medium(flux, axis) or "vacuum"


def read_cube(hdus: fits.HDUList, options: Options) -> Spectra:
    """Spaxels of a MaNGA cube that hold data; ``meta`` as for CALIFA cubes.

    Offsets are from the object's position (OBJRA, OBJDEC) where the header gives it, otherwise from the reference
    pixel.  MaNGA cubes carry no redshift: give it.  Of a cube of the data analysis pipeline (DAP), which repeats the
    spectrum of a bin in its spaxels, each bin is a row (:mod:`agez.spectra.formats_bins`).
    """
    path = options.path
    header = hdus["FLUX"].header
    cube = image(path, hdus, "FLUX")
    n_wave, ny, nx = cube.shape
    wave = _wave(hdus, options, n_wave)
    bad_bits = DAP_BAD_BITS if has(hdus, "BINID") else CUBE_BAD_BITS
    error, bad = _error_and_bad(hdus, options, cube.shape, bad_bits)

    def rows_first(values: NDArray[Any]) -> NDArray[Any]:
        return np.ascontiguousarray(values.reshape(n_wave, -1).T)

    flux, error, bad = rows_first(native_float(cube)), rows_first(error), rows_first(bad)
    keep = spaxels_with_data(path, flux, bad)
    centre = object_position(hdus[0].header, hdus["FLUX"].header)
    rows, of_cube = cube_rows(path, header, keep, (ny, nx), _name(hdus, options), centre)
    spectra = assemble(
        options,
        wave_angstrom=wave,
        flux=flux[keep],
        error=error[keep],
        bad=bad[keep],
        rows=rows,
        medium=_medium(hdus, options),
        unit=flux_unit_of(path, _unit_text(hdus, options), default=MANGA_FLUX_UNIT),
        redshift=_redshift(hdus),
        fwhm_angstrom=_fwhm(hdus, wave),
        meta={"format": "manga-cube", "survey": "MaNGA", **of_cube},
    )
    return one_row_per_bin(path, hdus, spectra)


def read_rows(hdus: fits.HDUList, options: Options) -> Spectra:
    """A MaNGA LOGRSS (fibres, positions from XPOS and YPOS at the middle wavelength) or a stack of spectra.

    A stack has FLUX, IVAR, MASK (n, p), WAVE (p), and may have SRES (n, p) and the redshifts Z (n).
    """
    path = options.path
    raw = image(path, hdus, "FLUX")
    n, p = raw.shape
    wave = _wave(hdus, options, p)
    is_rss = has(hdus, "XPOS", "YPOS")
    error, bad = _error_and_bad(hdus, options, raw.shape, RSS_BAD_BITS if is_rss else CUBE_BAD_BITS)
    x = y = None
    if is_rss:  # XPOS grows from east to west, as our x does
        x, y = (np.asarray(image(path, hdus, name, raw.shape)[:, p // 2], dtype=float) for name in ("XPOS", "YPOS"))
    redshift: float | Floats = _redshift(hdus)
    if has(hdus, "Z"):
        redshift = np.asarray(image(path, hdus, "Z", (n,)), dtype=float)
    return assemble(
        options,
        wave_angstrom=wave,
        flux=native_float(raw),
        error=error,
        bad=np.asarray(bad, dtype=bool),
        rows=one_galaxy_rows([str(i) for i in range(n)], _name(hdus, options), x, y),
        medium=_medium(hdus, options),
        unit=flux_unit_of(path, _unit_text(hdus, options), default=MANGA_FLUX_UNIT),
        redshift=redshift,
        fwhm_angstrom=_fwhm(hdus, wave),
        meta={"format": "manga-rss" if is_rss else "manga-stack", "survey": "MaNGA"},
    )


MANGA = (
    Format("manga-cube", "MaNGA LOGCUBE or LINCUBE: FLUX, IVAR, MASK, WAVE", partial(_has_axes, n_axes=3), read_cube),
    Format(
        "manga-rss", "MaNGA LOGRSS: FLUX, IVAR, MASK, WAVE, XPOS, YPOS",
        lambda hdus: _is_rows(hdus) and has(hdus, "XPOS"), read_rows, also_reads=_is_rows,
    ),
    Format(
        "manga-stack", "rows of MaNGA spectra: FLUX, IVAR, MASK (n, p), WAVE, SRES, Z", _is_rows, read_rows,
        also_reads=_is_rows,
    ),
)  # fmt: skip
