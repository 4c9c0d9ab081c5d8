"""A robust mean of numbers with errors, and what each of them adds to it."""

from __future__ import annotations

import numpy as np

from agez.types import Floats

_STEPS = 50


def biweight_location(values: Floats, sigma: Floats, *, clip: float) -> tuple[float, Floats]:
    """Tukey's biweight location of values with errors, from the weighted median on, and each value's influence on it.

    Parameters
    ----------
    values, sigma : (m,) float
        m of at least 1; only the ratios of the errors count: their scale is that of the values (from the median
        absolute deviation).
    clip : float
        Robust standard deviations beyond which a value counts for nothing.

    Returns
    -------
    float, (m,) float
        The location; and by how much each value moves it, to first order: sums of squares of it (or of its sums over
        groups) are variances of the location.
    """
    order = np.argsort(values)
    weight = np.cumsum(1 / sigma[order])
    centre = float(values[order][np.searchsorted(weight, weight[-1] / 2)])
    scale = 1.4826 * float(np.median(np.abs(values - centre) / sigma))
    if not scale > 0:
        return centre, np.zeros(len(values))  # half of the values are the same number
    reach = clip * scale * sigma
    for _ in range(_STEPS):
        u = np.clip((values - centre) / reach, -1, 1)
        w = (1 - u**2) ** 2 / sigma**2
        step = float((w * (values - centre)).sum() / w.sum())
        centre += step
        if abs(step) < 1e-6 * scale * float(sigma.min()):
            break
    u = np.clip((values - centre) / reach, -1, 1)
    slope = float(((1 - u**2) * (1 - 5 * u**2) / sigma**2).sum())
    if not slope > 0:
        return centre, np.full(len(values), np.nan)
    return centre, (1 - u**2) ** 2 * (values - centre) / sigma**2 / slope
