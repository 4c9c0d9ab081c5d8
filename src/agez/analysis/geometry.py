"""Where a spaxel lies in the plane of its galaxy: the one place where radii are deprojected."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from agez.arguments import number_in
from agez.errors import AgezError
from agez.types import Floats


def disc_coordinates(
    x_arcsec: ArrayLike, y_arcsec: ArrayLike, *, inclination_deg: ArrayLike, pa_deg: ArrayLike
) -> tuple[Floats, Floats]:
    """Offsets in the plane of a thin inclined disc, along its major and (deprojected) minor axis.

    Parameters
    ----------
    x_arcsec, y_arcsec : (...) array
        Offsets from the centre [arcsec]: x grows to the west, y to the north.
    inclination_deg : float or array
        0 for face-on, below 90 [degree].  The thickness of the disc is ignored: the ratio of
        the axes on the sky is cos(inclination).
    pa_deg : float or array
        Position angle of the major axis, from north through east [degree].

    Returns
    -------
    major, minor : (...) float arrays [arcsec]
        ``major`` grows towards the position angle.

    Raises
    ------
    AgezError
        For an inclination outside 0 <= i < 90 degrees.
    """
    inclination = np.asarray(number_in(inclination_deg, "deg", name="inclination_deg"), dtype=float)
    if np.any((inclination < 0) | (inclination >= 90)):
        bad = inclination[(inclination < 0) | (inclination >= 90)].flat[0]
        raise AgezError(f"inclination {bad:g} degrees: expected 0 (face-on) to below 90; give that of a thin disc")
    x = np.asarray(number_in(x_arcsec, "arcsec", name="x_arcsec"), dtype=float)
    y = np.asarray(number_in(y_arcsec, "arcsec", name="y_arcsec"), dtype=float)
    east, north = -x, y
    pa = np.radians(np.asarray(number_in(pa_deg, "deg", name="pa_deg"), dtype=float))
    major = east * np.sin(pa) + north * np.cos(pa)
    minor = (east * np.cos(pa) - north * np.sin(pa)) / np.cos(np.radians(inclination))
    return np.asarray(major), np.asarray(minor)


def sky_coordinates(
    major: ArrayLike, minor: ArrayLike, *, inclination_deg: ArrayLike, pa_deg: ArrayLike
) -> tuple[Floats, Floats]:
    """Sky offsets x (west), y (north) of points in the plane of the disc: the inverse of :func:`disc_coordinates`."""
    along = np.asarray(major, dtype=float)
    across = np.asarray(minor, dtype=float) * np.cos(np.radians(np.asarray(inclination_deg, dtype=float)))
    pa = np.radians(np.asarray(pa_deg, dtype=float))
    east = along * np.sin(pa) + across * np.cos(pa)
    north = along * np.cos(pa) - across * np.sin(pa)
    return np.asarray(-east), np.asarray(north)


def azimuth_deg(major: Floats, minor: Floats) -> Floats:
    """Angle in the plane of the disc from the major axis [degree], 0 to below 360."""
    azimuth = np.degrees(np.arctan2(minor, major)) % 360.0
    return np.asarray(np.where(azimuth < 360.0, azimuth, 0.0))  # of a hair below 0 the rest of a division is 360


def face_on_radius(
    x_arcsec: ArrayLike,
    y_arcsec: ArrayLike,
    *,
    inclination_deg: ArrayLike,
    pa_deg: ArrayLike,
    re_arcsec: ArrayLike,
) -> Floats:
    """Galactocentric radius as seen face-on, in units of the effective radius.

    ``R = sqrt(major**2 + (minor / cos i)**2) / Re``, with Re measured along the major axis.  Parameters as in
    :func:`disc_coordinates`; ``re_arcsec`` [arcsec] must be positive.  NaN wherever a position or the geometry is NaN.
    AgezError for an inclination outside 0 <= i < 90 degrees or an effective radius that is not positive.

    Examples
    --------
    >>> import agez
    >>> from astropy import units as u
    >>> disc = dict(inclination_deg=60 * u.deg, pa_deg=0.0, re_arcsec=12 * u.arcsec)
    >>> agez.face_on_radius([0.0, 3.0], [12.0, 0.0], **disc).round(2)
    array([1. , 0.5])
    """
    re = np.asarray(number_in(re_arcsec, "arcsec", name="re_arcsec"), dtype=float)
    if np.any(re <= 0):
        raise AgezError(f"effective radius {re[re <= 0].flat[0]:g} arcsec: it must be positive")
    major, minor = disc_coordinates(x_arcsec, y_arcsec, inclination_deg=inclination_deg, pa_deg=pa_deg)
    return np.asarray(np.hypot(major, minor) / re)
