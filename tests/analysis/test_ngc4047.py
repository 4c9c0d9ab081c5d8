"""The gradient code on the real CALIFA spaxels of NGC 4047 that come with edge_pydb."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from agez.analysis.geometry import face_on_radius

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "ngc4047_gradient.py"
pytest.importorskip("h5py", reason="h5py is not installed")


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("ngc4047_gradient", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if module.find_package() is None:
        pytest.skip("edge_pydb is not installed")
    return module


def test_radii_agree_with_those_of_edge_pydb(script):
    spaxels, geometry = script.read_spaxels(script.find_package())
    radius = face_on_radius(spaxels["x"], spaxels["y"], **geometry) * geometry["re_arcsec"]
    np.testing.assert_allclose(radius, spaxels["rad_arc"], atol=0.05)  # edge_pydb keeps positions in float32


def test_gradients_are_those_of_a_plain_fit_and_of_the_published_value_at_re(script):
    table, geometry = script.measure(script.find_package())
    spaxels, _ = script.read_spaxels(script.find_package())
    radius = np.asarray(spaxels["rad_arc"], dtype=float) / geometry["re_arcsec"]
    for k, column in enumerate(("age_lwt", "ZH_lwt")):
        value = np.ma.filled(spaxels[column], np.nan).astype(float)
        use = (radius <= 1) & np.isfinite(value)
        slope, intercept = np.polyfit(radius[use], value[use], 1)
        assert table.slope[0, k] == pytest.approx(slope, abs=0.2 * table.slope_scatter[0, k])
        assert table.intercept[0, k] == pytest.approx(intercept, abs=0.01)
        assert table.slope[0, k] < -5 * table.slope_scatter[0, k]
    # Inside-out: younger and metal-poorer outwards; eCALIFA (Sanchez et al. 2023) has log age 8.90 +- 0.09 at Re.
    assert table.intercept[0, 0] + table.slope[0, 0] == pytest.approx(8.90, abs=0.09)


def test_the_script_prints_both_gradients_with_errors(script, capsys):
    assert script.main() == 0
    printed = capsys.readouterr().out
    assert printed.count("+-") == 2
    assert "Re = 18.60 arcsec" in printed
