"""Edges of age bins, and lookback times in them."""

import numpy as np
import pytest

from agez.analysis.age_bins import log_bin_edges, lookback_of_share


def test_edges_are_halfway_between_nodes():
    np.testing.assert_allclose(log_bin_edges(np.array([8.0, 9.0, 9.5])), [7.5, 8.5, 9.25, 9.75])
    np.testing.assert_allclose(log_bin_edges(np.array([9.0])), [8.95, 9.05])


def test_lookback_times_are_linear_in_a_bin():
    younger = np.array([[0.0, 0.2, 0.6, 1.0], [0.0, np.nan, np.nan, np.nan]])
    found = lookback_of_share(younger, np.array([8.0, 9.0, 9.5]), 0.6)  # 0.4 of the mass is younger
    assert found[0] == pytest.approx(8.875)
    assert np.isnan(found[1])
    assert lookback_of_share(younger[:1], np.array([8.0, 9.0, 9.5]), 1.0)[0] == 7.5
