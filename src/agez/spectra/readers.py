"""Reading spectra of any known format: what kind of file it is, is found from its content."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

import numpy as np
from astropy.io import fits

from agez.arguments import number_in, takes
from agez.errors import AgezError
from agez.runtime.files import check_input
from agez.spectra.formats import SPECUTILS, format_names, known_formats
from agez.spectra.formats_califa import cube_pixels
from agez.spectra.formats_common import Options
from agez.spectra.formats_fits import open_fits, read_content
from agez.spectra.formats_rss import write_rss
from agez.spectra.formats_specutils import read_with_specutils
from agez.spectra.formats_tables import table_hdu_of
from agez.spectra.formats_units import flux_unit_of
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
    if redshift is not None and not (np.isfinite(redshift) and -0.02 < redshift < 20.0):
        raise AgezError(f"redshift is {redshift!r}; expected a number between -0.02 and 20")
    if flux_unit is not None:
        flux_unit_of(path, flux_unit, default=None)


#: Extensions for errors that other programs write beside the flux, and what is to be done with them.
_ERRORS_ELSEWHERE = {
    **dict.fromkeys(("STAT", "VAR", "VARIANCE"), "the square root of {}, which holds variances"),
    **dict.fromkeys(("UNCERT", "ERR", "ERROR", "ERRORS", "STD", "STDDEV", "SIGMA", "NOISE", "RMS"), "{}"),
    **dict.fromkeys(("IVAR", "INVVAR"), "1 / sqrt({}), which holds inverse variances"),
}
_FLUX_ELSEWHERE = ("DATA", "SCI", "FLUX", "SIGNAL", "SPECTRUM", "SPECTRA")
_MASKS_ELSEWHERE = ("MASK", "DQ", "BADPIX", "FLAGS", "QUALITY")


def _missing_part(hdus: fits.HDUList) -> str:
    """What keeps a FITS file from being one of our formats, if it nearly is one."""
    images = {hdu.name or "PRIMARY": hdu for hdu in hdus if hdu.is_image and hdu.header.get("NAXIS", 0) > 0}
    first = hdus[0].name or "PRIMARY"
    flux = next((name for name in (*_FLUX_ELSEWHERE, first) if name in images), None)
    table = table_hdu_of(hdus)
    if flux is not None and images[flux].header["NAXIS"] in (1, 2, 3):
        shape = [images[flux].header[f"NAXIS{axis}"] for axis in range(1, images[flux].header["NAXIS"] + 1)]
        said = f"it has images {', '.join(images)}: {' x '.join(map(str, shape))} pixels in {flux}"
        errors = next((name for name in _ERRORS_ELSEWHERE if name in images and name != flux), None)
        if errors is None:
            return f"{said}, but no ERROR extension (or IVAR), so no errors; the file may have been cut short"
        if flux == "FLUX" and errors in ("IVAR", "INVVAR"):
            return f"{said}, but no WAVE extension, so no wavelengths; the file may have been cut short"
        if len(shape) == 1:
            return f"{said} with errors in {errors}; write a table with columns wavelength, flux, flux_err"
        mask = next((name for name in _MASKS_ELSEWHERE if name in images), None)
        return (
            f"{said} with errors in {errors}, a layout that is not read; write {flux} as the primary image with its "
            f"header, beside it an extension ERROR (1 sigma) from {_ERRORS_ELSEWHERE[errors].format(errors)}"
            + (f", and BADPIX (not 0 = bad) from {mask}" if mask else "")
        )
    if table is not None:
        columns = ", ".join(table.columns.names[:12])
        return (
            f"no wavelength and flux among the columns of its table ({columns}); rename them wavelength, flux, flux_err"
        )
    return ""


def _with_specutils(options: Options, *, required: bool = False, remark: str = "") -> Spectra:
    spectra = read_with_specutils(options)
    if spectra is not None:
        return spectra
    if required:
        raise AgezError(f"{options.path}: specutils is not installed, or cannot read it")
    known = f"known formats: {', '.join(format_names())}"
    raise AgezError(f"{options.path} is not a known kind of spectra: {remark or known}")


def _decoded(content: bytes) -> str | None:
    """Text, or None if the bytes are not UTF-8."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text
