"""Photometry of the mock survey's own spectra as a sky."""

import numpy as np
import pytest

from agez.errors import AgezError
from agez.mocks.galaxies import make_galaxy
from agez.mocks.plan import survey_plan
from agez.photometry.filters import load_filters
from agez.photometry.synthesis import synthesize
from agez.spectra.templates import made_up_grid
from agez.training_seds.seds import ALL_FAMILIES
from agez.training_seds.spaxel_seds import PER_GALAXY, spaxel_seds

FILTERS = load_filters("jpas").select(("J0378", "J0450", "J0550", "J0650", "J0730", "J0900"))


def test_seds_and_labels_are_those_of_perfect_mock_spectra():
    grid = made_up_grid()
    sky = spaxel_seds(FILTERS, ("popstar", "emiles"), 2 * PER_GALAXY, np.random.default_rng(3), grid=grid)
    plan = survey_plan(2, 2 * PER_GALAXY, seed=int(np.random.default_rng(3).integers(2**31)))
    galaxies = [make_galaxy(plan, index, grid, perfect=True) for index in range(2)]
    seen = [synthesize(one.spectra, FILTERS) for one in galaxies]
    flux = np.concatenate([one.flux for one in seen])
    assert np.array_equal(sky.present, np.isfinite(flux))
    np.testing.assert_allclose(sky.labels[:, 0], np.concatenate([one.truth.log_age_lw for one in galaxies]))
    np.testing.assert_allclose(sky.labels[:, 1], np.concatenate([one.truth.mh_lw for one in galaxies]))
    ratio = np.where(sky.present, sky.flux / flux, np.nan)
    np.testing.assert_allclose(ratio / np.nanmean(ratio, axis=1, keepdims=True), np.where(sky.present, 1, np.nan), 1e-5)


def test_rows_are_scaled_in_the_rest_frame_and_say_what_they_are():
    sky = spaxel_seds(FILTERS, ("popstar", "emiles"), 7, np.random.default_rng(1), grid=made_up_grid())
    assert len(sky) == 7
    assert not sky.present[:, FILTERS.names.index("J0900")].any()
    np.testing.assert_allclose(np.where(sky.present, sky.flux, 0).sum(axis=1) / sky.present.sum(axis=1), 1, rtol=1e-5)
    assert np.all(sky.redshift == 0)
    assert {sky.libraries[i] for i in sky.library} == {"emiles"}
    assert {ALL_FAMILIES[i] for i in sky.family} == {"mock survey"}


def test_the_same_generator_gives_the_same_sky_and_another_another():
    one, same, other = (
        spaxel_seds(FILTERS, ("emiles",), 5, np.random.default_rng(seed), grid=made_up_grid()) for seed in (1, 1, 2)
    )
    assert np.array_equal(one.flux, same.flux)
    assert not np.allclose(one.flux, other.flux)


def test_what_cannot_be_is_refused():
    with pytest.raises(AgezError, match="'emiles', which is not among"):
        spaxel_seds(FILTERS, ("popstar",), 5, np.random.default_rng(1), grid=made_up_grid())
    with pytest.raises(AgezError, match="no band"):
        spaxel_seds(FILTERS.select(("J0900",)), ("emiles",), 5, np.random.default_rng(1), grid=made_up_grid())
