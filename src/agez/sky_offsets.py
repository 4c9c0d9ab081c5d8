"""Where pixels lie on the sky: the celestial WCS of a header, and offsets in arcsec to the west and to the north."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from agez.errors import AgezError
from agez.types import Floats

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord
    from astropy.wcs import WCS


def celestial_wcs(header: Mapping[str, Any], source: Path | str) -> WCS:
    """The WCS of the two sky axes of an image or of a cube.

    Parameters
    ----------
    header : header or mapping
        FITS keywords.
    source : path or str
        For messages.

    Raises
    ------
    AgezError
        If the header has no celestial axes, or its WCS cannot be understood.
    """
    from astropy.io import fits
    from astropy.wcs import WCS

    with warnings.catch_warnings(action="ignore"):  # of keywords that astropy corrects
        try:
            wcs = WCS(header if isinstance(header, fits.Header) else fits.Header(dict(header))).celestial
        except Exception as error:  # wcslib has an exception of its own for each way in which a header is wrong
            reason = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
            raise AgezError(f"{source}: its WCS cannot be understood: {reason}; correct the header") from error
    if wcs.naxis != 2 or not wcs.has_celestial:
        raise AgezError(f"{source}: no celestial WCS in its header (CTYPE1, CRVAL1, ...); solve the astrometry first")
    return wcs


def sky_positions(wcs: WCS, x_pixel: ArrayLike, y_pixel: ArrayLike) -> SkyCoord:
    """ICRS positions of pixels, counted from 0; of axes in equatorial, galactic, ecliptic or supergalactic coordinates.

    Raises
    ------
    AgezError
        For axes of another system.
    """
    from astropy.coordinates import SkyCoord

    longitude, latitude = wcs.all_pix2world(np.asarray(x_pixel, dtype=float), np.asarray(y_pixel, dtype=float), 0)
    if wcs.wcs.lng == 1:  # the axes stand in the other order
        longitude, latitude = latitude, longitude
    return SkyCoord(longitude, latitude, unit="deg", frame=_frame_of(wcs)).icrs


def pixels_of_sky(wcs: WCS, positions: SkyCoord) -> tuple[Floats, Floats]:
    """Pixels (x, y), counted from 0, of places on the sky: the inverse of :func:`sky_positions`; NaN where none is."""
    there = positions.transform_to(_frame_of(wcs)).spherical
    world = [np.atleast_1d(there.lon.deg), np.atleast_1d(there.lat.deg)]
    if wcs.wcs.lng == 1:
        world.reverse()
    x, y = (np.asarray(one, dtype=float) for one in wcs.all_world2pix(*world, 0, quiet=True))
    return x.reshape(positions.shape), y.reshape(positions.shape)


def _frame_of(wcs: WCS) -> Any:
    """Astropy's frame of the celestial axes; AgezError for a system that is not known."""
    from astropy.coordinates import BarycentricMeanEcliptic, Supergalactic
    from astropy.wcs.utils import wcs_to_celestial_frame

    kind = str(wcs.wcs.lngtyp).strip().rstrip("-")
    try:
        if kind == "ELON":  # astropy takes these for right ascensions
            return BarycentricMeanEcliptic()
        if kind == "SLON":
            return Supergalactic()
        if kind in ("RA", "GLON"):
            return wcs_to_celestial_frame(wcs)
    except ValueError:
        pass
    raise AgezError(
        f"the sky axes are {', '.join(wcs.wcs.ctype)} (RADESYS {wcs.wcs.radesys or 'not given'}), which are not "
        "known; write the WCS in right ascension and declination"
    )


def sky_offsets(
    wcs: WCS, x_pixel: ArrayLike, y_pixel: ArrayLike, reference: SkyCoord | None = None
) -> tuple[Floats, Floats]:
    """Offsets of pixels from a position: x to the west, y to the north (ICRS).

    Parameters
    ----------
    wcs : astropy.wcs.WCS
        Of two celestial axes, as :func:`celestial_wcs` gives it; any projection, rotation, unit and frame.
    x_pixel, y_pixel : array
        Pixels, counted from 0.
    reference : SkyCoord, optional
        Where the offsets are 0; the reference pixel (CRPIX) if not given.

    Returns
    -------
    x, y : float arrays [arcsec]
        Spherical offsets: longitude and latitude in a system whose origin is the reference and whose pole lies
        to the north.  NaN where a pixel is not on the sky.
    """
    if reference is None:
        reference = sky_positions(wcs, *(np.asarray(wcs.wcs.crpix, dtype=float) - 1.0))
    origin, there = reference.icrs, sky_positions(wcs, x_pixel, y_pixel)
    # a rotation that brings the origin to the x axis; by vectors, since arcsines lose digits near a right angle
    turn, height = there.ra.rad - origin.ra.rad, there.dec.rad
    tilt = origin.dec.rad
    x, y, z = np.cos(height) * np.cos(turn), np.cos(height) * np.sin(turn), np.sin(height)
    along, up = np.cos(tilt) * x + np.sin(tilt) * z, np.cos(tilt) * z - np.sin(tilt) * x
    east, north = np.arctan2(y, along), np.arctan2(up, np.hypot(along, y))
    return -np.asarray(np.degrees(east) * 3600.0), np.asarray(np.degrees(north) * 3600.0)
