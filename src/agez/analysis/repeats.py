"""The mean of what an experiment gave over random divisions of one sample into training and test, and its interval.

Divisions of one sample share data, so their results are not independent, and std / sqrt(n) is far too small an error
of what another survey would give: with many divisions it goes to zero.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from agez.analysis.trends import COVERAGE

#: Fewer divisions have no error worth the name.
MIN_DIVISIONS = 3


class OverDivisions(NamedTuple):
    """A mean over ``n`` divisions, its standard error and its 95 % interval; NaN where there are too few."""

    mean: float
    err: float
    low: float
    high: float
    n: int


def mean_over_divisions(values: ArrayLike, *, test_to_train: float) -> OverDivisions:
    """Mean with the corrected variance of Nadeau & Bengio (2003, Machine Learning 52, 239) and Student's t.

    The variance of the mean is (1 / n + n_test / n_train) s^2: that of independent divisions is the first term.
    ``values`` (n,) hold one of each division, such as the difference of two methods' errors, NaN left out;
    ``test_to_train`` is the size of the test over that of the training set.
    """
    v = np.asarray(values, dtype=float)
    v = v[np.isfinite(v)]
    n = len(v)
    mean = float(v.mean()) if n else math.nan
    if n < MIN_DIVISIONS:
        return OverDivisions(mean, math.nan, math.nan, math.nan, n)
    error = float(v.std(ddof=1)) * math.sqrt(1 / n + test_to_train)
    half = float(stdtrit(n - 1, (1 + COVERAGE) / 2)) * error
    return OverDivisions(mean, error, mean - half, mean + half, n)
