"""Galaxies that follow CALIFA's relations: their histories reach the ages and metallicities that were drawn."""

import numpy as np
import pytest

from agez.mocks import relations
from agez.spectra.templates import made_up_grid
from agez.training_seds import survey_like
from agez.training_seds.libraries import library_of
from agez.training_seds.survey_like import draw_galaxy_weights, draw_survey_weights


@pytest.fixture(scope="module")
def library():
    return library_of(made_up_grid())


def means(weights, library):
    light = weights * library.light
    total = light.sum(axis=(1, 2))
    return light.sum(axis=2) @ library.log_age / total, light.sum(axis=1) @ library.mh / total


def test_whole_galaxies_have_what_was_drawn(library, monkeypatch):
    drawn = []
    real = relations.draw_stars

    def spy(kind, n, rng):
        drawn.append((kind, real(kind, n, rng)))
        return drawn[-1][1]

    monkeypatch.setattr(survey_like, "draw_stars", spy)
    monkeypatch.setattr(survey_like, "AGE_SCATTER", 0.0)
    monkeypatch.setattr(survey_like, "MH_SCATTER", 0.0)
    rng = np.random.default_rng(3)
    weights, mh_young, av = draw_galaxy_weights(1000, library, rng)
    np.testing.assert_allclose(weights.sum(axis=(1, 2)), 1, rtol=1e-9)
    assert mh_young.shape == av.shape == (1000,)
    assert (av >= 0).all()
    log_age, mh = means(weights, library)
    asked = {name: np.concatenate([one[name] for _, one in drawn]) for name in ("log_age_lw", "mh_lw")}
    # rows come shuffled, so distributions are compared; bursts and recent stars make some younger
    np.testing.assert_allclose(
        np.quantile(mh, [0.2, 0.5, 0.8]), np.quantile(asked["mh_lw"], [0.2, 0.5, 0.8]), atol=0.08
    )
    inside = np.clip(asked["log_age_lw"], *library.log_age[[0, -1]])
    np.testing.assert_allclose(np.quantile(log_age, [0.5, 0.8]), np.quantile(inside, [0.5, 0.8]), atol=0.15)
    kinds = {kind for kind, _ in drawn}
    assert kinds == set(relations.STAR_QUANTILES)


def test_the_same_seed_draws_the_same(library):
    one, other = (draw_galaxy_weights(50, library, np.random.default_rng(4)) for _ in range(2))
    for ours, theirs in zip(one, other, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_whole_galaxies_are_other_than_spaxels_of_the_mock_survey(library):
    galaxies, spaxels = (
        draw(500, library, np.random.default_rng(4)) for draw in (draw_galaxy_weights, draw_survey_weights)
    )
    assert not np.allclose(galaxies[0], spaxels[0])
