"""Coverage of the shipped models' scores, counted as their answers have it."""

import numpy as np
import pytest

from agez.distributions.marginals import quantiles
from agez.distributions.mixture import Mixture
from agez.targets import KNOWN_TARGETS
from agez.training.shipped_scores import pit_of_answers


@pytest.mark.parametrize("share", [0.05, 0.3, 0.7])
def test_labels_at_a_floor_are_inside_intervals_that_reach_it(share):
    """A part of the galaxies is at -13, which the mixture smears; half-intervals of tables against the fraction."""
    rng, n, target = np.random.default_rng(1), 4000, KNOWN_TARGETS["log_ssfr"]
    weights, width = np.array([share, 1 - share]), np.array([0.15, 0.3])
    one = Mixture(weights[None], np.array([[[-13.0], [-10.0]]]), (width**2)[None, :, None])
    labels = np.where(rng.uniform(size=n) < share, -13.0, -10 + 0.3 * rng.standard_normal(n))
    pit = pit_of_answers(one.take(np.zeros(n, int)), labels[:, None], np.ones((n, 1)), (target,))[:, 0]
    for low, high in ((0.16, 0.84), (0.025, 0.975)):
        ends = target.at_floor(quantiles(one, np.array([low, high]), 0)[0])
        inside = (labels >= ends[0]) & (labels <= ends[1])
        assert np.mean((pit >= low) & (pit <= high)) == pytest.approx(inside.mean(), abs=1e-9)
