"""Dust: A_V is what it says at 5500 A, laws differ, and nothing shines brighter for it."""

import numpy as np
import pytest

from agez.training_seds.dust import AV_MAX, DUST_FREE, draw_dust

WAVE = np.linspace(2700.0, 11000.0, 1660)


@pytest.fixture(scope="module")
def dust():
    return draw_dust(1500, WAVE, np.random.default_rng(5))


def test_transmission_at_5500_is_that_of_a_v(dust):
    at = np.argmin(np.abs(WAVE - 5500))
    magnitudes = -2.5 * np.log10(dust.transmission[:, at])
    np.testing.assert_allclose(magnitudes, dust.av, rtol=0.02, atol=1e-5)


def test_red_light_comes_through_best(dust):
    """Laws fall with wavelength; Cardelli's polynomials have bends of some per cent of A_V."""
    curve = -2.5 * np.log10(dust.transmission[dust.av > 0.3]) / dust.av[dust.av > 0.3, None]
    bends = np.maximum.accumulate(curve[:, ::-1], axis=1)[:, ::-1] - curve
    assert bends.max() < 0.05
    assert (curve[:, 0] > curve[:, -1] + 0.3).all()


def test_nothing_is_brighter_and_dust_free_galaxies_are_untouched(dust):
    for light in (dust.transmission, dust.extra_on_young):
        assert np.isfinite(light).all()
        assert ((light > 0) & (light <= 1)).all()
        assert (light[dust.av == 0] == 1).all()


def test_amounts(dust):
    assert dust.av.min() == 0
    assert dust.av.max() <= AV_MAX
    assert (dust.av == 0).mean() == pytest.approx(DUST_FREE, abs=0.03)
    clouds = (dust.extra_on_young[:, 0] < 1).mean()
    assert 0.2 < clouds < 0.5


def test_laws_differ_from_galaxy_to_galaxy(dust):
    some = dust.av > 0.3
    blue = np.argmin(np.abs(WAVE - 3800))
    ratio = -2.5 * np.log10(dust.transmission[some, blue]) / dust.av[some]
    assert ratio.std() > 0.08
    assert 1.3 < np.median(ratio) < 1.7
    # Calzetti et al. 2000: 1.48; Cardelli et al. 1989 at R_V 3.1: 1.46; power -0.7: 1.30


def test_a_v_that_is_given_is_taken():
    av = np.array([0.0, 0.5, 2.0])
    dust = draw_dust(3, WAVE, np.random.default_rng(0), av=av)
    np.testing.assert_array_equal(dust.av, av)
    at = np.argmin(np.abs(WAVE - 5500))
    np.testing.assert_allclose(dust.transmission[:, at], 10 ** (-0.4 * av), rtol=0.02)
