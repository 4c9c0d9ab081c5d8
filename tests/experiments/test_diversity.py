"""What makes Set B bad: surveys that differ as they should, numbers of plain loops, claims of invented blocks."""

import copy
import json
import math

import fake_blocks
import numpy as np
import pytest

from agez.analysis.metrics import sigma_mad
from agez.errors import AgezError
from agez.experiments import diverse_galaxies, diversity
from agez.experiments.diverse_galaxies import DiverseGalaxies, installed_libraries
from agez.experiments.diversity import PUBLISHED, DiversitySize, claims, galaxies_needed, nearest_step
from agez.experiments.mock_sample import make_mock_sample
from agez.experiments.paper import SETS
from agez.experiments.result import target_columns
from agez.mocks.departures import Departures
from agez.mocks.survey import make_galaxy, survey_plan
from agez.paper_network.cross_validation import cross_validate
from agez.paper_network.jobs import TrainingSettings
from agez.paper_network.pool import Trainer
from agez.photometry.filters import PAPER_BANDS, load_filters

FEW = TrainingSettings(optimizer="adam", learning_rate=5e-3, batch_size=64, max_epochs=2, schedule="cosine")
SIZE = DiversitySize(12, 240, FEW, n_bootstrap=20)


@pytest.fixture(scope="module")
def block():
    with Trainer(1) as trainer:
        found = diversity.diversity(trainer, size=SIZE, templates="made-up", seed=5, workers=1)
    json.dumps(found, allow_nan=False)
    return found


def test_every_survey_that_can_be_made_is_compared(block):
    measured = block["measured"]
    assert set(measured["steps"]) == {"standard", "abundances", "calibration", "stars_and_gas", "fewer", "all"}
    assert "'emiles' only" in measured["skipped"]["libraries"]
    assert "without younger stars" in measured["skipped"]["stars_and_gas"]
    assert measured["libraries"] == ["made-up"]
    assert block["published"]["ratio"] == {"age": 4.67, "metallicity": 5.33}
    counts = {name: step["n_galaxies"] for name, step in measured["steps"].items()}
    assert counts == dict.fromkeys(counts, 12) | {"fewer": 5}
    assert measured["galaxies"]["standard"]["n_galaxies"] == [5, 12]
    # half of them, six galaxies, lack a band in one fold: left out, with the reason
    assert "too few to learn from" in measured["skipped"]["standard, 50% of the galaxies"]


def test_the_numbers_of_the_standard_survey_are_those_of_its_own_cross_validation(block):
    """Made again as `agez reproduce` makes a sample, and scored by hand."""
    plan, filters = survey_plan(12, 240, seed=5), load_filters("jpas").select(PAPER_BANDS)
    sample, _ = make_mock_sample(plan, filters, templates="made-up", workers=1)
    labels, truth = target_columns(sample.labels), target_columns(sample.truth)
    step, scatter = block["measured"]["steps"]["standard"], {}
    assert step["n_spectra"] == len(sample)
    for name, split in SETS.items():
        predicted = cross_validate(sample, split=split, settings=FEW, seed=5, workers=1).predicted
        for k, word in enumerate(("age", "metallicity")):
            d = predicted[:, k] - labels[:, k]
            scatter[name, word] = 1.4826 * np.median(np.abs(d - np.median(d)))
            assert step[word][name]["sigma_mad"] == pytest.approx(scatter[name, word], rel=1e-6)
            found = step[word][name]["truth"]["sigma_mad"]
            assert found == pytest.approx(sigma_mad(predicted[:, k] - truth[:, k]), rel=1e-6)
    for word in ("age", "metallicity"):
        ratio = step[word]["ratio"]
        assert ratio["value"] == pytest.approx(scatter["set_b", word] / scatter["set_a", word], rel=1e-6)
        assert ratio["low"] < ratio["high"]


def test_a_survey_of_several_libraries_deals_them_evenly():
    galaxies = DiverseGalaxies(("emiles", "bc03", "popstar"))
    plan = survey_plan(31, 62, seed=2)
    dealt = [galaxies.library_of(plan, index) for index in range(31)]
    counts = [dealt.count(name) for name in galaxies.libraries]
    assert max(counts) - min(counts) <= 1
    assert dealt != sorted(dealt)
    assert DiverseGalaxies(("emiles",)).library_of(plan, 3) == "emiles"


