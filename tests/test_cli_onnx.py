"""agez models NAME --onnx FILE."""

import pytest
from cli_road import done, refused

onnx = pytest.importorskip("onnx")


def test_a_shipped_model_as_an_onnx_file(tmp_path):
    path = tmp_path / "deep" / "splus.onnx"
    answer = done("models", "splus", "--onnx", path, "--json").json
    assert answer["output"] == str(path)
    assert answer["size_bytes"] == path.stat().st_size
    onnx.checker.check_model(onnx.load(path))


def test_what_is_refused(tmp_path):
    refused("models", "--onnx", tmp_path / "a.onnx", says="name it")
    refused("models", "splus", "--onnx", tmp_path / "a.bin", says="ends in .onnx")
    assert not list(tmp_path.iterdir())
