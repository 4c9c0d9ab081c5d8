"""Offsets, radii and places on images whose WCS is written in any of the ways that FITS allows."""

from dataclasses import replace

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from image_worlds import image_set

from agez.images.alignment import offset_between, pixel_size_arcsec
from agez.images.measure import measure, pixel_offsets
from agez.images.read_images import read_images
from agez.images.regions import RegionSettings, make_regions
from agez.sky_offsets import celestial_wcs, pixels_of_sky

SHAPE, CENTRE, PIXEL = (41, 37), (20.0, 17.0), 0.5
#: One spot, 8 arcsec to the east and 3 to the north of the centre.
HERE = SkyCoord(150.0 * u.deg, 2.0 * u.deg)
EAST, NORTH = 8.0, 3.0


def cards(kind):
    """A header whose pixel ``CENTRE`` is at ``HERE``."""
    lon, lat, turn = HERE.ra.deg, HERE.dec.deg, 0.0
    names, step, unit = ("RA---TAN", "DEC--TAN"), np.array([-1.0, 1.0]), 3600.0
    header = {"CRPIX1": CENTRE[0] + 1, "CRPIX2": CENTRE[1] + 1}
    if kind == "galactic":
        names, lon, lat = ("GLON-TAN", "GLAT-TAN"), HERE.galactic.l.deg, HERE.galactic.b.deg
    elif kind == "ecliptic":
        place = HERE.barycentricmeanecliptic
        names, lon, lat = ("ELON-TAN", "ELAT-TAN"), place.lon.deg, place.lat.deg
    elif kind == "fk4":
        place = HERE.fk4
        lon, lat, header["RADESYS"], header["EQUINOX"] = place.ra.deg, place.dec.deg, "FK4", 1950.0
    elif kind == "mirrored":
        step = np.array([1.0, 1.0])
    elif kind == "upside down":
        step = np.array([-1.0, -1.0])
    if kind == "swapped":
        header |= {"CTYPE1": "DEC--TAN", "CTYPE2": "RA---TAN", "CRVAL1": lat, "CRVAL2": lon, "CUNIT1": "deg"}
        header |= {"CUNIT2": "deg", "CDELT1": PIXEL / unit, "CDELT2": PIXEL / unit}
        return header
    header |= {"CTYPE1": names[0], "CTYPE2": names[1], "CRVAL1": lon, "CRVAL2": lat, "CUNIT1": "deg", "CUNIT2": "deg"}
    scale = PIXEL / unit * step
    if kind == "crota2":
        header |= {"CDELT1": scale[0], "CDELT2": scale[1], "CROTA2": 33.0}
    elif kind == "arcsec":
        header |= {"CDELT1": -PIXEL, "CDELT2": PIXEL, "CUNIT1": "arcsec", "CUNIT2": "arcsec"}
        header |= {"CRVAL1": lon * 3600, "CRVAL2": lat * 3600}
    elif kind == "pc":
        turn = 0.7
        matrix = np.diag(scale) @ np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        header |= {"CDELT1": 1.0, "CDELT2": 1.0}
        header |= {f"PC{i + 1}_{j + 1}": matrix[i, j] for i in (0, 1) for j in (0, 1)}
    else:
        header |= {"CDELT1": scale[0], "CDELT2": scale[1]}
    return header


KINDS = ("plain", "galactic", "ecliptic", "fk4", "mirrored", "upside down", "swapped", "crota2", "arcsec", "pc")


@pytest.fixture(params=KINDS)
def wcs(request):
    return celestial_wcs(fits.Header(cards(request.param)), "x.fits")


def spot(wcs):
    """Pixel of the spot, by positions on the sky alone."""
    there = HERE.directional_offset_by(np.arctan2(EAST, NORTH) * u.rad, np.hypot(EAST, NORTH) * u.arcsec)
    return [float(one) for one in pixels_of_sky(wcs, there)]


def test_offsets_of_pixels_are_those_on_the_sky(wcs):
    images = replace(image_set(np.ones((1, *SHAPE))), wcs=wcs)
    west, north = pixel_offsets(images, CENTRE)
    assert west[17, 20] == pytest.approx(0, abs=1e-3)
    assert north[17, 20] == pytest.approx(0, abs=1e-3)
    x, y = spot(wcs)
    assert np.hypot(x - CENTRE[0], y - CENTRE[1]) == pytest.approx(np.hypot(EAST, NORTH) / PIXEL, rel=1e-3)
    row, column = round(y), round(x)
    assert west[row, column] == pytest.approx(-EAST, abs=PIXEL)
    assert north[row, column] == pytest.approx(NORTH, abs=PIXEL)
    assert pixel_size_arcsec(wcs) == pytest.approx(PIXEL, rel=1e-6)
    assert np.hypot(west, north)[17, 21] == pytest.approx(PIXEL, rel=1e-3)


def test_a_region_is_where_its_light_is(wcs):
    x, y = (round(one) for one in spot(wcs))
    bin_id = np.full(SHAPE, -1)
    bin_id[y, x] = 0
    found = measure(replace(image_set(np.ones((1, *SHAPE))), wcs=wcs), bin_id, centre=CENTRE).rows
    assert found.x[0] == pytest.approx(-EAST, abs=PIXEL)
    assert found.y[0] == pytest.approx(NORTH, abs=PIXEL)


def test_images_of_all_these_headers_are_read_and_cut(tmp_path, rng):
    """Two images of one sky, in equatorial and in other coordinates, are aligned where they are, and refused if not."""
    for kind in ("plain", "galactic", "arcsec", "fk4", "ecliptic"):
        path = tmp_path / f"{kind}.fits"
        header = fits.Header(cards(kind) | {"FILTER": "rSDSS", "BUNIT": "uJy"})
        fits.PrimaryHDU(rng.normal(size=SHAPE), header).writeto(path)
        whole = read_images(path, filters="splus")
        cut = read_images(path, filters="splus", center=(HERE.ra.deg, HERE.dec.deg), size_arcsec=5.0)
        assert cut.shape == (10, 10)
        west, north = pixel_offsets(cut, tuple(float(one) for one in pixels_of_sky(cut.wcs, HERE)))
        assert np.hypot(west, north).max() == pytest.approx(2.5 * np.sqrt(2), abs=0.5)
        assert offset_between(cut.wcs, cut.wcs, cut.shape).pixels < 1e-6
        assert offset_between(whole.wcs, WCS(fits.Header(cards("crota2"))), SHAPE).pixels > 3


@pytest.mark.parametrize("kind", ["crota2", "galactic", "pc", "swapped"])
def test_annuli_lie_along_the_position_angle_on_the_sky(kind, rng):
    wcs = celestial_wcs(fits.Header(cards(kind)), "x.fits")
    images = image_set(50.0 + rng.normal(size=(2, *SHAPE)), fwhm=1.0)
    images = replace(images, wcs=wcs)
    settings = RegionSettings("annuli", target_snr=5, inclination_deg=70.0, pa_deg=50.0)
    found = make_regions(images, settings, centre=CENTRE).bin_id
    y, x = np.nonzero(found <= 1)
    sky = SkyCoord(wcs.pixel_to_world(x, y)).icrs
    angle = np.radians(HERE.position_angle(sky).deg - 50.0)
    distance = HERE.separation(sky).arcsec
    along, across = np.abs(distance * np.cos(angle)), np.abs(distance * np.sin(angle))
    assert along.max() > 2 * across.max()
