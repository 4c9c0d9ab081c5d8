"""Editors and type checkers see every public name of agez, and the very object that Python gives."""

import ast
import re
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


#: What a user's script calls, by the type that a checker must see.
USED = {
    'agez.load_filters("splus")': "agez.photometry.filters.FilterSet",
    'agez.load_filters("splus").bands': "agez.types.Bands",
    'agez.load_model("jpas")': "agez.models.model.Model",
    'agez.load_model("jpas").targets[0].unit': "str | None",
    'agez.load_model("jpas").predict(agez.read_photometry("a.csv"))': "agez.types.Prediction",
    'agez.read_photometry("a.csv").rows.galaxy_id': "numpy.ndarray",
    'agez.predict("a.csv")[0]': "agez.types.Prediction",
    'agez.predict("a.csv").log_age_lw': "numpy.ndarray",
    'agez.predict("a.csv").mean': "numpy.ndarray",
    'agez.predict("a.csv").good': "numpy.ndarray",
    'agez.predict("a.csv").flags': "numpy.ndarray",
    'agez.predict("a.csv").expected()': "tuple[numpy.ndarray",
    'agez.predict("a.csv").sample(3, np.random.default_rng(1))': "dict[str, numpy.ndarray",
    'agez.predict("a.csv").show(0)': "matplotlib.figure.Figure",
    'agez.predict("a.csv").corner(0)': "matplotlib.figure.Figure",
    'agez.predict("a.csv").plot()': "matplotlib.figure.Figure",
    'agez.read_prediction("a.fits")': "agez.types.Prediction",
    'agez.read_spectra("a.fits")': "agez.types.Spectra",
    'agez.load_templates("emiles")': "agez.spectra.templates.SSPGrid",
    'agez.fit_labels(agez.read_spectra("a.fits")).log_age_lw': "numpy.ndarray",
    'agez.fit_labels_by_libraries(agez.read_spectra("a.fits"), ["emiles"])': "agez.label_types.Labels",
    'agez.find_redshift(agez.read_spectra("a.fits")).redshift': "numpy.ndarray",
    'agez.synthesize(agez.read_spectra("a.fits"), "jpas")': "agez.types.Photometry",
    'agez.train(agez.read_sample("a.fits"))': "agez.models.model.Model",
    'agez.read_labelled_table("a.csv", ["age"])': "agez.samples.labelled_table.LabelledTable",
    'agez.read_maps("a.fits")[0]["GOOD"]': "agez.tables.maps.MapImage",
    "agez.radial_gradient([0.1], [9.0]).slope": "float",
    "agez.survey_plan(3, 30).galaxies.re_arcsec": "numpy.ndarray",
}


def test_mypy_knows_the_types(tmp_path):
    """Strictly: no public name is Any, nor is what a user gets from it."""
    api = pytest.importorskip("mypy.api")
    script = tmp_path / "user.py"
    public = [f"agez.{name}" for name in agez.__all__]
    lines = [
        "import numpy as np",
        "import agez",
        *(f"reveal_type({one})" for one in (*public, *USED)),
        "agez.no_such_name",
    ]
    script.write_text("\n".join(lines))
    options = ["--strict", "--follow-imports=silent", "--ignore-missing-imports", "--no-error-summary"]
    answer, problems, _ = api.run([*options, f"--cache-dir={tmp_path}", str(script)])
    assert not problems
    *known, unknown = answer.splitlines()
    assert "no_such_name" in unknown
    types = [re.fullmatch(r'.*: note: Revealed type is "(.*)"', line)[1] for line in known]
    assert len(types) == len(public) + len(USED)
    assert [name for name, seen in zip(public, types, strict=False) if seen == "Any"] == []
    assert [
        (one, seen) for (one, wanted), seen in zip(USED.items(), types[len(public) :], strict=True)
        if not seen.startswith(wanted)
    ] == []  # fmt: skip


def test_an_editor_completes_the_names():
    jedi = pytest.importorskip("jedi")
    code = "import agez\nagez."
    found = {one.name for one in jedi.Script(code, path="user.py").complete(2, 5)}
    assert {*agez._PUBLIC, *agez._SUBPACKAGES} <= found
