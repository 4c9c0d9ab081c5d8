"""Rest-frame magnitudes and the break: analytic spectra, and speclite on a black body."""

import numpy as np
import pytest

speclite = pytest.importorskip("speclite.filters", reason="speclite is not installed: pip install 'agez[train]'")

from agez.populations.rest_frame import AB_SOLAR_PER_HZ, LIGHT_ANGSTROM, REST_BANDS, rest_frame  # noqa: E402

WAVE = np.geomspace(2500.0, 11000.0, 6000)


def test_a_flat_f_nu_of_3631_jansky_at_10_pc_has_magnitude_zero():
    flat = np.full_like(WAVE, AB_SOLAR_PER_HZ) * LIGHT_ANGSTROM / WAVE**2
    got = rest_frame(WAVE, np.stack([flat, 100 * flat]))
    np.testing.assert_allclose(got.magnitudes, [[0.0] * 4, [-5.0] * 4], atol=1e-6)
    np.testing.assert_allclose(got.dn4000, 1.0, atol=1e-6)


def test_the_sun_is_about_as_bright_as_it_is():
    # a black body of 5772 K and one solar luminosity: M_g 5.11, M_r 4.65, M_i 4.53 (Willmer 2018, ApJS 236, 47)
    planck = WAVE**-5.0 / np.expm1(1.43877e8 / (WAVE * 5772))
    whole = np.geomspace(500, 3e5, 100000)
    total = np.trapezoid(whole**-5.0 / np.expm1(1.43877e8 / (whole * 5772)), whole)
    magnitudes = rest_frame(WAVE, (planck / total)[None]).magnitudes[0]
    np.testing.assert_allclose(magnitudes[1:], [5.11, 4.65, 4.53], atol=0.12)


def test_colours_are_those_of_speclite():
    planck = WAVE**-5.0 / np.expm1(1.43877e8 / (WAVE * 4500))
    got = rest_frame(WAVE, planck[None]).magnitudes[0]
    air = WAVE / 1.00028  # speclite's curves are in air
    theirs = [speclite.load_filter(f"sdss2010-{band}").get_ab_magnitude(planck * 1e-10, air) for band in REST_BANDS]
    np.testing.assert_allclose(np.diff(got), np.diff(np.array(theirs, float)), atol=0.01)


def test_a_step_at_4000_angstrom_is_the_break():
    per_hz = np.where(WAVE < 3970, 1.0, 1.8) * LIGHT_ANGSTROM / WAVE**2
    assert rest_frame(WAVE, per_hz[None]).dn4000[0] == pytest.approx(1.8, rel=1e-6)
