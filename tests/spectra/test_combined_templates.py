"""Grids of two libraries: younger ages of another one, and fine detail of another one, on invented grids."""

from dataclasses import replace

import numpy as np
import pytest

from agez.errors import AgezError
from agez.spectra.combined_templates import continued_to_young_ages, with_fine_detail
from agez.spectra.templates import SSPGrid


def grid(log_age, mh, *, wave=None, fwhm=2.5, scale=1.0, lines=(), name="grid"):
    """Power laws whose slope goes with age and [M/H], with Gaussian lines of (centre, depth)."""
    wave = np.arange(3500.0, 7500.0, 1.0) if wave is None else wave
    age, metal = np.meshgrid(log_age, mh, indexing="ij")
    slope = (0.8 * (age - 8) + 0.3 * metal)[..., None]
    flux = scale * 10 ** (-0.7 * (age - 8))[..., None] * (wave / 5500.0) ** slope
    for centre, depth in lines:
        flux = flux * (1 - depth * np.exp(-0.5 * ((wave - centre) / 3.0) ** 2))
    return SSPGrid(name, wave, flux.astype(np.float32), np.asarray(log_age), np.asarray(mh), "air", fwhm, name, "none")


def test_young_ages_follow_the_other_library_and_keep_the_lines():
    """Both libraries have one law of slopes, so the truth of the young ones is known; units differ."""
    mh = np.array([-0.7, 0.0, 0.3])
    old = grid([7.8, 8.5, 10.0], mh, lines=[(5000.0, 0.3)])
    young = grid(
        [5.5, 6.0, 7.0, 7.8, 9.0], np.array([-1.0, 0.4]), wave=np.arange(3400.0, 7600.0, 10.0), fwhm=20.0, scale=7.0
    )
    made = continued_to_young_ages(old, young)
    assert made.log_age.tolist() == [6.0, 6.5, 6.8, 7.0, 7.2, 7.4, 7.6, 7.8, 8.5, 10.0]
    np.testing.assert_array_equal(made.flux[7:], old.flux)
    truth = grid(made.log_age, mh, lines=[(5000.0, 0.3)])
    np.testing.assert_allclose(made.flux, truth.flux, rtol=2e-3)
    assert young.name in made.name
    assert young.reference in made.reference


def test_ages_that_are_there_already_are_not_added():
    old, young = grid([6.9, 9.0], np.array([-0.5, 0.2])), grid([6.0, 9.0], np.array([-0.5, 0.2]))
    assert continued_to_young_ages(old, young).log_age.tolist() == [6.0, 6.5, 6.8, 6.9, 9.0]
    with pytest.raises(AgezError, match="it has no younger populations to add"):
        continued_to_young_ages(young, old)
    with pytest.raises(AgezError, match="cut the second"):
        continued_to_young_ages(old, replace(young, wave_angstrom=young.wave_angstrom + 100.0))


def test_detail_of_the_fine_grid_stands_on_the_coarse_one():
    """Equal laws, coarse without lines: together they are the fine grid, less what 20 A see of its lines."""
    ages, mh = np.array([8.0, 9.0, 10.0]), np.array([-0.5, 0.2])
    fine = grid(ages, mh, lines=[(4500.0, 0.2), (6000.0, 0.4)])
    coarse = grid(ages, mh, wave=np.arange(3490.0, 7510.0, 10.0), fwhm=20.0)
    made = with_fine_detail(coarse, fine)
    assert made.wave_angstrom is fine.wave_angstrom
    at = np.argmin(np.abs(fine.wave_angstrom - 6000.0))
    plain = grid(ages, mh)
    depth = 1 - made.flux[..., at] / plain.flux[..., at]
    assert (depth > 0.2).all()
    away = np.abs(fine.wave_angstrom[None] - np.array([[4500.0], [6000.0]])).min(axis=0) > 60
    np.testing.assert_allclose(made.flux[..., away], plain.flux[..., away], rtol=2e-3)
    # equal width: the line of the whole is as deep as the fine one's, less what is seen at 20 A
    fuller = 1 - fine.flux[..., at] / plain.flux[..., at]
    assert (depth < fuller).all()


def test_beyond_the_fine_grid_its_ends_are_taken():
    fine = grid([8.0, 9.0], np.array([-0.2, 0.2]), lines=[(5000.0, 0.3)])
    coarse = grid([6.0, 8.0, 9.5], np.array([-1.0, 0.0, 0.5]), wave=np.arange(3490.0, 7510.0, 10.0), fwhm=20.0)
    made = with_fine_detail(coarse, fine)
    assert made.flux.shape[:2] == (3, 3)
    at = np.argmin(np.abs(fine.wave_angstrom - 5000.0))
    depth = 1 - made.flux[..., at] / made.flux[..., at - 60 : at - 50].mean(axis=-1)
    np.testing.assert_allclose(depth, depth[1, 1], atol=0.02)
