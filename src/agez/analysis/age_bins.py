"""Age bins of a template grid in log age, and lookback times of cumulative histories over them."""

from __future__ import annotations

import numpy as np

from agez.arrays import Floats

#: Width of a bin where there is one age only: E-MILES's step [dex].
ONLY_BIN_DEX = 0.1


def log_bin_edges(log_age: Floats) -> Floats:
    """(n_age + 1,) edges of the age bins in log age: halfway between nodes, and as far beyond the first and the last.

    The bin of a single age is ``ONLY_BIN_DEX`` wide.
    """
    steps = np.diff(log_age) if len(log_age) > 1 else np.array([ONLY_BIN_DEX])
    ends = log_age[[0, -1]] + np.array([-1.0, 1.0]) * 0.5 * steps[[0, -1]]
    return np.concatenate([ends[:1], 0.5 * (log_age[1:] + log_age[:-1]), ends[1:]])


def lookback_of_share(younger: Floats, log_age: Floats, share: float) -> Floats:
    """(n,) log10 of the lookback time [yr] by which ``share`` of the mass had formed.

    Linear in log lookback time inside the age bin in which the share is reached.

    Parameters
    ----------
    younger : (n, n_age + 1) float
        Part of the mass formed after each edge of the age bins: 0 at the first, 1 at the last.
    """
    log_edges, wanted = log_bin_edges(log_age), 1 - share
    k = np.clip((younger <= wanted).sum(axis=1) - 1, 0, len(log_age) - 1)
    row = np.arange(len(k))
    low, high = younger[row, k], younger[row, k + 1]
    part = np.clip((wanted - low) / np.maximum(high - low, 1e-12), 0, 1)
    return np.asarray(log_edges[k] + part * (log_edges[k + 1] - log_edges[k]))
