"""A third target is one record: it is trained, stored, answered on every road, and named in tables and maps."""

import pickle

import numpy as np
import pytest
from made_up_sample import made_up_sample

import agez
from agez.distributions.mixture import moments
from agez.mapping.map_files import profile_table, region_table
from agez.mapping.map_galaxy import GalaxyMaps, bin_maps
from agez.models.model_card import card_lines, summary_line
from agez.models.model_file import save_model
from agez.models.predict import predict
from agez.tables.maps import MapFrame
from agez.tables.prediction_files import read_prediction, write_prediction
from agez.targets import SHIPPED_TARGETS, Target
from agez.training.learn_sample import learn_sample
from agez.training.mixture_fit import FitSettings

#: Independent of everything: the networks can learn its distribution only, a Gaussian of mean 3 and width 0.5.
LUCK = Target(
    "luck", "mag", "luck of the draw", "luck [mag]", "luck",
    from_labels=lambda labels: 3.0 + 0.5 * np.random.default_rng(5).standard_normal(len(labels)),
)  # fmt: skip
TARGETS = (*SHIPPED_TARGETS, LUCK)
SETTINGS = FitSettings(500, 128, 3e-3)


@pytest.fixture(scope="module")
def sample():
    return made_up_sample(1200)


@pytest.fixture(scope="module")
def learned(sample):
    """Models of two and of three targets, trained alike."""
    return [
        learn_sample(sample, settings=SETTINGS, members=1, targets=targets, workers=1, name="three")
        for targets in (SHIPPED_TARGETS, TARGETS)
    ]


