"""Libraries completed by others, and blends of two: nothing changes where a library speaks for itself."""

from dataclasses import replace

import numpy as np
import pytest

from agez.errors import AgezError
from agez.spectra.templates import made_up_grid
from agez.training_seds.complete_library import JOIN_PIXELS, blended, completed, load_libraries
from agez.training_seds.libraries import Library, common_wave, library_of


def donor():
    """A library that reaches everything, from 1 Myr on, with a shape of its own."""
    wave, log_age, mh = common_wave(), np.arange(6.0, 10.21, 0.1), np.array([-2.0, 0.5])
    slope = 2.0 - 0.4 * (log_age[:, None] - 6.0) + 0.1 * mh
    flux = (wave / 5500.0) ** -slope[..., None] * 10 ** (-0.6 * (log_age[:, None, None] - 6.0))
    at = np.argmin(np.abs(wave - 5500))
    light = np.array(flux[..., at])
    return Library("donor", log_age, mh, flux.astype(np.float32), np.ones(len(wave), bool), light, "a", "b")


@pytest.fixture(scope="module")
def library():
    return library_of(made_up_grid())


@pytest.fixture(scope="module")
def whole(library):
    return completed(library, donor())


def test_it_reaches_everything_and_begins_at_one_million_years(library, whole):
    assert whole.reached.all()
    assert (whole.flux > 0).all()
    assert whole.log_age[0] == pytest.approx(6.0)
    assert (np.diff(whole.log_age) > 0).all()
    assert whole.flux.shape == (len(whole.log_age), len(library.mh), len(common_wave()))
    assert whole.name == f"{library.name}+donor"


def test_inside_the_join_nothing_changes(library, whole):
    first, last = np.flatnonzero(library.reached)[[0, -1]]
    inside = slice(first + JOIN_PIXELS, last - JOIN_PIXELS)
    old = whole.log_age >= library.log_age[0]
    np.testing.assert_allclose(whole.flux[old][..., inside], library.flux[..., inside], rtol=1e-6)
    np.testing.assert_allclose(whole.light[old], library.light)


def test_there_is_no_step_at_the_edges(library, whole):
    first, last = np.flatnonzero(library.reached)[[0, -1]]
    old = whole.flux[len(whole.log_age) - len(library.log_age) :].astype(float)
    for edge in (first, last):
        near = old[..., edge - 6 : edge + 7]
        assert np.abs(np.diff(np.log(near), axis=-1)).max() < 0.05


def test_outside_it_has_the_donors_shape(library, whole):
    first = np.flatnonzero(library.reached)[0]
    blue = slice(first - 400, first - 10)
    old = whole.flux[len(whole.log_age) - len(library.log_age) :][3, 1, blue].astype(float)
    age, mh = library.log_age[3], library.mh[1]
    slope = 2.0 - 0.4 * (age - 6.0) + 0.1 * mh
    expected = common_wave()[blue] ** -slope
    np.testing.assert_allclose(old / old[0], expected / expected[0], rtol=0.01)


def test_light_per_mass_goes_on_across_the_youngest_age(library, whole):
    k = len(whole.log_age) - len(library.log_age)
    step = np.log10(whole.light[k - 1] / whole.light[k])
    np.testing.assert_allclose(step, 0.6 * (whole.log_age[k] - whole.log_age[k - 1]), atol=0.05)


def test_a_blend_of_no_share_is_the_library(whole):
    same = blended(whole, donor(), 0.0)
    np.testing.assert_allclose(same.flux, whole.flux, rtol=1e-6)
    np.testing.assert_allclose(same.light, whole.light)


def test_half_way_the_blend_is_the_geometric_mean():
    first = donor()
    tilted = first.flux * (common_wave() / 5500.0) ** 0.5
    second = replace(first, name="second", flux=tilted.astype(np.float32), light=first.light * 1.5)
    half = blended(first, replace(second, flux=second.flux * np.float32(1.5)), 0.5)
    np.testing.assert_allclose(half.flux, np.sqrt(first.flux * second.flux * 1.5), rtol=1e-4)
    np.testing.assert_allclose(half.light, first.light * np.sqrt(1.5), rtol=1e-6)
    away = blended(first, second, -0.5)
    shape = (away.flux / away.light[..., None]) / (first.flux / first.light[..., None])
    np.testing.assert_allclose(
        shape * 1.5**-0.5, np.broadcast_to((common_wave() / 5500.0) ** -0.25, shape.shape), rtol=1e-4
    )


def test_nodes_outside_the_others_metallicities_stay():
    first = donor()
    narrow = replace(first, name="narrow", mh=np.array([-0.2, 0.2]), flux=first.flux * np.float32(2), light=first.light)
    got = blended(first, narrow, 0.5)
    np.testing.assert_allclose(got.flux, first.flux, rtol=1e-6)


def test_libraries_are_named_with_their_donors():
    with pytest.raises(AgezError, match="name at least one"):
        load_libraries([])
    with pytest.raises(AgezError, match="neither a known library"):
        load_libraries(["made-up+nothing"])
