"""The noise of sums of neighbouring spaxels: the published laws, and noise that is truly correlated."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from agez.errors import AgezError
from agez.spectra.covariance import CALIFA, INDEPENDENT, MANGA, covariance_for

CALIFA_META = {"format": "califa-cube", "survey": "CALIFA"}
MANGA_META = {"format": "manga-cube", "survey": "MaNGA"}


def test_published_laws():
    np.testing.assert_allclose(CALIFA.ratio([1, 10, 80]), [1.0, 2.07, 1 + 1.07 * np.log10(80)])
    np.testing.assert_allclose(MANGA.ratio([1, 10, 50]), [1.0, 2.62, 1 + 1.62 * np.log10(50)])
    assert float(MANGA.ratio(1000)) == 4.2
    assert float(CALIFA.ratio(5000)) == float(CALIFA.ratio(80))
    assert np.all(INDEPENDENT.ratio(np.arange(1000)) == 1.0)


@given(st.integers(0, 10**6), st.integers(0, 10**4))
def test_ratio_never_falls_and_is_one_for_one_spaxel(n, more):
    for law in (CALIFA, MANGA, INDEPENDENT):
        assert 1.0 <= float(law.ratio(n)) <= float(law.ratio(n + more)) <= law.most
        assert float(law.ratio(0)) == float(law.ratio(1)) == 1.0


@pytest.mark.parametrize(
    ("meta", "choice", "name"),
    [
        (CALIFA_META, None, "califa"),
        (MANGA_META, None, "manga"),
        ({"format": "rss", "survey": "mock"}, None, "none"),
        ({"format": "califa-cube", "survey": "mock"}, None, "none"),
        ({}, None, "none"),
        (CALIFA_META, "none", "none"),
        (CALIFA_META, "MaNGA", "manga"),
        ({}, "califa", "califa"),
        (CALIFA_META, 0.5, "given"),
        (CALIFA_META, "1.4", "given"),
    ],
)
def test_choice(meta, choice, name):
    law = covariance_for(meta, choice)
    assert law.name == name
    assert json.loads(json.dumps(law.as_meta()))["source"]


def test_slope_of_the_users_own():
    law = covariance_for({}, 0.5)
    np.testing.assert_allclose(law.ratio([1, 10, 100, 10000]), [1.0, 1.5, 2.0, 2.0])
    assert np.all(covariance_for({}, 0).ratio([1, 50]) == 1.0)


def test_unknown_survey_is_said():
    assert "SAURON" in covariance_for({"format": "califa-cube", "survey": "SAURON"}).source


@pytest.mark.parametrize("key", ["CD", "CDELT"])
def test_spaxels_of_another_size_are_said(key):
    def law(arcsec):
        one, two = ("CD1_1", "CD2_2") if key == "CD" else ("CDELT1", "CDELT2")
        wcs = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", one: -arcsec / 3600, two: arcsec / 3600}
        return covariance_for({**CALIFA_META, "wcs": wcs})

    assert law(1.0) == CALIFA
    assert law(0.5).source.endswith("measured with spaxels of 1 arcsec, these have 0.5")
    assert law(0.5).ratio(30) == CALIFA.ratio(30)
    assert covariance_for({**CALIFA_META, "wcs": {"CTYPE1": "RA---TAN"}}) == CALIFA


@pytest.mark.parametrize("choice", ["sami", "", -1.0, "nan", float("inf"), True])
def test_bad_choice_is_one_clear_line(choice):
    with pytest.raises(AgezError, match="slope of 0 or more") as caught:
        covariance_for(CALIFA_META, choice)
    assert "\n" not in str(caught.value)


def test_califa_law_describes_noise_smoothed_by_two_spaxels(rng):
    """White noise smoothed with a kernel of 2 spaxels FWHM has sums as noisy as CALIFA's law says, within 10 %."""
    noise = gaussian_filter(rng.normal(size=(400, 64, 64)), (0, 0.85, 0.85), mode="wrap")
    noise /= noise.std()
    for side in (1, 2, 3, 4, 6, 9):
        found = noise[:, :side, :side].sum(axis=(1, 2))
        for corner in ((20, 20), (40, 40), (20, 40), (40, 20), (0, 40), (40, 0)):
            y, x = corner
            found = np.append(found, noise[:, y : y + side, x : x + side].sum(axis=(1, 2)))
        predicted = side * float(CALIFA.ratio(side**2))
        assert found.std() == pytest.approx(predicted, rel=0.1), side
