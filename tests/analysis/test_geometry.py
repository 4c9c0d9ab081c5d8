"""Deprojection: cases that can be worked out by hand, and its inverse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agez.analysis.geometry import disc_coordinates, face_on_radius, sky_coordinates
from agez.errors import AgezError


def radius(x, y, inclination=60.0, pa=0.0, re=10.0):
    return float(face_on_radius(x, y, inclination_deg=inclination, pa_deg=pa, re_arcsec=re))


def test_face_on_is_the_distance_whatever_the_position_angle():
    for pa in (0, 37, 120, -50):
        assert radius(3.0, 4.0, inclination=0.0, pa=pa) == pytest.approx(0.5)


def test_the_minor_axis_is_stretched_and_the_major_is_not():
    # position angle 0: the major axis points north (y)
    assert radius(0.0, 10.0) == pytest.approx(1.0)
    assert radius(10.0, 0.0) == pytest.approx(2.0)


def test_position_angle_turns_from_north_through_east():
    # east is -x: at 45 degrees the major axis goes through (x, y) = (-1, 1)
    step = 10 / np.sqrt(2)
    assert radius(-step, step, pa=45.0) == pytest.approx(1.0)
    assert radius(step, step, pa=45.0) == pytest.approx(2.0)
    major, minor = disc_coordinates(-step, step, inclination_deg=60.0, pa_deg=45.0)
    assert float(major) == pytest.approx(10.0)
    assert float(minor) == pytest.approx(0.0, abs=1e-12)


@given(
    st.floats(-50, 50), st.floats(-50, 50), st.floats(0, 85), st.floats(-200, 400)
)  # fmt: skip
def test_sky_coordinates_is_the_inverse(major, minor, inclination, pa):
    x, y = sky_coordinates(major, minor, inclination_deg=inclination, pa_deg=pa)
    back = disc_coordinates(x, y, inclination_deg=inclination, pa_deg=pa)
    assert np.allclose(back, (major, minor), atol=1e-9)
    assert radius(x, y, inclination, pa) == pytest.approx(np.hypot(major, minor) / 10, abs=1e-9)


def test_unknown_positions_have_no_radius():
    r = face_on_radius([np.nan, 1.0], [0.0, 0.0], inclination_deg=30.0, pa_deg=0.0, re_arcsec=5.0)
    assert np.isnan(r[0])
    assert np.isfinite(r[1])
    assert np.isnan(radius(1.0, 1.0, inclination=np.nan))


@pytest.mark.parametrize(("inclination", "re"), [(90.0, 10.0), (-1.0, 10.0), (30.0, 0.0), (30.0, -2.0)])
def test_impossible_geometry_is_refused(inclination, re):
    with pytest.raises(AgezError, match=r"inclination|effective radius"):
        radius(1.0, 1.0, inclination=inclination, re=re)
