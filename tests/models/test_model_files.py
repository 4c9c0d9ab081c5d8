"""Posterior models in files: bit for bit the same, and damaged, shortened or newer ones are refused in a line."""

import json

import numpy as np
import pytest
from made_up_posterior import small_model, small_photometry
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from agez.errors import AgezError
from agez.models.model import MIXTURE_SCHEMA
from agez.models.model_file import load_model, save_model
from agez.models.predict import predict


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "m.safetensors"
    save_model(path, small_model())
    return path


def test_a_model_saved_and_loaded_predicts_bit_for_bit_the_same(path):
    photometry, _ = small_photometry(150)
    loaded = load_model(path)
    assert loaded.gives_distribution
    assert loaded.header == json.loads(json.dumps(small_model().header))
    one, other = predict(small_model(), photometry), predict(loaded, photometry)
    assert one.column_names() == other.column_names()
    for name in one.column_names():
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    for name in ("weights", "mean", "covariance"):
        np.testing.assert_array_equal(getattr(one.mixture, name), getattr(other.mixture, name))


def test_the_same_model_makes_the_same_checksum(path, tmp_path):
    """Of the file only the order of the two entries of its metadata is left to safetensors."""
    save_model(tmp_path / "again.safetensors", load_model(path))
    found = []
    for name in (path, tmp_path / "again.safetensors"):
        with safe_open(name, framework="numpy") as file:
            found.append(file.metadata())
    assert found[0] == found[1]


def test_every_altered_byte_is_noticed(path, tmp_path, rng):
    content = path.read_bytes()
    for at in [*rng.integers(0, len(content), 15), 0, 9, len(content) - 1]:
        broken = bytearray(content)
        broken[at] ^= 0x10
        (tmp_path / "broken.safetensors").write_bytes(bytes(broken))
        with pytest.raises(AgezError, match=r"broken\.safetensors") as caught:
            load_model(tmp_path / "broken.safetensors")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("part", [0.0, 0.01, 0.5, 0.999])
def test_cut_short(path, tmp_path, part):
    content = path.read_bytes()
    (tmp_path / "short.safetensors").write_bytes(content[: int(len(content) * part)])
    with pytest.raises(AgezError, match=r"short\.safetensors is (not a whole model file|empty)"):
        load_model(tmp_path / "short.safetensors")


def test_a_newer_format_is_refused(path, tmp_path):
    header = {**small_model().header, "schema": "agez.model/3"}
    save_file(load_file(path), tmp_path / "newer.safetensors", metadata={"agez": json.dumps(header)})
    with pytest.raises(AgezError, match=r"schema agez\.model/3; this agez reads .*newer agez"):
        load_model(tmp_path / "newer.safetensors")
    assert small_model().header["schema"] == MIXTURE_SCHEMA
