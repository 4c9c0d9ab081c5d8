"""The model file: identical numbers back, and anything wrong refused in one line."""

import json
import pickle

import numpy as np
import pytest
from made_up_sample import made_up_cross_validation, made_up_model, made_up_sample
from safetensors.numpy import load_file, save_file

from agez.errors import AgezError
from agez.models.model_file import load_model, save_model
from agez.paper_network.ensemble import _quantiles
from agez.targets import SHIPPED_TARGETS
from agez.types import Prediction


@pytest.fixture
def path(tmp_path):
    save_model(tmp_path / "m.safetensors", made_up_model())
    return tmp_path / "m.safetensors"


def test_round_trip_predicts_bit_for_bit_the_same(path):
    photometry = made_up_sample(300, seed=5, missing=0.03).photometry
    a, b = made_up_model().predict(photometry), load_model(path).predict(photometry)
    for name in Prediction.required_columns(SHIPPED_TARGETS):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


def test_the_header_says_what_the_model_is(path):
    header = load_model(path).header
    sample, cv = made_up_cross_validation()
    assert header["frame"] == "rest"
    assert header["labels"] == {"templates": "none"}
    assert header["training"]["n_spectra"] == 700
    assert header["training"]["split"] == "by-galaxy"
    assert header["bands"]["names"] == list(sample.photometry.bands.names)
    residual = (cv.predicted[:, 0] - sample.labels.log_age_lw)[np.isfinite(cv.predicted[:, 0])]
    assert header["scores"]["log_age_lw"]["rmse"] == pytest.approx(np.sqrt(np.mean(residual**2)))
    assert json.loads(json.dumps(header)) == header


def test_every_altered_byte_is_noticed(path, tmp_path, rng):
    content = path.read_bytes()
    for at in [*rng.integers(0, len(content), 25), 0, 9, len(content) - 1]:
        broken = bytearray(content)
        broken[at] ^= 0x10
        (tmp_path / "broken.safetensors").write_bytes(bytes(broken))
        with pytest.raises(AgezError, match=r"broken\.safetensors"):
            load_model(tmp_path / "broken.safetensors")


@pytest.mark.parametrize("part", [0.0, 0.01, 0.5, 0.999])
def test_cut_short(path, tmp_path, part):
    content = path.read_bytes()
    (tmp_path / "short.safetensors").write_bytes(content[: int(len(content) * part)])
    with pytest.raises(AgezError, match=r"short\.safetensors"):
        load_model(tmp_path / "short.safetensors")


def test_not_a_model_and_newer_schema(path, tmp_path):
    arrays = load_file(path)
    save_file(arrays, tmp_path / "plain.safetensors")
    with pytest.raises(AgezError, match="not a model of agez"):
        load_model(tmp_path / "plain.safetensors")
    save_file(arrays, tmp_path / "newer.safetensors", metadata={"agez": json.dumps({"schema": "agez.model/3"})})
    with pytest.raises(AgezError, match=r"schema agez\.model/3; .*newer agez"):
        load_model(tmp_path / "newer.safetensors")
    (tmp_path / "pickle.bin").write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(AgezError, match="not a whole model"):
        load_model(tmp_path / "pickle.bin")


def test_names_and_missing_files(tmp_path):
    with pytest.raises(AgezError, match=r"no model is called 'jpass'.*agez train"):
        load_model("jpass")
    with pytest.raises(AgezError, match="no such file"):
        load_model(tmp_path / "nowhere.safetensors")
    with pytest.raises(AgezError, match="is a folder"):
        load_model(tmp_path)


def test_conformal_quantiles():
    got = _quantiles(np.append(np.arange(1.0, 100.0), np.nan))  # 99 values: rank ceil(100 p)
    assert (got["p16"], got["p50"], got["p84"], got["n"]) == (16.0, 50.0, 84.0, 99)