def test_galaxies_without_departures_are_the_standard_ones(emiles):
    """E-MILES cut to what mock spectra need gives the very spectra that the whole grid does."""
    plan = survey_plan(3, 12, seed=4)
    one, two = make_galaxy(plan, 1, emiles), DiverseGalaxies(("emiles",))(plan, 1, emiles)
    np.testing.assert_allclose(two.spectra.flux, one.spectra.flux, rtol=1e-5)
    np.testing.assert_array_equal(two.spectra.mask, one.spectra.mask)


def test_young_stars_make_a_galaxy_bluer_and_its_truth_younger(emiles):
    pytest.importorskip("pst")
    plan = survey_plan(40, 400, seed=4)
    late = int(np.flatnonzero((plan.galaxies.morphology == "late") & (plan.galaxies.log_ssfr > -10.3))[0])
    standard = DiverseGalaxies(("emiles",))(plan, late, emiles)
    young = DiverseGalaxies(("emiles",), True)(plan, late, emiles)
    colour = [np.median(g.spectra.flux[:, 30:60] / g.spectra.flux[:, 900:930]) for g in (standard, young)]
    assert colour[1] > colour[0]
    assert young.mass_weights.shape[1] == standard.mass_weights.shape[1] + 7
    grid = diverse_galaxies.mock_library("emiles", True)[0]
    assert grid.log_age[0] == 6.0


def test_pixels_that_a_library_does_not_reach_are_masked(emiles, monkeypatch):
    plan = survey_plan(3, 12, seed=4)
    short = emiles.cut(3480.0, 7395.0)
    monkeypatch.setattr(diverse_galaxies, "load_templates", lambda name: short)
    diverse_galaxies.mock_library.cache_clear()
    try:
        galaxy = DiverseGalaxies(("short",))(plan, 0, emiles)
        rest = galaxy.spectra.wave_angstrom / (1 + galaxy.spectra.redshift[0])
        assert galaxy.spectra.mask[:, rest > short.wave_angstrom[-1]].all()
        whole = make_galaxy(plan, 0, emiles)
        inside = rest < 7300
        np.testing.assert_allclose(galaxy.spectra.flux[:, inside], whole.spectra.flux[:, inside], rtol=1e-3)
        far = emiles.cut(4500.0, 7395.0)
        monkeypatch.setattr(diverse_galaxies, "load_templates", lambda name: far)
        with pytest.raises(AgezError, match="mock spectra need 3500-7650"):
            diverse_galaxies.mock_library("far", False)
    finally:
        diverse_galaxies.mock_library.cache_clear()


def test_what_is_not_installed_is_told(monkeypatch):
    def refuse(name):
        raise AgezError(f"templates {name!r}: not here")

    monkeypatch.setattr(diverse_galaxies, "load_templates", refuse)
    monkeypatch.setattr(diverse_galaxies, "is_installed", lambda name: False)
    diverse_galaxies.mock_library.cache_clear()
    monkeypatch.setattr(diverse_galaxies, "LIBRARIES", ("popstar", "bc03"))
    there, missing = installed_libraries()
    assert there == ()
    assert "pip install 'agez[popstar]'" in missing["popstar"]
    assert missing["bc03"] == "templates 'bc03': not here"


def test_templates_that_are_not_there_are_a_reason():
    with Trainer(1) as trainer:
        found = diversity.diversity(trainer, size=SIZE, templates="no such library", seed=1, workers=1)
    assert "neither a known library" in found["measured"]["not_run"]
    assert [claim.verdict for claim in claims(found)] == ["cannot tell"] * 2


