"""Masks of foreground stars that a user gives for a cube: an image, or a list of circles."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import Table

from agez.errors import AgezError
from agez.runtime.files import check_input
from agez.sky_offsets import celestial_wcs, sky_positions
from agez.spectra.formats_fits import has_sky_axes
from agez.spectra.spaxels import spaxel_pixels
from agez.tables.table_columns import angle_column, has_columns
from agez.tables.table_files import open_fits, read_table
from agez.types import Bools, Floats, Spectra

_FORMS = "a FITS image of the cube's spaxels (not 0 = masked), or a table with columns x, y (or ra, dec) and radius"


def read_star_mask(path: str | os.PathLike[str], spectra: Spectra) -> Bools:
    """Which spaxels of a cube a file masks.

    Parameters
    ----------
    path : path
        A FITS image of shape (ny, nx): masked where it is not 0, or NaN.  Or a table (FITS, ECSV, CSV, Parquet) of
        circles: ``radius`` [arcsec] with either ``x``, ``y`` [arcsec: offsets as in the spectra's rows, x to the west,
        y to the north] or ``ra``, ``dec`` [degree, ICRS].
    spectra : Spectra
        Spaxels of the cube.

    Returns
    -------
    (n,) bool
        True for the rows whose spaxel (its centre) is masked.

    Raises
    ------
    AgezError
        Neither image nor table, an image of another shape, columns missing or not numbers, radii that are not
        positive, or sky positions for a cube without WCS.
    """
    path = check_input(path)
    y, x, shape = spaxel_pixels(spectra)
    image = _image_in(path)
    if image is not None:
        if image.shape != shape:
            raise AgezError(
                f"{path}: the star mask has shape {image.shape}; {spectra.source} has {shape[0]} x {shape[1]} spaxels"
            )
        return np.asarray(image[y, x] != 0)
    return _in_circles(read_table(path, likeness=has_columns("radius")), path, spectra)


def _image_in(path: Path) -> Any:
    """The first image of a FITS file; None if the file is not FITS, or holds tables only."""
    with path.open("rb") as file:
        start = file.read(6)
    if start != b"SIMPLE" and not (start[:2] == b"\x1f\x8b" and ".fit" in path.name.lower()):
        return None
    with open_fits(path) as hdus:
        for hdu in hdus:
            if hdu.is_image and hdu.header.get("NAXIS", 0) > 0 and hdu.data is not None:
                return np.asarray(hdu.data)
        if not any(isinstance(hdu, fits.BinTableHDU | fits.TableHDU) for hdu in hdus):
            raise AgezError(f"{path} holds neither image nor table; a star mask is {_FORMS}")
    return None


def _in_circles(table: Table, path: Path, spectra: Spectra) -> Bools:
    table = table.copy(copy_data=False)
    table.rename_columns(table.colnames, [name.strip().lower() for name in table.colnames])
    on_sky = {"ra", "dec"} <= set(table.colnames) and not {"x", "y"} <= set(table.colnames)
    names = ("ra", "dec", "radius") if on_sky else ("x", "y", "radius")
    missing = [name for name in names if name not in table.colnames]
    if missing:
        raise AgezError(f"{path}: column(s) {', '.join(missing)} missing; a star mask is {_FORMS}")
    first, second, radius = (
        angle_column(table, name, source=str(path), unit="deg" if name in ("ra", "dec") else "arcsec") for name in names
    )
    bad = ~(np.isfinite(first) & np.isfinite(second) & np.isfinite(radius) & (radius > 0))
    if bad.any():
        raise AgezError(
            f"{path}: row {int(np.argmax(bad)) + 1} has {names[0]}, {names[1]}, radius of "
            f"{first[bad][0]:g}, {second[bad][0]:g}, {radius[bad][0]:g}; expected numbers, and a radius above 0 arcsec"
        )
    if on_sky:
        return _in_sky_circles(spectra, first, second, radius)
    distance = np.hypot(spectra.rows.x - first[:, None], spectra.rows.y - second[:, None])
    return np.asarray((distance <= radius[:, None]).any(axis=0))


def _in_sky_circles(spectra: Spectra, ra: Floats, dec: Floats, radius: Floats) -> Bools:
    """Spaxels whose centre lies within ``radius`` [arcsec] of one of some ICRS positions [degree]."""
    from astropy.coordinates import SkyCoord

    words = spectra.meta.get("wcs") or {}
    if not has_sky_axes(words):
        raise AgezError(
            f"{spectra.source}: its header has no celestial axes, so stars cannot be placed by ra and dec; "
            "give the star mask's circles as x, y, radius [arcsec], or an image"
        )
    y, x, _ = spaxel_pixels(spectra)
    spaxels = sky_positions(celestial_wcs(words, spectra.source), x, y)
    masked = np.zeros(len(spectra), dtype=bool)
    for star, size in zip(SkyCoord(ra, dec, unit="deg"), radius, strict=True):
        masked |= np.asarray(star.separation(spaxels).arcsec <= size)
    return masked
