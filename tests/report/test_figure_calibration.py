"""The figure of calibration is drawn from a block alone, whatever is missing in it."""

import json

import numpy as np
import pytest
from scipy.special import ndtr

from agez.analysis.calibration_metrics import calibration_block
from agez.report.figure_calibration import figure_calibration

PNG = b"\x89PNG"


def made_up_block(rng, *, n=4000, width=1.15, seen=("snr", "log_age_lw", "mh_lw", "av", "n_bands")):
    """Errors that are ``width`` times too small, and a bias in metallicity."""
    galaxy = rng.integers(0, 150, n)
    z = width * rng.normal(size=(n, 2)) + 0.3 * rng.normal(size=(150, 2))[galaxy] + [0.0, 0.25]
    quantities = {
        "snr": 10 ** rng.uniform(0.5, 2, n),
        "log_age_lw": rng.normal(9.5, 0.3, n),
        "mh_lw": rng.normal(-0.2, 0.2, n),
        "av": rng.exponential(0.4, n),
        "n_bands": rng.integers(17, 54, n),
    }
    chosen = {name: quantities[name] for name in seen}
    return calibration_block(ndtr(z), 0.1 * np.abs(z), rng.uniform(0.05, 0.2, (n, 2)), galaxy, chosen, rng=rng,
                             n_bootstrap=100)  # fmt: skip


def test_all_panels_are_drawn(rng, tmp_path):
    block = json.loads(json.dumps(made_up_block(rng)))
    path = tmp_path / "calibration.png"
    figure_calibration(path, block)
    assert path.read_bytes().startswith(PNG)


@pytest.mark.parametrize("word", ["age", "metallicity"])
def test_one_target_alone(rng, tmp_path, word):
    block = made_up_block(rng, seen=("snr",))
    figure_calibration(tmp_path / "one.png", {word: block[word]})
    assert (tmp_path / "one.png").read_bytes().startswith(PNG)


def test_other_quantities_and_none(rng, tmp_path):
    block = made_up_block(rng, seen=())
    figure_calibration(tmp_path / "none.png", block)
    assert (tmp_path / "none.png").is_file()
    other = calibration_block(*[rng.random((50, 2))] * 3, np.arange(50), {"my own": rng.random(50)}, rng=rng)
    figure_calibration(tmp_path / "own.png", other)
    assert (tmp_path / "own.png").is_file()


def test_blocks_without_errors_or_rows(rng, tmp_path):
    two_galaxies = calibration_block(*[rng.random((50, 2))] * 3, np.arange(50) % 2, {"snr": rng.random(50)}, rng=rng)
    figure_calibration(tmp_path / "few.png", json.loads(json.dumps(two_galaxies)))
    assert (tmp_path / "few.png").is_file()
    nothing = calibration_block(*[np.full((5, 2), np.nan)] * 3, np.arange(5), {"snr": np.full(5, np.nan)}, rng=rng)
    figure_calibration(tmp_path / "nothing.png", json.loads(json.dumps(nothing)))
    assert (tmp_path / "nothing.png").is_file()
