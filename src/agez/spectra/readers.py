"""Reading spectra of any known format: what kind of file it is, is found from its content."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from astropy.io import fits

from agez.arguments import LARGEST_REDSHIFT, LEAST_REDSHIFT, number_in, takes
from agez.errors import AgezError
from agez.hints import velocity_hint
from agez.runtime.files import check_input
from agez.spectra.flux_error_layout import layout_of
from agez.spectra.formats import SPECUTILS, format_names, known_formats
from agez.spectra.formats_axes import has_wavelength_axis
from agez.spectra.formats_califa import cube_pixels
from agez.spectra.formats_common import Options
from agez.spectra.formats_fits import open_fits, read_content, start_of
from agez.spectra.formats_rss import write_rss
from agez.spectra.formats_specutils import read_with_specutils
from agez.spectra.formats_tables import table_hdu_of
from agez.spectral_units import flux_unit_of
from agez.types import Medium, Spectra

__all__ = ["cube_pixels", "read_spectra", "write_rss"]


@takes(path="path")
def read_spectra(
    path: str | os.PathLike[str],
    *,
    format: str | None = None,
    redshift: float | None = None,
    medium: Medium | None = None,
    flux_unit: str | None = None,
) -> Spectra:
    """Spectra of a file; ``.gz`` and ``.bz2`` are opened as they are.

    Parameters
    ----------
    path : path
    format : str, optional
        One of :func:`agez.spectra.formats.format_names`; found from the content if not given.
    redshift : float, optional
        Of all spectra, in place of what the file says.
    medium : 'air' or 'vacuum', optional
        Of the wavelengths, in place of what the file says.
    flux_unit : str, optional
        Unit of the fluxes in the file (and of their errors), in place of what the file says; f_lambda or f_nu.

    Returns
    -------
    Spectra
        Observed frame, f_lambda.  Where ``mask`` is False, flux is finite and flux_err positive; where it is True
        they are 0 and 1.  ``flags`` tell of pixels left out.  ``redshift`` is NaN where neither the file nor the
        caller gives it.  ``meta``: ``source``, ``format``, ``survey``; ``assumed``, the names of what the file does
        not say and its format's definition fills in (``medium``, ``flux_unit``, ``fwhm``, ``wave_unit``); and for
        cubes ``cube_shape``, ``pixel_y``, ``pixel_x``, ``wcs``.

    Raises
    ------
    AgezError
        No such file, truncated or damaged, not spectra, no errors, not a flux density, wavelengths that do not
        increase, or an unknown option: always one line with the file and the remedy.

    Examples
    --------
    >>> import numpy as np
    >>> import agez
    >>> from astropy.table import Table
    >>> wave = np.arange(3800.0, 7000.0)
    >>> table = Table({"wave": wave, "flux": np.ones(3200), "flux_err": np.full(3200, 0.02)})
    >>> table.write("galaxy.ecsv")
    >>> spectra = agez.read_spectra("galaxy.ecsv", redshift=0.01, medium="air")
    >>> spectra.flux.shape, spectra.medium
    ((1, 3200), 'air')
    """
    redshift = number_in(redshift, "redshift", name="agez.read_spectra: redshift", optional=True)
    path = check_input(path)
    _check_options(path, format, redshift, medium, flux_unit)
    options = Options(path, redshift, medium, flux_unit)
    if format == SPECUTILS:
        return _with_specutils(options, required=True)
    content = read_content(path)
    if content is None:
        with path.open("rb") as file:
            start = file.read(4096)
    else:
        start = content[:4096]
    spectra, remark = None, ""
    if start.startswith(b"SIMPLE"):
        with open_fits(path, content) as hdus:
            spectra = _read_as(hdus, "FITS", format, options)
            remark = "" if spectra is not None else _missing_part(hdus)
    else:
        text = None if b"\0" in start else _decoded(path.read_bytes() if content is None else content)
        spectra = _read_as(text, "text", format, options)
    return _with_specutils(options, remark=remark) if spectra is None else spectra


def _read_as(content: Any, kind: Literal["FITS", "text"], name: str | None, options: Options) -> Spectra | None:
    """Spectra of an open FITS file or a text, in the named format or that which matches; None where none does."""
    records = [one for one in known_formats() if one.content == kind]
    found = next((one for one in records if content is not None and one.matches(content)), None)
    wanted = found if name is None else next((one for one in records if one.name == name), None)
    if wanted is None and name is not None:
        raise AgezError(
            f"{options.path} is {'not ' if kind == 'text' else ''}a FITS file, so it cannot be {name!r}; check the "
            "file, or leave the format out"
        )
    if wanted is None or content is None:
        return None
    if wanted is found or wanted.also_reads(content):
        return wanted.read(content, options)
    raise AgezError(
        f"{options.path} is not in format {name!r} ({wanted.description}); "
        + (f"it looks like {found.name!r}" if found else _missing_part(content) or "its format is unknown")
    )


def _check_options(
    path: Path, format: str | None, redshift: float | None, medium: str | None, flux_unit: str | None
) -> None:
    if format is not None and format not in format_names():
        raise AgezError(f"unknown spectrum format {format!r}; choose one of {', '.join(format_names())}")
    if medium not in (None, "air", "vacuum"):
        raise AgezError(f"medium is {medium!r}; expected 'air' or 'vacuum'")
    if redshift is not None and not LEAST_REDSHIFT <= redshift <= LARGEST_REDSHIFT:
        raise AgezError(
            f"redshift is {redshift!r}; expected a number of {LEAST_REDSHIFT:g} to {LARGEST_REDSHIFT:g}"
            f"{velocity_hint(redshift)}"
        )
    if flux_unit is not None:
        flux_unit_of(path, flux_unit, default=None)


def _missing_part(hdus: fits.HDUList) -> str:
    """What keeps a FITS file from being one of our formats, if it nearly is one."""
    images = [hdu for hdu in hdus if hdu.is_image and hdu.header.get("NAXIS", 0) in (1, 2, 3)]
    layout, table = layout_of(hdus), table_hdu_of(hdus)
    if layout is not None:
        axis, name = layout.axis, layout.flux.name or "PRIMARY"
        return (
            f"it has a flux in {name} with errors in {layout.error.name}, but no wavelengths: correct the header of "
            f"{name} (CTYPE{axis}, CUNIT{axis}, CRVAL{axis}, CDELT{axis} or CD{axis}_{axis}), or add an extension WAVE"
        )
    if images:
        sizes = [" x ".join(str(hdu.header[f"NAXIS{i}"]) for i in range(1, hdu.header["NAXIS"] + 1)) for hdu in images]
        each = ", ".join(f"{hdu.name or 'PRIMARY'} ({size})" for hdu, size in zip(images, sizes, strict=True))
        return (
            f"it has images {each}, but no extension of errors in the shape of the flux: rename yours to ERROR (STAT, "
            "VARIANCE, UNCERT, IVAR), or put ERRDATA = 'NAME' into the flux's header"
        )
    if table is not None:
        columns = ", ".join(table.columns.names[:12])
        return (
            f"no wavelength and flux among the columns of its table ({columns}); rename them wavelength, flux, flux_err"
        )
    return ""


def is_spectra_file(path: Path) -> bool:
    """Whether one of many files in a folder holds spectra in a known format, by its headers or its first lines.

    A FITS file that cannot be opened counts, too: whoever reads it says what is wrong.
    """
    try:
        start = start_of(path, 65536)
        if not start.startswith(b"SIMPLE"):
            text = None if b"\0" in start else _decoded(start.rpartition(b"\n")[0])
            return text is not None and any(
                one.is_one_of_many(text) for one in known_formats() if one.content == "text"
            )
        with open_fits(path, read_content(path)) as hdus:
            known = any(one.is_one_of_many(hdus) for one in known_formats() if one.content == "FITS")
            return known or _is_cube_alone(hdus)
    except AgezError:
        return True


def _is_cube_alone(hdus: fits.HDUList) -> bool:
    """Whether it begins with a cube along wavelength: whoever reads it says what it lacks."""
    cubes = [hdu for hdu in hdus[:2] if hdu.is_image and hdu.header.get("NAXIS") == 3]
    return any(has_wavelength_axis(hdu.header, 3) for hdu in cubes)


def _with_specutils(options: Options, *, required: bool = False, remark: str = "") -> Spectra:
    spectra, why = read_with_specutils(options)
    if spectra is not None:
        return spectra
    if required:
        raise AgezError(f"{options.path}: {why}")
    known = f"known formats: {', '.join(format_names())}"
    raise AgezError(f"{options.path} is not a known kind of spectra: {remark or known}")


def _decoded(content: bytes) -> str | None:
    """Text, or None if the bytes are not UTF-8."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text
