"""Numbers measured on real galaxies: the code's against the file's, and drawn galaxies against the code's."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import rankdata

from agez.mocks import califa_numbers, relations

TOOL = Path(__file__).resolve().parents[2] / "tools" / "measure_relations.py"
N_DRAWN = 20000


@pytest.fixture(scope="module")
def drawn():
    """20 000 galaxies of each type."""
    rng = np.random.default_rng(5)
    return {word: relations.draw_properties(np.full(N_DRAWN, word), rng) for word in ("early", "late")}


def test_numbers_of_the_package_are_those_that_the_tool_measures(shared_data):
    specification = importlib.util.spec_from_file_location("measure_relations", TOOL)
    tool = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(tool)
    measured = tool.measure(str(shared_data / "califa" / "ecalifa_global.csv"))
    for name, value in json.loads(tool.as_json(measured)).items():
        held = getattr(califa_numbers, name)
        if name == "CORRELATIONS":
            for word in held:
                for ours, theirs in zip(held[word], value[word], strict=True):
                    assert ours == pytest.approx(theirs, abs=2e-3)
        else:
            assert held == value, name


@pytest.mark.parametrize("word", ["early", "late"])
@pytest.mark.parametrize("name", califa_numbers.PROPERTIES)
def test_each_drawn_property_has_the_measured_distribution(drawn, word, name):
    values, quantiles = drawn[word][name], np.array(califa_numbers.QUANTILES[word][name])
    assert np.all((values >= quantiles[0]) & (values <= quantiles[-1]))
    # the share of drawn values below each measured quantile is that quantile's level
    inner = slice(1, -1)
    level = (values[:, None] <= quantiles[inner]).mean(axis=0)
    distinct = np.diff(quantiles, append=np.inf)[inner] > 0
    assert level[distinct] == pytest.approx(np.array(califa_numbers.LEVELS[inner])[distinct], abs=0.012)


@pytest.mark.parametrize("word", ["early", "late"])
def test_drawn_properties_have_the_measured_correlations(drawn, word):
    # the outermost 2 % share a value: look at properties without a pile-up and allow for it
    names = [n for n in califa_numbers.PROPERTIES if n != "axis_ratio"]
    at = [califa_numbers.PROPERTIES.index(n) for n in names]
    scores = np.array([ndtri((rankdata(drawn[word][n]) - 0.5) / N_DRAWN) for n in names])
    expected = relations.symmetric(califa_numbers.CORRELATIONS[word])[np.ix_(at, at)]
    assert np.corrcoef(scores) == pytest.approx(expected, abs=0.035)


@pytest.mark.parametrize("word", ["early", "late"])
def test_correlation_matrices_are_positive_definite(word):
    matrix = relations.symmetric(califa_numbers.CORRELATIONS[word])
    assert np.allclose(np.diag(matrix), 1)
    assert np.linalg.eigvalsh(matrix).min() > 0.01


def test_dispersion_follows_mass(drawn):
    for word in ("early", "late"):
        slope, intercept, _ = califa_numbers.LOG_SIGMA_ON_MASS[word]
        fitted = np.polyfit(drawn[word]["log_mass"] - 10.5, drawn[word]["log_sigma"], 1)
        assert fitted == pytest.approx([slope, intercept], abs=0.01)


def test_relations_at_published_points():
    assert relations.mean_metallicity(np.array([9.91, 10.51, 11.31])) == pytest.approx([-0.41, -0.01, 0.12])
    assert relations.mean_metallicity(np.array([7.0, 13.0])) == pytest.approx([-0.60, 0.13])
    assert relations.rotation_speed(np.array(10.10)) == pytest.approx(138.7, abs=0.1)
    assert np.log10(relations.rotation_speed(np.array(11.10)) / 138.7) == pytest.approx(0.278, abs=1e-3)


def test_numbers_of_whole_galaxies_are_those_that_the_tool_measures(shared_data):
    specification = importlib.util.spec_from_file_location("measure_relations", TOOL)
    tool = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(tool)
    measured = tool.measure_stars(str(shared_data / "califa" / "ecalifa_ages_metallicities.fits"))
    held = json.loads((Path(califa_numbers.__file__).parent / "data" / "califa_stars.json").read_text(encoding="utf-8"))
    assert json.loads(tool.as_json(measured)).keys() == held.keys()
    assert held["QUANTILES"] == json.loads(tool.as_json(measured))["QUANTILES"]
    for kind, rows in held["CORRELATIONS"].items():
        for ours, theirs in zip(rows, measured["CORRELATIONS"][kind], strict=True):
            assert ours == pytest.approx(theirs, abs=2e-3)


@pytest.mark.parametrize("kind", list(califa_numbers.STAR_QUANTILES))
def test_drawn_stars_have_the_measured_distribution_and_correlations(kind):
    drawn = relations.draw_stars(kind, N_DRAWN, np.random.default_rng(6))
    levels = califa_numbers.LEVELS
    for name in ("log_age_lw", "mh_lw", "log_ew_ha"):
        quantiles = califa_numbers.STAR_QUANTILES[kind][name]
        width = quantiles[-1] - quantiles[0]
        np.testing.assert_allclose(np.quantile(drawn[name], levels), quantiles, atol=0.03 * width)
    scores = ndtri((rankdata(drawn["mh_lw"]) - 0.5) / N_DRAWN), ndtri((rankdata(drawn["log_age_lw"]) - 0.5) / N_DRAWN)
    expected = relations.symmetric(califa_numbers.STAR_CORRELATIONS[kind])[2, 1]
    assert np.corrcoef(*scores)[0, 1] == pytest.approx(expected, abs=0.03)
