"""A second answer for rows of which one band is contradicted by all others: without that band."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from agez.mixture_network.row_answers import RowAnswers, RowInputs
from agez.novelty.leave_one_band_out import contradicted
from agez.types import Bands, Bools, Floats, Ints, Strings


def band_names(band: Ints, named: Bools, bands: Bands) -> Strings:
    """(n,) names of the bands, empty in rows that are not ``named``."""
    names = np.array([*bands.names, ""])
    return np.asarray(names[np.where(named, band, -1)])


def without_contradicted(
    found: RowAnswers, inputs: RowInputs, weights: Floats | None, *, least_bands: int,
    answer: Callable[[RowInputs, Floats | None], RowAnswers],
) -> tuple[RowAnswers, Bools]:  # fmt: skip
    """Answers, given anew where a band is contradicted, and (n,) which these are.

    ``worst_band`` and ``worst_sigma`` remain those of the first answer, so that they name the band that was left out.
    The second answer may again hold a contradicted band; only the worst is left out, for it casts doubt on others.

    Parameters
    ----------
    found : RowAnswers
        Of ``inputs``.
    weights : (n, b) float or None
        Of the bands, for ``answer``.
    least_bands : int
        Rows with no more bands than this keep their answer.
    """
    left_out = contradicted(found.worst_sigma, inputs.covered, least_bands)
    rows = np.flatnonzero(left_out)
    if not rows.size:
        return found, left_out
    part = inputs.take(rows)
    kept = part.covered.copy()
    kept[np.arange(len(rows)), found.worst_band[rows]] = False
    again = answer(part._replace(covered=kept), None if weights is None else np.where(kept, weights[rows], 0.0))
    again = again._replace(worst_band=found.worst_band[rows], worst_sigma=found.worst_sigma[rows])
    return found.with_rows(rows, again), left_out
