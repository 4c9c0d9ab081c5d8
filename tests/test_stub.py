"""Editors and type checkers see every public name of agez, and the very object that Python gives."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import agez

STUB = Path(agez.__file__).with_name("__init__.pyi")


def test_the_stub_has_every_name_and_the_same_objects():
    names = {}
    for node in ast.parse(STUB.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                assert alias.asname, "a name is passed on by 'as' alone"
                names[alias.asname] = (str(node.module), alias.name)
    assert set(names) == {*agez._PUBLIC, *agez._SUBPACKAGES}
    assert set(names) | {"__version__"} == set(dir(agez))
    for name, (module, other) in names.items():
        there = import_module(f"agez.{other}") if module == "agez" else getattr(import_module(module), other)
        assert getattr(agez, name) is there, name


def test_the_stub_is_what_the_tool_writes():
    tool = Path(agez.__file__).parents[2] / "tools" / "write_stub.py"
    if not tool.exists():
        pytest.skip("tools/ is not installed with the package")
    code = f"import runpy; print(runpy.run_path({str(tool)!r})['stub'](), end='')"
    written = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert written.stdout == STUB.read_text(encoding="utf-8"), "run: python tools/write_stub.py"


def test_mypy_knows_the_types(tmp_path):
    api = pytest.importorskip("mypy.api")
    script = tmp_path / "user.py"
    script.write_text(
        'import agez\nreveal_type(agez.load_model("jpas"))\nreveal_type(agez.predict({}).mean)\n'
        "reveal_type(agez.photometry.tables.read_photometry)\nagez.no_such_name\n"
    )
    options = ["--follow-imports=silent", "--ignore-missing-imports", "--no-error-summary", f"--cache-dir={tmp_path}"]
    answer, problems, _ = api.run([*options, str(script)])
    first, second, third, *errors = answer.splitlines()
    assert not problems
    assert first.endswith('Revealed type is "agez.models.model.Model"')
    assert "numpy.ndarray" in second
    assert "Photometry" in third
    assert [one for one in errors if "no_such_name" in one]


def test_an_editor_completes_the_names():
    jedi = pytest.importorskip("jedi")
    code = "import agez\nagez."
    found = {one.name for one in jedi.Script(code, path="user.py").complete(2, 5)}
    assert {*agez._PUBLIC, *agez._SUBPACKAGES} <= found