def test_the_power_law_is_found_and_extrapolated():
    n, floor = np.array([20, 40, 80]), 0.05
    b = np.sqrt(floor**2 + 0.3 * n**-1.2)
    found = galaxies_needed(n.tolist(), b.tolist(), floor=floor)
    assert found["power"] == pytest.approx(1.2)
    assert math.sqrt(floor**2 + 0.3 * found["needed"] ** -1.2) == pytest.approx(1.2 * floor)
    assert galaxies_needed([20, 40], [0.1, 0.2], floor=0.05)["needed"] is None  # it grows
    assert galaxies_needed([20, 40], [0.1, 0.04], floor=0.05) == {"power": None, "needed": None}
    slow = np.sqrt(floor**2 + 0.3 * n**-0.1)
    assert galaxies_needed(n.tolist(), slow.tolist(), floor=floor)["needed"] is None  # far beyond what was measured
    assert galaxies_needed([20], [0.1], floor=0.05)["power"] is None
    assert galaxies_needed([20, 40], [0.1, None], floor=0.05) == galaxies_needed([20], [0.1], floor=None)


def made_up(ratios, rise=(1.2, 1.6)):
    """An invented block with these ratios (age, metallicity), intervals of a tenth, and an interval of the rise."""
    block = copy.deepcopy(fake_blocks.diversity(np.random.default_rng(1)))
    for name, pair in ratios.items():
        for word, value in zip(PUBLISHED["ratio"], pair, strict=True):
            block["measured"]["steps"][name][word]["ratio"] |= {"value": value, "low": 0.9 * value, "high": 1.1 * value}
    block["measured"]["nearest"] = nearest_step(block["measured"]["steps"])
    for word in PUBLISHED["ratio"]:
        block["measured"]["rise"][word] = {"value": sum(rise) / 2, "low": rise[0], "high": rise[1]}
    return block


def test_claims_follow_the_ratios():
    common = dict.fromkeys(("standard", "abundances", "calibration", "stars_and_gas", "fewer"), (1.5, 1.5))
    cause, enough = claims(made_up({**common, "all": (1.9, 2.0)}))
    assert (cause.verdict, enough.verdict) == ("supported", "not supported")
    assert cause.section == enough.section == "ours"
    cause, enough = claims(made_up({**common, "all": (4.8, 5.2)}))
    assert (cause.verdict, enough.verdict) == ("supported", "supported")
    assert "all differences" in enough.how
    for rise, verdict in (((0.7, 0.9), "not supported"), ((0.95, 1.05), "not supported"), ((0.9, 1.3), "cannot tell")):
        assert claims(made_up({**common, "all": (2.0, 2.0)}, rise))[0].verdict == verdict
    few = made_up({**common, "all": (4.8, 5.2)})
    few["measured"]["steps"]["standard"]["n_galaxies"] = 12
    assert [claim.verdict for claim in claims(few)] == ["cannot tell"] * 2
    # six galaxies explain nothing, whatever their ratio
    six = made_up({**common, "fewer": (4.7, 5.3), "all": (1.9, 2.0)})
    six["measured"]["steps"]["fewer"]["n_galaxies"] = 6
    assert claims(six)[1].verdict == "cannot tell"


def test_the_nearest_step_is_that_of_the_ratios():
    block = made_up({"standard": (1.4, 1.4), "abundances": (1.5, 1.5), "calibration": (1.6, 1.6),
                     "stars_and_gas": (4.5, 5.0), "fewer": (2.0, 2.0), "all": (8.0, 9.0)})  # fmt: skip
    found = block["measured"]["nearest"]
    assert found["step"] == "stars_and_gas"
    expected = 0.5 * (abs(math.log(4.5 / 4.67)) + abs(math.log(5.0 / 5.33)))
    assert found["distance"] == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(
    "wrong", [{"n_galaxies": 9}, {"surveys": ("standard",)}, {"surveys": ("standard", "all", "x")}]
)
def test_sizes_that_cannot_be(wrong):
    with pytest.raises(AgezError, match="diversity"):
        DiversitySize(**({"n_galaxies": 12, "n_spectra": 240, "settings": FEW} | wrong))


def test_everything_at_once_is_all_of_the_others():
    assert (
        Departures(abundances=True, calibration=2.0, sky_residual=2.0, nebular_continuum=True, active_share=0.2)
        == diversity.EVERYTHING
    )
