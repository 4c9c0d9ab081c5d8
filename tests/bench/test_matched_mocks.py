"""Mocks are like the rows that they stand for, and halves of the bands know when errors are wrong."""

from dataclasses import replace

import numpy as np
import pytest
from invented_set import invented_seds

import agez
from agez.bench import model_tests
from agez.bench.matched_mocks import REDSHIFT_WINDOW, matched_mocks, training_seds_near
from agez.bench.model_tests import band_halves, half_scores
from agez.errors import AgezError
from agez.training.recipes import Recipe
from agez.training_seds.observe import Survey
from agez.types import Photometry, Rows

QUIET = Survey(calibration=(1e-6, 2e-6), zero_points=(1e-6, 2e-6), bad_band=0.0, error_scatter=0.0)


@pytest.fixture(scope="module")
def seds():
    return invented_seds(600, np.random.default_rng(5))


@pytest.fixture
def rows(seds, rng):
    """Photometry of the first SEDs, with some bands missing."""
    n = 300
    flux = 500 * seds.flux[:n].astype(float)
    err = 0.03 * flux
    covered = rng.uniform(size=flux.shape) > 0.05
    flux = np.where(covered, flux + err * rng.standard_normal(flux.shape), np.nan)
    return Photometry(
        seds.bands, flux, np.where(covered, err, np.nan), covered, Rows.numbered(n), seds.redshift[:n].astype(float),
        np.zeros(n, np.int32), redshift_err=np.full(n, 0.004),
    )  # fmt: skip


def test_mocks_have_the_rows_redshifts_errors_bands_and_brightness(rows, seds, rng):
    mocks = matched_mocks(rows, seds, QUIET, rng)
    np.testing.assert_array_equal(mocks.photometry.covered, rows.covered)
    np.testing.assert_array_equal(mocks.photometry.flux_err, rows.flux_err)
    away = np.abs(mocks.photometry.redshift - rows.redshift)
    assert away.max() < REDSHIFT_WINDOW[1] + 5 * 0.004
    ratio = np.nansum(mocks.photometry.flux, axis=1) / np.nansum(rows.flux, axis=1)
    assert np.median(np.abs(np.log(ratio))) < 0.05
    assert mocks.truth.shape == (len(rows), 2)


def test_mocks_are_like_their_rows(rows, seds, rng):
    """The truth of a mock goes with the truth of the SED that its row was made of."""
    mocks = matched_mocks(rows, seds, QUIET, rng)
    own = seds.labels[: len(rows), 0]
    assert np.corrcoef(mocks.truth[:, 0], own)[0, 1] > 0.6
    assert abs(np.corrcoef(mocks.truth[:, 0], rng.permutation(own))[0, 1]) < 0.3


def test_the_noise_of_mocks_is_that_of_the_rows(rows, seds, rng):
    """With one SED alone, mocks differ from it by their errors."""
    one = seds.take(np.zeros(len(rows), dtype=int))
    mocks = matched_mocks(replace(rows, redshift=np.full(len(rows), one.redshift[0])), one, QUIET, rng).photometry
    shape = np.where(mocks.covered, one.flux, np.nan)
    weight = np.where(mocks.covered, mocks.flux_err**-2.0, 0.0)
    scale = np.nansum(weight * mocks.flux * shape, axis=1) / np.nansum(weight * shape**2, axis=1)
    pulls = ((mocks.flux - scale[:, None] * shape) / mocks.flux_err)[mocks.covered]
    assert np.std(pulls) == pytest.approx(1, abs=0.1)


def test_mocks_have_what_the_survey_does_to_fluxes_and_errors(rows, seds, rng):
    """Zero points that are off by a tenth are seen in bright rows; errors that scatter make noise that does."""
    bright = replace(rows, flux_err=1e-4 * rows.flux_err)
    one = seds.take(np.zeros(len(rows), dtype=int))
    off = replace(QUIET, zero_points=(0.1, 0.1001))
    mocks = matched_mocks(replace(bright, redshift=np.full(len(rows), one.redshift[0])), one, off, rng).photometry
    ratio = np.log(np.where(mocks.covered, mocks.flux / one.flux, np.nan))
    ratio -= np.nanmean(ratio, axis=1, keepdims=True)
    assert np.nanstd(ratio) == pytest.approx(0.1, rel=0.15)


def test_halves_are_every_second_band():
    first, second = band_halves("abcde")
    assert (first, second) == (("a", "c", "e"), ("b", "d"))


def test_half_band_differences_show_what_errors_do_not_say(rows, seds, rng, monkeypatch):
    """Rows made of the SEDs themselves: a ratio near 1; with bands that are off by more than they say, well above."""
    model = agez.load_model("splus")
    monkeypatch.setattr(model_tests, "training_seds_near", lambda *_: seds)
    recipe = replace(Recipe.from_dict(model.header["training"]["recipe"]), survey=QUIET)
    monkeypatch.setattr(model_tests.Recipe, "from_dict", lambda _: recipe)
    flux = np.where(rows.covered, rows.flux, 500 * seds.flux[: len(rows)])
    full = replace(rows, flux=flux, flux_err=0.03 * np.abs(flux), covered=np.ones(flux.shape, bool))
    off = replace(full, flux=flux * np.exp(0.25 * rng.standard_normal(flux.shape)))
    good = model.predict(full).good
    fair, points = half_scores(model, full, good, rng)
    wrong, _ = half_scores(model, off, good, rng)
    assert fair["log_age_lw"]["ratio"]["value"] == pytest.approx(1, abs=0.35)
    assert wrong["log_age_lw"]["real"]["value"] > 1.5 * fair["log_age_lw"]["real"]["value"]
    assert 0.2 < fair["log_age_lw"]["gain"]["value"] < 1.2
    assert len(points["log_age_lw_real"]) == fair["log_age_lw"]["real"]["n"]


def test_bands_that_few_rows_have_are_left_out(rows, seds, rng):
    """Of the other eleven the halves have six and five, which are too few for the model: said, and nothing else."""
    covered = np.ones(rows.covered.shape, bool)
    covered[:, 3] = False
    flux = np.where(covered, 500 * seds.flux[: len(rows)], np.nan)
    scarce = replace(rows, flux=flux, flux_err=0.03 * flux, covered=covered)
    scores, points = half_scores(agez.load_model("splus"), scarce, covered[:, 0], rng)
    assert scores == {"n": len(rows), "missing": "half of 11 bands are fewer than the 6 that model splus needs"}
    assert points == {}
    few, _ = half_scores(agez.load_model("splus"), scarce.take(slice(0, 10)), covered[:10, 0], rng)
    assert few["missing"] == "only 10 rows have a redshift and all bands"


def test_models_without_a_recipe_have_no_mocks(rng):
    model = agez.load_model("splus")
    bare = replace(model, header={**model.header, "training": {}})
    with pytest.raises(AgezError, match="no recipe"):
        training_seds_near(bare, np.array([0.05]), rng)
