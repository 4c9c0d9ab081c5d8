"""The benchmark of maps: perfect photometry, truth and scores are what they are called; NGC 4047 comes back."""

import importlib
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agez.errors import AgezError
from agez.mocks.image_light import galaxy_tiles
from agez.mocks.images import make_mock_images
from agez.mocks.survey import survey_plan
from agez.models.model_file import load_model
from agez.photometry.filters import load_filters

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def modules():
    sys.path.insert(0, str(BENCHMARKS))
    try:
        return {name: importlib.import_module(name) for name in ("maps_trials", "maps_scores", "maps_ngc4047")}
    finally:
        sys.path.remove(str(BENCHMARKS))


def test_perfect_is_perfect(modules, toy_grid):
    """Without noise, matched images have the perfect flux in every region, and truth is that of the painted light."""
    trials = modules["maps_trials"]
    filters = load_filters("splus").select(["J0410", "J0515", "rSDSS"])
    tiles = galaxy_tiles(survey_plan(2, 60, seed=4), 0, toy_grid, filters, redshift=0.03, re_arcsec=5.0)
    made = make_mock_images(
        tiles, filters, pixel_arcsec=0.6, shape=(41, 41), psf_fwhm_arcsec=1.5, snr=50.0, rng=np.random.default_rng(2)
    )
    regions = np.where(made.r_re < 0.5, 0, np.where(made.r_re < 1, 1, -1))
    flux = trials.perfect_flux(made, made.images, regions)
    assert flux[0] == pytest.approx(made.noiseless[:, regions == 0].sum(axis=1))
    truth, radius = trials.truth_of(made, made.images, regions)
    inside = regions == 1
    assert truth[1, 0] == pytest.approx(
        np.average(made.truth_seen.log_age_lw[inside], weights=made.truth_seen.light[inside])
    )
    assert 0 < radius[0] < 0.5 < radius[1] < 1


def test_noise_that_is_shared_has_its_correlation(modules):
    noise = modules["maps_trials"].noise_of_correlation
    correlation = np.outer([0.3, 1.0, 0.3], [0.2, 1.0, 0.2])
    rng = np.random.default_rng(3)
    draws = np.stack([noise(correlation, (30, 40), rng) for _ in range(200)])
    assert draws.var() == pytest.approx(1, rel=0.02)
    assert (draws[:, 1:] * draws[:, :-1]).mean() == pytest.approx(0.3, abs=0.02)
    assert (draws[:, :, 1:] * draws[:, :, :-1]).mean() == pytest.approx(0.2, abs=0.02)
    assert (draws[:, :, 5:] * draws[:, :, :-5]).mean() == pytest.approx(0, abs=0.02)


def test_scores(modules):
    """Known residuals: scatter, bias, coverage, and gradients that are wrong by a known slope."""
    trials, scores = modules["maps_trials"], modules["maps_scores"]
    rng = np.random.default_rng(1)
    r = rng.uniform(0, 1.5, 400)
    truth = np.stack([9.5 - 0.1 * r, 0.0 * r], axis=1)
    noise = 0.1 * rng.standard_normal((400, 2))
    said = truth + noise + 0.05 * r[:, None]
    answer = trials.Answer(said, said - 0.1, said + 0.1, np.zeros(400, dtype=bool))
    exact = trials.Answer(truth, truth - 0.1, truth + 0.1, np.zeros(400, dtype=bool))
    one = trials.Trial("g", 10.0, truth, r, {kind: [answer] for kind in scores.KINDS} | {"perfect": [exact]})
    found = scores.scores([one])
    assert found["road"]["age"].sigma_mad == pytest.approx(0.1, rel=0.15)
    assert found["road"]["age"].gradient == pytest.approx(0.05, abs=0.035)
    assert found["road"]["metallicity"].coverage == pytest.approx(0.62, abs=0.08)
    assert found["perfect"]["age"].sigma_mad == 0
    assert found["perfect"]["age"].coverage == 1
    few = replace(one, r_re=r[:3], truth=truth[:3])
    short = trials.Answer(said[:3], said[:3], said[:3], np.zeros(3, dtype=bool))
    assert np.isnan(scores.slope_error(few, short, 0))


def test_real_maps_come_back(modules, emiles):
    """CALIFA's maps of NGC 4047, painted exactly, are seen again on the road from images to maps."""
    pytest.importorskip("edge_pydb")
    pytest.importorskip("photutils")
    ngc = modules["maps_ngc4047"]
    try:
        load_model("splus")
    except AgezError as error:
        pytest.skip(str(error))
    found = ngc.try_ngc4047("splus", target_snr=15.0)
    assert found is not None
    trial, tiles = found
    assert np.median(tiles.log_age) == pytest.approx(9.06, abs=0.02)
    assert np.median(tiles.mh) == pytest.approx(-0.236, abs=0.02)
    rows = {row["quantity"]: row for row in ngc.rows_of(trial, "splus") if row["photometry"] == "road"}
    age = rows["age"]
    assert age["correlation"] > 0.4
    assert age["sigma_mad"] < 0.25
    assert age["gradient in"] < -0.2
    assert age["gradient out"] < -0.1
    assert abs(age["bias"]) < 0.2
    # tiles are of one age each: of such the bands say [M/H] too low (docs/mock_images.md)
    assert -0.6 < rows["metallicity"]["bias"] < 0.2
    assert rows["metallicity"]["correlation"] > 0.3
