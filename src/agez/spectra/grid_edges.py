"""Fits whose light lies at the ends of the template grid: the stars may be younger or poorer than any template."""

from __future__ import annotations

import numpy as np

from agez.spectra.templates import SSPGrid
from agez.types import Bools, Floats

#: Most of the light at one end: the answer is out of range.
_MOST = 0.5
#: Light in the youngest and most metal-poor templates above which a fit leans on them.  Of mock spectra, whose stars
#: all lie inside the grid, 3 % have more, and their [M/H] is off by twice as much as that of the others; of starbursts
#: fitted with templates older than 63 Myr, two thirds (``python benchmarks/young_labels.py``).
LEANING_SHARE = 0.2
#: First steps of E-MILES in log age and [M/H] [dex].
_STEPS = (0.1, 0.4)
#: A grid that begins before this has all stars that there are [log yr].
YOUNG_ENOUGH = 7.0


def at_an_end(weights: Floats) -> Bools:
    """(n,) rows with most of their light at the end of what templates there are.

    The metal-rich end is left out: it is where the centres of massive galaxies are, and templates end there.

    Parameters
    ----------
    weights : (n, n_age, n_mh) float
        Light fractions.
    """
    ages = np.maximum(weights[:, 0].sum(axis=1), weights[:, -1].sum(axis=1)) if weights.shape[1] > 1 else 0.0
    poorest = weights[:, :, 0].sum(axis=1) if weights.shape[2] > 1 else 0.0
    return np.asarray(np.maximum(ages, poorest) > _MOST)


def leans_on_an_edge(weights: Floats, grid: SSPGrid) -> Bools:
    """(n,) rows with more than ``LEANING_SHARE`` of their light in the most metal-poor or the youngest templates.

    A fit that lacks young stars takes the youngest that it has, and old metal-poor ones for the rest of the blue light;
    so the two are counted together.  The youngest do not count in a grid that begins before 10 Myr, and neither do
    the oldest and the most metal-rich ones, which are where many galaxies are.  Nodes of a grid with wider steps than
    E-MILES take light from further inside: theirs counts for less, by the ratio of the steps.

    Parameters
    ----------
    weights : (n, n_age, n_mh) float
        Light fractions over ``grid``; NaN counts as none.
    """
    age_part, mh_part = (
        min(1.0, step / float(nodes[1] - nodes[0])) if len(nodes) > 1 else 0.0
        for nodes, step in ((grid.log_age, _STEPS[0]), (grid.mh, _STEPS[1]))
    )
    counts = np.zeros(weights.shape[1:])
    if grid.log_age[0] > YOUNG_ENOUGH:
        counts[0] = age_part
    counts[:, 0] = np.maximum(counts[:, 0], mh_part)
    return np.asarray(np.einsum("nam,am->n", weights, counts) > LEANING_SHARE)