@pytest.fixture(scope="module")
def model(learned, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "three.safetensors"
    save_model(path, learned[1].model)
    return agez.load_model(path)


def test_records_go_to_workers():
    for target in (*SHIPPED_TARGETS, LUCK):
        assert pickle.loads(pickle.dumps(target)) == target
    assert pickle.loads(pickle.dumps(SHIPPED_TARGETS[0])).from_history is SHIPPED_TARGETS[0].from_history


def test_the_file_holds_the_record(model, learned):
    assert [target.name for target in model.targets] == ["log_age_lw", "mh_lw", "luck"]
    assert model.targets == TARGETS
    assert "target_records" not in learned[0].model.header


def test_the_first_two_are_answered_as_without_the_third(sample, learned):
    labels = np.stack([sample.labels.log_age_lw, sample.labels.mh_lw], axis=1)
    (two, two_sigma, _), (three, three_sigma, _) = (moments(one.held_out) for one in learned)
    # as far from each other as networks of other seeds are, and equally far from the labels
    other = moments(learn_sample(sample, settings=SETTINGS, members=1, seed=2, workers=1).held_out)[0]
    noise = np.abs(other - two).mean(axis=0)
    assert (np.abs(three[:, :2] - two).mean(axis=0) < 1.5 * noise).all()
    errors = [np.abs(mean[:, :2] - labels).mean(axis=0) for mean in (two, three)]
    np.testing.assert_allclose(errors[1], errors[0], rtol=0.12)
    np.testing.assert_allclose(np.median(three_sigma[:, :2], axis=0), np.median(two_sigma, axis=0), rtol=0.25)


def test_the_third_is_the_distribution_that_it_was_drawn_from(sample, learned):
    mean, sigma, _ = moments(learned[1].held_out)
    truth = LUCK.of_labels(sample.labels)
    assert np.abs(mean[:, 2] - 3.0).mean() < 0.15
    assert np.median(sigma[:, 2]) == pytest.approx(0.5, rel=0.15)
    assert np.mean(np.abs(truth - mean[:, 2]) < sigma[:, 2]) == pytest.approx(0.68, abs=0.06)
    assert learned[1].model.header["scores"]["luck"]["coverage_68"] == pytest.approx(0.68, abs=0.06)


def test_compiled_code_answers_as_numpy(sample, model):
    pytest.importorskip("numba")
    plain, fast = (predict(model, sample.photometry, compiled=compiled) for compiled in (False, True))
    assert plain.luck.shape == (len(sample),)
    np.testing.assert_allclose(fast.mean, plain.mean, atol=2e-5)
    np.testing.assert_allclose(fast.quantiles, plain.quantiles, atol=1e-4)
    np.testing.assert_allclose(fast.mixture.covariance, plain.mixture.covariance, atol=1e-4)
    np.testing.assert_array_equal(fast.flags, plain.flags)


def test_onnx_answers_as_agez(sample, model, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    from agez.onnx.export_onnx import export_onnx

    session = onnxruntime.InferenceSession(export_onnx(tmp_path / "m.onnx", model), providers=["CPUExecutionProvider"])
    assert "luck" in session.get_modelmeta().description
    seds, plain = sample.photometry, predict(model, sample.photometry, compiled=False)
    names = [output.name for output in session.get_outputs()]
    found = dict(zip(names, session.run(None, {
        "flux": seds.flux, "flux_err": seds.flux_err, "covered": seds.covered, "redshift": seds.redshift,
        "redshift_err": np.zeros(len(seds)),
    }), strict=True))  # fmt: skip
    assert names == ["log_age_lw", "mh_lw", "luck", "weights", "mean", "covariance"]
    answered = plain.answered
    for name in ("log_age_lw", "mh_lw", "luck"):
        np.testing.assert_allclose(found[name][answered], getattr(plain, name)[answered], atol=2e-5)
    np.testing.assert_allclose(found["covariance"][answered], plain.mixture.covariance[answered], atol=1e-4)


@pytest.mark.parametrize("ending", ["fits", "ecsv", "csv", "parquet"])
def test_tables_have_its_columns(sample, model, tmp_path, ending):
    answer = predict(model, sample.photometry.take(slice(0, 50)))
    write_prediction(tmp_path / f"p.{ending}", answer)
    back = read_prediction(tmp_path / f"p.{ending}")
    assert [target.name for target in back.targets] == ["log_age_lw", "mh_lw", "luck"]
    assert back.column_names() == answer.column_names()
    np.testing.assert_allclose(back.luck_p975, answer.luck_p975)
    np.testing.assert_allclose(back.mixture.covariance, answer.mixture.covariance, rtol=1e-5, atol=1e-9)
    if ending in ("fits", "ecsv"):
        assert back.targets[2].unit == "mag"
        assert back.targets[2].description == "luck of the draw"


def test_maps_have_its_planes_and_profiles(sample, model):
    answer = predict(model, sample.photometry.take(slice(0, 12)))
    frame = MapFrame(np.arange(12).reshape(3, 4), {}, np.zeros((2, 3, 4)), None, np.ones((3, 4)))
    meta = {"snr_band": "", "seds_of": "images", "model": "", "tilt_deg": (np.nan, np.nan)}
    maps = GalaxyMaps(
        frame, sample.photometry.take(slice(0, 12)), answer, None, np.arange(12.0), np.full(12, np.nan), meta,
        answer.take([0]),
    )  # fmt: skip
    planes = {one.name: one for one in bin_maps(maps)}
    assert planes["LUCK"].unit == "mag"
    assert {"LOG_AGE_LW", "MH_LW", "LUCK", "LUCK_PCT"} <= set(planes)
    assert {"luck", "luck_err", "luck_p16", "mix1_luck"} <= set(region_table(maps).colnames)
    assert {"luck", "luck_err", "luck_scatter"} <= set(profile_table(maps).colnames)


def test_the_card_tells_of_it(model, tmp_path):
    save_model(tmp_path / "m.safetensors", model)
    assert any("| luck" in line for line in card_lines(model))
    assert "in luck" in summary_line("three", model, tmp_path / "m.safetensors")


def test_mock_galaxies_have_its_truth():
    from agez.photometry.filters import load_filters
    from agez.spectra.templates import made_up_grid
    from agez.training_seds.libraries import library_of
    from agez.training_seds.seds import make_training_seds

    spread = Target(
        "age_spread", "dex", from_history=lambda history: history.log_age.max() - history.light_weighted("log_age")
    )
    made = make_training_seds(
        load_filters("splus"),
        [library_of(made_up_grid())],
        50,
        np.random.default_rng(1),
        targets=(*TARGETS[:2], spread),
    )
    np.testing.assert_allclose(made.labels[:, 2], made_up_grid().log_age.max() - made.labels[:, 0])
    with pytest.raises(agez.AgezError, match="targets luck: their records have no from_history"):
        make_training_seds(
            load_filters("splus"), [library_of(made_up_grid())], 50, np.random.default_rng(1), targets=TARGETS
        )
