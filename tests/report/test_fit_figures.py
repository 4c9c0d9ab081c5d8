"""Figures of fits: drawn for any row, even where there is no fit, and named by their spectra."""

from dataclasses import replace

import numpy as np
import pytest
from made_up_labels import made_up_labels

from agez.errors import AgezError
from agez.label_types import HistoryErrors
from agez.report.fit_figures import _stretches, figure_fit, write_fit_figures
from agez.report.history_figures import figure_history, write_history_figures


@pytest.fixture
def labels(rng):
    return made_up_labels(rng, 3)


def test_every_row_is_a_png_of_its_name(labels, tmp_path):
    paths = write_fit_figures(tmp_path, labels)
    assert [path.name for path in paths] == ["G1-0.png", "G1-1.png", "G1-2.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)
    assert paths[0].read_bytes() != paths[1].read_bytes()


def test_names_that_are_no_file_names(labels, tmp_path):
    rows = replace(labels.rows, spec_id=np.array(["a/b", "..", "é ü"]), galaxy_id=np.array(["", "NGC 1", ""]))
    paths = write_fit_figures(tmp_path, replace(labels, rows=rows))
    assert all(path.parent == tmp_path and path.is_file() for path in paths)
    assert len(set(paths)) == 3


def test_a_row_without_any_fit(labels, tmp_path):
    nothing = {
        name: np.full_like(getattr(labels.fitted, name), np.nan) for name in ("flux", "flux_err", "stars", "gas")
    }
    fitted = replace(labels.fitted, used=np.zeros_like(labels.fitted.used), **nothing)
    assert figure_fit(tmp_path / "n.png", replace(labels, fitted=fitted), 1).is_file()


def test_labels_without_fits_are_refused(labels, tmp_path):
    with pytest.raises(AgezError, match="--keep-fits"):
        figure_fit(tmp_path / "n.png", replace(labels, fitted=None))
    assert not (tmp_path / "n.png").exists()


def test_stretches_of_chosen_pixels():
    wave = np.array([1.0, 4.0, 9.0, 16.0])
    found = _stretches(wave, np.array([True, False, True, True]))
    np.testing.assert_allclose(found, [(1.0, 2.0), (6.0, 16.0)])
    assert _stretches(wave, np.zeros(4, dtype=bool)) == []


def test_histories_are_drawn_with_and_without_errors(labels, toy_grid, tmp_path):
    raw = HistoryErrors(*(np.full((3, 8), 0.1) for _ in range(3)))
    paths = write_history_figures(tmp_path, replace(labels, history_errors=raw), toy_grid)
    assert [path.name for path in paths] == [f"G1-{k}.history.png" for k in range(3)]
    bare = figure_history(tmp_path / "bare.png", labels, toy_grid, 0)
    assert paths[0].read_bytes() != bare.read_bytes()
    with pytest.raises(AgezError, match="do not belong"):
        figure_history(tmp_path / "n.png", replace(labels, weights=None), toy_grid)
