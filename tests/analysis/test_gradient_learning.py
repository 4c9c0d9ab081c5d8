"""The numbers of shared errors: learned from drawn galaxies, their errors hold for others, whatever the tails are."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from agez.analysis.region_errors import SharedErrors, fit_line, mean_error

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
TRUE = SharedErrors(0.3, 0.5, 1.5, 0.7, 0.02)


@pytest.fixture(scope="module")
def learning():
    sys.path.insert(0, str(BENCHMARKS))
    try:
        return importlib.import_module("gradient_learning")
    finally:
        sys.path.remove(str(BENCHMARKS))


def galaxies(learning, rng, n, *, tails):
    """Regions whose errors are drawn; with ``tails`` one galaxy in ten is four times as wrong."""
    for number in range(n):
        radius = np.linspace(0.05, 1.6, 16)
        err = rng.uniform(0.1, 0.3, 16)
        truth = 9.5 - 0.2 * radius
        off = np.linalg.cholesky(TRUE.covariance(err, radius)) @ rng.standard_normal(16)
        off = off * (4.0 if tails and number % 10 == 0 else 1.0)
        two = [np.stack([one, one], axis=1) for one in (truth + off, err, truth)]
        yield learning.Regions(str(number), "voronoi", radius, *two[:2], np.ones(16, bool), two[2], two[0], two[0])


@pytest.mark.parametrize("tails", [False, True])
def test_sixty_eight_percent_are_within_their_errors(learning, rng, tails):
    found = learning.learned(list(galaxies(learning, rng, 60, tails=tails)), 0)
    pulls = []
    for one in galaxies(learning, rng, 300, tails=tails):
        value, err, ring = one.value[:, 0], one.err[:, 0], one.r_re < 0.5
        line = fit_line(one.r_re[one.r_re <= 1], value[one.r_re <= 1], err[one.r_re <= 1], found)
        off = np.mean((value - one.truth[:, 0])[ring])
        pulls.append([
            (line.slope + 0.2) / line.slope_err, (line.intercept - 9.5) / line.intercept_err,
            off / mean_error(one.r_re[ring], err[ring], found),
        ])  # fmt: skip
    within = np.mean(np.abs(pulls) < 1, axis=0)
    np.testing.assert_allclose(within, 0.683, atol=0.12)
