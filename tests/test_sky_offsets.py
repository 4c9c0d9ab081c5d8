"""Offsets of pixels on the sky, against astropy, for the many ways in which a header writes the same axes."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import BarycentricMeanEcliptic, SkyCoord
from astropy.io import fits
from astropy.wcs import WCS

from agez.errors import AgezError
from agez.sky_offsets import celestial_wcs, sky_offsets, sky_positions

PIXEL = 1.0 / 3600.0
PLAIN = {
    "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 150.0, "CRVAL2": 20.0, "CRPIX1": 5.0, "CRPIX2": 7.0,
    "CDELT1": -PIXEL, "CDELT2": PIXEL,
}  # fmt: skip
Y, X = np.indices((12, 10)).astype(float)


def without_step(**words):
    return {key: value for key, value in PLAIN.items() if not key.startswith("CDELT")} | words


def rotated(degrees):
    """The cos and sin of an angle."""
    return float(np.cos(np.radians(degrees))), float(np.sin(np.radians(degrees)))


def test_plain_axes_are_the_flat_offsets_to_a_millionth_of_an_arcsec():
    x, y = sky_offsets(celestial_wcs(PLAIN, "cube"), X, Y)
    np.testing.assert_allclose(x, X - 4.0, atol=1e-6)
    np.testing.assert_allclose(y, Y - 6.0, atol=1e-6)


COS, SIN = rotated(30.0)


@pytest.mark.parametrize(
    "header",
    [
        PLAIN | {"CROTA2": 30.0},
        PLAIN | {"PC1_1": COS, "PC1_2": SIN, "PC2_1": -SIN, "PC2_2": COS},
        without_step(CD1_1=-PIXEL * COS, CD1_2=PIXEL * SIN, CD2_1=PIXEL * SIN, CD2_2=PIXEL * COS),
        without_step(PC1_1=-PIXEL, PC2_2=PIXEL, CDELT1=1.0, CDELT2=1.0),
        without_step(CDELT1=-1.0, CDELT2=1.0, CUNIT1="arcsec", CUNIT2="arcsec")
        | {"CRVAL1": 150.0 * 3600, "CRVAL2": 20.0 * 3600},
        without_step(CDELT1=-1.0 / 60, CDELT2=1.0 / 60, CUNIT1="arcmin", CUNIT2="arcmin")
        | {"CRVAL1": 150.0 * 60, "CRVAL2": 20.0 * 60},
        PLAIN | {"CTYPE1": "GLON-TAN", "CTYPE2": "GLAT-TAN"},
        PLAIN | {"CTYPE1": "RA---SIN", "CTYPE2": "DEC--SIN", "RADESYS": "FK5", "EQUINOX": 1950.0},
        PLAIN | {"CTYPE1": "DEC--TAN", "CTYPE2": "RA---TAN", "CRVAL1": 20.0, "CRVAL2": 150.0},
        PLAIN | {"CDELT1": PIXEL},  # mirrored
    ],
    ids=["CROTA2", "PC", "CD", "PC-only", "arcsec", "arcmin", "galactic", "B1950", "exchanged", "mirrored"],
)
def test_offsets_are_those_of_astropy(header):
    x, y = sky_offsets(celestial_wcs(header, "cube"), X, Y)
    wcs = WCS(fits.Header(header))
    sky, reference = wcs.pixel_to_world(X, Y).icrs, wcs.pixel_to_world(4.0, 6.0).icrs
    angle, distance = reference.position_angle(sky), reference.separation(sky)
    np.testing.assert_allclose(x, -(distance * np.sin(angle)).to_value(u.arcsec), atol=1e-5)
    np.testing.assert_allclose(y, (distance * np.cos(angle)).to_value(u.arcsec), atol=1e-5)


def test_ecliptic_axes_are_not_taken_for_right_ascension():
    wcs = celestial_wcs(PLAIN | {"CTYPE1": "ELON-TAN", "CTYPE2": "ELAT-TAN"}, "cube")
    expected = SkyCoord(150.0, 20.0, unit="deg", frame=BarycentricMeanEcliptic()).icrs
    assert expected.separation(sky_positions(wcs, 4.0, 6.0)).arcsec < 1e-6


def test_offsets_count_from_the_position_that_is_given():
    centre = SkyCoord(150.0 * u.deg, 20.0 * u.deg + 3.0 * u.arcsec)
    x, y = sky_offsets(celestial_wcs(PLAIN, "cube"), X, Y, centre)
    assert abs(x[9, 4]) < 1e-6
    assert abs(y[9, 4]) < 1e-6
    np.testing.assert_allclose(y, Y - 9.0, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"CTYPE1": "LINEAR", "CTYPE2": "LINEAR"}, "no celestial WCS"),
        ({"CTYPE2": "LINEAR"}, "cannot be understood"),
        ({"CUNIT1": "kg"}, "cannot be understood"),
    ],
)
def test_other_axes_are_refused_with_the_file_named(change, word):
    with pytest.raises(AgezError, match=rf"^cube\.fits: .*{word}"):
        celestial_wcs(PLAIN | change, "cube.fits")


def test_a_system_that_is_not_on_the_sky_is_refused():
    with pytest.raises(AgezError, match="HPLN-TAN"):
        sky_positions(celestial_wcs(PLAIN | {"CTYPE1": "HPLN-TAN", "CTYPE2": "HPLT-TAN"}, "sun.fits"), 0.0, 0.0)
